//! Which rung a recipient is verified by, as the relay records and explains it.

use zegel_tests::ca::Kind;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::mailbox::{Mailbox, arrival};
use zegel_tests::recipient::Recipient;
use zegel_tests::wait::until;

use crate::{CERTIFIED, TEXT, assert_kept_secret, secured, to};

#[tokio::test]
async fn an_organisation_may_let_transport_security_count_and_who_misses_it_gets_a_notification() {
    let policy = "transport = \"pkix\"\n".to_owned();
    let lab = Lab::start(Setup { policy, ..Setup::default() }).await;
    let good = lab.sink("good.test", Some(Kind::Good));
    let plain = lab.sink("plain.test", None);
    lab.send(&secured().to("lisa@good.test").to("pim@plain.test")).await;
    let found = arrival(&good, "the letter", to("lisa@good.test")).await;
    assert!(found.text().contains(TEXT));
    Recipient::new(&lab, &plain, "pim@plain.test").notification().await;
    assert_kept_secret(&plain);
}

#[tokio::test]
async fn where_e_mailed_codes_are_forbidden_a_recipient_without_another_factor_is_held() {
    let policy = "email = false\n".to_owned();
    let lab = Lab::start(Setup { policy, ..Setup::default() }).await;
    let plain = lab.sink("plain.test", None);
    lab.send(&secured().to("pim@plain.test")).await;
    until("the delivery to be held", || {
        lab.relay.delivery("pim@plain.test").contains("held").then_some(())
    })
    .await;
    assert!(plain.arrivals().is_empty());
}

#[tokio::test]
async fn the_record_says_why_each_stronger_rung_was_passed_over() {
    let lab = Lab::start(Setup::default()).await;
    let plain = lab.sink("plain.test", None);
    lab.send(&secured().to("pim@plain.test")).await;
    Recipient::new(&lab, &plain, "pim@plain.test").notification().await;
    let shown = until("the record", || {
        Some(lab.relay.delivery("pim@plain.test")).filter(|shown| shown.contains("sent"))
    });
    let shown = shown.await;
    for rung in
        ["account", "nta7516", "custom-access-right", "transport-security", "sms", "access-code"]
    {
        assert!(shown.contains(&format!("not by {rung}: ")), "{rung} is missing in {shown}");
    }
    assert!(shown.contains("by email"), "{shown}");
}

#[tokio::test]
async fn explain_says_what_would_happen_and_sends_nothing() {
    let lab = Lab::start(Setup::default()).await;
    let good = lab.sink("good.test", Some(Kind::Good));
    let letter = secured().to("lisa@good.test").header(CERTIFIED.0, CERTIFIED.1);
    let file = lab.place.write("letter.eml", &String::from_utf8_lossy(&letter.message()));
    let explained = lab.relay.command(&["explain", &file.to_string_lossy()]);
    assert!(
        explained.contains("lisa@good.test") && explained.contains("direct-delivery"),
        "{explained}"
    );
    assert!(!good.sessions().iter().any(|session| session.said("MAIL")));
    assert!(good.arrivals().is_empty());
    assert_eq!(lab.relay.delivery("lisa@good.test"), "");
}
