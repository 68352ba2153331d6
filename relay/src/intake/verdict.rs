//! How a transaction ends.

use std::fmt;

use tracing::error;
use zegel_core::address::Domain;
use zegel_core::decision::Right;
use zegel_core::submission::Refusal;
use zegel_core::submitter::NotAllowed;

use crate::store::StoreError;

/// What a transaction ends with. `smtp::reply` has the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Kept,
    /// For good.
    Refused(Refused),
    /// No space left.
    Full,
    /// The store cannot be used now, or the author's account cannot be looked up.
    Unavailable,
}

/// Why a message is refused for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    Message(Refusal),
    /// Over [`HEAD_MAX`](zegel_core::message::HEAD_MAX).
    HeadTooLong,
    /// The author, of this domain, has no active account.
    NoAccount(Domain),
    /// The author, of this domain, has an account that is suspended.
    Suspended(Domain),
    /// The submitter may not speak for the author.
    NotAllowed(NotAllowed),
    /// The relay's own mail, come back through the mail server that hands selected mail over.
    OwnMail,
    /// `zivver-access-right` demands what this relay cannot do.
    CannotVerifyBy(Right),
    /// `zivver-access-right` has a number in a country that text messages are not sent to.
    NoTextsThere,
}

impl From<StoreError> for Verdict {
    fn from(failed: StoreError) -> Self {
        error!("a message could not be kept: {failed}");
        match failed {
            StoreError::Full(_) => Self::Full,
            StoreError::Failed(_) | StoreError::LeaseLost | StoreError::Damaged => {
                Self::Unavailable
            }
        }
    }
}

impl From<Refused> for Verdict {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Refusal> for Verdict {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Refused::Message(refusal))
    }
}

impl fmt::Display for Verdict {
    /// For the log: no more than the reply says.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept => f.write_str("kept"),
            Self::Refused(Refused::Message(refusal)) => write!(f, "refused, {refusal}"),
            Self::Refused(Refused::OwnMail) => f.write_str("refused, the relay's own mail"),
            Self::Refused(Refused::HeadTooLong) => {
                f.write_str("refused, the header section is too long")
            }
            Self::Refused(Refused::NoAccount(domain)) => {
                write!(f, "refused, no account for the author at {domain}")
            }
            Self::Refused(Refused::Suspended(domain)) => {
                write!(f, "refused, the author's account at {domain} is suspended")
            }
            Self::Refused(Refused::NotAllowed(why)) => write!(f, "refused, {why}"),
            Self::Refused(Refused::CannotVerifyBy(Right::Sms)) => {
                f.write_str("refused, text messages are not provided")
            }
            Self::Refused(Refused::CannotVerifyBy(Right::AccessCode)) => {
                f.write_str("refused, access codes are not provided")
            }
            Self::Refused(Refused::NoTextsThere) => {
                f.write_str("refused, text messages are not sent to the number's country")
            }
            Self::Full => f.write_str("not kept, no space left"),
            Self::Unavailable => f.write_str("not kept, the store or the directory failed"),
        }
    }
}
