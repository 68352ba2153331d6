//! What the DNS says, and whether it can be believed. Three answers: found, nothing, or unknown; a look-up that failed is
//! never "nothing". With DNSSEC validation an answer is *secure* when every record that it rests on is, aliases included;
//! a bogus one is unknown.

#[cfg(test)]
pub(crate) mod knot;
#[cfg(test)]
mod tests;
mod trace;
mod trusted;
#[cfg(test)]
mod unbound;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::dnssec::{Proof, TrustAnchors};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

use tokio::time::timeout;
use zegel_core::dane::Tlsa;

use crate::config::{self, Dnssec};

pub use trace::Trace;
use trusted::Trusted;

/// For a person at a terminal to wait; any name server answers sooner, or is as good as silent.
const SELF_TEST_TIME_MAX: Duration = Duration::from_secs(15);

/// Answers that are remembered, of each kind the same: more than the domains that a large organisation writes to in a day.
const CACHE_MAX: u64 = 10_000;

/// Aliases of one name: as many as common resolvers follow.
const ALIASES_MAX: usize = 8;

/// Asks name servers. Cheap to clone: all clones have one cache.
#[derive(Clone)]
pub struct Resolver {
    source: Source,
    trace: Option<Trace>,
}

/// Who says whether an answer is secure.
#[derive(Clone)]
enum Source {
    /// Signatures that were verified here, or nobody.
    Own(Arc<TokioResolver>),
    Trusted(Trusted),
}

/// Whether DNSSEC works with the name servers there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelfTest {
    Passed,
    /// They answer, but not so that anything can be secure; what to do about it.
    Failed(String),
    /// They do not answer.
    Silent(String),
}

/// What the DNS says to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    Found(Found<T>),
    Nothing(Nothing),
    /// What failed. It may be otherwise another time.
    Unknown(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    pub records: Vec<T>,
    /// Whose records these are: the name that was asked for, or what its aliases lead to.
    pub name: String,
    pub secure: bool,
}

/// A clear "no".
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Nothing {
    /// There is not even such a name.
    pub no_such_name: bool,
}

impl Resolver {
    pub fn new(dns: &config::Dns) -> Result<Self, String> {
        let source = if dns.dnssec == Dnssec::Trust {
            Trusted::new(&dns.servers).map(Source::Trusted)?
        } else {
            let own = resolver(dns).map_err(|error| format!("cannot set up DNS: {error}"))?;
            Source::Own(Arc::new(own))
        };
        Ok(Self { source, trace: None })
    }

    /// The same resolver, which also writes down what it is asked.
    pub fn traced(&self) -> (Self, Trace) {
        let trace = Trace::default();
        (Self { source: self.source.clone(), trace: Some(trace.clone()) }, trace)
    }

    /// Writes down what an answer led to, where it is asked what.
    pub(crate) fn remark(&self, line: String) {
        if let Some(trace) = &self.trace {
            trace.write(line);
        }
    }

    /// Asks for the keys of the root, which are signed wherever DNSSEC works at all.
    pub async fn self_test(&self, dns: &config::Dns) -> SelfTest {
        if dns.dnssec == Dnssec::Off {
            return SelfTest::Passed;
        }
        match timeout(SELF_TEST_TIME_MAX, self.look_up("", RecordType::DNSKEY, |_| Some(()))).await
        {
            Ok(Ok(Found { secure: true, .. })) => SelfTest::Passed,
            Ok(Ok(_) | Err(NetError::Dns(_))) => SelfTest::Failed(withheld(dns)),
            Ok(Err(error)) => SelfTest::Silent(format!("no name server answers: {error}")),
            Err(_) => SelfTest::Silent("no name server answers in time".to_owned()),
        }
    }

    pub async fn mx(&self, name: &str) -> Answer<(u16, String)> {
        self.ask(name, RecordType::MX, |data| match data {
            RData::MX(mx) => Some((mx.preference, mx.exchange.to_ascii())),
            _ => None,
        })
        .await
    }

    pub async fn ipv4(&self, name: &str) -> Answer<IpAddr> {
        self.ask(name, RecordType::A, RData::ip_addr).await
    }

