//! The filters that cross-references and metadata have (ISO 32000-1, section 7.4): deflate, and PNG's predictors.

use std::io::Read;

use flate2::read::ZlibDecoder;

use super::object::Object;
use super::{Outcome, PDF, Trouble};
use crate::label::document::scan::Scan;
use crate::label::document::{Limit, Unreadable};

/// What a stream with this dictionary stands for.
pub(super) fn decoded(
    scan: &mut Scan<'_>,
    dictionary: &Object,
    octets: &mut dyn Read,
    max: (u64, Limit),
) -> Outcome<Vec<u8>> {
    let one = |key: &[u8]| match dictionary.get(key) {
        Some(Object::Array(items)) if items.len() == 1 => items.first().cloned(),
        Some(Object::Array(items)) if items.is_empty() => None,
        other => other.cloned(),
    };
    let plain = match one(b"Filter") {
        None | Some(Object::Null) => return Ok(scan.take(octets, max, PDF)?),
        Some(Object::Name(name)) if matches!(name.as_slice(), b"FlateDecode" | b"Fl") => {
            scan.take(&mut ZlibDecoder::new(octets), max, PDF)?
        }
        Some(_) => return Err(Unreadable::Unsupported("a stream of a PDF").into()),
    };
    let Some(parameters) = one(b"DecodeParms") else { return Ok(plain) };
    let parameter =
        |key: &[u8], default: i64| parameters.get(key).and_then(Object::integer).unwrap_or(default);
    match parameter(b"Predictor", 1) {
        1 => Ok(plain),
        10..=15 if parameter(b"BitsPerComponent", 8) == 8 => {
            let columns = parameter(b"Columns", 1).saturating_mul(parameter(b"Colors", 1));
            let columns =
                usize::try_from(columns).ok().filter(|columns| (1..=4096).contains(columns));
            Ok(unpredicted(&plain, columns.ok_or(Trouble::Broken)?))
        }
        _ => Err(Unreadable::Unsupported("a stream of a PDF").into()),
    }
}

/// Undoes PNG's filters, on rows of octets (W3C PNG, section 9), whose pixels have one octet each.
fn unpredicted(octets: &[u8], columns: usize) -> Vec<u8> {
    let mut plain: Vec<u8> = Vec::with_capacity(octets.len());
    let mut above = vec![0u8; columns];
    for row in octets.chunks(columns + 1) {
        let Some((filter, row)) = row.split_first() else { break };
        let mut left = 0u8;
        let mut corner = 0u8;
        for (octet, up) in row.iter().zip(above.iter_mut()) {
            let guess = match filter {
                1 => left,
                2 => *up,
                3 => left.midpoint(*up),
                4 => paeth(left, *up, corner),
                _ => 0,
            };
            corner = *up;
            left = octet.wrapping_add(guess);
            *up = left;
            plain.push(left);
        }
    }
    plain
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let estimate = i16::from(left) + i16::from(up) - i16::from(corner);
    let distance = |octet: u8| (estimate - i16::from(octet)).abs();
    if distance(left) <= distance(up) && distance(left) <= distance(corner) {
        left
    } else if distance(up) <= distance(corner) {
        up
    } else {
        corner
    }
}
