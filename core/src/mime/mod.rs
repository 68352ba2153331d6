//! Walks a message's MIME structure while its octets pass by (RFC 2045, RFC 2046): leaf parts come out decoded, piece by
//! piece, and nothing is gathered but the header section of the part at hand.
//!
//! What it cannot read becomes one opaque part, so that nothing of a message is lost. Where mail programs may read the
//! structure in another way, the walk ends with a [`Doubt`]: who decides by what was found has to mind it. An attached message
//! (`message/rfc822`) is one part.

mod decode;
mod doubt;
mod part;

use std::collections::BTreeSet;

pub use doubt::Doubt;
pub use part::{Group, Part};

use decode::Decoder;

/// Multiparts inside multiparts; mail programs stop at 10 to 20.
const DEPTH_MAX: usize = 20;

/// Parts of one message; more are taken as the content of the last one.
const PARTS_MAX: usize = 1000;

/// Octets of the header section of one part inside the message; the message's own may have `message::HEAD_MAX`.
const PART_HEAD_MAX: usize = 64 * 1024;

/// Multiparts that have ended and are remembered, to notice when one goes on.
const CLOSED_MAX: usize = 100;

/// A line that is longer passes in pieces. A boundary line has 74 octets at most (RFC 2046, section 5.1.1).
const LINE_MAX: usize = 8 * 1024;

