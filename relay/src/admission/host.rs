//! Mail servers that the sender's domain authorises by SPF (RFC 7208).

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::timeout;
use zegel_core::address::{Address, Domain};
use zegel_core::spf::{self, Answer, Answers, Demands, Outcome, Question, Step, Text};
use zegel_core::submitter::{Alignment, Submitter};

use super::Admission;
use crate::config;
use crate::dns::{self, Resolver};
use crate::lifecycle;

/// For one evaluation's look-ups together (RFC 7208, section 4.6.4, asks for 20 seconds at least).
const LOOKUPS_TIME_MAX: Duration = Duration::from_secs(25);

/// Whom SPF lets in.
#[derive(Clone, Debug)]
pub(super) struct Hosts {
    resolver: Resolver,
    /// Our own name.
    hostname: Domain,
    spf: config::Spf,
}

/// Why a mail server may not send for a domain. These are the words for the log; `smtp::reply` has those for the client,
/// and the codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAuthorised {
    /// The sender has no domain, or one that may not submit here.
    NotListed(Option<Domain>),
    Spf(Domain, spf::Refused),
}

impl fmt::Display for NotAuthorised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotListed(None) => f.write_str("the sender has no domain that may submit here"),
            Self::NotListed(Some(domain)) => write!(f, "{domain} may not submit here"),
            Self::Spf(domain, refused) => write!(f, "SPF for {domain}: {refused}"),
        }
    }
}

impl Hosts {
    pub(super) fn new(resolver: Resolver, hostname: Domain, spf: config::Spf) -> Self {
        Self { resolver, hostname, spf }
    }

    pub(super) async fn admit(
        &self,
        address: IpAddr,
        helo: &str,
        sender: Option<&Address>,
    ) -> Admission {
        // The null sender stands for the host itself (RFC 7208, section 2.4).
        let domain =
            sender.map_or_else(|| helo.parse().ok(), |sender| Some(sender.domain().clone()));
        let listed = domain.as_ref().and_then(|domain| self.listed(domain));
        let (Some(domain), Some(listed)) = (domain.clone(), listed) else {
            return Admission::NotAuthorised(NotAuthorised::NotListed(domain));
        };
        let client = spf::Client {
            ip: address,
            helo,
            sender,
            receiver: self.hostname.as_str(),
            now: lifecycle::now(),
        };
        match spf::accept(&evaluate_spf(&self.resolver, &client).await, &self.demands()) {
            Ok(_) => Admission::As(Submitter::Host { domain, alignment: self.alignment(listed) }),
            Err(spf::Refused::Unknown) => Admission::Unavailable,
            Err(refused) => Admission::NotAuthorised(NotAuthorised::Spf(domain, refused)),
        }
    }

    /// The listed domain that this one is, or stands under.
    fn listed(&self, domain: &Domain) -> Option<&Domain> {
        self.spf.domains.iter().find(|listed| domain.is_within(listed))
    }

    fn alignment(&self, listed: &Domain) -> Alignment {
        if self.spf.strict_alignment {
            Alignment::Strict
        } else {
            Alignment::Within(listed.clone())
        }
    }

    fn demands(&self) -> Demands {
        Demands {
            ipv4_prefix_min: self.spf.ipv4_prefix_min,
            ipv6_prefix_min: self.spf.ipv6_prefix_min,
        }
    }
}

/// What SPF says of a client, by what the DNS answers in time.
pub async fn evaluate_spf(resolver: &Resolver, client: &spf::Client<'_>) -> Outcome {
    let evaluate = async {
        let mut answers = Answers::default();
        loop {
            match spf::check(client, &answers) {
                Step::Settled(outcome) => return outcome,
                Step::Ask(question) => ask(resolver, question, &mut answers).await,
            }
        }
    };
    timeout(LOOKUPS_TIME_MAX, evaluate).await.unwrap_or(Outcome::TempError)
}

