//! `account` and `domain`: who may submit.

use std::fmt::Display;

use zegel_core::moment::Moment;

use super::{AccountCommand, DomainCommand, Failure, say};
use crate::lifecycle;
use crate::store::Store;

pub(super) async fn account(store: &Store, command: AccountCommand) -> Result<(), Failure> {
    match command {
        AccountCommand::Add { address } => {
            let added = store.add_account(&address, lifecycle::now()).await?;
            say_added(added, &address)?;
        }
        AccountCommand::List => say_all(store.accounts().await?)?,
    }
    store.close().await;
    Ok(())
}

pub(super) async fn domain(store: &Store, command: DomainCommand) -> Result<(), Failure> {
    match command {
        DomainCommand::Add { domain } => {
            let added = store.add_domain(&domain, lifecycle::now()).await?;
            say_added(added, &domain)?;
        }
        DomainCommand::List => say_all(store.domains().await?)?,
    }
    store.close().await;
    Ok(())
}

fn say_added(added: bool, what: &dyn Display) -> std::io::Result<()> {
    if added {
        say(format_args!("{what}: may submit from now on"))
    } else {
        say(format_args!("{what}: could already submit"))
    }
}

fn say_all(rows: Vec<(impl Display, Moment)>) -> std::io::Result<()> {
    for (what, since) in rows {
        say(format_args!("{what}\tsince {}", super::queue::time(since)))?;
    }
    Ok(())
}
