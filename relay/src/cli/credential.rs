//! `credential`: logins of applications.

use std::io::Write as _;

use zegel_core::submitter::Scope;

use super::queue::time;
use super::{CredentialCommand, Failure, say};
use crate::admission::{Issued, Name, issue};
use crate::lifecycle;
use crate::store::{Credential, Revoked, Standing, Store};

pub(super) async fn run(store: &Store, command: CredentialCommand) -> Result<(), Failure> {
    match command {
        CredentialCommand::Create { scopes, name } => create(store, &name, unique(scopes)).await?,
        CredentialCommand::List => list(store).await?,
        CredentialCommand::Revoke { login } => revoke(store, &login).await?,
    }
    store.close().await;
    Ok(())
}

async fn create(store: &Store, name: &Name, scopes: Vec<Scope>) -> Result<(), Failure> {
    for scope in &scopes {
        warn_of_nobody(store, scope).await?;
    }
    let issued = issue(store, name, &scopes, lifecycle::now()).await?;
    if let Err(error) = show(&issued, &scopes) {
        // Nobody has seen the password, and nobody ever will.
        store.revoke_credential(&issued.login, lifecycle::now()).await?;
        return Err(format!(
            "cannot show the password: {error}; the credential was revoked; create another where its output can be read"
        )
        .into());
    }
    Ok(())
}

fn show(Issued { login, password }: &Issued, scopes: &[Scope]) -> std::io::Result<()> {
    say(format_args!(
        "login     {login}\n\
         password  {}\n\
         for       {}\n\
         Give both to the application, for AUTH PLAIN or LOGIN inside TLS. The password is not shown again; if it is \
         lost, revoke the credential and create another.",
        password.reveal(),
        listed(scopes)
    ))
}

/// A credential can be made before the accounts are; until then its mail is refused.
async fn warn_of_nobody(store: &Store, scope: &Scope) -> Result<(), Failure> {
    let (has_somebody, remedy) = match scope {
        Scope::Address(address) => {
            (store.standing(address).await? == Standing::Active, "account add")
        }
        Scope::Domain(domain) => (store.is_own(domain).await?, "domain add"),
    };
    if !has_somebody {
        let warning = format!(
            "warning: no account matches {scope}: its mail is refused until `zegel-relay {remedy} {scope}`"
        );
        writeln!(std::io::stderr().lock(), "zegel-relay: {warning}")?;
    }
    Ok(())
}

async fn list(store: &Store) -> Result<(), Failure> {
    for credential in store.credentials().await? {
        say(line(&credential))?;
    }
    Ok(())
}

fn line(credential: &Credential) -> String {
    let Credential { login, scopes, created, last_used, revoked } = credential;
    let used =
        last_used.map_or_else(|| "never used".to_owned(), |used| format!("used {}", time(used)));
    let revoked =
        revoked.map_or_else(String::new, |revoked| format!("\trevoked {}", time(revoked)));
    format!("{login}\tfor {}\tcreated {}\t{used}{revoked}", listed(scopes), time(*created))
}

async fn revoke(store: &Store, login: &str) -> Result<(), Failure> {
    match store.revoke_credential(login, lifecycle::now()).await? {
        Revoked::Now => say(format_args!("{login}: revoked; it submits nothing from now on"))?,
        Revoked::Before(before) => {
            say(format_args!("{login}: was revoked already, {}", time(before)))?;
        }
        Revoked::Unknown => {
            return Err(format!(
                "there is no credential {login:?}; `zegel-relay credential list` lists them"
            )
            .into());
        }
    }
    Ok(())
}

fn listed(scopes: &[Scope]) -> String {
    scopes.iter().map(Scope::to_string).collect::<Vec<_>>().join(", ")
}

fn unique(scopes: Vec<Scope>) -> Vec<Scope> {
    let mut unique = Vec::new();
    for scope in scopes {
        if !unique.contains(&scope) {
            unique.push(scope);
        }
    }
    unique
}
