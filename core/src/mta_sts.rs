//! MTA-STS (RFC 8461): what a domain's policy demands of connections to its mail servers, and for how long.
//!
//! A TXT record at `_mta-sts.DOMAIN` says that there is a policy, and by its `id` when it has changed; the policy itself
//! comes over HTTPS. Once fetched it counts until its `max_age` is over, whatever becomes of the record and of the web
//! server: otherwise whoever can keep them from us could take the policy away.

use std::fmt;
use std::time::Duration;

use crate::address::{DOMAIN_MAX, Domain};
use crate::moment::Moment;

/// What begins a record (RFC 8461, section 3.1).
const RECORD: &[u8] = b"v=STSv1";

/// The version of a policy.
const VERSION: &str = "STSv1";

/// Characters of an `id` (RFC 8461, section 3.1).
const ID_MAX: usize = 32;

/// About a year (RFC 8461, section 3.2).
const AGE_MAX: u64 = 31_557_600;

/// Octets of a policy (RFC 8461, section 3.3, suggests this limit).
pub const POLICY_MAX: usize = 64 * 1024;

/// Patterns of a policy: one for each host of the largest mail domains, many times over.
const PATTERNS_MAX: usize = 1000;

/// A policy as its domain serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub mode: Mode,
    pub max_age: Duration,
    /// At least one, unless the mode is `none`.
    pub hosts: Vec<Pattern>,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Mail goes to no other hosts, and not without a valid certificate.
    Enforce,
    /// What would fail is reported, and delivered all the same.
    Testing,
    /// As if there were no policy.
    None,
}

/// Hosts that a policy names: one, or with `*.` all that stand one label below a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

/// A policy that was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Of the record that led to it.
    pub id: String,
    pub policy: Policy,
    pub fetched: Moment,
}

/// What the DNS says to the question for a domain's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// There is a policy; its `id`.
    Record(String),
    Nothing,
    /// The look-up failed.
    Unknown,
}

/// What is to be done about a domain's policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The one that is kept counts.
    Keep,
    /// There is one to be fetched, with this `id`. While it cannot be, the one that is kept counts until its time is over.
    Fetch(String),
    /// There is none.
    Nothing,
}

/// Why a text is no policy.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    #[error("it is no text in UTF-8")]
    NotText,
    #[error("it has a line that is no `name: value`")]
    Line,
    #[error("its version is not STSv1")]
    Version,
    #[error("its mode is not enforce, testing or none")]
    Mode,
    #[error("its max_age is not a number of seconds")]
    MaxAge,
    #[error("it names no host, or one that is none")]
    Hosts,
}

/// The `id` of a domain's record, by the TXT records at `_mta-sts.DOMAIN`; `None` when there is none, or not exactly one
/// that can be read (RFC 8461, section 3.1).
pub fn record(texts: &[Vec<u8>]) -> Published {
    let mut records = texts.iter().filter(|text| is_record(text));
    match (records.next(), records.next()) {
        (Some(record), None) => id(record).map_or(Published::Nothing, Published::Record),
        _ => Published::Nothing,
    }
}

/// What follows from the record and from what is kept.
pub fn next(published: &Published, kept: Option<&Kept>, now: Moment) -> Step {
    match (published, kept.filter(|kept| kept.counts(now))) {
        (Published::Record(id), Some(kept)) if *id == kept.id => Step::Keep,
        (Published::Record(id), _) => Step::Fetch(id.clone()),
        (Published::Nothing | Published::Unknown, Some(_)) => Step::Keep,
        (Published::Nothing | Published::Unknown, None) => Step::Nothing,
    }
}

impl Kept {
    pub fn counts(&self, now: Moment) -> bool {
        now < self.expires()
    }

    pub fn expires(&self) -> Moment {
        self.fetched.plus(self.policy.max_age)
    }
}

