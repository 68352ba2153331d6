//! PDF objects (ISO 32000-1, section 7.3) as they stand in octets.

/// An object. Numbers that are no integers, and what nothing here looks at, are `Null`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Object {
    Null,
    Boolean(bool),
    Integer(i64),
    Name(Vec<u8>),
    Text(Vec<u8>),
    Array(Vec<Object>),
    Dictionary(Vec<(Vec<u8>, Object)>),
    Reference(u32),
}

/// Arrays and dictionaries in one another; real ones have fewer than ten.
const DEPTH_MAX: usize = 32;

/// Objects in one; those on the way to labels have some hundreds, and each takes many times the memory that its text does.
const OBJECTS_MAX: usize = 100_000;

/// Reads objects one after the other. `None` from its methods means that the octets are no such thing.
#[derive(Clone)]
pub(super) struct Parser<'a> {
    octets: &'a [u8],
    at: usize,
    /// Objects that may still follow.
    left: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Self { octets, at: 0, left: OBJECTS_MAX }
    }

    /// Where the next octet stands.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn peek(&self) -> Option<u8> {
        self.octets.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.octets.get(self.at..).unwrap_or_default()
    }

    pub(super) fn skip_space(&mut self) {
        while let Some(octet) = self.peek() {
            if octet == b'%' {
                while self.peek().is_some_and(|octet| !matches!(octet, b'\r' | b'\n')) {
                    self.at += 1;
                }
            } else if is_space(octet) {
                self.at += 1;
            } else {
                break;
            }
        }
    }

    /// Steps over these octets, if they stand next.
    pub(super) fn eat(&mut self, octets: &[u8]) -> bool {
        let here = self.rest().starts_with(octets);
        if here {
            self.at += octets.len();
        }
        here
    }

    /// A run of regular characters.
    fn word(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let len = rest.iter().position(|octet| !is_regular(*octet)).unwrap_or(rest.len());
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    /// Steps over this word, with white space before it.
    pub(super) fn keyword(&mut self, keyword: &[u8]) -> Option<()> {
        self.skip_space();
        (self.word() == keyword).then_some(())
    }

    pub(super) fn integer(&mut self) -> Option<i64> {
        self.skip_space();
        str::from_utf8(self.word()).ok()?.parse().ok()
    }

    /// `12 0 obj`: the number.
    pub(super) fn object_header(&mut self) -> Option<u32> {
        let number = u32::try_from(self.integer()?).ok()?;
        self.integer()?;
        self.skip_space();
        self.eat(b"obj").then_some(number)
    }

    pub(super) fn object(&mut self) -> Option<Object> {
        self.object_in(0)
    }

    fn object_in(&mut self, depth: usize) -> Option<Object> {
        if depth > DEPTH_MAX {
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        self.skip_space();
        match self.peek()? {
            b'/' => self.name().map(Object::Name),
            b'(' => self.literal().map(Object::Text),
            b'[' => self.array(depth),
            b'<' if self.rest().starts_with(b"<<") => self.dictionary(depth),
            b'<' => self.hexadecimal().map(Object::Text),
            _ => self.plain(),
        }
    }

    /// `/Name`, where `#41` stands for the octet with that number.
    fn name(&mut self) -> Option<Vec<u8>> {
        self.at += 1;
        let word = self.word();
        let mut name = Vec::with_capacity(word.len());
        let mut rest = word;
        while let [octet, after @ ..] = rest {
            rest = after;
            let escaped = match after {
                [high, low, ..] if *octet == b'#' => digit(*high).zip(digit(*low)),
                _ => None,
            };
            if let Some((high, low)) = escaped {
                name.push(high << 4 | low);
                rest = after.get(2..)?;
            } else {
                name.push(*octet);
            }
        }
        Some(name)
    }

    /// `(text)`, with escapes and balanced parentheses.
    fn literal(&mut self) -> Option<Vec<u8>> {
        self.at += 1;
        let mut text = Vec::new();
        let mut open = 1;
        loop {
            let octet = self.peek()?;
            self.at += 1;
            match octet {
                b'(' => open += 1,
                b')' => open -= 1,
                b'\\' => {
                    self.escape(&mut text)?;
                    continue;
                }
                _ => {}
            }
            if open == 0 {
                return Some(text);
            }
            text.push(octet);
        }
    }

    /// Adds what the octets behind a backslash stand for; a line end stands for nothing.
    fn escape(&mut self, text: &mut Vec<u8>) -> Option<()> {
        let octet = self.peek()?;
        self.at += 1;
        text.extend(match octet {
            b'n' => Some(b'\n'),
            b'r' => Some(b'\r'),
            b't' => Some(b'\t'),
            b'b' => Some(8),
            b'f' => Some(12),
            b'0'..=b'7' => {
                let mut value = u32::from(octet - b'0');
                for _ in 0..2 {
                    let Some(next @ b'0'..=b'7') = self.peek() else { break };
                    value = value * 8 + u32::from(next - b'0');
                    self.at += 1;
                }
                value.to_le_bytes().first().copied()
            }
            b'\r' => {
                self.eat(b"\n");
                None
            }
            b'\n' => None,
            other => Some(other),
        });
        Some(())
    }

    /// `<48656C6C6F>`; a missing last digit is 0.
    fn hexadecimal(&mut self) -> Option<Vec<u8>> {
        self.at += 1;
        let mut text = Vec::new();
        let mut half = None;
        loop {
            let octet = self.peek()?;
            self.at += 1;
            match (octet, half) {
                (b'>', None) => return Some(text),
                (b'>', Some(high)) => {
                    text.push(high << 4);
                    return Some(text);
                }
                (octet, _) if is_space(octet) => {}
                (octet, None) => half = Some(digit(octet)?),
                (octet, Some(high)) => {
                    text.push(high << 4 | digit(octet)?);
                    half = None;
                }
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<Object> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.skip_space();
            if self.eat(b"]") {
                return Some(Object::Array(items));
            }
            items.push(self.object_in(depth + 1)?);
        }
    }

    fn dictionary(&mut self, depth: usize) -> Option<Object> {
        self.at += 2;
        let mut entries = Vec::new();
        loop {
            self.skip_space();
            if self.eat(b">>") {
                return Some(Object::Dictionary(entries));
            }
            if self.peek()? != b'/' {
                return None;
            }
            let key = self.name()?;
            entries.push((key, self.object_in(depth + 1)?));
        }
    }

    /// A number, a reference, or a word.
    fn plain(&mut self) -> Option<Object> {
        let word = self.word();
        if let Some(number) = str::from_utf8(word).ok().and_then(|word| word.parse().ok()) {
            return Some(self.reference(number).unwrap_or(Object::Integer(number)));
        }
        match word {
            b"" => None,
            b"true" => Some(Object::Boolean(true)),
            b"false" => Some(Object::Boolean(false)),
            _ => Some(Object::Null),
        }
    }

    /// `12 0 R`, of which the first number has been read.
    fn reference(&mut self, number: i64) -> Option<Object> {
        let number = u32::try_from(number).ok()?;
        let mut ahead = self.clone();
        ahead.integer()?;
        ahead.keyword(b"R")?;
        self.at = ahead.at;
        Some(Object::Reference(number))
    }
}

impl Object {
    pub(super) fn entries(&self) -> &[(Vec<u8>, Object)] {
        match self {
            Self::Dictionary(entries) => entries,
            _ => &[],
        }
    }

    pub(super) fn items(&self) -> &[Object] {
        match self {
            Self::Array(items) => items,
            _ => &[],
        }
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&Object> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    pub(super) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn name(&self) -> Option<&[u8]> {
        match self {
            Self::Name(name) => Some(name),
            _ => None,
        }
    }

    /// The octets of a text; none of anything else.
    pub(super) fn text_octets(&self) -> &[u8] {
        match self {
            Self::Text(text) => text,
            _ => &[],
        }
    }

    /// A scalar as text. Texts are in UTF-16 or UTF-8 with a mark, or in an encoding that agrees with Windows-1252 on
    /// everything that labels have.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) | Self::Name(text) => {
                Some(encoding_rs::WINDOWS_1252.decode(text).0.into_owned())
            }
            Self::Boolean(value) => Some(value.to_string()),
            Self::Integer(number) => Some(number.to_string()),
            Self::Null | Self::Array(_) | Self::Dictionary(_) | Self::Reference(_) => None,
        }
    }
}

