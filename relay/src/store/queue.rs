//! Deliveries that wait for work: claimed under a lease, worked on outside any transaction, committed under the same
//! lease.

use std::time::Duration;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use tracing::error;
use zegel_core::decision::Decision;
use zegel_core::delivery::{self, Effect, Retry, State};
use zegel_core::moment::Moment;
use zegel_core::transport::Seen;

use super::destroy::destroy;
use super::error::to_json;
use super::mails::queue_mail;
use super::read::{delivery, limit};
use super::writer::After;
use super::{Delivery, NewMail, Store, StoreError};
use crate::id::{DeliveryId, SubmissionId};
use crate::vault::Keyring;

/// Deliveries to one domain that are in hand at once, as in Postfix (`default_destination_concurrency_limit`): a mail
/// server that takes its time must not hold up everybody's mail.
const DOMAIN_MAX: usize = 20;

/// Of the next 2500 that are due, which is more than a message has recipients, the first of each domain that
/// it has room for. Where the domain starts in a quoted address is of no matter here.
const CLAIM: &str = "
    WITH busy AS (
        SELECT substr(address, instr(address, '@')) AS domain, COUNT(*) AS places FROM deliveries
        WHERE work_at > ?2 AND work_at <= ?1 AND work_at > due GROUP BY 1),
    next AS (
        SELECT id, work_at, substr(address, instr(address, '@')) AS domain FROM deliveries
        WHERE work_at <= ?2 ORDER BY work_at LIMIT 2500),
    ranked AS (
        SELECT id, work_at, ROW_NUMBER() OVER (PARTITION BY next.domain ORDER BY work_at) + COALESCE(places, 0) AS place
        FROM next LEFT JOIN busy ON busy.domain = next.domain)
    UPDATE deliveries SET lease = lease + 1, work_at = MAX(work_at, ?1), end_at = MAX(end_at, ?1)
    WHERE id IN (SELECT id FROM ranked WHERE place <= ?4 ORDER BY work_at LIMIT ?3)
    RETURNING *";

/// What a worker did with a delivery: all of it is committed at once.
#[derive(Debug)]
pub struct Progress {
    pub state: State,
    /// `None` leaves what stands.
    pub decision: Option<Decision>,
    /// `None` leaves what stands.
    pub seen: Option<Seen>,
    pub mails: Vec<NewMail>,
    /// Destroy this recipient's access; when all deliveries are destroyed, the message's key, file and row go.
    pub destroy: bool,
    /// One line for the delivery's history: what happened, without content.
    pub note: String,
}

impl Store {
    /// Claims deliveries that are due, at most `most` and no more than `DOMAIN_MAX` of one domain; nobody else gets
    /// them for `lease`.
    pub async fn claim(
        &self,
        now: Moment,
        lease: Duration,
        most: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.take(CLAIM, now, lease, most).await
    }

    /// Deliveries that are not yet destroyed and whose message's time is over, claimed like [`Self::claim`].
    pub async fn claim_expired(
        &self,
        now: Moment,
        lease: Duration,
        most: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let over = "UPDATE deliveries
             SET lease = lease + 1, work_at = MAX(work_at, ?1), end_at = MAX(end_at, ?1)
             WHERE id IN (SELECT id FROM deliveries WHERE end_at <= ?2 ORDER BY end_at LIMIT ?3)
             RETURNING *";
        self.take(over, now, lease, most).await
    }

    async fn take(
        &self,
        statement: &'static str,
        now: Moment,
        lease: Duration,
        most: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let until = now.plus(lease);
        let claim = async move |db: &mut SqliteConnection| {
            let query = sqlx::query(statement).bind(until.0).bind(now.0).bind(limit(most));
            // Only one of the two asks for it.
            let query = query.bind(limit(DOMAIN_MAX));
            Ok(query.fetch_all(db).await?)
        };
        let rows = self.writer.run("claiming deliveries", After::Nothing, claim).await?;
        Ok(readable("delivery", &rows, delivery))
    }

