//! Writing a header value: folded, and in encoded-words (RFC 2047) where it is not plain ASCII.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::HeaderText;

/// RFC 5322, section 2.1.1, less room for the field's name.
const LINE_LENGTH: usize = 64;

/// Octets in one encoded-word: with its frame of 12 it is 60 characters, and the field's name still fits before it on a line
/// of 76 (RFC 2047, section 2).
const WORD_OCTETS: usize = 36;

impl HeaderText {
    /// The value as it stands in a message, its lines separated by CRLF and a space. What looks like an encoded-word already
    /// is encoded too, or a reader would decode what was never meant.
    pub fn encoded(&self) -> String {
        let is_plain = self.0.is_ascii() && !self.0.contains("=?");
        let lines = if is_plain { folded(&self.0) } else { words(&self.0) };
        lines.join("\r\n ")
    }
}

/// Lines broken at single spaces, each of which the line end's own space replaces.
fn folded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            // An empty word is a space more: a line of white space alone would be no line (RFC 5322, section 3.2.2).
            Some(line) if word.is_empty() || line.len() + 1 + word.len() <= LINE_LENGTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Encoded-words, each of whole characters.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (word, behind) =
            rest.split_at_checked(rest.floor_char_boundary(WORD_OCTETS)).unwrap_or((rest, ""));
        words.push(format!("=?utf-8?B?{}?=", STANDARD.encode(word)));
        rest = behind;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::decoded;

    /// What is written has short lines, and is read as what it was.
    #[track_caller]
    fn check(text: &str) {
        let value = HeaderText::new(text);
        let written = value.encoded();
        assert_eq!(decoded(written.as_bytes()), value.as_str(), "{written}");
        assert!(written.is_ascii(), "{written}");
        let longest = text.split(' ').map(str::len).max().unwrap_or_default();
        for line in written.split("\r\n ") {
            assert!(line.len() <= LINE_LENGTH.max(longest), "{line}");
            assert!(written.is_empty() || !line.trim().is_empty(), "an empty line in {written:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["", "offer", "Offerte \u{2013} café", "=?utf-8?Q?x?=", "a  b", "a\r\nBcc: x"]
        {
            check(text);
        }
        check(&"word ".repeat(100));
        check(&"x".repeat(900));
        check(&"é€😀".repeat(60));
    }
}
