//! Switches of the policy that stand above the configuration file.

use sqlx::Row;
use sqlx::sqlite::SqliteConnection;
use zegel_core::decision::{Policy, Setting, Value};
use zegel_core::moment::Moment;

use super::writer::After;
use super::{Store, StoreError};

/// A switch as somebody has set it here.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Override {
    pub setting: Setting,
    pub value: Value,
    pub since: Moment,
}

impl Store {
    /// What is set here, in the order of the switches' names. A switch or a value that this version does not know is an
    /// error: nobody may be verified by less than what somebody has asked for.
    pub async fn overrides(&self) -> Result<Vec<Override>, StoreError> {
        let rows = sqlx::query("SELECT setting, value, since FROM policy ORDER BY setting")
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| {
                let unknown =
                    |why| StoreError::failed(format!("the policy in the database: {why}"));
                let setting: Setting =
                    row.try_get::<String, _>("setting")?.parse().map_err(unknown)?;
                let value = setting.read(row.try_get("value")?).map_err(unknown)?;
                Ok(Override { setting, value, since: Moment(row.try_get("since")?) })
            })
            .collect()
    }

    /// The policy in force: the configuration's, and above it what is set here.
    pub async fn policy(&self, configured: &Policy) -> Result<Policy, StoreError> {
        let overrides = self.overrides().await?;
        Ok(overrides
            .iter()
            .fold(configured.clone(), |policy, set| policy.with(set.setting, set.value)))
    }

    /// Sets a switch here, or with `None` leaves it to the configuration again.
    pub async fn set_policy(
        &self,
        setting: Setting,
        value: Option<Value>,
        now: Moment,
    ) -> Result<(), StoreError> {
        let auditor = self.auditor.clone();
        let set = async move |db: &mut SqliteConnection| {
            let what = if let Some(value) = value {
                sqlx::query(
                    "INSERT INTO policy (setting, value, since) VALUES (?, ?, ?)
                     ON CONFLICT (setting) DO UPDATE SET value = excluded.value, since = excluded.since",
                )
                .bind(setting.name())
                .bind(value.to_string())
                .bind(now.0)
                .execute(&mut *db)
                .await?;
                format!("set to {value}")
            } else {
                sqlx::query("DELETE FROM policy WHERE setting = ?")
                    .bind(setting.name())
                    .execute(&mut *db)
                    .await?;
                "left to the configuration".to_owned()
            };
            auditor.append(db, now, &format!("policy {setting}"), &what).await
        };
        self.writer.run("setting the policy", After::News, set).await
    }
}

#[cfg(test)]
mod tests {
    use sqlx::ConnectOptions;
    use sqlx::sqlite::SqliteConnectOptions;

    use super::super::fixture::{Fixture, NOW};
    use super::*;

    #[tokio::test]
    async fn what_is_set_stands_above_the_configuration_until_it_is_taken_back() {
        let fixture = Fixture::new().await;
        let (store, configured) = (&fixture.store, Policy { sms: false, ..Policy::default() });
        assert_eq!(store.policy(&configured).await, Ok(configured.clone()));
        for (setting, value) in
            [(Setting::Email, "on"), (Setting::Email, "off"), (Setting::Transport, "pkix")]
        {
            let value = setting.read(value).unwrap();
            store.set_policy(setting, Some(value), NOW).await.unwrap();
        }
        let pkix = Some(zegel_core::transport::Floor::Pkix);
        let expected = Policy { email: false, transport: pkix, ..configured.clone() };
        assert_eq!(fixture.another().await.policy(&configured).await, Ok(expected));
        store.set_policy(Setting::Email, None, NOW).await.unwrap();
        store.set_policy(Setting::Transport, None, NOW).await.unwrap();
        assert_eq!(store.policy(&configured).await, Ok(configured));
        let told = store.audit(Some("policy email"), 10).await.unwrap();
        let told: Vec<_> = told.iter().map(|entry| entry.what.as_str()).collect();
        assert_eq!(told, ["set to on", "set to off", "left to the configuration"]);
    }

    #[tokio::test]
    async fn what_this_version_does_not_know_is_no_policy() {
        for row in ["('fax', 'off', 1)", "('email', 'sometimes', 1)"] {
            let fixture = Fixture::new().await;
            let path = fixture.path().join("zegel.db");
            let mut db = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
            let insert = sqlx::AssertSqlSafe(format!("INSERT INTO policy VALUES {row}"));
            sqlx::raw_sql(insert).execute(&mut db).await.unwrap();
            assert!(fixture.store.policy(&Policy::default()).await.is_err(), "{row}");
        }
    }
}
