//! One client of the gateway, from its connection until it is gone.
//!
//! A connection's way: the PROXY header, where a proxy brings it; a place among those of its client; TLS at once, where the
//! listener has it so; then the session, with TLS in its midst by STARTTLS.
//!
//! A client that speaks before its turn is not punished. It wins nothing: whoever hands over mail has to prove itself, and
//! only inside TLS, and what was said before TLS is forgotten there.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{debug, info};

use super::converse::{Conversation, Pause, part, say};
use super::crowd::Crowd;
use super::proxy::{Header, ProxyError};
use super::reply::Reply;
use super::session::Session;
use super::terms::{Peer, Terms};
use crate::certificate::Certificate;
use crate::config;
use crate::intake::Intake;
use crate::lifecycle::Lifecycle;

/// A proxy stands near, and sends its header first thing.
const HEADER_WITHIN: Duration = Duration::from_secs(5);

/// A handshake is two round trips and a signature; the rest is for a client on a bad line.
const HANDSHAKE_MAX: Duration = Duration::from_secs(30);

/// What the clients of a listener find.
#[derive(Debug)]
pub(super) struct Reception {
    pub(super) terms: Arc<Terms>,
    pub(super) crowd: Crowd,
    pub(super) implicit_tls: bool,
    pub(super) certificate: Certificate,
    pub(super) gateway: Arc<config::Gateway>,
    pub(super) intake: Intake,
    pub(super) lifecycle: Lifecycle,
}

/// Why a client is not served, or no longer.
#[derive(Debug, thiserror::Error)]
enum Gone {
    #[error("is refused: it is a proxy, and sent {0}")]
    Proxy(#[from] ProxyError),
    #[error("is refused: it is a proxy, and sent no PROXY header within {} s", HEADER_WITHIN.as_secs())]
    Mute,
    #[error(
        "refused: it has as many connections as a client may (limits.smtp-connections-per-address-max)"
    )]
    Crowded,
    #[error("is refused: the TLS handshake failed: {0}")]
    Handshake(io::Error),
    #[error("is refused: the TLS handshake took more than {} s", HANDSHAKE_MAX.as_secs())]
    SlowHandshake,
    #[error("is left in its handshake: the relay is stopping")]
    Stopping,
    #[error("went away: {0}")]
    Away(#[from] io::Error),
}

impl Reception {
    /// One client, until it is gone.
    pub(super) async fn attend(&self, stream: TcpStream, from: IpAddr) {
        // Replies are written whole; waiting for more to send only delays them. A socket that refuses is still served.
        let _ = stream.set_nodelay(true);
        let mut client = from;
        match self.receive(stream, &mut client).await {
            Ok(()) => {}
            Err(error @ Gone::Away(_)) => debug!(%client, "client {client} {error}"),
            Err(error) => info!(%client, "client {client} {error}"),
        }
    }

    /// `client` is whom the stream comes from, and becomes whom it comes from behind a proxy.
    async fn receive(&self, mut stream: TcpStream, client: &mut IpAddr) -> Result<(), Gone> {
        if self.gateway.is_proxy(*client)
            && let Some(behind) = introduced(&mut stream).await?
        {
            *client = behind.ip();
        }
        let Some(_place) = self.crowd.enter(*client) else {
            return self.turn_away(stream).await;
        };
        if self.implicit_tls {
            let mut stream = self.secure(stream).await?;
            let mut conversation = self.conversation(*client, true);
            let paused = conversation.go_on(&mut stream).await;
            conversation.end();
            paused?;
            return Ok(());
        }
        let mut conversation = self.conversation(*client, false);
        let ended = self.converse(stream, &mut conversation).await;
        conversation.end();
        ended
    }

    /// In the clear, and then inside TLS if the client wants it.
    async fn converse(
        &self,
        mut stream: TcpStream,
        conversation: &mut Conversation,
    ) -> Result<(), Gone> {
        if conversation.go_on(&mut stream).await? == Pause::StartTls {
            let mut stream = self.secure(stream).await?;
            conversation.secured();
            conversation.go_on(&mut stream).await?;
        }
        Ok(())
    }

