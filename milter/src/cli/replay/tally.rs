//! What an archive came to: counts, and what changes.

use std::collections::BTreeMap;
use std::io::{self, Write};

use zegel_core::selection::Rule;

use super::outcome::{Outcome, Reason, Why};
use super::{Judged, Report};
use crate::action::Refusal;
use crate::config::Config;

#[derive(Debug, Default)]
pub(super) struct Tally {
    secured: BTreeMap<Reason, usize>,
    ordinary: BTreeMap<Why, usize>,
    undecided: usize,
    malformed: usize,
    changed: Vec<Change>,
    unreadable: Vec<(usize, String, String)>,
}

/// A message whose outcome changes.
#[derive(Debug)]
struct Change {
    number: usize,
    path: String,
    message_id: Option<String>,
    before: Outcome,
    now: Outcome,
}

/// Characters of a Message-ID on a line.
const MESSAGE_ID_MAX: usize = 250;

impl Tally {
    pub(super) fn note(&mut self, report: Report) {
        let Report { number, path, weight: _, judged } = report;
        let Judged { message_id, now, before } = match judged {
            Ok(judged) => judged,
            Err(why) => return self.unreadable.push((number, path, why)),
        };
        match &now {
            Outcome::Secured { by, .. } => *self.secured.entry(by.clone()).or_default() += 1,
            Outcome::Ordinary(why) => *self.ordinary.entry(why.clone()).or_default() += 1,
            Outcome::Refused(Refusal::Undecided(_)) => self.undecided += 1,
            Outcome::Refused(_) => self.malformed += 1,
        }
        if let Some(before) = before.filter(|before| !before.is_like(&now)) {
            self.changed.push(Change { number, path, message_id, before, now });
        }
    }

    pub(super) fn has_changes(&self) -> bool {
        !self.changed.is_empty()
    }

    /// First what changes, then the counts, so that the end of a long output is its summary.
    pub(super) fn tell(
        mut self,
        rules: &Config,
        compared: bool,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        // Cores finish in any order.
        self.changed.sort_unstable_by_key(|change| change.number);
        self.unreadable.sort_unstable();
        for Change { number: _, path, message_id, before, now } in &self.changed {
            let message_id = shown(message_id.as_deref().unwrap_or("no Message-ID"));
            writeln!(out, "{path}\n  {message_id}\n  {before} → {now}")?;
        }
        for (_, path, why) in &self.unreadable {
            writeln!(out, "{path}\n  cannot be read: {why}")?;
        }
        rules.rules.iter().try_for_each(|rule| self.tell_rule(rule, out))?;
        let replies = self.secured.get(&Reason::Reply).copied().unwrap_or_default();
        writeln!(out, "{replies:>9} secure: answers to secured messages")?;
        let ordinary = |why| self.ordinary.get(&why).copied().unwrap_or_default();
        writeln!(out, "{:>9} ordinary: no rule applies", ordinary(Why::NoRule))?;
        writeln!(out, "{:>9} ordinary: the relay's own mail", ordinary(Why::Relay))?;
        writeln!(out, "{:>9} ordinary: bounces", ordinary(Why::NullSender))?;
        writeln!(out, "{:>9} ordinary: automatic replies", ordinary(Why::AutoReply))?;
        writeln!(out, "{:>9} refused: undecided", self.undecided)?;
        writeln!(out, "{:>9} refused: the header section cannot be read", self.malformed)?;
        writeln!(out, "{:>9} files that cannot be read", self.unreadable.len())?;
        if compared {
            writeln!(out, "{:>9} outcomes change", self.changed.len())?;
        }
        Ok(())
    }

    fn tell_rule(&self, rule: &Rule, out: &mut dyn Write) -> io::Result<()> {
        let name = rule.name.as_str();
        let secured = self.secured.get(&Reason::Rule(name.to_owned()));
        let let_go = self.ordinary.get(&Why::Rule(name.to_owned()));
        let count = secured.or(let_go).copied().unwrap_or_default();
        writeln!(out, "{count:>9} {} by rule {name:?}", rule.action)
    }
}

fn shown(message_id: &str) -> String {
    message_id.chars().take(MESSAGE_ID_MAX).map(|c| if c.is_control() { '?' } else { c }).collect()
}
