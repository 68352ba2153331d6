//! Which pass is good enough to take a server for its domain's own. A record may let in everybody, and a policy that
//! anybody passes proves nothing about who sends.

use ipnet::IpNet;
use serde::Deserialize;

use super::{Evidence, Explanation, Match, Outcome, Term, Why};

/// What a pass must rest on.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Demands {
    /// The widest IPv4 network that a term may let in, by the length of its prefix.
    #[serde(deserialize_with = "ipv4_prefix")]
    pub ipv4_prefix_min: u8,
    #[serde(deserialize_with = "ipv6_prefix")]
    pub ipv6_prefix_min: u8,
}

/// Why a client is not taken for its domain's own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the domain has no SPF policy")]
    NoPolicy,
    #[error("the domain's SPF policy does not say that this host may send for it")]
    Undecided,
    #[error("the domain's SPF policy says that this host probably may not send for it")]
    SoftFail,
    #[error("the domain's SPF policy says that this host may not send for it")]
    Fail(Option<Explanation>),
    /// A look-up failed: later it may not.
    #[error("the domain's SPF policy could not be looked up")]
    Unknown,
    #[error("{0}")]
    Broken(Why),
    #[error("the domain's SPF policy lets this host send for it, but {0}")]
    Weak(Weakness),
}

/// What makes a pass worth nothing.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    #[error("it lets everybody do so")]
    Everybody,
    #[error("only because of the name that the host's network gives it")]
    Ptr,
    #[error("only as one of the network {network}; the prefix must be /{prefix_min} or longer")]
    Network { network: IpNet, prefix_min: u8 },
    #[error("by a name that the host itself chooses")]
    ChosenByClient,
}

impl Default for Demands {
    fn default() -> Self {
        Self { ipv4_prefix_min: 20, ipv6_prefix_min: 40 }
    }
}

/// Takes only a pass, and only one that not anybody could have.
pub fn accept<'a>(outcome: &'a Outcome, demands: &Demands) -> Result<&'a Evidence, Refused> {
    let evidence = match outcome {
        Outcome::Pass(evidence) => evidence,
        Outcome::None => return Err(Refused::NoPolicy),
        Outcome::Neutral => return Err(Refused::Undecided),
        Outcome::SoftFail => return Err(Refused::SoftFail),
        Outcome::Fail(explanation) => return Err(Refused::Fail(explanation.clone())),
        Outcome::TempError => return Err(Refused::Unknown),
        Outcome::PermError(why) => return Err(Refused::Broken(why.clone())),
    };
    match evidence.matched.iter().find_map(|matched| weakness(matched, *demands)) {
        Some(weakness) => Err(Refused::Weak(weakness)),
        None => Ok(evidence),
    }
}

fn weakness(matched: &Match, demands: Demands) -> Option<Weakness> {
    if matched.chosen_by_client {
        return Some(Weakness::ChosenByClient);
    }
    match matched.term {
        Term::All | Term::Exists { of_address: false } => Some(Weakness::Everybody),
        Term::Ptr => Some(Weakness::Ptr),
        Term::Ip(network) | Term::A(network) | Term::Mx(network) => {
            let prefix_min = match network {
                IpNet::V4(_) => demands.ipv4_prefix_min,
                IpNet::V6(_) => demands.ipv6_prefix_min,
            };
            (network.prefix_len() < prefix_min).then_some(Weakness::Network { network, prefix_min })
        }
        Term::Include | Term::Redirect | Term::Exists { of_address: true } => None,
    }
}

fn ipv4_prefix<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    prefix(deserializer, 32)
}

fn ipv6_prefix<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    prefix(deserializer, 128)
}

fn prefix<'de, D: serde::Deserializer<'de>>(deserializer: D, bits: u8) -> Result<u8, D::Error> {
    let prefix = u8::deserialize(deserializer)?;
    if prefix <= bits {
        return Ok(prefix);
    }
    Err(serde::de::Error::custom(format!(
        "a prefix of /{prefix} has more bits than the {bits} of an address"
    )))
}
