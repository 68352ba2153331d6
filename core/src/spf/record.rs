//! An SPF record, read as a whole before anything of it is evaluated (RFC 7208, sections 4.6 and 12): an error
//! anywhere makes all of it void.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use super::answers::Text;
use super::macros::{MacroString, Malformed, Place};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) directives: Vec<Directive>,
    pub(super) redirect: Option<MacroString>,
    pub(super) explanation: Option<MacroString>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directive {
    pub(super) qualifier: Qualifier,
    pub(super) mechanism: Mechanism,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Qualifier {
    Pass,
    Fail,
    SoftFail,
    Neutral,
}

/// Without a domain, the mechanism is about the domain whose record it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    All,
    Include(MacroString),
    A(Option<MacroString>, Widths),
    Mx(Option<MacroString>, Widths),
    Ptr(Option<MacroString>),
    Ip4(Ipv4Net),
    Ip6(Ipv6Net),
    Exists(MacroString),
}

/// How many leading bits of an address must agree.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Widths {
    pub(super) ipv4: u8,
    pub(super) ipv6: u8,
}

const IPV4_BITS: u8 = 32;
const IPV6_BITS: u8 = 128;

/// What is behind the version of a TXT record if it is an SPF record (RFC 7208, section 4.5).
pub(super) fn terms_of(text: &Text) -> Option<&[u8]> {
    let (version, terms) = text.octets().split_at_checked(b"v=spf1".len())?;
    let is_spf = version.eq_ignore_ascii_case(b"v=spf1") && matches!(terms, [] | [b' ', ..]);
    is_spf.then_some(terms)
}

impl Record {
    pub(super) fn read(terms: &[u8]) -> Result<Self, Malformed> {
        // What is not ASCII is found when the term is read: no term may have it.
        let terms = str::from_utf8(terms).map_err(|_| Malformed)?;
        let mut record = Self::default();
        for term in terms.split(' ').filter(|term| !term.is_empty()) {
            match modifier_of(term) {
                Some((name, value)) => record.modify(name, value)?,
                None => record.directives.push(Directive::read(term)?),
            }
        }
        Ok(record)
    }

    /// `redirect` and `exp` may stand once (RFC 7208, section 6); of others the syntax is all that counts.
    fn modify(&mut self, name: &str, value: &str) -> Result<(), Malformed> {
        let place = if name.eq_ignore_ascii_case("redirect") {
            &mut self.redirect
        } else if name.eq_ignore_ascii_case("exp") {
            &mut self.explanation
        } else {
            return MacroString::read(value, Place::Record).map(|_| ());
        };
        match place.replace(MacroString::read_domain(value)?) {
            None => Ok(()),
            Some(_) => Err(Malformed),
        }
    }
}

/// A name and an equals sign before anything else make a modifier (RFC 7208, section 4.6.1).
fn modifier_of(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let goes_on_well = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    (starts_well && goes_on_well).then_some((name, value))
}

impl Directive {
    fn read(term: &str) -> Result<Self, Malformed> {
        let (qualifier, rest) = [
            ('+', Qualifier::Pass),
            ('-', Qualifier::Fail),
            ('~', Qualifier::SoftFail),
            ('?', Qualifier::Neutral),
        ]
        .into_iter()
        .find_map(|(sign, qualifier)| Some((qualifier, term.strip_prefix(sign)?)))
        .unwrap_or((Qualifier::Pass, term));
        Ok(Self { qualifier, mechanism: Mechanism::read(rest)? })
    }
}

impl Mechanism {
    fn read(text: &str) -> Result<Self, Malformed> {
        let behind = text.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
        let name = text.strip_suffix(behind).unwrap_or(text).to_ascii_lowercase();
        let argument = behind.strip_prefix(':');
        match (name.as_str(), argument) {
            ("all", None) if behind.is_empty() => Ok(Self::All),
            ("include", Some(domain)) => MacroString::read_domain(domain).map(Self::Include),
            ("exists", Some(domain)) => MacroString::read_domain(domain).map(Self::Exists),
            ("a", _) => hosts(behind).map(|(domain, widths)| Self::A(domain, widths)),
            ("mx", _) => hosts(behind).map(|(domain, widths)| Self::Mx(domain, widths)),
            ("ptr", None) if behind.is_empty() => Ok(Self::Ptr(None)),
            ("ptr", Some(domain)) => {
                MacroString::read_domain(domain).map(|read| Self::Ptr(Some(read)))
            }
            ("ip4", Some(network)) => ipv4_network(network).map(Self::Ip4),
            ("ip6", Some(network)) => ipv6_network(network).map(Self::Ip6),
            _ => Err(Malformed),
        }
    }
}

