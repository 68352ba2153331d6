//! RTF ([MS-RTF 1.9.1]): the custom properties in `userprops`, and the objects inside.
//!
//! One pass over groups, control words and text. What a program would show is not asked; a property counts wherever it stands.

use super::compound::native;
use super::markup::Marks;
use super::properties::encoding;
use super::scan::Scan;
use super::{Limit, Unreadable};

const RTF: &str = "an RTF document";

/// Groups inside groups; real documents have some tens.
const DEPTH_MAX: usize = 1000;

/// Letters of a control word.
const WORD_MAX: usize = 32;

/// Digits of its number.
const DIGITS_MAX: usize = 10;

/// Characters that stand behind `\u` for programs that do not know it, unless `\uc` says otherwise.
const FALLBACK: usize = 1;

/// `\proptype` of a truth value.
const TRUTH: i64 = 11;

/// Places of class, topic and item in an object of OLE 1 ([MS-OLEDS], section 2.2.4), behind version and format.
const NAMES_AT: usize = 8;

/// What a group that is being gathered is.
#[derive(Copy, Clone)]
enum Holds {
    Name,
    Value,
    Object,
}

/// A group that is being gathered.
struct Open {
    depth: usize,
    holds: Holds,
    /// In UTF-16, as `\u` has it.
    text: Vec<u16>,
    /// Behind the text, in the document's code page; of an object, all of it.
    octets: Vec<u8>,
}

struct Walk<'a, 's, 'l> {
    scan: &'s mut Scan<'l>,
    rest: &'a [u8],
    /// How much stands behind each `\u`, for every open group.
    fallbacks: Vec<usize>,
    /// Of that, what is still to be passed over.
    skip: usize,
    codepage: u16,
    open: Option<Open>,
    /// The property whose value is to come, and its kind.
    name: Option<String>,
    kind: i64,
    marks: Marks,
}

pub(super) fn look(scan: &mut Scan<'_>, octets: &[u8]) -> Result<(), Unreadable> {
    let mut walk = Walk {
        scan,
        rest: octets,
        fallbacks: Vec::new(),
        skip: 0,
        codepage: 1252,
        open: None,
        name: None,
        kind: 0,
        marks: Marks::default(),
    };
    let outcome = walk.walk();
    let Walk { scan, marks, .. } = walk;
    scan.settle(marks);
    outcome
}

