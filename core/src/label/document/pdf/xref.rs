//! Objects by their number: cross-reference tables and streams (ISO 32000-1, sections 7.5.4 and 7.5.8), the newest first.

use std::collections::BTreeMap;
use std::io::{Read, SeekFrom};

use super::object::{Object, Parser};
use super::{Outcome, Trouble, filter};
use crate::label::document::scan::{Content, Scan, window};
use crate::label::document::sniff::find;
use crate::label::document::{Limit, Unreadable};

/// Octets at the end among which `startxref` stands; Acrobat takes it in the last 1024.
const TAIL: u64 = 2048;

/// Octets in which an object without its stream stands, mostly; else so many as a part may have.
const CHUNK: u64 = 16 * 1024;

/// Sections of cross-references: one for each time that the file was saved on top of itself.
const SECTIONS_MAX: usize = 1000;

/// References to references; nobody writes more than one.
const HOPS_MAX: usize = 8;

/// Octets of an entry in a table.
const ENTRY: u64 = 20;

pub(super) struct File<'c> {
    content: &'c mut dyn Content,
    /// What stands in front of `%PDF-`: places count from there.
    junk: u64,
    len: u64,
    sections: Vec<Section>,
    /// Object streams, inflated.
    streams: BTreeMap<u32, ObjectStream>,
}

struct Section {
    trailer: Object,
    kind: Form,
}

/// How the section says where objects are.
enum Form {
    /// First number, count, and where the entries stand.
    Table(Vec<(u32, u32, u64)>),
    /// First number and count; the entries, and the widths of their three fields.
    Stream { ranges: Vec<(u32, u32)>, widths: [usize; 3], entries: Vec<u8> },
}

#[derive(Copy, Clone)]
enum Place {
    Free,
    At(u64),
    In(u32),
}

struct ObjectStream {
    octets: Vec<u8>,
    /// Number and place of each object.
    objects: Vec<(u32, usize)>,
}

impl<'c> File<'c> {
    pub(super) fn open(scan: &mut Scan<'_>, content: &'c mut dyn Content) -> Outcome<Self> {
        let broken = |_| Trouble::Broken;
        let len = content.seek(SeekFrom::End(0)).map_err(broken)?;
        let head = window(content, 0, 1024).map_err(broken)?;
        let junk = find(&head, b"%PDF-").ok_or(Trouble::Broken)? as u64;
        let tail = window(content, len.saturating_sub(TAIL), TAIL).map_err(broken)?;
        let at =
            tail.windows(9).rposition(|window| window == b"startxref").ok_or(Trouble::Broken)?;
        let mut parser = Parser::new(tail.get(at + 9..).unwrap_or_default());
        let first = parser.integer().ok_or(Trouble::Broken)?;
        let mut file = Self { content, junk, len, sections: Vec::new(), streams: BTreeMap::new() };
        file.read_sections(scan, first)?;
        Ok(file)
    }

    /// Follows the chain of sections back. A hybrid file's stream stands right behind its table.
    fn read_sections(&mut self, scan: &mut Scan<'_>, first: i64) -> Outcome<()> {
        let mut next = vec![first];
        let mut seen = Vec::new();
        while let Some(at) = next.pop() {
            if seen.contains(&at) {
                continue;
            }
            scan.entry()?;
            seen.push(at);
            if seen.len() > SECTIONS_MAX {
                return Err(Unreadable::Over(Limit::Entries).into());
            }
            let section = self.section(scan, u64::try_from(at).map_err(|_| Trouble::Broken)?)?;
            next.extend(section.trailer.get(b"Prev").and_then(Object::integer));
            next.extend(section.trailer.get(b"XRefStm").and_then(Object::integer));
            self.sections.push(section);
        }
        Ok(())
    }