/// What the walk comes upon.
#[derive(Debug)]
pub enum Event<'a> {
    /// The message's own header section, its empty line included.
    Head(&'a [u8]),
    /// A leaf part begins.
    Begin(Part),
    /// Decoded octets of the part that began last.
    Data(&'a [u8]),
    /// It ends.
    End,
}

/// The state of a walk. Feed it with [`Walker::push`], then call [`Walker::finish`].
#[derive(Debug)]
pub struct Walker {
    line: Vec<u8>,
    /// The line end of the line before, which belongs to a boundary that may follow (RFC 2046, section 5.1.1).
    line_end: &'static [u8],
    /// Whether `line` continues a line of which a piece has passed.
    continued: bool,
    open: Vec<Multipart>,
    closed: Vec<Vec<u8>>,
    place: Place,
    parts: usize,
    doubts: BTreeSet<Doubt>,
}

/// An open multipart.
#[derive(Debug)]
struct Multipart {
    boundary: Vec<u8>,
    group: Group,
}

#[derive(Debug)]
enum Place {
    /// In the header section of the message or of a part.
    Head(Vec<u8>),
    /// In front of the first part of a multipart, or behind its last one.
    Between,
    Leaf(Decoder),
}

impl Default for Walker {
    fn default() -> Self {
        Self {
            line: Vec::new(),
            line_end: b"",
            continued: false,
            open: Vec::new(),
            closed: Vec::new(),
            place: Place::Head(Vec::new()),
            parts: 0,
            doubts: BTreeSet::new(),
        }
    }
}

impl Walker {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next octets of the message.
    pub fn push(&mut self, octets: &[u8], sink: &mut impl FnMut(Event<'_>)) {
        for piece in octets.split_inclusive(|octet| *octet == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.line.len() >= LINE_MAX {
                self.take_line(sink);
            }
        }
    }

    /// The message is over: what is open ends here. Returns why the message can be read in another way too.
    pub fn finish(mut self, sink: &mut impl FnMut(Event<'_>)) -> Vec<Doubt> {
        if !self.line.is_empty() {
            self.take_line(sink);
        }
        if let Place::Head(head) = &mut self.place {
            let head = std::mem::take(head);
            self.end_head(&head, sink);
        }
        if let Place::Leaf(decoder) = &mut self.place {
            decoder.push(self.line_end, sink);
        }
        self.end_leaf(sink);
        self.doubts.into_iter().collect()
    }

    fn take_line(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        let line = std::mem::take(&mut self.line);
        let (text, line_end): (&[u8], &'static [u8]) = match line.strip_suffix(b"\r\n") {
            Some(text) => (text, b"\r\n"),
            None => {
                line.strip_suffix(b"\n").map_or((&line[..], b"" as &[u8]), |text| (text, b"\n"))
            }
        };
        let starts_here = !std::mem::replace(&mut self.continued, line_end.is_empty());
        let boundary = starts_here.then(|| self.boundary(text)).flatten();
        if let Some((depth, closes)) = boundary {
            self.cross(depth, closes, sink);
        } else {
            if starts_here {
                self.doubt_line(text);
            }
            self.content(text, line_end, starts_here, sink);
        }
        self.line = line;
        self.line.clear();
    }

    fn doubt_line(&mut self, text: &[u8]) {
        let open = self.open.iter().map(|multipart| multipart.boundary.as_slice());
        self.doubts.extend(doubt::of_line(text, open, self.closed.iter().map(Vec::as_slice)));
        if matches!(self.place, Place::Leaf(_)) && doubt::begins_file(text) {
            self.doubts.insert(Doubt::InText);
        }
    }

    /// Which open multipart this line is a boundary of, and whether it closes it.
    fn boundary(&self, text: &[u8]) -> Option<(usize, bool)> {
        let text = text.strip_prefix(b"--")?;
        self.open.iter().enumerate().rev().find_map(|(depth, multipart)| {
            let rest = text.strip_prefix(multipart.boundary.as_slice())?;
            let (closes, rest) =
                rest.strip_prefix(b"--").map_or((false, rest), |rest| (true, rest));
            rest.iter().all(|octet| matches!(octet, b' ' | b'\t')).then_some((depth, closes))
        })
    }

    fn cross(&mut self, depth: usize, closes: bool, sink: &mut impl FnMut(Event<'_>)) {
        if let Place::Head(head) = &mut self.place {
            let head = std::mem::take(head);
            self.end_head(&head, sink);
        }
        self.end_leaf(sink);
        self.line_end = b"";
        let ended = self.open.drain(if closes { depth } else { depth + 1 }..);
        self.closed.extend(ended.map(|multipart| multipart.boundary));
        if self.closed.len() > CLOSED_MAX {
            self.closed.clear();
            self.doubts.insert(Doubt::TooMany);
        }
        self.place = if closes { Place::Between } else { Place::Head(Vec::new()) };
    }

    fn content(
        &mut self,
        text: &[u8],
        line_end: &'static [u8],
        starts_here: bool,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        match &mut self.place {
            Place::Between => {}
            Place::Leaf(decoder) => {
                decoder.push(self.line_end, sink);
                decoder.push(text, sink);
                self.line_end = line_end;
            }
            Place::Head(head) => {
                head.extend_from_slice(text);
                if !line_end.is_empty() {
                    head.extend_from_slice(b"\r\n");
                }
                let max = if self.parts == 0 && self.open.is_empty() {
                    crate::message::HEAD_MAX
                } else {
                    PART_HEAD_MAX
                };
                let is_empty_line = text.is_empty() && starts_here;
                if is_empty_line || head.len() > max {
                    let head = std::mem::take(head);
                    self.end_head(&head, sink);
                }
            }
        }
    }

    /// A header section is complete: either a multipart opens, or a leaf begins.
    fn end_head(&mut self, head: &[u8], sink: &mut impl FnMut(Event<'_>)) {
        // The last line of a message that ends in its head has no end.
        let closed = [head, b"\r\n"].concat();
        let head = if head.is_empty() || head.ends_with(b"\r\n") { head } else { &closed };
        if self.parts == 0 && self.open.is_empty() {
            sink(Event::Head(head));
        }
        let group = self.open.last().map_or(Group::Mixed, |multipart| multipart.group);
        let read = part::read(head, self.parts, group, self.open.len());
        let boundary = match &read {
            part::Read::Multipart { boundary, .. } => Some(boundary.as_slice()),
            part::Read::Leaf { .. } => None,
        };
        self.doubts.extend(doubt::of_head(head, boundary));
        let (part, decoder) = match read {
            part::Read::Multipart { boundary, group }
                if self.open.len() < DEPTH_MAX && self.parts < PARTS_MAX =>
            {
                self.open.push(Multipart { boundary, group });
                self.place = Place::Between;
                return;
            }
            part::Read::Multipart { .. } => {
                self.doubts.insert(Doubt::TooMany);
                (Part::opaque(self.parts, group), Decoder::plain())
            }
            part::Read::Leaf { part, encoding } => (part, Decoder::new(encoding)),
        };
        self.begin_leaf(part, decoder, sink);
    }

    fn begin_leaf(&mut self, part: Part, decoder: Decoder, sink: &mut impl FnMut(Event<'_>)) {
        if self.parts >= PARTS_MAX {
            self.open.clear();
            self.doubts.insert(Doubt::TooMany);
        }
        self.parts += 1;
        self.line_end = b"";
        sink(Event::Begin(part));
        self.place = Place::Leaf(decoder);
    }

    fn end_leaf(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        if let Place::Leaf(decoder) = std::mem::replace(&mut self.place, Place::Between) {
            if decoder.finish(sink) {
                self.doubts.insert(Doubt::Encoded);
            }
            sink(Event::End);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message as `type|name|content` of each leaf, fed in pieces of this size.
    fn walk(message: &str, size: usize) -> Vec<String> {
        let mut leaves: Vec<String> = Vec::new();
        let mut sink = |event: Event<'_>| match event {
            Event::Head(_) | Event::End => {}
            Event::Begin(part) => {
                let name = part.file_name.clone().unwrap_or_default();
                leaves.push(format!("{}|{name}|", part.media_type));
            }
            Event::Data(octets) => {
                leaves.last_mut().unwrap().push_str(&String::from_utf8_lossy(octets));
            }
        };
        let mut walker = Walker::new();
        for piece in message.as_bytes().chunks(size) {
            walker.push(piece, &mut sink);
        }
        walker.finish(&mut sink);
        leaves
    }

    /// The leaves must be these however the octets come.
    #[track_caller]
    fn check(message: &str, leaves: &[&str]) {
        let message = message.replace('\n', "\r\n");
        for size in [1, 2, 3, 7, 64, message.len().max(1)] {
            assert_eq!(walk(&message, size), leaves, "in pieces of {size}:\n{message}");
        }
    }

    #[test]
    fn a_message_without_mime_is_one_text() {
        check("Subject: x\n\nline\nline 2\n", &["text/plain||line\r\nline 2\r\n"]);
        check("Subject: only a head\n", &["text/plain||"]);
    }

    #[test]
    fn the_line_end_before_a_boundary_belongs_to_it() {
        check(
            "Content-Type: multipart/mixed; boundary=\"b 1\"\n\npreamble\n--b 1\n\none\n--b 1 \nContent-Type: text/html\n\n<p>\n\n--b 1--\nepilogue\n",
            &["text/plain||one", "text/html||<p>\r\n"],
        );
    }

    #[test]
    fn inner_parts_end_at_an_outer_boundary() {
        check(
            "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/alternative; boundary=i\n\n--i\n\nA\n--o\n\nB\n--o--\n",
            &["text/plain||A", "text/plain||B"],
        );
    }

    #[test]
    fn transfer_encodings_are_undone() {
        check(
            "Content-Transfer-Encoding: quoted-printable\n\nca=C3=A9 =\nx=3D  \n",
            &["text/plain||caé x=\r\n"],
        );
        check("Content-Transfer-Encoding: base64\n\nQUJD\nREU\n", &["text/plain||ABCDE"]);
        check("Content-Transfer-Encoding: base64\n\nQQ==QUI=\n", &["text/plain||AAB"]);
    }

    #[test]
    fn names_are_decoded() {
        check(
            "Content-Type: application/pdf; name*=utf-8''caf%C3%A9.pdf\n\nx",
            &["application/pdf|café.pdf|x"],
        );
        check(
            "Content-Disposition: attachment; filename=\"=?utf-8?Q?caf=C3=A9.pdf?=\"\n\nx",
            &["text/plain|café.pdf|x"],
        );
    }

    #[test]
    fn what_cannot_be_read_is_kept_as_one_part() {
        check("Content-Type: multipart/mixed\n\n--x\n", &["application/octet-stream||--x\r\n"]);
    }

    #[test]
    fn too_many_parts_and_levels_stay_bounded() {
        let many = format!(
            "Content-Type: multipart/mixed; boundary=b\n\n{}",
            "--b\n\nx\n".repeat(3 * PARTS_MAX)
        );
        assert!(walk(&many.replace('\n', "\r\n"), 4096).len() <= PARTS_MAX + 1);
        let level = |n: i32| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n");
        let deep = (0..100).map(level).collect::<Vec<_>>().concat();
        assert_eq!(walk(&deep.replace('\n', "\r\n"), 4096).len(), 1);
    }
}
