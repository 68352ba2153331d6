//! Labels in XML: one pass knows every form. Prefixes and namespaces are not asked; a label counts under any of them.
//!
//! | form | where |
//! |---|---|
//! | Office package, Flat OPC | `<property fmtid pid name><vt:…>value`, `<label id siteId enabled removed>` |
//! | Office 2003 XML, HTML saved by Office | children of `CustomDocumentProperties`, in HTML inside a comment |
//! | HTML by other programs | `<meta name content>` |
//! | ODF, flat or not | `<user-defined name>value` |
//! | XMP | elements and attributes `MSIP_Label_…`, elements with the prefix `pdfx` |

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::Unreadable;
use super::scan::Scan;
use super::sniff::find;
use crate::label::Guid;
use crate::label::attributes::Gathered;

/// What a document says of itself.
#[derive(Default)]
pub(super) struct Marks {
    pub(super) properties: Vec<(String, String)>,
    pub(super) listed: Vec<Listed>,
    /// Files inside the XML.
    files: Vec<Vec<u8>>,
}

/// Properties, and entries of label lists, of one document; Office writes some hundreds at most.
const MARKS_MAX: usize = 4096;

/// An entry of a label list ([MS-OFFCRYPTO], section 2.6.4).
pub(super) struct Listed {
    pub(super) id: Guid,
    pub(super) site: Option<Guid>,
    /// Enabled and not removed.
    pub(super) counts: bool,
}

/// The XML is not well-formed, or declares a document type of its own.
pub(super) struct Malformed;

/// Comments in comments; HTML saved by Office has one level.
const COMMENTS_MAX: usize = 2;

/// An element whose text is being gathered.
struct Open {
    depth: usize,
    text: String,
    holds: Holds,
}

enum Holds {
    Property(String),
    File,
}

struct Walk<'m> {
    marks: &'m mut Marks,
    depth: usize,
    /// The depth of `CustomDocumentProperties`.
    custom: Option<usize>,
    open: Option<Open>,
    comments: usize,
}

/// Looks into a document that is one XML or HTML file.
pub(super) fn look(scan: &mut Scan<'_>, octets: &[u8]) -> Result<(), Unreadable> {
    let text = decode(octets);
    let mut marks = Marks::default();
    let outcome = marks.gather(&text);
    let files = std::mem::take(&mut marks.files);
    scan.settle(marks);
    for file in files {
        scan.entry()?;
        scan.nested(&file);
    }
    let may_mark = |mark: &[u8]| find(text.as_bytes(), mark).is_some();
    match outcome {
        // Most HTML is no XML, and says nothing here.
        Err(Malformed) if may_mark(b"MSIP_Label_") || may_mark(b"CustomDocumentProperties") => {
            Err(Unreadable::Damaged("an XML document"))
        }
        Ok(()) | Err(Malformed) => Ok(()),
    }
}

impl Marks {
    /// Takes a property, while there is room.
    pub(super) fn property(&mut self, name: String, value: String) {
        if !self.is_full() {
            self.properties.push((name, value));
        }
    }

    /// Whether there may have been more.
    pub(super) fn is_full(&self) -> bool {
        self.properties.len() + self.listed.len() >= MARKS_MAX
    }

    /// Whether a label is named at all, in whatever state.
    pub(super) fn names_label(&self) -> bool {
        !self.listed.is_empty() || self.properties.iter().any(|(name, _)| Gathered::is_key(name))
    }

    /// Takes what one XML text says.
    pub(super) fn gather(&mut self, text: &str) -> Result<(), Malformed> {
        Walk { marks: self, depth: 0, custom: None, open: None, comments: 0 }.walk(text)
    }

    /// The same for octets in whatever encoding.
    pub(super) fn gather_octets(&mut self, octets: &[u8]) -> Result<(), Malformed> {
        self.gather(&decode(octets))
    }
}

