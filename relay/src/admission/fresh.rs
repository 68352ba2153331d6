//! What the store has just said yes to. A client that hands in one message after the other is asked about for each of them,
//! by the same login and author; the store is asked once in a while.

use std::time::Duration;

use moka::sync::Cache;

/// How long a yes counts: less than it takes an administrator's command to end, so that who has been told that a credential is
/// revoked or an account suspended can rely on it. A no is never remembered.
const FRESH: Duration = Duration::from_millis(5);

/// Each is worth two small look-ups; more than this do not come in so short a time.
const KEPT_MAX: u64 = 1000;

#[derive(Clone, Debug)]
pub(super) struct Fresh(Cache<String, ()>);

impl Fresh {
    pub(super) fn new() -> Self {
        Self(Cache::builder().max_capacity(KEPT_MAX).time_to_live(FRESH).build())
    }

    pub(super) fn knows(&self, what: &str) -> bool {
        self.0.contains_key(what)
    }

    pub(super) fn keep(&self, what: &str) {
        self.0.insert(what.to_owned(), ());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yes_counts_for_a_moment() {
        let fresh = Fresh::new();
        assert!(!fresh.knows("app"));
        fresh.keep("app");
        assert!(!fresh.knows("another"));
        while fresh.knows("app") {
            std::thread::yield_now();
        }
    }
}
