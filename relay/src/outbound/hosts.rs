//! What each mail server is spared and what it is trusted with: so many connections at once, whatever domains their mail is
//! for; and none for a while when it has kept several waiting, so that servers that never answer do not hold the places of
//! those that do.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Connections to one server at once: as many as deliveries to one domain.
pub(super) const CONNECTIONS_MAX: usize = 20;

/// An attempt that takes this long and comes to nothing was kept waiting. A connection that is not even taken fails after 30 s.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// So many in a row, and the server is left alone.
const WAITS_MAX: u32 = 3;

/// For how long. One attempt then finds out whether it answers again.
const ASIDE: Duration = Duration::from_mins(5);

/// Servers that are remembered for having kept us waiting; more are forgotten again when something is free.
const REMEMBERED_MAX: usize = 10_000;

/// Cheap to clone: all clones are one.
#[derive(Clone, Default)]
pub(super) struct Hosts(Arc<Mutex<HashMap<SocketAddr, Conduct>>>);

#[derive(Default)]
struct Conduct {
    connections: usize,
    waits: u32,
    aside_until: Option<Instant>,
}

/// Why there is no place.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// Others are there; it takes only a moment.
    Full,
    /// It has kept us waiting.
    Aside,
}

/// One connection's place; given back when it is dropped.
pub(super) struct Place {
    hosts: Hosts,
    address: SocketAddr,
}

impl Hosts {
    pub(super) fn place(&self, address: SocketAddr, now: Instant) -> Result<Place, NoPlace> {
        let mut all = self.all();
        if all.len() >= REMEMBERED_MAX {
            all.retain(|_, conduct| conduct.connections > 0);
        }
        let conduct = all.entry(address).or_default();
        if conduct.aside_until.is_some_and(|until| now < until) {
            return Err(NoPlace::Aside);
        }
        if conduct.connections >= CONNECTIONS_MAX {
            return Err(NoPlace::Full);
        }
        // One attempt finds out, and the others wait for what it finds.
        if let Some(until) = &mut conduct.aside_until {
            *until = now + ASIDE;
        }
        conduct.connections += 1;
        drop(all);
        Ok(Place { hosts: self.clone(), address })
    }

    fn all(&self) -> MutexGuard<'_, HashMap<SocketAddr, Conduct>> {
        // Nothing that is done under the lock can leave it half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The server kept us waiting for nothing, or it did not.
    pub(super) fn waited(&self, in_vain: bool, now: Instant) {
        if let Some(conduct) = self.hosts.all().get_mut(&self.address) {
            conduct.waits = if in_vain { conduct.waits + 1 } else { 0 };
            conduct.aside_until = (conduct.waits >= WAITS_MAX).then_some(now + ASIDE);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.hosts.all();
        let Some(conduct) = all.get_mut(&self.address) else { return };
        conduct.connections -= 1;
        if conduct.connections == 0 && conduct.waits == 0 {
            all.remove(&self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);
    const OTHER: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 2);

    #[test]
    fn a_server_has_so_many_places_and_gets_them_back() {
        let (hosts, now) = (Hosts::default(), Instant::now());
        let mut places: Vec<_> =
            (0..CONNECTIONS_MAX).map(|_| hosts.place(ONE, now).ok().unwrap()).collect();
        assert_eq!(hosts.place(ONE, now).err(), Some(NoPlace::Full));
        assert!(hosts.place(OTHER, now).is_ok());
        places.pop();
        assert!(hosts.place(ONE, now).is_ok());
        drop(places);
        assert!(hosts.all().is_empty());
    }

    #[test]
    fn a_server_that_keeps_waiting_is_left_alone_until_one_finds_that_it_answers() {
        let (hosts, now) = (Hosts::default(), Instant::now());
        for _ in 0..WAITS_MAX {
            hosts.place(ONE, now).ok().unwrap().waited(true, now);
        }
        let later = now + ASIDE;
        assert_eq!(hosts.place(ONE, now).err(), Some(NoPlace::Aside));
        assert!(hosts.place(OTHER, now).is_ok());
        let first = hosts.place(ONE, later).ok().unwrap();
        assert_eq!(hosts.place(ONE, later).err(), Some(NoPlace::Aside));
        first.waited(false, later);
        assert!(hosts.place(ONE, later).is_ok());
    }

    #[test]
    fn what_answers_in_between_begins_the_count_anew() {
        let (hosts, now) = (Hosts::default(), Instant::now());
        for in_vain in [true, true, false, true, true] {
            hosts.place(ONE, now).ok().unwrap().waited(in_vain, now);
        }
        assert!(hosts.place(ONE, now).is_ok());
    }
}
