//! Mail addresses and domains (RFC 5321, section 4.1.2; RFC 6531 for local parts beyond ASCII).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::text;

/// A domain name: lower case A-labels, at least one dot, no trailing one, at most 253 octets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain(String);

/// A mailbox address. Two are equal when their domains are and their local parts differ at most in ASCII case:
/// no mail server in use gives `Jan@` and `jan@` to two people, and taking them for two would show a Bcc.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    local: String,
    domain: Domain,
}

/// Octets of a domain name without its final dot (RFC 1035, section 3.1: 255 with the root and length octets).
pub const DOMAIN_MAX: usize = 253;

/// Octets of a local part, quotes included (RFC 5321, section 4.5.3.1.1).
pub const LOCAL_MAX: usize = 64;

/// Octets of an address: a path is 256 with its angle brackets (RFC 5321, section 4.5.3.1.3).
pub const ADDRESS_MAX: usize = 254;

/// Octets of a text that is looked at at all. Decomposed Unicode shrinks when it becomes an address, but never by
/// this much; what is longer is refused before anything is computed on it.
const TEXT_MAX: usize = 4096;

/// Why a text is not an address or a domain. It never repeats the text.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AddressError(pub &'static str);

const TOO_LONG: AddressError =
    AddressError("the domain is longer than 253 octets, or a label of it than 63");

impl Domain {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `other` or stands below it.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.strip_suffix(&other.0).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

impl Address {
    pub fn local(&self) -> &str {
        &self.local
    }

    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The whole address in lower case: what equality, order and stored keys go by.
    pub fn key(&self) -> String {
        let mut key = self.to_string();
        key.make_ascii_lowercase();
        key
    }

    /// The octets of [`Address::key`], without building it.
    fn key_octets(&self) -> impl Iterator<Item = u8> {
        self.local
            .bytes()
            .chain([b'@'])
            .chain(self.domain.0.bytes())
            .map(|octet| octet.to_ascii_lowercase())
    }

    /// Whether it can travel without SMTPUTF8. A domain always can.
    pub fn is_ascii(&self) -> bool {
        self.local.is_ascii()
    }
}

impl FromStr for Domain {
    type Err = AddressError;

    /// Reads A-labels and U-labels (RFC 5890), in any case.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.starts_with('[') {
            return Err(AddressError(
                "an address literal such as [192.0.2.1] is not accepted: a domain name is needed",
            ));
        }
        if text.len() > TEXT_MAX {
            return Err(TOO_LONG);
        }
        let name = Uts46::new()
            .to_ascii(
                text.as_bytes(),
                AsciiDenyList::STD3,
                Hyphens::CheckFirstLast,
                DnsLength::Ignore,
            )
            .map_err(|_| {
                AddressError("the domain has a character or a label that no domain name may have")
            })?
            .into_owned();
        let Some((_, top)) = name.rsplit_once('.') else {
            return Err(AddressError("the domain has no dot"));
        };
        if name.split('.').any(str::is_empty) {
            return Err(AddressError("the domain has a dot too many"));
        }
        if top.bytes().all(|octet| octet.is_ascii_digit()) {
            return Err(AddressError("an IP address is not a domain name"));
        }
        if name.len() > DOMAIN_MAX || name.split('.').any(|label| label.len() > 63) {
            return Err(TOO_LONG);
        }
        Ok(Self(name))
    }
}

impl FromStr for Address {
    type Err = AddressError;

