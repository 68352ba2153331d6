//! Recipients on the way to the relay, for mail servers that route by recipient and by nothing else: `user@domain` becomes
//! `z1-<code>-user=40domain@zegel.invalid`, and is turned back by the relay before it does anything else.
//!
//! The code is a keyed one (HMAC-SHA256, RFC 2104, cut to 80 bits: it cannot be tried out faster than mail is taken), so that
//! nobody outside can write such an address. Mail servers may change the case of a local part; it does not count.
//!
//! The sender goes the same way, as `z1-<code>-user=40domain@report.zegel.invalid`: what the mail server itself has to report
//! is then written to an address of ours, and comes by [`crate::returned`] before a person reads it.
//!
//! `.invalid` is a name that never exists (RFC 2606, section 2): an address that gets lost goes nowhere.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::marker::Key;

/// The domain that the mail server hands to the relay.
pub const DOMAIN: &str = "zegel.invalid";

/// The domain that the mail server writes its own reports to.
pub const REPORTS: &str = "report.zegel.invalid";

/// What a local part of ours begins with. Another scheme would have another number.
const PREFIX: &str = "z1-";

/// Octets of the code, and its characters.
const CODE_LENGTH: usize = 10;
const CODE_DIGITS: usize = 2 * CODE_LENGTH;

/// Octets of an address: RFC 5321, section 4.5.3.1.3, a path without its brackets. Sendmail has a limit of its own close by.
const ADDRESS_MAX: usize = 254;

/// Why an address is not turned into another.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    #[error("the address of the sender or of a recipient is too long to be rerouted")]
    TooLong,
    #[error("an address in {DOMAIN} that was not made here")]
    Forged,
}

/// Which address of the envelope. The code of one is none of the other.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum End {
    Recipient,
    Sender,
}

impl End {
    fn domain(self) -> &'static str {
        match self {
            Self::Recipient => DOMAIN,
            Self::Sender => REPORTS,
        }
    }

    /// What the code is made for.
    fn purpose(self) -> &'static [u8] {
        match self {
            Self::Recipient => b"route 1\n",
            Self::Sender => b"report 1\n",
        }
    }
}

/// The address under which a recipient goes to the relay. `recipient` is as the mail server has it, without angle brackets.
pub fn encode(key: &Key, recipient: &str) -> Result<String, RouteError> {
    write(key, End::Recipient, recipient)
}

/// The recipient inside such an address; none where it is any other.
pub fn decode(key: &Key, address: &str) -> Result<Option<String>, RouteError> {
    read(key, End::Recipient, address)
}

/// The address under which a message's sender goes to the relay.
pub fn encode_sender(key: &Key, sender: &str) -> Result<String, RouteError> {
    write(key, End::Sender, sender)
}

/// The sender inside such an address; none where it is any other.
pub fn decode_sender(key: &Key, address: &str) -> Result<Option<String>, RouteError> {
    read(key, End::Sender, address)
}

/// Whether an address is in the relay's pseudo-domains. None that comes from a client may be.
pub fn is_placeholder(address: &str) -> bool {
    let domain = address.rsplit_once('@').map(|(_, domain)| domain.trim_end_matches('.'));
    domain.is_some_and(|domain| {
        [DOMAIN, REPORTS].iter().any(|ours| domain.eq_ignore_ascii_case(ours))
    })
}

/// What stands for an address that cannot be read.
const UNREADABLE: &str = "(an address)";

/// What stands for our domains where they are part of no address.
const RELAY: &str = "relay";

/// Puts into a text the addresses that the placeholders in it stand for. Nothing of ours is left in it.
pub fn reveal(key: &Key, text: &str) -> String {
    let mut revealed = String::new();
    let mut rest = text;
    while let Some((before, ours, after)) = next_domain(rest) {
        let local_length = before
            .strip_suffix('@')
            .map(|local| local.len() - local.trim_end_matches(is_of_placeholder).len());
        let (plain, address) = match local_length {
            Some(length) => before.split_at(before.len() - length - 1),
            None => (before, ""),
        };
        revealed.push_str(plain);
        let address = format!("{address}{ours}");
        let inside = [End::Recipient, End::Sender]
            .into_iter()
            .find_map(|end| read(key, end, &address).ok().flatten());
        let unknown = if local_length.is_some() { UNREADABLE } else { RELAY };
        revealed.push_str(inside.as_deref().unwrap_or(unknown));
        rest = after;
    }
    revealed + rest
}

