//! MAIL FROM and RCPT TO with the parameters that the server offers to understand.

use std::fmt::Write as _;

use zegel_core::address::Address;
use zegel_core::envelope::{Notify, Recipient};
use zegel_core::transport::{Authentic, Floor, Seen};

use super::Mail;
use super::reply::Reply;

/// RFC 3461, section 4.4.
const ENVELOPE_ID_MAX: usize = 100;

/// RFC 3461, section 4.2.
const ORIGINAL_RECIPIENT_MAX: usize = 500;

/// An extension that we use.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Extension {
    StartTls,
    Pipelining,
    EightBitMime,
    SmtpUtf8,
    Dsn,
    RequireTls,
}

/// What a server offers, of that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offers(Vec<Extension>);

impl Offers {
    /// Reads a positive reply to EHLO.
    pub(super) fn read(reply: &Reply) -> Self {
        let keywords = reply.extensions().filter_map(|line| line.split_ascii_whitespace().next());
        Self(keywords.filter_map(Extension::named).collect())
    }

    pub(super) fn has(&self, extension: Extension) -> bool {
        self.0.contains(&extension)
    }
}

impl Extension {
    fn named(keyword: &str) -> Option<Self> {
        match keyword.to_ascii_uppercase().as_str() {
            "STARTTLS" => Some(Self::StartTls),
            "PIPELINING" => Some(Self::Pipelining),
            "8BITMIME" => Some(Self::EightBitMime),
            "SMTPUTF8" => Some(Self::SmtpUtf8),
            "DSN" => Some(Self::Dsn),
            "REQUIRETLS" => Some(Self::RequireTls),
            _ => None,
        }
    }
}

/// Whether an address of the envelope has characters beyond ASCII, so that only a server with SMTPUTF8 can take it.
pub(super) fn needs_smtputf8(mail: &Mail<'_>) -> bool {
    !mail.sender.is_none_or(Address::is_ascii) || !mail.recipient.address.is_ascii()
}

/// A server without 8BITMIME gets the content as it is, too: converting it would break its signatures, and there is
/// hardly a server left that minds.
pub(super) fn mail_from(mail: &Mail<'_>, offers: &Offers, seen: &Seen) -> String {
    let mut command = match mail.sender {
        Some(sender) => format!("MAIL FROM:<{sender}>"),
        None => "MAIL FROM:<>".to_owned(),
    };
    if offers.has(Extension::EightBitMime) {
        command.push_str(" BODY=8BITMIME");
    }
    if needs_smtputf8(mail) {
        command.push_str(" SMTPUTF8");
    }
    if offers.has(Extension::RequireTls) && requires_tls(mail, seen) {
        command.push_str(" REQUIRETLS");
    }
    if offers.has(Extension::Dsn) {
        // A bounce must not carry content back, whoever writes it.
        command.push_str(" RET=HDRS");
        if let Some(id) =
            mail.envelope_id.map(xtext).filter(|id| (1..=ENVELOPE_ID_MAX).contains(&id.len()))
        {
            let _ = write!(command, " ENVID={id}");
        }
    }
    command
}

/// Whether the servers behind this one are to pass the mail on over proven TLS alone, or return it (RFC 8689, section 4.2.1). A
/// client may only ask for it on a connection that proves whom it leads to. A floor that encryption alone meets asks less of
/// this very connection, and so does not ask more of those that follow.
fn requires_tls(mail: &Mail<'_>, seen: &Seen) -> bool {
    let proven = Floor::Pkix.check(seen).is_ok() && seen.authentic != Some(Authentic::Waived);
    mail.floor >= Some(Floor::Pkix) && proven
}

pub(super) fn rcpt_to(recipient: &Recipient, offers: &Offers) -> String {
    let mut command = format!("RCPT TO:<{}>", recipient.address);
    if !offers.has(Extension::Dsn) {
        return command;
    }
    if recipient.notify != Notify::DEFAULT {
        let _ = write!(command, " NOTIFY={}", notify(recipient.notify));
    }
    if let Some(original) = recipient.original.as_deref().and_then(original_recipient) {
        let _ = write!(command, " ORCPT={original}");
    }
    command
}

fn notify(notify: Notify) -> String {
    let wanted =
        [(notify.success, "SUCCESS"), (notify.failure, "FAILURE"), (notify.delay, "DELAY")];
    let words: Vec<_> =
        wanted.into_iter().filter_map(|(wanted, word)| wanted.then_some(word)).collect();
    if words.is_empty() { "NEVER".to_owned() } else { words.join(",") }
}

/// ORCPT's value; `None` when it has no `type;` or would be too long, as it is only a courtesy.
fn original_recipient(original: &str) -> Option<String> {
    let (kind, address) = original.split_once(';')?;
    let is_atom = !kind.is_empty()
        && kind.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
    let value = format!("{kind};{}", xtext(address));
    (is_atom && address.is_ascii() && value.len() <= ORIGINAL_RECIPIENT_MAX).then_some(value)
}

