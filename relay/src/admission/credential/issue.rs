//! New credentials.

use std::fmt;
use std::str::FromStr;

use tokio::task::spawn_blocking;
use zegel_core::moment::Moment;
use zegel_core::secret::Secret;
use zegel_core::submitter::Scope;

use super::hash;
use crate::store::{NewCredential, Store, StoreError};
use crate::vault::{crockford, random};

/// 130 bits: no guess is ever right (NIST SP 800-63B asks for 112 of a secret that need not be throttled).
const PASSWORD_LEN: usize = 26;

/// 30 bits, so that names can be used again; [`LOGINS_MAX`] draws do not all meet a login that is taken.
const SUFFIX_LEN: usize = 6;
const LOGINS_MAX: usize = 8;

/// Of a name: a login is typed and read in logs.
const NAME_MAX: usize = 32;

/// What a credential is for, the readable part of its login: lower-case letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a name is at most {NAME_MAX} lower-case letters, digits and hyphens, with no hyphen at its ends"
)]
pub struct NameError;

/// The password is nowhere else.
#[derive(Debug)]
pub struct Issued {
    pub login: String,
    pub password: Secret,
}

/// Makes a credential that speaks for these authors.
pub async fn issue(
    store: &Store,
    name: &Name,
    scopes: &[Scope],
    now: Moment,
) -> Result<Issued, StoreError> {
    let password = crockford(&random::<17>(), PASSWORD_LEN);
    let hashed = password.clone();
    let hash = spawn_blocking(move || hash::make(&hashed))
        .await
        .map_err(|error| StoreError::Failed(format!("hashing a password broke off: {error}")))?;
    for _ in 0..LOGINS_MAX {
        let login = format!("{name}-{}", crockford(&random::<4>(), SUFFIX_LEN).reveal());
        let new = NewCredential {
            login: login.clone(),
            hash: hash.clone(),
            scopes: scopes.to_vec(),
            created: now,
        };
        if store.add_credential(new).await? {
            return Ok(Issued { login, password });
        }
    }
    Err(StoreError::Failed(format!("no login that begins with {name} is free; take another name")))
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain =
            |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
        let good = (1..=NAME_MAX).contains(&text.len())
            && text.bytes().all(plain)
            && !text.starts_with('-')
            && !text.ends_with('-');
        good.then(|| Self(text.to_owned())).ok_or(NameError)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, good: bool) {
        assert_eq!(name.parse::<Name>().is_ok(), good, "{name:?}");
    }

    #[test]
    fn name_is_short_plain_and_readable() {
        for name in ["scanner", "a", "x-ray-2", &"a".repeat(NAME_MAX)] {
            check(name, true);
        }
        for name in ["", "-", "a-", "-a", "A", "a b", "a\n", "é", "a@b", &"a".repeat(NAME_MAX + 1)]
        {
            check(name, false);
        }
    }
}