/// `[ ":" domain-spec ] [ dual-cidr-length ]`. A domain may itself have slashes, but its end is never digits alone.
fn hosts(text: &str) -> Result<(Option<MacroString>, Widths), Malformed> {
    let (text, ipv6) = match cut_number(text) {
        Some((rest, number)) if rest.ends_with('/') => {
            (rest.strip_suffix('/').unwrap_or(rest), width(number, IPV6_BITS)?)
        }
        _ => (text, IPV6_BITS),
    };
    let (text, ipv4) = match cut_number(text) {
        Some((rest, number)) => (rest, width(number, IPV4_BITS)?),
        None => (text, IPV4_BITS),
    };
    let widths = Widths { ipv4, ipv6 };
    match text.strip_prefix(':') {
        Some(domain) => Ok((Some(MacroString::read_domain(domain)?), widths)),
        None if text.is_empty() => Ok((None, widths)),
        None => Err(Malformed),
    }
}

/// Cuts a slash and the digits behind it off the end.
fn cut_number(text: &str) -> Option<(&str, &str)> {
    let (rest, number) = text.rsplit_once('/')?;
    let is_number = !number.is_empty() && number.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then_some((rest, number))
}

/// RFC 7208, section 5.6: no leading zero, no more bits than there are.
fn width(number: &str, bits: u8) -> Result<u8, Malformed> {
    let digits_alone = !number.is_empty() && number.bytes().all(|octet| octet.is_ascii_digit());
    if !digits_alone || (number.starts_with('0') && number != "0") {
        return Err(Malformed);
    }
    number.parse().ok().filter(|width| *width <= bits).ok_or(Malformed)
}

fn ipv4_network(text: &str) -> Result<Ipv4Net, Malformed> {
    let (address, bits) = address_and_width(text, IPV4_BITS)?;
    let address: Ipv4Addr = address.parse().map_err(|_| Malformed)?;
    Ipv4Net::new(address, bits).map_err(|_| Malformed)
}

fn ipv6_network(text: &str) -> Result<Ipv6Net, Malformed> {
    let (address, bits) = address_and_width(text, IPV6_BITS)?;
    let address: Ipv6Addr = address.parse().map_err(|_| Malformed)?;
    Ipv6Net::new(address, bits).map_err(|_| Malformed)
}

