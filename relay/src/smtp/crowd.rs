//! How many connections each client has.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// All clients of a service. It holds an entry for each that is there, and so no more than there are connections.
#[derive(Clone, Debug)]
pub(super) struct Crowd {
    per_client_max: usize,
    present: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Crowd,
    client: IpAddr,
}

impl Crowd {
    pub(super) fn new(per_client_max: usize) -> Self {
        Self { per_client_max, present: Arc::default() }
    }

    /// `None` when this client has as many as it may.
    pub(super) fn enter(&self, address: IpAddr) -> Option<Place> {
        let client = client(address);
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = present.entry(client).or_default();
        if *connections >= self.per_client_max {
            return None;
        }
        *connections += 1;
        Some(Place { crowd: self.clone(), client })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut present = self.crowd.present.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connections) = present.get_mut(&self.client) {
            *connections -= 1;
            if *connections == 0 {
                present.remove(&self.client);
            }
        }
    }
}

/// What counts as one client: whoever has one IPv6 address has the /64 around it.
fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether somebody from `second` gets in where one connection each is allowed and somebody from `first` is there.
    #[track_caller]
    fn check(first: &str, second: &str, enters: bool) {
        let crowd = Crowd::new(1);
        let _first = crowd.enter(first.parse().unwrap()).unwrap();
        let second = crowd.enter(second.parse().unwrap());
        assert_eq!(second.is_some(), enters);
    }

    #[test]
    fn one_client_is_an_ipv4_address_or_an_ipv6_network() {
        check("192.0.2.1", "192.0.2.1", false);
        check("192.0.2.1", "::ffff:192.0.2.1", false);
        check("192.0.2.1", "192.0.2.2", true);
        check("2001:db8::1", "2001:db8::ffff:1", false);
        check("2001:db8::1", "2001:db8:0:1::1", true);
    }

    #[test]
    fn who_leaves_makes_room_and_leaves_nothing_behind() {
        let crowd = Crowd::new(2);
        let address = IpAddr::from([192, 0, 2, 1]);
        let places = [crowd.enter(address).unwrap(), crowd.enter(address).unwrap()];
        assert!(crowd.enter(address).is_none());
        drop(places);
        assert!(crowd.present.lock().unwrap().is_empty());
        assert!(crowd.enter(address).is_some());
    }
}
