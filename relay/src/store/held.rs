//! What was done in the world and cannot be written down yet.

use std::time::Duration;

use tracing::warn;

use super::writer::Writer;
use super::{Store, StoreError};

/// For how long the result of a unit is held when the store cannot take it: with the longest attempt (`pipeline`), less
/// than a lease. A full disk that somebody clears meanwhile makes no second notification.
const HELD_TRIES: u32 = 480;
const HELD_PAUSE: Duration = Duration::from_secs(5);

/// What was done in the world, for as long as the store cannot take it. Forgotten, it would be done again.
#[derive(Debug)]
pub(super) struct Held {
    writer: Writer,
    tries: u32,
}

impl Held {
    pub(super) fn new(store: &Store) -> Self {
        Self { writer: store.writer.clone(), tries: 0 }
    }

    /// Whether to write once more after this failure; waits before that.
    pub(super) async fn again(&mut self, failure: &StoreError) -> bool {
        let may_pass = matches!(failure, StoreError::Full(_) | StoreError::Failed(_));
        if !may_pass || self.tries == HELD_TRIES {
            return false;
        }
        if self.tries == 0 {
            warn!("what was done is held until the store can take it: {failure}");
        }
        self.tries += 1;
        tokio::select! {
            biased;
            () = self.writer.ended() => false,
            () = tokio::time::sleep(HELD_PAUSE) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[tokio::test]
    async fn only_what_may_pass_is_waited_for_and_a_store_that_has_ended_does_not_come_back() {
        let fixture = Fixture::new().await;
        let mut held = Held::new(&fixture.store);
        assert!(!held.again(&StoreError::LeaseLost).await);
        assert!(!held.again(&StoreError::Damaged).await);
        let full = StoreError::Full("the database".to_owned());
        held.tries = HELD_TRIES;
        assert!(!held.again(&full).await);
        let mut held = Held::new(&fixture.store);
        fixture.store.close().await;
        assert!(!held.again(&full).await);
    }
}
