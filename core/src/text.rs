//! Header text: reading what others wrote (unfolding, RFC 2047) and the one type for what we compose.

mod encode;
mod encoded_word;

use std::fmt;

pub use encoded_word::decode_words;
use mail_parser::decoders::charsets::map::charset_decoder;

/// A header value that we compose: no CR, LF, NUL, other controls or bidirectional overrides, whatever came in.
/// `Debug` shows only its length, because it may be a subject.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderText(String);

/// RFC 5322, section 2.1.1: what a line may have without its CRLF.
const VALUE_MAX: usize = 998;

/// Characters of a display name: more than this no mail program shows beside an address.
const DISPLAY_NAME_MAX: usize = 64;

impl HeaderText {
    /// Makes a header value of any text: each run of what may not stand there becomes one space, the ends are trimmed,
    /// and what is over 998 octets (RFC 5322, section 2.1.1) is cut at a character.
    pub fn new(text: &str) -> Self {
        let mut line = one_line(text);
        line.truncate(line.floor_char_boundary(VALUE_MAX));
        line.truncate(line.trim_end().len());
        Self(line)
    }

    /// A name to be shown beside an address: besides, nothing in it that mail programs take for an address or a quote,
    /// and 64 characters at most.
    pub fn display_name(text: &str) -> Self {
        let text = one_line(text).replace(is_address_syntax, " ").replace("=?", " ");
        let words: Vec<&str> = text.split_whitespace().collect();
        let cut: String = words.join(" ").chars().take(DISPLAY_NAME_MAX).collect();
        Self(cut.trim_matches(|c: char| c.is_whitespace() || c == '\'').to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HeaderText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for HeaderText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeaderText({} octets)", self.0.len())
    }
}

/// Takes the folding out of a header value (RFC 5322, section 2.2.3): line ends go, white space stays. Octets that are
/// not UTF-8 are taken for Windows-1252, which old programs send without saying so.
pub fn unfold(value: &[u8]) -> String {
    let octets: Vec<u8> =
        value.iter().copied().filter(|octet| !matches!(octet, b'\r' | b'\n')).collect();
    String::from_utf8(octets).unwrap_or_else(|error| match charset_decoder(b"windows-1252") {
        Some(decode) => decode(error.as_bytes()),
        None => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// A header value as a reader sees it: unfolded and decoded.
pub fn decoded(value: &[u8]) -> String {
    decode_words(&unfold(value))
}

/// One line of printable text: each run of unfit characters becomes one space, and the ends are trimmed. Decoded text
/// needs it as much as raw text, for an encoded-word can hold a line end.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut unfit_before = false;
    for c in text.chars() {
        let unfit = is_unfit(c);
        if !unfit {
            line.push(c);
        } else if !unfit_before {
            line.push(' ');
        }
        unfit_before = unfit;
    }
    line.trim().to_owned()
}

/// Whether a character could end a line, or show the text around it in another order than it stands in: C0 and C1
/// controls, line and paragraph separators, and all bidirectional formatting characters of Unicode.
pub(crate) fn is_unfit(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{61c}' | '\u{200e}' | '\u{200f}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What makes an address, a list or a quoted string, in ASCII and as look-alikes. An apostrophe is none of it, or
/// O'Brien would lose his name; the backslash is, because it would escape the quote that closes the name.
fn is_address_syntax(c: char) -> bool {
    matches!(c, '@' | '<' | '>' | '"' | ',' | ';' | '\\')
        || matches!(
            c,
            '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}' | '\u{2039}' | '\u{203a}' | '\u{fe6b}'
        )
        || matches!(c, '\u{ff02}' | '\u{ff0c}' | '\u{ff1c}' | '\u{ff1e}' | '\u{ff20}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(make: fn(&str) -> HeaderText, text: &str, value: &str) {
        assert_eq!(make(text).as_str(), value, "{text:?}");
    }

    #[test]
    fn nothing_ends_a_line() {
        check(HeaderText::new, "Beste\r\nBcc: eve@example.org", "Beste Bcc: eve@example.org");
        check(HeaderText::new, "\0\u{85}a\u{2028}\u{2029}\r\u{7f}b\u{202e}", "a b");
        for c in (0..=0x2100).filter_map(char::from_u32).filter(|c| is_unfit(*c)) {
            check(HeaderText::new, &format!("a{c}{c}b{c}"), "a b");
            check(HeaderText::display_name, &format!("a{c}{c}b{c}"), "a b");
        }
    }

    #[test]
    fn a_long_value_is_cut_at_a_character() {
        check(HeaderText::new, &"é".repeat(600), &"é".repeat(499));
        check(HeaderText::new, &format!("x{}", "é".repeat(600)), &format!("x{}", "é".repeat(498)));
    }

    #[test]
    fn a_display_name_is_no_address_and_breaks_no_quotes() {
        check(HeaderText::display_name, "Sjaak O'Brien-d'Hondt", "Sjaak O'Brien-d'Hondt");
        check(
            HeaderText::display_name,
            "\"Vries, Jan de\" <jan@example.org>\\",
            "Vries Jan de jan example.org",
        );
        check(HeaderText::display_name, "“Bank” ＜info＠bank.example＞", "Bank info bank.example");
        check(HeaderText::display_name, "'Jan'", "Jan");
        check(HeaderText::display_name, "==?utf-8?q?=40?=", "= utf-8?q?=40?=");
        check(HeaderText::display_name, &"ab ".repeat(40), "ab ".repeat(22).get(..64).unwrap());
        check(HeaderText::display_name, "@", "");
    }

    #[test]
    fn unfolding_takes_line_ends_and_nothing_else() {
        assert_eq!(unfold(b" a\r\n\t b \r\n c"), " a\t b  c");
        assert_eq!(unfold("é".as_bytes()), "é");
        assert_eq!(unfold(b"caf\xe9 \x80"), "café €");
    }

    #[test]
    fn a_subject_does_not_show_in_debug() {
        assert_eq!(format!("{:?}", HeaderText::new("geheim")), "HeaderText(6 octets)");
    }
}
