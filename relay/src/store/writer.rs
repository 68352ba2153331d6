//! The one thread that writes. It takes all jobs that wait, runs them in one transaction and commits once, so that many
//! messages become durable with one fsync; each job stands behind a savepoint of its own, so that one that fails takes
//! nothing along. Whoever asked gets the answer only after the commit.
//!
//! It is a thread of its own, with a runtime of its own, so that a job can be any async closure: one that could move
//! between threads would have to be boxed by hand wherever something is written.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Row};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::StoreError;
use super::news::News;

/// Jobs of one transaction: enough that the fsync does not count, few enough that nobody waits long for the commit.
const GROUP_MAX: usize = 128;

/// Jobs that wait. Each may hold a body of 64 KiB; beyond this, whoever asks waits.
const WAITING_MAX: usize = 256;

/// How soon commits of other processes (the command line) are noticed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a job leads to once it is committed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum After {
    Nothing,
    /// Something new may be due.
    News,
    /// As `News`; and what was destroyed must not linger in the write-ahead log.
    Scrub,
}

#[derive(Clone, Debug)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
    stop: CancellationToken,
    stopped: CancellationToken,
}

impl Writer {
    pub(super) fn start(
        db: SqliteConnection,
        options: SqliteConnectOptions,
        news: Arc<News>,
    ) -> Result<Self, StoreError> {
        let (sender, jobs) = mpsc::channel(WAITING_MAX);
        let (stop, stopped) = (CancellationToken::new(), CancellationToken::new());
        // A crash may have come between a destruction and its scrub.
        let writing = Writing { db: Some(db), options, news, scrub: true, data_version: None };
        let (asked, done) = (stop.clone(), stopped.clone().drop_guard());
        let failed =
            |error: std::io::Error| StoreError::failed(format!("cannot start the writer: {error}"));
        let runtime = Builder::new_current_thread().enable_time().build().map_err(failed)?;
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        thread
            .spawn(move || {
                runtime.block_on(writing.run(jobs, asked));
                drop(done);
            })
            .map_err(failed)?;
        Ok(Self { jobs: sender, stop, stopped })
    }

    /// Runs `work` inside a transaction and returns when it is committed. `what` is said in errors.
    pub(super) async fn run<T, F>(
        &self,
        what: &'static str,
        after: After,
        work: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: AsyncFnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Order { what, after, work: Some(work), result: None, reply };
        let stopped = || StoreError::failed(format!("{what}: the store is closed"));
        self.jobs.send(Box::new(job)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// Takes no more jobs, finishes those that wait, and returns when the database is closed.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        self.ended().await;
    }

    /// Resolves when the thread has ended, asked to or not: nothing can be written any more.
    pub(super) async fn ended(&self) {
        self.stopped.cancelled().await;
    }
}

/// A job whatever its result: the queue holds all kinds.
trait Job: Send {
    /// Whether it succeeded.
    fn run<'c>(
        &'c mut self,
        db: &'c mut SqliteConnection,
    ) -> Pin<Box<dyn Future<Output = bool> + 'c>>;

    fn after(&self) -> After;

    /// Tells whoever asked, now that the fate of the transaction is known.
    fn answer(self: Box<Self>, group: Result<(), StoreError>);
}

struct Order<T, F> {
    what: &'static str,
    after: After,
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Order<T, F>
where
    T: Send,
    F: AsyncFnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send,
{
    fn run<'c>(
        &'c mut self,
        db: &'c mut SqliteConnection,
    ) -> Pin<Box<dyn Future<Output = bool> + 'c>> {
        Box::pin(async move {
            let Some(work) = self.work.take() else { return false };
            let result = work(db).await;
            self.result.insert(result).is_ok()
        })
    }

    fn after(&self) -> After {
        match self.result {
            Some(Ok(_)) => self.after,
            Some(Err(_)) | None => After::Nothing,
        }
    }

    fn answer(self: Box<Self>, group: Result<(), StoreError>) {
        let result = match (self.result, group) {
            (Some(Err(error)), _) | (_, Err(error)) => Err(error.during(self.what)),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(StoreError::failed(self.what)),
        };
        // Whoever asked may have gone; the work is committed all the same.
        let _ = self.reply.send(result);
    }
}

