//! The content as DATA carries it (RFC 5321, section 4.5.2): dots at the start of a line doubled, the last line ended.

/// Where in a line the content stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Place {
    LineStart,
    Line,
    AfterCr,
}

/// Doubles dots, piece by piece.
#[derive(Debug)]
pub(super) struct Stuffing {
    place: Place,
}

/// A CR or LF alone. What we accept has none, and sending one would let a lenient server see a line, or the end of
/// the message, where there is none.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored message has a line end that is not CR LF")]
pub(super) struct BareLineEnd;

impl Stuffing {
    pub(super) fn new() -> Self {
        Self { place: Place::LineStart }
    }

    /// Appends a piece of the content to `out`, as it travels.
    pub(super) fn put(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), BareLineEnd> {
        for &octet in piece {
            self.place = match (self.place, octet) {
                (Place::AfterCr, b'\n') => Place::LineStart,
                (Place::AfterCr, _) | (_, b'\n') => return Err(BareLineEnd),
                (_, b'\r') => Place::AfterCr,
                (Place::LineStart, b'.') => {
                    out.push(b'.');
                    Place::Line
                }
                (Place::LineStart | Place::Line, _) => Place::Line,
            };
            out.push(octet);
        }
        Ok(())
    }

    /// Appends what ends the message.
    pub(super) fn end(self, out: &mut Vec<u8>) -> Result<(), BareLineEnd> {
        out.extend_from_slice(match self.place {
            Place::LineStart => b".\r\n",
            Place::Line => b"\r\n.\r\n",
            Place::AfterCr => return Err(BareLineEnd),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuffed(pieces: &[&[u8]]) -> Result<String, BareLineEnd> {
        let mut out = Vec::new();
        let mut stuffing = Stuffing::new();
        pieces.iter().try_for_each(|piece| stuffing.put(piece, &mut out))?;
        stuffing.end(&mut out)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    /// Checks what a content becomes, whatever two pieces it comes in.
    #[track_caller]
    fn check(content: &str, expected: Result<&str, BareLineEnd>) {
        for cut in 0..=content.len() {
            let (a, b) = content.as_bytes().split_at(cut);
            assert_eq!(
                stuffed(&[a, b]).as_deref().map_err(|error| *error),
                expected,
                "{content:?} cut at {cut}"
            );
        }
    }

    #[test]
    fn dots_at_the_start_of_a_line_are_doubled_and_no_others() {
        check(".\r\n..\r\na.b\r\n", Ok("..\r\n...\r\na.b\r\n.\r\n"));
        check("a\r\n.\r\nQUIT\r\n", Ok("a\r\n..\r\nQUIT\r\n.\r\n"));
    }

    #[test]
    fn the_last_line_is_ended() {
        check("a\r\n", Ok("a\r\n.\r\n"));
        check("a", Ok("a\r\n.\r\n"));
        check("", Ok(".\r\n"));
    }

    #[test]
    fn a_cr_or_lf_alone_is_never_sent() {
        for content in
            ["a\nb\r\n", "a\rb\r\n", "\n", "a\r", "a\r\r\n", "a\n.\r\nb\r\n", "a\r\n.\rb\r\n"]
        {
            check(content, Err(BareLineEnd));
        }
    }
}
