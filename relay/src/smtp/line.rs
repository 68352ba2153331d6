//! Lines. Only CR LF ends one: whoever lets a bare CR or LF pass lets a message be smuggled in another.

use std::fmt;

use bytes::{Buf, BytesMut};
use zeroize::Zeroize;

/// Octets of a command line without its end: RFC 5321, section 4.5.3.1.4, asks for 512 and 500 more for the DSN
/// parameters (RFC 3461, section 5.4); the rest is room for further extensions.
pub(super) const LINE_MAX: usize = 2048;

/// Octets of an answer in AUTH, with its end (RFC 4954, section 4).
pub(super) const RESPONSE_MAX: usize = 12288 - 2;

/// What came in and was not read yet.
#[derive(Default)]
pub(super) struct Input {
    octets: BytesMut,
    /// The start of the line in hand was thrown away.
    overlong: bool,
}

/// A line without its end. Any may hold a password, so each is wiped when it is dropped.
#[derive(PartialEq, Eq)]
pub(super) struct Line(BytesMut);

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum LineError {
    /// The line was read to its end, and is gone.
    TooLong,
    /// A bare CR, a bare LF or a NUL: where the next command starts is a matter of opinion.
    BareControl,
}

impl Input {
    pub(super) fn receive(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    /// The next line, of so many octets at most; `None` when it has not come whole yet.
    pub(super) fn line(&mut self, length_max: usize) -> Option<Result<Line, LineError>> {
        let Some(end) = self.octets.iter().position(|octet| matches!(octet, b'\r' | b'\n' | 0))
        else {
            if self.octets.len() > length_max {
                self.clear();
                self.overlong = true;
            }
            return None;
        };
        match self.octets.get(end..)? {
            [b'\r'] => None,
            [b'\r', b'\n', ..] => {
                let line = Line(self.octets.split_to(end));
                self.octets.advance(2);
                let overlong = std::mem::take(&mut self.overlong) || line.len() > length_max;
                Some(if overlong { Err(LineError::TooLong) } else { Ok(line) })
            }
            _ => Some(Err(LineError::BareControl)),
        }
    }

    /// What is left, all of it: for the text of a message.
    pub(super) fn rest(&mut self) -> &mut BytesMut {
        &mut self.octets
    }

    /// Whether what is left begins with this octet.
    pub(super) fn starts_with(&self, octet: u8) -> bool {
        self.octets.first() == Some(&octet)
    }

    /// Throws away what is left.
    pub(super) fn clear(&mut self) {
        self.octets.as_mut().zeroize();
        self.octets.clear();
        self.overlong = false;
    }
}

impl fmt::Debug for Input {
    /// No octet of it: it may be a password, or a message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Input({} octets)", self.octets.len())
    }
}

impl std::ops::Deref for Line {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.0.as_mut().zeroize();
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line({} octets)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of an input that comes octet by octet and of one that comes at once.
    #[track_caller]
    fn check(octets: &[u8], expected: &[Result<&str, LineError>]) {
        for piece in [1, octets.len()] {
            let mut input = Input::default();
            let mut lines = Vec::new();
            for octets in octets.chunks(piece) {
                input.receive(octets);
                while lines.last() != Some(&Err(LineError::BareControl))
                    && let Some(line) = input.line(LINE_MAX)
                {
                    lines.push(line.map(|line| String::from_utf8(line.to_vec()).unwrap()));
                }
            }
            let lines: Vec<_> =
                lines.iter().map(|line| line.as_deref().map_err(|error| *error)).collect();
            assert_eq!(
                lines,
                expected,
                "{:?} in pieces of {piece}",
                octets.escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn only_cr_lf_ends_a_line() {
        check(b"NOOP\r\nQUIT\r\n", &[Ok("NOOP"), Ok("QUIT")]);
        check(b"\r\nNOO", &[Ok("")]);
        check(b"NOOP\r", &[]);
        check(b"NOOP\nQUIT\r\n", &[Err(LineError::BareControl)]);
        check(b"NOOP\rQUIT\r\n", &[Err(LineError::BareControl)]);
        check(b"NOOP\r\r\n", &[Err(LineError::BareControl)]);
        check(b"NO\0OP\r\n", &[Err(LineError::BareControl)]);
    }

    #[test]
    fn line_may_be_as_long_as_what_is_asked_for() {
        let mut input = Input::default();
        input.receive(format!("{0}\r\n{0}\r\n", "x".repeat(RESPONSE_MAX)).as_bytes());
        assert_eq!(input.line(RESPONSE_MAX).unwrap().unwrap().len(), RESPONSE_MAX);
        assert_eq!(input.line(RESPONSE_MAX - 1), Some(Err(LineError::TooLong)));
    }

    #[test]
    fn debug_shows_no_octet_of_it() {
        let mut input = Input::default();
        input.receive(b"secret\r\n");
        let shown = format!("{input:?} {:?}", input.line(LINE_MAX));
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn overlong_line_is_one_error_and_the_next_line_is_read() {
        let line = "x".repeat(LINE_MAX);
        check(format!("{line}\r\nNOOP\r\n").as_bytes(), &[Ok(&line), Ok("NOOP")]);
        check(format!("{line}x\r\nNOOP\r\n").as_bytes(), &[Err(LineError::TooLong), Ok("NOOP")]);
        check(
            format!("{line}{line}{line}\r\nNOOP\r\n").as_bytes(),
            &[Err(LineError::TooLong), Ok("NOOP")],
        );
    }
}
