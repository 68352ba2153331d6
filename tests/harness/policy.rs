//! The web server of a domain's policy (MTA-STS, RFC 8461): it answers whatever it is told to, over TLS.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::ca::Leaf;
use crate::place::Place;
use crate::sink::acceptor;

/// The last octet of its address; the port is the lab's.
pub const HOST: u8 = 41;

/// The records of a domain that has a policy. Nobody may remember the second, so that a test can change it.
pub fn records(id: &str) -> [String; 2] {
    [format!("mta-sts A 127.0.0.{HOST}"), record(id)]
}

fn record(id: &str) -> String {
    format!("_mta-sts 0 TXT \"v=STSv1; id={id}\"")
}

/// A policy that counts for a day.
pub fn policy(mode: &str, host: &str) -> Answer {
    Answer::ok(&format!("version: STSv1\r\nmode: {mode}\r\nmx: {host}\r\nmax_age: 86400\r\n"))
}

#[derive(Clone, Debug)]
pub struct Answer {
    /// All lines of the head but the length.
    pub head: String,
    pub body: Vec<u8>,
}

/// What somebody sent there.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `GET /path`
    pub line: String,
    pub head: String,
    pub body: Vec<u8>,
}

#[derive(Debug)]
pub struct WebServer {
    shared: Arc<Mutex<Shared>>,
    /// Dropped first: with it the server ends.
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    answer: Answer,
    requests: Vec<Request>,
}

impl Answer {
    pub fn ok(text: &str) -> Self {
        Self::with("200 OK", "Content-Type: text/plain; charset=utf-8", text.as_bytes())
    }

    pub fn with(status: &str, field: &str, body: &[u8]) -> Self {
        Self { head: format!("HTTP/1.1 {status}\r\n{field}\r\n"), body: body.to_vec() }
    }
}

impl WebServer {
    /// Where the records of [`records`] lead to.
    pub fn start(place: &Place, leaf: &Leaf, answer: Answer) -> Self {
        Self::start_at(place.at(HOST), leaf, answer)
    }

    pub fn start_at(address: SocketAddr, leaf: &Leaf, answer: Answer) -> Self {
        let listener = std::net::TcpListener::bind(address)
            .unwrap_or_else(|error| panic!("cannot bind {address}: {error}"));
        listener.set_nonblocking(true).expect("serve without blocking");
        let shared = Arc::new(Mutex::new(Shared { answer, requests: Vec::new() }));
        let (stop, stopped) = oneshot::channel();
        let serving = serve(listener, acceptor(leaf), Arc::clone(&shared));
        let server = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("build a runtime");
            runtime.block_on(async {
                tokio::select! {
                    () = serving => {}
                    _ = stopped => {}
                }
            });
        });
        Self { shared, stop: Some(stop), server: Some(server) }
    }

    /// What it answers from now on.
    pub fn answer(&self, answer: Answer) {
        lock(&self.shared).answer = answer;
    }

    /// What was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared).requests.clone()
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.stop = None;
        // A server that broke off has said why already.
        let _ = self.server.take().map(JoinHandle::join);
    }
}

async fn serve(listener: std::net::TcpListener, tls: TlsAcceptor, shared: Arc<Mutex<Shared>>) {
    let listener = TcpListener::from_std(listener).expect("listen");
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        // An error is the client's going away, which is its right.
        tokio::spawn(async move { converse(stream, tls, &shared).await.ok() });
    }
}

/// One request, one answer.
async fn converse(
    stream: TcpStream,
    tls: TlsAcceptor,
    shared: &Mutex<Shared>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(tls.accept(stream).await?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let length = head.to_ascii_lowercase();
    let length =
        length.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    stream.read_exact(&mut body).await?;
    let line = head.lines().next().unwrap_or_default();
    let line = line.rsplit_once(' ').map_or(line, |(asked, _)| asked).to_owned();
    let answer = {
        let mut shared = lock(shared);
        shared.requests.push(Request { line, head, body });
        shared.answer.clone()
    };
    let length = answer.body.len();
    let head = format!("{}Content-Length: {length}\r\nConnection: close\r\n\r\n", answer.head);
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&answer.body).await?;
    stream.shutdown().await
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
