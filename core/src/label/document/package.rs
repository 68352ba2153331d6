//! Zip: Office documents since 2007, ODF documents, and plain archives of anything.
//!
//! The central directory decides what there is. Entries with the same name all count: which of them a program takes is its
//! own affair.

use std::io::Read;

use quick_xml::events::Event;
use quick_xml::reader::Reader;
use zip::ZipReadOptions;
use zip::read::Config;
use zip::result::ZipError;
use zip::unstable::read::ZipIterable;

use super::markup::{self, Marks, attribute};
use super::scan::{Content, Scan};
use super::sniff::{self, Kind, Within, find};
use super::{Limit, Unreadable};

const ENTRY: &str = "an archive entry";
const ARCHIVE: &str = "an archive";
const OFFICE: &str = "an Office document";
const ODF: &str = "an ODF document";

/// What the entry is to the document.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Role {
    Relationships,
    ContentTypes,
    Manifest,
    Mark,
    Other,
}

/// What the names and the package's relationships tell.
#[derive(Default)]
struct Plan {
    is_document: bool,
    is_encrypted: bool,
    /// Names of the parts that hold properties or the label list.
    parts: Vec<String>,
}

/// Names that those parts have in all files seen. They count whatever the relationships say: a program that finds parts
/// by name would find them.
const CUSTOMARY: [&str; 3] = ["docprops/custom.xml", "docmetadata/labelinfo.xml", "meta.xml"];

/// Ends of the relationship types that lead to them, Transitional, Strict and label list.
const TYPES: [&str; 3] = [
    "/relationships/custom-properties",
    "/relationships/customproperties",
    "/relationships/classificationlabels",
];

/// Parts with properties that one document has; two are real.
const PARTS_MAX: usize = 64;

type Zip<'c> = ZipIterable<&'c mut dyn Content>;

pub(super) fn look(scan: &mut Scan<'_>, content: &mut dyn Content) -> Result<(), Unreadable> {
    let mut zip =
        ZipIterable::try_new(content, Config::default()).map_err(|error| reason(&error))?;
    if zip.len() > scan.limits.entries_max {
        return Err(Unreadable::Over(Limit::Entries));
    }
    let plan = Plan::make(scan, &mut zip)?;
    if plan.is_encrypted {
        return Err(Unreadable::Encrypted(ODF));
    }
    let mut marks = Marks::default();
    let outcome = each(&mut zip, |name, file| {
        scan.entry()?;
        let outcome = match plan.role(name) {
            Role::Mark => gather(scan, file, &mut marks),
            Role::Relationships | Role::ContentTypes | Role::Manifest => Ok(()),
            Role::Other => enter(scan, file, plan.within()),
        };
        scan.go_on(outcome)
    });
    scan.settle(marks);
    outcome
}

/// An entry, or why it cannot be opened.
type Entry<'e> = Result<&'e mut dyn Read, Unreadable>;

/// Goes through the central directory.
fn each(
    zip: &mut Zip<'_>,
    mut visit: impl FnMut(&str, Entry<'_>) -> Result<(), Unreadable>,
) -> Result<(), Unreadable> {
    let files = zip.files().map_err(|error| reason(&error))?;
    while let Some(entry) = files.next() {
        let entry = entry.map_err(|error| reason(&error))?;
        let name = part_name(&String::from_utf8_lossy(entry.name_raw()));
        if name.ends_with('/') {
            continue;
        }
        match entry.with_reader(files.reader_mut(), ZipReadOptions::new()) {
            Ok(mut file) => visit(&name, Ok(&mut file))?,
            Err(error) => visit(&name, Err(reason(&error)))?,
        }
    }
    Ok(())
}

impl Plan {
    fn make(scan: &mut Scan<'_>, zip: &mut Zip<'_>) -> Result<Self, Unreadable> {
        let mut plan = Self { parts: CUSTOMARY.map(str::to_owned).to_vec(), ..Self::default() };
        each(zip, |name, file| {
            match plan.role(name) {
                Role::ContentTypes => plan.is_document = true,
                Role::Relationships => {
                    let octets = scan.take(file?, scan.part(), OFFICE)?;
                    plan.parts.extend(
                        targets(&markup::decode(&octets)).ok_or(Unreadable::Damaged(OFFICE))?,
                    );
                }
                Role::Manifest => {
                    let octets = scan.take(file?, scan.held(), ODF)?;
                    plan.is_document |= find(&octets, b"opendocument").is_some();
                    plan.is_encrypted |= find(&octets, b"encryption-data").is_some();
                }
                Role::Mark | Role::Other => {}
            }
            if plan.parts.len() > PARTS_MAX {
                return Err(Unreadable::Over(Limit::Entries));
            }
            Ok(())
        })?;
        Ok(plan)
    }

    fn role(&self, name: &str) -> Role {
        match name {
            "_rels/.rels" => Role::Relationships,
            "[content_types].xml" => Role::ContentTypes,
            "meta-inf/manifest.xml" => Role::Manifest,
            _ if self.parts.iter().any(|part| part == name) => Role::Mark,
            _ => Role::Other,
        }
    }

    fn within(&self) -> Within {
        if self.is_document { Within::Document } else { Within::Open }
    }
}

/// The names of parts, compared without case ([ECMA-376] part 2, section 6.2.2).
fn part_name(name: &str) -> String {
    name.replace('\\', "/").trim_start_matches('/').to_lowercase()
}

/// The parts that the package's relationships say hold properties or the label list.
fn targets(text: &str) -> Option<Vec<String>> {
    let mut reader = Reader::from_str(text);
    let mut found = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(element) | Event::Empty(element) => {
                let kind = attribute(&element, "Type").unwrap_or_default().to_lowercase();
                if TYPES.iter().any(|end| kind.ends_with(end)) {
                    let target = attribute(&element, "Target").unwrap_or_default();
                    found.push(part_name(target.trim_start_matches("./")));
                }
            }
            Event::DocType(_) => return None,
            Event::Eof => return Some(found),
            _ => {}
        }
    }
}

fn gather(scan: &mut Scan<'_>, file: Entry<'_>, marks: &mut Marks) -> Result<(), Unreadable> {
    let octets = scan.take(file?, scan.part(), ENTRY)?;
    marks.gather_octets(&octets).map_err(|_| Unreadable::Damaged("a document's properties"))
}

/// Looks into an entry if its first octets say that it may carry labels.
fn enter(scan: &mut Scan<'_>, file: Entry<'_>, within: Within) -> Result<(), Unreadable> {
    let file = file?;
    let mut head = Vec::new();
    file.take(sniff::HEAD as u64).read_to_end(&mut head).map_err(|_| Unreadable::Damaged(ENTRY))?;
    if sniff::kind(&head, within) == Kind::Other {
        return scan.count(head.len());
    }
    let octets = scan.take(&mut head.as_slice().chain(file), scan.held(), ENTRY)?;
    scan.nested(&octets);
    Ok(())
}

fn reason(error: &ZipError) -> Unreadable {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) | ZipError::InvalidPassword => {
            Unreadable::Encrypted(ENTRY)
        }
        ZipError::CompressionMethodNotSupported(_) | ZipError::UnsupportedArchive(_) => {
            Unreadable::Unsupported(ARCHIVE)
        }
        _ => Unreadable::Damaged(ARCHIVE),
    }
}
