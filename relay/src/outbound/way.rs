//! Ways beside the one that a domain's MX records show: what the administrator says about a domain (inbound direct delivery,
//! pins), and hosts that a record of the domain names.
//!
//! What the administrator says of a domain holds for every mail to it, notifications and reports among them, as its TLSA
//! records would. So a connection that falls short of it is for another time and not a missed floor: to go down the ladder
//! would be of no use, as what follows is a mail to the same hosts.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use zegel_core::address::Domain;
use zegel_core::dane::{Demand, public_key};
use zegel_core::mta_sts::Mode;
use zegel_core::transport::{Authentic, Floor, Miss, Rule, Seen};

use super::mx::{Directory, Host, Route};
use crate::config::{Fingerprint, Inbound, Pin};
use crate::dns::Answer;

/// Which hosts take a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// Those that the administrator names for the domain, otherwise those of its MX records.
    #[default]
    Usual,
    /// Those of a record that is DNSSEC-secure, each with its preference, or without any those of the MX records; whatever the
    /// administrator says.
    Named(Vec<(u16, Domain)>),
}

/// What the administrator says about domains.
#[derive(Debug, Default)]
pub(super) struct Given(BTreeMap<Domain, Destination>);

/// Where the mail of one domain goes.
#[derive(Debug)]
struct Destination {
    /// Without any, to the hosts of the MX records.
    hosts: Vec<Domain>,
    /// Where these listen; without any, the DNS says it.
    addresses: Vec<IpAddr>,
    terms: Arc<Terms>,
    has_inboxes: bool,
}

/// What the administrator demands of every connection to a host.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Terms {
    port: Option<u16>,
    level: Floor,
    proof: Option<Proof>,
}

/// What takes the place of the usual roots, and of TLSA records.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// The certificate, or its key, is one of these; its names, its dates and who issued it do not matter.
    Fingerprints(Vec<Fingerprint>),
    /// A root in this file vouches for the certificate.
    Roots(PathBuf),
}

impl Given {
    pub(super) fn new(inbound: &[Inbound], pins: &[Pin]) -> Self {
        let inbound = inbound.iter().map(|one| {
            let proof = Proof::new(&one.fingerprints, one.roots.as_deref());
            let destination = Destination {
                hosts: vec![one.next_hop.host.clone()],
                addresses: one.addresses.clone(),
                terms: Arc::new(Terms { port: one.next_hop.port, level: one.level, proof }),
                has_inboxes: true,
            };
            (one.domain.clone(), destination)
        });
        let pins = pins.iter().map(|one| {
            let proof = Proof::new(&one.fingerprints, one.roots.as_deref());
            let destination = Destination {
                hosts: one.mx.clone(),
                addresses: Vec::new(),
                terms: Arc::new(Terms { port: None, level: one.level, proof }),
                has_inboxes: false,
            };
            (one.domain.clone(), destination)
        });
        Self(inbound.chain(pins).collect())
    }

    /// The level of a domain whose mail goes straight into its inboxes.
    pub(super) fn inbox(&self, domain: &Domain) -> Option<Floor> {
        self.0.get(domain).filter(|it| it.has_inboxes).map(|it| it.terms.level)
    }

    /// Whether the administrator says which hosts the domain has, or how they prove it: its policy (MTA-STS) has no say then.
    pub(super) fn vouches(&self, domain: &Domain) -> bool {
        let destination = self.0.get(domain);
        destination.is_some_and(|it| !it.hosts.is_empty() || it.terms.proof.is_some())
    }

    /// The files of roots that are named anywhere.
    pub(super) fn roots(&self) -> impl Iterator<Item = &Path> {
        self.0.values().filter_map(|destination| match &destination.terms.proof {
            Some(Proof::Roots(file)) => Some(file.as_path()),
            Some(Proof::Fingerprints(_)) | None => None,
        })
    }
}

impl Proof {
    fn new(fingerprints: &[Fingerprint], roots: Option<&Path>) -> Option<Self> {
        if fingerprints.is_empty() {
            return roots.map(|file| Self::Roots(file.to_owned()));
        }
        Some(Self::Fingerprints(fingerprints.to_vec()))
    }

    /// Whether a certificate (DER) is one of those that are named, or its key is.
    pub(super) fn names(fingerprints: &[Fingerprint], certificate: &[u8]) -> bool {
        let is_named = |shown: &[u8]| {
            let shown = digest(&SHA256, shown);
            fingerprints.iter().any(|Fingerprint(octets)| shown.as_ref() == octets)
        };
        is_named(certificate) || public_key(certificate).is_some_and(is_named)
    }
}

