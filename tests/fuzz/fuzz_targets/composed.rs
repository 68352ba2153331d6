//! Mails that we compose, of values that strangers choose: parsed again, they have our header fields and no other, and no
//! line that is too long.

#![no_main]

use libfuzzer_sys::fuzz_target;
use zegel_core::address::Address;
use zegel_core::message::Head;
use zegel_core::moment::Moment;
use zegel_core::notice::{
    CodeMail, How, Language, Notification, Organisation, code_mail, notification,
};
use zegel_core::outgoing::received;
use zegel_core::secret::Secret;
use zegel_core::submission::{Arrival, Protocol};

const FIELDS: [&str; 15] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "References",
    "In-Reply-To",
    "Reply-To",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "Content-Language",
    "X-Zegel-Notification",
];

fn check(mail: &[u8]) {
    let head = Head::parse(mail).expect("a header section");
    for field in head.fields() {
        assert!(FIELDS.iter().any(|name| name.eq_ignore_ascii_case(field.name)), "{}", field.name);
        assert_eq!(head.named(field.name).count(), 1, "{} more than once", field.name);
    }
    assert!(head.from().is_ok());
    assert!(mail.split(|octet| *octet == b'\n').all(|line| line.len() <= 999));
    assert!(!mail.contains(&0));
}

fuzz_target!(|octets: &[u8]| {
    // No octet of UTF-8 is 0xFF.
    let mut texts = octets.split(|octet| *octet == 0xFF).map(String::from_utf8_lossy);
    let mut text = || texts.next().unwrap_or_default();
    let [name, organisation, address, hello] = [text(), text(), text(), text()];
    let language = Language::ALL[name.len() % Language::ALL.len()];
    let own: Address = "secure@a.example".parse().expect("an address");
    let other: Address = address.parse().unwrap_or_else(|_| own.clone());
    let organisation = Organisation {
        name: organisation.into_owned(),
        from: own.clone(),
        postal: Some(name.clone().into_owned()),
        help_url: None,
        language,
    };
    let secret = Secret::new("abc");
    check(&notification(&Notification {
        organisation: &organisation,
        sender_name: Some(&name),
        sender: &other,
        to: &other,
        language,
        origin: "https://portal.a.example",
        token: &secret,
        reference: &secret,
        how: How::Email,
        until: Moment(86_400),
        message_id: "1@a.example",
        references: "2@a.example",
        now: Moment(0),
    }));
    check(&code_mail(&CodeMail {
        organisation: &organisation,
        to: &other,
        language,
        host: "portal.a.example",
        code: &secret,
        minutes: 10,
        message_id: "1@a.example",
        now: Moment(0),
    }));
    let from = Some((hello.into_owned(), [192, 0, 2, 1].into()));
    let arrival = Arrival { protocol: Protocol::Esmtps, from };
    let line = received("relay.a.example", &arrival, "0123", Moment(0)) + "\r\n";
    let head = Head::parse(line.as_bytes()).expect("a trace line");
    assert_eq!((head.fields().len(), head.body_at()), (1, line.len()), "{line:?}");
});
