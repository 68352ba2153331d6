//! The header section as it stands in the bytes. Security decisions rest on this scanner, never on a lenient
//! MIME parser: it counts fields exactly and says so when something is not as RFC 5322 wants it.

mod mailboxes;

use std::fmt;

use mailboxes::{Element, Mailboxes};

use crate::address::Address;
use crate::text::{decoded, one_line, unfold};

/// The header section of a message.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    fields: Vec<Field<'a>>,
    body_at: usize,
}

/// One header field with its folding. `Debug` shows its name only: values hold subjects, numbers and codes.
#[derive(Copy, Clone)]
pub struct Field<'a> {
    pub name: &'a str,
    /// All octets of the field, name and final CRLF included.
    pub raw: &'a [u8],
    /// What follows the colon, folding included, final CRLF excluded.
    pub value: &'a [u8],
}

/// An author or addressee with the name shown beside the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    pub name: Option<String>,
    pub address: Address,
}

/// Header fields in one message; real mail stays below 200.
pub const FIELDS_MAX: usize = 1000;

/// Octets of one header section; Postfix's `header_size_limit` is a tenth of it.
pub const HEAD_MAX: usize = 1024 * 1024;

/// Addresses of To and Cc that are looked at; no mail server takes as many recipients in one message.
pub const ADDRESSEES_MAX: usize = 10_000;

/// Message-IDs of References and In-Reply-To that are looked at; the longest threads have some hundreds.
pub const REFERENCES_MAX: usize = 1000;

/// Octets of a Message-ID: it must fit on a line (RFC 5322, section 2.1.1).
const ID_MAX: usize = 998;

/// Where and why a header section is not one. `line` counts from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("header line {line}: {why}")]
pub struct HeadError {
    pub line: usize,
    pub why: &'static str,
}

/// Why a message has no single author.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FromError(pub &'static str);

impl<'a> Head<'a> {
    /// Reads the header section at the start of `message`, whose lines end in CRLF, up to and including the empty line
    /// (or the end of the octets).
    pub fn parse(message: &'a [u8]) -> Result<Self, HeadError> {
        let mut fields = Vec::new();
        let mut at = 0;
        let mut line = 1;
        loop {
            let rest = message.get(at..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(Self { fields, body_at: at });
            }
            if rest.starts_with(b"\r\n") {
                return Ok(Self { fields, body_at: at + 2 });
            }
            if fields.len() == FIELDS_MAX {
                return Err(HeadError { line, why: "more than 1000 header fields" });
            }
            let (field, lines) = Field::read(rest, line)?;
            at += field.raw.len();
            if at > HEAD_MAX {
                return Err(HeadError { line, why: "the header section is larger than 1 MiB" });
            }
            fields.push(field);
            line += lines;
        }
    }

    pub fn fields(&self) -> &[Field<'a>] {
        &self.fields
    }

