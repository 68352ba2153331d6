//! The PROXY protocol, version 2: how a load balancer says on whose behalf it connects. It is binary, so that no text of
//! a client can be taken for it; version 1, which is text, is not spoken.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What every header begins with. No SMTP command does.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family and transport, length of the rest.
const FIXED: usize = 16;

/// Octets of a whole header. The longest addresses have 216; the rest is room for what a proxy adds (TLVs, such as
/// facts about a TLS that it ended), which is skipped.
const HEADER_MAX: usize = 4096;

/// What the octets so far are.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// A part: so many more must be read to know more. What follows the header is the client's.
    Part(usize),
    /// The whole header. `None`: the proxy speaks for itself (a health check), or cannot say for whom.
    Whole(Option<SocketAddr>),
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProxyError {
    #[error(
        "no PROXY header of version 2; have the proxy send one, or take it from gateway.proxies"
    )]
    NoHeader,
    #[error("a PROXY header with command {0}, which version 2 does not have")]
    UnknownCommand(u8),
    #[error("a PROXY header for something else than a TCP connection")]
    NotTcp,
    #[error("a PROXY header of {0} octets; one may have {HEADER_MAX}")]
    TooLong(usize),
    #[error("a PROXY header too short for its addresses")]
    TooShort,
}

impl Header {
    /// Reads octets from the start of a connection: all that came, and never more than was asked for.
    pub(super) fn read(octets: &[u8]) -> Result<Self, ProxyError> {
        if octets.iter().zip(SIGNATURE).any(|(seen, expected)| *seen != expected) {
            return Err(ProxyError::NoHeader);
        }
        let Some((fixed, rest)) = octets.split_first_chunk::<FIXED>() else {
            return Ok(Self::Part(FIXED - octets.len()));
        };
        let [.., version_and_command, family, high, low] = *fixed;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if version_and_command >> 4 != 2 {
            return Err(ProxyError::NoHeader);
        }
        if FIXED + length > HEADER_MAX {
            return Err(ProxyError::TooLong(FIXED + length));
        }
        if rest.len() < length {
            return Ok(Self::Part(length - rest.len()));
        }
        match version_and_command & 0xF {
            0 => Ok(Self::Whole(None)),
            1 => client(family, rest).map(Self::Whole),
            command => Err(ProxyError::UnknownCommand(command)),
        }
    }
}

