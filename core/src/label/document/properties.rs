//! Property sets ([MS-OLEPS]): the custom properties of Office before 2007 stand in the second section of a stream.

use encoding_rs::Encoding;

use super::markup::Marks;

/// The set of properties that users define: D5CDD505-2E9C-101B-9397-08002B2CF9AE.
const USER_DEFINED: [u8; 16] = [
    0x05, 0xD5, 0xCD, 0xD5, 0x9C, 0x2E, 0x1B, 0x10, 0x93, 0x97, 0x08, 0x00, 0x2B, 0x2C, 0xF9, 0xAE,
];

/// Property sets in one stream ([MS-OLEPS], section 2.21).
const SETS_MAX: usize = 2;

/// Properties in one set; Office writes some hundreds at most.
const PROPERTIES_MAX: usize = 4096;

/// Names of properties are at most this long ([MS-OLEPS], section 2.16).
const NAME_MAX: usize = 1024;

/// Octets in UTF-8 that one octet in any of the encodings may become.
const EXPANSION_MAX: usize = 3;

const DICTIONARY: u32 = 0;
const CODEPAGE: u32 = 1;
const UTF_16: u16 = 1200;

/// A section of the stream, from its own start on, with how it writes text.
struct Section<'a> {
    octets: &'a [u8],
    codepage: u16,
}

/// Adds the custom properties in the stream; `None` when it is damaged.
pub(super) fn read(stream: &[u8], found: &mut Marks) -> Option<()> {
    if u16_at(stream, 0)? != 0xFFFE {
        return None;
    }
    let sets = usize::try_from(u32_at(stream, 24)?).ok()?.min(SETS_MAX);
    for set in 0..sets {
        let at = 28 + set * 20;
        if stream.get(at..at + 16)? == USER_DEFINED {
            let octets = stream.get(offset(stream, at + 16)?..)?;
            Section::of(octets)?.read(stream.len(), found)?;
        }
    }
    Some(())
}

impl<'a> Section<'a> {
    fn of(octets: &'a [u8]) -> Option<Self> {
        let mut section = Self { octets, codepage: UTF_16 };
        // VT_I2; a set without a code page is in the system's, and Western is the likeliest.
        section.codepage = match section.ids()?.find(|(id, _)| *id == CODEPAGE) {
            Some((_, at)) => u16_at(octets, at + 4)?,
            None => 1252,
        };
        Some(section)
    }

    /// Property numbers and where they stand.
    fn ids(&self) -> Option<impl Iterator<Item = (u32, usize)> + use<'a>> {
        let octets = self.octets;
        let count = usize::try_from(u32_at(octets, 4)?).ok()?;
        if count > PROPERTIES_MAX {
            return None;
        }
        Some((0..count).map_while(move |index| {
            let at = 8 + index * 8;
            Some((u32_at(octets, at)?, offset(octets, at + 4)?))
        }))
    }

    /// Adds the properties, whose values may have `left` octets together: they do not lie over one another.
    fn read(&self, mut left: usize, found: &mut Marks) -> Option<()> {
        let Some((_, at)) = self.ids()?.find(|(id, _)| *id == DICTIONARY) else { return Some(()) };
        let names = self.dictionary(at)?;
        for (id, name) in names {
            if let Some((_, at)) = self.ids()?.find(|(other, _)| *other == id)
                && let Some(value) = self.value(at)
            {
                left = left.checked_sub(value.len() / EXPANSION_MAX)?;
                found.property(name, value);
            }
        }
        Some(())
    }

    /// Names by property number. Names in UTF-16 are counted in characters and padded to four octets, others in octets.
    fn dictionary(&self, at: usize) -> Option<Vec<(u32, String)>> {
        let count = usize::try_from(u32_at(self.octets, at)?).ok()?;
        if count > PROPERTIES_MAX {
            return None;
        }
        let mut at = at + 4;
        let mut names = Vec::new();
        for _ in 0..count {
            let id = u32_at(self.octets, at)?;
            let mut len = offset(self.octets, at + 4).filter(|len| *len <= NAME_MAX)?;
            at += 8;
            if self.codepage == UTF_16 {
                len *= 2;
            }
            names.push((id, self.text(self.octets.get(at..at + len)?)));
            at += if self.codepage == UTF_16 { len.next_multiple_of(4) } else { len };
        }
        Some(names)
    }

    /// The value there, as text, if it is of a kind that labels have.
    fn value(&self, at: usize) -> Option<String> {
        let octets = self.octets;
        let len = || offset(octets, at + 4);
        Some(match u16_at(octets, at)? {
            0x1E => self.text(octets.get(at + 8..)?.get(..len()?)?),
            0x1F => utf_16(octets.get(at + 8..)?.get(..len()?.checked_mul(2)?)?),
            0x0B => (u16_at(octets, at + 4)? != 0).to_string(),
            0x03 => u32_at(octets, at + 4)?.cast_signed().to_string(),
            _ => return None,
        })
    }

    fn text(&self, octets: &[u8]) -> String {
        if self.codepage == UTF_16 {
            return utf_16(octets);
        }
        until_nul(&encoding(self.codepage).decode_without_bom_handling(octets).0)
    }
}

/// The encoding of a code page; Western where there is no such.
pub(super) fn encoding(codepage: u16) -> &'static Encoding {
    let label = match codepage {
        65001 => "utf-8".to_owned(),
        874 => "windows-874".to_owned(),
        932 => "shift_jis".to_owned(),
        936 => "gbk".to_owned(),
        949 => "euc-kr".to_owned(),
        950 => "big5".to_owned(),
        10000 => "macintosh".to_owned(),
        other => format!("windows-{other}"),
    };
    Encoding::for_label(label.as_bytes()).unwrap_or(encoding_rs::WINDOWS_1252)
}

pub(super) fn utf_16(octets: &[u8]) -> String {
    until_nul(&encoding_rs::UTF_16LE.decode_without_bom_handling(octets).0)
}

fn until_nul(text: &str) -> String {
    text.split('\0').next().unwrap_or_default().to_owned()
}

fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
}

fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

/// A length or a place. Both are below the 4 GiB that fit the field, so sums of some of them cannot overflow.
fn offset(octets: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32_at(octets, at)?).ok()
}
