//! Delivery to the recipients' mail servers. The steps of one delivery, in order:
//!
//! 1. `way`: the administrator may name the hosts that take a domain's mail, or a record of the domain; `mx`: otherwise the DNS
//!    does, and whether their names can be believed; `dane`: and what their TLSA records demand; `sts`: without any, what the
//!    domain's policy demands. A failed look-up defers; only a clear answer is "no route".
//! 2. The hosts are tried by preference, each at all of its addresses, until one takes the mail or refuses it for good.
//! 3. `pool`: a connection that has carried a mail under the very same terms is taken up again; `hosts`: a server gets so many
//!    at once. Otherwise `client`: connect, read the greeting, say EHLO. A server that falls short here is tried another time.
//! 4. `tls`: STARTTLS where it is offered; EHLO again. Any certificate lets the handshake finish, and is then judged.
//! 5. [`Floor::check`] on what this very connection has shown. `client::Proven` is the proof, and the only thing that can
//!    say MAIL FROM.
//! 6. `command`: MAIL FROM and RCPT TO with what the server offers to understand; then DATA.
//! 7. `stuffing`: the content, dots doubled, and the final dot. The content can be read once, so from here on a failure
//!    is for another time, not for another host. If the connection is lost before the last reply, nobody knows whether
//!    the mail was taken; it is sent again and may arrive twice.
//!
//! Without a floor (mail that carries no content of a message) TLS is used where it is offered, with any certificate, and
//! a server that offers it but cannot do it gets the mail in the clear; unless it has TLSA records, or its domain an enforced
//! policy: what they demand is demanded of every mail; and what the administrator demands likewise.
//!
//! Beside the deliveries, the room answers what the ladder asks of domains: `nta7516` and `preferred`.

mod client;
mod command;
mod dane;
mod hosts;
mod mx;
mod nta7516;
mod observed;
mod pool;
mod preferred;
mod reply;
mod sts;
mod stuffing;
mod tls;
mod tried;
mod way;
mod wire;

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::io::AsyncRead;
use tokio::time::timeout;
use tracing::info;
use zegel_core::address::{Address, Domain};
use zegel_core::decision::Reach;
use zegel_core::envelope::Recipient;
use zegel_core::moment::Moment;
use zegel_core::nta7516::Verdict;
use zegel_core::transport::{Floor, Miss, Seen};

use crate::config::{self, Config};
use crate::dns::Resolver;
use crate::policies::Policies;
use crate::tls_report::Counts;

use client::{Content, Encryption, Kind, Peer, Proven, Setback};
use hosts::{Hosts, NoPlace, PATIENCE};
use mx::{Directory, Host, Route};
use nta7516::Nta7516;
use observed::observed;
use pool::Pool;
use tls::Connector;
use tried::{Tally, short_of_policy};
use way::Given;

pub use preferred::Preferred;
pub use way::Way;

/// After this no other host is tried: the next attempt begins with the best one again.
const HOSTS_TIME_MAX: Duration = Duration::from_mins(15);

/// For one connection: the largest message we take, at 50 kB a second.
const CONNECTION_TIME_MAX: Duration = Duration::from_hours(1);

/// Sends mail to MX hosts. Cheap to share behind an `Arc`.
pub struct Outbound {
    hostname: String,
    port: u16,
    source: Option<IpAddr>,
    directory: Directory,
    connector: Connector,
    preferred: Preferred,
    nta7516: Nta7516,
    pool: Pool,
    hosts: Hosts,
    counts: Counts,
}

/// One transaction with one recipient.
#[derive(Clone, Debug)]
pub struct Mail<'a> {
    /// MAIL FROM; `None` is the null sender.
    pub sender: Option<&'a Address>,
    pub recipient: &'a Recipient,
    pub envelope_id: Option<&'a str>,
    /// MAIL FROM is only said on a connection that meets it. `None`: TLS is used where it is offered.
    pub floor: Option<Floor>,
    pub way: Way,
}

