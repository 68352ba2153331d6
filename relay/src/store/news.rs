//! Wakes those who wait for something new to do.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Counts what happened, so that nobody misses what happens between looking and waiting.
#[derive(Debug, Default)]
pub(super) struct News {
    count: AtomicU64,
    woken: Notify,
}

/// How far one listener has heard. A clone hears for itself from there on.
#[derive(Debug, Default)]
pub(super) struct Heard(AtomicU64);

impl News {
    pub(super) fn tell(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.woken.notify_waiters();
    }

    /// Resolves when something was told that this listener has not heard.
    pub(super) async fn listen(&self, heard: &Heard) {
        loop {
            // Made before the count is read: what is told after that wakes it.
            let woken = self.woken.notified();
            let count = self.count.load(Ordering::SeqCst);
            if heard.0.swap(count, Ordering::SeqCst) != count {
                return;
            }
            woken.await;
        }
    }
}

impl Clone for Heard {
    fn clone(&self) -> Self {
        Self(AtomicU64::new(self.0.load(Ordering::SeqCst)))
    }
}
