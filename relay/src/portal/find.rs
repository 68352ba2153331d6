//! The way in for who types the message code instead of following a link. Whether such a message exists shows nowhere:
//! the answer is decided before anyone looks, and a wrong guess reads like a wrong code (portal.md, L12).

use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use tracing::debug;
use zegel_core::access::AccessCode;
use zegel_core::address::Address;
use zegel_core::moment::Moment;
use zegel_core::secret::same;

use super::challenge::{self, Judged};
use super::form::Typed;
use super::letter::{self, Letter, Proof};
use super::link::{AGAIN, ASKED, CodeForm, to_code, welcome};
use super::refusal::Refusal;
use super::session::Name;
use super::trouble;
use super::view::{self, CodePage, FrontPage, Page, Wanted};
use super::visit::Visit;
use super::{Portal, cookie};
use crate::vault::{Keyring, Purpose, crockford_read, digest};

/// Characters of a message code: 50 bits.
const REFERENCE_CHARACTERS: usize = 10;
/// Looks from one network.
const LOOKS_MINUTE: (u32, Duration) = (5, Duration::from_mins(1));
const LOOKS_HOUR: (u32, Duration) = (30, Duration::from_hours(1));
/// Looks for one address, from wherever.
const LOOKS_ADDRESS: (u32, Duration) = (20, Duration::from_hours(24));

/// What the claim's seal is bound to.
const CONTEXT: &[u8] = b"portal-find";

#[derive(Deserialize)]
pub(super) struct FindForm {
    #[serde(default)]
    reference: String,
    #[serde(default)]
    address: String,
}

/// Says that a message code and an address belong together. It travels sealed in a cookie, always of one length, because
/// the store must not know of it before the answer is out.
#[derive(Copy, Clone)]
struct Claim {
    reference: [u8; 32],
    address: [u8; 32],
}

impl Claim {
    fn seal(&self, keyring: &Keyring) -> String {
        URL_SAFE_NO_PAD.encode(keyring.seal(CONTEXT, &[self.reference, self.address].concat()))
    }

    fn read(headers: &HeaderMap, keyring: &Keyring) -> Option<Self> {
        let sealed = URL_SAFE_NO_PAD.decode(cookie::CLAIM.read(headers)?).ok()?;
        let plain = keyring.open(CONTEXT, &sealed).ok()?;
        let (reference, address) = plain.split_first_chunk()?;
        Some(Self { reference: *reference, address: address.try_into().ok()? })
    }

    /// The letter, if there is one and it is for that address.
    async fn resolve(&self, portal: &Portal, now: Moment) -> Result<Option<Letter>, Refusal> {
        let Some(id) = portal.store.by_reference(self.reference).await? else { return Ok(None) };
        let letter = match letter::load(portal, id, now).await {
            Ok(letter) => letter,
            Err(Refusal::Unavailable) => return Err(Refusal::Unavailable),
            Err(_) => return Ok(None),
        };
        let address = address_mac(portal.store.keyring(), letter.recipient());
        Ok(same(&address, &self.address).then_some(letter))
    }
}

/// `POST /find`
pub(super) async fn look(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
    Typed(form): Typed<FindForm>,
) -> Result<Response, Refusal> {
    let reference = crockford_read(form.reference.trim(), REFERENCE_CHARACTERS);
    let address = form.address.trim().parse::<Address>();
    let (Some(reference), Ok(address)) = (&reference, &address) else {
        let mistakes = [
            (reference.is_none(), "reference", "find-reference-wrong"),
            (address.is_err(), "address", "find-address-wrong"),
        ];
        let mistakes = mistakes.into_iter().filter(|(wrong, ..)| *wrong);
        let page = FrontPage {
            page: Page::of(&portal.site, visit),
            mistakes: mistakes.map(|(_, field, key)| (field, visit.words.say(key))).collect(),
            reference: form.reference,
            address: form.address,
        };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, view::html(&page)).into_response());
    };
    let address = address_mac(portal.store.keyring(), address);
    let claim = Claim { reference: digest(reference), address };
    proceed(&portal, visit, &headers, claim, None).await
}

/// `POST /find/resend`
pub(super) async fn resend(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    match Claim::read(&headers, portal.store.keyring()) {
        Some(claim) => proceed(&portal, visit, &headers, claim, Some(AGAIN)).await,
        None => Ok(Redirect::to("/").into_response()),
    }
}

/// `GET /find/code`
pub(super) async fn ask(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if Claim::read(&headers, portal.store.keyring()).is_none() {
        return Redirect::to("/").into_response();
    }
    let mut page = code_page(&portal, visit);
    page.notice = match uri.query() {
        Some(AGAIN) => Some(visit.words.say("code-again-done-blind")),
        Some(ASKED) => Some(visit.words.say("lack-asked-blind")),
        _ => None,
    };
    page.answer()
}

