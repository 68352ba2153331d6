//! What is on file of a recipient: the number or the access code that they are verified by. Whoever gives one with a message
//! has it for themselves; once the recipient has opened a message with it, all authors of the sender's domain share it.

use std::collections::BTreeSet;
use std::fmt;

use crate::access::AccessCode;
use crate::address::Address;
use crate::directive::AccessRight;
use crate::phone::Number;

/// Of each kind a recipient has one.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Number,
    AccessCode,
}

/// One line of a file that is imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub recipient: Address,
    pub number: Option<Number>,
    pub access_code: Option<AccessCode>,
}

/// What is wrong with a line, counted from 1. It never says a number or a code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Fault {
    pub line: usize,
    pub why: String,
}

/// Lines of an imported file. Each access code takes a processor for a few hundredths of a second, so that a full file of
/// them is done within minutes.
pub const LINES_MAX: usize = 10_000;

/// The columns by their names in the first line, in any order.
const RECIPIENT: &str = "recipient";
const NUMBER: &str = "number";
const ACCESS_CODE: &str = "access-code";

/// Reads a whole file: comma- or semicolon-separated values (RFC 4180, with no line ends inside quotes) under a line of
/// column names. All faults are told at once.
pub fn read(text: &str) -> Result<Vec<Entry>, Vec<Fault>> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    let Some((names, line)) = lines.next() else {
        return Err(vec![Fault { line: 1, why: format!("the file is empty: {FORM}") }]);
    };
    let columns = Columns::read(names).map_err(|why| vec![Fault { line, why }])?;
    let (mut entries, mut faults, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (text, line) in lines {
        if entries.len() + faults.len() == LINES_MAX {
            let why = format!("a file has {LINES_MAX} recipients at most; cut it into several");
            faults.push(Fault { line, why });
            break;
        }
        match columns.entry(text) {
            Ok(entry) if !seen.insert(entry.recipient.clone()) => {
                let why = "the recipient stands on an earlier line too".to_owned();
                faults.push(Fault { line, why });
            }
            Ok(entry) => entries.push(entry),
            Err(why) => faults.push(Fault { line, why }),
        }
    }
    if faults.is_empty() { Ok(entries) } else { Err(faults) }
}

const FORM: &str =
    "the first line must name the columns `recipient`, and `number` or `access-code` or both";

/// Where each column stands.
struct Columns {
    separator: char,
    names: Vec<String>,
}

impl Columns {
    fn read(line: &str) -> Result<Self, String> {
        let separator = if line.contains(';') { ';' } else { ',' };
        let names = fields(line, separator)?;
        let names: Vec<String> =
            names.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
        let count = |wanted: &str| names.iter().filter(|name| *name == wanted).count();
        let known = count(RECIPIENT) + count(NUMBER) + count(ACCESS_CODE);
        let twice = [RECIPIENT, NUMBER, ACCESS_CODE].iter().any(|name| count(name) > 1);
        if count(RECIPIENT) != 1 || known < 2 || known != names.len() || twice {
            return Err(FORM.to_owned());
        }
        Ok(Self { separator, names })
    }

    fn entry(&self, line: &str) -> Result<Entry, String> {
        let fields = fields(line, self.separator)?;
        if fields.len() != self.names.len() {
            return Err(format!("{} fields, but {} columns", fields.len(), self.names.len()));
        }
        let field = |wanted: &str| {
            let at = self.names.iter().position(|name| name == wanted);
            at.and_then(|at| fields.get(at)).map(|field| field.trim()).unwrap_or_default()
        };
        let recipient = field(RECIPIENT)
            .parse()
            .map_err(|_| "the recipient is not an address such as name@example.com".to_owned())?;
        let number = Some(field(NUMBER)).filter(|number| !number.is_empty());
        let number = number.map(Number::parse).transpose().map_err(|unfit| unfit.to_string())?;
        let code = Some(field(ACCESS_CODE)).filter(|code| !code.is_empty());
        let access_code = code.map(AccessCode::parse).transpose().map_err(|why| why.to_string())?;
        if access_code.as_ref().is_some_and(AccessCode::is_obvious) {
            return Err("the access code is one that anybody would try".to_owned());
        }
        if number.is_none() && access_code.is_none() {
            return Err("neither a number nor an access code".to_owned());
        }
        Ok(Entry { recipient, number, access_code })
    }
}

