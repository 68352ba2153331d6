//! Markings: header fields and document properties, by name and value.

use std::fmt;

use serde::Deserialize;

use super::Message;
use super::condition::{Verdict, list};
use super::one_or_many::one_or_many;
use super::pattern::{Expression, Pattern, Text};
use super::words::Words;

/// A field or property that must be there; with a value that has any of the patterns, where there are some.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Marking {
    name: String,
    any: Vec<Pattern>,
}

/// `{ name = …, words = …, regex = … }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    name: String,
    #[serde(default, deserialize_with = "one_or_many")]
    words: Vec<Words>,
    #[serde(default, deserialize_with = "one_or_many")]
    regex: Vec<Expression>,
}

/// Any header. The mail server's own notion of a field counts, so two fields of one name are two.
pub(super) fn header(wanted: &[Marking], message: &Message<'_>) -> (Verdict, String) {
    let holds = |marking: &&Marking| {
        message
            .head
            .named(&marking.name)
            .any(|field| marking.is_met_by(|| Text::of_header(field.value)))
    };
    let found = wanted.iter().find(holds);
    let is_undecoded = |marking: &Marking| {
        let mut fields = message.head.named(&marking.name);
        fields.any(|field| Text::of_header(field.value).is_undecoded())
    };
    if found.is_none() && wanted.iter().any(is_undecoded) {
        let why = "the header is encoded in a way that is not known".to_owned();
        return (Verdict::Unreadable, why);
    }
    told(found, wanted, "header")
}

/// Any property of an attached document.
pub(super) fn property(wanted: &[Marking], message: &Message<'_>) -> (Verdict, String) {
    let Some(attachments) = &message.content.attachments else {
        return (Verdict::Unknown, "the attachments were not looked at".to_owned());
    };
    let holds = |marking: &&Marking| {
        attachments.properties.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case(&marking.name) && marking.is_met_by(|| Text::plain(value))
        })
    };
    match (wanted.iter().find(holds), attachments.unreadable()) {
        (None, Some(why)) => (Verdict::Unreadable, why),
        (found, _) => told(found, wanted, "property"),
    }
}

fn told(found: Option<&Marking>, wanted: &[Marking], what: &str) -> (Verdict, String) {
    match found {
        Some(marking) => (Verdict::Yes, format!("there is a {what} {marking}")),
        None => (Verdict::No, format!("there is no {what} {}", list(wanted.iter()))),
    }
}

impl Marking {
    fn is_met_by(&self, value: impl FnOnce() -> Text) -> bool {
        self.any.is_empty() || {
            let value = value();
            self.any.iter().any(|pattern| pattern.is_in(&value))
        }
    }
}

impl TryFrom<Written> for Marking {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, &'static str> {
        let Written { name, words, regex } = written;
        // Names of document properties have spaces and letters of every language in them.
        if name.trim().is_empty() || name.contains(|c: char| c.is_control() || c == ':') {
            return Err("not a name: write the header's or the property's name, without its colon");
        }
        let regex = regex.into_iter().map(Pattern::Regex);
        Ok(Self { name, any: words.into_iter().map(Pattern::Words).chain(regex).collect() })
    }
}

impl fmt::Display for Marking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.any.as_slice() {
            [] => write!(f, "{}", self.name),
            any => write!(f, "{} with {}", self.name, list(any.iter())),
        }
    }
}
