//! Who hands a message over, and for which authors they may speak (product.md, section 2).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::address::{Address, AddressError, Domain};

/// A client that has proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submitter {
    /// The local mail server: the permissions of the socket are its authentication.
    Local,
    /// Somebody with a credential, which is bound to these authors.
    Credential { login: String, scopes: Vec<Scope> },
    /// A mail server that the sender's domain authorises by SPF (RFC 7208).
    Host { domain: Domain, alignment: Alignment },
    /// Any mail server that returns a mail to a return path of ours; it can do nothing else.
    Reporter,
}

/// Authors that a credential speaks for: one address, or all of a domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Scope {
    Address(Address),
    Domain(Domain),
}

/// How near the author's domain must be to the one that SPF has proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alignment {
    /// The same.
    Strict,
    /// Both are, or stand under, this one of the domains that may submit.
    Within(Domain),
}

/// Why a submitter may not use an address: 550 5.7.1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    #[error("the credential has been revoked")]
    Revoked,
    #[error("the credential is not bound to this sender")]
    SenderOutOfScope,
    #[error("the credential is not bound to this author")]
    AuthorOutOfScope,
    #[error("the author's domain is not aligned with {0}, for which SPF has passed")]
    NotAligned(Domain),
    #[error("from the null sender only reports to our own return paths are taken here")]
    OnlyReports,
}

impl Submitter {
    /// Whether it may name this sender in MAIL FROM. The null sender belongs to nobody.
    pub fn may_send_from(&self, sender: Option<&Address>) -> Result<(), NotAllowed> {
        match (self, sender) {
            (Self::Local | Self::Host { .. }, _)
            | (Self::Credential { .. } | Self::Reporter, None) => Ok(()),
            (Self::Reporter, Some(_)) => Err(NotAllowed::OnlyReports),
            (Self::Credential { scopes, .. }, Some(sender)) => {
                covered(scopes, sender).then_some(()).ok_or(NotAllowed::SenderOutOfScope)
            }
        }
    }

    /// Whether it may hand over mail of this author, the address in From.
    pub fn may_speak_for(&self, author: &Address) -> Result<(), NotAllowed> {
        match self {
            Self::Local => Ok(()),
            Self::Reporter => Err(NotAllowed::OnlyReports),
            Self::Credential { scopes, .. } => {
                covered(scopes, author).then_some(()).ok_or(NotAllowed::AuthorOutOfScope)
            }
            Self::Host { domain, alignment } => {
                let aligned = match alignment {
                    Alignment::Strict => author.domain() == domain,
                    Alignment::Within(listed) => {
                        author.domain().is_within(listed) && domain.is_within(listed)
                    }
                };
                aligned.then_some(()).ok_or_else(|| NotAllowed::NotAligned(domain.clone()))
            }
        }
    }
}

impl Scope {
    pub fn covers(&self, address: &Address) -> bool {
        match self {
            Self::Address(own) => own == address,
            Self::Domain(own) => own == address.domain(),
        }
    }
}

fn covered(scopes: &[Scope], address: &Address) -> bool {
    scopes.iter().any(|scope| scope.covers(address))
}

impl FromStr for Scope {
    type Err = AddressError;

    /// An address, or a domain.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('@') {
            text.parse().map(Self::Address)
        } else {
            text.parse().map(Self::Domain)
        }
    }
}

impl TryFrom<String> for Scope {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Domain(domain) => domain.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential() -> Submitter {
        let scopes = ["jan@a.example", "b.example"].map(|scope| scope.parse().unwrap()).to_vec();
        Submitter::Credential { login: "scanner".into(), scopes }
    }

    fn host(domain: &str, within: Option<&str>) -> Submitter {
        let alignment =
            within.map_or(Alignment::Strict, |listed| Alignment::Within(listed.parse().unwrap()));
        Submitter::Host { domain: domain.parse().unwrap(), alignment }
    }

    #[track_caller]
    fn check(submitter: &Submitter, author: &str, may: bool) {
        let found = submitter.may_speak_for(&author.parse().unwrap());
        assert_eq!(found.is_ok(), may, "{submitter:?} for {author}: {found:?}");
    }

    #[test]
    fn credential_speaks_for_the_authors_it_is_bound_to_and_for_nobody_else() {
        for (author, may) in [
            ("Jan@A.example", true),
            ("piet@a.example", false),
            ("anyone@b.example", true),
            ("anyone@sub.b.example", false),
            ("anyone@xb.example", false),
        ] {
            check(&credential(), author, may);
            let sender = author.parse().unwrap();
            assert_eq!(credential().may_send_from(Some(&sender)).is_ok(), may, "{author}");
        }
        assert_eq!(credential().may_send_from(None), Ok(()));
    }

    #[test]
    fn host_speaks_for_authors_whose_domain_is_aligned_with_the_proven_one() {
        check(&host("a.example", None), "jan@a.example", true);
        check(&host("bounce.a.example", None), "jan@a.example", false);
        check(&host("a.example", None), "jan@b.example", false);
        check(&host("bounce.a.example", Some("a.example")), "jan@a.example", true);
        check(&host("bounce.a.example", Some("a.example")), "jan@post.a.example", true);
        check(&host("bounce.a.example", Some("a.example")), "jan@b.example", false);
        check(&host("evil.example", Some("a.example")), "jan@a.example", false);
    }

    #[test]
    fn local_mail_server_speaks_for_every_author() {
        check(&Submitter::Local, "jan@a.example", true);
    }

    #[test]
    fn scope_is_read_as_it_is_written() {
        for text in ["jan@a.example", "a.example"] {
            let scope: Scope = text.parse().unwrap();
            assert_eq!(scope.to_string(), text);
        }
        assert!("jan@".parse::<Scope>().is_err() && "".parse::<Scope>().is_err());
    }
}
