//! What leaves for one delivery: the notification with its link, the reports to the sender, the trace line.

use zegel_core::address::Address;
use zegel_core::delivery::{Effect, Failure, State};
use zegel_core::moment::Moment;
use zegel_core::notice::{self, How, Language, Notification};
use zegel_core::own_id;
use zegel_core::report::{self, Report, What};
use zegel_core::secret::Secret;

use super::Settings;
use super::factor::Factor;
use crate::id::MailId;
use crate::store::{Delivery, MailKind, NewMail, Stored};
use crate::vault::{self, Keyring, Purpose};

/// Characters of a link's token: 130 bits (portal.md, L6).
const TOKEN_CHARACTERS: usize = 26;
/// Characters of a message code: 50 bits (portal.md, L12).
const REFERENCE_CHARACTERS: usize = 10;

/// The notification's secrets. They are derived, not drawn: a repeated attempt sends the same link again, and the store
/// need not keep it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) token: Secret,
    pub(super) reference: Secret,
}

impl Link {
    pub(super) fn of(delivery: &Delivery, keyring: &Keyring) -> Self {
        let id = delivery.id.to_string();
        let derive = |purpose, characters| {
            vault::crockford(&keyring.mac(purpose, &[id.as_bytes()]), characters)
        };
        Self {
            token: derive(Purpose::Link, TOKEN_CHARACTERS),
            reference: derive(Purpose::Reference, REFERENCE_CHARACTERS),
        }
    }
}

/// What a notification says of how its reader is verified.
fn how(factor: &Factor) -> How<'_> {
    match factor {
        Factor::Account => How::Account,
        Factor::Number(number) => How::Sms(number.ending()),
        Factor::AccessCode => How::AccessCode,
        Factor::Mailbox => How::Email,
    }
}

/// The notification for this delivery. The original Message-ID is not in it.
pub(super) fn notification(
    delivery: &Delivery,
    factor: &Factor,
    stored: &Stored,
    link: &Link,
    language: Language,
    settings: &Settings,
    now: Moment,
) -> Vec<u8> {
    let domain = settings.organisation.from.domain();
    notice::notification(&Notification {
        organisation: &settings.organisation,
        sender_name: stored.submission.from_name.as_deref(),
        sender: &stored.submission.from,
        to: &delivery.recipient.address,
        language,
        origin: &settings.origin,
        token: &link.token,
        reference: &link.reference,
        how: how(factor),
        until: delivery.expires,
        message_id: &own_id::make(&delivery.id, domain),
        references: &own_id::make(&delivery.conversation, domain),
        now,
    })
}

/// The mail that an effect of `core::delivery::step` calls for, if the sender wants it and can be reached.
pub(super) fn for_effect(
    effect: &Effect,
    delivery: &Delivery,
    stored: &Stored,
    settings: &Settings,
    now: Moment,
) -> Option<NewMail> {
    let what = match effect {
        Effect::ReportFailure(failure) => What::Failed(failure),
        Effect::ReportDelay { last } => {
            let until = delivery.accepted.plus(settings.retry.lifetime).min(delivery.expires);
            What::Delayed { last, until }
        }
        // One mail asks for all the message's recipients: see `inquiries`.
        Effect::AskSender | Effect::Destroy => return None,
    };
    if !report::wanted(&delivery.recipient, &what) {
        return None;
    }
    let to = stored.submission.envelope.sender.as_ref()?;
    Some(NewMail {
        kind: MailKind::Report,
        delivery: Some(delivery.id),
        to: to.clone(),
        message: compose_report(what, to, delivery, stored, settings, now),
        floor: None,
        expires: now.plus(settings.retry.lifetime),
    })
}

fn compose_report(
    what: What<'_>,
    to: &Address,
    delivery: &Delivery,
    stored: &Stored,
    settings: &Settings,
    now: Moment,
) -> Vec<u8> {
    report::report(&Report {
        organisation: &settings.organisation,
        reporting_mta: &settings.hostname,
        to,
        envelope: &stored.submission.envelope,
        recipient: &delivery.recipient,
        what,
        original_message_id: stored.submission.message_id.as_deref(),
        message_id: &own_id::make(&MailId::generate(), settings.organisation.from.domain()),
        accepted: delivery.accepted,
        now,
    })
}

/// What happened, as one line: methods, hosts and reasons, never content. `last` is the temporary error that led here,
/// if one did and it may stand there.
pub(super) fn note(state: &State, last: Option<&str>) -> String {
    let last = last.map(|last| format!(": {last}")).unwrap_or_default();
    match state {
        State::Undecided { missed, tries: 0, .. } => match missed.last() {
            Some((floor, miss)) => {
                format!("the floor {floor} was missed: {miss}; back to the ladder")
            }
            None => "back to the ladder".into(),
        },
        State::Undecided { tries, .. } => {
            format!("not decided after {tries} tries: a look-up failed; will try again")
        }
        State::Planned { method, tries: 0, .. } => format!("goes by {method}"),
        State::Planned { method, tries, .. } => {
            format!("try {tries} by {method} failed{last}; will try again")
        }
        State::Held { .. } => "held: the sender must give a number or a code".into(),
        State::Sent { method, .. } => format!("sent by {method}"),
        State::Opened { .. } => "opened".into(),
        State::Failed { why, .. } => format!("failed: {}{last}", failure(why)),
        State::Expired { .. } => "destroyed: its time is over".into(),
    }
}

fn failure(why: &Failure) -> String {
    match why {
        Failure::NoneLeft => "no method that is secure enough is left".into(),
        Failure::Refused { code, host, .. } => format!("{host} refused it with {code}"),
        Failure::NoRoute { text, .. } => text.clone(),
        Failure::TriesUsedUp { .. } => "tried for too long".into(),
        Failure::HoldOver => "the sender gave no number or code in time".into(),
    }
}