/// What the thread has.
struct Writing {
    /// `None` after a failure: whatever state that connection is in, the next group gets a new one.
    db: Option<SqliteConnection>,
    options: SqliteConnectOptions,
    news: Arc<News>,
    scrub: bool,
    data_version: Option<i64>,
}

impl Writing {
    async fn run(mut self, mut jobs: mpsc::Receiver<Box<dyn Job>>, stop: CancellationToken) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut closing = false;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled(), if !closing => {
                    closing = true;
                    jobs.close();
                }
                taken = jobs.recv_many(&mut group, GROUP_MAX) => {
                    if taken == 0 {
                        break;
                    }
                    self.commit(&mut group).await;
                }
                _ = look.tick() => self.look().await,
            }
        }
        self.scrub().await;
        if let Some(db) = self.db.take() {
            let _ = db.close().await;
        }
    }

    /// Runs a group of jobs as one transaction and answers all of them.
    async fn commit(&mut self, group: &mut Vec<Box<dyn Job>>) {
        let committed = self.transaction(group).await;
        if let Err(error) = &committed {
            error!(%error, "the store could not commit: {error}");
            self.db = None;
            self.data_version = None;
        } else {
            self.scrub |= group.iter().any(|job| job.after() == After::Scrub);
            self.scrub().await;
            if group.iter().any(|job| job.after() != After::Nothing) {
                self.news.tell();
            }
        }
        for job in group.drain(..) {
            job.answer(committed.clone());
        }
    }

    /// Each statement is a way to the database's thread and back, so those between two jobs go together.
    async fn transaction(&mut self, group: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        let db = self.connection().await?;
        run(db, "BEGIN IMMEDIATE; SAVEPOINT job").await?;
        let last = group.len().saturating_sub(1);
        for (at, job) in group.iter_mut().enumerate() {
            let then = match (job.run(db).await, at == last) {
                (true, false) => "RELEASE job; SAVEPOINT job",
                (true, true) => "COMMIT",
                (false, false) => "ROLLBACK TO job",
                (false, true) => "ROLLBACK TO job; COMMIT",
            };
            // A full disk can make SQLite roll back everything; then this fails, and with it the whole group.
            run(db, then).await?;
        }
        Ok(())
    }

    async fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        let db = match self.db.take() {
            Some(db) => db,
            None => self.options.connect().await?,
        };
        Ok(self.db.insert(db))
    }

    /// Empties the write-ahead log, where the pages as they were before a destruction still stand. A reader in the
    /// middle of something can prevent it; then it is done with the next group or look.
    async fn scrub(&mut self) {
        if !self.scrub {
            return;
        }
        let Ok(db) = self.connection().await else { return };
        let checkpoint = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(db).await;
        self.scrub =
            !checkpoint.is_ok_and(|row| row.try_get::<i64, _>(0).is_ok_and(|busy| busy == 0));
    }

    /// Notices commits of other processes: `data_version` changes by those alone.
    async fn look(&mut self) {
        self.scrub().await;
        let Ok(db) = self.connection().await else { return };
        let Ok(version) = sqlx::query_scalar("PRAGMA data_version").fetch_one(db).await else {
            return;
        };
        if self.data_version.replace(version).is_some_and(|before| before != version) {
            self.news.tell();
        }
    }
}

