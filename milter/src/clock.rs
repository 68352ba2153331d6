//! The only file that reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

use zegel_core::moment::Moment;

/// Now. A clock before 1970 counts as 1970.
pub(crate) fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Moment(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
