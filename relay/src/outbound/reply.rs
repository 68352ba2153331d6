//! Replies of the other server (RFC 5321, section 4.2): read whole and within limits, or not at all.

use std::fmt;

use zegel_core::text::HeaderText;

/// RFC 5321, section 4.5.3.1.5, allows 512 octets; servers that explain themselves need more.
const LINE_MAX: usize = 2048;

/// The longest EHLO replies in use have about twenty lines; help texts in refusals rarely reach ten.
const LINES_MAX: usize = 100;

/// What is kept of a server's words: enough for a person to act on, too little to carry a page.
const TEXT_MAX: usize = 400;

/// One whole reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    /// Such as `5.1.1` (RFC 3463), when the reply has one of its own class.
    pub(super) enhanced: Option<String>,
    /// The lines as they came, without code and line end.
    lines: Vec<String>,
}

/// What came is no SMTP reply.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Garbage {
    #[error("a line has no reply code")]
    NoCode,
    #[error("its lines have different codes")]
    CodesDiffer,
    #[error("a line is longer than {LINE_MAX} octets")]
    LineTooLong,
    #[error("it has more than {LINES_MAX} lines")]
    TooManyLines,
}

impl Reply {
    /// Reads the reply at the start of `octets`: the reply and its length, or `None` when it has not come whole yet.
    pub(super) fn parse(octets: &[u8]) -> Result<Option<(Self, usize)>, Garbage> {
        let mut lines = Vec::new();
        let mut code = None;
        let mut length = 0;
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            if line.len() > LINE_MAX {
                return Err(Garbage::LineTooLong);
            }
            let Some(line) = line.strip_suffix(b"\n") else { return Ok(None) };
            length += line.len() + 1;
            let (own, last, text) =
                parts(line.strip_suffix(b"\r").unwrap_or(line)).ok_or(Garbage::NoCode)?;
            if *code.get_or_insert(own) != own {
                return Err(Garbage::CodesDiffer);
            }
            if lines.len() == LINES_MAX {
                return Err(Garbage::TooManyLines);
            }
            lines.push(String::from_utf8_lossy(text).into_owned());
            if last {
                let enhanced =
                    lines.first().and_then(|first| enhanced(own, first)).map(str::to_owned);
                return Ok(Some((Self { code: own, enhanced, lines }, length)));
            }
        }
        Ok(None)
    }

    pub(super) fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    pub(super) fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// The same answer, of which only the codes are left.
    pub(super) fn without_words(&self) -> Self {
        Self { code: self.code, enhanced: self.enhanced.clone(), lines: Vec::new() }
    }

    /// The lines after the first, which in a reply to EHLO are the extensions.
    pub(super) fn extensions(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().skip(1).map(String::as_str)
    }

    /// The server's words on one line, without enhanced codes and control characters, and cut.
    pub(super) fn text(&self) -> String {
        let words = self.lines.iter().map(|line| match &self.enhanced {
            Some(code) => line.strip_prefix(code.as_str()).unwrap_or(line).trim(),
            None => line.trim(),
        });
        let joined = words.filter(|words| !words.is_empty()).collect::<Vec<_>>().join(" ");
        let mut text = HeaderText::new(&joined).as_str().to_owned();
        text.truncate(text.floor_char_boundary(TEXT_MAX));
        text
    }
}

impl fmt::Display for Reply {
    /// Code, enhanced code and words on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        for part in
            self.enhanced.iter().cloned().chain([self.text()]).filter(|part| !part.is_empty())
        {
            write!(f, " {part}")?;
        }
        Ok(())
    }
}

