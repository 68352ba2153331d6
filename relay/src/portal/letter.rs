//! One delivery with its message, as far as the portal may give it.

use zegel_core::access::Passed;
use zegel_core::address::Address;
use zegel_core::decision::Method;
use zegel_core::delivery::State;
use zegel_core::moment::Moment;
use zegel_core::text::HeaderText;

use super::Portal;
use super::language::Words;
use super::refusal::Refusal;
use crate::id::DeliveryId;
use crate::store::{Delivery, Stored};

/// A delivery that can be read in the portal. Who has one may know names and dates; content needs [`Passed`] besides.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) delivery: Delivery,
    pub(super) stored: Stored,
}

/// What a page may say before the recipient is verified.
#[derive(Debug)]
pub(super) struct Card {
    pub(super) sender: String,
    pub(super) sent: String,
    pub(super) until: String,
    /// The recipient's address, all but hidden.
    pub(super) masked: String,
}

/// Finds what a link or a message code leads to.
pub(super) async fn load(portal: &Portal, id: DeliveryId, now: Moment) -> Result<Letter, Refusal> {
    let delivery = portal.store.delivery(id).await?.ok_or(Refusal::NotFound)?;
    match method(&delivery, now)? {
        Method::Email => {}
        Method::Account | Method::Sms | Method::AccessCode => return Err(Refusal::OtherMethod),
        // It went straight into the recipient's mailbox: no link of ours leads to it.
        Method::Nta7516 | Method::DirectDelivery(_) | Method::TransportSecurity(_) => {
            return Err(Refusal::NotFound);
        }
    }
    let stored = portal.store.submission(delivery.submission).await?.ok_or(Refusal::Gone)?;
    Ok(Letter { delivery, stored })
}

/// The letter that a verified recipient may read.
pub(super) async fn open(portal: &Portal, passed: &Passed, now: Moment) -> Result<Letter, Refusal> {
    let id = passed.delivery().parse().map_err(|_| Refusal::NotFound)?;
    load(portal, id, now).await
}

/// How the recipient of a delivery whose time is not over was told of it.
fn method(delivery: &Delivery, now: Moment) -> Result<Method, Refusal> {
    if delivery.expires <= now {
        return Err(Refusal::Gone);
    }
    match &delivery.state {
        State::Sent { method, .. } | State::Opened { method, .. } => Ok(*method),
        // Its notification may have arrived although the server's last word was lost: who has the link has the mail.
        State::Planned { method, .. } if !method.is_direct() => Ok(*method),
        State::Undecided { .. } | State::Planned { .. } | State::Held { .. } => {
            Err(Refusal::NotYet)
        }
        State::Failed { .. } | State::Expired { .. } => Err(Refusal::Gone),
    }
}

impl Letter {
    pub(super) fn recipient(&self) -> &Address {
        &self.delivery.recipient.address
    }

    pub(super) fn card(&self, words: Words) -> Card {
        let submission = &self.stored.submission;
        let name = submission.from_name.as_deref().map(HeaderText::display_name);
        let sender = match name {
            Some(name) if !name.as_str().is_empty() => name.as_str().to_owned(),
            _ => submission.from.to_string(),
        };
        Card {
            sender,
            sent: words.date(self.stored.accepted),
            until: words.date(self.delivery.expires),
            masked: masked(self.recipient()),
        }
    }
}

/// `p•••@e•••.nl`: enough for its owner to recognise, too little for anyone else to use.
fn masked(address: &Address) -> String {
    let domain = address.domain().as_str();
    let top = domain.rsplit('.').next().unwrap_or_default();
    let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    format!("{}•••@{}•••.{top}", first(address.local()), first(domain))
}