    /// The fields with this name, compared without ASCII case.
    pub fn named<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Field<'a>> {
        self.fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name))
    }

    /// Where the body starts: behind the empty line.
    pub fn body_at(&self) -> usize {
        self.body_at
    }

    /// The first Subject, unfolded and decoded, on one line.
    pub fn subject(&self) -> Option<String> {
        self.named("Subject").next().map(|field| one_line(&decoded(field.value)))
    }

    /// The author: exactly one From field with exactly one address.
    pub fn from(&self) -> Result<Mailbox, FromError> {
        let mut fields = self.named("From");
        let field = fields.next().ok_or(FromError("the message has no From field"))?;
        if fields.next().is_some() {
            return Err(FromError("the message has more than one From field"));
        }
        let mut author = None;
        for element in Mailboxes::of(&unfold(field.value)) {
            match element {
                Element::Mailbox(_) if author.is_some() => {
                    return Err(FromError("the From field has more than one address"));
                }
                Element::Mailbox(mailbox) => author = Some(mailbox),
                Element::Group => return Err(FromError("the From field has a group of addresses")),
                Element::Unreadable => {
                    return Err(FromError("the From field has something that is no address"));
                }
            }
        }
        author.ok_or(FromError("the From field has no address"))
    }

    /// To and Cc, members of groups included. What is no address is left out, and so takes no part in the shared
    /// conversation: nobody is shown who was not plainly named.
    pub fn addressees(&self) -> Vec<Address> {
        self.named_any(["To", "Cc"])
            .flat_map(|field| addresses(&unfold(field.value)))
            .take(ADDRESSEES_MAX)
            .collect()
    }

    /// The Message-ID without its angle brackets.
    pub fn message_id(&self) -> Option<String> {
        self.named("Message-ID").flat_map(|field| ids(&unfold(field.value))).next()
    }

    /// The Message-IDs of References and In-Reply-To, without angle brackets.
    pub fn references(&self) -> Vec<String> {
        self.named_any(["References", "In-Reply-To"])
            .flat_map(|field| ids(&unfold(field.value)))
            .take(REFERENCES_MAX)
            .collect()
    }

    fn named_any(&self, names: [&'static str; 2]) -> impl Iterator<Item = &Field<'a>> {
        self.fields
            .iter()
            .filter(move |field| names.iter().any(|name| field.name.eq_ignore_ascii_case(name)))
    }
}

impl<'a> Field<'a> {
    /// Reads the field at the start of `rest`, which is header line `line`, and says how many lines it has.
    fn read(rest: &'a [u8], line: usize) -> Result<(Self, usize), HeadError> {
        let mut len = 0;
        let mut lines = 0;
        while lines == 0 || matches!(rest.get(len), Some(b' ' | b'\t')) {
            len += line_len(rest.get(len..).unwrap_or_default())
                .map_err(|why| HeadError { line: line + lines, why })?;
            lines += 1;
        }
        let raw = rest.get(..len).unwrap_or_default();
        Self::split(raw).map(|field| (field, lines)).map_err(|why| HeadError { line, why })
    }

    /// Splits a whole field into its name and value (RFC 5322, section 2.2; white space before the colon, which
    /// section 4.5 still let through, is refused because programs disagree on what field it makes).
    fn split(raw: &'a [u8]) -> Result<Self, &'static str> {
        let name_len =
            raw.iter().position(|octet| matches!(octet, b':' | b'\r')).unwrap_or_default();
        let (name, rest) = raw.split_at_checked(name_len).unwrap_or_default();
        let Some(value) = rest.strip_prefix(b":") else {
            return Err("the line is no header field: it has no colon");
        };
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            return Err("the field name has a character that may not stand there");
        }
        let name = str::from_utf8(name).map_err(|_| "the field name is not ASCII")?;
        Ok(Self { name, raw, value: value.strip_suffix(b"\r\n").unwrap_or(value) })
    }
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ({} octets)", self.name, self.value.len())
    }
}

/// Octets of the line at the start of `rest`, its CRLF included.
fn line_len(rest: &[u8]) -> Result<usize, &'static str> {
    let len =
        rest.iter().position(|octet| matches!(octet, 0 | b'\r' | b'\n')).unwrap_or(rest.len());
    match rest.get(len..).unwrap_or_default() {
        [b'\r', b'\n', ..] => Ok(len + 2),
        [b'\r', ..] => Err("a CR without LF"),
        [b'\n', ..] => Err("an LF without CR"),
        [0, ..] => Err("a NUL"),
        _ => Err("the line does not end in CRLF"),
    }
}

fn addresses(list: &str) -> Vec<Address> {
    Mailboxes::of(list)
        .filter_map(|element| match element {
            Element::Mailbox(mailbox) => Some(mailbox.address),
            Element::Group | Element::Unreadable => None,
        })
        .take(ADDRESSEES_MAX)
        .collect()
}

