//! What the senders of messages are asked. A message has one inquiry at most, for all its recipients who wait; its page opens
//! with a code that goes to the sender's own mailbox, under the rules that hold for recipients.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use zegel_core::access::{self, Challenge, Limits, Tally};
use zegel_core::moment::Moment;
use zegel_core::secret::Secret;

use super::error::{from_json, to_json};
use super::mails::queue_mail;
use super::portal::challenge;
use super::queue::remember;
use super::read::{delivery, id, limit};
use super::writer::After;
use super::{Delivery, NewCode, NewMail, Post, Store, StoreError};
use crate::id::{DeliveryId, SubmissionId};
use crate::vault::{Keyring, Purpose, crockford, digest};

/// Characters of the token in the sender's link: 130 bits, as recipients' have (portal.md, L6).
pub const TOKEN_CHARACTERS: usize = 26;

/// While other recipients of the message are still being decided on, the sender is asked after this time at the latest:
/// most are decided within a second, and one mail is better than two.
const GATHER: Duration = Duration::from_secs(10);

/// In the history of each delivery that a mail asks about.
const ASKED: &str = "the sender is asked by mail";

/// A session of a message's sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SenderSession {
    pub submission: SubmissionId,
    pub created: Moment,
    pub last_seen: Moment,
}

/// A session to be written; the id is only stored hashed.
#[derive(Clone, Debug)]
pub struct NewSenderSession {
    pub id_hash: [u8; 32],
    pub submission: SubmissionId,
    pub created: Moment,
}

/// The token of a message's page for its sender. It is derived, not drawn, so that the store need not keep it.
pub(super) fn token(keyring: &Keyring, submission: SubmissionId) -> Secret {
    let id = submission.to_string();
    crockford(&keyring.mac(Purpose::Inquiry, &[id.as_bytes()]), TOKEN_CHARACTERS)
}

/// Makes a message's inquiry, if it has none. `due` is when its sender is to be asked by mail.
pub(super) async fn inquire(
    db: &mut SqliteConnection,
    keyring: &Keyring,
    submission: SubmissionId,
    due: Option<Moment>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO inquiries (submission, token, due) VALUES (?1, ?2, ?3)
         ON CONFLICT (submission) DO UPDATE SET due = COALESCE(excluded.due, due), token = excluded.token",
    )
    .bind(submission.to_string())
    .bind(digest(&token(keyring, submission)).as_slice())
    .bind(due.map(|due| due.0))
    .execute(db)
    .await?;
    Ok(())
}

/// When the sender is to be asked about a recipient who waits from now on.
pub(super) async fn ask_when(
    db: &mut SqliteConnection,
    submission: SubmissionId,
    now: Moment,
) -> Result<Moment, StoreError> {
    Ok(if is_all_decided(db, submission).await? { now } else { now.plus(GATHER) })
}

/// A decision was made: if it was the last, whoever waits to be asked about need wait no longer.
pub(super) async fn decided(
    db: &mut SqliteConnection,
    submission: SubmissionId,
    now: Moment,
) -> Result<(), StoreError> {
    let waiting = "SELECT EXISTS (SELECT 1 FROM inquiries WHERE submission = ? AND due > ?)";
    let waiting = sqlx::query_scalar(waiting).bind(submission.to_string()).bind(now.0);
    if waiting.fetch_one(&mut *db).await? && is_all_decided(db, submission).await? {
        let hasten = sqlx::query("UPDATE inquiries SET due = ? WHERE submission = ?");
        hasten.bind(now.0).bind(submission.to_string()).execute(db).await?;
    }
    Ok(())
}

async fn is_all_decided(
    db: &mut SqliteConnection,
    submission: SubmissionId,
) -> Result<bool, StoreError> {
    let decided = "SELECT NOT EXISTS (SELECT 1 FROM deliveries WHERE submission = ? AND decision IS NULL AND final = 0)";
    Ok(sqlx::query_scalar(decided).bind(submission.to_string()).fetch_one(db).await?)
}

impl Store {
    /// What stands in the link to a message's page for its sender. It leads somewhere once there is an inquiry.
    pub fn sender_token(&self, submission: SubmissionId) -> Secret {
        token(&self.keyring, submission)
    }

    pub async fn by_sender_token(
        &self,
        token_hash: [u8; 32],
    ) -> Result<Option<SubmissionId>, StoreError> {
        let found: Option<String> =
            sqlx::query_scalar("SELECT submission FROM inquiries WHERE token = ?")
                .bind(token_hash.as_slice())
                .fetch_optional(&self.readers)
                .await?;
        found.as_deref().map(id).transpose()
    }

