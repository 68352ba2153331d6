//! Deliveries that wait for work: claimed under a lease, worked on outside any transaction, committed under the same
//! lease.

mod claim;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use tracing::error;
use zegel_core::decision::Decision;
use zegel_core::delivery::{self, Effect, Failure, Retry, State};
use zegel_core::moment::Moment;
use zegel_core::transport::Seen;

use super::audit::{Auditor, about};
use super::bounces::due_if_come_back;
use super::destroy::destroy;
use super::error::to_json;
use super::held::Held;
use super::inquiries::{ask_when, decided, inquire};
use super::mails::queue_mail;
use super::read::delivery;
use super::replies::{release_others, release_ready};
use super::writer::After;
use super::{Delivery, NewMail, Store, StoreError};
use crate::id::{DeliveryId, SubmissionId};

/// What a worker did with a delivery: all of it is committed at once.
#[derive(Clone, Debug)]
pub struct Progress {
    pub state: State,
    /// `None` leaves what stands.
    pub decision: Option<Decision>,
    /// `None` leaves what stands.
    pub seen: Option<Seen>,
    pub mails: Vec<NewMail>,
    /// Its sender must be asked for a number or a code, in one mail for all the message's recipients who need that.
    pub ask: bool,
    /// Destroy this recipient's access; when all deliveries are destroyed, the message's key, file and row go.
    pub destroy: bool,
    /// One line for the delivery's history: what happened, without content.
    pub note: String,
}

impl Progress {
    /// Decisions and ends are for the audit log; that something will be tried again is not.
    fn for_audit(&self) -> Option<String> {
        let ends = self.state.is_final() || matches!(self.state, State::Sent { .. });
        let decision = self.decision.as_ref();
        (ends || decision.is_some()).then(|| {
            let passed_over = decision.iter().flat_map(|decision| &decision.passed_over);
            let passed_over = passed_over.map(|(rung, why)| format!("; not by {rung}: {why}"));
            std::iter::once(self.note.clone()).chain(passed_over).collect()
        })
    }
}

/// What becomes of a claim with a commit under it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Claim {
    Kept,
    GivenBack,
}

impl Store {
    /// Commits what was done with a claimed delivery and gives it back. It was done: while the store cannot take that, it
    /// is held here, or it would be done again.
    pub async fn commit(
        &self,
        claimed: &Delivery,
        progress: Progress,
        now: Moment,
    ) -> Result<(), StoreError> {
        let after = if progress.destroy { After::Scrub } else { After::News };
        self.commit_as(claimed, progress, now, Claim::GivenBack, after).await
    }

    /// Commits what was found out about a claimed delivery, and keeps the claim: its worker goes on.
    pub async fn commit_and_go_on(
        &self,
        claimed: &Delivery,
        progress: Progress,
        now: Moment,
    ) -> Result<(), StoreError> {
        self.commit_as(claimed, progress, now, Claim::Kept, After::Nothing).await
    }

    async fn commit_as(
        &self,
        claimed: &Delivery,
        progress: Progress,
        now: Moment,
        claim: Claim,
        after: After,
    ) -> Result<(), StoreError> {
        let (id, of, lease) = (claimed.id, claimed.submission, claimed.lease);
        let mut held = Held::new(self);
        let destroyed = loop {
            let (progress, auditor) = (progress.clone(), self.auditor.clone());
            let commit = async move |db: &mut SqliteConnection| {
                commit(db, &auditor, (id, of, lease, claim), &progress, now).await
            };
            match self.writer.run("committing a delivery", after, commit).await {
                Err(failure) if held.again(&failure).await => {}
                told => break told?,
            }
        };
        self.remove(destroyed).await;
        Ok(())
    }

    /// Gives a claimed delivery back with which nothing was done; it may be claimed again from `at` on.
    pub async fn put_off(&self, claimed: &Delivery, at: Moment) -> Result<(), StoreError> {
        let (id, lease) = (claimed.id, claimed.lease);
        let mut held = Held::new(self);
        loop {
            let put_off = async move |db: &mut SqliteConnection| put_off(db, id, lease, at).await;
            match self.writer.run("putting a delivery off", After::News, put_off).await {
                Err(failure) if held.again(&failure).await => {}
                told => return told,
            }
        }
    }

    /// Applies an event from outside the pipeline (`RetryNow`, `Opened`, `Withdrawn`) through `core::delivery::step`.
    /// A worker that has the delivery at the moment loses it; but one that is being tried now need not be asked to. An
    /// event that asks for a report is refused.
    pub async fn apply(
        &self,
        id: DeliveryId,
        event: delivery::Event,
        now: Moment,
    ) -> Result<State, StoreError> {
        let ends = matches!(event, delivery::Event::Withdrawn | delivery::Event::RetentionOver);
        let after = if ends { After::Scrub } else { After::News };
        let auditor = match event {
            delivery::Event::Opened => self.auditor.named("recipient"),
            _ => self.auditor.clone(),
        };
        let apply = async move |db: &mut SqliteConnection| {
            let applied = apply(db, &auditor, id, event, now).await?;
            if ends {
                release_others(db, &auditor, id, now).await?;
            }
            Ok(applied)
        };
        let (state, destroyed) = self.writer.run("applying an event", after, apply).await?;
        self.remove(destroyed).await;
        Ok(state)
    }

