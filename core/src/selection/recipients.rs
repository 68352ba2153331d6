//! Conditions over the whole list of recipients. One message stays one conversation, so no rule looks at a recipient alone.

use std::fmt;

use serde::Deserialize;

use super::condition::{Verdict, list};
use super::one_or_many::one_or_many;
use super::{Message, Policy};
use crate::address::{Address, Domain};

/// What must be true of the recipients.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Among {
    /// One at least is outside the organisation's own domains.
    AnyExternal,
    /// One at least is in these domains.
    AnyIn(#[serde(deserialize_with = "one_or_many")] Vec<Domain>),
    /// All are in these domains.
    AllIn(#[serde(deserialize_with = "one_or_many")] Vec<Domain>),
    /// None is in these domains.
    NoneIn(#[serde(deserialize_with = "one_or_many")] Vec<Domain>),
}

/// Where a recipient's mail goes, as far as the address says it.
enum Place {
    Domain(Domain),
    /// A host's name without a dot: it is in no domain, and not outside.
    Dotless,
    /// No domain at all: the mail server puts its own there.
    Here,
    Unreadable,
}

pub(super) fn look(
    wanted: &[Among],
    message: &Message<'_>,
    policy: &Policy<'_>,
) -> (Verdict, String) {
    let recipients = message.envelope.recipients;
    if recipients.is_empty() {
        return (Verdict::Unknown, "the recipients are not known".to_owned());
    }
    let places: Vec<Place> = recipients.iter().map(|recipient| Place::of(recipient)).collect();
    let verdict = Verdict::any(wanted.iter().map(|among| among.verdict(&places, policy)));
    let why = match verdict {
        Verdict::Yes => format!("of {} recipients: {}", places.len(), list(wanted.iter())),
        Verdict::No => format!("of {} recipients not: {}", places.len(), list(wanted.iter())),
        Verdict::Unknown | Verdict::Unreadable => "a recipient's address cannot be read".to_owned(),
    };
    (verdict, why)
}

impl Among {
    fn verdict(&self, places: &[Place], policy: &Policy<'_>) -> Verdict {
        match self {
            Self::AnyExternal => {
                Verdict::any(places.iter().map(|place| place.is_outside(policy.own_domains)))
            }
            Self::AnyIn(domains) => Verdict::any(places.iter().map(|place| place.is_in(domains))),
            Self::AllIn(domains) => Verdict::all(places.iter().map(|place| place.is_in(domains))),
            Self::NoneIn(domains) => {
                Verdict::any(places.iter().map(|place| place.is_in(domains))).not()
            }
        }
    }
}

impl Place {
    fn of(recipient: &str) -> Self {
        match recipient.rsplit_once('@') {
            None => Self::Here,
            Some((_, host)) if !host.is_empty() && host.bytes().all(is_of_host) => Self::Dotless,
            Some((_, host)) => host
                .parse()
                .or_else(|_| recipient.parse().map(|address: Address| address.domain().clone()))
                .map_or(Self::Unreadable, Self::Domain),
        }
    }

    fn is_outside(&self, own: &[Domain]) -> Verdict {
        match self {
            Self::Domain(domain) => Verdict::of(!own.contains(domain)),
            Self::Dotless | Self::Here => Verdict::No,
            Self::Unreadable => Verdict::Unknown,
        }
    }

    fn is_in(&self, domains: &[Domain]) -> Verdict {
        match self {
            Self::Domain(domain) => Verdict::of(domains.contains(domain)),
            Self::Dotless => Verdict::No,
            Self::Here | Self::Unreadable => Verdict::Unknown,
        }
    }
}

fn is_of_host(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet == b'-'
}

impl fmt::Display for Among {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |domains: &[Domain]| list(domains.iter().map(Domain::as_str));
        match self {
            Self::AnyExternal => f.write_str("one outside the own domains"),
            Self::AnyIn(domains) => write!(f, "one in {}", names(domains)),
            Self::AllIn(domains) => write!(f, "all in {}", names(domains)),
            Self::NoneIn(domains) => write!(f, "none in {}", names(domains)),
        }
    }
}
