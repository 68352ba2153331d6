//! The keyed marker on mail that the relay itself sends: `X-Zegel-Marker: v1;t=<seconds>;m=<base64>`. It proves to the milter
//! beside it that the mail is the relay's own, which a plain header would not.
//!
//! The HMAC-SHA256 (RFC 2104) goes over the version, the time, the Message-ID and the author, so a marker says nothing about
//! another mail; the milter takes it out on the way, so nobody outside ever sees one.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::address::Address;
use crate::message::Head;
use crate::moment::Moment;
use crate::secret::same;

pub const HEADER: &str = "X-Zegel-Marker";

/// How long a marker counts. The relay makes one for each attempt to hand a mail over; this leaves room for a mail server
/// that takes it slowly.
const AGE_MAX: Duration = Duration::from_hours(1);

/// How far the clocks of two machines may be apart.
const SKEW_MAX: Duration = Duration::from_mins(5);

/// Octets of a key: as long as the digest (RFC 2104, section 3).
const KEY_MIN: usize = 32;

/// The key that relay and milter share. `Debug` shows no part of it; it is wiped when dropped.
#[derive(Clone)]
pub struct Key(Zeroizing<Vec<u8>>);

/// Why a key is none.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key is shorter than {KEY_MIN} octets; make one with \"openssl rand -base64 48\"")]
pub struct KeyError;

/// Why a message is not taken for the relay's own.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarkerError {
    #[error("it carries no marker")]
    Absent,
    #[error("it carries more than one marker, Message-ID or author")]
    Ambiguous,
    #[error("its marker is malformed")]
    Malformed,
    #[error("its marker was made with another key, or for another message")]
    Forged,
    #[error("its marker is too old, or from the future")]
    Expired,
}

impl Key {
    /// Takes the content of a key file; white space at its ends does not count.
    pub fn new(octets: &[u8]) -> Result<Self, KeyError> {
        let key = octets.trim_ascii();
        if key.len() < KEY_MIN { Err(KeyError) } else { Ok(Self(Zeroizing::new(key.to_vec()))) }
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        same(&self.0, &other.0)
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// The header's value for a mail with this Message-ID (without angle brackets) and author.
pub fn make(key: &Key, message_id: &str, from: &Address, now: Moment) -> String {
    let code = STANDARD.encode(mac(key, now, message_id, from).finalize().into_bytes());
    format!("v1;t={};m={code}", now.0)
}

/// Whether a message is the relay's own.
pub fn check(key: &Key, head: &Head<'_>, now: Moment) -> Result<(), MarkerError> {
    let marker = only(head, HEADER)?.ok_or(MarkerError::Absent)?;
    only(head, "Message-ID")?.ok_or(MarkerError::Malformed)?;
    let message_id = head.message_id().ok_or(MarkerError::Malformed)?;
    let from = head.from().map_err(|_| MarkerError::Ambiguous)?.address;
    let (made, code) = read(marker).ok_or(MarkerError::Malformed)?;
    // In constant time.
    mac(key, made, &message_id, &from).verify_slice(&code).map_err(|_| MarkerError::Forged)?;
    if now.since(made) > AGE_MAX || made.since(now) > SKEW_MAX {
        return Err(MarkerError::Expired);
    }
    Ok(())
}

/// The value of the field that may stand there once.
fn only<'a>(head: &Head<'a>, name: &str) -> Result<Option<&'a [u8]>, MarkerError> {
    let mut values = head.fields().iter().filter(|field| field.name.eq_ignore_ascii_case(name));
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(MarkerError::Ambiguous),
        (first, None) => Ok(first.map(|field| field.value)),
    }
}

/// A mail server may break the line anywhere; no part of the value has white space of its own.
fn read(value: &[u8]) -> Option<(Moment, Vec<u8>)> {
    let value: Vec<u8> =
        value.iter().copied().filter(|octet| !octet.is_ascii_whitespace()).collect();
    let value = str::from_utf8(&value).ok()?;
    let (time, code) = value.strip_prefix("v1;t=")?.split_once(";m=")?;
    Some((Moment(time.parse().ok()?), STANDARD.decode(code).ok()?))
}

