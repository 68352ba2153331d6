//! Whether a mail server's process can open a socket.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Who wants to open it. Postfix's processes give up all other groups.
#[derive(Copy, Clone, Debug)]
pub(super) struct Who {
    pub user: u32,
    pub group: u32,
}

/// What stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Obstacle {
    #[error("there is no {}", .0.display())]
    Absent(PathBuf),
    #[error("{} is no socket", .0.display())]
    NoSocket(PathBuf),
    #[error("the directory {} may not be entered (mode {:04o})", .0.display(), .1)]
    Directory(PathBuf, u32),
    #[error("the socket {} may not be written to (mode {:04o})", .0.display(), .1)]
    Socket(PathBuf, u32),
    #[error("{}: {}", .0.display(), .1)]
    Unknown(PathBuf, String),
}

/// Follows a path from the root down, as the kernel would.
pub(super) fn reach(path: &Path, who: Who) -> Result<(), Obstacle> {
    let mut directories: Vec<&Path> = path.ancestors().skip(1).collect();
    directories.reverse();
    for directory in directories {
        let found = look(directory)?;
        if !may(&found, who, 0o1) {
            return Err(Obstacle::Directory(directory.to_owned(), found.mode() & 0o7777));
        }
    }
    let found = look(path)?;
    if !found.file_type().is_socket() {
        return Err(Obstacle::NoSocket(path.to_owned()));
    }
    if may(&found, who, 0o2) {
        Ok(())
    } else {
        Err(Obstacle::Socket(path.to_owned(), found.mode() & 0o7777))
    }
}

fn look(path: &Path) -> Result<fs::Metadata, Obstacle> {
    fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Obstacle::Absent(path.to_owned()),
        _ => Obstacle::Unknown(path.to_owned(), error.to_string()),
    })
}

/// The first class that fits counts, and no other: an owner whom the mode shuts out is not let in as one of the others.
fn may(found: &fs::Metadata, who: Who, wanted: u32) -> bool {
    let shift = if who.user == 0 {
        return true;
    } else if found.uid() == who.user {
        6
    } else if found.gid() == who.group {
        3
    } else {
        0
    };
    (found.mode() >> shift) & wanted == wanted
}
