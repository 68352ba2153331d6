//! The LMTP socket: its permissions are the authentication of who connects to it.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown};
use std::path::Path;

use nix::unistd::Group;
use tokio::net::{UnixListener, UnixSocket};

use crate::config;

/// Clients that wait for a permit in the kernel.
const BACKLOG: u32 = 128;

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
    use super::*;

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
}
