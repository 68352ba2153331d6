//! The look into one document and everything inside it: what is left of the limits, what has been found so far.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use super::markup::Marks;
use super::sniff::{self, HEAD, Kind, Within};
use super::{Findings, Limit, Limits, Unreadable};
use super::{compound, mail, markup, package, pdf, rtf};
use crate::label::Label;
use crate::label::attributes::Gathered;

/// Where a document's octets come from, whatever holds them.
pub(super) trait Content: Read + Seek {}

impl<T: Read + Seek> Content for T {}

/// Different labels kept; a document has one for each tenant.
const LABELS_MAX: usize = 256;

/// How often over a document is read: a table of contents twice, every entry twice, and some again.
const PASSES_MAX: u64 = 8;

/// Octets that may be read of a small document all the same, since reading goes by blocks.
const READ_LEAST: u64 = 16 * 1024 * 1024;

/// A document of which no more is read than its size lets expect. Entries that lie over one another, or give nothing when
/// inflated, cost time by what goes in and not by what comes out.
struct Metered<'c> {
    content: &'c mut dyn Content,
    left: u64,
}

pub(super) struct Scan<'l> {
    pub(super) limits: &'l Limits,
    entries: usize,
    pub(super) inflated: u64,
    depth: usize,
    /// Octets held at this moment by the documents around the one at hand.
    holding: u64,
    pub(super) findings: Findings,
}

impl<'l> Scan<'l> {
    pub(super) fn new(limits: &'l Limits) -> Self {
        Self {
            limits,
            entries: 0,
            inflated: 0,
            depth: 0,
            holding: 0,
            findings: Findings::default(),
        }
    }

    /// Looks into `content`, whatever it is.
    pub(super) fn look(&mut self, content: &mut dyn Content) {
        let outcome = Metered::of(content).and_then(|mut content| self.look_by_kind(&mut content));
        if let Err(reason) = outcome {
            self.unreadable(reason);
        }
    }

    fn look_by_kind(&mut self, content: &mut dyn Content) -> Result<(), Unreadable> {
        let head =
            window(content, 0, HEAD as u64).map_err(|_| Unreadable::Damaged("a document"))?;
        match sniff::kind(&head, Within::Open) {
            Kind::Other => Ok(()),
            Kind::Package => package::look(self, content),
            Kind::Compound => compound::look(self, content),
            Kind::Pdf => pdf::look(self, content),
            Kind::Markup => {
                let octets = self.hold(content)?;
                self.holding(octets.len(), |scan| markup::look(scan, &octets))
            }
            Kind::Rtf => {
                let octets = self.hold(content)?;
                self.holding(octets.len(), |scan| rtf::look(scan, &octets))
            }
            Kind::Mail => {
                let octets = self.hold(content)?;
                self.holding(octets.len(), |scan| mail::look(scan, &octets))
            }
            Kind::Sealed(what) => Err(Unreadable::Encrypted(what)),
            Kind::Foreign(what) => Err(Unreadable::Unsupported(what)),
        }
    }

    /// Looks into what stands inside another document, if it may carry labels.
    pub(super) fn nested(&mut self, octets: &[u8]) {
        if sniff::kind(octets.get(..HEAD).unwrap_or(octets), Within::Open) == Kind::Other {
            return;
        }
        self.deeper(|scan| {
            scan.holding(octets.len(), |scan| {
                scan.look(&mut Cursor::new(octets));
                Ok(())
            })
        });
    }

    /// Looks on while so many octets are held, if the limit lets it.
    pub(super) fn holding(
        &mut self,
        octets: usize,
        look: impl FnOnce(&mut Self) -> Result<(), Unreadable>,
    ) -> Result<(), Unreadable> {
        let before = self.holding;
        self.holding = before.saturating_add(octets as u64);
        let outcome = if self.holding > self.limits.held_max {
            Err(Unreadable::Over(Limit::Held))
        } else {
            look(self)
        };
        self.holding = before;
        outcome
    }

    /// Goes one level down, if the limit lets it.
    pub(super) fn deeper(&mut self, look: impl FnOnce(&mut Self) -> Result<(), Unreadable>) {
        if self.depth == self.limits.depth_max {
            return self.unreadable(Unreadable::Over(Limit::Depth));
        }
        self.depth += 1;
        if let Err(reason) = look(self) {
            self.unreadable(reason);
        }
        self.depth -= 1;
    }

    /// Counts an entry.
    pub(super) fn entry(&mut self) -> Result<(), Unreadable> {
        self.entries += 1;
        if self.entries > self.limits.entries_max {
            return Err(Unreadable::Over(Limit::Entries));
        }
        Ok(())
    }

    /// Counts octets that came out of decompression.
    pub(super) fn count(&mut self, octets: usize) -> Result<(), Unreadable> {
        self.inflated = self.inflated.saturating_add(octets as u64);
        if self.inflated > self.limits.inflated_max {
            return Err(Unreadable::Over(Limit::Inflated));
        }
        Ok(())
    }

