//! The audit log: who did what, in the order of the commits, in the transaction of what was done. Each entry carries a keyed hash
//! over itself and the entry before it: who has the database but not the key file can neither change, add, reorder nor
//! take out an entry without [`Store::verify_audit`] noticing. Cutting off the end leaves a shorter log that is sound in
//! itself; who wants to notice that too keeps a [`Head`], which the relay writes into its own log, and has it looked for.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use zegel_core::moment::Moment;

use super::read::limit;
use super::writer::After;
use super::{Store, StoreError};
use crate::id::DeliveryId;
use crate::vault::{Keyring, Purpose};

const LOG: &str = "audit log";
/// Octets of a keyed hash.
const CHAIN_LEN: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    pub number: i64,
    pub at: Moment,
    pub actor: String,
    pub about: String,
    pub what: String,
}

/// One entry's number and hash: it vouches for all entries up to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub number: i64,
    chain: [u8; CHAIN_LEN],
}

/// What a look at the whole log showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audit {
    /// `None`: nothing has been written yet.
    Sound {
        entries: usize,
        head: Option<Head>,
    },
    Broken {
        number: i64,
        why: &'static str,
    },
}

/// How a delivery is called in the log.
pub(super) fn about(delivery: DeliveryId) -> String {
    format!("delivery {delivery}")
}

/// Writes entries in somebody's name.
#[derive(Clone, Debug)]
pub(super) struct Auditor {
    pub(super) keyring: Arc<Keyring>,
    pub(super) actor: Arc<str>,
}

impl Auditor {
    pub(super) fn named(&self, actor: &str) -> Self {
        Self { actor: actor.into(), ..self.clone() }
    }

    /// Adds an entry; it is committed with whatever else this transaction does.
    pub(super) async fn append(
        &self,
        db: &mut SqliteConnection,
        at: Moment,
        about: &str,
        what: &str,
    ) -> Result<(), StoreError> {
        let last = sqlx::query("SELECT number, chain FROM audit ORDER BY number DESC LIMIT 1")
            .fetch_optional(&mut *db)
            .await?;
        let (number, before) = match &last {
            Some(row) => (row.try_get::<i64, _>(0)? + 1, chain(row, 1)?),
            None => (1, [0; CHAIN_LEN]),
        };
        let entry = AuditEntry {
            number,
            at,
            actor: self.actor.to_string(),
            about: about.to_owned(),
            what: what.to_owned(),
        };
        let chain = entry.hashed(&before, |parts| self.keyring.mac(Purpose::Audit, parts));
        sqlx::query(
            "INSERT INTO audit (number, at, actor, about, what, chain) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(number)
        .bind(at.0)
        .bind(entry.actor)
        .bind(entry.about)
        .bind(entry.what)
        .bind(chain.as_slice())
        .execute(db)
        .await?;
        Ok(())
    }
}

impl AuditEntry {
    fn hashed<T>(&self, before: &[u8; CHAIN_LEN], hash: impl FnOnce(&[&[u8]]) -> T) -> T {
        hash(&[
            before,
            &self.number.to_be_bytes(),
            &self.at.0.to_be_bytes(),
            self.actor.as_bytes(),
            self.about.as_bytes(),
            self.what.as_bytes(),
        ])
    }

    /// Whether this hash is that of the entry behind one with the hash `before`, under any key that we have.
    fn follows(
        &self,
        before: &[u8; CHAIN_LEN],
        chain: &[u8; CHAIN_LEN],
        keyring: &Keyring,
    ) -> bool {
        self.hashed(before, |parts| keyring.macs(Purpose::Audit, parts)).contains(chain)
    }
}

impl Store {
    /// The newest entries, oldest first: of one subject, or of all.
    pub async fn audit(
        &self,
        about: Option<&str>,
        most: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let newest =
            "SELECT * FROM audit WHERE ?1 IS NULL OR about = ?1 ORDER BY number DESC LIMIT ?2";
        let rows =
            sqlx::query(newest).bind(about).bind(limit(most)).fetch_all(&self.readers).await?;
        rows.iter().rev().map(entry).collect()
    }

    /// The last entry, which vouches for all before it.
    pub async fn audit_head(&self) -> Result<Option<Head>, StoreError> {
        let last = "SELECT number, chain FROM audit ORDER BY number DESC LIMIT 1";
        let row = sqlx::query(last).fetch_optional(&self.readers).await?;
        row.map(|row| Ok(Head { number: row.try_get(0)?, chain: chain(&row, 1)? })).transpose()
    }

