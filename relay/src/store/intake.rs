//! Acceptance: a transaction becomes rows. Mail servers split long recipient lists, and repeat a transaction whose
//! reply was lost; both are recognised by the fingerprint.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use zegel_core::conversation::{Kind, split};
use zegel_core::delivery::State;
use zegel_core::envelope::Recipient;
use zegel_core::moment::Moment;
use zegel_core::submission::Submission;

use super::contacts::keep_given;
use super::error::{from_json, to_json};
use super::read::kind_name;
use super::writer::After;
use super::{BodyWriter, SealedBody, Store, StoreError};
use crate::id::{ConversationId, DeliveryId, SubmissionId};
use crate::vault::{Keyring, MessageKey, WrappedKey};

/// What a submission's record is bound to under its key.
pub(super) const SUBMISSION: &[u8] = b"submission";

/// For how long a transaction may come again: as long as mail servers try (RFC 5321, section 4.5.4.1).
const REPEATED_MAX: Duration = Duration::from_hours(5 * 24);

/// One accepted transaction, to be kept.
#[derive(Debug)]
pub struct NewSubmission {
    pub id: SubmissionId,
    pub submission: Submission,
    pub key: MessageKey,
    pub body: SealedBody,
    /// Keyed hash of Message-ID, sender and content; `None` when there is no Message-ID.
    pub fingerprint: Option<[u8; 32]>,
    pub accepted: Moment,
    /// When it is destroyed.
    pub expires: Moment,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    New,
    /// A part of a split recipient list joined the submission that came before: this many recipients were new.
    Joined(usize),
    /// The same transaction again after a lost reply: nothing new.
    Repeated,
}

impl Store {
    pub fn body_writer(&self, id: SubmissionId, key: &MessageKey) -> BodyWriter {
        self.bodies.writer(id, key)
    }

    /// Keeps a transaction: when this returns, it survives a power cut. Conversations are split here by
    /// `core::conversation::split`.
    pub async fn keep(&self, new: NewSubmission) -> Result<Kept, StoreError> {
        let id = new.id;
        let (body, in_hand) = self.bodies.place(id, new.body).await?;
        let incoming = Incoming {
            id,
            submission: new.submission,
            key: new.key,
            keyring: Arc::clone(&self.keyring),
            body,
            fingerprint: new.fingerprint,
            accepted: new.accepted,
            expires: new.expires,
        };
        // In hand until the commit, even if whoever waits for it here goes away before.
        let keep = async move |db: &mut SqliteConnection| Ok((incoming.keep(db).await?, in_hand));
        let (kept, _in_hand) = self.writer.run("keeping a message", After::News, keep).await?;
        // After an error the row may be there all the same, so only the sweep may judge its file; and what cannot be
        // removed here is left to it too.
        if kept != Kept::New {
            let _ = self.bodies.remove(id).await;
        }
        Ok(kept)
    }
}

/// A transaction whose body is in place.
struct Incoming {
    id: SubmissionId,
    submission: Submission,
    key: MessageKey,
    keyring: Arc<Keyring>,
    /// `None`: it is a file.
    body: Option<Vec<u8>>,
    fingerprint: Option<[u8; 32]>,
    accepted: Moment,
    expires: Moment,
}

/// The submission that has the same fingerprint.
struct Earlier {
    id: String,
    /// The wrapped key and the record that it seals; `None` once they are destroyed.
    sealed: Option<(WrappedKey, Vec<u8>)>,
    expires: Moment,
}

impl Incoming {
    async fn keep(mut self, db: &mut SqliteConnection) -> Result<Kept, StoreError> {
        if self.insert(db).await? {
            return Ok(Kept::New);
        }
        let Some(earlier) = self.earlier(db).await? else {
            return self.insert_anew(db).await;
        };
        let known = known(db, &earlier.id).await?;
        self.submission
            .envelope
            .recipients
            .retain(|recipient| !known.contains(&recipient.address.key()));
        if self.submission.envelope.recipients.is_empty() {
            return Ok(Kept::Repeated);
        }
        let Some((key, record)) = &earlier.sealed else {
            // Nobody can read the earlier one any more: those who are new get one of their own.
            forget(db, &earlier.id).await?;
            return self.insert_anew(db).await;
        };
        self.join(db, &earlier, key, record).await.map(Kept::Joined)
    }

