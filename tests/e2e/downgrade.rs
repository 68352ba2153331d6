//! The floor: nothing ever falls through to something weaker than what was asked.

use zegel_tests::ca::Kind;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::letter::Letter;
use zegel_tests::mailbox::{Mailbox, arrival};
use zegel_tests::sink::Sink;

use crate::{CERTIFIED, assert_kept_secret, is_report, secured};

/// The letter goes to this server, which must hear of nothing; the sender gets a report.
async fn check_returned(certificate: Option<Kind>, letter: Letter) {
    let lab = Lab::start(Setup::default()).await;
    let home = lab.sink("org.test", None);
    let sink = lab.sink("other.test", certificate);
    lab.send(&letter.to("pim@other.test")).await;
    arrival(&home, "a report to the sender", is_report).await;
    assert_said_nothing(&sink);
    assert_kept_secret(&home);
}

#[track_caller]
fn assert_said_nothing(sink: &Sink) {
    assert!(!sink.sessions().iter().any(|session| session.said("MAIL")), "{:?}", sink.sessions());
    assert!(sink.arrivals().is_empty());
}

#[tokio::test]
async fn a_missed_minimum_forbids_an_e_mailed_code_and_the_sender_is_told() {
    check_returned(None, secured().header(CERTIFIED.0, CERTIFIED.1)).await;
}

#[tokio::test]
async fn only_the_exact_word_allows_an_e_mailed_code() {
    let letter = secured().header(CERTIFIED.0, CERTIFIED.1);
    check_returned(
        None,
        letter.header("zivver-minimum-recipient-verification", "verification-sms"),
    )
    .await;
}

#[tokio::test]
async fn a_minimum_that_nobody_knows_is_one_that_nobody_meets() {
    check_returned(Some(Kind::Good), secured().header("zivver-direct-delivery", "tls tls9.9"))
        .await;
}

#[tokio::test]
async fn a_malformed_access_right_refuses_the_message_and_says_which_header() {
    for right in ["pim@other.test sms 12", "pim@other.test pigeon 135789", "somebody@else.test sms"]
    {
        let lab = Lab::start(Setup::default()).await;
        let home = lab.sink("org.test", None);
        let sink = lab.sink("other.test", None);
        lab.send(&secured().to("pim@other.test").header("zivver-access-right", right)).await;
        let report = arrival(&home, "the mail server's report", is_report).await;
        let words = String::from_utf8_lossy(&report.message).into_owned();
        assert!(
            words.contains("550 5.6.0") && words.contains("zivver-access-right"),
            "{right}: {words}"
        );
        assert_said_nothing(&sink);
        assert_eq!(lab.relay.delivery("pim@other.test"), "");
    }
}
