//! Behind the link of a notification: who sent what when, one button, and the form for the code.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use serde::Deserialize;
use zegel_core::access::Request;
use zegel_core::secret::Secret;

use super::challenge::{self, Judged};
use super::form::Typed;
use super::letter::{self, Letter, Way};
use super::refusal::Refusal;
use super::session::{self, Name};
use super::trouble::{self, Asked};
use super::view::{self, CodePage, LinkPage, Page};
use super::visit::Visit;
use super::{Portal, cookie};
use crate::vault::{crockford_read, digest};

/// Characters of a link's token: 130 bits (portal.md, L6).
const TOKEN_CHARACTERS: usize = 26;

/// The query of the page that says that another code was sent.
pub(super) const AGAIN: &str = "again";

/// The query of the page that says that the sender was asked, or that nobody can ask them.
pub(super) const ASKED: &str = "asked";
const UNREACHABLE: &str = "unreachable";

/// The form with the typed code.
#[derive(Deserialize)]
pub(super) struct CodeForm {
    #[serde(default)]
    pub(super) code: String,
}

/// The beginning of a token's hash, for the log; `None` for what is no token.
pub(super) fn hash_prefix(token: &str) -> Option<String> {
    let [a, b, c, d, ..] = digest(&crockford_read(token, TOKEN_CHARACTERS)?);
    Some(format!("{:08x}", u32::from_be_bytes([a, b, c, d])))
}

/// `GET /m/{token}`: looks, and changes nothing.
pub(super) async fn show(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (token, letter) = follow(&portal, &token, visit).await?;
    if session::find(&portal, &headers, letter.delivery.id, visit.now).await?.is_some() {
        return Ok(Redirect::to(&format!("/c/{}", letter.delivery.id)).into_response());
    }
    let card = letter.card(visit.words);
    Ok(view::html(&LinkPage { page: Page::of(&portal.site, visit), card, token: token.reveal() }))
}

/// `POST /m/{token}/start`: the button.
pub(super) async fn start(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    send(&portal, visit, &token, &headers, None).await
}

/// `POST /m/{token}/resend`
pub(super) async fn resend(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    send(&portal, visit, &token, &headers, Some(AGAIN)).await
}

/// `GET /m/{token}/code`
pub(super) async fn ask(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (token, letter) = follow(&portal, &token, visit).await?;
    if Name::read(&cookie::BROWSER, &headers).is_none() {
        return Ok(to_start(&token));
    }
    let mut page = code_page(&portal, visit, &token, &letter);
    page.notice = match uri.query() {
        Some(AGAIN) => Some(visit.words.say("code-again-done")),
        Some(ASKED) => Some(visit.words.say("lack-asked")),
        Some(UNREACHABLE) => Some(visit.words.say("lack-unreachable")),
        _ => None,
    };
    Ok(page.answer())
}

/// `POST /m/{token}/ask`: the recipient lacks what only the sender can give.
pub(super) async fn ask_sender(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
) -> Result<Redirect, Refusal> {
    let (token, letter) = follow(&portal, &token, visit).await?;
    challenge::count_start(&portal, visit.network, visit.now).await?;
    let query = match trouble::ask(&portal, &letter, visit.now).await? {
        Asked::Yes => ASKED,
        Asked::No => UNREACHABLE,
    };
    Ok(to_code(&format!("/m/{}", token.reveal()), Some(query)))
}