    fn section(&mut self, scan: &mut Scan<'_>, at: u64) -> Outcome<Section> {
        let start = self.chunk(at, CHUNK)?;
        let mut parser = Parser::new(&start);
        parser.skip_space();
        if parser.eat(b"xref") {
            let behind = at + parser.at() as u64;
            return self.table(scan, behind);
        }
        let (trailer, entries) = self.stream_at(scan, at, None, scan.held())?;
        if trailer.get(b"Type").and_then(Object::name) != Some(b"XRef") {
            return Err(Trouble::Broken);
        }
        let number =
            |object: &Object| object.integer().and_then(|number| u32::try_from(number).ok());
        let widths: Vec<usize> = trailer
            .get(b"W")
            .map(Object::items)
            .unwrap_or_default()
            .iter()
            .filter_map(|width| number(width).and_then(|width| usize::try_from(width).ok()))
            .filter(|width| *width <= 8)
            .collect();
        let widths = <[usize; 3]>::try_from(widths).map_err(|_| Trouble::Broken)?;
        let size = trailer.get(b"Size").and_then(number).ok_or(Trouble::Broken)?;
        let index: Vec<u32> = match trailer.get(b"Index") {
            Some(index) => index.items().iter().filter_map(number).collect(),
            None => vec![0, size],
        };
        let (ranges, _) = index.as_chunks::<2>();
        for _ in ranges {
            scan.entry()?;
        }
        let ranges = ranges.iter().map(|[first, count]| (*first, *count)).collect();
        Ok(Section { trailer, kind: Form::Stream { ranges, widths, entries } })
    }

