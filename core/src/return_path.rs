//! The envelope sender of our notifications and codes: an address that names the delivery, so that a bounce says by itself
//! which one came back, and that nobody but us can write.
//!
//! `b-` 32 hexadecimal digits of the delivery `-` the hour at which it ends `-` a keyed hash. No letter's case counts,
//! because some servers change it.

use std::time::Duration;

use crate::moment::Moment;

/// Characters of the keyed hash in base 32: 80 bits, and each guess takes a transaction.
pub const MAC_CHARACTERS: usize = 16;

/// Digits of the delivery's name.
const DELIVERY_CHARACTERS: usize = 32;

/// What such an address says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnPath {
    /// The delivery's id, 32 hexadecimal digits.
    pub delivery: String,
    /// Hours since 1970.
    hour: u32,
}

impl ReturnPath {
    /// One that takes bounces until about this moment.
    pub fn new(delivery: String, until: Moment) -> Self {
        let hours = until.0.max(0).unsigned_abs() / Duration::from_hours(1).as_secs();
        Self { delivery, hour: u32::try_from(hours).unwrap_or(u32::MAX) }
    }

    /// What the keyed hash is made of.
    pub fn signed(&self) -> String {
        format!("{}-{}", self.delivery, self.hour)
    }

    /// The local part of the address.
    pub fn local(&self, mac: &str) -> String {
        format!("b-{}-{mac}", self.signed())
    }

    /// What a local part says, and its keyed hash, which nobody has checked yet.
    pub fn read(local: &str) -> Option<(Self, String)> {
        let local = local.to_ascii_lowercase();
        let mut words = local.strip_prefix("b-")?.split('-');
        let (delivery, hour, mac) = (words.next()?, words.next()?, words.next()?);
        let is_hour = matches!(hour.len(), 1..=10) && hour.bytes().all(|b| b.is_ascii_digit());
        let is_whole = words.next().is_none()
            && delivery.len() == DELIVERY_CHARACTERS
            && delivery.bytes().all(|octet| octet.is_ascii_hexdigit())
            && mac.len() == MAC_CHARACTERS
            && mac.bytes().all(|octet| octet.is_ascii_alphanumeric());
        let path = Self { delivery: delivery.to_owned(), hour: hour.parse().ok()? };
        (is_whole && is_hour).then(|| (path, mac.to_owned()))
    }

    pub fn is_over(&self, now: Moment) -> bool {
        Self::new(String::new(), now).hour > self.hour
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELIVERY: &str = "0198c0ffee0070008000000000000001";
    const UNTIL: Moment = Moment(1_800_000_000);

    #[test]
    fn what_is_written_is_read_again_whatever_the_case() {
        let path = ReturnPath::new(DELIVERY.to_owned(), UNTIL);
        let local = path.local("0123456789abcdef");
        assert!(local.len() <= 64, "RFC 5321, section 4.5.3.1.1: {local}");
        let read = Some((path, "0123456789abcdef".to_owned()));
        assert_eq!(ReturnPath::read(&local), read);
        assert_eq!(ReturnPath::read(&local.to_uppercase()), read);
    }

    #[test]
    fn what_is_not_whole_is_none() {
        let good = ReturnPath::new(DELIVERY.to_owned(), UNTIL).local("0123456789abcdef");
        for local in [
            "",
            "jan",
            "b-1-2-3",
            good.trim_start_matches('b'),
            good.trim_end_matches('f'),
            &format!("{good}0"),
            &format!("{good}-0"),
            &good.replace("500000", "+50000"),
            &good.replace("500000", ""),
            &good.replace("500000", "99999999999"),
        ] {
            assert_eq!(ReturnPath::read(local), None, "{local}");
        }
    }

    #[test]
    fn it_ends_with_its_hour() {
        let path = ReturnPath::new(DELIVERY.to_owned(), UNTIL);
        assert!(!path.is_over(UNTIL));
        assert!(!path.is_over(Moment(0)));
        assert!(path.is_over(UNTIL.plus(Duration::from_hours(1))));
    }
}