/// The text before the first of our domains, that domain, and the text behind it.
fn next_domain(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.to_ascii_lowercase().find(DOMAIN)?;
    let (before, rest) = text.split_at_checked(start)?;
    let (_, after) = rest.split_at_checked(DOMAIN.len())?;
    let prefix = REPORTS.len() - DOMAIN.len();
    let is_reports = before
        .len()
        .checked_sub(prefix)
        .and_then(|at| text.get(at..start))
        .is_some_and(|label| label.eq_ignore_ascii_case("report."));
    let start = if is_reports { start - prefix } else { start };
    let before = text.get(..start)?;
    Some((before, text.get(start..text.len() - after.len())?, after))
}

fn is_of_placeholder(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '=' | '-' | '_' | '.')
}

fn write(key: &Key, end: End, address: &str) -> Result<String, RouteError> {
    let payload = escape(address);
    let code = hex(&mac(key, end, &payload).finalize().into_bytes());
    let code = code.get(..CODE_DIGITS).unwrap_or_default();
    let address = format!("{PREFIX}{code}-{payload}@{}", end.domain());
    if address.len() > ADDRESS_MAX { Err(RouteError::TooLong) } else { Ok(address) }
}

fn read(key: &Key, end: End, address: &str) -> Result<Option<String>, RouteError> {
    if !is_placeholder(address) {
        return Ok(None);
    }
    let inside = || {
        let (local, domain) = address.rsplit_once('@')?;
        let (start, rest) = local.split_at_checked(PREFIX.len())?;
        let (code, payload) = rest.split_once('-')?;
        let code = unhex(code).filter(|code| code.len() == CODE_LENGTH)?;
        // In constant time.
        mac(key, end, payload).verify_truncated_left(&code).ok()?;
        let is_ours = start.eq_ignore_ascii_case(PREFIX)
            && domain.trim_end_matches('.').eq_ignore_ascii_case(end.domain());
        is_ours.then(|| unescape(payload))?
    };
    inside().map(Some).ok_or(RouteError::Forged)
}

fn mac(key: &Key, end: End, payload: &str) -> Hmac<Sha256> {
    // HMAC takes a key of any length: the error cannot happen, and an empty key would only prove nothing.
    let mut mac = Hmac::<Sha256>::new_from_slice(key.octets())
        .unwrap_or_else(|_| Hmac::new(&hmac::digest::Key::<Hmac<Sha256>>::default()));
    mac.update(end.purpose());
    mac.update(payload.to_ascii_lowercase().as_bytes());
    mac
}

/// Writes as `=XX` every octet that some mail server gives a meaning, and dots where an atom would be empty.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for octet in text.bytes() {
        match octet {
            b'.' if !escaped.is_empty() && !escaped.ends_with('.') => escaped.push('.'),
            b'-' | b'_' => escaped.push(char::from(octet)),
            _ if octet.is_ascii_alphanumeric() => escaped.push(char::from(octet)),
            _ => {
                escaped.push('=');
                escaped.push_str(&hex(&[octet]));
            }
        }
    }
    if escaped.ends_with('.') {
        escaped.pop();
        escaped.push_str("=2e");
    }
    escaped
}

fn unescape(text: &str) -> Option<String> {
    let mut octets = Vec::new();
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('=') {
        let (digits, after) = after.split_at_checked(2)?;
        octets.extend_from_slice(plain.as_bytes());
        octets.extend(unhex(digits)?);
        rest = after;
    }
    octets.extend_from_slice(rest.as_bytes());
    String::from_utf8(octets).ok()
}

