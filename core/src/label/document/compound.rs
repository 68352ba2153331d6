//! Compound files ([MS-CFB]): Office before 2007, encrypted Office of any age, Outlook messages, embedded objects.

use std::io::Read;
use std::path::PathBuf;

use cfb::CompoundFile;

use super::markup::Marks;
use super::scan::{Content, Scan};
use super::{Limit, Unreadable, msg, properties};

const OFFICE: &str = "an Office document";
const COMPOUND: &str = "a compound file";

/// What stands beside an encrypted package and can be read without a key ([MS-OFFCRYPTO], section 2.6.2).
const LABEL_LIST: &str = "/\u{6}DataSpaces/TransformInfo/LabelInfo";

/// What only encrypted documents have at their root ([MS-OFFCRYPTO], sections 2.1 to 2.3), the last one old slides.
const ENCRYPTED: [&str; 5] = [
    "/EncryptedPackage",
    "/EncryptionInfo",
    "/\tDRMContent",
    "/\tDRMDataSpace",
    "/EncryptedSummary",
];

const PROPERTIES: &str = "\u{5}DocumentSummaryInformation";
const MESSAGE: &str = "/__properties_version1.0";

/// Streams of a file that is embedded whole.
const FILES: [&str; 4] = ["Package", "CONTENTS", "EmbeddedOdf", "\u{1}Ole10Native"];

/// Records at the start of a workbook among which `FilePass` stands if it is encrypted ([MS-XLS], section 2.1.7.20.3).
const RECORDS_MAX: usize = 8;

/// Octets of a path. Messages in messages have the longest, of some 50 for each level.
const PATH_MAX: usize = 2048;

/// A stream by its path and name.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) name: String,
}

pub(super) struct Compound<'c> {
    file: CompoundFile<&'c mut dyn Content>,
    pub(super) streams: Vec<Entry>,
    storages: Vec<PathBuf>,
    /// Encrypted in place.
    encrypted: bool,
}

pub(super) fn look(scan: &mut Scan<'_>, content: &mut dyn Content) -> Result<(), Unreadable> {
    let mut compound = Compound::open(scan, content)?;
    let mut marks = Marks::default();
    let says_label = compound.has(LABEL_LIST);
    if says_label {
        let octets = compound.read(scan, LABEL_LIST.into(), scan.part())?;
        marks.gather_octets(&octets).map_err(|_| Unreadable::Damaged(OFFICE))?;
    }
    if ENCRYPTED.iter().any(|path| compound.has(path)) {
        scan.settle(marks);
        return if says_label { Ok(()) } else { Err(Unreadable::Encrypted(OFFICE)) };
    }
    let outcome = streams(scan, &mut compound, &mut marks);
    // A label in clear speaks for what is encrypted beside it.
    let is_sealed = compound.encrypted && !marks.names_label();
    scan.settle(marks);
    outcome?;
    if is_sealed {
        return Err(Unreadable::Encrypted(OFFICE));
    }
    if compound.has(MESSAGE) { msg::look(scan, &mut compound) } else { Ok(()) }
}

fn streams(
    scan: &mut Scan<'_>,
    compound: &mut Compound<'_>,
    marks: &mut Marks,
) -> Result<(), Unreadable> {
    for Entry { path, name } in compound.streams.clone() {
        let outcome = match name.as_str() {
            PROPERTIES => compound.read(scan, path, scan.part()).and_then(|octets| {
                let outcome = properties::read(&octets, marks);
                outcome.ok_or(Unreadable::Damaged(OFFICE))
            }),
            "WordDocument" | "Workbook" | "Book" => compound.check_plain(&name, path),
            _ if FILES.contains(&name.as_str()) => {
                compound.read(scan, path, scan.held()).map(|octets| scan.nested(native(&octets)))
            }
            _ => Ok(()),
        };
        scan.go_on(outcome)?;
    }
    Ok(())
}