/// RFC 3461, section 4.
fn xtext(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, octet| {
        match octet {
            b'+' | b'=' | ..=b' ' | 0x7f.. => {
                let _ = write!(out, "+{octet:02X}");
            }
            _ => out.push(char::from(octet)),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use zegel_core::moment::Moment;
    use zegel_core::transport::{Certificate, Rule, Tls, TlsVersion};

    use super::super::Way;
    use super::*;

    const ALL: &str =
        "250-mx\r\n250-starttls\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250 PIPELINING x\r\n";
    const NONE: &str = "250 mx STARTTLS 8BITMIME DSN\r\n";

    fn offers(reply: &str) -> Offers {
        Offers::read(&Reply::parse(reply.as_bytes()).unwrap().unwrap().0)
    }

    fn mail_to<'a>(
        sender: Option<&'a Address>,
        recipient: &'a Recipient,
        floor: Option<Floor>,
    ) -> Mail<'a> {
        Mail { sender, recipient, envelope_id: None, floor, way: Way::Usual }
    }

    /// A connection with TLS.
    fn seen(certificate: Certificate, authentic: Option<Authentic>) -> Seen {
        let tls = Tls {
            version: TlsVersion::V1_3,
            cipher: String::new(),
            group: None,
            fingerprint: String::new(),
            name: None,
        };
        let host = "mx.example.nl".to_owned();
        let (rule, floor) = (Rule::Nobody, None);
        let (tls, address, port) = (Some(tls), None, None);
        Seen { host, address, port, tls, certificate, authentic, rule, floor, at: Moment(0) }
    }

    fn recipient(address: &str, notify: Notify, original: Option<&str>) -> Recipient {
        Recipient {
            address: address.parse().unwrap(),
            notify,
            original: original.map(str::to_owned),
        }
    }

    /// Checks both commands for a mail from `a@example.nl`.
    #[track_caller]
    fn check(ehlo: &str, id: Option<&str>, recipient: &Recipient, mail: &str, rcpt: &str) {
        let sender: Address = "a@example.nl".parse().unwrap();
        let envelope = Mail { envelope_id: id, ..mail_to(Some(&sender), recipient, None) };
        assert_eq!(mail_from(&envelope, &offers(ehlo), &seen(Certificate::Valid, None)), mail);
        assert_eq!(rcpt_to(recipient, &offers(ehlo)), rcpt);
    }

    #[test]
    fn parameters_are_only_given_to_a_server_that_offers_them() {
        let to = recipient("b@example.nl", Notify::NEVER, Some("rfc822;c+d@example.nl"));
        check(NONE, Some("id"), &to, "MAIL FROM:<a@example.nl>", "RCPT TO:<b@example.nl>");
        check(
            ALL,
            Some("i=d +1"),
            &to,
            "MAIL FROM:<a@example.nl> BODY=8BITMIME RET=HDRS ENVID=i+3Dd+20+2B1",
            "RCPT TO:<b@example.nl> NOTIFY=NEVER ORCPT=rfc822;c+2Bd@example.nl",
        );
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let to = recipient("b@example.nl", Notify::DEFAULT, Some("no type"));
        let long = "x".repeat(ENVELOPE_ID_MAX + 1);
        check(
            ALL,
            Some(&long),
            &to,
            "MAIL FROM:<a@example.nl> BODY=8BITMIME RET=HDRS",
            "RCPT TO:<b@example.nl>",
        );
    }

    #[test]
    fn an_address_beyond_ascii_asks_for_smtputf8() {
        let to = recipient("jürgen@example.nl", Notify { success: true, ..Notify::NEVER }, None);
        let rcpt = "RCPT TO:<jürgen@example.nl> NOTIFY=SUCCESS";
        check(ALL, None, &to, "MAIL FROM:<a@example.nl> BODY=8BITMIME SMTPUTF8 RET=HDRS", rcpt);
    }

    #[test]
    fn the_null_sender_is_empty() {
        let to = recipient("b@example.nl", Notify::DEFAULT, None);
        let mail = mail_to(None, &to, None);
        let seen = seen(Certificate::None, None);
        assert_eq!(mail_from(&mail, &offers(NONE), &seen), "MAIL FROM:<>");
    }

    #[test]
    fn the_servers_behind_must_prove_as_much_where_this_one_has_proved_who_it_is() {
        let recipient = recipient("b@example.nl", Notify::DEFAULT, None);
        let dnssec = Some(Authentic::Dnssec);
        for (floor, certificate, authentic, asked) in [
            (Some(Floor::Pkix), Certificate::Valid, dnssec, true),
            (Some(Floor::Dane), Certificate::DaneValid, dnssec, true),
            (Some(Floor::Pkix), Certificate::Valid, Some(Authentic::Waived), false),
            (Some(Floor::Tls), Certificate::Valid, dnssec, false),
            (None, Certificate::DaneValid, dnssec, false),
        ] {
            let mail = mail_to(None, &recipient, floor);
            let seen = seen(certificate, authentic);
            for (ehlo, offered) in [("250-mx\r\n250 REQUIRETLS\r\n", true), (NONE, false)] {
                let said = mail_from(&mail, &offers(ehlo), &seen);
                let expected = if asked && offered { " REQUIRETLS" } else { "" };
                assert_eq!(said, format!("MAIL FROM:<>{expected}"), "{floor:?} {seen:?}");
            }
        }
    }
}
