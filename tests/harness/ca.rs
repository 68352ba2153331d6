//! A certificate authority that exists for one lab, and leaves that are wrong in one way each.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};

use crate::place::Place;

#[derive(Debug)]
pub struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// A second one that nobody trusts.
    stranger: CertifiedIssuer<'static, KeyPair>,
    root: PathBuf,
}

/// How a certificate is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Good,
    /// Issued for another host.
    WrongName,
    Expired,
    NotYetValid,
    SelfSigned,
    /// Issued by a CA that is not among the roots.
    OtherCa,
}

/// A certificate with its key (PEM files).
#[derive(Clone, Debug)]
pub struct Leaf {
    pub certificate: PathBuf,
    pub private_key: PathBuf,
}

impl Ca {
    pub fn new(place: &Place) -> Self {
        let issuer = authority("Zegel test CA");
        let root = place.write("ca.pem", &issuer.pem());
        Self { issuer, stranger: authority("Another test CA"), root }
    }

    /// The root certificate (PEM).
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The root certificate as a TLSA record names it: whole, so that no server needs to show it.
    pub fn tlsa(&self) -> String {
        let octets = self.issuer.der().iter().map(|octet| format!("{octet:02x}"));
        format!("TLSA 2 0 0 {}", octets.collect::<String>())
    }

    /// Issues a certificate for a host and, as it may be, for its address.
    pub fn issue(&self, place: &Place, kind: Kind, host: &str, address: Option<IpAddr>) -> Leaf {
        let key = KeyPair::generate().expect("make a key");
        let params = leaf(kind, host, address);
        let certificate = match kind {
            Kind::SelfSigned => params.self_signed(&key),
            Kind::OtherCa => params.signed_by(&key, &self.stranger),
            Kind::Good | Kind::WrongName | Kind::Expired | Kind::NotYetValid => {
                params.signed_by(&key, &self.issuer)
            }
        }
        .expect("issue a certificate");
        Leaf {
            certificate: place.write(&format!("{host}.pem"), &certificate.pem()),
            private_key: place.write(&format!("{host}.key"), &key.serialize_pem()),
        }
    }
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("make a key"))
        .expect("make a CA")
}

fn leaf(kind: Kind, host: &str, address: Option<IpAddr>) -> CertificateParams {
    let name = if kind == Kind::WrongName { "mx.elsewhere.test" } else { host };
    let mut params = CertificateParams::new([name.to_owned()]).expect("a host's name");
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.subject_alt_names.extend(address.map(SanType::IpAddress));
    (params.not_before, params.not_after) = match kind {
        Kind::Expired => (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1)),
        Kind::NotYetValid => (date_time_ymd(2090, 1, 1), date_time_ymd(2091, 1, 1)),
        // Far from both ends, whatever the machine's clock says.
        Kind::Good | Kind::WrongName | Kind::SelfSigned | Kind::OtherCa => {
            (date_time_ymd(2020, 1, 1), date_time_ymd(2090, 1, 1))
        }
    };
    params
}
