//! Behind the link in a mail to a sender: one button, and the form for the code that it sends to the author's mailbox.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use tracing::info;
use zegel_core::access::{self, Code, CodeMac, Request, Verdict};
use zegel_core::secret::Secret;

use super::view::StartPage;
use super::{end, has_session, load};
use crate::id::MailId;
use crate::portal::challenge;
use crate::portal::form::Typed;
use crate::portal::letter::masked;
use crate::portal::link::{AGAIN, CodeForm, to_code};
use crate::portal::refusal::Refusal;
use crate::portal::session::Name;
use crate::portal::view::{self, CodePage, Page, Wanted};
use crate::portal::visit::Visit;
use crate::portal::{Portal, cookie};
use crate::store::{NewCode, NewSenderSession, Post, Stored, TOKEN_CHARACTERS};
use crate::vault::{crockford_read, digest, random_below};

/// `GET /s/{token}`: looks, and changes nothing.
pub(in crate::portal) async fn show(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (token, stored) = follow(&portal, &token, visit).await?;
    if has_session(&portal, &headers, stored.id, visit.now).await? {
        return Ok(Redirect::to(&format!("/held/{}", stored.id)).into_response());
    }
    Ok(view::html(&StartPage {
        page: Page::of(&portal.site, visit),
        sent: visit.words.date(stored.accepted),
        address: masked(&stored.submission.from),
        token: token.reveal(),
    }))
}

/// `POST /s/{token}/start`: the button.
pub(in crate::portal) async fn start(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    send(&portal, visit, &token, &headers, None).await
}

/// `POST /s/{token}/resend`
pub(in crate::portal) async fn resend(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    send(&portal, visit, &token, &headers, Some(AGAIN)).await
}

/// `GET /s/{token}/code`
pub(in crate::portal) async fn ask(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let (token, stored) = follow(&portal, &token, visit).await?;
    if Name::read(&cookie::BROWSER, &headers).is_none() {
        return Ok(to_start(&token));
    }
    let mut page = code_page(&portal, visit, &token, &stored);
    page.notice = (uri.query() == Some(AGAIN)).then(|| visit.words.say("code-again-done"));
    Ok(page.answer())
}

/// `POST /s/{token}/code`
pub(in crate::portal) async fn answer(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    Path(token): Path<String>,
    headers: HeaderMap,
    Typed(form): Typed<CodeForm>,
) -> Result<Response, Refusal> {
    let (token, stored) = follow(&portal, &token, visit).await?;
    let Some(browser) = Name::read(&cookie::BROWSER, &headers) else { return Ok(to_start(&token)) };
    let mut page = code_page(&portal, visit, &token, &stored);
    let words = visit.words;
    let Ok(typed) = Code::parse(&form.code) else {
        let mistake = page.unreadable();
        return Ok(page.with_mistake(mistake));
    };
    match judge(&portal, &stored, &browser, &typed, visit).await? {
        Verdict::Passed { challenge: Some(challenge), passed } => {
            let name = Name::draw();
            let session = NewSenderSession {
                id_hash: name.hash(),
                submission: stored.id,
                created: passed.at(),
            };
            if !portal.store.open_sender_session(challenge, session, visit.now).await? {
                return Ok(page.with_mistake(words.count("code-wrong", 0_u32)));
            }
            end(&portal, &headers).await?;
            info!(submission = %stored.id, "submission {}: its sender is at its page", stored.id);
            let cookies = AppendHeaders([
                (header::SET_COOKIE, cookie::SENDER.set(name.reveal())),
                (header::SET_COOKIE, cookie::BROWSER.clear()),
            ]);
            Ok((cookies, Redirect::to(&format!("/held/{}", stored.id))).into_response())
        }
        Verdict::Passed { challenge: None, .. } => Err(Refusal::Unavailable),
        Verdict::Wrong { tries_left } => {
            challenge::count_failure(&portal, visit).await?;
            Ok(page.with_mistake(words.count("code-wrong", tries_left)))
        }
        Verdict::Expired => Ok(page.with_mistake(words.say("code-expired"))),
        Verdict::Throttled { until } => {
            let wait = words.wait(until, visit.now);
            page.wait = Some(until.since(visit.now));
            Ok(page.with_mistake(words.with("code-throttled", &[("wait", &wait)])))
        }
        Verdict::Locked => Err(Refusal::SenderLocked),
    }
}

