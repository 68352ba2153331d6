//! Lists of domains as people keep them in text files: one on a line, `#` begins a remark, empty lines are nothing. One line
//! that is no domain spoils the list: half of one would be worse than the last whole one.

use std::collections::BTreeSet;

use crate::address::{AddressError, Domain};

/// More than the domains of the Dutch health and public sector together; a list that is longer is another file.
pub const DOMAINS_MAX: usize = 100_000;

/// Octets of a list: its domains at the length that they have on average, three times.
pub const OCTETS_MAX: u64 = 6 * 1024 * 1024;

/// Why a text is not a list of domains. It never repeats the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    #[error("it is no text in UTF-8")]
    NotText,
    #[error("line {line}: {why}; write one domain on a line")]
    Line { line: usize, why: AddressError },
    #[error("it has more than {DOMAINS_MAX} domains")]
    TooLong,
}

/// Reads a list.
pub fn read(octets: &[u8]) -> Result<BTreeSet<Domain>, ListError> {
    let text = str::from_utf8(octets).map_err(|_| ListError::NotText)?;
    // Editors on Windows put a byte order mark first.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut domains = BTreeSet::new();
    for (number, line) in (1..).zip(text.lines()) {
        let word = line.split('#').next().unwrap_or_default().trim();
        if word.is_empty() {
            continue;
        }
        domains.insert(word.parse().map_err(|why| ListError::Line { line: number, why })?);
        if domains.len() > DOMAINS_MAX {
            return Err(ListError::TooLong);
        }
    }
    Ok(domains)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &[u8], expected: Result<&[&str], &str>) {
        let found = read(text).map_err(|error| error.to_string());
        let expected = expected
            .map(|names| names.iter().map(|name| name.parse().unwrap()).collect::<BTreeSet<_>>());
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{text:?}"),
            (Err(found), Err(expected)) => assert!(found.starts_with(expected), "{found}"),
            (found, expected) => panic!("{text:?}: {found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn a_list_has_a_domain_on_a_line_and_remarks() {
        check(b"", Ok(&[]));
        check(
            b"# partners\r\nExample.NL\r\n\r\n  b.org # since May\nexample.nl",
            Ok(&["b.org", "example.nl"]),
        );
        check("\u{feff}b.org\nbücher.de".as_bytes(), Ok(&["b.org", "xn--bcher-kva.de"]));
    }

    #[test]
    fn one_line_that_is_no_domain_spoils_the_list() {
        for text in ["a.nl\nb.org, c.org", "a.nl\n<html>", "a.nl\njan@a.nl", "a.nl\nlocalhost"] {
            check(text.as_bytes(), Err("line 2: "));
        }
        check(b"a.nl\n\xff", Err("it is no text"));
    }

    #[test]
    fn a_list_has_an_end() {
        let many: Vec<_> = (0..=DOMAINS_MAX).map(|n| format!("d{n}.nl\n")).collect();
        check(many.concat().as_bytes(), Err("it has more than"));
    }
}