impl Walk<'_> {
    fn walk(&mut self, text: &str) -> Result<(), Malformed> {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.allow_dangling_amp = true;
        loop {
            match reader.read_event().map_err(|_| Malformed)? {
                Event::Start(element) => {
                    self.depth += 1;
                    self.start(&element);
                }
                Event::Empty(element) => {
                    self.depth += 1;
                    self.start(&element);
                    self.end();
                }
                Event::End(_) => self.end(),
                Event::Text(text) => self.text(&text.xml10_content()),
                Event::CData(text) => self.text(&text.xml10_content()),
                Event::GeneralRef(reference) => self.reference(&reference),
                // An entity could hide what a value is; none of these formats has a document type, but for HTML.
                Event::DocType(doctype) if doctype.contains('[') => return Err(Malformed),
                Event::Comment(comment)
                    if self.comments < COMMENTS_MAX
                        && comment.contains("CustomDocumentProperties") =>
                {
                    let comments = self.comments + 1;
                    let inner =
                        Walk { marks: self.marks, depth: 0, custom: None, open: None, comments };
                    inner.comment(&comment)?;
                }
                Event::Eof => return Ok(()),
                Event::DocType(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
    }

    /// `[if gte mso 9]><xml>…</xml><![endif]`: only what stands between the tags is XML.
    fn comment(mut self, comment: &str) -> Result<(), Malformed> {
        let from = comment.find("<xml").or_else(|| comment.find('<')).unwrap_or_default();
        let to = comment.rfind("<![endif").unwrap_or(comment.len());
        self.walk(comment.get(from..to).unwrap_or_default())
    }

    fn start(&mut self, element: &BytesStart<'_>) {
        if self.open.is_some() {
            return;
        }
        let name = element.local_name();
        let name: &str = name.as_ref();
        let holds = match name {
            "CustomDocumentProperties" => {
                self.custom.get_or_insert(self.depth);
                None
            }
            _ if self.custom.is_some() => Some(Holds::Property(unescaped(name))),
            "property" => {
                attribute(element, "fmtid").and(attribute(element, "name")).map(Holds::Property)
            }
            "user-defined" => attribute(element, "name").map(Holds::Property),
            "label" => {
                let room = !self.marks.is_full();
                self.marks.listed.extend(Listed::read(element).filter(|_| room));
                None
            }
            _ if name.eq_ignore_ascii_case("meta") => {
                self.meta(element);
                None
            }
            "binaryData" => Some(Holds::File),
            _ if Gathered::is_key(name) || element.name().as_ref().starts_with("pdfx:") => {
                Some(Holds::Property(name.to_owned()))
            }
            _ => None,
        };
        self.open = holds.map(|holds| Open { depth: self.depth, text: String::new(), holds });
        if name == "Description" {
            self.described(element);
        }
    }

    /// HTML has no case.
    fn meta(&mut self, element: &BytesStart<'_>) {
        let said = |wanted: &str| {
            element.html_attributes().with_checks(false).flatten().find_map(|attribute| {
                let value = attribute.normalized_value(XmlVersion::Explicit1_0).ok()?;
                attribute.key.as_ref().eq_ignore_ascii_case(wanted).then(|| value.into_owned())
            })
        };
        if let (Some(name), Some(value)) = (said("name"), said("content")) {
            self.marks.property(name, value);
        }
    }

    /// XMP's short form: properties as attributes.
    fn described(&mut self, element: &BytesStart<'_>) {
        for attribute in element.attributes().with_checks(false).flatten() {
            let local = attribute.key.local_name();
            let local: &str = local.as_ref();
            if Gathered::is_key(local) || attribute.key.as_ref().starts_with("pdfx:") {
                let value = attribute.normalized_value(XmlVersion::Explicit1_0).unwrap_or_default();
                self.marks.property(local.to_owned(), value.into_owned());
            }
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(open) = &mut self.open {
            open.text.push_str(text);
        }
    }

    /// Character references and the five names that XML has; nothing else is expanded.
    fn reference(&mut self, reference: &BytesRef<'_>) {
        let found = match reference.resolve_char_ref() {
            Ok(Some(c)) => Some(c),
            _ => match reference.xml10_content().as_ref() {
                "amp" => Some('&'),
                "lt" => Some('<'),
                "gt" => Some('>'),
                "quot" => Some('"'),
                "apos" => Some('\''),
                _ => None,
            },
        };
        if let Some(c) = found {
            self.text(c.encode_utf8(&mut [0; 4]));
        }
    }

    fn end(&mut self) {
        if let Some(open) = self.open.take_if(|open| open.depth >= self.depth) {
            match open.holds {
                Holds::Property(name) => {
                    self.marks.property(name, open.text.trim().to_owned());
                }
                Holds::File => {
                    let bare: String = open.text.split_ascii_whitespace().collect();
                    self.marks.files.extend(BASE64_STANDARD.decode(bare));
                }
            }
        }
        self.custom = self.custom.filter(|depth| *depth < self.depth);
        self.depth = self.depth.saturating_sub(1);
    }
}

impl Listed {
    fn read(element: &BytesStart<'_>) -> Option<Self> {
        let id = attribute(element, "id")?.parse().ok()?;
        let site = attribute(element, "siteId")?.parse().ok();
        let said = |name, values: [&str; 2]| {
            attribute(element, name).is_some_and(|value| values.contains(&value.trim()))
        };
        let counts = !said("enabled", ["0", "false"]) && !said("removed", ["1", "true"]);
        Some(Self { id, site, counts })
    }
}

/// The value of an attribute with this local name.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    element.attributes().with_checks(false).flatten().find_map(|attribute| {
        let local = attribute.key.local_name();
        let local: &str = local.as_ref();
        let value = attribute.normalized_value(XmlVersion::Explicit1_0);
        (local == name).then(|| value.map(String::from).unwrap_or_default())
    })
}

/// `_x0020_` in the name of an element stands for the character with that number.
fn unescaped(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once("_x") {
        plain.push_str(before);
        let escaped = after
            .split_at_checked(4)
            .and_then(|(digits, after)| Some((digits, after.strip_prefix('_')?)))
            .and_then(|(digits, after)| Some((u32::from_str_radix(digits, 16).ok()?, after)))
            .and_then(|(number, after)| Some((char::from_u32(number)?, after)));
        if let Some((c, after)) = escaped {
            plain.push(c);
            rest = after;
        } else {
            plain.push_str("_x");
            rest = after;
        }
    }
    plain + rest
}

/// XML as text: by its byte order mark, by where its NULs are, by its declaration, or as UTF-8. What does not fit the
/// encoding is replaced.
pub(super) fn decode(octets: &[u8]) -> String {
    let declared = || {
        let start = octets.get(..200).unwrap_or(octets);
        let start = start.split(|octet| *octet == b'>').next().unwrap_or_default();
        let value = start.get(find(start, b"encoding")? + 8..)?.trim_ascii_start();
        let value = value.strip_prefix(b"=")?.trim_ascii_start().get(1..)?;
        let end = value.iter().position(|octet| matches!(octet, b'"' | b'\''))?;
        encoding_rs::Encoding::for_label(value.get(..end)?)
    };
    let encoding = match octets {
        [b'<', 0, ..] => encoding_rs::UTF_16LE,
        [0, b'<', ..] => encoding_rs::UTF_16BE,
        _ => declared().unwrap_or(encoding_rs::UTF_8),
    };
    encoding.decode(octets).0.into_owned()
}
