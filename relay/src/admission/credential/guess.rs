//! Guessing: how often somebody may be wrong, and how long they wait for the answer.
//!
//! A password has 130 bits; nobody finds one. The limits keep the processor, the disk and the log free of those who try,
//! and stand in front of whatever password should ever be weaker. Only wrong ones count, refused ones do not: who stops
//! guessing may go on as soon as the first of them are old enough. A right one clears nothing: one application that is
//! set up well must not buy new chances for what else comes from its network.
//!
//! Counts stand in the store, where a restart does not clear them, and there is nothing to push out of a memory: what
//! they can grow to is bounded by [`EVERYBODY`].

use std::net::IpAddr;
use std::time::Duration;

use crate::store::Quota;
use crate::vault::{Keyring, Purpose};

/// Wrong ones, and in how much time.
type Limit = (u32, Duration);

/// For one login from one network: a person sets up an application and mistypes; an application that goes on after that
/// was set up wrongly.
const LOGIN_FROM_NETWORK: Limit = (10, Duration::from_hours(1));
/// From one network: a few such applications behind one address.
const NETWORK: Limit = (50, Duration::from_hours(1));
/// From a wider network, which one customer of a provider may have: five such networks.
const NEIGHBOURHOOD: Limit = (250, Duration::from_hours(1));
/// For one login, whether there is one or not, from everywhere.
const LOGIN: Limit = (100, Duration::from_hours(24));
/// For all logins from everywhere. Beyond it only networks come in that have been in before. A day's worth of counts is
/// some 130,000 rows.
const EVERYBODY: Limit = (5000, Duration::from_hours(1));

/// How long a network counts as one that this login is used from: a month's run of an application, and some days.
pub(super) const PLACE_KEPT: Duration = Duration::from_hours(35 * 24);

const DELAY_FIRST: Duration = Duration::from_millis(500);
/// Far below what any client waits for (RFC 5321, section 4.5.3.2, has minutes), and each answer that waits occupies one of
/// few connections.
pub(super) const DELAY_MAX: Duration = Duration::from_secs(5);

/// Where an attempt comes from, as counts are kept: what one subscriber has (an IPv4 address, an IPv6 /64), and what one
/// customer of a provider may have (an IPv4 /24, an IPv6 /48).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    network: [u8; 9],
    neighbourhood: [u8; 9],
}

impl Origin {
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self {
                network: prefix(4, &v4.octets(), 4),
                neighbourhood: prefix(4, &v4.octets(), 3),
            },
            IpAddr::V6(v6) => Self {
                network: prefix(6, &v6.octets(), 8),
                neighbourhood: prefix(6, &v6.octets(), 6),
            },
        }
    }

    pub(super) fn network(&self) -> &[u8] {
        &self.network
    }
}

/// The first octets of an address, marked with its family.
fn prefix(family: u8, address: &[u8], octets: usize) -> [u8; 9] {
    let mut prefix = [0; 9];
    let kept = std::iter::once(&family).chain(address.iter().take(octets));
    for (place, octet) in prefix.iter_mut().zip(kept) {
        *place = *octet;
    }
    prefix
}

/// What a wrong password counts towards; the network comes first. What others do from elsewhere does not lock a login out
/// of a network where it `is_known`, one that it has been used from.
pub(super) fn quotas(
    keyring: &Keyring,
    login: &str,
    origin: &Origin,
    is_known: bool,
) -> Vec<Quota> {
    let Origin { network, neighbourhood } = origin;
    let login = login.as_bytes();
    let quota = |parts: &[&[u8]], (most, per): Limit| Quota {
        key: keyring.mac(Purpose::Counter, parts),
        most,
        per,
    };
    let mut quotas = vec![
        quota(&[b"auth network", network], NETWORK),
        quota(&[b"auth login from network", login, network], LOGIN_FROM_NETWORK),
    ];
    if !is_known {
        quotas.extend([
            quota(&[b"auth neighbourhood", neighbourhood], NEIGHBOURHOOD),
            quota(&[b"auth login", login], LOGIN),
            quota(&[b"auth everybody"], EVERYBODY),
        ]);
    }
    quotas
}

/// Stands for this login's being used from this network.
pub(super) fn place(keyring: &Keyring, login: &str, origin: &Origin) -> [u8; 32] {
    keyring.mac(Purpose::Counter, &[b"auth place", login.as_bytes(), origin.network()])
}

/// How long the answer to this many wrong ones from a network waits.
pub(super) fn delay(failures: u32) -> Duration {
    let Some(doubled) = failures.checked_sub(1) else { return Duration::ZERO };
    DELAY_FIRST.saturating_mul(1 << doubled.min(16)).min(DELAY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether two addresses are of one network, and of one neighbourhood.
    #[track_caller]
    fn check(one: &str, two: &str, network: bool, neighbourhood: bool) {
        let [a, b] = [one, two].map(|address| Origin::of(address.parse().unwrap()));
        let same = (a.network == b.network, a.neighbourhood == b.neighbourhood);
        assert_eq!(same, (network, neighbourhood), "{one} {two}");
    }

    #[test]
    fn network_is_what_one_subscriber_has() {
        check("192.0.2.1", "192.0.2.1", true, true);
        check("192.0.2.1", "::ffff:192.0.2.1", true, true);
        check("192.0.2.1", "192.0.2.255", false, true);
        check("192.0.2.1", "192.0.3.1", false, false);
        check("2001:db8:1:2::1", "2001:db8:1:2:ffff::2", true, true);
        check("2001:db8:1:2::1", "2001:db8:1:3::1", false, true);
        check("2001:db8:1:2::1", "2001:db8:2:2::1", false, false);
        check("4.192.0.2", "400:c000:200::", false, false);
    }

    #[test]
    fn delay_doubles_up_to_its_bound() {
        let waits = [0, 500, 1000, 2000, 4000, 5000, 5000];
        for (failures, wait) in (0..).zip(waits) {
            assert_eq!(delay(failures), Duration::from_millis(wait), "{failures}");
        }
        assert_eq!(delay(u32::MAX), DELAY_MAX);
    }
}
