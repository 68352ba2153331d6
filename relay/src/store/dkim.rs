//! Keys that sign mail (DKIM): made, published by the administrator, used, and replaced by others.

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use zegel_core::address::Domain;
use zegel_core::dkim::{Algorithm, Selector};
use zegel_core::moment::Moment;
use zeroize::Zeroizing;

use super::writer::After;
use super::{Store, StoreError};
use crate::vault::SigningKey;

/// A key as an administrator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DkimKey {
    pub domain: Domain,
    pub selector: Selector,
    pub algorithm: Algorithm,
    pub public: String,
    pub created: Moment,
    /// Since when it signs; `None`: it waits for its record.
    pub active: Option<Moment>,
    pub retired: Option<Moment>,
}

/// A key that signs.
#[derive(Debug)]
pub struct Signer {
    pub domain: Domain,
    pub selector: Selector,
    pub key: SigningKey,
}

impl Store {
    /// The keys of a domain, oldest first.
    pub async fn dkim_keys(&self, domain: &Domain) -> Result<Vec<DkimKey>, StoreError> {
        let rows = sqlx::query("SELECT * FROM dkim WHERE domain = ? ORDER BY created, selector")
            .bind(domain.as_str())
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(key).collect()
    }

    /// All keys that sign now.
    pub async fn signers(&self) -> Result<Vec<Signer>, StoreError> {
        let active =
            "SELECT * FROM dkim WHERE active IS NOT NULL AND retired IS NULL ORDER BY selector";
        let rows = sqlx::query(active).fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let DkimKey { domain, selector, algorithm, .. } = key(row)?;
                let sealed: Vec<u8> = row.try_get("sealed")?;
                // Mail waits for the key file to be whole again: unsigned it would look like somebody else's.
                let closed = |_| {
                    StoreError::failed(format!("{} cannot be opened", about(&domain, &selector)))
                };
                let pkcs8 = self.keyring.open(&context(&domain, &selector), &sealed);
                let pkcs8 = Zeroizing::new(pkcs8.map_err(closed)?);
                let key = SigningKey::from_pkcs8(algorithm, &pkcs8).map_err(closed)?;
                Ok(Signer { domain, selector, key })
            })
            .collect()
    }

    /// Adds keys that wait for their records.
    pub async fn add_dkim_keys(
        &self,
        domain: &Domain,
        keys: &[(Selector, SigningKey)],
        now: Moment,
    ) -> Result<(), StoreError> {
        let mut rows = Vec::new();
        for (selector, key) in keys {
            let sealed = self.keyring.seal(&context(domain, selector), &key.to_pkcs8()?);
            rows.push((selector.clone(), key.algorithm(), key.public()?, sealed));
        }
        let (domain, auditor) = (domain.clone(), self.auditor.clone());
        let add = async move |db: &mut SqliteConnection| {
            for (selector, algorithm, public, sealed) in rows {
                sqlx::query(
                    "INSERT INTO dkim (domain, selector, algorithm, public, sealed, created) VALUES (?, ?, ?, ?, ?, ?)",
                )
                .bind(domain.as_str())
                .bind(selector.as_str())
                .bind(algorithm.name())
                .bind(public)
                .bind(sealed)
                .bind(now.0)
                .execute(&mut *db)
                .await?;
                auditor.append(db, now, &about(&domain, &selector), "made").await?;
            }
            Ok(())
        };
        self.writer.run("adding DKIM keys", After::Nothing, add).await
    }

    /// The keys of a domain that wait begin to sign, and those that signed do no longer.
    pub async fn activate_dkim_keys(&self, domain: &Domain, now: Moment) -> Result<(), StoreError> {
        let (domain, auditor) = (domain.clone(), self.auditor.clone());
        let activate = async move |db: &mut SqliteConnection| {
            for (statement, what) in [
                (
                    "UPDATE dkim SET retired = ?2 WHERE domain = ?1 AND active IS NOT NULL AND retired IS NULL
                     RETURNING *",
                    "signs no longer",
                ),
                (
                    "UPDATE dkim SET active = ?2 WHERE domain = ?1 AND active IS NULL RETURNING *",
                    "signs from now on",
                ),
            ] {
                let changed = sqlx::query(statement).bind(domain.as_str()).bind(now.0);
                for row in changed.fetch_all(&mut *db).await? {
                    let changed = key(&row)?;
                    auditor.append(db, now, &about(&domain, &changed.selector), what).await?;
                }
            }
            Ok(())
        };
        self.writer.run("activating DKIM keys", After::News, activate).await
    }

    /// Destroys a key that signs no longer, or never did; `false` when there is no such key.
    pub async fn remove_dkim_key(
        &self,
        domain: &Domain,
        selector: &Selector,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let (domain, selector, auditor) = (domain.clone(), selector.clone(), self.auditor.clone());
        let remove = async move |db: &mut SqliteConnection| {
            let remove = sqlx::query(
                "DELETE FROM dkim WHERE domain = ? AND selector = ? AND (active IS NULL OR retired IS NOT NULL)",
            );
            let remove = remove.bind(domain.as_str()).bind(selector.as_str());
            let removed = remove.execute(&mut *db).await?.rows_affected() == 1;
            if removed {
                auditor.append(db, now, &about(&domain, &selector), "destroyed").await?;
            }
            Ok(removed)
        };
        self.writer.run("destroying a DKIM key", After::Scrub, remove).await
    }
}

