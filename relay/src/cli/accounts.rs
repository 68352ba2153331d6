//! `account` and `domain`: who may submit.

use std::fmt::Write as _;

use super::{AccountCommand, Failure, ProvisionCommand, say};
use crate::lifecycle;
use crate::store::{Account, Change, Kind, Store};

pub(super) async fn account(store: &Store, command: AccountCommand) -> Result<(), Failure> {
    let said = change(store, command).await;
    store.close().await;
    say_lines(&said?)
}

pub(super) async fn domain(store: &Store, command: ProvisionCommand) -> Result<(), Failure> {
    let said = change_domain(store, command).await;
    store.close().await;
    say_lines(&said?)
}

async fn change_domain(store: &Store, command: ProvisionCommand) -> Result<String, Failure> {
    match command {
        ProvisionCommand::Add { domain } => {
            let added = store.add_domain(&domain, lifecycle::now()).await?;
            let since = if added { "may submit from now on" } else { "could already submit" };
            Ok(format!("{domain}: every author {since}"))
        }
        ProvisionCommand::Remove { domain } => {
            if !store.remove_domain(&domain, lifecycle::now()).await? {
                return Err(format!("{domain}: is not provisioned as a whole").into());
            }
            Ok(format!("{domain}: from now on only authors with an account may submit"))
        }
        ProvisionCommand::List => {
            let rows = store.domains().await?;
            let lines = rows
                .into_iter()
                .map(|(domain, since)| format!("{domain}\tsince {}", super::queue::time(since)));
            Ok(lines.collect::<Vec<_>>().join("\n"))
        }
    }
}

/// What is to be said of it.
async fn change(store: &Store, command: AccountCommand) -> Result<String, Failure> {
    let now = lifecycle::now();
    match command {
        AccountCommand::Add { address, functional, alias } => {
            let kind = if functional { Kind::Functional } else { Kind::Person };
            let new = Account {
                address: address.clone(),
                kind,
                aliases: alias,
                created: now,
                suspended: None,
            };
            said(
                store.add_account(new).await?,
                format!("{address}: may submit from now on"),
                format!("{address}: is an account already; nothing was changed"),
            )
        }
        AccountCommand::List => {
            let accounts = store.accounts().await?;
            Ok(accounts.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
        AccountCommand::Suspend { address } => said(
            store.suspend(&address, now).await?,
            format!("{address}: may not submit from now on, nor may its aliases"),
            format!("{address}: was suspended already"),
        ),
        AccountCommand::Resume { address } => said(
            store.resume(&address, now).await?,
            format!("{address}: may submit again"),
            format!("{address}: was not suspended"),
        ),
        AccountCommand::Remove { address } => said(
            store.remove_account(&address, now).await?,
            format!("{address}: is no account any more, with its aliases"),
            String::new(),
        ),
        AccountCommand::Alias { address, change } => match (change.add, change.remove) {
            (Some(alias), _) => said(
                store.add_alias(&address, &alias, now).await?,
                format!("{alias}: may submit from now on, as an alias of {address}"),
                format!("{alias}: belongs to {address} already"),
            ),
            (None, Some(alias)) => said(
                store.remove_alias(&address, &alias, now).await?,
                format!("{alias}: is no alias any more"),
                format!("{alias}: was no alias of {address}"),
            ),
            (None, None) => Err("say --add or --remove".into()),
        },
    }
}

fn said(change: Change, made: String, nothing: String) -> Result<String, Failure> {
    match change {
        Change::Made => Ok(made),
        Change::Nothing => Ok(nothing),
        Change::NoSuchAccount => {
            Err("there is no such account; `zegel-relay account list` shows them".into())
        }
        Change::Taken(owner, address) if owner == address => {
            Err(format!("{address}: is an account of its own; nothing was changed").into())
        }
        Change::Taken(owner, address) => Err(format!(
            "{address}: is an alias of {owner} already; nothing was changed (`zegel-relay account alias {owner} --remove \
             {address}` frees it)"
        )
        .into()),
    }
}

fn line(account: &Account) -> String {
    let time = super::queue::time;
    let mut line =
        format!("{}\t{}\tsince {}", account.address, account.kind.name(), time(account.created));
    // Writing into a string cannot fail.
    if let Some(since) = account.suspended {
        let _ = write!(line, "\tsuspended since {}", time(since));
    }
    for alias in &account.aliases {
        let _ = write!(line, "\talias {alias}");
    }
    line
}

/// Nothing for nothing.
fn say_lines(lines: &str) -> Result<(), Failure> {
    if !lines.is_empty() {
        say(lines)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: Change, says: &str) {
        let said = said(change, "made".to_owned(), "nothing".to_owned());
        let said = said.unwrap_or_else(|failure| failure.to_string());
        assert!(said.contains(says), "{said}");
    }

    #[test]
    fn whose_an_address_is_and_how_to_free_it_is_said() {
        let (jan, info) = ("jan@a.nl".parse().unwrap(), "info@a.nl".parse().unwrap());
        check(Change::Taken(jan, info), "account alias jan@a.nl --remove info@a.nl");
        let jan = || "jan@a.nl".parse().unwrap();
        check(Change::Taken(jan(), jan()), "jan@a.nl: is an account of its own");
        check(Change::NoSuchAccount, "no such account");
        check(Change::Nothing, "nothing");
        check(Change::Made, "made");
    }
}
