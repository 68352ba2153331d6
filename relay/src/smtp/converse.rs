//! Does for a session what it asks for, on whatever stream.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout};
use tracing::info;

use super::pace::Pace;
use super::reply::Reply;
use super::session::{Action, Session};
use crate::admission::{Admission, Asked, Attempt, Authenticated};
use crate::intake::{Draft, Intake};
use crate::lifecycle::Lifecycle;

/// Octets read at once: what one TLS record holds.
const READ_MAX: usize = 16 * 1024;

/// Who does not take our replies for this long is gone (RFC 5321, section 4.5.3.2.7).
const WRITE_MAX: Duration = Duration::from_mins(5);

/// After the last reply. A connection that is closed with octets unread is reset, which can take that reply with it.
const LINGER_MAX: Duration = Duration::from_secs(2);

/// Replies to a client that does not come to a message, besides one for each recipient that it may name. No mail client
/// needs a hundredth of them.
const REPLIES_MAX: usize = 10_000;

/// One client from its greeting to its end, with the message in hand.
#[derive(Debug)]
pub(super) struct Conversation {
    session: Session,
    /// For the log; `None` is the local mail server.
    client: Option<IpAddr>,
    replies_max: usize,
    pace: Pace,
    draft: Option<Draft>,
    intake: Intake,
    lifecycle: Lifecycle,
}

/// Why a conversation stopped on this stream.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    /// It goes on inside TLS.
    StartTls,
    Over,
}

/// What the session answered, and what comes after it; `None`: the client's next words.
#[derive(Debug, Default)]
struct Said {
    replies: Vec<u8>,
    pause: Option<Pause>,
}

impl Conversation {
    pub(super) fn new(
        session: Session,
        client: Option<IpAddr>,
        recipients_max: usize,
        intake: Intake,
        lifecycle: Lifecycle,
    ) -> Self {
        let replies_max = REPLIES_MAX.saturating_add(recipients_max);
        Self { session, client, replies_max, pace: Pace::default(), draft: None, intake, lifecycle }
    }

    /// The handshake came about.
    pub(super) fn secured(&mut self) {
        self.session.secured();
    }

    /// Throws away the message whose end did not come.
    pub(super) fn end(self) {
        if let Some(draft) = self.draft {
            draft.abandon("its text did not come whole");
        }
    }

    /// Goes on until the client is gone, or wants TLS.
    pub(super) async fn go_on<S>(&mut self, stream: &mut S) -> io::Result<Pause>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin,
    {
        loop {
            if self.lifecycle.is_stopping() {
                self.session.stop();
            }
            // In a box of its own: an idle connection must not hold the room that keeping a message needs.
            let Said { replies, pause } = Box::pin(self.act()).await;
            if !replies.is_empty() {
                say(stream, &replies).await?;
            }
            match pause {
                None => {}
                Some(Pause::StartTls) => return Ok(Pause::StartTls),
                Some(Pause::Over) => return part(stream).await.map(|()| Pause::Over),
            }
            if !self.listen(stream).await? {
                return Ok(Pause::Over);
            }
        }
    }

    /// Waits for the client, not longer than it deserves; `false` when it is gone.
    async fn listen<S>(&mut self, stream: &mut S) -> io::Result<bool>
    where
        S: AsyncRead + Unpin,
    {
        let stopping = self.session.is_stopping();
        let allowance = self.pace.allowance(self.session.patience(), stopping);
        let since = Instant::now();
        tokio::select! {
            biased;
            // Once told, the session need not be told again: then only the client is waited for.
            () = self.lifecycle.stopping(), if !stopping => {}
            read = timeout(allowance, read(stream, &mut self.session)) => match read {
                Ok(octets) => {
                    let octets = octets?;
                    self.pace.waited(since.elapsed(), octets);
                    return Ok(octets > 0);
                }
                Err(_) => self.session.time_out(),
            },
        }
        Ok(true)
    }

