//! The subject: what to look for in it, and taking a trigger word out of it.

use std::ops::Range;

use serde::Deserialize;

use super::Seen;
use super::condition::{Verdict, list};
use super::one_or_many::{one_or_many, text_or_table};
use super::pattern::{Expression, Pattern, Text};
use super::words::Words;
use crate::message::Head;
use crate::text::{HeaderText, decoded, one_line};

/// Words, phrases and expressions, of which any may stand in the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    pub any: Vec<Pattern>,
    /// Whether what was found is taken out of the subject of a message that the rule secures.
    pub strip: bool,
}

/// `{ words = …, regex = …, strip = true }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    #[serde(default, deserialize_with = "one_or_many")]
    words: Vec<Words>,
    #[serde(default, deserialize_with = "one_or_many")]
    regex: Vec<Expression>,
    #[serde(default)]
    strip: bool,
}

/// A change to the Subject field that is the `index`th of its name, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSubject {
    pub index: usize,
    /// Nothing may be left of it.
    pub text: Option<HeaderText>,
}

/// Octets of a subject out of which words are taken: no mail program shows more, and finding them takes time.
const STRIP_MAX: usize = 4096;

/// Triggers that are taken out of one subject.
const STRIPS_MAX: usize = 50;

/// Every Subject counts: which of two a mail program shows is its own affair.
pub(super) fn read(head: &Head<'_>) -> Vec<Text> {
    head.named("Subject").map(|field| Text::of_header(field.value)).collect()
}

pub(super) fn look(triggers: &[Trigger], subjects: &[Text]) -> (Verdict, String) {
    let mut patterns = triggers.iter().flat_map(|trigger| &trigger.any);
    match patterns.find(|pattern| subjects.iter().any(|subject| pattern.is_in(subject))) {
        Some(found) => (Verdict::Yes, format!("the subject has {found}")),
        None if subjects.iter().any(Text::is_undecoded) => {
            (Verdict::Unreadable, "the subject is encoded in a way that is not known".to_owned())
        }
        None if subjects.is_empty() => (Verdict::No, "the message has no subject".to_owned()),
        None => {
            let all = triggers.iter().flat_map(|trigger| &trigger.any);
            (Verdict::No, format!("the subject has none of {}", list(all)))
        }
    }
}

/// The subjects as they become when the triggers that say so are taken out. A subject without one stays as it is, to the
/// octet.
pub(super) fn stripped(triggers: &[Trigger], head: &Head<'_>) -> Vec<NewSubject> {
    let patterns: Vec<&Pattern> =
        triggers.iter().filter(|trigger| trigger.strip).flat_map(|trigger| &trigger.any).collect();
    let change = |(at, value): (usize, &[u8])| {
        let text = HeaderText::new(&without(&patterns, &one_line(&decoded(value)))?);
        let text = Some(text).filter(|text| !text.as_str().is_empty());
        Some(NewSubject { index: at + 1, text })
    };
    head.named("Subject").map(|field| field.value).enumerate().filter_map(change).collect()
}

/// The text without any of the patterns; none where it has none.
fn without(patterns: &[&Pattern], text: &str) -> Option<String> {
    if text.len() > STRIP_MAX {
        return None;
    }
    let mut rest = text.to_owned();
    for _ in 0..STRIPS_MAX {
        let Some(found) = patterns.iter().find_map(|pattern| pattern.find(&rest)) else { break };
        rest = cut(&rest, found)?;
    }
    (rest != text).then_some(rest)
}

/// Takes a piece out, and what would be left hanging: the brackets around it, the colon behind it, loose punctuation at the
/// ends of the text.
fn cut(text: &str, piece: Range<usize>) -> Option<String> {
    let mut before = text.get(..piece.start)?.trim_end();
    let mut after = text.get(piece.end..)?.trim_start();
    for (open, close) in [('[', ']'), ('(', ')'), ('{', '}')] {
        if let (Some(left), Some(right)) = (before.strip_suffix(open), after.strip_prefix(close)) {
            (before, after) = (left.trim_end(), right.trim_start());
        }
    }
    if before.is_empty() || before.ends_with(':') {
        after = after.strip_prefix(':').unwrap_or(after).trim_start();
    }
    let is_loose = |c: char| c.is_whitespace() || matches!(c, '-' | '–' | '—' | '|' | ',' | ';');
    Some(match (before, after) {
        ("", after) => after.trim_start_matches(is_loose).to_owned(),
        (before, "") => before.trim_end_matches(is_loose).to_owned(),
        (before, after) if after.starts_with([':', ',', ';', '.']) => format!("{before}{after}"),
        // A space, or the words beside it would become one.
        (before, after) => format!("{before} {after}"),
    })
}

