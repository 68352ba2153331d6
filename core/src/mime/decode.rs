//! Content-Transfer-Encodings (RFC 2045, section 6), undone while octets pass. Lenient: what is not of the encoding is
//! passed over, as mail programs do.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::Event;

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Base64,
    QuotedPrintable,
}

#[derive(Debug)]
pub(super) struct Decoder {
    encoding: Encoding,
    /// Octets that mean nothing until more follow: up to three characters of base64, or what stands behind `=`.
    pending: Vec<u8>,
    out: Vec<u8>,
    /// Base64 has ended with its padding.
    ended: bool,
    /// There was what is not of the encoding: other programs may make something else of it.
    is_doubtful: bool,
}

impl Decoder {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self { encoding, pending: Vec::new(), out: Vec::new(), ended: false, is_doubtful: false }
    }

    pub(super) fn plain() -> Self {
        Self::new(Encoding::Identity)
    }

    pub(super) fn push(&mut self, octets: &[u8], sink: &mut impl FnMut(Event<'_>)) {
        match self.encoding {
            Encoding::Identity => self.out.extend_from_slice(octets),
            Encoding::Base64 => {
                for line in octets.split_inclusive(|octet| *octet == b'\n') {
                    let rest = self.base64_groups(line);
                    for octet in rest {
                        self.base64(*octet);
                    }
                }
            }
            Encoding::QuotedPrintable => {
                for octet in octets {
                    self.quoted_printable(*octet);
                }
            }
        }
        self.flush(sink);
    }

    /// Returns whether there was what is not of the encoding.
    pub(super) fn finish(mut self, sink: &mut impl FnMut(Event<'_>)) -> bool {
        match self.encoding {
            Encoding::Identity => {}
            Encoding::Base64 => self.base64_end(),
            Encoding::QuotedPrintable => {
                // Blanks at the very end are padding (RFC 2045, section 6.7, rule 3); a broken escape is shown as it is.
                if self.pending.first() == Some(&b'=') {
                    self.out.append(&mut self.pending);
                }
            }
        }
        self.flush(sink);
        self.is_doubtful
    }

    fn flush(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        if !self.out.is_empty() {
            sink(Event::Data(&self.out));
            self.out.clear();
        }
    }

    /// Takes the whole groups that a line begins with, all at once, and returns the rest. Where anything else stands among
    /// them it takes none. Nearly all lines are nothing but groups, and one by one their octets cost more than all the rest
    /// that is done with a message.
    fn base64_groups<'a>(&mut self, line: &'a [u8]) -> &'a [u8] {
        if self.ended || !self.pending.is_empty() {
            return line;
        }
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let (groups, rest) = text.split_at(text.len() - text.len() % 4);
        let before = self.out.len();
        if STANDARD_NO_PAD.decode_vec(groups, &mut self.out).is_ok() {
            return rest;
        }
        self.out.truncate(before);
        line
    }

    fn base64(&mut self, octet: u8) {
        let value = match octet {
            b'A'..=b'Z' => octet - b'A',
            b'a'..=b'z' => octet - b'a' + 26,
            b'0'..=b'9' => octet - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                self.ended = true;
                return self.base64_end();
            }
            b'\r' | b'\n' | b' ' | b'\t' => return,
            _ => {
                self.is_doubtful = true;
                return;
            }
        };
        self.is_doubtful |= self.ended;
        self.pending.push(value);
        if let [a, b, c, d] = self.pending[..] {
            self.out.extend_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
            self.pending.clear();
        }
    }

    /// The last group may have two or three characters, with or without padding behind them.
    fn base64_end(&mut self) {
        match self.pending[..] {
            [a, b] => self.out.push(a << 2 | b >> 4),
            [a, b, c] => self.out.extend_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2]),
            _ => {}
        }
        self.pending.clear();
    }

    fn quoted_printable(&mut self, octet: u8) {
        match (self.pending.first(), octet) {
            (Some(b'='), _) => self.escape(octet),
            // Blanks count only when something other than the line's end follows.
            (_, b' ' | b'\t') => self.pending.push(octet),
            (_, b'\r' | b'\n') => {
                self.pending.clear();
                self.out.push(octet);
            }
            (_, b'=') => {
                self.out.append(&mut self.pending);
                self.pending.push(octet);
            }
            (_, _) => {
                self.out.append(&mut self.pending);
                self.out.push(octet);
            }
        }
    }

    /// Goes on behind `=`: two hexadecimal digits, or a soft line break with blanks before it.
    fn escape(&mut self, octet: u8) {
        self.pending.push(octet);
        match self.pending.get(1..).unwrap_or_default() {
            [.., b'\n'] => self.pending.clear(),
            [.., b' ' | b'\t' | b'\r'] if self.pending.len() < 80 => {}
            [high] if high.is_ascii_hexdigit() => {}
            [high, low] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    self.pending.clear();
                    self.out.push(high << 4 | low);
                }
                _ => self.out.append(&mut self.pending),
            },
            _ => self.out.append(&mut self.pending),
        }
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The octets and whether there was what is not of the encoding, however the text is cut.
    #[track_caller]
    fn check(text: &[u8], want: &[u8], is_doubtful: bool) {
        for size in 1..=text.len() {
            let mut decoder = Decoder::new(Encoding::Base64);
            let mut got = Vec::new();
            let mut sink = |event: Event<'_>| {
                if let Event::Data(octets) = event {
                    got.extend_from_slice(octets);
                }
            };
            text.chunks(size).for_each(|piece| decoder.push(piece, &mut sink));
            let doubtful = decoder.finish(&mut sink);
            let text = text.escape_ascii();
            assert_eq!((&got[..], doubtful), (want, is_doubtful), "{text}, by {size}");
        }
    }

    #[test]
    fn base64_is_the_same_by_the_line_and_by_the_octet() {
        check(b"TWludXRlcyBv\r\nZiBUaHVyc2Rh\r\neQ==\r\n", b"Minutes of Thursday", false);
        check(b"TWludXRlcyBv\nZiBUaHVyc2Rh\neQ", b"Minutes of Thursday", false);
        check(b"TWlud\r\nXRlcy\r\nBvZg==\r\n", b"Minutes of", false);
        check(b"TWlu dXRl\tcyBv\r\nZg==\r\n", b"Minutes of", false);
        check(b"TWlu-dXRl\r\ncyBv\r\n", b"Minutes o", true);
        check(b"TWlu\x0cdXRl\x0c\r\ncyBv", b"Minutes o", true);
        check(b"TQ==\r\naW51\r\n", b"Minu", true);
    }
}
