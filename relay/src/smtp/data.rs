//! The text of a message after DATA (RFC 5321, section 4.5.2): takes the dots out and finds the end.
//!
//! Only CR LF `.` CR LF ends it. What a peer meant by a bare CR, a bare LF or a NUL is a matter of opinion, and two
//! servers of two opinions can be made to see two messages where one was sent; so such a text is refused, for everyone,
//! but only once its end has come: the octets in between must not be taken for commands.
//!
//! Lines have no limit of their own, though RFC 5321, section 4.5.3.1.6, only promises 1000 octets: programs write HTML
//! without a line break, nothing here holds a line in memory but the header section (which has a limit), and breaking
//! lines for the next server would break signatures. A server that wants them shorter says so, and the sender is told.

/// A text while it comes in.
#[derive(Debug)]
pub(super) struct Data {
    place: Place,
    content: Content,
    fault: Option<DataError>,
}

/// What may still be kept of a message, however it comes in.
#[derive(Debug)]
pub(super) struct Content {
    /// Octets that may still come.
    room: u64,
}

/// Why a text is refused. The first one counts.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum DataError {
    BareControl,
    TooLong,
}

/// What stands before the next octet.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Place {
    LineStart,
    /// A dot at the start of a line, withheld.
    Dot,
    /// Such a dot and a CR, withheld.
    DotCr,
    Text,
    /// A CR, withheld.
    Cr,
}

/// What became of some octets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    All,
    /// The text ended; this many octets belonged to it or to its end.
    Ended(usize, Result<(), DataError>),
}

impl Data {
    pub(super) fn new(size_max: u64) -> Self {
        Self { place: Place::LineStart, content: Content::new(size_max), fault: None }
    }

    /// Takes octets and appends the text that they carry to `out`; nothing of it from the first fault on.
    pub(super) fn take(&mut self, octets: &[u8], out: &mut Vec<u8>) -> Taken {
        let mut rest = octets;
        while let Some((&octet, after)) = rest.split_first() {
            rest = if self.place == Place::Text && !is_control(octet) {
                let (run, after) = run(rest);
                self.emit(run, out);
                after
            } else if self.place == Place::DotCr && octet == b'\n' {
                return Taken::Ended(octets.len() - after.len(), self.fault.map_or(Ok(()), Err));
            } else {
                self.place = self.step(octet, out);
                after
            };
        }
        Taken::All
    }

    /// The place after one octet; a row for each place and each kind of octet.
    fn step(&mut self, octet: u8, out: &mut Vec<u8>) -> Place {
        match (self.place, octet) {
            (Place::Cr, b'\n') => {
                self.emit(b"\r\n", out);
                Place::LineStart
            }
            (Place::LineStart, b'.') => Place::Dot,
            (Place::LineStart | Place::Text, b'\r') => Place::Cr,
            (Place::Dot, b'\r') => Place::DotCr,
            // A CR that no LF follows. This octet may be the CR of the true end all the same.
            (Place::Cr | Place::DotCr, b'\r') => {
                self.refuse(DataError::BareControl);
                Place::Cr
            }
            // A bare LF does not end the line, so a dot behind it is not at the start of one.
            (Place::Cr | Place::DotCr, _) | (_, b'\n' | 0) => {
                self.refuse(DataError::BareControl);
                Place::Text
            }
            (Place::LineStart | Place::Dot | Place::Text, _) => {
                self.emit(&[octet], out);
                Place::Text
            }
        }
    }

    fn emit(&mut self, text: &[u8], out: &mut Vec<u8>) {
        if self.fault.is_none() && !self.content.emit(text, out) {
            self.refuse(DataError::TooLong);
        }
    }

    fn refuse(&mut self, fault: DataError) {
        self.fault.get_or_insert(fault);
    }
}

impl Content {
    pub(super) fn new(size_max: u64) -> Self {
        Self { room: size_max }
    }

    pub(super) fn room(&self) -> u64 {
        self.room
    }

    /// Appends `text` to `out`; `false` when not all of it fits. What still fits goes out, so that it does not depend on
    /// how the octets were cut into pieces.
    pub(super) fn emit(&mut self, text: &[u8], out: &mut Vec<u8>) -> bool {
        let fitting = usize::try_from(self.room).map_or(text.len(), |room| room.min(text.len()));
        out.extend(text.iter().take(fitting));
        self.room -= fitting as u64;
        fitting == text.len()
    }
}

/// The octets before the next control, and those from there on. Most octets by far are taken as such runs.
pub(super) fn run(octets: &[u8]) -> (&[u8], &[u8]) {
    octets.split_at(octets.iter().position(|octet| is_control(*octet)).unwrap_or(octets.len()))
}

