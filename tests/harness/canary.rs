//! Words that must not be found where they must not stand, in any of the disguises that mail puts on.

use std::fs;
use std::path::{Path, PathBuf};

use crate::mailbox::Arrival;

/// Looks through every file below `directory` but those that `except` names; what it finds, as `file: word`.
pub fn sweep(directory: &Path, words: &[&str], except: impl Fn(&Path) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for file in files(directory) {
        let octets = fs::read(&file).unwrap_or_default();
        if !except(&file) {
            found.extend(
                words
                    .iter()
                    .filter(|word| holds(&octets, word))
                    .map(|word| format!("{}: {word}", file.display())),
            );
        }
    }
    found
}

/// Which of the words a message holds, in its octets or in its decoded text.
pub fn in_mail(mail: &Arrival, words: &[&str]) -> Vec<String> {
    let text = mail.text();
    let stands = |word: &&&str| holds(&mail.message, word) || holds(text.as_bytes(), word);
    words.iter().filter(stands).map(|word| (*word).to_owned()).collect()
}

/// Whether the octets hold the word as it is, in another case, in UTF-16, or in base64 at any of its three offsets.
pub fn holds(octets: &[u8], word: &str) -> bool {
    let lower = octets.to_ascii_lowercase();
    let utf16: Vec<u8> =
        word.to_ascii_lowercase().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let contains = |hay: &[u8], needle: &[u8]| {
        !needle.is_empty() && hay.windows(needle.len()).any(|at| at == needle)
    };
    contains(&lower, word.to_ascii_lowercase().as_bytes())
        || contains(&lower, &utf16)
        || disguises(word).iter().any(|disguise| contains(octets, disguise.as_bytes()))
}

/// The part of a word's base64 that does not depend on what stands around it.
fn disguises(word: &str) -> Vec<String> {
    let whole = |skip: usize| {
        // A lead of zero octets moves the word; the groups of four that it shares with its neighbours are cut off.
        let mut octets = vec![0; skip];
        octets.extend_from_slice(word.as_bytes());
        octets.truncate(octets.len() / 3 * 3);
        let start = if skip == 0 { 0 } else { 4 };
        base64(&octets).split_off(start)
    };
    (0..3).map(whole).filter(|text| text.len() >= 4).collect()
}

fn base64(octets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let number = three.iter().fold(0_usize, |number, octet| number << 8 | usize::from(*octet));
        [18, 12, 6, 0]
            .map(|shift| DIGITS.get(number >> shift & 63).copied().map_or('?', char::from))
    };
    octets.chunks_exact(3).flat_map(group).collect()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.filter_map(Result::ok) {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&entry.path())),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            Ok(_) | Err(_) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_in_every_disguise() {
        let word = "kanarie-geel";
        // "kanarie-geel" behind none, one and two octets.
        for text in [
            "xx Kanarie-Geel",
            "a2FuYXJpZS1nZWVs",
            "eGthbmFyaWUtZ2VlbA==",
            "eHhrYW5hcmllLWdlZWw=",
            "k\0a\0n\0a\0r\0i\0e\0-\0g\0e\0e\0l\0",
        ] {
            assert!(holds(text.as_bytes(), word), "{text}");
        }
        assert!(!holds(b"kanarie geel", word));
    }
}
