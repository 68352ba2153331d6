//! The doctor, at the bed of a real mail server: what it says is wrong is wrong, and the lines that it prints mend it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use zegel_tests::lab::{Lab, Setup};
use zegel_tests::process::installed;
use zegel_tests::sendmail::Sendmail;

use crate::tools::{Ended, FOUND, milter, path};

/// How often one may come back: some faults show when others are mended.
const VISITS_MAX: usize = 3;

/// What mends a fault, as it is printed.
#[derive(Debug)]
enum Mend {
    Line(String, String),
    Without(String, String),
    Run(String),
}

/// The mends of all findings.
fn mends(told: &str) -> Vec<Mend> {
    let mut found = Vec::new();
    let mut lines = told.lines().map(|line| (line.trim(), line)).peekable();
    while let Some((head, _)) = lines.next() {
        let mut text = Vec::new();
        while let Some((_, line)) = lines.next_if(|(_, line)| line.starts_with("            ")) {
            text.push(line.split_at(12).1);
        }
        let text = text.join("\n");
        if text.is_empty() {
            continue;
        }
        let file = |rest: &str| rest.split([' ', ',', ':']).next().unwrap_or_default().to_owned();
        found.push(match head.strip_prefix("in ") {
            Some(rest) if rest.ends_with("take out:") => Mend::Without(file(rest), text),
            Some(rest) => Mend::Line(file(rest), text),
            None => Mend::Run(text),
        });
    }
    found
}

/// The lab's Postfix with what this version needs besides.
async fn healthy() -> Lab {
    let main = "smtpd_forbid_bare_newline = normalize\nsmtpd_forbid_bare_newline_exclusions =\n";
    Lab::start(Setup { main: main.to_owned(), ..Setup::default() }).await
}

fn doctor(lab: &Lab, postfix: &Path) -> Ended {
    let config = lab.place.file("milter.toml");
    milter(&["doctor", "--postfix-config", path(postfix), "--config", path(&config)])
}

#[tokio::test]
async fn the_doctor_finds_nothing_where_all_is_well() {
    let lab = healthy().await;
    doctor(&lab, &lab.place.file("sending")).expect(0).says("0 wrong, 0 doubtful");
}

/// One file of Postfix's with one text replaced, which must stand in it, and the line that mends it.
const BROKEN: [(&str, &str, &str, &str); 6] = [
    (
        "main.cf",
        "milter_default_action = tempfail",
        "milter_default_action = accept",
        "milter_default_action = tempfail",
    ),
    (
        "main.cf",
        "non_smtpd_milters = $smtpd_milters",
        "",
        "non_smtpd_milters = unix:zegel/milter.sock",
    ),
    (
        "main.cf",
        "smtpd_milters = unix:zegel/milter.sock",
        "smtpd_milters =",
        "smtpd_milters = unix:zegel/milter.sock",
    ),
    (
        "main.cf",
        "milter_header_checks =",
        "#",
        "milter_header_checks = regexp:/etc/zegel/postfix-route",
    ),
    (
        "main.cf",
        "zegel_destination_recipient_limit = 2000",
        "zegel_destination_recipient_limit = 50",
        "zegel_destination_recipient_limit = 2000",
    ),
    (
        "master.cf",
        "zegel     unix",
        "other     unix",
        "zegel     unix  -       -       n       -       -       lmtp",
    ),
];

#[tokio::test]
async fn the_doctor_names_the_line_that_mends_what_is_wrong_and_changes_nothing() {
    let lab = healthy().await;
    for (file, text, instead, line) in BROKEN {
        let broken = lab.place.directory("broken", "root");
        for name in ["main.cf", "master.cf"] {
            let whole = fs::read_to_string(lab.place.file("sending").join(name)).expect("read it");
            assert!(name != file || whole.contains(text), "{text:?} is not in {file}");
            let whole = if name == file { whole.replace(text, instead) } else { whole };
            fs::write(broken.join(name), whole).expect("write it");
        }
        let before = fs::read(broken.join(file)).expect("read it");
        let told = doctor(&lab, &broken).expect(FOUND);
        let named = told.out.lines().any(|found| found.trim() == line);
        assert!(named, "{instead:?} is not mended by {line:?}:\n{}", told.out);
        assert_eq!(fs::read(broken.join(file)).expect("read it"), before);
    }
}

