//! A real Postfix's configuration in several wrong states, a milter and a relay that answer. Needs postconf and postmap, and
//! the right to give a file to Postfix's group.

mod tables;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use std::io::Read;

use super::*;

const MAIN: &str = "compatibility_level = 3.6\nqueue_directory = @/queue\nmail_owner = postfix\n\
    myhostname = mail.org.test\nmynetworks = 127.0.0.0/8\ninet_protocols = ipv4\ninet_interfaces = 127.0.0.1\n\
    smtpd_milters = unix:zegel/milter.sock\nnon_smtpd_milters = $smtpd_milters\nmilter_default_action = tempfail\n\
    milter_header_checks = regexp:@/postfix-route\nzegel_destination_recipient_limit = 2000\n\
    smtpd_forbid_bare_newline = normalize\nsmtpd_forbid_bare_newline_exclusions =\n";

const MASTER: &str = "smtp      inet  n       -       y       -       -       smtpd\n\
    pickup    unix  n       -       y       60      1       pickup\n\
    cleanup   unix  n       -       y       -       0       cleanup\n\
    zegel     unix  -       -       n       -       -       lmtp\n";

const SOUND: &str = "0 wrong, 0 doubtful\n";

const TABLE: &str = "/^X-Zegel-Route: *relay\\//    FILTER zegel:unix:@/relay.sock\n";

/// A place where all is well, under a short name: a socket's path is short.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::Builder::new().prefix("zd").tempdir().unwrap());
        place.open("");
        fs::create_dir_all(place.path("queue/zegel")).unwrap();
        for directory in ["queue", "queue/zegel"] {
            place.open(directory);
        }
        place.write("main.cf", MAIN);
        place.write("master.cf", MASTER);
        place.write("postfix-route", TABLE);
        place.write("milter.toml", "socket = \"unix:@/queue/zegel/milter.sock\"\n");
        place.answer("queue/zegel/milter.sock", |stream| {
            let mut asked = [0; 17];
            stream.read_exact(&mut asked).unwrap();
            assert_eq!(asked[4], b'O');
            stream.write_all(&[0, 0, 0, 13, b'O', 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        });
        place.answer("relay.sock", |stream| {
            stream.write_all(b"220 relay LMTP\r\n").unwrap();
            let mut asked = [0; 16];
            stream.read_exact(&mut asked).unwrap();
            assert_eq!(&asked, b"LHLO localhost\r\n");
            stream.write_all(b"250-relay\r\n250 PIPELINING\r\n").unwrap();
        });
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self, name: &str) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// As if written long ago: Postfix waits for a file that may still be changing.
    fn put(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        let settled = SystemTime::UNIX_EPOCH + Duration::from_hours(1);
        fs::File::options().append(true).open(&path).unwrap().set_modified(settled).unwrap();
    }

    /// The place's own path stands for `@`.
    fn write(&self, name: &str, text: &str) {
        self.put(name, text.replace('@', self.0.path().to_str().unwrap()).as_bytes());
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let root = self.0.path().to_str().unwrap();
        let text = fs::read_to_string(self.path(name)).unwrap();
        let changed = text.replace(&from.replace('@', root), &to.replace('@', root));
        assert_ne!(text, changed, "{name} has no {from:?}");
        self.put(name, changed.as_bytes());
    }

    /// One who answers on a socket, once for every connection, for as long as the test runs.
    fn answer(&self, name: &str, answer: fn(&mut std::os::unix::net::UnixStream)) {
        let listener = UnixListener::bind(self.path(name)).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o660)).unwrap();
        let group = nix::unistd::Group::from_name("postfix").unwrap();
        let group = group.expect("the group of Postfix: apt-get install postfix").gid;
        nix::unistd::chown(&self.path(name), None, Some(group)).expect("run as root");
        thread::spawn(move || listener.incoming().for_each(|stream| answer(&mut stream.unwrap())));
    }

    fn asked(&self) -> Doctor {
        Doctor {
            mta: Some(Mta::Postfix),
            postfix_config: Some(self.path("")),
            sendmail_config: self.path(""),
            config: ConfigFile { path: self.path("milter.toml") },
        }
    }

    fn told(&self) -> String {
        let asked = self.asked();
        let mut out = Vec::new();
        let status =
            doctor(&asked, &mut out).expect("postconf and postmap: apt-get install postfix");
        let told = String::from_utf8(out).unwrap().replace(self.0.path().to_str().unwrap(), "@");
        let sound = format!("{status:?}") == format!("{:?}", ExitCode::SUCCESS);
        assert_eq!(sound, told == SOUND, "{told}");
        told
    }
}

