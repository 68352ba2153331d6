//! In which language recipients chose to be spoken to.

use sqlx::sqlite::SqliteConnection;
use zegel_core::address::Address;
use zegel_core::moment::Moment;
use zegel_core::notice::Language;

use super::writer::After;
use super::{Store, StoreError};

impl Store {
    /// Remembers the choice of somebody who has proved to be this recipient.
    pub async fn choose_language(
        &self,
        recipient: &Address,
        language: Language,
        now: Moment,
    ) -> Result<(), StoreError> {
        let recipient = recipient.key();
        let choose = async move |db: &mut SqliteConnection| {
            sqlx::query(
                "INSERT INTO languages (recipient, language, chosen) VALUES (?, ?, ?)
                 ON CONFLICT (recipient) DO UPDATE SET language = excluded.language, chosen = excluded.chosen",
            )
            .bind(recipient)
            .bind(language.tag())
            .bind(now.0)
            .execute(db)
            .await?;
            Ok(())
        };
        self.writer.run("remembering a language", After::Nothing, choose).await
    }

    /// What this recipient chose; `None` where they never did, or chose what a newer version speaks.
    pub async fn language_of(&self, recipient: &Address) -> Result<Option<Language>, StoreError> {
        let tag: Option<String> =
            sqlx::query_scalar("SELECT language FROM languages WHERE recipient = ?")
                .bind(recipient.key())
                .fetch_optional(&self.readers)
                .await?;
        Ok(tag.as_deref().and_then(Language::of_tag))
    }
}

/// Choices that nobody has used since `before`.
pub(super) async fn forget(db: &mut SqliteConnection, before: Moment) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM languages WHERE chosen <= ?").bind(before.0).execute(db).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::fixture::{Fixture, NOW, address};
    use super::*;

    #[tokio::test]
    async fn the_last_choice_counts_and_is_forgotten_a_year_after_it_was_used() {
        let fixture = Fixture::new().await;
        let (store, recipient) = (&fixture.store, address("Pim@Example.com"));
        assert_eq!(store.language_of(&recipient).await, Ok(None));
        for language in [Language::De, Language::Fr] {
            store.choose_language(&recipient, language, NOW).await.unwrap();
        }
        let same = address("Pim@example.COM");
        assert_eq!(store.language_of(&same).await, Ok(Some(Language::Fr)));
        assert_eq!(store.language_of(&address("tom@example.com")).await, Ok(None));

        let year = NOW.plus(Duration::from_hours(365 * 24));
        store.forget(Moment(year.0 - 1), Duration::ZERO).await.unwrap();
        assert_eq!(store.language_of(&recipient).await, Ok(Some(Language::Fr)));
        store.forget(year, Duration::ZERO).await.unwrap();
        assert_eq!(store.language_of(&recipient).await, Ok(None));
    }
}
