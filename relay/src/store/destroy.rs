//! Destruction: the message's key first, then its file. What a key has sealed is gone with the key, wherever copies of
//! it may lie; so the key must not survive in freed pages (`secure_delete`) or in the write-ahead log (`After::Scrub`).

use sqlx::sqlite::SqliteConnection;
use tracing::error;
use zegel_core::moment::Moment;

use super::audit::about;
use super::queue::remember;
use super::read::id;
use super::writer::After;
use super::{Store, StoreError};
use crate::id::{DeliveryId, SubmissionId};

/// In the history of a delivery that ended without anybody knowing what it was.
const UNREAD: &str = "destroyed unread: its time is over and its record cannot be opened";

impl Store {
    /// Destroys a delivery whose time is over and whose record, or whose message's, cannot be read: its key must not
    /// outlive it because nobody can say what it was. Whoever must be told cannot be known.
    pub async fn end_unread(&self, id: DeliveryId, now: Moment) -> Result<(), StoreError> {
        let auditor = self.auditor.clone();
        let end = async move |db: &mut SqliteConnection| {
            sqlx::query(
                "UPDATE deliveries SET final = 1, due = NULL, work_at = NULL, lease = lease + 1 WHERE id = ?",
            )
            .bind(id.to_string())
            .execute(&mut *db)
            .await?;
            remember(db, &id.to_string(), now, UNREAD).await?;
            auditor.append(db, now, &about(id), UNREAD).await?;
            destroy(db, id).await
        };
        let destroyed =
            self.writer.run("destroying an unreadable delivery", After::Scrub, end).await?;
        error!(delivery = %id, "delivery {id}: {UNREAD}");
        self.remove(destroyed).await;
        Ok(())
    }

    /// What cannot be removed now has no key any more, and is left to the sweep.
    pub(super) async fn remove(&self, destroyed: Option<SubmissionId>) {
        if let Some(id) = destroyed {
            let _ = self.bodies.remove(id).await;
        }
    }
}

/// Ends one recipient's access. Returns the submission when it was the last, so that its file can be removed once this
/// is committed; a file that stays after a crash is swept.
pub(super) async fn destroy(
    db: &mut SqliteConnection,
    delivery: DeliveryId,
) -> Result<Option<SubmissionId>, StoreError> {
    let delivery = delivery.to_string();
    for statement in [
        "UPDATE deliveries SET destroyed = 1, end_at = NULL WHERE id = ?",
        "DELETE FROM sessions WHERE delivery = ?",
        "DELETE FROM challenges WHERE delivery = ?",
        "DELETE FROM tallies WHERE delivery = ?",
        "UPDATE mails SET sealed = NULL, due = NULL, work_at = NULL, lease = lease + 1
         WHERE delivery = ? AND kind = 'code'",
        "UPDATE texts SET sealed = NULL, due = NULL, work_at = NULL, lease = lease + 1
         WHERE delivery = ?",
    ] {
        sqlx::query(statement).bind(&delivery).execute(&mut *db).await?;
    }
    let gone: Option<String> = sqlx::query_scalar(
        "UPDATE submissions SET wrapped_key = NULL, sealed = NULL, body = NULL
         WHERE id = (SELECT submission FROM deliveries WHERE id = ?)
             AND NOT EXISTS (SELECT 1 FROM deliveries WHERE submission = submissions.id AND destroyed = 0)
         RETURNING id",
    )
    .bind(&delivery)
    .fetch_optional(db)
    .await?;
    gone.as_deref().map(id).transpose()
}

#[cfg(test)]
mod tests {
    use zegel_core::delivery::Event;
    use zegel_core::directive::{AccessRight, Wishes};
    use zegel_core::secret::Secret;

    use super::super::fixture::{Fixture, NOW, SUBJECT, Sent, address};
    use super::super::{Kept, StoreError};

    const NUMBER: &str = "+31699999999";

    /// Keeps a message with secrets of all kinds; returns its wrapped key.
    async fn keep(fixture: &Fixture, body: &[u8]) -> Vec<u8> {
        let rights = [(address("a@x.nl"), AccessRight::Sms(Secret::new(NUMBER)))].into();
        let wishes = Wishes { rights, ..Wishes::default() };
        let kept =
            fixture.keep(Sent { to: &["a@x.nl", "b@x.nl"], body, wishes, ..Sent::default() }).await;
        assert_eq!(kept, Ok(Kept::New));
        let readers = &fixture.store.readers;
        sqlx::query_scalar("SELECT wrapped_key FROM submissions").fetch_one(readers).await.unwrap()
    }

    async fn check(body: &[u8], files: usize) {
        let fixture = Fixture::new().await;
        let key = keep(&fixture, body).await;
        let secrets = [SUBJECT.as_bytes(), NUMBER.as_bytes(), b"canary-body", b"jan@example.nl"];
        for secret in secrets {
            assert!(
                !fixture.contains(secret),
                "{:?} stands in the clear",
                String::from_utf8_lossy(secret)
            );
        }
        assert!(fixture.contains(&key), "the search finds what is there");

        let deliveries = fixture.store.list(true, 2).await.unwrap();
        fixture.store.apply(deliveries[0].id, Event::Withdrawn, NOW).await.unwrap();
        assert_eq!(fixture.files("bodies").len(), files);
        let stored = fixture.store.submission(deliveries[0].submission).await.unwrap().unwrap();

        fixture.store.apply(deliveries[1].id, Event::Withdrawn, NOW).await.unwrap();
        assert!(!fixture.contains(&key), "the wrapped key is still there");
        assert_eq!(fixture.files("bodies").len(), 0);
        assert!(matches!(
            fixture.store.read_body(&stored).await.err(),
            Some(StoreError::Failed(_))
        ));
        assert_eq!(fixture.store.list(true, 2).await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn no_secret_stands_in_the_clear_and_the_last_withdrawal_leaves_no_key() {
        check(b"canary-body", 0).await;
        check(&b"canary-body".repeat(20_000), 1).await;
    }

    #[tokio::test]
    async fn a_destroyed_message_is_recognised_but_not_joined() {
        let fixture = Fixture::new().await;
        let delivery = fixture.delivery().await;
        fixture.store.apply(delivery.id, Event::Withdrawn, NOW).await.unwrap();
        assert_eq!(fixture.keep(Sent::default()).await, Ok(Kept::Repeated));
        let more = Sent { to: &["a@example.com", "b@example.com"], ..Sent::default() };
        assert_eq!(fixture.keep(more).await, Ok(Kept::New));
        let waiting = fixture.store.list(false, 10).await.unwrap();
        assert_eq!(
            waiting.iter().map(|one| one.recipient.address.to_string()).collect::<Vec<_>>(),
            ["b@example.com"]
        );
    }
}
