//! One connection to one mail server: opened, proven, used once.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;
use zegel_core::transport::{Certificate, Floor, Miss, Seen};

use super::Mail;
use super::command::{self, Extension, Offers};
use super::mx::Host;
use super::reply::Reply;
use super::stuffing::Stuffing;
use super::tls::Connector;
use super::wire::{Fault, Stage, Wire, within};
use crate::lifecycle;

/// Octets of the content that are read at once.
const BLOCK: usize = 32 * 1024;

/// What is delivered, as the store gives it.
pub(super) type Content<'a> = dyn AsyncRead + Send + Unpin + 'a;

type Stream = Either<TcpStream, TlsStream<TcpStream>>;

/// Whom to speak to, and as whom.
#[derive(Copy, Clone, Debug)]
pub(super) struct Peer<'a> {
    pub(super) host: &'a Host,
    pub(super) address: SocketAddr,
    pub(super) source: Option<IpAddr>,
    pub(super) hostname: &'a str,
    pub(super) connector: &'a Connector,
}

/// What to do about STARTTLS.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    /// Nothing will be sent without it.
    Demanded,
    /// Used when the server offers it.
    Offered,
    /// Not even tried, because it has just failed.
    Off,
}

/// Why a connection did not take the mail, and what it had shown by then.
#[derive(Debug)]
pub(super) struct Setback {
    pub(super) kind: Kind,
    pub(super) seen: Box<Seen>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// No connection came about; the content is untouched.
    Unreachable(String),
    /// Another host or another time may do; the content is untouched.
    Later(String),
    /// Nothing of the mail was said; the content is untouched.
    Missed(Miss),
    /// For good.
    Refused { code: u16, enhanced: Option<String>, text: String },
    /// Another time may do, but another host may not: part of the content was read, or all of it sent and no one
    /// knows whether it was taken. It may then arrive twice, which is better than not at all.
    Spent(String),
}

/// A connection on which EHLO was last said.
#[derive(Debug)]
pub(super) struct Session<'a> {
    peer: Peer<'a>,
    wire: Wire<Stream>,
    offers: Offers,
    seen: Box<Seen>,
}

/// A session that meets the floor. Only here can MAIL FROM be said.
#[derive(Debug)]
pub(super) struct Proven<'a>(Session<'a>);