/// After the change this is found, and nothing else; then the change is taken back.
#[track_caller]
fn check(place: &Place, file: &str, from: &str, to: &str, found: &[&str]) {
    let before = fs::read(place.path(file)).unwrap();
    place.edit(file, from, to);
    let told = place.told();
    for part in found {
        assert!(told.contains(part), "{to:?}: no {part:?} in\n{told}");
    }
    assert!(
        told.ends_with("1 wrong, 0 doubtful\n") || told.ends_with("0 wrong, 1 doubtful\n"),
        "{to:?}:\n{told}"
    );
    place.put(file, &before);
}

#[test]
fn milters_that_are_not_asked_or_not_waited_for_are_found() {
    let place = Place::new();
    assert_eq!(place.told(), SOUND);
    check(
        &place,
        "main.cf",
        "non_smtpd_milters = $smtpd_milters",
        "#",
        &["sendmail(1)", "non_smtpd_milters = unix:zegel/milter.sock\n"],
    );
    check(
        &place,
        "main.cf",
        "smtpd_milters = unix:zegel/milter.sock\nnon_smtpd_milters = $smtpd_milters",
        "smtpd_milters = unix:other\nnon_smtpd_milters = unix:zegel/milter.sock",
        &["no smtpd asks", "smtpd_milters = unix:zegel/milter.sock unix:other\n"],
    );
    check(
        &place,
        "main.cf",
        "= tempfail",
        "= accept",
        &["in the clear", "milter_default_action = tempfail\n"],
    );
    check(
        &place,
        "main.cf",
        "smtpd_milters = unix:zegel/milter.sock\nnon_smtpd_milters = $smtpd_milters",
        "smtpd_milters = { unix:zegel/milter.sock, default_action=accept }\nnon_smtpd_milters = unix:zegel/milter.sock",
        &["default_action in smtpd_milters = accept"],
    );
    check(
        &place,
        "master.cf",
        "smtpd\n",
        "smtpd -o milter_default_action=accept\n",
        &["of smtp/inet = accept"],
    );
    check(
        &place,
        "master.cf",
        "smtpd\n",
        "smtpd -o receive_override_options=no_milters\n",
        &["not selected"],
    );
    check(
        &place,
        "master.cf",
        "smtpd\n",
        "smtpd -o smtpd_proxy_filter=127.0.0.1:10024\n",
        &["smtpd_proxy_filter"],
    );
    check(
        &place,
        "main.cf",
        "compatibility",
        "milter_protocol = 2\ncompatibility",
        &["milter_protocol = 6\n"],
    );
    assert_eq!(place.told(), SOUND);
}

