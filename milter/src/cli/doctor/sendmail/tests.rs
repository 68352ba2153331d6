//! A sound sendmail.cf and mailertable, and what is found after a change of them.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::milter::{socket_line, unsafe_directory};
use super::route::{MAILER, REPORT_MAILER};
use super::*;

const CF: &str = "Kmailertable hash -o /etc/mail/mailertable.db\nO InputMailFilters=zegel,opendkim\n\
    O DaemonPortOptions=Name=MTA, Port=25\nO DaemonPortOptions=Name=MSA, Port=587, M=Ea\n\
    Xzegel, S=local:/run/zegel-milter/milter.sock, F=T, T=S:30s;R:30s;E:2m\nXopendkim, S=local:/run/o.sock, F=T\n\
    Mzegel,\t\tP=[IPC], F=mDFMuXz8,\n\t\tr=2000, T=DNS/RFC822/SMTP,\n\t\tA=FILE /run/zegel/relay.sock\n\
    Mzegelreport, P=/usr/bin/zegel-milter, A=zegel-milter report -- $u\n";

const TABLE: &str =
    "# comment\nzegel.invalid\tzegel:relay\nreport.zegel.invalid\tzegelreport:report\n";

fn config() -> Config {
    Config::parse("socket = \"unix:/run/zegel-milter/milter.sock\"").unwrap()
}

fn sendmail(cf: &str, table: &str, built: Built) -> Sendmail {
    Sendmail {
        cf: Cf::new(cf),
        mailertable: table.to_owned(),
        file: "/etc/mail/mailertable".to_owned(),
        kind: "hash".to_owned(),
        built,
    }
}

/// After this change of sendmail.cf and mailertable this is found and nothing else; nothing where that is empty.
#[track_caller]
fn check(from: &str, to: &str, want: &str) {
    assert!(CF.contains(from) || TABLE.contains(from), "{from:?} is in neither");
    let change = |text: &str| text.replace(from, to);
    check_one(&sendmail(&change(CF), &change(TABLE), Built::After), want);
}

#[track_caller]
fn check_one(sendmail: &Sendmail, want: &str) {
    let milter = Config { route: Route::Recipient, ..config() };
    let (findings, relay) = sendmail.judge(&milter);
    let found: Vec<String> =
        findings.iter().map(|finding| format!("{} {:?}", finding.what, finding.mend)).collect();
    match found.as_slice() {
        [] => assert_eq!((want, relay.as_deref()), ("", Some("unix:/run/zegel/relay.sock"))),
        [one] => assert!(!want.is_empty() && one.contains(want), "{want:?}: {one}"),
        many => panic!("{want:?}: {many:#?}"),
    }
}

#[test]
fn a_sound_sendmail_is_found_sound_and_what_is_changed_is_found() {
    check("", "", "");
    check("S=local:", "S=unix:", "");
    check(
        "/run/zegel-milter/milter.sock",
        "/run/other.sock",
        "INPUT_MAIL_FILTER(`zegel', `S=local:/run/zegel-milter/milter.sock, F=T",
    );
    check("=zegel,opendkim", "=opendkim", "nothing is selected");
    check(
        "=zegel,opendkim",
        "=opendkim, zegel",
        "define(`confINPUT_MAIL_FILTERS', `zegel,opendkim')dnl",
    );
    check("milter.sock, F=T", "milter.sock, F=R", "refused for good");
    check("milter.sock, F=T", "milter.sock, F=4", "421");
    check("milter.sock, F=T", "milter.sock", "in the clear");
    check("\nzegel.invalid", "\nzegel.example", "zegel.invalid\\tzegel:relay");
    check("report.zegel.", "report.other.", "report.zegel.invalid\\tzegelreport:report");
    check("Mzegelreport", "Mother", "Mzegelreport");
    check("Kmailertable", "#", "FEATURE(`mailertable')dnl");
    check("Mzegel,", "Mother,", "MAILER_DEFINITIONS");
}

#[test]
fn a_mailer_that_parts_recipients_or_speaks_another_protocol_is_found() {
    check("r=2000, ", "", "takes 100 recipients");
    check("r=2000", "r=1000", "");
    check("O Input", "O MaxRecipientsPerMessage=5000\nO Input", "r=5000");
    check("F=mDFMuXz8", "F=DFMuXz8", "takes one recipient at a time");
    check("F=mDFMuXz8", "F=mDFMuX8", "does not speak LMTP");
    check("F=mDFMuXz8", "F=mDFMuXzl8", "reports as delivered");
}