/// `POST /find/ask`: answers before anyone looks whether there is a sender to be asked.
pub(super) async fn ask_sender(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
) -> Result<Redirect, Refusal> {
    let Some(claim) = Claim::read(&headers, portal.store.keyring()) else {
        return Ok(Redirect::to("/"));
    };
    challenge::count_start(&portal, visit.network, visit.now).await?;
    let asking = portal.clone();
    portal.lifecycle.spawn(async move {
        if let Ok(Some(letter)) = claim.resolve(&asking, visit.now).await {
            // The store's own faults are logged already.
            let _ = trouble::ask(&asking, &letter, visit.now).await;
        }
    });
    Ok(to_code("/find", Some(ASKED)))
}

/// `POST /find/code`
pub(super) async fn answer(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
    Typed(form): Typed<CodeForm>,
) -> Result<Response, Refusal> {
    let claim = Claim::read(&headers, portal.store.keyring());
    let (Some(claim), Some(browser)) = (claim, Name::read(&cookie::BROWSER, &headers)) else {
        return Ok(Redirect::to("/").into_response());
    };
    let page = code_page(&portal, visit);
    // What is long enough for an access code may be a code of any kind.
    if AccessCode::parse(&form.code).is_err() {
        let mistake = page.unreadable();
        return Ok(page.with_mistake(mistake));
    }
    let wrong = visit.words.say("code-wrong-blind");
    let letter = claim.resolve(&portal, visit.now).await?;
    if !letter.as_ref().is_some_and(|letter| matches!(letter.proof, Proof::Agreed(_))) {
        challenge::pretend(&portal, &form.code).await?;
    }
    let Some(letter) = letter else {
        pretend_wrong(&portal, &claim, visit).await?;
        return Ok(page.with_mistake(wrong));
    };
    match challenge::judge(&portal, &letter, &browser, &form.code, &headers, visit).await {
        Ok(Judged::Opened(name)) => Ok(welcome(&letter, &name)),
        Ok(Judged::Unreadable) => {
            pretend_wrong(&portal, &claim, visit).await?;
            Ok(page.with_mistake(wrong))
        }
        Ok(Judged::Wrong { .. } | Judged::Expired | Judged::Throttled { .. })
        | Err(Refusal::Locked) => Ok(page.with_mistake(wrong)),
        Err(refusal) => Err(refusal),
    }
}

/// The same work as for a wrong code: two counts on disk.
async fn pretend_wrong(portal: &Portal, claim: &Claim, visit: Visit) -> Result<(), Refusal> {
    challenge::refuse_guesser(portal, visit).await?;
    let _ = challenge::within(portal, &[b"find-code", &claim.reference], LOOKS_ADDRESS, visit.now)
        .await;
    challenge::count_failure(portal, visit).await
}

/// Counts, answers, and only then looks.
async fn proceed(
    portal: &Portal,
    visit: Visit,
    headers: &HeaderMap,
    claim: Claim,
    query: Option<&str>,
) -> Result<Response, Refusal> {
    let network = visit.network;
    let network = network.octets();
    challenge::within(portal, &[b"find-minute", network], LOOKS_MINUTE, visit.now).await?;
    challenge::within(portal, &[b"find-hour", network], LOOKS_HOUR, visit.now).await?;
    challenge::within(portal, &[b"find-address", &claim.address], LOOKS_ADDRESS, visit.now).await?;

    let browser = Name::read(&cookie::BROWSER, headers).unwrap_or_else(Name::draw);
    let cookies = AppendHeaders([
        (header::SET_COOKIE, cookie::BROWSER.set(browser.reveal())),
        (header::SET_COOKIE, cookie::CLAIM.set(&claim.seal(portal.store.keyring()))),
    ]);
    portal.lifecycle.spawn(send(portal.clone(), visit, claim, browser));
    Ok((cookies, to_code("/find", query)).into_response())
}

/// Sends the code if the claim is true. What came of it shows nowhere; the store's own faults are logged already.
async fn send(portal: Portal, visit: Visit, claim: Claim, browser: Name) {
    let Ok(Some(letter)) = claim.resolve(&portal, visit.now).await else { return };
    if let Ok(request) =
        challenge::request(&portal, &letter, &browser, visit.words.0, visit.now).await
    {
        let id = letter.delivery.id;
        debug!(delivery = %id, ?request, "a code for delivery {id} was asked for by message code");
    }
}

fn address_mac(keyring: &Keyring, address: &Address) -> [u8; 32] {
    keyring.mac(Purpose::Counter, &[b"address", address.key().as_bytes()])
}

fn code_page(portal: &Portal, visit: Visit) -> CodePage<'_> {
    CodePage::new(
        Page::of(&portal.site, visit),
        "/find".to_owned(),
        Wanted::Blind,
        visit.words.say("code-sent-blind"),
    )
}
