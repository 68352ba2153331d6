//! What the sender is told when a message cannot be delivered: everything but what was in it.

use zegel_tests::ca::Kind;
use zegel_tests::lab::{Lab, NULL_MX, Setup};
use zegel_tests::mailbox::{Arrival, Mailbox, arrival};
use zegel_tests::recipient::Recipient;
use zegel_tests::wait::until;

use crate::{CERTIFIED, TEXT, assert_kept_secret, is_report, secured};

#[track_caller]
fn check(report: &Arrival, recipient: &str, status: &str) {
    let words = String::from_utf8_lossy(&report.message).into_owned();
    assert_eq!(
        (report.recipient.as_str(), report.sender.as_str()),
        ("jan@org.test", ""),
        "{words}"
    );
    for field in
        ["Action: failed".to_owned(), format!("Status: {status}"), format!("rfc822;{recipient}")]
    {
        assert!(
            words.replace("rfc822; ", "rfc822;").contains(&field),
            "{field} is missing in {words}"
        );
    }
    for secret in ["your results", "zestien"] {
        assert!(!words.contains(secret) && !report.text().contains(secret), "{words}");
    }
}

#[tokio::test]
async fn a_refused_recipient_is_reported_with_the_servers_words() {
    let lab = Lab::start(Setup::default()).await;
    let home = lab.sink("org.test", None);
    let script = lab.script("plain.test", None).answer("RCPT", "550 5.1.1 no such user here", 9);
    let _plain = lab.sink_with("plain.test", script);
    lab.send(&secured().to("pim@plain.test").parameters("RET=FULL ENVID=QQ314159")).await;
    let report = arrival(&home, "a report", is_report).await;
    check(&report, "pim@plain.test", "5.1.1");
    let words = String::from_utf8_lossy(&report.message).into_owned();
    assert!(words.contains("Original-Envelope-Id: QQ314159"), "{words}");
    assert!(String::from_utf8_lossy(&report.message).contains("no such user here"));
}

#[tokio::test]
async fn a_domain_that_takes_no_mail_is_reported_at_once() {
    let lab = Lab::start(Setup::default()).await;
    let home = lab.sink("org.test", None);
    let recipient = format!("pim@{NULL_MX}");
    lab.send(&secured().to(&recipient)).await;
    check(&arrival(&home, "a report", is_report).await, &recipient, "5.1.10");
}

#[tokio::test]
async fn where_no_code_could_be_mailed_the_sender_is_told_instead_of_the_recipient() {
    let policy = "direct = false\n".to_owned();
    let lab = Lab::start(Setup { policy, ..Setup::default() }).await;
    let (home, plain) = (lab.sink("org.test", None), lab.sink("plain.test", None));
    let good = lab.sink("good.test", Some(Kind::Good));
    let letter = secured().header(CERTIFIED.0, CERTIFIED.1);
    lab.send(&letter.to("pim@plain.test").to("lisa@good.test")).await;
    check(&arrival(&home, "a report", is_report).await, "pim@plain.test", "5.7.10");
    assert!(plain.arrivals().is_empty());
    assert!(Recipient::new(&lab, &good, "lisa@good.test").read().await.contains(TEXT));
}

#[tokio::test]
async fn when_the_time_is_up_the_sender_is_told() {
    let retry = "first = \"1s\"\nmax = \"1s\"\nlifetime = \"3s\"\n".to_owned();
    let lab = Lab::start(Setup { retry, ..Setup::default() }).await;
    let home = lab.sink("org.test", None);
    let script = lab.script("plain.test", None).answer("RCPT", "450 4.2.0 later", usize::MAX);
    let _plain = lab.sink_with("plain.test", script);
    lab.send(&secured().to("pim@plain.test")).await;
    let report = arrival(&home, "a report", is_report).await;
    assert!(String::from_utf8_lossy(&report.message).contains("Action: failed"));
    assert_kept_secret(&home);
}

#[tokio::test]
async fn a_look_up_that_fails_holds_and_is_no_answer() {
    let lab = Lab::start(Setup::default()).await;
    let home = lab.sink("org.test", None);
    lab.send(&secured().to("pim@unserved.test")).await;
    let shown = until("two tries", || {
        let shown = lab.relay.delivery("pim@unserved.test");
        let history = shown.split_once("history").map_or(0, |(_, history)| history.lines().count());
        (history > 3).then_some(shown)
    })
    .await;
    assert!(!shown.contains("failed  ") && !shown.contains("state       failed"), "{shown}");
    assert!(home.arrivals().is_empty());
}
