//! The canonical form `relaxed` (RFC 6376, sections 3.4.2 and 3.4.4).

/// One header field: its name in lower case, its value unfolded, each run of white space one space, none at either end.
pub(super) fn relaxed_field(raw: &[u8], out: &mut Vec<u8>) {
    let colon = raw.iter().position(|octet| *octet == b':').unwrap_or(raw.len());
    let (name, value) = raw.split_at(colon);
    out.extend(name.trim_ascii().to_ascii_lowercase());
    out.push(b':');
    let value = value.strip_prefix(b":").unwrap_or_default();
    let words = value.split(|octet| matches!(octet, b' ' | b'\t' | b'\r' | b'\n'));
    for (at, word) in words.filter(|word| !word.is_empty()).enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
    out.extend_from_slice(b"\r\n");
}

/// Octets that are kept back before they are handed on: a hash takes blocks faster than octets.
const BLOCK: usize = 8 * 1024;

/// The body, piece by piece: no white space at the end of a line, each run of it one space, no empty lines at the end.
/// However much is kept back, it takes no memory: line ends are counted.
#[derive(Clone, Debug, Default)]
pub struct RelaxedBody {
    /// Line ends that count once something follows them.
    line_ends: u64,
    /// White space that counts once something follows it on its line.
    space: bool,
    /// A CR, perhaps the first half of a line end.
    cr: bool,
    /// Something that is neither white space nor a line end has been seen.
    begun: bool,
    block: Vec<u8>,
}

impl RelaxedBody {
    pub fn new() -> Self {
        Self::default()
    }

    /// Hands the canonical form of a piece to `sink`, but for what depends on what follows.
    pub fn put(&mut self, piece: &[u8], sink: &mut dyn FnMut(&[u8])) {
        for &octet in piece {
            match octet {
                b'\n' if self.cr => {
                    self.cr = false;
                    self.space = false;
                    self.line_ends += 1;
                }
                b'\r' if !self.cr => self.cr = true,
                octet => self.text(octet, sink),
            }
        }
    }

    fn text(&mut self, octet: u8, sink: &mut dyn FnMut(&[u8])) {
        // A CR that ends no line is text like any other.
        if std::mem::take(&mut self.cr) {
            self.emit(b'\r', sink);
        }
        match octet {
            b' ' | b'\t' => self.space = true,
            b'\r' => self.cr = true,
            octet => self.emit(octet, sink),
        }
    }

    fn emit(&mut self, octet: u8, sink: &mut dyn FnMut(&[u8])) {
        for _ in 0..std::mem::take(&mut self.line_ends) {
            self.push(b"\r\n", sink);
        }
        if std::mem::take(&mut self.space) {
            self.push(b" ", sink);
        }
        self.begun = true;
        self.push(&[octet], sink);
    }

    fn push(&mut self, octets: &[u8], sink: &mut dyn FnMut(&[u8])) {
        self.block.extend_from_slice(octets);
        if self.block.len() >= BLOCK {
            sink(&self.block);
            self.block.clear();
        }
    }

    /// Hands over what is left: one line end, if there is any text.
    pub fn end(mut self, sink: &mut dyn FnMut(&[u8])) {
        if std::mem::take(&mut self.cr) {
            self.emit(b'\r', sink);
        }
        if self.begun {
            self.push(b"\r\n", sink);
        }
        sink(&self.block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_field(raw: &str, expected: &str) {
        let mut out = Vec::new();
        relaxed_field(raw.as_bytes(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{raw:?}");
    }

    /// The same wherever the pieces are cut.
    #[track_caller]
    fn check_body(body: &str, expected: &str) {
        for size in [1, 2, 3, 1000] {
            let (mut relaxed, mut out) = (RelaxedBody::new(), Vec::new());
            let mut sink = |octets: &[u8]| out.extend_from_slice(octets);
            for piece in body.as_bytes().chunks(size) {
                relaxed.put(piece, &mut sink);
            }
            relaxed.end(&mut sink);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{body:?} in pieces of {size}");
        }
    }

    #[test]
    fn fields_are_unfolded_and_their_white_space_is_one_space() {
        // RFC 6376, section 3.4.5.
        check_field("A: X\r\n", "a:X\r\n");
        check_field("B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n");
        check_field("Subject:\r\n", "subject:\r\n");
        check_field("To:\r\n <a@b.c>,\r\n\t<d@e.f>\r\n", "to:<a@b.c>, <d@e.f>\r\n");
    }

    #[test]
    fn bodies_lose_white_space_at_line_ends_and_empty_lines_at_the_end() {
        // RFC 6376, section 3.4.5.
        check_body(" C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n");
        check_body("", "");
        check_body("\r\n", "");
        check_body("\r\n \t\r\n\r\n", "");
        check_body("text", "text\r\n");
        check_body("text \t", "text\r\n");
        check_body("a\r\n \t \r\n\r\nb\r\n \r\n", "a\r\n\r\n\r\nb\r\n");
        check_body("\r\n\r\n  a", "\r\n\r\n a\r\n");
        check_body("a\rb\r", "a\rb\r\r\n");
        check_body(" \rb", " \rb\r\n");
    }
}
