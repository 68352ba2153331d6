//! TLS towards mail servers. Any certificate lets the handshake finish, so that opportunistic delivery works and a
//! miss leaves evidence; what the certificate is worth is judged right after, on the chain that the server showed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, OtherError,
    ProtocolVersion, RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use webpki::{EndEntityCert, RawPublicKeyEntity};
use zegel_core::address::Domain;
use zegel_core::dane::{self, Demand};
use zegel_core::moment::Moment;
use zegel_core::transport::{Certificate, Tls, TlsVersion};

use super::dane as records;
use super::mx::Host;
use super::way::Proof;

/// Makes TLS connections and judges certificates. TLS 1.2 and 1.3 only: rustls knows no older.
#[derive(Debug)]
pub(super) struct Connector {
    config: Arc<ClientConfig>,
    pkix: Arc<WebPkiServerVerifier>,
    /// Roots that vouch for hosts of which the administrator says so.
    others: BTreeMap<PathBuf, Arc<WebPkiServerVerifier>>,
}

/// A connection with what it showed.
#[derive(Debug)]
pub(super) struct Secured {
    pub(super) stream: TlsStream<TcpStream>,
    pub(super) tls: Tls,
    pub(super) certificate: Certificate,
}

impl Connector {
    /// Trusts the roots in a PEM file, or those of the system.
    pub(super) fn new(roots: Option<&Path>) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let pkix = by_roots(&provider, roots)?;
        let verifier = Arc::new(AnyCertificate(provider.signature_verification_algorithms));
        let config = client_config(provider, verifier).map_err(|error| error.to_string())?;
        Ok(Self { config: Arc::new(config), pkix, others: BTreeMap::new() })
    }

    /// Trusts the roots in these files too, each for the hosts that it is named for.
    pub(super) fn with_roots<'a>(
        mut self,
        files: impl Iterator<Item = &'a Path>,
    ) -> Result<Self, String> {
        for file in files {
            let verifier = by_roots(self.config.crypto_provider(), Some(file))?;
            self.others.insert(file.to_owned(), verifier);
        }
        Ok(self)
    }

    /// Makes the connection secure. The name that the MX record gave goes into SNI, and the certificate is judged for it; or
    /// that which has the TLSA records, and it is judged by them.
    pub(super) async fn secure(
        &self,
        tcp: TcpStream,
        host: &Host,
        now: Moment,
    ) -> io::Result<Secured> {
        let name = match &host.demand {
            Demand::Match { base, .. } => base,
            Demand::Encryption | Demand::Nothing => &host.name,
        };
        let sni = ServerName::try_from(name.as_str().to_owned()).map_err(io::Error::other)?;
        let stream = TlsConnector::from(self.config.clone()).connect(sni.clone(), tcp).await?;
        let (_, connection) = stream.get_ref();
        let Some((leaf, issuers)) = connection.peer_certificates().and_then(<[_]>::split_first)
        else {
            return Err(io::Error::other("the server shows no certificate"));
        };
        let now =
            UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.0).unwrap_or(0)));
        let chain = connection.peer_certificates().unwrap_or_default();
        let certificate = match host.proof() {
            Some(Proof::Fingerprints(named)) if Proof::names(named, leaf) => Certificate::Valid,
            Some(Proof::Fingerprints(_)) => Certificate::NotPinned,
            Some(Proof::Roots(file)) => match self.others.get(file) {
                Some(roots) => judge(roots, leaf, issuers, &sni, now),
                None => Certificate::CertificateNotTrusted,
            },
            None => self.judge(&host.demand, chain, &sni, now),
        };
        let tls = describe(connection, leaf, name)?;
        Ok(Secured { stream, tls, certificate })
    }

    /// The verdict by TLSA records, or by the usual roots without any.
    fn judge(
        &self,
        demand: &Demand,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Certificate {
        let Some((leaf, issuers)) = chain.split_first() else { return Certificate::None };
        let by_roots = || judge(&self.pkix, leaf, issuers, name, now);
        match demand {
            Demand::Nothing => by_roots(),
            Demand::Encryption => match by_roots() {
                Certificate::Valid => Certificate::Valid,
                _ => Certificate::TlsaInvalid,
            },
            Demand::Match { base, next_hop, pins } => {
                records::judge(pins, [base, next_hop], chain, now)
            }
        }
    }
}

