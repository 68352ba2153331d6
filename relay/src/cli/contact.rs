//! `contact`: numbers and access codes on file. Numbers are shown by their last two digits, codes not at all; neither is an
//! argument, for arguments stand in lists of processes and in shells' histories.

use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use zegel_core::access::AccessCode;
use zegel_core::address::{Address, Domain};
use zegel_core::contact::{self, Entry, Kind};
use zegel_core::directive::AccessRight;
use zegel_core::moment::Moment;
use zegel_core::phone::Number;

use super::queue::time;
use super::{Failure, say};
use crate::config::Config;
use crate::lifecycle;
use crate::store::{Contact, Store};
use crate::vault::CodeHasher;

#[derive(Debug, Subcommand)]
pub(super) enum ContactCommand {
    /// List the recipients of whom something is on file.
    List {
        /// The domain whose authors may use it; otherwise all.
        #[arg(long = "for", value_name = "DOMAIN")]
        domain: Option<Domain>,
    },
    /// Put a recipient's number or access code on file. It is read from standard input.
    Set {
        recipient: Address,
        #[command(flatten)]
        kind: OneKind,
        #[command(flatten)]
        scope: Scope,
    },
    /// Destroy what is on file of a recipient: all of it, or one kind.
    Forget {
        recipient: Address,
        /// The number alone.
        #[arg(long, conflicts_with = "access_code")]
        number: bool,
        /// The access code alone.
        #[arg(long)]
        access_code: bool,
        #[command(flatten)]
        scope: Scope,
    },
    /// Say what a CSV file with the columns `recipient`, `number`, `access-code` would put on file.
    Import {
        file: PathBuf,
        /// Do it: all of it, or nothing when a line is wrong.
        #[arg(long)]
        apply: bool,
        #[command(flatten)]
        scope: Scope,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct OneKind {
    /// A mobile number, with a plus and the country code.
    #[arg(long)]
    number: bool,
    /// A code that the recipient knows, of 6 to 64 characters.
    #[arg(long)]
    access_code: bool,
}

#[derive(Debug, Args)]
pub(super) struct Scope {
    /// The domain whose authors may use it; otherwise that of organisation.from.
    #[arg(long = "for", value_name = "DOMAIN")]
    domain: Option<Domain>,
}

/// Octets of a file that is imported: the most lines, of the longest addresses.
const FILE_MAX: u64 = 4 * 1024 * 1024;

/// Octets of a number or code that are read, with its line end.
const FACTOR_MAX: u64 = 1024;

/// Lines with faults that are printed: more say nothing new.
const FAULTS_MAX: usize = 50;

impl Scope {
    fn domain(self, config: &Config) -> Domain {
        self.domain.unwrap_or_else(|| config.organisation.from.domain().clone())
    }
}

pub(super) async fn run(
    config: &Config,
    store: &Store,
    command: ContactCommand,
) -> Result<(), Failure> {
    let said = obey(config, store, command).await;
    store.close().await;
    let said = said?;
    if !said.is_empty() {
        say(said.trim_end())?;
    }
    Ok(())
}

async fn obey(config: &Config, store: &Store, command: ContactCommand) -> Result<String, Failure> {
    match command {
        ContactCommand::List { domain } => {
            let contacts = store.contacts(domain.as_ref()).await?;
            Ok(contacts.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
        ContactCommand::Set { recipient, kind, scope } => {
            let entry = entry(recipient, &kind, &factor_from_input()?)?;
            let reached = unreached(config, std::slice::from_ref(&entry));
            if let Some(why) = reached.first() {
                return Err(format!("{}: {why}", entry.recipient).into());
            }
            let said = format!("{}: on file from now on", entry.recipient);
            let contacts = contacts(vec![entry], &scope.domain(config), lifecycle::now()).await?;
            store.put_on_file(contacts).await?;
            Ok(said)
        }
        ContactCommand::Forget { recipient, number, access_code, scope } => {
            let kind = match (number, access_code) {
                (true, _) => Some(Kind::Number),
                (false, true) => Some(Kind::AccessCode),
                (false, false) => None,
            };
            match store.take_off_file(&scope.domain(config), &recipient, kind, lifecycle::now()).await? {
                0 => Err(format!(
                    "{recipient}: nothing of the kind is on file; `zegel-relay contact list` shows what is"
                )
                .into()),
                gone => Ok(format!("{recipient}: destroyed, {gone} in all")),
            }
        }
        ContactCommand::Import { file, apply, scope } => {
            import(config, store, &file, apply, &scope.domain(config)).await
        }
    }
}

/// One line of standard input.
fn factor_from_input() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin().lock().take(FACTOR_MAX).read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}

fn entry(recipient: Address, kind: &OneKind, factor: &str) -> Result<Entry, Failure> {
    if kind.number {
        let number = Number::parse(factor).map_err(|unfit| unfit.to_string())?;
        return Ok(Entry { recipient, number: Some(number), access_code: None });
    }
    let code = AccessCode::parse(factor).map_err(|why| why.to_string())?;
    if code.is_obvious() {
        return Err("the access code is one that anybody would try; choose another".into());
    }
    Ok(Entry { recipient, number: None, access_code: Some(code) })
}

/// What would never be used: numbers that no text messages are sent to.
fn unreached(config: &Config, entries: &[Entry]) -> Vec<String> {
    let is_reached = |number: &Number| {
        config.sms.as_ref().is_some_and(|sms| sms.countries.allow(number.country()))
    };
    let unreached = entries
        .iter()
        .filter(|entry| entry.number.as_ref().is_some_and(|number| !is_reached(number)));
    unreached
        .map(|entry| {
            format!(
                "no text messages are sent to the country of {}'s number; add it to sms.countries",
                entry.recipient
            )
        })
        .collect()
}

async fn import(
    config: &Config,
    store: &Store,
    file: &Path,
    apply: bool,
    domain: &Domain,
) -> Result<String, Failure> {
    let in_file = |error: std::io::Error| format!("{}: {error}", file.display());
    let mut text = String::new();
    let read = std::fs::File::open(file).map_err(in_file)?;
    read.take(FILE_MAX + 1).read_to_string(&mut text).map_err(in_file)?;
    if text.len() as u64 > FILE_MAX {
        return Err(format!(
            "{}: longer than {FILE_MAX} octets; cut it into several",
            file.display()
        )
        .into());
    }
    let entries = contact::read(&text).map_err(|faults| told(file, &faults))?;
    let unreached = unreached(config, &entries);
    if !unreached.is_empty() {
        return Err(told(file, &unreached).into());
    }
    let numbers = entries.iter().filter(|entry| entry.number.is_some()).count();
    let codes = entries.iter().filter(|entry| entry.access_code.is_some()).count();
    let what =
        format!("{numbers} numbers and {codes} access codes of {} recipients", entries.len());
    if !apply {
        return Ok(format!("{what} for authors of {domain}; nothing was changed, --apply does it"));
    }
    store.put_on_file(contacts(entries, domain, lifecycle::now()).await?).await?;
    Ok(format!("{what} are on file for authors of {domain}"))
}

fn told(file: &Path, faults: &[impl ToString]) -> String {
    let mut text = String::new();
    for fault in faults.iter().take(FAULTS_MAX) {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{}: {}", file.display(), fault.to_string());
    }
    let more = faults.len().saturating_sub(FAULTS_MAX);
    if more > 0 {
        let _ = writeln!(text, "{}: {more} more", file.display());
    }
    text + "nothing was changed"
}

/// What is to be put on file: codes hashed.
async fn contacts(
    entries: Vec<Entry>,
    domain: &Domain,
    now: Moment,
) -> Result<Vec<Contact>, Failure> {
    let hasher = CodeHasher::new();
    let mut contacts = Vec::new();
    for Entry { recipient, number, access_code } in entries {
        let number = number.map(|number| AccessRight::Sms(number.secret().clone()));
        let code = match access_code {
            Some(code) => Some(AccessRight::HashedCode(hasher.hash(code.secret()).await?)),
            None => None,
        };
        contacts.extend(number.into_iter().chain(code).map(|factor| Contact {
            domain: domain.clone(),
            recipient: recipient.clone(),
            giver: None,
            factor,
            since: now,
            opened: None,
        }));
    }
    Ok(contacts)
}

fn line(contact: &Contact) -> String {
    let what = match &contact.factor {
        AccessRight::Sms(number) => {
            let ending = Number::parse(number.reveal()).map(|number| number.ending().to_owned());
            format!("number ending in {}", ending.unwrap_or_default())
        }
        AccessRight::AccessCode(_) | AccessRight::HashedCode(_) => "access code".to_owned(),
    };
    let whose = match &contact.giver {
        Some(giver) => format!("{giver} alone, until a message is opened with it"),
        None => format!("authors of {}", contact.domain),
    };
    let opened =
        contact.opened.map_or_else(String::new, |opened| format!("\topened with {}", time(opened)));
    format!("{}\t{what}\tfor {whose}\tsince {}{opened}", contact.recipient, time(contact.since))
}

#[cfg(test)]
mod tests {
    use zegel_core::secret::Secret;

    use super::*;

    #[track_caller]
    fn check(factor: AccessRight, giver: Option<&str>, says: &[&str]) {
        let contact = Contact {
            domain: "example.org".parse().unwrap(),
            recipient: "els@example.com".parse().unwrap(),
            giver: giver.map(|giver| giver.parse().unwrap()),
            factor,
            since: Moment(0),
            opened: None,
        };
        let line = line(&contact);
        for part in says {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(!line.contains("6123456") && !line.contains("canary"), "{line}");
    }

    #[test]
    fn a_list_shows_no_more_of_a_number_than_its_end_and_nothing_of_a_code() {
        let number = AccessRight::Sms(Secret::new("+31612345678"));
        check(number, None, &["els@example.com\tnumber ending in 78\tfor authors of example.org"]);
        let code = AccessRight::HashedCode(Secret::new("canary"));
        check(code, Some("jan@example.org"), &["access code\tfor jan@example.org alone"]);
    }
}
