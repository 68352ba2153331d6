//! Mails of the relay's own that wait to be sent.

use std::fmt;
use std::time::Duration;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use zegel_core::address::Address;
use zegel_core::moment::Moment;
use zegel_core::transport::{Floor, Seen};

use super::error::{from_json, to_json};
use super::held::Held;
use super::queue::{readable, remember_seen};
use super::read::{id, limit};
use super::writer::After;
use super::{Store, StoreError};
use crate::id::{DeliveryId, MailId};
use crate::vault::Keyring;

/// What a mail is bound to under the key file.
const MAIL: &[u8] = b"mail";

const EARLIEST: &str = "
    SELECT MIN(moment) FROM (
        SELECT MIN(work_at) AS moment FROM mails WHERE work_at IS NOT NULL
        UNION ALL SELECT MIN(due) FROM inquiries WHERE due IS NOT NULL)";

/// A mail of the relay's own that is to be sent, with the same retries as any.
#[derive(Clone)]
pub struct NewMail {
    pub kind: MailKind,
    pub delivery: Option<DeliveryId>,
    pub to: Address,
    /// The whole message; sealed in the store.
    pub message: Vec<u8>,
    /// What its own connection must prove.
    pub floor: Option<Floor>,
    /// After this it is not worth sending.
    pub expires: Moment,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum MailKind {
    Code,
    Report,
}

#[derive(Clone)]
pub struct QueuedMail {
    pub id: MailId,
    pub kind: MailKind,
    pub delivery: Option<DeliveryId>,
    pub to: Address,
    pub message: Vec<u8>,
    pub floor: Option<Floor>,
    pub created: Moment,
    pub expires: Moment,
    pub tries: u32,
    pub lease: i64,
}

impl fmt::Debug for NewMail {
    /// Not the message: a code may stand in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewMail").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl fmt::Debug for QueuedMail {
    /// Not the message: a code may stand in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueuedMail").field("id", &self.id).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailOutcome {
    Sent,
    Later {
        due: Moment,
        why: String,
    },
    /// Refused for good, or too late.
    Dropped {
        why: String,
    },
}

impl Store {
    /// Claims mails that are due, at most `most`; nobody else gets them for `lease`.
    pub async fn claim_mails(
        &self,
        now: Moment,
        lease: Duration,
        most: usize,
    ) -> Result<Vec<QueuedMail>, StoreError> {
        let until = now.plus(lease);
        let claim = async move |db: &mut SqliteConnection| {
            let query = sqlx::query(
                "UPDATE mails SET lease = lease + 1, work_at = ?
                 WHERE id IN (SELECT id FROM mails WHERE work_at <= ? ORDER BY work_at LIMIT ?)
                 RETURNING *",
            );
            Ok(query.bind(until.0).bind(now.0).bind(limit(most)).fetch_all(db).await?)
        };
        let rows = self.writer.run("claiming mails", After::Nothing, claim).await?;
        Ok(readable("mail", &rows, |row| mail(row, &self.keyring)))
    }

    /// The earliest moment at which an unclaimed mail is due, or one that asks a sender is to be written.
    pub async fn next_mail_due(&self) -> Result<Option<Moment>, StoreError> {
        let earliest: Option<i64> = sqlx::query_scalar(EARLIEST).fetch_one(&self.readers).await?;
        Ok(earliest.map(Moment))
    }

