//! Codes: asked for, sent, typed. The rules stand in `zegel_core::access`; here are chance, keys and the store.

mod agreed;
mod post;

use std::time::Duration;

use axum::http::HeaderMap;
use tracing::warn;
use zegel_core::access::{self, AccessCode, Code, CodeMac, Limits, Request, Verdict};
use zegel_core::budget::Payer;
use zegel_core::moment::Moment;
use zegel_core::notice::Language;

use super::Portal;
use super::letter::{Letter, Proof};
use super::refusal::Refusal;
use super::session::{self, Name};
use super::trouble;
use super::visit::{Network, Visit};
use crate::id::MailId;
use crate::store::NewCode;
use crate::vault::{self, Purpose};

pub(super) use agreed::pretend;
pub(super) use post::mail_to;

/// Codes that one network may ask for (portal.md, section 3.2).
const STARTS: (u32, Duration) = (10, Duration::from_mins(10));
/// Wrong codes from one network. Right ones do not count: an office may share one address.
const FAILURES: (u32, Duration) = (60, Duration::from_hours(1));

/// What a typed code led to.
#[derive(Debug)]
pub(super) enum Judged {
    /// The name of the session that it opened.
    Opened(Name),
    /// It cannot be such a code, and costs no try.
    Unreadable,
    Wrong {
        tries_left: u32,
    },
    Expired,
    Throttled {
        until: Moment,
    },
}

/// Counts a start of this network, and refuses one too many.
pub(super) async fn count_start(
    portal: &Portal,
    network: Network,
    now: Moment,
) -> Result<(), Refusal> {
    within(portal, &[b"start", network.octets()], STARTS, now).await
}

/// Counts one use of what `parts` name, and refuses one too many.
pub(super) async fn within(
    portal: &Portal,
    parts: &[&[u8]],
    (most, per): (u32, Duration),
    now: Moment,
) -> Result<(), Refusal> {
    let key = portal.store.keyring().mac(Purpose::Counter, parts);
    if portal.store.within(key, most, per, now).await? { Ok(()) } else { Err(Refusal::Throttled) }
}

/// Makes a code for this browser and, when the limits allow it, queues what carries it. For an access code there is
/// nothing to send.
pub(super) async fn request(
    portal: &Portal,
    letter: &Letter,
    browser: &Name,
    language: Language,
    now: Moment,
) -> Result<Request, Refusal> {
    let code = Code::from_random(vault::random_below(1_000_000));
    let Some((post, spends)) = post::compose(portal, letter, &code, language, now) else {
        let tally = portal.store.tally(letter.delivery.id).await?;
        let locked = tally.is_locked(&Limits::for_access_codes());
        return Ok(if locked { Request::Locked } else { Request::Send });
    };
    let challenge = MailId::generate().to_string();
    let new = NewCode { mac: mac(portal, &challenge, &code), post, spends, challenge };
    let asked = portal
        .store
        .request_code(letter.delivery.id, browser.hash(), new, &portal.site.limits, now)
        .await?;
    if let Request::Spent { payer, .. } = asked {
        tell_spent(letter, payer);
    }
    Ok(asked)
}

/// Somebody should look: a sender's credential may be in wrong hands.
fn tell_spent(letter: &Letter, payer: Payer) {
    let id = letter.delivery.id;
    let of = match payer {
        Payer::Number => "its number",
        Payer::Hundred => "numbers like its number",
        Payer::Country => "its country",
        Payer::Sender => "its sender",
        Payer::Organisation => "the organisation",
    };
    warn!(delivery = %id, "delivery {id}: no text message was sent, for the budget of {of} is spent");
}

/// Judges what was typed. The attempt is on disk as a failed one before anything is compared.
pub(super) async fn judge(
    portal: &Portal,
    letter: &Letter,
    browser: &Name,
    typed: &str,
    headers: &HeaderMap,
    visit: Visit,
) -> Result<Judged, Refusal> {
    let judged = match &letter.proof {
        Proof::Mailed | Proof::Texted(_) => match Code::parse(typed) {
            Ok(code) => judge_code(portal, letter, browser, &code, headers, visit).await,
            Err(_) => Ok(Judged::Unreadable),
        },
        Proof::Agreed(hash) => match AccessCode::parse(typed) {
            Ok(code) => agreed::judge(portal, letter, (hash, &code), browser, headers, visit).await,
            Err(_) => Ok(Judged::Unreadable),
        },
    };
    if let Ok(Judged::Opened(_)) = judged {
        remember_language(portal, letter, visit).await;
    }
    judged
}

