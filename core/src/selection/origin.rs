//! Where a message comes from: its author, its envelope sender, the login and the client that submit it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Message;
use super::condition::{Verdict, list};
use crate::address::{Address, AddressError, Domain};

/// Who submits a message, as the mail server knows it.
#[derive(Copy, Clone, Debug, Default)]
pub struct Origin<'a> {
    pub client: Client,
    /// The client's name, where the mail server found one that holds both ways.
    pub host: Option<&'a str>,
    /// SASL login.
    pub login: Option<&'a str>,
}

/// Where the submitter's connection comes from.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Client {
    Address(IpAddr),
    /// A unix socket on the mail server's host.
    Local,
    #[default]
    Unknown,
}

/// An author, or everybody of a domain (of that domain exactly: subdomains are named apart).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Sender {
    Address(Address),
    Domain(Domain),
}

/// A login name, compared without case; `*` is any.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Login(String);

/// A client by its address or by its name; a name that begins with a dot stands for all names below it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Submitter {
    Network(Network),
    Host(Domain),
    HostsBelow(Domain),
}

/// A network, or one address.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network(IpNet);

/// Why a text is none of these.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    #[error("not a network: write \"192.0.2.0/24\", \"2001:db8::/32\" or one address")]
    Network,
    #[error(
        "not a client: write a network as \"192.0.2.0/24\", a host's name, or \".example.org\" for all hosts below a domain"
    )]
    Client,
    #[error("an empty login is nobody's: write a login name, or \"*\" for any")]
    Login,
}

/// A From that names no single author could be anybody's.
pub(super) fn sender(senders: &[Sender], message: &Message<'_>) -> (Verdict, String) {
    match message.head.from() {
        Ok(mailbox) => among(senders, &mailbox.address),
        Err(error) => (Verdict::Unknown, format!("the author cannot be read: {error}")),
    }
}

pub(super) fn envelope_sender(senders: &[Sender], message: &Message<'_>) -> (Verdict, String) {
    match message.envelope.sender {
        "" => (Verdict::No, "the envelope sender is the null sender".to_owned()),
        text => match text.parse() {
            Ok(address) => among(senders, &address),
            Err(error) => {
                (Verdict::Unknown, format!("the envelope sender cannot be read: {error}"))
            }
        },
    }
}

fn among(senders: &[Sender], address: &Address) -> (Verdict, String) {
    match senders.iter().find(|sender| sender.covers(address)) {
        Some(found) => (Verdict::Yes, format!("{address} is {found}")),
        None => (Verdict::No, format!("{address} is none of {}", list(senders.iter()))),
    }
}

/// Login names are credentials' halves: the text tells the rule's, not the message's.
pub(super) fn login(logins: &[Login], message: &Message<'_>) -> (Verdict, String) {
    let Some(login) = message.origin.login.filter(|login| !login.is_empty()) else {
        return (Verdict::No, "the client did not log in".to_owned());
    };
    match logins.iter().find(|wanted| wanted.covers(login)) {
        Some(found) => (Verdict::Yes, format!("the login is {found}")),
        None => (Verdict::No, format!("the login is none of {}", list(logins.iter()))),
    }
}

/// One that matches settles it; else what cannot be known about the client leaves it open.
pub(super) fn client(wanted: &[Submitter], message: &Message<'_>) -> (Verdict, String) {
    let Origin { client, host, login: _ } = message.origin;
    let host: Option<Domain> = host.and_then(|host| host.trim_end_matches('.').parse().ok());
    if let Some(found) = wanted.iter().find(|wanted| wanted.covers(client, host.as_ref())) {
        return (Verdict::Yes, format!("the client is in {found}"));
    }
    let by_name = wanted.iter().any(|wanted| !matches!(wanted, Submitter::Network(_)));
    match client {
        Client::Local => (Verdict::No, "the client is the mail server's own host".to_owned()),
        Client::Unknown => (Verdict::Unknown, "the client's address is not known".to_owned()),
        Client::Address(address) if by_name && host.is_none() => {
            (Verdict::Unknown, format!("the client {address} has no name that holds both ways"))
        }
        Client::Address(address) => {
            (Verdict::No, format!("the client {address} is in none of {}", list(wanted.iter())))
        }
    }
}

impl Sender {
    fn covers(&self, author: &Address) -> bool {
        match self {
            Self::Address(address) => address == author,
            Self::Domain(domain) => domain == author.domain(),
        }
    }
}

impl Login {
    fn covers(&self, login: &str) -> bool {
        self.0 == "*" || self.0.to_lowercase() == login.to_lowercase()
    }
}

impl Submitter {
    fn covers(&self, client: Client, host: Option<&Domain>) -> bool {
        match self {
            Self::Network(network) => match client {
                Client::Address(address) => network.contains(address),
                Client::Local | Client::Unknown => false,
            },
            Self::Host(name) => host == Some(name),
            Self::HostsBelow(domain) => {
                host.is_some_and(|host| host != domain && host.is_within(domain))
            }
        }
    }
}

impl Network {
    /// An IPv4 address counts as such when it is written as IPv6, too.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// The addresses of the host itself.
    pub fn loopback() -> [Self; 2] {
        let v4 = IpNet::new_assert([127, 0, 0, 0].into(), 8);
        [Self(v4), Self(IpNet::from(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])))]
    }
}

impl FromStr for Sender {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.contains('@') {
            text.parse().map(Self::Address)
        } else {
            text.parse().map(Self::Domain)
        }
    }
}

impl TryFrom<String> for Sender {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<Sender> for String {
    fn from(sender: Sender) -> Self {
        sender.to_string()
    }
}

impl TryFrom<String> for Login {
    type Error = OriginError;

    fn try_from(text: String) -> Result<Self, OriginError> {
        if text.trim().is_empty() { Err(OriginError::Login) } else { Ok(Self(text)) }
    }
}

impl TryFrom<String> for Network {
    type Error = OriginError;

    fn try_from(text: String) -> Result<Self, OriginError> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(|network: IpNet| Self(network.trunc())).map_err(|_| OriginError::Network)
    }
}

impl TryFrom<String> for Submitter {
    type Error = OriginError;

    fn try_from(text: String) -> Result<Self, OriginError> {
        if let Ok(network) = text.clone().try_into() {
            return Ok(Self::Network(network));
        }
        let name = |text: &str| text.parse::<Domain>().map_err(|_| OriginError::Client);
        match text.strip_prefix('.') {
            Some(domain) => name(domain).map(Self::HostsBelow),
            None => name(&text).map(Self::Host),
        }
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Domain(domain) => domain.fmt(f),
        }
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl fmt::Display for Submitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(f),
            Self::Host(name) => f.write_str(name.as_str()),
            Self::HostsBelow(domain) => write!(f, ".{}", domain.as_str()),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(network: &str, address: &str, want: bool) {
        let network = Network::try_from(network.to_owned()).unwrap();
        assert_eq!(network.contains(address.parse().unwrap()), want, "{address} in {network}");
    }

    #[test]
    fn a_mapped_address_is_in_its_ipv4_network() {
        check("192.0.2.9/24", "::ffff:192.0.2.1", true);
        check("192.0.2.9/24", "192.0.3.1", false);
        check("192.0.2.9", "192.0.2.9", true);
        check("192.0.2.9", "192.0.2.8", false);
    }

    #[test]
    fn what_is_no_client_is_refused() {
        for text in ["", ".", "host", "192.0.2.0/33", "a b.example", "*.example.org"] {
            assert_eq!(Submitter::try_from(text.to_owned()), Err(OriginError::Client), "{text:?}");
        }
    }
}