#[test]
fn a_route_that_leads_nowhere_is_found() {
    let place = Place::new();
    assert_eq!(place.told(), SOUND);
    check(
        &place,
        "main.cf",
        "milter_header_checks",
        "#",
        &["milter_header_checks is not set", "regexp:/etc/zegel/postfix-route"],
    );
    check(
        &place,
        "main.cf",
        "regexp:@/postfix-route",
        "regexp:@/nothing",
        &["cannot be looked up"],
    );
    check(&place, "postfix-route", "Route", "Way", &["has no entry"]);
    check(&place, "postfix-route", "FILTER", "PREPEND", &["no FILTER"]);
    check(
        &place,
        "postfix-route",
        "zegel:",
        "nozegel:",
        &["nozegel     unix  -       -       n       -       -       lmtp"],
    );
    check(
        &place,
        "main.cf",
        "zegel_destination_recipient_limit = 2000",
        "#",
        &["is 50", "zegel_destination_recipient_limit = 2000\n"],
    );
    check(&place, "master.cf", "lmtp", "smtp", &["only lmtp reaches"]);
    check(
        &place,
        "master.cf",
        "zegel     unix  -       -       n",
        "zegel     unix  -       -       y",
        &["is chrooted"],
    );
    check(
        &place,
        "master.cf",
        "cleanup\n",
        "cleanup -o milter_header_checks=\n",
        &["of its own", "postconf -c @/ -PX 'cleanup/unix/milter_header_checks'\n"],
    );
    check(
        &place,
        "main.cf",
        "compatibility",
        "zegel_recipient_limit = 100\ncompatibility",
        &["is 100", "zegel_recipient_limit = 2000\n"],
    );
    check(
        &place,
        "master.cf",
        "smtpd\n",
        "smtpd -o smtpd_recipient_limit=5000\n",
        &[
            "is 2000, and smtpd_recipient_limit is 5000",
            "zegel_destination_recipient_limit = 5000\n",
        ],
    );
    assert_eq!(place.told(), SOUND);
}

#[test]
fn a_pseudo_domain_that_leads_nowhere_is_found() {
    let place = Place::new();
    place.write("marker.key", &"k".repeat(64));
    fs::set_permissions(place.path("marker.key"), fs::Permissions::from_mode(0o640)).unwrap();
    place.edit(
        "milter.toml",
        "socket",
        "route = \"recipient\"\nmarker-key-file = \"marker.key\"\nsocket",
    );
    place.edit(
        "main.cf",
        "milter_header_checks = regexp:@/postfix-route",
        "transport_maps = inline:{zegel.invalid=zegel:unix:@/relay.sock, report.zegel.invalid=zegelreport:}",
    );
    place.edit(
        "master.cf",
        "pickup ",
        "zegelreport unix - n n - - pipe\n  user=nobody argv=/usr/bin/zegel-milter report -- ${recipient}\npickup ",
    );
    assert_eq!(place.told(), SOUND);
    check(
        &place,
        "main.cf",
        "{zegel.invalid=",
        "{zegel.example=",
        &[
            "transport_maps = inline:{zegel.invalid=zegel:unix:/run/zegel/relay.sock, report.zegel.invalid=zegelreport:} inline:{zegel.example",
        ],
    );
    check_reports(&place);
}

/// What keeps Postfix's own reports from the sender, or lets everybody write to the program.
#[track_caller]
fn check_reports(place: &Place) {
    let defined = "zegelreport unix - n n - - pipe user=zegel-milter argv=/usr/bin/zegel-milter report -- ${recipient}'\n";
    check(
        place,
        "main.cf",
        ", report.zegel.invalid=zegelreport:",
        "",
        &[
            "no way for report.zegel.invalid",
            "transport_maps = inline:{report.zegel.invalid=zegelreport:} inline:{zegel.invalid=",
        ],
    );
    for (from, to, found) in [
        ("zegelreport unix", "other unix", "which master.cf does not have"),
        ("- n n - - pipe", "- n y - - pipe", "which is chrooted"),
        ("milter report --", "milter explain --", "which is not zegel-milter report"),
    ] {
        check(
            place,
            "master.cf",
            from,
            to,
            &[found, "postconf -c @/ -M 'zegelreport/unix=", defined],
        );
    }
    let add = |line: &str, found: &[&str]| {
        check(place, "main.cf", "compatibility", &format!("{line}\ncompatibility"), found);
    };
    add(
        "internal_mail_filter_classes = notify, bounce",
        &["internal_mail_filter_classes = notify\n"],
    );
    place.write("domains", "zegel.invalid x\n");
    add("relay_domains = report.zegel.invalid", &["everybody may write", "relay_domains =\n"]);
    add("relay_domains = texthash:@/domains", &["everybody may write", "in @/domains, take out:"]);
}

