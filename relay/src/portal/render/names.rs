//! Names and types of attachments, as they are offered for download.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use unicode_normalization::UnicodeNormalization;
use zegel_core::mime::Part;

use super::Attachment;

/// Octets of a file name; file systems take 255, and Windows counts the whole path.
const NAME_MAX: usize = 150;
/// Octets of what stands behind the last dot, the dot included.
const EXTENSION_MAX: usize = 16;

const OCTET_STREAM: &str = "application/octet-stream";

/// Types that are called by their name when the content starts as it should; all others are octets.
const TYPES: [(&str, &str, &[u8]); 14] = [
    ("pdf", "application/pdf", b"%PDF-"),
    ("png", "image/png", b"\x89PNG\r\n\x1a\n"),
    ("jpg", "image/jpeg", b"\xff\xd8\xff"),
    ("jpeg", "image/jpeg", b"\xff\xd8\xff"),
    ("gif", "image/gif", b"GIF8"),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        b"PK\x03\x04",
    ),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK\x03\x04"),
    (
        "pptx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        b"PK\x03\x04",
    ),
    ("odt", "application/vnd.oasis.opendocument.text", b"PK\x03\x04"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet", b"PK\x03\x04"),
    ("odp", "application/vnd.oasis.opendocument.presentation", b"PK\x03\x04"),
    ("zip", "application/zip", b"PK\x03\x04"),
    ("txt", "text/plain", b""),
    ("csv", "text/csv", b""),
];

/// Opening one of these runs a program, or can.
const EXECUTABLE: [&str; 40] = [
    "apk",
    "app",
    "appref-ms",
    "bat",
    "chm",
    "cmd",
    "com",
    "cpl",
    "dll",
    "dmg",
    "exe",
    "hta",
    "htm",
    "html",
    "img",
    "inf",
    "iso",
    "jar",
    "js",
    "jse",
    "lnk",
    "msc",
    "msi",
    "msix",
    "ps1",
    "pif",
    "reg",
    "scf",
    "scr",
    "sh",
    "svg",
    "url",
    "vb",
    "vbe",
    "vbs",
    "vhd",
    "wsf",
    "wsh",
    "xll",
    "xlsm",
];

/// Names that Windows keeps for devices.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "com1", "lpt1"];

/// The names that are taken in one message.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    pub(super) fn attachment(
        &mut self,
        index: usize,
        part: &Part,
        start: &[u8],
        size: u64,
    ) -> Attachment {
        let wanted = part.file_name.as_deref().map(safe).filter(|name| !name.is_empty());
        let name = self.unique(&wanted.unwrap_or_else(|| unnamed(index, &part.media_type)));
        let extension = extension(&name).to_lowercase();
        Attachment {
            index,
            media_type: media_type(&extension, start),
            executable: EXECUTABLE.contains(&extension.as_str()),
            name,
            size,
        }
    }

    /// `name`, or `name (2)` and so on when it is taken.
    fn unique(&mut self, name: &str) -> String {
        let (stem, dot_extension) = split(name);
        let numbered = (2..).map(|n| format!("{stem} ({n}){dot_extension}"));
        let free = std::iter::once(name.to_owned())
            .chain(numbered)
            .find(|name| !self.0.contains(&name.to_lowercase()));
        let free = free.unwrap_or_else(|| name.to_owned());
        self.0.insert(free.to_lowercase());
        free
    }
}

/// A file name without a path, without what file systems or readers stumble over, and not too long.
fn safe(name: &str) -> String {
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = base.nfc().filter(|c| !is_unfit(*c)).collect();
    let kept = kept.trim_matches(|c: char| c == '.' || c.is_whitespace());
    let (stem, dot_extension) = split(kept);
    let stem = if DEVICES.contains(&stem.to_lowercase().as_str()) {
        format!("_{stem}")
    } else {
        stem.to_owned()
    };
    let room = NAME_MAX.saturating_sub(dot_extension.len());
    let cut = stem.get(..stem.floor_char_boundary(room)).unwrap_or_default();
    format!("{}{dot_extension}", cut.trim_end())
}

/// Controls, bidirectional overrides, and what file systems forbid.
fn is_unfit(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | ':' | '*' | '?' | '"' | '<' | '>' | '|'
        )
}

/// The name up to its extension, and the extension with its dot.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(at) if at > 0 && name.len() - at <= EXTENSION_MAX => name.split_at(at),
        _ => (name, ""),
    }
}

fn extension(name: &str) -> &str {
    split(name).1.trim_start_matches('.')
}

fn unnamed(index: usize, media_type: &str) -> String {
    let extension = match media_type {
        "message/rfc822" => "eml",
        "text/html" => "html",
        "text/plain" => "txt",
        "text/calendar" => "ics",
        other => TYPES
            .iter()
            .find(|(_, media_type, _)| *media_type == other)
            .map_or("bin", |(extension, ..)| extension),
    };
    format!("part-{}.{extension}", index + 1)
}

fn media_type(extension: &str, start: &[u8]) -> &'static str {
    let known =
        TYPES.iter().find(|(known, _, magic)| *known == extension && start.starts_with(magic));
    known.map_or(OCTET_STREAM, |(_, media_type, _)| media_type)
}

/// An image for the inside of the text, when it is one of the kinds that every browser shows and no other.
pub(super) fn image_data_url(octets: &[u8]) -> Option<String> {
    let media_type = image_type(octets)?;
    Some(format!("data:{media_type};base64,{}", STANDARD.encode(octets)))
}

/// The type of an image by its first octets.
pub(super) fn image_type(octets: &[u8]) -> Option<&'static str> {
    if octets.starts_with(b"RIFF") && octets.get(8..12) == Some(b"WEBP") {
        return Some("image/webp");
    }
    let known = TYPES
        .iter()
        .find(|(_, kind, magic)| kind.starts_with("image/") && octets.starts_with(magic));
    known.map(|(_, media_type, _)| *media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, made: &str) {
        assert_eq!(safe(name), made, "{name:?}");
    }

    #[test]
    fn names_lose_paths_and_tricks() {
        check("../../etc/passwd", "passwd");
        check("C:\\temp\\a.pdf", "a.pdf");
        check("invoice\u{202e}fdp.exe", "invoicefdp.exe");
        check("  ..hidden.txt. ", "hidden.txt");
        check("con.txt", "_con.txt");
        check("a\r\nb\0.pdf", "ab.pdf");
        check(&format!("{}.docx", "\u{e9}".repeat(200)), &format!("{}.docx", "\u{e9}".repeat(72)));
    }

    #[test]
    fn equal_names_are_numbered() {
        let mut names = Names::default();
        let made = [names.unique("a.pdf"), names.unique("A.pdf"), names.unique("a.pdf")];
        assert_eq!(made, ["a.pdf", "A (2).pdf", "a (3).pdf"]);
    }

    #[test]
    fn the_type_needs_both_name_and_content() {
        assert_eq!(media_type("pdf", b"%PDF-1.7"), "application/pdf");
        assert_eq!(media_type("pdf", b"<html>"), OCTET_STREAM);
        assert_eq!(media_type("html", b"<html>"), OCTET_STREAM);
    }
}