/// The fields of one line; in quotes, a separator is text and two quotes are one.
fn fields(line: &str, separator: char) -> Result<Vec<String>, String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        let Some(field) = fields.last_mut() else { break };
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if field.trim().is_empty() => {
                field.clear();
                quoted = true;
            }
            c if c == separator && !quoted => fields.push(String::new()),
            c => field.push(c),
        }
    }
    if quoted { Err("a quotation mark is not closed".to_owned()) } else { Ok(fields) }
}

impl Kind {
    pub fn of(right: &AccessRight) -> Self {
        match right {
            AccessRight::Sms(_) => Self::Number,
            AccessRight::AccessCode(_) | AccessRight::HashedCode(_) => Self::AccessCode,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => NUMBER,
            Self::AccessCode => ACCESS_CODE,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The recipients, each with the end of their number and their code.
    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str, &str)]) {
        let entries = read(text).unwrap_or_else(|faults| panic!("{text:?}: {faults:?}"));
        let found: Vec<_> = entries
            .iter()
            .map(|entry| {
                let code = entry.access_code.as_ref().map(|code| code.secret().reveal());
                let number = entry.number.as_ref().map(Number::ending);
                (entry.recipient.to_string(), number.unwrap_or_default(), code.unwrap_or_default())
            })
            .collect();
        let found: Vec<_> =
            found.iter().map(|(to, number, code)| (&**to, *number, *code)).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[track_caller]
    fn check_faults(text: &str, expected: &[(usize, &str)]) {
        let faults = read(text).expect_err(text);
        assert_eq!(faults.len(), expected.len(), "{faults:?}");
        for (fault, (line, says)) in faults.iter().zip(expected) {
            assert!(fault.line == *line && fault.why.contains(says), "{says}: {fault:?}");
            let shown = fault.to_string();
            assert!(!shown.contains("316") && !shown.contains("ganzen"), "{shown}");
        }
    }

    #[test]
    fn a_file_is_read_as_spreadsheets_write_it() {
        let both = &[("els@example.com", "78", "blauwe7ganzen"), ("pim@example.com", "", "135789")];
        check(
            "recipient,number,access-code\nels@example.com,+31612345678,Blauwe 7 ganzen\npim@example.com,,135789\n",
            both,
        );
        check(
            "\u{FEFF}\"Access-Code\";Recipient;Number\r\n\"blauwe7ganzen\";els@example.com;\"+31612345678\"\r\n\r\n135789;pim@example.com;\r\n",
            both,
        );
        check(
            "recipient,access-code\n\"\"\"a,b\"\"@example.com\",\"ganzen\"\"7,8\"\n",
            &[("\"a,b\"@example.com", "", "ganzen\"7,8")],
        );
    }

    #[test]
    fn every_fault_is_named_with_its_line_and_keeps_its_secrets() {
        check_faults("", &[(1, "empty")]);
        for names in
            ["recipient", "number,access-code", "recipient,number,name", "recipient,number,number"]
        {
            check_faults(
                &format!("\n{names}\nels@example.com,+31612345678\n"),
                &[(2, "must name")],
            );
        }
        check_faults(
            "recipient,number,access-code\n\
             els,+31612345678,\n\
             els@example.com,0612345678,\n\
             els@example.com,+31201234567,\n\
             els@example.com,,kort\n\
             els@example.com,,123456\n\
             els@example.com,,\n\
             els@example.com,\n\
             els@example.com,,\"blauwe7ganzen\n\
             els@example.com,,blauwe7ganzen\n\
             ELS@example.com,,blauwe7ganzen\n",
            &[
                (2, "not an address"),
                (3, "must be a +"),
                (4, "mobile"),
                (5, "6 to 64"),
                (6, "anybody would try"),
                (7, "neither"),
                (8, "2 fields, but 3 columns"),
                (9, "not closed"),
                (11, "earlier line"),
            ],
        );
    }

    #[test]
    fn a_file_that_is_too_long_is_refused_whole() {
        let line = |at| format!("r{at}@x.nl,135789");
        let lines: Vec<_> = (0..LINES_MAX).map(line).collect();
        let most = format!("recipient,access-code\n{}", lines.join("\n"));
        assert_eq!(read(&most).unwrap().len(), LINES_MAX);
        let more = format!("{most}\n{}", line(LINES_MAX));
        check_faults(&more, &[(LINES_MAX + 2, "cut it into several")]);
    }
}
