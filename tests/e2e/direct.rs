//! Direct delivery: the message itself, over a connection that has proved what was asked before MAIL FROM was said on it.

use std::path::Path;
use std::process::Command;

use zegel_tests::ca::Kind;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::mailbox::arrival;
use zegel_tests::recipient::Recipient;
use zegel_tests::sink::Script;
use zegel_tests::wait::until;

use crate::{BY_EMAIL, CERTIFIED, TEXT, assert_kept_secret, secured, to};

#[tokio::test]
async fn a_server_that_proves_itself_gets_the_message_byte_for_byte_less_the_control_headers() {
    let lab = Lab::start(Setup::default()).await;
    let (_good, mailbox) = lab.postfix("good.test", true).await;
    let letter = secured().to("lisa@good.test").header("X-Kept", "as it  is");
    let plain = letter.message();
    lab.send(&letter.header(CERTIFIED.0, CERTIFIED.1)).await;
    let found = arrival(&mailbox, "the letter", to("lisa@good.test")).await;
    assert_eq!(found.sender, "jan@org.test");
    let message = String::from_utf8_lossy(&found.message).replace("\r\n", "\n");
    let sent = String::from_utf8_lossy(&plain).replace("\r\n", "\n");
    let (head, body) = sent.split_once("\n\n").expect("a letter has a body");
    assert!(message.ends_with(&format!("\n\n{body}")), "{message}");
    for line in head.lines() {
        assert!(message.contains(&format!("{line}\n")), "{line} is missing in {message}");
    }
    assert!(
        !message.to_lowercase().contains("zivver") && !message.contains("X-Zegel"),
        "{message}"
    );
    assert!(found.head("Received").is_some_and(|trace| trace.contains("TLSv1.3")), "{message}");
    let evidence = until("the evidence", || {
        Some(lab.relay.delivery("lisa@good.test")).filter(|shown| shown.contains("sent"))
    });
    let evidence = evidence.await;
    let port = format!("]:{}: TLSv1.3 TLS13_AES_", lab.place.port());
    for words in
        [&*port, "mx.good.test [", "X25519", "the mail demands pkix", "DNS answer names it"]
    {
        assert!(evidence.contains(words), "{words} is missing in {evidence}");
    }
    let printed = evidence.split_once("(SHA-256 ").expect("a fingerprint").1;
    let printed = printed.split_once(')').expect("a fingerprint's end").0;
    assert_eq!(printed, fingerprint(&lab.place.file("mx.good.test.pem")));
}

/// What openssl says is the SHA-256 of a certificate.
fn fingerprint(certificate: &Path) -> String {
    let command = Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(certificate)
        .output()
        .expect("run openssl");
    let printed = String::from_utf8(command.stdout).expect("openssl prints text");
    let octets = printed.trim().split_once('=').expect("a fingerprint").1;
    octets.replace(':', "").to_lowercase()
}

/// A server that misses the minimum gets no word of the message, only a notification on another connection.
async fn check_missed(domain: &'static str, certificate: Option<Kind>) {
    let lab = Lab::start(Setup::default()).await;
    let script = lab.script(domain, certificate);
    check_missed_by(&lab, domain, script).await;
}

async fn check_missed_by(lab: &Lab, domain: &str, script: Script) {
    let sink = lab.sink_with(domain, script);
    let address = format!("pim@{domain}");
    let letter =
        secured().to(&address).header(CERTIFIED.0, CERTIFIED.1).header(BY_EMAIL.0, BY_EMAIL.1);
    lab.send(&letter).await;
    let mut reader = Recipient::new(lab, &sink, &address);
    reader.notification().await;
    let first = sink.sessions().into_iter().next().expect("a first connection");
    assert!(!first.said("MAIL"), "MAIL FROM was said on a connection below the floor: {first:?}");
    assert!(reader.read().await.contains(TEXT));
    assert_kept_secret(&sink);
}

#[tokio::test]
async fn no_starttls_misses() {
    check_missed("plain.test", None).await;
}

#[tokio::test]
async fn a_self_signed_certificate_misses() {
    check_missed("selfsigned.test", Some(Kind::SelfSigned)).await;
}

#[tokio::test]
async fn a_certificate_of_another_host_misses() {
    check_missed("wrongname.test", Some(Kind::WrongName)).await;
}

#[tokio::test]
async fn an_expired_certificate_misses() {
    check_missed("expired.test", Some(Kind::Expired)).await;
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_yet_misses() {
    check_missed("other.test", Some(Kind::NotYetValid)).await;
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_misses() {
    check_missed("other.test", Some(Kind::OtherCa)).await;
}

#[tokio::test]
async fn a_handshake_that_breaks_off_misses() {
    let lab = Lab::start(Setup::default()).await;
    let sink = lab.sink_with("other.test", Script::broken_handshake());
    let letter = secured().to("pim@other.test").header(CERTIFIED.0, CERTIFIED.1);
    lab.send(&letter).await;
    until("a first connection", || {
        sink.sessions().into_iter().find(|session| session.said("STARTTLS"))
    })
    .await;
    assert!(!sink.sessions().iter().any(|session| session.said("MAIL")));
    assert_kept_secret(&sink);
}

#[tokio::test]
async fn a_server_that_says_later_gets_the_message_later() {
    let lab = Lab::start(Setup::default()).await;
    let script = lab
        .script("good.test", Some(Kind::Good))
        .answer("RCPT", "450 4.2.0 busy", 1)
        .answer(".", "451 4.3.0 disk", 1);
    let good = lab.sink_with("good.test", script);
    lab.send(&secured().to("lisa@good.test").header(CERTIFIED.0, CERTIFIED.1)).await;
    let found = arrival(&good, "the letter", to("lisa@good.test")).await;
    assert!(found.text().contains(TEXT));
    assert!(good.sessions().iter().all(|session| session.tls.is_some() || !session.said("MAIL")));
}
