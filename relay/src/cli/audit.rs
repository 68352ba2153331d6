//! `audit`: who did what.

use super::queue::time;
use super::{AuditCommand, Failure, say};
use crate::store::{Audit, AuditEntry, Head, Store};

pub(super) async fn run(store: &Store, command: AuditCommand) -> Result<(), Failure> {
    let said = match command {
        AuditCommand::List { about, most } => list(store, about.as_deref(), most).await,
        AuditCommand::Verify { head } => verify(store, head.as_ref()).await,
    };
    store.close().await;
    say(said?)?;
    Ok(())
}

async fn list(store: &Store, about: Option<&str>, most: usize) -> Result<String, Failure> {
    let entries = store.audit(about, most).await?;
    if entries.is_empty() {
        return Ok("nothing is written there".into());
    }
    Ok(entries.iter().map(line).collect::<Vec<_>>().join("\n"))
}

fn line(entry: &AuditEntry) -> String {
    let AuditEntry { number, at, actor, about, what } = entry;
    format!("{number}  {}  {actor}  {about}: {what}", time(*at))
}

async fn verify(store: &Store, head: Option<&Head>) -> Result<String, Failure> {
    match store.verify_audit(head).await? {
        Audit::Sound { head: None, .. } => Ok("the audit log is empty".into()),
        Audit::Sound { entries, head: Some(head) } => Ok(format!(
            "the audit log is sound: {entries} entries\nhead  {head}\n\
             Keep this line elsewhere; `zegel-relay audit verify --head` looks later whether all of it is still there."
        )),
        Audit::Broken { number, why } => {
            Err(format!("the audit log is not sound: entry {number}: {why}").into())
        }
    }
}