async fn ask(resolver: &Resolver, question: Question, answers: &mut Answers) {
    match question {
        Question::Txt(name) => {
            let texts = resolver.txt(&name).await;
            answers.txt(&name, answer(texts, |octets| Some(Text::of_strings([octets]))));
        }
        Question::A(name) => {
            answers.a(
                &name,
                answer(resolver.ipv4(&name).await, |address| match address {
                    IpAddr::V4(four) => Some(four),
                    IpAddr::V6(_) => None,
                }),
            );
        }
        Question::Aaaa(name) => {
            answers.aaaa(
                &name,
                answer(resolver.ipv6(&name).await, |address| match address {
                    IpAddr::V4(_) => None,
                    IpAddr::V6(six) => Some(six),
                }),
            );
        }
        Question::Mx(name) => {
            let mut hosts = resolver.mx(&name).await;
            if let dns::Answer::Found(found) = &mut hosts {
                found.records.sort_by_key(|(preference, _)| *preference);
            }
            answers.mx(&name, answer(hosts, |(_, host)| Some(host)));
        }
        Question::Ptr(address) => {
            answers.ptr(address, answer(resolver.ptr(address).await, Some));
        }
    }
}

fn answer<T, U>(answer: dns::Answer<T>, read: impl Fn(T) -> Option<U>) -> Answer<U> {
    match answer {
        dns::Answer::Found(found) => {
            Answer::Found(found.records.into_iter().filter_map(read).collect())
        }
        dns::Answer::Nothing(_) => Answer::Nothing,
        dns::Answer::Unknown(_) => Answer::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Dns, Dnssec};
    use crate::dns::knot::{Knot, Zone};

    const ZONE: &str = "\
$ORIGIN a.example.
$TTL 60
@ SOA ns h 1 60 60 60 60
@ NS ns
ns A 127.0.0.1
@ TXT \"v=spf1 mx ip6:2001:db8::/64 \" \"-all\"
@ MX 10 mx
mx A 192.0.2.1
bounce TXT \"v=spf1 include:a.example ?all\"
wide TXT \"v=spf1 ip4:192.0.0.0/8 -all\"
broken TXT \"v=spf1 ip4:192.0.2.1/33\"
elsewhere NS ns.elsewhere
ns.elsewhere A 127.0.0.99
";

    fn hosts(knot: &Knot) -> Hosts {
        let dns = Dns { servers: vec![knot.server], dnssec: Dnssec::Off, trust_anchor: None };
        let spf = config::Spf { domains: vec!["a.example".parse().unwrap()], ..Default::default() };
        Hosts::new(Resolver::new(&dns).unwrap(), "relay.example".parse().unwrap(), spf)
    }

    fn told(admission: &Admission) -> String {
        match admission {
            Admission::As(Submitter::Host { domain, alignment: Alignment::Within(listed) }) => {
                format!("{domain} within {listed}")
            }
            Admission::NotAuthorised(why) => why.to_string(),
            Admission::Unavailable => "unavailable".into(),
            other => format!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_host_is_admitted_for_a_listed_domain_by_a_pass_that_means_something() {
        let knot = Knot::start(&[Zone { name: "a.example", text: ZONE.into(), signed: false }]);
        let hosts = hosts(&knot);
        for (address, sender, expected) in [
            ("192.0.2.1", Some("jan@a.example"), "a.example within a.example"),
            ("::ffff:192.0.2.1", Some("jan@a.example"), "a.example within a.example"),
            ("2001:db8::9", Some("jan@bounce.a.example"), "bounce.a.example within a.example"),
            // The host itself has no policy.
            ("192.0.2.1", None, "has no SPF policy"),
            (
                "192.0.2.2",
                Some("jan@a.example"),
                "SPF for a.example: the domain's SPF policy says that this host may not send for it",
            ),
            ("192.0.2.2", Some("jan@bounce.a.example"), "does not say"),
            ("192.0.2.1", Some("jan@none.a.example"), "has no SPF policy"),
            ("192.0.2.1", Some("jan@wide.a.example"), "only as one of the network 192.0.0.0/8"),
            ("192.0.2.1", Some("jan@broken.a.example"), "has a syntax error"),
            ("192.0.2.1", Some("jan@x.elsewhere.a.example"), "unavailable"),
            ("192.0.2.1", Some("jan@b.example"), "b.example may not submit here"),
            ("192.0.2.1", Some("jan@xa.example"), "xa.example may not submit here"),
        ] {
            let sender = sender.map(|sender| sender.parse::<Address>().unwrap());
            let address = address.parse().unwrap();
            let found = told(&hosts.admit(address, "mx.a.example", sender.as_ref()).await);
            assert!(found.contains(expected), "{address} {sender:?}: {found}");
        }
    }
}