    /// Commits what was done with a claimed delivery and gives it back.
    pub async fn commit(
        &self,
        claimed: &Delivery,
        progress: Progress,
        now: Moment,
    ) -> Result<(), StoreError> {
        let after = if progress.destroy { After::Scrub } else { After::News };
        let (id, lease, keyring) = (claimed.id, claimed.lease, self.keyring.clone());
        let commit = async move |db: &mut SqliteConnection| {
            commit(db, &keyring, id, lease, &progress, now).await
        };
        let destroyed = self.writer.run("committing a delivery", after, commit).await?;
        self.remove(destroyed).await;
        Ok(())
    }

    /// Applies an event from outside the pipeline (`RetryNow`, `Opened`, `Withdrawn`) through `core::delivery::step`.
    /// A worker that has the delivery at the moment loses it; but one that is being tried now need not be asked to.
    pub async fn apply(
        &self,
        id: DeliveryId,
        event: delivery::Event,
        now: Moment,
    ) -> Result<State, StoreError> {
        let ends = matches!(event, delivery::Event::Withdrawn | delivery::Event::RetentionOver);
        let after = if ends { After::Scrub } else { After::News };
        let apply = async move |db: &mut SqliteConnection| apply(db, id, event, now).await;
        let (state, destroyed) = self.writer.run("applying an event", after, apply).await?;
        self.remove(destroyed).await;
        Ok(state)
    }

    /// What cannot be removed now has no key any more, and is left to the sweep.
    async fn remove(&self, destroyed: Option<SubmissionId>) {
        if let Some(id) = destroyed {
            let _ = self.bodies.remove(id).await;
        }
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
    keyring: &Keyring,
    id: DeliveryId,
    lease: i64,
    progress: &Progress,
    now: Moment,
) -> Result<Option<SubmissionId>, StoreError> {
    let decision = progress.decision.as_ref().map(to_json).transpose()?;
    let seen = progress.seen.as_ref().map(to_json).transpose()?;
    let given_back = sqlx::query(
        "UPDATE deliveries SET decision = COALESCE(?, decision), seen = COALESCE(?, seen) WHERE id = ? AND lease = ?",
    )
    .bind(decision)
    .bind(seen)
    .bind(id.to_string())
    .bind(lease)
    .execute(&mut *db)
    .await?;
    if given_back.rows_affected() != 1 {
        return Err(StoreError::LeaseLost);
    }
    set_state(db, id, &progress.state).await?;
    remember(db, &id.to_string(), now, &progress.note).await?;
    for mail in &progress.mails {
        queue_mail(db, keyring, mail, now).await?;
    }
    if progress.destroy { destroy(db, id).await } else { Ok(None) }
}

async fn apply(
    db: &mut SqliteConnection,
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
    }
    let destroyed = if effects.contains(&Effect::Destroy) { destroy(db, id).await? } else { None };
    Ok((state, destroyed))
}

/// Stores a state that `core::delivery::step` made. Every claim ends with it.
async fn set_state(
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
    sqlx::query("INSERT INTO events (delivery, at, note) VALUES (?, ?, ?)")
        .bind(delivery)
        .bind(at.0)
        .bind(note)
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
        Event::FactorGiven => "the sender gave a number or a code",
        Event::RetentionOver => "the message's time is over",
        Event::TimeUp => "the waiting time is over",
        Event::Settled(_) => "decided",
        Event::Accepted(_) => "accepted by the recipient's server",
        Event::Deferred(_) => "deferred",
        Event::Refused { .. } => "refused by the recipient's server",
        Event::NoRoute { .. } => "no way to the recipient's domain",
        Event::FloorMissed(..) => "the connection proved too little",
    }
}

#[cfg(test)]
mod tests {
    use zegel_core::decision::{Method, Outcome};
    use zegel_core::delivery::Event;

    use super::super::fixture::{Fixture, LEASE, NOW, RETENTION, Sent};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn progress(state: State) -> Progress {
        let note = "tested".to_owned();
        Progress { state, decision: None, seen: None, mails: vec![], destroy: false, note }
    }