impl Policy {
    /// Reads a policy (RFC 8461, section 3.2). Of a field that stands twice the first counts; fields with unknown names are
    /// passed over.
    pub fn read(octets: &[u8]) -> Result<Self, PolicyError> {
        let text = str::from_utf8(octets).map_err(|_| PolicyError::NotText)?;
        let (mut version, mut mode, mut max_age, mut hosts) = (None, None, None, Vec::new());
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').ok_or(PolicyError::Line)?;
            let value = value.trim();
            match name {
                "version" => version = version.or(Some(value)),
                "mode" => mode = mode.or(Some(value)),
                "max_age" => max_age = max_age.or(Some(value)),
                "mx" if hosts.len() < PATTERNS_MAX => hosts.push(Pattern::read(value)?),
                "mx" => return Err(PolicyError::Hosts),
                _ => {}
            }
        }
        if version != Some(VERSION) {
            return Err(PolicyError::Version);
        }
        let mode = mode.and_then(Mode::read).ok_or(PolicyError::Mode)?;
        if hosts.is_empty() && mode != Mode::None {
            return Err(PolicyError::Hosts);
        }
        let max_age = max_age.and_then(seconds).ok_or(PolicyError::MaxAge)?;
        Ok(Self { mode, max_age, hosts })
    }

    /// The fields that count, each as a line.
    pub fn lines(&self) -> Vec<String> {
        let hosts = self.hosts.iter().map(|host| format!("mx: {host}"));
        let first = [format!("version: {VERSION}"), format!("mode: {}", self.mode)];
        let last = format!("max_age: {}", self.max_age.as_secs());
        first.into_iter().chain(hosts).chain([last]).collect()
    }

    /// Whether an MX host is one of those that the policy names.
    pub fn names(&self, host: &Domain) -> bool {
        self.hosts.iter().any(|pattern| pattern.matches(host))
    }
}

impl Mode {
    fn read(word: &str) -> Option<Self> {
        match word {
            "enforce" => Some(Self::Enforce),
            "testing" => Some(Self::Testing),
            "none" => Some(Self::None),
            _ => None,
        }
    }
}

impl Pattern {
    /// A name in A-labels, of any number of labels, perhaps after `*.`.
    fn read(value: &str) -> Result<Self, PolicyError> {
        let value = value.strip_suffix('.').unwrap_or(value).to_ascii_lowercase();
        let is_label = |label: &str| {
            let has = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
            !label.is_empty() && label.len() <= 63 && label.bytes().all(has)
        };
        let name = value.strip_prefix("*.").unwrap_or(&value);
        if value.len() > DOMAIN_MAX || !name.split('.').all(is_label) {
            return Err(PolicyError::Hosts);
        }
        Ok(Self(value))
    }

    /// `*` stands for one whole label, the leftmost (RFC 8461, section 4.1).
    fn matches(&self, host: &Domain) -> bool {
        match self.0.strip_prefix("*.") {
            Some(parent) => host.as_str().split_once('.').is_some_and(|(_, rest)| rest == parent),
            None => self.0 == host.as_str(),
        }
    }
}

/// A policy that wants to count for longer than allowed counts for as long as is.
fn seconds(digits: &str) -> Option<Duration> {
    let is_number =
        (1..=10).contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_digit());
    let number: u64 = digits.parse().ok().filter(|_| is_number)?;
    Some(Duration::from_secs(number.min(AGE_MAX)))
}

fn is_record(text: &[u8]) -> bool {
    let rest = text.strip_prefix(RECORD);
    rest.is_some_and(|rest| rest.trim_ascii_start().first() == Some(&b';'))
}

/// The `id` of a record, every field of which is as it should be.
fn id(record: &[u8]) -> Option<String> {
    let text = str::from_utf8(record).ok()?;
    let text = text.trim_end_matches([' ', '\t']);
    let fields = text.strip_suffix(';').unwrap_or(text).split(';').skip(1);
    let mut found = None;
    for field in fields {
        let (name, value) = field.trim_matches([' ', '\t']).split_once('=')?;
        if name != "id" {
            is_extension(name, value).then_some(())?;
            continue;
        }
        let is_id = (1..=ID_MAX).contains(&value.len())
            && value.bytes().all(|octet| octet.is_ascii_alphanumeric());
        if !is_id || found.replace(value.to_owned()).is_some() {
            return None;
        }
    }
    found
}

