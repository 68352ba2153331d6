//! End to end: real programs from the client that sends to the browser that reads. One file per story; each test has a
//! world of its own (`zegel_tests::lab`), so all of them run side by side.

mod audit;
mod bcc;
mod bounce;
mod browser;
mod canary;
mod contacts;
mod crash;
mod credential;
mod dane;
mod dialogs;
mod direct;
mod directory;
mod dkim;
mod doctor;
mod downgrade;
mod downtime;
mod factors;
mod gateway;
mod held;
mod hops;
mod hostile;
mod labels;
mod ladder;
mod mta_sts;
mod nta7516;
mod own_mail;
mod portal;
mod readme;
mod relaying;
mod reload;
mod report;
mod rules;
mod selection;
mod sendmail;
mod sms;
mod spf;
mod tables;
mod tidy;
mod tls_report;
mod tools;
mod ways;
mod zoo;

use zegel_tests::letter::Letter;
use zegel_tests::mailbox::{Arrival, Mailbox};

/// What `zivver-direct-delivery` asks for in these tests: TLS 1.2 with a certificate that is good.
const CERTIFIED: (&str, &str) =
    ("zivver-direct-delivery", "tls tls1.2 auth certificate-validation");

/// Allows an e-mailed code even where the asked-for minimum is not met.
const BY_EMAIL: (&str, &str) = ("zivver-minimum-recipient-verification", "verification-email");

/// Stands in the text of every secured letter, and must only be read by who may.
const TEXT: &str = "Your results are on page zestien.";

/// A letter with the trigger word and that text.
fn secured() -> Letter {
    Letter::from("Jan de Vries <jan@org.test>").subject("Secure: your results").text(TEXT)
}

fn to(recipient: &str) -> impl Fn(&Arrival) -> bool {
    move |mail| mail.recipient == recipient
}

/// A failed-delivery report (RFC 3464).
fn is_report(mail: &Arrival) -> bool {
    mail.head("Content-Type").is_some_and(|value| value.starts_with("multipart/report"))
}

/// Nothing that arrived here holds the text of a secured letter.
#[track_caller]
fn assert_kept_secret(mailbox: &impl Mailbox) {
    let leaked = mailbox.arrivals().into_iter().find(|mail| mail.text().contains(TEXT));
    assert!(
        leaked.is_none(),
        "the text went out: {:?}",
        leaked.map(|mail| String::from_utf8_lossy(&mail.message).into_owned())
    );
}