    /// Messages whose senders are to be asked now, at most `most`.
    pub async fn due_inquiries(
        &self,
        now: Moment,
        most: usize,
    ) -> Result<Vec<SubmissionId>, StoreError> {
        let due: Vec<String> = sqlx::query_scalar(
            "SELECT submission FROM inquiries WHERE due <= ? ORDER BY due LIMIT ?",
        )
        .bind(now.0)
        .bind(limit(most))
        .fetch_all(&self.readers)
        .await?;
        due.iter().map(|text| id(text)).collect()
    }

    /// All deliveries of a message, in the order of its recipients.
    pub async fn deliveries_of(
        &self,
        submission: SubmissionId,
    ) -> Result<Vec<Delivery>, StoreError> {
        let rows = sqlx::query("SELECT * FROM deliveries WHERE submission = ? ORDER BY id")
            .bind(submission.to_string())
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(delivery).collect()
    }

    /// The sender is asked by this mail about these deliveries, once: who comes second changes nothing. `None`: there is nothing
    /// to ask, or nobody who wants to be.
    pub async fn post_inquiry(
        &self,
        submission: SubmissionId,
        mail: Option<(NewMail, Vec<DeliveryId>)>,
        now: Moment,
    ) -> Result<(), StoreError> {
        let keyring = Arc::clone(&self.keyring);
        let post = async move |db: &mut SqliteConnection| {
            let asked =
                sqlx::query("UPDATE inquiries SET due = NULL WHERE submission = ? AND due <= ?");
            let asked = asked.bind(submission.to_string()).bind(now.0).execute(&mut *db).await?;
            let Some((mail, about)) = mail.filter(|_| asked.rows_affected() == 1) else {
                return Ok(());
            };
            for delivery in about {
                remember(db, &delivery.to_string(), now, ASKED).await?;
            }
            queue_mail(db, &keyring, &mail, now).await
        };
        self.writer.run("asking a sender", After::News, post).await
    }

    /// As [`Self::request_code`], for the sender of a message.
    pub async fn request_sender_code(
        &self,
        submission: SubmissionId,
        browser_hash: [u8; 32],
        code: NewCode,
        limits: &Limits,
        now: Moment,
    ) -> Result<access::Request, StoreError> {
        let (limits, keyring) = (limits.clone(), Arc::clone(&self.keyring));
        let request = async move |db: &mut SqliteConnection| {
            let mut tally = tally(db, submission).await?;
            let verdict = access::request(&tally, &limits, now);
            let Post::Mail(mail) = &code.post else {
                return Err(StoreError::failed("a sender's code goes to their mailbox"));
            };
            if verdict == access::Request::Send {
                add_challenge(db, submission, browser_hash, &code, now.plus(limits.lifetime))
                    .await?;
                queue_mail(db, &keyring, mail, now).await?;
                tally.code_sent(now);
                set_tally(db, submission, &tally).await?;
            }
            Ok(verdict)
        };
        self.writer.run("requesting a sender's code", After::News, request).await
    }

    pub async fn sender_tally(&self, submission: SubmissionId) -> Result<Tally, StoreError> {
        let mut db = self.readers.acquire().await?;
        tally(&mut db, submission).await
    }

    /// As [`Self::begin_attempt`], for the sender of a message.
    pub async fn begin_sender_attempt(
        &self,
        submission: SubmissionId,
        browser_hash: [u8; 32],
        now: Moment,
    ) -> Result<(Vec<Challenge>, Tally), StoreError> {
        let begin = async move |db: &mut SqliteConnection| {
            let mut tally = tally(db, submission).await?;
            tally.failed(now);
            set_tally(db, submission, &tally).await?;
            let count = "UPDATE inquiry_challenges SET tries = tries + 1
                 WHERE submission = ? AND browser = ? AND used = 0 AND expires > ?";
            let count =
                sqlx::query(count).bind(submission.to_string()).bind(browser_hash.as_slice());
            count.bind(now.0).execute(&mut *db).await?;
            let rows = "SELECT * FROM inquiry_challenges WHERE submission = ? AND browser = ? ORDER BY rowid";
            let rows = sqlx::query(rows).bind(submission.to_string()).bind(browser_hash.as_slice());
            let rows = rows.fetch_all(db).await?;
            Ok((rows.iter().map(challenge).collect::<Result<_, _>>()?, tally))
        };
        self.writer.run("counting a sender's attempt", After::Nothing, begin).await
    }

