//! The sender's page for a message: who of its recipients waits for something that only the sender can give.
//!
//! The link in the mail that asks ([`door`]) identifies the message and opens nothing: a code goes to the author's own mailbox
//! and works in the browser that asked for it, under the same rules as recipients' codes. Behind it ([`desk`]) the sender
//! gives a number or an access code, allows a code by e-mail where the organisation lets them, or withdraws the message for
//! that recipient. Nothing of the message itself is shown: this page is about whom it is for.

pub(super) mod desk;
pub(super) mod door;
mod factor;
mod view;

use axum::http::HeaderMap;
use zegel_core::moment::Moment;

use super::refusal::Refusal;
use super::session::{self, Name};
use super::{Portal, cookie};
use crate::id::SubmissionId;
use crate::store::{Standing, Stored};

/// The message with this id, if its author may still answer for it.
async fn load(portal: &Portal, id: SubmissionId, now: Moment) -> Result<Stored, Refusal> {
    let stored = portal.store.submission(id).await?.ok_or(Refusal::SenderGone)?;
    if stored.expires <= now {
        return Err(Refusal::SenderGone);
    }
    match portal.store.standing(&stored.submission.from).await? {
        Standing::Suspended => Err(Refusal::Suspended),
        // Who is unknown here may stand in the directory, which was asked when the message came.
        Standing::Active | Standing::Unknown => Ok(stored),
    }
}

/// Whether this browser has proved to be the sender of this message.
async fn has_session(
    portal: &Portal,
    headers: &HeaderMap,
    id: SubmissionId,
    now: Moment,
) -> Result<bool, Refusal> {
    let Some(name) = Name::read(&cookie::SENDER, headers) else { return Ok(false) };
    let Some(found) = portal.store.sender_session(name.hash()).await? else { return Ok(false) };
    if found.submission != id || !session::is_alive(found.created, found.last_seen, now) {
        return Ok(false);
    }
    if session::is_to_be_touched(found.last_seen, now) {
        portal.store.touch_sender_session(name.hash(), now).await?;
    }
    Ok(true)
}

/// The message with this id, for its sender alone. One that does not exist looks like one that is not open.
async fn require(
    portal: &Portal,
    headers: &HeaderMap,
    id: &str,
    now: Moment,
) -> Result<Stored, Refusal> {
    let id = id.parse().map_err(|_| Refusal::SenderSignedOut)?;
    if !has_session(portal, headers, id, now).await? {
        return Err(Refusal::SenderSignedOut);
    }
    load(portal, id, now).await
}

/// Ends the sender's session of this browser, if it has one.
pub(super) async fn end(portal: &Portal, headers: &HeaderMap) -> Result<(), Refusal> {
    if let Some(name) = Name::read(&cookie::SENDER, headers) {
        portal.store.end_sender_session(name.hash()).await?;
    }
    Ok(())
}
