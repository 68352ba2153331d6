//! Who is logged in: a random name in a cookie, its hash in the store, and the delivery that it opens.

use std::time::Duration;

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zegel_core::access::Passed;
use zegel_core::moment::Moment;
use zegel_core::secret::Secret;

use super::refusal::Refusal;
use super::{Portal, cookie};
use crate::id::DeliveryId;
use crate::store::NewSession;
use crate::vault;

/// Without a request for this long a session is over.
pub(super) const IDLE_MAX: Duration = Duration::from_mins(30);
/// No session lasts longer.
const AGE_MAX: Duration = Duration::from_hours(12);
/// `last_seen` may lag by this much, so that a page with its frame and downloads is not a commit each.
const TOUCH_EVERY: Duration = Duration::from_mins(1);

/// A random name that a cookie carries: 256 bits in base64url. Only its hash is stored.
#[derive(Debug)]
pub(super) struct Name(Secret);

impl Name {
    pub(super) fn draw() -> Self {
        Self(Secret::new(URL_SAFE_NO_PAD.encode(vault::random::<32>())))
    }

    pub(super) fn read(cookie: &cookie::Cookie, headers: &HeaderMap) -> Option<Self> {
        let value = cookie.read(headers)?;
        let octets = URL_SAFE_NO_PAD.decode(value).ok()?;
        (octets.len() == 32).then(|| Self(Secret::new(value)))
    }

    pub(super) fn hash(&self) -> [u8; 32] {
        vault::digest(&self.0)
    }

    pub(super) fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

/// Whether a session that began and was last seen then still stands.
pub(super) fn is_alive(created: Moment, last_seen: Moment, now: Moment) -> bool {
    now.since(last_seen) <= IDLE_MAX && now.since(created) <= AGE_MAX
}

/// Whether it is time to note that a session was seen.
pub(super) fn is_to_be_touched(last_seen: Moment, now: Moment) -> bool {
    now.since(last_seen) >= TOUCH_EVERY
}

/// The proof that this browser's session holds for the delivery with this id; `None` when there is none.
pub(super) async fn find(
    portal: &Portal,
    headers: &HeaderMap,
    id: DeliveryId,
    now: Moment,
) -> Result<Option<Passed>, Refusal> {
    let Some(name) = Name::read(&cookie::SESSION, headers) else { return Ok(None) };
    let Some(session) = portal.store.session(name.hash()).await? else { return Ok(None) };
    if session.delivery != id || !is_alive(session.created, session.last_seen, now) {
        return Ok(None);
    }
    if is_to_be_touched(session.last_seen, now) {
        portal.store.touch_session(name.hash(), now).await?;
    }
    Ok(Some(Passed::from_session(id.to_string(), session.created)))
}

/// As [`find`], for a page that shows nothing to anyone else. An id that does not exist looks like one that is not open.
pub(super) async fn require(
    portal: &Portal,
    headers: &HeaderMap,
    id: &str,
    now: Moment,
) -> Result<Passed, Refusal> {
    let id = id.parse().map_err(|_| Refusal::SignedOut)?;
    find(portal, headers, id, now).await?.ok_or(Refusal::SignedOut)
}

/// Uses the challenge up, if it is one, and opens a session under a new name; the browser's old session is dead at once.
/// `None` when the challenge was used before.
pub(super) async fn open(
    portal: &Portal,
    headers: &HeaderMap,
    passed: &Passed,
    challenge: Option<&str>,
    now: Moment,
) -> Result<Option<Name>, Refusal> {
    let delivery = passed.delivery().parse().map_err(|_| Refusal::NotFound)?;
    let name = Name::draw();
    let session = NewSession { id_hash: name.hash(), delivery, created: passed.at() };
    if !portal.store.consume(challenge, session, now).await? {
        return Ok(None);
    }
    end(portal, headers).await?;
    Ok(Some(name))
}

/// Ends the session of this browser, if it has one.
pub(super) async fn end(portal: &Portal, headers: &HeaderMap) -> Result<(), Refusal> {
    if let Some(name) = Name::read(&cookie::SESSION, headers) {
        portal.store.end_session(name.hash()).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;

    #[track_caller]
    fn check(last_seen: i64, now: i64, alive: bool) {
        assert_eq!(
            is_alive(Moment(0), Moment(last_seen), Moment(now)),
            alive,
            "last seen at {last_seen}, now {now}"
        );
    }

    #[test]
    fn a_session_ends_after_half_an_hour_of_silence_and_after_twelve_hours_whatever_happens() {
        check(0, 30 * MINUTE, true);
        check(0, 30 * MINUTE + 1, false);
        check(11 * HOUR + 50 * MINUTE, 12 * HOUR, true);
        check(11 * HOUR + 50 * MINUTE, 12 * HOUR + 1, false);
    }

    #[test]
    fn a_name_is_read_from_among_other_cookies_and_only_whole() {
        let read = |line: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("cookie", line.parse().unwrap());
            Name::read(&cookie::SESSION, &headers).map(|name| name.hash())
        };
        let name = Name::draw();
        assert_eq!(read(&format!("a=b; __Host-sid={}; c=d", name.reveal())), Some(name.hash()));
        assert_eq!(read(&format!("sid={}", name.reveal())), None);
        assert_eq!(read(&format!("x__Host-sid={}", name.reveal())), None);
        assert_eq!(read("__Host-sid=c2hvcnQ"), None);
        assert_eq!(read("__Host-sid="), None);
    }
}
