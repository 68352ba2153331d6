//! A message that comes in chunks (BDAT, RFC 3030). Their lengths say where they end, so nothing in them can end them;
//! bare CR, LF and NUL are refused in them all the same: the message is handed on with DATA sooner or later.

use super::data::{Content, DataError};

/// What BDAT announces.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Octets that are still to come.
    pub(super) left: u64,
    pub(super) last: bool,
}

/// The message over all its chunks.
#[derive(Debug)]
pub(super) struct Chunks {
    content: Content,
    /// A CR was withheld, at the end of a chunk maybe.
    cr: bool,
}

impl Chunks {
    pub(super) fn new(size_max: u64) -> Self {
        Self { content: Content::new(size_max), cr: false }
    }

    /// Whether there is room for another chunk.
    pub(super) fn has_room(&self, chunk: Chunk) -> bool {
        // The withheld CR has not been counted yet.
        chunk.left.saturating_add(u64::from(self.cr)) <= self.content.room()
    }

    /// Takes octets of a chunk and appends those that may be kept to `out`: all, or those before the first fault.
    pub(super) fn take(&mut self, octets: &[u8], out: &mut Vec<u8>) -> Result<(), DataError> {
        let mut rest = octets;
        while let Some((&octet, after)) = rest.split_first() {
            rest = match (self.cr, octet) {
                (true, b'\n') => {
                    self.content.emit(b"\r\n", out);
                    self.cr = false;
                    after
                }
                (true, _) | (false, b'\n' | 0) => return Err(DataError::BareControl),
                (false, b'\r') => {
                    self.cr = true;
                    after
                }
                (false, _) => {
                    let (run, after) = super::data::run(rest);
                    self.content.emit(run, out);
                    after
                }
            };
        }
        Ok(())
    }

    /// Whether the message may end here.
    pub(super) fn end(&self) -> Result<(), DataError> {
        if self.cr { Err(DataError::BareControl) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message that comes of chunks that are cut into pieces.
    fn read(octets: &[u8], piece: usize) -> Result<Vec<u8>, DataError> {
        let (mut chunks, mut out) = (Chunks::new(100), Vec::new());
        octets.chunks(piece.max(1)).try_for_each(|octets| chunks.take(octets, &mut out))?;
        chunks.end().map(|()| out)
    }

    #[track_caller]
    fn check(octets: &[u8], good: bool) {
        let expected = if good { Ok(octets.to_vec()) } else { Err(DataError::BareControl) };
        for piece in 1..=octets.len() {
            assert_eq!(read(octets, piece), expected, "{} by {piece}", octets.escape_ascii());
        }
    }

    #[test]
    fn chunks_are_kept_as_they_are() {
        for octets in [&b"a\r\n.\r\nb"[..], b".\r\n", b"..\r\n.", b"\r\n.\r\n", b"no line end"] {
            check(octets, true);
        }
    }

    #[test]
    fn bare_control_is_found_wherever_the_chunks_are_cut() {
        for octets in [&b"a\n"[..], b"a\rb", b"a\0", b"\r\r\n", b"a\r", b"\n.\r\n", b"\r\n.\n"] {
            check(octets, false);
        }
    }

    #[test]
    fn there_is_room_for_as_much_as_a_message_may_have() {
        let mut chunks = Chunks::new(4);
        let room = |chunks: &Chunks, left| chunks.has_room(Chunk { left, last: false });
        assert!(room(&chunks, 4) && !room(&chunks, 5) && !room(&chunks, u64::MAX));
        chunks.take(b"ab\r", &mut Vec::new()).unwrap();
        assert!(room(&chunks, 1) && !room(&chunks, 2) && !room(&chunks, u64::MAX));
    }
}
