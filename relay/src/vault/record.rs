//! One small sealed record: nonce, ciphertext, tag. The nonce is drawn at random: of one key, 2³² records may be sealed
//! before two of the same become likely enough to matter (NIST SP 800-38D, section 8.3).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::Prk;

use super::VaultError;
use super::token::random;

/// The key for one use, derived from a root.
pub(super) fn derive(root: &Prk, using: &[u8]) -> LessSafeKey {
    let info = [using];
    let derived =
        root.expand(&info, &AES_256_GCM).expect("an AES-256 key is within what HKDF can give");
    LessSafeKey::new(UnboundKey::from(derived))
}

pub(super) fn seal(key: &LessSafeKey, context: &[u8], plain: &[u8]) -> Vec<u8> {
    let nonce: [u8; NONCE_LEN] = random();
    let mut sealed = plain.to_vec();
    key.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::from(context),
        &mut sealed,
    )
    .expect("a record is within what AES-GCM can seal");
    [nonce.as_slice(), &sealed].concat()
}

pub(super) fn open(
    key: &LessSafeKey,
    context: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, VaultError> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(VaultError::Damaged)?;
    let mut opened = sealed.to_vec();
    let plain = key
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context), &mut opened)
        .map_err(|_| VaultError::Damaged)?
        .len();
    opened.truncate(plain);
    Ok(opened)
}