fn is_control(octet: u8) -> bool {
    matches!(octet, b'\r' | b'\n' | 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How far the text reached, what it was, and how it ended; `None` when it did not.
    fn read(
        octets: &[u8],
        piece: usize,
        size_max: u64,
    ) -> Option<(usize, Result<Vec<u8>, DataError>)> {
        let (mut data, mut out, mut before) = (Data::new(size_max), Vec::new(), 0);
        for octets in octets.chunks(piece.max(1)) {
            if let Taken::Ended(used, end) = data.take(octets, &mut out) {
                return Some((before + used, end.map(|()| out)));
            }
            before += octets.len();
        }
        None
    }

    #[track_caller]
    fn check(octets: &[u8], expected: Option<Result<&[u8], DataError>>) {
        for piece in 1..=octets.len() {
            let end = read(octets, piece, 100).map(|(_, end)| end);
            let end = end.as_ref().map(|end| end.as_deref().map_err(|error| *error));
            assert_eq!(end, expected, "{} in pieces of {piece}", octets.escape_ascii());
        }
    }

    #[test]
    fn dots_are_taken_out_at_the_start_of_a_line_only() {
        check(b".\r\n", Some(Ok(b"")));
        check(b"..\r\n.\r\n", Some(Ok(b".\r\n")));
        check(b".a\r\n..b\r\nc.\r\nd.e\r\n.\r\n", Some(Ok(b"a\r\n.b\r\nc.\r\nd.e\r\n")));
        check(b"\r\n.\r\n", Some(Ok(b"\r\n")));
        check(b"a\r\n.", None);
    }

    #[test]
    fn text_with_a_bare_control_is_refused_at_its_end_and_not_before() {
        for bare in [
            &b"\n.\n"[..],
            b"\n.\r\n",
            b"\r.\r",
            b"\r.\r\n",
            b"\r\n.\n",
            b"\r\n.\r",
            b"\0",
            b"\r\n\0.\r\n",
            b"\r\r\n",
        ] {
            let text = [b"a", bare, b"b"].concat();
            check(&text, None);
            check(&[&text[..], b"\r\n.\r\n"].concat(), Some(Err(DataError::BareControl)));
        }
    }

    /// The combinations of line ends around a dot with which servers were made to see the end of a text where others saw
    /// none (SMTP smuggling, 2023). One of the 27 is the true end.
    #[test]
    fn of_all_line_ends_around_a_dot_only_cr_lf_dot_cr_lf_ends_a_text() {
        const ENDS: [&str; 9] = ["\n", "\r", "\r\n", "\n\r", "\0\n", "\r\0", "\r\r\n", "\n\n", ""];
        for before in &ENDS[..3] {
            for after in ENDS {
                let is_end = (*before, after) == ("\r\n", "\r\n");
                let text = format!("a{before}.{after}MAIL FROM:<ceo@a.example>");
                let expected = is_end.then_some(Ok(&b"a\r\n"[..]));
                check(text.as_bytes(), expected);
                let is_clean = matches!((*before, after), ("\r\n", ""));
                let rest = if is_clean {
                    Ok(&b"a\r\nMAIL FROM:<ceo@a.example>\r\n"[..])
                } else {
                    Err(DataError::BareControl)
                };
                if !is_end {
                    check(format!("{text}\r\n.\r\n").as_bytes(), Some(rest));
                }
            }
        }
    }

    #[test]
    fn line_may_be_longer_than_the_standard_promises() {
        let text = [&b"x".repeat(100_000)[..], b"\r\n.\r\n"].concat();
        let end = read(&text, 4096, 200_000);
        assert_eq!(end.unwrap().1.unwrap().len(), 100_002);
    }

    /// Every sequence of up to seven of the octets that matter: the end is where CR LF `.` CR LF first stands (the line
    /// end of DATA itself counts), and a bare control before it is always found.
    #[test]
    fn only_cr_lf_dot_cr_lf_ends_a_text() {
        const END: &[u8] = b"\r\n.\r\n";
        let octets = *b"\r\n.\0x";
        for length in 1..=7u32 {
            for number in 0..5usize.pow(length) {
                let text: Vec<u8> =
                    (0..length).map(|place| octets[number / 5usize.pow(place) % 5]).collect();
                let framed = [b"\r\n", &text[..]].concat();
                let end = framed.windows(END.len()).position(|window| window == END);
                let lines = |end: usize| {
                    let text = String::from_utf8(framed[..end + 2].to_vec()).unwrap();
                    text.replace("\r\n", "")
                };
                let expected =
                    end.map(|end| (end + END.len() - 2, !lines(end).contains(['\r', '\n', '\0'])));
                let found = read(&text, text.len(), 100).map(|(used, end)| (used, end.is_ok()));
                assert_eq!(found, expected, "{}", text.escape_ascii());
                assert_eq!(read(&text, 1, 100), read(&text, 9, 100), "{}", text.escape_ascii());
            }
        }
    }

    #[test]
    fn text_over_the_limit_is_swallowed_and_refused() {
        assert_eq!(read(b"abcde\r\n.\r\n", 3, 7), Some((10, Ok(b"abcde\r\n".to_vec()))));
        assert_eq!(read(b"abcdef\r\n.\r\n", 3, 7), Some((11, Err(DataError::TooLong))));
        assert_eq!(read(b"..bcde\r\n.\r\n", 3, 7), Some((11, Ok(b".bcde\r\n".to_vec()))));
    }
}
