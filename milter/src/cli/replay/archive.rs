//! Messages on disk: a directory of files and maildirs, or an mbox. They are read one by one; an archive may be larger than
//! memory.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;

/// What can be gone through.
#[derive(Debug)]
pub(super) enum Archive {
    /// A directory's: files with a message each, and directories that cannot be read, with the reason.
    Files(Vec<(PathBuf, Result<(), String>)>),
    Mbox {
        path: PathBuf,
        octets: u64,
    },
}

/// A message in an archive.
#[derive(Debug)]
pub(super) struct Item {
    pub number: usize,
    pub path: String,
    pub weight: u64,
    pub content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    File(PathBuf),
    Octets(Vec<u8>),
    Unreadable(String),
}

/// Octets of a message: ten times what Postfix takes by default (`message_size_limit`).
const MESSAGE_MAX: usize = 100 * 1024 * 1024;

/// Octets of an mbox that are read at once where no line ends.
const LINE_MAX: u64 = 64 * 1024;

/// Directories within directories; deeper ones are no mail folders.
const DEPTH_MAX: usize = 64;

impl Archive {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        if found.is_dir() {
            let mut files = Vec::new();
            search(path, 0, &mut files);
            files.sort_unstable();
            return Ok(Self::Files(files));
        }
        let mut start = [0; 5];
        let begun = File::open(path)?.read_exact(&mut start);
        // An empty mbox is one, too.
        if found.len() == 0 || (begun.is_ok() && start == *b"From ") {
            return Ok(Self::Mbox { path: path.to_owned(), octets: found.len() });
        }
        Err(io::Error::other(
            "neither a directory nor an mbox; for one message, ask zegel-milter explain",
        ))
    }

    /// What the items' weights add up to.
    pub(super) fn weight(&self) -> u64 {
        match self {
            Self::Files(files) => files.len() as u64,
            Self::Mbox { octets, .. } => *octets,
        }
    }

    /// Sends every message, in order, until there is none left or nobody takes them.
    pub(super) fn feed(&self, work: &SyncSender<Item>) {
        match self {
            Self::Files(files) => feed_files(files, work),
            Self::Mbox { path, .. } => feed_mbox(path, work),
        }
    }
}

impl Content {
    pub(super) fn read(self) -> Result<Vec<u8>, String> {
        match self {
            Self::Octets(octets) => Ok(octets),
            Self::Unreadable(why) => Err(why),
            Self::File(path) => {
                let mut octets = Vec::new();
                let file = File::open(path).map_err(|error| error.to_string())?;
                file.take(MESSAGE_MAX as u64 + 1)
                    .read_to_end(&mut octets)
                    .map_err(|error| error.to_string())?;
                if octets.len() > MESSAGE_MAX { Err(too_large()) } else { Ok(octets) }
            }
        }
    }
}

fn too_large() -> String {
    format!("larger than {} MiB", MESSAGE_MAX / 1024 / 1024)
}

/// Finds *.eml anywhere, and everything in a maildir's `cur` and `new`. Links to directories are not followed: they may lead
/// round in a circle.
fn search(directory: &Path, depth: usize, found: &mut Vec<(PathBuf, Result<(), String>)>) {
    if depth > DEPTH_MAX {
        let why = format!("more than {DEPTH_MAX} directories deep");
        found.push((directory.to_owned(), Err(why)));
        return;
    }
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => {
            found.push((directory.to_owned(), Err(error.to_string())));
            return;
        }
    };
    let of_maildir = directory.file_name().is_some_and(|name| name == "cur" || name == "new");
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                found.push((directory.to_owned(), Err(error.to_string())));
                return;
            }
        };
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            search(&path, depth + 1, found);
        } else if (of_maildir && !is_hidden(&path)) || is_eml(&path) {
            found.push((path, Ok(())));
        }
    }
}

fn is_eml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("eml"))
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn feed_files(files: &[(PathBuf, Result<(), String>)], work: &SyncSender<Item>) {
    for (number, (path, state)) in files.iter().enumerate() {
        let content = match state {
            Ok(()) => Content::File(path.clone()),
            Err(why) => Content::Unreadable(why.clone()),
        };
        let item = Item { number, path: path.display().to_string(), weight: 1, content };
        if work.send(item).is_err() {
            return;
        }
    }
}

/// A message of an mbox that is being put together.
#[derive(Default)]
struct Entry {
    octets: Vec<u8>,
    /// With the separator and what was let go of.
    weight: u64,
    too_large: bool,
}

