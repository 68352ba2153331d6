//! What the reader of a notification will be asked for.

use zegel_core::address::Address;
use zegel_core::contact::Kind;
use zegel_core::decision::Method;
use zegel_core::directive::AccessRight;
use zegel_core::phone::Number;

use super::Pipeline;
use crate::store::{StoreError, Stored};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Factor {
    Account,
    /// A code that is sent to this number.
    Number(Number),
    AccessCode,
    /// A code that is mailed.
    Mailbox,
}

impl Pipeline {
    /// What the method asks for: it came with the message, or it is on file. `None` when it was taken off since the ladder
    /// settled on it.
    pub(super) async fn factor(
        &self,
        method: Method,
        stored: &Stored,
        recipient: &Address,
    ) -> Result<Option<Factor>, StoreError> {
        let kind = match method {
            Method::Sms => Kind::Number,
            Method::AccessCode => Kind::AccessCode,
            Method::Account => return Ok(Some(Factor::Account)),
            Method::Email
            | Method::Inbox(_)
            | Method::Nta7516
            | Method::DirectDelivery(_)
            | Method::TransportSecurity(_) => return Ok(Some(Factor::Mailbox)),
        };
        let given = stored.submission.wishes.rights.get(recipient).cloned();
        let given = given.filter(|right| Kind::of(right) == kind);
        let right = match given {
            Some(right) => Some(right),
            None => self.store.on_file(stored.submission.from.domain(), recipient, kind).await?,
        };
        Ok(match right {
            Some(AccessRight::Sms(number)) => {
                Number::parse(number.reveal()).ok().map(Factor::Number)
            }
            Some(AccessRight::AccessCode(_) | AccessRight::HashedCode(_)) => {
                Some(Factor::AccessCode)
            }
            None => None,
        })
    }
}
