//! Where mail programs may read a message's structure in another way than the walk does: then there can be more in it than
//! the walk comes upon. A walk goes on all the same; who decides by what it found has to know.

use std::collections::BTreeSet;

use crate::message::Head;
use crate::text::unfold;

/// Why a message can be read in more than one way.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Doubt {
    #[error("the header section of a part is malformed")]
    Head,
    #[error("a part has two fields of one name that say different things")]
    TwoFields,
    #[error("the type of a part can be read in two ways")]
    Type,
    #[error("the boundary of a multipart can be read in two ways")]
    Boundary,
    #[error("the transfer encoding of a part is not a known one")]
    Encoding,
    #[error("an encoded part has what is not of its encoding")]
    Encoded,
    #[error("a multipart goes on behind its end")]
    BehindEnd,
    #[error("a line is a boundary to some programs and none to others")]
    Line,
    #[error("a text has a file in it that some programs show as an attachment")]
    InText,
    #[error("a part stands in another message, or elsewhere")]
    Elsewhere,
    #[error("there are more parts, or more parts in parts, than are looked at")]
    TooMany,
}

/// The fields that say what a part is.
const FIELDS: [&str; 4] =
    ["Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "MIME-Version"];

const ENCODINGS: [&str; 6] = ["", "7bit", "8bit", "binary", "base64", "quoted-printable"];

/// RFC 2046, section 5.1.1.
const BOUNDARY_MAX: usize = 70;

/// What a header section leaves open. `boundary` is what the walk goes by; none in a leaf part.
pub(super) fn of_head(head: &[u8], boundary: Option<&[u8]>) -> BTreeSet<Doubt> {
    let Ok(head) = Head::parse(head) else { return BTreeSet::from([Doubt::Head]) };
    let mut doubts = BTreeSet::new();
    if FIELDS.iter().any(|name| differ(&head, name)) {
        doubts.insert(Doubt::TwoFields);
    }
    let of_type =
        head.named("Content-Type").flat_map(|field| of_type(&unfold(field.value), boundary));
    doubts.extend(of_type);
    for field in head.named("Content-Transfer-Encoding") {
        let encoding = unfold(field.value).trim().to_ascii_lowercase();
        let is_known = ENCODINGS.contains(&encoding.as_str());
        let is_coded_multipart =
            boundary.is_some() && matches!(encoding.as_str(), "base64" | "quoted-printable");
        if !is_known || is_coded_multipart {
            doubts.insert(Doubt::Encoding);
        }
    }
    doubts
}

fn differ(head: &Head<'_>, name: &str) -> bool {
    let mut values = head.named(name).map(|field| unfold(field.value).trim().to_ascii_lowercase());
    values.next().is_some_and(|first| values.any(|next| next != first))
}

/// What a `Content-Type` leaves open. What kind of leaf a part is matters to nobody here: its content says that.
fn of_type(value: &str, boundary: Option<&[u8]>) -> Vec<Doubt> {
    let lower = value.trim().to_ascii_lowercase();
    let said: Vec<(String, String)> =
        Parameters(value).filter(|(name, _)| name.contains("boundary")).collect();
    let mut doubts = Vec::new();
    match (boundary, said.as_slice()) {
        (Some(boundary), [(name, text)])
            if name == "boundary" && text.as_bytes() == boundary && is_sound(text) => {}
        (Some(_), _) => doubts.push(Doubt::Boundary),
        (None, _) if lower.contains("multipart") || lower.contains("boundary") => {
            doubts.push(Doubt::Type);
        }
        (None, _) => {}
    }
    if lower.starts_with("message/partial") || lower.starts_with("message/external-body") {
        doubts.push(Doubt::Elsewhere);
    }
    doubts
}

fn is_sound(boundary: &str) -> bool {
    boundary.len() <= BOUNDARY_MAX
        && boundary.bytes().all(|octet| matches!(octet, b' '..=b'~'))
        && !boundary.contains(['\\', '"'])
        && boundary.trim() == boundary
}

/// The parameters of a value by name and text, read in the plainest way: no comments, no continuations.
struct Parameters<'a>(&'a str);

impl Iterator for Parameters<'_> {
    type Item = (String, String);

    fn next(&mut self) -> Option<(String, String)> {
        // What stands before the first semicolon is the type.
        let (_, rest) = self.0.split_at_checked(semicolon(self.0)?)?;
        self.0 = rest.strip_prefix(';')?;
        let end = semicolon(self.0).unwrap_or(self.0.len());
        let (text, _) = self.0.split_at_checked(end)?;
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let value = value.trim();
        let value =
            value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
        Some((name.trim().to_ascii_lowercase(), value.to_owned()))
    }
}

/// Where the first semicolon stands that is in no quotes.
fn semicolon(text: &str) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(at, c)| {
        quoted ^= c == '"';
        (c == ';' && !quoted).then_some(at)
    })
}

