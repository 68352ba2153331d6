//! Which hosts take a domain's mail (RFC 5321, section 5.1), and why their names can be believed. Three answers: a
//! route, none, or unknown; a look-up that failed is never "none".

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;
use zegel_core::address::Domain;
use zegel_core::dane::Demand;
use zegel_core::mta_sts::Policy;
use zegel_core::transport::{Authentic, Floor};

use super::dane;
use super::sts;
use super::way::{Given, Terms, Way};
use crate::config::{self, MxAuthenticity};
use crate::dns::{Answer, Found, Nothing, Resolver};
use crate::lifecycle;
use crate::policies::Policies;

/// The largest mail domains name six; what comes after ten has never been the only one to work.
const HOSTS_MAX: usize = 10;

/// Per host. Two of each family give another machine a chance without trying a whole cluster.
const ADDRESSES_MAX: usize = 4;

/// For one delivery's look-ups together: three times what the resolver takes for one question.
const LOOKUPS_TIME_MAX: Duration = Duration::from_mins(1);

/// The DNS, and what the administrator says about its names.
pub(super) struct Directory {
    resolver: Resolver,
    authenticity: MxAuthenticity,
    pinned: Vec<Domain>,
    pub(super) given: Given,
    pub(super) policies: Policies,
}

/// Where a domain's mail goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// In the order in which they are to be tried.
    Hosts(Vec<Host>),
    None {
        enhanced: &'static str,
        text: String,
    },
    Unknown(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    /// As the MX record names it, before any CNAME: what the certificate must be for.
    pub(super) name: Domain,
    pub(super) authentic: Option<Authentic>,
    /// Where it listens; an error when that is unknown, or what its TLSA records demand.
    pub(super) addresses: Result<Vec<IpAddr>, String>,
    pub(super) demand: Demand,
    /// The policy of its domain (MTA-STS), where no TLSA records go before it. One that is enforced names this host.
    pub(super) policy: Option<Arc<Policy>>,
    /// Whether connections to it are counted for reports on TLS.
    pub(super) counts: bool,
    /// What the administrator demands of it.
    pub(super) terms: Option<Arc<Terms>>,
}

/// What the MX records say.
#[derive(Debug, PartialEq, Eq)]
enum Exchanges {
    Hosts(Vec<Domain>),
    /// RFC 7505: the domain takes no mail.
    Null,
    /// There are records, but none that names a usable host.
    Unusable,
}

impl Directory {
    pub(super) fn new(resolver: Resolver, outbound: &config::Outbound) -> Result<Self, String> {
        let roots = outbound.roots.as_deref();
        let policies = Policies::new(resolver.clone(), outbound.mta_sts_port, roots)?;
        Ok(Self {
            resolver,
            authenticity: outbound.mx_authenticity,
            pinned: outbound.pinned.clone(),
            given: Given::default(),
            policies,
        })
    }

    pub(super) fn with_given(self, given: Given) -> Self {
        Self { given, ..self }
    }

    /// The level of a domain whose mail goes straight into its inboxes.
    pub(super) fn inbox(&self, domain: &Domain) -> Option<Floor> {
        self.given.inbox(domain)
    }

    pub(super) async fn route(&self, domain: &Domain, way: &Way) -> Route {
        let unknown = || Route::Unknown(format!("the look-ups for {domain} took too long"));
        let found = timeout(LOOKUPS_TIME_MAX, self.look_up(domain, way)).await;
        match found.unwrap_or_else(|_| unknown()) {
            Route::Hosts(hosts) => self.under_policy(hosts, domain, way).await,
            route => route,
        }
    }

    /// The hosts for a report on TLS, of which only the administrator demands anything.
    pub(super) async fn undemanding_route(&self, domain: &Domain) -> Route {
        let unknown = || Route::Unknown(format!("the look-ups for {domain} took too long"));
        let found = timeout(LOOKUPS_TIME_MAX, self.look_up(domain, &Way::Usual)).await;
        match found.unwrap_or_else(|_| unknown()) {
            Route::Hosts(hosts) => Route::Hosts(hosts.into_iter().map(Host::undemanding).collect()),
            route => route,
        }
    }

    /// The hosts as the domain's policy (MTA-STS) leaves them. It is not asked for where it has no say.
    async fn under_policy(&self, hosts: Vec<Host>, domain: &Domain, way: &Way) -> Route {
        let is_named = matches!(way, Way::Named(named) if !named.is_empty());
        if is_named || self.given.vouches(domain) || hosts.iter().all(sts::needs_no_policy) {
            return Route::Hosts(hosts);
        }
        match self.policies.of(domain, lifecycle::now()).await {
            Ok(Some(policy)) => match sts::apply(policy, hosts, domain) {
                Ok(hosts) => Route::Hosts(hosts),
                Err(why) => {
                    self.policies.renew(domain).await;
                    Route::Unknown(why)
                }
            },
            Ok(None) => Route::Hosts(hosts),
            Err(why) => Route::Unknown(why),
        }
    }