/// Splits a line into code, whether it is the last, and text. A bare code is a last line (section 4.2.1).
fn parts(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (code, rest) = line.split_at_checked(3)?;
    let [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9'] = code else { return None };
    let code = str::from_utf8(code).ok()?.parse().ok()?;
    match rest {
        [] => Some((code, true, rest)),
        [b' ', text @ ..] => Some((code, true, text)),
        [b'-', text @ ..] => Some((code, false, text)),
        _ => None,
    }
}

/// The enhanced status code (RFC 2034, section 4) at the start of a text; one of another class than the reply's is
/// not believed.
fn enhanced(code: u16, text: &str) -> Option<&str> {
    let word = text.split([' ', '\t']).next()?;
    let mut numbers = word.split('.');
    let class = numbers.next()?.parse::<u16>().ok()?;
    let is_number = |number: &str| {
        (1..=3).contains(&number.len()) && number.bytes().all(|octet| octet.is_ascii_digit())
    };
    let well_formed =
        numbers.next().is_some_and(is_number) && numbers.next().is_some_and(is_number);
    (well_formed
        && numbers.next().is_none()
        && class == code / 100
        && word.starts_with(['2', '4', '5']))
    .then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks what a whole reply is read as, and that no shorter start of it is taken for one.
    #[track_caller]
    fn check(octets: &str, expected: Result<(u16, Option<&str>, &str), Garbage>) {
        let seen = Reply::parse(octets.as_bytes()).map(|reply| reply.expect("a whole reply").0);
        let expected = expected
            .map(|(code, enhanced, text)| (code, enhanced.map(str::to_owned), text.to_owned()));
        let flat = seen.map(|reply| (reply.code, reply.enhanced.clone(), reply.text()));
        assert_eq!(flat, expected, "{octets:?}");
        for end in 0..octets.len() {
            let (start, _) = octets.split_at(end);
            let parsed = Reply::parse(start.as_bytes());
            assert!(!matches!(parsed, Ok(Some(_))), "{start:?} is no whole reply");
        }
    }

    #[test]
    fn a_reply_has_a_code_perhaps_an_enhanced_one_and_words() {
        check("250 ok\r\n", Ok((250, None, "ok")));
        check("354\r\n", Ok((354, None, "")));
        check("550 5.1.1 no such user\r\n", Ok((550, Some("5.1.1"), "no such user")));
        check("450 4.7.1\r\n", Ok((450, Some("4.7.1"), "")));
        check(
            "220 bare line feeds are forgiven\n",
            Ok((220, None, "bare line feeds are forgiven")),
        );
    }

    #[test]
    fn many_lines_are_one_reply() {
        check(
            "550-5.7.1 not\r\n550-5.7.1 for\r\n550 5.7.1 you\r\n",
            Ok((550, Some("5.7.1"), "not for you")),
        );
    }

    #[test]
    fn an_enhanced_code_of_another_class_or_form_is_words() {
        check("550 4.1.1 hm\r\n", Ok((550, None, "4.1.1 hm")));
        check("550 5.1 hm\r\n", Ok((550, None, "5.1 hm")));
        check("550 5.1.1.1 hm\r\n", Ok((550, None, "5.1.1.1 hm")));
        check("550 05.1.1 hm\r\n", Ok((550, None, "05.1.1 hm")));
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        check("hello\r\n", Err(Garbage::NoCode));
        check("25\r\n", Err(Garbage::NoCode));
        check("650 no\r\n", Err(Garbage::NoCode));
        check("250_ok\r\n", Err(Garbage::NoCode));
        check("250-a\r\n251 b\r\n", Err(Garbage::CodesDiffer));
        check(&format!("250 {}\r\n", "x".repeat(LINE_MAX)), Err(Garbage::LineTooLong));
        check(&"250-a\r\n".repeat(LINES_MAX + 1), Err(Garbage::TooManyLines));
    }

    #[test]
    fn a_server_cannot_smuggle_lines_or_pages_into_our_records() {
        let (reply, _) = Reply::parse(b"550 a\rX-Evil: b\0c\r\n").unwrap().unwrap();
        assert_eq!(reply.text(), "a X-Evil: b c");
        let long = format!("550 {}\r\n", "ü".repeat(TEXT_MAX));
        let (reply, _) = Reply::parse(long.as_bytes()).unwrap().unwrap();
        assert_eq!(reply.text().len(), TEXT_MAX);
    }

    #[test]
    fn what_follows_a_reply_is_left() {
        let (reply, length) = Reply::parse(b"250 a\r\n250 b\r\n").unwrap().unwrap();
        assert_eq!((reply.text().as_str(), length), ("a", 7));
    }
}