    fn conversation(&self, client: IpAddr, secure: bool) -> Conversation {
        let terms = &self.terms;
        let peer = Peer { address: Some(client), secure };
        let session = Session::new(Arc::clone(terms), peer);
        let (intake, lifecycle) = (self.intake.clone(), self.lifecycle.clone());
        Conversation::new(session, Some(client), terms.recipients_max, intake, lifecycle)
    }

    /// What is unread of plaintext in the socket breaks the handshake; what the session has read it forgets.
    async fn secure(&self, stream: TcpStream) -> Result<Box<TlsStream<TcpStream>>, Gone> {
        let acceptor = TlsAcceptor::from(self.certificate.current());
        let handshake = Box::pin(timeout(HANDSHAKE_MAX, acceptor.accept(stream)));
        tokio::select! {
            biased;
            () = self.lifecycle.stopping() => Err(Gone::Stopping),
            done = handshake => {
                let done = done.map_err(|_| Gone::SlowHandshake)?;
                done.map(Box::new).map_err(Gone::Handshake)
            }
        }
    }

    /// Says that it is too many of them, where that can be said without a handshake.
    async fn turn_away(&self, mut stream: TcpStream) -> Result<(), Gone> {
        if !self.implicit_tls {
            say(&mut stream, &Reply::TooManyConnections.to_octets()).await?;
            part(&mut stream).await?;
        }
        Err(Gone::Crowded)
    }
}

