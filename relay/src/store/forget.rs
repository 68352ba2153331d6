//! The end of the list: rows of messages that were destroyed long ago. Key and file are gone since then; here the row
//! follows, so that the store does not grow for ever and nobody's address stands in it without need.

use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use zegel_core::moment::Moment;

use super::languages;
use super::read::limit;
use super::writer::After;
use super::{Store, StoreError};

/// As long as the browser remembers it.
const LANGUAGE_KEPT: Duration = Duration::from_hours(365 * 24);

/// Deliveries that go in one transaction: what arrives meanwhile waits for no more than these.
const BATCH: usize = 200;

/// What refers to a delivery, and the delivery.
const OF_DELIVERY: [&str; 7] = [
    "DELETE FROM events WHERE delivery = ?",
    "DELETE FROM mails WHERE delivery = ?",
    "DELETE FROM links WHERE delivery = ?",
    "DELETE FROM tallies WHERE delivery = ?",
    "DELETE FROM challenges WHERE delivery = ?",
    "DELETE FROM sessions WHERE delivery = ?",
    "DELETE FROM deliveries WHERE id = ?",
];

/// A destroyed message's deliveries, once nothing has happened to them since `?1` and no mail of theirs waits.
const OVER: &str = "
    SELECT deliveries.id FROM submissions JOIN deliveries ON deliveries.submission = submissions.id
    WHERE wrapped_key IS NULL AND submissions.expires <= ?1
        AND NOT EXISTS (SELECT 1 FROM events WHERE delivery = deliveries.id AND at > ?1)
        AND NOT EXISTS (SELECT 1 FROM mails WHERE delivery = deliveries.id AND due IS NOT NULL)
    LIMIT ?2";

const EMPTY: &str = "
    DELETE FROM submissions WHERE wrapped_key IS NULL AND expires <= ?1
        AND NOT EXISTS (SELECT 1 FROM deliveries WHERE submission = submissions.id)";

impl Store {
    /// Deletes the rows of messages that are destroyed, and whose time was over at least `kept` ago; returns how many
    /// deliveries it were. Broken off, it is taken up the next time.
    pub async fn forget(&self, now: Moment, kept: Duration) -> Result<usize, StoreError> {
        let before = now.0.saturating_sub_unsigned(kept.as_secs());
        let unused_since = Moment(now.0.saturating_sub_unsigned(LANGUAGE_KEPT.as_secs()));
        let mut forgotten = 0;
        loop {
            let batch: Vec<String> = sqlx::query_scalar(OVER)
                .bind(before)
                .bind(limit(BATCH))
                .fetch_all(&self.readers)
                .await?;
            let gone = batch.len();
            let forget = async move |db: &mut SqliteConnection| {
                languages::forget(db, unused_since).await?;
                forget(db, &batch, before).await
            };
            self.writer.run("forgetting", After::Nothing, forget).await?;
            forgotten += gone;
            if gone < BATCH {
                return Ok(forgotten);
            }
        }
    }
}

async fn forget(
    db: &mut SqliteConnection,
    deliveries: &[String],
    before: i64,
) -> Result<(), StoreError> {
    for delivery in deliveries {
        for statement in OF_DELIVERY {
            sqlx::query(statement).bind(delivery).execute(&mut *db).await?;
        }
    }
    sqlx::query(EMPTY).bind(before).execute(db).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;
    use zegel_core::delivery::Event;

    use super::super::fixture::{Fixture, NOW, RETENTION, Sent};
    use super::*;

    const KEPT: Duration = Duration::from_hours(90 * 24);
    const SECOND: Duration = Duration::from_secs(1);

    /// How many rows stand in each table that tells of a message.
    async fn rows(store: &Store) -> Vec<i64> {
        let mut counts = Vec::new();
        for table in ["submissions", "deliveries", "events", "links"] {
            let count = AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
            counts.push(sqlx::query_scalar(count).fetch_one(&store.readers).await.unwrap());
        }
        counts
    }

    async fn end(store: &Store, all: usize, at: Moment) {
        for delivery in store.list(true, all).await.unwrap() {
            store.add_link(delivery.id, [1; 32], [2; 32], NOW).await.unwrap();
            store.apply(delivery.id, Event::Withdrawn, at).await.unwrap();
        }
    }

    async fn check(fixture: &Fixture, now: Moment, forgotten: usize) {
        assert_eq!(fixture.store.forget(now, KEPT).await, Ok(forgotten), "at {now:?}");
    }

    #[tokio::test]
    async fn rows_of_a_destroyed_message_go_when_their_time_in_the_list_is_over() {
        let fixture = Fixture::new().await;
        fixture.keep(Sent::default()).await.unwrap();
        end(&fixture.store, 1, NOW).await;
        let over = NOW.plus(RETENTION + KEPT);
        check(&fixture, Moment(over.0 - 1), 0).await;
        assert_eq!(rows(&fixture.store).await, [1, 1, 2, 1]);
        check(&fixture, over, 1).await;
        assert_eq!(rows(&fixture.store).await, [0, 0, 0, 0]);
    }

    #[tokio::test]
    async fn what_is_not_destroyed_or_ended_lately_stays() {
        let fixture = Fixture::new().await;
        let over = NOW.plus(RETENTION + KEPT);
        fixture.keep(Sent { to: &["a@x.nl", "b@x.nl"], ..Sent::default() }).await.unwrap();
        end(&fixture.store, 1, NOW).await;
        check(&fixture, over, 0).await;
        let other = fixture.store.list(false, 1).await.unwrap().remove(0).id;
        fixture.store.apply(other, Event::Withdrawn, NOW.plus(RETENTION + SECOND)).await.unwrap();
        check(&fixture, over, 1).await;
        check(&fixture, over.plus(SECOND), 1).await;
        assert_eq!(rows(&fixture.store).await, [0, 0, 0, 0]);
    }

    #[tokio::test]
    async fn more_than_a_batch_goes_in_several() {
        let fixture = Fixture::new().await;
        let names: Vec<String> = (0..2 * BATCH).map(|number| format!("r{number}@x.nl")).collect();
        let to: Vec<&str> = names.iter().map(String::as_str).collect();
        fixture.keep(Sent { to: &to, ..Sent::default() }).await.unwrap();
        for delivery in fixture.store.list(true, to.len()).await.unwrap() {
            fixture.store.apply(delivery.id, Event::Withdrawn, NOW).await.unwrap();
        }
        check(&fixture, NOW.plus(RETENTION + KEPT), 2 * BATCH).await;
        assert_eq!(rows(&fixture.store).await, [0, 0, 0, 0]);
    }
}
