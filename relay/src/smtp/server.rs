//! Puts sessions on a socket. The only file of this room that knows tokio.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::Group;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::session::{Action, Patience, Session, Terms};
use crate::config;
use crate::intake::{Draft, Intake};
use crate::lifecycle::Lifecycle;

/// Between two commands (RFC 5321, section 4.5.3.2.7).
const COMMAND_TIMEOUT: Duration = Duration::from_mins(5);

/// Between two pieces of a text. Clients give us ten minutes for the reply to its end (RFC 5321, section 4.5.3.2.6), so
/// a slow disk of theirs deserves as much.
const TEXT_TIMEOUT: Duration = Duration::from_mins(10);

/// Between two pieces of a text when the process is to stop. The client keeps what it could not hand over.
const STOPPING_TIMEOUT: Duration = Duration::from_secs(10);

/// Octets read at once, and with it those that a session has unread.
const READ_MAX: usize = 64 * 1024;

/// Clients that wait for a permit in the kernel.
const BACKLOG: u32 = 128;

/// Before accepting again after it failed: what is short, mostly file descriptors, does not come back at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// A socket that cannot be listened on: which, why, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{path}`: {why}")]
pub struct BindError {
    path: String,
    why: String,
}

/// Binds the socket of the configuration. One that a dead process left behind is replaced, one that somebody answers on
/// is not. Nobody can connect before mode and group are set.
pub fn bind(lmtp: &config::Lmtp) -> Result<UnixListener, BindError> {
    let error = |why: String| BindError { path: lmtp.socket.display().to_string(), why };
    let group = lmtp.group.as_deref().map(group_id).transpose().map_err(error)?;
    remove_stale(&lmtp.socket).map_err(error)?;
    listen(&lmtp.socket, lmtp.mode.0, group).map_err(|failed| error(failed.to_string()))
}