    /// The earliest moment at which an unclaimed delivery is due: work, or the end of its message's time.
    pub async fn next_due(&self) -> Result<Option<Moment>, StoreError> {
        let earliest: Option<i64> = sqlx::query_scalar(
            "SELECT MIN(moment) FROM (
                 SELECT MIN(work_at) AS moment FROM deliveries WHERE work_at IS NOT NULL
                 UNION ALL SELECT MIN(end_at) FROM deliveries WHERE end_at IS NOT NULL)",
        )
        .fetch_one(&self.readers)
        .await?;
        Ok(earliest.map(Moment))
    }

    /// Gives all claims back: nobody else works here yet (called once at start).
    pub async fn release_claims(&self) -> Result<(), StoreError> {
        let release = async move |db: &mut SqliteConnection| release(db).await;
        self.writer.run("releasing claims", After::News, release).await
    }
}

/// The rows that can be read. One that cannot (its key may come back, another version may know it) must not keep the
/// others waiting: its lease holds it off, and then it is tried again.
pub(super) fn readable<T>(
    what: &str,
    rows: &[SqliteRow],
    read: impl Fn(&SqliteRow) -> Result<T, StoreError>,
) -> Vec<T> {
    let name = |row: &SqliteRow| row.try_get::<String, _>("id").unwrap_or_default();
    let tell = |row, why: &StoreError| error!(id = name(row), "{what} {} waits: {why}", name(row));
    rows.iter().filter_map(|row| read(row).inspect_err(|why| tell(row, why)).ok()).collect()
}

/// Returns the submission when nothing of it is left.
async fn commit(
    db: &mut SqliteConnection,
    auditor: &Auditor,
    (id, of, lease, claim): (DeliveryId, SubmissionId, i64, Claim),
    progress: &Progress,
    now: Moment,
) -> Result<Option<SubmissionId>, StoreError> {
    let decision = progress.decision.as_ref().map(to_json).transpose()?;
    let seen = progress.seen.as_ref().map(to_json).transpose()?;
    let statement = match claim {
        Claim::Kept => {
            "UPDATE deliveries SET state = ?1, final = ?2, due = ?3,
                 decision = COALESCE(?4, decision), seen = COALESCE(?5, seen)
             WHERE id = ?6 AND lease = ?7"
        }
        Claim::GivenBack => {
            "UPDATE deliveries SET state = ?1, final = ?2, due = ?3,
                 decision = COALESCE(?4, decision), seen = COALESCE(?5, seen), work_at = ?3, lease = lease + 1,
                 end_at = CASE WHEN destroyed THEN NULL ELSE expires END
             WHERE id = ?6 AND lease = ?7"
        }
    };
    let claimed = sqlx::query(statement)
        .bind(to_json(&progress.state)?)
        .bind(progress.state.is_final())
        .bind(progress.state.due().map(|due| due.0))
        .bind(decision)
        .bind(seen)
        .bind(id.to_string())
        .bind(lease)
        .execute(&mut *db)
        .await?;
    if claimed.rows_affected() != 1 {
        return Err(StoreError::LeaseLost);
    }
    remember_seen(db, &id.to_string(), now, &progress.note, progress.seen.as_ref()).await?;
    if matches!(&progress.state, State::Sent { method, .. } if !method.is_direct()) {
        due_if_come_back(db, &id.to_string(), now).await?;
    }
    for mail in &progress.mails {
        queue_mail(db, &auditor.keyring, mail, now).await?;
    }
    if let Some(what) = progress.for_audit() {
        auditor.append(db, now, &about(id), &what).await?;
    }
    if progress.ask {
        let when = ask_when(db, of, now).await?;
        inquire(db, &auditor.keyring, of, Some(when)).await?;
    } else if progress.decision.is_some() {
        decided(db, of, now).await?;
    }
    if let State::Failed { why, .. } = &progress.state
        && *why != Failure::HoldOver
    {
        release_ready(db, auditor, of, now).await?;
    }
    if progress.destroy { destroy(db, id).await } else { Ok(None) }
}

async fn put_off(
    db: &mut SqliteConnection,
    id: DeliveryId,
    lease: i64,
    at: Moment,
) -> Result<(), StoreError> {
    let put_off = sqlx::query(
        "UPDATE deliveries SET lease = lease + 1, work_at = MAX(due, ?1),
         end_at = CASE WHEN destroyed THEN NULL ELSE MAX(expires, ?1) END
     WHERE id = ?2 AND lease = ?3",
    );
    let put_off = put_off.bind(at.0).bind(id.to_string()).bind(lease).execute(db).await?;
    if put_off.rows_affected() == 1 { Ok(()) } else { Err(StoreError::LeaseLost) }
}

