//! What the portal must remember: links, codes, sessions, and how often something was tried.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use zegel_core::access::{self, Challenge, CodeMac, Limits, Tally};
use zegel_core::budget::Allowance;
use zegel_core::moment::Moment;

use super::audit::about;
use super::error::{from_json, to_json};
use super::inquiries::{inquire, unlock_sender};
use super::mails::queue_mail;
use super::queue::remember;
use super::read::id;
use super::texts::queue_text;
use super::writer::After;
use super::{NewMail, NewText, Store, StoreError};
use crate::id::{DeliveryId, SubmissionId};

/// A session in the portal, to be written; the id is only stored hashed.
#[derive(Clone, Debug)]
pub struct NewSession {
    pub id_hash: [u8; 32],
    pub delivery: DeliveryId,
    pub created: Moment,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub delivery: DeliveryId,
    pub created: Moment,
    pub last_seen: Moment,
}

/// A new code, to be stored and sent in one commit if the limits allow it.
#[derive(Debug)]
pub struct NewCode {
    pub challenge: String,
    pub mac: CodeMac,
    pub post: Post,
    /// What it costs, and whom.
    pub spends: Vec<Spend>,
}

/// How a code travels.
#[derive(Debug)]
pub enum Post {
    Mail(NewMail),
    Text(NewText),
}

/// One use of an allowance.
#[derive(Clone, Debug)]
pub struct Spend {
    pub allowance: Allowance,
    /// A keyed hash of who pays.
    pub key: [u8; 32],
}

/// What the sender of a message must hear about one of its deliveries.
#[derive(Debug)]
pub struct Trouble {
    pub delivery: DeliveryId,
    /// One line for the delivery's history.
    pub note: &'static str,
    /// `None`: the message has no sender who could be told.
    pub mail: Option<NewMail>,
    /// The mail leads to the sender's page for this message, which must be there.
    pub page: SubmissionId,
    /// Told once within this time, whoever says it how often; the key is a keyed hash of what is told.
    pub once: Option<([u8; 32], Duration)>,
}