/// Accepts clients until the process is to stop. Each has a session of its own, at most `connections_max` of them at once;
/// the others wait.
pub async fn serve(
    listener: UnixListener,
    intake: Intake,
    terms: Terms,
    connections_max: usize,
    lifecycle: Lifecycle,
) {
    let terms = Arc::new(terms);
    let permits = Arc::new(Semaphore::new(connections_max));
    loop {
        let accepted = tokio::select! {
            biased;
            () = lifecycle.stopping() => return,
            accepted = accept(&listener, &permits) => accepted,
        };
        match accepted {
            Ok((stream, permit)) => {
                let session = Session::new(Arc::clone(&terms));
                let (intake, own) = (intake.clone(), lifecycle.clone());
                lifecycle.spawn(async move {
                    attend(stream, session, &intake, &own).await;
                    drop(permit);
                });
            }
            Err(error) => {
                warn!("cannot accept LMTP clients: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The permit comes first: a client that is accepted is served.
async fn accept(
    listener: &UnixListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(UnixStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

/// One client, from the greeting until it is gone.
async fn attend(stream: UnixStream, session: Session, intake: &Intake, lifecycle: &Lifecycle) {
    let mut draft = None;
    if let Err(error) = converse(stream, session, &mut draft, intake, lifecycle).await {
        debug!("an LMTP client went away: {error}");
    }
    if let Some(draft) = draft {
        draft.abandon("its text did not come whole");
    }
}

/// `draft` is the message in hand.
async fn converse<S>(
    mut stream: S,
    mut session: Session,
    draft: &mut Option<Draft>,
    intake: &Intake,
    lifecycle: &Lifecycle,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut octets = vec![0; READ_MAX];
    loop {
        if lifecycle.is_stopping() {
            session.stop();
        }
        let Said { replies, closing } = act(&mut session, draft, intake).await;
        timeout(COMMAND_TIMEOUT, stream.write_all(&replies)).await??;
        if closing {
            return stream.shutdown().await;
        }
        let patience = match session.patience() {
            _ if session.is_stopping() => STOPPING_TIMEOUT,
            Patience::Command => COMMAND_TIMEOUT,
            Patience::Text => TEXT_TIMEOUT,
        };
        tokio::select! {
            biased;
            // Once told, the session need not be told again: then only the client is waited for.
            () = lifecycle.stopping(), if !session.is_stopping() => {}
            read = timeout(patience, stream.read(&mut octets)) => match read {
                Ok(Ok(0)) => return Ok(()),
                Ok(Ok(length)) => session.receive(octets.get(..length).unwrap_or_default()),
                Ok(Err(error)) => return Err(error),
                Err(_) => session.time_out(),
            },
        }
    }
}

/// What the session answered.
#[derive(Default)]
struct Said {
    replies: Vec<u8>,
    closing: bool,
}

/// Does all that the session asks for. A draft that is dropped leaves nothing.
async fn act(session: &mut Session, draft: &mut Option<Draft>, intake: &Intake) -> Said {
    let mut said = Said::default();
    while let Some(action) = session.poll() {
        match action {
            Action::Reply(octets) => said.replies.extend_from_slice(&octets),
            Action::Begin(envelope) => *draft = Some(intake.begin(envelope)),
            Action::Text(text) => {
                if let Some(draft) = draft {
                    draft.push(&text).await;
                }
            }
            Action::End => {
                if let Some(draft) = draft.take() {
                    session.settle(&draft.end().await);
                }
            }
            Action::Abandon => {
                if let Some(draft) = draft.take() {
                    draft.abandon("its text was refused");
                }
            }
            Action::Close => said.closing = true,
        }
    }
    said
}

fn group_id(name: &str) -> Result<u32, String> {
    match Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        Ok(None) => Err(format!(
            "there is no group `{name}`; name that of the mail server, such as `postfix`"
        )),
        Err(error) => Err(format!("cannot look up the group `{name}`: {error}")),
    }
}

fn remove_stale(path: &Path) -> Result<(), String> {
    let is_socket = match path.symlink_metadata() {
        Ok(metadata) => metadata.file_type().is_socket(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    if !is_socket {
        return Err(
            "something that is no socket stands there; remove it, or choose another path".into()
        );
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err("another process answers on it; stop that one first".into()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
                .map_err(|error| format!("cannot remove what a dead process left: {error}"))
        }
        Err(error) => Err(format!("cannot tell whether another process answers on it: {error}")),
    }
}

fn listen(path: &Path, mode: u32, group: Option<u32>) -> io::Result<UnixListener> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    if group.is_some() {
        chown(path, None, group)?;
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    // Until here every connection is refused.
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, BufReader};
    use zegel_core::moment::Moment;

    use super::*;
    use crate::admission::Capabilities;
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

    #[track_caller]
    fn check_refused(lmtp: &config::Lmtp, expected: &str) {
        let error = bind(lmtp).unwrap_err().to_string();
        assert!(error.ends_with(expected), "{error}");
    }

    #[tokio::test]
    async fn socket_of_a_dead_process_is_replaced_and_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let lmtp = lmtp(directory.path());
        drop(std::os::unix::net::UnixListener::bind(&lmtp.socket).unwrap());
        let listener = bind(&lmtp).unwrap();
        assert_eq!(lmtp.socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        check_refused(&lmtp, "another process answers on it; stop that one first");
        drop(listener);
        std::fs::remove_file(&lmtp.socket).unwrap();
        std::fs::write(&lmtp.socket, "").unwrap();
        check_refused(
            &lmtp,
            "something that is no socket stands there; remove it, or choose another path",
        );
    }

    #[tokio::test]
    async fn a_wrong_group_is_told_before_anything_is_touched() {
        let directory = tempfile::tempdir().unwrap();
        let lmtp = lmtp(directory.path());
        check_refused(
            &config::Lmtp { group: Some("no such group".into()), ..lmtp.clone() },
            "there is no group `no such group`; name that of the mail server, such as `postfix`",
        );
        assert!(!lmtp.socket.exists());
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
            Rules {
                link_days: 30,
                capabilities: Capabilities::default(),
                own: "secure@b.example".parse().unwrap(),
            },
        );
        let (lmtp, lifecycle) = (lmtp(directory.path()), Lifecycle::new());
        let (listener, own) = (bind(&lmtp).unwrap(), lifecycle.clone());
        lifecycle.spawn(async move {
            let terms = Terms {
                hostname: "relay.example".into(),
                message_size_max: 1000,
                recipients_max: 3,
                marker_key: None,
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
