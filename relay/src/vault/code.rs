//! Access codes as they are kept: hashed slowly, a few at a time.

use std::sync::Arc;

use tokio::sync::Semaphore;
use zegel_core::access::AccessCode;
use zegel_core::secret::Secret;

use super::VaultError;
use super::slow::{self, Hashes, NOBODYS};

/// Codes that are hashed at once: each takes a processor and the memory above.
const AT_ONCE: usize = 2;

/// Hashes access codes away from the threads that serve. Cheap to clone: all clones share their limit.
#[derive(Clone, Debug)]
pub struct CodeHasher {
    permits: Arc<Semaphore>,
}

impl CodeHasher {
    pub fn new() -> Self {
        Self { permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// What is kept of a code, given as [`AccessCode`] reads it.
    pub async fn hash(&self, code: &Secret) -> Result<Secret, VaultError> {
        let code = code.clone();
        self.run(move || slow::make(&code)).await
    }

    /// Hashes what was typed as the code was hashed that is kept.
    pub async fn hashes(&self, kept: &Secret, typed: &AccessCode) -> Result<Hashes, VaultError> {
        let (kept, typed) = (kept.clone(), typed.secret().clone());
        self.run(move || slow::again(kept.reveal(), &typed)).await
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