#[test]
fn what_pulls_mail_off_its_way_or_hides_one_in_another_is_found() {
    let place = Place::new();
    assert_eq!(place.told(), SOUND);
    check(&place, "main.cf", "= normalize", "= no", &["smtpd_forbid_bare_newline = normalize\n"]);
    check(
        &place,
        "main.cf",
        "exclusions =",
        "exclusions = 127.0.0.0/8",
        &["smtpd_forbid_bare_newline_exclusions =\n"],
    );
    check(
        &place,
        "main.cf",
        "compatibility",
        "always_bcc = a@b.example\ncompatibility",
        &["always_bcc"],
    );
    check(
        &place,
        "main.cf",
        "compatibility",
        "content_filter = x:\ncompatibility",
        &["smtp/inet: content_filter = x:", "hands mail back"],
    );
    check(
        &place,
        "main.cf",
        "smtpd_milters = unix:zegel/milter.sock\nnon_smtpd_milters = $smtpd_milters",
        "smtpd_milters = unix:opendkim/opendkim.sock unix:zegel/milter.sock\nnon_smtpd_milters = unix:zegel/milter.sock",
        &[
            "it signs what is changed",
            "smtpd_milters = unix:zegel/milter.sock unix:opendkim/opendkim.sock\n",
        ],
    );
    assert_eq!(place.told(), SOUND);
}

/// Likewise for a change of what is on disk.
#[track_caller]
fn check_disk(change: fn(&Place), found: &[&str]) {
    let place = Place::new();
    change(&place);
    let told = place.told();
    for part in found {
        assert!(told.contains(part), "no {part:?} in\n{told}");
    }
}

#[test]
fn sockets_that_cannot_be_reached_or_do_not_answer_are_found() {
    check_disk(
        |place| {
            fs::set_permissions(place.path("queue/zegel"), fs::Permissions::from_mode(0o700))
                .unwrap();
        },
        &["@/queue/zegel may not be entered (mode 0700)", "chgrp postfix @/queue/zegel"],
    );
    check_disk(
        |place| {
            fs::set_permissions(place.path("relay.sock"), fs::Permissions::from_mode(0o600))
                .unwrap();
        },
        &[
            "@/relay.sock may not be written to (mode 0600)",
            "in relay.toml:\n            [lmtp]\n            group = \"postfix\"\n            mode = \"0660\"",
        ],
    );
    check_disk(
        |place| {
            fs::set_permissions(place.path("relay.sock"), fs::Permissions::from_mode(0o666))
                .unwrap();
        },
        &["submit as any author", "mode = \"0660\""],
    );
    check_disk(
        |place| fs::remove_file(place.path("relay.sock")).unwrap(),
        &["there is no @/relay.sock", "the relay does not answer on unix:@/relay.sock"],
    );
    check_disk(
        |place| fs::remove_dir_all(place.path("queue/zegel")).unwrap(),
        &["install -d -o zegel-milter -g postfix -m 0750 @/queue/zegel\n"],
    );
    check_disk(
        |place| {
            fs::remove_file(place.path("queue/zegel/milter.sock")).unwrap();
            fs::write(place.path("queue/zegel/milter.sock"), "").unwrap();
        },
        &["is no socket", "the milter does not answer"],
    );
    check_disk(
        |place| place.write("milter.toml", "socket = \"unix:@/outside.sock\"\n"),
        &["no smtpd asks", "unix:@/outside.sock", "the milter does not answer"],
    );
    check_disk(
        |place| {
            place.write("milter.toml", "socket = \"unix:@/outside.sock\"\n");
            place.edit("main.cf", "unix:zegel/milter.sock", "unix:@/outside.sock");
        },
        &[
            "a chrooted process of Postfix sees only @/queue",
            "socket = \"unix:@/queue/zegel/milter.sock\"",
        ],
    );
}