#[test]
fn a_daemon_with_milters_of_its_own_is_found_if_ours_is_not_among_them() {
    check(
        "Name=MSA, Port=587, M=Ea",
        "Name=MSA, Port=587, InputMailFilters=opendkim, M=Ea",
        "DAEMON_OPTIONS(`Name=MSA, Port=587, M=Ea')dnl",
    );
    check("Port=587, M=Ea", "Port=587, I=opendkim;zegel, M=Ea", "");
    // Those who submit are asked about, and nobody else.
    check(
        "=zegel,opendkim\nO DaemonPortOptions=Name=MTA, Port=25\nO DaemonPortOptions=Name=MSA",
        "=opendkim\nO DaemonPortOptions=Name=MTA, Port=25\nO DaemonPortOptions=InputMailFilters=zegel, Name=MSA",
        "",
    );
}

#[test]
fn a_table_that_was_changed_and_not_built_is_found() {
    let run = "Run(\"makemap hash /etc/mail/mailertable < /etc/mail/mailertable\")";
    check_one(&sendmail(CF, TABLE, Built::Never), run);
    check_one(&sendmail(CF, TABLE, Built::Before), run);

    let directory = tempfile::tempdir().unwrap();
    let (text, database) =
        (directory.path().join("mailertable"), directory.path().join("mailertable.db"));
    fs::write(&text, "").unwrap();
    assert_eq!(built(&text), Built::Never);
    fs::write(&database, "").unwrap();
    assert_eq!(built(&text), Built::After);
    let earlier = changed(&text).unwrap() - Duration::from_hours(1);
    fs::File::options().append(true).open(&database).unwrap().set_modified(earlier).unwrap();
    assert_eq!(built(&text), Built::Before);
}

#[test]
fn what_is_written_and_not_in_force_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let (mc, cf) = (directory.path().join("sendmail.mc"), directory.path().join("sendmail.cf"));
    fs::write(&cf, CF).unwrap();
    assert_eq!(unmade(directory.path()), None, "a sendmail.cf without sendmail.mc");
    fs::write(&mc, "").unwrap();
    let later = changed(&cf).unwrap() + Duration::from_secs(1);
    fs::File::options().append(true).open(&mc).unwrap().set_modified(later).unwrap();
    let found = unmade(directory.path()).unwrap();
    assert_eq!(
        found.mend,
        Mend::Run(format!("make -C {} && systemctl restart sendmail", directory.path().display()))
    );
}

#[test]
fn clients_that_may_send_bare_newlines_are_found() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(lax_clients(directory.path()), []);
    let lines =
        "Srv_Features:\tV\nsrv_features:192.0.2.1\tG\n#Srv_Features: G\nConnect:10\tRELAY\n";
    fs::write(directory.path().join("access"), lines).unwrap();
    let found = lax_clients(directory.path());
    assert_eq!(found.len(), 1, "{found:?}");
    let mend = format!("{:?}", found.first().unwrap().mend);
    assert!(mend.contains("srv_features:192.0.2.1\\tG"), "{mend}");
}

#[test]
fn sockets_that_sendmails_user_cannot_open_or_that_are_unsafe_are_found() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("milter.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let mode =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(directory.path(), 0o755);
    mode(&socket, 0o600);
    let milter = Config { socket: Socket::Unix(socket.clone()), ..config() };
    let found = |run_as: &str, relay: Option<&str>| {
        let cf = format!("{CF}O RunAsUser={run_as}\n");
        let found = sendmail(&cf, TABLE, Built::After).reaches(&milter, relay);
        found.iter().map(|it| format!("{} {:?}", it.what, it.mend)).collect::<Vec<_>>().concat()
    };
    assert_eq!(found("", None), "");
    let shut_out = found("daemon:mail", None);
    assert!(shut_out.contains("socket-group = \\\"mail\\\""), "{shut_out}");
    assert!(found("nobody-of-that-name", None).contains("no such user"));
    mode(&socket, 0o666);
    assert_eq!(found("daemon:mail", None), "");
    let relay = format!("unix:{}", socket.display());
    let open = found("daemon:mail", Some(&relay));
    assert!(open.contains("submit as any author") && open.contains("[lmtp]"), "{open}");
    assert_eq!(unsafe_directory(&socket), None);
    mode(directory.path(), 0o775);
    let not_safe = format!("{:?}", unsafe_directory(&socket));
    assert!(not_safe.contains(&format!("chmod go-w {}", directory.path().display())), "{not_safe}");
}

#[test]
fn a_route_by_header_is_no_route_here() {
    let (findings, _) = sendmail(CF, TABLE, Built::After).judge(&config());
    assert!(findings.iter().any(|finding| finding.what.starts_with("route = \"header\"")));
}

#[test]
fn what_the_doctor_writes_is_what_is_shipped() {
    let shipped = include_str!("../../../../../packaging/sendmail/zegel.mc");
    assert!(shipped.contains(&socket_line(&config())));
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for mailer in [MAILER, REPORT_MAILER] {
        let mailer = mailer.split_once('\n').unwrap().1;
        assert!(squeezed(shipped).contains(&squeezed(mailer)), "{mailer}");
    }
}