impl<'a> Peer<'a> {
    /// Connects, greets, and makes the connection secure as far as the server and `encryption` allow. A failed handshake
    /// is a miss.
    pub(super) async fn open(self, encryption: Encryption) -> Result<Session<'a>, Setback> {
        let mut seen = Box::new(self.bare());
        match self.approach(encryption, &mut seen).await {
            Ok((wire, offers)) => Ok(Session { peer: self, wire, offers, seen }),
            Err(Kind::Missed(miss)) if self.host.demands_proof() => {
                Err(Setback { kind: self.short_of_demand(miss), seen })
            }
            Err(kind) => Err(Setback { kind, seen }),
        }
    }

    /// Nothing may be said on a connection that falls short of what is demanded of every mail to its host. To go down the
    /// ladder would be of no use: what follows is a mail to the same host.
    fn short_of_demand(self, miss: Miss) -> Kind {
        self.later(format!("4.7.5 {miss}, but {}", self.host.demanding()))
    }

    /// The end of a connection that took too long as a whole; how far it had come is not known.
    pub(super) fn overdue(self) -> Setback {
        Setback {
            kind: Kind::Spent(self.says("the delivery took too long")),
            seen: Box::new(self.bare()),
        }
    }

    /// What is known before anything is said.
    fn bare(self) -> Seen {
        Seen {
            host: self.host.name.to_string(),
            address: Some(self.address.ip()),
            tls: None,
            certificate: Certificate::None,
            authentic: self.host.authentic,
            at: lifecycle::now(),
        }
    }

    async fn approach(
        self,
        encryption: Encryption,
        seen: &mut Seen,
    ) -> Result<(Wire<Stream>, Offers), Kind> {
        let tcp = within(Stage::Connect, self.connect())
            .await
            .map_err(|fault| Kind::Unreachable(self.says(fault)))?;
        let mut wire = Wire::new(tcp);
        let banner = wire.reply(Stage::Banner).await.map_err(|fault| self.later(fault))?;
        self.positive(Stage::Banner, banner)?;
        let offers = self.hello(&mut wire, encryption).await?;
        if !offers.has(Extension::StartTls) || encryption == Encryption::Off {
            return Ok((wire.map(Either::Left), offers));
        }
        let reply =
            wire.ask(Stage::StartTls, "STARTTLS").await.map_err(|fault| self.later(fault))?;
        if !reply.is_positive() {
            if encryption == Encryption::Demanded && !reply.is_permanent() {
                return Err(self.later(format!("{}: {reply}", Stage::StartTls)));
            }
            return Ok((wire.map(Either::Left), offers));
        }
        let mut wire = self.secure(wire, seen).await?;
        let offers = self.hello(&mut wire, Encryption::Demanded).await?;
        Ok((wire.map(Either::Right), offers))
    }

    /// A server may close the connection instead of saying why it cannot agree on TLS, so a lost connection is a failed
    /// handshake; one that stays silent is not.
    async fn secure(
        self,
        wire: Wire<TcpStream>,
        seen: &mut Seen,
    ) -> Result<Wire<TlsStream<TcpStream>>, Kind> {
        let tcp = wire.into_stream(Stage::Handshake).map_err(|fault| self.later(fault))?;
        let handshake = self.connector.secure(tcp, self.host, seen.at);
        let secured = within(Stage::Handshake, handshake).await.map_err(|fault| match fault {
            Fault::Lost(..) => Kind::Missed(Miss::HandshakeFailed),
            fault => self.later(fault),
        })?;
        seen.tls = Some(secured.tls);
        seen.certificate = secured.certificate;
        Ok(Wire::new(secured.stream))
    }

    async fn connect(self) -> io::Result<TcpStream> {
        let socket =
            if self.address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
        if let Some(source) = self.source {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        let tcp = socket.connect(self.address).await?;
        tcp.set_nodelay(true)?;
        Ok(tcp)
    }

    /// A server that knows no EHLO offers no STARTTLS either: it is only of use when nothing is demanded.
    async fn hello<S>(self, wire: &mut Wire<S>, encryption: Encryption) -> Result<Offers, Kind>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let ehlo = wire
            .ask(Stage::Hello, &format!("EHLO {}", self.hostname))
            .await
            .map_err(|fault| self.later(fault))?;
        if ehlo.is_permanent() && encryption != Encryption::Demanded {
            let helo = wire.ask(Stage::Hello, &format!("HELO {}", self.hostname)).await;
            self.positive(Stage::Hello, helo.map_err(|fault| self.later(fault))?)?;
            return Ok(Offers::default());
        }
        Ok(Offers::read(&self.positive(Stage::Hello, ehlo)?))
    }

    fn positive(self, stage: Stage, reply: Reply) -> Result<Reply, Kind> {
        if reply.is_positive() { Ok(reply) } else { Err(self.later(format!("{stage}: {reply}"))) }
    }

    fn later(self, what: impl fmt::Display) -> Kind {
        Kind::Later(self.says(what))
    }

    fn says(self, what: impl fmt::Display) -> String {
        format!("{} [{}]: {what}", self.host.name, self.address.ip())
    }
}

impl<'a> Session<'a> {
    /// Lets go of a connection that does not meet the floor, or falls short of what is demanded of every mail to its host,
    /// before anything of the mail is said.
    pub(super) async fn prove(self, floor: Option<Floor>) -> Result<Proven<'a>, Setback> {
        let demanded =
            self.peer.host.check(&self.seen).map_err(|miss| self.peer.short_of_demand(miss));
        let reached = || floor.map_or(Ok(()), |floor| floor.check(&self.seen));
        match demanded.and_then(|()| reached().map_err(Kind::Missed)) {
            Ok(()) => Ok(Proven(self)),
            Err(kind) => Err(Setback { kind, seen: Box::new(self.leave().await) }),
        }
    }

    async fn leave(self) -> Seen {
        self.wire.quit().await;
        *self.seen
    }
}