    /// Everything that `from` gives, counted as it comes, unless it is more than `max` of `limit`. `what` is said to be
    /// damaged when reading fails.
    pub(super) fn take(
        &mut self,
        from: &mut dyn Read,
        (max, limit): (u64, Limit),
        what: &'static str,
    ) -> Result<Vec<u8>, Unreadable> {
        let left = self.limits.inflated_max.saturating_sub(self.inflated);
        let mut octets = Vec::new();
        let outcome = from.take(max.min(left) + 1).read_to_end(&mut octets);
        self.count(octets.len())?;
        if octets.len() as u64 > max {
            return Err(Unreadable::Over(limit));
        }
        outcome.map_err(|_| Unreadable::Damaged(what))?;
        Ok(octets)
    }

    /// The limit for a part with properties.
    pub(super) fn part(&self) -> (u64, Limit) {
        (self.limits.part_max, Limit::Part)
    }

    /// The limit for a document that is held in memory.
    pub(super) fn held(&self) -> (u64, Limit) {
        (self.limits.held_max.saturating_sub(self.holding), Limit::Held)
    }

    /// The whole of `content`.
    fn hold(&mut self, content: &mut dyn Content) -> Result<Vec<u8>, Unreadable> {
        content.rewind().map_err(|_| Unreadable::Damaged("a document"))?;
        let mut octets = Vec::new();
        let (max, limit) = self.held();
        content
            .take(max + 1)
            .read_to_end(&mut octets)
            .map_err(|_| Unreadable::Damaged("a document"))?;
        if octets.len() as u64 > max {
            return Err(Unreadable::Over(limit));
        }
        Ok(octets)
    }

    /// Notes what could not be read and goes on, unless nothing more may be read.
    pub(super) fn go_on(&mut self, outcome: Result<(), Unreadable>) -> Result<(), Unreadable> {
        match outcome {
            Err(Unreadable::Over(Limit::Entries | Limit::Inflated)) => outcome,
            Err(reason) => {
                self.unreadable(reason);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    pub(super) fn unreadable(&mut self, reason: Unreadable) {
        if !self.findings.unreadable.contains(&reason) {
            self.findings.unreadable.push(reason);
        }
    }

    pub(super) fn label(&mut self, label: Label) {
        if self.findings.labels.contains(&label) {
            return;
        }
        if self.findings.labels.len() == LABELS_MAX {
            return self.unreadable(Unreadable::Over(Limit::Properties));
        }
        self.findings.labels.push(label);
    }

    pub(super) fn labels(&mut self, found: Gathered) {
        for label in found.into_labels() {
            self.label(label);
        }
    }

    /// Takes over what one document says of itself. For each tenant the label list decides where it has an entry, even one
    /// that says "removed": the properties beside it are stale then ([MS-OFFCRYPTO], section 2.6.3).
    pub(super) fn settle(&mut self, marks: Marks) {
        if marks.is_full() {
            self.unreadable(Unreadable::Over(Limit::Properties));
        }
        let mut found = Gathered::default();
        for (name, value) in &marks.properties {
            found.note(name, value);
        }
        let stale = |label: &Label| {
            !label.sites.is_empty()
                && label.sites.iter().all(|site| {
                    marks.listed.iter().any(|listed| listed.site.as_ref() == Some(site))
                })
        };
        let from_properties = found.into_labels();
        for listed in &marks.listed {
            if listed.counts {
                // Its name stands in the properties alone, and is as old as they are.
                let beside = from_properties.iter().find(|label| label.id == listed.id);
                let names = beside.map(|label| label.names.clone()).unwrap_or_default();
                let sites = listed.site.clone().into_iter().collect();
                self.label(Label { id: listed.id.clone(), sites, parents: Vec::new(), names });
            }
        }
        for label in from_properties.into_iter().filter(|label| !stale(label)) {
            self.label(label);
        }
        for property in marks.properties {
            if self.findings.properties.len() == self.limits.properties_max {
                return self.unreadable(Unreadable::Over(Limit::Properties));
            }
            self.findings.properties.push(property);
        }
    }
}

impl<'c> Metered<'c> {
    fn of(content: &'c mut dyn Content) -> Result<Self, Unreadable> {
        let len = content.seek(SeekFrom::End(0)).map_err(|_| Unreadable::Damaged("a document"))?;
        Ok(Self { content, left: len.saturating_mul(PASSES_MAX).saturating_add(READ_LEAST) })
    }
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other("read too often")),
        }
        Ok(count)
    }
}

impl Seek for Metered<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.content.seek(to)
    }
}

/// Up to `len` octets from `at` on.
pub(super) fn window(content: &mut dyn Content, at: u64, len: u64) -> io::Result<Vec<u8>> {
    content.seek(SeekFrom::Start(at))?;
    let mut octets = Vec::new();
    content.take(len).read_to_end(&mut octets)?;
    Ok(octets)
}