fn is_space(octet: u8) -> bool {
    matches!(octet, 0 | 9 | 10 | 12 | 13 | 32)
}

fn is_regular(octet: u8) -> bool {
    !is_space(octet) && !b"()<>[]{}/%".contains(&octet)
}

fn digit(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(octets: &str, want: Option<&Object>) {
        assert_eq!(Parser::new(octets.as_bytes()).object().as_ref(), want, "{octets}");
    }

    #[test]
    fn texts_are_read_with_their_escapes() {
        let text = |text: &str| Object::Text(text.as_bytes().to_vec());
        check("(True)", Some(&text("True")));
        check(r"(a\(b\) (c) \101\n\\)", Some(&text("a(b) (c) A\n\\")));
        check("<54 72 75 6>", Some(&text("Tru`")));
        check("(open", None);
        check("<5x>", None);
    }

    #[test]
    fn dictionaries_hold_names_numbers_and_references() {
        let numbers = Object::Array(vec![Object::Integer(1), Object::Integer(2), Object::Null]);
        let inner = Object::Dictionary(vec![(b"E".to_vec(), Object::Boolean(true))]);
        let entries = [(&b"AB"[..], Object::Reference(12)), (b"C", numbers), (b"D", inner)];
        let want = entries.map(|(key, value)| (key.to_vec(), value)).to_vec();
        check("<</A#42 12 0 R /C[1 2 null]/D<</E true>>>>", Some(&Object::Dictionary(want)));
        check("<</A 1", None);
        check(&"[".repeat(100_000), None);
    }
}
