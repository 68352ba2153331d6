//! The socket that the mail server connects to, with the mode and the group that let it.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use indymilter::EitherListener;
use nix::unistd::Group;
use tokio::net::UnixSocket;

use crate::config::{Config, Socket};

/// The open socket, at which any number of threads may listen.
#[derive(Debug)]
pub enum Opened {
    Inet(TcpListener),
    Unix(UnixListener),
}

pub type Listener = EitherListener<tokio::net::TcpListener, tokio::net::UnixListener>;

/// Why the socket cannot be opened, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("cannot open {0}: {1}")]
    Bind(Socket, io::Error),
    #[error("{0}: another process answers there; stop it, or set another socket")]
    Taken(PathBuf),
    #[error("{0} is there and is no socket; remove it, or set another socket")]
    NoSocket(PathBuf),
    #[error("socket-group: there is no group {0:?}; create it, or name the mail server's own")]
    NoGroup(String),
    #[error("cannot give {0} to group {1:?}: {2}; the milter's user must be a member of it")]
    Group(PathBuf, String, io::Error),
}

/// Mail servers that wait in the kernel to be accepted.
const BACKLOG: u32 = 128;

/// Opens the configured socket. A file left behind by a process that is gone is replaced. Nobody is listened to before mode
/// and group are set, so that who may connect is never told "permission denied". Needs a runtime.
pub fn bind(config: &Config) -> Result<Opened, BindError> {
    let failed = |error| BindError::Bind(config.socket.clone(), error);
    match &config.socket {
        Socket::Inet(address) => TcpListener::bind(address).map(Opened::Inet).map_err(failed),
        Socket::Unix(path) => {
            clear(path)?;
            let socket = UnixSocket::new_stream().map_err(failed)?;
            socket.bind(path).map_err(failed)?;
            give(path, config.socket_group.as_deref())?;
            fs::set_permissions(path, fs::Permissions::from_mode(config.socket_mode.0))
                .map_err(failed)?;
            let listener = socket.listen(BACKLOG).and_then(tokio::net::UnixListener::into_std);
            listener.map(Opened::Unix).map_err(failed)
        }
    }
}

impl Opened {
    /// Listens in the runtime of the thread that calls this.
    pub fn listen(&self) -> io::Result<Listener> {
        match self {
            Self::Inet(listener) => {
                let listener = listener.try_clone()?;
                listener.set_nonblocking(true)?;
                tokio::net::TcpListener::from_std(listener).map(EitherListener::Tcp)
            }
            Self::Unix(listener) => {
                let listener = listener.try_clone()?;
                listener.set_nonblocking(true)?;
                tokio::net::UnixListener::from_std(listener).map(EitherListener::Unix)
            }
        }
    }
}

/// Removes the socket's file at the end.
pub fn remove(config: &Config) {
    if let Socket::Unix(path) = &config.socket {
        // It may be gone with its directory; the next start clears what is left.
        let _ = fs::remove_file(path);
    }
}

/// Removes a socket on which nobody listens.
fn clear(path: &Path) -> Result<(), BindError> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(BindError::NoSocket(path.to_owned()));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)
            .map_err(|error| BindError::Bind(Socket::Unix(path.to_owned()), error)),
        Ok(_) | Err(_) => Err(BindError::Taken(path.to_owned())),
    }
}

fn give(path: &Path, group: Option<&str>) -> Result<(), BindError> {
    let Some(name) = group else { return Ok(()) };
    let found =
        Group::from_name(name).ok().flatten().ok_or_else(|| BindError::NoGroup(name.to_owned()))?;
    chown(path, None, Some(found.gid.as_raw()))
        .map_err(|error| BindError::Group(path.to_owned(), name.to_owned(), error))
}