/// What became of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Accepted(Seen),
    /// Nothing was done: the server has as many connections from here as it gets. It takes only a moment.
    Busy,
    /// Try later; what happened, without content.
    Deferred {
        why: String,
        seen: Option<Seen>,
    },
    Refused {
        code: u16,
        enhanced: Option<String>,
        text: String,
        seen: Seen,
    },
    NoRoute {
        enhanced: String,
        text: String,
    },
    /// Nothing was sent: no MX host that could be reached meets the floor.
    FloorMissed {
        floor: Floor,
        miss: Miss,
        seen: Seen,
    },
}

impl Outbound {
    pub fn new(
        hostname: &str,
        resolver: Resolver,
        outbound: &config::Outbound,
    ) -> Result<Self, String> {
        Ok(Self {
            hostname: hostname.to_owned(),
            port: outbound.port,
            source: outbound.source,
            directory: Directory::new(resolver.clone(), outbound)?,
            connector: Connector::new(outbound.roots.as_deref())?,
            preferred: Preferred::new(outbound),
            nta7516: Nta7516::new(resolver, None),
            pool: Pool::default(),
            hosts: Hosts::default(),
            counts: Counts::default(),
        })
    }

    /// With all that the configuration says about ways to domains.
    pub fn of(config: &Config, resolver: Resolver) -> Result<Self, String> {
        let Self { hostname, port, source, directory, connector, preferred, pool, hosts, .. } =
            Self::new(config.hostname.as_str(), resolver.clone(), &config.outbound)?;
        let given = Given::new(&config.inbound, &config.pin);
        Ok(Self {
            hostname,
            port,
            source,
            connector: connector.with_roots(given.roots())?,
            directory: directory.with_given(given),
            preferred: preferred.with_lists(&config.outbound, &config.state_directory)?,
            nta7516: Nta7516::new(resolver, config.nta7516.as_ref()),
            pool,
            hosts,
            counts: Counts::default(),
        })
    }

    /// With other policies (MTA-STS): those that a restart does not forget.
    #[must_use]
    pub fn with_policies(mut self, policies: Policies) -> Self {
        self.directory.policies = policies;
        self
    }

    /// Counts what connections say of the policies of recipients' domains, for reports to them.
    #[must_use]
    pub fn counting(self, counts: Counts) -> Self {
        Self { counts, ..self }
    }

    /// The policies (MTA-STS) of recipients' domains.
    pub fn policies(&self) -> &Policies {
        &self.directory.policies
    }

