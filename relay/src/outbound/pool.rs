//! Connections that have carried a mail and may carry the next one to the same server. What a connection has proved it has
//! proved under certain terms: only a mail to a host of the very same terms takes it up, and whether what it has shown meets
//! that mail's floor is asked again ([`super::client::Proven`]).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use zegel_core::address::Domain;
use zegel_core::dane::Demand;
use zegel_core::mta_sts::Policy;
use zegel_core::transport::Authentic;

use super::client::{Parked, Peer};
use super::way::Terms;

/// How long a connection waits for its next mail, as in Postfix: servers have better use for their places.
const IDLE_MAX: Duration = Duration::from_secs(2);

/// How long it is used. What it has shown was true when it was opened: certificates run out and records change.
const AGE_MAX: Duration = Duration::from_mins(5);

/// Mails on one connection: many servers allow a hundred.
pub(super) const MAILS_MAX: u32 = 100;

/// Connections that wait at once, of all servers: what the pipeline has in hand at most, by default.
const PARKED_MAX: usize = 50;

/// How often idle ones are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// For whom a connection may be taken up again: whatever of it changes, the connection is another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    name: Domain,
    authentic: Option<Authentic>,
    demand: Demand,
    policy: Option<Arc<Policy>>,
    terms: Option<Arc<Terms>>,
    /// Opened so that nothing is said without TLS.
    encrypted: bool,
}

struct Waiting {
    key: Key,
    since: Instant,
    connection: Parked,
}

#[derive(Default)]
struct Parking {
    places: HashMap<SocketAddr, Vec<Waiting>>,
    count: usize,
    /// Somebody looks for idle ones.
    watched: bool,
}

/// Cheap to clone: all clones are one pool.
#[derive(Clone, Default)]
pub(super) struct Pool(Arc<Mutex<Parking>>);

impl Key {
    fn of(peer: &Peer<'_>, encrypted: bool) -> Self {
        let host = peer.host;
        Self {
            name: host.name.clone(),
            authentic: host.authentic,
            demand: host.demand.clone(),
            policy: host.policy.clone(),
            terms: host.terms.clone(),
            encrypted,
        }
    }
}

impl Pool {
    /// The connection to this peer that was used last: the likeliest to be still open.
    pub(super) fn take(&self, peer: &Peer<'_>, encrypted: bool) -> Option<Parked> {
        let key = Key::of(peer, encrypted);
        let mut parking = self.parking();
        let waiting = parking.places.get_mut(&peer.address)?;
        let fits = |waiting: &Waiting| waiting.key == key && waiting.since.elapsed() < IDLE_MAX;
        let found = waiting.iter().rposition(fits)?;
        let found = waiting.remove(found);
        parking.count -= 1;
        Some(found.connection)
    }

    /// Keeps a connection for a while; takes leave of one that has served long enough, or has no place here.
    pub(super) fn put(&self, peer: &Peer<'_>, encrypted: bool, connection: Parked) {
        let over = connection.mails() >= MAILS_MAX || connection.age() >= AGE_MAX;
        let mut parking = self.parking();
        if over || parking.count >= PARKED_MAX {
            tokio::spawn(connection.leave());
            return;
        }
        let waiting = Waiting { key: Key::of(peer, encrypted), since: Instant::now(), connection };
        parking.places.entry(peer.address).or_default().push(waiting);
        parking.count += 1;
        if !parking.watched {
            parking.watched = true;
            tokio::spawn(self.clone().watch());
        }
    }

    /// Takes leave of connections that nobody has taken up again, until none is left.
    async fn watch(self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let (idle, empty) = self.parking().idle();
            for connection in idle {
                tokio::spawn(connection.leave());
            }
            if empty {
                return;
            }
        }
    }

    fn parking(&self) -> MutexGuard<'_, Parking> {
        // Nothing that is done under the lock can leave it half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parking {
    /// Those whose time is over; and whether there are no others.
    fn idle(&mut self) -> (Vec<Parked>, bool) {
        let mut idle = Vec::new();
        for waiting in self.places.values_mut() {
            let over = |one: &mut Waiting| one.since.elapsed() >= IDLE_MAX;
            idle.extend(waiting.extract_if(.., over).map(|one| one.connection));
        }
        self.places.retain(|_, waiting| !waiting.is_empty());
        self.count = self.places.values().map(Vec::len).sum();
        self.watched = self.count > 0;
        (idle, !self.watched)
    }
}
