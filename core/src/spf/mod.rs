//! SPF (RFC 7208): may this client send for this domain? An evaluator that knows no DNS: it replays from the start
//! over what is known, and asks one question when it needs to know more.
//!
//! [`check`] says what the standard says; [`accept`] whether that is enough to take a server for its domain's own.

mod answers;
mod evaluate;
mod macros;
mod name;
mod policy;
mod record;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::address::{Address, Domain};
use crate::moment::Moment;
use crate::text;

pub use answers::{Answer, Answers, Question, Text};
pub use evaluate::QUESTIONS_MAX;
pub use policy::{Demands, Refused, Weakness, accept};

/// Who connects and as whom.
#[derive(Copy, Clone, Debug)]
pub struct Client<'a> {
    pub ip: IpAddr,
    pub helo: &'a str,
    /// `None`: the null sender, which stands for `postmaster` at the HELO name (RFC 7208, section 2.4).
    pub sender: Option<&'a Address>,
    /// Our own name and the time; a record may put them into its explanation.
    pub receiver: &'a str,
    pub now: Moment,
}

/// The arguments of the standard's `check_host()` (RFC 7208, section 4.1), whatever is in them.
#[derive(Copy, Clone, Debug)]
pub struct Claim<'a> {
    pub ip: IpAddr,
    pub helo: &'a str,
    pub local: &'a str,
    pub domain: &'a str,
    pub receiver: &'a str,
    pub now: Moment,
}

/// How far the known answers reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Ask(Question),
    Settled(Outcome),
}

/// The results of RFC 7208, section 2.6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    None,
    Neutral,
    Pass(Evidence),
    /// With what the domain has to say about it, if it does.
    Fail(Option<Explanation>),
    SoftFail,
    TempError,
    PermError(Why),
}

/// One line that a stranger wrote: printable ASCII, at most [`Explanation::OCTETS_MAX`] octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation(String);

/// What a pass rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The domain that the client may send for: lower case, no final dot.
    pub domain: String,
    /// The terms that led to it, from the domain's own record to the innermost that was included or redirected to.
    pub matched: Vec<Match>,
}

/// A term that matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Whose record the term is in.
    pub domain: String,
    pub term: Term,
    /// The term asks for a name that whoever connects can put into a zone of its own, as in `a:%{h}`: then it proves
    /// nothing.
    pub chosen_by_client: bool,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Term {
    All,
    Include,
    Redirect,
    /// `ip4` or `ip6`, with the network that holds the client.
    Ip(IpNet),
    A(IpNet),
    Mx(IpNet),
    Ptr,
    Exists {
        /// The name depends on the client's address; otherwise the term matches every client.
        of_address: bool,
    },
}

/// Why a domain's policy cannot be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the SPF policy of {domain} {fault}")]
pub struct Why {
    pub domain: String,
    pub fault: Fault,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("has a syntax error")]
    Syntax,
    #[error("is longer than {} octets", Text::OCTETS_MAX)]
    TooLong,
    #[error("has more than one record")]
    ManyRecords,
    #[error("includes or redirects to a domain without one")]
    NoTarget,
    #[error("needs more than 10 DNS look-ups")]
    ManyTerms,
    #[error("asks for more than two names that do not exist")]
    ManyVoids,
    #[error("asks for a domain with more than 10 mail servers")]
    ManyHosts,
}

impl Explanation {
    /// RFC 5321, section 4.5.3.1.5: a reply line has 512 octets, and the reply has something to say of its own.
    pub const OCTETS_MAX: usize = 400;

    fn new(said: &str) -> Option<Self> {
        let line = text::one_line(said).replace(|c: char| !c.is_ascii(), "?");
        let cut = line.get(..Self::OCTETS_MAX).unwrap_or(&line).trim_end();
        (!cut.is_empty()).then(|| Self(cut.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the client may send as who it says: either the next question, or the outcome.
pub fn check(client: &Client<'_>, answers: &Answers) -> Step {
    // RFC 8616, section 4: U-labels are looked up as A-labels. What is no domain name stays what it is.
    let helo: Option<Domain> =
        (!client.helo.is_ascii()).then(|| client.helo.parse().ok()).flatten();
    let helo = helo.as_ref().map_or(client.helo, Domain::as_str);
    let (local, domain) = match client.sender {
        Some(sender) => (sender.local(), sender.domain().as_str()),
        None => ("postmaster", helo),
    };
    let Client { ip, receiver, now, .. } = *client;
    check_host(&Claim { ip, helo, local, domain, receiver, now }, answers)
}

/// As [`check`], for a sender that need not be an address.
pub fn check_host(claim: &Claim<'_>, answers: &Answers) -> Step {
    // RFC 7208, section 5: an IPv4 client stays one, however it reached us. Section 4.3: no local part is `postmaster`.
    let local = if claim.local.is_empty() { "postmaster" } else { claim.local };
    evaluate::run(&Claim { ip: claim.ip.to_canonical(), local, ..*claim }, answers)
}
