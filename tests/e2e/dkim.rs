//! Signatures in a domain's name (DKIM), from the key that is made to what arrives, verified by somebody else's program.

use std::path::Path;

use zegel_tests::ca::Kind;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::mailbox::{Arrival, arrival};
use zegel_tests::python;
use zegel_tests::recipient::Recipient;

use crate::{CERTIFIED, TEXT, secured, to};

const COMMAND: [&str; 3] = ["domain", "dkim", "org.test"];

/// The records that the command asks for, as a zone file has them.
fn wanted(said: &str) -> Vec<String> {
    said.lines().filter(|line| line.contains(" IN TXT ")).map(str::to_owned).collect()
}

/// Each record's name and text.
fn published(records: &[String]) -> String {
    let line = |record: &String| {
        let (name, value) = record.split_once(". IN TXT ").expect("a name and a text");
        let strings = value.split('"').skip(1).step_by(2).collect::<String>();
        format!("{name} {strings}\n")
    };
    records.iter().map(line).collect()
}

/// What dkimpy says of the signatures of a mail.
fn verified(lab: &Lab, mail: &[u8], records: &[String]) -> Vec<String> {
    let message = lab.place.file("signed.eml");
    std::fs::write(&message, mail).expect("write the mail");
    let records = lab.place.write("records", &published(records));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/dkim/verify.py");
    let told = python::run(&script, &[&message.to_string_lossy(), &records.to_string_lossy()]);
    told.lines().map(str::to_owned).collect()
}

/// One valid signature of each kind, and no other.
#[track_caller]
fn assert_signed(lab: &Lab, mail: &Arrival, records: &[String]) {
    let told = verified(lab, &mail.message, records);
    let valid = |algorithm: &str| {
        told.iter().any(|line| {
            line.starts_with("org.test zegel-") && line.ends_with(&format!(" {algorithm} valid"))
        })
    };
    assert!(told.len() == 2 && valid("rsa-sha256") && valid("ed25519-sha256"), "{told:?}");
}

#[tokio::test]
async fn everything_in_the_domains_name_is_signed_once_its_keys_are_published() {
    let mut lab = Lab::start(Setup::default()).await;
    let good = lab.sink("good.test", Some(Kind::Good));
    let plain = lab.sink("plain.test", None);
    let said = lab.relay.command(&COMMAND);
    let records = wanted(&said);
    assert!(records.len() == 2 && said.contains("not published yet"), "{said}");
    lab.send(&secured().to("tom@plain.test")).await;
    let unsigned = Recipient::new(&lab, &plain, "tom@plain.test").notification().await;
    assert_eq!(unsigned.heads("DKIM-Signature").len(), 0, "nobody could verify it");

    for record in &records {
        lab.dns.publish("org.test", record);
    }
    let said = lab.relay.command(&COMMAND);
    assert!(said.contains("sign the mail of org.test from now on"), "{said}");
    // A relay that runs signs within a second; one that starts, at once.
    lab.relay.stop().await;
    lab.relay.resume().await;
    // What is there to trip over: folding, runs of white space, dots, lines of white space, empty lines at the end.
    let text = format!("{TEXT}\r\n\r\n.dots  and \t tabs \r\n \t\r\n..\r\n\r\n\r\n");
    let letter = secured().header("X-Folded", "one\r\n two").text(&text);
    let letter = letter.to("lisa@good.test").header(CERTIFIED.0, CERTIFIED.1);
    lab.send(&letter).await;
    let direct = arrival(&good, "the letter", to("lisa@good.test")).await;
    assert_signed(&lab, &direct, &records);

    lab.send(&secured().to("pim@plain.test")).await;
    let mut pim = Recipient::new(&lab, &plain, "pim@plain.test");
    assert_signed(&lab, &pim.notification().await, &records);
    assert!(pim.read().await.contains(TEXT));
    let code = arrival(&plain, "the code", |mail| mail.code().is_some()).await;
    assert_signed(&lab, &code, &records);

    let changed = String::from_utf8_lossy(&direct.message).replace("zestien", "vijftien");
    let told = verified(&lab, changed.as_bytes(), &records);
    assert!(told.iter().all(|line| line.ends_with("not valid")) && told.len() == 2, "{told:?}");
    let added = [b"Subject: another\r\n".as_slice(), &direct.message].concat();
    let told = verified(&lab, &added, &records);
    assert!(told.iter().all(|line| line.ends_with("not valid")) && told.len() == 2, "{told:?}");
}

