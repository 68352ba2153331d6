//! Encoded-words (RFC 2047), read as mail programs read them: in any place, of any length, in any charset.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use mail_parser::decoders::charsets::DecoderFnc;
use mail_parser::decoders::charsets::map::charset_decoder;

/// Octets of a charset's name. IANA's longest is 45, which is also all that the charset table looks at.
const CHARSET_MAX: usize = 45;

/// Much mail leaves the padding out or has stray bits in the last quantum.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Decodes the encoded-words of an unfolded value (RFC 2047), in any charset; what cannot be decoded stays as it is.
///
/// The time is linear: every look-ahead ends at the third `?` behind the `=?` that starts it.
pub fn decode_words(text: &str) -> String {
    let mut text_so_far = Decoded::default();
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("=?") {
        plain.push_str(before);
        if let Some((word, behind)) = Word::read(after) {
            text_so_far.plain(&plain, true);
            text_so_far.word(word);
            plain.clear();
            rest = behind;
        } else {
            plain.push_str("=?");
            rest = after;
        }
    }
    plain.push_str(rest);
    text_so_far.plain(&plain, false);
    text_so_far.text
}

/// One encoded-word with its transfer encoding undone.
struct Word<'a> {
    charset: &'a str,
    decode: DecoderFnc,
    octets: Vec<u8>,
}

impl<'a> Word<'a> {
    /// Reads a word behind its `=?`, and what follows it.
    fn read(text: &'a str) -> Option<(Self, &'a str)> {
        let (charset, rest) = text.split_once('?')?;
        let (encoding, rest) = rest.split_once('?')?;
        let (data, rest) = rest.split_once('?')?;
        let behind = rest.strip_prefix('=')?;
        // RFC 2231, section 5: a language may follow the charset.
        let charset = charset.split('*').next()?;
        let decode = decoder(charset)?;
        let octets = match encoding {
            "B" | "b" => BASE64.decode(data.trim_ascii()).ok()?,
            "Q" | "q" => read_q(data)?,
            _ => return None,
        };
        Some((Self { charset, decode, octets }, behind))
    }
}

/// What has been decoded, and the words at its end whose octets still wait: one character may be split over adjacent
/// words of one charset, so they are decoded together.
#[derive(Default)]
struct Decoded<'a> {
    text: String,
    waiting: Option<Word<'a>>,
}

impl<'a> Decoded<'a> {
    /// Adds text that stood between words. White space between two words is not shown (RFC 2047, section 6.2).
    fn plain(&mut self, plain: &str, before_word: bool) {
        if before_word && self.waiting.is_some() && plain.trim_ascii().is_empty() {
            return;
        }
        self.settle();
        self.text.push_str(plain);
    }

    fn word(&mut self, word: Word<'a>) {
        match &mut self.waiting {
            Some(waiting) if waiting.charset.eq_ignore_ascii_case(word.charset) => {
                waiting.octets.extend(word.octets);
            }
            _ => {
                self.settle();
                self.waiting = Some(word);
            }
        }
    }

    fn settle(&mut self) {
        if let Some(word) = self.waiting.take() {
            self.text.push_str(&(word.decode)(&word.octets));
        }
    }
}

fn decoder(charset: &str) -> Option<DecoderFnc> {
    if charset.is_empty() || charset.len() > CHARSET_MAX {
        return None;
    }
    if charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8") {
        return Some(|octets| String::from_utf8_lossy(octets).into_owned());
    }
    charset_decoder(charset.as_bytes())
}

