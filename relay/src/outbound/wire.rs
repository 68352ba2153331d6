//! Lines out, replies in, each within its time.

use std::fmt;
use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::reply::{Garbage, Reply};

/// Octets that are read at once; nearly every reply is shorter.
const CHUNK: usize = 4096;

/// The steps of a connection, each with its time.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Connect,
    Banner,
    Hello,
    StartTls,
    Handshake,
    MailFrom,
    RcptTo,
    Data,
    Content,
    EndOfData,
    Reset,
    Quit,
}

/// Why a connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("the connection was lost at {0}: {1}")]
    Lost(Stage, io::Error),
    #[error("no answer to {0} in time")]
    Silent(Stage),
    #[error("the answer to {0} is no SMTP reply: {1}")]
    Garbage(Stage, Garbage),
    /// Octets that nobody asked for. Before STARTTLS they may be an attacker's, who wants them read as if they had
    /// come encrypted; before the content they could be taken for its acceptance.
    #[error("the server spoke out of turn before {0}")]
    OutOfTurn(Stage),
}

/// A stream with what was received on it but not yet read as a reply.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: S,
    unread: Vec<u8>,
    /// A step failed: what would be said now may be read as something else.
    broken: bool,
}

impl Stage {
    /// RFC 5321, section 4.5.3.2, for what it names; [`Stage::Content`] is for one block.
    const fn limit(self) -> Duration {
        const MINUTE: u64 = 60;
        Duration::from_secs(match self {
            // The system would take two minutes to find a host silent, and there may be others to try.
            // To forget costs it nothing.
            Self::Connect | Self::Reset => 30,
            Self::Banner | Self::Hello | Self::StartTls | Self::MailFrom | Self::RcptTo => {
                5 * MINUTE
            }
            // Two round trips and a signature.
            Self::Handshake => MINUTE,
            Self::Data => 2 * MINUTE,
            Self::Content => 3 * MINUTE,
            Self::EndOfData => 10 * MINUTE,
            // A courtesy: the outcome is known.
            Self::Quit => 5,
        })
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Banner => "the greeting",
            Self::Hello => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Handshake => "the TLS handshake",
            Self::MailFrom => "MAIL FROM",
            Self::RcptTo => "RCPT TO",
            Self::Data => "DATA",
            Self::Content => "the content",
            Self::EndOfData => "the end of the content",
            Self::Reset => "RSET",
            Self::Quit => "QUIT",
        })
    }
}

/// Runs one step of a connection within its time.
pub(super) async fn within<T>(
    stage: Stage,
    step: impl Future<Output = io::Result<T>>,
) -> Result<T, Fault> {
    match timeout(stage.limit(), step).await {
        Ok(result) => result.map_err(|error| Fault::Lost(stage, error)),
        Err(_) => Err(Fault::Silent(stage)),
    }
}

impl<S> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, unread: Vec::new(), broken: false }
    }

    /// The bare stream, if there is nothing on it that waits to be read.
    pub(super) fn into_stream(self, stage: Stage) -> Result<S, Fault> {
        if self.unread.is_empty() { Ok(self.stream) } else { Err(Fault::OutOfTurn(stage)) }
    }

    /// The same wire, its stream seen as another type.
    pub(super) fn map<T>(self, wrap: impl FnOnce(S) -> T) -> Wire<T> {
        Wire { stream: wrap(self.stream), unread: self.unread, broken: self.broken }
    }
}

impl<S> Wire<S> {
    /// Whether what is said next will be read as what it is.
    pub(super) fn is_whole(&self) -> bool {
        !self.broken && self.unread.is_empty()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Says one line and waits for the reply.
    pub(super) async fn ask(&mut self, stage: Stage, line: &str) -> Result<Reply, Fault> {
        self.write(stage, format!("{line}\r\n").as_bytes()).await?;
        self.reply(stage).await
    }

    /// Sends octets, on a wire where nothing is left unread.
    pub(super) async fn write(&mut self, stage: Stage, octets: &[u8]) -> Result<(), Fault> {
        let written = if self.unread.is_empty() {
            let stream = &mut self.stream;
            within(stage, async move {
                stream.write_all(octets).await?;
                stream.flush().await
            })
            .await
        } else {
            Err(Fault::OutOfTurn(stage))
        };
        self.broken |= written.is_err();
        written
    }

    pub(super) async fn reply(&mut self, stage: Stage) -> Result<Reply, Fault> {
        let whole = timeout(stage.limit(), self.whole_reply(stage)).await;
        let reply = whole.unwrap_or(Err(Fault::Silent(stage)));
        self.broken |= reply.is_err();
        reply
    }

    async fn whole_reply(&mut self, stage: Stage) -> Result<Reply, Fault> {
        loop {
            let parsed =
                Reply::parse(&self.unread).map_err(|garbage| Fault::Garbage(stage, garbage))?;
            if let Some((reply, length)) = parsed {
                self.unread.drain(..length);
                return Ok(reply);
            }
            self.unread.reserve(CHUNK);
            match self.stream.read_buf(&mut self.unread).await {
                Ok(0) => return Err(Fault::Lost(stage, io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => {}
                Err(error) => return Err(Fault::Lost(stage, error)),
            }
        }
    }

    /// Takes leave without waiting for the answer: what matters is already known, and must get to disk.
    pub(super) async fn quit(mut self) {
        if !self.broken && self.write(Stage::Quit, b"QUIT\r\n").await.is_ok() {
            let _ = within(Stage::Quit, self.stream.shutdown()).await;
        }
    }
}
