//! What a connection must prove, and what it did prove.

use std::fmt;
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
    #[serde(default)]
    pub port: Option<u16>,
    pub tls: Option<Tls>,
    pub certificate: Certificate,
    /// Why the MX host's name can be believed; `None` when nothing vouches for it.
    pub authentic: Option<Authentic>,
    /// Who demands what of every connection to this host.
    #[serde(default)]
    pub rule: Rule,
    /// What the mail itself demanded of the connection.
    #[serde(default)]
    pub floor: Option<Floor>,
    pub at: Moment,
}

/// Who demands what of every connection to a host, whatever the mail demands besides.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    #[default]
    Nobody,
    /// TLSA records that name the certificate (RFC 7672).
    Dane,
    /// TLSA records of which none can be used: TLS, with any certificate.
    DaneEncryption,
    /// The domain's policy (RFC 8461).
    MtaSts,
    /// A pin, or inbound direct delivery.
    Administrator,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    pub version: TlsVersion,
    pub cipher: String,
    /// The key exchange, by its name at IANA (TLS Supported Groups).
    #[serde(default)]
    pub group: Option<String>,
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
    /// Not valid, and of the server's TLSA records none can be used.
    TlsaInvalid,
    /// Not one of those that the administrator names.
    NotPinned,
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

impl Floor {
    /// Whether a connection reaches this floor, and if not, why. That it has TLS at all means 1.2 or better:
    /// [`TlsVersion`] knows nothing older.
    pub fn check(self, seen: &Seen) -> Result<(), Miss> {
        if self == Self::Impossible {
            return Err(Miss::UnknownDemand);
        }
        if seen.tls.is_none() {
            return Err(Miss::StarttlsNotSupported);
        }
        match (self, seen.certificate) {
            (Self::Impossible, _) => Err(Miss::UnknownDemand),
            (Self::Tls, _) | (Self::Pkix | Self::Dane, Certificate::DaneValid) => Ok(()),
            (Self::Dane, _) => Err(Miss::DaneRequired),
            (Self::Pkix, Certificate::Valid) if seen.authentic.is_some() => Ok(()),
            (Self::Pkix, Certificate::Valid) => Err(Miss::NameNotAuthentic),
            (Self::Pkix, fault) => Err(Miss::Certificate(fault)),
        }
    }
}

impl Seen {
    /// Whether a DNS answer that is signed, and was verified, names the host.
    pub fn is_signed(&self) -> bool {
        self.authentic == Some(Authentic::Dnssec)
            || matches!(self.rule, Rule::Dane | Rule::DaneEncryption)
    }
}

impl fmt::Display for Rule {
    /// One clause of plain English: "the administrator demands a proof of every mail".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nobody => "nothing is demanded of every mail to it",
            Self::Dane => "its TLSA records name the certificate (DANE)",
            Self::DaneEncryption => "its TLSA records, none of which can be used, demand TLS",
            Self::MtaSts => "its domain's policy demands a proof (MTA-STS)",
            Self::Administrator => "the administrator demands a proof of every mail",
        })
    }
}

impl fmt::Display for Floor {
    /// `tls`, `pkix`, `dane` or `impossible`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls => "tls",
            Self::Pkix => "pkix",
            Self::Dane => "dane",
            Self::Impossible => "impossible",
        })
    }
}

impl fmt::Display for Miss {
    /// One clause of plain English: "the server offers no STARTTLS".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StarttlsNotSupported => "the server offers no STARTTLS",
            Self::HandshakeFailed => "the TLS handshake failed",
            Self::Certificate(fault) => return fault.fmt(f),
            Self::NameNotAuthentic => "nothing vouches for the name of the mail server",
            Self::DaneRequired => "no DANE record vouches for the server's certificate",
            Self::UnknownDemand => "the message asks for a minimum that is not known here",
        })
    }
}

impl fmt::Display for Certificate {
    /// One clause of plain English: "the server's certificate has expired".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "the server shows no certificate",
            Self::Valid => "the server's certificate is valid",
            Self::DaneValid => "the server's certificate is valid by DANE",
            Self::CertificateExpired => "the server's certificate has expired",
            Self::CertificateNotYetValid => "the server's certificate is not valid yet",
            Self::CertificateHostMismatch => "the server's certificate is for another host",
            Self::CertificateNotTrusted => {
                "no trusted authority vouches for the server's certificate"
            }
            Self::ValidationFailure => "the server's certificate cannot be validated",
            Self::TlsaInvalid => {
                "the server's certificate is not valid, and none of its TLSA records can be used"
            }
            Self::NotPinned => "the server's certificate is not one that the administrator names",
        })
    }
}

