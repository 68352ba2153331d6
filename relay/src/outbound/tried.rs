//! What becomes of an attempt when no host took the mail.

use zegel_core::address::Domain;
use zegel_core::transport::{Certificate, Floor, Miss, Seen};

use super::Outcome;
use super::mx::Host;

/// What the hosts said while none took the mail; of each kind the first, as the hosts are tried best first.
#[derive(Debug, Default)]
pub(super) struct Tally {
    later: Option<(String, Option<Seen>)>,
    unreachable: Option<String>,
    /// The one that came nearest to the floor.
    missed: Option<(Miss, Seen)>,
}

impl Tally {
    /// A host whose address could not be found out may be one that meets the floor.
    pub(super) fn of(hosts: &[Host]) -> Self {
        let mut tally = Self::default();
        for why in hosts.iter().filter_map(|host| host.addresses.as_ref().err()) {
            tally.later(why.clone(), None);
        }
        tally
    }

    pub(super) fn later(&mut self, why: String, seen: Option<Seen>) {
        self.later.get_or_insert((why, seen));
    }

    pub(super) fn unreachable(&mut self, why: String) {
        self.unreachable.get_or_insert(why);
    }

    pub(super) fn missed(&mut self, miss: Miss, seen: Seen) {
        if self.missed.as_ref().is_none_or(|(_, best)| strength(best) < strength(&seen)) {
            self.missed = Some((miss, seen));
        }
    }

    /// A host that spoke to us and asked for another time goes before a miss: it may meet the floor then. One that does
    /// not even answer does not, or a domain with a dead backup host would wait for nothing.
    pub(super) fn outcome(self, domain: &Domain, floor: Option<Floor>) -> Outcome {
        if let Some((why, seen)) = self.later {
            return Outcome::Deferred { why, seen };
        }
        if let (Some((miss, seen)), Some(floor)) = (self.missed, floor) {
            return Outcome::FloorMissed { floor, miss, seen };
        }
        let why = self
            .unreachable
            .unwrap_or_else(|| format!("no mail server of {domain} has a usable address"));
        Outcome::Deferred { why, seen: None }
    }
}

/// Whether a policy may be why a mail was not sent.
pub(super) fn short_of_policy(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Deferred { .. } | Outcome::FloorMissed { .. } => true,
        Outcome::Accepted(_)
        | Outcome::Busy
        | Outcome::Refused { .. }
        | Outcome::NoRoute { .. } => false,
    }
}

/// How much a connection proves, for choosing what to keep as evidence.
fn strength(seen: &Seen) -> u8 {
    match (&seen.tls, seen.certificate) {
        (None, _) => 0,
        (Some(_), Certificate::DaneValid) => 3,
        (Some(_), Certificate::Valid) => 2,
        (Some(_), _) => 1,
    }
}
