//! PDF (ISO 32000-1): the document information dictionary and the XMP packet of the last revision.
//!
//! Only the objects on the way are read: the cross-reference sections from the last one back, the trailer, a handful of
//! objects by their place. Nothing else of the file is parsed or inflated, whatever its size. A file whose cross-references
//! are broken is searched as octets; what is found counts, but as other labels may stand elsewhere it is damaged too.

mod filter;
mod object;
mod search;
mod xref;

use object::Object;
use xref::File;

use super::markup::Marks;
use super::scan::{Content, Scan};
use super::sniff::find;
use super::{Limit, Unreadable};
use crate::label::attributes::Gathered;

const PDF: &str = "a PDF";

/// Nodes of the tree of embedded files, and files in it.
const FILES_MAX: usize = 256;

/// The file inside a wrapper that says how to open it.
const PROTECTED: &[u8] = b"MicrosoftIRMServices Protected PDF.pdf";

/// Why a PDF cannot be read by its structure.
pub(super) enum Trouble {
    /// The structure leads nowhere.
    Broken,
    Unreadable(Unreadable),
}

type Outcome<T> = Result<T, Trouble>;

impl From<Unreadable> for Trouble {
    fn from(reason: Unreadable) -> Self {
        Self::Unreadable(reason)
    }
}

pub(super) fn look(scan: &mut Scan<'_>, content: &mut dyn Content) -> Result<(), Unreadable> {
    let mut marks = Marks::default();
    let outcome = read(scan, content, &mut marks);
    let outcome = match outcome {
        Ok(()) => Ok(()),
        Err(Trouble::Unreadable(reason)) => Err(reason),
        Err(Trouble::Broken) => {
            search::look(scan, content, &mut marks).and(Err(Unreadable::Damaged(PDF)))
        }
    };
    // A label in clear speaks for what is encrypted behind it.
    let is_labelled = marks.names_label();
    scan.settle(marks);
    match outcome {
        Err(Unreadable::Encrypted(_)) if is_labelled => Ok(()),
        other => other,
    }
}

fn read(scan: &mut Scan<'_>, content: &mut dyn Content, marks: &mut Marks) -> Outcome<()> {
    let mut file = File::open(scan, content)?;
    let mut encrypted = file.trailer(b"Encrypt").is_some();
    if let Some(info) = file.trailer(b"Info") {
        // An information dictionary inside an encrypted object stream cannot be read; elsewhere its keys can.
        let info = file.resolve(scan, &info);
        let Some(info) = unless_encrypted(info, encrypted)? else {
            return Err(Unreadable::Encrypted(PDF).into());
        };
        properties(scan, &mut file, &info, encrypted, marks)?;
    }
    let root = file.trailer(b"Root").ok_or(Trouble::Broken)?;
    let root = file.resolve(scan, &root);
    if let Some(root) = unless_encrypted(root, encrypted)? {
        let metadata = xmp(scan, &mut file, &root, marks);
        unless_encrypted(metadata, encrypted)?;
        let protected = embedded(scan, &mut file, &root, encrypted);
        encrypted |= unless_encrypted(protected, encrypted)?.unwrap_or(false);
    }
    if encrypted { Err(Unreadable::Encrypted(PDF).into()) } else { Ok(()) }
}

/// What goes wrong in an encrypted file goes wrong because it is encrypted, unless a limit is reached.
fn unless_encrypted<T>(outcome: Outcome<T>, encrypted: bool) -> Outcome<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(
            Trouble::Broken
            | Trouble::Unreadable(Unreadable::Damaged(_) | Unreadable::Unsupported(_)),
        ) if encrypted => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

/// Keys stand in clear in an encrypted file, but values do not: of those no more than that there is a label is taken.
fn properties(
    scan: &mut Scan<'_>,
    file: &mut File<'_>,
    info: &Object,
    encrypted: bool,
    marks: &mut Marks,
) -> Outcome<()> {
    for (key, value) in info.entries() {
        scan.entry()?;
        let key = String::from_utf8_lossy(key).into_owned();
        if encrypted {
            if Gathered::is_key(&key) {
                marks.property(key, String::new());
            }
            continue;
        }
        let value = file.resolve(scan, value)?;
        if let Some(text) = value.text() {
            marks.property(key, text);
        }
    }
    Ok(())
}

fn xmp(scan: &mut Scan<'_>, file: &mut File<'_>, root: &Object, marks: &mut Marks) -> Outcome<()> {
    let Some(Object::Reference(number)) = root.get(b"Metadata") else { return Ok(()) };
    let packet = file.stream(scan, *number, scan.part())?;
    let outcome = marks.gather_octets(&packet);
    // Much metadata is no sound XML; it matters only where it names labels.
    if outcome.is_err() && find(&packet, b"MSIP_Label_").is_some() {
        return Err(Unreadable::Damaged("the metadata of a PDF").into());
    }
    Ok(())
}

/// Looks into the embedded files. Says whether one of them is the protected file that this one is wrapped around.
fn embedded(
    scan: &mut Scan<'_>,
    file: &mut File<'_>,
    root: &Object,
    encrypted: bool,
) -> Outcome<bool> {
    let names = file.resolve_in(scan, root, b"Names")?;
    let tree = file.resolve_in(scan, &names, b"EmbeddedFiles")?;
    let associated = file.resolve_in(scan, root, b"AF")?;
    let mut nodes = vec![tree];
    let mut files: Vec<Object> = associated.items().to_vec();
    let mut seen = 0;
    while let Some(node) = nodes.pop() {
        seen += 1;
        if seen > FILES_MAX {
            return Err(Unreadable::Over(Limit::Entries).into());
        }
        for kid in file.resolve_in(scan, &node, b"Kids")?.items().to_vec() {
            let kid = file.resolve(scan, &kid)?;
            nodes.push(kid);
        }
        let pairs = file.resolve_in(scan, &node, b"Names")?;
        files.extend(pairs.items().iter().skip(1).step_by(2).cloned());
    }
    if files.len() > FILES_MAX {
        return Err(Unreadable::Over(Limit::Entries).into());
    }
    let mut protected = false;
    for specification in files {
        scan.entry()?;
        let specification = file.resolve(scan, &specification)?;
        let is_named =
            |key: &[u8]| specification.get(key).is_some_and(|name| name.text_octets() == PROTECTED);
        let relation = specification.get(b"AFRelationship").and_then(Object::name);
        protected |= is_named(b"F") || is_named(b"UF") || relation == Some(b"EncryptedPayload");
        let streams = file.resolve_in(scan, &specification, b"EF")?;
        let stream = streams.get(b"UF").or_else(|| streams.get(b"F"));
        if let (Some(Object::Reference(number)), false) = (stream, encrypted || protected) {
            let octets = file.stream(scan, *number, scan.held())?;
            scan.nested(&octets);
        }
    }
    Ok(protected)
}
