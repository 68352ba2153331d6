//! Who is asking: the network that limits count by, the language, and when.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, header};
use zegel_core::moment::Moment;
use zegel_core::notice::Language;

use super::language::{self, Words};
use super::{Site, cookie, guard};

pub(super) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The other end of the connection; put into each request by `serve`.
#[derive(Copy, Clone, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// What handlers know of a request besides its content.
#[derive(Copy, Clone, Debug)]
pub(super) struct Visit {
    pub(super) words: Words,
    /// What the reader chose, if they did: more than a browser's setting.
    pub(super) chosen: Option<Language>,
    pub(super) network: Network,
    /// Asked from this very machine, not through a proxy.
    pub(super) is_local: bool,
    /// GET or HEAD: the same page can be asked for again, in another language.
    pub(super) is_reading: bool,
    pub(super) now: Moment,
}

/// The part of a client's address that one subscriber has: an IPv4 address, or an IPv6 /64.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Network([u8; 8]);

impl Visit {
    pub(super) fn read(site: &Site, request: &Request, now: Moment) -> Self {
        let headers = request.headers();
        let peer = peer(request);
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let chosen = language::chosen(request.uri().query(), cookie::LANGUAGE.read(headers));
        let language = language::choose(chosen, accepted, site.organisation.language);
        Self {
            words: Words(language),
            chosen,
            network: Network::of(client(peer, headers, &site.trusted_proxies)),
            is_local: peer.is_loopback() && !headers.contains_key(FORWARDED_FOR),
            is_reading: guard::is_reading(request.method()),
            now,
        }
    }
}

impl Network {
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, d] = v4.octets();
                // No /64 begins like this: it would be the unspecified address's own.
                Self([0, 0, 0, 0, a, b, c, d])
            }
            IpAddr::V6(v6) => {
                let [network @ .., _, _, _, _, _, _, _, _] = v6.octets();
                Self(network)
            }
        }
    }

    pub(super) fn octets(&self) -> &[u8] {
        &self.0
    }
}

/// The peer's address without port; unspecified when nobody said.
pub(super) fn peer(request: &Request) -> IpAddr {
    request
        .extensions()
        .get::<Peer>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Peer(address)| address.ip().to_canonical())
}

/// The client's address. `X-Forwarded-For` is read from its end, as far as proxies that we trust wrote it.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let mut hops: Vec<&str> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .flat_map(|line| line.to_str().unwrap_or_default().split(','))
        .map(str::trim)
        .collect();
    let mut client = peer;
    while trusted.contains(&client) {
        match hops.pop().and_then(hop) {
            Some(before) => client = before,
            None => break,
        }
    }
    client
}

/// Some proxies write a port behind the address.
fn hop(text: &str) -> Option<IpAddr> {
    let bare = text.parse::<IpAddr>().ok();
    bare.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(peer: &str, forwarded: &[&str], expected: &str) {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        let trusted = ["127.0.0.1".parse().unwrap(), "192.0.2.1".parse().unwrap()];
        let client = client(peer.parse().unwrap(), &headers, &trusted);
        assert_eq!(client.to_string(), expected, "{peer} {forwarded:?}");
    }

    #[test]
    fn only_trusted_proxies_say_who_the_client_is() {
        check("198.51.100.7", &["203.0.113.5"], "198.51.100.7");
        check("127.0.0.1", &["203.0.113.5"], "203.0.113.5");
        check("127.0.0.1", &["203.0.113.5, 192.0.2.1"], "203.0.113.5");
        check("127.0.0.1", &["203.0.113.5", "192.0.2.1"], "203.0.113.5");
    }

    #[test]
    fn what_a_client_wrote_itself_is_not_believed() {
        check("127.0.0.1", &["10.0.0.1, 203.0.113.5"], "203.0.113.5");
        check("127.0.0.1", &["203.0.113.5, nonsense"], "127.0.0.1");
        check("127.0.0.1", &[], "127.0.0.1");
    }

    #[test]
    fn a_port_behind_the_address_is_left_out() {
        check("127.0.0.1", &["203.0.113.5:4711"], "203.0.113.5");
        check("127.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1");
    }

    #[test]
    fn one_subscriber_is_an_ipv4_address_or_an_ipv6_64() {
        let network = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("192.0.2.1"), network("::ffff:192.0.2.1"));
    }
}
