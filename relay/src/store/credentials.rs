//! Credentials, and how often somebody may try one.

use std::time::Duration;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use zegel_core::moment::Moment;
use zegel_core::secret::Secret;
use zegel_core::submitter::Scope;

use super::error::{from_json, to_json};
use super::writer::After;
use super::{Store, StoreError};

/// How exactly the last use is known: nothing is written for every message.
const LAST_USED_WITHIN: Duration = Duration::from_mins(1);

#[derive(Clone, Debug)]
pub struct NewCredential {
    pub login: String,
    /// In the string form of the algorithm (PHC).
    pub hash: Secret,
    pub scopes: Vec<Scope>,
    pub created: Moment,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    pub login: String,
    pub scopes: Vec<Scope>,
    pub created: Moment,
    /// To the minute.
    pub last_used: Option<Moment>,
    pub revoked: Option<Moment>,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    Now,
    Before(Moment),
    /// There is no such login.
    Unknown,
}

/// So many uses of a key (a keyed hash) in so much time.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    pub key: [u8; 32],
    pub most: u32,
    pub per: Duration,
}

/// Uses that have been counted and may still be given back.
#[derive(Debug, PartialEq, Eq)]
pub struct Counted {
    rows: Vec<i64>,
    /// How often each key is used by now, in the order of the quotas.
    pub uses: Vec<u32>,
}