/// `sts-ext-name` and `sts-ext-value` (RFC 8461, section 3.1).
fn is_extension(name: &str, value: &str) -> bool {
    let in_name = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-' | b'.');
    let in_value = |octet: u8| octet.is_ascii_graphic() && !matches!(octet, b';' | b'=');
    let begins_well = name.bytes().next().is_some_and(|octet| octet.is_ascii_alphanumeric());
    begins_well
        && name.len() <= 32
        && name.bytes().all(in_name)
        && !value.is_empty()
        && value.bytes().all(in_value)
}

impl fmt::Display for Mode {
    /// `enforce`, `testing` or `none`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Enforce => "enforce",
            Self::Testing => "testing",
            Self::None => "none",
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_800_000_000);

    #[track_caller]
    fn check_record(texts: &[&str], expected: Option<&str>) {
        let octets: Vec<_> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
        let expected = expected.map_or(Published::Nothing, |id| Published::Record(id.to_owned()));
        assert_eq!(record(&octets), expected, "{texts:?}");
    }

    #[test]
    fn a_record_has_a_version_and_one_id() {
        for text in [
            "v=STSv1; id=20160831085700Z;",
            "v=STSv1;id=20160831085700Z",
            "v=STSv1 ; \tid=20160831085700Z ; x-y.z=1,2",
            "v=STSv1; more=~!; id=20160831085700Z ; ",
        ] {
            check_record(&[text], Some("20160831085700Z"));
            check_record(&["v=spf1 -all", text, ""], Some("20160831085700Z"));
        }
    }

    #[test]
    fn a_record_that_is_none_or_stands_twice_is_no_policy() {
        let long = format!("v=STSv1; id={}", "1".repeat(33));
        for text in [
            "v=STSv1",
            "v=STSv1;",
            "v=STSv1; id=",
            "v=STSv1; id=1-2",
            "v=STSv1; id=1; id=2",
            "v=STSv1; ID=1",
            "v=STSv1; id = 1",
            "v=STSv1; id=1; ;",
            "v=STSv1; id=1; odd",
            "v=STSv1; id=1; a=b c",
            "v=STSv1; id=1; -a=b",
            "v=STSv11; id=1",
            "V=STSv1; id=1",
            " v=STSv1; id=1",
            "id=1; v=STSv1",
            &long,
        ] {
            check_record(&[text], None);
        }
        check_record(&[], None);
        check_record(&["v=STSv1; id=1", "v=STSv1; id=1"], None);
        check_record(&["v=STSv1; id=1", "v=STSv1; odd"], None);
        check_record(&["v=STSv1; id=1", "v=STSv2; id=2"], Some("1"));
        assert_eq!(record(&[b"v=STSv1; id=1; a=\xff".to_vec()]), Published::Nothing);
    }

    /// A policy on one line, for comparison.
    fn line(text: &str) -> Result<String, PolicyError> {
        let policy = Policy::read(text.as_bytes())?;
        let hosts: Vec<_> = policy.hosts.iter().map(ToString::to_string).collect();
        Ok(format!("{} {} {}", policy.mode, policy.max_age.as_secs(), hosts.join(" ")))
    }

    #[test]
    fn policies_are_read_as_domains_write_them() {
        for (text, expected) in [
            (
                "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.Example.net\r\nmax_age: 604800\r\n",
                "enforce 604800 mail.example.com *.example.net",
            ),
            ("max_age:86400\nmode:testing\nmx:a.b\nversion:STSv1", "testing 86400 a.b"),
            ("version: STSv1\nmode: none\nmax_age: 0\n", "none 0 "),
            ("version: STSv1\nmode: none\nmode: enforce\nmax_age: 1\nmax_age: x\n", "none 1 "),
            (
                "version: STSv1\n\nmode: testing \nmx: a.b. \nmax_age: 9999999999\nx: é\n",
                "testing 31557600 a.b",
            ),
        ] {
            assert_eq!(line(text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_policy_is_none() {
        let with = |lines: &str| format!("version: STSv1\nmax_age: 60\n{lines}");
        for (text, expected) in [
            ("", PolicyError::Version),
            ("<html>", PolicyError::Line),
            ("mode: enforce\nmx: a.b\nmax_age: 60", PolicyError::Version),
            ("version: STSv2\nmode: enforce\nmx: a.b\nmax_age: 60", PolicyError::Version),
            ("Version: STSv1\nmode: enforce\nmx: a.b\nmax_age: 60", PolicyError::Version),
            (&with("mx: a.b"), PolicyError::Mode),
            (&with("mode: Enforce\nmx: a.b"), PolicyError::Mode),
            (&with("mode: enforce"), PolicyError::Hosts),
            (&with("mode: enforce\nmx:"), PolicyError::Hosts),
            (&with("mode: enforce\nmx: *"), PolicyError::Hosts),
            (&with("mode: enforce\nmx: *.*.b"), PolicyError::Hosts),
            (&with("mode: enforce\nmx: a..b"), PolicyError::Hosts),
            (&with("mode: enforce\nmx: a.b, c.d"), PolicyError::Hosts),
            ("version: STSv1\nmode: none", PolicyError::MaxAge),
            ("version: STSv1\nmode: none\nmax_age: -1", PolicyError::MaxAge),
            ("version: STSv1\nmode: none\nmax_age: +1", PolicyError::MaxAge),
            ("version: STSv1\nmode: none\nmax_age: 10000000000", PolicyError::MaxAge),
        ] {
            assert_eq!(line(text), Err(expected), "{text}");
        }
        assert_eq!(Policy::read(b"version: STSv1\xff"), Err(PolicyError::NotText));
        let many = "mx: a.b\n".repeat(PATTERNS_MAX + 1);
        assert_eq!(line(&with(&format!("mode: enforce\n{many}"))), Err(PolicyError::Hosts));
    }

    #[test]
    fn a_pattern_stands_for_a_host_or_for_one_label() {
        for (pattern, host, expected) in [
            ("mail.example.com", "mail.example.com", true),
            ("mail.example.com", "a.mail.example.com", false),
            ("*.example.com", "mail.example.com", true),
            ("*.example.com", "a.mail.example.com", false),
            ("*.example.com", "example.com", false),
            ("*.example.com", "badexample.com", false),
            ("*.com", "example.com", true),
        ] {
            let policy = Policy::read(
                format!("version: STSv1\nmode: enforce\nmx: {pattern}\nmax_age: 60").as_bytes(),
            );
            let found = policy.unwrap().names(&host.parse().unwrap());
            assert_eq!(found, expected, "{pattern} and {host}");
        }
    }

    #[test]
    fn what_is_kept_counts_until_it_is_over_whatever_becomes_of_the_record() {
        let policy = Policy::read(b"version: STSv1\nmode: enforce\nmx: a.b\nmax_age: 60").unwrap();
        let kept = |age: i64| {
            Some(Kept { id: "1".into(), policy: policy.clone(), fetched: Moment(NOW.0 - age) })
        };
        let record = |id: &str| Published::Record(id.to_owned());
        let fetch = |id: &str| Step::Fetch(id.to_owned());
        for (published, kept, expected) in [
            (record("1"), kept(59), Step::Keep),
            (record("1"), kept(60), fetch("1")),
            (record("2"), kept(59), fetch("2")),
            (record("2"), None, fetch("2")),
            (Published::Nothing, kept(59), Step::Keep),
            (Published::Unknown, kept(59), Step::Keep),
            (Published::Nothing, kept(60), Step::Nothing),
            (Published::Unknown, kept(60), Step::Nothing),
            (Published::Nothing, None, Step::Nothing),
            (Published::Unknown, None, Step::Nothing),
        ] {
            assert_eq!(
                next(&published, kept.as_ref(), NOW),
                expected,
                "{published:?} and {kept:?}"
            );
        }
    }
}
