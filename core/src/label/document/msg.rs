//! Outlook messages ([MS-OXMSG]): a compound file with one stream per property. Messages inside stand in the same file, so
//! that one pass over its streams sees them all.

use super::compound::{Compound, Entry};
use super::scan::Scan;
use super::{Limit, Unreadable, mail, properties};
use crate::label::attributes::Gathered;
use crate::label::header;

/// Where names get numbers ([MS-OXMSG], section 2.2.3): entries of eight octets, and the names that they point to.
const NAME_ENTRIES: &str = "/__nameid_version1.0/__substg1.0_00030102";
const NAMES: &str = "/__nameid_version1.0/__substg1.0_00040102";

/// Octets of a name that can be one of labels.
const NAME_MAX: usize = 512;

/// Properties with labels that are looked at.
const TAGS_MAX: usize = 64;

/// `PidTagTransportMessageHeaders`.
const HEADERS: &str = "007D";

/// `PidTagAttachDataBinary`.
const ATTACHMENT: &str = "__substg1.0_37010102";

/// Property types of text: UTF-16, and the message's code page.
const UTF_16: &str = "001F";
const EIGHT_BIT: &str = "001E";

pub(super) fn look(scan: &mut Scan<'_>, compound: &mut Compound<'_>) -> Result<(), Unreadable> {
    let tags = label_tags(scan, compound)?;
    let mut found = Gathered::default();
    let outcome = std::mem::take(&mut compound.streams).into_iter().try_for_each(|entry| {
        let outcome = stream(scan, compound, &tags, entry, &mut found);
        scan.go_on(outcome)
    });
    scan.labels(found);
    outcome
}

fn stream(
    scan: &mut Scan<'_>,
    compound: &mut Compound<'_>,
    tags: &[(String, String)],
    Entry { path, name }: Entry,
    found: &mut Gathered,
) -> Result<(), Unreadable> {
    let tag = name.strip_prefix("__substg1.0_").unwrap_or_default();
    let Some((property, kind)) = tag.split_at_checked(4) else { return Ok(()) };
    if name == ATTACHMENT {
        let octets = compound.read(scan, path, scan.held())?;
        scan.nested(&octets);
        return Ok(());
    }
    let named = tags.iter().find(|(tag, _)| tag == property);
    if property == HEADERS || named.is_some() {
        let octets = compound.read(scan, path, scan.part())?;
        let text = match kind {
            UTF_16 => properties::utf_16(&octets),
            EIGHT_BIT => String::from_utf8_lossy(&octets).into_owned(),
            _ => return Ok(()),
        };
        match named {
            Some((_, field)) => header::note(found, field, text.as_bytes()),
            None => mail::note_head(found, text.as_bytes()),
        }
    }
    Ok(())
}

/// The property numbers that stand for header fields with labels, in the way that streams are named, and those fields.
fn label_tags(
    scan: &mut Scan<'_>,
    compound: &mut Compound<'_>,
) -> Result<Vec<(String, String)>, Unreadable> {
    let has = |path: &str| compound.streams.iter().any(|entry| entry.path.as_os_str() == path);
    if !has(NAME_ENTRIES) || !has(NAMES) {
        return Ok(Vec::new());
    }
    let max = (scan.limits.part_max, Limit::Part);
    let entries = compound.read(scan, NAME_ENTRIES.into(), max)?;
    let names = compound.read(scan, NAMES.into(), max)?;
    let (entries, _) = entries.as_chunks::<8>();
    let tags = entries.iter().filter_map(|[a, b, c, d, kind, _, low, high]| {
        let is_text = kind & 1 == 1;
        let at = usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).ok()?;
        let name = is_text.then(|| name_at(&names, at))??;
        let number = 0x8000 | u16::from_le_bytes([*low, *high]);
        header::says_labels(&name).then(|| (format!("{number:04X}"), name))
    });
    Ok(tags.take(TAGS_MAX).collect())
}

/// The name there: its length in octets, then UTF-16.
fn name_at(names: &[u8], at: usize) -> Option<String> {
    let len = u32::from_le_bytes(*names.get(at..)?.first_chunk()?);
    let len = usize::try_from(len).ok().filter(|len| *len <= NAME_MAX)?;
    let octets = names.get(at..)?.get(4..)?.get(..len)?;
    Some(properties::utf_16(octets))
}
