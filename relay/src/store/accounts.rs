//! Who may submit: accounts with their aliases, and domains that are provisioned as a whole. An address belongs to one
//! account at most, as its own address or as an alias.

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use zegel_core::address::{Address, Domain};
use zegel_core::moment::Moment;

use super::writer::After;
use super::{Store, StoreError};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub address: Address,
    pub kind: Kind,
    pub aliases: Vec<Address>,
    pub created: Moment,
    /// Since when it may not submit.
    pub suspended: Option<Moment>,
}

/// Who reads the mailbox.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Person,
    /// Several people share it.
    Functional,
}

/// What is known of an author.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    Active,
    Suspended,
    Unknown,
}

/// What became of a change to accounts or aliases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Made,
    /// It was so already.
    Nothing,
    NoSuchAccount,
    /// The address is the first account's, as its own or as an alias. Nothing was changed.
    Taken(Address, Address),
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Functional => "functional",
        }
    }

    fn read(name: &str) -> Result<Self, StoreError> {
        match name {
            "person" => Ok(Self::Person),
            "functional" => Ok(Self::Functional),
            _ => Err(StoreError::failed("an account in the database is of no known kind")),
        }
    }
}

impl Store {
    /// Adds an account with its aliases, or nothing at all. An account that is there already stays as it is.
    pub async fn add_account(&self, account: Account) -> Result<Change, StoreError> {
        let auditor = self.auditor.clone();
        let add = async move |db: &mut SqliteConnection| {
            let Account { address, kind, aliases, created, suspended } = account;
            let about = format!("account {address}");
            let key = address.key();
            for new in std::iter::once(&address).chain(&aliases) {
                match owner(db, new).await? {
                    Some(owner) if owner == address => return Ok(Change::Nothing),
                    Some(owner) => return Ok(Change::Taken(owner, new.clone())),
                    None => {}
                }
            }
            sqlx::query(
                "INSERT INTO accounts (key, address, kind, created, suspended) VALUES (?, ?, ?, ?, ?)",
            )
            .bind(&key)
            .bind(address.to_string())
            .bind(kind.name())
            .bind(created.0)
            .bind(suspended.map(|since| since.0))
            .execute(&mut *db)
            .await?;
            auditor.append(db, created, &about, &format!("added, as {}", kind.name())).await?;
            for alias in aliases.iter().filter(|alias| **alias != address) {
                insert_alias(db, &key, alias).await?;
                auditor.append(db, created, &about, &format!("alias {alias} added")).await?;
            }
            Ok(Change::Made)
        };
        self.writer.run("adding an account", After::Nothing, add).await
    }

    /// Removes an account with its aliases.
    pub async fn remove_account(
        &self,
        address: &Address,
        now: Moment,
    ) -> Result<Change, StoreError> {
        let (key, auditor) = (address.key(), self.auditor.clone());
        let about = format!("account {address}");
        let remove = async move |db: &mut SqliteConnection| {
            sqlx::query("DELETE FROM aliases WHERE account = ?")
                .bind(&key)
                .execute(&mut *db)
                .await?;
            let remove = sqlx::query("DELETE FROM accounts WHERE key = ?").bind(&key);
            let change =
                made(remove.execute(&mut *db).await?.rows_affected(), Change::NoSuchAccount);
            if change == Change::Made {
                auditor.append(db, now, &about, "removed, with its aliases").await?;
            }
            Ok(change)
        };
        self.writer.run("removing an account", After::Nothing, remove).await
    }

    /// From now on nobody may submit as this account or as an alias of it.
    pub async fn suspend(&self, address: &Address, now: Moment) -> Result<Change, StoreError> {
        self.set_suspended(address, Some(now), now).await
    }

    pub async fn resume(&self, address: &Address, now: Moment) -> Result<Change, StoreError> {
        self.set_suspended(address, None, now).await
    }