    /// Reads a bare addr-spec: no angle brackets, no comments, no source route.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.len() > TEXT_MAX {
            return Err(AddressError("the address is too long"));
        }
        // RFC 6532, section 3.1. First of all, because normalising can make ASCII out of something else.
        let text: String = text.nfc().collect();
        let (local, domain) = if let Some(rest) = text.strip_prefix('"') {
            unquote(rest)?
        } else {
            let (local, domain) =
                text.split_once('@').ok_or(AddressError("the address has no @"))?;
            (local.to_owned(), domain)
        };
        let local = match is_dot_atom(&local) {
            true => local,
            false if text.starts_with('"') => quote(&local),
            false => {
                return Err(AddressError(
                    "the part before the @ is empty or has a character that must be quoted",
                ));
            }
        };
        if local.len() > LOCAL_MAX {
            return Err(AddressError("the part before the @ is longer than 64 octets"));
        }
        let domain: Domain = domain.parse()?;
        if local.len() + 1 + domain.0.len() > ADDRESS_MAX {
            return Err(AddressError("the address is longer than 254 octets"));
        }
        Ok(Self { local, domain })
    }
}

/// Reads a quoted local part (RFC 5321, section 4.1.2) behind its opening quote: its content and the domain.
fn unquote(text: &str) -> Result<(String, &str), AddressError> {
    let mut content = String::new();
    let mut chars = text.chars();
    loop {
        let read = match chars.next() {
            Some('"') => break,
            Some('\\') => chars.next(),
            other => other,
        };
        match read {
            Some(c) if matches!(c, ' '..='~') || is_beyond_ascii(c) => content.push(c),
            Some(_) => {
                return Err(AddressError(
                    "the quoted part before the @ has a character that may not stand there",
                ));
            }
            None => return Err(AddressError("the quote before the @ is not closed")),
        }
    }
    if content.is_empty() {
        return Err(AddressError("the part before the @ is empty"));
    }
    let domain =
        chars.as_str().strip_prefix('@').ok_or(AddressError("no @ follows the closing quote"))?;
    Ok((content, domain))
}