fn address_and_width(text: &str, bits: u8) -> Result<(&str, u8), Malformed> {
    match text.split_once('/') {
        Some((address, number)) => Ok((address, width(number, bits)?)),
        None => Ok((text, bits)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(terms: &str, good: bool) {
        assert_eq!(Record::read(terms.as_bytes()).is_ok(), good, "{terms:?}");
    }

    #[track_caller]
    fn check_mechanism(term: &str, mechanism: &Mechanism) {
        assert_eq!(Mechanism::read(term).as_ref(), Ok(mechanism), "{term:?}");
    }

    #[test]
    fn a_record_is_an_spf_record_by_its_version_alone() {
        for (text, terms) in [
            ("v=spf1", Some("")),
            ("V=sPf1 +all", Some(" +all")),
            ("v=spf1 ", Some(" ")),
            ("v=spf10", None),
            ("v=spf1\t-all", None),
            ("v=spf", None),
            (" v=spf1", None),
            ("", None),
        ] {
            let found = Text::of_strings([text]);
            assert_eq!(terms_of(&found), terms.map(str::as_bytes), "{text:?}");
        }
    }

    #[test]
    fn every_mechanism_has_its_form() {
        let domain = |text| Some(MacroString::read_domain(text).unwrap());
        let widths = |ipv4, ipv6| Widths { ipv4, ipv6 };
        for (term, mechanism) in [
            ("all", Mechanism::All),
            ("ALL", Mechanism::All),
            ("a", Mechanism::A(None, widths(32, 128))),
            ("a/0", Mechanism::A(None, widths(0, 128))),
            ("a//0", Mechanism::A(None, widths(32, 0))),
            ("a/24//64", Mechanism::A(None, widths(24, 64))),
            ("a:b.c/24//64", Mechanism::A(domain("b.c"), widths(24, 64))),
            ("a:b/1.c//64", Mechanism::A(domain("b/1.c"), widths(32, 64))),
            ("a:%{d/}/24", Mechanism::A(domain("%{d/}"), widths(24, 128))),
            ("Mx:b.c/32//128", Mechanism::Mx(domain("b.c"), widths(32, 128))),
            ("ptr", Mechanism::Ptr(None)),
            ("ptr:b.c", Mechanism::Ptr(domain("b.c"))),
            ("ip4:192.0.2.1", Mechanism::Ip4("192.0.2.1/32".parse().unwrap())),
            ("ip4:192.0.2.1/0", Mechanism::Ip4("192.0.2.1/0".parse().unwrap())),
            ("ip6:2001:DB8::/128", Mechanism::Ip6("2001:db8::/128".parse().unwrap())),
            ("ip6:::1.1.1.1/0", Mechanism::Ip6("::101:101/0".parse().unwrap())),
        ] {
            check_mechanism(term, &mechanism);
        }
    }

    #[test]
    fn what_is_no_mechanism_is_an_error() {
        for term in [
            "+",
            "moo",
            "all.",
            "all:b.c",
            "all/8",
            "all ",
            "++all",
            "-",
            "+-all",
            "a:",
            "a:/24",
            "a:b",
            "a/",
            "a//",
            "a/33",
            "a//129",
            "a/024",
            "a//064",
            "a/24/64",
            "a/24//",
            "a///64",
            "a/-1",
            "a/+1",
            "a/256",
            "a/99999999999",
            "a.b.c",
            "a24",
            "a:b.c//64/24",
            "mx:",
            "mx/33",
            "ptr:",
            "ptr/0",
            "ptr:b.c/24",
            "include",
            "include:",
            "include:b.c/24",
            "include=b.c/",
            "exists",
            "exists:",
            "exists:b.c/24",
            "ip4",
            "ip4:",
            "ip4:192.0.2",
            "ip4:192.0.2.1.1",
            "ip4:192.0.2.256",
            "ip4:192.0.02.1",
            "ip4:192.0.2.1/33",
            "ip4:192.0.2.1/032",
            "ip4:192.0.2.1/",
            "ip4:192.0.2.1//32",
            "ip4:192.0.2.1:25",
            "ip4:2001:db8::",
            "ip4/24",
            "ip6",
            "ip6:",
            "ip6::CAFE::BABE",
            "ip6:2001:db8::/129",
            "ip6:2001:db8:://64",
            "ip6:192.0.2.1",
            "ip6:fe80::1%eth0",
            "redirect:b.c",
            "\u{e9}",
            "a\tmx",
            "all\0",
            "a:\u{feff}b.c",
        ] {
            assert_eq!(Directive::read(term), Err(Malformed), "{term:?}");
        }
    }

    #[test]
    fn modifiers_have_names_and_the_known_ones_stand_once() {
        for good in [
            "",
            "   ",
            "a  -all",
            "a -all ",
            "redirect=b.c",
            "REDIRECT=%{d}",
            "exp=b.c",
            "exp=b.c redirect=b.c",
            "moo.cow-far_out=man:dog/cat",
            "x=",
            "x= x=",
            "default=+",
            "x=a=b",
        ] {
            check(good, true);
        }
        for bad in [
            "redirect=",
            "redirect=b",
            "redirect=-all",
            "exp=",
            "exp=-all",
            "exp=%{c}.b.c",
            "exp=b.c Exp=b.c",
            "redirect=b.c -all redirect=b.c",
            "=all",
            "1up=foo",
            "-x=y",
            "moo.cow/far_out=man",
            "x=%abc",
            "x=%{z}",
            "x=\u{e9}",
            "x=a\tb",
            "a:b.c\rptr",
            "-all moo",
        ] {
            check(bad, false);
        }
        assert_eq!(Record::read(b" a:b.c \x96all"), Err(Malformed));
    }

    #[test]
    fn every_qualifier_is_read_and_none_is_a_plus() {
        for (term, qualifier) in [
            ("all", Qualifier::Pass),
            ("+all", Qualifier::Pass),
            ("-all", Qualifier::Fail),
            ("~all", Qualifier::SoftFail),
            ("?all", Qualifier::Neutral),
        ] {
            assert_eq!(
                Directive::read(term),
                Ok(Directive { qualifier, mechanism: Mechanism::All }),
                "{term:?}"
            );
        }
    }
}