    async fn set_suspended(
        &self,
        address: &Address,
        since: Option<Moment>,
        now: Moment,
    ) -> Result<Change, StoreError> {
        let (key, auditor) = (address.key(), self.auditor.clone());
        let about = format!("account {address}");
        let set = async move |db: &mut SqliteConnection| {
            let set = sqlx::query(
                "UPDATE accounts SET suspended = ?2 WHERE key = ?1 AND (suspended IS NULL) <> (?2 IS NULL)",
            );
            let set = set.bind(&key).bind(since.map(|since| since.0));
            if set.execute(&mut *db).await?.rows_affected() == 1 {
                let what = if since.is_some() { "suspended" } else { "resumed" };
                auditor.append(db, now, &about, what).await?;
                return Ok(Change::Made);
            }
            Ok(if is_account(db, &key).await? { Change::Nothing } else { Change::NoSuchAccount })
        };
        self.writer.run("suspending or resuming an account", After::Nothing, set).await
    }

    pub async fn add_alias(
        &self,
        account: &Address,
        alias: &Address,
        now: Moment,
    ) -> Result<Change, StoreError> {
        let (account, alias, auditor) = (account.clone(), alias.clone(), self.auditor.clone());
        let add = async move |db: &mut SqliteConnection| {
            if !is_account(db, &account.key()).await? {
                return Ok(Change::NoSuchAccount);
            }
            match owner(db, &alias).await? {
                Some(owner) if owner == account => return Ok(Change::Nothing),
                Some(owner) => return Ok(Change::Taken(owner, alias)),
                None => insert_alias(db, &account.key(), &alias).await?,
            }
            let (about, what) = (format!("account {account}"), format!("alias {alias} added"));
            auditor.append(db, now, &about, &what).await?;
            Ok(Change::Made)
        };
        self.writer.run("adding an alias", After::Nothing, add).await
    }

    pub async fn remove_alias(
        &self,
        account: &Address,
        alias: &Address,
        now: Moment,
    ) -> Result<Change, StoreError> {
        let (about, what) = (format!("account {account}"), format!("alias {alias} removed"));
        let (account, alias, auditor) = (account.key(), alias.key(), self.auditor.clone());
        let remove = async move |db: &mut SqliteConnection| {
            if !is_account(db, &account).await? {
                return Ok(Change::NoSuchAccount);
            }
            let remove = sqlx::query("DELETE FROM aliases WHERE key = ? AND account = ?");
            let removed = remove.bind(alias).bind(account).execute(&mut *db).await?;
            let change = made(removed.rows_affected(), Change::Nothing);
            if change == Change::Made {
                auditor.append(db, now, &about, &what).await?;
            }
            Ok(change)
        };
        self.writer.run("removing an alias", After::Nothing, remove).await
    }

    /// `false` when it was there already.
    pub async fn add_domain(&self, domain: &Domain, now: Moment) -> Result<bool, StoreError> {
        let (domain, auditor) = (domain.to_string(), self.auditor.clone());
        let about = format!("domain {domain}");
        let add = async move |db: &mut SqliteConnection| {
            let add = sqlx::query(
                "INSERT INTO domains (domain, created) VALUES (?, ?) ON CONFLICT DO NOTHING",
            );
            let added = add.bind(domain).bind(now.0).execute(&mut *db).await?.rows_affected() == 1;
            if added {
                auditor.append(db, now, &about, "added: every author may submit").await?;
            }
            Ok(added)
        };
        self.writer.run("adding a domain", After::Nothing, add).await
    }

    /// `false` when it was not there.
    pub async fn remove_domain(&self, domain: &Domain, now: Moment) -> Result<bool, StoreError> {
        let (domain, auditor) = (domain.to_string(), self.auditor.clone());
        let about = format!("domain {domain}");
        let remove = async move |db: &mut SqliteConnection| {
            let remove = sqlx::query("DELETE FROM domains WHERE domain = ?").bind(domain);
            let removed = remove.execute(&mut *db).await?.rows_affected() == 1;
            if removed {
                auditor.append(db, now, &about, "removed").await?;
            }
            Ok(removed)
        };
        self.writer.run("removing a domain", After::Nothing, remove).await
    }

