//! Who may submit as whom, and what for. Three gates stand in a message's way, each asked where its answer is first of
//! use: the client proves who it is ([`credential`], or [`host`] by SPF); the sender is weighed at MAIL; the author, who
//! must have an active account ([`directory`]), once the header section is there. What could not be found out is no "no".

mod credential;
mod directory;
mod fresh;
mod host;

use std::net::IpAddr;
use std::sync::Arc;

use tokio::time::{Instant, sleep_until};
use tracing::error;
use zegel_core::address::{Address, Domain};
use zegel_core::decision::Right;
use zegel_core::directive::{AccessRight, Wishes};
use zegel_core::own_id;
use zegel_core::phone::{Countries, Number};
use zegel_core::secret::Secret;
use zegel_core::submission::Submission;
use zegel_core::submitter::{NotAllowed, Submitter};

use self::credential::Desk;
use self::fresh::Fresh;
use self::host::Hosts;
use crate::config;
use crate::dns::Resolver;
use crate::intake::{Refused, Verdict};
use crate::lifecycle;
use crate::store::Store;

pub use credential::{Attempt, Authenticated, Issued, Name, NameError, issue};
pub use directory::Directory;
pub use host::{NotAuthorised, evaluate_spf};

/// Ways of verifying a recipient that need more than the relay itself: what it has been given.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Somebody takes text messages from us.
    pub sms: bool,
    /// The portal asks for access codes.
    pub access_code: bool,
}

/// Answers for the sessions and the intake. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gate {
    store: Store,
    desk: Arc<Desk>,
    /// `None`: no mail server is let in by SPF.
    hosts: Option<Hosts>,
    /// `None`: the store alone knows who has an account.
    directory: Option<Directory>,
    /// Logins that are good, and authors that have an account.
    logins: Fresh,
    authors: Fresh,
}

/// What is asked at MAIL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub client: Client,
    /// `None` is the null sender.
    pub sender: Option<Address>,
    /// The size that the client announces.
    pub size: Option<u64>,
}

/// Who says MAIL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Client {
    /// It has proved who it is.
    Known(Submitter),
    /// Its sender's SPF record must authorise it.
    Host { address: IpAddr, helo: String },
}

/// The answer to MAIL. `smtp::reply` has the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    As(Submitter),
    NotAllowed(NotAllowed),
    NotAuthorised(NotAuthorised),
    /// There is no room for the size that was announced.
    Full,
    /// It could not be found out.
    Unavailable,
}

impl Gate {
    pub fn new(store: Store) -> Self {
        Self {
            store,
            desk: Arc::new(Desk::new()),
            hosts: None,
            directory: None,
            logins: Fresh::new(),
            authors: Fresh::new(),
        }
    }

    /// Lets mail servers in that SPF authorises. `hostname` is our own.
    #[must_use]
    pub fn with_spf(self, resolver: Resolver, hostname: Domain, spf: config::Spf) -> Self {
        Self { hosts: Some(Hosts::new(resolver, hostname, spf)), ..self }
    }

    /// Looks authors up that the store does not know.
    #[must_use]
    pub fn with_directory(self, directory: Directory) -> Self {
        Self { directory: Some(directory), ..self }
    }

    /// Who shows this login and password. It takes as long, and says as much, whether there is such a login or not.
    pub async fn authenticate(&self, attempt: &Attempt, from: IpAddr) -> Authenticated {
        let asked = Instant::now();
        let judged = self.desk.judge(&self.store, attempt, from, lifecycle::now()).await;
        // Counted from the question on: the moment of the answer says nothing about the work that went into it.
        sleep_until(asked + judged.delay).await;
        judged.answer
    }

    /// Whether this client may send from this sender, and as whom.
    pub async fn admit(&self, asked: Asked) -> Admission {
        match asked.client {
            Client::Known(submitter) => self.known(submitter, asked.sender.as_ref()).await,
            Client::Host { address, helo } => match &self.hosts {
                Some(hosts) => hosts.admit(address, &helo, asked.sender.as_ref()).await,
                None => Admission::NotAuthorised(NotAuthorised::NotListed(None)),
            },
        }
    }

    /// A credential that was revoked since AUTH is good for the message in hand and for no other.
    async fn known(&self, submitter: Submitter, sender: Option<&Address>) -> Admission {
        if let Submitter::Credential { login, .. } = &submitter
            && !self.logins.knows(login)
        {
            match self.store.is_valid_login(login).await {
                Ok(true) => self.logins.keep(login),
                Ok(false) => return Admission::NotAllowed(NotAllowed::Revoked),
                Err(error) => {
                    error!(%login, "whether {login} is revoked cannot be found out: {error}");
                    return Admission::Unavailable;
                }
            }
        }
        match submitter.may_send_from(sender) {
            Ok(()) => Admission::As(submitter),
            Err(why) => Admission::NotAllowed(why),
        }
    }

    /// Whether this submitter may hand over mail of this author.
    pub async fn author(&self, submitter: &Submitter, author: &Address) -> Result<(), Verdict> {
        submitter.may_speak_for(author).map_err(Refused::NotAllowed)?;
        let key = author.key();
        if !self.authors.knows(&key) {
            directory::author(&self.store, self.directory.as_ref(), author).await?;
            self.authors.keep(&key);
        }
        Ok(())
    }
}

/// Refuses the relay's own mail: selected by a milter that does not know it, it would be sent again, for ever.
pub fn not_own(submission: &Submission, own: &Address) -> Result<(), Refused> {
    let id = submission.message_id.as_deref().and_then(own_id::domain);
    if submission.from == *own && id.as_ref() == Some(own.domain()) {
        return Err(Refused::OwnMail);
    }
    Ok(())
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
            AccessRight::Sms(_) | AccessRight::AccessCode(_) | AccessRight::HashedCode(_) => {}
        }
    }
    Ok(())
}

/// Whether every number is in a country that text messages are sent to.
pub fn reachable(wishes: &Wishes, countries: &Countries) -> Result<(), Refused> {
    let is_reached = |number: &Secret| {
        let number = Number::parse(number.reveal());
        number.is_ok_and(|number| countries.allow(number.country()))
    };
    let reached = wishes.rights.values().all(|right| match right {
        AccessRight::Sms(number) => is_reached(number),
        AccessRight::AccessCode(_) | AccessRight::HashedCode(_) => true,
    });
    if reached { Ok(()) } else { Err(Refused::NoTextsThere) }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn number_in_a_country_that_gets_no_text_messages_refuses_the_message() {
        let countries = Countries::try_from(vec!["NL".parse().unwrap()]).unwrap();
        for (right, reached) in [
            (AccessRight::Sms(Secret::new("+31612345678")), true),
            (AccessRight::Sms(Secret::new("+32470123456")), false),
            (AccessRight::Sms(Secret::new("1")), false),
            (AccessRight::AccessCode(Secret::new("135789")), true),
        ] {
            let rights = [("els@b.example".parse().unwrap(), right)].into();
            let found = reachable(&Wishes { rights, ..Wishes::default() }, &countries);
            assert_eq!(found.err(), (!reached).then_some(Refused::NoTextsThere));
        }
    }
}
