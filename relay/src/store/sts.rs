//! Policies of recipients' domains (MTA-STS), so that a restart forgets none of them.

use sqlx::Row;
use sqlx::sqlite::SqliteConnection;
use zegel_core::address::Domain;
use zegel_core::moment::Moment;
use zegel_core::mta_sts::{Kept, Policy};

use super::read::limit;
use super::writer::After;
use super::{Store, StoreError};

/// Domains that a large organisation writes to in a year, ten times. Beyond this, those go that were used longest ago.
const POLICIES_MAX: usize = 100_000;

impl Store {
    /// The policy that was last fetched for this domain, whether or not its time is over.
    pub async fn sts_policy(&self, domain: &Domain) -> Result<Option<Kept>, StoreError> {
        let row = sqlx::query("SELECT id, policy, fetched FROM sts_policies WHERE domain = ?")
            .bind(domain.as_str())
            .fetch_optional(&self.readers)
            .await?;
        let Some(row) = row else { return Ok(None) };
        // Who could read it once can read it now: it was checked before it was kept.
        let policy = Policy::read(row.try_get("policy")?).map_err(|_| StoreError::Damaged)?;
        let (id, fetched) = (row.try_get("id")?, Moment(row.try_get("fetched")?));
        Ok(Some(Kept { id, policy, fetched }))
    }

    /// Puts a policy in the place of the domain's last one. `served` is what [`Kept::policy`] was read from.
    pub async fn keep_sts_policy(
        &self,
        domain: &Domain,
        kept: &Kept,
        served: Vec<u8>,
    ) -> Result<(), StoreError> {
        let domain = domain.as_str().to_owned();
        let (id, fetched, expires) = (kept.id.clone(), kept.fetched, kept.expires());
        let keep = async move |db: &mut SqliteConnection| {
            sqlx::query(
                "INSERT INTO sts_policies (domain, id, policy, fetched, expires, used) VALUES (?1, ?2, ?3, ?4, ?5, ?4)
                 ON CONFLICT (domain) DO UPDATE
                 SET id = excluded.id, policy = excluded.policy, fetched = excluded.fetched, expires = excluded.expires",
            )
            .bind(domain)
            .bind(id)
            .bind(served)
            .bind(fetched.0)
            .bind(expires.0)
            .execute(&mut *db)
            .await?;
            sqlx::query(
                "DELETE FROM sts_policies WHERE domain IN
                 (SELECT domain FROM sts_policies ORDER BY used DESC LIMIT -1 OFFSET ?)",
            )
            .bind(limit(POLICIES_MAX))
            .execute(db)
            .await?;
            Ok(())
        };
        self.writer.run("keeping a policy (MTA-STS)", After::Nothing, keep).await
    }

    /// Notes that mail goes by this policy now; nothing is written more than once since `noted_since`.
    pub async fn use_sts_policy(
        &self,
        domain: &Domain,
        now: Moment,
        noted_since: Moment,
    ) -> Result<(), StoreError> {
        let noted: Option<i64> =
            sqlx::query_scalar("SELECT used FROM sts_policies WHERE domain = ?")
                .bind(domain.as_str())
                .fetch_optional(&self.readers)
                .await?;
        if noted.is_none_or(|noted| noted > noted_since.0) {
            return Ok(());
        }
        let domain = domain.as_str().to_owned();
        let note = async move |db: &mut SqliteConnection| {
            sqlx::query("UPDATE sts_policies SET used = ? WHERE domain = ?")
                .bind(now.0)
                .bind(domain)
                .execute(db)
                .await?;
            Ok(())
        };
        self.writer.run("noting the use of a policy (MTA-STS)", After::Nothing, note).await
    }

    /// The domains whose policies were fetched before `fetched` and used since `used`, those first that end first.
    pub async fn old_sts_policies(
        &self,
        fetched: Moment,
        used: Moment,
        most: usize,
    ) -> Result<Vec<Domain>, StoreError> {
        let domains: Vec<String> = sqlx::query_scalar(
            "SELECT domain FROM sts_policies WHERE fetched < ? AND used >= ? ORDER BY expires LIMIT ?",
        )
        .bind(fetched.0)
        .bind(used.0)
        .bind(limit(most))
        .fetch_all(&self.readers)
        .await?;
        Ok(domains.iter().filter_map(|domain| domain.parse().ok()).collect())
    }

    /// Deletes the policies whose time is over.
    pub async fn forget_sts_policies(&self, now: Moment) -> Result<(), StoreError> {
        let forget = async move |db: &mut SqliteConnection| {
            sqlx::query("DELETE FROM sts_policies WHERE expires <= ?")
                .bind(now.0)
                .execute(db)
                .await?;
            Ok(())
        };
        self.writer.run("forgetting policies (MTA-STS)", After::Nothing, forget).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::fixture::{Fixture, NOW};
    use super::*;

    const SERVED: &[u8] = b"version: STSv1\nmode: enforce\nmx: *.example.nl\nmax_age: 1000\n";

    fn kept(id: &str, fetched: Moment) -> Kept {
        Kept { id: id.to_owned(), policy: Policy::read(SERVED).unwrap(), fetched }
    }

    #[tokio::test]
    async fn a_policy_is_there_for_another_process_until_its_time_is_over() {
        let fixture = Fixture::new().await;
        let domain: Domain = "example.nl".parse().unwrap();
        assert_eq!(fixture.store.sts_policy(&domain).await, Ok(None));
        for id in ["1", "2"] {
            fixture.store.keep_sts_policy(&domain, &kept(id, NOW), SERVED.to_vec()).await.unwrap();
        }
        let another = fixture.another().await;
        assert_eq!(another.sts_policy(&domain).await, Ok(Some(kept("2", NOW))));
        let later = |seconds| NOW.plus(Duration::from_secs(seconds));
        another.forget_sts_policies(later(999)).await.unwrap();
        assert!(another.sts_policy(&domain).await.unwrap().is_some());
        another.forget_sts_policies(later(1000)).await.unwrap();
        assert_eq!(another.sts_policy(&domain).await, Ok(None));
    }

    #[tokio::test]
    async fn old_policies_are_those_that_mail_still_goes_by() {
        let fixture = Fixture::new().await;
        let store = &fixture.store;
        let later = |seconds| NOW.plus(Duration::from_secs(seconds));
        let names = ["used.nl", "unused.nl", "fresh.nl"];
        let [used, unused, fresh]: [Domain; 3] = names.map(|name| name.parse().unwrap());
        for (domain, fetched) in [(&used, NOW), (&unused, NOW), (&fresh, later(100))] {
            let kept = kept("1", fetched);
            store.keep_sts_policy(domain, &kept, SERVED.to_vec()).await.unwrap();
        }
        store.use_sts_policy(&used, later(60), later(50)).await.unwrap();
        store.use_sts_policy(&unused, later(60), Moment(NOW.0 - 1)).await.unwrap();
        let old = |used_since| store.old_sts_policies(later(100), used_since, 10);
        assert_eq!(old(later(60)).await, Ok(vec![used.clone()]));
        assert_eq!(old(NOW).await.unwrap().len(), 2);
    }
}
