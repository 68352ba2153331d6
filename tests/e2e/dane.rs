//! DANE: a recipient's domain says in signed records which certificates its mail server has, and nobody else gets the mail.

use zegel_tests::ca::Kind;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::mailbox::{Mailbox, arrival};
use zegel_tests::wait::until;

use crate::{TEXT, secured, to};

async fn lab() -> Lab {
    let policy = "transport = \"dane\"\n".to_owned();
    Lab::start(Setup { policy, dane: true, ..Setup::default() }).await
}

#[tokio::test]
async fn a_server_whose_certificate_the_dns_names_gets_the_message_itself() {
    let lab = lab().await;
    let good = lab.sink("good.test", Some(Kind::Good));
    let letter = secured().to("lisa@good.test");
    let file = lab.place.write("letter.eml", &String::from_utf8_lossy(&letter.message()));
    let explained = lab.relay.command(&["explain", &file.to_string_lossy()]);
    for line in
        ["asked MX good.test: found, secure", "asked TLSA _25._tcp.mx.good.test: found, secure"]
    {
        assert!(explained.contains(line), "{line} is missing in {explained}");
    }
    assert!(explained.contains("delivered by transport-security"), "{explained}");
    lab.send(&letter).await;
    let found = arrival(&good, "the letter", to("lisa@good.test")).await;
    assert!(found.text().contains(TEXT));
    let shown = until("the evidence", || {
        Some(lab.relay.delivery("lisa@good.test")).filter(|shown| shown.contains("sent"))
    });
    let shown = shown.await;
    for words in ["TLSv1.3", "valid by DANE", "signed (DNSSEC)"] {
        assert!(shown.contains(words), "{words} is missing in {shown}");
    }
    assert!(lab.relay.command(&["check"]).contains("no problems"));
}

/// A server that is not the one that the DNS names gets neither the message nor a notification.
async fn check_deferred(domain: &'static str, certificate: Option<Kind>, why: &str) {
    let lab = lab().await;
    let sink = lab.sink(domain, certificate);
    let address = format!("pim@{domain}");
    lab.send(&secured().to(&address)).await;
    let shown = until("two attempts", || {
        let tried = sink.sessions().len() > 1;
        Some(lab.relay.delivery(&address)).filter(|shown| tried && shown.contains("4.7.5"))
    });
    let shown = shown.await;
    assert!(shown.contains(why) && shown.contains("planned by transport-security"), "{shown}");
    assert!(sink.sessions().iter().all(|session| !session.said("MAIL")));
    assert!(sink.arrivals().is_empty());
}

#[tokio::test]
async fn a_server_with_another_certificate_than_the_dns_names_gets_nothing() {
    check_deferred("other.test", Some(Kind::OtherCa), "no trusted authority vouches").await;
}

#[tokio::test]
async fn a_server_that_should_have_tls_and_has_none_gets_nothing() {
    check_deferred("plain.test", None, "offers no STARTTLS").await;
}

#[tokio::test]
async fn a_notification_keeps_to_the_records_as_the_message_does() {
    let lab = Lab::start(Setup { dane: true, ..Setup::default() }).await;
    let plain = lab.sink("plain.test", None);
    lab.send(&secured().to("pim@plain.test")).await;
    let shown = until("a deferral", || {
        Some(lab.relay.delivery("pim@plain.test")).filter(|shown| shown.contains("4.7.5"))
    });
    let shown = shown.await;
    assert!(shown.contains("planned by email"), "{shown}");
    assert!(plain.sessions().iter().all(|session| !session.said("MAIL")));
}