    /// A table: only where its subsections stand is noted.
    fn table(&mut self, scan: &mut Scan<'_>, mut at: u64) -> Outcome<Section> {
        let mut ranges = Vec::new();
        loop {
            let chunk = self.chunk(at, 64)?;
            let mut parser = Parser::new(&chunk);
            parser.skip_space();
            if parser.eat(b"trailer") {
                at += parser.at() as u64;
                break;
            }
            let number = |parser: &mut Parser<'_>| {
                parser
                    .integer()
                    .and_then(|number| u32::try_from(number).ok())
                    .ok_or(Trouble::Broken)
            };
            let first = number(&mut parser)?;
            let count = number(&mut parser)?;
            parser.skip_space();
            at += parser.at() as u64;
            ranges.push((first, count, at));
            at += u64::from(count) * ENTRY;
            scan.entry()?;
        }
        let trailer = self
            .parse_at(scan, at, |parser| {
                parser.object().filter(|trailer| matches!(trailer, Object::Dictionary(_)))
            })?
            .0;
        Ok(Section { trailer, kind: Form::Table(ranges) })
    }

    /// What the newest trailer that has this key says.
    pub(super) fn trailer(&self, key: &[u8]) -> Option<Object> {
        self.sections.iter().find_map(|section| section.trailer.get(key)).cloned()
    }

    /// The object, or the one that it refers to.
    pub(super) fn resolve(&mut self, scan: &mut Scan<'_>, object: &Object) -> Outcome<Object> {
        let mut object = object.clone();
        for _ in 0..HOPS_MAX {
            let Object::Reference(number) = object else { return Ok(object) };
            scan.entry()?;
            object = match self.place(number)? {
                Place::Free => Object::Null,
                Place::At(at) => self.object_at(scan, at, number)?.0,
                Place::In(container) => self.compressed(scan, container, number)?,
            };
        }
        Err(Trouble::Broken)
    }

    /// The value of a dictionary, resolved; `Null` if there is none.
    pub(super) fn resolve_in(
        &mut self,
        scan: &mut Scan<'_>,
        object: &Object,
        key: &[u8],
    ) -> Outcome<Object> {
        match object.get(key) {
            Some(value) => self.resolve(scan, value),
            None => Ok(Object::Null),
        }
    }

    /// The decoded octets of a stream.
    pub(super) fn stream(
        &mut self,
        scan: &mut Scan<'_>,
        number: u32,
        max: (u64, Limit),
    ) -> Outcome<Vec<u8>> {
        match self.place(number)? {
            Place::Free => Ok(Vec::new()),
            // A stream never stands in another one.
            Place::In(_) => Err(Trouble::Broken),
            Place::At(at) => self.stream_at(scan, at, Some(number), max).map(|(_, octets)| octets),
        }
    }

    fn place(&mut self, number: u32) -> Outcome<Place> {
        for index in 0..self.sections.len() {
            let Some(section) = self.sections.get(index) else { break };
            let hybrid = section.trailer.get(b"XRefStm").is_some();
            let place = match &section.kind {
                Form::Stream { ranges, widths, entries } => {
                    in_stream(ranges, *widths, entries, number)?
                }
                Form::Table(ranges) => {
                    let range = ranges
                        .iter()
                        .find(|(first, count, _)| number.wrapping_sub(*first) < *count);
                    match range.copied() {
                        Some((first, _, at)) => {
                            Some(self.table_entry(at + u64::from(number - first) * ENTRY)?)
                        }
                        None => None,
                    }
                }
            };
            match place {
                // A hybrid table says "free" of objects that its stream knows.
                None => {}
                Some(Place::Free) if hybrid => {}
                Some(place) => return Ok(place),
            }
        }
        Ok(Place::Free)
    }

    fn table_entry(&mut self, at: u64) -> Outcome<Place> {
        let entry = self.chunk(at, ENTRY)?;
        let mut parser = Parser::new(&entry);
        let (Some(place), Some(_)) = (parser.integer(), parser.integer()) else {
            return Err(Trouble::Broken);
        };
        parser.skip_space();
        if parser.eat(b"n") {
            u64::try_from(place).map(Place::At).map_err(|_| Trouble::Broken)
        } else if parser.eat(b"f") {
            Ok(Place::Free)
        } else {
            Err(Trouble::Broken)
        }
    }

    /// The indirect object there, which must have this number, and where it ends.
    fn object_at(&mut self, scan: &mut Scan<'_>, at: u64, number: u32) -> Outcome<(Object, u64)> {
        self.parse_at(scan, at, |parser| {
            (parser.object_header()? == number).then(|| parser.object())?
        })
    }

    /// Reads on from `at` until `parse` has what it wants.
    fn parse_at<T>(
        &mut self,
        scan: &mut Scan<'_>,
        at: u64,
        parse: impl Fn(&mut Parser<'_>) -> Option<T>,
    ) -> Outcome<(T, u64)> {
        for len in [CHUNK, scan.limits.part_max] {
            let chunk = self.chunk(at, len)?;
            scan.count(chunk.len())?;
            let mut parser = Parser::new(&chunk);
            if let Some(found) = parse(&mut parser)
                // A number or a word that touches the end could go on.
                && (parser.at() < chunk.len() || (chunk.len() as u64) < len)
            {
                return Ok((found, at + parser.at() as u64));
            }
        }
        Err(Trouble::Broken)
    }

    fn stream_at(
        &mut self,
        scan: &mut Scan<'_>,
        at: u64,
        number: Option<u32>,
        max: (u64, Limit),
    ) -> Outcome<(Object, Vec<u8>)> {
        let (dictionary, end) = self.parse_at(scan, at, |parser| {
            let found = parser.object_header()?;
            let dictionary =
                number.is_none_or(|number| number == found).then(|| parser.object())??;
            parser.keyword(b"stream")?;
            if !parser.eat(b"\r\n") && !parser.eat(b"\n") {
                parser.eat(b"\r");
            }
            Some(dictionary)
        })?;
        let len = match dictionary.get(b"Length") {
            Some(Object::Integer(len)) => *len,
            // Not by `resolve`: the length may not stand in a stream whose length stands in it.
            Some(Object::Reference(number)) => match self.place(*number)? {
                Place::At(at) => {
                    self.object_at(scan, at, *number)?.0.integer().ok_or(Trouble::Broken)?
                }
                Place::Free | Place::In(_) => return Err(Trouble::Broken),
            },
            _ => return Err(Trouble::Broken),
        };
        let len = u64::try_from(len).map_err(|_| Trouble::Broken)?;
        let behind = self.chunk(end.checked_add(len).ok_or(Trouble::Broken)?, 16)?;
        if Parser::new(&behind).keyword(b"endstream").is_none() {
            return Err(Trouble::Broken);
        }
        self.content.seek(SeekFrom::Start(self.junk + end)).map_err(|_| Trouble::Broken)?;
        let octets = filter::decoded(scan, &dictionary, &mut (&mut *self.content).take(len), max)?;
        Ok((dictionary, octets))
    }

    fn compressed(&mut self, scan: &mut Scan<'_>, container: u32, number: u32) -> Outcome<Object> {
        if !self.streams.contains_key(&container) {
            let Place::At(at) = self.place(container)? else { return Err(Trouble::Broken) };
            let (dictionary, octets) = self.stream_at(scan, at, Some(container), scan.held())?;
            let stream = ObjectStream::of(scan, &dictionary, octets)?;
            self.streams.insert(container, stream);
        }
        let stream = self.streams.get(&container).ok_or(Trouble::Broken)?;
        let (_, at) =
            stream.objects.iter().find(|(found, _)| *found == number).ok_or(Trouble::Broken)?;
        let mut parser = Parser::new(stream.octets.get(*at..).unwrap_or_default());
        let object = parser.object();
        scan.count(parser.at())?;
        object.ok_or(Trouble::Broken)
    }

    fn chunk(&mut self, at: u64, len: u64) -> Outcome<Vec<u8>> {
        let at = at.checked_add(self.junk).filter(|at| *at < self.len).ok_or(Trouble::Broken)?;
        window(self.content, at, len).map_err(|_| Trouble::Broken)
    }
}