    fn planned() -> Progress {
        let event = Event::Settled(Outcome::By(Method::Email));
        progress(delivery::step(&State::new(NOW), event, NOW, NOW, &Retry::default()).unwrap().0)
    }

    async fn check(fixture: &Fixture, now: Moment, claimable: usize) {
        assert_eq!(
            fixture.store.claim(now, LEASE, 10).await.unwrap().len(),
            claimable,
            "at {now:?}"
        );
    }

    #[tokio::test]
    async fn what_is_claimed_is_nobody_elses_until_it_is_given_back_or_the_lease_is_over() {
        let fixture = Fixture::new().await;
        assert_eq!(fixture.store.next_due().await, Ok(None));
        fixture.keep(Sent::default()).await.unwrap();
        assert_eq!(fixture.store.next_due().await, Ok(Some(NOW)));
        check(&fixture, Moment(NOW.0 - 1), 0).await;

        let claimed = fixture.store.claim(NOW, LEASE, 10).await.unwrap().remove(0);
        assert_eq!(fixture.store.next_due().await, Ok(Some(NOW.plus(LEASE))));
        check(&fixture, Moment(NOW.plus(LEASE).0 - 1), 0).await;
        fixture.store.commit(&claimed, planned(), NOW).await.unwrap();
        let given_back = fixture.store.delivery(claimed.id).await.unwrap().unwrap();
        assert_eq!(given_back.state, planned().state);

        check(&fixture, NOW, 1).await;
        check(&fixture, NOW.plus(LEASE), 1).await;
        let history = fixture.store.history(claimed.id).await.unwrap();
        assert_eq!(
            history.iter().map(|event| event.note.as_str()).collect::<Vec<_>>(),
            ["accepted", "tested"]
        );
    }

    #[tokio::test]
    async fn work_under_an_older_claim_is_refused() {
        let fixture = Fixture::new().await;
        let (store, lost) = (&fixture.store, Err(StoreError::LeaseLost));
        let slow = fixture.delivery().await;
        let quick = store.claim(NOW.plus(LEASE), LEASE, 1).await.unwrap().remove(0);
        assert_eq!(store.commit(&slow, planned(), NOW).await, lost);
        assert_eq!(store.commit(&quick, planned(), NOW).await, Ok(()));
        assert_eq!(store.commit(&quick, planned(), NOW).await, lost);

        let working = store.claim(NOW, LEASE, 1).await.unwrap().remove(0);
        store.release_claims().await.unwrap();
        assert_eq!(store.commit(&working, planned(), NOW).await, lost);
        check(&fixture, NOW, 1).await;
    }