    pub async fn ipv6(&self, name: &str) -> Answer<IpAddr> {
        self.ask(name, RecordType::AAAA, RData::ip_addr).await
    }

    /// What the name is an alias of, by its own record.
    pub async fn alias(&self, name: &str) -> Answer<String> {
        self.ask(name, RecordType::CNAME, |data| match data {
            RData::CNAME(target) => Some(target.0.to_ascii()),
            _ => None,
        })
        .await
    }

    pub async fn tlsa(&self, name: &str) -> Answer<Tlsa> {
        self.ask(name, RecordType::TLSA, |data| match data {
            RData::TLSA(tlsa) => Some(Tlsa {
                usage: tlsa.cert_usage.into(),
                selector: tlsa.selector.into(),
                matching: tlsa.matching.into(),
                data: tlsa.cert_data.clone(),
            }),
            _ => None,
        })
        .await
    }

    /// The strings of each record joined (RFC 7208, section 3.3), octet for octet.
    pub async fn txt(&self, name: &str) -> Answer<Vec<u8>> {
        self.ask(name, RecordType::TXT, |data| match data {
            RData::TXT(txt) => Some(txt.txt_data.concat()),
            _ => None,
        })
        .await
    }

    /// The names of an address.
    pub async fn ptr(&self, address: IpAddr) -> Answer<String> {
        self.ask(&Name::from(address).to_ascii(), RecordType::PTR, |data| match data {
            RData::PTR(name) => Some(name.0.to_ascii()),
            _ => None,
        })
        .await
    }

    async fn ask<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: fn(&RData) -> Option<T>,
    ) -> Answer<T> {
        let answer = match self.look_up(name, kind, read).await {
            Ok(found) => Answer::Found(found),
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => nothing(&none).map_or_else(
                || Answer::unknown(name, kind, &DnsError::NoRecordsFound(none.clone()).into()),
                Answer::Nothing,
            ),
            Err(error) => Answer::unknown(name, kind, &error),
        };
        if let Some(trace) = &self.trace {
            trace.note(name, kind, &answer);
        }
        answer
    }

    async fn look_up<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: fn(&RData) -> Option<T>,
    ) -> Result<Found<T>, NetError> {
        let question = absolute(name)?;
        let (records, name, secure) = match &self.source {
            Source::Own(resolver) => verified(resolver, question, kind).await?,
            Source::Trusted(trusted) => trusted.look_up(question, kind).await?,
        };
        let records = records.iter().filter_map(|record| read(&record.data)).collect();
        let name = name.to_ascii().trim_end_matches('.').to_ascii_lowercase();
        Ok(Found { records, name, secure })
    }
}

/// The records of this kind, whose they are, and whether they are secure. The resolver takes a "no such record" at the end of
/// an alias for bogus (hickory 0.26): then the alias and its target are asked for one by one, each to be verified by itself.
async fn verified(
    resolver: &TokioResolver,
    mut name: Name,
    kind: RecordType,
) -> Result<(Vec<Record>, Name, bool), NetError> {
    let mut secure = true;
    for _ in 0..ALIASES_MAX {
        let bogus = match resolver.lookup(name.clone(), kind).await {
            Ok(answer) => {
                let (name, proven) = follow(resolver, name, &answer, kind).await?;
                return Ok((answer.answers().to_vec(), name, secure && proven));
            }
            Err(bogus @ NetError::Dns(DnsError::DnssecBogus)) => bogus,
            Err(error) => return Err(error),
        };
        let Ok(alias) = resolver.lookup(name.clone(), RecordType::CNAME).await else {
            return Err(bogus);
        };
        let Some(next) = target(alias.answers(), &name) else { return Err(bogus) };
        secure &= proven_alias(&alias, &name);
        name = next;
    }
    Err(NetError::Message("too many aliases"))
}

