//! What a connection must prove, and what it did prove.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// The least that the connection which carries the message must prove, weakest first. All mean TLS 1.2 or better.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Floor {
    /// Encrypted, the server's name unproven.
    Tls,
    /// Encrypted, with a certificate that a trusted root vouches for, of a host whose name is itself authentic.
    Pkix,
    /// Encrypted, with a certificate that a DNSSEC-secure TLSA record names (RFC 7672).
    Dane,
    /// An unknown value was asked for: no connection meets it.
    Impossible,
}

/// What one connection showed before MAIL FROM. It is evidence: it is kept with the delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The MX host as the DNS named it.
    pub host: String,
    pub address: Option<IpAddr>,
    pub tls: Option<Tls>,
    pub certificate: Certificate,
    /// Why the MX host's name can be believed; `None` when nothing vouches for it.
    pub authentic: Option<Authentic>,
    pub at: Moment,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    pub version: TlsVersion,
    pub cipher: String,
    /// SHA-256 of the leaf certificate, hexadecimal.
    pub fingerprint: String,
    /// The DNS name of the leaf that was matched, or its first one.
    pub name: Option<String>,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TlsVersion {
    #[serde(rename = "TLSv1.2")]
    V1_2,
    #[serde(rename = "TLSv1.3")]
    V1_3,
}

/// The verdict on the certificate. The names are the failure types of RFC 8460, section 4.3, where it has one.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certificate {
    /// No TLS, so no certificate.
    None,
    Valid,
    /// Valid by DANE.
    DaneValid,
    CertificateExpired,
    CertificateNotYetValid,
    CertificateHostMismatch,
    CertificateNotTrusted,
    ValidationFailure,
}

/// Why an MX host's name is authentic (product.md, section 5).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authentic {
    Dnssec,
    MtaSts,
    UnderRecipientDomain,
    Pinned,
    /// `mx-authenticity = "opportunistic"`: the administrator waived it.
    Waived,
}

/// Why a floor was not met.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Miss {
    StarttlsNotSupported,
    HandshakeFailed,
    Certificate(Certificate),
    NameNotAuthentic,
    DaneRequired,
    UnknownDemand,
}
// API: impl Floor { pub fn check(self, seen:&Seen)->Result<(),Miss> }  Display for TlsVersion ("TLSv1.3"), Floor ("tls"/"pkix"/"dane"/"impossible"), Miss (one clause of English: "the server offers no STARTTLS")
//  NOTE Seen with tls None and certificate None = no STARTTLS offered; certificate ValidationFailure with tls None = handshake failed.