    pub async fn settle_mail(
        &self,
        mail: &QueuedMail,
        outcome: MailOutcome,
        seen: Option<Seen>,
        now: Moment,
    ) -> Result<(), StoreError> {
        let (id, delivery, kind, lease) = (mail.id, mail.delivery, mail.kind, mail.lease);
        let due = match &outcome {
            MailOutcome::Sent | MailOutcome::Dropped { .. } => None,
            MailOutcome::Later { due, .. } => Some(due.0),
        };
        let note = note(kind, &outcome);
        let mut held = Held::new(self);
        loop {
            let (note, seen) = (note.clone(), seen.clone());
            let settle = async move |db: &mut SqliteConnection| {
                settle(db, id, lease, due).await?;
                let Some(delivery) = delivery else { return Ok(()) };
                remember_seen(db, &delivery.to_string(), now, &note, seen.as_ref()).await
            };
            match self.writer.run("settling a mail", After::News, settle).await {
                Err(failure) if held.again(&failure).await => {}
                told => return told,
            }
        }
    }
}

async fn settle(
    db: &mut SqliteConnection,
    id: MailId,
    lease: i64,
    due: Option<i64>,
) -> Result<(), StoreError> {
    let settled = sqlx::query(
        "UPDATE mails SET due = ?1, work_at = ?1, tries = tries + 1, lease = lease + 1,
             sealed = CASE WHEN ?1 IS NULL THEN NULL ELSE sealed END
         WHERE id = ?2 AND lease = ?3",
    );
    let settled = settled.bind(due).bind(id.to_string()).bind(lease).execute(&mut *db).await?;
    if settled.rows_affected() == 1 { Ok(()) } else { Err(StoreError::LeaseLost) }
}

pub(super) async fn queue_mail(
    db: &mut SqliteConnection,
    keyring: &Keyring,
    mail: &NewMail,
    now: Moment,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO mails (id, kind, delivery, recipient, sealed, floor, created, expires, due, work_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(MailId::generate().to_string())
    .bind(kind_name(mail.kind))
    .bind(mail.delivery.map(|id| id.to_string()))
    .bind(mail.to.to_string())
    .bind(keyring.seal(MAIL, &mail.message))
    .bind(mail.floor.map(|floor| to_json(&floor)).transpose()?)
    .bind(now.0)
    .bind(mail.expires.0)
    .bind(now.0)
    .bind(now.0)
    .execute(db)
    .await?;
    Ok(())
}

fn mail(row: &SqliteRow, keyring: &Keyring) -> Result<QueuedMail, StoreError> {
    let text = |column: &str| row.try_get::<Option<String>, _>(column);
    let sealed: Vec<u8> = row.try_get("sealed")?;
    let to: String = row.try_get("recipient")?;
    let kind: String = row.try_get("kind")?;
    Ok(QueuedMail {
        id: id(&row.try_get::<String, _>("id")?)?,
        kind: if kind == kind_name(MailKind::Code) { MailKind::Code } else { MailKind::Report },
        delivery: text("delivery")?.as_deref().map(id).transpose()?,
        to: to
            .parse()
            .map_err(|_| StoreError::failed("an address in the database cannot be read"))?,
        message: keyring.open(MAIL, &sealed)?,
        floor: text("floor")?.map(from_json).transpose()?,
        created: Moment(row.try_get("created")?),
        expires: Moment(row.try_get("expires")?),
        tries: row.try_get("tries")?,
        lease: row.try_get("lease")?,
    })
}

fn kind_name(kind: MailKind) -> &'static str {
    match kind {
        MailKind::Code => "code",
        MailKind::Report => "report",
    }
}

fn note(kind: MailKind, outcome: &MailOutcome) -> String {
    let kind = kind_name(kind);
    match outcome {
        MailOutcome::Sent => format!("the {kind} mail was sent"),
        MailOutcome::Later { why, .. } => format!("the {kind} mail waits: {why}"),
        MailOutcome::Dropped { why } => format!("the {kind} mail was dropped: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Progress;
    use super::super::fixture::{Fixture, LEASE, NOW, address, seen};
    use super::*;

    const CANARY: &[u8] = b"canary-code 123456";

    async fn queued(fixture: &Fixture) -> QueuedMail {
        let delivery = fixture.delivery().await;
        let to = address("jan@example.nl");
        let (floor, expires) = (Some(Floor::Pkix), NOW.plus(LEASE));
        let mail = NewMail {
            kind: MailKind::Report,
            delivery: Some(delivery.id),
            to,
            message: CANARY.into(),
            floor,
            expires,
        };
        let note = "tested".to_owned();
        let (state, mails) = (delivery.state.clone(), vec![mail]);
        let progress =
            Progress { state, decision: None, seen: None, mails, destroy: false, ask: false, note };
        fixture.store.commit(&delivery, progress, NOW).await.unwrap();
        claim(fixture, NOW).await.remove(0)
    }

    async fn claim(fixture: &Fixture, now: Moment) -> Vec<QueuedMail> {
        fixture.store.claim_mails(now, LEASE, 10).await.unwrap()
    }

    #[tokio::test]
    async fn a_mail_is_sealed_while_it_waits_and_gone_when_it_is_settled() {
        let fixture = Fixture::new().await;
        let mail = queued(&fixture).await;
        assert_eq!(
            (mail.message.as_slice(), mail.floor, mail.tries),
            (CANARY, Some(Floor::Pkix), 0)
        );
        assert!(!fixture.contains(CANARY));
        assert!(!format!("{mail:?}").contains(&format!("{CANARY:?}")), "{mail:?}");
        assert!(claim(&fixture, NOW).await.is_empty());

        let due = NOW.plus(LEASE);
        assert_eq!(fixture.store.next_mail_due().await, Ok(Some(due)));
        let later = MailOutcome::Later { due, why: "451 try again".to_owned() };
        fixture.store.settle_mail(&mail, later, None, NOW).await.unwrap();
        assert_eq!(
            fixture.store.settle_mail(&mail, MailOutcome::Sent, None, NOW).await,
            Err(StoreError::LeaseLost)
        );
        assert!(claim(&fixture, Moment(due.0 - 1)).await.is_empty());
        let again = claim(&fixture, due).await.remove(0);
        assert_eq!((again.id, again.tries, again.message.as_slice()), (mail.id, 1, CANARY));

        let seen = Seen { at: due, ..seen() };
        fixture
            .store
            .settle_mail(&again, MailOutcome::Sent, Some(seen.clone()), due)
            .await
            .unwrap();
        assert!(claim(&fixture, due.plus(LEASE)).await.is_empty());
        let history = fixture.store.history(mail.delivery.unwrap()).await.unwrap();
        let last = history.last().unwrap();
        assert_eq!((last.note.as_str(), &last.seen), ("the report mail was sent", &Some(seen)));
    }
}