fn judge(
    roots: &WebPkiServerVerifier,
    leaf: &CertificateDer<'_>,
    chain: &[CertificateDer<'_>],
    name: &ServerName<'_>,
    now: UnixTime,
) -> Certificate {
    match roots.verify_server_cert(leaf, chain, name, &[], now) {
        Ok(_) => Certificate::Valid,
        Err(rustls::Error::InvalidCertificate(error)) => verdict(&error, leaf),
        Err(_) => Certificate::ValidationFailure,
    }
}

fn by_roots(
    provider: &Arc<CryptoProvider>,
    file: Option<&Path>,
) -> Result<Arc<WebPkiServerVerifier>, String> {
    let roots = Arc::new(root_store(file)?);
    WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
        .build()
        .map_err(|error| format!("cannot use the root certificates: {error}"))
}

/// No session is resumed: a resumed one would skip the certificate, or carry one host's over to another policy.
fn client_config(
    provider: Arc<CryptoProvider>,
    verifier: Arc<AnyCertificate>,
) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn root_store(file: Option<&Path>) -> Result<RootCertStore, String> {
    let certificates = match file {
        Some(file) => read_pem(file)
            .map_err(|error| format!("cannot read the roots in {}: {error}", file.display()))?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(certificates);
    match (added, file) {
        (0, Some(file)) => Err(format!("no root certificate in {}", file.display())),
        (0, None) => Err(
            "the system has no root certificates; install ca-certificates or set outbound.roots"
                .to_owned(),
        ),
        _ => Ok(store),
    }
}

fn read_pem(file: &Path) -> Result<Vec<CertificateDer<'static>>, rustls::pki_types::pem::Error> {
    CertificateDer::pem_file_iter(file)?.collect()
}

/// Puts a failed validation into the words of RFC 8460, section 4.3.
fn verdict(error: &CertificateError, leaf: &CertificateDer<'_>) -> Certificate {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            Certificate::CertificateExpired
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Certificate::CertificateNotYetValid
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Certificate::CertificateHostMismatch
        }
        CertificateError::UnknownIssuer => Certificate::CertificateNotTrusted,
        CertificateError::Other(OtherError(error)) if is_self_signed(&**error, leaf) => {
            Certificate::CertificateNotTrusted
        }
        _ => Certificate::ValidationFailure,
    }
}

/// A self-signed certificate is often its own CA, which webpki finds fault with before it looks for an issuer.
fn is_self_signed(error: &(dyn std::error::Error + 'static), leaf: &CertificateDer<'_>) -> bool {
    matches!(error.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
        && EndEntityCert::try_from(leaf).is_ok_and(|leaf| leaf.issuer() == leaf.subject())
}

fn describe(
    connection: &ClientConnection,
    leaf: &CertificateDer<'_>,
    host: &Domain,
) -> io::Result<Tls> {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => TlsVersion::V1_2,
        Some(ProtocolVersion::TLSv1_3) => TlsVersion::V1_3,
        _ => return Err(io::Error::other("neither TLS 1.2 nor 1.3")),
    };
    let suite = connection.negotiated_cipher_suite().map(|suite| suite.suite());
    let group = connection.negotiated_key_exchange_group();
    Ok(Tls {
        version,
        cipher: suite.and_then(|suite| suite.as_str()).unwrap_or_default().to_owned(),
        group: group.and_then(|group| group.name().as_str()).map(str::to_owned),
        fingerprint: hexadecimal(digest::digest(&digest::SHA256, leaf).as_ref()),
        name: leaf_name(leaf, host),
    })
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// The DNS name of the leaf that stands for the host, or its first one.
fn leaf_name(leaf: &CertificateDer<'_>, host: &Domain) -> Option<String> {
    let leaf = EndEntityCert::try_from(leaf).ok()?;
    let stands_for_host = |name: &&str| match name.strip_prefix("*.") {
        Some(parent) => {
            host.as_str().split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent))
        }
        None => name.eq_ignore_ascii_case(host.as_str()),
    };
    leaf.valid_dns_names()
        .find(stands_for_host)
        .or_else(|| leaf.valid_dns_names().next())
        .map(str::to_owned)
}

/// Takes any certificate, but verifies that the server has its key: otherwise a certificate that somebody else once showed
/// would do.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl AnyCertificate {
    /// For certificates that webpki refuses to read (of version 1, say), which DANE may name all the same.
    fn verify_by_bare_key(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let unreadable = || rustls::Error::from(CertificateError::BadEncoding);
        let key =
            SubjectPublicKeyInfoDer::from(dane::public_key(certificate).ok_or_else(unreadable)?);
        let key = RawPublicKeyEntity::try_from(&key).map_err(|_| unreadable())?;
        self.0
            .mapping
            .iter()
            .filter(|(scheme, _)| *scheme == signed.scheme)
            .flat_map(|(_, algorithms)| *algorithms)
            .find_map(|algorithm| {
                key.verify_signature(*algorithm, message, signed.signature()).ok()
            })
            .map(|()| HandshakeSignatureValid::assertion())
            .ok_or_else(|| CertificateError::BadSignature.into())
    }
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if EndEntityCert::try_from(cert).is_err() {
            return self.verify_by_bare_key(message, cert, dss);
        }
        verify_tls12_signature(message, cert, dss, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if EndEntityCert::try_from(cert).is_ok() {
            return verify_tls13_signature(message, cert, dss, &self.0);
        }
        let key = dane::public_key(cert).ok_or(CertificateError::BadEncoding)?;
        verify_tls13_signature_with_raw_key(message, &key.into(), dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
