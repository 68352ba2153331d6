//! Servers' certificates, right and wrong in every way.

use std::sync::{Arc, LazyLock};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, SupportedProtocolVersion};

use super::peer::Script;

pub(super) static CA: LazyLock<CertifiedIssuer<'static, KeyPair>> =
    LazyLock::new(|| authority("Our CA"));

pub(super) fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// What a server's certificate is like.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    Good,
    Wildcard,
    OtherName,
    Expired,
    NotYetValid,
    OtherCa,
    SelfSigned,
    SelfSignedCa,
}

pub(super) fn certificate(kind: Leaf, key: &KeyPair) -> CertificateDer<'static> {
    let name = match kind {
        Leaf::OtherName => "other.example.nl",
        Leaf::Wildcard => "*.example.nl",
        _ => "mx.example.nl",
    };
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    match kind {
        Leaf::Expired => params.not_after = date_time_ymd(2020, 1, 1),
        Leaf::NotYetValid => params.not_before = date_time_ymd(2090, 1, 1),
        Leaf::SelfSignedCa => params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
        _ => {}
    }
    let certificate = match kind {
        Leaf::SelfSigned | Leaf::SelfSignedCa => params.self_signed(key),
        Leaf::OtherCa => params.signed_by(key, &authority("Another CA")),
        _ => params.signed_by(key, &CA),
    };
    certificate.unwrap().der().clone()
}

pub(super) fn tls_of(kind: Leaf, versions: &[&'static SupportedProtocolVersion]) -> Script {
    let key = KeyPair::generate().unwrap();
    let chain = vec![certificate(kind, &key)];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
    Script { tls: Some(Arc::new(config)), ..Script::default() }
}

pub(super) fn tls(kind: Leaf) -> Script {
    tls_of(kind, rustls::ALL_VERSIONS)
}

/// A server that meets every floor but DANE.
pub(super) fn good() -> Script {
    tls(Leaf::Good)
}
