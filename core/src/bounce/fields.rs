//! The fields for machines (RFC 3464, section 2), as servers write them.

use super::{Bounce, Failed};
use crate::address::Domain;

/// Lines that are read: our notifications have one recipient, and those whom a list forwards it to are few.
const LINES_MAX: usize = 2000;

/// One recipient's fields, or the message's.
#[derive(Default)]
struct Group {
    action: Option<String>,
    status: Option<String>,
    diagnostic: String,
    remote: Option<String>,
    reporting: Option<String>,
}

/// What the fields say. When they tell of several recipients, the recipient forwards: only if none of them gets it is it
/// lost.
pub(super) fn read(text: &str) -> Bounce {
    let groups = groups(text);
    let reporting = groups.iter().find_map(|group| group.reporting.clone());
    let said: Vec<Bounce> =
        groups.iter().filter_map(|group| group.says(reporting.as_deref())).collect();
    for hopeful in [Bounce::Delivered, Bounce::Delayed] {
        if said.contains(&hopeful) {
            return hopeful;
        }
    }
    said.into_iter().next().unwrap_or(Bounce::Unknown)
}

impl Group {
    fn take(&mut self, name: &str, value: &str) {
        match name.to_ascii_lowercase().as_str() {
            "action" => self.action = word(value),
            "status" => self.status = word(value),
            "diagnostic-code" => value.clone_into(&mut self.diagnostic),
            "remote-mta" => self.remote = host(value),
            "reporting-mta" => self.reporting = host(value),
            _ => {}
        }
    }

    /// `None`: nothing about a recipient.
    fn says(&self, reporting: Option<&str>) -> Option<Bounce> {
        let class = self.status.as_deref().and_then(|status| status.get(..2));
        match (self.action.as_deref(), class) {
            (Some("failed"), _) | (None, Some("5.")) => {
                Some(Bounce::Failed(self.failed(reporting)))
            }
            (Some("delayed"), _) | (None, Some("4.")) => Some(Bounce::Delayed),
            (Some("delivered" | "relayed" | "expanded"), _) | (None, Some("2.")) => {
                Some(Bounce::Delivered)
            }
            _ => None,
        }
    }

    fn failed(&self, reporting: Option<&str>) -> Failed {
        let words = self.diagnostic.split_once(';').map_or("", |(_, words)| words.trim());
        let told = permanent(words);
        let status = self.status.as_deref().and_then(lasting);
        // Some servers say 5.0.0 to everything, and what the other one said stands in its words.
        let enhanced = match status {
            Some(status) if status != "5.0.0" => Some(status),
            vague => told.or(vague),
        };
        let host = self.remote.as_deref().or(reporting).map(str::to_owned);
        Failed { code: code(words).unwrap_or(550), enhanced, host }
    }
}

/// Groups are parted by empty lines; a line that begins with white space goes on with the one before.
fn groups(text: &str) -> Vec<Group> {
    let mut groups = vec![Group::default()];
    let mut field = String::new();
    for line in text.lines().take(LINES_MAX).chain([""]) {
        if line.starts_with([' ', '\t']) && !line.trim().is_empty() {
            field.push(' ');
            field.push_str(line.trim());
            continue;
        }
        if let (Some((name, value)), Some(group)) = (field.split_once(':'), groups.last_mut()) {
            group.take(name.trim(), value.trim());
        }
        line.clone_into(&mut field);
        if line.trim().is_empty() {
            groups.push(Group::default());
        }
    }
    groups
}

/// The first word in small letters: some servers add a comment.
fn word(value: &str) -> Option<String> {
    let word = value.split(|c: char| c.is_whitespace() || matches!(c, '(' | ';')).next()?;
    (!word.is_empty()).then(|| word.to_ascii_lowercase())
}

/// `dns; mx.example.nl (192.0.2.1)`: the host, if it is one.
fn host(value: &str) -> Option<String> {
    let name = value.split_once(';').map_or(value, |(_, name)| name);
    let domain: Domain = word(name.trim())?.trim_end_matches('.').parse().ok()?;
    Some(domain.to_string())
}

/// A reply code of class 5 at the front.
pub(super) fn code(words: &str) -> Option<u16> {
    let digits = words.get(..3)?;
    let ends = !words.get(3..4).is_some_and(|next| next.bytes().all(|b| b.is_ascii_digit()));
    let number = digits.parse().ok().filter(|code| (500..600).contains(code))?;
    (ends && digits.bytes().all(|octet| octet.is_ascii_digit())).then_some(number)
}

/// The first enhanced status code of class 5 in the words.
pub(super) fn permanent(words: &str) -> Option<String> {
    let mut candidates = words.split(|c: char| !(c.is_ascii_digit() || c == '.'));
    candidates.find(|word| word.starts_with("5.") && is_status(word)).map(str::to_owned)
}

/// A status of a failure. One that was tried for too long keeps class 4 with some servers, but it is over.
fn lasting(status: &str) -> Option<String> {
    let rest = status.strip_prefix("5.").or_else(|| status.strip_prefix("4."))?;
    let status = format!("5.{rest}");
    is_status(&status).then_some(status)
}

/// RFC 3463, section 2.
fn is_status(word: &str) -> bool {
    let mut numbers = word.split('.');
    let mut number = |most: usize| {
        numbers.next().is_some_and(|number| {
            (1..=most).contains(&number.len()) && number.bytes().all(|octet| octet.is_ascii_digit())
        })
    };
    number(1) && number(3) && number(3) && numbers.next().is_none()
}