impl Directory {
    /// The way that the administrator names; `None` when they do not say anything of this domain.
    pub(super) async fn given_route(&self, domain: &Domain) -> Option<Route> {
        let destination = self.given.0.get(domain)?;
        if destination.hosts.is_empty() {
            return Some(match self.mx_route(domain).await {
                Route::Hosts(hosts) => {
                    let on_terms = |host: Host| host.on(&destination.terms);
                    Route::Hosts(hosts.into_iter().map(on_terms).collect())
                }
                route => route,
            });
        }
        let hosts = destination.hosts.iter().map(|name| self.given_host(name, domain, destination));
        Some(Route::Hosts(futures_util::future::join_all(hosts).await))
    }

    async fn given_host(
        &self,
        name: &Domain,
        domain: &Domain,
        Destination { addresses, terms, .. }: &Destination,
    ) -> Host {
        let (addresses, demand) = if addresses.is_empty() {
            self.found(name, domain, terms).await
        } else {
            (Ok(addresses.clone()), Demand::Nothing)
        };
        Host {
            name: name.clone(),
            authentic: Some(Authentic::Pinned),
            addresses,
            demand,
            policy: None,
            counts: false,
            terms: Some(Arc::clone(terms)),
        }
    }

    /// TLSA records are only asked for where they are the proof: the administrator's word goes before them.
    async fn found(
        &self,
        name: &Domain,
        domain: &Domain,
        terms: &Terms,
    ) -> (Result<Vec<IpAddr>, String>, Demand) {
        match self.addresses(name).await {
            Answer::Found(found) if terms.proof.is_some() => (Ok(found.records), Demand::Nothing),
            Answer::Found(found) => self.reach(name, domain, true, found).await,
            Answer::Nothing(_) => (Ok(Vec::new()), Demand::Nothing),
            Answer::Unknown(why) => (Err(why), Demand::Nothing),
        }
    }
}

impl Host {
    /// The same host, found in the DNS, on the administrator's terms.
    fn on(self, terms: &Arc<Terms>) -> Self {
        let (authentic, demand) = match &terms.proof {
            // Whoever has this certificate's key is whom the administrator means, whatever its name.
            Some(Proof::Fingerprints(_)) => (Some(Authentic::Pinned), Demand::Nothing),
            Some(Proof::Roots(_)) => (self.authentic, Demand::Nothing),
            None => (self.authentic, self.demand),
        };
        Self { authentic, demand, terms: Some(Arc::clone(terms)), ..self }
    }

    pub(super) fn port(&self, usual: u16) -> u16 {
        self.terms.as_ref().and_then(|terms| terms.port).unwrap_or(usual)
    }

    pub(super) fn proof(&self) -> Option<&Proof> {
        self.terms.as_ref()?.proof.as_ref()
    }

    /// Whether a proof is demanded of every mail that goes to this host.
    pub(super) fn demands_proof(&self) -> bool {
        self.demand != Demand::Nothing || self.is_under_policy() || self.terms.is_some()
    }

    /// Whether its domain's policy (MTA-STS) is enforced on it.
    pub(super) fn is_under_policy(&self) -> bool {
        self.policy.as_ref().is_some_and(|policy| policy.mode == Mode::Enforce)
    }

    /// Whether a connection is as the DNS, the domain's policy and the administrator demand, and if not, why.
    pub(super) fn check(&self, seen: &Seen) -> Result<(), Miss> {
        self.demand.check(seen)?;
        if self.is_under_policy() {
            Floor::Pkix.check(seen)?;
        }
        self.terms.as_ref().map_or(Ok(()), |terms| terms.level.check(seen))
    }

    /// Who demands what of every connection to it, for the evidence.
    pub(super) fn rule(&self) -> Rule {
        match &self.demand {
            _ if self.terms.is_some() => Rule::Administrator,
            Demand::Match { .. } => Rule::Dane,
            Demand::Encryption => Rule::DaneEncryption,
            Demand::Nothing if self.authentic == Some(Authentic::MtaSts) => Rule::MtaSts,
            Demand::Nothing => Rule::Nobody,
        }
    }

    /// Words that say who demands a proof.
    pub(super) fn demanding(&self) -> &'static str {
        match self.demand {
            Demand::Nothing if self.is_under_policy() => {
                "its domain's policy (MTA-STS) demands a proof"
            }
            Demand::Nothing => "the administrator demands a proof",
            Demand::Encryption | Demand::Match { .. } => "its TLSA records (DANE) demand a proof",
        }
    }
}
