//! Values that must not leak: they do not print, and they compare in constant time.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// A phone number, code or token. `Debug` shows no part of it; it is wiped when dropped.
///
/// It serialises as its plain text so that it can stand inside a *sealed* record; nothing else may serialise it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that must use it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        same(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl Eq for Secret {}

/// Whether two byte strings are the same, in a time that depends only on their lengths.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len()
        && std::hint::black_box(a.iter().zip(b).fold(0, |acc, (x, y)| acc | (x ^ y))) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(a: &str, b: &str) {
        assert_eq!(same(a.as_bytes(), b.as_bytes()), a == b, "{a:?} {b:?}");
        assert_eq!(Secret::new(a) == Secret::new(b), a == b, "{a:?} {b:?}");
    }

    #[test]
    fn secrets_are_the_same_when_every_octet_is() {
        let values = ["", "a", "b", "ab", "ba", "aa", "135789", "135788", "235789", "1357890"];
        for a in values {
            for b in values {
                check(a, b);
            }
        }
    }

    #[test]
    fn debug_shows_no_part_of_a_secret() {
        assert_eq!(format!("{:?}", Secret::new("135789")), "Secret(…)");
    }
}
