//! Pairs of login and password that were found right a short while ago, so that an application that opens a connection for
//! every message does not pay for a verification each time. Remembered is a keyed hash whose key lives and dies with the
//! process, and only for the network that the pair came from.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use zegel_core::moment::Moment;
use zegel_core::secret::Secret;

use super::guess::Origin;
use crate::vault;

/// How long a pair is remembered since it was last used.
const KEPT: Duration = Duration::from_mins(10);

/// Pairs: well over the applications of an organisation. Only who has a right password puts one in.
const PAIRS_MAX: usize = 4096;

pub(super) struct Recent {
    key: hmac::Key,
    until: Mutex<HashMap<Tag, Moment>>,
}

/// Stands for a login, a password and a network. Nobody without the key can make one, so that looking one up need not take
/// the same time for all of them.
#[derive(Copy, Clone, PartialEq, Eq, Hash)]
pub(super) struct Tag([u8; 32]);

impl Recent {
    pub(super) fn new() -> Self {
        let key = hmac::Key::new(HMAC_SHA256, &vault::random::<32>());
        Self { key, until: Mutex::default() }
    }

    pub(super) fn tag(&self, login: &str, origin: &Origin, password: &Secret) -> Tag {
        let mut mac = hmac::Context::with_key(&self.key);
        for part in [login.as_bytes(), origin.network(), password.reveal().as_bytes()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        let mut tag = [0; 32];
        tag.copy_from_slice(mac.sign().as_ref());
        Tag(tag)
    }

    pub(super) fn knows(&self, tag: Tag, now: Moment) -> bool {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.get(&tag).is_some_and(|until| now < *until)
    }

    pub(super) fn keep(&self, tag: Tag, now: Moment) {
        let mut pairs = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if pairs.len() >= PAIRS_MAX && !pairs.contains_key(&tag) {
            pairs.retain(|_, until| now < *until);
            let oldest = pairs.iter().min_by_key(|(_, until)| **until).map(|(tag, _)| *tag);
            if let Some(oldest) = oldest.filter(|_| pairs.len() >= PAIRS_MAX) {
                pairs.remove(&oldest);
            }
        }
        pairs.insert(tag, now.plus(KEPT));
    }
}

impl std::fmt::Debug for Recent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recent(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_800_000_000);

    fn tag(recent: &Recent, login: &str, from: &str, password: &str) -> Tag {
        recent.tag(login, &Origin::of(from.parse().unwrap()), &Secret::new(password))
    }

    #[track_caller]
    fn check(recent: &Recent, pair: (&str, &str, &str), seconds: i64, expected: bool) {
        let (login, from, password) = pair;
        let tag = tag(recent, login, from, password);
        assert_eq!(recent.knows(tag, Moment(NOW.0 + seconds)), expected, "{pair:?} at {seconds}");
    }

    #[test]
    fn pair_is_known_for_ten_minutes_from_its_own_network() {
        let recent = Recent::new();
        check(&recent, ("a", "192.0.2.1", "b"), 0, false);
        recent.keep(tag(&recent, "a", "192.0.2.1", "b"), NOW);
        for (pair, seconds, expected) in [
            (("a", "192.0.2.1", "b"), 0, true),
            (("a", "192.0.2.1", "b"), 599, true),
            (("a", "192.0.2.1", "b"), 600, false),
            (("a", "192.0.2.2", "b"), 0, false),
            (("a", "192.0.2.1", "c"), 0, false),
            (("A", "192.0.2.1", "b"), 0, false),
            (("ab", "192.0.2.1", ""), 0, false),
        ] {
            check(&recent, pair, seconds, expected);
        }
        check(&Recent::new(), ("a", "192.0.2.1", "b"), 0, false);
    }

    #[test]
    fn oldest_pair_makes_room_when_there_are_too_many() {
        let recent = Recent::new();
        let pairs: Vec<_> =
            (0..=PAIRS_MAX).map(|number| tag(&recent, &number.to_string(), "::1", "")).collect();
        for (tag, second) in pairs.iter().zip(0..) {
            recent.keep(*tag, Moment(NOW.0 + second / 100));
        }
        assert_eq!(recent.until.lock().unwrap().len(), PAIRS_MAX);
        let known = pairs.iter().filter(|tag| recent.knows(**tag, NOW)).count();
        assert_eq!(known, PAIRS_MAX);
        assert!(recent.knows(pairs[PAIRS_MAX], NOW), "the newest is one of them");
    }
}