impl ObjectStream {
    fn of(scan: &mut Scan<'_>, dictionary: &Object, octets: Vec<u8>) -> Outcome<Self> {
        let size = |key: &[u8]| {
            let number = dictionary.get(key).and_then(Object::integer);
            number.and_then(|number| usize::try_from(number).ok()).ok_or(Trouble::Broken)
        };
        let (count, first) = (size(b"N")?, size(b"First")?);
        if count > scan.limits.entries_max {
            return Err(Unreadable::Over(Limit::Entries).into());
        }
        let mut parser = Parser::new(&octets);
        let mut objects = Vec::new();
        for _ in 0..count {
            let (Some(number), Some(at)) = (parser.integer(), parser.integer()) else {
                return Err(Trouble::Broken);
            };
            let number = u32::try_from(number).map_err(|_| Trouble::Broken)?;
            let at = usize::try_from(at).ok().and_then(|at| at.checked_add(first));
            objects.push((number, at.ok_or(Trouble::Broken)?));
        }
        Ok(Self { octets, objects })
    }
}

fn in_stream(
    ranges: &[(u32, u32)],
    widths: [usize; 3],
    entries: &[u8],
    number: u32,
) -> Outcome<Option<Place>> {
    let mut before = 0usize;
    for (first, count) in ranges {
        let inside = number.wrapping_sub(*first);
        if inside >= *count {
            before = before.saturating_add(*count as usize);
            continue;
        }
        let width: usize = widths.iter().sum();
        let mut rest = before
            .checked_add(inside as usize)
            .and_then(|index| index.checked_mul(width))
            .and_then(|at| entries.get(at..)?.get(..width))
            .ok_or(Trouble::Broken)?;
        let mut fields = [0u64; 3];
        for (field, width) in fields.iter_mut().zip(widths) {
            let (octets, after) = rest.split_at_checked(width).ok_or(Trouble::Broken)?;
            *field = octets.iter().fold(0, |value, octet| value << 8 | u64::from(*octet));
            rest = after;
        }
        let [kind, second, _] = fields;
        // Without a first field, every object stands in the file.
        return Ok(match if widths.first() == Some(&0) { 1 } else { kind } {
            0 => Some(Place::Free),
            1 => Some(Place::At(second)),
            2 => u32::try_from(second).ok().map(Place::In),
            _ => None,
        });
    }
    Ok(None)
}