    async fn look_up(&self, domain: &Domain, way: &Way) -> Route {
        match way {
            Way::Usual => match self.given_route(domain).await {
                Some(route) => route,
                None => self.mx_route(domain).await,
            },
            Way::Named(named) if named.is_empty() => self.mx_route(domain).await,
            Way::Named(named) => {
                Route::Hosts(self.hosts(in_order(named.clone()), domain, true).await)
            }
        }
    }

    pub(super) async fn mx_route(&self, domain: &Domain) -> Route {
        match self.resolver.mx(domain.as_str()).await {
            Answer::Found(Found { records, secure, .. }) => match exchanges(&records) {
                Exchanges::Hosts(names) => Route::Hosts(self.hosts(names, domain, secure).await),
                Exchanges::Null => none("5.1.10", format!("{domain} takes no mail (null MX)")),
                Exchanges::Unusable => Route::Unknown(format!("{domain} has no usable MX record")),
            },
            Answer::Nothing(Nothing { no_such_name: false }) => self.implicit(domain).await,
            Answer::Nothing(Nothing { no_such_name: true }) => {
                none("5.1.2", format!("{domain} does not exist"))
            }
            Answer::Unknown(why) => Route::Unknown(why),
        }
    }

    /// A domain without MX records takes its mail itself (RFC 5321, section 5.1).
    async fn implicit(&self, domain: &Domain) -> Route {
        match self.addresses(domain).await {
            Answer::Found(found) => {
                let (addresses, demand) = self.reach(domain, domain, true, found).await;
                let authentic = Some(Authentic::UnderRecipientDomain);
                let name = domain.clone();
                let host = Host {
                    name,
                    authentic,
                    addresses,
                    demand,
                    policy: None,
                    counts: true,
                    terms: None,
                };
                Route::Hosts(vec![host])
            }
            Answer::Nothing(Nothing { no_such_name: false }) => {
                none("5.4.4", format!("{domain} has neither an MX record nor an address"))
            }
            Answer::Nothing(Nothing { no_such_name: true }) => {
                none("5.1.2", format!("{domain} does not exist"))
            }
            Answer::Unknown(why) => Route::Unknown(why),
        }
    }

    /// `secure` is the answer that gave the names.
    async fn hosts(&self, names: Vec<Domain>, recipient: &Domain, secure: bool) -> Vec<Host> {
        join_all(names.into_iter().map(|name| self.host(name, recipient, secure))).await
    }

    async fn host(&self, name: Domain, recipient: &Domain, secure: bool) -> Host {
        let (addresses, demand) = match self.addresses(&name).await {
            Answer::Found(found) => self.reach(&name, recipient, secure, found).await,
            Answer::Nothing(_) => (Ok(Vec::new()), Demand::Nothing),
            Answer::Unknown(why) => (Err(why), Demand::Nothing),
        };
        let authentic = if secure {
            Some(Authentic::Dnssec)
        } else {
            authentic(&name, recipient, &self.pinned, self.authenticity)
        };
        Host { name, authentic, addresses, demand, policy: None, counts: true, terms: None }
    }

    /// Where the host can be reached, and how it must be.
    pub(super) async fn reach(
        &self,
        host: &Domain,
        recipient: &Domain,
        named_securely: bool,
        found: Found<IpAddr>,
    ) -> (Result<Vec<IpAddr>, String>, Demand) {
        match dane::demand(&self.resolver, host, recipient, named_securely, &found).await {
            Ok(demand) => (Ok(found.records), demand),
            Err(why) => (Err(why), Demand::Nothing),
        }
    }

    /// Both families by turns, so that neither is left out by the limit.
    pub(super) async fn addresses(&self, name: &Domain) -> Answer<IpAddr> {
        let (six, four) =
            tokio::join!(self.resolver.ipv6(name.as_str()), self.resolver.ipv4(name.as_str()));
        match (six, four) {
            (Answer::Found(six), Answer::Found(four)) => Answer::Found(Found {
                records: by_turns(six.records, four.records),
                name: six.name,
                secure: six.secure && four.secure,
            }),
            (Answer::Found(mut found), _) | (_, Answer::Found(mut found)) => {
                found.records.truncate(ADDRESSES_MAX);
                Answer::Found(found)
            }
            (Answer::Unknown(why), _) | (_, Answer::Unknown(why)) => Answer::Unknown(why),
            (Answer::Nothing(six), Answer::Nothing(four)) => {
                Answer::Nothing(Nothing { no_such_name: six.no_such_name || four.no_such_name })
            }
        }
    }
}

impl Host {
    fn undemanding(self) -> Self {
        Self { demand: Demand::Nothing, counts: false, ..self }
    }
}

fn none(enhanced: &'static str, text: String) -> Route {
    Route::None { enhanced, text }
}

/// Reads the records of one answer.
fn exchanges(records: &[(u16, String)]) -> Exchanges {
    if let [(_, exchange)] = records
        && exchange == "."
    {
        return Exchanges::Null;
    }
    let usable = records.iter().filter_map(|(preference, exchange)| {
        exchange.trim_end_matches('.').parse().ok().map(|host| (*preference, host))
    });
    let hosts = in_order(usable.collect());
    if hosts.is_empty() { Exchanges::Unusable } else { Exchanges::Hosts(hosts) }
}