    async fn earlier(&self, db: &mut SqliteConnection) -> Result<Option<Earlier>, StoreError> {
        let Some(fingerprint) = &self.fingerprint else { return Ok(None) };
        let found = sqlx::query("SELECT * FROM submissions WHERE fingerprint = ?")
            .bind(fingerprint.as_slice())
            .fetch_optional(&mut *db)
            .await?;
        let Some(row) = found else { return Ok(None) };
        let earlier = earlier(&row)?;
        if Moment(row.try_get("accepted")?).plus(REPEATED_MAX) > self.accepted {
            return Ok(Some(earlier));
        }
        forget(db, &earlier.id).await?;
        Ok(None)
    }

    /// Adds the submission that no other has the fingerprint of any more.
    async fn insert_anew(&self, db: &mut SqliteConnection) -> Result<Kept, StoreError> {
        if self.insert(db).await? {
            return Ok(Kept::New);
        }
        Err(StoreError::failed("the fingerprint of an earlier submission stands in the way"))
    }

    /// `false`: one with the same fingerprint is there already.
    async fn insert(&self, db: &mut SqliteConnection) -> Result<bool, StoreError> {
        let sealed = self.key.seal(SUBMISSION, to_json(&self.submission)?.as_bytes());
        let inserted = sqlx::query(
            "INSERT INTO submissions (id, wrapped_key, sealed, body, fingerprint, accepted, expires)
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (fingerprint) DO NOTHING",
        )
        .bind(self.id.to_string())
        .bind(self.key.wrap(&self.keyring).0)
        .bind(sealed)
        .bind(self.body.as_deref())
        .bind(self.fingerprint.as_ref().map(<[u8; 32]>::as_slice))
        .bind(self.accepted.0)
        .bind(self.expires.0)
        .execute(&mut *db)
        .await?;
        if inserted.rows_affected() == 0 {
            return Ok(false);
        }
        let rights = &self.submission.wishes.rights;
        keep_given(db, &self.keyring, &self.submission.from, rights, self.accepted).await?;
        let place = Place {
            submission: &self.id.to_string(),
            accepted: self.accepted,
            expires: self.expires,
        };
        for conversation in split(&self.submission.envelope.recipients, &self.submission.addressees)
        {
            let id = ConversationId::generate().to_string();
            for recipient in &conversation.recipients {
                place.add(db, &id, conversation.kind, recipient).await?;
            }
        }
        Ok(true)
    }

    /// Adds the recipients that are left to the submission that came before; returns how many they are.
    async fn join(
        self,
        db: &mut SqliteConnection,
        earlier: &Earlier,
        key: &WrappedKey,
        record: &[u8],
    ) -> Result<usize, StoreError> {
        let key = MessageKey::unwrap(key, &self.keyring)?;
        let mut whole: Submission = from_json(key.open(SUBMISSION, record)?)?;
        let mut rights = self.submission.wishes.rights;
        let newcomers: BTreeSet<_> = self.submission.envelope.addresses().cloned().collect();
        rights.retain(|address, _| newcomers.contains(address));
        keep_given(db, &self.keyring, &whole.from, &rights, self.accepted).await?;
        whole.wishes.rights.append(&mut rights);
        whole.envelope.recipients.extend(self.submission.envelope.recipients);
        sqlx::query("UPDATE submissions SET sealed = ? WHERE id = ?")
            .bind(key.seal(SUBMISSION, to_json(&whole)?.as_bytes()))
            .bind(&earlier.id)
            .execute(&mut *db)
            .await?;

        let place =
            Place { submission: &earlier.id, accepted: self.accepted, expires: earlier.expires };
        for conversation in split(&whole.envelope.recipients, &whole.addressees) {
            let id = match conversation.kind {
                Kind::Shared => shared(db, &earlier.id).await?,
                Kind::Alone => None,
            };
            let id = id.unwrap_or_else(|| ConversationId::generate().to_string());
            for recipient in
                conversation.recipients.iter().filter(|one| newcomers.contains(&one.address))
            {
                place.add(db, &id, conversation.kind, recipient).await?;
            }
        }
        Ok(newcomers.len())
    }
}

