//! Points in time, as values.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Seconds since the Unix epoch, UTC. The shell reads the clock and hands moments in.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub i64);

impl Moment {
    /// This moment, `later` further on. Sub-second parts are dropped.
    #[must_use]
    pub fn plus(self, later: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(later.as_secs()).unwrap_or(i64::MAX)))
    }

    /// The time from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_neither_overflows_nor_runs_backwards() {
        assert_eq!(Moment(5).plus(Duration::from_millis(1999)), Moment(6));
        assert_eq!(Moment(5).plus(Duration::MAX), Moment(i64::MAX));
        assert_eq!(Moment(6).since(Moment(5)), Duration::from_secs(1));
        assert_eq!(Moment(5).since(Moment(6)), Duration::ZERO);
        assert_eq!(Moment(i64::MIN).since(Moment(i64::MAX)), Duration::ZERO);
    }
}
