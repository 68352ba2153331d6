//! What must survive: a database (`SQLite`) for facts, sealed files for large bodies. One thread writes, and commits in
//! groups; readers have a pool of their own. A second process (the command line) may open the same store while the
//! relay runs.
//!
//! Acceptance, and what a crash in each of its states means:
//!
//! | sealed body | row | client got 250 | after a crash |
//! |---|---|---|---|
//! | – | – | no | the client tries again |
//! | in `tmp/` | – | no | swept after a day, unless in hand ([`Store::sweep`]) |
//! | in `bodies/`, fsynced | – | no | swept when unreferenced for a day and not in hand |
//! | in place | committed | maybe | delivered; a repeated transaction is recognised by its fingerprint ([`Store::keep`]) |
//! | in place | all final | yes | destroyed at retention: key first, then file |
//! | – | destroyed | yes | the row stays for the list, then follows in batches ([`Store::forget`]) |
//!
//! The same without a crash, when the system refuses:
//!
//! | what fails | client gets | afterwards |
//! |---|---|---|
//! | no room is left when the message is announced | 452 | nothing was written ([`Store::room_for`]) |
//! | body: no space, no inode, quota | 452 | its file is removed at once |
//! | body: write, fsync, rename, open | 451 | its file is abandoned: after a failed fsync nobody knows what it holds |
//! | row: no space | 452 | the group is rolled back and the connection replaced; a placed file is swept |
//! | row: write or fsync | 451 | likewise; if the row is there all the same, the repetition is recognised |
//!
//! Work, likewise. A claim lets nobody else at a row until its lease is over; nothing is tidied up after a dead worker:
//!
//! | claim | effect in the world | commit | after a crash |
//! |---|---|---|---|
//! | taken | – | – | claimable again at the lease's end, or at once when the relay starts |
//! | taken | done (mail sent) | – | repeated with the same Message-ID: never lost, at worst twice |
//! | taken | not done, the store failed | put off | tried again soon, not at the lease's end |
//! | taken | done | refused by a full or failing disk | held and tried again while the process lives; then as above |
//! | taken | done | refused: another claim came since | the other worker's result stands |
//! | given back | done | on disk, with the mails that follow from it | – |
//!
//! In the clear stand ids, moments, states, mail addresses and what servers answered. Everything else is sealed or a
//! keyed hash.

mod accounts;
mod audit;
mod bodies;
mod bounces;
mod contacts;
mod credentials;
mod destroy;
mod dkim;
mod error;
mod forget;
mod held;
mod inquiries;
mod intake;
mod languages;
mod mails;
mod news;
mod policy;
mod portal;
mod queue;
mod read;
mod replies;
mod room;
mod schema;
mod sts;
mod sweep;
mod texts;
mod tls_reports;
mod writer;

#[cfg(test)]
pub(crate) mod fixture;

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use self::audit::Auditor;
use self::bodies::Bodies;
use self::news::{Heard, News};
use self::room::Room;
use self::writer::Writer;
use crate::vault::Keyring;

pub use self::accounts::{Account, Change, Kind, Standing};
pub use self::audit::{Audit, AuditEntry, Head};
pub use self::bodies::{BODY_IN_ROW_MAX, BodyWriter, SealedBody};
pub use self::contacts::{Contact, Proved};
pub use self::credentials::{Counted, Credential, NewCredential, Quota, Revoked};
pub use self::dkim::{DkimKey, Signer};
pub use self::error::StoreError;
pub use self::inquiries::{NewSenderSession, SenderSession, TOKEN_CHARACTERS};
pub use self::intake::{Kept, NewSubmission};
pub use self::mails::{MailKind, MailOutcome, NewMail, QueuedMail};
pub use self::policy::Override;
pub use self::portal::{NewCode, NewSession, Post, Session, Spend, Trouble};
pub use self::queue::Progress;
pub use self::read::{Delivery, Event, Stored};
pub use self::replies::{Reply, is_open};
pub use self::texts::{NewText, QueuedText, TextCount, TextOutcome};
pub use self::tls_reports::TlsReport;

const DATABASE: &str = "zegel.db";

/// Reading is short and readers do not wait for each other; more connections would only cost memory.
const READERS_MAX: u32 = 4;

/// How long a lock held by another process is waited for: well over any of our transactions.
const BUSY_MAX: Duration = Duration::from_secs(10);

/// Cheap to clone: all clones are one store.
#[derive(Clone, Debug)]
pub struct Store {
    keyring: Arc<Keyring>,
    auditor: Auditor,
    bodies: Bodies,
    writer: Writer,
    readers: SqlitePool,
    news: Arc<News>,
    heard: Heard,
    room: Room,
}