    /// Does all that the session asks for. A draft that is dropped leaves nothing.
    async fn act(&mut self) -> Said {
        let mut said = Said::default();
        while let Some(action) = self.session.poll() {
            match action {
                Action::Reply(octets) => {
                    said.replies.extend_from_slice(&octets);
                    self.pace.answered();
                }
                Action::StartTls => {
                    said.pause = Some(Pause::StartTls);
                    break;
                }
                Action::Authenticate(attempt) => self.authenticate(&attempt).await,
                Action::Admit(asked) => self.admit(asked).await,
                Action::Begin(transaction) => {
                    self.draft = Some(self.intake.begin(transaction));
                    self.pace.began();
                }
                Action::Text(text) => {
                    if let Some(draft) = &mut self.draft {
                        draft.push(&text).await;
                    }
                }
                Action::End => {
                    if let Some(draft) = self.draft.take() {
                        self.session.settle(&draft.end().await);
                        self.pace.ended();
                    }
                }
                Action::Abandon => {
                    if let Some(draft) = self.draft.take() {
                        draft.abandon("its text was refused");
                        self.pace.ended();
                    }
                }
                Action::Close => {
                    said.pause = Some(Pause::Over);
                    break;
                }
            }
            if self.pace.replies() > self.replies_max {
                self.log("is cut off: it says too much without handing over a message");
                said.replies.extend(Reply::TooManyCommands.to_octets());
                said.pause = Some(Pause::Over);
                break;
            }
        }
        said
    }

    async fn authenticate(&mut self, attempt: &Attempt) {
        let authenticated = match self.client {
            Some(client) => self.intake.gate().authenticate(attempt, client).await,
            // Nobody logs in on a socket whose permissions are the proof.
            None => Authenticated::Wrong,
        };
        // Of a wrong password the gate itself tells.
        if authenticated == Authenticated::TooMany {
            self.log("is not heard: too many wrong passwords came from there, or for that login");
        }
        self.session.authenticated(authenticated);
    }

    async fn admit(&mut self, asked: Asked) {
        let admission = self.intake.admit(asked).await;
        match &admission {
            Admission::As(_) => {}
            Admission::NotAllowed(why) => self.log(&format!("is refused at MAIL: {why}")),
            Admission::NotAuthorised(why) => self.log(&format!("is refused at MAIL: {why}")),
            Admission::Full => self.log("is put off at MAIL: no space is left"),
            Admission::Unavailable => self.log("is put off at MAIL: it could not be found out"),
        }
        self.session.admitted(admission);
    }

    fn log(&self, what: &str) {
        if let Some(client) = self.client {
            info!(%client, "client {client} {what}");
        } else {
            info!("the local mail server {what}");
        }
    }
}

/// Reads into the session. The buffer lives while there is something to read, not while it is waited for.
async fn read<S>(stream: &mut S, session: &mut Session) -> io::Result<usize>
where
    S: AsyncRead + Unpin,
{
    poll_fn(|context| {
        let mut octets = [MaybeUninit::uninit(); READ_MAX];
        let mut octets = ReadBuf::uninit(&mut octets);
        ready!(Pin::new(&mut *stream).poll_read(context, &mut octets))?;
        session.receive(octets.filled());
        Poll::Ready(Ok(octets.filled().len()))
    })
    .await
}

/// Says it, and sees it out: TLS holds back what is not flushed.
pub(super) async fn say<S>(stream: &mut S, replies: &[u8]) -> io::Result<()>
where
    S: AsyncWrite + Unpin,
{
    timeout(WRITE_MAX, async {
        stream.write_all(replies).await?;
        stream.flush().await
    })
    .await?
}

/// Closes, and lets the client close too, so that it gets the last reply.
pub(super) async fn part<S>(stream: &mut S) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let parting = async {
        stream.shutdown().await?;
        let mut unheard = [0; 512];
        while stream.read(&mut unheard).await? > 0 {}
        Ok(())
    };
    // Who does not close is left.
    timeout(LINGER_MAX, parting).await.unwrap_or(Ok(()))
}