/// What the deliveries of one transaction have in common.
struct Place<'a> {
    submission: &'a str,
    accepted: Moment,
    expires: Moment,
}

impl Place<'_> {
    async fn add(
        &self,
        db: &mut SqliteConnection,
        conversation: &str,
        kind: Kind,
        recipient: &Recipient,
    ) -> Result<(), StoreError> {
        let id = DeliveryId::generate().to_string();
        let state = State::new(self.accepted);
        let due = state.due().map(|due| due.0);
        // Both in one, as each is a way to the database's thread and back.
        sqlx::query(
            "INSERT INTO deliveries
                 (id, submission, conversation, kind, address, recipient, state, accepted, due, expires, work_at, end_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);
             INSERT INTO events (delivery, at, note) VALUES (?, ?, 'accepted')",
        )
        .bind(&id)
        .bind(self.submission)
        .bind(conversation)
        .bind(kind_name(kind))
        .bind(recipient.address.key())
        .bind(to_json(recipient)?)
        .bind(to_json(&state)?)
        .bind(self.accepted.0)
        .bind(due)
        .bind(self.expires.0)
        .bind(due)
        .bind(self.expires.0)
        .bind(&id)
        .bind(self.accepted.0)
        .execute(&mut *db)
        .await?;
        Ok(())
    }
}

fn earlier(row: &SqliteRow) -> Result<Earlier, StoreError> {
    let key: Option<Vec<u8>> = row.try_get("wrapped_key")?;
    let record: Option<Vec<u8>> = row.try_get("sealed")?;
    let sealed = key.map(WrappedKey).zip(record);
    Ok(Earlier { id: row.try_get("id")?, sealed, expires: Moment(row.try_get("expires")?) })
}

/// The keys of the addresses that a submission already has.
async fn known(
    db: &mut SqliteConnection,
    submission: &str,
) -> Result<BTreeSet<String>, StoreError> {
    let addresses = sqlx::query_scalar("SELECT address FROM deliveries WHERE submission = ?")
        .bind(submission)
        .fetch_all(db)
        .await?;
    Ok(addresses.into_iter().collect())
}

async fn shared(db: &mut SqliteConnection, submission: &str) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT conversation FROM deliveries WHERE submission = ? AND kind = 'shared' LIMIT 1",
    )
    .bind(submission)
    .fetch_optional(db)
    .await?)
}

