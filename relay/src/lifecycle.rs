//! Life and death of the process: units of work are never interrupted, waits are. The only file that reads the clock.

use std::future::Future;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use zegel_core::moment::Moment;

/// Handed to everything that runs for long.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    token: CancellationToken,
    tracker: TaskTracker,
}

impl Lifecycle {
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task that shutdown waits for.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tracker.spawn(task);
    }

    /// Resolves when the process is to stop: accept and claim nothing more.
    pub async fn stopping(&self) {
        self.token.cancelled().await;
    }

    pub fn is_stopping(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Asks everything to stop.
    pub fn stop(&self) {
        self.token.cancel();
    }

    /// Waits for the tasks in hand.
    pub async fn finished(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    pub fn tasks(&self) -> usize {
        self.tracker.len()
    }
}

/// Now. A clock before 1970 counts as 1970.
pub fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Moment(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
