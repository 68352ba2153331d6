//! What connections said of the policies of recipients' domains, and the reports that come of it (RFC 8460). A day's counts
//! become a report, or nothing, in one transaction: nothing is reported twice.

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use zegel_core::address::Domain;
use zegel_core::moment::Moment;
use zegel_core::tls_report::{Day, Failure, Place, Policy, Sessions};

use super::error::{from_json, to_json};
use super::read::limit;
use super::writer::After;
use super::{Store, StoreError};

/// Rows of one domain and day: each of ten hosts at four addresses can fail in every way there is. What is beyond is not
/// counted.
const ROWS_MAX: i64 = 500;

/// A report for one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsReport {
    pub id: String,
    pub place: Place,
    pub domain: Domain,
    pub day: Day,
    /// JSON, compressed.
    pub content: Vec<u8>,
    pub tries: u32,
}

impl Store {
    /// Counts one connection.
    pub async fn count_tls_session(
        &self,
        day: Day,
        domain: &Domain,
        policy: &Policy,
        failure: Option<&Failure>,
    ) -> Result<(), StoreError> {
        let (domain, policy) = (domain.as_str().to_owned(), to_json(policy)?);
        let [what, host, address] = failure.map_or_else(Default::default, |failure| {
            let Failure { result_type, receiving_mx_hostname, receiving_ip } = failure.clone();
            [result_type, receiving_mx_hostname, receiving_ip.unwrap_or_default()]
        });
        let count = async move |db: &mut SqliteConnection| {
            sqlx::query(
                "INSERT INTO tls_sessions (day, domain, policy, failure, host, address, count)
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, 1
                 WHERE (SELECT COUNT(*) FROM tls_sessions WHERE day = ?1 AND domain = ?2) < ?7
                 ON CONFLICT DO UPDATE SET count = count + 1",
            )
            .bind(day.0)
            .bind(domain)
            .bind(policy)
            .bind(what)
            .bind(host)
            .bind(address)
            .bind(ROWS_MAX)
            .execute(db)
            .await?;
            Ok(())
        };
        self.writer.run("counting a connection", After::Nothing, count).await
    }

    /// Days before this one with domains that were not reported to, at most `most` of them.
    pub async fn unreported_tls(
        &self,
        before: Day,
        most: usize,
    ) -> Result<Vec<(Day, Domain)>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT day, domain FROM tls_sessions WHERE day < ? ORDER BY day, domain LIMIT ?",
        )
        .bind(before.0)
        .bind(limit(most))
        .fetch_all(&self.readers)
        .await?;
        let read = |row: &SqliteRow| {
            let domain: String = row.try_get("domain")?;
            let domain = domain.parse().map_err(|_| StoreError::Damaged)?;
            Ok((Day(row.try_get("day")?), domain))
        };
        rows.iter().map(read).collect()
    }

    /// What was counted for a domain on a day.
    pub async fn tls_sessions(
        &self,
        day: Day,
        domain: &Domain,
    ) -> Result<Vec<Sessions>, StoreError> {
        let rows = sqlx::query("SELECT * FROM tls_sessions WHERE day = ? AND domain = ?")
            .bind(day.0)
            .bind(domain.as_str())
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(sessions).collect()
    }

    /// Puts reports in the place of a day's counts; without any, the counts are dropped.
    pub async fn report_tls(
        &self,
        day: Day,
        domain: &Domain,
        reports: Vec<TlsReport>,
        due: Moment,
    ) -> Result<(), StoreError> {
        let domain = domain.as_str().to_owned();
        let report = async move |db: &mut SqliteConnection| {
            sqlx::query("DELETE FROM tls_sessions WHERE day = ? AND domain = ?")
                .bind(day.0)
                .bind(&domain)
                .execute(&mut *db)
                .await?;
            for report in &reports {
                sqlx::query(
                    "INSERT OR IGNORE INTO tls_reports (id, place, domain, day, content, due, tries)
                     VALUES (?, ?, ?, ?, ?, ?, 0)",
                )
                .bind(&report.id)
                .bind(report.place.to_string())
                .bind(&domain)
                .bind(day.0)
                .bind(&report.content)
                .bind(due.0)
                .execute(&mut *db)
                .await?;
            }
            Ok(())
        };
        self.writer.run("making a report on TLS", After::Nothing, report).await
    }

    /// Reports that are to be sent now, at most `most`.
    pub async fn due_tls_reports(
        &self,
        now: Moment,
        most: usize,
    ) -> Result<Vec<TlsReport>, StoreError> {
        let rows = sqlx::query("SELECT * FROM tls_reports WHERE due <= ? ORDER BY due LIMIT ?")
            .bind(now.0)
            .bind(limit(most))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(report).collect()
    }

    /// Has a report tried again, or with `None` never again.
    pub async fn settle_tls_report(
        &self,
        report: &TlsReport,
        again: Option<Moment>,
    ) -> Result<(), StoreError> {
        let (id, place) = (report.id.clone(), report.place.to_string());
        let settle = async move |db: &mut SqliteConnection| {
            let query = match again {
                Some(due) => sqlx::query(
                    "UPDATE tls_reports SET due = ?3, tries = tries + 1 WHERE id = ?1 AND place = ?2",
                )
                .bind(id)
                .bind(place)
                .bind(due.0),
                None => sqlx::query("DELETE FROM tls_reports WHERE id = ?1 AND place = ?2")
                    .bind(id)
                    .bind(place),
            };
            query.execute(db).await?;
            Ok(())
        };
        self.writer.run("settling a report on TLS", After::Nothing, settle).await
    }
}

fn sessions(row: &SqliteRow) -> Result<Sessions, StoreError> {
    let policy = from_json(row.try_get::<String, _>("policy")?)?;
    let (what, address): (String, String) = (row.try_get("failure")?, row.try_get("address")?);
    let host = row.try_get("host")?;
    let failure = (!what.is_empty()).then(|| Failure {
        result_type: what,
        receiving_mx_hostname: host,
        receiving_ip: Some(address).filter(|address| !address.is_empty()),
    });
    let count: i64 = row.try_get("count")?;
    Ok(Sessions { policy, failure, count: u64::try_from(count).unwrap_or(0) })
}

fn report(row: &SqliteRow) -> Result<TlsReport, StoreError> {
    let (place, domain): (String, String) = (row.try_get("place")?, row.try_get("domain")?);
    let tries: i64 = row.try_get("tries")?;
    Ok(TlsReport {
        id: row.try_get("id")?,
        place: Place::read(&place).ok_or(StoreError::Damaged)?,
        domain: domain.parse().map_err(|_| StoreError::Damaged)?,
        day: Day(row.try_get("day")?),
        content: row.try_get("content")?,
        tries: u32::try_from(tries).unwrap_or(u32::MAX),
    })
}
