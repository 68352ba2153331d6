//! The client that all servers have in common.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;
use zegel_tests::gateway::{Caller, Credential, HELLO};
use zegel_tests::submit::Client;

/// Octets of a small message.
const SMALL: usize = 4096;

/// What is written at once of a large one.
const PIECE: usize = 64 * 1024;

const LINE: &[u8] =
    b"Dear Lisa, the minutes are ready, and nothing in them is new to you today.\r\n";

/// One server and how one speaks to it.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) caller: Caller,
    /// Who one is there, where that is asked.
    pub(crate) credential: Option<Credential>,
}

/// A connection, ready for mail.
pub(crate) type Session = Client<TlsStream<TcpStream>>;

impl Server {
    async fn connect(&self) -> Session {
        let mut session = self.caller.starttls(self.address).await;
        assert_eq!(session.command(HELLO).await.code, 250);
        if let Some(credential) = &self.credential {
            assert_eq!(credential.plain(&mut session).await.code, 235, "the login is good");
        }
        session
    }

    async fn sessions(&self, count: usize) -> Vec<Session> {
        let mut sessions = Vec::with_capacity(count);
        for _ in 0..count {
            sessions.push(self.connect().await);
        }
        sessions
    }
}

/// So many connections that have nothing to say.
pub(crate) async fn idle(server: &Server, count: usize) -> Vec<Session> {
    server.sessions(count).await
}

/// How long it takes until the last of so many small messages is taken.
pub(crate) async fn small(server: &Server, sessions: usize, messages: usize) -> Duration {
    let left = Arc::new(AtomicUsize::new(messages));
    let sessions = server.sessions(sessions).await;
    let start = Instant::now();
    let mut sending = JoinSet::new();
    for mut session in sessions {
        let left = Arc::clone(&left);
        sending.spawn(async move {
            while take(&left) {
                let mut text = message(SMALL);
                text.extend_from_slice(b".\r\n");
                transaction(&mut session, &text).await;
            }
            session
        });
    }
    // They are closed when the time is taken.
    let _sessions = sending.join_all().await;
    start.elapsed()
}

/// How long it takes when every session sends one message of so many octets.
pub(crate) async fn large(server: &Server, sessions: usize, octets: usize) -> Duration {
    let body: Arc<[u8]> = LINE.repeat(octets / LINE.len()).into();
    let sessions = server.sessions(sessions).await;
    let start = Instant::now();
    let mut sending = JoinSet::new();
    for mut session in sessions {
        let body = Arc::clone(&body);
        sending.spawn(async move {
            begin(&mut session).await;
            session.send(&message(0)).await;
            for piece in body.chunks(PIECE) {
                session.send(piece).await;
            }
            session.send(b".\r\n").await;
            session.reply().await.expect_kept();
        });
    }
    sending.join_all().await;
    start.elapsed()
}

fn take(left: &AtomicUsize) -> bool {
    left.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

async fn transaction(session: &mut Session, text: &[u8]) {
    begin(session).await;
    session.send(text).await;
    session.reply().await.expect_kept();
}

/// The envelope, as mail servers say it to one that offers PIPELINING.
async fn begin(session: &mut Session) {
    session.send(b"MAIL FROM:<jan@org.test>\r\nRCPT TO:<lisa@good.test>\r\nDATA\r\n").await;
    for expected in [250, 250, 354] {
        let reply = session.reply().await;
        assert_eq!(reply.code, expected, "{}", reply.text);
    }
}

/// A message of at least so many octets, unlike any other: the same one again would be recognised.
fn message(octets: usize) -> Vec<u8> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut message = format!(
        "From: Jan de Vries <jan@org.test>\r\nTo: Lisa Bakker <lisa@good.test>\r\n\
         Subject: Minutes of Thursday, and what is still open\r\nDate: Thu, 20 Nov 2025 10:30:00 +0100\r\n\
         Message-ID: <{count}.5d7c1b60@org.test>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=us-ascii\r\n\r\n"
    )
    .into_bytes();
    while message.len() < octets {
        message.extend_from_slice(LINE);
    }
    message
}
