//! What can go wrong here, by what the caller can do about it.

use std::io;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::error::DatabaseError;

use crate::vault::VaultError;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Disk full or quota: say 452 and try later.
    #[error("no space left in {0}")]
    Full(String),
    /// The store cannot be used now: say 451 and try later.
    #[error("the store failed: {0}")]
    Failed(String),
    /// Another worker has this row by now; drop what was done.
    #[error("the lease is lost")]
    LeaseLost,
    #[error(
        "a sealed record cannot be opened; put the key that sealed it back into the key file, or run the version that wrote it"
    )]
    Damaged,
}

/// `SQLITE_FULL`, and `SQLITE_IOERR_SHMSIZE`, which is what a full disk looks like when the shared memory must grow.
const NO_SPACE: [&str; 2] = ["13", "4874"];

impl StoreError {
    pub(super) fn failed(why: impl Into<String>) -> Self {
        Self::Failed(why.into())
    }

    /// Says what was being done.
    pub(super) fn during(self, what: &str) -> Self {
        match self {
            Self::Failed(why) => Self::Failed(format!("{what}: {why}")),
            Self::Full(_) | Self::LeaseLost | Self::Damaged => self,
        }
    }

    /// For errors of the file at `path`.
    pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.display().to_string();
        move |error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(path.clone()),
            _ => Self::Failed(format!("{path}: {error}")),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(DatabaseError::code);
        match code {
            Some(code) if NO_SPACE.contains(&code.as_ref()) => {
                Self::Full("the database".to_owned())
            }
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl From<VaultError> for StoreError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Signing(_) => Self::failed(error.to_string()),
            VaultError::KeyFile(_) | VaultError::Damaged => Self::Damaged,
        }
    }
}

/// A value of core as it stands in a column.
pub(super) fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::failed(format!("cannot write a record: {error}")))
}

/// The error names a place in the record, not what stands there: the record may be an opened one.
pub(super) fn from_json<T: DeserializeOwned>(json: impl AsRef<[u8]>) -> Result<T, StoreError> {
    serde_json::from_slice(json.as_ref()).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        StoreError::failed(format!("cannot read a record: line {line}, column {column}"))
    })
}