    /// Looks up the hosts and hands the content to the first that takes it.
    pub async fn send(
        &self,
        mail: &Mail<'_>,
        content: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Outcome {
        match self.directory.route(mail.recipient.address.domain(), &mail.way).await {
            Route::Hosts(hosts) => {
                let outcome = self.try_hosts(&hosts, mail, mail.floor, content).await;
                // It may be otherwise by now (RFC 8461, section 5.1): the next attempt goes by what it says then.
                if short_of_policy(&outcome) && hosts.iter().any(Host::is_under_policy) {
                    self.directory.policies.renew(mail.recipient.address.domain()).await;
                }
                outcome
            }
            Route::None { enhanced, text } => {
                Outcome::NoRoute { enhanced: enhanced.to_owned(), text }
            }
            Route::Unknown(why) => Outcome::Deferred { why, seen: None },
        }
    }

    /// Sends a report on TLS. Its own connection needs no proof and is not counted (RFC 8460, section 3): that there is none
    /// may be what it reports. What the administrator demands is demanded all the same.
    pub async fn send_tls_report(
        &self,
        mail: &Mail<'_>,
        content: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Outcome {
        match self.directory.undemanding_route(mail.recipient.address.domain()).await {
            Route::Hosts(hosts) => self.try_hosts(&hosts, mail, None, content).await,
            Route::None { enhanced, text } => {
                Outcome::NoRoute { enhanced: enhanced.to_owned(), text }
            }
            Route::Unknown(why) => Outcome::Deferred { why, seen: None },
        }
    }

    /// What the administrator says about a domain.
    pub fn reach(&self, domain: &Domain) -> Reach {
        let inbox = self.directory.inbox(domain);
        Reach { inbox, preferred: self.preferred.contains(domain) }
    }

    /// The lists of domains that direct delivery is preferred to.
    pub fn preferred(&self) -> &Preferred {
        &self.preferred
    }

    /// Whether mail from one domain to the other goes by NTA 7516 now.
    pub async fn nta7516(&self, sender: &Domain, recipient: &Domain, now: Moment) -> Verdict {
        self.nta7516.ask(sender, recipient, now).await
    }

    /// The header lines on top of a message that goes by NTA 7516; perhaps none.
    pub fn nta7516_header(&self) -> String {
        self.nta7516.header()
    }

    /// Connects as [`Self::send`] would, says EHLO and STARTTLS, and quits: for `explain`.
    pub async fn probe(&self, recipient: &Address) -> Result<Seen, String> {
        match self.directory.route(recipient.domain(), &Way::Usual).await {
            Route::Hosts(hosts) => self.probe_hosts(&hosts).await,
            Route::None { text, .. } => Err(text),
            Route::Unknown(why) => Err(why),
        }
    }

    async fn try_hosts(
        &self,
        hosts: &[Host],
        mail: &Mail<'_>,
        floor: Option<Floor>,
        content: &mut Content<'_>,
    ) -> Outcome {
        let begun = Instant::now();
        let domain = mail.recipient.address.domain();
        let mut tally = Tally::of(hosts);
        for peer in self.peers(hosts) {
            if begun.elapsed() > HOSTS_TIME_MAX {
                tally.later(format!("the mail servers of {domain} took too long"), None);
                break;
            }
            let place = match self.hosts.place(peer.address, Instant::now()) {
                Ok(place) => place,
                Err(NoPlace::Full) => return Outcome::Busy,
                Err(NoPlace::Aside) => {
                    tally.later(
                        peer.says("4.4.2 left alone for a while, as it kept us waiting"),
                        None,
                    );
                    continue;
                }
            };
            let tried = Instant::now();
            let attempt = self.attempt(peer, mail, floor, content).await;
            let in_vain = attempt.as_ref().is_err_and(|setback| !setback.kind.is_answer());
            place.waited(in_vain && tried.elapsed() >= PATIENCE, Instant::now());
            log(domain, peer, &attempt);
            match attempt {
                Ok(seen) => return Outcome::Accepted(seen),
                Err(setback) => match setback.kind {
                    Kind::Refused { code, enhanced, text } => {
                        return Outcome::Refused { code, enhanced, text, seen: *setback.seen };
                    }
                    Kind::Spent(why) => {
                        return Outcome::Deferred { why, seen: Some(*setback.seen) };
                    }
                    Kind::Unreachable(why) => tally.unreachable(why),
                    // Only a connection that was taken up again can have been one, and then a new one was opened.
                    Kind::Stale => {}
                    Kind::Later(why) | Kind::Short { why, .. } => {
                        tally.later(why, Some(*setback.seen));
                    }
                    Kind::Missed(miss) => tally.missed(miss, *setback.seen),
                },
            }
        }
        tally.outcome(domain, floor)
    }

    /// A connection that is there already, or a new one.
    async fn attempt(
        &self,
        peer: Peer<'_>,
        mail: &Mail<'_>,
        floor: Option<Floor>,
        content: &mut Content<'_>,
    ) -> Result<Seen, Setback> {
        let work = async {
            let encrypted = floor.is_some() || peer.host.demands_proof();
            while let Some(parked) = self.pool.take(&peer, encrypted) {
                let proven = peer.resume(parked).prove(floor).await?;
                match self.carry(proven, (peer, encrypted), mail, content).await {
                    Err(Setback { kind: Kind::Stale, .. }) => {}
                    carried => return carried,
                }
            }
            let opened = open(peer, encrypted, floor).await;
            if peer.host.counts {
                let domain = mail.recipient.address.domain();
                self.counts
                    .add(domain, observed(domain, peer, opened.as_ref().map(Proven::seen)))
                    .await;
            }
            self.carry(opened?, (peer, encrypted), mail, content).await
        };
        timeout(CONNECTION_TIME_MAX, Box::pin(work)).await.unwrap_or_else(|_| Err(peer.overdue()))
    }

    /// Hands one mail over, and keeps the connection for the next one where it can carry it.
    async fn carry(
        &self,
        mut proven: Proven<'_>,
        (peer, encrypted): (Peer<'_>, bool),
        mail: &Mail<'_>,
        content: &mut Content<'_>,
    ) -> Result<Seen, Setback> {
        let carried = proven.transact(mail, content).await;
        let seen = proven.seen().clone();
        if let Some(parked) = proven.park() {
            self.pool.put(&peer, encrypted, parked);
        }
        match carried {
            Ok(()) => Ok(seen),
            Err(kind) => Err(Setback { kind, seen: Box::new(seen) }),
        }
    }

    async fn probe_hosts(&self, hosts: &[Host]) -> Result<Seen, String> {
        let unknown = hosts.iter().find_map(|host| host.addresses.as_ref().err());
        let mut last =
            unknown.cloned().unwrap_or_else(|| "no mail server has an address".to_owned());
        for peer in self.peers(hosts) {
            let proven = match peer.open(Encryption::Offered).await {
                Ok(session) => session.prove(None).await,
                Err(setback) => Err(setback),
            };
            match proven {
                Ok(proven) => return Ok(proven.leave().await),
                Err(setback) => last = setback.reason(),
            }
        }
        Err(last)
    }

    /// Every address of every host, in the order in which they are to be tried.
    fn peers<'a>(&'a self, hosts: &'a [Host]) -> impl Iterator<Item = Peer<'a>> {
        hosts.iter().flat_map(move |host| {
            let addresses = host.addresses.as_deref().unwrap_or_default().iter().copied();
            addresses.filter(|address| self.reaches(*address)).map(move |address| Peer {
                host,
                address: SocketAddr::new(address, host.port(self.port)),
                source: self.source,
                hostname: &self.hostname,
                connector: &self.connector,
            })
        })
    }

    /// Where the administrator names the address to connect from (for SPF, or the firewall), no other family will do.
    fn reaches(&self, address: IpAddr) -> bool {
        self.source.is_none_or(|source| source.is_ipv4() == address.is_ipv4())
    }
}

/// A new connection that meets the floor; or two, when nothing is demanded and the server cannot do the TLS that it offers.
async fn open(
    peer: Peer<'_>,
    encrypted: bool,
    floor: Option<Floor>,
) -> Result<Proven<'_>, Setback> {
    let session = if encrypted {
        peer.open(Encryption::Demanded).await?
    } else {
        match peer.open(Encryption::Offered).await {
            Err(Setback { kind: Kind::Missed(_), .. }) => peer.open(Encryption::Off).await?,
            opened => opened?,
        }
    };
    session.prove(floor).await
}

fn log(domain: &Domain, peer: Peer<'_>, attempt: &Result<Seen, Setback>) {
    let (host, address) = (&peer.host.name, peer.address.ip());
    info!(%domain, %host, %address, "{}", summary(domain, peer, attempt));
}

/// The log's line about one connection. A server's words stay out of it, as they may name the recipient.
fn summary(domain: &Domain, peer: Peer<'_>, attempt: &Result<Seen, Setback>) -> String {
    let (seen, outcome) = match attempt {
        Ok(seen) => (seen, "accepted".to_owned()),
        Err(Setback { kind, seen }) => (&**seen, kind.to_string()),
    };
    let proof = seen.tls.as_ref().map_or_else(
        || "no TLS".to_owned(),
        |tls| format!("{}, {}", tls.version, seen.certificate),
    );
    format!("{} [{}] for {domain}: {outcome} ({proof})", peer.host.name, peer.address.ip())
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("hostname", &self.hostname)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}
