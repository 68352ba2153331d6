//! What is known of a message's body.

use std::fmt;

use crate::label::Label;
use crate::label::document::Findings;

/// The body, as far as the rules need it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Octets of the whole message; absent when nobody counted them.
    pub size: Option<u64>,
    /// Absent when nobody looked.
    pub attachments: Option<Attachments>,
}

/// What stands in the parts of a message.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attachments {
    pub labels: Vec<Label>,
    /// Names and values of document properties.
    pub properties: Vec<(String, String)>,
    /// What could not be read, and why; each for people, without anything of the content.
    pub unreadable: Vec<String>,
}

/// What has to be known of a body before rules can be asked.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    pub size: bool,
    pub attachments: bool,
}

/// Reasons that are told; one is enough to decide.
const REASONS_MAX: usize = 3;

/// Properties kept of all documents of one message together; those of one document have a limit of their own.
const PROPERTIES_MAX: usize = 20_000;

/// Parts of one message that are listed as unreadable; the rest adds nothing.
const UNREADABLE_MAX: usize = 100;

impl Attachments {
    /// Adds what stands in a part; parts are counted from 1.
    pub fn add(&mut self, part: usize, findings: Findings) {
        let Findings { labels, properties, unreadable } = findings;
        for label in labels {
            if !self.labels.contains(&label) {
                self.labels.push(label);
            }
        }
        if self.properties.len() + properties.len() <= PROPERTIES_MAX {
            self.properties.extend(properties);
        } else {
            self.cannot_read(format!("part {part}: too many document properties"));
        }
        for why in unreadable {
            self.cannot_read(format!("part {part}: {why}"));
        }
    }

    /// Notes down that something could not be read.
    pub fn cannot_read(&mut self, what: String) {
        if self.unreadable.len() < UNREADABLE_MAX && !self.unreadable.contains(&what) {
            self.unreadable.push(what);
        }
    }

    /// Why not all could be read; none when all was.
    pub(super) fn unreadable(&self) -> Option<String> {
        let told: Vec<&str> =
            self.unreadable.iter().take(REASONS_MAX).map(String::as_str).collect();
        (!told.is_empty()).then(|| format!("not all could be read: {}", told.join("; ")))
    }
}

/// Shows no properties: they are content.
impl fmt::Debug for Attachments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachments")
            .field("labels", &self.labels)
            .field("properties", &self.properties.len())
            .field("unreadable", &self.unreadable)
            .finish()
    }
}

impl Needs {
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { size: self.size || other.size, attachments: self.attachments || other.attachments }
    }

    /// Whether any of the body is needed.
    pub fn any(self) -> bool {
        self.size || self.attachments
    }

    /// Whether `other` is needed for nothing more.
    pub fn covers(self, other: Self) -> bool {
        self.or(other) == self
    }
}
