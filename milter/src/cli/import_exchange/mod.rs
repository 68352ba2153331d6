//! `zegel-milter import-exchange`: mail flow rules of Exchange as rules of ours, and a list of what could not be carried over.
//! A rule that would select other messages than the original did stands in the file behind comment signs.

mod action;
mod carry;
mod condition;
mod draft;
mod export;
mod legacy;
mod powershell;
mod xml;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use zegel_core::address::Domain;

use self::carry::carry;
use self::draft::{comment, list};
use self::export::FlowRule;
use super::{FOUND, Failure};

#[derive(Debug, Args)]
pub(super) struct ImportExchange {
    /// What Export-TransportRuleCollection wrote, or Get-TransportRule | ConvertTo-Json -Depth 4
    export: PathBuf,
    /// A domain of the organisation itself; may be repeated
    #[arg(long = "domain", value_name = "DOMAIN")]
    domains: Vec<Domain>,
}

/// Octets of an export: a tenant has 300 rules of 8 KiB at most, in UTF-16.
const EXPORT_MAX: u64 = 16 * 1024 * 1024;

/// Characters of a rule's name (`selection::Name`), less a number behind it.
const NAME_MAX: usize = 74;

pub(super) fn import(
    asked: &ImportExchange,
    out: &mut dyn Write,
    told: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let path = asked.export.display();
    let mut octets = Vec::new();
    File::open(&asked.export)
        .and_then(|file| file.take(EXPORT_MAX + 1).read_to_end(&mut octets))
        .map_err(|error| format!("{path}: {error}"))?;
    if octets.len() as u64 > EXPORT_MAX {
        return Err(format!("{path}: larger than {} MiB", EXPORT_MAX / 1024 / 1024).into());
    }
    let rules = export::read(&octets).map_err(|why| format!("{path}: {why}"))?;
    let Carried { file, left, notes } = carry_all(&rules, &asked.domains);
    out.write_all(file.as_bytes())?;
    left.iter().chain(&notes).try_for_each(|line| writeln!(told, "{line}"))?;
    Ok(if left.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

/// What became of all rules.
#[derive(Debug)]
struct Carried {
    file: String,
    /// What was not carried over, line by line.
    left: Vec<String>,
    /// What was, and is yet another thing.
    notes: Vec<String>,
}

fn carry_all(rules: &[FlowRule], own: &[Domain]) -> Carried {
    let (mut body, mut whole) = (String::new(), 0);
    let (mut left, mut notes) = (Vec::new(), Vec::new());
    let mut names = BTreeSet::new();
    let own_domains =
        if own.is_empty() { String::new() } else { format!("own-domains = {}\n", list(own)) };
    for (number, rule) in (1..).zip(rules) {
        let mut draft = carry(rule, own);
        body.push('\n');
        comment(&mut body, &format!("Exchange rule {number}: {:?}", rule.name));
        draft.write(&unique(&rule.name, &mut names), &own_domains, &mut body);
        whole += usize::from(draft.is_whole());
        let name = format!("rule {number} {:?}", rule.name);
        left.extend(draft.left().map(|what| format!("{name}: not carried over: {what}")));
        notes.extend(draft.noted().map(|what| format!("{name}: note: {what}")));
    }
    let mut file = String::new();
    comment(
        &mut file,
        &format!("Mail flow rules of Exchange: {whole} of {} carried over whole.", rules.len()),
    );
    comment(
        &mut file,
        "At the others stands what is missing; those that would select other messages stand behind comment signs.",
    );
    comment(&mut file, "Before this goes live, compare it with your own mail:");
    comment(&mut file, "zegel-milter replay ARCHIVE --rules THIS-FILE");
    file.push_str(&own_domains);
    file.push_str(&body);
    Carried { file, left, notes }
}

/// A name that our rules may have, and that none before has.
fn unique(name: &str, taken: &mut BTreeSet<String>) -> String {
    let line: String =
        name.chars().map(|c| if c.is_control() { ' ' } else { c }).take(NAME_MAX).collect();
    let line = if line.trim().is_empty() { "unnamed" } else { line.trim() };
    let numbered = (2..).map(|number| format!("{line} ({number})"));
    let free = std::iter::once(line.to_owned()).chain(numbered).find(|name| !taken.contains(name));
    let free = free.unwrap_or_default();
    taken.insert(free.clone());
    free
}

#[cfg(test)]
mod tests;
