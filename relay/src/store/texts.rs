//! Text messages that wait to be sent.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use zegel_core::moment::Moment;
use zegel_core::secret::Secret;

use super::error::{from_json, to_json};
use super::queue::{readable, remember};
use super::read::{id, limit};
use super::writer::After;
use super::{Store, StoreError};
use crate::id::{DeliveryId, TextId};
use crate::vault::Keyring;

/// What a text message is bound to under the key file.
const TEXT: &[u8] = b"text";

/// A text message that is to be sent, with the same retries as any mail.
#[derive(Clone)]
pub struct NewText {
    pub delivery: DeliveryId,
    /// E.164, with its plus.
    pub number: Secret,
    pub words: Secret,
    /// After this it is not worth sending.
    pub expires: Moment,
}

#[derive(Clone)]
pub struct QueuedText {
    pub id: TextId,
    pub delivery: DeliveryId,
    pub number: Secret,
    pub words: Secret,
    pub expires: Moment,
    pub tries: u32,
    pub lease: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextOutcome {
    /// This provider has taken it.
    Sent {
        provider: String,
    },
    Later {
        due: Moment,
        why: String,
    },
    /// Refused for good, or too late.
    Dropped {
        why: String,
    },
}

/// The text messages of a delivery, as far as they are remembered: a day.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct TextCount {
    pub all: u32,
    pub waiting: u32,
    /// Attempts that ended, with or without success.
    pub tries: u32,
}

/// What is sealed of it.
#[derive(Serialize, Deserialize)]
struct Content {
    number: Secret,
    words: Secret,
}

impl fmt::Debug for NewText {
    /// Neither number nor words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewText").field("delivery", &self.delivery).finish_non_exhaustive()
    }
}

impl fmt::Debug for QueuedText {
    /// Neither number nor words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueuedText").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Store {
    /// Claims text messages that are due, at most `most`; nobody else gets them for `lease`.
    pub async fn claim_texts(
        &self,
        now: Moment,
        lease: Duration,
        most: usize,
    ) -> Result<Vec<QueuedText>, StoreError> {
        let until = now.plus(lease);
        let claim = async move |db: &mut SqliteConnection| {
            let query = sqlx::query(
                "UPDATE texts SET lease = lease + 1, work_at = ?
                 WHERE id IN (SELECT id FROM texts WHERE work_at <= ? ORDER BY work_at LIMIT ?)
                 RETURNING *",
            );
            Ok(query.bind(until.0).bind(now.0).bind(limit(most)).fetch_all(db).await?)
        };
        let rows = self.writer.run("claiming text messages", After::Nothing, claim).await?;
        Ok(readable("text message", &rows, |row| text(row, &self.keyring)))
    }

    /// The earliest moment at which an unclaimed text message is due.
    pub async fn next_text_due(&self) -> Result<Option<Moment>, StoreError> {
        let earliest: Option<i64> =
            sqlx::query_scalar("SELECT MIN(work_at) FROM texts WHERE work_at IS NOT NULL")
                .fetch_one(&self.readers)
                .await?;
        Ok(earliest.map(Moment))
    }

    pub async fn settle_text(
        &self,
        text: &QueuedText,
        outcome: TextOutcome,
        now: Moment,
    ) -> Result<(), StoreError> {
        let (id, delivery, lease) = (text.id, text.delivery, text.lease);
        let settle = async move |db: &mut SqliteConnection| {
            let due = match &outcome {
                TextOutcome::Sent { .. } | TextOutcome::Dropped { .. } => None,
                TextOutcome::Later { due, .. } => Some(due.0),
            };
            let settled = sqlx::query(
                "UPDATE texts SET due = ?1, work_at = ?1, tries = tries + 1, lease = lease + 1,
                     sealed = CASE WHEN ?1 IS NULL THEN NULL ELSE sealed END
                 WHERE id = ?2 AND lease = ?3",
            );
            let settled =
                settled.bind(due).bind(id.to_string()).bind(lease).execute(&mut *db).await?;
            if settled.rows_affected() != 1 {
                return Err(StoreError::LeaseLost);
            }
            remember(db, &delivery.to_string(), now, &note(&outcome)).await
        };
        self.writer.run("settling a text message", After::News, settle).await
    }

