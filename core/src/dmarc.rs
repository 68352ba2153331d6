//! Which DMARC policy stands for a domain (RFC 9989): its own record, or the one that a walk up the tree finds, without any
//! list of public suffixes.

use crate::address::Domain;

/// A walk starts over at this many labels (RFC 9989, section 4.10).
const LABELS_MAX: usize = 8;

/// What a domain asks of receivers.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Action {
    None,
    Quarantine,
    Reject,
}

/// A policy record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub policy: Action,
    /// For subdomains without a record of their own.
    pub subdomains: Action,
    /// Signatures and envelope senders must be of the very domain, not only of one organisation with it.
    pub strict_dkim: bool,
    pub strict_spf: bool,
    /// The domain is a public suffix (`y`), or is none (`n`).
    suffix: Option<bool>,
    /// Somebody gets aggregate reports.
    pub has_reports: bool,
}

/// The names to ask for TXT records, in the order of the walk: the domain itself first.
pub fn names(domain: &Domain) -> Vec<String> {
    let labels: Vec<&str> = domain.as_str().split('.').collect();
    let mut at = Vec::from([0]);
    let first_parent = labels.len().saturating_sub(LABELS_MAX - 1).max(1);
    at.extend(first_parent..labels.len());
    at.into_iter()
        .filter_map(|from| labels.get(from..).map(|labels| format!("_dmarc.{}", labels.join("."))))
        .collect()
}

/// The policy that stands for a domain: `texts` holds the TXT records under each of [`names`], in that order. Together with
/// whether the record is the domain's own.
pub fn policy(texts: &[Vec<String>]) -> Option<(Record, bool)> {
    let mut found = texts.iter().enumerate().filter_map(|(at, texts)| Some((at, only(texts)?)));
    if let Some((0, record)) = found.clone().next() {
        return Some((record, true));
    }
    // The organisation's domain is that of the record that says it is no public suffix, or else of the last before the top.
    let mut last = None;
    for (_, record) in found.by_ref() {
        match record.suffix {
            Some(false) => return Some((record, false)),
            Some(true) => break,
            None => last = Some(record),
        }
    }
    last.map(|record| (record, false))
}

/// The one policy record among these; several are none.
fn only(texts: &[String]) -> Option<Record> {
    let mut records = texts.iter().filter_map(|text| read(text));
    let record = records.next()?;
    records.next().is_none().then_some(record)
}

/// Reads a record (RFC 9989, section 4.7). A policy that is missing or unknown counts as `none`.
fn read(text: &str) -> Option<Record> {
    let mut tags = text.split(';').map(|tag| {
        let (name, value) = tag.split_once('=').unwrap_or((tag, ""));
        (name.trim().to_ascii_lowercase(), value.trim())
    });
    tags.next().filter(|(name, value)| name == "v" && *value == "DMARC1")?;
    let tags: Vec<_> = tags.collect();
    let value =
        |wanted: &str| tags.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value);
    let action = |wanted| value(wanted).and_then(action);
    let policy = action("p").unwrap_or(Action::None);
    Some(Record {
        policy,
        subdomains: action("sp").unwrap_or(policy),
        strict_dkim: value("adkim").is_some_and(|mode| mode.eq_ignore_ascii_case("s")),
        strict_spf: value("aspf").is_some_and(|mode| mode.eq_ignore_ascii_case("s")),
        suffix: match value("psd") {
            Some("y") => Some(true),
            Some("n") => Some(false),
            _ => None,
        },
        has_reports: value("rua").is_some_and(|to| !to.is_empty()),
    })
}

fn action(text: &str) -> Option<Action> {
    [("none", Action::None), ("quarantine", Action::Quarantine), ("reject", Action::Reject)]
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text))
        .map(|(_, action)| action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_names(domain: &str, expected: &[&str]) {
        let expected: Vec<_> = expected.iter().map(|name| format!("_dmarc.{name}")).collect();
        assert_eq!(names(&domain.parse().unwrap()), expected, "{domain}");
    }

    #[test]
    fn the_walk_goes_up_label_by_label_and_skips_what_is_too_deep() {
        check_names("example.com", &["example.com", "com"]);
        check_names("a.b.example.com", &["a.b.example.com", "b.example.com", "example.com", "com"]);
        // RFC 9989, section 4.10: after the name itself, seven labels and fewer.
        check_names(
            "a.b.c.d.e.f.g.h.i.j.k.example.com",
            &[
                "a.b.c.d.e.f.g.h.i.j.k.example.com",
                "g.h.i.j.k.example.com",
                "h.i.j.k.example.com",
                "i.j.k.example.com",
                "j.k.example.com",
                "k.example.com",
                "example.com",
                "com",
            ],
        );
        check_names(
            "a.b.c.d.e.f.example.com",
            &[
                "a.b.c.d.e.f.example.com",
                "b.c.d.e.f.example.com",
                "c.d.e.f.example.com",
                "d.e.f.example.com",
                "e.f.example.com",
                "f.example.com",
                "example.com",
                "com",
            ],
        );
    }

    /// What stands for a domain whose walk finds these texts.
    #[track_caller]
    fn check(texts: &[&[&str]], expected: Option<(Action, bool)>) {
        let texts: Vec<Vec<String>> =
            texts.iter().map(|at| at.iter().map(|text| (*text).to_owned()).collect()).collect();
        let found = policy(&texts)
            .map(|(record, own)| (if own { record.policy } else { record.subdomains }, own));
        assert_eq!(found, expected, "{texts:?}");
    }

    #[test]
    fn its_own_record_stands_before_those_above_it() {
        let reject: &[&str] = &["v=DMARC1; p=reject"];
        let none: &[&str] = &["v=DMARC1;p=none; sp=Quarantine"];
        check(&[reject, none, &[]], Some((Action::Reject, true)));
        check(&[&[], none, &[]], Some((Action::Quarantine, false)));
        check(&[&[], &[], &[]], None);
        check(
            &[&["v=spf1 -all", "v=DMARC1; p=reject; rua=mailto:x@y.z"], &[]],
            Some((Action::Reject, true)),
        );
        check(&[&["v=DMARC1; p=reject", "v=DMARC1; p=none"], &[]], None);
        check(&[&["p=reject; v=DMARC1"], &[]], None);
        check(&[&["v=DMARC1; p=whatever"], &[]], Some((Action::None, true)));
    }

    #[test]
    fn the_walk_ends_at_the_organisations_domain() {
        let suffix: &[&str] = &["v=DMARC1; p=reject; psd=y"];
        let organisation: &[&str] = &["v=DMARC1; p=quarantine; psd=n"];
        let middle: &[&str] = &["v=DMARC1; p=none"];
        check(&[&[], middle, organisation, suffix], Some((Action::Quarantine, false)));
        check(&[&[], organisation, middle, suffix], Some((Action::Quarantine, false)));
        check(&[&[], middle, suffix], Some((Action::None, false)));
        check(&[&[], suffix], None);
        check(&[&[], middle, &["v=DMARC1; p=reject"], &[]], Some((Action::Reject, false)));
    }
}
