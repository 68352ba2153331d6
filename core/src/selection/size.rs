//! The size of a message.

use std::fmt;

use serde::Deserialize;

use super::Message;
use super::condition::{Verdict, list};

/// A bound on the octets of the whole message, as the mail server hands it over.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// More than this.
    Over(Octets),
    /// Less than this.
    Under(Octets),
}

/// A number of octets: a whole number, or with a unit as in `"10 MiB"`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "Written")]
pub struct Octets(pub u64);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u64),
    Text(String),
}

/// Why a text is no size.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a size: write a number of octets, or as in \"500 kB\", \"10 MB\", \"10 MiB\"")]
pub struct SizeError;

const UNITS: [(&str, u64); 7] = [
    ("", 1),
    ("kb", 1000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
];

pub(super) fn look(bounds: &[Bound], message: &Message<'_>) -> (Verdict, String) {
    let Some(size) = message.content.size else {
        return (Verdict::Unknown, "the message's size is not known".to_owned());
    };
    match bounds.iter().find(|bound| bound.holds(size)) {
        Some(bound) => (Verdict::Yes, format!("{size} octets are {bound}")),
        None => (Verdict::No, format!("{size} octets are not {}", list(bounds.iter()))),
    }
}

impl Bound {
    fn holds(self, size: u64) -> bool {
        match self {
            Self::Over(octets) => size > octets.0,
            Self::Under(octets) => size < octets.0,
        }
    }
}

impl TryFrom<Written> for Octets {
    type Error = SizeError;

    fn try_from(written: Written) -> Result<Self, SizeError> {
        let text = match written {
            Written::Number(octets) => return Ok(Self(octets)),
            Written::Text(text) => text.to_ascii_lowercase(),
        };
        let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at_checked(unit_at).ok_or(SizeError)?;
        let number: u64 = number.parse().map_err(|_| SizeError)?;
        let unit = UNITS.iter().find(|(name, _)| *name == unit.trim()).ok_or(SizeError)?;
        number.checked_mul(unit.1).map(Self).ok_or(SizeError)
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over(octets) => write!(f, "over {}", octets.0),
            Self::Under(octets) => write!(f, "under {}", octets.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<u64, SizeError>) {
        let read = Octets::try_from(Written::Text(text.to_owned()));
        assert_eq!(read.map(|octets| octets.0), want, "{text:?}");
    }

    #[test]
    fn sizes_have_units_of_a_thousand_and_of_1024() {
        check("0", Ok(0));
        check("25 MB", Ok(25_000_000));
        check("25MiB", Ok(25 * 1024 * 1024));
        check("1 kib", Ok(1024));
        for text in ["", "MB", "-1", "1.5 MB", "1 M", "18446744073709551615 kB", "10 MB!"] {
            check(text, Err(SizeError));
        }
    }
}
