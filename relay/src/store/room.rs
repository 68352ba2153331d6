//! Whether the disk has room: told before a message comes, while saying no costs nobody anything.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::statvfs::{Statvfs, statvfs};

use super::bodies::blocking;
use super::{Store, StoreError};

/// Files that may still be made: as many as clients that are served at once by default.
const FILES_MIN: u64 = 100;

/// What a sealed body has more than the plain one, at most: a tag for each chunk, and the row.
const SEALED_MORE: u64 = 64 * 1024;

/// How long it counts that a file system has room: of many messages that come at once, few need to ask. What comes in meanwhile
/// is less than the reserve, and what finds no room after all is told so when it is written.
const KNOWN_FOR: Duration = Duration::from_millis(5);

/// What a file system has left for us. `None` where it does not count them.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
struct Left {
    octets: u64,
    files: Option<u64>,
}

/// What was left when it was last asked. All clones of a store have it together.
#[derive(Clone, Debug, Default)]
pub(super) struct Room(Arc<Mutex<Option<(Left, Instant)>>>);

impl Store {
    /// Whether a body of so many octets has room, with `reserve` left over for the database: deliveries go on when
    /// nothing more can be taken in. [`StoreError::Full`] when it has none; another error when that cannot be told.
    pub async fn room_for(&self, octets: u64, reserve: u64) -> Result<(), StoreError> {
        let directory = self.bodies.arriving();
        if self.room.known().is_some_and(|known| known.has_room(octets, reserve)) {
            return Ok(());
        }
        let asked = directory.to_owned();
        let found = blocking(directory, move || left(&asked)).await?;
        if found.has_room(octets, reserve) {
            self.room.remember(found);
            return Ok(());
        }
        Err(StoreError::Full(directory.display().to_string()))
    }
}

impl Room {
    fn known(&self) -> Option<Left> {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.filter(|(_, asked)| asked.elapsed() < KNOWN_FOR).map(|(left, _)| left)
    }

    fn remember(&self, left: Left) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((left, Instant::now()));
    }
}

fn left(directory: &Path) -> io::Result<Left> {
    statvfs(directory).map(|found| Left::of(&found)).map_err(io::Error::from)
}

impl Left {
    fn of(found: &Statvfs) -> Self {
        // Some file systems have no table of files that could be full, and say 0 of 0.
        let files = (found.files() > 0).then(|| found.files_available());
        let octets = found.blocks_available().saturating_mul(found.fragment_size());
        Self { octets, files }
    }

    fn has_room(self, octets: u64, reserve: u64) -> bool {
        let wanted = octets.saturating_add(octets / 64).saturating_add(SEALED_MORE);
        self.octets >= wanted.saturating_add(reserve)
            && self.files.is_none_or(|files| files >= FILES_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[track_caller]
    fn check(left: (u64, Option<u64>), octets: u64, expected: bool) {
        const RESERVE: u64 = 1_000_000;
        let (octets_left, files) = left;
        let left = Left { octets: octets_left, files };
        assert_eq!(left.has_room(octets, RESERVE), expected, "{octets} octets, {left:?}");
    }

    #[test]
    fn a_message_may_come_when_it_leaves_the_reserve_and_some_files() {
        check((2_000_000, None), 0, true);
        check((2_000_000, Some(FILES_MIN)), 900_000, true);
        check((2_000_000, Some(FILES_MIN)), 950_000, false);
        check((2_000_000, Some(FILES_MIN - 1)), 0, false);
        check((1_000_000, None), 0, false);
        check((u64::MAX - 1, None), u64::MAX, false);
    }

    #[tokio::test]
    async fn a_full_disk_and_one_that_cannot_be_asked_are_told_apart() {
        let fixture = Fixture::new().await;
        assert_eq!(fixture.store.room_for(1000, 0).await, Ok(()));
        let full = fixture.store.room_for(0, u64::MAX).await;
        assert!(matches!(full, Err(StoreError::Full(_))), "{full:?}");
        std::fs::remove_dir_all(fixture.path()).unwrap();
        // What was known until now counts a little longer.
        while fixture.store.room.known().is_some() {
            tokio::task::yield_now().await;
        }
        let unknown = fixture.store.room_for(0, 0).await;
        assert!(matches!(unknown, Err(StoreError::Failed(_))), "{unknown:?}");
    }
}
