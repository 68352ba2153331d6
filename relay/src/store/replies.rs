//! What senders answer, and whom they keep waiting.
//!
//! A number or code that a sender gives on their page becomes part of the message's sealed record, as if a header had
//! brought it: from there on the ladder, the notification and the portal know no difference.
//!
//! Where nobody is to get a message before all can be verified (`policy.hold = "all"`), who is ready waits as well. Who of them
//! keeps the others waiting is decided in the one transaction that changes it, so that none is left behind.

use sqlx::sqlite::SqliteConnection;
use zegel_core::delivery::{self, Retry, State};
use zegel_core::directive::AccessRight;
use zegel_core::moment::Moment;
use zegel_core::submission::Submission;

use super::audit::Auditor;
use super::contacts::keep_given;
use super::error::{from_json, to_json};
use super::intake::SUBMISSION;
use super::queue::{apply, remember, set_state};
use super::read::{delivery, id};
use super::writer::After;
use super::{Delivery, Store, StoreError};
use crate::id::{DeliveryId, SubmissionId};
use crate::vault::{Keyring, MessageKey, WrappedKey};

/// A sender's answer for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// [`AccessRight::Sms`] or [`AccessRight::HashedCode`].
    Factor(AccessRight),
    /// A code by e-mail will do, in the place of what the message asked for.
    Email,
    Withdraw,
}

/// Deliveries of `?1` that keep the ready ones waiting: undecided, or held for want of something.
const BLOCKING: &str = "
    SELECT EXISTS (SELECT 1 FROM deliveries WHERE submission = ?1 AND final = 0
        AND json_extract(state, '$.state') IN ('undecided', 'held')
        AND (decision IS NULL OR json_extract(decision, '$.outcome.by') IS NULL))";

/// Deliveries of `?1` that are ready and wait for others.
const READY: &str = "
    SELECT id FROM deliveries WHERE submission = ?1 AND final = 0
        AND json_extract(state, '$.state') = 'held' AND json_extract(decision, '$.outcome.by') IS NOT NULL";

const WAITS: &str = "held: others of its recipients cannot be verified yet";

/// Whether a sender's answer still changes anything.
pub fn is_open(state: &State) -> bool {
    match state {
        State::Held { .. } => true,
        State::Sent { method, .. } => !method.is_direct(),
        State::Undecided { .. }
        | State::Planned { .. }
        | State::Opened { .. }
        | State::Failed { .. }
        | State::Expired { .. } => false,
    }
}

impl Store {
    /// Does what the sender of a message answers for one of its recipients; `false` when it is too late.
    pub async fn reply(
        &self,
        submission: SubmissionId,
        to: DeliveryId,
        reply: Reply,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let auditor = self.auditor.named("sender");
        let answer = async move |db: &mut SqliteConnection| {
            let Some(stands) = standing(db, submission, to).await? else {
                return Ok((false, None));
            };
            let event = match &reply {
                Reply::Withdraw => delivery::Event::Withdrawn,
                Reply::Factor(_) | Reply::Email => {
                    rewrite(db, &auditor.keyring, &stands, &reply, now).await?;
                    forget_tries(db, to).await?;
                    delivery::Event::FactorGiven
                }
            };
            let (_, destroyed) = apply(db, &auditor, to, event, now).await?;
            release_ready(db, &auditor, submission, now).await?;
            Ok((true, destroyed))
        };
        let (done, destroyed) =
            self.writer.run("taking a sender's answer", After::Scrub, answer).await?;
        self.remove(destroyed).await;
        Ok(done)
    }

    /// Holds a claimed delivery that could be sent, if others of its message cannot be verified yet; otherwise none of them
    /// is kept waiting any more, and `false`.
    pub async fn hold_back(
        &self,
        claimed: &Delivery,
        retry: &Retry,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let (claimed, retry, auditor) = (claimed.clone(), retry.clone(), self.auditor.clone());
        let hold = async move |db: &mut SqliteConnection| {
            if !is_blocked(db, claimed.submission).await? {
                release_ready(db, &auditor, claimed.submission, now).await?;
                return Ok(false);
            }
            let lease: i64 = sqlx::query_scalar("SELECT lease FROM deliveries WHERE id = ?")
                .bind(claimed.id.to_string())
                .fetch_one(&mut *db)
                .await?;
            if lease != claimed.lease {
                return Err(StoreError::LeaseLost);
            }
            let event = delivery::Event::OthersWait;
            let (state, _) = delivery::step(&claimed.state, event, claimed.accepted, now, &retry)
                .map_err(|impossible| StoreError::failed(impossible.to_string()))?;
            set_state(db, claimed.id, &state).await?;
            remember(db, &claimed.id.to_string(), now, WAITS).await?;
            Ok(true)
        };
        self.writer.run("holding a delivery back", After::News, hold).await
    }
}

