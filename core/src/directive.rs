//! What the `zivver-*` headers ask for (product.md, section 4). Strict: a malformed header refuses the message,
//! it never falls through to something weaker.

mod duration;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::access::AccessCode;
use crate::address::Address;
use crate::message::Head;
use crate::phone::{Number, Unfit};
use crate::secret::Secret;
use crate::text::unfold;
use crate::transport::Floor;

/// All directives of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wishes {
    /// `zivver-direct-delivery`: the header's minimum, or the strictest of several.
    pub direct: Option<Floor>,
    /// `zivver-access-right`, one per recipient at most.
    pub rights: BTreeMap<Address, AccessRight>,
    /// `zivver-minimum-recipient-verification: verification-email`, exactly.
    pub email_fallback: bool,
    /// `zivver-message-expiration`, once at most.
    pub expiration: Option<Expiration>,
    /// Recipients for whom the sender, who was asked, has allowed a code by e-mail. No header says so.
    #[serde(default)]
    pub email_allowed: BTreeSet<Address>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccessRight {
    /// A [`Number`].
    Sms(Secret),
    /// As [`AccessCode`] reads it; it is never stored.
    AccessCode(Secret),
    /// What is stored of one: its hash, with all that is needed to make it again.
    HashedCode(Secret),
}

/// `zivver-message-expiration`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiration {
    pub after_seconds: u64,
    pub what: Expire,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expire {
    /// `delete`: for everyone.
    Delete,
    /// `revoke`: for the recipients only.
    Revoke,
}

/// A directive that cannot be followed. It names the header and the fault, never the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{header}: {why}")]
pub struct DirectiveError {
    pub header: &'static str,
    pub why: String,
}

const ACCESS_RIGHT: &str = "zivver-access-right";
const DIRECT_DELIVERY: &str = "zivver-direct-delivery";
const MINIMUM_VERIFICATION: &str = "zivver-minimum-recipient-verification";
const EXPIRATION: &str = "zivver-message-expiration";

/// Reads all directives of a message for the recipients of its envelope. A right for someone in To or Cc who is not
/// in the envelope is kept and does nothing; one for anybody else is an error.
pub fn read(head: &Head<'_>, recipients: &[Address]) -> Result<Wishes, DirectiveError> {
    Ok(Wishes {
        direct: head
            .named(DIRECT_DELIVERY)
            .map(|field| demand(field.value).unwrap_or(Floor::Impossible))
            .max(),
        rights: access_rights(head, recipients)?,
        email_fallback: permits_email(head),
        expiration: expiration(head)?,
        email_allowed: BTreeSet::new(),
    })
}

/// Whether a header is one of ours, or steers transport security: read at most once, and never let out
/// (`zivver-*`, `x-zegel-*`, `tls-required`).
pub fn is_control(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("zivver-") || name.starts_with("x-zegel-") || name == "tls-required"
}

/// The value in printable ASCII, trimmed. A control header has no encoded-words and no other charset: what one program
/// decodes and another does not is no place for a phone number.
fn plain(value: &[u8]) -> Option<String> {
    let text = unfold(value);
    let is_plain = text.bytes().all(|octet| matches!(octet, b'\t' | b' '..=b'~'));
    is_plain.then(|| text.trim_ascii().to_owned())
}

fn access_rights(
    head: &Head<'_>,
    recipients: &[Address],
) -> Result<BTreeMap<Address, AccessRight>, DirectiveError> {
    // A mail server may split one message into several transactions: an addressee of another one is no mistake.
    let known: BTreeSet<Address> = match head.named(ACCESS_RIGHT).next() {
        Some(_) => recipients.iter().cloned().chain(head.addressees()).collect(),
        None => return Ok(BTreeMap::new()),
    };
    let mut rights = BTreeMap::new();
    for (index, field) in head.named(ACCESS_RIGHT).enumerate() {
        let fault = match access_right(field.value) {
            Ok((address, _)) if !known.contains(&address) => {
                "the address is not a recipient of the message"
            }
            Ok((address, _)) if rights.contains_key(&address) => {
                "the recipient already has an access right"
            }
            Ok((address, right)) => {
                rights.insert(address, right);
                continue;
            }
            Err(fault) => fault,
        };
        let why = format!("{fault} (header {} of this name)", index + 1);
        return Err(DirectiveError { header: ACCESS_RIGHT, why });
    }
    Ok(rights)
}

