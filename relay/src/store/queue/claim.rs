//! Who works on what: a claim lets nobody else at a delivery until its lease is over.
//!
//! Each domain has so many places at once. What waits for one is passed over in one step, however much it is, so that a mail
//! server that takes its time holds up its own mail and nobody else's.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use tracing::error;
use zegel_core::moment::Moment;

use super::super::read::{delivery, id, limit};
use super::super::writer::After;
use super::super::{Delivery, Store, StoreError};
use super::readable;

/// Deliveries to one domain that are in hand at once, as in Postfix (`default_destination_concurrency_limit`).
pub(super) const DOMAIN_MAX: usize = 20;

/// How many places each domain has taken; of those that died with their worker, until their lease is over.
const BUSY: &str = "
    SELECT domain, COUNT(*) AS places FROM deliveries WHERE work_at > due AND work_at > ? GROUP BY domain";

/// The domains that something is due for, the one that has waited longest first: from each domain to the next by the index,
/// not row by row.
const DUE: &str = "
    WITH RECURSIVE domains (domain) AS (
        SELECT MIN(domain) FROM deliveries WHERE work_at IS NOT NULL
        UNION ALL
        SELECT (SELECT MIN(domain) FROM deliveries WHERE domain > domains.domain AND work_at IS NOT NULL)
        FROM domains WHERE domain IS NOT NULL),
    oldest (domain, due) AS (
        SELECT domain, (SELECT MIN(work_at) FROM deliveries WHERE domain = domains.domain AND work_at IS NOT NULL)
        FROM domains WHERE domain IS NOT NULL)
    SELECT domain FROM oldest WHERE due <= ? ORDER BY due";

const CLAIM: &str = "
    UPDATE deliveries SET lease = lease + 1, work_at = MAX(work_at, ?1), end_at = MAX(end_at, ?1)
    WHERE id IN (SELECT id FROM deliveries WHERE domain = ?3 AND work_at <= ?2 ORDER BY work_at LIMIT ?4)
    RETURNING *";

const CLAIM_EXPIRED: &str = "
    UPDATE deliveries SET lease = lease + 1, work_at = MAX(work_at, ?1), end_at = MAX(end_at, ?1)
    WHERE id IN (SELECT id FROM deliveries WHERE end_at <= ?2 ORDER BY end_at LIMIT ?3)
    RETURNING *";

/// From when, and until when.
#[derive(Copy, Clone)]
struct Lease {
    now: Moment,
    until: Moment,
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
        let lease = Lease { now, until: now.plus(lease) };
        let claim = async move |db: &mut SqliteConnection| claim(db, lease, most).await;
        let rows = self.writer.run("claiming deliveries", After::Nothing, claim).await?;
        Ok(self.read_claimed(&rows, now).await)
    }

    /// Deliveries that are not yet destroyed and whose message's time is over, claimed like [`Self::claim`].
    pub async fn claim_expired(
        &self,
        now: Moment,
        lease: Duration,
        most: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let until = now.plus(lease);
        let claim = async move |db: &mut SqliteConnection| {
            let query = sqlx::query(CLAIM_EXPIRED).bind(until.0).bind(now.0).bind(limit(most));
            Ok(query.fetch_all(db).await?)
        };
        let rows = self.writer.run("claiming what has expired", After::Nothing, claim).await?;
        Ok(self.read_claimed(&rows, now).await)
    }

    /// The claimed rows that can be read. One that cannot, and whose time is over, ends here.
    async fn read_claimed(&self, rows: &[SqliteRow], now: Moment) -> Vec<Delivery> {
        let over = |row: &&SqliteRow| {
            row.try_get("expires").is_ok_and(|expires: i64| expires <= now.0)
                && delivery(row).is_err()
        };
        for row in rows.iter().filter(over) {
            let named = row.try_get::<String, _>("id").map_err(StoreError::from);
            let ended = match named.and_then(|name| id(&name)) {
                Ok(id) => self.end_unread(id, now).await,
                Err(unreadable) => Err(unreadable),
            };
            // The others are claimed by now, and whoever asked must get them.
            if let Err(why) = ended {
                error!("a delivery that cannot be read cannot be destroyed either: {why}");
            }
        }
        readable("delivery", rows, delivery)
    }
}

async fn claim(
    db: &mut SqliteConnection,
    lease: Lease,
    most: usize,
) -> Result<Vec<SqliteRow>, StoreError> {
    let domains: Vec<String> =
        sqlx::query_scalar(DUE).bind(lease.now.0).fetch_all(&mut *db).await?;
    if domains.is_empty() {
        return Ok(Vec::new());
    }
    let busy: Vec<(String, i64)> =
        sqlx::query_as(BUSY).bind(lease.now.0).fetch_all(&mut *db).await?;
    let busy: HashMap<_, _> = busy.into_iter().collect();
    let mut claimed = Vec::new();
    for domain in domains {
        let taken = busy.get(&domain).map_or(0, |taken| usize::try_from(*taken).unwrap_or(0));
        let room = DOMAIN_MAX.saturating_sub(taken).min(most - claimed.len());
        if room > 0 {
            let claim = sqlx::query(CLAIM).bind(lease.until.0).bind(lease.now.0);
            claimed.extend(claim.bind(domain).bind(limit(room)).fetch_all(&mut *db).await?);
        }
        if claimed.len() >= most {
            break;
        }
    }
    Ok(claimed)
}