/// Judges what was typed. The attempt is on disk as a failed one before anything is compared.
async fn judge(
    portal: &Portal,
    stored: &Stored,
    browser: &Name,
    typed: &Code,
    visit: Visit,
) -> Result<Verdict, Refusal> {
    let (now, limits) = (visit.now, &portal.site.limits);
    challenge::refuse_guesser(portal, visit).await?;
    let tally = portal.store.sender_tally(stored.id).await?;
    if let Some(refused) = access::refuses(&tally, limits, now) {
        return Ok(refused);
    }
    let (challenges, tally) =
        portal.store.begin_sender_attempt(stored.id, browser.hash(), now).await?;
    let macs: Vec<CodeMac> =
        challenges.iter().map(|one| challenge::mac(portal, &one.id, typed)).collect();
    Ok(access::answer(&stored.id.to_string(), &challenges, &macs, &tally, limits, now))
}

/// Has a code sent to the author's mailbox, if the limits allow it.
async fn send(
    portal: &Portal,
    visit: Visit,
    token: &str,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<Response, Refusal> {
    let (token, stored) = follow(portal, token, visit).await?;
    challenge::count_start(portal, visit.network, visit.now).await?;
    let known = Name::read(&cookie::BROWSER, headers);
    let is_known = known.is_some();
    let browser = known.unwrap_or_else(Name::draw);
    let cookie = AppendHeaders([(header::SET_COOKIE, cookie::BROWSER.set(browser.reveal()))]);
    let words = visit.words;
    let mut page = code_page(portal, visit, &token, &stored);
    match request(portal, &stored, &browser, visit).await? {
        Request::Send => {
            Ok((cookie, to_code(&format!("/s/{}", token.reveal()), query)).into_response())
        }
        Request::Coalesced => {
            page.notice = Some(words.say("code-moments-ago"));
            // A second press of the button may overtake the first one's cookie, to which the code is bound.
            Ok((is_known.then_some(cookie), page.answer()).into_response())
        }
        Request::Throttled { until } | Request::Spent { until, .. } => {
            let wait = words.wait(until, visit.now);
            page.notice = Some(words.with("code-send-throttled", &[("wait", &wait)]));
            page.wait = Some(until.since(visit.now));
            Ok((cookie, page.answer()).into_response())
        }
        Request::Locked => Err(Refusal::SenderLocked),
    }
}

async fn request(
    portal: &Portal,
    stored: &Stored,
    browser: &Name,
    visit: Visit,
) -> Result<Request, Refusal> {
    let (code, id) = (Code::from_random(random_below(1_000_000)), MailId::generate().to_string());
    let mail = challenge::mail_to(portal, &stored.submission.from, &code, visit.words.0, visit.now);
    let new = NewCode {
        mac: challenge::mac(portal, &id, &code),
        post: Post::Mail(mail),
        spends: Vec::new(),
        challenge: id,
    };
    let limits = &portal.site.limits;
    Ok(portal.store.request_sender_code(stored.id, browser.hash(), new, limits, visit.now).await?)
}

/// Finds the message behind a token, however it was copied.
async fn follow(portal: &Portal, token: &str, visit: Visit) -> Result<(Secret, Stored), Refusal> {
    let token = crockford_read(token, TOKEN_CHARACTERS).ok_or(Refusal::NotFound)?;
    let id = portal.store.by_sender_token(digest(&token)).await?.ok_or(Refusal::NotFound)?;
    Ok((token, load(portal, id, visit.now).await?))
}

fn to_start(token: &Secret) -> Response {
    Redirect::to(&format!("/s/{}", token.reveal())).into_response()
}

fn code_page<'a>(
    portal: &'a Portal,
    visit: Visit,
    token: &Secret,
    stored: &Stored,
) -> CodePage<'a> {
    let lead = visit.words.with("code-sent", &[("address", &masked(&stored.submission.from))]);
    let path = format!("/s/{}", token.reveal());
    CodePage::new(Page::of(&portal.site, visit), path, Wanted::Sender, lead)
}
