//! A receiving server that does as it is told: any certificate or none, any answer at any stage. It writes down every
//! command, so that a test can say "MAIL FROM was never said there".

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::ca::Leaf;
use crate::mailbox::{Arrival, Mailbox};

/// How the server behaves.
#[derive(Clone, Debug, Default)]
pub struct Script {
    starttls: StartTls,
    answers: Vec<Answer>,
}

#[derive(Clone, Debug, Default)]
enum StartTls {
    #[default]
    NotOffered,
    With(Leaf),
    /// Offered, answered with 220, and then the connection is closed.
    Broken,
}

/// What is answered to a verb instead of the usual, and how many times.
#[derive(Clone, Debug)]
struct Answer {
    verb: String,
    reply: String,
    times: usize,
}

/// One connection as it went.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// The protocol version, once TLS stands.
    pub tls: Option<String>,
    /// Every command line, in order.
    pub commands: Vec<String>,
    pub arrivals: Vec<Arrival>,
}

/// It serves on a thread of its own: a test that waits for a program must not keep the program waiting.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    sessions: Arc<Mutex<Vec<Session>>>,
    /// Dropped first: with it the server ends.
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

impl Script {
    /// A server without STARTTLS.
    pub fn plain() -> Self {
        Self::default()
    }

    pub fn with(leaf: &Leaf) -> Self {
        Self { starttls: StartTls::With(leaf.clone()), ..Self::default() }
    }

    /// A server whose TLS handshake never succeeds.
    pub fn broken_handshake() -> Self {
        Self { starttls: StartTls::Broken, ..Self::default() }
    }

    /// Answers `reply` to this verb the next so many times; `CONNECT` stands for the greeting and `.` for the end of
    /// data.
    #[must_use]
    pub fn answer(mut self, verb: &str, reply: &str, times: usize) -> Self {
        self.answers.push(Answer { verb: verb.to_owned(), reply: reply.to_owned(), times });
        self
    }

    fn take(&mut self, verb: &str) -> Option<String> {
        let answer =
            self.answers.iter_mut().find(|answer| answer.times > 0 && answer.verb == verb)?;
        answer.times -= 1;
        Some(answer.reply.clone())
    }
}

impl Session {
    pub fn said(&self, verb: &str) -> bool {
        self.commands.iter().any(|command| command.to_ascii_uppercase().starts_with(verb))
    }
}

