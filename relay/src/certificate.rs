//! The certificates that we show: read from their files at start, and again whenever the process is told to, without
//! ending a connection.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio::sync::watch;
use webpki::{EndEntityCert, KeyUsage};
use zegel_core::address::Domain;
use zegel_core::moment::Moment;

use crate::config;

/// A certificate chain with its key (PEM), and what is offered with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The table of the configuration that names the files.
    pub table: &'static str,
    pub chain: PathBuf,
    pub private_key: PathBuf,
    /// Protocols that a client may name (ALPN, RFC 7301). One that names others is refused: it means another server.
    pub protocols: &'static [&'static [u8]],
}

/// The one in use. Cheap to clone; every clone sees the new one.
#[derive(Clone)]
pub struct Certificate {
    source: Arc<Source>,
    current: Arc<watch::Sender<Arc<ServerConfig>>>,
}

/// Why a certificate cannot be used: where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("{table}: cannot read {file}: {why}")]
    File { table: &'static str, file: String, why: String },
    #[error(
        "{table}: the certificate {chain} and its private key do not go together: {why}; name those that were issued as a \
         pair"
    )]
    Pair { table: &'static str, chain: String, why: rustls::Error },
}

impl Certificate {
    pub fn load(source: Source) -> Result<Self, CertificateError> {
        let current = Arc::new(watch::Sender::new(Arc::new(read(&source)?)));
        Ok(Self { source: Arc::new(source), current })
    }

    /// What a new connection is to show.
    pub fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.borrow())
    }

    /// Reads the files again; when they cannot be used, nothing changes.
    pub fn reload(&self) -> Result<(), CertificateError> {
        let fresh = read(&self.source)?;
        self.current.send_replace(Arc::new(fresh));
        Ok(())
    }

    /// Where the chain stands.
    pub fn file(&self) -> &Path {
        &self.source.chain
    }
}

/// What clients that look at certificates will find wrong with one: words behind "the certificate", with what to do.
pub fn faults(chain: &Path, host: &Domain, now: Moment) -> Vec<String> {
    let Some(leaf) = CertificateDer::from_pem_file(chain).ok() else { return Vec::new() };
    let Ok(leaf) = EndEntityCert::try_from(&leaf) else { return Vec::new() };
    let mut found = Vec::new();
    found.extend(out_of_time(&leaf, now).map(str::to_owned));
    let names = ServerName::try_from(host.as_str())
        .is_ok_and(|name| leaf.verify_is_valid_for_subject_name(&name).is_ok());
    if !names {
        found.push(format!("is not for {host}, the hostname; issue one with that name"));
    }
    found
}

/// Its dates are looked at before its issuer is, so no root is needed.
fn out_of_time(leaf: &EndEntityCert<'_>, now: Moment) -> Option<&'static str> {
    let now = Duration::from_secs(u64::try_from(now.0).unwrap_or_default());
    let now = UnixTime::since_unix_epoch(now);
    let judged = leaf.verify_for_usage(&[], &[], &[], now, KeyUsage::server_auth(), None, None);
    match judged {
        Err(webpki::Error::CertExpired { .. }) => Some("has expired; renew it"),
        Err(webpki::Error::CertNotValidYet { .. }) => Some("is not valid yet; look at the clock"),
        _ => None,
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("source", &self.source).finish_non_exhaustive()
    }
}

fn read(source: &Source) -> Result<ServerConfig, CertificateError> {
    let wrong = |file: &Path, why: String| CertificateError::File {
        table: source.table,
        file: file.display().to_string(),
        why,
    };
    let chain = CertificateDer::pem_file_iter(&source.chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(&source.chain, error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong(&source.chain, "no certificate stands in it".to_owned()));
    }
    config::refuse_open_to_others(&source.private_key)
        .map_err(|why| wrong(&source.private_key, why))?;
    let key = PrivateKeyDer::from_pem_file(&source.private_key)
        .map_err(|error| wrong(&source.private_key, error.to_string()))?;
    offer(chain, key, source.protocols).map_err(|why| CertificateError::Pair {
        table: source.table,
        chain: source.chain.display().to_string(),
        why,
    })
}

/// TLS 1.2 and 1.3, without client certificates.
fn offer(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    protocols: &[&[u8]],
) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

#[cfg(test)]
pub mod fixture {
    use super::*;
    use rustls::{ClientConfig, RootCertStore};
    use tokio_rustls::TlsConnector;

    /// A certificate for `localhost` in this directory, and a client that trusts it and nothing else.
    pub fn issue(directory: &Path) -> (Source, TlsConnector) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let source = Source {
            table: "table",
            chain: directory.join("chain.pem"),
            private_key: directory.join("private.key"),
            protocols: &[],
        };
        std::fs::write(&source.chain, made.cert.pem()).unwrap();
        std::fs::write(&source.private_key, made.signing_key.serialize_pem()).unwrap();
        allow(&source, 0o600);
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let client = client.with_root_certificates(roots).with_no_client_auth();
        (source, TlsConnector::from(Arc::new(client)))
    }

    /// Gives the private key this mode.
    pub fn allow(source: &Source, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&source.private_key, mode).unwrap();
    }
}

