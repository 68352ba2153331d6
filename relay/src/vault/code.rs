//! Access codes as they are kept: Argon2id (RFC 9106), in its string form (PHC). The record that holds the hash is sealed
//! under the key file, which is all that a pepper could add.

use std::sync::Arc;

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use zegel_core::access::{AccessCode, CodeMac};
use zegel_core::secret::Secret;

use super::{VaultError, random};

/// What OWASP's cheat sheet on password storage names first among equals: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Codes that are hashed at once: each takes a processor and the memory above.
const AT_ONCE: usize = 2;

/// Compared with where there is no hash; of the same cost, and right for nobody whatever is typed.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$emVnZWxub2JvZHlzc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes access codes away from the threads that serve. Cheap to clone: all clones share their limit.
#[derive(Clone, Debug)]
pub struct CodeHasher {
    permits: Arc<Semaphore>,
}

/// The hash that was kept and that of the typed code, made in the same way. [`zegel_core::access::answer_given`]
/// compares them.
#[derive(Debug)]
pub struct Hashes {
    pub expected: CodeMac,
    pub typed: CodeMac,
}

impl CodeHasher {
    pub fn new() -> Self {
        Self { permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// What is kept of a code, given as [`AccessCode`] reads it.
    pub async fn hash(&self, code: &Secret) -> Result<Secret, VaultError> {
        let code = code.clone();
        self.run(move || make(&code)).await
    }

    /// Hashes what was typed as the code was hashed that is kept.
    pub async fn hashes(&self, kept: &Secret, typed: &AccessCode) -> Result<Hashes, VaultError> {
        let (kept, typed) = (kept.clone(), typed.secret().clone());
        self.run(move || again(kept.reveal(), &typed)).await
    }

    /// Takes as long as [`Self::hashes`], where nothing is kept.
    pub async fn pretend(&self, typed: &AccessCode) -> Result<(), VaultError> {
        self.hashes(&Secret::new(NOBODYS), typed).await.map(|_| ())
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, VaultError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        done.await.map_err(|_| VaultError::Damaged)?
    }
}

impl Default for CodeHasher {
    fn default() -> Self {
        Self::new()
    }
}

fn make(code: &Secret) -> Result<Secret, VaultError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| VaultError::Damaged)?;
    let salt: [u8; 16] = random();
    let hash: PasswordHash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_with_salt(code.reveal().as_bytes(), &salt)
        .map_err(|_| VaultError::Damaged)?;
    Ok(Secret::new(hash.to_string()))
}

fn again(kept: &str, typed: &Secret) -> Result<Hashes, VaultError> {
    let damaged = VaultError::Damaged;
    let kept = PasswordHash::new(kept).map_err(|_| damaged)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(kept: &Secret, typed: &str, same: bool) {
        let hashes = CodeHasher::new().hashes(kept, &AccessCode::parse(typed).unwrap()).await;
        let hashes = hashes.unwrap();
        assert_eq!(hashes.expected.0 == hashes.typed.0, same, "{typed:?}");
    }

    #[tokio::test]
    async fn a_code_has_its_own_hash_again_and_another_has_another() {
        let hasher = CodeHasher::new();
        let code = AccessCode::parse("135 789").unwrap();
        let kept = hasher.hash(code.secret()).await.unwrap();
        assert!(kept.reveal().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(!kept.reveal().contains("135789"));
        check(&kept, "135789", true).await;
        check(&kept, "13-57-89", true).await;
        check(&kept, "135788", false).await;
        assert_ne!(hasher.hash(code.secret()).await.unwrap(), kept, "a salt makes it another");
    }

    #[tokio::test]
    async fn where_nothing_is_kept_the_work_is_the_same_and_never_right() {
        let typed = AccessCode::parse("135789").unwrap();
        CodeHasher::new().pretend(&typed).await.unwrap();
        check(&Secret::new(NOBODYS), "135789", false).await;
    }

    #[tokio::test]
    async fn a_damaged_hash_is_no_wrong_code() {
        let typed = AccessCode::parse("135789").unwrap();
        for damaged in ["", "135789", "$argon2id$v=19$m=19456,t=2,p=1$emVnZWxub2JvZHlzc2FsdA"] {
            let hashes = CodeHasher::new().hashes(&Secret::new(damaged), &typed).await;
            assert!(hashes.is_err(), "{damaged}");
        }
    }
}