    /// Goes through the whole log, and looks whether the entry that was once its last is still the same.
    pub async fn verify_audit(&self, once_last: Option<&Head>) -> Result<Audit, StoreError> {
        let mut rows = sqlx::query("SELECT * FROM audit ORDER BY number").fetch(&self.readers);
        let mut walk = Walk::default();
        while let Some(row) = rows.try_next().await? {
            let (entry, chain) = (entry(&row)?, chain(&row, "chain")?);
            if let Some(why) = walk.step(&self.keyring, &entry, chain) {
                return Ok(Audit::Broken { number: entry.number, why });
            }
            if once_last.is_some_and(|head| head.number == entry.number && head.chain != chain) {
                let why = "it is another entry than the one that was once the last";
                return Ok(Audit::Broken { number: entry.number, why });
            }
        }
        let end = walk.head.as_ref().map_or(0, |head| head.number);
        if let Some((first, _)) = &walk.start
            && !walk.start_is_proven(&self.keyring)
        {
            let why = "entries before it are missing, and none says that they were forgotten";
            return Ok(Audit::Broken { number: first.number, why });
        }
        if let Some(head) = once_last.filter(|head| head.number > end) {
            return Ok(Audit::Broken { number: head.number, why: "the log ends before it" });
        }
        Ok(Audit::Sound { entries: walk.entries, head: walk.head })
    }

    /// Takes entries from the front that were written at least `kept` ago, and writes down where the log was cut.
    pub async fn forget_audit(&self, now: Moment, kept: Duration) -> Result<u64, StoreError> {
        let before = now.0.saturating_sub_unsigned(kept.as_secs());
        let auditor = self.auditor.named("relay");
        let forget = async move |db: &mut SqliteConnection| {
            // By number, not by time: a clock that was once wrong must not tear a hole.
            let cut = "SELECT number, chain FROM audit
                       WHERE number < (SELECT COALESCE(MIN(number), 0) FROM audit WHERE at > ?)
                       ORDER BY number DESC LIMIT 1";
            let Some(row) = sqlx::query(cut).bind(before).fetch_optional(&mut *db).await? else {
                return Ok(0);
            };
            let head = Head { number: row.try_get(0)?, chain: chain(&row, 1)? };
            let gone = sqlx::query("DELETE FROM audit WHERE number <= ?")
                .bind(head.number)
                .execute(&mut *db)
                .await?;
            auditor.append(db, now, LOG, &forgotten(&head)).await?;
            Ok(gone.rows_affected())
        };
        self.writer.run("forgetting audit entries", After::Nothing, forget).await
    }
}

/// What is written when the front is taken away; it vouches for where the log begins from then on.
fn forgotten(head: &Head) -> String {
    format!("entries up to {head} forgotten: their time was over")
}

/// What [`forgotten`] has written.
fn cut_at(what: &str) -> Option<Head> {
    what.strip_prefix("entries up to ")?.split(' ').next()?.parse().ok()
}

/// The state of a walk along the chain.
#[derive(Default)]
struct Walk {
    entries: usize,
    head: Option<Head>,
    /// The first entry and its hash, where others have stood before it.
    start: Option<(AuditEntry, [u8; CHAIN_LEN])>,
    /// Where the log says that it was cut.
    cuts: Vec<Head>,
}

impl Walk {
    /// Why this entry cannot come next.
    fn step(
        &mut self,
        keyring: &Keyring,
        entry: &AuditEntry,
        chain: [u8; CHAIN_LEN],
    ) -> Option<&'static str> {
        let before =
            self.head.as_ref().map_or((0, [0; CHAIN_LEN]), |head| (head.number, head.chain));
        if self.head.is_none() && entry.number != 1 {
            self.start = Some((entry.clone(), chain));
        } else if entry.number != before.0 + 1 {
            return Some("entries before it are missing");
        } else if !entry.follows(&before.1, &chain, keyring) {
            return Some("it, or the one before it, was changed");
        }
        if entry.about == LOG {
            self.cuts.extend(cut_at(&entry.what));
        }
        self.entries += 1;
        self.head = Some(Head { number: entry.number, chain });
        None
    }

    /// A log that does not begin with the first of all entries must say itself where it was cut.
    fn start_is_proven(&self, keyring: &Keyring) -> bool {
        self.start.as_ref().is_none_or(|(first, chain)| {
            self.cuts.iter().any(|cut| {
                cut.number + 1 == first.number && first.follows(&cut.chain, chain, keyring)
            })
        })
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.number)?;
        self.chain.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl FromStr for Head {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str =
            "a number, a colon and 64 hexadecimal digits, as `audit verify` prints them";
        let (number, digits) = text.split_once(':').ok_or(FORM)?;
        let number = number.parse().map_err(|_| FORM)?;
        let mut chain = [0; CHAIN_LEN];
        if digits.len() != 2 * CHAIN_LEN || !digits.is_ascii() {
            return Err(FORM);
        }
        for (at, octet) in chain.iter_mut().enumerate() {
            let pair = digits.get(2 * at..2 * at + 2).ok_or(FORM)?;
            *octet = u8::from_str_radix(pair, 16).map_err(|_| FORM)?;
        }
        Ok(Self { number, chain })
    }
}

fn entry(row: &SqliteRow) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        number: row.try_get("number")?,
        at: Moment(row.try_get("at")?),
        actor: row.try_get("actor")?,
        about: row.try_get("about")?,
        what: row.try_get("what")?,
    })
}

fn chain<I: sqlx::ColumnIndex<SqliteRow>>(
    row: &SqliteRow,
    column: I,
) -> Result<[u8; CHAIN_LEN], StoreError> {
    let octets: Vec<u8> = row.try_get(column)?;
    octets.try_into().map_err(|_| StoreError::Damaged)
}

#[cfg(test)]
mod tests;
