//! A client of the relay's SMTP gateway: an application, or another mail server.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::relay::Relay;
use crate::submit::{Client, Reply};

/// What the clients of the tests call themselves.
pub const HELLO: &str = "EHLO client.org.test";

/// A login that an administrator made.
#[derive(Clone, Debug)]
pub struct Credential {
    pub login: String,
    pub password: String,
}

/// What a client knows of the gateway: its host's name, and the root that it trusts.
#[derive(Clone)]
pub struct Caller {
    tls: TlsConnector,
    host: ServerName<'static>,
}

impl Credential {
    /// Has one made that may speak for this address or domain.
    pub fn create(relay: &Relay, scope: &str) -> Self {
        let printed = relay.command(&["credential", "create", "--for", scope]);
        let word = |key: &str| {
            let line = printed.lines().find_map(|line| line.strip_prefix(key));
            line.unwrap_or_else(|| panic!("no {key} in {printed}")).trim().to_owned()
        };
        Self { login: word("login"), password: word("password") }
    }

    /// Logs in by AUTH PLAIN (RFC 4616).
    pub async fn plain<S>(&self, client: &mut Client<S>) -> Reply
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        let words = STANDARD.encode(format!("\0{}\0{}", self.login, self.password));
        client.command(&format!("AUTH PLAIN {words}")).await
    }

    /// Logs in by AUTH LOGIN.
    pub async fn login<S>(&self, client: &mut Client<S>) -> Reply
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        for words in ["AUTH LOGIN".to_owned(), STANDARD.encode(&self.login)] {
            let reply = client.command(&words).await;
            if reply.code != 334 {
                return reply;
            }
        }
        client.command(&STANDARD.encode(&self.password)).await
    }
}

impl Caller {
    /// `root` is a PEM file.
    pub fn new(host: &str, root: &Path) -> Self {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(root).expect("read the root"))
            .expect("trust the root");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let host = ServerName::try_from(host.to_owned()).expect("a host's name");
        Self { tls: Arc::new(config).into(), host }
    }

    /// Greeted in the clear.
    pub async fn plain(&self, server: SocketAddr) -> Client<TcpStream> {
        let mut client = Client::new(connect(None, server).await);
        assert_eq!(client.reply().await.code, 220);
        client
    }

    /// Greeted inside TLS.
    pub async fn implicit(&self, server: SocketAddr) -> Client<TlsStream<TcpStream>> {
        let stream = self.handshake(connect(None, server).await).await.expect("a TLS handshake");
        let mut client = Client::new(stream);
        assert_eq!(client.reply().await.code, 220);
        client
    }

    /// After STARTTLS; nothing was said inside TLS yet.
    pub async fn starttls(&self, server: SocketAddr) -> Client<TlsStream<TcpStream>> {
        let client = self.plain(server).await;
        self.upgrade(client, "STARTTLS\r\n").await
    }

    /// Goes over to TLS, saying just this for it.
    pub async fn upgrade(
        &self,
        mut client: Client<TcpStream>,
        say: &str,
    ) -> Client<TlsStream<TcpStream>> {
        assert!(client.command(HELLO).await.text.contains("STARTTLS"), "STARTTLS is not offered");
        client.send(say.as_bytes()).await;
        assert_eq!(client.reply().await.code, 220);
        let stream = self.handshake(client.into_stream()).await.expect("a TLS handshake");
        Client::new(stream)
    }

    pub async fn handshake(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.tls.connect(self.host.clone(), stream).await
    }
}

/// A connection from an address of this machine; nothing was read or said.
pub async fn connect(source: Option<IpAddr>, server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("make a socket");
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0)).expect("take an address");
    }
    socket
        .connect(server)
        .await
        .unwrap_or_else(|error| panic!("cannot reach the gateway on {server}: {error}"))
}

/// The certificate that the server has shown.
pub fn shown(client: &Client<TlsStream<TcpStream>>) -> Vec<u8> {
    let (_, connection) = client.stream().get_ref();
    let chain = connection.peer_certificates().expect("a certificate");
    chain.first().expect("a certificate").to_vec()
}

/// What a proxy says first of a connection that it takes for this client (PROXY protocol, version 2).
pub fn proxy_header(client: Ipv4Addr) -> Vec<u8> {
    let mut octets = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    octets.extend(client.octets());
    octets.extend([127, 0, 0, 1, 0x30, 0x39, 0, 25]);
    octets
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller").field("host", &self.host).finish_non_exhaustive()
    }
}
