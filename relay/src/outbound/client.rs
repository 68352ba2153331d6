//! One connection to one mail server: opened, proven, used for one mail after the other.

mod transaction;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;
use zegel_core::transport::{Certificate, Floor, Miss, Seen};

use super::command::{Extension, Offers};
use super::mx::Host;
use super::reply::Reply;
use super::tls::Connector;
use super::wire::{Fault, Stage, Wire, within};
use crate::lifecycle;

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
    /// As `Later`: what is demanded of every mail to the host is missed.
    Short { why: String, miss: Miss },
    /// Nothing of the mail was said; the content is untouched.
    Missed(Miss),
    /// For good.
    Refused { code: u16, enhanced: Option<String>, text: String },
    /// The connection had carried mail before, and has ended since: nobody heard of this one.
    Stale,
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
    opened: Instant,
    /// How many were begun on it.
    mails: u32,
    /// Nothing can be said on it any more.
    ended: bool,
}

/// A connection between two mails, without whom it was for.
#[derive(Debug)]
pub(super) struct Parked {
    wire: Wire<Stream>,
    offers: Offers,
    seen: Box<Seen>,
    opened: Instant,
    mails: u32,
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
            Ok((wire, offers)) => Ok(Session {
                peer: self,
                wire,
                offers,
                seen,
                opened: Instant::now(),
                mails: 0,
                ended: false,
            }),
            Err(Kind::Missed(miss)) if self.host.demands_proof() => {
                Err(Setback { kind: self.short_of_demand(miss), seen })
            }
            Err(kind) => Err(Setback { kind, seen }),
        }
    }

    /// Takes a connection up again. What it has shown stands; whether that is enough for this mail is asked anew.
    pub(super) fn resume(self, parked: Parked) -> Session<'a> {
        let Parked { wire, offers, seen, opened, mails } = parked;
        Session { peer: self, wire, offers, seen, opened, mails, ended: false }
    }

    /// Nothing may be said on a connection that falls short of what is demanded of every mail to its host. To go down the
    /// ladder would be of no use: what follows is a mail to the same host.
    fn short_of_demand(self, miss: Miss) -> Kind {
        let why = self.says(format!("4.7.5 {miss}, but {}", self.host.demanding()));
        Kind::Short { why, miss }
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
            port: Some(self.address.port()),
            tls: None,
            certificate: Certificate::None,
            authentic: self.host.authentic,
            rule: self.host.rule(),
            floor: None,
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

    pub(super) fn says(self, what: impl fmt::Display) -> String {
        format!("{} [{}]: {what}", self.host.name, self.address.ip())
    }
}

impl<'a> Session<'a> {
    /// Lets go of a connection that does not meet the floor, or falls short of what is demanded of every mail to its host,
    /// before anything of the mail is said.
    pub(super) async fn prove(mut self, floor: Option<Floor>) -> Result<Proven<'a>, Setback> {
        self.seen.floor = floor;
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
    /// What the connection had shown.
    pub(super) fn seen(&self) -> &Seen {
        &self.0.seen
    }

    /// Says QUIT, if it can still be heard; what the connection had shown.
    pub(super) async fn leave(self) -> Seen {
        if self.0.ended { *self.0.seen } else { self.0.leave().await }
    }

    /// What is left when its mail is done; `None` when nothing more can be said on it.
    pub(super) fn park(self) -> Option<Parked> {
        let Session { wire, offers, seen, opened, mails, ended, .. } = self.0;
        (!ended && wire.is_whole()).then_some(Parked { wire, offers, seen, opened, mails })
    }
}

impl Parked {
    pub(super) fn mails(&self) -> u32 {
        self.mails
    }

    pub(super) fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    pub(super) async fn leave(self) {
        self.wire.quit().await;
    }
}

impl Kind {
    /// Whether the server has said something about the mail or about itself, however long it took.
    pub(super) fn is_answer(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Short { .. } | Self::Missed(_))
    }
}

impl Setback {
    /// What happened, in the server's words where it had any.
    pub(super) fn reason(self) -> String {
        match self.kind {
            Kind::Unreachable(why)
            | Kind::Later(why)
            | Kind::Short { why, .. }
            | Kind::Spent(why) => why,
            Kind::Stale => format!("{}: the connection had ended", self.seen.host),
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
            Self::Stale => f.write_str("closed meanwhile"),
            Self::Later(_) | Self::Short { .. } | Self::Spent(_) => f.write_str("deferred"),
            Self::Missed(miss) => write!(f, "floor missed, {miss}"),
            Self::Refused { code, .. } => write!(f, "refused with {code}"),
        }
    }
}
