//! Files made to break or to exhaust whoever reads them.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::samples::{self, A};
use super::{Limit, Limits, Unreadable, all, check, found, read};
use crate::label::document::scan::Scan;
use crate::label::document::sniff::HEAD;

/// Places in each sample that are tried: what fits in a second.
const PLACES: usize = 300;

/// Nothing panics, nothing runs away, and no label appears that was not there.
#[test]
fn no_changed_octet_and_no_cut_makes_a_reader_fail() {
    for (name, octets) in all() {
        let step = octets.len().div_ceil(PLACES);
        let mut changed = octets.clone();
        for at in (0..octets.len()).step_by(step) {
            found(&octets[..at]);
            for mask in [0x01, 0xFF] {
                changed[at] ^= mask;
                let findings = found(&changed);
                assert!(findings.labels.len() <= 2, "{name}: labels out of nothing at {at}");
                changed[at] ^= mask;
            }
        }
    }
}

/// An archive whose entry `name` starts with `head`, inflates to 512 MiB, and says that it has `size` octets.
fn bomb(name: &str, head: &[u8], size: u32) -> Vec<u8> {
    // Flushed, the blocks of 1 MiB are the same octets each time; an empty last block ends them.
    let flushed = |octets: &[u8]| {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(octets).unwrap();
        encoder.flush().unwrap();
        encoder.get_ref().clone()
    };
    let deflated = [flushed(head), flushed(&vec![0; 1024 * 1024]).repeat(512), vec![3, 0]].concat();
    let mut zip = samples::zip_by_hand(&[(name, &deflated)], 0);
    let central = zip.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    for (method, place) in [(8, 22), (central + 10, central + 24)] {
        zip[method] = 8;
        zip[place..place + 4].copy_from_slice(&size.to_le_bytes());
    }
    zip
}

#[test]
fn a_bomb_ends_at_the_limit_whatever_size_it_says_it_has() {
    let limits = Limits::default();
    let over = |limit| vec![Unreadable::Over(limit)];
    for (name, head, max, reasons) in [
        ("docProps/custom.xml", &b"<x>"[..], limits.part_max, over(Limit::Part)),
        ("x.docx", b"PK\x03\x04", limits.held_max, over(Limit::Held)),
        ("x.pdf", b"%PDF-1.7", limits.held_max, over(Limit::Held)),
        // Nothing that carries labels: its start is enough.
        ("x.bin", b"\0\0", HEAD as u64, vec![]),
    ] {
        for (size, reasons) in [
            (u32::MAX - 1, reasons.clone()),
            (512 << 20, reasons),
            (10, vec![Unreadable::Damaged("an archive entry")]),
        ] {
            let bomb = bomb(name, head, size);
            assert!(bomb.len() < 1024 * 1024, "no bomb");
            let mut scan = Scan::new(&limits);
            scan.look(&mut Cursor::new(&bomb));
            assert_eq!(scan.findings.unreadable, reasons, "{name}, {size}");
            assert!(scan.inflated <= max + 1, "{name}: {} octets inflated", scan.inflated);
        }
    }
}

/// Counts what is read.
struct Counted<'a>(Cursor<&'a [u8]>, usize);

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1 += count;
        Ok(count)
    }
}

impl Seek for Counted<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn entries_over_one_another_that_inflate_to_nothing_come_to_an_end() {
    // Stored blocks of no octets, which all entries share.
    let nothing = [0, 0, 0, 0xFF, 0xFF].repeat(20_000);
    let mut zip = samples::zip_by_hand(&[("x", &nothing)], 0);
    let central = zip.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    let end = zip.windows(4).rposition(|window| window == b"PK\x05\x06").unwrap();
    zip[8] = 8;
    zip[central + 10] = 8;
    let record = zip[central..end].to_vec();
    let count: u16 = 5000;
    zip.splice(central..end, record.repeat(usize::from(count)));
    let end = zip.len() - 22;
    zip[end + 8..end + 10].copy_from_slice(&count.to_le_bytes());
    zip[end + 10..end + 12].copy_from_slice(&count.to_le_bytes());
    let len = u32::try_from(end - central).unwrap().to_le_bytes();
    zip[end + 12..end + 16].copy_from_slice(&len);
    let mut content = Counted(Cursor::new(&zip), 0);
    assert!(!read(&mut content, &Limits::default()).unreadable.is_empty());
    assert!(content.1 < 32 * 1024 * 1024, "{} octets read of {}", content.1, zip.len());
}

#[test]
fn limits_hold_over_everything_inside_together() {
    let limits =
        Limits { inflated_max: 20_000, entries_max: 50, part_max: 1000, ..Limits::default() };
    let with = |octets: &[u8]| read(&mut Cursor::new(octets), &limits).unreadable;
    let inner = samples::zip(&[("x.html", format!("<p>{}", "x".repeat(9000)).as_bytes())]);
    let names: Vec<String> = (0..60).map(|index| format!("{index}.txt")).collect();
    let few: Vec<(&str, &[u8])> =
        names.iter().take(5).map(|name| (name.as_str(), &inner[..])).collect();
    assert_eq!(with(&samples::zip(&few)), [Unreadable::Over(Limit::Inflated)]);
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    assert_eq!(with(&samples::zip(&many)), [Unreadable::Over(Limit::Entries)]);
    let long = samples::custom(&[("x", &"y".repeat(2000))]);
    assert_eq!(with(&samples::docx(Some(&long), None)), [Unreadable::Over(Limit::Part)]);
}

#[test]
fn a_pdf_that_refers_to_itself_comes_to_an_end() {
    let loops = samples::Pdf::new()
        .object(1, "<</Metadata 1 0 R /Names 1 0 R /EmbeddedFiles 1 0 R /Kids[1 0 R 1 0 R]>>")
        .object(2, "2 0 R")
        .save("/Root 1 0 R /Info 2 0 R");
    assert!(!found(&loops.octets).unreadable.is_empty());
    let prev = samples::Pdf::new().object(1, "<<>>").save("/Root 1 0 R /Prev 27");
    found(&prev.octets);
    let deep = "[".repeat(200_000);
    assert!(
        !found(samples::Pdf::new().object(1, &deep).save("/Root 1 0 R").octets.as_slice())
            .unreadable
            .is_empty()
    );
}

#[test]
fn storages_too_deep_in_one_another_are_over_the_limit() {
    let path = format!("/{}", "a".repeat(30)).repeat(80);
    let file = samples::compound(&[(&format!("{path}/Package"), b"x")]);
    check(&file, &[], &[Unreadable::Over(Limit::Depth)]);
}

#[test]
fn a_damaged_part_does_not_hide_the_others() {
    let custom = samples::custom_label(A);
    let mut zip = samples::zip_by_hand(
        &[("docProps/custom.xml", custom.as_bytes()), ("x.docx", b"PK\x03\x04 broken")],
        0,
    );
    check(&zip, &[&super::at_site(A)], &[Unreadable::Damaged("an archive")]);
    // An entry whose checksum is wrong.
    let at = zip.windows(6).position(|window| window == b"broken").unwrap();
    zip[at] = b'B';
    check(&zip, &[&super::at_site(A)], &[Unreadable::Damaged("an archive entry")]);
}
