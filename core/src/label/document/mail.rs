//! A message inside: its header section may name labels, and it has attachments of its own.

use super::scan::Scan;
use super::sniff::find;
use super::{Limit, Unreadable};
use crate::label::attributes::Gathered;
use crate::label::header;
use crate::mime::{Event, Walker};

/// As many parts as [`Walker`] tells apart.
const PARTS_MAX: usize = 1000;

/// What a message in a mailbox file starts with (RFC 4155).
const SEPARATOR: &[u8] = b"From ";

/// What of a message is open.
struct Parts<'s, 'l> {
    scan: &'s mut Scan<'l>,
    content: Vec<u8>,
    /// Of the part at hand.
    is_message: bool,
    /// Of the message as a whole, by any of its fields.
    is_multipart: bool,
    outcome: Result<(), Unreadable>,
}

pub(super) fn look(scan: &mut Scan<'_>, octets: &[u8]) -> Result<(), Unreadable> {
    if !octets.starts_with(SEPARATOR) {
        return message(scan, octets);
    }
    // A mailbox file. Where its messages end is not certain, so it is looked at as a whole and in pieces.
    let mut piece = octets;
    while let Some(end) = piece.iter().position(|octet| *octet == b'\n') {
        scan.entry()?;
        let behind = piece.get(end + 1..).unwrap_or_default();
        let next = behind.windows(SEPARATOR.len()).enumerate().position(|(at, window)| {
            let before = behind.get(..at).unwrap_or_default();
            window == SEPARATOR && (before.ends_with(b"\n\n") || before.ends_with(b"\n\r\n"))
        });
        message(scan, behind.get(..next.unwrap_or(behind.len())).unwrap_or_default())?;
        let Some(next) = next else { return Ok(()) };
        if std::ptr::eq(piece, octets) {
            message(scan, behind)?;
        }
        piece = behind.get(next..).unwrap_or_default();
    }
    Ok(())
}

fn message(scan: &mut Scan<'_>, octets: &[u8]) -> Result<(), Unreadable> {
    let mut parts = Parts {
        scan,
        content: Vec::new(),
        is_message: false,
        is_multipart: false,
        outcome: Ok(()),
    };
    let mut walker = Walker::new();
    let mut sink = |event: Event<'_>| parts.take(event);
    walker.push(octets, &mut sink);
    let doubts = walker.finish(&mut sink);
    if parts.outcome.is_ok() && !doubts.is_empty() {
        // Whatever else a mail program may find in it was not looked at.
        parts.scan.unreadable(Unreadable::Ambiguous("a message"));
    }
    parts.outcome
}

/// The labels that a header section names, however malformed it is otherwise.
pub(super) fn note_head(found: &mut Gathered, head: &[u8]) {
    each_field(head, |name, value| header::note(found, name, value));
}

fn each_field(head: &[u8], mut visit: impl FnMut(&str, &[u8])) {
    let mut field: Vec<u8> = Vec::new();
    for line in head.split_inclusive(|octet| *octet == b'\n').chain([b"" as &[u8]]) {
        if !matches!(line.first(), Some(b' ' | b'\t')) {
            if let Some(colon) = field.iter().position(|octet| *octet == b':') {
                let (name, value) = field.split_at(colon);
                let name = String::from_utf8_lossy(name);
                visit(name.trim(), value.get(1..).unwrap_or_default());
            }
            field.clear();
        }
        field.extend_from_slice(line);
    }
}

/// Whether any of its fields says that a message has parts.
fn says_multipart(head: &[u8]) -> bool {
    let mut says = false;
    each_field(head, |name, value| {
        says |= name.eq_ignore_ascii_case("content-type")
            && find(&value.to_ascii_lowercase(), b"multipart/").is_some();
    });
    says
}

impl Parts<'_, '_> {
    fn take(&mut self, event: Event<'_>) {
        if self.outcome.is_err() {
            return;
        }
        self.outcome = match event {
            Event::Head(head) => {
                let mut found = Gathered::default();
                note_head(&mut found, head);
                self.is_multipart = says_multipart(head);
                self.scan.labels(found);
                Ok(())
            }
            Event::Begin(part) if part.index + 1 >= PARTS_MAX => {
                Err(Unreadable::Over(Limit::Entries))
            }
            // What the walker cannot take apart, it gives as a part that stands in none.
            Event::Begin(part) if self.is_multipart && part.depth == 0 => {
                Err(Unreadable::Damaged("a message"))
            }
            Event::Begin(part) if part.media_type == "message/partial" => {
                Err(Unreadable::Unsupported("a piece of a message"))
            }
            Event::Begin(part) => {
                self.is_message = part.media_type == "message/rfc822";
                self.scan.entry()
            }
            Event::Data(octets) => {
                self.content.extend_from_slice(octets);
                Ok(())
            }
            Event::End => {
                let content = std::mem::take(&mut self.content);
                if self.is_message {
                    self.scan
                        .deeper(|scan| scan.holding(content.len(), |scan| look(scan, &content)));
                } else {
                    self.scan.nested(&content);
                }
                Ok(())
            }
        };
    }
}
