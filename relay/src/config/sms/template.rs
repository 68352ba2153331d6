//! Texts with places that are filled in for every text message: `{number}`, `{digits}` (the number without its plus),
//! `{text}`, `{id}` and `{secret}`. What is filled in is a value inside a form, a JSON document or a header, never a part
//! of its syntax.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Words(String),
    Slot(Slot),
}

/// What is filled in.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    Number,
    Digits,
    Text,
    /// The same at every attempt: providers that know a repeated request by it send nothing twice.
    Id,
    Secret,
}

/// A JSON document whose strings are templates.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Value")]
pub struct Json(Node);

#[derive(Clone, Debug)]
enum Node {
    Text(Template),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
    Other(Value),
}

impl Slot {
    fn named(name: &str) -> Option<Self> {
        match name {
            "number" => Some(Self::Number),
            "digits" => Some(Self::Digits),
            "text" => Some(Self::Text),
            "id" => Some(Self::Id),
            "secret" => Some(Self::Secret),
            _ => None,
        }
    }
}

impl Template {
    pub fn fill<'v>(&self, value: &impl Fn(Slot) -> &'v str) -> String {
        let filled = |text: String, piece: &Piece| {
            text + match piece {
                Piece::Words(words) => words,
                Piece::Slot(slot) => value(*slot),
            }
        };
        self.0.iter().fold(String::new(), filled)
    }

    pub fn slots(&self) -> impl Iterator<Item = Slot> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Slot(slot) => Some(*slot),
            Piece::Words(_) => None,
        })
    }

    /// Exactly these words, whatever stands in them.
    pub fn words(words: &str) -> Self {
        Self(vec![Piece::Words(words.to_owned())])
    }

    pub fn slot(slot: Slot) -> Self {
        Self(vec![Piece::Slot(slot)])
    }

    /// These words, then what is filled in.
    pub fn after(words: &str, slot: Slot) -> Self {
        Self(vec![Piece::Words(words.to_owned()), Piece::Slot(slot)])
    }
}

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        while let Some((words, slot)) = rest.split_once('{') {
            let (name, after) = slot.split_once('}').ok_or("a { has no }")?;
            let slot = Slot::named(name).ok_or_else(|| {
                format!("{{{name}}} is unknown: {{number}}, {{digits}}, {{text}}, {{id}} and {{secret}} are filled in")
            })?;
            pieces.push(Piece::Words(words.to_owned()));
            pieces.push(Piece::Slot(slot));
            rest = after;
        }
        pieces.push(Piece::Words(rest.to_owned()));
        Ok(Self(pieces))
    }
}

impl Json {
    pub fn fill<'v>(&self, value: &impl Fn(Slot) -> &'v str) -> Value {
        self.0.fill(value)
    }

    pub fn slots(&self) -> Vec<Slot> {
        let mut found = Vec::new();
        self.0.slots(&mut found);
        found
    }

    /// An object of strings, some of them alone in a list.
    pub fn object<const N: usize>(members: [(&str, Member); N]) -> Self {
        let node = |member| match member {
            Member::One(text) => Node::Text(text),
            Member::ListOfOne(text) => Node::List(vec![Node::Text(text)]),
        };
        let members = members.into_iter().map(|(name, member)| (name.to_owned(), node(member)));
        Self(Node::Table(members.collect()))
    }
}

/// What stands in [`Json::object`].
#[derive(Clone, Debug)]
pub enum Member {
    One(Template),
    ListOfOne(Template),
}

impl Node {
    fn fill<'v>(&self, value: &impl Fn(Slot) -> &'v str) -> Value {
        match self {
            Self::Text(text) => Value::String(text.fill(value)),
            Self::List(items) => items.iter().map(|item| item.fill(value)).collect(),
            Self::Table(members) => {
                members.iter().map(|(name, member)| (name.clone(), member.fill(value))).collect()
            }
            Self::Other(other) => other.clone(),
        }
    }

    fn slots(&self, found: &mut Vec<Slot>) {
        match self {
            Self::Text(text) => found.extend(text.slots()),
            Self::List(items) => items.iter().for_each(|item| item.slots(found)),
            Self::Table(members) => members.values().for_each(|member| member.slots(found)),
            Self::Other(_) => {}
        }
    }
}

impl TryFrom<Value> for Json {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        Node::try_from(value).map(Self)
    }
}

impl TryFrom<Value> for Node {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        Ok(match value {
            Value::String(text) => Self::Text(text.try_into()?),
            Value::Array(items) => {
                Self::List(items.into_iter().map(Self::try_from).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let member = |(name, member)| Ok((name, Self::try_from(member)?));
                Self::Table(members.into_iter().map(member).collect::<Result<_, String>>()?)
            }
            other => Self::Other(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WORDS: &str = "\"}, & {id} \\\r\n@host #1";

    fn value(slot: Slot) -> &'static str {
        match slot {
            Slot::Number => "+31612345678",
            Slot::Digits => "31612345678",
            Slot::Text => WORDS,
            Slot::Id => "7",
            Slot::Secret => "s",
        }
    }

    #[track_caller]
    fn check(text: &str, filled: &str) {
        let template = Template::try_from(text.to_owned()).expect(text);
        assert_eq!(template.fill(&value), filled, "{text}");
    }

    #[test]
    fn names_in_braces_are_filled_in_once() {
        check("", "");
        check("plain } text", "plain } text");
        check("{number}", "+31612345678");
        check("a{digits}b{id}{secret}c", "a31612345678b7sc");
        check("<{text}>", &format!("<{WORDS}>"));
        for wrong in ["{", "{number", "{Number}", "{}", "{{number}}", "{ number }"] {
            assert!(Template::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_filled_in_stays_a_string_of_the_document() {
        let form = json!({"to": ["{digits}"], "text": "{text}", "n": 1, "deep": {"id": "{id}", "x": null}});
        let json = Json::try_from(form).unwrap();
        let filled = serde_json::to_string(&json.fill(&value)).unwrap();
        let read: Value = serde_json::from_str(&filled).unwrap();
        let expected =
            json!({"to": ["31612345678"], "text": WORDS, "n": 1, "deep": {"id": "7", "x": null}});
        assert_eq!(read, expected);
        assert_eq!(json.slots().len(), 3);
        assert!(Json::try_from(json!({"a": ["{b}"]})).is_err());
    }
}
