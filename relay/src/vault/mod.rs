//! Keys and sealed bodies. One key a message, wrapped by a key file that can rotate; AES-256-GCM throughout.
//!
//! A sealed body is a stream of 64 KiB chunks, each bound to its place and the last one marked, so that a body cannot be
//! cut, reordered or mixed with another without notice.
//!
//! No key is used for two things: what stands in the key file and what a message is given are roots, from which HKDF
//! (RFC 5869) derives one key for each use. Roots and derived keys are wiped when they are dropped.

mod code;
mod keyring;
mod message;
mod record;
mod signing;
pub mod slow;
mod stream;
mod token;

pub use code::CodeHasher;
pub use keyring::{Keyring, Purpose};
pub use message::{MessageKey, WrappedKey};
pub use signing::SigningKey;
pub use stream::{Sealer, Unsealer};
pub use token::{crockford, crockford_read, digest, random, random_below};

/// Octets of a key, in the key file and of a message.
const KEY_LEN: usize = 32;

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("{0}")]
    KeyFile(String),
    #[error("a signing key: {0}")]
    Signing(&'static str),
    /// Damaged, cut short, or sealed with another key.
    #[error(
        "a sealed record cannot be opened: it is damaged, or the key that sealed it is missing from the key file"
    )]
    Damaged,
}
