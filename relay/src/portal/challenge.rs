//! Codes: asked for, mailed, typed. The rules stand in `zegel_core::access`; here are chance, keys and the store.

use std::time::Duration;

use axum::http::HeaderMap;
use zegel_core::access::{self, Code, CodeMac, Request, Verdict};
use zegel_core::moment::Moment;
use zegel_core::notice::{CodeMail, Language, code_mail};
use zegel_core::own_id;

use super::Portal;
use super::letter::Letter;
use super::refusal::Refusal;
use super::session::{self, Name};
use super::visit::{Network, Visit};
use crate::id::MailId;
use crate::store::{MailKind, NewCode, NewMail};
use crate::vault::{self, Purpose};

/// Codes that one network may ask for (portal.md, section 3.2).
const STARTS: (u32, Duration) = (10, Duration::from_mins(10));
/// Wrong codes from one network. Right ones do not count: an office may share one address.
const FAILURES: (u32, Duration) = (60, Duration::from_hours(1));

/// What a typed code led to.
#[derive(Debug)]
pub(super) enum Judged {
    /// The name of the session that it opened.
    Opened(Name),
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

/// Makes a code for this browser and, when the limits allow it, queues its mail.
pub(super) async fn request(
    portal: &Portal,
    letter: &Letter,
    browser: &Name,
    language: Language,
    now: Moment,
) -> Result<Request, Refusal> {
    let code = Code::from_random(vault::random_below(1_000_000));
    let challenge = MailId::generate().to_string();
    let new = NewCode {
        mac: mac(portal, &challenge, &code),
        mail: mail(portal, letter, &code, language, now),
        challenge,
    };
    Ok(portal
        .store
        .request_code(letter.delivery.id, browser.hash(), new, &portal.site.limits, now)
        .await?)
}

/// Judges a typed code. The attempt is on disk as a failed one before anything is compared.
pub(super) async fn judge(
    portal: &Portal,
    letter: &Letter,
    browser: &Name,
    typed: &Code,
    headers: &HeaderMap,
    visit: Visit,
) -> Result<Judged, Refusal> {
    let now = visit.now;
    refuse_guesser(portal, visit).await?;
    let tally = portal.store.tally(letter.delivery.id).await?;
    if let Some(verdict) = access::refuses(&tally, &portal.site.limits, now) {
        return judged(portal, verdict, headers, visit).await;
    }
    let (challenges, tally) =
        portal.store.begin_attempt(letter.delivery.id, browser.hash(), now).await?;
    let macs: Vec<CodeMac> =
        challenges.iter().map(|challenge| mac(portal, &challenge.id, typed)).collect();
    let id = letter.delivery.id.to_string();
    let verdict = access::answer(&id, &challenges, &macs, &tally, &portal.site.limits, now);
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
            let opened = session::open(portal, headers, &passed, &challenge, visit.now).await?;
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

fn mac(portal: &Portal, challenge: &str, code: &Code) -> CodeMac {
    let parts = [challenge.as_bytes(), code.secret().reveal().as_bytes()];
    CodeMac(portal.store.keyring().mac(Purpose::Code, &parts).to_vec())
}

fn mail(portal: &Portal, letter: &Letter, code: &Code, language: Language, now: Moment) -> NewMail {
    let site = &portal.site;
    let to = letter.recipient();
    let lifetime = site.limits.lifetime;
    let message = code_mail(&CodeMail {
        organisation: &site.organisation,
        to,
        language,
        host: &site.host,
        code: code.secret(),
        minutes: lifetime.as_secs() / 60,
        message_id: &own_id::make(&MailId::generate(), site.organisation.from.domain()),
        now,
    });
    NewMail {
        kind: MailKind::Code,
        delivery: Some(letter.delivery.id),
        to: to.clone(),
        message,
        floor: letter.stored.submission.wish(to).code_floor(),
        expires: now.plus(lifetime),
    }
}
