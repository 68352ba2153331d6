//! Access codes, which the sender told the recipient: nothing is sent, and the limits are tighter.

use std::time::Duration;

use axum::http::HeaderMap;
use zegel_core::access::{self, AccessCode, Limits, Verdict, answer_given};
use zegel_core::moment::Moment;
use zegel_core::secret::Secret;

use super::{Judged, Portal, judged, refuse_guesser, tell_lock};
use crate::portal::letter::Letter;
use crate::portal::refusal::Refusal;
use crate::portal::session::Name;
use crate::portal::visit::Visit;
use crate::store::StoreError;
use crate::vault::Purpose;

/// Wrong access codes from one network (portal.md, section 3.2).
const FAILURES_NETWORK: (u32, Duration) = (30, Duration::from_hours(1));
/// Wrong access codes for all that one author has sent to one recipient, who often have one code for all of it.
const FAILURES_PAIR: (u32, Duration) = (20, Duration::from_hours(24));

/// A use of one of these limits.
struct Limit {
    key: [u8; 32],
    most: u32,
    per: Duration,
}

/// Judges a typed access code. The attempt is on disk as a failed one before anything is compared.
pub(super) async fn judge(
    portal: &Portal,
    letter: &Letter,
    (kept, typed): (&Secret, &AccessCode),
    browser: &Name,
    headers: &HeaderMap,
    visit: Visit,
) -> Result<Judged, Refusal> {
    let (id, now) = (letter.delivery.id, visit.now);
    let limits = Limits::for_access_codes();
    refuse_guesser(portal, visit).await?;
    let tally = portal.store.tally(id).await?;
    if let Some(verdict) = access::refuses(&tally, &limits, now) {
        return judged(portal, verdict, headers, visit).await;
    }
    let further = further(portal, letter, visit);
    if let Some(until) = used_up(portal, &further, now).await? {
        return Ok(Judged::Throttled { until });
    }
    let (_, tally) = portal.store.begin_attempt(id, browser.hash(), now).await?;
    let hashes = portal.hasher.hashes(kept, typed).await.map_err(StoreError::from)?;
    let verdict =
        answer_given(&id.to_string(), &hashes.expected, &hashes.typed, &tally, &limits, now);
    if let Verdict::Wrong { .. } | Verdict::Locked = verdict {
        for limit in &further {
            portal.store.within(limit.key, limit.most, limit.per, now).await?;
        }
    }
    tell_lock(portal, letter, &verdict, tally.locks(&limits), now).await?;
    judged(portal, verdict, headers, visit).await
}

/// The work of [`judge`] where there is no access code, so that the time does not tell.
pub(in crate::portal) async fn pretend(portal: &Portal, typed: &str) -> Result<(), Refusal> {
    let Ok(typed) = AccessCode::parse(typed) else { return Ok(()) };
    Ok(portal.hasher.pretend(&typed).await.map_err(StoreError::from)?)
}

fn further(portal: &Portal, letter: &Letter, visit: Visit) -> [Limit; 2] {
    let mac = |parts: &[&[u8]]| portal.store.keyring().mac(Purpose::Counter, parts);
    let (from, to) = (letter.stored.submission.from.key(), letter.recipient().key());
    let limit = |key, (most, per)| Limit { key, most, per };
    [
        limit(mac(&[b"access-failure", visit.network.octets()]), FAILURES_NETWORK),
        limit(mac(&[b"access-pair", from.as_bytes(), to.as_bytes()]), FAILURES_PAIR),
    ]
}

/// Until when at most one of the limits is used up.
async fn used_up(
    portal: &Portal,
    limits: &[Limit],
    now: Moment,
) -> Result<Option<Moment>, StoreError> {
    for limit in limits {
        if portal.store.is_used_up(limit.key, limit.most, now).await? {
            return Ok(Some(now.plus(limit.per)));
        }
    }
    Ok(None)
}