/// `address sms number` or `address sharedAccessCode code`.
fn access_right(value: &[u8]) -> Result<(Address, AccessRight), &'static str> {
    let text = plain(value).ok_or("the value is not plain ASCII")?;
    let (address, rest) = split_word(&text);
    let (keyword, factor) = split_word(rest);
    if address.is_empty() {
        return Err("the value is empty");
    }
    let address = address.parse().map_err(|_| "the value does not start with an address")?;
    let right = match keyword.to_ascii_lowercase().as_str() {
        "sms" => AccessRight::Sms(Number::parse(factor).map_err(Unfit::why)?.secret().clone()),
        "sharedaccesscode" | "access-code" => access_code(factor)?,
        "" => return Err("the keyword is missing: sms or access-code must follow the address"),
        _ => return Err("the keyword is unknown: sms or access-code must follow the address"),
    };
    Ok((address, right))
}

/// The first word and what follows it, trimmed.
fn split_word(text: &str) -> (&str, &str) {
    text.split_once([' ', '\t']).map_or((text, ""), |(word, rest)| (word, rest.trim_ascii_start()))
}

/// Spaces may stand in it, as the sender wrote them; a tab may not, for nobody can type it into a form.
fn access_code(factor: &str) -> Result<AccessRight, &'static str> {
    let code = AccessCode::parse(factor).ok().filter(|_| !factor.contains(char::is_control));
    let code = code.ok_or(
        "the access code must have 6 to 64 characters, not counting spaces, hyphens and dots",
    )?;
    Ok(AccessRight::AccessCode(code.secret().clone()))
}

/// The minimum that a direct-delivery header asks for, in pairs `tls tls1.2` or `tls=tls1.2`. `None` when any part of
/// it is unknown, or when it asks for nothing: then no connection can be known to meet it.
fn demand(value: &[u8]) -> Option<Floor> {
    let text = plain(value)?.to_ascii_lowercase();
    let mut words = text.split_ascii_whitespace();
    let mut floor = None;
    while let Some(word) = words.next() {
        let (key, demanded) = match word.split_once('=') {
            Some(pair) => pair,
            None => (word, words.next()?),
        };
        floor = floor.max(Some(match (key, demanded) {
            ("tls", "tls1.2") => Floor::Tls,
            ("auth", "certificate-validation") => Floor::Pkix,
            _ => return None,
        }));
    }
    floor
}

/// Only this value, as it is written here, and in every header of the name.
fn permits_email(head: &Head<'_>) -> bool {
    let mut fields = head.named(MINIMUM_VERIFICATION).peekable();
    fields.peek().is_some()
        && fields.all(|field| plain(field.value).as_deref() == Some("verification-email"))
}