#[tokio::test]
async fn the_doctor_notices_a_milter_and_a_relay_that_do_not_answer() {
    let mut lab = healthy().await;
    lab.milter.kill();
    lab.relay.kill();
    let told = doctor(&lab, &lab.place.file("sending")).expect(FOUND);
    told.says("the milter does not answer");
    told.says("the relay does not answer");
}

/// A Postfix whose administrator was on the way to a scanner and to an archive, and did everything wrong.
fn ill(lab: &Lab) -> PathBuf {
    let ill = lab.place.directory("ill", "root");
    let read =
        |name: &str| fs::read_to_string(lab.place.file("sending").join(name)).expect("read it");
    let scan = lab.place.write("ill/scan", "/^Subject: x/ FILTER scan:[127.0.0.1]:9\n");
    let strip = lab.place.write("ill/strip", "/^zivver-/ IGNORE\n");
    let main = read("main.cf")
        .replace("milter_default_action = tempfail", "milter_default_action = accept")
        .replace("non_smtpd_milters = $smtpd_milters", "")
        .replace("= normalize", "= no")
        .replace("recipient_limit = 2000", "recipient_limit = 50");
    let more = format!(
        "milter_protocol = 4\nalways_bcc = archive@org.test\nmilter_macro_defaults = auth_authen=x\n\
         default_transport = zegel:unix:{}\nheader_checks = regexp:{}\nlmtp_header_checks = regexp:{}\n",
        lab.place.file("relay.sock").display(),
        scan.display(),
        strip.display(),
    );
    let more_services = "127.0.0.1:2 inet n - n - - smtpd -o content_filter= -o smtpd_milters=\n\
        submission inet n - n - - smtpd -o smtpd_milters=\n\
        127.0.0.2:3 inet n - n - - smtpd -o content_filter=scan:[127.0.0.1]:9 -o milter_default_action=accept\n\
        127.0.0.2:4 inet n - n - - smtpd -o receive_override_options=no_milters\n";
    fs::write(ill.join("main.cf"), main + &more).expect("write main.cf");
    let master = read("master.cf")
        .replace("cleanup\n", "cleanup -o milter_header_checks=\n")
        .replace("zegel     unix", "other     unix");
    fs::write(ill.join("master.cf"), master + more_services).expect("write master.cf");
    ill
}

/// Does what was printed, as an administrator would.
fn mend_postfix(directory: &Path, mend: &Mend) {
    let mut shell = Command::new("sh");
    match mend {
        Mend::Run(commands) => shell.args(["-ec", commands]),
        Mend::Line(file, line) if file == "main.cf" => {
            shell.args(["-ec", "postconf -c \"$1\" -e \"$2\"", "sh", path(directory), line])
        }
        Mend::Line(file, line) if file == "master.cf" => {
            let master = directory.join("master.cf");
            shell.args(["-ec", "echo \"$2\" >>\"$1\"", "sh", path(&master), line])
        }
        Mend::Without(file, line) => shell.args([
            "-ec",
            "sed -i \"\\|$(printf %s \"$2\" | sed 's/[][^$.*|]/\\\\&/g')|d\" \"$1\"",
            "sh",
            file,
            line,
        ]),
        Mend::Line(file, line) => panic!("{file}: {line}"),
    };
    let done = shell.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").status().expect("run sh");
    assert!(done.success(), "{mend:?}");
}

