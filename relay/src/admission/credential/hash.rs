//! Passwords as the store keeps them.

use zegel_core::secret::{self, Secret};

use crate::vault::slow::{self, NOBODYS};

#[derive(Debug, thiserror::Error)]
#[error("the hash of a password cannot be read; revoke the credential and create another")]
pub(super) struct Unreadable;

/// The hash of a password of our own.
pub(super) fn make(password: &Secret) -> Secret {
    slow::make(password).expect("a password of our own is within Argon2's bounds")
}

/// Whether it is this hash's password. Without a hash it is not, and that takes as long.
pub(super) fn verify(password: &Secret, hash: Option<&Secret>) -> Result<bool, Unreadable> {
    let kept = hash.map_or(NOBODYS, Secret::reveal);
    let hashes = slow::again(kept, password).map_err(|_| Unreadable)?;
    Ok(secret::same(&hashes.expected.0, &hashes.typed.0) && hash.is_some())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[track_caller]
    fn check(password: &str, hash: Option<&Secret>, expected: bool) {
        assert_eq!(verify(&Secret::new(password), hash).ok(), Some(expected), "{password:?}");
    }

    #[test]
    fn password_is_right_for_its_own_hash_and_no_other() {
        let (one, two) = (make(&Secret::new("one")), make(&Secret::new("two")));
        check("one", Some(&one), true);
        check("One", Some(&one), false);
        check("", Some(&one), false);
        check("one", Some(&two), false);
        check("one", None, false);
        assert_ne!(one, make(&Secret::new("one")), "a salt makes every hash another one");
    }

    #[test]
    fn hash_is_argon2id_and_costs_what_nobodys_costs() {
        let cost = |hash: &str| hash.rsplitn(3, '$').nth(2).unwrap_or_default().to_owned();
        assert_eq!(cost(make(&Secret::new("one")).reveal()), "$argon2id$v=19$m=19456,t=2,p=1");
        assert_eq!(cost(NOBODYS), "$argon2id$v=19$m=19456,t=2,p=1");
        let length = |hash: &str| hash.len();
        assert_eq!(length(make(&Secret::new("one")).reveal()), length(NOBODYS));
    }

    #[test]
    fn login_that_does_not_exist_takes_as_long() {
        let hash = make(&Secret::new("one"));
        let took = |hash: Option<&Secret>| {
            let began = Instant::now();
            check("two", hash, false);
            began.elapsed()
        };
        let fastest = (Duration::MAX, Duration::MAX);
        // In turns: the machine may be busy with other things.
        let (somebodys, nobodys) = (0..10).fold(fastest, |(somebodys, nobodys), _| {
            (somebodys.min(took(Some(&hash))), nobodys.min(took(None)))
        });
        // An early answer would be thousands of times as fast.
        assert!(nobodys * 10 > somebodys, "{nobodys:?} against {somebodys:?}");
    }

    #[test]
    fn damaged_hash_is_no_wrong_password() {
        for damaged in ["", "one", "$argon2id$v=19$m=1,t=1,p=1$AAAA$AAAA"] {
            assert!(verify(&Secret::new("one"), Some(&Secret::new(damaged))).is_err(), "{damaged}");
        }
    }
}
