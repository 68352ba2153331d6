//! What the sender, once known, sees and decides.

use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use tracing::info;
use zegel_core::decision::{Method, Outcome};
use zegel_core::delivery::State as Standing;

use super::factor::{self, Mistake, Offers};
use super::require;
use super::view::{HeldPage, Row, TypedWrong, WithdrawPage};
use crate::id::DeliveryId;
use crate::portal::Portal;
use crate::portal::challenge;
use crate::portal::form::Typed;
use crate::portal::refusal::Refusal;
use crate::portal::view::{self, Page, Told};
use crate::portal::visit::Visit;
use crate::store::{Delivery, Reply, Stored, is_open};

/// Recipients on one page; those who are done with make room for the others.
const ROWS_MAX: usize = 100;

/// Answers for one message: all recipients of the largest transaction, and each of them once more.
const REPLIES: (u32, Duration) = (4000, Duration::from_hours(24));

/// The queries of the page that say what was done.
const DONE: &str = "done";
const WITHDRAWN: &str = "withdrawn";
const LATE: &str = "late";

/// What a sender gives: one of them.
#[derive(Deserialize)]
pub(in crate::portal) struct Given {
    #[serde(default)]
    number: String,
    #[serde(default)]
    code: String,
}

/// `GET /held/{id}`
pub(in crate::portal) async fn show(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let stored = require(&portal, &headers, &id, visit.now).await?;
    let mut page = held_page(&portal, visit, &stored).await?;
    page.notice = match uri.query() {
        Some(DONE) => Some(visit.words.say("held-done")),
        Some(WITHDRAWN) => Some(visit.words.say("held-withdrawn")),
        Some(LATE) => Some(visit.words.say("held-late")),
        _ => None,
    };
    Ok(view::html(&page))
}

/// `POST /held/{id}/{delivery}`: a number or an access code.
pub(in crate::portal) async fn give(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    Path((id, delivery)): Path<(String, String)>,
    headers: HeaderMap,
    Typed(given): Typed<Given>,
) -> Result<Response, Refusal> {
    let stored = require(&portal, &headers, &id, visit.now).await?;
    let delivery = open_one(&portal, &stored, &delivery).await?;
    count(&portal, &stored, visit).await?;
    match factor::read(&portal, delivery.id, &given.number, &given.code).await? {
        Ok(right) => answer(&portal, visit, &stored, &delivery, Reply::Factor(right)).await,
        Err(Mistake { field, key }) => {
            let mut page = held_page(&portal, visit, &stored).await?;
            let (delivery, text) = (delivery.id.to_string(), visit.words.say(key));
            page.mistake = Some(TypedWrong { delivery, field, text });
            Ok((StatusCode::UNPROCESSABLE_ENTITY, view::html(&page)).into_response())
        }
    }
}