/// The Q encoding (RFC 2047, section 4.2). A raw space may not stand in it, but some programs leave it there.
fn read_q(data: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(data.len());
    let mut data = data.bytes();
    while let Some(octet) = data.next() {
        octets.push(match octet {
            b'_' => b' ',
            b'=' => hexadecimal(data.next()?)? << 4 | hexadecimal(data.next()?)?,
            b' '..=b'~' => octet,
            _ => return None,
        });
    }
    Some(octets)
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::decode_words;

    #[track_caller]
    fn check(text: &str, decoded: &str) {
        assert_eq!(decode_words(text), decoded, "{text:?}");
    }

    #[test]
    fn words_are_decoded_in_any_charset() {
        check("Re: =?utf-8?Q?caf=C3=A9_open?= x", "Re: café open x");
        check("=?ISO-8859-1?q?J=e9r=F4me?=", "Jérôme");
        check("=?windows-1252?B?gA==?=", "€");
        check("=?utf-8*nl?B?Z2VoZWlt?=", "geheim");
        check("=?US-ASCII?Q?a?=", "a");
        check("=?iso-2022-jp?B?GyRCRnxLXDhsGyhC?=", "日本語");
        check("=?shift_jis?B?g26DjYFbgUWDj4Fbg4uDaA==?=", "ハロー・ワールド");
        check("=?koi8-r?B?8NLJ18XU?=", "Привет");
        check("=?gb18030?B?xOO6ww==?=", "你好");
        check("=?big5?B?p0GmbqFBpUCsyQ==?=", "你好，世界");
        check("=?euc-kr?B?vsiz58fPvLy/5A==?=", "안녕하세요");
    }

    #[test]
    fn white_space_between_words_goes_and_beside_them_stays() {
        check("=?utf-8?Q?a?= \t =?utf-8?Q?b?=", "ab");
        check("=?utf-8?Q?a?= =?iso-8859-1?Q?=E9?=", "aé");
        check(" =?utf-8?Q?a?= b =?utf-8?Q?c?= ", " a b c ");
        check("=?utf-8?Q?a?= =?utf-8?X?b?=", "a =?utf-8?X?b?=");
    }

    #[test]
    fn a_character_may_be_split_over_words_of_one_charset() {
        check("=?utf-8?B?w?= x", "=?utf-8?B?w?= x");
        check("=?utf-8?Q?caf=C3?= =?UTF-8?Q?=A9?=", "café");
        check("=?utf-8?B?4oI=?= =?utf-8?Q?=AC?=", "€");
        check("=?iso-2022-jp?B?GyRCRnw=?= =?iso-2022-jp?B?S1wbKEI=?=", "日本");
    }

    #[test]
    fn base64_needs_no_padding() {
        check("=?utf-8?B?QUJDREU?=", "ABCDE");
        check("=?utf-8?B?QUJDREU=?=", "ABCDE");
    }

    #[test]
    fn what_is_malformed_stays_as_it_is() {
        for text in [
            "=?",
            "=?=",
            "=??=",
            "=?utf-8?=",
            "=?utf-8?Q?=",
            "=?utf-8?Q?a",
            "=?utf-8?Q?a?",
            "=?utf-8?Q?a?b?=",
            "=?utf-8?Q?=4?=",
            "=?utf-8?Q?=GG?=",
            "=?utf-8?B?!!?=",
            "=?klingon?Q?a?=",
            "=??Q?a?=",
            "=?utf-8?Q?\u{e9}?=",
            "a =? b",
            "=?*nl?Q?a?=",
        ] {
            check(text, text);
        }
        check("=?=?utf-8?Q?a?=", "=?a");
        check(&format!("=?{}?Q?a?=", "x".repeat(1000)), &format!("=?{}?Q?a?=", "x".repeat(1000)));
    }

    #[test]
    fn a_megabyte_of_openings_takes_no_quadratic_time() {
        for opening in ["=?", "=?a", "=?utf-8?", "=?utf-8?q", "=?utf-8?q?"] {
            let hostile = opening.repeat(1024 * 1024 / opening.len());
            check(&hostile, &hostile);
        }
    }

    #[test]
    fn no_octets_make_a_decoder_fall_over() {
        for charset in [
            "utf-7",
            "utf-16",
            "utf-16be",
            "iso-2022-jp",
            "gb18030",
            "big5",
            "hz-gb-2312",
            "euc-jp",
            "cp850",
        ] {
            for octets in 0..=u16::MAX {
                let [a, b] = octets.to_be_bytes();
                let text = decode_words(&format!("=?{charset}?Q?={a:02X}={b:02X}?="));
                assert!(!text.contains("?Q?="), "{charset} {octets:04X}");
            }
        }
    }
}