fn hex(octets: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16);
    octets.iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 15)]).flatten().collect()
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let value =
        |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let octets = pairs.iter().map(|[high, low]| Some(value(*high)? << 4 | value(*low)?));
    rest.is_empty().then(|| octets.collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(octet: u8) -> Key {
        Key::new(&[octet; 32]).unwrap()
    }

    /// An address comes back, is routed, and has nothing in it that a mail server would read otherwise.
    #[track_caller]
    fn check(recipient: &str) {
        let address = encode(&key(1), recipient).unwrap();
        assert!(is_placeholder(&address), "{address}");
        let local = address.strip_suffix("@zegel.invalid").unwrap();
        let plain = |c: char| c.is_ascii_alphanumeric() || "=-_.".contains(c);
        assert!(
            local.chars().all(plain) && local.split('.').all(|atom| !atom.is_empty()),
            "{address}"
        );
        assert_eq!(decode(&key(1), &address).unwrap().as_deref(), Some(recipient), "{address}");
        assert_eq!(decode(&key(2), &address), Err(RouteError::Forged), "{address}");
    }

    #[test]
    fn every_address_comes_back_and_with_another_key_none() {
        for recipient in [
            "piet@zorg.example",
            "Piet.Jansen+x@Zorg.Example",
            "\"piet jansen\"@zorg.example",
            "\"a..b.\"@zorg.example",
            ".a.@zorg.example",
            "a%b!c@[192.0.2.1]",
            "jos\u{e9}@b\u{fc}cher.example",
            "root",
            "",
            "=40-=",
        ] {
            check(recipient);
        }
        for octet in 0..=127_u8 {
            check(&format!("a{}b@zorg.example", char::from(octet)));
        }
    }

    #[test]
    fn the_form_is_what_the_relay_and_the_administrator_know() {
        let address = encode(&key(1), "piet@zorg.example").unwrap();
        let (start, rest) = address.split_at(PREFIX.len() + CODE_DIGITS);
        assert!(start.starts_with("z1-"));
        assert_eq!(rest, "-piet=40zorg.example@zegel.invalid");
    }

    #[test]
    fn a_change_of_case_on_the_way_does_no_harm() {
        let address = encode(&key(1), "piet@zorg.example").unwrap().to_uppercase();
        let back = decode(&key(1), &address).unwrap().unwrap();
        assert_eq!(back.to_lowercase(), "piet@zorg.example");
        assert_eq!(decode(&key(1), &format!("{address}.")).unwrap(), Some(back));
    }

    #[test]
    fn what_was_not_made_here_is_refused_and_what_is_elsewhere_left_alone() {
        let address = encode(&key(1), "piet@zorg.example").unwrap();
        for forged in [
            address.replace("piet", "eve"),
            address.replace("=40", "=41"),
            address.replacen("z1-", "z2-", 1),
            address.replacen("z1-", "z1-00", 1),
            "z1--@zegel.invalid".to_owned(),
            "z1-00-piet=40zorg.example@zegel.invalid".to_owned(),
            "piet=zorg.example@zegel.invalid".to_owned(),
            "@zegel.invalid".to_owned(),
            "\u{e9}\u{e9}\u{e9}@ZEGEL.invalid".to_owned(),
        ] {
            assert_eq!(decode(&key(1), &forged), Err(RouteError::Forged), "{forged}");
        }
        for other in ["piet@zorg.example", "piet@notzegel.invalid", "piet", ""] {
            assert_eq!(decode(&key(1), other), Ok(None), "{other}");
        }
    }

    #[test]
    fn what_would_be_too_long_is_said_to_be() {
        let long = format!("{}@{}.example", "x".repeat(64), "y.".repeat(70));
        assert_eq!(encode(&key(1), &long), Err(RouteError::TooLong));
    }

    #[test]
    fn a_sender_comes_back_as_a_sender_and_as_nothing_else() {
        let sender = encode_sender(&key(1), "Jan.de.Vries+x@Gemeente.example").unwrap();
        assert!(is_placeholder(&sender) && sender.ends_with("@report.zegel.invalid"), "{sender}");
        let back = decode_sender(&key(1), &sender).unwrap();
        assert_eq!(back.as_deref(), Some("Jan.de.Vries+x@Gemeente.example"));
        let recipient = encode(&key(1), "Jan.de.Vries+x@Gemeente.example").unwrap();
        let swapped = recipient.replace("@zegel", "@report.zegel");
        for forged in [&recipient, &swapped] {
            assert_eq!(decode_sender(&key(1), forged), Err(RouteError::Forged), "{forged}");
        }
        for forged in [&sender, &sender.replace("@report.", "@")] {
            assert_eq!(decode(&key(1), forged), Err(RouteError::Forged), "{forged}");
        }
        assert_eq!(decode_sender(&key(1), "jan@gemeente.example"), Ok(None));
    }

    #[track_caller]
    fn check_revealed(text: &str, want: &str) {
        assert_eq!(reveal(&key(1), text), want, "{text}");
    }

    #[test]
    fn a_text_shows_the_addresses_and_nothing_of_ours() {
        let piet = encode(&key(1), "piet@zorg.example").unwrap();
        let jan = encode_sender(&key(1), "jan@gemeente.example").unwrap();
        let upper = piet.to_uppercase();
        check_revealed("", "");
        check_revealed("caf\u{e9}: nothing", "caf\u{e9}: nothing");
        check_revealed(
            &format!("<{piet}>... Deferred\n>>> MAIL From:<{jan}> SIZE=1\n"),
            "<piet@zorg.example>... Deferred\n>>> MAIL From:<jan@gemeente.example> SIZE=1\n",
        );
        check_revealed(&format!("rfc822; {upper}"), "rfc822; PIET@ZORG.EXAMPLE");
        check_revealed(&format!("{piet},{piet}."), "piet@zorg.example,piet@zorg.example.");
        check_revealed(
            "<z1-00-x@Zegel.Invalid> at REPORT.zegel.invalid.",
            "<(an address)> at relay.",
        );
        check_revealed("@zegel.invalid zegel.invalid", "(an address) relay");
    }
}