/// The delivery, if it is one of this message's and may still be answered for.
async fn standing(
    db: &mut SqliteConnection,
    submission: SubmissionId,
    to: DeliveryId,
) -> Result<Option<Delivery>, StoreError> {
    let row = sqlx::query("SELECT * FROM deliveries WHERE id = ? AND submission = ?")
        .bind(to.to_string())
        .bind(submission.to_string())
        .fetch_optional(db)
        .await?;
    let found = row.as_ref().map(delivery).transpose()?;
    Ok(found.filter(|found| is_open(&found.state)))
}

/// Puts the answer into the message's sealed record, and what was given on file as the author's own.
async fn rewrite(
    db: &mut SqliteConnection,
    keyring: &Keyring,
    stands: &Delivery,
    reply: &Reply,
    now: Moment,
) -> Result<(), StoreError> {
    let of = stands.submission.to_string();
    let (wrapped, sealed): (Vec<u8>, Vec<u8>) = sqlx::query_as(
        "SELECT wrapped_key, sealed FROM submissions WHERE id = ? AND wrapped_key IS NOT NULL",
    )
    .bind(&of)
    .fetch_optional(&mut *db)
    .await?
    .ok_or_else(|| StoreError::failed("the message is destroyed"))?;
    let key = MessageKey::unwrap(&WrappedKey(wrapped), keyring)?;
    let mut whole: Submission =
        from_json(key.open(SUBMISSION, &sealed)?).map_err(|_| StoreError::Damaged)?;
    let recipient = &stands.recipient.address;
    match reply {
        Reply::Factor(factor) => {
            whole.wishes.email_allowed.remove(recipient);
            whole.wishes.rights.insert(recipient.clone(), factor.clone());
            keep_given(db, keyring, &whole.from, [(recipient, factor)], now).await?;
        }
        Reply::Email => {
            whole.wishes.rights.remove(recipient);
            whole.wishes.email_allowed.insert(recipient.clone());
        }
        Reply::Withdraw => {}
    }
    sqlx::query("UPDATE submissions SET sealed = ? WHERE id = ?")
        .bind(key.seal(SUBMISSION, to_json(&whole)?.as_bytes()))
        .bind(of)
        .execute(db)
        .await?;
    Ok(())
}

/// What was tried with the number or code before counts no more, and what it opened is closed.
async fn forget_tries(db: &mut SqliteConnection, of: DeliveryId) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM challenges WHERE delivery = ?",
        "DELETE FROM sessions WHERE delivery = ?",
        "DELETE FROM tallies WHERE delivery = ?",
    ] {
        sqlx::query(statement).bind(of.to_string()).execute(&mut *db).await?;
    }
    Ok(())
}

async fn is_blocked(
    db: &mut SqliteConnection,
    submission: SubmissionId,
) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar(BLOCKING).bind(submission.to_string()).fetch_one(db).await?)
}

/// Lets those go on that are ready, if they wait for nobody any more.
pub(super) async fn release_ready(
    db: &mut SqliteConnection,
    auditor: &Auditor,
    submission: SubmissionId,
    now: Moment,
) -> Result<(), StoreError> {
    let ready: Vec<String> =
        sqlx::query_scalar(READY).bind(submission.to_string()).fetch_all(&mut *db).await?;
    if ready.is_empty() || is_blocked(db, submission).await? {
        return Ok(());
    }
    for one in ready {
        apply(db, auditor, id(&one)?, delivery::Event::OthersReady, now).await?;
    }
    Ok(())
}

/// The same for the message that this delivery is of.
pub(super) async fn release_others(
    db: &mut SqliteConnection,
    auditor: &Auditor,
    of: DeliveryId,
    now: Moment,
) -> Result<(), StoreError> {
    let submission: Option<String> =
        sqlx::query_scalar("SELECT submission FROM deliveries WHERE id = ?")
            .bind(of.to_string())
            .fetch_optional(&mut *db)
            .await?;
    match submission.as_deref().map(id).transpose()? {
        Some(submission) => release_ready(db, auditor, submission, now).await,
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
