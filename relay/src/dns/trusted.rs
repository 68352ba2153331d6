//! A name server on this machine that verifies signatures itself and says so (the AD bit, RFC 6840, section 5.8). Its word is
//! taken: nobody can change it on the way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use hickory_resolver::net::client::Client;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::tcp::TcpClientStream;
use hickory_resolver::net::udp::UdpClientStream;
use hickory_resolver::net::{DnsError, DnsHandle, NetError, NoRecords};
use hickory_resolver::proto::op::{DnsRequestOptions, DnsResponse, Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, Record, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use moka::Expiry;
use moka::sync::Cache;

use super::{ALIASES_MAX, CACHE_MAX, target};

/// What the name server itself may need to ask far away.
const TIME_MAX: Duration = Duration::from_secs(10);

/// However long an answer may be kept by its own word.
const KEPT_MAX: Duration = Duration::from_hours(1);

#[derive(Clone)]
pub(super) struct Trusted {
    servers: Arc<[SocketAddr]>,
    cache: Cache<(Name, RecordType), Arc<Reply>>,
}

/// What is needed of an answer that is clear.
#[derive(Debug)]
struct Reply {
    code: ResponseCode,
    records: Vec<Record>,
    secure: bool,
    kept: Duration,
}

impl Trusted {
    /// With no servers, those of the system.
    pub(super) fn new(servers: &[SocketAddr]) -> Result<Self, String> {
        let servers = if servers.is_empty() { of_the_system()? } else { servers.to_vec() };
        if let Some(server) = servers.iter().find(|server| !server.ip().is_loopback()) {
            return Err(format!(
                "the name server {server} is not on this machine, so that its word cannot be trusted: set dns.servers to one \
                 that is, or dns.dnssec = \"validate\""
            ));
        }
        let cache = Cache::builder().max_capacity(CACHE_MAX).expire_after(ByItsWord).build();
        Ok(Self { servers: servers.into(), cache })
    }

    /// The records of this kind, whose they are, and whether the name server vouches for them.
    pub(super) async fn look_up(
        &self,
        question: Name,
        kind: RecordType,
    ) -> Result<(Vec<Record>, Name, bool), NetError> {
        let key = (question.clone(), kind);
        if let Some(reply) = self.cache.get(&key) {
            return reply.of(question, kind);
        }
        let reply = Arc::new(self.ask(&key).await?);
        self.cache.insert(key, Arc::clone(&reply));
        reply.of(question, kind)
    }

    /// Asks one server after the other, until one gives a clear answer.
    async fn ask(&self, (name, kind): &(Name, RecordType)) -> Result<Reply, NetError> {
        let mut last = NetError::Message("no name server is known");
        for server in self.servers.iter() {
            let query = Query::query(name.clone(), *kind);
            match exchange(*server, query).await.and_then(|response| Reply::read(&response)) {
                Ok(reply) => return Ok(reply),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Reply {
    /// Only "found" and "there is none" are clear; a bogus answer comes as SERVFAIL.
    fn read(response: &DnsResponse) -> Result<Self, NetError> {
        let code = response.metadata.response_code;
        let referral = |record: &Record| record.record_type() == RecordType::NS;
        let soa =
            response.authorities.iter().find(|record| record.record_type() == RecordType::SOA);
        let clear = match code {
            ResponseCode::NoError => {
                !response.answers.is_empty()
                    || soa.is_some()
                    || !response.authorities.iter().any(referral)
            }
            ResponseCode::NXDomain => true,
            _ => false,
        };
        if !clear {
            return Err(DnsError::ResponseCode(code).into());
        }
        let seconds =
            response.answers.iter().chain(soa).map(|record| record.ttl).min().unwrap_or(0);
        Ok(Self {
            code,
            secure: response.metadata.authentic_data,
            records: response.answers.clone(),
            kept: Duration::from_secs(u64::from(seconds)).min(KEPT_MAX),
        })
    }

    /// Follows the aliases, which a name server that recurses puts into its answer.
    fn of(&self, mut name: Name, kind: RecordType) -> Result<(Vec<Record>, Name, bool), NetError> {
        for _ in 0..ALIASES_MAX {
            let found: Vec<_> = self
                .records
                .iter()
                .filter(|record| record.name == name && record.record_type() == kind)
                .cloned()
                .collect();
            if !found.is_empty() {
                return Ok((found, name, self.secure));
            }
            let Some(next) = target(&self.records, &name) else {
                return Err(self.none(&name, kind));
            };
            name = next;
        }
        Err(NetError::Message("too many aliases"))
    }

    fn none(&self, name: &Name, kind: RecordType) -> NetError {
        let question = Query::query(name.clone(), kind);
        DnsError::NoRecordsFound(NoRecords::new(question, self.code)).into()
    }
}

/// One question to one server: by UDP, and by TCP when the answer is too long for that.
async fn exchange(server: SocketAddr, query: Query) -> Result<DnsResponse, NetError> {
    let provider = TokioRuntimeProvider::default();
    let udp = UdpClientStream::builder(server, provider.clone()).with_timeout(Some(TIME_MAX));
    let (client, background) = Client::<TokioRuntimeProvider>::from_sender(udp.build());
    let short = answer(client, query.clone(), background).await?;
    if !short.metadata.truncation {
        return Ok(short);
    }
    let (connected, stream) = TcpClientStream::new(server, None, Some(TIME_MAX), provider);
    let (client, background) =
        Client::<TokioRuntimeProvider>::with_timeout(connected.await?, stream, TIME_MAX);
    answer(client, query, background).await
}

/// Asks with DO set: without it, a name server need not say whether the answer is authentic.
async fn answer(
    client: Client<TokioRuntimeProvider>,
    query: Query,
    background: impl Future<Output = ()> + Send + 'static,
) -> Result<DnsResponse, NetError> {
    let mut options = DnsRequestOptions::default();
    options.use_edns = true;
    options.edns_set_dnssec_ok = true;
    let wire = tokio::spawn(background);
    let response = client.lookup(query, options).next().await;
    wire.abort();
    response.unwrap_or(Err(NetError::Message("the connection was closed")))
}

fn of_the_system() -> Result<Vec<SocketAddr>, String> {
    let (config, _) =
        read_system_conf().map_err(|error| format!("cannot read /etc/resolv.conf: {error}"))?;
    Ok(config.name_servers().iter().map(|server| SocketAddr::new(server.ip, 53)).collect())
}

/// Answers are forgotten when they say so.
struct ByItsWord;

impl Expiry<(Name, RecordType), Arc<Reply>> for ByItsWord {
    fn expire_after_create(
        &self,
        _: &(Name, RecordType),
        reply: &Arc<Reply>,
        _: Instant,
    ) -> Option<Duration> {
        Some(reply.kept)
    }
}