impl From<Words> for Trigger {
    fn from(words: Words) -> Self {
        Self { any: vec![Pattern::Words(words)], strip: false }
    }
}

impl TryFrom<Written> for Trigger {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, &'static str> {
        let Written { words, regex, strip } = written;
        let any: Vec<Pattern> = words
            .into_iter()
            .map(Pattern::Words)
            .chain(regex.into_iter().map(Pattern::Regex))
            .collect();
        if any.is_empty() {
            Err("nothing to look for: write words or regex")
        } else {
            Ok(Self { any, strip })
        }
    }
}

impl<'de> Deserialize<'de> for Trigger {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_table::<D, Words, Written, Self>(deserializer)
    }
}

impl Seen {
    pub(super) fn new(condition: &'static str, (verdict, why): (Verdict, String)) -> Self {
        Self { condition, verdict, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(words: &[&str], regex: &[&str]) -> Vec<Pattern> {
        let words = words.iter().map(|text| Pattern::Words((*text).to_owned().try_into().unwrap()));
        let regex = regex.iter().map(|text| Pattern::Regex((*text).to_owned().try_into().unwrap()));
        words.chain(regex).collect()
    }

    /// The value of a Subject after "secure", "strictly private" and a case number were taken out; none: untouched.
    #[track_caller]
    fn check(value: &str, want: Option<&str>) {
        let any = patterns(&["secure", "strictly private", "[veilig]"], &[r"#\d+"]);
        let section = format!("Subject: {value}\r\n\r\n");
        let head = Head::parse(section.as_bytes()).unwrap();
        let changes = stripped(&[Trigger { any, strip: true }], &head);
        let shown = changes.first().map(|new| new.text.as_ref().map_or("", HeaderText::as_str));
        assert_eq!(shown, want, "{value:?}");
    }

    #[test]
    fn the_trigger_goes_and_the_rest_stays_tidy() {
        check("secure offer", Some("offer"));
        check("Secure: offer", Some("offer"));
        check("[SECURE] offer", Some("offer"));
        check("Re: [secure] offer", Some("Re: offer"));
        check("Re: secure: offer", Some("Re: offer"));
        check("offer (secure)", Some("offer"));
        check("offer - secure", Some("offer"));
        check("offer secure today", Some("offer today"));
        check("your  strictly\r\n private offer", Some("your offer"));
        check("[Veilig]offer", Some("offer"));
        check("offer #123 for you", Some("offer for you"));
        check("secure", Some(""));
    }

    #[test]
    fn every_occurrence_goes_and_what_is_left_makes_no_new_one() {
        check("secure secure offer SECURE", Some("offer"));
        check("strictly secure private", Some(""));
    }

    #[test]
    fn a_trigger_that_is_written_otherwise_is_taken_out_whole() {
        check("=?utf-8?Q?s=C2=ADecure_caf=C3=A9?=", Some("café"));
        check("ｓｅｃｕｒｅ offer", Some("offer"));
    }

    #[test]
    fn without_a_trigger_nothing_changes() {
        check("insecure  (offer)", None);
        check("", None);
        check(&format!("secure {}", "x".repeat(STRIP_MAX)), None);
    }

    #[test]
    fn only_what_says_so_is_taken_out_and_of_every_subject() {
        let head = Head::parse(b"Subject: a b\r\nSubject: c\r\nSUBJECT: b\r\n\r\n").unwrap();
        let trigger = |word, strip| Trigger { any: patterns(&[word], &[]), strip };
        let new = |index, text: &str| NewSubject {
            index,
            text: Some(HeaderText::new(text)).filter(|_| !text.is_empty()),
        };
        assert_eq!(
            stripped(&[trigger("a", false), trigger("b", true)], &head),
            [new(1, "a"), new(3, "")]
        );
    }

    #[test]
    fn a_long_subject_of_near_misses_takes_no_quadratic_time() {
        check(&"secur ".repeat(STRIP_MAX / 6 - 4), None);
    }
}
