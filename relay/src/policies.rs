//! MTA-STS (RFC 8461): finds out which policy a domain has, keeps it, and fetches it anew before it ends. Its web server is
//! asked as the RFC wants: at the address that our own name servers give, with a certificate for its name, no redirection,
//! no proxy.
//!
//! A policy that cannot be fetched is none (section 3.3), unless an earlier one still counts. It is the one place where
//! something unknown does not hold the mail: anybody can put a record there and no policy behind it. What the message
//! demands of the connection is demanded all the same.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, StatusCode};
use tokio::sync::OnceCell;
use tracing::{info, warn};
use zegel_core::address::Domain;
use zegel_core::moment::Moment;
use zegel_core::mta_sts::{self, Kept, Mode, POLICY_MAX, Policy, Published, Step};

use crate::dns::{Answer, Found, Resolver};
use crate::lifecycle::{self, Lifecycle};
use crate::store::Store;
use crate::web;

/// What the RFC gives a web server at most (section 3.3).
const FETCH_TIME_MAX: Duration = Duration::from_mins(1);

/// After a fetch, whether or not it brought a policy, no other is made for the same `id` (RFC 8461, section 3.3).
const FETCH_PAUSE: Duration = Duration::from_mins(5);

/// Fetches that are remembered for that long: more domains than are written to in five minutes.
const FETCHES_MAX: u64 = 10_000;

/// How often old policies are looked for.
const LOOK_EVERY: Duration = Duration::from_hours(1);

/// A policy is fetched anew once a day (RFC 8461, section 10.2), so that it never ends while its web server is away for less
/// than its `max_age`.
const FETCH_EVERY: Duration = Duration::from_hours(24);

/// Policies by which no mail went for so long are let end.
const USED_WITHIN: Duration = Duration::from_hours(30 * 24);

/// Policies that are fetched anew in one round; with a web server that answers nothing that is less than the round's time.
const ROUND_MAX: usize = 50;

/// The policies of all domains. Cheap to clone: all clones are one.
#[derive(Clone)]
pub struct Policies(Arc<Shared>);

struct Shared {
    resolver: Resolver,
    client: Client,
    port: u16,
    /// Without one, what is fetched counts for as long as fetches are remembered.
    store: Option<Store>,
    /// By domain and `id`: what a fetch that was made lately brought, or that one is going on.
    fetches: Cache<(Domain, String), Arc<OnceCell<Fetched>>>,
}

type Fetched = Result<Kept, Unfetched>;

/// Why a policy was not fetched, in the words of RFC 8460, section 4.3.2.3.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfetched {
    #[error("the policy cannot be fetched: {0}")]
    Failed(String),
    #[error("the certificate of the policy's web server is not valid: {0}")]
    Certificate(String),
    #[error("what is fetched is no policy: {0}")]
    Invalid(String),
}

impl Policies {
    pub(crate) fn new(resolver: Resolver, port: u16, roots: Option<&Path>) -> Result<Self, String> {
        let client = web::client(roots)?
            .timeout(FETCH_TIME_MAX)
            .dns_resolver(Arc::new(Addresses(resolver.clone())))
            .build()
            .map_err(|error| format!("TLS cannot be set up: {}", web::cause(&error)))?;
        let fetches = Cache::builder().max_capacity(FETCHES_MAX).time_to_live(FETCH_PAUSE).build();
        Ok(Self(Arc::new(Shared { resolver, client, port, store: None, fetches })))
    }

    pub(crate) fn kept_in(&self, store: Store) -> Self {
        let Shared { resolver, client, port, fetches, .. } = &*self.0;
        Self(Arc::new(Shared {
            resolver: resolver.clone(),
            client: client.clone(),
            port: *port,
            store: Some(store),
            fetches: fetches.clone(),
        }))
    }

    /// The policy that mail to this domain goes by now. An error is a store that failed: the policy may be in there.
    pub(crate) async fn of(&self, domain: &Domain, now: Moment) -> Result<Option<Policy>, String> {
        let published = self.published(domain).await;
        let kept = self.kept(domain).await?;
        let policy = match mta_sts::next(&published, kept.as_ref(), now) {
            Step::Nothing => None,
            Step::Keep => kept,
            Step::Fetch(id) => match self.fetched(domain, &id).await {
                Ok(fresh) => Some(fresh),
                Err(_) => kept.filter(|kept| kept.counts(now)),
            },
        };
        if policy.is_some() {
            self.note_use(domain, now).await;
        }
        Ok(policy.map(|kept| kept.policy).filter(|policy| policy.mode != Mode::None))
    }

    /// Fetches a domain's policy anew, unless that was just done: it may have changed, and its record not yet.
    pub(crate) async fn renew(&self, domain: &Domain) {
        let id = match (self.published(domain).await, self.kept(domain).await) {
            (Published::Record(id), _) => id,
            (_, Ok(Some(kept))) => kept.id,
            (Published::Nothing | Published::Unknown, Ok(None) | Err(_)) => return,
        };
        // What became of it is in the log.
        let _ = self.fetched(domain, &id).await;
    }

