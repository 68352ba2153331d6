//! Command lines. Only CR LF ends one: whoever lets a bare CR or LF pass lets a message be smuggled in another.

use bytes::{Bytes, BytesMut};

/// Octets of a command line without its end: RFC 5321, section 4.5.3.1.4, asks for 512 and 500 more for the DSN
/// parameters (RFC 3461, section 5.4); the rest is room for further extensions.
const LINE_MAX: usize = 2048;

/// What came in and was not read yet.
#[derive(Debug, Default)]
pub(super) struct Input {
    octets: BytesMut,
    /// The start of the line in hand was thrown away.
    overlong: bool,
}

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

    /// The next line, without its end; `None` when it has not come whole yet.
    pub(super) fn line(&mut self) -> Option<Result<Bytes, LineError>> {
        let Some(end) = self.octets.iter().position(|octet| matches!(octet, b'\r' | b'\n' | 0))
        else {
            if self.octets.len() > LINE_MAX {
                self.octets.clear();
                self.overlong = true;
            }
            return None;
        };
        match self.octets.get(end..)? {
            [b'\r'] => None,
            [b'\r', b'\n', ..] => {
                let line = self.octets.split_to(end + 2).freeze().slice(..end);
                let overlong = std::mem::take(&mut self.overlong) || line.len() > LINE_MAX;
                Some(if overlong { Err(LineError::TooLong) } else { Ok(line) })
            }
            _ => Some(Err(LineError::BareControl)),
        }
    }

    /// What is left, all of it: for the text of a message.
    pub(super) fn rest(&mut self) -> &mut BytesMut {
        &mut self.octets
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
                    && let Some(line) = input.line()
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