impl<'c> Compound<'c> {
    fn open(scan: &mut Scan<'_>, content: &'c mut dyn Content) -> Result<Self, Unreadable> {
        let damaged = |_| Unreadable::Damaged(COMPOUND);
        content.rewind().map_err(damaged)?;
        let file = CompoundFile::open(content).map_err(damaged)?;
        let mut streams = Vec::new();
        let mut storages = Vec::new();
        for entry in file.walk() {
            scan.entry()?;
            let path = entry.path().to_owned();
            if path.as_os_str().len() > PATH_MAX {
                return Err(Unreadable::Over(Limit::Depth));
            }
            if entry.is_stream() {
                streams.push(Entry { path, name: entry.name().to_owned() });
            } else {
                storages.push(path);
            }
        }
        Ok(Self { file, streams, storages, encrypted: false })
    }

    fn has(&self, path: &str) -> bool {
        let here = |found: &PathBuf| found.as_os_str().eq_ignore_ascii_case(path);
        self.streams.iter().any(|entry| here(&entry.path)) || self.storages.iter().any(here)
    }

    /// The content of a stream.
    pub(super) fn read(
        &mut self,
        scan: &mut Scan<'_>,
        path: PathBuf,
        max: (u64, Limit),
    ) -> Result<Vec<u8>, Unreadable> {
        let mut stream = self.file.open_stream(path).map_err(|_| Unreadable::Damaged(COMPOUND))?;
        scan.take(&mut stream, max, COMPOUND)
    }

    /// Notes when a document before 2007 is encrypted in place; its properties are then, too, mostly.
    fn check_plain(&mut self, name: &str, path: PathBuf) -> Result<(), Unreadable> {
        let damaged = |_| Unreadable::Damaged(OFFICE);
        let stream = self.file.open_stream(path).map_err(|_| Unreadable::Damaged(COMPOUND))?;
        let mut start = Vec::new();
        stream.take(512).read_to_end(&mut start).map_err(damaged)?;
        let encrypted = if name == "WordDocument" {
            // fEncrypted in FibBase ([MS-DOC], section 2.5.2).
            start.get(11).is_some_and(|flags| flags & 1 != 0)
        } else {
            has_file_pass(&start)
        };
        self.encrypted |= encrypted;
        Ok(())
    }
}

fn has_file_pass(workbook: &[u8]) -> bool {
    let mut rest = workbook;
    for _ in 0..RECORDS_MAX {
        let [kind, kind_high, len, len_high, after @ ..] = rest else { return false };
        if u16::from_le_bytes([*kind, *kind_high]) == 0x2F {
            return true;
        }
        let len = usize::from(u16::from_le_bytes([*len, *len_high]));
        rest = after.get(len..).unwrap_or_default();
    }
    false
}

/// The file in a native OLE stream ([MS-OLEDS], section 2.3.6): a length, a kind, three names and lengths, the file. Others
/// are the file as it is.
pub(super) fn native(stream: &[u8]) -> &[u8] {
    fn file(stream: &[u8]) -> Option<&[u8]> {
        let skip_text =
            |rest: &'_ [u8]| rest.iter().position(|octet| *octet == 0).map(|end| end + 1);
        let mut rest = stream.get(6..)?;
        for _ in 0..2 {
            rest = rest.get(skip_text(rest)?..)?;
        }
        let path_len = usize::try_from(u32::from_le_bytes(*rest.get(4..)?.first_chunk()?)).ok()?;
        rest = rest.get(8usize.checked_add(path_len)?..)?;
        let len = usize::try_from(u32::from_le_bytes(*rest.first_chunk()?)).ok()?;
        rest.get(4..)?.get(..len)
    }
    let is_native = stream
        .first_chunk()
        .is_some_and(|len| u64::from(u32::from_le_bytes(*len)) + 4 == stream.len() as u64);
    if !is_native {
        return stream;
    }
    file(stream).or_else(|| stream.get(4..)).unwrap_or(stream)
}
