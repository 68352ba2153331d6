//! Takes away what crashes left and what time has made useless.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use sqlx::sqlite::SqliteConnection;
use zegel_core::moment::Moment;

use super::bodies::blocking;
use super::contacts::UNOPENED_KEPT;
use super::writer::After;
use super::{Store, StoreError};

/// Files younger than this may belong to a transaction that is still on its way to its row.
const LEFT_BEHIND: Duration = Duration::from_hours(24);

/// How long a link leads to a page that says what became of the message.
const LINK_KEPT: Duration = Duration::from_hours(30 * 24);

/// Well over the longest life of a session, and over the time for which an expired code is told from a wrong one.
const PORTAL_KEPT: Duration = Duration::from_hours(7 * 24);

/// What goes, and how long after its moment.
const ROWS: [(&str, Duration); 10] = [
    ("DELETE FROM links WHERE expires <= ?", LINK_KEPT),
    ("DELETE FROM challenges WHERE expires <= ?", PORTAL_KEPT),
    ("DELETE FROM sessions WHERE last_seen <= ?", PORTAL_KEPT),
    ("DELETE FROM inquiry_challenges WHERE expires <= ?", PORTAL_KEPT),
    ("DELETE FROM inquiry_sessions WHERE last_seen <= ?", PORTAL_KEPT),
    ("DELETE FROM uses WHERE until <= ?", Duration::ZERO),
    ("DELETE FROM contacts WHERE giver <> x'' AND since <= ?", UNOPENED_KEPT),
    ("DELETE FROM mails WHERE due IS NULL AND created <= ?", LEFT_BEHIND),
    ("DELETE FROM texts WHERE due IS NULL AND created <= ?", LEFT_BEHIND),
    (
        "UPDATE submissions SET fingerprint = NULL WHERE fingerprint IS NOT NULL AND accepted <= ?",
        PORTAL_KEPT,
    ),
];

impl Store {
    /// Sweeps what no row refers to and is older than a day (crash table of acceptance), and rows that are over.
    /// Returns how many files and rows it were.
    pub async fn sweep(&self, now: Moment) -> Result<usize, StoreError> {
        let rows = async move |db: &mut SqliteConnection| rows(db, now).await;
        let rows = self.writer.run("sweeping", After::Nothing, rows).await?;
        let arriving = left_behind(self.bodies.arriving(), now).await?;
        let placed = left_behind(self.bodies.placed(), now).await?;
        // In this order: a body that was listed and is not in hand any more has its row by now, if it ever gets one.
        let in_hand = self.bodies.in_hand();
        let alive = self.alive().await?;
        let placed = placed.into_iter().filter(|path| !is_among(path, &alive));
        let dead = arriving.into_iter().chain(placed).filter(|path| !is_among(path, &in_hand));
        let files = remove(self.bodies.placed(), dead.collect()).await?;
        Ok(rows + files)
    }

    /// The submissions whose bodies are files.
    async fn alive(&self) -> Result<HashSet<String>, StoreError> {
        let ids = sqlx::query_scalar(
            "SELECT id FROM submissions WHERE wrapped_key IS NOT NULL AND body IS NULL",
        )
        .fetch_all(&self.readers)
        .await?;
        Ok(ids.into_iter().collect())
    }
}

async fn rows(db: &mut SqliteConnection, now: Moment) -> Result<usize, StoreError> {
    let mut swept = 0;
    for (statement, kept) in ROWS {
        let before = now.0.saturating_sub_unsigned(kept.as_secs());
        swept += sqlx::query(statement).bind(before).execute(&mut *db).await?.rows_affected();
    }
    Ok(usize::try_from(swept).unwrap_or(usize::MAX))
}

