//! Where one lab stands: a directory of its own, and one port number on as many loopback addresses as it likes.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Group, User, chown};
use tempfile::TempDir;

/// Below the range that outgoing connections take their ports from, so that none of them ever sits on ours.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// The last octet of the address that stays bound for as long as the lab lives: who has it has the port number.
const DEED: u8 = 2;

#[derive(Debug)]
pub struct Place {
    directory: Option<TempDir>,
    path: PathBuf,
    port: u16,
    _deed: TcpListener,
}

impl Place {
    pub fn new() -> Self {
        let directory = tempfile::Builder::new()
            .prefix("zegel-")
            .tempdir()
            .expect("make a temporary directory");
        // Mail servers give up their rights and must still pass through; what is secret has a mode of its own.
        fs::set_permissions(directory.path(), Permissions::from_mode(0o711))
            .expect("open the directory for passing");
        let (port, deed) = free_port();
        Self { path: directory.path().to_owned(), directory: Some(directory), port, _deed: deed }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file that only its owner can read.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let file = self.file(name);
        write_private(&file, content);
        file
    }

    /// Makes a directory for `owner`.
    pub fn directory(&self, name: &str, owner: &str) -> PathBuf {
        let directory = self.file(name);
        make_directory(&directory, 0o755, owner, None);
        directory
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.host` with this place's port.
    pub fn at(&self, host: u8) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), self.port))
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::env::var_os("ZEGEL_TESTS_KEEP").is_some() {
            self.directory.take().map(TempDir::keep);
        }
    }
}

/// Makes a directory with exactly this mode, owner and group.
pub fn make_directory(path: &Path, mode: u32, owner: &str, group: Option<&str>) {
    let user = User::from_name(owner)
        .ok()
        .flatten()
        .unwrap_or_else(|| panic!("no user {owner} on this machine"));
    let group = group.map(group_called);
    fs::create_dir_all(path)
        .unwrap_or_else(|error| panic!("cannot make {}: {error}", path.display()));
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("set the directory's mode");
    chown(path, Some(user.uid), group).unwrap_or_else(|error| {
        panic!("cannot give {} to {owner}: {error} (run as root)", path.display())
    });
}

/// Gives a file to a group, with this mode.
pub(crate) fn give(path: &Path, mode: u32, group: &str) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("set the file's mode");
    chown(path, None, Some(group_called(group)))
        .unwrap_or_else(|error| panic!("cannot give {} to {group}: {error}", path.display()));
}

fn group_called(name: &str) -> Gid {
    let group = Group::from_name(name).ok().flatten();
    group.unwrap_or_else(|| panic!("no group {name} on this machine")).gid
}

fn write_private(file: &Path, content: &str) {
    let fault = |error| -> ! { panic!("cannot write {}: {error}", file.display()) };
    fs::write(file, content).unwrap_or_else(|error| fault(error));
    fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap_or_else(|error| fault(error));
}

fn free_port() -> (u16, TcpListener) {
    // Where to begin looking is chance enough in the process's number; the deed decides.
    let width = u32::from(PORTS.end - PORTS.start);
    let mut offset = std::process::id().wrapping_mul(2_654_435_761) % width;
    for _ in 0..width {
        let port = PORTS.start + u16::try_from(offset).unwrap_or_default();
        offset = (offset + 1) % width;
        let Ok(deed) = TcpListener::bind((Ipv4Addr::new(127, 0, 0, DEED), port)) else { continue };
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return (port, deed);
        }
    }
    panic!("no port is free between {} and {}", PORTS.start, PORTS.end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_places_share_neither_port_nor_directory_and_leave_nothing() {
        let (one, other) = (Place::new(), Place::new());
        assert_ne!(one.port(), other.port());
        assert_ne!(one.path(), other.path());
        let path = one.path().to_owned();
        drop(one);
        assert!(!path.exists());
    }
}