/// `POST /m/{token}/code`
pub(super) async fn answer(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
    headers: HeaderMap,
    Typed(form): Typed<CodeForm>,
) -> Result<Response, Refusal> {
    let (token, letter) = follow(&portal, &token, visit).await?;
    let Some(browser) = Name::read(&cookie::BROWSER, &headers) else { return Ok(to_start(&token)) };
    let mut page = code_page(&portal, visit, &token, &letter);
    let words = visit.words;
    Ok(match challenge::judge(&portal, &letter, &browser, &form.code, &headers, visit).await? {
        Judged::Opened(name) => welcome(&letter, &name),
        Judged::Unreadable => {
            let mistake = page.unreadable();
            page.with_mistake(mistake)
        }
        Judged::Wrong { tries_left } => {
            let key = match letter.way() {
                Way::Mailed { .. } | Way::Texted { .. } => "code-wrong",
                Way::Agreed => "access-wrong",
            };
            page.with_mistake(words.count(key, tries_left))
        }
        Judged::Expired => page.with_mistake(words.say("code-expired")),
        Judged::Throttled { until } => {
            let wait = words.wait(until, visit.now);
            page.wait = Some(until.since(visit.now));
            page.with_mistake(words.with("code-throttled", &[("wait", &wait)]))
        }
    })
}

/// Into the message, under an address that is no secret.
pub(super) fn welcome(letter: &Letter, name: &Name) -> Response {
    let cookies = AppendHeaders([
        (header::SET_COOKIE, cookie::SESSION.set(name.reveal())),
        (header::SET_COOKIE, cookie::BROWSER.clear()),
        (header::SET_COOKIE, cookie::CLAIM.clear()),
    ]);
    (cookies, Redirect::to(&format!("/c/{}", letter.delivery.id))).into_response()
}

/// Finds the letter behind a token, however it was copied.
async fn follow(portal: &Portal, token: &str, visit: Visit) -> Result<(Secret, Letter), Refusal> {
    let token = crockford_read(token, TOKEN_CHARACTERS).ok_or(Refusal::NotFound)?;
    let id = portal.store.by_token(digest(&token)).await?.ok_or(Refusal::NotFound)?;
    let letter = letter::load(portal, id, visit.now).await?;
    Ok((token, letter))
}

async fn send(
    portal: &Portal,
    visit: Visit,
    token: &str,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<Response, Refusal> {
    let (token, letter) = follow(portal, token, visit).await?;
    challenge::count_start(portal, visit.network, visit.now).await?;
    let known = Name::read(&cookie::BROWSER, headers);
    let is_known = known.is_some();
    let browser = known.unwrap_or_else(Name::draw);
    let cookie = AppendHeaders([(header::SET_COOKIE, cookie::BROWSER.set(browser.reveal()))]);
    let words = visit.words;
    let mut page = code_page(portal, visit, &token, &letter);
    match challenge::request(portal, &letter, &browser, words.0, visit.now).await? {
        Request::Send => {
            Ok((cookie, to_code(&format!("/m/{}", token.reveal()), query)).into_response())
        }
        Request::Coalesced => {
            page.notice = Some(words.say("code-moments-ago"));
            // A second press of the button may overtake the first one's cookie, to which the code is bound.
            Ok((is_known.then_some(cookie), page.answer()).into_response())
        }
        Request::Throttled { until } => {
            let wait = words.wait(until, visit.now);
            page.notice = Some(words.with("code-send-throttled", &[("wait", &wait)]));
            page.wait = Some(until.since(visit.now));
            Ok((cookie, page.answer()).into_response())
        }
        Request::Spent { until, .. } => {
            let wait = words.wait(until, visit.now);
            page.notice = Some(words.with("text-send-throttled", &[("wait", &wait)]));
            page.wait = Some(until.since(visit.now));
            Ok((cookie, page.answer()).into_response())
        }
        Request::Locked => Err(Refusal::Locked),
    }
}

/// To the form for the code under `path`.
pub(super) fn to_code(path: &str, query: Option<&str>) -> Redirect {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    Redirect::to(&format!("{path}/code{query}"))
}

fn to_start(token: &Secret) -> Response {
    Redirect::to(&format!("/m/{}", token.reveal())).into_response()
}

fn code_page<'a>(
    portal: &'a Portal,
    visit: Visit,
    token: &Secret,
    letter: &Letter,
) -> CodePage<'a> {
    let path = format!("/m/{}", token.reveal());
    CodePage::of(Page::of(&portal.site, visit), path, &letter.way())
}
