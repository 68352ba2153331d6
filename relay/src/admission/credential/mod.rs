//! Credentials: a login and a password that an administrator made, bound to authors.
//!
//! An attempt goes through these steps:
//!
//! 1. A pair that has just been found right is recognised ([`recent`]); only whether it was revoked is asked again.
//! 2. Whoever guessed too often is refused ([`guess`]), whatever they say.
//! 3. One of few places is waited for, and the attempt is counted as a failure, on disk, before anything is compared.
//! 4. The password is compared with the login's hash ([`hash`]), or with one that is nobody's where there is none.
//! 5. When it is right the count is given back; when it is wrong the answer is delayed.
//!
//! Nothing in it depends on whether there is such a login, with one exception: where that login has been used from the
//! client's own network lately, somebody else's guesses do not lock it out ([`guess::quotas`]).

mod guess;
mod hash;
mod issue;
mod recent;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, spawn_blocking};
use tracing::{debug, error, info, warn};
use zegel_core::moment::Moment;
use zegel_core::secret::Secret;
use zegel_core::submitter::Submitter;

use self::guess::Origin;
use self::recent::{Recent, Tag};
use crate::store::{Counted, Credential, Store, StoreError};

pub use issue::{Issued, Name, NameError, issue};

/// Verifications at once. Each takes 19 MiB and a processor for some 20 ms: 76 MiB together, and 200 a second on a machine
/// of four processors, many times what the limits on guessing let through.
const VERIFICATIONS_MAX: usize = 4;

/// What a client says with AUTH (RFC 4954).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub login: String,
    pub password: Secret,
}

/// What comes of it. `smtp::reply` has the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authenticated {
    As(Submitter),
    /// There is no such login, it was revoked, or the password is another one: nobody is told which.
    Wrong,
    /// Too many wrong ones came for this login or from this network.
    TooMany,
    /// It could not be found out.
    Unavailable,
}

/// Where attempts are judged, one for the whole process.
#[derive(Debug)]
pub(super) struct Desk {
    places: Arc<Semaphore>,
    recent: Recent,
}

/// The answer, and how long after the question the client gets it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) answer: Authenticated,
    pub(super) delay: Duration,
}

/// One attempt and what its judgement needs all along.
struct Case<'a> {
    store: &'a Store,
    attempt: &'a Attempt,
    from: IpAddr,
    now: Moment,
    tag: Tag,
    /// Stands for this login's being used from this network.
    place: [u8; 32],
}

#[derive(Debug, thiserror::Error)]
enum CannotTell {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Hash(#[from] hash::Unreadable),
    #[error("the verification broke off: {0}")]
    BrokeOff(#[from] JoinError),
    #[error("nothing is verified any more")]
    Closed,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(VERIFICATIONS_MAX)), recent: Recent::new() }
    }

    pub(super) async fn judge(
        &self,
        store: &Store,
        attempt: &Attempt,
        from: IpAddr,
        now: Moment,
    ) -> Judged {
        let origin = Origin::of(from);
        let Attempt { login, password } = attempt;
        let tag = self.recent.tag(login, &origin, password);
        let place = guess::place(store.keyring(), login, &origin);
        let case = Case { store, attempt, from, now, tag, place };
        self.steps(&case, &origin).await.unwrap_or_else(|error| {
            error!(%from, "an AUTH from {from} cannot be judged: {error}");
            Judged { answer: Authenticated::Unavailable, delay: Duration::ZERO }
        })
    }

    async fn steps(&self, case: &Case<'_>, origin: &Origin) -> Result<Judged, CannotTell> {
        if let Some(credential) = self.recognised(case).await? {
            return Ok(passed(credential));
        }
        let (store, now) = (case.store, case.now);
        let is_known = store.is_used_up(case.place, 1, now).await?;
        let quotas = guess::quotas(store.keyring(), &case.attempt.login, origin, is_known);
        // Read first: whoever goes on after their last chance does not keep the store's writer busy.
        for quota in &quotas {
            if store.is_used_up(quota.key, quota.most, now).await? {
                return Ok(case.refused());
            }
        }
        let place = Arc::clone(&self.places);
        let place = place.acquire_owned().await.map_err(|_| CannotTell::Closed)?;
        // An application that opens many connections at once waits here for its first one, and is known by now.
        if let Some(credential) = self.recognised(case).await? {
            return Ok(passed(credential));
        }
        match store.count(quotas, now).await? {
            Some(counted) => self.compared(case, place, counted).await,
            None => Ok(case.refused()),
        }
    }

    /// The credential, when the same pair came from the same network a short while ago and is still good.
    async fn recognised(&self, case: &Case<'_>) -> Result<Option<Credential>, CannotTell> {
        if !self.recent.knows(case.tag, case.now) {
            return Ok(None);
        }
        let Some((credential, _)) = case.store.credential(&case.attempt.login).await? else {
            return Ok(None);
        };
        self.recent.keep(case.tag, case.now);
        if credential.is_last_use_old(case.now) {
            case.record(None).await;
        }
        Ok(Some(credential))
    }

    async fn compared(
        &self,
        case: &Case<'_>,
        place: OwnedSemaphorePermit,
        counted: Counted,
    ) -> Result<Judged, CannotTell> {
        let (credential, hash) = case.store.credential(&case.attempt.login).await?.unzip();
        match (credential, verify(place, case.attempt.password.clone(), hash).await?) {
            (Some(credential), true) => {
                self.recent.keep(case.tag, case.now);
                case.record(Some(counted)).await;
                debug!(login = %credential.login, "{} is authenticated", credential.login);
                Ok(passed(credential))
            }
            (credential, _) => Ok(case.wrong(credential.as_ref(), &counted)),
        }
    }
}

impl Case<'_> {
    /// That it cannot be recorded does not make it wrong.
    async fn record(&self, counted: Option<Counted>) {
        let (login, kept) = (&self.attempt.login, guess::PLACE_KEPT);
        let recorded =
            self.store.credential_used(login, counted, Some((self.place, kept)), self.now).await;
        if let Err(error) = recorded {
            warn!(%login, "the use of {login} is not recorded: {error}");
        }
    }

    fn wrong(&self, credential: Option<&Credential>, counted: &Counted) -> Judged {
        let from = self.from;
        // What was typed is only told where it is a login of ours: it may be a password in the wrong field.
        if let Some(Credential { login, .. }) = credential {
            info!(%from, %login, "wrong password for {login} from {from}");
        } else {
            info!(%from, "wrong login from {from}");
        }
        let failures = counted.uses.first().copied().unwrap_or(0);
        Judged { answer: Authenticated::Wrong, delay: guess::delay(failures) }
    }

    fn refused(&self) -> Judged {
        debug!(from = %self.from, "too many wrong logins from {}", self.from);
        Judged { answer: Authenticated::TooMany, delay: guess::DELAY_MAX }
    }
}

fn passed(credential: Credential) -> Judged {
    let Credential { login, scopes, .. } = credential;
    let submitter = Submitter::Credential { login, scopes };
    Judged { answer: Authenticated::As(submitter), delay: Duration::ZERO }
}

/// The place is free again when the work is done, also when nobody waits for it any more.
async fn verify(
    place: OwnedSemaphorePermit,
    password: Secret,
    hash: Option<Secret>,
) -> Result<bool, CannotTell> {
    let verify = move || {
        let verified = hash::verify(&password, hash.as_ref());
        drop(place);
        verified
    };
    Ok(spawn_blocking(verify).await??)
}

#[cfg(test)]
mod tests;