impl Walk<'_, '_, '_> {
    fn walk(&mut self) -> Result<(), Unreadable> {
        while let Some(octet) = self.next() {
            match octet {
                b'{' => {
                    self.skip = 0;
                    if self.fallbacks.len() == DEPTH_MAX {
                        return Err(Unreadable::Over(Limit::Depth));
                    }
                    self.fallbacks.push(self.fallback());
                }
                b'}' => {
                    self.end_group()?;
                    if self.fallbacks.is_empty() {
                        return Ok(());
                    }
                }
                b'\\' => self.control()?,
                b'\r' | b'\n' => {}
                _ => self.octet(octet),
            }
        }
        Err(Unreadable::Damaged(RTF))
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn fallback(&self) -> usize {
        self.fallbacks.last().copied().unwrap_or(FALLBACK)
    }

    fn octet(&mut self, octet: u8) {
        if self.skip > 0 {
            self.skip -= 1;
        } else if let Some(open) = &mut self.open {
            open.octets.push(octet);
        }
    }

    /// What stands behind a backslash.
    fn control(&mut self) -> Result<(), Unreadable> {
        if self.rest.first().is_some_and(u8::is_ascii_alphabetic) {
            return self.word();
        }
        match self.next() {
            Some(b'\'') => {
                let digits = self.take(2);
                let digits = str::from_utf8(digits).ok();
                let octet = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                if let Some(octet) = octet {
                    self.octet(octet);
                }
            }
            Some(literal @ (b'\\' | b'{' | b'}')) => self.octet(literal),
            Some(b'~') => self.octet(b' '),
            Some(b'_') => self.octet(b'-'),
            _ => {}
        }
        Ok(())
    }

    fn take(&mut self, len: usize) -> &[u8] {
        let (taken, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn take_while(&mut self, max: usize, is_of_it: impl Fn(&u8) -> bool) -> String {
        let len = self.rest.iter().take(max).take_while(|octet| is_of_it(octet)).count();
        String::from_utf8_lossy(self.take(len)).into_owned()
    }

    fn word(&mut self) -> Result<(), Unreadable> {
        let word = self.take_while(WORD_MAX, u8::is_ascii_alphabetic);
        let sign = self.take_while(1, |octet| *octet == b'-');
        let digits = self.take_while(DIGITS_MAX, u8::is_ascii_digit);
        let number: Option<i64> = format!("{sign}{digits}").parse().ok();
        if self.rest.starts_with(b" ") {
            self.take(1);
        }
        let size = || number.and_then(|number| usize::try_from(number).ok());
        match word.as_str() {
            "propname" => self.gather(Holds::Name)?,
            "staticval" => self.gather(Holds::Value)?,
            "objdata" => self.gather(Holds::Object)?,
            "proptype" => self.kind = number.unwrap_or_default(),
            "ansicpg" => {
                let codepage = number.and_then(|number| u16::try_from(number).ok());
                self.codepage = codepage.unwrap_or(self.codepage);
            }
            "uc" => {
                if let (Some(fallback), Some(size)) = (self.fallbacks.last_mut(), size()) {
                    *fallback = size;
                }
            }
            "u" => self.unit(number.unwrap_or_default()),
            "bin" => self.binary(size().unwrap_or_default()),
            _ => {}
        }
        Ok(())
    }

    fn gather(&mut self, holds: Holds) -> Result<(), Unreadable> {
        self.scan.entry()?;
        let (text, octets) = (Vec::new(), Vec::new());
        self.open = Some(Open { depth: self.fallbacks.len(), holds, text, octets });
        Ok(())
    }

    /// A character by its UTF-16 unit, of which the upper half is written as negative.
    fn unit(&mut self, number: i64) {
        if let Some(open) = &mut self.open {
            open.flush(self.codepage);
            open.text.extend(u16::try_from(number & 0xFFFF));
        }
        self.skip = self.fallback();
    }

    /// Octets that are no text, whatever they look like.
    fn binary(&mut self, len: usize) {
        let octets = self.take(len).to_vec();
        if let Some(open @ Open { holds: Holds::Object, .. }) = &mut self.open {
            // Beside the digits, of which it takes two for each octet.
            open.octets.extend(octets.iter().flat_map(|octet| format!("{octet:02x}").into_bytes()));
        }
    }

    fn end_group(&mut self) -> Result<(), Unreadable> {
        let depth = self.fallbacks.len();
        self.fallbacks.pop();
        self.skip = 0;
        let Some(mut open) = self.open.take_if(|open| open.depth >= depth) else { return Ok(()) };
        match open.holds {
            Holds::Name => self.name = Some(open.text(self.codepage)),
            Holds::Value => {
                if let Some(name) = self.name.take() {
                    let value = open.text(self.codepage);
                    let value = match (self.kind, value.trim()) {
                        (TRUTH, "0") => "false".to_owned(),
                        (TRUTH, _) => "true".to_owned(),
                        _ => value,
                    };
                    self.marks.property(name, value);
                }
            }
            Holds::Object => {
                let octets = from_hex(&open.octets);
                let object = object(&octets).ok_or(Unreadable::Damaged("an object in RTF"));
                let outcome = object.map(|object| self.scan.nested(&object));
                self.scan.go_on(outcome)?;
            }
        }
        Ok(())
    }
}

impl Open {
    fn flush(&mut self, codepage: u16) {
        let text = encoding(codepage).decode_without_bom_handling(&self.octets).0;
        self.text.extend(text.encode_utf16());
        self.octets.clear();
    }

    fn text(&mut self, codepage: u16) -> String {
        self.flush(codepage);
        String::from_utf16_lossy(&self.text)
    }
}

fn from_hex(digits: &[u8]) -> Vec<u8> {
    let digit =
        |octet: &u8| char::from(*octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Vec<u8> = digits.iter().filter_map(digit).collect();
    let (pairs, _) = digits.as_chunks::<2>();
    pairs.iter().map(|[high, low]| high << 4 | low).collect()
}

/// The file in an object of OLE 1 ([MS-OLEDS], section 2.2.5).
fn object(octets: &[u8]) -> Option<Vec<u8>> {
    let number = |at: usize| -> Option<usize> {
        usize::try_from(u32::from_le_bytes(*octets.get(at..)?.first_chunk()?)).ok()
    };
    let mut at = NAMES_AT;
    for _ in 0..3 {
        at = at.checked_add(4)?.checked_add(number(at)?)?;
    }
    let data = octets.get(at.checked_add(4)?..)?;
    let data = data.get(..number(at)?).unwrap_or(data);
    // A package is that of OLE 2, less the length in front.
    let len = u32::try_from(data.len()).ok()?.to_le_bytes();
    let is_package = octets.get(NAMES_AT + 4..)?.starts_with(b"Package\0");
    let whole = [len.as_slice(), data].concat();
    Some(if is_package { native(&whole).to_vec() } else { data.to_vec() })
}