    /// Fetches policies anew before their time is over, until the process stops.
    pub async fn keep(self, lifecycle: Lifecycle) {
        while !lifecycle.is_stopping() {
            tokio::select! {
                () = lifecycle.stopping() => {}
                () = self.round() => {}
            }
            tokio::select! {
                () = lifecycle.stopping() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn round(&self) {
        let Some(store) = &self.0.store else { return };
        let now = lifecycle::now();
        let old =
            store.old_sts_policies(before(now, FETCH_EVERY), before(now, USED_WITHIN), ROUND_MAX);
        match old.await {
            Ok(domains) => {
                for domain in domains {
                    self.renew(&domain).await;
                }
            }
            Err(error) => warn!("cannot look for old policies (MTA-STS): {error}"),
        }
        if let Err(error) = store.forget_sts_policies(lifecycle::now()).await {
            warn!("cannot forget old policies (MTA-STS): {error}");
        }
    }

    async fn published(&self, domain: &Domain) -> Published {
        match self.0.resolver.txt(&format!("_mta-sts.{domain}")).await {
            Answer::Found(Found { records, .. }) => mta_sts::record(&records),
            Answer::Nothing(_) => Published::Nothing,
            Answer::Unknown(_) => Published::Unknown,
        }
    }

    async fn kept(&self, domain: &Domain) -> Result<Option<Kept>, String> {
        let Some(store) = &self.0.store else { return Ok(None) };
        let failed =
            |error| format!("4.3.0 the policy of {domain} (MTA-STS) cannot be read: {error}");
        store.sts_policy(domain).await.map_err(failed)
    }

    /// Only for choosing what is fetched anew: a failure may pass.
    async fn note_use(&self, domain: &Domain, now: Moment) {
        let Some(store) = &self.0.store else { return };
        if let Err(error) = store.use_sts_policy(domain, now, before(now, FETCH_EVERY)).await {
            warn!(%domain, "cannot note that mail goes by the policy of {domain}: {error}");
        }
    }

    /// Who comes while a fetch is going on waits for it; who comes soon after gets what it brought.
    async fn fetched(&self, domain: &Domain, id: &str) -> Fetched {
        let key = (domain.clone(), id.to_owned());
        let cell = self.0.fetches.get_with(key, Arc::default);
        cell.get_or_init(|| self.fetch(domain, id)).await.clone()
    }

    async fn fetch(&self, domain: &Domain, id: &str) -> Fetched {
        let fetched = self.download(domain).await.and_then(|served| {
            let policy =
                Policy::read(&served).map_err(|why| Unfetched::Invalid(why.to_string()))?;
            let kept = Kept { id: id.to_owned(), policy, fetched: lifecycle::now() };
            Ok((kept, served))
        });
        match fetched {
            Ok((kept, served)) => {
                let mode = kept.policy.mode;
                self.tell(domain, &format!("mode {mode}"));
                info!(%domain, "MTA-STS of {domain}: mode {mode}");
                if let Some(store) = &self.0.store
                    && let Err(error) = store.keep_sts_policy(domain, &kept, served).await
                {
                    warn!(%domain, "cannot keep the policy of {domain} (MTA-STS): {error}");
                }
                Ok(kept)
            }
            Err(why) => {
                self.tell(domain, &why.to_string());
                info!(%domain, "MTA-STS of {domain}: {why}");
                Err(why)
            }
        }
    }

    fn tell(&self, domain: &Domain, what: &str) {
        self.0.resolver.remark(format!("policy (MTA-STS) {domain}: {what}"));
    }

    async fn download(&self, domain: &Domain) -> Result<Vec<u8>, Unfetched> {
        let port = if self.0.port == 443 { String::new() } else { format!(":{}", self.0.port) };
        let url = format!("https://mta-sts.{domain}{port}/.well-known/mta-sts.txt");
        let failed = |error: reqwest::Error| Unfetched::of(&error);
        let mut response = self.0.client.get(url).send().await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            let status = response.status().as_u16();
            return Err(Unfetched::Failed(format!("the web server answers {status}")));
        }
        if !is_plain_text(&response) {
            return Err(Unfetched::Invalid("it is not text/plain".to_owned()));
        }
        let mut octets = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(failed)? {
            octets.extend_from_slice(&piece);
            if octets.len() > POLICY_MAX {
                let why = format!("it is longer than {POLICY_MAX} octets");
                return Err(Unfetched::Invalid(why));
            }
        }
        Ok(octets)
    }
}

fn before(now: Moment, time: Duration) -> Moment {
    Moment(now.0.saturating_sub_unsigned(time.as_secs()))
}

/// Parameters, such as the character set, do not matter (RFC 8461, section 3.3).
fn is_plain_text(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("text/plain")
}

impl Unfetched {
    fn of(error: &reqwest::Error) -> Self {
        let why = web::cause(error);
        if is_about_certificate(error) { Self::Certificate(why) } else { Self::Failed(why) }
    }
}

/// An error of input and output does not show what it carries as its source.
fn is_about_certificate(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(current) = cause {
        if let Some(rustls::Error::InvalidCertificate(_)) = current.downcast_ref() {
            return true;
        }
        let carried = current.downcast_ref().and_then(io::Error::get_ref);
        cause = match carried {
            Some(carried) => Some(carried),
            None => current.source(),
        };
    }
    false
}

impl std::fmt::Debug for Policies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policies").field("port", &self.0.port).finish_non_exhaustive()
    }
}

/// Names as the relay's own name servers have them.
pub(crate) struct Addresses(pub(crate) Resolver);

impl Resolve for Addresses {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.0.clone();
        Box::pin(async move {
            let (four, six) =
                tokio::join!(resolver.ipv4(name.as_str()), resolver.ipv6(name.as_str()));
            let mut addresses = Vec::new();
            let mut unknown = None;
            for answer in [four, six] {
                match answer {
                    Answer::Found(found) => addresses.extend(found.records),
                    Answer::Nothing(_) => {}
                    Answer::Unknown(why) => unknown = Some(why),
                }
            }
            if addresses.is_empty() {
                return Err(unknown
                    .unwrap_or_else(|| format!("{} has no address", name.as_str()))
                    .into());
            }
            // The port of the URL takes the place of 0.
            let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}