pub(super) async fn apply(
    db: &mut SqliteConnection,
    auditor: &Auditor,
    id: DeliveryId,
    event: delivery::Event,
    now: Moment,
) -> Result<(State, Option<SubmissionId>), StoreError> {
    let row = sqlx::query("SELECT * FROM deliveries WHERE id = ?")
        .bind(id.to_string())
        .fetch_optional(&mut *db)
        .await?;
    let stands = row
        .as_ref()
        .map(delivery)
        .transpose()?
        .ok_or_else(|| StoreError::failed("no such delivery"))?;
    if event == delivery::Event::RetryNow && claimed(db, id, now).await? {
        return Ok((stands.state, None));
    }
    let note = note(&event);
    // None of these events is answered with a time to try again that would depend on the configuration.
    let (state, effects) =
        delivery::step(&stands.state, event, stands.accepted, now, &Retry::default())
            .map_err(|impossible| StoreError::failed(impossible.to_string()))?;
    if state != stands.state {
        set_state(db, id, &state).await?;
        remember(db, &id.to_string(), now, note).await?;
        auditor.append(db, now, &about(id), note).await?;
    }
    let mut destroyed = None;
    for effect in effects {
        match effect {
            Effect::Destroy => destroyed = destroy(db, id).await?,
            // What leads to a mail must come by `commit`, which takes the mail along.
            Effect::ReportFailure(_) | Effect::ReportDelay { .. } | Effect::AskSender => {
                return Err(StoreError::failed("this event would leave a report unsent"));
            }
        }
    }
    Ok((state, destroyed))
}

/// Stores a state that `core::delivery::step` made of an event from outside. Every claim ends with it.
pub(super) async fn set_state(
    db: &mut SqliteConnection,
    id: DeliveryId,
    state: &State,
) -> Result<(), StoreError> {
    let due = state.due().map(|due| due.0);
    sqlx::query(
        "UPDATE deliveries SET state = ?1, final = ?2, due = ?3, work_at = ?3, lease = lease + 1,
             end_at = CASE WHEN destroyed THEN NULL ELSE expires END
         WHERE id = ?4",
    )
    .bind(to_json(state)?)
    .bind(state.is_final())
    .bind(due)
    .bind(id.to_string())
    .execute(db)
    .await?;
    Ok(())
}

async fn claimed(
    db: &mut SqliteConnection,
    id: DeliveryId,
    now: Moment,
) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("SELECT work_at > due AND work_at > ? FROM deliveries WHERE id = ?")
        .bind(now.0)
        .bind(id.to_string())
        .fetch_one(db)
        .await
        .map(|claimed: Option<bool>| claimed.unwrap_or(false))?)
}

async fn release(db: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE deliveries SET work_at = due, end_at = CASE WHEN destroyed THEN NULL ELSE expires END, lease = lease + 1
         WHERE work_at > due OR end_at > expires",
    )
    .execute(&mut *db)
    .await?;
    sqlx::query("UPDATE mails SET work_at = due, lease = lease + 1 WHERE work_at > due")
        .execute(&mut *db)
        .await?;
    sqlx::query("UPDATE texts SET work_at = due, lease = lease + 1 WHERE work_at > due")
        .execute(db)
        .await?;
    Ok(())
}

/// Adds a line to a delivery's history.
pub(super) async fn remember(
    db: &mut SqliteConnection,
    delivery: &str,
    at: Moment,
    note: &str,
) -> Result<(), StoreError> {
    remember_seen(db, delivery, at, note, None).await
}

/// Adds a line to a delivery's history, with what a connection showed.
pub(super) async fn remember_seen(
    db: &mut SqliteConnection,
    delivery: &str,
    at: Moment,
    note: &str,
    seen: Option<&Seen>,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO events (delivery, at, note, seen) VALUES (?, ?, ?, ?)")
        .bind(delivery)
        .bind(at.0)
        .bind(note)
        .bind(seen.map(to_json).transpose()?)
        .execute(db)
        .await?;
    Ok(())
}

fn note(event: &delivery::Event) -> &'static str {
    use delivery::Event;
    match event {
        Event::RetryNow => "an administrator asked to try now",
        Event::Opened => "opened by the recipient",
        Event::Withdrawn => "withdrawn",
        Event::FactorGiven => "the sender has answered: back to the ladder",
        Event::OthersWait => "waits for the other recipients",
        Event::OthersReady => "all recipients can be verified: back to the ladder",
        Event::RetentionOver => "the message's time is over",
        Event::TimeUp => "the waiting time is over",
        Event::Settled(_) => "decided",
        Event::Accepted(_) => "accepted by the recipient's server",
        Event::Deferred(_) => "deferred",
        Event::Refused { .. } => "refused by the recipient's server",
        Event::NoRoute { .. } => "no way to the recipient's domain",
        Event::FloorMissed(..) => "the connection proved too little",
        Event::Disqualified => "the domains do not qualify any more",
        Event::Forgotten => "what was on file is there no more",
    }
}

#[cfg(test)]
mod tests;
