//! DANE for mail servers (RFC 6698, 7671 and 7672): which names may have TLSA records, what these demand of a connection,
//! and whether a server's certificates are the ones that they name. The DNS, the handshake and the chain of signatures
//! belong to the relay; their results come in as values.

mod spki;
#[cfg(test)]
mod tests;

use std::fmt;

use sha2::{Digest, Sha256, Sha512};

use crate::address::Domain;
use crate::transport::{Certificate, Miss, Seen};

pub use spki::{bare_key, public_key};

/// A TLSA record as it stands in the DNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tlsa {
    pub usage: u8,
    pub selector: u8,
    pub matching: u8,
    pub data: Vec<u8>,
}

/// What one usable record names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    usage: Usage,
    selector: Selector,
    association: Association,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Usage {
    /// DANE-TA(2): a certificate that others are issued by.
    TrustAnchor,
    /// DANE-EE(3): the server's own.
    EndEntity,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Selector {
    Certificate,
    Key,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Association {
    Whole(Vec<u8>),
    Sha256(Vec<u8>),
    Sha512(Vec<u8>),
}

/// How the host of an MX record was found.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Located<'a> {
    /// The answer that named the host is secure. For a domain without MX records, the host is the domain itself.
    pub named_securely: bool,
    /// As the MX record has it.
    pub host: &'a Domain,
    /// What its aliases lead to, when it has any.
    pub expanded: Option<&'a Domain>,
    /// The addresses are secure, and every alias on the way to them.
    pub secure: bool,
    /// The host is an alias, by a record that is secure, whatever becomes of it further on.
    pub alias_secure: bool,
}

/// What the DNS demands of every connection to a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Demand {
    /// No TLSA record that can be believed.
    #[default]
    Nothing,
    /// TLSA records that can be believed, but none that can be used: TLS, with any certificate (RFC 7672, section 2.2).
    Encryption,
    /// One of these must match. `base` is the name that has the records: it goes into SNI. A certificate that a trust anchor
    /// vouches for must be for `base` or for `next_hop`, the domain that the mail is for (RFC 7672, section 3.2.2).
    Match { base: Domain, next_hop: Domain, pins: Vec<Pin> },
}

/// A certificate of the server, and its key (`SubjectPublicKeyInfo`), both DER.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Shown<'a> {
    pub certificate: &'a [u8],
    /// `None` when it could not be found in the certificate.
    pub key: Option<&'a [u8]>,
}

/// What the records say of the certificates that a server showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// The server's own certificate is named: its names, its dates and who issued it do not matter (RFC 7672, section
    /// 3.1.1).
    Leaf,
    /// The server's own certificate counts if one of these vouches for it, it is in date and has the right name.
    Anchors(Vec<Anchor<'a>>),
    /// No record names any of them.
    Mismatch,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Anchor<'a> {
    Certificate(&'a [u8]),
    /// A key (`SubjectPublicKeyInfo`, DER) whose certificate the server need not show.
    Key(&'a [u8]),
}

impl fmt::Display for Pin {
    /// As the record stands in a zone file: `3 1 1 0123…`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usage = match self.usage {
            Usage::TrustAnchor => 2,
            Usage::EndEntity => 3,
        };
        let selector = match self.selector {
            Selector::Certificate => 0,
            Selector::Key => 1,
        };
        let (matching, data) = match &self.association {
            Association::Whole(data) => (0, data),
            Association::Sha256(data) => (1, data),
            Association::Sha512(data) => (2, data),
        };
        write!(f, "{usage} {selector} {matching} ")?;
        data.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// The names whose TLSA records are asked for, in this order, until one has some (RFC 7672, section 2.2.3). Where the
/// address is insecure nobody is asked: name servers that cannot answer such a question would keep the mail.
pub fn bases<'a>(found: &Located<'a>) -> Vec<&'a Domain> {
    match (found.named_securely, found.secure, found.alias_secure) {
        (true, true, _) => found.expanded.into_iter().chain([found.host]).collect(),
        (true, false, true) => vec![found.host],
        (true, false, false) | (false, ..) => Vec::new(),
    }
}

