//! Lets clients in, and serves the local mail server. The gateway's clients are [`super::gateway`]'s.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tracing::{debug, warn};

use super::converse::Conversation;
use super::session::Session;
use super::terms::{Peer, Terms};
use crate::intake::Intake;
use crate::lifecycle::Lifecycle;

/// Before accepting again after it failed: what is short, mostly file descriptors, does not come back at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

const LOCAL: Peer = Peer { address: None, secure: false };

/// Serves the local mail server by LMTP until the process is to stop, with at most `connections_max` connections at once.
pub async fn serve(
    listener: UnixListener,
    intake: Intake,
    terms: Terms,
    connections_max: usize,
    lifecycle: Lifecycle,
) {
    let terms = Arc::new(terms.with_bounces(intake.bounces().cloned()));
    let permits = Permits::new("LMTP", connections_max);
    let accept = || async { listener.accept().await.map(|(stream, _)| stream) };
    let welcome = |stream, permit| {
        let session = Session::new(Arc::clone(&terms), LOCAL);
        let recipients = terms.recipients_max;
        let conversation =
            Conversation::new(session, None, recipients, intake.clone(), lifecycle.clone());
        lifecycle.spawn(async move {
            attend(stream, conversation).await;
            drop(permit);
        });
    };
    keep(&permits, &lifecycle, accept, welcome).await;
}

/// One client, from the greeting until it is gone.
async fn attend(mut stream: UnixStream, mut conversation: Conversation) {
    if let Err(error) = conversation.go_on(&mut stream).await {
        debug!("an LMTP client went away: {error}");
    }
    conversation.end();
}

/// How many connections there may be at once.
#[derive(Clone, Debug)]
pub(super) struct Permits {
    name: &'static str,
    max: usize,
    free: Arc<Semaphore>,
}

impl Permits {
    pub(super) fn new(name: &'static str, max: usize) -> Self {
        // A semaphore cannot count further; nor can a machine have so many connections.
        let max = max.min(Semaphore::MAX_PERMITS);
        Self { name, max, free: Arc::new(Semaphore::new(max)) }
    }

    /// Waits until there is one.
    async fn take(&self) -> io::Result<OwnedSemaphorePermit> {
        if self.free.available_permits() == 0 {
            let Self { name, max, .. } = self;
            warn!("{name}: {max} connections, which is all there may be; further clients wait");
        }
        Arc::clone(&self.free).acquire_owned().await.map_err(io::Error::other)
    }
}

/// Lets clients in until the process is to stop. The permit comes first: a client that is accepted is served; the others
/// wait.
pub(super) async fn keep<C, A>(
    permits: &Permits,
    lifecycle: &Lifecycle,
    accept: impl Fn() -> A,
    welcome: impl Fn(C, OwnedSemaphorePermit),
) where
    A: Future<Output = io::Result<C>>,
{
    loop {
        let next = async { Ok((permits.take().await?, accept().await?)) };
        let accepted: io::Result<_> = tokio::select! {
            biased;
            () = lifecycle.stopping() => return,
            accepted = next => accepted,
        };
        match accepted {
            Ok((permit, client)) => welcome(client, permit),
            Err(error) => {
                warn!("{}: cannot accept a client: {error}", permits.name);
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use zegel_core::moment::Moment;

    use super::super::{Service, bind};
    use super::*;
    use crate::admission::{Capabilities, Gate};
    use crate::config;
    use crate::intake::Rules;
    use crate::store::Store;
    use crate::vault::Keyring;

    fn lmtp(directory: &Path) -> config::Lmtp {
        config::Lmtp {
            socket: directory.join("relay.sock"),
            mode: config::Mode(0o600),
            group: None,
        }
    }

    /// A client of a server with one permit.
    async fn client(lmtp: &config::Lmtp) -> BufReader<UnixStream> {
        BufReader::new(UnixStream::connect(&lmtp.socket).await.unwrap())
    }

    async fn check_said(client: &mut BufReader<UnixStream>, say: &str, last: &str) {
        client.write_all(say.as_bytes()).await.unwrap();
        let mut line = String::new();
        while !line.starts_with(last) {
            line.clear();
            assert!(
                client.read_line(&mut line).await.unwrap() > 0,
                "no `{last}` was said to {say:?}"
            );
        }
    }

    #[tokio::test]
    async fn message_in_hand_is_finished_when_the_process_stops() {
        let directory = tempfile::tempdir().unwrap();
        let keyring = Keyring::create(&directory.path().join("relay.key")).unwrap();
        let store = Store::open(&directory.path().join("store"), keyring.into()).await.unwrap();
        store.add_domain(&"a.example".parse().unwrap(), Moment(0)).await.unwrap();
        let intake = Intake::new(
            store.clone(),
            Gate::new(store.clone()),
            Rules {
                link_days: 30,
                capabilities: Capabilities::default(),
                countries: zegel_core::phone::Countries::default(),
                own: "secure@b.example".parse().unwrap(),
            },
        );
        let (lmtp, lifecycle) = (lmtp(directory.path()), Lifecycle::new());
        let (listener, own) = (bind(&lmtp).unwrap(), lifecycle.clone());
        lifecycle.spawn(async move {
            let terms = Terms {
                service: Service::Lmtp,
                hostname: "relay.example".into(),
                message_size_max: 1000,
                recipients_max: 3,
                marker_key: None,
                bounces: None,
            };
            serve(listener, intake, terms, 2, own).await;
        });

        let (mut idle, mut busy) = (client(&lmtp).await, client(&lmtp).await);
        check_said(&mut idle, "", "220 ").await;
        let to_data = "LHLO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<els@b.example>\r\nDATA\r\n";
        check_said(&mut busy, to_data, "354 ").await;
        lifecycle.stop();
        check_said(&mut idle, "", "421 4.3.2 ").await;
        check_said(&mut busy, "From: jan@a.example\r\n\r\nBody\r\n.\r\nNOOP\r\n", "250 2.0.0 kept")
            .await;
        check_said(&mut busy, "", "421 4.3.2 ").await;
        lifecycle.finished().await;
        assert_eq!(store.list(true, 10).await.unwrap().len(), 1);
    }
}