fn expiration(head: &Head<'_>) -> Result<Option<Expiration>, DirectiveError> {
    let error = |why: &str| DirectiveError { header: EXPIRATION, why: why.to_owned() };
    let mut fields = head.named(EXPIRATION);
    let Some(field) = fields.next() else { return Ok(None) };
    if fields.next().is_some() {
        return Err(error("the header stands there more than once"));
    }
    let text = plain(field.value).ok_or_else(|| error("the value is not plain ASCII"))?;
    let (keyword, duration) = split_word(&text);
    let what = match keyword.to_ascii_lowercase().as_str() {
        "delete" => Expire::Delete,
        "revoke" => Expire::Revoke,
        "" => return Err(error("the value is empty")),
        _ => return Err(error("the keyword is unknown: delete or revoke must come first")),
    };
    let after_seconds = duration::seconds(duration).ok_or_else(|| {
        error("an ISO 8601 duration such as P30D must follow the keyword, of 100 years at most")
    })?;
    Ok(Some(Expiration { after_seconds, what }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECIPIENTS: [&str; 2] = ["jan@example.org", "piet@example.org"];

    fn wishes(headers: &str) -> Result<Wishes, DirectiveError> {
        let head = Head::parse(headers.as_bytes()).unwrap();
        read(&head, &RECIPIENTS.map(|address| address.parse().unwrap()))
    }

    /// The headers must be refused for a reason that has `why` in it and nothing of the values.
    #[track_caller]
    fn check_refused(headers: &str, why: &str) {
        let error = wishes(headers).expect_err(headers).to_string();
        assert!(error.contains(why), "{headers:?}: {error}");
        let is_secret =
            |word: &&str| word.contains('@') || word.bytes().filter(u8::is_ascii_digit).count() > 2;
        for secret in headers.split_ascii_whitespace().filter(is_secret) {
            assert!(!error.contains(secret), "{headers:?}: {error}");
        }
    }

    #[track_caller]
    fn check_right(value: &str, right: &AccessRight) {
        let wishes = wishes(&format!("Zivver-Access-Right: {value}\r\n")).expect(value);
        assert_eq!(
            wishes.rights,
            BTreeMap::from([("jan@example.org".parse().unwrap(), right.clone())]),
            "{value:?}"
        );
    }

    #[track_caller]
    fn check_direct(headers: &str, floor: Option<Floor>) {
        assert_eq!(wishes(headers).unwrap().direct, floor, "{headers:?}");
    }

    #[track_caller]
    fn check_email(headers: &str, permitted: bool) {
        assert_eq!(wishes(headers).unwrap().email_fallback, permitted, "{headers:?}");
    }

    #[test]
    fn an_access_right_gives_a_number_or_a_code() {
        let sms = AccessRight::Sms(Secret::new("+31612345678"));
        let code = AccessRight::AccessCode(Secret::new("135789"));
        check_right("jan@example.org sms +31612345678", &sms);
        check_right("JAN@example.ORG \t SMS\r\n  +31612345678 ", &sms);
        check_right("jan@example.org sharedAccessCode 135789", &code);
        check_right("jan@example.org SHAREDACCESSCODE 135789", &code);
        check_right("jan@example.org access-code 135789", &code);
        check_right(
            "jan@example.org access-code Een twee-3",
            &AccessRight::AccessCode(Secret::new("eentwee3")),
        );
    }

    #[test]
    fn each_recipient_has_a_right_of_their_own() {
        let both = wishes(
            "zivver-access-right: jan@example.org sms +31612345678\r\n\
             zivver-access-right: piet@example.org access-code 135789\r\n",
        )
        .unwrap();
        assert_eq!(both.rights.len(), 2);
        assert!(!format!("{both:?}").contains("135789") && !format!("{both:?}").contains("316"));
        let jan = "zivver-access-right: jan@example.org sms +31612345678\r\n";
        check_refused(
            &format!("{jan}{jan}"),
            "already has an access right (header 2 of this name)",
        );
    }

    #[test]
    fn an_addressee_of_a_split_transaction_may_have_a_right() {
        let els = "zivver-access-right: els@example.org sms +31612345678\r\n";
        check_refused(els, "not a recipient");
        assert_eq!(wishes(&format!("Cc: Els <els@example.org>\r\n{els}")).unwrap().rights.len(), 1);
    }

    #[test]
    fn a_malformed_access_right_refuses_the_message_and_keeps_its_secrets() {
        for (value, why) in [
            ("", "empty"),
            ("jan@example.org", "keyword is missing"),
            ("jan@example.org fax +31612345678", "keyword is unknown"),
            ("jan@example.org +31612345678", "keyword is unknown"),
            ("sms +31612345678", "start with an address"),
            ("<jan@example.org> sms +31612345678", "start with an address"),
            ("eve@example.org sms +31612345678", "not a recipient"),
            ("jan@example.org sms", "phone number"),
            ("jan@example.org sms 0612345678", "phone number"),
            ("jan@example.org sms 31612345678", "phone number"),
            ("jan@example.org sms +31 6 12345678", "phone number"),
            ("jan@example.org sms +31-612345678", "phone number"),
            ("jan@example.org sms +0612345678", "phone number"),
            ("jan@example.org sms +1234567", "phone number"),
            ("jan@example.org sms +1234567890123456", "phone number"),
            ("jan@example.org sms +12345678", "in use in no country"),
            ("jan@example.org sms +881612345678", "in use in no country"),
            ("jan@example.org sms +31201234567", "not that of a mobile phone"),
            ("jan@example.org sms +19002345678", "not that of a mobile phone"),
            ("jan@example.org access-code", "access code"),
            ("jan@example.org access-code 12345", "access code"),
            ("jan@example.org access-code 1-2-3-4-5", "access code"),
            ("jan@example.org access-code 123\t456", "access code"),
            ("jan@example.org access-code geh\u{e9}im1", "plain ASCII"),
            ("=?utf-8?Q?jan=40example.org?= sms +31612345678", "start with an address"),
        ] {
            check_refused(&format!("zivver-access-right: {value}\r\n"), why);
        }
        check_refused(
            &format!("zivver-access-right: jan@example.org access-code {}\r\n", "1".repeat(65)),
            "access code",
        );
    }

    #[test]
    fn direct_delivery_asks_for_a_minimum_and_what_is_unknown_is_never_met() {
        check_direct("Subject: x\r\n", None);
        for (value, floor) in [
            ("tls tls1.2 auth certificate-validation", Floor::Pkix),
            ("tls=tls1.2 auth=certificate-validation", Floor::Pkix),
            ("AUTH=Certificate-Validation TLS tls1.2", Floor::Pkix),
            ("auth certificate-validation", Floor::Pkix),
            ("tls\r\n tls1.2", Floor::Tls),
            ("", Floor::Impossible),
            ("tls", Floor::Impossible),
            ("tls tls1.3", Floor::Impossible),
            ("tls tls1.2 auth", Floor::Impossible),
            ("tls tls1.2 auth dane", Floor::Impossible),
            ("tls tls1.2 dane", Floor::Impossible),
            ("tls = tls1.2", Floor::Impossible),
            ("tls tls1.2;auth certificate-validation", Floor::Impossible),
            ("=?utf-8?Q?tls_tls1.2?=", Floor::Impossible),
            ("tls tls1.2 \u{e9}", Floor::Impossible),
        ] {
            check_direct(&format!("Zivver-Direct-Delivery: {value}\r\n"), Some(floor));
        }
        let weak = "zivver-direct-delivery: tls tls1.2\r\n";
        let strong = "zivver-direct-delivery: auth certificate-validation\r\n";
        check_direct(&format!("{weak}{strong}"), Some(Floor::Pkix));
        check_direct(&format!("{strong}{weak}"), Some(Floor::Pkix));
    }

    #[test]
    fn only_the_exact_value_permits_email() {
        let name = "Zivver-Minimum-Recipient-Verification:";
        check_email("Subject: x\r\n", false);
        check_email(&format!("{name} verification-email\r\n"), true);
        for value in [
            "",
            "Verification-Email",
            "verification-emails",
            "verification-email x",
            "email",
            "sms",
        ] {
            check_email(&format!("{name} {value}\r\n"), false);
            check_email(&format!("{name} verification-email\r\n{name} {value}\r\n"), false);
        }
    }

    #[test]
    fn an_expiration_has_a_keyword_and_a_duration() {
        let expiration = |value: &str| {
            wishes(&format!("zivver-message-expiration: {value}\r\n")).unwrap().expiration
        };
        let after_seconds = 30 * 24 * 3600;
        assert_eq!(
            expiration("delete P30D"),
            Some(Expiration { after_seconds, what: Expire::Delete })
        );
        assert_eq!(
            expiration("Revoke p30d"),
            Some(Expiration { after_seconds, what: Expire::Revoke })
        );
        let header = "zivver-message-expiration: delete P30D\r\n";
        check_refused(&format!("{header}{header}"), "more than once");
        for (value, why) in [
            ("", "empty"),
            ("P30D", "keyword is unknown"),
            ("archive P30D", "keyword is unknown"),
            ("delete", "ISO 8601"),
            ("delete 2030-01-01", "ISO 8601"),
            ("delete P30D revoke", "ISO 8601"),
            ("delete P3\u{660}D", "plain ASCII"),
        ] {
            check_refused(&format!("zivver-message-expiration: {value}\r\n"), why);
        }
    }

    #[test]
    fn control_headers_are_known_by_name() {
        for name in [
            "Zivver-Access-Right",
            "zivver-anything",
            "zivver-",
            "X-ZEGEL-Would-Secure",
            "TLS-Required",
        ] {
            assert!(is_control(name), "{name}");
        }
        for name in ["Subject", "zivver", "X-Zivver-Transport", "X-Zegel", "TLS-Required-2", ""] {
            assert!(!is_control(name), "{name}");
        }
    }
}
