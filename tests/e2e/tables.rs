//! The two tables of verification, with and without `zivver-direct-delivery`, row by row and with each method switched
//! off: by Postfix and its milter, with a policy that an administrator changes while the relay runs. Which method a recipient
//! gets stands in the relay's record; that the method then works is in the stories of `factors`, `sms`, `contacts`, `direct`,
//! `portal`, `nta7516` and `ways`.

use zegel_tests::ca::Kind;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::mailbox::Mailbox;
use zegel_tests::wait::until;

use crate::{BY_EMAIL, CERTIFIED, assert_kept_secret, secured};

const NUMBER: &str = "+31612340987";
const CODE: &str = "blauwe7ganzen";

/// What a row is about; `Row::default()` asks for nothing and knows nothing.
#[derive(Clone, Copy, Default)]
struct Row {
    /// Switches, as `policy set` takes them.
    policy: &'static [(&'static str, &'static str)],
    /// `zivver-direct-delivery` asks for a certificate.
    direct: bool,
    /// `zivver-minimum-recipient-verification` allows an e-mailed code all the same.
    by_email: bool,
    /// What `zivver-access-right` brings.
    right: Option<&'static str>,
    /// What is on file.
    on_file: &'static [&'static str],
    /// The recipient's server proves who it is; otherwise it has no TLS.
    proven: bool,
}

const SMS: Option<&str> = Some("sms");
const ACCESS_CODE: Option<&str> = Some("access-code");
const PROVEN: Row =
    Row { policy: &[], direct: false, by_email: false, right: None, on_file: &[], proven: true };
const PLAIN: Row = Row { proven: false, ..PROVEN };
/// With `zivver-direct-delivery`.
const DIRECT: Row = Row { direct: true, ..PROVEN };
const DIRECT_PLAIN: Row = Row { direct: true, ..PLAIN };

const BOTH: &[&str] = &["number", "access-code"];
const PKIX: &[(&str, &str)] = &[("transport", "pkix")];

/// The default order.
const DEFAULT: [(&str, Row, &str); 17] = [
    ("a number in the header", Row { right: SMS, ..PROVEN }, "sent by sms"),
    (
        "a number in the header goes before transport",
        Row { policy: PKIX, right: SMS, ..PROVEN },
        "sent by sms",
    ),
    ("a code in the header", Row { right: ACCESS_CODE, ..PLAIN }, "sent by access-code"),
    (
        "a code in the header goes before a number on file",
        Row { right: ACCESS_CODE, on_file: &["number"], ..PLAIN },
        "sent by access-code",
    ),
    ("transport security", Row { policy: PKIX, ..PROVEN }, "sent by transport-security"),
    (
        "transport security goes before SMS",
        Row { policy: PKIX, on_file: BOTH, ..PROVEN },
        "sent by transport-security",
    ),
    ("transport security that is missed", Row { policy: PKIX, ..PLAIN }, "sent by email"),
    (
        "transport security that is missed, a number on file",
        Row { policy: PKIX, on_file: BOTH, ..PLAIN },
        "sent by sms",
    ),
    ("transport security that is switched off", PROVEN, "sent by email"),
    ("a number on file", Row { on_file: BOTH, ..PLAIN }, "sent by sms"),
    (
        "a number on file, SMS switched off",
        Row { policy: &[("sms", "off")], on_file: BOTH, ..PLAIN },
        "sent by access-code",
    ),
    ("a code on file", Row { on_file: &["access-code"], ..PLAIN }, "sent by access-code"),
    (
        "a code on file, access codes switched off",
        Row { policy: &[("access-code", "off")], on_file: &["access-code"], ..PLAIN },
        "sent by email",
    ),
    ("nothing", PLAIN, "sent by email"),
    ("nothing, e-mail switched off", Row { policy: &[("email", "off")], ..PLAIN }, "held"),
    (
        "a number in the header, SMS switched off",
        Row { policy: &[("sms", "off")], right: SMS, ..PLAIN },
        "held",
    ),
    (
        "a code in the header, access codes switched off, a number on file",
        Row {
            policy: &[("access-code", "off")],
            right: ACCESS_CODE,
            on_file: &["number"],
            ..PLAIN
        },
        "sent by sms",
    ),
];

