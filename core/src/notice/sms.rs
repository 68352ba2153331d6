//! The text message with a code. It stays within the GSM 7-bit alphabet (3GPP TS 23.038), because one character beyond it
//! would make every character take two octets, and the message two or three.

use unicode_normalization::UnicodeNormalization;

use super::Language;
use crate::secret::Secret;

/// Everything that a text message with a code says.
#[derive(Clone, Debug)]
pub struct TextMessage<'a> {
    pub language: Language,
    pub organisation: &'a str,
    /// The portal's host, with or without a port.
    pub host: &'a str,
    pub code: &'a Secret,
}

/// Characters of the organisation's name: with a host of 29 the whole is one message in every language.
const NAME_MAX: usize = 30;

/// The basic character set but for its control characters and Greek capitals, which no name of ours needs.
const BASIC: &str = "\n @£$¥èéùìòÇØøÅå_ÆæßÉ!\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§\
                     ¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// Characters that take two septets.
const EXTENDED: &str = "^{}\\[~]|€";

/// The text message. Its last line binds the code to the portal: telephones offer the code on that site and on no other
/// (origin-bound one-time codes). There is no link in it.
pub fn text_message(text: &TextMessage<'_>) -> Secret {
    let host = text.host.split(':').next().unwrap_or(text.host);
    let name = transliterated(text.organisation);
    let name = if name.is_empty() { host } else { &name };
    let code = text.code.reveal();
    Secret::new(format!("{}\n\n@{host} #{code}", text.language.code_by_text(code, name)))
}

/// Septets that a text takes; `None` when it does not fit the alphabet. 160 are one message.
pub fn septets(text: &str) -> Option<usize> {
    text.chars()
        .map(|c| match c {
            c if BASIC.contains(c) => Some(1),
            c if EXTENDED.contains(c) => Some(2),
            _ => None,
        })
        .sum()
}

/// A name in the basic character set, cut to what there is room for. What has no likeness there is left out.
fn transliterated(name: &str) -> String {
    let plain: String = name.nfc().flat_map(alike).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let cut: String = words.join(" ").chars().take(NAME_MAX).collect();
    cut.trim_end().to_owned()
}

/// What stands for a character in the basic set: itself, a familiar spelling, or its letter without the marks.
fn alike(c: char) -> Vec<char> {
    if c != '\n' && BASIC.contains(c) {
        return vec![c];
    }
    let spelling = match c {
        '’' | '‘' | '`' | '´' => "'",
        '“' | '”' | '„' | '«' | '»' => "\"",
        '–' | '—' | '‐' | '‑' => "-",
        '[' | '{' => "(",
        ']' | '}' => ")",
        'œ' => "oe",
        'Œ' => "OE",
        'ł' => "l",
        'Ł' => "L",
        'đ' | 'ð' => "d",
        'Đ' | 'Ð' => "D",
        'þ' => "th",
        'Þ' => "Th",
        'ı' => "i",
        '€' => "EUR",
        c if c.is_whitespace() => " ",
        _ => "",
    };
    if !spelling.is_empty() {
        return spelling.chars().collect();
    }
    std::iter::once(c).nfkd().filter(|c| *c != '\n' && BASIC.contains(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "bericht.gemeente-voorbeeld.nl";

    fn write(language: Language, organisation: &str, host: &str) -> String {
        let code = Secret::new("012345");
        let text = TextMessage { language, organisation, host, code: &code };
        text_message(&text).reveal().to_owned()
    }

    #[track_caller]
    fn check_name(name: &str, expected: &str) {
        let text = write(Language::En, name, HOST);
        let says = format!(
            "012345 is your code for the secure message from {expected}. Do not share this code."
        );
        assert_eq!(text, format!("{says}\n\n@{HOST} #012345"), "{name:?}");
    }

    #[test]
    fn a_name_is_written_as_near_as_the_alphabet_has_it() {
        check_name("Gemeente Voorbeeld", "Gemeente Voorbeeld");
        check_name("Fryslân  [Súdwest]\n", "Fryslan (Sudwest)");
        check_name("Façade – «Œuvre» Łódź", "Facade - \"OEuvre\" Lodz");
        check_name("Zürich Straße Åbo É", "Zürich Straße Åbo É");
        check_name("Ministerie van Binnenlandse Zaken", "Ministerie van Binnenlandse Za");
        check_name("Κέντρο", HOST);
        check_name("\u{202E}", HOST);
    }

    #[test]
    fn one_message_is_enough_in_every_language() {
        for language in Language::ALL {
            let text = write(language, &"W".repeat(60), HOST);
            let length = septets(&text).unwrap();
            assert!(length <= 160, "{length}: {text}");
            assert!(!text.contains("http"), "{text}");
        }
    }

    #[test]
    fn the_last_line_names_the_host_without_its_port() {
        let text = write(Language::Nl, "X", "bericht.example:8443");
        assert!(text.ends_with("\n\n@bericht.example #012345"), "{text}");
    }

    #[test]
    fn no_name_leaves_the_alphabet() {
        for c in '\0'..='\u{2FFFF}' {
            let name = transliterated(&format!("x{c}"));
            assert!(septets(&name).is_some_and(|length| length <= NAME_MAX), "{c:?}: {name:?}");
        }
    }

    #[test]
    fn septets_are_counted_as_the_network_does() {
        for (text, expected) in [
            ("", Some(0)),
            ("a@_", Some(3)),
            ("€[", Some(4)),
            ("ç", None),
            ("ê", None),
            ("\t", None),
        ] {
            assert_eq!(septets(text), expected, "{text:?}");
        }
    }
}
