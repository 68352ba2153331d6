//! Sealed bodies: small ones travel in memory to their row, large ones are files. `tmp/` holds what still arrives,
//! `bodies/` what a row may refer to. A file is named after its submission.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::stream::try_unfold;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio_util::io::StreamReader;

use super::StoreError;
use crate::id::SubmissionId;
use crate::vault::{MessageKey, Sealer, Unsealer, VaultError};

/// Sealed bodies up to this size stand in the row itself, so that one commit makes many messages durable.
pub const BODY_IN_ROW_MAX: usize = 64 * 1024;

/// Octets read from a file at a time: one chunk of a sealed stream.
const READ_MAX: usize = 64 * 1024;

/// Where bodies stand.
#[derive(Clone, Debug)]
pub(super) struct Bodies {
    placed: PathBuf,
    arriving: PathBuf,
    in_hand: Names,
}

/// The names of bodies that this process has in hand: from their first octet until the fate of their row is known.
type Names = Arc<Mutex<HashSet<String>>>;

/// One body in hand. The sweep leaves its file alone, whatever the clock says of the file's age.
#[derive(Debug)]
pub(super) struct InHand {
    name: String,
    all: Names,
}

impl InHand {
    fn new(name: String, all: &Names) -> Self {
        lock(all).insert(name.clone());
        Self { name, all: Arc::clone(all) }
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        lock(&self.all).remove(&self.name);
    }
}

/// A set of names is whole even if somebody panicked beside it.
fn lock(names: &Names) -> MutexGuard<'_, HashSet<String>> {
    names.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A body while it arrives: sealed, in memory while small, else in `tmp/`. Dropped unfinished, it leaves nothing that
/// counts.
#[derive(Debug)]
pub struct BodyWriter {
    sealer: Sealer,
    /// Sealed octets that are not in the file yet.
    sealed: Vec<u8>,
    file: Growing,
    in_hand: InHand,
}

/// The file that a body becomes when it is large.
#[derive(Debug)]
struct Growing {
    path: PathBuf,
    open: Option<(File, Arriving)>,
}

/// A sealed body that is complete and, when it is a file, fsynced in `tmp/`.
#[derive(Debug)]
pub struct SealedBody {
    sealed: Sealed,
    in_hand: InHand,
}

#[derive(Debug)]
enum Sealed {
    InRow(Vec<u8>),
    InFile(Arriving),
}

/// A file in `tmp/`, removed unless it is moved.
#[derive(Debug)]
struct Arriving(PathBuf);

impl Drop for Arriving {
    fn drop(&mut self) {
        // What cannot be removed, or was moved, is no loss: the sweep looks too.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl BodyWriter {
    pub async fn write(&mut self, plain: &[u8]) -> Result<(), StoreError> {
        self.sealer.push(plain, &mut self.sealed);
        if self.sealed.len() > BODY_IN_ROW_MAX {
            self.file.write(&mut self.sealed).await?;
        }
        Ok(())
    }

    pub async fn finish(self) -> Result<SealedBody, StoreError> {
        let Self { sealer, mut sealed, mut file, in_hand } = self;
        sealer.finish(&mut sealed);
        if file.open.is_none() && sealed.len() <= BODY_IN_ROW_MAX {
            return Ok(SealedBody { sealed: Sealed::InRow(sealed), in_hand });
        }
        file.write(&mut sealed).await?;
        let sealed = Sealed::InFile(file.finish().await?);
        Ok(SealedBody { sealed, in_hand })
    }
}

impl Growing {
    /// Moves the octets to the end of the file, which the first ones make.
    async fn write(&mut self, sealed: &mut Vec<u8>) -> Result<(), StoreError> {
        let failed = StoreError::at(&self.path);
        if self.open.is_none() {
            let mut new = OpenOptions::new();
            let file = new.write(true).create_new(true).mode(0o600).open(&self.path).await;
            self.open = Some((file.map_err(&failed)?, Arriving(self.path.clone())));
        }
        let Some((file, _)) = &mut self.open else { return Ok(()) };
        file.write_all(sealed).await.map_err(&failed)?;
        // Without it a failed write would only be told by the next one.
        file.flush().await.map_err(&failed)?;
        sealed.clear();
        Ok(())
    }

    async fn finish(self) -> Result<Arriving, StoreError> {
        let (file, arriving) =
            self.open.ok_or_else(|| StoreError::failed("nothing was written"))?;
        file.sync_all().await.map_err(StoreError::at(&self.path))?;
        Ok(arriving)
    }
}

impl Bodies {
    pub(super) fn new(directory: &Path) -> Self {
        Self {
            placed: directory.join("bodies"),
            arriving: directory.join("tmp"),
            in_hand: Names::default(),
        }
    }