/// Whoever has proved to be the recipient gets the next notification in the language that they chose. Their code is used
/// up: that this could not be written down must not keep the message from them.
async fn remember_language(portal: &Portal, letter: &Letter, visit: Visit) {
    let Some(language) = visit.chosen else { return };
    if let Err(error) = portal.store.choose_language(letter.recipient(), language, visit.now).await
    {
        let id = letter.delivery.id;
        warn!(delivery = %id, %error, "delivery {id}: its recipient's language is not remembered");
    }
}

async fn judge_code(
    portal: &Portal,
    letter: &Letter,
    browser: &Name,
    typed: &Code,
    headers: &HeaderMap,
    visit: Visit,
) -> Result<Judged, Refusal> {
    let (now, limits) = (visit.now, &portal.site.limits);
    refuse_guesser(portal, visit).await?;
    let tally = portal.store.tally(letter.delivery.id).await?;
    if let Some(verdict) = access::refuses(&tally, limits, now) {
        return judged(portal, verdict, headers, visit).await;
    }
    let (challenges, tally) =
        portal.store.begin_attempt(letter.delivery.id, browser.hash(), now).await?;
    let macs: Vec<CodeMac> =
        challenges.iter().map(|challenge| mac(portal, &challenge.id, typed)).collect();
    let id = letter.delivery.id.to_string();
    let verdict = access::answer(&id, &challenges, &macs, &tally, limits, now);
    tell_lock(portal, letter, &verdict, tally.locks(limits), now).await?;
    judged(portal, verdict, headers, visit).await
}

async fn judged(
    portal: &Portal,
    verdict: Verdict,
    headers: &HeaderMap,
    visit: Visit,
) -> Result<Judged, Refusal> {
    match verdict {
        Verdict::Passed { challenge, passed } => {
            let challenge = challenge.as_deref();
            let opened = session::open(portal, headers, &passed, challenge, visit.now).await?;
            Ok(opened.map_or(Judged::Wrong { tries_left: 0 }, Judged::Opened))
        }
        Verdict::Wrong { tries_left } => {
            count_failure(portal, visit).await?;
            Ok(Judged::Wrong { tries_left })
        }
        Verdict::Expired => Ok(Judged::Expired),
        Verdict::Throttled { until } => Ok(Judged::Throttled { until }),
        Verdict::Locked => Err(Refusal::Locked),
    }
}

/// The one attempt that locks a message is the one that its sender hears of.
async fn tell_lock(
    portal: &Portal,
    letter: &Letter,
    verdict: &Verdict,
    locks: bool,
    now: Moment,
) -> Result<(), Refusal> {
    if locks && *verdict == Verdict::Locked {
        trouble::locked(portal, letter, now).await?;
    }
    Ok(())
}

/// Refuses a network that typed too many wrong codes, whatever it types now.
pub(super) async fn refuse_guesser(portal: &Portal, visit: Visit) -> Result<(), Refusal> {
    let key = portal.store.keyring().mac(Purpose::Counter, &[b"failure", visit.network.octets()]);
    let (most, _) = FAILURES;
    if portal.store.is_used_up(key, most, visit.now).await? {
        Err(Refusal::Throttled)
    } else {
        Ok(())
    }
}

/// Counts a wrong code of this network, and refuses one too many.
pub(super) async fn count_failure(portal: &Portal, visit: Visit) -> Result<(), Refusal> {
    within(portal, &[b"failure", visit.network.octets()], FAILURES, visit.now).await
}

pub(super) fn mac(portal: &Portal, challenge: &str, code: &Code) -> CodeMac {
    let parts = [challenge.as_bytes(), code.secret().reveal().as_bytes()];
    CodeMac(portal.store.keyring().mac(Purpose::Code, &parts).to_vec())
}
