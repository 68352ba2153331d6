//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// Everything here takes well under a second on an idle machine; a loaded one with two cores is what this is for.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Short beside everything that is waited for.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks until `look` finds something, and gives it back.
///
/// # Panics
///
/// After [`PATIENCE`], naming what did not happen.
pub async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited {} s in vain for {what}", PATIENCE.as_secs());
        tokio::time::sleep(PAUSE).await;
    }
}
