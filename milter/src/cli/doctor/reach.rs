//! Whether a mail server's process can open a socket.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::finding::{Finding, Mend};

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

/// Whose socket it is: each is set in a file of its own.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Milter,
    Relay,
}

/// What keeps a mail server's user from a socket, and the line that lets it in; and what lets everybody in.
pub(super) fn examine(path: &Path, whose: Whose, who: Who, owner: &str) -> Option<Finding> {
    match reach(path, who) {
        Err(obstacle) => Some(unreachable(path, &obstacle, whose, owner)),
        Ok(()) if whose == Whose::Relay && is_open(path) => Some(Finding::wrong(
            format!(
                "everybody on this machine may write to the socket {}, and so submit as any author",
                path.display()
            ),
            Mend::line("relay.toml", settings(whose, owner)),
        )),
        Ok(()) => None,
    }
}

/// Whether others than owner and group get through.
fn is_open(path: &Path) -> bool {
    let mut parts = path.ancestors().zip(std::iter::once(0o2).chain(std::iter::repeat(0o1)));
    parts.all(|(part, wanted)| look(part).is_ok_and(|found| found.mode() & wanted == wanted))
}

fn settings(whose: Whose, owner: &str) -> String {
    match whose {
        Whose::Milter => format!("socket-group = \"{owner}\"\nsocket-mode = \"0660\""),
        Whose::Relay => format!("[lmtp]\ngroup = \"{owner}\"\nmode = \"0660\""),
    }
}

fn unreachable(socket: &Path, obstacle: &Obstacle, whose: Whose, owner: &str) -> Finding {
    let (unit, file) = match whose {
        Whose::Milter => ("zegel-milter", "milter.toml"),
        Whose::Relay => ("zegel-relay", "relay.toml"),
    };
    let mend = match obstacle {
        Obstacle::Absent(part) if part != socket && whose == Whose::Milter => {
            let directory = socket.parent().unwrap_or(part).display();
            Mend::Run(format!("install -d -o zegel-milter -g {owner} -m 0750 {directory}"))
        }
        Obstacle::Absent(_) => Mend::Run(format!("systemctl enable --now {unit}")),
        Obstacle::Directory(directory, _) => {
            Mend::Run(format!("chgrp {owner} {0} && chmod g+x {0}", directory.display()))
        }
        Obstacle::Socket(..) => Mend::line(file, settings(whose, owner)),
        Obstacle::NoSocket(path) => Mend::Run(format!("rm {}", path.display())),
        Obstacle::Unknown(..) => Mend::advice("Run the doctor as root."),
    };
    let what =
        format!("{owner}, as whom the mail server runs, cannot reach the socket: {obstacle}");
    match obstacle {
        Obstacle::Unknown(..) => Finding::unseen(what, mend),
        _ => Finding::wrong(what, mend),
    }
}