/// Puts hosts in order: by preference, equal ones by chance (RFC 5321, section 5.1).
fn in_order(mut records: Vec<(u16, Domain)>) -> Vec<Domain> {
    records.sort_by_cached_key(|(preference, _)| (*preference, chance()));
    let mut hosts: Vec<Domain> = Vec::new();
    for (_, host) in records {
        if hosts.len() < HOSTS_MAX && !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

/// A random number; without chance, the records stay in the order in which the DNS gave them, which is by chance too.
fn chance() -> u32 {
    let mut octets = [0; 4];
    let _ = aws_lc_rs::rand::fill(&mut octets);
    u32::from_ne_bytes(octets)
}

/// Why an MX host's name can be believed although the DNS answer that gave it may be forged.
fn authentic(
    host: &Domain,
    recipient: &Domain,
    pinned: &[Domain],
    authenticity: MxAuthenticity,
) -> Option<Authentic> {
    if host.is_within(recipient) {
        return Some(Authentic::UnderRecipientDomain);
    }
    if pinned.iter().any(|pinned| host.is_within(pinned)) {
        return Some(Authentic::Pinned);
    }
    match authenticity {
        MxAuthenticity::Required => None,
        MxAuthenticity::Opportunistic => Some(Authentic::Waived),
    }
}

fn by_turns(six: Vec<IpAddr>, four: Vec<IpAddr>) -> Vec<IpAddr> {
    let mut families = [six.into_iter(), four.into_iter()];
    let mut addresses = Vec::new();
    while addresses.len() < ADDRESSES_MAX {
        let before = addresses.len();
        addresses.extend(families.iter_mut().filter_map(Iterator::next));
        if addresses.len() == before {
            break;
        }
    }
    addresses.truncate(ADDRESSES_MAX);
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(records: &[(u16, &str)]) -> Exchanges {
        let records = records.iter().map(|(preference, host)| (*preference, (*host).to_owned()));
        exchanges(&records.collect::<Vec<_>>())
    }

    #[track_caller]
    fn check(records: &[(u16, &str)], expected: &[&str]) {
        let expected = expected.iter().map(|host| host.parse().unwrap()).collect();
        assert_eq!(read(records), Exchanges::Hosts(expected), "{records:?}");
    }

    #[test]
    fn hosts_are_tried_by_preference_each_once() {
        check(
            &[(20, "b.nl."), (10, "a.nl."), (30, "A.nl."), (5, "mx.c.nl.")],
            &["mx.c.nl", "a.nl", "b.nl"],
        );
    }

    #[test]
    fn equal_hosts_are_tried_in_either_order() {
        let orders = || (0..200).map(|_| read(&[(10, "a.nl."), (10, "b.nl."), (5, "c.nl.")]));
        let first = read(&[(5, "c.nl."), (10, "a.nl."), (20, "b.nl.")]);
        assert!(orders().any(|order| order == first) && orders().any(|order| order != first));
    }

    #[test]
    fn a_record_that_names_no_host_is_skipped() {
        check(&[(0, "."), (10, "a.nl."), (20, "localhost."), (30, "192.0.2.1.")], &["a.nl"]);
        assert_eq!(read(&[(0, "localhost.")]), Exchanges::Unusable);
        assert_eq!(read(&[(0, ".")]), Exchanges::Null);
        assert_eq!(read(&[(0, "."), (10, ".")]), Exchanges::Unusable);
    }

    #[test]
    fn a_name_is_authentic_under_the_domain_or_by_the_administrators_word() {
        let domain = |name: &str| name.parse::<Domain>().unwrap();
        let pinned = [domain("mail.net")];
        for (host, required, opportunistic) in [
            (
                "example.nl",
                Some(Authentic::UnderRecipientDomain),
                Some(Authentic::UnderRecipientDomain),
            ),
            (
                "mx.example.nl",
                Some(Authentic::UnderRecipientDomain),
                Some(Authentic::UnderRecipientDomain),
            ),
            ("mx.mail.net", Some(Authentic::Pinned), Some(Authentic::Pinned)),
            ("badexample.nl", None, Some(Authentic::Waived)),
            ("mail.net.evil.org", None, Some(Authentic::Waived)),
        ] {
            let of = |authenticity| {
                authentic(&domain(host), &domain("example.nl"), &pinned, authenticity)
            };
            assert_eq!(of(MxAuthenticity::Required), required, "{host}");
            assert_eq!(of(MxAuthenticity::Opportunistic), opportunistic, "{host}");
        }
    }

    #[test]
    fn both_families_are_within_the_limit() {
        let addresses = |text: &[&str]| {
            text.iter().map(|address| address.parse().unwrap()).collect::<Vec<IpAddr>>()
        };
        let six = addresses(&["::1", "::2", "::3", "::4", "::5"]);
        let four = addresses(&["192.0.2.1"]);
        assert_eq!(by_turns(six.clone(), four), addresses(&["::1", "192.0.2.1", "::2", "::3"]));
        assert_eq!(by_turns(six, Vec::new()).len(), ADDRESSES_MAX);
    }
}
