//! Sensitivity labels and document properties inside attachments: Office files of every age, RTF, PDF, ODF, messages, archives.
//!
//! What a file is is told by its content, never by its name or declared type. Whatever stands inside it is looked at too,
//! down to a depth. What cannot be read is said, never passed over: the caller decides what unknown means.
//!
//! Not looked into, and so not unknown either: objects inside slides before 2007 (they stand compressed in one stream), files
//! that programs carry as resources, opaquely signed S/MIME.
//! A PDF that opens with the empty password is as unknown as any encrypted one, unless its information dictionary has label
//! keys: those stand in clear.
//!
//! Nothing here trusts what a file says of itself: entries and octets are counted as they come, XML has no entities and no
//! document types, and every loop ends at a limit.

mod compound;
mod mail;
mod markup;
mod msg;
mod package;
mod pdf;
mod properties;
mod rtf;
mod scan;
mod sniff;

use std::fmt;
use std::io::{Read, Seek};

use scan::Scan;

use super::Label;

/// What stands in a document.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// The labels that count: those marked as removed are left out. Each once, in the order found.
    pub labels: Vec<Label>,
    /// Custom document properties by name and value, for other marking systems; label properties are among them as written.
    pub properties: Vec<(String, String)>,
    /// What could not be looked into. While anything stands here, a label that was not found is unknown, not absent.
    pub unreadable: Vec<Unreadable>,
}

/// Why something in a document could not be read. Says nothing of its content.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Unreadable {
    /// It needs a key, and says nothing of its label outside.
    #[error("{0} is encrypted")]
    Encrypted(&'static str),
    #[error("{0} is damaged")]
    Damaged(&'static str),
    #[error("{0} is in a form that is not read")]
    Unsupported(&'static str),
    /// Programs may find in it what is not found here.
    #[error("{0} can be read in more than one way")]
    Ambiguous(&'static str),
    #[error("more than the limit allows: {0}")]
    Over(Limit),
}

/// The limit that something is over.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    Entries,
    Inflated,
    Held,
    Part,
    Depth,
    Properties,
}

/// How much of a document is looked at. The limits count over everything inside it together, so they bound time as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries of archives and compound files, parts of messages, objects of PDFs. Large slide decks have some 2 000.
    pub entries_max: usize,
    /// Octets that come out of decompression, counted as they come.
    pub inflated_max: u64,
    /// Octets held in memory at a time: documents inside others, and formats that are read as a whole.
    pub held_max: u64,
    /// Octets of one part that holds properties or labels; real ones have some kilobytes.
    pub part_max: u64,
    /// Documents inside documents; a forwarded message with an archive of documents with embedded sheets has 5.
    pub depth_max: usize,
    /// Properties kept; Word refuses to write more than some hundreds.
    pub properties_max: usize,
}

/// Looks for labels in `content`, from its start.
pub fn read(content: &mut (impl Read + Seek), limits: &Limits) -> Findings {
    let mut scan = Scan::new(limits);
    scan.look(content);
    scan.findings
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries_max: 10_000,
            inflated_max: 64 * 1024 * 1024,
            held_max: 48 * 1024 * 1024,
            part_max: 4 * 1024 * 1024,
            depth_max: 8,
            properties_max: 4096,
        }
    }
}

/// Shows neither names nor values of properties: they are content.
impl fmt::Debug for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Findings")
            .field("labels", &self.labels)
            .field("properties", &self.properties.len())
            .field("unreadable", &self.unreadable)
            .finish()
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Entries => "entries in archives",
            Self::Inflated => "octets that decompression gives",
            Self::Held => "octets of documents inside documents",
            Self::Part => "octets of one part with properties",
            Self::Depth => "documents inside documents",
            Self::Properties => "document properties",
        })
    }
}

#[cfg(test)]
mod tests;
