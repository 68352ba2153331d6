//! Names that the DNS can be asked for (RFC 7208, sections 4.3 and 4.8).

use std::fmt;

use crate::address::DOMAIN_MAX;

/// Octets of one label (RFC 1035, section 2.3.4).
const LABEL_MAX: usize = 63;

/// An absolute name of at least two labels: lower case, no final dot, printable ASCII. It need not be a host's name:
/// a record may ask for `foo:bar/baz.example.com`, and spaces come out of a macro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(String);

impl Name {
    /// Reads a name; a longer one than the DNS can hold loses labels from its left (RFC 7208, section 7.3). `None` if
    /// there is no such name in the DNS.
    pub(super) fn new(text: &str) -> Option<Self> {
        let mut name = text.strip_suffix('.').unwrap_or(text);
        while name.len() > DOMAIN_MAX {
            name = name.split_once('.')?.1;
        }
        Self::read(name)
    }

    /// As [`Name::new`], but a name that is too long is none.
    pub(super) fn exact(text: &str) -> Option<Self> {
        Self::read(text.strip_suffix('.').unwrap_or(text))
    }

    fn read(name: &str) -> Option<Self> {
        let well_formed = name.len() <= DOMAIN_MAX && name.contains('.');
        (well_formed && name.split('.').all(is_label)).then(|| Self(name.to_ascii_lowercase()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `other` or stands below it.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.0.strip_suffix(&other.0).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

fn is_label(label: &str) -> bool {
    (1..=LABEL_MAX).contains(&label.len())
        && label.bytes().all(|octet| matches!(octet, b' '..=b'~'))
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, name: Option<&str>) {
        assert_eq!(Name::new(text).as_ref().map(Name::as_str), name, "{text:?}");
    }

    #[test]
    fn a_name_has_two_labels_that_the_dns_can_hold() {
        let label = "a".repeat(63);
        check("Example.ORG.", Some("example.org"));
        check("a b.c:d/e", Some("a b.c:d/e"));
        check(&format!("{label}.org"), Some(&format!("{label}.org")));
        check(&format!("a{label}.org"), None);
        for text in [
            "",
            ".",
            "org",
            "org.",
            "a..org",
            ".org",
            "a.org..",
            "b\u{fc}cher.org",
            "a\n.org",
            "a\0.org",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn what_is_too_long_loses_labels_from_the_left() {
        let label = "a".repeat(62);
        let longest = format!("{label}.{label}.{label}.{label}b");
        check(&longest, Some(&longest));
        check(&format!("x.{longest}"), Some(&longest));
        check(&format!("x{longest}"), Some(&format!("x{longest}")));
        check(&format!("xx{longest}"), Some(&format!("{label}.{label}.{label}b")));
        check(&"a".repeat(300), None);
        assert_eq!(Name::exact(&format!("x.{longest}")), None);
    }
}
