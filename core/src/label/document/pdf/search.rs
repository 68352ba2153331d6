//! A PDF whose cross-references are broken, searched as octets: label keys in clear, and in the streams that may hold them.

use flate2::read::ZlibDecoder;

use super::object::Parser;
use crate::label::document::markup::Marks;
use crate::label::document::scan::{Content, Scan, window};
use crate::label::document::sniff::find;
use crate::label::document::{Limit, Unreadable};

const KEY: &[u8] = b"/MSIP_Label_";

/// Octets in which a key and its value stand.
const PAIR: usize = 1024;

/// Octets of a stream's dictionary in front of it.
const DICTIONARY: usize = 1024;

pub(super) fn look(
    scan: &mut Scan<'_>,
    content: &mut dyn Content,
    marks: &mut Marks,
) -> Result<(), Unreadable> {
    let octets = window(content, 0, scan.limits.held_max + 1)
        .map_err(|_| Unreadable::Damaged(super::PDF))?;
    if octets.len() as u64 > scan.limits.held_max {
        return Err(Unreadable::Over(Limit::Held));
    }
    keys(&octets, marks);
    let mut at = 0;
    while let Some(next) = octets.get(at..).and_then(|rest| find(rest, b"stream")) {
        let start = at + next + b"stream".len();
        let before = octets
            .get((at + next).saturating_sub(DICTIONARY).max(at)..at + next)
            .unwrap_or_default();
        at = start;
        if before.ends_with(b"end") {
            continue;
        }
        scan.entry()?;
        stream(scan, before, octets.get(start..).unwrap_or_default(), marks)?;
    }
    Ok(())
}

/// Looks into a stream, if its dictionary says that it may hold labels.
fn stream(
    scan: &mut Scan<'_>,
    dictionary: &[u8],
    octets: &[u8],
    marks: &mut Marks,
) -> Result<(), Unreadable> {
    let says = |name: &[u8]| find(dictionary, name).is_some();
    if !says(b"/ObjStm") && !says(b"/Metadata") {
        return Ok(());
    }
    let octets = octets.trim_ascii_start();
    let mut plain = Vec::new();
    if says(b"/FlateDecode") {
        // What comes before the damage counts.
        match scan.take(&mut ZlibDecoder::new(octets), scan.held(), super::PDF) {
            Ok(octets) => plain = octets,
            Err(Unreadable::Damaged(_)) => {}
            Err(reason) => return Err(reason),
        }
    } else {
        let end = find(octets, b"endstream").unwrap_or(octets.len());
        plain.extend_from_slice(octets.get(..end).unwrap_or_default());
        scan.count(plain.len())?;
    }
    if says(b"/Metadata") {
        // The file is said to be damaged anyway.
        marks.gather_octets(&plain).ok();
    }
    keys(&plain, marks);
    Ok(())
}

/// Label keys and what stands behind them.
fn keys(octets: &[u8], marks: &mut Marks) {
    let mut at = 0;
    while let Some(next) =
        octets.get(at..).and_then(|rest| find(rest, KEY)).filter(|_| !marks.is_full())
    {
        let rest = octets.get(at + next..).unwrap_or_default();
        let mut parser = Parser::new(rest.get(..PAIR).unwrap_or(rest));
        let key = parser.object().and_then(|key| key.text()).unwrap_or_default();
        let value = parser.object().and_then(|value| value.text()).unwrap_or_default();
        marks.property(key, value);
        at += next + KEY.len();
    }
}