impl Sink {
    pub fn start(address: SocketAddr, script: Script) -> Self {
        let listener = std::net::TcpListener::bind(address)
            .unwrap_or_else(|error| panic!("cannot bind {address}: {error}"));
        listener.set_nonblocking(true).expect("serve without blocking");
        let sessions = Arc::default();
        let (stop, stopped) = oneshot::channel();
        let serving = serve(listener, script, Arc::clone(&sessions));
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
        Self { address, sessions, stop: Some(stop), server: Some(server) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn sessions(&self) -> Vec<Session> {
        lock(&self.sessions).clone()
    }

    /// Shows everything that arrived, for those who look often and at much.
    pub fn look_at(&self, look: impl FnMut(&Arrival)) {
        lock(&self.sessions).iter().flat_map(|session| &session.arrivals).for_each(look);
    }
}

impl Mailbox for Sink {
    fn arrivals(&self) -> Vec<Arrival> {
        self.sessions().into_iter().flat_map(|session| session.arrivals).collect()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.stop = None;
        // A server that broke off has said why already.
        let _ = self.server.take().map(JoinHandle::join);
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Where one session is written down.
struct Record {
    sessions: Arc<Mutex<Vec<Session>>>,
    number: usize,
}

impl Record {
    fn note(&self, note: impl FnOnce(&mut Session)) {
        if let Some(session) = lock(&self.sessions).get_mut(self.number) {
            note(session);
        }
    }
}

/// The envelope of one transaction.
#[derive(Default)]
struct Envelope {
    sender: String,
    recipients: Vec<String>,
}

struct Conversation {
    stream: BufReader<Box<dyn Stream>>,
    script: Arc<Mutex<Script>>,
    tls: Option<TlsAcceptor>,
    encrypted: bool,
    envelope: Envelope,
    record: Record,
}

async fn serve(
    listener: std::net::TcpListener,
    script: Script,
    sessions: Arc<Mutex<Vec<Session>>>,
) {
    let tls = match &script.starttls {
        StartTls::With(leaf) => Some(acceptor(leaf)),
        StartTls::NotOffered | StartTls::Broken => None,
    };
    let listener = TcpListener::from_std(listener).expect("listen");
    let script = Arc::new(Mutex::new(script));
    while let Ok((stream, _)) = listener.accept().await {
        let number = lock(&sessions).len();
        lock(&sessions).push(Session::default());
        let record = Record { sessions: Arc::clone(&sessions), number };
        tokio::spawn(converse(Box::new(stream), Arc::clone(&script), tls.clone(), record));
    }
}

async fn converse(
    stream: Box<dyn Stream>,
    script: Arc<Mutex<Script>>,
    tls: Option<TlsAcceptor>,
    record: Record,
) {
    let stream = BufReader::new(stream);
    let mut conversation = Conversation {
        stream,
        script,
        tls,
        encrypted: false,
        envelope: Envelope::default(),
        record,
    };
    // An error is the client's going away, which is its right.
    let _ = conversation.run().await;
}

impl Conversation {
    async fn run(&mut self) -> std::io::Result<()> {
        self.answer("CONNECT", "220 sink.test ESMTP").await?;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let line = line.trim_end().to_owned();
            self.record.note(|session| session.commands.push(line.clone()));
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => self.hello().await?,
                "STARTTLS" => self.starttls().await?,
                "MAIL" => {
                    self.envelope = Envelope { sender: path(&line), recipients: Vec::new() };
                    self.answer("MAIL", "250 2.1.0 sender ok").await?;
                }
                "RCPT" => {
                    if self.answer("RCPT", "250 2.1.5 recipient ok").await? {
                        self.envelope.recipients.push(path(&line));
                    }
                }
                "DATA" => self.data().await?,
                "QUIT" => return self.say("221 2.0.0 bye").await,
                "RSET" | "NOOP" => self.say("250 2.0.0 ok").await?,
                _ => self.say("502 5.5.1 not here").await?,
            }
        }
    }

    async fn hello(&mut self) -> std::io::Result<()> {
        let offered =
            !matches!(lock(&self.script).starttls, StartTls::NotOffered) && !self.encrypted;
        let starttls = if offered { "250-STARTTLS\r\n" } else { "" };
        let usual = format!("250-sink.test\r\n{starttls}250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN");
        self.answer("EHLO", &usual).await.map(drop)
    }

    async fn starttls(&mut self) -> std::io::Result<()> {
        if !self.answer("STARTTLS", "220 2.0.0 go on").await? {
            return Ok(());
        }
        let Some(tls) = self.tls.clone() else {
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        };
        let plain: Box<dyn Stream> = Box::new(tokio::io::empty());
        let plain = std::mem::replace(&mut self.stream, BufReader::new(plain)).into_inner();
        let encrypted = tls.accept(plain).await?;
        let version =
            encrypted.get_ref().1.protocol_version().map(|version| format!("{version:?}"));
        self.record.note(|session| session.tls = version);
        self.stream = BufReader::new(Box::new(encrypted));
        self.encrypted = true;
        Ok(())
    }

    async fn data(&mut self) -> std::io::Result<()> {
        if !self.answer("DATA", "354 go on").await? {
            return Ok(());
        }
        let mut message = Vec::new();
        loop {
            let mut line = Vec::new();
            if self.stream.read_until(b'\n', &mut line).await? == 0 {
                return Ok(());
            }
            if line == b".\r\n" {
                break;
            }
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        if self.answer(".", "250 2.0.0 kept").await? {
            let Envelope { sender, recipients } = std::mem::take(&mut self.envelope);
            let copies = recipients.into_iter().map(|recipient| Arrival {
                sender: sender.clone(),
                recipient,
                message: message.clone(),
            });
            self.record.note(|session| session.arrivals.extend(copies));
        }
        Ok(())
    }

    /// Says what the script has for this verb, or the usual; whether that was a yes.
    async fn answer(&mut self, verb: &str, usual: &str) -> std::io::Result<bool> {
        let scripted = lock(&self.script).take(verb);
        let reply = scripted.unwrap_or_else(|| usual.to_owned());
        self.say(&reply).await?;
        Ok(reply.starts_with(['2', '3']))
    }

    async fn say(&mut self, reply: &str) -> std::io::Result<()> {
        self.stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
        self.stream.flush().await
    }
}

/// What stands between the angle brackets.
fn path(command: &str) -> String {
    let inside = command.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map(|(path, _)| path.to_owned()).unwrap_or_default()
}

pub(crate) fn acceptor(leaf: &Leaf) -> TlsAcceptor {
    let chain = CertificateDer::pem_file_iter(&leaf.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .expect("read the certificate");
    let key = PrivateKeyDer::from_pem_file(&leaf.private_key).expect("read the private key");
    let config = ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .expect("the provider has the usual versions")
    .with_no_client_auth()
    .with_single_cert(chain, key)
    .expect("serve with the certificate");
    TlsAcceptor::from(Arc::new(config))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::ServerName;
    use rustls::{CertificateError, ClientConfig, Error, RootCertStore};
    use tokio_rustls::TlsConnector;

    use super::*;
    use crate::ca::{Ca, Kind};
    use crate::letter::Letter;
    use crate::mailbox::arrival;
    use crate::place::Place;
    use crate::submit::submit;

    /// Shakes hands as a strict sender does: the protocol version, or why not.
    async fn handshake(sink: &Sink, ca: &Ca) -> Result<String, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca.root()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut stream =
            BufReader::new(tokio::net::TcpStream::connect(sink.address()).await.unwrap());
        stream.write_all(b"EHLO x\r\nSTARTTLS\r\n").await.unwrap();
        let mut line = String::new();
        while !line.ends_with("go on\r\n") {
            assert!(stream.read_line(&mut line).await.unwrap() > 0, "{line}");
        }
        let name = ServerName::try_from("mx.good.test").unwrap();
        match TlsConnector::from(Arc::new(config)).connect(name, stream.into_inner()).await {
            Ok(stream) => Ok(format!("{:?}", stream.get_ref().1.protocol_version().unwrap())),
            Err(error) => Err(error.into_inner().unwrap().downcast_ref::<Error>().unwrap().clone()),
        }
    }

    #[tokio::test]
    async fn each_kind_of_certificate_is_wrong_in_its_own_way_alone() {
        let place = Place::new();
        let ca = Ca::new(&place);
        let kinds = [
            Kind::Good,
            Kind::WrongName,
            Kind::Expired,
            Kind::NotYetValid,
            Kind::SelfSigned,
            Kind::OtherCa,
        ];
        for (host, kind) in (11..).zip(kinds) {
            let leaf = ca.issue(&place, kind, "mx.good.test", None);
            let sink = Sink::start(place.at(host), Script::with(&leaf));
            let seen = handshake(&sink, &ca).await;
            let as_meant = match (kind, &seen) {
                (Kind::Good, Ok(version)) => version == "TLSv1_3",
                (kind, Err(Error::InvalidCertificate(error))) => matches!(
                    (kind, error),
                    (Kind::WrongName, CertificateError::NotValidForNameContext { .. })
                        | (Kind::Expired, CertificateError::ExpiredContext { .. })
                        | (Kind::NotYetValid, CertificateError::NotValidYetContext { .. })
                        | (Kind::SelfSigned | Kind::OtherCa, CertificateError::UnknownIssuer)
                ),
                _ => false,
            };
            assert!(as_meant, "{kind:?}: {seen:?}");
        }
    }

    #[tokio::test]
    async fn a_sink_answers_as_it_is_told_and_then_as_usual_and_writes_all_of_it_down() {
        let place = Place::new();
        let script =
            Script::plain().answer("RCPT", "450 4.2.0 later", 1).answer(".", "552 5.2.2 full", 1);
        let sink = Sink::start(place.at(11), script);
        let letter = Letter::from("jan@org.test").to("lisa@good.test").text(".dot");
        assert_eq!(submit(sink.address(), &letter).await.code, 450);
        assert_eq!(submit(sink.address(), &letter).await.code, 552);
        assert!(sink.arrivals().is_empty());
        submit(sink.address(), &letter).await.expect_kept();
        let found = arrival(&sink, "the letter", |mail| mail.recipient == "lisa@good.test").await;
        assert_eq!((found.sender.as_str(), &found.message), ("jan@org.test", &letter.message()));
        assert_eq!(sink.sessions().iter().filter(|session| session.said("MAIL")).count(), 3);
        assert!(sink.sessions().iter().all(|session| session.tls.is_none()));
    }
}