#[tokio::test]
async fn a_postfix_with_many_faults_is_sound_once_every_line_was_followed() {
    let lab = healthy().await;
    // What the filter hands back comes from the loopback.
    let config = lab.place.file("milter.toml");
    let rules = fs::read_to_string(&config).expect("read milter.toml");
    fs::write(&config, rules + "[control-headers]\nnetworks = []\n").expect("write milter.toml");
    let ill = ill(&lab);
    let first = doctor(&lab, &ill).expect(FOUND);
    for part in [
        "milter_default_action = accept",
        "milter_default_action of 127.0.0.2:3/inet = accept",
        "non_smtpd_milters lacks the milter",
        "submission/inet does not ask the milter",
        "receive_override_options has no_milters",
        "content_filter = scan:",
        "milter_protocol = 4",
        "always_bcc = archive@org.test",
        "every client counts as one that logged in",
        "all such mail goes to the relay",
        "has a FILTER",
        "smtpd_forbid_bare_newline = no",
        "milter_header_checks of its own",
        "which master.cf does not have",
    ] {
        first.says(part);
    }
    let mut told = first;
    for _ in 0..VISITS_MAX {
        for mend in mends(&told.out) {
            mend_postfix(&ill, &mend);
        }
        told = doctor(&lab, &ill);
    }
    told.expect(0).says("0 wrong, 0 doubtful");
}

#[tokio::test]
async fn the_way_of_postfix_s_own_reports_is_missed_where_recipients_carry_the_route_and_mended() {
    let main = "smtpd_forbid_bare_newline = normalize\nsmtpd_forbid_bare_newline_exclusions =\n";
    let setup = Setup { main: main.to_owned(), by_recipient: true, ..Setup::default() };
    let lab = Lab::start(setup).await;
    doctor(&lab, &lab.place.file("sending")).expect(0).says("0 wrong, 0 doubtful");
    let ill = lab.place.directory("ill", "root");
    for (name, right, wrong) in [
        ("main.cf", ", report.zegel.invalid=zegelreport:", ""),
        ("master.cf", "zegelreport unix", "other unix"),
    ] {
        let sound = fs::read_to_string(lab.place.file("sending").join(name)).expect("read it");
        assert!(sound.contains(right), "{right:?} is not in {sound}");
        fs::write(ill.join(name), sound.replace(right, wrong)).expect("write it");
    }
    let mut told = doctor(&lab, &ill).expect(FOUND);
    told.says("transport_maps has no way for report.zegel.invalid");
    for _ in 0..VISITS_MAX {
        for mend in mends(&told.out) {
            mend_postfix(&ill, &mend);
        }
        told = doctor(&lab, &ill);
    }
    told.expect(0).says("0 wrong, 0 doubtful");
}

/// The doctor where it sees what Sendmail sees, at the configuration in this directory of the place.
fn doctor_beside(lab: &Lab<Sendmail>, directory: &str) -> Ended {
    let rules = fs::read_to_string(lab.place.file("milter.toml")).expect("read milter.toml");
    let (here, there) = (lab.place.file("milter"), "/run/zegel-milter");
    let rules = lab.place.write("seen.toml", &rules.replace(path(&here), there));
    let directory = format!("/run/zegel/{directory}");
    let rules = path(&rules);
    let arguments =
        ["doctor", "--mta", "sendmail", "--sendmail-config", &directory, "--config", rules];
    lab.sending.beside(&installed("zegel-milter"), &arguments).into()
}

#[tokio::test]
async fn the_doctor_finds_nothing_wrong_with_a_sendmail_that_is_set_up_as_shipped() {
    let lab = Lab::beside_sendmail(Setup::default()).await;
    let told = doctor_beside(&lab, "sendmail").expect(0);
    assert_eq!(told.out.trim(), "0 wrong, 0 doubtful");
}

/// A sendmail.mc without the definition of the mailer that these lines define.
fn without_mailer(text: &str, lines: &str) -> String {
    let name = lines.lines().nth(1).and_then(|line| line.split(',').next()).expect("a mailer");
    let mut inside = false;
    let mut kept = String::new();
    for line in text.lines() {
        let continues = inside && line.starts_with('\t');
        inside = continues || line.split(',').next() == Some(name);
        if !inside {
            kept = kept + line + "\n";
        }
    }
    kept
}

