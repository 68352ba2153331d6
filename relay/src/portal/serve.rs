//! Puts the portal on a socket: HTTP/1.1, inside TLS unless a proxy on this machine does that.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;
use tracing::{debug, info, warn};

use super::Portal;
use super::patient::Patient;
use super::visit::Peer;
use crate::certificate::{Certificate, CertificateError, Source};
use crate::config::{self, Limits};
use crate::lifecycle::Lifecycle;

/// A handshake that takes longer is not a browser's.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// From the first octet of a request, or the last answer, to the end of the header section.
const HEADERS_WITHIN: Duration = Duration::from_secs(15);
/// Octets of a header section (portal.md, section 7.6).
const HEADERS_SIZE_MAX: usize = 16 * 1024;
/// Browsers send about twenty.
const HEADERS_MAX: usize = 64;
/// Who takes nothing of an answer for this long is gone.
const STALLED_MAX: Duration = Duration::from_mins(1);
/// What is in hand at shutdown may take this long.
const CLOSING_MAX: Duration = Duration::from_secs(20);
/// After a failed accept (no file descriptors left): until some are given back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(
        "portal.listen = \"{0}\" can be reached from elsewhere: set portal.tls, or listen on 127.0.0.1 behind a proxy"
    )]
    NotLoopback(SocketAddr),
}

/// The certificate of the configuration; `None` when a proxy has one, which is only possible on this machine.
pub fn tls(portal: &config::Portal) -> Result<Option<Certificate>, TlsError> {
    let Some(files) = &portal.tls else {
        return if portal.listen.ip().is_loopback() {
            Ok(None)
        } else {
            Err(TlsError::NotLoopback(portal.listen))
        };
    };
    let source = Source {
        table: "portal.tls",
        chain: files.certificate.clone(),
        private_key: files.private_key.clone(),
        protocols: &[b"http/1.1"],
    };
    Ok(Some(Certificate::load(source)?))
}

/// Serves until `lifecycle` stops, then lets the requests in hand finish.
pub async fn serve(
    listener: TcpListener,
    certificate: Option<Certificate>,
    portal: Portal,
    limits: Limits,
    lifecycle: Lifecycle,
) {
    let router = portal.router();
    let permits = Arc::new(Semaphore::new(limits.portal_connections_max));
    loop {
        // The permit comes first: what cannot be served is left to wait with the kernel.
        let next = async { (permits.clone().acquire_owned().await, listener.accept().await) };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            () = lifecycle.stopping() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let acceptor = certificate.as_ref().map(|one| TlsAcceptor::from(one.current()));
                let connection = connect(stream, peer, acceptor, router.clone(), lifecycle.clone());
                lifecycle.spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => {
                warn!(%error, "the portal cannot accept a connection: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connect(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    lifecycle: Lifecycle,
) {
    // Answers are written whole; waiting for more to send only delays them. A socket that refuses is still served.
    let _ = stream.set_nodelay(true);
    let stream = Patient::new(stream, STALLED_MAX);
    let Some(acceptor) = acceptor else {
        return talk(stream, peer, router, lifecycle).await;
    };
    match timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => talk(stream, peer, router, lifecycle).await,
        Ok(Err(error)) => debug!(%peer, %error, "TLS handshake with {peer} failed: {error}"),
        Err(_) => debug!(%peer, "TLS handshake with {peer} took too long"),
    }
}

async fn talk<S>(stream: S, peer: SocketAddr, router: Router, lifecycle: Lifecycle)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        let router = router.clone();
        async move {
            Ok::<_, Infallible>(
                router.oneshot(request.map(Body::new)).await.unwrap_or_else(|never| match never {}),
            )
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_header_size(HEADERS_SIZE_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = lifecycle.stopping() => {
            connection.as_mut().graceful_shutdown();
            match timeout(CLOSING_MAX, connection).await {
                Ok(ended) => ended,
                Err(_) => return info!(%peer, "a portal connection was cut off at shutdown"),
            }
        }
    };
    if let Err(error) = ended {
        debug!(%peer, %error, "portal connection from {peer} ended: {error}");
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use rustls::pki_types::ServerName;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::certificate::fixture;
    use crate::portal::fixture::Fixture;

    fn portal_config(listen: &str, tls: Option<config::PortalTls>) -> config::Portal {
        config::Portal {
            public_origin: "https://bericht.voorbeeld.nl".to_owned().try_into().unwrap(),
            listen: listen.parse().unwrap(),
            tls,
            trusted_proxies: Vec::<IpAddr>::new(),
            security_contact: None,
            link_days: 30,
        }
    }

    #[tokio::test]
    async fn it_answers_over_tls_until_it_is_told_to_stop() {
        let fixture = Fixture::new().await;
        let directory = tempfile::tempdir().unwrap();
        let (source, client) = fixture::issue(directory.path());
        let files =
            config::PortalTls { certificate: source.chain, private_key: source.private_key };
        let tls = tls(&portal_config("0.0.0.0:0", Some(files))).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let lifecycle = Lifecycle::new();
        lifecycle.spawn(serve(
            listener,
            tls,
            fixture.portal.clone(),
            Limits::default(),
            lifecycle.clone(),
        ));

        let stream = TcpStream::connect(address).await.unwrap();
        let mut stream =
            client.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
        stream.write_all(b"GET /robots.txt HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut answer = vec![0; 64];
        stream.read_exact(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&answer));

        lifecycle.stop();
        lifecycle.finished().await;
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[track_caller]
    fn check_refused(portal: &config::Portal, says: &str) {
        let error = tls(portal).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn without_tls_it_listens_on_this_machine_alone() {
        assert!(tls(&portal_config("127.0.0.1:8080", None)).unwrap().is_none());
        assert!(tls(&portal_config("[::1]:8080", None)).unwrap().is_none());
        check_refused(&portal_config("0.0.0.0:8080", None), "set portal.tls");
    }
}