impl Proven<'_> {
    /// Says QUIT; what the connection had shown.
    pub(super) async fn leave(self) -> Seen {
        self.0.leave().await
    }

    /// MAIL FROM to the reply after the final dot.
    pub(super) async fn transact(
        mut self,
        mail: &Mail<'_>,
        content: &mut Content<'_>,
    ) -> Result<Seen, Setback> {
        match self.hand_over(mail, content).await {
            Ok(()) => Ok(self.0.leave().await),
            // In the midst of the content QUIT would be content.
            Err(kind @ Kind::Spent(_)) => Err(Setback { kind, seen: self.0.seen }),
            Err(kind) => Err(Setback { kind, seen: Box::new(self.0.leave().await) }),
        }
    }

    async fn hand_over(&mut self, mail: &Mail<'_>, content: &mut Content<'_>) -> Result<(), Kind> {
        self.envelope(mail).await?;
        self.write(Stage::Data, "DATA").await?;
        let go_ahead = self.reply(Stage::Data).await?;
        if go_ahead.code != 354 {
            return Err(self.turned_down(Stage::Data, &go_ahead));
        }
        self.pour(content).await?;
        match self.reply(Stage::EndOfData).await {
            Ok(reply) if reply.is_positive() => Ok(()),
            Ok(reply) => Err(spent(self.turned_down(Stage::EndOfData, &reply))),
            Err(kind) => Err(spent(kind)),
        }
    }

    async fn envelope(&mut self, mail: &Mail<'_>) -> Result<(), Kind> {
        let offers = &self.0.offers;
        if command::needs_smtputf8(mail) && !offers.has(Extension::SmtpUtf8) {
            let text = "the server takes no addresses with characters beyond ASCII".to_owned();
            return Err(Kind::Refused { code: 550, enhanced: Some("5.6.7".to_owned()), text });
        }
        let (mail_from, rcpt_to) = (
            command::mail_from(mail, offers, &self.0.seen),
            command::rcpt_to(mail.recipient, offers),
        );
        if offers.has(Extension::Pipelining) {
            self.write(Stage::MailFrom, &format!("{mail_from}\r\n{rcpt_to}")).await?;
            self.accepted(Stage::MailFrom).await?;
        } else {
            self.write(Stage::MailFrom, &mail_from).await?;
            self.accepted(Stage::MailFrom).await?;
            self.write(Stage::RcptTo, &rcpt_to).await?;
        }
        self.accepted(Stage::RcptTo).await
    }

    /// The content and the final dot.
    async fn pour(&mut self, content: &mut Content<'_>) -> Result<(), Kind> {
        let mut stuffing = Stuffing::new();
        let mut block = vec![0; BLOCK];
        let mut out = Vec::with_capacity(BLOCK + BLOCK / 8);
        loop {
            let unreadable =
                |error| Kind::Spent(format!("the stored message cannot be read: {error}"));
            let length = content.read(&mut block).await.map_err(unreadable)?;
            if length == 0 {
                break;
            }
            let piece = block.get(..length).unwrap_or_default();
            stuffing.put(piece, &mut out).map_err(|error| Kind::Spent(error.to_string()))?;
            self.put(&out).await?;
            out.clear();
        }
        stuffing.end(&mut out).map_err(|error| Kind::Spent(error.to_string()))?;
        self.put(&out).await
    }

    /// A server that has enough of a message may say so and close: its words count, if they can still be read.
    async fn put(&mut self, octets: &[u8]) -> Result<(), Kind> {
        let Err(fault) = self.0.wire.write(Stage::Content, octets).await else { return Ok(()) };
        match self.0.wire.reply(Stage::Quit).await {
            Ok(reply) if reply.is_permanent() => Err(self.turned_down(Stage::Content, &reply)),
            _ => Err(spent(self.0.peer.later(fault))),
        }
    }

    async fn accepted(&mut self, stage: Stage) -> Result<(), Kind> {
        let reply = self.reply(stage).await?;
        if reply.is_positive() { Ok(()) } else { Err(self.turned_down(stage, &reply)) }
    }

    async fn write(&mut self, stage: Stage, lines: &str) -> Result<(), Kind> {
        self.0
            .wire
            .write(stage, format!("{lines}\r\n").as_bytes())
            .await
            .map_err(|fault| self.0.peer.later(fault))
    }

    async fn reply(&mut self, stage: Stage) -> Result<Reply, Kind> {
        self.0.wire.reply(stage).await.map_err(|fault| self.0.peer.later(fault))
    }

    /// What a server says of content that it has seen may quote it: a subject, the name of a file, a code. Only its
    /// codes are kept.
    fn turned_down(&self, stage: Stage, reply: &Reply) -> Kind {
        let wordless = reply.without_words();
        let reply = match stage {
            Stage::Content | Stage::EndOfData => &wordless,
            _ => reply,
        };
        if reply.is_permanent() {
            return Kind::Refused {
                code: reply.code,
                enhanced: reply.enhanced.clone(),
                text: reply.text(),
            };
        }
        self.0.peer.later(format!("{stage}: {reply}"))
    }
}

impl Setback {
    /// What happened, in the server's words where it had any.
    pub(super) fn reason(self) -> String {
        match self.kind {
            Kind::Unreachable(why) | Kind::Later(why) | Kind::Spent(why) => why,
            Kind::Missed(miss) => format!("{}: {miss}", self.seen.host),
            Kind::Refused { code, text, .. } => format!("{}: {code} {text}", self.seen.host),
        }
    }
}

impl fmt::Display for Kind {
    /// The kind alone: what a server said may name the recipient.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(_) => f.write_str("unreachable"),
            Self::Later(_) | Self::Spent(_) => f.write_str("deferred"),
            Self::Missed(miss) => write!(f, "floor missed, {miss}"),
            Self::Refused { code, .. } => write!(f, "refused with {code}"),
        }
    }
}

/// Once content has been sent, what would be for another host is for another time.
fn spent(kind: Kind) -> Kind {
    match kind {
        Kind::Later(why) | Kind::Unreachable(why) => Kind::Spent(why),
        Kind::Missed(_) | Kind::Refused { .. } | Kind::Spent(_) => kind,
    }
}
