//! Macro strings (RFC 7208, section 7): read once, expanded where they are used.

use std::fmt::Write as _;

/// A text with macros in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MacroString(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    /// What `%%`, `%_` and `%-` stand for.
    Escape(&'static str),
    Macro(Macro),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Macro {
    letter: Letter,
    /// Written as a capital: the value is URL-escaped.
    escaped: bool,
    /// So many parts from the right; all when there is no number.
    parts: Option<usize>,
    reversed: bool,
    delimiters: String,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Letter {
    Sender,
    LocalPart,
    SenderDomain,
    Domain,
    Address,
    ValidatedName,
    Version,
    Helo,
    ReadableAddress,
    Receiver,
    Timestamp,
}

/// Where a macro string stands: `c`, `r` and `t` are only for people to read.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Record,
    Explanation,
}

/// It is no macro string, or no domain-spec.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Octets of an expansion. A name has 253 and an explanation is one line; more than this serves nothing but to make
/// us work.
const EXPANSION_MAX: usize = 16 * 1024;

impl MacroString {
    /// `macro-string` of the grammar, in an explanation with spaces too.
    pub(super) fn read(text: &str, place: Place) -> Result<Self, Malformed> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let literal = rest.split('%').next().unwrap_or_default();
            if !literal
                .chars()
                .all(|c| matches!(c, '!'..='~') || (c == ' ' && place == Place::Explanation))
            {
                return Err(Malformed);
            }
            if !literal.is_empty() {
                pieces.push(Piece::Literal(literal.to_owned()));
            }
            rest = rest.strip_prefix(literal).unwrap_or_default();
            if let Some(behind) = rest.strip_prefix('%') {
                let (piece, behind) = Piece::read(behind, place)?;
                pieces.push(piece);
                rest = behind;
            }
        }
        Ok(Self(pieces))
    }

    /// `domain-spec` of the grammar: it ends in a macro, or in a dot and a top label.
    pub(super) fn read_domain(text: &str) -> Result<Self, Malformed> {
        let read = Self::read(text, Place::Record)?;
        let name = text.strip_suffix('.').unwrap_or(text);
        let top = name.rsplit_once('.').map(|(_, top)| top);
        let ends_in_macro = matches!(read.0.last(), Some(Piece::Escape(_) | Piece::Macro(_)));
        let ends_well = ends_in_macro || top.is_some_and(is_top_label);
        ends_well.then_some(read).ok_or(Malformed)
    }

    pub(super) fn uses(&self, letter: Letter) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Macro(used) if used.letter == letter))
    }

    /// Puts in the values; `None` if the result is longer than anything that makes sense.
    pub(super) fn expand<E>(
        &self,
        mut value: impl FnMut(Letter) -> Result<String, E>,
    ) -> Result<Option<String>, E> {
        let mut expanded = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => expanded.push_str(text),
                Piece::Escape(text) => expanded.push_str(text),
                Piece::Macro(used) => used.apply(&value(used.letter)?, &mut expanded),
            }
            if expanded.len() > EXPANSION_MAX {
                return Ok(None);
            }
        }
        Ok(Some(expanded))
    }
}

/// RFC 7208, section 7.1: letters, digits and hyphens, none of these at an end, and not digits alone.
fn is_top_label(label: &str) -> bool {
    let alphanumeric = |octet: Option<u8>| octet.is_some_and(|octet| octet.is_ascii_alphanumeric());
    alphanumeric(label.bytes().next())
        && alphanumeric(label.bytes().next_back())
        && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
        && !label.bytes().all(|octet| octet.is_ascii_digit())
}

impl Piece {
    /// Reads what follows a percent sign; what is behind it comes back too.
    fn read(text: &str, place: Place) -> Result<(Self, &str), Malformed> {
        if let Some(rest) = text.strip_prefix('{') {
            let (inside, behind) = rest.split_once('}').ok_or(Malformed)?;
            return Ok((Self::Macro(Macro::read(inside, place)?), behind));
        }
        [("%", "%"), ("_", " "), ("-", "%20")]
            .into_iter()
            .find_map(|(sign, means)| Some((Self::Escape(means), text.strip_prefix(sign)?)))
            .ok_or(Malformed)
    }
}