/// No part has a line end in it, so the line ends between them keep them apart.
fn mac(key: &Key, made: Moment, message_id: &str, from: &Address) -> Hmac<Sha256> {
    // HMAC takes a key of any length: the error cannot happen, and an empty key would only prove nothing.
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.0)
        .unwrap_or_else(|_| Hmac::new(&hmac::digest::Key::<Hmac<Sha256>>::default()));
    mac.update(format!("v1\n{}\n{message_id}\n{}", made.0, from.key()).as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_800_000_000);

    fn key(octet: u8) -> Key {
        Key::new(&[octet; 32]).unwrap()
    }

    fn marker() -> String {
        make(&key(1), "1@gemeente.example", &"zegel@gemeente.example".parse().unwrap(), NOW)
    }

    #[track_caller]
    fn check_at(section: &str, now: Moment, want: Result<(), MarkerError>) {
        let bytes = format!("{section}\r\n\r\n");
        let head = Head::parse(bytes.as_bytes()).unwrap();
        assert_eq!(check(&key(1), &head, now), want, "{section}");
    }

    const REST: &str =
        "Message-ID: <1@gemeente.example>\r\nFrom: Gemeente <Zegel@gemeente.example>";

    #[test]
    fn the_relay_s_own_mail_is_known_for_an_hour() {
        let mail = format!("X-Zegel-Marker: {}\r\n{REST}", marker());
        for (seconds, want) in [
            (0, Ok(())),
            (3600, Ok(())),
            (3601, Err(MarkerError::Expired)),
            (-300, Ok(())),
            (-301, Err(MarkerError::Expired)),
        ] {
            check_at(&mail, Moment(NOW.0 + seconds), want);
        }
    }

    #[test]
    fn a_folded_marker_still_counts() {
        let folded = marker().replace(";m=", ";\r\n\tm=");
        check_at(&format!("x-zegel-marker: {folded}\r\n{REST}"), NOW, Ok(()));
    }

    #[test]
    fn a_marker_is_for_one_message_one_author_and_one_key() {
        let field = format!("X-Zegel-Marker: {}", marker());
        check_at(REST, NOW, Err(MarkerError::Absent));
        check_at(&format!("{field}\r\n{field}\r\n{REST}"), NOW, Err(MarkerError::Ambiguous));
        check_at(
            &format!("{field}\r\n{REST}\r\nMessage-ID: <1@gemeente.example>"),
            NOW,
            Err(MarkerError::Ambiguous),
        );
        check_at(
            &format!("{field}\r\n{REST}\r\nFrom: a@b.example"),
            NOW,
            Err(MarkerError::Ambiguous),
        );
        check_at(
            &format!("{field}\r\n{}", REST.replace("<1@", "<2@")),
            NOW,
            Err(MarkerError::Forged),
        );
        check_at(
            &format!("{field}\r\n{}", REST.replace("Zegel@", "eve@")),
            NOW,
            Err(MarkerError::Forged),
        );
        check_at(&format!("X-Zegel-Marker: 1\r\n{REST}"), NOW, Err(MarkerError::Malformed));
        let later = marker().replace("1800000000", "1800000001");
        check_at(&format!("X-Zegel-Marker: {later}\r\n{REST}"), NOW, Err(MarkerError::Forged));
        let bytes = format!("{field}\r\n{REST}\r\n\r\n");
        let head = Head::parse(bytes.as_bytes()).unwrap();
        assert_eq!(check(&key(2), &head, NOW), Err(MarkerError::Forged));
    }

    #[test]
    fn a_short_key_is_refused_and_no_key_is_shown() {
        assert_eq!(Key::new(&[b'x'; 31]).unwrap_err(), KeyError);
        assert_eq!(Key::new(b" \n").unwrap_err(), KeyError);
        assert_eq!(format!("{:?}", key(7)), "Key(…)");
    }
}
