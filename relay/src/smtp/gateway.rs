//! The SMTP gateway: clients that come over the network, to submit or to relay.
//! What becomes of each stands in [`super::reception`].

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::net::{TcpListener, TcpStream};

use super::crowd::Crowd;
use super::reception::Reception;
use super::server::{Permits, keep};
use super::terms::{Service, Terms};
use crate::certificate::{Certificate, CertificateError, Source};
use crate::config::{self, Config};
use crate::intake::Intake;
use crate::lifecycle::Lifecycle;

/// What the few clients that name a protocol mean. A browser that was lured here names another, and is turned away before
/// it has said a word (RFC 7301, section 3.2).
const PROTOCOLS: &[&[u8]] = &[b"smtp", b"esmtp"];

/// The listeners, bound. Nobody is accepted yet.
#[derive(Debug)]
pub struct Gateway {
    listeners: Vec<(config::Listener, TcpListener)>,
    config: config::Gateway,
    certificate: Certificate,
    submission: Door,
    relay: Door,
}

/// Why the gateway cannot be opened: which listener, why, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("gateway: listeners need TLS; set gateway.certificate and gateway.private-key")]
    NoCertificate,
    #[error("gateway.listeners: cannot listen on {0}: {1}; {what}", what = advice(.1))]
    Bind(SocketAddr, io::Error),
}

/// What all listeners of a service have in common.
#[derive(Clone, Debug)]
struct Door {
    terms: Arc<Terms>,
    permits: Permits,
    crowd: Crowd,
}

/// The certificate of the gateway; `None` when there are no listeners.
pub fn certificate(config: &config::Gateway) -> Result<Option<Certificate>, GatewayError> {
    if config.listeners.is_empty() {
        return Ok(None);
    }
    let (Some(chain), Some(private_key)) = (&config.certificate, &config.private_key) else {
        return Err(GatewayError::NoCertificate);
    };
    let (chain, private_key) = (chain.clone(), private_key.clone());
    let source = Source { table: "gateway", chain, private_key, protocols: PROTOCOLS };
    Ok(Some(Certificate::load(source)?))
}

impl Gateway {
    /// Binds all listeners of the configuration; `None` when there are none.
    pub async fn bind(config: &Config) -> Result<Option<Self>, GatewayError> {
        let Some(certificate) = certificate(&config.gateway)? else { return Ok(None) };
        let mut listeners = Vec::new();
        for listener in &config.gateway.listeners {
            let bound = TcpListener::bind(listener.listen)
                .await
                .map_err(|error| GatewayError::Bind(listener.listen, error))?;
            listeners.push((listener.clone(), bound));
        }
        Ok(Some(Self {
            listeners,
            config: config.gateway.clone(),
            certificate,
            submission: Door::new("submission", Service::Submission, config),
            relay: Door::new("relay", Service::Relay, config),
        }))
    }

    /// What to read again when the files have changed.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Where it listens.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|(_, socket)| socket.local_addr().ok()).collect()
    }

    /// Serves clients until the process is to stop.
    pub async fn serve(self, intake: Intake, lifecycle: Lifecycle) {
        let Self { listeners, config, certificate, submission, relay } = self;
        let gateway = Arc::new(config);
        let listeners = listeners.into_iter().map(|(listener, socket)| {
            let Door { terms, permits, crowd } = match listener.service {
                config::Service::Submission => submission.clone(),
                config::Service::Relay => relay.clone(),
            };
            let terms = Arc::new(Terms::clone(&terms).with_bounces(intake.bounces().cloned()));
            let reception = Reception {
                terms,
                crowd,
                implicit_tls: listener.implicit_tls,
                certificate: certificate.clone(),
                gateway: Arc::clone(&gateway),
                intake: intake.clone(),
                lifecycle: lifecycle.clone(),
            };
            serve(socket, permits, Arc::new(reception))
        });
        join_all(listeners).await;
    }
}

/// Serves the clients of one listener.
async fn serve(socket: TcpListener, permits: Permits, reception: Arc<Reception>) {
    let welcome = |(stream, from): (TcpStream, SocketAddr), permit| {
        let own = Arc::clone(&reception);
        reception.lifecycle.spawn(async move {
            own.attend(stream, from.ip().to_canonical()).await;
            drop(permit);
        });
    };
    keep(&permits, &reception.lifecycle, || socket.accept(), welcome).await;
}

impl Door {
    fn new(name: &'static str, service: Service, config: &Config) -> Self {
        Self {
            // Only the local mail server has recipients that the milter rewrote.
            terms: Arc::new(Terms::new(service, config, None)),
            permits: Permits::new(name, config.limits.smtp_connections_max),
            crowd: Crowd::new(config.limits.smtp_connections_per_address_max),
        }
    }
}

/// What to do about a listener that cannot be bound.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there: stop that one, or choose another port"
        }
        io::ErrorKind::AddrNotAvailable => "this machine has no such address",
        io::ErrorKind::PermissionDenied => {
            "a port below 1024 needs CAP_NET_BIND_SERVICE, which the service unit gives"
        }
        _ => "see ip(7)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::fixture::issue;

    #[tokio::test]
    async fn listener_that_cannot_be_bound_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let (source, _) = issue(directory.path());
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let text = format!(
            r#"
            hostname = "relay.example.org"
            organisation = {{ name = "Example", from = "secure@example.org", language = "en" }}
            portal = {{ public-origin = "https://portal.example.org" }}
            [gateway]
            certificate = "{}"
            private-key = "{}"
            listeners = [{{ listen = "{address}", service = "relay" }}]
            "#,
            source.chain.display(),
            source.private_key.display()
        );
        let file = directory.path().join("relay.toml");
        std::fs::write(&file, text).unwrap();
        let error = Gateway::bind(&Config::read(&file).unwrap()).await.unwrap_err().to_string();
        let expected = format!("gateway.listeners: cannot listen on {address}: ");
        assert!(error.starts_with(&expected) && error.contains("another program"), "{error}");
    }
}