/// The client's address, which stands before the proxy's own.
fn client(family: u8, rest: &[u8]) -> Result<Option<SocketAddr>, ProxyError> {
    match family {
        // The proxy cannot say, or does not know the family itself.
        0x00 | 0x01 => Ok(None),
        0x11 => {
            let [a, b, c, d, _, _, _, _, high, low, _, _] =
                *rest.first_chunk::<12>().ok_or(ProxyError::TooShort)?;
            let port = u16::from_be_bytes([high, low]);
            Ok(Some((Ipv4Addr::new(a, b, c, d), port).into()))
        }
        0x21 => {
            let (source, rest) = rest.split_first_chunk::<16>().ok_or(ProxyError::TooShort)?;
            let [.., high, low, _, _] = *rest.first_chunk::<20>().ok_or(ProxyError::TooShort)?;
            let address = IpAddr::V6(Ipv6Addr::from(*source)).to_canonical();
            Ok(Some((address, u16::from_be_bytes([high, low])).into()))
        }
        // A client on a unix socket of the proxy's machine has no address.
        0x31 if rest.len() >= 216 => Ok(None),
        0x31 => Err(ProxyError::TooShort),
        _ => Err(ProxyError::NotTcp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IPV4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 2, 0x30, 0x39, 0, 25];

    fn header(version_and_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[version_and_command, family], &length, rest].concat()
    }

    fn ipv6(source: &str) -> Vec<u8> {
        let octets = |address: &str| address.parse::<Ipv6Addr>().unwrap().octets();
        [&octets(source)[..], &octets("2001:db8::2"), &[0x30, 0x39, 0, 25]].concat()
    }

    /// Whole, it reads as expected; every part of it asks for no more than is left.
    #[track_caller]
    fn check(octets: &[u8], expected: Result<Option<&str>, ProxyError>) {
        let expected = expected.map(|client| client.map(|client| client.parse().unwrap()));
        assert_eq!(Header::read(octets), expected.map(Header::Whole), "{octets:?}");
        for length in 0..octets.len() {
            match Header::read(&octets[..length]) {
                Ok(Header::Part(more)) => assert!(more > 0 && length + more <= octets.len()),
                Ok(Header::Whole(_)) => panic!("{length} octets of {octets:?} are whole"),
                Err(error) => assert_eq!(Err(error), expected, "{length} octets of {octets:?}"),
            }
        }
    }

    #[test]
    fn client_stands_in_the_header() {
        check(&header(0x21, 0x11, &IPV4), Ok(Some("192.0.2.1:12345")));
        check(&header(0x21, 0x21, &ipv6("2001:db8::1")), Ok(Some("[2001:db8::1]:12345")));
        check(&header(0x21, 0x21, &ipv6("::ffff:192.0.2.1")), Ok(Some("192.0.2.1:12345")));
    }

    #[test]
    fn what_a_proxy_adds_is_skipped() {
        let tlv = [4, 0, 3, b'a', b'b', b'c'];
        check(&header(0x21, 0x11, &[&IPV4[..], &tlv].concat()), Ok(Some("192.0.2.1:12345")));
        check(&header(0x21, 0x21, &[&ipv6("::1")[..], &tlv].concat()), Ok(Some("[::1]:12345")));
    }

    #[test]
    fn proxy_may_speak_for_itself_or_for_somebody_without_address() {
        check(&header(0x20, 0x00, b""), Ok(None));
        check(&header(0x20, 0x11, &IPV4), Ok(None));
        check(&header(0x21, 0x00, b"whatever"), Ok(None));
        check(&header(0x21, 0x31, &[0; 216]), Ok(None));
    }

    #[test]
    fn nothing_else_is_a_header() {
        check(b"EHLO client.example\r\n", Err(ProxyError::NoHeader));
        check(b"PROXY TCP4 192.0.2.1 198.51.100.2 12345 25\r\n", Err(ProxyError::NoHeader));
        check(&header(0x11, 0x11, &IPV4), Err(ProxyError::NoHeader));
        check(&header(0x22, 0x11, &IPV4), Err(ProxyError::UnknownCommand(2)));
        check(&header(0x21, 0x12, &IPV4), Err(ProxyError::NotTcp));
        check(&header(0x21, 0x41, &IPV4), Err(ProxyError::NotTcp));
        check(&header(0x21, 0x11, &IPV4[1..]), Err(ProxyError::TooShort));
        check(&header(0x21, 0x21, &ipv6("::1")[1..]), Err(ProxyError::TooShort));
        check(&header(0x21, 0x31, &[0; 215]), Err(ProxyError::TooShort));
    }

    #[test]
    fn header_has_a_longest_length() {
        let longest = vec![0; HEADER_MAX - FIXED];
        assert_eq!(Header::read(&header(0x21, 0x00, &longest)), Ok(Header::Whole(None)));
        let longer = header(0x21, 0x00, &vec![0; HEADER_MAX - FIXED + 1]);
        assert_eq!(Header::read(&longer[..FIXED]), Err(ProxyError::TooLong(HEADER_MAX + 1)));
    }

    #[test]
    fn every_other_octet_in_the_fixed_part_is_read_without_a_fault() {
        let whole = header(0x21, 0x11, &IPV4);
        for at in 0..FIXED {
            for octet in 0..=u8::MAX {
                let mut damaged = whole.clone();
                damaged[at] = octet;
                let seen = Header::read(&damaged);
                if at < SIGNATURE.len() && octet != SIGNATURE[at] {
                    assert_eq!(seen, Err(ProxyError::NoHeader), "{at} {octet}");
                }
            }
        }
    }
}
