//! The recipient cannot get in, and the sender should know.

use std::time::Duration;

use zegel_core::moment::Moment;
use zegel_core::notice::{Concern, SenderPage, Trouble, concern};
use zegel_core::own_id;
use zegel_core::report;

use super::Portal;
use super::letter::{Letter, Proof};
use super::refusal::Refusal;
use crate::id::MailId;
use crate::store::{self, MailKind, NewMail};
use crate::vault::Purpose;

/// How often the recipient of a message may have its sender asked: once in this time.
const ASKED_EVERY: Duration = Duration::from_hours(24);

/// For how long the mail to the sender is tried: after that the recipient has asked again, or called.
const TOLD_WITHIN: Duration = Duration::from_hours(24);

/// Whether the sender knows.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// From now on, or since earlier today.
    Yes,
    /// There is nobody who could be asked by mail, or nothing to ask.
    No,
}

/// Asks the sender for what the recipient says they lack.
pub(super) async fn ask(portal: &Portal, letter: &Letter, now: Moment) -> Result<Asked, Refusal> {
    let what = match letter.proof {
        Proof::Mailed => return Ok(Asked::No),
        Proof::Texted(_) => Trouble::NoText,
        Proof::Agreed(_) => Trouble::NoAccessCode,
    };
    let Some(mail) = mail(portal, letter, what, now) else { return Ok(Asked::No) };
    let id = letter.delivery.id.to_string();
    let key = portal.store.keyring().mac(Purpose::Counter, &[b"ask-sender", id.as_bytes()]);
    let trouble = store::Trouble {
        delivery: letter.delivery.id,
        note: note(what),
        page: letter.delivery.submission,
        mail: Some(mail),
        once: Some((key, ASKED_EVERY)),
    };
    portal.store.tell_sender(trouble, now).await?;
    Ok(Asked::Yes)
}

/// Notes in the delivery's history that it is locked, and tells its sender.
pub(super) async fn locked(portal: &Portal, letter: &Letter, now: Moment) -> Result<(), Refusal> {
    let what = Trouble::Locked;
    let trouble = store::Trouble {
        delivery: letter.delivery.id,
        note: note(what),
        page: letter.delivery.submission,
        mail: mail(portal, letter, what, now),
        once: None,
    };
    Ok(portal.store.tell_sender(trouble, now).await?)
}

fn note(what: Trouble) -> &'static str {
    match what {
        Trouble::NoAccessCode => "the recipient says that they do not have the access code",
        Trouble::NoText => "the recipient says that text messages do not arrive",
        Trouble::Locked => {
            "locked after too many wrong codes; `queue unlock` lets the recipient try again"
        }
    }
}

/// The mail, if the sender can be reached and did not ask to be left alone.
fn mail(portal: &Portal, letter: &Letter, what: Trouble, now: Moment) -> Option<NewMail> {
    let (submission, delivery) = (&letter.stored.submission, &letter.delivery);
    let wanted = report::may_be_asked(&delivery.recipient);
    let to = submission.envelope.sender.as_ref().filter(|_| wanted)?;
    let organisation = &portal.site.organisation;
    let message = concern(&Concern {
        organisation,
        to,
        recipient: letter.recipient(),
        delivery: &delivery.id.to_string(),
        what,
        page: SenderPage {
            origin: &portal.site.origin,
            token: &portal.store.sender_token(delivery.submission),
        },
        original_message_id: submission.message_id.as_deref(),
        message_id: &own_id::make(&MailId::generate(), organisation.from.domain()),
        accepted: delivery.accepted,
        now,
    });
    Some(NewMail {
        kind: MailKind::Report,
        delivery: Some(delivery.id),
        to: to.clone(),
        message,
        floor: None,
        expires: now.plus(TOLD_WITHIN),
    })
}
