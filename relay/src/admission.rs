//! Who may submit as whom, and what for. On the LMTP socket the file's permissions are the authentication of the client;
//! the author must have an active account all the same.

use zegel_core::address::Address;
use zegel_core::decision::Right;
use zegel_core::directive::{AccessRight, Wishes};
use zegel_core::own_id;
use zegel_core::submission::Submission;

use crate::intake::{Refused, Verdict};
use crate::store::Store;

/// Ways of verifying a recipient that need more than the relay itself: what it has been given.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Somebody takes text messages from us.
    pub sms: bool,
    /// The portal asks for access codes.
    pub access_code: bool,
}

/// Refuses the relay's own mail: selected by a milter that does not know it, it would be sent again, for ever.
pub fn not_own(submission: &Submission, own: &Address) -> Result<(), Refused> {
    let id = submission.message_id.as_deref().and_then(own_id::domain);
    if submission.from == *own && id.as_ref() == Some(own.domain()) {
        return Err(Refused::OwnMail);
    }
    Ok(())
}

/// Whether this author may submit. That it could not be found out is no "no".
pub async fn author(store: &Store, author: &Address) -> Result<(), Verdict> {
    match store.may_submit(author).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Verdict::Refused(Refused::NoAccount(author.domain().clone()))),
        Err(error) => Err(Verdict::from(error)),
    }
}

/// Whether every recipient can be verified as the message demands: what we cannot do is refused, it never becomes
/// something weaker.
pub fn demands(wishes: &Wishes, capabilities: Capabilities) -> Result<(), Refused> {
    for right in wishes.rights.values() {
        match right {
            AccessRight::Sms(_) if !capabilities.sms => {
                return Err(Refused::CannotVerifyBy(Right::Sms));
            }
            AccessRight::AccessCode(_) if !capabilities.access_code => {
                return Err(Refused::CannotVerifyBy(Right::AccessCode));
            }
            AccessRight::Sms(_) | AccessRight::AccessCode(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use zegel_core::secret::Secret;

    use super::*;

    /// A message that demands this right from a relay that can do these things.
    #[track_caller]
    fn check(right: AccessRight, capabilities: Capabilities, refused: Option<Right>) {
        let rights = [("els@b.example".parse().unwrap(), right)].into();
        let found = demands(&Wishes { rights, ..Wishes::default() }, capabilities);
        assert_eq!(found.err(), refused.map(Refused::CannotVerifyBy), "{capabilities:?}");
    }

    #[test]
    fn right_that_cannot_be_given_refuses_the_message() {
        for (sms, access_code) in [(false, false), (false, true), (true, false), (true, true)] {
            let capabilities = Capabilities { sms, access_code };
            check(AccessRight::Sms(Secret::new("1")), capabilities, (!sms).then_some(Right::Sms));
            let code = AccessRight::AccessCode(Secret::new("1"));
            check(code, capabilities, (!access_code).then_some(Right::AccessCode));
        }
    }
}