    pub async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let rows = sqlx::query(
            "SELECT accounts.address, kind, created, suspended, aliases.address FROM accounts \
             LEFT JOIN aliases ON aliases.account = accounts.key ORDER BY accounts.key, aliases.key",
        )
        .fetch_all(&self.readers)
        .await?;
        let mut accounts: Vec<Account> = Vec::new();
        for row in &rows {
            let account = account(row)?;
            match accounts.last_mut() {
                Some(last) if last.address == account.address => {
                    last.aliases.extend(account.aliases);
                }
                _ => accounts.push(account),
            }
        }
        Ok(accounts)
    }

    pub async fn domains(&self) -> Result<Vec<(Domain, Moment)>, StoreError> {
        let rows = sqlx::query("SELECT domain, created FROM domains ORDER BY domain")
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| Ok((name(row.try_get(0)?)?, Moment(row.try_get(1)?)))).collect()
    }

    /// What is known of this author, by account, alias, or a domain that is provisioned as a whole. What an account says
    /// of itself goes before what its domain says.
    pub async fn standing(&self, author: &Address) -> Result<Standing, StoreError> {
        let standing = sqlx::query(
            "SELECT (SELECT suspended IS NULL FROM accounts \
                     WHERE key = COALESCE((SELECT account FROM aliases WHERE key = ?1), ?1)), \
                    EXISTS (SELECT 1 FROM domains WHERE domain = ?2)",
        );
        let standing = standing.bind(author.key()).bind(author.domain().as_str());
        let row = standing.fetch_one(&self.readers).await?;
        let (active, whole_domain): (Option<bool>, bool) = (row.try_get(0)?, row.try_get(1)?);
        Ok(match (active, whole_domain) {
            (Some(true), _) | (None, true) => Standing::Active,
            (Some(false), _) => Standing::Suspended,
            (None, false) => Standing::Unknown,
        })
    }

    /// Whether anyone of this domain may submit: it is one of the organisation's own.
    pub async fn is_own(&self, domain: &Domain) -> Result<bool, StoreError> {
        let own = "SELECT EXISTS (SELECT 1 FROM domains WHERE domain = ?1) \
                   OR EXISTS (SELECT 1 FROM accounts WHERE domain = ?1) \
                   OR EXISTS (SELECT 1 FROM aliases WHERE domain = ?1)";
        let own = sqlx::query_scalar(own).bind(domain.as_str());
        Ok(own.fetch_one(&self.readers).await?)
    }
}

/// Whether this author has an account that may not submit.
pub(super) async fn is_suspended(
    db: &mut SqliteConnection,
    author: &Address,
) -> Result<bool, StoreError> {
    let suspended = "SELECT EXISTS (SELECT 1 FROM accounts WHERE suspended IS NOT NULL
                     AND key = COALESCE((SELECT account FROM aliases WHERE key = ?1), ?1))";
    Ok(sqlx::query_scalar(suspended).bind(author.key()).fetch_one(db).await?)
}

/// The account that this is the address or an alias of.
async fn owner(
    db: &mut SqliteConnection,
    address: &Address,
) -> Result<Option<Address>, StoreError> {
    let owner = "SELECT address FROM accounts WHERE key = COALESCE((SELECT account FROM aliases WHERE key = ?1), ?1)";
    let owner: Option<String> =
        sqlx::query_scalar(owner).bind(address.key()).fetch_optional(db).await?;
    owner.as_deref().map(name).transpose()
}

async fn is_account(db: &mut SqliteConnection, key: &str) -> Result<bool, StoreError> {
    let is = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM accounts WHERE key = ?)").bind(key);
    Ok(is.fetch_one(db).await?)
}