impl Demand {
    /// What secure records at `base` demand of a connection for mail to `next_hop`.
    pub fn of(base: &Domain, next_hop: &Domain, records: Vec<Tlsa>) -> Self {
        let pins: Vec<_> = records.into_iter().filter_map(Pin::new).collect();
        if pins.is_empty() {
            Self::Encryption
        } else {
            Self::Match { base: base.clone(), next_hop: next_hop.clone(), pins }
        }
    }

    /// Whether a connection is as the DNS demands, and if not, why.
    pub fn check(&self, seen: &Seen) -> Result<(), Miss> {
        match (self, &seen.tls, seen.certificate) {
            (Self::Nothing, ..)
            | (Self::Encryption, Some(_), _)
            | (Self::Match { .. }, Some(_), Certificate::DaneValid) => Ok(()),
            (Self::Encryption | Self::Match { .. }, None, _) => Err(Miss::StarttlsNotSupported),
            (Self::Match { .. }, Some(_), fault) => Err(Miss::Certificate(fault)),
        }
    }
}

/// Compares the certificates that a server showed, its own first, with what its records name. Any record will do.
pub fn judge<'a>(pins: &'a [Pin], chain: &[Shown<'a>]) -> Verdict<'a> {
    let Some(leaf) = chain.first() else { return Verdict::Mismatch };
    if pins.iter().any(|pin| pin.usage == Usage::EndEntity && pin.names(leaf)) {
        return Verdict::Leaf;
    }
    let anchors: Vec<_> = pins
        .iter()
        .filter(|pin| pin.usage == Usage::TrustAnchor)
        .flat_map(|pin| pin.anchors(chain))
        .collect();
    if anchors.is_empty() { Verdict::Mismatch } else { Verdict::Anchors(anchors) }
}

impl Pin {
    /// `None`: the record cannot be used for mail. Usages 0 and 1 rest on authorities that sender and recipient would have
    /// to agree on (RFC 7672, section 3.1.3).
    pub fn new(record: Tlsa) -> Option<Self> {
        let usage = match record.usage {
            2 => Usage::TrustAnchor,
            3 => Usage::EndEntity,
            _ => return None,
        };
        let selector = match record.selector {
            0 => Selector::Certificate,
            1 => Selector::Key,
            _ => return None,
        };
        let association = match (record.matching, record.data.len()) {
            (0, 1..) => Association::Whole(record.data),
            (1, 32) => Association::Sha256(record.data),
            (2, 64) => Association::Sha512(record.data),
            _ => return None,
        };
        Some(Self { usage, selector, association })
    }

    fn names(&self, shown: &Shown<'_>) -> bool {
        let selected = match self.selector {
            Selector::Certificate => Some(shown.certificate),
            Selector::Key => shown.key,
        };
        selected.is_some_and(|selected| match &self.association {
            Association::Whole(data) => selected == data,
            Association::Sha256(digest) => Sha256::digest(selected).as_slice() == digest,
            Association::Sha512(digest) => Sha512::digest(selected).as_slice() == digest,
        })
    }

    /// A digest says nothing unless the server shows what it is of; what stands in the record whole needs no showing.
    fn anchors<'a>(&'a self, chain: &[Shown<'a>]) -> Vec<Anchor<'a>> {
        match (&self.association, self.selector) {
            (Association::Whole(data), Selector::Certificate) => vec![Anchor::Certificate(data)],
            (Association::Whole(data), Selector::Key) => vec![Anchor::Key(data)],
            (Association::Sha256(_) | Association::Sha512(_), _) => chain
                .iter()
                .filter(|shown| self.names(shown))
                .map(|shown| Anchor::Certificate(shown.certificate))
                .collect(),
        }
    }
}
