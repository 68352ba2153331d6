//! Authors: who has an active account. The store is asked first, then the organisation's LDAP server, for the domains that
//! it answers for. A server that cannot be asked is no "no": the client keeps the mail and comes again.

mod cache;
mod connection;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::timeout;
use tracing::warn;
use zegel_core::address::Address;

use crate::config::{self, Span};
use crate::intake::{Refused, Verdict};
use crate::lifecycle;
use crate::store::{Standing, Store};
use cache::Cache;
use connection::Connection;

/// Questions under way at once: a server that answers in 10 ms answers 1600 a second of them.
const QUESTIONS_MAX: usize = 16;

/// The organisation's LDAP server. Cheap to clone: all clones have one connection and one cache.
#[derive(Clone, Debug)]
pub struct Directory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    ldap: config::Ldap,
    connection: Connection,
    cache: Mutex<Cache>,
    /// One author always waits in the same place, so that a question is not asked twice at a time, and no more than these
    /// are asked at once.
    turns: [tokio::sync::Mutex<()>; QUESTIONS_MAX],
    hasher: RandomState,
}

impl Directory {
    /// Reads the files that the configuration names. The server itself may be down.
    pub fn new(ldap: &config::Ldap) -> Result<Self, String> {
        let connection = Connection::new(ldap)?;
        let shared = Shared {
            ldap: ldap.clone(),
            connection,
            cache: Mutex::default(),
            turns: Default::default(),
            hasher: RandomState::new(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// What the server knows of this author. The error says what failed; it may be otherwise another time.
    async fn standing(&self, author: &Address) -> Result<Standing, String> {
        let shared = &self.shared;
        if !shared.ldap.domains.contains(author.domain()) {
            return Ok(Standing::Unknown);
        }
        let key = author.key();
        if let Some(standing) = self.remembered(&key) {
            return Ok(standing);
        }
        let Span(patience) = shared.ldap.timeout;
        let waited = timeout(patience, self.turn(&key)).await;
        let _turn = waited.map_err(|_| "too many authors wait for an answer".to_owned())?;
        // Somebody else may have asked in the meantime.
        if let Some(standing) = self.remembered(&key) {
            return Ok(standing);
        }
        let standing = shared.connection.standing(&key).await?;
        self.cache(|cache| cache.remember(key, standing, lifecycle::now()));
        Ok(standing)
    }

    fn remembered(&self, key: &str) -> Option<Standing> {
        self.cache(|cache| cache.standing(key, lifecycle::now()))
    }

    fn cache<T>(&self, work: impl FnOnce(&mut Cache) -> T) -> T {
        // What is remembered is whole after every step, also one that broke off.
        work(&mut self.shared.cache.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn turn(&self, key: &str) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let hash = self.shared.hasher.hash_one(key);
        let place = usize::try_from(hash % QUESTIONS_MAX as u64).unwrap_or_default();
        Some(self.shared.turns.get(place)?.lock().await)
    }
}

/// Whether this author may submit. That it could not be found out is no "no".
pub(super) async fn author(
    store: &Store,
    directory: Option<&Directory>,
    author: &Address,
) -> Result<(), Verdict> {
    let known = match (store.standing(author).await?, directory) {
        (Standing::Unknown, Some(directory)) => directory.standing(author).await,
        (known, _) => Ok(known),
    };
    let domain = || author.domain().clone();
    match known {
        Ok(Standing::Active) => Ok(()),
        Ok(Standing::Suspended) => Err(Refused::Suspended(domain()).into()),
        Ok(Standing::Unknown) => Err(Refused::NoAccount(domain()).into()),
        Err(why) => {
            warn!(domain = %author.domain(), "the directory does not say who may submit: {why}");
            Err(Verdict::Unavailable)
        }
    }
}