/// What a line that is no boundary leaves open. `open` and `closed` are the boundaries of multiparts.
pub(super) fn of_line<'a>(
    line: &[u8],
    open: impl Iterator<Item = &'a [u8]>,
    mut closed: impl Iterator<Item = &'a [u8]>,
) -> Option<Doubt> {
    if line.windows(3).any(|octets| octets == b"\r--") {
        return Some(Doubt::Line);
    }
    let rest = line.strip_prefix(b"--")?;
    if closed.any(|boundary| rest.starts_with(boundary)) {
        return Some(Doubt::BehindEnd);
    }
    let mut open = open;
    open.any(|boundary| rest.starts_with(boundary)).then_some(Doubt::Line)
}

/// Whether a line of text begins a file in it (uuencode): `begin 644 name`.
pub(super) fn begins_file(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"begin ") else { return false };
    let digits = rest.iter().take_while(|octet| matches!(octet, b'0'..=b'7')).count();
    matches!(digits, 3 | 4) && rest.get(digits) == Some(&b' ') && rest.len() > digits + 1
}

#[cfg(test)]
mod tests {
    use super::super::Walker;
    use super::*;

    #[track_caller]
    fn check(message: &str, want: &[Doubt]) {
        let message = message.replace('\n', "\r\n");
        for size in [1, 5, message.len()] {
            let mut walker = Walker::new();
            message.as_bytes().chunks(size).for_each(|piece| walker.push(piece, &mut |_| ()));
            assert_eq!(walker.finish(&mut |_| ()), want, "in pieces of {size}:\n{message}");
        }
    }

    /// A message of two parts, the second with this head.
    #[track_caller]
    fn check_part(head: &str, want: &[Doubt]) {
        check(
            &format!(
                "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"=_b\"\n\n--=_b\n\ntext\n--=_b\n{head}\n\nx\n--=_b--\n"
            ),
            want,
        );
    }

    #[test]
    fn what_mail_programs_write_leaves_no_doubt() {
        check("Subject: x\n\ntext -- \n-- \nbegin at 644\n\n--\n", &[]);
        for head in [
            "",
            "Content-Type: text/plain; charset=us-ascii (Plain text)",
            "Content-Type: application/pdf; name=\"a;b.pdf\"\nContent-Transfer-Encoding: BASE64\n\nQUJD\nREU",
            "Content-Type: text/html\nContent-Type: text/html\nContent-Transfer-Encoding: 7bit",
            "Content-Type: multipart/alternative;\n boundary=\"=_b2\"; type=\"text/html\"\n\n--=_b2\n\nx\n--=_b2--\n",
        ] {
            check_part(head, &[]);
        }
    }

    #[test]
    fn contradicting_fields_are_doubtful() {
        check_part("Content-Type: text/plain\nContent-Type: text/html", &[Doubt::TwoFields]);
        check_part(
            "Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit",
            &[Doubt::TwoFields],
        );
        check_part("Content-Transfer-Encoding: x-uuencode", &[Doubt::Encoding]);
        check_part("Content-Type : text/plain", &[Doubt::Head]);
        check_part("no field", &[Doubt::Head]);
        check_part("Content-Type: message/partial; id=1; number=1", &[Doubt::Elsewhere]);
    }

    #[test]
    fn a_long_line_hides_nothing() {
        let long = "x".repeat(20_000);
        check(&format!("X-A: {long}\nContent-Type: multipart\n\ntext\n"), &[Doubt::Type]);
        check(&format!("X-A: {long}\nSubject: x\n\ntext\n"), &[]);
        check("Subject: x", &[]);
    }

    #[test]
    fn boundaries_that_can_be_read_in_two_ways_are_doubtful() {
        for parameters in [
            "boundary=a; boundary=b",
            "boundary=a; boundary*=us-ascii''b",
            "boundary*0=a; boundary*1=b",
            "boundary=\"a\\b\"",
            "boundary=\"a \"",
            &format!("boundary={}", "x".repeat(71)),
        ] {
            check_part(&format!("Content-Type: multipart/mixed; {parameters}"), &[Doubt::Boundary]);
        }
        for value in ["multipart/mixed", "text/plain; boundary=a", "multipart", "x multipart/mixed"]
        {
            check_part(&format!("Content-Type: {value}"), &[Doubt::Type]);
        }
        check_part(
            "Content-Transfer-Encoding: base64\nContent-Type: multipart/mixed; boundary=a",
            &[Doubt::Encoding],
        );
    }

    #[test]
    fn lines_that_some_take_for_boundaries_are_doubtful() {
        check_part("\n--=_bc", &[Doubt::Line]);
        check_part("\ntext\r--=_b", &[Doubt::Line]);
        check_part("\n--=_b--\n--=_b\n\nmore", &[Doubt::BehindEnd]);
    }

    #[test]
    fn what_hides_in_a_text_or_in_an_encoding_is_doubtful() {
        check_part("\nbegin 644 a.docx\nM123", &[Doubt::InText]);
        check_part("Content-Transfer-Encoding: base64\n\nQQ==QUI=", &[Doubt::Encoded]);
        check_part("Content-Transfer-Encoding: base64\n\nQU!I=", &[Doubt::Encoded]);
    }

    #[test]
    fn more_than_is_looked_at_is_doubtful() {
        let many = format!(
            "Content-Type: multipart/mixed; boundary=b\n\n{}--b--\n",
            "--b\n\nx\n".repeat(1100)
        );
        check(&many, &[Doubt::TooMany]);
    }
}
