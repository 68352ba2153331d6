//! The key of one message.

use aws_lc_rs::hkdf::{HKDF_SHA256, Prk};
use zeroize::Zeroizing;

use super::token::random;
use super::{KEY_LEN, Keyring, VaultError, record};

/// The key of one message. Destroying its wrapped form destroys the message.
#[derive(Clone)]
pub struct MessageKey {
    octets: Zeroizing<[u8; KEY_LEN]>,
}

/// A message key as it stands in the store: key id, nonce, ciphertext.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey(pub Vec<u8>);

impl MessageKey {
    pub fn generate() -> Self {
        Self { octets: Zeroizing::new(random()) }
    }

    pub fn wrap(&self, keyring: &Keyring) -> WrappedKey {
        WrappedKey(keyring.seal_wrapped(self.octets.as_slice()))
    }

    pub fn unwrap(wrapped: &WrappedKey, keyring: &Keyring) -> Result<Self, VaultError> {
        let opened = Zeroizing::new(keyring.open_wrapped(&wrapped.0)?);
        let octets =
            <[u8; KEY_LEN]>::try_from(opened.as_slice()).map_err(|_| VaultError::Damaged)?;
        Ok(Self { octets: Zeroizing::new(octets) })
    }

    /// Seals a small record of this message, bound to `context` (such as `submission`).
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> Vec<u8> {
        record::seal(&record::derive(&self.root(), b"zegel message record 1"), context, plain)
    }

    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        record::open(&record::derive(&self.root(), b"zegel message record 1"), context, sealed)
    }

    /// What the keys of this message's records and of its body are derived from.
    pub(super) fn root(&self) -> Prk {
        Prk::new_less_safe(HKDF_SHA256, self.octets.as_slice())
    }

    #[cfg(test)]
    pub(super) fn from_octets(octets: [u8; KEY_LEN]) -> Self {
        Self { octets: Zeroizing::new(octets) }
    }
}

impl std::fmt::Debug for MessageKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MessageKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(key: &MessageKey, context: &[u8], sealed: &[u8], expected: Option<&[u8]>) {
        let opened = key.open(context, sealed).ok();
        assert_eq!(
            opened.as_deref(),
            expected,
            "context {context:?}, {} octets sealed",
            sealed.len()
        );
    }

    #[test]
    fn record_opens_only_with_its_own_key_and_context() {
        let key = MessageKey::generate();
        let sealed = key.seal(b"submission", b"plain");
        check(&key, b"submission", &sealed, Some(b"plain"));
        check(&key, b"notice", &sealed, None);
        check(&MessageKey::generate(), b"submission", &sealed, None);
        check(&key, b"empty", &key.seal(b"empty", b""), Some(b""));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_of_a_record_is_noticed() {
        let key = MessageKey::generate();
        let sealed = key.seal(b"", b"plain");
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            check(&key, b"", &flipped, None);
        }
        for cut in 0..sealed.len() {
            check(&key, b"", &sealed[..cut], None);
        }
    }

    #[test]
    fn debug_shows_no_octet_of_a_key() {
        assert_eq!(format!("{:?}", MessageKey::from_octets([7; KEY_LEN])), "MessageKey(…)");
    }
}
