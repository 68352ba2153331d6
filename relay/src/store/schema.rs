//! The schema's history: numbered steps that are only ever added to. `user_version` says how many are done.

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection};

use super::StoreError;

const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_pipe.sql"),
    include_str!("../migrations/0002_gateway.sql"),
    include_str!("../migrations/0003_texts.sql"),
    include_str!("../migrations/0004_forget.sql"),
    include_str!("../migrations/0005_domains.sql"),
    include_str!("../migrations/0006_languages.sql"),
    include_str!("../migrations/0007_contacts.sql"),
    include_str!("../migrations/0008_audit.sql"),
    include_str!("../migrations/0009_policy.sql"),
    include_str!("../migrations/0010_inquiries.sql"),
    include_str!("../migrations/0011_dkim.sql"),
    include_str!("../migrations/0012_evidence.sql"),
    include_str!("../migrations/0013_bounces.sql"),
    include_str!("../migrations/0014_sts.sql"),
    include_str!("../migrations/0015_tls_reports.sql"),
];

/// Takes the steps that are missing, all or none of them.
pub(super) async fn migrate(db: &mut SqliteConnection) -> Result<(), StoreError> {
    let mut transaction = db.begin_with("BEGIN IMMEDIATE").await?;
    let done: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await?;
    let missing = usize::try_from(done).ok().and_then(|done| MIGRATIONS.get(done..)).ok_or_else(|| {
        StoreError::failed(format!(
            "the database has schema {done} and this version knows {}; run the version that wrote it, or a newer one",
            MIGRATIONS.len()
        ))
    })?;
    if missing.is_empty() {
        return Ok(());
    }
    for step in missing {
        sqlx::raw_sql(*step).execute(&mut *transaction).await?;
    }
    let version = AssertSqlSafe(format!("PRAGMA user_version = {}", MIGRATIONS.len()));
    sqlx::raw_sql(version).execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

#[cfg(test)]
mod tests {
    use sqlx::ConnectOptions;
    use sqlx::sqlite::SqliteConnectOptions;

    use super::*;

    #[tokio::test]
    async fn the_steps_are_taken_once_and_a_schema_from_the_future_is_refused() {
        let mut db = SqliteConnectOptions::new().in_memory(true).connect().await.unwrap();
        assert_eq!(migrate(&mut db).await, Ok(()));
        assert_eq!(migrate(&mut db).await, Ok(()));
        sqlx::raw_sql("PRAGMA user_version = 99").execute(&mut db).await.unwrap();
        let refused = migrate(&mut db).await.unwrap_err();
        assert!(
            matches!(&refused, StoreError::Failed(why) if why.contains("schema 99")),
            "{refused}"
        );
    }
}