    pub(super) fn placed(&self) -> &Path {
        &self.placed
    }

    pub(super) fn arriving(&self) -> &Path {
        &self.arriving
    }

    pub(super) fn writer(&self, id: SubmissionId, key: &MessageKey) -> BodyWriter {
        let in_hand = InHand::new(id.to_string(), &self.in_hand);
        let file = Growing { path: self.arriving.join(&in_hand.name), open: None };
        BodyWriter { sealer: Sealer::new(key), sealed: Vec::new(), file, in_hand }
    }

    /// The names of the files that must be left alone.
    pub(super) fn in_hand(&self) -> HashSet<String> {
        lock(&self.in_hand).clone()
    }

    /// Puts a body where a row may refer to it, so that it survives a power cut; a small one is handed back for its row.
    /// It is in hand for as long as the second value lives.
    pub(super) async fn place(
        &self,
        id: SubmissionId,
        body: SealedBody,
    ) -> Result<(Option<Vec<u8>>, InHand), StoreError> {
        let SealedBody { sealed, in_hand } = body;
        let arrived = match sealed {
            Sealed::InRow(sealed) => return Ok((Some(sealed), in_hand)),
            Sealed::InFile(arrived) => arrived,
        };
        let (directory, path) = (self.placed.clone(), self.path(id));
        blocking(&self.placed, move || {
            std::fs::rename(&arrived.0, path)?;
            std::fs::File::open(directory)?.sync_all()
        })
        .await?;
        Ok((None, in_hand))
    }

    /// Removes a body that no row refers to any more; it may never have been a file.
    pub(super) async fn remove(&self, id: SubmissionId) -> Result<(), StoreError> {
        let (directory, path) = (self.placed.clone(), self.path(id));
        blocking(&self.placed, move || match std::fs::remove_file(path) {
            Ok(()) => std::fs::File::open(directory)?.sync_all(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        })
        .await
    }

    pub(super) async fn open(&self, id: SubmissionId) -> Result<File, StoreError> {
        let path = self.path(id);
        File::open(&path).await.map_err(StoreError::at(&path))
    }

    fn path(&self, id: SubmissionId) -> PathBuf {
        self.placed.join(id.to_string())
    }
}

/// Runs file work where it holds nobody up. Errors name `path`.
pub(super) async fn blocking<T, F>(path: &Path, work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(io::Error::other).flatten().map_err(StoreError::at(path))
}

/// The plain octets of a sealed body, each chunk only once it is proven.
pub(super) fn unseal<R>(sealed: R, key: &MessageKey) -> impl AsyncRead + Send + Unpin + use<R>
where
    R: AsyncRead + Send + Unpin,
{
    let chunks = try_unfold((sealed, Some(Unsealer::new(key))), async |(mut sealed, unsealer)| {
        let Some(mut unsealer) = unsealer else { return io::Result::Ok(None) };
        let mut chunk = Vec::with_capacity(READ_MAX);
        let mut plain = Vec::new();
        let read = sealed.read_buf(&mut chunk).await?;
        let rest = if read == 0 {
            unsealer.finish(&mut plain).map_err(damaged)?;
            None
        } else {
            unsealer.push(&chunk, &mut plain).map_err(damaged)?;
            Some(unsealer)
        };
        Ok(Some((Bytes::from(plain), (sealed, rest))))
    });
    StreamReader::new(Box::pin(chunks))
}

fn damaged(error: VaultError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::fixture::LARGE;
    use super::*;

    async fn check(spoil: impl FnOnce(&mut Vec<u8>), expected: Result<usize, io::ErrorKind>) {
        let key = MessageKey::generate();
        let (mut sealer, mut body) = (Sealer::new(&key), Vec::new());
        sealer.push(LARGE, &mut body);
        sealer.finish(&mut body);
        spoil(&mut body);
        let mut plain = Vec::new();
        let read = unseal(Cursor::new(body), &key).read_to_end(&mut plain).await;
        assert_eq!(read.map_err(|error| error.kind()), expected);
    }

    #[tokio::test]
    async fn a_damaged_or_shortened_body_ends_in_an_error() {
        check(|_| (), Ok(LARGE.len())).await;
        check(|sealed| sealed[100_000] ^= 1, Err(io::ErrorKind::InvalidData)).await;
        check(|sealed| sealed.truncate(150_000), Err(io::ErrorKind::InvalidData)).await;
        check(Vec::clear, Err(io::ErrorKind::InvalidData)).await;
    }
}