#[tokio::test]
async fn new_keys_take_over_when_they_are_published_and_not_before() {
    let lab = Lab::start(Setup::default()).await;
    let first = wanted(&lab.relay.command(&COMMAND));
    for record in &first {
        lab.dns.publish("org.test", record);
    }
    lab.relay.command(&COMMAND);
    let said = lab.relay.command(&[&COMMAND[..], &["--rotate"]].concat());
    let second = wanted(&said);
    assert!(second.len() == 2 && second.iter().all(|record| !first.contains(record)), "{said}");
    assert_eq!(said.matches("signs, since").count(), 2, "{said}");
    for record in &second {
        lab.dns.publish("org.test", record);
    }
    let said = lab.relay.command(&COMMAND);
    assert!(said.contains("sign the mail of org.test from now on"), "{said}");
    let said = lab.relay.command(&COMMAND);
    assert_eq!(
        (said.matches("signs no longer").count(), said.matches("signs, since").count()),
        (2, 2),
        "{said}"
    );
    let old = said.lines().find(|line| line.contains("signs no longer")).expect("an old key");
    let selector = old.split_whitespace().next().expect("its selector");
    let removed = lab.relay.command(&[&COMMAND[..], &["--remove", selector]].concat());
    assert!(removed.contains("its record can go"), "{removed}");
    let new = said.lines().find(|line| line.contains("signs, since")).expect("a new key");
    let selector = new.split_whitespace().next().expect("its selector");
    assert!(
        lab.relay.refuses(&[&COMMAND[..], &["--remove", selector]].concat()).contains("no key")
    );
}

/// What `domain check` says of one thing, for a domain that is not all well.
#[track_caller]
fn assert_found(report: &str, words: &[&str]) {
    let found = report.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(found, "{words:?}: {report}");
}

#[tokio::test]
async fn a_domain_is_checked_as_the_world_sees_it_and_what_is_missing_is_told() {
    let mut lab = Lab::start(Setup::default()).await;
    let check = ["domain", "check", "org.test"];
    assert_found(&lab.relay.refuses(&check), &["wrong", "SPF", "relay.org.test has no address"]);
    lab.reconfigure("source = \"127.0.0.1\"", "").await;
    let report = lab.relay.refuses(&check);
    assert_found(&report, &["publish  org.test. IN TXT \"v=spf1 ip4:127.0.0.1 -all\""]);
    assert_found(&report, &["wrong", "DKIM", "zegel-relay domain dkim org.test"]);
    // Nobody serves the zone above here, and that is no "no".
    assert_found(&report, &["unknown", "DMARC", "_dmarc.test"]);
    assert_found(&report, &["good", "MX", "mx.org.test"]);
    assert_found(&report, &["absent", "MTA-STS"]);

    lab.dns.publish("org.test", "@ TXT \"v=spf1 ip4:192.0.2.1 -all\"");
    lab.dns.publish("org.test", "_dmarc TXT \"v=DMARC1; p=reject\"");
    let keys = lab.relay.command(&COMMAND);
    assert_found(&lab.relay.refuses(&check), &["wrong", "DKIM", "is not published"]);
    for record in wanted(&keys) {
        lab.dns.publish("org.test", &record);
    }
    assert_found(&lab.relay.refuses(&check), &["wrong", "DKIM", "does not sign"]);
    lab.relay.command(&COMMAND);
    let report = lab.relay.refuses(&check);
    assert_found(&report, &["wrong", "SPF", "add to its record: ip4:127.0.0.1"]);
    assert_found(&report, &["good", "DKIM", "signs"]);
    assert_found(&report, &["good", "DMARC", "has forgeries refused"]);
    assert_found(&report, &["wrong", "PTR", "127.0.0.1 is localhost"]);
}