/// The Message-IDs in angle brackets. What has spaces or controls in it is none.
fn ids(text: &str) -> Vec<String> {
    text.split('<')
        .skip(1)
        .filter_map(|rest| rest.split_once('>'))
        .map(|(id, _)| id)
        .filter(|id| {
            !id.is_empty()
                && id.len() <= ID_MAX
                && !id.contains(|c: char| c.is_whitespace() || c.is_control())
        })
        .take(REFERENCES_MAX)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields as `name:value|…` and where the body starts, or the line that is at fault.
    #[track_caller]
    fn check(message: &[u8], expected: Result<(&str, usize), usize>) {
        let text = String::from_utf8_lossy(message);
        let seen = Head::parse(message).map_err(|error| error.line).map(|head| {
            let raw: usize = head.fields().iter().map(|field| field.raw.len()).sum();
            assert!(raw == head.body_at() || raw + 2 == head.body_at(), "{text:?}");
            let fields = head
                .fields()
                .iter()
                .map(|field| format!("{}:{}", field.name, str::from_utf8(field.value).unwrap()));
            (fields.collect::<Vec<_>>().join("|"), head.body_at())
        });
        let seen = seen
            .as_ref()
            .map(|(fields, body_at)| (fields.as_str(), *body_at))
            .map_err(|line| *line);
        assert_eq!(seen, expected, "{text:?}");
    }

    fn head(text: &str) -> Head<'_> {
        Head::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn fields_come_with_their_folding() {
        check(b"", Ok(("", 0)));
        check(b"\r\nBody", Ok(("", 2)));
        check(b"A: b\r\n\r\nBody", Ok(("A: b", 8)));
        check(b"A: b\r\n c\r\n\t\r\nD:\r\n", Ok(("A: b\r\n c\r\n\t|D:", 17)));
        check(b"a!~:b:c\r\n\r\n", Ok(("a!~:b:c", 11)));
    }

    #[test]
    fn what_is_no_header_section_is_refused_with_its_line() {
        for (message, line) in [
            (&b" A: b\r\n"[..], 1),
            (b"A: b\r\nno colon\r\n", 2),
            (b"no colon\r\n at: first\r\n", 1),
            (b"Fr om: x\r\n", 1),
            (b"From : x\r\n", 1),
            (b"From\t: x\r\n", 1),
            (b"Fr\xc3\xb6m: x\r\n", 1),
            (b": x\r\n", 1),
            (b"A: b\r\n c\0\r\n", 2),
            (b"A: b\rc\r\n", 1),
            (b"A: b\r\n\nBody", 2),
            (b"A: b\nC: d\r\n", 1),
            (b"A: b\r\n\r", 2),
            (b"A: b", 1),
            (b"From jan@example.org Mon Jan  1 00:00:00 2024\r\n", 1),
        ] {
            check(message, Err(line));
        }
    }

    #[test]
    fn size_and_number_of_fields_have_limits() {
        check("A: b\r\n".repeat(FIELDS_MAX + 1).as_bytes(), Err(FIELDS_MAX + 1));
        assert_eq!(head(&"A: b\r\n".repeat(FIELDS_MAX)).fields().len(), FIELDS_MAX);
        check(format!("A: b\r\nB:{}\r\n", "x".repeat(HEAD_MAX)).as_bytes(), Err(2));
    }

    #[test]
    fn an_author_is_one_address_in_one_field() {
        let author = |name: Option<&str>| Mailbox {
            name: name.map(str::to_owned),
            address: "jan@example.org".parse().unwrap(),
        };
        let jan = author(Some("Jan de Vries"));
        assert_eq!(head("from: jan@example.org\r\n").from(), Ok(author(None)));
        assert_eq!(
            head("From:\r\n \"Jan de\r\n Vries\" <jan@example.org>\r\n").from(),
            Ok(jan.clone())
        );
        assert_eq!(head("From: =?utf-8?Q?Jan_de?= Vries <jan@example.org>\r\n").from(), Ok(jan));
        for (text, why) in [
            ("To: jan@example.org\r\n", "no From field"),
            ("From: a@example.org\r\nFROM: a@example.org\r\n", "more than one From field"),
            ("From: a@example.org, b@example.org\r\n", "more than one address"),
            ("From: Team: a@example.org;\r\n", "group"),
            ("From: <a@b.example> <c@d.example>\r\n", "no address"),
            ("From: a@example.org, jan\r\n", "no address"),
            ("From: \"Jan <a@example.org>\r\n", "no address"),
            ("From: a@example.org b@example.org\r\n", "no address"),
            ("From:\r\n", "no address"),
            ("From: (a@example.org)\r\n", "no address"),
        ] {
            let error = head(text).from().unwrap_err();
            assert!(error.0.contains(why), "{text:?}: {error}");
        }
    }

    #[test]
    fn addressees_are_to_and_cc_and_never_bcc() {
        let head = head(
            "Cc: c@example.org\r\nBcc: x@example.org\r\nTo: T: a@example.org, no, b@example.org;\r\n",
        );
        let keys: Vec<_> = head.addressees().iter().map(Address::key).collect();
        assert_eq!(keys, ["c@example.org", "a@example.org", "b@example.org"]);
    }

    #[test]
    fn subjects_and_ids_are_read() {
        let head = head(
            "Message-ID: <1@example.org>\r\nReferences: <a@x> junk <b b> <c@x>\r\n\t<>\r\nIn-Reply-To: <d@x\r\n\
             Subject: =?utf-8?Q?caf=C3=A9=0D=0A?=\r\n open \r\nSubject: second\r\n",
        );
        assert_eq!(head.message_id().as_deref(), Some("1@example.org"));
        assert_eq!(head.references(), ["a@x", "c@x"]);
        assert_eq!(head.subject().as_deref(), Some("café  open"));
        assert!(!format!("{head:?}").contains("second"));
    }
}