impl fmt::Display for Authentic {
    /// One clause of plain English: "the host's name is signed (DNSSEC)".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dnssec => "the host's name is signed (DNSSEC)",
            Self::MtaSts => "the domain's policy names the host (MTA-STS)",
            Self::UnderRecipientDomain => "the host stands under the recipient's domain",
            Self::Pinned => "the administrator vouches for the host's name",
            Self::Waived => "nothing vouches for the host's name, which the administrator waived",
        })
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1_2 => "TLSv1.2",
            Self::V1_3 => "TLSv1.3",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOORS: [Floor; 4] = [Floor::Tls, Floor::Pkix, Floor::Dane, Floor::Impossible];
    const CERTIFICATES: [Certificate; 10] = [
        Certificate::None,
        Certificate::Valid,
        Certificate::DaneValid,
        Certificate::CertificateExpired,
        Certificate::CertificateNotYetValid,
        Certificate::CertificateHostMismatch,
        Certificate::CertificateNotTrusted,
        Certificate::ValidationFailure,
        Certificate::TlsaInvalid,
        Certificate::NotPinned,
    ];
    const AUTHENTIC: [Option<Authentic>; 6] = [
        None,
        Some(Authentic::Dnssec),
        Some(Authentic::MtaSts),
        Some(Authentic::UnderRecipientDomain),
        Some(Authentic::Pinned),
        Some(Authentic::Waived),
    ];

    fn seen(
        version: Option<TlsVersion>,
        certificate: Certificate,
        authentic: Option<Authentic>,
    ) -> Seen {
        let tls = version.map(|version| Tls {
            version,
            cipher: "AES".into(),
            group: None,
            fingerprint: "00".into(),
            name: None,
        });
        Seen {
            host: "mx.example.nl".into(),
            address: None,
            port: None,
            tls,
            certificate,
            authentic,
            rule: Rule::Nobody,
            floor: None,
            at: Moment(0),
        }
    }

    /// Every connection that can be seen.
    fn connections() -> impl Iterator<Item = Seen> {
        [None, Some(TlsVersion::V1_2), Some(TlsVersion::V1_3)].into_iter().flat_map(|version| {
            CERTIFICATES.into_iter().flat_map(move |certificate| {
                AUTHENTIC.into_iter().map(move |authentic| seen(version, certificate, authentic))
            })
        })
    }

    /// Checks which connections meet a floor against a rule in other words.
    #[track_caller]
    fn check(floor: Floor, meets: impl Fn(&Seen) -> bool) {
        for seen in connections() {
            assert_eq!(floor.check(&seen).is_ok(), meets(&seen), "{floor} and {seen:?}");
        }
    }

    #[test]
    fn any_encrypted_connection_meets_tls() {
        check(Floor::Tls, |seen| seen.tls.is_some());
    }

    #[test]
    fn pkix_takes_a_valid_certificate_of_an_authentic_name_or_dane() {
        check(Floor::Pkix, |seen| {
            let valid = seen.certificate == Certificate::Valid && seen.authentic.is_some();
            seen.tls.is_some() && (valid || seen.certificate == Certificate::DaneValid)
        });
    }

    #[test]
    fn dane_takes_nothing_but_dane() {
        check(Floor::Dane, |seen| seen.tls.is_some() && seen.certificate == Certificate::DaneValid);
    }

    #[test]
    fn no_connection_meets_an_unknown_demand() {
        check(Floor::Impossible, |_| false);
    }

    #[test]
    fn what_meets_a_floor_meets_every_weaker_one() {
        for pair in FLOORS.windows(2) {
            assert!(pair[0] < pair[1], "{pair:?}");
            for seen in connections() {
                assert!(
                    pair[1].check(&seen).is_err() || pair[0].check(&seen).is_ok(),
                    "{pair:?} and {seen:?}"
                );
            }
        }
    }

    #[test]
    fn a_miss_says_what_was_missed() {
        for certificate in CERTIFICATES {
            let encrypted = seen(Some(TlsVersion::V1_3), certificate, None);
            let pkix = match certificate {
                Certificate::DaneValid => Ok(()),
                Certificate::Valid => Err(Miss::NameNotAuthentic),
                fault => Err(Miss::Certificate(fault)),
            };
            assert_eq!(Floor::Pkix.check(&encrypted), pkix);
            let plain = seen(None, certificate, Some(Authentic::Dnssec));
            for floor in [Floor::Tls, Floor::Pkix, Floor::Dane] {
                assert_eq!(
                    floor.check(&plain),
                    Err(Miss::StarttlsNotSupported),
                    "{floor} and {certificate:?}"
                );
            }
        }
        let named = seen(Some(TlsVersion::V1_2), Certificate::Valid, Some(Authentic::Dnssec));
        assert_eq!(Floor::Dane.check(&named), Err(Miss::DaneRequired));
        assert_eq!(Floor::Impossible.check(&named), Err(Miss::UnknownDemand));
    }
}