/// Reads the PROXY header, and not an octet more.
async fn introduced(stream: &mut TcpStream) -> Result<Option<SocketAddr>, Gone> {
    let header = async {
        let mut octets = Vec::new();
        loop {
            match Header::read(&octets)? {
                Header::Whole(client) => return Ok(client),
                Header::Part(more) => {
                    let read = octets.len();
                    octets.resize(read + more, 0);
                    stream.read_exact(octets.get_mut(read..).unwrap_or_default()).await?;
                }
            }
        }
    };
    timeout(HEADER_WITHIN, header).await.unwrap_or(Err(Gone::Mute))
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::ServerName;
    use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
    use tokio_rustls::TlsConnector;
    use zegel_core::moment::Moment;

    use super::super::gateway::Gateway;
    use super::*;
    use crate::admission::{Capabilities, Gate};
    use crate::certificate::fixture::issue;
    use crate::config::Config;
    use crate::intake::Rules;
    use crate::store::Store;
    use crate::vault::Keyring;

    /// The header of a proxy that speaks for 192.0.2.`last`.
    fn header(last: u8) -> Vec<u8> {
        let addresses = [192, 0, 2, last, 198, 51, 100, 2, 0x30, 0x39, 0, 25];
        [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..], &addresses].concat()
    }

    /// A gateway with one listener.
    struct Fixture {
        address: SocketAddr,
        tls: TlsConnector,
        certificate: Certificate,
        lifecycle: Lifecycle,
        directory: tempfile::TempDir,
    }

    impl Fixture {
        /// `gateway` and `limits` are further lines of these tables.
        async fn new(implicit: bool, gateway: &str, limits: &str) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let (source, tls) = issue(directory.path());
            let text = format!(
                r#"
                hostname = "relay.example.org"
                organisation = {{ name = "Example", from = "secure@example.org", language = "en" }}
                portal = {{ public-origin = "https://portal.example.org" }}
                [gateway]
                certificate = "{}"
                private-key = "{}"
                {gateway}
                [[gateway.listeners]]
                listen = "127.0.0.1:0"
                service = "submission"
                implicit-tls = {implicit}
                [limits]
                {limits}
                "#,
                source.chain.display(),
                source.private_key.display()
            );
            std::fs::write(directory.path().join("relay.toml"), text).unwrap();
            let config = Config::read(&directory.path().join("relay.toml")).unwrap();
            let gateway = Gateway::bind(&config).await.unwrap().unwrap();
            let address = gateway.addresses()[0];
            let certificate = gateway.certificate().clone();
            let lifecycle = Lifecycle::new();
            let intake = intake(directory.path()).await;
            lifecycle.spawn(gateway.serve(intake, lifecycle.clone()));
            Self { address, tls, certificate, lifecycle, directory }
        }

        async fn client(&self) -> Client<TcpStream> {
            Client(BufReader::new(TcpStream::connect(self.address).await.unwrap()))
        }

        async fn secure(
            &self,
            stream: TcpStream,
        ) -> io::Result<Client<tokio_rustls::client::TlsStream<TcpStream>>> {
            let name = ServerName::try_from("localhost").unwrap();
            self.tls.connect(name, stream).await.map(|stream| Client(BufReader::new(stream)))
        }
    }

    async fn intake(directory: &std::path::Path) -> Intake {
        let keyring = Keyring::create(&directory.join("relay.key")).unwrap();
        let store = Store::open(&directory.join("store"), keyring.into()).await.unwrap();
        store.add_domain(&"a.example".parse().unwrap(), Moment(0)).await.unwrap();
        let rules = Rules {
            link_days: 30,
            capabilities: Capabilities::default(),
            countries: zegel_core::phone::Countries::default(),
            own: "secure@b.example".parse().unwrap(),
        };
        Intake::new(store.clone(), Gate::new(store), rules)
    }

    struct Client<S>(BufReader<S>);

    impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
        /// Says this, and reads a whole reply; empty when the server is gone.
        async fn ask(&mut self, say: &[u8]) -> String {
            // A server that is gone shows in what it does not answer.
            let _ = self.0.write_all(say).await;
            let _ = self.0.flush().await;
            let mut reply = String::new();
            loop {
                let from = reply.len();
                let read = self.0.read_line(&mut reply).await.unwrap_or(0);
                if read == 0 || reply.as_bytes().get(from + 3) != Some(&b'-') {
                    return reply;
                }
            }
        }

        async fn check(&mut self, say: &[u8], reply: &str) {
            let said = self.ask(say).await;
            let gone = reply.is_empty() && !said.is_empty();
            assert!(said.starts_with(reply) && !gone, "{said:?}, not {reply:?}");
        }
    }

    #[tokio::test]
    async fn starttls_starts_over_and_forgets_what_was_said_before() {
        let fixture = Fixture::new(false, "", "").await;
        let mut client = fixture.client().await;
        client.check(b"", "220 relay.example.org ESMTP").await;
        let offer = client.ask(b"EHLO client.example\r\n").await;
        assert!(offer.contains("STARTTLS") && !offer.contains("AUTH"), "{offer}");
        client.check(b"STARTTLS\r\nEHLO client.example\r\nHELP\r\n", "220 ").await;
        let mut client = fixture.secure(client.0.into_inner()).await.unwrap();
        // Neither of the two commands before has an answer, and the greeting is forgotten.
        client.check(b"NOOP\r\n", "250 2.0.0").await;
        client.check(b"MAIL FROM:<jan@a.example>\r\n", "503 ").await;
        let offer = client.ask(b"EHLO client.example\r\n").await;
        assert!(offer.contains("AUTH") && !offer.contains("STARTTLS"), "{offer}");
        client.check(b"QUIT\r\n", "221 ").await;
        client.check(b"", "").await;
    }

    #[tokio::test]
    async fn implicit_tls_comes_before_the_greeting() {
        let fixture = Fixture::new(true, "", "").await;
        let mut client = fixture.secure(fixture.client().await.0.into_inner()).await.unwrap();
        client.check(b"", "220 ").await;
        assert!(client.ask(b"EHLO client.example\r\n").await.contains("AUTH"));
    }

    #[tokio::test]
    async fn handshake_that_fails_ends_the_connection() {
        let fixture = Fixture::new(false, "", "").await;
        let mut client = fixture.client().await;
        client.check(b"", "220 ").await;
        client.check(b"EHLO client.example\r\n", "250-").await;
        client.check(b"STARTTLS\r\n", "220 ").await;
        let answer = client.ask(b"EHLO client.example\r\n").await;
        assert!(!answer.contains("250"), "{answer:?}");
        client.check(b"", "").await;
    }

    #[tokio::test]
    async fn certificate_that_was_renewed_counts_for_new_connections() {
        let fixture = Fixture::new(true, "", "").await;
        let mut before = fixture.secure(fixture.client().await.0.into_inner()).await.unwrap();
        let (_, renewed) = issue(fixture.directory.path());
        fixture.certificate.reload().unwrap();
        assert!(fixture.secure(fixture.client().await.0.into_inner()).await.is_err());
        let fixture = Fixture { tls: renewed, ..fixture };
        let mut after = fixture.secure(fixture.client().await.0.into_inner()).await.unwrap();
        before.check(b"", "220 ").await;
        after.check(b"", "220 ").await;
    }

    #[tokio::test]
    async fn client_has_so_many_connections_and_no_more() {
        let fixture = Fixture::new(false, "", "smtp-connections-per-address-max = 1").await;
        let mut first = fixture.client().await;
        first.check(b"", "220 ").await;
        let mut second = fixture.client().await;
        second.check(b"", "421 4.7.0 too many connections").await;
        second.check(b"", "").await;
        first.check(b"QUIT\r\n", "221 ").await;
        drop(first);
        // The place is given back when the server has seen it go.
        while !fixture.client().await.ask(b"").await.starts_with("220 ") {}
    }

    #[tokio::test]
    async fn client_that_comes_to_no_message_is_not_listened_to_for_ever() {
        let fixture = Fixture::new(false, "", "").await;
        let mut client = fixture.client().await;
        client.check(b"", "220 ").await;
        // One a time: nobody reads the replies meanwhile.
        let mut said = String::new();
        for _ in 0..20_000 {
            said = client.ask(b"NOOP\r\n").await;
            if !said.starts_with("250 ") {
                break;
            }
        }
        assert!(said.starts_with("421 4.7.0 too many commands"), "{said:?}");
        client.check(b"", "").await;
    }

    #[tokio::test]
    async fn who_says_nothing_is_not_waited_for_for_ever() {
        let plain = Fixture::new(false, "", "").await;
        let secure = Fixture::new(true, "", "").await;
        let proxied = Fixture::new(false, "proxies = [\"127.0.0.1\"]", "").await;
        // From here on, waiting takes no time.
        tokio::time::pause();
        let mut client = plain.client().await;
        client.check(b"", "220 ").await;
        client.check(b"", "421 4.4.2").await;
        client.check(b"", "").await;
        secure.client().await.check(b"", "").await;
        proxied.client().await.check(b"", "").await;
        proxied.client().await.check(&header(1)[..20], "").await;
    }

    #[tokio::test]
    async fn clients_of_a_proxy_are_told_apart_by_their_own_addresses() {
        let limits = "smtp-connections-per-address-max = 1";
        let fixture = Fixture::new(false, "proxies = [\"127.0.0.1\"]", limits).await;
        let (mut one, mut other) = (fixture.client().await, fixture.client().await);
        one.check(&header(1), "220 ").await;
        other.check(&header(2), "220 ").await;
        fixture.client().await.check(&header(1), "421 4.7.0 too many connections").await;
        one.check(b"NOOP\r\n", "250 ").await;
    }

    #[tokio::test]
    async fn proxy_has_to_say_whom_it_speaks_for_and_nobody_else_may() {
        let fixture = Fixture::new(false, "proxies = [\"127.0.0.1\"]", "").await;
        fixture.client().await.check(b"EHLO client.example\r\n", "").await;
        fixture.client().await.check(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\n", "").await;
        let strangers = Fixture::new(false, "proxies = [\"192.0.2.9\"]", "").await;
        let mut client = strangers.client().await;
        client.check(&header(1), "220 ").await;
        // The header holds two empty lines, and then a NUL.
        client.check(b"", "500 ").await;
        client.check(b"", "500 ").await;
        client.check(b"", "521 ").await;
        client.check(b"", "").await;
    }

    #[tokio::test]
    async fn client_that_means_another_server_is_turned_away() {
        let fixture = Fixture::new(true, "", "").await;
        let mut config = rustls::ClientConfig::clone(fixture.tls.config());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let fixture = Fixture { tls: Arc::new(config).into(), ..fixture };
        let Err(error) = fixture.secure(fixture.client().await.0.into_inner()).await else {
            panic!("a browser was let in");
        };
        assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
    }

    #[tokio::test]
    async fn nobody_is_waited_for_in_a_handshake_when_the_process_stops() {
        let fixture = Fixture::new(true, "", "").await;
        let mut client = fixture.client().await;
        // It has to be accepted before it can be left.
        while fixture.lifecycle.tasks() < 2 {
            tokio::task::yield_now().await;
        }
        fixture.lifecycle.stop();
        client.check(b"", "").await;
        fixture.lifecycle.finished().await;
    }
}
