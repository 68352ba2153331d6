//! A list in the configuration that may be written as its only element.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

struct OneOrMany<T>(PhantomData<T>);

/// Reads `"one"` or `["one", "two"]`; never an empty list, which would mean "no condition" to one reader and "never" to another.
pub(super) fn one_or_many<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_any(OneOrMany(PhantomData))
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or a list of them")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<T>, E> {
        T::deserialize(StrDeserializer::new(text)).map(|one| vec![one])
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Vec<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(table)).map(|one| vec![one])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<T>, A::Error> {
        let many: Vec<T> = Vec::deserialize(SeqAccessDeserializer::new(list))?;
        if many.is_empty() {
            Err(Error::custom("an empty list: leave the key out"))
        } else {
            Ok(many)
        }
    }
}

struct TextOrTable<Text, Table, T>(PhantomData<(Text, Table, T)>);

/// Reads a value that is written as a text, or as a table where more has to be said.
pub(super) fn text_or_table<'de, D, Text, Table, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    Text: Deserialize<'de> + Into<T>,
    Table: Deserialize<'de> + TryInto<T, Error: fmt::Display>,
{
    deserializer.deserialize_any(TextOrTable::<Text, Table, T>(PhantomData))
}

impl<'de, Text, Table, T> Visitor<'de> for TextOrTable<Text, Table, T>
where
    Text: Deserialize<'de> + Into<T>,
    Table: Deserialize<'de> + TryInto<T, Error: fmt::Display>,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a table")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        Text::deserialize(StrDeserializer::new(text)).map(Into::into)
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<T, A::Error> {
        let table = Table::deserialize(MapAccessDeserializer::new(table))?;
        table.try_into().map_err(Error::custom)
    }
}
