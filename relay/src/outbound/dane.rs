//! DANE (RFC 7672): asks for a host's TLSA records, and judges the certificates that it shows by them.

use std::net::IpAddr;

use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use zegel_core::address::Domain;
use zegel_core::dane::{self, Anchor, Demand, Located, Pin, Shown, Verdict};
use zegel_core::transport::Certificate;

use crate::dns::{Answer, Found, Resolver};

/// What the DNS demands of connections to a host for mail to `next_hop`. An error is a look-up that failed: nobody may
/// connect then, as that is also what it looks like when somebody keeps the records from us (RFC 7672, section 2.1.1).
pub(super) async fn demand(
    resolver: &Resolver,
    host: &Domain,
    next_hop: &Domain,
    named_securely: bool,
    addresses: &Found<IpAddr>,
) -> Result<Demand, String> {
    let aliased = addresses.name != host.as_str();
    let expanded = addresses.name.parse().ok().filter(|_| aliased);
    let alias_secure = named_securely && aliased && !addresses.secure && {
        match resolver.alias(host.as_str()).await {
            Answer::Found(alias) => alias.secure,
            Answer::Nothing(_) => false,
            Answer::Unknown(why) => return Err(why),
        }
    };
    let located = Located {
        named_securely,
        host,
        expanded: expanded.as_ref(),
        secure: addresses.secure,
        alias_secure,
    };
    for base in dane::bases(&located) {
        // Recipients publish for port 25; any other of ours is a firewall's.
        match resolver.tlsa(&format!("_25._tcp.{base}")).await {
            Answer::Found(Found { records, secure: true, .. }) => {
                return Ok(Demand::of(base, next_hop, records));
            }
            Answer::Found(_) | Answer::Nothing(_) => {}
            Answer::Unknown(why) => return Err(why),
        }
    }
    Ok(Demand::Nothing)
}

/// The verdict on the certificates that a server showed, its own first. `names` are those that a certificate must be for when
/// a trust anchor vouches for it.
pub(super) fn judge(
    pins: &[Pin],
    names: [&Domain; 2],
    chain: &[CertificateDer<'_>],
    now: UnixTime,
) -> Certificate {
    let shown: Vec<_> =
        chain.iter().map(|one| Shown { certificate: one, key: dane::public_key(one) }).collect();
    match dane::judge(pins, &shown) {
        Verdict::Leaf => Certificate::DaneValid,
        Verdict::Mismatch => Certificate::ValidationFailure,
        Verdict::Anchors(anchors) => match vouched_for(&anchors, names, chain, now) {
            Ok(()) => Certificate::DaneValid,
            Err(error) => fault(&error),
        },
    }
}

/// Whether one of the anchors vouches for the server's own certificate, which is in date and for one of the names.
fn vouched_for(
    anchors: &[Anchor<'_>],
    names: [&Domain; 2],
    chain: &[CertificateDer<'_>],
    now: UnixTime,
) -> Result<(), webpki::Error> {
    let (leaf, issuers) = chain.split_first().ok_or(webpki::Error::UnknownIssuer)?;
    let leaf = EndEntityCert::try_from(leaf)?;
    let certificates: Vec<CertificateDer<'_>> = anchors
        .iter()
        .filter_map(|anchor| match anchor {
            Anchor::Certificate(certificate) => Some(CertificateDer::from(*certificate)),
            Anchor::Key(_) => None,
        })
        .collect();
    let keys = anchors.iter().filter_map(|anchor| match anchor {
        Anchor::Certificate(_) => None,
        Anchor::Key(key) => dane::bare_key(key),
    });
    let trusted: Vec<TrustAnchor<'_>> = certificates
        .iter()
        .filter_map(|certificate| webpki::anchor_from_trusted_cert(certificate).ok())
        .chain(keys.flat_map(|key| issued_by(key, chain)))
        .collect();
    leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &trusted,
        issuers,
        now,
        KeyUsage::server_auth(),
        None,
        None,
    )?;
    let is_for = |name: &Domain| match ServerName::try_from(name.as_str()) {
        Ok(name) => leaf.verify_is_valid_for_subject_name(&name),
        Err(_) => Err(webpki::Error::MalformedDnsIdentifier),
    };
    let [base, next_hop] = names;
    is_for(base).or_else(|error| is_for(next_hop).map_err(|_| error))
}

/// A bare key, as the key of whoever issued each of these certificates; the signatures will tell whether it is.
fn issued_by<'a>(
    key: &'a [u8],
    chain: &'a [CertificateDer<'_>],
) -> impl Iterator<Item = TrustAnchor<'a>> {
    chain.iter().filter_map(move |certificate| {
        let issued = EndEntityCert::try_from(certificate).ok()?;
        let anchor = TrustAnchor {
            subject: issued.issuer().to_vec().into(),
            subject_public_key_info: key.into(),
            name_constraints: None,
        };
        Some(anchor)
    })
}

/// Puts a failed validation into the words of RFC 8460, section 4.3.
fn fault(error: &webpki::Error) -> Certificate {
    match error {
        webpki::Error::CertExpired { .. } => Certificate::CertificateExpired,
        webpki::Error::CertNotValidYet { .. } => Certificate::CertificateNotYetValid,
        webpki::Error::CertNotValidForName(_) => Certificate::CertificateHostMismatch,
        webpki::Error::UnknownIssuer => Certificate::CertificateNotTrusted,
        _ => Certificate::ValidationFailure,
    }
}