    /// Uses the challenge up, forgives the wrong codes before it, and opens the session; `false` when it was used before.
    pub async fn open_sender_session(
        &self,
        challenge: String,
        session: NewSenderSession,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let open = async move |db: &mut SqliteConnection| {
            let submission = session.submission;
            let use_up = "UPDATE inquiry_challenges SET used = 1
                 WHERE id = ? AND submission = ? AND used = 0 AND expires > ?";
            let use_up =
                sqlx::query(use_up).bind(challenge).bind(submission.to_string()).bind(now.0);
            if use_up.execute(&mut *db).await?.rows_affected() != 1 {
                return Ok(false);
            }
            let mut tally = tally(db, submission).await?;
            tally.cleared();
            set_tally(db, submission, &tally).await?;
            let add = "INSERT INTO inquiry_sessions (id, submission, created, last_seen) VALUES (?1, ?2, ?3, ?3)";
            let add =
                sqlx::query(add).bind(session.id_hash.as_slice()).bind(submission.to_string());
            add.bind(session.created.0).execute(db).await?;
            Ok(true)
        };
        self.writer.run("opening a sender's session", After::Nothing, open).await
    }

    pub async fn sender_session(
        &self,
        id_hash: [u8; 32],
    ) -> Result<Option<SenderSession>, StoreError> {
        let row = sqlx::query("SELECT * FROM inquiry_sessions WHERE id = ?")
            .bind(id_hash.as_slice())
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(session).transpose()
    }

    pub async fn touch_sender_session(
        &self,
        id_hash: [u8; 32],
        now: Moment,
    ) -> Result<(), StoreError> {
        let touch = async move |db: &mut SqliteConnection| {
            let touch = "UPDATE inquiry_sessions SET last_seen = MAX(last_seen, ?) WHERE id = ?";
            sqlx::query(touch).bind(now.0).bind(id_hash.as_slice()).execute(db).await?;
            Ok(())
        };
        self.writer.run("keeping a sender's session alive", After::Nothing, touch).await
    }

    pub async fn end_sender_session(&self, id_hash: [u8; 32]) -> Result<(), StoreError> {
        let end = async move |db: &mut SqliteConnection| {
            let end = sqlx::query("DELETE FROM inquiry_sessions WHERE id = ?");
            end.bind(id_hash.as_slice()).execute(db).await?;
            Ok(())
        };
        self.writer.run("ending a sender's session", After::Nothing, end).await
    }
}

/// Forgets the wrong codes of the sender of this delivery's message; `false` when there were none.
pub(super) async fn unlock_sender(
    db: &mut SqliteConnection,
    delivery: DeliveryId,
) -> Result<bool, StoreError> {
    let of: Option<String> = sqlx::query_scalar("SELECT submission FROM deliveries WHERE id = ?")
        .bind(delivery.to_string())
        .fetch_optional(&mut *db)
        .await?;
    let Some(submission) = of.as_deref().map(id).transpose()? else { return Ok(false) };
    let mut tally = tally(db, submission).await?;
    if tally.failures_total == 0 {
        return Ok(false);
    }
    tally.cleared();
    set_tally(db, submission, &tally).await?;
    Ok(true)
}

async fn tally(db: &mut SqliteConnection, submission: SubmissionId) -> Result<Tally, StoreError> {
    let stored: Option<Option<String>> =
        sqlx::query_scalar("SELECT tally FROM inquiries WHERE submission = ?")
            .bind(submission.to_string())
            .fetch_optional(db)
            .await?;
    stored.flatten().map_or_else(|| Ok(Tally::default()), from_json)
}

async fn set_tally(
    db: &mut SqliteConnection,
    submission: SubmissionId,
    tally: &Tally,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE inquiries SET tally = ? WHERE submission = ?")
        .bind(to_json(tally)?)
        .bind(submission.to_string())
        .execute(db)
        .await?;
    Ok(())
}

async fn add_challenge(
    db: &mut SqliteConnection,
    submission: SubmissionId,
    browser_hash: [u8; 32],
    code: &NewCode,
    expires: Moment,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO inquiry_challenges (id, submission, browser, mac, expires) VALUES (?, ?, ?, ?, ?)",
    )
    .bind(&code.challenge)
    .bind(submission.to_string())
    .bind(browser_hash.as_slice())
    .bind(code.mac.0.as_slice())
    .bind(expires.0)
    .execute(db)
    .await?;
    Ok(())
}

fn session(row: &SqliteRow) -> Result<SenderSession, StoreError> {
    Ok(SenderSession {
        submission: id(&row.try_get::<String, _>("submission")?)?,
        created: Moment(row.try_get("created")?),
        last_seen: Moment(row.try_get("last_seen")?),
    })
}