fn quote(content: &str) -> String {
    let mut quoted = String::from('"');
    for c in content.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

fn is_dot_atom(text: &str) -> bool {
    text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

/// RFC 5322, section 3.2.3, and RFC 6531, section 3.3.
fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_beyond_ascii(c)
}

/// What RFC 6531 adds, less what would not be seen: controls, spaces, bidirectional marks.
fn is_beyond_ascii(c: char) -> bool {
    !c.is_ascii() && !c.is_whitespace() && !text::is_unfit(c)
}

impl TryFrom<String> for Domain {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<Domain> for String {
    fn from(domain: Domain) -> Self {
        domain.0
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Address {}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Address {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key_octets().cmp(other.key_octets())
    }
}

impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key_octets().for_each(|octet| octet.hash(state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An address must read as `canonical`, or be refused when that is `None`; and what was read reads as itself.
    #[track_caller]
    fn check(text: &str, canonical: Option<&str>) {
        let read = text.parse::<Address>().map(|address| address.to_string()).ok();
        assert_eq!(read.as_deref(), canonical, "{text:?}");
        if let Some(canonical) = canonical {
            assert_eq!(canonical.parse::<Address>().unwrap().to_string(), canonical);
        }
    }

    #[test]
    fn addresses_are_read_into_their_canonical_form() {
        for (text, canonical) in [
            ("Jan.de-Vries+x@Example.ORG", "Jan.de-Vries+x@example.org"),
            ("\"jan\"@example.org", "jan@example.org"),
            ("\"j\\an\"@example.org", "jan@example.org"),
            ("\"jan jansen\"@example.org", "\"jan jansen\"@example.org"),
            (r#""a\"b\\c@d"@example.org"#, r#""a\"b\\c@d"@example.org"#),
            ("jan@b\u{fc}cher.example", "jan@xn--bcher-kva.example"),
            ("jan@bu\u{308}cher\u{3002}example", "jan@xn--bcher-kva.example"),
            ("jose\u{301}@example.org", "jos\u{e9}@example.org"),
            ("o'brien@xn--bcher-kva.example", "o'brien@xn--bcher-kva.example"),
            ("jan@r3---x.example", "jan@r3---x.example"),
        ] {
            check(text, Some(canonical));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "@",
            "jan",
            "jan@",
            "@example.org",
            "jan@localhost",
            "jan@example.org.",
            "jan@.org",
            "jan@a..org",
            "jan@[192.0.2.1]",
            "jan@192.0.2.1",
            "jan@[IPv6:2001:db8::1]",
            "jan@-a.org",
            "jan@a_b.org",
            "jan@xn--a.org",
            ".jan@example.org",
            "jan.@example.org",
            "j..an@example.org",
            "jan jansen@example.org",
            "jan@a@example.org",
            " jan@example.org",
            "jan@example.org ",
            "<jan@example.org>",
            "jan(x)@example.org",
            "@a:jan@example.org",
            "\"\"@example.org",
            "\"jan@example.org",
            "\"jan\"x@example.org",
            "\"jan\r\n\"@example.org",
            "\"jan\\",
            "jan\0@example.org",
            "jan@exa\nmple.org",
            "ja\u{202e}n@example.org",
            "ja\u{a0}n@example.org",
            "jan@example\u{ff20}a.org",
            "jan\u{37e}@example.org",
            "\u{85}@example.org",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn the_limits_are_the_standards_own() {
        let (local, label) = ("x".repeat(64), "a".repeat(63));
        check(&format!("{local}@example.org"), Some(&format!("{local}@example.org")));
        check(&format!("x{local}@example.org"), None);
        check(&format!("x@{label}.org"), Some(&format!("x@{label}.org")));
        check(&format!("x@a{label}.org"), None);
        let longest = format!("{label}.{label}.{label}.{}", "b".repeat(61));
        assert_eq!(longest.parse::<Domain>().unwrap().as_str().len(), DOMAIN_MAX);
        assert!(format!("{longest}b").parse::<Domain>().is_err());
        check(&format!("xy@{longest}"), None);
        check(&format!("x@{}", "\u{fc}".repeat(100_000)), None);
    }

    #[test]
    fn every_ascii_character_is_either_an_atom_or_needs_quotes_or_is_refused() {
        for octet in 0..=127_u8 {
            let c = char::from(octet);
            let atom = c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
            let bare = format!("a{c}b@example.org");
            // A dot joins two atoms, and an @ makes a domain of what follows.
            let expected = (atom || c == '.').then_some(bare.as_str());
            check(&bare, expected);
            assert_eq!(
                format!("\"a\\{c}b\"@example.org").parse::<Address>().is_ok(),
                (32..127).contains(&octet),
                "{c:?}"
            );
        }
    }

    #[test]
    fn case_does_not_make_two_people() {
        let (jan, other): (Address, Address) =
            ("Jan@Example.org".parse().unwrap(), "jAN@example.ORG".parse().unwrap());
        assert_eq!(jan, other);
        assert_eq!(jan.key(), "jan@example.org");
        assert_eq!(jan.key(), other.key());
        assert_ne!(jan, "jan@example.net".parse().unwrap());
        assert_eq!(std::collections::BTreeSet::from([jan, other]).len(), 1);
    }

    #[test]
    fn a_stored_address_reads_as_itself_and_a_wrong_one_not_at_all() {
        let address: Address = "\"Jan Jansen\"@b\u{fc}cher.example".parse().unwrap();
        let json = serde_json::to_string(&address).unwrap();
        assert_eq!(
            serde_json::from_str::<Address>(&json).unwrap().to_string(),
            address.to_string()
        );
        assert!(serde_json::from_str::<Address>("\"jan\"").is_err());
        assert!(serde_json::from_str::<Domain>("\"localhost\"").is_err());
    }

    #[test]
    fn a_domain_is_within_itself_and_what_stands_above_it() {
        let within = |a: &str, b: &str| a.parse::<Domain>().unwrap().is_within(&b.parse().unwrap());
        assert!(within("example.org", "example.org"));
        assert!(within("a.b.example.org", "example.org"));
        assert!(!within("badexample.org", "example.org"));
        assert!(!within("example.org", "a.example.org"));
    }
}
