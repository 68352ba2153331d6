//! The milter's commands for administrators, on a real archive and a real export.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use zegel_tests::letter::Letter;
use zegel_tests::place::Place;
use zegel_tests::process::installed;

/// Exit status of a command that found something.
pub(crate) const FOUND: i32 = 3;

/// What a command printed, and how it ended.
pub(crate) struct Ended {
    pub status: Option<i32>,
    pub out: String,
    pub told: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{}\n{}", self.out, self.told);
        self
    }

    #[track_caller]
    pub(crate) fn says(&self, words: &str) {
        assert!(self.out.contains(words), "lacks {words:?}:\n{}\n{}", self.out, self.told);
    }
}

pub(crate) fn milter(arguments: &[&str]) -> Ended {
    let output = Command::new(installed("zegel-milter")).args(arguments).output();
    output.expect("run zegel-milter").into()
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let (out, told) = (text(&output.stdout), text(&output.stderr));
        Self { status: output.status.code(), out, told }
    }
}

pub(crate) fn path(path: &Path) -> &str {
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
    let imported = check_import("rules.json", JSON.as_bytes(), 0, &lines);
    assert!(imported.told.contains("note: Exchange decides per recipient"), "{}", imported.told);
}