    #[tokio::test]
    async fn an_event_from_outside_takes_a_delivery_from_its_worker_unless_it_asks_for_what_is_being_done()
     {
        let fixture = Fixture::new().await;
        let working = fixture.delivery().await;
        let state = fixture.store.apply(working.id, Event::RetryNow, NOW).await.unwrap();
        assert_eq!(state, working.state);
        assert_eq!(
            fixture.store.apply(working.id, Event::Withdrawn, NOW).await.unwrap().name(),
            "expired"
        );
        assert_eq!(
            fixture.store.commit(&working, planned(), NOW).await,
            Err(StoreError::LeaseLost)
        );
        assert!(fixture.store.apply(working.id, Event::Opened, NOW).await.is_err());
        assert!(fixture.store.list(false, 10).await.unwrap().is_empty());
        assert_eq!(fixture.store.list(true, 10).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_retry_that_is_asked_for_makes_a_waiting_delivery_due() {
        let fixture = Fixture::new().await;
        let working = fixture.delivery().await;
        let event = Event::Deferred("451 later".to_owned());
        let later = delivery::step(&working.state, event, NOW, NOW, &Retry::default()).unwrap().0;
        fixture.store.commit(&working, progress(later), NOW).await.unwrap();
        check(&fixture, NOW.plus(SECOND), 0).await;
        fixture.store.apply(working.id, Event::RetryNow, NOW.plus(SECOND)).await.unwrap();
        check(&fixture, NOW.plus(SECOND), 1).await;
    }

    #[tokio::test]
    async fn a_message_whose_time_is_over_is_claimed_for_its_end_by_one() {
        let fixture = Fixture::new().await;
        let store = &fixture.store;
        let working = fixture.delivery().await;
        let sent = progress(State::Sent { method: Method::Email, at: NOW });
        store.commit(&working, sent, NOW).await.unwrap();
        let over = NOW.plus(RETENTION);
        assert_eq!(store.next_due().await, Ok(Some(over)));
        assert!(store.claim_expired(Moment(over.0 - 1), LEASE, 10).await.unwrap().is_empty());
        let ending = store.claim_expired(over, LEASE, 10).await.unwrap().remove(0);
        assert!(store.claim_expired(over, LEASE, 10).await.unwrap().is_empty());
        let (state, _) =
            delivery::step(&ending.state, Event::RetentionOver, NOW, over, &Retry::default())
                .unwrap();
        store.commit(&ending, Progress { destroy: true, ..progress(state) }, over).await.unwrap();
        assert!(store.claim_expired(over.plus(LEASE), LEASE, 10).await.unwrap().is_empty());
        assert_eq!(store.next_due().await, Ok(None));
        assert!(store.submission(ending.submission).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_row_that_cannot_be_read_holds_up_no_other() {
        let fixture = Fixture::new().await;
        fixture.keep(Sent { to: &["a@x.nl", "b@x.nl"], ..Sent::default() }).await.unwrap();
        let spoil = async |db: &mut SqliteConnection| {
            let spoil = "UPDATE deliveries SET state = '{}' WHERE address = 'a@x.nl'";
            Ok(sqlx::query(spoil).execute(db).await?.rows_affected())
        };
        assert_eq!(fixture.store.writer.run("spoiling", After::Nothing, spoil).await, Ok(1));
        check(&fixture, NOW, 1).await;
        check(&fixture, NOW, 0).await;
        assert_eq!(fixture.store.next_due().await, Ok(Some(NOW.plus(LEASE))));
    }

    #[tokio::test]
    async fn one_domain_does_not_take_all_places() {
        let fixture = Fixture::new().await;
        let names: Vec<String> = (0..30).map(|number| format!("r{number}@slow.nl")).collect();
        let mut to: Vec<&str> = names.iter().map(String::as_str).collect();
        to.push("a@quick.nl");
        fixture.keep(Sent { to: &to, ..Sent::default() }).await.unwrap();
        let claimed = fixture.store.claim(NOW, LEASE, 100).await.unwrap();
        assert_eq!(claimed.len(), DOMAIN_MAX + 1);
        check(&fixture, NOW, 0).await;
        for done in claimed.iter().take(3) {
            let sent = progress(State::Sent { method: Method::Email, at: NOW });
            fixture.store.commit(done, sent, NOW).await.unwrap();
        }
        let slow = claimed
            .iter()
            .take(3)
            .filter(|one| one.recipient.address.domain().as_str() == "slow.nl");
        check(&fixture, NOW, slow.count()).await;
    }

    #[tokio::test]
    async fn many_workers_get_each_delivery_once() {
        let fixture = Fixture::new().await;
        let names: Vec<String> = (0..40).map(|number| format!("r@x{number}.nl")).collect();
        let to: Vec<&str> = names.iter().map(String::as_str).collect();
        fixture.keep(Sent { to: &to, ..Sent::default() }).await.unwrap();
        let other = fixture.another().await;
        let claims = (0..20).map(|turn| {
            let store = if turn % 2 == 0 { &fixture.store } else { &other };
            store.claim(NOW, LEASE, 3)
        });
        let claimed = futures_util::future::try_join_all(claims).await.unwrap();
        let mut ids: Vec<DeliveryId> =
            claimed.iter().flatten().map(|delivery| delivery.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!((ids.len(), claimed.iter().flatten().count()), (40, 40));
    }
}
