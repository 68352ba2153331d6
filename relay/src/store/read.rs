//! Reading: what stands in the store, as values.

use std::io::Cursor;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use tokio::io::AsyncRead;
use zegel_core::bounce::Failed;
use zegel_core::conversation::Kind;
use zegel_core::decision::Decision;
use zegel_core::delivery::State;
use zegel_core::envelope::Recipient;
use zegel_core::moment::Moment;
use zegel_core::submission::Submission;
use zegel_core::transport::Seen;

use super::bodies::unseal;
use super::error::from_json;
use super::intake::SUBMISSION;
use super::{Store, StoreError};
use crate::id::{ConversationId, DeliveryId, SubmissionId};
use crate::vault::{MessageKey, WrappedKey};

/// One recipient's delivery as the store has it.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub id: DeliveryId,
    pub submission: SubmissionId,
    pub conversation: ConversationId,
    pub kind: Kind,
    pub recipient: Recipient,
    pub state: State,
    pub decision: Option<Decision>,
    /// How its notification came back, if it did.
    pub bounce: Option<Failed>,
    pub accepted: Moment,
    pub expires: Moment,
    /// Which claim this is; a commit under an older one is refused.
    pub lease: i64,
}

/// A submission with the key to its body. The body itself is read as a stream.
#[derive(Clone, Debug)]
pub struct Stored {
    pub id: SubmissionId,
    pub submission: Submission,
    pub key: MessageKey,
    pub accepted: Moment,
    pub expires: Moment,
}

/// One line of a delivery's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub at: Moment,
    pub note: String,
    /// What the connection showed, where there was one.
    pub seen: Option<Seen>,
}

impl Store {
    /// `None` when there is none, or when it is destroyed.
    pub async fn submission(&self, id: SubmissionId) -> Result<Option<Stored>, StoreError> {
        let row = sqlx::query(
            "SELECT wrapped_key, sealed, accepted, expires FROM submissions
             WHERE id = ? AND wrapped_key IS NOT NULL",
        )
        .bind(id.to_string())
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let key = MessageKey::unwrap(&WrappedKey(row.try_get("wrapped_key")?), &self.keyring)?;
        let sealed: Vec<u8> = row.try_get("sealed")?;
        let submission =
            from_json(key.open(SUBMISSION, &sealed)?).map_err(|_| StoreError::Damaged)?;
        let (accepted, expires) =
            (Moment(row.try_get("accepted")?), Moment(row.try_get("expires")?));
        Ok(Some(Stored { id, submission, key, accepted, expires }))
    }

    /// The message's octets, unsealed as they are read; an error in the stream means that it is damaged.
    pub async fn read_body(
        &self,
        stored: &Stored,
    ) -> Result<Box<dyn AsyncRead + Send + Unpin>, StoreError> {
        let row =
            sqlx::query("SELECT body FROM submissions WHERE id = ? AND wrapped_key IS NOT NULL")
                .bind(stored.id.to_string())
                .fetch_optional(&self.readers)
                .await?
                .ok_or_else(|| StoreError::failed("the message is destroyed"))?;
        let body: Option<Vec<u8>> = row.try_get("body")?;
        Ok(match body {
            Some(sealed) => Box::new(unseal(Cursor::new(sealed), &stored.key)),
            None => Box::new(unseal(self.bodies.open(stored.id).await?, &stored.key)),
        })
    }

    pub async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let row = sqlx::query("SELECT * FROM deliveries WHERE id = ?")
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(delivery).transpose()
    }

    /// Everyone in a conversation, the caller's own delivery included.
    pub async fn conversation(&self, id: ConversationId) -> Result<Vec<Delivery>, StoreError> {
        let rows = sqlx::query("SELECT * FROM deliveries WHERE conversation = ? ORDER BY id")
            .bind(id.to_string())
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(delivery).collect()
    }

    /// Deliveries, newest first; only those not final unless `all`.
    pub async fn list(&self, all: bool, most: usize) -> Result<Vec<Delivery>, StoreError> {
        let text = if all {
            "SELECT * FROM deliveries ORDER BY id DESC LIMIT ?"
        } else {
            "SELECT * FROM deliveries WHERE final = 0 ORDER BY id DESC LIMIT ?"
        };
        let rows = sqlx::query(text).bind(limit(most)).fetch_all(&self.readers).await?;
        rows.iter().map(delivery).collect()
    }

    /// What happened to a delivery, oldest first.
    pub async fn history(&self, id: DeliveryId) -> Result<Vec<Event>, StoreError> {
        let rows =
            sqlx::query("SELECT at, note, seen FROM events WHERE delivery = ? ORDER BY rowid")
                .bind(id.to_string())
                .fetch_all(&self.readers)
                .await?;
        rows.iter()
            .map(|row| {
                let seen: Option<String> = row.try_get("seen")?;
                let seen = seen.map(from_json).transpose()?;
                Ok(Event { at: Moment(row.try_get("at")?), note: row.try_get("note")?, seen })
            })
            .collect()
    }

    /// What the last connection for this delivery showed.
    pub async fn seen(&self, id: DeliveryId) -> Result<Option<Seen>, StoreError> {
        let seen: Option<String> = sqlx::query_scalar("SELECT seen FROM deliveries WHERE id = ?")
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await?
            .flatten();
        seen.map(from_json).transpose()
    }
}

/// A row of `deliveries`.
pub(super) fn delivery(row: &SqliteRow) -> Result<Delivery, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let decision: Option<String> = row.try_get("decision")?;
    let bounce: Option<String> = row.try_get("bounce")?;
    Ok(Delivery {
        id: id(&text("id")?)?,
        submission: id(&text("submission")?)?,
        conversation: id(&text("conversation")?)?,
        kind: kind(&text("kind")?)?,
        recipient: from_json(text("recipient")?)?,
        state: from_json(text("state")?)?,
        decision: decision.map(from_json).transpose()?,
        bounce: bounce.map(from_json).transpose()?,
        accepted: Moment(row.try_get("accepted")?),
        expires: Moment(row.try_get("expires")?),
        lease: row.try_get("lease")?,
    })
}

pub(super) fn id<T: std::str::FromStr>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::failed("an id in the database cannot be read"))
}

pub(super) fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

pub(super) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Shared => "shared",
        Kind::Alone => "alone",
    }
}

fn kind(name: &str) -> Result<Kind, StoreError> {
    match name {
        "shared" => Ok(Kind::Shared),
        "alone" => Ok(Kind::Alone),
        _ => Err(StoreError::failed("a conversation of an unknown kind")),
    }
}