/// The order with `zivver-direct-delivery`.
const WITH_DIRECT: [(&str, Row, &str); 12] = [
    ("a server that is proven", DIRECT, "sent by direct-delivery"),
    (
        "direct delivery goes before a code in the header",
        Row { right: ACCESS_CODE, ..DIRECT },
        "sent by direct-delivery",
    ),
    (
        "direct delivery goes before transport security",
        Row { policy: PKIX, ..DIRECT },
        "sent by direct-delivery",
    ),
    (
        "a server without TLS, a number in the header",
        Row { right: SMS, ..DIRECT_PLAIN },
        "sent by sms",
    ),
    (
        "a server without TLS, a code in the header",
        Row { right: ACCESS_CODE, ..DIRECT_PLAIN },
        "sent by access-code",
    ),
    (
        "a server without TLS, a number on file",
        Row { on_file: BOTH, ..DIRECT_PLAIN },
        "sent by sms",
    ),
    (
        "a server without TLS, a code on file",
        Row { on_file: &["access-code"], ..DIRECT_PLAIN },
        "sent by access-code",
    ),
    ("a server without TLS, and nothing", DIRECT_PLAIN, "failed"),
    (
        "a server without TLS, e-mail allowed by the message",
        Row { by_email: true, ..DIRECT_PLAIN },
        "sent by email",
    ),
    (
        "a server without TLS, e-mail allowed by the message and not by the organisation",
        Row { by_email: true, policy: &[("email", "off")], ..DIRECT_PLAIN },
        "held",
    ),
    (
        "direct delivery switched off, a server that is proven",
        Row { policy: &[("direct", "off")], ..DIRECT },
        "sent by email",
    ),
    (
        "a weaker level of the organisation does not lower the message's minimum",
        Row { policy: &[("transport", "tls")], ..DIRECT_PLAIN },
        "failed",
    ),
];

async fn check(lab: &Lab, number: usize, (name, row, expected): &(&str, Row, &str)) {
    let domain = if row.proven { "good.test" } else { "plain.test" };
    let recipient = format!("row{number}@{domain}");
    for (switch, value) in row.policy {
        lab.relay.command(&["policy", "set", switch, value]);
    }
    for kind in row.on_file {
        let factor = if *kind == "number" { NUMBER } else { CODE };
        lab.relay.told(&["contact", "set", &recipient, &format!("--{kind}")], factor);
    }
    let mut letter = secured().to(&recipient);
    if row.direct {
        letter = letter.header(CERTIFIED.0, CERTIFIED.1);
    }
    if row.by_email {
        letter = letter.header(BY_EMAIL.0, BY_EMAIL.1);
    }
    if let Some(kind) = row.right {
        let factor = if kind == "sms" { NUMBER } else { CODE };
        letter = letter.header("zivver-access-right", &format!("{recipient} {kind} {factor}"));
    }
    lab.send(&letter).await;
    let settled = ["sent by ", "state       held", "state       failed"];
    let record = until(&format!("{name}: the record to be settled"), || {
        let record = lab.relay.delivery(&recipient);
        settled.iter().any(|state| record.contains(state)).then_some(record)
    })
    .await;
    assert!(record.contains(expected), "{name}: not {expected}: {record}");
    for (switch, _) in row.policy {
        lab.relay.command(&["policy", "set", switch, "configured"]);
    }
}

async fn check_all(rows: &[(&str, Row, &str)]) {
    let lab = Lab::start(Setup { texts: true, ..Setup::default() }).await;
    let good = lab.sink("good.test", Some(Kind::Good));
    let plain = lab.sink("plain.test", None);
    for (number, row) in rows.iter().enumerate() {
        check(&lab, number, row).await;
    }
    assert_kept_secret(&plain);
    // What was not delivered directly came there as a notification, or not at all.
    for (number, (name, _, expected)) in rows.iter().enumerate() {
        let recipient = format!("row{number}@good.test");
        let direct = ["sent by direct-delivery", "sent by transport-security"].contains(expected);
        let whole = |mail: &zegel_tests::mailbox::Arrival| {
            mail.recipient == recipient && mail.text().contains(crate::TEXT)
        };
        assert_eq!(good.arrivals().iter().any(whole), direct, "{name}");
    }
}

#[tokio::test]
async fn every_row_of_the_default_order_holds_with_and_without_each_method() {
    check_all(&DEFAULT).await;
}

#[tokio::test]
async fn every_row_of_the_order_with_direct_delivery_holds_with_and_without_each_method() {
    check_all(&WITH_DIRECT).await;
}