impl Store {
    /// Opens or creates the store in `directory` (mode 0700) and brings its schema up to date.
    pub async fn open(directory: &Path, keyring: Arc<Keyring>) -> Result<Self, StoreError> {
        let bodies = Bodies::new(directory);
        let database = directory.join(DATABASE);
        for directory in [directory, bodies.placed(), bodies.arriving()] {
            private_directory(directory).map_err(StoreError::at(directory))?;
        }
        private_file(&database).map_err(StoreError::at(&database))?;

        let options = SqliteConnectOptions::new().filename(&database).busy_timeout(BUSY_MAX);
        let writing = options
            .clone()
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("secure_delete", "ON");
        let mut db = writing.connect().await?;
        schema::migrate(&mut db).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            // No server is behind them that could be gone; asking would cost as much as most of what is read.
            .test_before_acquire(false)
            .connect_lazy_with(options.pragma("query_only", "ON"));

        let news = Arc::<News>::default();
        let writer = Writer::start(db, writing, Arc::clone(&news))?;
        let auditor = Auditor { keyring: Arc::clone(&keyring), actor: "relay".into() };
        Ok(Self {
            keyring,
            auditor,
            bodies,
            writer,
            readers,
            news,
            heard: Heard::default(),
            room: Room::default(),
        })
    }

    /// Whether a store was ever opened in this directory.
    pub fn stands_in(directory: &Path) -> bool {
        directory.join(DATABASE).is_file()
    }

    /// The same store, used by somebody else: what is done through it stands in the audit log under their name.
    #[must_use]
    pub fn used_by(self, actor: &str) -> Self {
        Self { auditor: self.auditor.named(actor), ..self }
    }

    /// Waits for the writer and closes all files.
    pub async fn close(&self) {
        self.writer.stop().await;
        self.readers.close().await;
    }

    /// Resolves when nothing can be written any more: after [`Self::close`], or because the writer broke off.
    pub async fn ended(&self) {
        self.writer.ended().await;
    }

    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Resolves soon after something new may be due: a commit here, or one by another process. Every clone of the
    /// store hears of everything once, also of what happens while it does not wait.
    pub async fn changed(&self) {
        self.news.listen(&self.heard).await;
    }
}

/// Nobody else has business here, whatever the umask or an earlier hand made of it.
fn private_directory(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    if path.metadata()?.permissions().mode() & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// The database's log and shared memory get the mode that it has itself.
fn private_file(path: &Path) -> std::io::Result<()> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use zegel_core::delivery::Event;

    use super::fixture::{Fixture, LARGE, NOW, Sent};
    use super::*;

    /// Far longer than it takes, so that only a defect lets it pass.
    const PATIENCE: Duration = Duration::from_secs(20);

    async fn check(store: &Store, news: bool) {
        let patience = if news { PATIENCE } else { Duration::ZERO };
        assert_eq!(tokio::time::timeout(patience, store.changed()).await.is_ok(), news);
    }

    #[tokio::test]
    async fn every_clone_hears_once_of_what_happens_here_or_in_another_process() {
        let fixture = Fixture::new().await;
        let (one, two) = (fixture.store.clone(), fixture.store.clone());
        check(&one, false).await;
        fixture.keep(Sent::default()).await.unwrap();
        check(&one, true).await;
        check(&one, false).await;
        check(&two, true).await;

        let delivery = one.list(false, 1).await.unwrap().remove(0).id;
        fixture.another().await.apply(delivery, Event::Withdrawn, NOW).await.unwrap();
        check(&one, true).await;
    }

    #[tokio::test]
    async fn nobody_else_can_enter_the_directory_or_read_its_files() {
        let fixture = Fixture::new().await;
        fixture.keep(Sent { body: LARGE, ..Sent::default() }).await.unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        let root = fixture.path();
        for directory in [root.clone(), root.join("bodies"), root.join("tmp")] {
            assert_eq!(mode(&directory), 0o700, "{directory:?}");
        }
        let entries = ["", "bodies"].map(|name| std::fs::read_dir(root.join(name)).unwrap());
        let files: Vec<_> =
            entries.into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
        let files: Vec<_> = files.into_iter().filter(|path| path.is_file()).collect();
        assert_eq!(files.len(), 4, "database, log, shared memory, body: {files:?}");
        for file in files {
            assert_eq!(mode(&file), 0o600, "{file:?}");
        }
    }

    #[tokio::test]
    async fn what_was_kept_is_there_after_the_store_is_opened_again() {
        let fixture = Fixture::new().await;
        fixture.keep(Sent::default()).await.unwrap();
        fixture.store.close().await;
        let again = fixture.another().await;
        let delivery = again.claim(NOW, Duration::from_mins(1), 10).await.unwrap().remove(0);
        assert!(again.submission(delivery.submission).await.unwrap().is_some());
    }
}