fn context(domain: &Domain, selector: &Selector) -> Vec<u8> {
    format!("dkim {selector}._domainkey.{}", domain.as_str()).into_bytes()
}

fn about(domain: &Domain, selector: &Selector) -> String {
    format!("dkim {selector}._domainkey.{}", domain.as_str())
}

fn key(row: &SqliteRow) -> Result<DkimKey, StoreError> {
    let algorithm = match row.try_get::<String, _>("algorithm")?.as_str() {
        "rsa-sha256" => Algorithm::RsaSha256,
        "ed25519-sha256" => Algorithm::Ed25519Sha256,
        _ => return Err(StoreError::Damaged),
    };
    let domain: String = row.try_get("domain")?;
    let moment = |name| Ok::<_, StoreError>(row.try_get::<Option<i64>, _>(name)?.map(Moment));
    Ok(DkimKey {
        domain: domain.parse().map_err(|_| StoreError::Damaged)?,
        selector: Selector::new(row.try_get("selector")?).ok_or(StoreError::Damaged)?,
        algorithm,
        public: row.try_get("public")?,
        created: Moment(row.try_get("created")?),
        active: moment("active")?,
        retired: moment("retired")?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, NOW};
    use super::*;

    fn made(name: &str) -> (Selector, SigningKey) {
        let key = SigningKey::generate(Algorithm::Ed25519Sha256).unwrap();
        (Selector::new(name).unwrap(), key)
    }

    #[tokio::test]
    async fn keys_wait_sign_are_replaced_and_are_destroyed() {
        let fixture = Fixture::new().await;
        let (store, domain) = (&fixture.store, "org.test".parse::<Domain>().unwrap());
        let signing = async || {
            let signers = store.signers().await.unwrap();
            signers.iter().map(|signer| signer.selector.to_string()).collect::<Vec<_>>()
        };
        let (first, second) = (made("one"), made("two"));
        let pkcs8 = first.1.to_pkcs8().unwrap();
        let (one, two) = (first.0.clone(), second.0.clone());
        store.add_dkim_keys(&domain, &[first], NOW).await.unwrap();
        assert!(signing().await.is_empty());
        store.activate_dkim_keys(&domain, NOW).await.unwrap();
        store.add_dkim_keys(&domain, &[second], NOW).await.unwrap();
        assert_eq!(signing().await, ["one"]);
        assert_eq!(store.remove_dkim_key(&domain, &one, NOW).await, Ok(false), "it signs");
        store.activate_dkim_keys(&domain, NOW).await.unwrap();
        assert_eq!(signing().await, ["two"]);
        assert_eq!(store.remove_dkim_key(&domain, &two, NOW).await, Ok(false), "it signs");
        assert_eq!(store.remove_dkim_key(&domain, &one, NOW).await, Ok(true));
        assert_eq!(store.dkim_keys(&domain).await.unwrap().len(), 1);
        assert!(!fixture.contains(pkcs8.get(16..48).unwrap()), "a private key is on disk");
    }
}