impl Entry {
    fn push(&mut self, piece: &[u8]) {
        self.weight += piece.len() as u64;
        if self.octets.len() + piece.len() > MESSAGE_MAX {
            self.too_large = true;
            self.octets = Vec::new();
        } else if !self.too_large {
            self.octets.extend_from_slice(piece);
        }
    }

    fn into_content(mut self) -> Content {
        if self.too_large {
            return Content::Unreadable(too_large());
        }
        // The empty line before the next separator is not the message's.
        for end in [&b"\r\n\r\n"[..], b"\n\n"] {
            if self.octets.ends_with(end) {
                self.octets.truncate(self.octets.len() - end.len() / 2);
            }
        }
        Content::Octets(self.octets)
    }
}

fn feed_mbox(path: &Path, work: &SyncSender<Item>) {
    let mut number = 0;
    let mut send = |content, weight| {
        let shown = format!("{}, message {}", path.display(), number + 1);
        let sent = work.send(Item { number, path: shown, weight, content });
        number += 1;
        sent.is_ok()
    };
    let outcome = File::open(path).and_then(|file| split_mbox(BufReader::new(file), &mut send));
    if let Err(error) = outcome {
        send(Content::Unreadable(error.to_string()), 0);
    }
}

/// Splits an mbox at its From_ lines: those that begin the file or follow an empty line, so that a From in the text of a file
/// that was written without quoting does not split its message. Takes one `>` off quoted ones (mboxrd).
fn split_mbox(
    mut mbox: impl BufRead,
    send: &mut dyn FnMut(Content, u64) -> bool,
) -> io::Result<()> {
    let mut entry: Option<Entry> = None;
    let mut piece = Vec::new();
    let (mut starts_line, mut after_empty) = (true, true);
    loop {
        piece.clear();
        if mbox.by_ref().take(LINE_MAX).read_until(b'\n', &mut piece)? == 0 {
            break;
        }
        if starts_line && after_empty && piece.starts_with(b"From ") {
            if let Some(whole) = entry.take() {
                let weight = whole.weight;
                if !send(whole.into_content(), weight) {
                    return Ok(());
                }
            }
            entry = Some(Entry { weight: piece.len() as u64, ..Entry::default() });
        } else if let Some(entry) = &mut entry {
            let quoted = starts_line && is_quoted(&piece);
            entry.push(piece.get(usize::from(quoted)..).unwrap_or_default());
        }
        after_empty = starts_line && matches!(piece.as_slice(), b"\n" | b"\r\n");
        starts_line = piece.ends_with(b"\n");
    }
    if let Some(last) = entry {
        let weight = last.weight;
        send(last.into_content(), weight);
    }
    Ok(())
}

fn is_quoted(line: &[u8]) -> bool {
    let bare = line.iter().position(|octet| *octet != b'>').unwrap_or(line.len());
    bare > 0 && line.get(bare..).unwrap_or_default().starts_with(b"From ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mbox: &str, want: &[&str]) {
        let mut seen = Vec::new();
        split_mbox(mbox.as_bytes(), &mut |content, _| {
            seen.push(String::from_utf8(content.read().unwrap()).unwrap());
            true
        })
        .unwrap();
        assert_eq!(seen, want, "{mbox:?}");
    }

    #[test]
    fn an_mbox_splits_at_from_lines_and_the_empty_line_before_them_goes() {
        check("From a Mon\nA: 1\n\nx\n\nFrom b Tue\nB: 2\n\ny\n", &["A: 1\n\nx\n", "B: 2\n\ny\n"]);
        check("From a Mon\r\nA: 1\r\n\r\nx\r\n\r\nFrom b\r\n", &["A: 1\r\n\r\nx\r\n", ""]);
        check("", &[]);
    }

    #[test]
    fn quoted_from_lines_lose_one_mark_and_unquoted_ones_in_a_paragraph_do_not_split() {
        check(
            "From a\nA: 1\n\n>From me\n>>From you\n> From\nFrom here on\n",
            &["A: 1\n\nFrom me\n>From you\n> From\nFrom here on\n"],
        );
    }

    #[test]
    fn a_from_in_the_middle_of_an_endless_line_is_none() {
        let line = "x".repeat(usize::try_from(LINE_MAX).unwrap());
        let mbox = format!("From a\nA: 1\n\n{line}From b\n\nFrom c\nC: 3\n");
        check(&mbox, &[&format!("A: 1\n\n{line}From b\n"), "C: 3\n"]);
    }
}