/// `POST /held/{id}/{delivery}/email`
pub(in crate::portal) async fn allow_email(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    Path((id, delivery)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let stored = require(&portal, &headers, &id, visit.now).await?;
    if !Offers::of(&portal).await?.email {
        return Err(Refusal::NotFound);
    }
    let delivery = open_one(&portal, &stored, &delivery).await?;
    count(&portal, &stored, visit).await?;
    answer(&portal, visit, &stored, &delivery, Reply::Email).await
}

/// `GET /held/{id}/{delivery}/withdraw`: what cannot be undone is asked about first.
pub(in crate::portal) async fn confirm(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    Path((id, delivery)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let stored = require(&portal, &headers, &id, visit.now).await?;
    let delivery = open_one(&portal, &stored, &delivery).await?;
    let (page, id) = (Page::of(&portal.site, visit), stored.id.to_string());
    Ok(view::html(&WithdrawPage { page, id, row: row(&delivery, visit) }))
}

/// `POST /held/{id}/{delivery}/withdraw`
pub(in crate::portal) async fn withdraw(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    Path((id, delivery)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let stored = require(&portal, &headers, &id, visit.now).await?;
    let delivery = open_one(&portal, &stored, &delivery).await?;
    answer(&portal, visit, &stored, &delivery, Reply::Withdraw).await
}

async fn count(portal: &Portal, stored: &Stored, visit: Visit) -> Result<(), Refusal> {
    let id = stored.id.to_string();
    challenge::within(portal, &[b"reply", id.as_bytes()], REPLIES, visit.now).await
}

/// The delivery of this message with this id.
async fn open_one(portal: &Portal, stored: &Stored, id: &str) -> Result<Delivery, Refusal> {
    let id: DeliveryId = id.parse().map_err(|_| Refusal::NotFound)?;
    let found = portal.store.delivery(id).await?;
    found.filter(|found| found.submission == stored.id).ok_or(Refusal::NotFound)
}

async fn answer(
    portal: &Portal,
    visit: Visit,
    stored: &Stored,
    delivery: &Delivery,
    reply: Reply,
) -> Result<Response, Refusal> {
    let done = if reply == Reply::Withdraw { WITHDRAWN } else { DONE };
    let what = match &reply {
        Reply::Factor(_) => "gives a number or a code",
        Reply::Email => "allows a code by e-mail",
        Reply::Withdraw => "withdraws it",
    };
    let in_time = portal.store.reply(stored.id, delivery.id, reply, visit.now).await?;
    if in_time {
        info!(delivery = %delivery.id, "delivery {}: its sender {what}", delivery.id);
    }
    if portal.store.submission(stored.id).await?.is_none() {
        // It was for nobody else.
        return Ok(view::html(&Told {
            page: Page::of(&portal.site, visit),
            title: visit.words.say("withdrawn-title"),
            text: visit.words.say("held-withdrawn"),
            more: None,
        }));
    }
    let query = if in_time { done } else { LATE };
    Ok(Redirect::to(&format!("/held/{}?{query}", stored.id)).into_response())
}

async fn held_page<'a>(
    portal: &'a Portal,
    visit: Visit,
    stored: &Stored,
) -> Result<HeldPage<'a>, Refusal> {
    let all = portal.store.deliveries_of(stored.id).await?;
    let concerned = all.iter().filter(|one| is_asked_about(one));
    let (ready, asked): (Vec<&Delivery>, Vec<&Delivery>) = concerned.partition(|one| is_ready(one));
    let more = asked.len().saturating_sub(ROWS_MAX);
    let (held, announced): (Vec<&Delivery>, Vec<&Delivery>) = asked
        .into_iter()
        .take(ROWS_MAX)
        .partition(|one| matches!(one.state, Standing::Held { .. }));
    let rows = |all: Vec<&Delivery>| all.into_iter().map(|one| row(one, visit)).collect();
    Ok(HeldPage {
        page: Page::of(&portal.site, visit),
        id: stored.id.to_string(),
        sent: visit.words.date(stored.accepted),
        offers: Offers::of(portal).await?,
        held: rows(held),
        announced: rows(announced),
        ready: ready.len(),
        more,
        notice: None,
        mistake: None,
    })
}

/// Held for others' sake: something is known that they can be verified by.
fn is_ready(delivery: &Delivery) -> bool {
    let outcome = delivery.decision.as_ref().map(|decision| decision.outcome);
    matches!(delivery.state, Standing::Held { .. }) && matches!(outcome, Some(Outcome::By(_)))
}

/// Whether the sender could give something that helps: who waits for a mailed code needs nothing of them.
fn is_asked_about(delivery: &Delivery) -> bool {
    match &delivery.state {
        Standing::Sent { method, .. } => matches!(method, Method::Sms | Method::AccessCode),
        state => is_open(state),
    }
}

fn row(delivery: &Delivery, visit: Visit) -> Row {
    let until = delivery.state.due().unwrap_or(delivery.expires);
    Row {
        delivery: delivery.id.to_string(),
        recipient: delivery.recipient.address.to_string(),
        until: visit.words.date(until),
    }
}