/// Goes from the name that was asked for to the records, alias by alias. The resolver leaves the aliases out before what it
/// took from its cache, and with them their proof (hickory 0.26): those are asked for.
async fn follow(
    resolver: &TokioResolver,
    mut name: Name,
    answer: &Lookup,
    kind: RecordType,
) -> Result<(Name, bool), NetError> {
    let (mut secure, mut alias) = (true, answer.clone());
    for _ in 0..ALIASES_MAX {
        if let Some(proven) = proven(answer, &name, kind) {
            return Ok((name, secure && proven));
        }
        if target(alias.answers(), &name).is_none() {
            alias = resolver.lookup(name.clone(), RecordType::CNAME).await?;
        }
        let next =
            target(alias.answers(), &name).ok_or(NetError::Message("an answer with a gap"))?;
        secure &= proven_alias(&alias, &name);
        name = next;
    }
    Err(NetError::Message("too many aliases"))
}

impl<T> Answer<T> {
    fn unknown(name: &str, kind: RecordType, error: &NetError) -> Self {
        Self::Unknown(format!("cannot look up {kind} of {name}: {error}"))
    }
}

/// Whether the records of this name and kind are secure; `None` when there are none.
fn proven(answer: &Lookup, name: &Name, kind: RecordType) -> Option<bool> {
    let mut records =
        answer.answers().iter().filter(|one| one.name == *name && one.record_type() == kind);
    let first = records.next()?;
    Some(is_secure(first) && records.all(is_secure))
}

fn proven_alias(answer: &Lookup, name: &Name) -> bool {
    proven(answer, name, RecordType::CNAME) == Some(true)
}

/// What the name is an alias of.
fn target(answer: &[Record], name: &Name) -> Option<Name> {
    answer.iter().filter(|one| one.name == *name).find_map(|one| match &one.data {
        RData::CNAME(target) => Some(target.0.clone()),
        _ => None,
    })
}

/// The name as it stands, label for label; made absolute, which keeps the search list of the system out.
fn absolute(name: &str) -> Result<Name, NetError> {
    let labels = name.trim_end_matches('.').split('.').map(str::as_bytes);
    Ok(Name::from_labels(labels.filter(|label| !label.is_empty()))?)
}

/// `None`: it is no clear answer.
fn nothing(none: &NoRecords) -> Option<Nothing> {
    match none.response_code {
        ResponseCode::NXDomain => Some(Nothing { no_such_name: true }),
        // A referral says where to ask, not that there is nothing.
        ResponseCode::NoError if none.soa.is_some() || none.ns.is_none() => {
            Some(Nothing { no_such_name: false })
        }
        _ => None,
    }
}

/// Which name servers are of no use, and what to do.
fn withheld(dns: &config::Dns) -> String {
    let servers = if dns.servers.is_empty() {
        "of /etc/resolv.conf".to_owned()
    } else {
        dns.servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    if dns.dnssec == Dnssec::Trust {
        return format!(
            "the name servers {servers} do not say that they verify signatures; nothing will count as secure, and DANE is not \
             honoured: use others, or set dns.dnssec to \"validate\" or \"off\""
        );
    }
    format!(
        "the name servers {servers} do not pass on signatures; every look-up will be unknown, mail waits: use others, or set \
         dns.dnssec = \"off\""
    )
}

fn is_secure(record: &Record) -> bool {
    record.proof == Proof::Secure
}

fn resolver(dns: &config::Dns) -> Result<TokioResolver, NetError> {
    let mut builder = if dns.servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let servers = dns.servers.iter().copied().map(name_server).collect();
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    };
    let options = builder.options_mut();
    // Mail goes by the DNS alone, as every other mail server's does.
    options.use_hosts_file = ResolveHosts::Never;
    options.edns0 = true;
    options.try_tcp_on_error = true;
    options.cache_size = CACHE_MAX;
    options.validate = dns.dnssec == Dnssec::Validate;
    match &dns.trust_anchor {
        Some(file) if dns.dnssec == Dnssec::Validate => {
            let anchors = TrustAnchors::from_file(file)
                .map_err(|error| NetError::from(format!("{}: {error}", file.display())))?;
            builder.with_trust_anchor(Arc::new(anchors)).build()
        }
        _ => builder.build(),
    }
}

fn name_server(server: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = server.port();
        connection
    });
    NameServerConfig::new(server.ip(), true, connections.into())
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resolver")
    }
}