/// An alias that is named twice is one.
async fn insert_alias(
    db: &mut SqliteConnection,
    account: &str,
    alias: &Address,
) -> Result<(), StoreError> {
    let insert =
        "INSERT INTO aliases (key, address, account) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    let insert = sqlx::query(insert).bind(alias.key()).bind(alias.to_string()).bind(account);
    insert.execute(db).await?;
    Ok(())
}

fn made(rows: u64, otherwise: Change) -> Change {
    if rows > 0 { Change::Made } else { otherwise }
}

/// A row with one alias at most.
fn account(row: &SqliteRow) -> Result<Account, StoreError> {
    let alias: Option<&str> = row.try_get(4)?;
    let suspended: Option<i64> = row.try_get(3)?;
    Ok(Account {
        address: name(row.try_get(0)?)?,
        kind: Kind::read(row.try_get(1)?)?,
        aliases: alias.map(name).transpose()?.into_iter().collect(),
        created: Moment(row.try_get(2)?),
        suspended: suspended.map(Moment),
    })
}

fn name<T: std::str::FromStr>(name: &str) -> Result<T, StoreError> {
    name.parse().map_err(|_| StoreError::failed("an address in the database cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, NOW, address};
    use super::*;

    fn account(own: &str, aliases: &[&str]) -> Account {
        Account {
            address: address(own),
            kind: Kind::Person,
            aliases: aliases.iter().map(|alias| address(alias)).collect(),
            created: NOW,
            suspended: None,
        }
    }

    async fn check(store: &Store, authors: &[&str], expected: Standing) {
        for author in authors {
            assert_eq!(store.standing(&address(author)).await, Ok(expected), "{author}");
        }
    }

    #[tokio::test]
    async fn an_author_may_submit_by_account_by_alias_or_by_domain() {
        let fixture = Fixture::new().await;
        let store = &fixture.store;
        let jan = account("Jan@a.nl", &["J.deVries@alias.nl"]);
        assert_eq!(store.add_account(jan).await, Ok(Change::Made));
        assert_eq!(store.add_account(account("jan@a.nl", &[])).await, Ok(Change::Nothing));
        assert_eq!(store.add_domain(&"b.nl".parse().unwrap(), NOW).await, Ok(true));
        assert_eq!(store.add_domain(&"b.nl".parse().unwrap(), NOW).await, Ok(false));
        check(store, &["jan@A.nl", "j.devries@alias.nl", "anyone@b.nl"], Standing::Active).await;
        check(store, &["piet@a.nl", "x@alias.nl", "anyone@sub.b.nl"], Standing::Unknown).await;
        assert_eq!(store.remove_domain(&"b.nl".parse().unwrap(), NOW).await, Ok(true));
        assert_eq!(store.remove_domain(&"b.nl".parse().unwrap(), NOW).await, Ok(false));
        check(store, &["anyone@b.nl"], Standing::Unknown).await;
        assert_eq!(store.remove_account(&address("jan@a.nl"), NOW).await, Ok(Change::Made));
        assert_eq!(
            store.remove_account(&address("jan@a.nl"), NOW).await,
            Ok(Change::NoSuchAccount)
        );
        check(store, &["jan@a.nl", "j.devries@alias.nl"], Standing::Unknown).await;
    }

    #[tokio::test]
    async fn a_suspended_account_may_not_submit_by_any_of_its_names_nor_by_its_domain() {
        let fixture = Fixture::new().await;
        let store = &fixture.store;
        let jan = address("jan@a.nl");
        store.add_account(account("jan@a.nl", &["info@a.nl", "jan@b.nl"])).await.unwrap();
        for domain in ["a.nl", "b.nl"] {
            store.add_domain(&domain.parse().unwrap(), NOW).await.unwrap();
        }
        assert_eq!(store.suspend(&jan, NOW).await, Ok(Change::Made));
        assert_eq!(store.suspend(&jan, Moment(NOW.0 + 1)).await, Ok(Change::Nothing));
        check(store, &["jan@a.nl", "info@a.nl", "jan@b.nl"], Standing::Suspended).await;
        check(store, &["piet@a.nl"], Standing::Active).await;
        assert_eq!(store.accounts().await.unwrap()[0].suspended, Some(NOW));
        assert_eq!(store.resume(&jan, NOW).await, Ok(Change::Made));
        assert_eq!(store.resume(&jan, NOW).await, Ok(Change::Nothing));
        check(store, &["jan@a.nl", "info@a.nl"], Standing::Active).await;
        let alias = address("info@a.nl");
        assert_eq!(store.suspend(&alias, NOW).await, Ok(Change::NoSuchAccount));
    }

    #[tokio::test]
    async fn an_address_belongs_to_one_account_at_most() {
        let fixture = Fixture::new().await;
        let store = &fixture.store;
        let (jan, els) = (address("jan@a.nl"), address("els@a.nl"));
        store.add_account(account("jan@a.nl", &["info@a.nl", "INFO@a.nl"])).await.unwrap();
        let taken = |what: &str| Ok(Change::Taken(jan.clone(), address(what)));
        let clash = account("els@a.nl", &["els@b.nl", "info@a.nl"]);
        assert_eq!(store.add_account(clash).await, taken("info@a.nl"));
        check(store, &["els@a.nl", "els@b.nl"], Standing::Unknown).await;
        assert_eq!(store.add_account(account("info@a.nl", &[])).await, taken("info@a.nl"));

        store.add_account(account("els@a.nl", &[])).await.unwrap();
        assert_eq!(store.add_alias(&els, &address("info@a.nl"), NOW).await, taken("info@a.nl"));
        assert_eq!(store.add_alias(&els, &jan, NOW).await, taken("jan@a.nl"));
        assert_eq!(store.add_alias(&els, &els, NOW).await, Ok(Change::Nothing));
        let new = address("els@b.nl");
        assert_eq!(store.add_alias(&address("x@a.nl"), &new, NOW).await, Ok(Change::NoSuchAccount));
        assert_eq!(store.add_alias(&els, &new, NOW).await, Ok(Change::Made));
        assert_eq!(store.add_alias(&els, &new, NOW).await, Ok(Change::Nothing));
        assert_eq!(store.remove_alias(&jan, &new, NOW).await, Ok(Change::Nothing));
        assert_eq!(store.remove_alias(&els, &new, NOW).await, Ok(Change::Made));
        check(store, &["els@b.nl"], Standing::Unknown).await;
    }

    #[tokio::test]
    async fn accounts_are_listed_with_their_kind_and_their_aliases() {
        let fixture = Fixture::new().await;
        let desk = Account {
            kind: Kind::Functional,
            ..account("Info@a.nl", &["a@alias.nl", "b@alias.nl"])
        };
        fixture.store.add_account(desk.clone()).await.unwrap();
        fixture.store.add_account(account("jan@a.nl", &[])).await.unwrap();
        let listed = fixture.store.accounts().await.unwrap();
        assert_eq!(listed, [desk, account("jan@a.nl", &[])]);
        assert_eq!(listed[0].address.to_string(), "Info@a.nl");
    }

    #[tokio::test]
    async fn a_domain_is_our_own_when_anyone_of_it_may_submit() {
        let fixture = Fixture::new().await;
        let store = &fixture.store;
        store.add_account(account("jan@a.nl", &["\"jan@c.nl\"@alias.nl"])).await.unwrap();
        store.add_domain(&"b.nl".parse().unwrap(), NOW).await.unwrap();
        for (domain, own) in
            [("a.nl", true), ("b.nl", true), ("alias.nl", true), ("c.nl", false), ("xa.nl", false)]
        {
            assert_eq!(store.is_own(&domain.parse().unwrap()).await, Ok(own), "{domain}");
        }
    }
}
