//! Who may submit: accounts, and domains that are provisioned as a whole.

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use zegel_core::address::{Address, Domain};
use zegel_core::moment::Moment;

use super::writer::After;
use super::{Store, StoreError};

impl Store {
    /// `false` when it was there already.
    pub async fn add_account(&self, address: &Address, now: Moment) -> Result<bool, StoreError> {
        let (key, address) = (address.key(), address.to_string());
        let add = async move |db: &mut SqliteConnection| {
            let add = sqlx::query(
                "INSERT INTO accounts (key, address, created) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            );
            let added = add.bind(key).bind(address).bind(now.0).execute(db).await?;
            Ok(added.rows_affected() == 1)
        };
        self.writer.run("adding an account", After::Nothing, add).await
    }

    /// `false` when it was there already.
    pub async fn add_domain(&self, domain: &Domain, now: Moment) -> Result<bool, StoreError> {
        let domain = domain.to_string();
        let add = async move |db: &mut SqliteConnection| {
            let add = sqlx::query(
                "INSERT INTO domains (domain, created) VALUES (?, ?) ON CONFLICT DO NOTHING",
            );
            let added = add.bind(domain).bind(now.0).execute(db).await?;
            Ok(added.rows_affected() == 1)
        };
        self.writer.run("adding a domain", After::Nothing, add).await
    }

    pub async fn accounts(&self) -> Result<Vec<(Address, Moment)>, StoreError> {
        let rows = sqlx::query("SELECT address, created FROM accounts ORDER BY key")
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(named).collect()
    }

    pub async fn domains(&self) -> Result<Vec<(Domain, Moment)>, StoreError> {
        let rows = sqlx::query("SELECT domain, created FROM domains ORDER BY domain")
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(named).collect()
    }

    /// Whether this author may submit: an active account, or a domain that is provisioned as a whole.
    pub async fn may_submit(&self, author: &Address) -> Result<bool, StoreError> {
        let may = "SELECT EXISTS (SELECT 1 FROM accounts WHERE key = ?) OR EXISTS (SELECT 1 FROM domains WHERE domain = ?)";
        let may = sqlx::query_scalar(may).bind(author.key()).bind(author.domain().as_str());
        Ok(may.fetch_one(&self.readers).await?)
    }

    /// Whether anyone of this domain may submit: it is one of the organisation's own.
    pub async fn is_own(&self, domain: &Domain) -> Result<bool, StoreError> {
        let own = "SELECT EXISTS (SELECT 1 FROM domains WHERE domain = ?1) OR EXISTS (SELECT 1 FROM accounts WHERE key LIKE '%@' || ?1)";
        let own = sqlx::query_scalar(own).bind(domain.as_str());
        Ok(own.fetch_one(&self.readers).await?)
    }
}

/// A name and since when it is there.
fn named<T: std::str::FromStr>(row: &SqliteRow) -> Result<(T, Moment), StoreError> {
    let name: String = row.try_get(0)?;
    let name = name
        .parse()
        .map_err(|_| StoreError::failed("an address in the database cannot be read"))?;
    Ok((name, Moment(row.try_get(1)?)))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, NOW, address};

    #[tokio::test]
    async fn an_author_may_submit_by_account_or_by_domain() {
        let fixture = Fixture::new().await;
        let store = &fixture.store;
        let check = async |author: &str, expected| {
            assert_eq!(store.may_submit(&address(author)).await, Ok(expected), "{author}");
        };
        assert_eq!(store.add_account(&address("Jan@a.nl"), NOW).await, Ok(true));
        assert_eq!(store.add_account(&address("jan@a.nl"), NOW).await, Ok(false));
        assert_eq!(store.add_domain(&"b.nl".parse().unwrap(), NOW).await, Ok(true));
        assert_eq!(store.add_domain(&"b.nl".parse().unwrap(), NOW).await, Ok(false));
        check("jan@A.nl", true).await;
        check("piet@a.nl", false).await;
        check("anyone@b.nl", true).await;
        check("anyone@sub.b.nl", false).await;
        for (domain, own) in [("a.nl", true), ("b.nl", true), ("c.nl", false), ("xa.nl", false)] {
            assert_eq!(store.is_own(&domain.parse().unwrap()).await, Ok(own), "{domain}");
        }
        assert_eq!(store.accounts().await.unwrap()[0].0.to_string(), "Jan@a.nl");
        assert_eq!(store.domains().await.unwrap().len(), 1);
    }
}