impl Store {
    /// Remembers where a notification's link and message code lead; both only hashed. Repeating it changes nothing.
    pub async fn add_link(
        &self,
        delivery: DeliveryId,
        token_hash: [u8; 32],
        reference_hash: [u8; 32],
        expires: Moment,
    ) -> Result<(), StoreError> {
        let add = async move |db: &mut SqliteConnection| {
            sqlx::query(
                "INSERT INTO links (token, reference, delivery, expires) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            )
            .bind(token_hash.as_slice())
            .bind(reference_hash.as_slice())
            .bind(delivery.to_string())
            .bind(expires.0)
            .execute(db)
            .await?;
            Ok(())
        };
        self.writer.run("adding a link", After::Nothing, add).await
    }

    pub async fn by_token(&self, token_hash: [u8; 32]) -> Result<Option<DeliveryId>, StoreError> {
        self.link("SELECT delivery FROM links WHERE token = ?", token_hash).await
    }

    /// A message code that leads to two deliveries, however unlikely, leads nowhere.
    pub async fn by_reference(
        &self,
        reference_hash: [u8; 32],
    ) -> Result<Option<DeliveryId>, StoreError> {
        let one = "SELECT MIN(delivery) FROM links WHERE reference = ? HAVING COUNT(DISTINCT delivery) = 1";
        self.link(one, reference_hash).await
    }

    async fn link(
        &self,
        question: &'static str,
        hash: [u8; 32],
    ) -> Result<Option<DeliveryId>, StoreError> {
        let found: Option<String> = sqlx::query_scalar(question)
            .bind(hash.as_slice())
            .fetch_optional(&self.readers)
            .await?;
        found.as_deref().map(id).transpose()
    }

    pub async fn tally(&self, delivery: DeliveryId) -> Result<Tally, StoreError> {
        let mut db = self.readers.acquire().await?;
        tally(&mut db, delivery).await
    }

    /// Asks `core::access::request` and, when it says so and all allowances have room, stores the challenge and queues
    /// what carries the code, in one commit.
    pub async fn request_code(
        &self,
        delivery: DeliveryId,
        browser_hash: [u8; 32],
        code: NewCode,
        limits: &Limits,
        now: Moment,
    ) -> Result<access::Request, StoreError> {
        let (limits, keyring) = (limits.clone(), Arc::clone(&self.keyring));
        let request = async move |db: &mut SqliteConnection| {
            let mut tally = tally(db, delivery).await?;
            let verdict = access::request(&tally, &limits, now);
            if verdict != access::Request::Send {
                return Ok(verdict);
            }
            if let Some(spent) = spend(db, &code.spends, now).await? {
                return Ok(spent);
            }
            let expires = now.plus(limits.lifetime);
            add_challenge(db, delivery, browser_hash, &code, expires).await?;
            match &code.post {
                Post::Mail(mail) => queue_mail(db, &keyring, mail, now).await?,
                Post::Text(text) => queue_text(db, &keyring, text, now).await?,
            }
            tally.code_sent(now);
            set_tally(db, delivery, &tally).await?;
            Ok(verdict)
        };
        self.writer.run("requesting a code", After::News, request).await
    }

    /// Counts a failed attempt, durably, and returns the challenges of this browser and the tally with the attempt in it.
    pub async fn begin_attempt(
        &self,
        delivery: DeliveryId,
        browser_hash: [u8; 32],
        now: Moment,
    ) -> Result<(Vec<Challenge>, Tally), StoreError> {
        let begin = async move |db: &mut SqliteConnection| {
            let mut tally = tally(db, delivery).await?;
            tally.failed(now);
            set_tally(db, delivery, &tally).await?;
            sqlx::query(
                "UPDATE challenges SET tries = tries + 1
                 WHERE delivery = ? AND browser = ? AND used = 0 AND expires > ?",
            )
            .bind(delivery.to_string())
            .bind(browser_hash.as_slice())
            .bind(now.0)
            .execute(&mut *db)
            .await?;
            let rows = sqlx::query(
                "SELECT * FROM challenges WHERE delivery = ? AND browser = ? ORDER BY rowid",
            )
            .bind(delivery.to_string())
            .bind(browser_hash.as_slice())
            .fetch_all(db)
            .await?;
            let challenges = rows.iter().map(challenge).collect::<Result<_, _>>()?;
            Ok((challenges, tally))
        };
        self.writer.run("counting an attempt", After::Nothing, begin).await
    }

    /// Uses the challenge up, where there is one, clears the tally's failures and opens the session; `false` when it was
    /// used before or has run out.
    pub async fn consume(
        &self,
        challenge: Option<&str>,
        session: NewSession,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let challenge = challenge.map(str::to_owned);
        let consume = async move |db: &mut SqliteConnection| {
            if let Some(challenge) = challenge
                && !use_up(db, &challenge, session.delivery, now).await?
            {
                return Ok(false);
            }
            let mut tally = tally(db, session.delivery).await?;
            tally.cleared();
            set_tally(db, session.delivery, &tally).await?;
            add_session(db, &session).await?;
            Ok(true)
        };
        self.writer.run("using a code up", After::Nothing, consume).await
    }

    /// Notes what troubles a delivery, and tells its sender.
    pub async fn tell_sender(&self, trouble: Trouble, now: Moment) -> Result<(), StoreError> {
        let (keyring, auditor) = (Arc::clone(&self.keyring), self.auditor.named("recipient"));
        let tell = async move |db: &mut SqliteConnection| {
            if let Some((key, per)) = trouble.once
                && !use_one(db, key, 1, per, now).await?
            {
                return Ok(());
            }
            remember(db, &trouble.delivery.to_string(), now, trouble.note).await?;
            auditor.append(db, now, &about(trouble.delivery), trouble.note).await?;
            inquire(db, &keyring, trouble.page, None).await?;
            match &trouble.mail {
                Some(mail) => queue_mail(db, &keyring, mail, now).await,
                None => Ok(()),
            }
        };
        self.writer.run("telling a sender", After::News, tell).await
    }

    /// Forgets the wrong codes for a delivery, so that its recipient, and its sender on their page, may try again; `false`
    /// when there were none.
    pub async fn unlock(&self, delivery: DeliveryId, now: Moment) -> Result<bool, StoreError> {
        let auditor = self.auditor.clone();
        let unlock = async move |db: &mut SqliteConnection| {
            let sender = unlock_sender(db, delivery).await?;
            let mut tally = tally(db, delivery).await?;
            if tally.failures_total == 0 && !sender {
                return Ok(false);
            }
            tally.cleared();
            set_tally(db, delivery, &tally).await?;
            remember(db, &delivery.to_string(), now, "unlocked by an administrator").await?;
            auditor.append(db, now, &about(delivery), "unlocked").await?;
            Ok(true)
        };
        self.writer.run("unlocking a delivery", After::News, unlock).await
    }

    pub async fn session(&self, id_hash: [u8; 32]) -> Result<Option<Session>, StoreError> {
        let row = sqlx::query("SELECT delivery, created, last_seen FROM sessions WHERE id = ?")
            .bind(id_hash.as_slice())
            .fetch_optional(&self.readers)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let delivery = id(&row.try_get::<String, _>("delivery")?)?;
        let (created, last_seen) =
            (Moment(row.try_get("created")?), Moment(row.try_get("last_seen")?));
        Ok(Some(Session { delivery, created, last_seen }))
    }

    pub async fn touch_session(&self, id_hash: [u8; 32], now: Moment) -> Result<(), StoreError> {
        let touch = async move |db: &mut SqliteConnection| {
            let touch =
                sqlx::query("UPDATE sessions SET last_seen = MAX(last_seen, ?) WHERE id = ?");
            touch.bind(now.0).bind(id_hash.as_slice()).execute(db).await?;
            Ok(())
        };
        self.writer.run("keeping a session alive", After::Nothing, touch).await
    }

    pub async fn end_session(&self, id_hash: [u8; 32]) -> Result<(), StoreError> {
        let end = async move |db: &mut SqliteConnection| {
            sqlx::query("DELETE FROM sessions WHERE id = ?")
                .bind(id_hash.as_slice())
                .execute(db)
                .await?;
            Ok(())
        };
        self.writer.run("ending a session", After::Nothing, end).await
    }

    /// Counts one use of `key` (a keyed hash of a network or an address) and says whether it is within `most` per `per`.
    /// A use that is not within them does not count, so that a key has at most `most` rows.
    pub async fn within(
        &self,
        key: [u8; 32],
        most: u32,
        per: Duration,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let count = async move |db: &mut SqliteConnection| use_one(db, key, most, per, now).await;
        self.writer.run("counting a use", After::Nothing, count).await
    }

    /// Whether `key` has been used `most` times, so that [`Self::within`] would say no. It counts nothing.
    pub async fn is_used_up(
        &self,
        key: [u8; 32],
        most: u32,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let uses: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM uses WHERE key = ? AND until > ?")
            .bind(key.as_slice())
            .bind(now.0)
            .fetch_one(&self.readers)
            .await?;
        Ok(uses >= i64::from(most))
    }
}

async fn tally(db: &mut SqliteConnection, delivery: DeliveryId) -> Result<Tally, StoreError> {
    let stored: Option<String> = sqlx::query_scalar("SELECT tally FROM tallies WHERE delivery = ?")
        .bind(delivery.to_string())
        .fetch_optional(db)
        .await?;
    stored.map_or_else(|| Ok(Tally::default()), from_json)
}

async fn set_tally(
    db: &mut SqliteConnection,
    delivery: DeliveryId,
    tally: &Tally,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO tallies (delivery, tally) VALUES (?, ?) ON CONFLICT DO UPDATE SET tally = excluded.tally")
        .bind(delivery.to_string())
        .bind(to_json(tally)?)
        .execute(db)
        .await?;
    Ok(())
}

async fn use_one(
    db: &mut SqliteConnection,
    key: [u8; 32],
    most: u32,
    per: Duration,
    now: Moment,
) -> Result<bool, StoreError> {
    let counted = sqlx::query(
        "INSERT INTO uses (key, until) SELECT ?1, ?2
         WHERE (SELECT COUNT(*) FROM uses WHERE key = ?1 AND until > ?3) < ?4",
    );
    let counted = counted.bind(key.as_slice()).bind(now.plus(per).0).bind(now.0).bind(most);
    Ok(counted.execute(db).await?.rows_affected() == 1)
}

/// Counts one use of each allowance, or of none when one of them has no room: then that one, and when it has.
async fn spend(
    db: &mut SqliteConnection,
    spends: &[Spend],
    now: Moment,
) -> Result<Option<access::Request>, StoreError> {
    for Spend { allowance, key } in spends {
        // The use whose end makes room: as many as are allowed have ended later.
        let until: Option<i64> = sqlx::query_scalar(
            "SELECT until FROM uses WHERE key = ? AND until > ? ORDER BY until DESC LIMIT 1 OFFSET ?",
        )
        .bind(key.as_slice())
        .bind(now.0)
        .bind(i64::from(allowance.most) - 1)
        .fetch_optional(&mut *db)
        .await?;
        if let Some(until) = until {
            let until = Moment(until);
            return Ok(Some(access::Request::Spent { payer: allowance.payer, until }));
        }
    }
    for Spend { allowance, key } in spends {
        sqlx::query("INSERT INTO uses (key, until) VALUES (?, ?)")
            .bind(key.as_slice())
            .bind(now.plus(allowance.per).0)
            .execute(&mut *db)
            .await?;
    }
    Ok(None)
}

async fn use_up(
    db: &mut SqliteConnection,
    challenge: &str,
    delivery: DeliveryId,
    now: Moment,
) -> Result<bool, StoreError> {
    let used = sqlx::query(
        "UPDATE challenges SET used = 1 WHERE id = ? AND delivery = ? AND used = 0 AND expires > ?",
    )
    .bind(challenge)
    .bind(delivery.to_string())
    .bind(now.0)
    .execute(db)
    .await?;
    Ok(used.rows_affected() == 1)
}

async fn add_challenge(
    db: &mut SqliteConnection,
    delivery: DeliveryId,
    browser_hash: [u8; 32],
    code: &NewCode,
    expires: Moment,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO challenges (id, delivery, browser, mac, expires) VALUES (?, ?, ?, ?, ?)",
    )
    .bind(&code.challenge)
    .bind(delivery.to_string())
    .bind(browser_hash.as_slice())
    .bind(code.mac.0.as_slice())
    .bind(expires.0)
    .execute(db)
    .await?;
    Ok(())
}

async fn add_session(db: &mut SqliteConnection, session: &NewSession) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO sessions (id, delivery, created, last_seen) VALUES (?, ?, ?, ?)")
        .bind(session.id_hash.as_slice())
        .bind(session.delivery.to_string())
        .bind(session.created.0)
        .bind(session.created.0)
        .execute(db)
        .await?;
    Ok(())
}

pub(super) fn challenge(row: &SqliteRow) -> Result<Challenge, StoreError> {
    Ok(Challenge {
        id: row.try_get("id")?,
        mac: CodeMac(row.try_get("mac")?),
        expires: Moment(row.try_get("expires")?),
        tries: row.try_get("tries")?,
        used: row.try_get("used")?,
    })
}

#[cfg(test)]
mod tests;
