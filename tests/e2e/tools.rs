//! The milter's commands for administrators, on a real archive, a real export and a real mail server.

use std::fs;
use std::path::Path;
use std::process::Command;

use zegel_tests::lab::{Lab, Setup};
use zegel_tests::letter::Letter;
use zegel_tests::place::Place;
use zegel_tests::process::installed;

/// Exit status of a command that found something.
const FOUND: i32 = 3;

/// What a command printed, and how it ended.
struct Ended {
    status: Option<i32>,
    out: String,
    told: String,
}

impl Ended {
    #[track_caller]
    fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{}\n{}", self.out, self.told);
        self
    }

    #[track_caller]
    fn says(&self, words: &str) {
        assert!(self.out.contains(words), "lacks {words:?}:\n{}\n{}", self.out, self.told);
    }
}

fn milter(arguments: &[&str]) -> Ended {
    let output =
        Command::new(installed("zegel-milter")).args(arguments).output().expect("run zegel-milter");
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    Ended { status: output.status.code(), out: text(&output.stdout), told: text(&output.stderr) }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path of ASCII")
}

const OLD: &str =
    "[[rule]]\nname = \"old\"\nwhen.subject = [\"secure\", \"dossier\"]\naction = \"secure\"\n";
const NEW: &str =
    "[[rule]]\nname = \"new\"\nwhen.subject = [\"secure\", \"geheim\"]\naction = \"secure\"\n";

/// Under the two rule files: one that both select, one that neither does, and one that each selects alone.
const SUBJECTS: [&str; 4] = ["Secure: a", "Lunch", "Dossier 7", "Geheim"];

fn letters() -> Vec<Vec<u8>> {
    let letter =
        |subject: &&str| Letter::from("jan@org.test").to("pim@plain.test").subject(subject);
    SUBJECTS.iter().map(|subject| letter(subject).message()).collect()
}

#[track_caller]
fn check_replay(place: &Place, archive: &str) {
    let (old, new) = (place.write("old.toml", OLD), place.write("new.toml", NEW));
    let (old, new, archive) = (path(&old), path(&new), place.file(archive));
    let told = milter(&["replay", path(&archive), "--rules", new, "--against", old]).expect(FOUND);
    told.says("2 outcomes change");
    told.says("2 secure by rule \"new\"");
    told.says("2 ordinary: no rule applies");
    told.says("secure by \"old\" → ordinary");
    told.says("ordinary → secure by \"new\"");
    milter(&["replay", path(&archive), "--rules", old, "--against", old])
        .expect(0)
        .says("0 outcomes change");
}

#[test]
fn replay_names_the_messages_of_a_folder_whose_outcome_changes() {
    let place = Place::new();
    fs::create_dir_all(place.file("archive/2026/cur")).expect("make an archive");
    for (at, letter) in letters().iter().enumerate() {
        // A maildir below a folder of files.
        let name = if at < 2 { format!("{at}.eml") } else { format!("2026/cur/{at}:2,S") };
        fs::write(place.file("archive").join(name), letter).expect("write a letter");
    }
    check_replay(&place, "archive");
}

#[test]
fn replay_reads_an_mbox_too() {
    let place = Place::new();
    let mbox = letters().iter().fold(String::new(), |mbox, letter| {
        let letter = String::from_utf8_lossy(letter).replace("\r\n", "\n");
        format!("{mbox}From jan@org.test Tue Nov 24 10:00:00 2026\n{letter}\n")
    });
    fs::write(place.file("mbox"), mbox).expect("write an mbox");
    check_replay(&place, "mbox");
}

const XML: &str = r#"<?xml version="1.0" encoding="utf-16"?>
<rules name="TransportVersioned">
  <rule name="Trigger word" id="d8a7" format="cmdlet">
    <version requiredMinVersion="15.0.3.0">
      <commandBlock><![CDATA[New-TransportRule -Name 'Trigger word' -Comments '' -Mode Enforce -FromScope InOrganization -SubjectContainsWords 'secure','strictly private' -ExceptIfRecipientDomainIs 'partner.test' -ApplyRightsProtectionTemplate 'Encrypt']]></commandBlock>
    </version>
  </rule>
  <rule name="Label" id="d8a8" format="cmdlet">
    <version requiredMinVersion="15.0.3.0">
      <commandBlock><![CDATA[New-TransportRule -Name 'Label' -Mode AuditAndNotify -HeaderContainsMessageHeader 'msip_labels' -HeaderContainsWords 'MSIP_Label_e9c5f5a2-6b1d-4f0e-9f5a-2f6d1c3b4a5e_Enabled=True;' -ApplyOME $true]]></commandBlock>
    </version>
  </rule>
  <rule name="Disclaimer" id="d8a9" format="cmdlet">
    <version requiredMinVersion="15.0.3.0">
      <commandBlock><![CDATA[New-TransportRule -Name 'Disclaimer' -ApplyHtmlDisclaimerText '<p>x</p>']]></commandBlock>
    </version>
  </rule>
</rules>
"#;

const JSON: &str = r#"[
  {"Name": "Trigger word", "Priority": 0, "State": "Enabled", "Mode": "Enforce",
   "SubjectContainsWords": ["secure"], "SentToScope": "NotInOrganization",
   "ApplyRightsProtectionTemplate": "Encrypt", "StopRuleProcessing": false},
  {"Name": "Case", "Priority": 1, "State": "Enabled", "Mode": "Enforce",
   "SubjectMatchesPatterns": ["case-[0-9]{4}"], "ExceptIfFrom": ["news@org.test"], "ApplyOME": true}
]"#;

/// What an export becomes: a file that the milter takes, with these lines in it.
#[track_caller]
fn check_import(name: &str, export: &[u8], status: i32, lines: &[&str]) -> Ended {
    let place = Place::new();
    fs::write(place.file(name), export).expect("write an export");
    let export = place.file(name);
    let imported =
        milter(&["import-exchange", "--domain", "org.test", path(&export)]).expect(status);
    for line in lines {
        imported.says(line);
    }
    let rules = place.write("milter.toml", &imported.out);
    milter(&["check", "--config", path(&rules)]).expect(0);
    imported
}

#[test]
fn rules_of_exchange_become_rules_that_are_sound_and_what_is_left_behind_is_told() {
    // As PowerShell writes it.
    let utf_16: Vec<u8> =
        format!("\u{feff}{XML}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let lines = [
        "name = \"Trigger word\"",
        "when.subject = [\"secure\", \"strictly private\"]",
        "when.sender = [\"org.test\"]",
        "when.label = [{ guid = \"e9c5f5a2-6b1d-4f0e-9f5a-2f6d1c3b4a5e\" }]",
        "mode = \"monitor\"",
    ];
    let imported = check_import("rules.xml", &utf_16, FOUND, &lines);
    assert!(imported.told.contains("ApplyHtmlDisclaimerText"), "{}", imported.told);
}

#[test]
fn the_json_of_get_transport_rule_is_read_as_well() {
    let lines = [
        "when.recipients = [\"any-external\"]",
        "when.subject = [{ regex = \"(?i)case-[0-9]{4}\" }]",
        "except.sender = [\"news@org.test\"]",
    ];
    // All is carried over; that recipients are asked about together is told.
    let imported = check_import("rules.json", JSON.as_bytes(), FOUND, &lines);
    assert!(imported.told.contains("one decision is made"), "{}", imported.told);
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
