//! A rule of ours that is being put together, and its text.

use std::fmt::Write as _;

use toml::{Table, Value};

use crate::config::Config;

/// Under which of the two a condition stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Side {
    When,
    Except,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Secure,
    Ordinary,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    /// None: the rule does nothing that concerns us.
    pub action: Option<Action>,
    pub monitor: bool,
    pub disabled: bool,
    when: Table,
    except: Table,
    headers: Table,
    /// Where the rule is the same in effect, and yet another thing.
    notes: Vec<String>,
    /// What the rule did to the messages besides, and the draft does not.
    dropped: Vec<String>,
    /// What the rule says about which messages it is, and the draft does not.
    missing: Vec<String>,
}

impl Draft {
    /// Adds a condition. All keys under `when` must hold, and of one key's values any: what Exchange asks for beside another
    /// value of the same key has no place. Of exceptions any may hold, so there it has.
    pub(super) fn condition(&mut self, side: Side, key: &str, value: Value, asked_by: &str) {
        let table = match side {
            Side::When => &mut self.when,
            Side::Except => &mut self.except,
        };
        match (table.get_mut(key), value, side) {
            (None, value, _) => {
                table.insert(key.to_owned(), value);
            }
            (Some(Value::Array(known)), Value::Array(more), Side::Except) => known.extend(more),
            (Some(_), _, _) => self.lacks(format!(
                "{asked_by}: another condition asks for {key} already, and there is one of a kind in a rule"
            )),
        }
    }

    pub(super) fn header(&mut self, name: &str, value: &str) {
        self.headers.insert(name.to_ascii_lowercase(), Value::String(value.to_owned()));
    }

    pub(super) fn notes(&mut self, what: impl Into<String>) {
        self.notes.push(what.into());
    }

    pub(super) fn drops(&mut self, what: impl Into<String>) {
        self.dropped.push(what.into());
    }

    pub(super) fn lacks(&mut self, what: impl Into<String>) {
        self.missing.push(what.into());
    }

    /// What was not carried over: of the conditions, and of the effect.
    pub(super) fn left(&self) -> impl Iterator<Item = &String> {
        self.missing.iter().chain(&self.dropped)
    }

    /// What was carried over and is yet another thing.
    pub(super) fn noted(&self) -> impl Iterator<Item = &String> {
        self.notes.iter()
    }

    pub(super) fn is_whole(&self) -> bool {
        self.left().next().is_none() && self.action.is_some()
    }

    /// The rule as it stands in the file, behind comment signs where it would not do what the original did. The milter's own
    /// reader has the last word.
    pub(super) fn write(&mut self, name: &str, own_domains: &str, out: &mut String) {
        let Some(rule) = self.rule(name) else {
            self.comment(out);
            return;
        };
        if self.missing.is_empty()
            && let Err(problems) = Config::parse(&format!("{own_domains}{rule}"))
        {
            let problem = problems.join("; ");
            self.lacks(format!(
                "the rule is not sound: {}",
                problem.lines().last().unwrap_or_default()
            ));
        }
        self.comment(out);
        let prefix = if self.missing.is_empty() && !self.disabled { "" } else { "#" };
        for line in rule.lines() {
            let _ = writeln!(out, "{prefix}{line}");
        }
    }

    fn comment(&self, out: &mut String) {
        for left in self.left() {
            comment(out, &format!("Not carried over: {left}."));
        }
        for note in &self.notes {
            comment(out, &format!("Note: {note}."));
        }
        if self.disabled {
            comment(out, "Switched off in Exchange.");
        }
    }

    fn rule(&self, name: &str) -> Option<String> {
        let action = match self.action? {
            Action::Secure => "secure",
            Action::Ordinary => "ordinary",
        };
        let mut rule = format!("[[rule]]\nname = {}\n", Value::String(name.to_owned()));
        if self.when.is_empty() {
            rule.push_str("when = {}\n");
        }
        let mut lines = |side: &str, table: &Table| {
            for (key, value) in table {
                let _ = writeln!(rule, "{side}.{key} = {value}");
            }
        };
        lines("when", &self.when);
        lines("except", &self.except);
        let _ = writeln!(rule, "action = {action:?}");
        if self.monitor {
            rule.push_str("mode = \"monitor\"\n");
        }
        for (key, value) in &self.headers {
            let _ = writeln!(rule, "headers.{key} = {value}");
        }
        Some(rule)
    }
}

/// A comment, whatever lines its text has.
pub(super) fn comment(out: &mut String, text: &str) {
    for line in text.lines() {
        let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let _ = writeln!(out, "# {line}");
    }
}

/// A list of texts.
pub(super) fn list<T: ToString>(texts: impl IntoIterator<Item = T>) -> Value {
    Value::Array(texts.into_iter().map(|text| Value::String(text.to_string())).collect())
}

/// A list of inline tables.
pub(super) fn tables<const N: usize>(
    tables: impl IntoIterator<Item = [(&'static str, Value); N]>,
) -> Value {
    let table = |entries: [(&'static str, Value); N]| {
        Value::Table(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    };
    Value::Array(tables.into_iter().map(table).collect())
}
