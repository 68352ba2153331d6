//! An XML file as a tree. No document type, no entities but the five that need no declaration.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Element>,
    /// All text directly in it, joined.
    pub text: String,
}

/// Elements within elements; conditions of a rule reach ten.
const DEPTH_MAX: usize = 100;

impl Element {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let mut attributes = self.attributes.iter();
        attributes.find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    fn open(tag: &BytesStart<'_>) -> Result<Self, String> {
        let mut element = Self { name: tag.name().as_ref().to_owned(), ..Self::default() };
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| error.to_string())?;
            element.attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
        }
        Ok(element)
    }
}

/// The document; its root is the only child of what is returned.
pub(super) fn parse(text: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(text);
    let mut within: Vec<Element> = Vec::new();
    let mut current = Element::default();
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(_) if within.len() == DEPTH_MAX => {
                return Err("nested too deeply".to_owned());
            }
            Event::Start(tag) => {
                within.push(std::mem::replace(&mut current, Element::open(&tag)?));
            }
            Event::Empty(tag) => current.children.push(Element::open(&tag)?),
            Event::End(_) => {
                let outer = within.pop().ok_or("an end without a start")?;
                let inner = std::mem::replace(&mut current, outer);
                current.children.push(inner);
            }
            Event::Text(text) => current.text.push_str(&text.xml10_content()),
            Event::CData(text) => current.text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => current.text.push_str(&resolved(&reference)?),
            Event::DocType(_) => return Err("a document type".to_owned()),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => (),
            Event::Eof if within.is_empty() => return Ok(current),
            Event::Eof => return Err(format!("<{}> is not closed", current.name)),
        }
    }
}

fn resolved(reference: &BytesRef<'_>) -> Result<String, String> {
    if let Some(c) = reference.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(c.to_string());
    }
    let name = reference.xml10_content();
    resolve_predefined_entity(&name).map(str::to_owned).ok_or_else(|| format!("an entity &{name};"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Option<&str>) {
        let seen = parse(text).map(|document| shown(&document.children));
        assert_eq!(seen.as_deref().ok(), want, "{text}: {seen:?}");
    }

    fn shown(elements: &[Element]) -> String {
        let one = |element: &Element| {
            let attributes =
                element.attributes.iter().map(|(name, value)| format!(" {name}={value}"));
            let attributes = attributes.collect::<Vec<_>>().concat();
            format!("({}{attributes}: {}{})", element.name, element.text, shown(&element.children))
        };
        elements.iter().map(one).collect()
    }

    #[test]
    fn text_is_joined_from_all_that_makes_it() {
        check(
            "<?xml version=\"1.0\"?><a x=\"1&lt;2\"><b/>x&amp;y<![CDATA[<z>]]>&#65;</a>",
            Some("(a x=1<2: x&y<z>A(b: ))"),
        );
    }

    #[test]
    fn declared_entities_document_types_and_depth_are_refused() {
        check("<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>", None);
        check("<a>&e;</a>", None);
        check("<a><b></a>", None);
        check("<a>", None);
        check(&"<a>".repeat(200), None);
    }
}