    pub async fn count_texts(&self, delivery: DeliveryId) -> Result<TextCount, StoreError> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS all_texts, COUNT(due) AS waiting, COALESCE(SUM(tries), 0) AS tries
             FROM texts WHERE delivery = ?",
        )
        .bind(delivery.to_string())
        .fetch_one(&self.readers)
        .await?;
        Ok(TextCount {
            all: row.try_get("all_texts")?,
            waiting: row.try_get("waiting")?,
            tries: row.try_get("tries")?,
        })
    }

    /// As the portal does together with the code.
    #[cfg(test)]
    pub(crate) async fn post_text(&self, text: NewText, now: Moment) -> Result<(), StoreError> {
        let keyring = std::sync::Arc::clone(&self.keyring);
        let queue =
            async move |db: &mut SqliteConnection| queue_text(db, &keyring, &text, now).await;
        self.writer.run("queueing a text message", After::News, queue).await
    }
}

/// Queues a text message in the transaction at hand.
pub(super) async fn queue_text(
    db: &mut SqliteConnection,
    keyring: &Keyring,
    text: &NewText,
    now: Moment,
) -> Result<(), StoreError> {
    let content = Content { number: text.number.clone(), words: text.words.clone() };
    let sealed = keyring.seal(TEXT, to_json(&content)?.as_bytes());
    sqlx::query(
        "INSERT INTO texts (id, delivery, sealed, created, expires, due, work_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(TextId::generate().to_string())
    .bind(text.delivery.to_string())
    .bind(sealed)
    .bind(now.0)
    .bind(text.expires.0)
    .bind(now.0)
    .bind(now.0)
    .execute(db)
    .await?;
    Ok(())
}

fn text(row: &SqliteRow, keyring: &Keyring) -> Result<QueuedText, StoreError> {
    let sealed: Vec<u8> = row.try_get("sealed")?;
    let content = String::from_utf8(keyring.open(TEXT, &sealed)?)
        .map_err(|_| StoreError::failed("a text message in the database cannot be read"))?;
    let Content { number, words } = from_json(content)?;
    Ok(QueuedText {
        id: id(&row.try_get::<String, _>("id")?)?,
        delivery: id(&row.try_get::<String, _>("delivery")?)?,
        number,
        words,
        expires: Moment(row.try_get("expires")?),
        tries: row.try_get("tries")?,
        lease: row.try_get("lease")?,
    })
}

fn note(outcome: &TextOutcome) -> String {
    match outcome {
        TextOutcome::Sent { provider } => format!("the text message was taken by {provider}"),
        TextOutcome::Later { why, .. } => format!("the text message waits: {why}"),
        TextOutcome::Dropped { why } => format!("the text message was dropped: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use zegel_core::delivery::Event;

    use super::super::fixture::{Fixture, LEASE, NOW};
    use super::*;

    const NUMBER: &str = "+31612345678";
    const WORDS: &str = "canary-words 123456";

    async fn queued(fixture: &Fixture) -> QueuedText {
        let delivery = fixture.delivery().await.id;
        let (number, words) = (Secret::new(NUMBER), Secret::new(WORDS));
        let text = NewText { delivery, number, words, expires: NOW.plus(LEASE) };
        fixture.store.post_text(text, NOW).await.unwrap();
        assert_eq!(fixture.store.next_text_due().await, Ok(Some(NOW)));
        claim(fixture, NOW).await.remove(0)
    }

    async fn claim(fixture: &Fixture, now: Moment) -> Vec<QueuedText> {
        fixture.store.claim_texts(now, LEASE, 10).await.unwrap()
    }

    async fn count(fixture: &Fixture, text: &QueuedText) -> (u32, u32, u32) {
        let count = fixture.store.count_texts(text.delivery).await.unwrap();
        (count.all, count.waiting, count.tries)
    }

    async fn check_gone(fixture: &Fixture, text: &QueuedText) {
        let sealed: Option<Vec<u8>> = sqlx::query_scalar("SELECT sealed FROM texts WHERE id = ?")
            .bind(text.id.to_string())
            .fetch_one(&fixture.store.readers)
            .await
            .unwrap();
        assert_eq!(sealed, None);
        assert_eq!(fixture.store.next_text_due().await, Ok(None));
        assert!(claim(fixture, NOW.plus(LEASE * 9)).await.is_empty());
    }

    #[tokio::test]
    async fn a_text_message_is_sealed_while_it_waits_and_gone_when_it_is_settled() {
        let fixture = Fixture::new().await;
        let text = queued(&fixture).await;
        assert_eq!((text.number.reveal(), text.words.reveal(), text.tries), (NUMBER, WORDS, 0));
        assert!(!format!("{text:?}").contains("123"), "{text:?}");
        assert!(claim(&fixture, NOW).await.is_empty());

        let due = NOW.plus(LEASE);
        let later = TextOutcome::Later { due, why: "main: answered 503".to_owned() };
        fixture.store.settle_text(&text, later.clone(), NOW).await.unwrap();
        assert_eq!(fixture.store.settle_text(&text, later, NOW).await, Err(StoreError::LeaseLost));
        assert_eq!(count(&fixture, &text).await, (1, 1, 1));
        assert!(claim(&fixture, Moment(due.0 - 1)).await.is_empty());
        let again = claim(&fixture, due).await.remove(0);
        assert_eq!((again.id, again.tries, again.words.reveal()), (text.id, 1, WORDS));

        let sent = TextOutcome::Sent { provider: "main".to_owned() };
        fixture.store.settle_text(&again, sent, due).await.unwrap();
        assert_eq!(count(&fixture, &text).await, (1, 0, 2));
        check_gone(&fixture, &text).await;
        let history = fixture.store.history(text.delivery).await.unwrap();
        let notes: Vec<_> = history.iter().rev().take(2).map(|event| event.note.as_str()).collect();
        assert_eq!(
            notes,
            ["the text message was taken by main", "the text message waits: main: answered 503"]
        );
        for secret in [NUMBER, "612345678", WORDS, "123456"] {
            assert!(!fixture.contains(secret.as_bytes()), "{secret}");
        }
    }

    #[tokio::test]
    async fn a_text_message_ends_with_the_delivery_that_it_is_for() {
        let fixture = Fixture::new().await;
        let text = queued(&fixture).await;
        fixture.store.apply(text.delivery, Event::Withdrawn, NOW).await.unwrap();
        check_gone(&fixture, &text).await;
        let sent = TextOutcome::Sent { provider: "main".to_owned() };
        let settled = fixture.store.settle_text(&text, sent, NOW).await;
        assert_eq!(settled, Err(StoreError::LeaseLost));
    }

    #[tokio::test]
    async fn a_claim_is_given_back_at_the_start_and_what_is_over_is_swept() {
        let fixture = Fixture::new().await;
        let text = queued(&fixture).await;
        fixture.store.release_claims().await.unwrap();
        let again = claim(&fixture, NOW).await.remove(0);
        assert_eq!(again.id, text.id);
        let dropped = TextOutcome::Dropped { why: "it could not be sent in time".to_owned() };
        fixture.store.settle_text(&again, dropped, NOW).await.unwrap();
        let later = NOW.plus(Duration::from_hours(25));
        assert_eq!(fixture.store.sweep(later).await, Ok(1));
        assert_eq!(count(&fixture, &text).await, (0, 0, 0));
    }
}