impl Macro {
    /// What stands between the braces: letter, number, `r`, delimiters.
    fn read(inside: &str, place: Place) -> Result<Self, Malformed> {
        let sign = inside.chars().next().ok_or(Malformed)?;
        let letter = Letter::read(sign.to_ascii_lowercase(), place)?;
        let rest = inside.strip_prefix(sign).ok_or(Malformed)?;
        let behind = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let digits = rest.strip_suffix(behind).ok_or(Malformed)?;
        let parts = match digits.trim_start_matches('0') {
            "" if digits.is_empty() => None,
            // Zero parts of a value are a syntax error (RFC 7208, section 7.3).
            "" => return Err(Malformed),
            number => Some(number.parse().unwrap_or(usize::MAX)),
        };
        let delimiters = behind.strip_prefix(['r', 'R']).unwrap_or(behind);
        if !delimiters.chars().all(|c| ".-+,/_=".contains(c)) {
            return Err(Malformed);
        }
        Ok(Self {
            letter,
            escaped: sign.is_ascii_uppercase(),
            parts,
            reversed: delimiters.len() < behind.len(),
            delimiters: if delimiters.is_empty() { ".".to_owned() } else { delimiters.to_owned() },
        })
    }

    /// RFC 7208, section 7.3: split, reverse, take from the right, join with dots, escape.
    fn apply(&self, value: &str, expanded: &mut String) {
        let mut parts: Vec<&str> = value.split(|c| self.delimiters.contains(c)).collect();
        if self.reversed {
            parts.reverse();
        }
        let skipped = parts.len().saturating_sub(self.parts.unwrap_or(usize::MAX));
        let joined = parts.split_off(skipped).join(".");
        if self.escaped { escape(&joined, expanded) } else { expanded.push_str(&joined) }
    }
}

impl Letter {
    fn read(sign: char, place: Place) -> Result<Self, Malformed> {
        Ok(match (sign, place) {
            ('s', _) => Self::Sender,
            ('l', _) => Self::LocalPart,
            ('o', _) => Self::SenderDomain,
            ('d', _) => Self::Domain,
            ('i', _) => Self::Address,
            ('p', _) => Self::ValidatedName,
            ('v', _) => Self::Version,
            ('h', _) => Self::Helo,
            ('c', Place::Explanation) => Self::ReadableAddress,
            ('r', Place::Explanation) => Self::Receiver,
            ('t', Place::Explanation) => Self::Timestamp,
            _ => return Err(Malformed),
        })
    }
}