async fn forget(db: &mut SqliteConnection, submission: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE submissions SET fingerprint = NULL WHERE id = ?")
        .bind(submission)
        .execute(db)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use zegel_core::directive::{AccessRight, Wishes};
    use zegel_core::secret::Secret;

    use super::super::fixture::{Fixture, NOW, Sent, address};
    use super::super::{BODY_IN_ROW_MAX, Delivery};
    use super::*;

    /// What a sealed stream adds to a body of one chunk.
    const SEAL: usize = 31;

    async fn check(body: &[u8], files: usize) {
        let fixture = Fixture::new().await;
        let kept = fixture.keep(Sent { body, ..Sent::default() }).await;
        assert_eq!(kept, Ok(Kept::New), "{} octets", body.len());
        assert_eq!(fixture.files("bodies").len(), files, "{} octets", body.len());
        assert_eq!(fixture.files("tmp").len(), 0);
        let delivery = fixture.store.list(true, 1).await.unwrap().remove(0);
        assert!(fixture.body(&delivery).await == body, "{} octets come back changed", body.len());
    }

    #[tokio::test]
    async fn small_bodies_stand_in_the_row_and_large_ones_in_files() {
        check(b"", 0).await;
        check(&vec![b'x'; BODY_IN_ROW_MAX - SEAL], 0).await;
        check(&vec![b'x'; BODY_IN_ROW_MAX - SEAL + 1], 1).await;
        check(&vec![b'x'; 5 * BODY_IN_ROW_MAX], 1).await;
    }

    /// Who is in which conversation: addresses, those who share one joined by `+`.
    async fn conversations(fixture: &Fixture) -> Vec<String> {
        let mut all: BTreeMap<ConversationId, Vec<Delivery>> = BTreeMap::new();
        for delivery in fixture.store.list(true, 100).await.unwrap() {
            all.entry(delivery.conversation).or_default().push(delivery);
        }
        let names = |deliveries: Vec<Delivery>| {
            let mut names: Vec<String> =
                deliveries.iter().map(|one| one.recipient.address.to_string()).collect();
            names.sort();
            names.join("+")
        };
        let mut all: Vec<String> = all.into_values().map(names).collect();
        all.sort();
        all
    }

    fn code_for(recipient: &str) -> Wishes {
        let right = AccessRight::HashedCode(Secret::new("135789"));
        Wishes { rights: [(address(recipient), right)].into(), ..Wishes::default() }
    }

    #[tokio::test]
    async fn split_recipient_list_becomes_one_submission_and_its_repetition_nothing() {
        let fixture = Fixture::new().await;
        let body = vec![b'x'; 2 * BODY_IN_ROW_MAX];
        let first = || Sent {
            to: &["a@x.nl", "b@x.nl"],
            bcc: &["z@x.nl"],
            addressees: &["c@x.nl"],
            wishes: code_for("a@x.nl"),
            body: &body,
            ..Sent::default()
        };
        let second = || Sent {
            to: &["c@x.nl", "B@x.nl"],
            bcc: &["y@x.nl"],
            addressees: &["a@x.nl", "b@x.nl"],
            wishes: code_for("c@x.nl"),
            body: &body,
            ..Sent::default()
        };
        let all = ["a@x.nl+b@x.nl+c@x.nl", "y@x.nl", "z@x.nl"];

        assert_eq!(fixture.keep(first()).await, Ok(Kept::New));
        assert_eq!(fixture.keep(second()).await, Ok(Kept::Joined(2)));
        assert_eq!(conversations(&fixture).await, all);
        assert_eq!(fixture.keep(first()).await, Ok(Kept::Repeated));
        assert_eq!(fixture.keep(second()).await, Ok(Kept::Repeated));
        assert_eq!(conversations(&fixture).await, all);
        assert_eq!(fixture.files("bodies").len(), 1);

        let delivery = fixture.store.list(true, 1).await.unwrap().remove(0);
        let stored = fixture.store.submission(delivery.submission).await.unwrap().unwrap();
        let rights: Vec<String> =
            stored.submission.wishes.rights.keys().map(ToString::to_string).collect();
        assert_eq!(rights, ["a@x.nl", "c@x.nl"]);
        assert_eq!(stored.submission.envelope.recipients.len(), 5);
    }

    #[tokio::test]
    async fn parts_that_arrive_at_once_find_each_other() {
        let fixture = Fixture::new().await;
        let (a, b, c) = tokio::join!(
            fixture.keep(Sent { to: &["a@x.nl"], ..Sent::default() }),
            fixture.keep(Sent { to: &["b@x.nl"], ..Sent::default() }),
            fixture.keep(Sent { to: &["b@x.nl"], ..Sent::default() }),
        );
        let mut kept = [a.unwrap(), b.unwrap(), c.unwrap()];
        kept.sort_by_key(|kept| format!("{kept:?}"));
        assert_eq!(kept, [Kept::Joined(1), Kept::New, Kept::Repeated]);
    }

    #[tokio::test]
    async fn the_same_after_five_days_or_without_a_message_id_is_a_new_message() {
        let fixture = Fixture::new().await;
        let over = NOW.plus(REPEATED_MAX);
        let later = |accepted| Sent { accepted, ..Sent::default() };
        let nameless = || Sent { fingerprint: None, ..Sent::default() };
        assert_eq!(fixture.keep(later(NOW)).await, Ok(Kept::New));
        assert_eq!(fixture.keep(later(Moment(over.0 - 1))).await, Ok(Kept::Repeated));
        assert_eq!(fixture.keep(later(over)).await, Ok(Kept::New));
        assert_eq!(fixture.keep(nameless()).await, Ok(Kept::New));
        assert_eq!(fixture.keep(nameless()).await, Ok(Kept::New));
    }
}
