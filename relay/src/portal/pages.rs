//! Pages that are about no message.

use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::refusal::Refusal;
use super::view::{self, AccessibilityPage, FrontPage, GenuinePage, HelpPage, Page, Told};
use super::visit::Visit;
use super::{Portal, cookie, sender, session};

/// RFC 9116, section 2.5.5 recommends less than a year.
const SECURITY_EXPIRES: Duration = Duration::from_hours(180 * 24);

/// `GET /`
pub(super) async fn front(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
) -> Response {
    let page = Page::of(&portal.site, visit);
    view::html(&FrontPage {
        page,
        mistakes: Vec::new(),
        reference: String::new(),
        address: String::new(),
    })
}

/// `GET /echt`
pub(super) async fn genuine(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
) -> Response {
    view::html(&GenuinePage { page: Page::of(&portal.site, visit) })
}

/// `GET /hulp`
pub(super) async fn help(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
) -> Response {
    view::html(&HelpPage { page: Page::of(&portal.site, visit) })
}

/// `GET /toegankelijkheid`
pub(super) async fn accessibility(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
) -> Response {
    view::html(&AccessibilityPage { page: Page::of(&portal.site, visit) })
}

/// `POST /logout`
pub(super) async fn log_out(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    session::end(&portal, &headers).await?;
    sender::end(&portal, &headers).await?;
    let leave = AppendHeaders([
        (header::SET_COOKIE, cookie::SESSION.clear()),
        (header::SET_COOKIE, cookie::SENDER.clear()),
        (
            HeaderName::from_static("clear-site-data"),
            HeaderValue::from_static("\"cache\", \"cookies\", \"storage\""),
        ),
    ]);
    // The language goes with the cookies: it is said once more.
    Ok((leave, Redirect::to(&format!("/uitgelogd?lang={}", visit.words.code()))).into_response())
}

/// `GET /uitgelogd`
pub(super) async fn logged_out(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
) -> Response {
    let words = visit.words;
    view::html(&Told {
        page: Page::of(&portal.site, visit),
        title: words.say("logged-out-title"),
        text: words.say("logged-out"),
        more: Some(words.say("logged-out-shared")),
    })
}

/// `GET /robots.txt`: who may not look would not see that nothing here is to be listed.
pub(super) async fn robots() -> &'static str {
    "User-agent: *\nAllow: /\n"
}

/// `GET /.well-known/security.txt` (RFC 9116)
pub(super) async fn security(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
) -> Result<String, Refusal> {
    let contact = portal.site.security_contact.as_deref().ok_or(Refusal::NotFound)?;
    let expires = OffsetDateTime::from_unix_timestamp(visit.now.plus(SECURITY_EXPIRES).0)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .ok_or(Refusal::Unavailable)?;
    let origin = &portal.site.origin;
    Ok(format!(
        "Contact: {contact}\nExpires: {expires}\nPreferred-Languages: nl, en\n\
         Canonical: {origin}/.well-known/security.txt\n"
    ))
}

/// `GET /healthz`, for this machine alone.
pub(super) async fn health(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
) -> Result<&'static str, Refusal> {
    if !visit.is_local {
        return Err(Refusal::NotFound);
    }
    portal.store.next_due().await?;
    Ok("ok\n")
}