/// RFC 3986, section 2.3: what is not unreserved is escaped, octet by octet.
fn escape(value: &str, escaped: &mut String) {
    for octet in value.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            escaped.push(char::from(octet));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{octet:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(letter: Letter) -> String {
        match letter {
            Letter::Sender => "strong-bad@email.example.com",
            Letter::LocalPart => "strong-bad",
            Letter::SenderDomain | Letter::Domain => "email.example.com",
            Letter::Address | Letter::ReadableAddress => "192.0.2.3",
            Letter::ValidatedName => "mx.example.org",
            Letter::Version => "in-addr",
            Letter::Helo => "a+b,c/d_e=f g%\u{e9}",
            Letter::Receiver => "mx.example.net",
            Letter::Timestamp => "1700000000",
        }
        .to_owned()
    }

    fn expand(read: &MacroString) -> Option<String> {
        read.expand(|letter| Ok::<_, Malformed>(value(letter))).ok().flatten()
    }

    /// In a record, the text must expand to this, or be malformed when that is `None`.
    #[track_caller]
    fn check(text: &str, expanded: Option<&str>) {
        let found = MacroString::read(text, Place::Record).ok().as_ref().and_then(expand);
        assert_eq!(found.as_deref(), expanded, "{text:?}");
    }

    #[track_caller]
    fn check_domain(text: &str, good: bool) {
        assert_eq!(MacroString::read_domain(text).is_ok(), good, "{text:?}");
    }

    #[test]
    fn macros_expand_as_in_the_examples_of_section_7_4() {
        for (text, expanded) in [
            ("%{s}", "strong-bad@email.example.com"),
            ("%{o}", "email.example.com"),
            ("%{d}", "email.example.com"),
            ("%{d4}", "email.example.com"),
            ("%{d3}", "email.example.com"),
            ("%{d2}", "example.com"),
            ("%{d1}", "com"),
            ("%{dr}", "com.example.email"),
            ("%{d2r}", "example.email"),
            ("%{l}", "strong-bad"),
            ("%{l-}", "strong.bad"),
            ("%{lr}", "strong-bad"),
            ("%{lr-}", "bad.strong"),
            ("%{l1r-}", "strong"),
            ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
            ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
            ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
            ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
        ] {
            check(text, Some(expanded));
        }
    }

    #[test]
    fn transformers_have_edges() {
        for (text, expanded) in [
            ("", Some("")),
            ("a%%b%_c%-d", Some("a%b c%20d")),
            ("%%%%", Some("%%")),
            ("%{D01R}", Some("email")),
            ("%{d99999999999999999999999999}", Some("email.example.com")),
            ("%{d0}", None),
            ("%{d00}", None),
            ("%{d-1}", None),
            ("%{dr2}", None),
            ("%{drr}", None),
            ("%{h+,/_=-.}", Some("a.b.c.d.e.f g%\u{e9}")),
            ("%{H}", Some("a%2Bb%2Cc%2Fd_e%3Df%20g%25%C3%A9")),
            ("%{H+}", Some("a.b%2Cc%2Fd_e%3Df%20g%25%C3%A9")),
            ("%{d;}", None),
            ("%{d", None),
            ("%{}", None),
            ("%{x}", None),
            ("%{dd}", None),
            ("%{ d}", None),
            ("%d", None),
            ("%", None),
            ("a%", None),
            ("%%%", None),
            ("%{\u{e9}}", None),
            ("a b", None),
            ("a\tb", None),
            ("\u{e9}", None),
            ("\u{7f}", None),
            ("{}", Some("{}")),
        ] {
            check(text, expanded);
        }
    }

    #[test]
    fn what_people_read_may_say_more_than_a_record() {
        for letter in ["c", "r", "t", "C", "R", "T"] {
            let text = format!("%{{{letter}}}");
            check(&text, None);
            assert!(MacroString::read(&text, Place::Explanation).is_ok(), "{text}");
        }
        let read = MacroString::read("a %{c} b", Place::Explanation).unwrap();
        assert_eq!(expand(&read).as_deref(), Some("a 192.0.2.3 b"));
    }

    #[test]
    fn a_domain_ends_in_a_macro_or_in_a_top_label() {
        for good in [
            "a.b",
            "a.b.",
            ".com",
            "a..b",
            "a.xn--zckzah",
            "a.1-2",
            "a.b1",
            "a.1b",
            "%{d}",
            "a%%",
            "a%_",
            "a%-",
            "foo:bar/baz.example.com",
            "%{i}.a.b",
            "%{l}%{d}",
            "a.%{d}",
            "%%.com",
        ] {
            check_domain(good, true);
        }
        for bad in [
            "",
            ".",
            "a",
            "a.",
            "com",
            "a.123",
            "a.-b",
            "a.b-",
            "a.b_c",
            "a.b..",
            "%{d}.",
            "%{d}a",
            "%{d.}com",
            "a.b/24",
            "a.com:8080",
            "%(d).a.b",
            "%{d}.1",
            "a.b\0",
            "a b.c",
            "%%a",
            "%{c}.a.b",
            "%{c}",
        ] {
            check_domain(bad, false);
        }
    }

    #[test]
    fn an_expansion_without_end_is_none() {
        check(&"%{s}".repeat(1000), None);
        assert!(MacroString::read(&"%{s}".repeat(1000), Place::Record).is_ok());
    }
}