impl Store {
    /// `false` when the login is taken.
    pub async fn add_credential(&self, new: NewCredential) -> Result<bool, StoreError> {
        let hash = self.keyring.seal(&context(&new.login), new.hash.reveal().as_bytes());
        let scopes = to_json(&new.scopes)?;
        let auditor = self.auditor.clone();
        let about = format!("credential {}", new.login);
        let scopes_named: Vec<_> = new.scopes.iter().map(Scope::to_string).collect();
        let what = format!("created, for {}", scopes_named.join(", "));
        let add = async move |db: &mut SqliteConnection| {
            let add = sqlx::query(
                "INSERT INTO credentials (login, hash, scopes, created) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            );
            let add = add.bind(new.login).bind(hash).bind(scopes).bind(new.created.0);
            let added = add.execute(&mut *db).await?.rows_affected() == 1;
            if added {
                auditor.append(db, new.created, &about, &what).await?;
            }
            Ok(added)
        };
        self.writer.run("adding a credential", After::Nothing, add).await
    }

    /// All of them, also those that were revoked.
    pub async fn credentials(&self) -> Result<Vec<Credential>, StoreError> {
        let all = "SELECT login, scopes, created, last_used, revoked FROM credentials ORDER BY created, login";
        let rows = sqlx::query(all).fetch_all(&self.readers).await?;
        rows.iter().map(credential).collect()
    }

    /// A credential and the hash of its password; `None` when there is no such login, or it was revoked.
    pub async fn credential(
        &self,
        login: &str,
    ) -> Result<Option<(Credential, Secret)>, StoreError> {
        let valid = "SELECT * FROM credentials WHERE login = ? AND hash IS NOT NULL";
        let row = sqlx::query(valid).bind(login).fetch_optional(&self.readers).await?;
        let Some(row) = row else { return Ok(None) };
        let credential = credential(&row)?;
        let sealed: Vec<u8> = row.try_get("hash")?;
        let hash = self.keyring.open(&context(&credential.login), &sealed)?;
        let hash = String::from_utf8(hash).map_err(|_| StoreError::Damaged)?;
        Ok(Some((credential, Secret::new(hash))))
    }

    /// Whether there is such a login and it was not revoked.
    pub async fn is_valid_login(&self, login: &str) -> Result<bool, StoreError> {
        let valid =
            "SELECT EXISTS (SELECT 1 FROM credentials WHERE login = ? AND hash IS NOT NULL)";
        Ok(sqlx::query_scalar(valid).bind(login).fetch_one(&self.readers).await?)
    }

    /// For ever: the hash is destroyed.
    pub async fn revoke_credential(&self, login: &str, now: Moment) -> Result<Revoked, StoreError> {
        let (login, auditor) = (login.to_owned(), self.auditor.clone());
        let revoke = async move |db: &mut SqliteConnection| {
            let before: Option<Option<i64>> =
                sqlx::query_scalar("SELECT revoked FROM credentials WHERE login = ?")
                    .bind(&login)
                    .fetch_optional(&mut *db)
                    .await?;
            match before {
                None => return Ok(Revoked::Unknown),
                Some(Some(before)) => return Ok(Revoked::Before(Moment(before))),
                Some(None) => {}
            }
            let revoke = "UPDATE credentials SET hash = NULL, revoked = ? WHERE login = ?";
            sqlx::query(revoke).bind(now.0).bind(&login).execute(&mut *db).await?;
            auditor.append(db, now, &format!("credential {login}"), "revoked").await?;
            Ok(Revoked::Now)
        };
        self.writer.run("revoking a credential", After::Scrub, revoke).await
    }

    /// Counts one use of every key, or of none when one of them is used up already: then it is `None`.
    pub async fn count(
        &self,
        quotas: Vec<Quota>,
        now: Moment,
    ) -> Result<Option<Counted>, StoreError> {
        let count = async move |db: &mut SqliteConnection| {
            let mut counted = Counted { rows: Vec::new(), uses: Vec::new() };
            for quota in &quotas {
                let uses = uses(db, quota.key, now).await?;
                if uses >= quota.most {
                    return Ok(None);
                }
                counted.uses.push(uses + 1);
            }
            for quota in &quotas {
                counted.rows.push(add_use(db, quota.key, now.plus(quota.per)).await?);
            }
            Ok(Some(counted))
        };
        self.writer.run("counting a use", After::Nothing, count).await
    }

    /// What was counted turned out to be none; the credential was used, from somewhere that is remembered as `place` (a
    /// keyed hash) for so long. Either may be absent: nothing was counted, or the place is remembered already.
    pub async fn credential_used(
        &self,
        login: &str,
        counted: Option<Counted>,
        place: Option<([u8; 32], Duration)>,
        now: Moment,
    ) -> Result<(), StoreError> {
        let login = login.to_owned();
        let used = async move |db: &mut SqliteConnection| {
            for row in counted.map(|counted| counted.rows).unwrap_or_default() {
                sqlx::query("DELETE FROM uses WHERE rowid = ?").bind(row).execute(&mut *db).await?;
            }
            if let Some((place, kept)) = place {
                sqlx::query("DELETE FROM uses WHERE key = ?")
                    .bind(place.as_slice())
                    .execute(&mut *db)
                    .await?;
                add_use(db, place, now.plus(kept)).await?;
            }
            let used = "UPDATE credentials SET last_used = ?1 WHERE login = ?2 AND (last_used IS NULL OR last_used <= ?3)";
            let before = now.0.saturating_sub_unsigned(LAST_USED_WITHIN.as_secs());
            sqlx::query(used).bind(now.0).bind(login).bind(before).execute(db).await?;
            Ok(())
        };
        self.writer.run("recording a use", After::Nothing, used).await
    }
}

impl Credential {
    /// Whether a use now must be recorded.
    pub fn is_last_use_old(&self, now: Moment) -> bool {
        self.last_used.is_none_or(|last| now.since(last) >= LAST_USED_WITHIN)
    }
}

/// A hash that is put into another row opens nothing there.
fn context(login: &str) -> Vec<u8> {
    [b"credential ", login.as_bytes()].concat()
}

async fn uses(db: &mut SqliteConnection, key: [u8; 32], now: Moment) -> Result<u32, StoreError> {
    let uses = "SELECT COUNT(*) FROM uses WHERE key = ? AND until > ?";
    Ok(sqlx::query_scalar(uses).bind(key.as_slice()).bind(now.0).fetch_one(db).await?)
}

async fn add_use(
    db: &mut SqliteConnection,
    key: [u8; 32],
    until: Moment,
) -> Result<i64, StoreError> {
    let add = sqlx::query("INSERT INTO uses (key, until) VALUES (?, ?)");
    Ok(add.bind(key.as_slice()).bind(until.0).execute(db).await?.last_insert_rowid())
}

fn credential(row: &SqliteRow) -> Result<Credential, StoreError> {
    Ok(Credential {
        login: row.try_get("login")?,
        scopes: from_json(row.try_get::<String, _>("scopes")?)?,
        created: Moment(row.try_get("created")?),
        last_used: row.try_get::<Option<i64>, _>("last_used")?.map(Moment),
        revoked: row.try_get::<Option<i64>, _>("revoked")?.map(Moment),
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, NOW};
    use super::*;

    const HASH: &str = "canary-hash";
    const MINUTE: Duration = Duration::from_mins(1);

    fn new(login: &str) -> NewCredential {
        let scopes = ["jan@a.example", "b.example"].map(|scope| scope.parse().unwrap()).to_vec();
        NewCredential { login: login.into(), hash: Secret::new(HASH), scopes, created: NOW }
    }

    async fn last_used(store: &Store) -> Option<Moment> {
        store.credentials().await.unwrap().remove(0).last_used
    }

    #[tokio::test]
    async fn credential_is_read_as_it_was_written_and_its_hash_is_sealed() {
        let fixture = Fixture::new().await;
        let store = &fixture.store;
        assert_eq!(store.add_credential(new("scanner")).await, Ok(true));
        assert_eq!(store.add_credential(new("scanner")).await, Ok(false));
        let (credential, hash) = store.credential("scanner").await.unwrap().unwrap();
        assert_eq!((hash.reveal(), &credential.scopes), (HASH, &new("scanner").scopes));
        assert_eq!(store.credentials().await, Ok(vec![credential]));
        assert_eq!(store.credential("Scanner").await, Ok(None));
        assert!(!fixture.contains(HASH.as_bytes()));
    }

    #[tokio::test]
    async fn hash_of_one_login_opens_nothing_for_another() {
        let fixture = Fixture::new().await;
        let store = &fixture.store;
        store.add_credential(new("mine")).await.unwrap();
        store.add_credential(new("theirs")).await.unwrap();
        let swap = async |db: &mut SqliteConnection| {
            let swap =
                "UPDATE credentials SET hash = (SELECT hash FROM credentials WHERE login = 'mine')";
            sqlx::query(swap).execute(db).await?;
            Ok(())
        };
        store.writer.run("testing", After::Nothing, swap).await.unwrap();
        assert!(store.credential("mine").await.unwrap().is_some());
        assert_eq!(store.credential("theirs").await, Err(StoreError::Damaged));
    }

    #[tokio::test]
    async fn revoked_credential_is_gone_for_another_process_at_once_and_its_login_is_never_given_again()
     {
        let fixture = Fixture::new().await;
        let store = &fixture.store;
        store.add_credential(new("scanner")).await.unwrap();
        let other = fixture.another().await;
        assert_eq!(other.is_valid_login("scanner").await, Ok(true));
        assert_eq!(store.revoke_credential("scanner", NOW).await, Ok(Revoked::Now));
        assert_eq!(other.credential("scanner").await, Ok(None));
        assert_eq!(other.is_valid_login("scanner").await, Ok(false));
        let later = NOW.plus(MINUTE);
        assert_eq!(store.revoke_credential("scanner", later).await, Ok(Revoked::Before(NOW)));
        assert_eq!(store.revoke_credential("nobody", NOW).await, Ok(Revoked::Unknown));
        assert_eq!(store.add_credential(new("scanner")).await, Ok(false));
        assert_eq!(store.credentials().await.unwrap()[0].revoked, Some(NOW));
    }

    #[tokio::test]
    async fn last_use_is_written_at_most_once_a_minute() {
        let fixture = Fixture::new().await;
        let store = &fixture.store;
        store.add_credential(new("scanner")).await.unwrap();
        assert_eq!(last_used(store).await, None);
        for (seconds, written) in [(0, 0), (59, 0), (60, 60), (61, 60), (120, 120), (30, 120)] {
            let now = Moment(NOW.0 + seconds);
            store.credential_used("scanner", None, None, now).await.unwrap();
            assert_eq!(last_used(store).await, Some(Moment(NOW.0 + written)), "{seconds}");
        }
    }

    #[tokio::test]
    async fn use_counts_for_every_key_or_for_none_and_can_be_given_back() {
        let fixture = Fixture::new().await;
        let store = &fixture.store;
        store.add_credential(new("scanner")).await.unwrap();
        let one = Quota { key: [1; 32], most: 3, per: 2 * MINUTE };
        let two = Quota { key: [2; 32], most: 2, per: MINUTE };
        let count = async |quotas: &[Quota], now| store.count(quotas.to_vec(), now).await.unwrap();
        let first = count(&[one, two], NOW).await.unwrap();
        assert_eq!(first.uses, [1, 1]);
        assert_eq!(count(&[one, two], NOW).await.unwrap().uses, [2, 2]);
        assert_eq!(count(&[one, two], NOW).await, None);
        assert_eq!(count(&[one], NOW).await.unwrap().uses, [3], "the refused use did not count");
        store.credential_used("scanner", Some(first), None, NOW).await.unwrap();
        assert_eq!(count(&[one, two], NOW).await.unwrap().uses, [3, 2]);
        assert_eq!(count(&[two], Moment(NOW.0 + 59)).await, None);
        assert_eq!(count(&[two], Moment(NOW.0 + 60)).await.unwrap().uses, [1]);
    }

    #[tokio::test]
    async fn place_of_a_use_is_remembered_for_as_long_as_was_said_since_the_last() {
        let fixture = Fixture::new().await;
        let store = &fixture.store;
        let place = Some(([7; 32], MINUTE));
        for seconds in [0, 30] {
            let now = Moment(NOW.0 + seconds);
            store.credential_used("scanner", None, place, now).await.unwrap();
        }
        for (seconds, known) in [(31, true), (89, true), (90, false)] {
            let found = store.is_used_up([7; 32], 1, Moment(NOW.0 + seconds)).await;
            assert_eq!(found, Ok(known), "{seconds}");
        }
        assert_eq!(store.is_used_up([7; 32], 2, NOW).await, Ok(false), "one row is enough");
    }
}
