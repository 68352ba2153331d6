//! One delivery with its message, as far as the portal may give it.

use zegel_core::access::Passed;
use zegel_core::address::Address;
use zegel_core::contact::Kind;
use zegel_core::decision::Method;
use zegel_core::delivery::State;
use zegel_core::directive::AccessRight;
use zegel_core::moment::Moment;
use zegel_core::phone::Number;
use zegel_core::secret::Secret;
use zegel_core::submission::Submission;
use zegel_core::text::HeaderText;

use super::Portal;
use super::language::Words;
use super::refusal::Refusal;
use crate::id::DeliveryId;
use crate::store::{Delivery, Proved, Stored};

/// A delivery that can be read in the portal. Who has one may know names and dates; content needs [`Passed`] besides.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) delivery: Delivery,
    pub(super) stored: Stored,
    pub(super) proof: Proof,
    /// The number or code that came with the message, where that is what they prove themselves with.
    given: Option<AccessRight>,
}

/// How the recipient proves who they are.
#[derive(Clone, Debug)]
pub(super) enum Proof {
    /// By a code that is mailed to them.
    Mailed,
    /// By a code that is sent to this telephone number.
    Texted(Number),
    /// By the access code that the sender told them, of which this is the hash.
    Agreed(Secret),
}

/// What a page may say before the recipient is verified.
#[derive(Debug)]
pub(super) struct Card {
    pub(super) sender: String,
    pub(super) sent: String,
    pub(super) until: String,
    pub(super) way: Way,
}

/// What a page may say of how the recipient is verified.
#[derive(Debug)]
pub(super) enum Way {
    /// To this address, all but hidden.
    Mailed {
        masked: String,
    },
    /// To the number that ends in these digits.
    Texted {
        ending: String,
    },
    Agreed,
}

/// Finds what a link or a message code leads to.
pub(super) async fn load(portal: &Portal, id: DeliveryId, now: Moment) -> Result<Letter, Refusal> {
    let delivery = portal.store.delivery(id).await?.ok_or(Refusal::NotFound)?;
    let method = method(&delivery, now)?;
    let stored = portal.store.submission(delivery.submission).await?.ok_or(Refusal::Gone)?;
    let recipient = &delivery.recipient.address;
    let (proof, given) = match method {
        Method::Email => (Proof::Mailed, None),
        Method::Sms => factor(portal, &stored.submission, recipient, Kind::Number).await?,
        Method::AccessCode => {
            factor(portal, &stored.submission, recipient, Kind::AccessCode).await?
        }
        Method::Account => return Err(Refusal::OtherMethod),
        // It went straight into the recipient's mailbox: no link of ours leads to it.
        Method::Inbox(_)
        | Method::Nta7516
        | Method::DirectDelivery(_)
        | Method::TransportSecurity(_) => return Err(Refusal::NotFound),
    };
    Ok(Letter { delivery, stored, proof, given })
}

/// What the recipient has to prove, and what of it came with the message; otherwise it is on file, and what is on file now
/// counts.
async fn factor(
    portal: &Portal,
    submission: &Submission,
    recipient: &Address,
    kind: Kind,
) -> Result<(Proof, Option<AccessRight>), Refusal> {
    let given = submission.wishes.rights.get(recipient).filter(|right| Kind::of(right) == kind);
    let right = match given {
        Some(right) => Some(right.clone()),
        None => portal.store.on_file(submission.from.domain(), recipient, kind).await?,
    };
    let proof = match right {
        Some(AccessRight::Sms(number)) => Number::parse(number.reveal()).ok().map(Proof::Texted),
        Some(AccessRight::HashedCode(hash)) => Some(Proof::Agreed(hash)),
        Some(AccessRight::AccessCode(_)) | None => None,
    };
    Ok((proof.ok_or(Refusal::OtherMethod)?, given.cloned()))
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

    /// What becomes the organisation's once the message is opened with it.
    pub(super) fn proved(&self) -> Option<Proved> {
        let factor = self.given.clone()?;
        let author = self.stored.submission.from.clone();
        Some(Proved { author, recipient: self.recipient().clone(), factor })
    }

    pub(super) fn way(&self) -> Way {
        match &self.proof {
            Proof::Mailed => Way::Mailed { masked: masked(self.recipient()) },
            Proof::Texted(number) => Way::Texted { ending: number.ending().to_owned() },
            Proof::Agreed(_) => Way::Agreed,
        }
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
            way: self.way(),
        }
    }
}

/// `p•••@e•••.nl`: enough for its owner to recognise, too little for anyone else to use.
pub(super) fn masked(address: &Address) -> String {
    let domain = address.domain().as_str();
    let top = domain.rsplit('.').next().unwrap_or_default();
    let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    format!("{}•••@{}•••.{top}", first(address.local()), first(domain))
}