/// The files of a directory that were last written more than a day ago.
async fn left_behind(directory: &Path, now: Moment) -> Result<Vec<PathBuf>, StoreError> {
    let listed = directory.to_owned();
    blocking(directory, move || {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(listed)? {
            let path = entry?.path();
            let old = |written| Moment(0).plus(written).plus(LEFT_BEHIND) <= now;
            if last_written(&path)?.is_some_and(old) {
                found.push(path);
            }
        }
        Ok(found)
    })
    .await
}

/// When a file was last written, since 1970; `None` when it has just been moved to its place, or given up.
fn last_written(path: &Path) -> io::Result<Option<Duration>> {
    match path.symlink_metadata() {
        Ok(file) => Ok(Some(file.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_among(path: &Path, names: &HashSet<String>) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| names.contains(name))
}

/// Removes files; one that is gone already was given up by whoever wrote it.
async fn remove(directory: &Path, files: Vec<PathBuf>) -> Result<usize, StoreError> {
    blocking(directory, move || {
        let gone = |error: io::Error| {
            if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
        };
        files.iter().try_for_each(|file| std::fs::remove_file(file).or_else(gone))?;
        Ok(files.len())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, LARGE, NOW, Sent};
    use super::*;
    use crate::id::SubmissionId;
    use crate::lifecycle;
    use crate::vault::MessageKey;

    async fn check(fixture: &Fixture, later: Duration, swept: usize) {
        let now = lifecycle::now().plus(later);
        assert_eq!(fixture.store.sweep(now).await, Ok(swept), "after {later:?}");
    }

    #[tokio::test]
    async fn what_a_crash_left_is_swept_after_a_day_and_nothing_else() {
        let fixture = Fixture::new().await;
        for directory in ["tmp", "bodies"] {
            let lost = SubmissionId::generate().to_string();
            std::fs::write(fixture.path().join(directory).join(lost), LARGE).unwrap();
        }
        fixture.keep(Sent { body: LARGE, fingerprint: None, ..Sent::default() }).await.unwrap();

        let delivery = fixture.store.list(false, 10).await.unwrap().remove(0);
        check(&fixture, Duration::ZERO, 0).await;
        check(&fixture, LEFT_BEHIND + Duration::from_secs(1), 2).await;
        assert_eq!(fixture.files("tmp").len(), 0);
        assert_eq!(fixture.files("bodies"), [delivery.submission.to_string()]);
        assert_eq!(fixture.body(&delivery).await, LARGE);
    }

    #[tokio::test]
    async fn a_body_in_hand_is_left_alone_however_old_a_clock_that_jumped_makes_it() {
        let fixture = Fixture::new().await;
        let (id, key) = (SubmissionId::generate(), MessageKey::generate());
        let mut body = fixture.store.body_writer(id, &key);
        body.write(LARGE).await.unwrap();
        let body = body.finish().await.unwrap();
        check(&fixture, 2 * LEFT_BEHIND, 0).await;
        assert_eq!(fixture.files("tmp"), [id.to_string()]);
        let (_, in_hand) = fixture.store.bodies.place(id, body).await.unwrap();
        check(&fixture, 2 * LEFT_BEHIND, 0).await;
        assert_eq!(fixture.files("bodies"), [id.to_string()]);
        drop(in_hand);
        check(&fixture, 2 * LEFT_BEHIND, 1).await;
    }

    #[tokio::test]
    async fn a_body_that_is_given_up_leaves_nothing() {
        let fixture = Fixture::new().await;
        let mut body = fixture.store.body_writer(SubmissionId::generate(), &MessageKey::generate());
        body.write(LARGE).await.unwrap();
        let arriving = fixture.path().join("tmp").join(fixture.files("tmp").remove(0));
        assert!(last_written(&arriving).unwrap().is_some());
        drop(body.finish().await.unwrap());
        assert_eq!(fixture.files("tmp").len(), 0);
        assert_eq!(last_written(&arriving).unwrap(), None);
        assert!(fixture.store.claim(NOW, LEFT_BEHIND, 10).await.unwrap().is_empty());
    }
}