#[cfg(test)]
mod tests {
    use super::fixture::{allow, issue};
    use super::*;

    #[track_caller]
    fn check_refused(source: &Source, says: &[&str]) {
        let error = Certificate::load(source.clone()).unwrap_err().to_string();
        for part in says {
            assert!(error.contains(part), "{part} is not in {error}");
        }
    }

    #[test]
    fn a_private_key_that_everybody_may_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let (source, _) = issue(directory.path());
        for (mode, usable) in [(0o600, true), (0o640, true), (0o644, false), (0o602, false)] {
            allow(&source, mode);
            assert_eq!(Certificate::load(source.clone()).is_ok(), usable, "{mode:o}");
        }
    }

    #[test]
    fn a_certificate_that_cannot_be_used_is_named() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let ((source, _), (stranger, _)) = (issue(one.path()), issue(other.path()));
        let mixed = Source { private_key: stranger.private_key, ..source.clone() };
        check_refused(&mixed, &["table: ", "chain.pem", "do not go together", "as a pair"]);
        let keyless = Source { private_key: one.path().join("none.key"), ..source.clone() };
        check_refused(&keyless, &["none.key: "]);
        std::fs::write(&source.chain, "no certificate").unwrap();
        check_refused(&source, &["chain.pem: no certificate stands in it"]);
    }

    #[test]
    fn a_certificate_that_clients_would_not_trust_is_found_out() {
        let directory = tempfile::tempdir().unwrap();
        let mut params = rcgen::CertificateParams::new(["relay.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 12, 31);
        let made = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let chain = directory.path().join("chain.pem");
        std::fs::write(&chain, made.pem()).unwrap();
        let (old, good, young) = (1_830_297_600, 1_790_000_000, 1_700_000_000);
        for (host, now, expected) in [
            ("relay.example", good, ""),
            ("relay.example", old, "has expired; renew it"),
            ("relay.example", young, "is not valid yet; look at the clock"),
            (
                "other.example",
                good,
                "is not for other.example, the hostname; issue one with that name",
            ),
        ] {
            let found = faults(&chain, &host.parse().unwrap(), Moment(now));
            assert_eq!(found.join(", "), expected, "{host} {now}");
        }
        std::fs::write(&chain, "none").unwrap();
        assert!(faults(&chain, &"a.example".parse().unwrap(), Moment(0)).is_empty());
    }

    #[test]
    fn a_new_certificate_is_taken_when_it_can_be_used_and_nothing_changes_otherwise() {
        let directory = tempfile::tempdir().unwrap();
        let (source, _) = issue(directory.path());
        let certificate = Certificate::load(source.clone()).unwrap();
        let first = certificate.current();
        std::fs::write(&source.chain, "half a certif").unwrap();
        let error = certificate.reload().unwrap_err().to_string();
        assert!(error.contains("chain.pem"), "{error}");
        assert!(Arc::ptr_eq(&first, &certificate.current()));
        issue(directory.path());
        certificate.reload().unwrap();
        assert!(!Arc::ptr_eq(&first, &certificate.current()));
    }
}
