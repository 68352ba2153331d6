//! Slow hashes of what people choose and type: Argon2id (RFC 9106), in its string form (PHC). They stand in records that are
//! sealed under the key file, which is all that a pepper could add.

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, Version};
use zegel_core::access::CodeMac;
use zegel_core::secret::Secret;

use super::{VaultError, random};

/// What OWASP's cheat sheet on password storage names first among equals: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Compared with where there is no hash; of the same cost, and right for nobody whatever is typed.
pub const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$emVnZWxub2JvZHlzc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The hash that was kept and that of what was typed, made in the same way. They are to be compared in constant time, as
/// [`zegel_core::access::answer_given`] does.
#[derive(Debug)]
pub struct Hashes {
    pub expected: CodeMac,
    pub typed: CodeMac,
}

/// What is kept of a secret.
pub fn make(secret: &Secret) -> Result<Secret, VaultError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| VaultError::Damaged)?;
    let salt: [u8; 16] = random();
    let hash: PasswordHash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_with_salt(secret.reveal().as_bytes(), &salt)
        .map_err(|_| VaultError::Damaged)?;
    Ok(Secret::new(hash.to_string()))
}

/// Hashes what was typed as the secret was hashed that is kept.
pub fn again(kept: &str, typed: &Secret) -> Result<Hashes, VaultError> {
    let kept = PasswordHash::new(kept).map_err(|_| VaultError::Damaged)?;
    let params = Params::try_from(&kept).map_err(|_| VaultError::Damaged)?;
    let (Some(salt), Some(expected)) = (&kept.salt, &kept.hash) else {
        return Err(VaultError::Damaged);
    };
    let expected = expected.as_bytes();
    let mut octets = vec![0; expected.len()];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(typed.reveal().as_bytes(), salt.as_ref(), &mut octets)
        .map_err(|_| VaultError::Damaged)?;
    Ok(Hashes { expected: CodeMac(expected.to_vec()), typed: CodeMac(octets) })
}