/// Does what was printed; a line of sendmail.mc takes the place of what it begins with.
fn mend_sendmail(lab: &Lab<Sendmail>, mend: &Mend) {
    let directory = lab.place.file("ill");
    match mend {
        Mend::Line(file, line) if file == "sendmail.mc" => {
            let mc = directory.join("sendmail.mc");
            let text = fs::read_to_string(&mc).expect("read sendmail.mc");
            // Mailers are defined behind all else, under a head that may come again.
            if line.starts_with("MAILER_DEFINITIONS") {
                let text = without_mailer(&text, line) + line + "\n";
                fs::write(&mc, text).expect("write sendmail.mc");
                fs::write(directory.join("sendmail.cf"), Sendmail::make(&mc)).expect("write it");
                return;
            }
            let kind = line
                .lines()
                .next()
                .unwrap_or_default()
                .split([',', ')'])
                .next()
                .unwrap_or_default();
            let (before, _) = text.split_once(kind).unwrap_or((&text, ""));
            let after = text.split_once(kind).map_or("", |(_, rest)| rest);
            let after = after.split_once('\n').map_or("", |(_, after)| after);
            fs::write(&mc, format!("{before}{line}\n{after}")).expect("write sendmail.mc");
            fs::write(directory.join("sendmail.cf"), Sendmail::make(&mc)).expect("write it");
        }
        Mend::Line(file, line) => {
            let file = directory.join(Path::new(file).file_name().expect("a file"));
            let text = fs::read_to_string(&file).expect("read it") + line + "\n";
            fs::write(&file, text).expect("write it");
        }
        Mend::Run(command) => {
            let command =
                format!("makemap() {{ {} -C /dev/null \"$@\"; }}; {command}", Sendmail::makemap());
            let done: Ended = lab.sending.beside(Path::new("sh"), &["-ec", &command]).into();
            done.expect(0);
        }
        Mend::Without(file, line) => panic!("{file}: {line}"),
    }
}

/// What is replaced in the sendmail.mc that is shipped and stands in every lab.
const FAULTS: [(&str, &str); 3] =
    [("milter.sock, F=T,", "milter.sock,"), ("F=mDFMuXz8", "F=DFMuX8"), ("r=2000, ", "")];

#[tokio::test]
async fn a_sendmail_with_many_faults_is_sound_once_every_line_was_followed() {
    let lab = Lab::beside_sendmail(Setup::default()).await;
    let ill = lab.place.directory("ill", "root");
    let sound = fs::read_to_string(lab.place.file("sendmail/sendmail.mc")).expect("read it");
    let sound = sound.replace("/run/zegel/sendmail/mailertable", "/run/zegel/ill/mailertable");
    let mc = FAULTS.iter().fold(sound, |mc, (right, wrong)| {
        assert!(mc.contains(right), "{right:?} is not in\n{mc}");
        mc.replace(right, wrong)
    });
    let deaf = "DAEMON_OPTIONS(`Name=MSA, Port=587, InputMailFilters=other')dnl\nMAILER(";
    let mc = lab.place.write("ill/sendmail.mc", &mc.replacen("MAILER(", deaf, 1));
    fs::write(ill.join("sendmail.cf"), Sendmail::make(&mc)).expect("write sendmail.cf");
    lab.place.write("ill/mailertable", "good.test\tesmtp:[127.0.0.1]\n");

    let first = doctor_beside(&lab, "ill").expect(FOUND);
    for part in [
        "no F=T: with the milter away",
        "InputMailFilters of its own without zegel",
        "there is no database of /run/zegel/ill/mailertable",
        "mailertable has no way for zegel.invalid",
    ] {
        first.says(part);
    }
    let mut told = first;
    for _ in 0..VISITS_MAX {
        for mend in mends(&told.out) {
            mend_sendmail(&lab, &mend);
        }
        told = doctor_beside(&lab, "ill");
    }
    told.expect(0).says("0 wrong, 0 doubtful");
}