async fn run(db: &mut SqliteConnection, statements: &'static str) -> Result<(), StoreError> {
    sqlx::raw_sql(statements).execute(db).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Kept;
    use super::super::fixture::{Fixture, Sent, address};
    use super::*;

    /// Far longer than it takes, so that only a defect lets it pass.
    const PATIENCE: Duration = Duration::from_secs(20);

    async fn add(fixture: &Fixture, name: &str, fails: bool) -> Result<(), StoreError> {
        let name = name.to_owned();
        let add = async move |db: &mut SqliteConnection| {
            sqlx::query("INSERT INTO domains (domain, created) VALUES (?, 0)")
                .bind(name)
                .execute(db)
                .await?;
            if fails { Err(StoreError::Damaged) } else { Ok(()) }
        };
        fixture.store.writer.run("testing", After::Nothing, add).await
    }

    async fn check(fixture: &Fixture, expected: &[&str]) {
        let names: Vec<String> = sqlx::query_scalar("SELECT domain FROM domains ORDER BY domain")
            .fetch_all(&fixture.store.readers)
            .await
            .unwrap();
        assert_eq!(names, expected);
    }

    #[tokio::test]
    async fn a_job_that_fails_takes_nothing_along() {
        let fixture = Fixture::new().await;
        let (a, b, c, d) = tokio::join!(
            add(&fixture, "a", false),
            add(&fixture, "b", true),
            add(&fixture, "a", false),
            add(&fixture, "c", false),
        );
        assert_eq!((a, b, d), (Ok(()), Err(StoreError::Damaged), Ok(())));
        assert!(c.unwrap_err().to_string().starts_with("the store failed: testing: "));
        check(&fixture, &["a", "c"]).await;
    }

    #[tokio::test]
    async fn what_sixty_four_producers_are_told_is_kept_others_can_read_at_once() {
        let fixture = Fixture::new().await;
        let other = fixture.another().await;
        let produce = async |number: usize| {
            let name = format!("r{number}@x.nl");
            fixture
                .keep(Sent { to: &[&name], fingerprint: None, ..Sent::default() })
                .await
                .unwrap();
            let kept = other.list(true, 100).await.unwrap();
            assert!(kept.iter().any(|one| one.recipient.address == address(&name)), "{name}");
        };
        futures_util::future::join_all((0..64).map(produce)).await;
        assert_eq!(other.list(true, 100).await.unwrap().len(), 64);
    }

    #[tokio::test]
    async fn a_full_disk_is_told_as_such_and_keeps_nothing_by_halves() {
        let fixture = Fixture::new().await;
        let limit = async |db: &mut SqliteConnection| {
            sqlx::query("PRAGMA max_page_count = 80").fetch_one(db).await?;
            Ok(())
        };
        fixture.store.writer.run("testing", After::Nothing, limit).await.unwrap();
        let body = vec![b'x'; 60_000];
        let mut kept = 0;
        let error = loop {
            match fixture.keep(Sent { body: &body, fingerprint: None, ..Sent::default() }).await {
                Ok(_) => kept += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error, StoreError::Full("the database".to_owned()));
        assert_eq!(fixture.store.list(true, 100).await.unwrap().len(), kept);
        assert_eq!(
            fixture.keep(Sent::default()).await,
            Ok(Kept::New),
            "there is room for a small one"
        );
    }

    #[tokio::test]
    async fn a_writer_that_breaks_off_says_so_and_refuses_what_comes_after() {
        let fixture = Fixture::new().await;
        let (writer, fault) = (&fixture.store.writer, "a fault in the program");
        let broken = writer.run("breaking", After::Nothing, async move |_| panic!("{fault}"));
        let broken: Result<(), StoreError> = broken.await;
        assert!(matches!(broken, Err(StoreError::Failed(_))), "{broken:?}");
        tokio::time::timeout(PATIENCE, fixture.store.ended()).await.expect("it has ended");
        assert!(fixture.keep(Sent::default()).await.is_err());
    }

    #[tokio::test]
    async fn closing_finishes_what_waits_and_refuses_what_comes_after() {
        let fixture = Fixture::new().await;
        let (added, ()) = tokio::join!(add(&fixture, "a.nl", false), fixture.store.close());
        assert_eq!(added, Ok(()));
        let refused = Err(StoreError::failed("testing: the store is closed"));
        assert_eq!(add(&fixture, "b.nl", false).await, refused);
        assert_eq!(fixture.another().await.domains().await.unwrap().len(), 1);
    }
}
