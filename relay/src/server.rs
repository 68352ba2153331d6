//! Puts all rooms together, and runs them until the process is told to stop.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use crate::admission::{Capabilities, Directory, Gate};
use crate::bounces::Bounces;
use crate::certificate::Certificate;
use crate::config::{self, Config};
use crate::dns::{Resolver, SelfTest};
use crate::intake::{Intake, Rules};
use crate::lifecycle::{self, Lifecycle};
use crate::outbound::{Outbound, Preferred};
use crate::pipeline::{Pipeline, Settings, Texting};
use crate::portal::{self, Portal};
use crate::signing::Signing;
use crate::sms::Sender;
use crate::smtp;
use crate::store::Store;
use crate::tls_report::{Counts, Reporter};
use crate::vault::Keyring;

/// How long units in hand may take to finish: longer than a slow server's answer, shorter than systemd's patience (90 s).
const SHUTDOWN_MAX: Duration = Duration::from_mins(1);

/// How often what no row refers to is swept away (crash table of acceptance).
const SWEEP_EVERY: Duration = Duration::from_hours(6);

/// Why the relay cannot start: what, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Fatal(pub String);

/// All sockets of the relay, bound.
struct Sockets {
    lmtp: UnixListener,
    gateway: Option<smtp::Gateway>,
    portal: TcpListener,
}

/// What the process is told by. Listened for before anything else is done, so that no signal ends it in the middle of
/// its start.
struct Signals {
    term: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Fatal> {
        let listen =
            |kind| signal(kind).map_err(|error| Fatal(format!("cannot wait for signals: {error}")));
        Ok(Self {
            term: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }
}

/// Runs until SIGTERM or SIGINT.
pub async fn run(config: Config) -> Result<(), Fatal> {
    let lifecycle = Lifecycle::new();
    let signals = Signals::listen()?;
    let resolver = Resolver::new(&config.dns).map_err(Fatal)?;
    let outbound = Outbound::of(&config, resolver.clone()).map_err(Fatal)?;
    let preferred = outbound.preferred().clone();
    let tls = portal::tls(&config.portal).map_err(|error| Fatal(error.to_string()))?;
    let marker_key = config.marker_key().map_err(|error| Fatal(error.to_string()))?;
    let texting = config.sms.as_ref().map(texting).transpose()?;
    let directory = config.directory.ldap.as_ref().map(Directory::new).transpose();
    let directory = directory.map_err(|error| Fatal(format!("directory.ldap.{error}")))?;
    raise_files_max(&config);
    tokio::spawn(test_dns(resolver.clone(), config.dns.clone()));
    // The sockets come first: who finds them taken must not take the store's work away from who has them.
    let sockets = bind(&config).await?;
    let store = open_store(&config).await?;
    let gateway = sockets.gateway.as_ref().map(|gateway| gateway.certificate().clone());
    let certificates: Vec<_> = tls.clone().into_iter().chain(gateway).collect();

    let terms = smtp::Terms::new(smtp::Service::Lmtp, &config, marker_key.clone());
    let mut gate = Gate::new(store.clone()).with_spf(
        resolver.clone(),
        config.hostname.clone(),
        config.gateway.spf.clone(),
    );
    if let Some(directory) = directory {
        gate = gate.with_directory(directory);
    }
    let bounces = config.bounce_domain.clone();
    let bounces = bounces.map(|domain| Bounces::new(domain, store.keyring().clone()));
    let intake = Intake::new(store.clone(), gate, intake_rules(&config))
        .with_reserve(config.limits.disk_reserve)
        .with_bounces(bounces.clone());
    let policies = outbound.policies().kept_in(store.clone());
    let counts = config.tls_reports.as_ref().map(|_| Counts::kept_in(store.clone()));
    let outbound = outbound.with_policies(policies.clone());
    let outbound = Arc::new(outbound.counting(counts.unwrap_or_default()));
    let signing = Signing::new(store.clone());
    let reporter = Reporter::of(&config, &outbound, resolver, &store, &signing).map_err(Fatal)?;
    let pipeline =
        Pipeline::new(store.clone(), outbound, Settings::new(&config, marker_key), signing)
            .with_texting(texting)
            .with_bounces(bounces);
    let portal = Portal::new(store.clone(), &config, lifecycle.clone());

    let limits = config.limits.clone();
    if let Some(gateway) = sockets.gateway {
        watch(&lifecycle, "gateway", gateway.serve(intake.clone(), lifecycle.clone()));
    }
    watch(&lifecycle, "lmtp", {
        let (lifecycle, clients) = (lifecycle.clone(), limits.lmtp_connections_max);
        async move { smtp::serve(sockets.lmtp, intake, terms, clients, lifecycle).await }
    });
    watch(
        &lifecycle,
        "portal",
        portal::serve(sockets.portal, tls, portal, limits.clone(), lifecycle.clone()),
    );
    watch(&lifecycle, "pipeline", pipeline.run(limits.deliveries_max, lifecycle.clone()));
    watch(&lifecycle, "lists", preferred.clone().keep(lifecycle.clone()));
    watch(&lifecycle, "policies", policies.keep(lifecycle.clone()));
    if let Some(reporter) = reporter {
        watch(&lifecycle, "reports on TLS", reporter.run(lifecycle.clone()));
    }
    watch(&lifecycle, "sweeper", sweep(store.clone(), config.retention.clone(), lifecycle.clone()));
    watch(&lifecycle, "store", last(store.clone(), lifecycle.clone()));

    ready(&config);
    let told = until_told_to_stop(signals, &certificates, &preferred, &lifecycle).await;
    stop(&lifecycle).await;
    store.close().await;
    told
}

/// A name server that is of no use for DNSSEC keeps all mail: somebody must know.
async fn test_dns(resolver: Resolver, dns: config::Dns) {
    match resolver.self_test(&dns).await {
        SelfTest::Passed => {}
        SelfTest::Failed(why) | SelfTest::Silent(why) => error!("dns: {why}"),
    }
}

async fn open_store(config: &Config) -> Result<Store, Fatal> {
    let keyring = Keyring::load(&config.key_file).map_err(|error| Fatal(error.to_string()))?;
    let store = Store::open(&config.state_directory, Arc::new(keyring))
        .await
        .map_err(|error| Fatal(format!("{}: {error}", config.state_directory.display())))?;
    store.release_claims().await.map_err(|error| Fatal(error.to_string()))?;
    Ok(store)
}

fn texting(sms: &config::Sms) -> Result<Texting, Fatal> {
    let sender = Sender::new(sms).map_err(Fatal)?;
    Ok(Texting { sender, countries: sms.countries.clone() })
}

/// What is not offered here refuses the messages that demand it.
fn intake_rules(config: &Config) -> Rules {
    let capabilities = Capabilities { sms: config.sms.is_some(), access_code: true };
    let own = config.organisation.from.clone();
    let countries = config.sms.as_ref().map(|sms| sms.countries.clone()).unwrap_or_default();
    Rules { link_days: config.portal.link_days, capabilities, countries, own }
}

async fn bind(config: &Config) -> Result<Sockets, Fatal> {
    let lmtp = smtp::bind(&config.lmtp).map_err(|error| Fatal(format!("lmtp: {error}")))?;
    let gateway = smtp::Gateway::bind(config).await.map_err(|error| Fatal(error.to_string()))?;
    let portal = TcpListener::bind(config.portal.listen).await.map_err(|error| {
        Fatal(format!("portal.listen: cannot listen on {}: {error}", config.portal.listen))
    })?;
    Ok(Sockets { lmtp, gateway, portal })
}

/// Starts a part of the relay. None of them ends by itself: one that does takes the process down, so that the service
/// manager starts all of them anew.
fn watch(
    lifecycle: &Lifecycle,
    name: &'static str,
    part: impl Future<Output = ()> + Send + 'static,
) {
    let watched = lifecycle.clone();
    let part = tokio::spawn(part);
    lifecycle.spawn(async move {
        let ended = part.await;
        if let Err(error) = ended {
            error!("the {name} part broke off: {error}");
        } else if !watched.is_stopping() {
            error!("the {name} part ended");
        }
        watched.stop();
    });
}

fn ready(config: &Config) {
    for listener in &config.gateway.listeners {
        info!("listening: {listener}");
    }
    info!("ready: LMTP on {}, portal on {}", config.lmtp.socket.display(), config.portal.listen);
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        warn!("cannot tell the service manager: {error}");
    }
}

async fn until_told_to_stop(
    signals: Signals,
    certificates: &[Certificate],
    preferred: &Preferred,
    lifecycle: &Lifecycle,
) -> Result<(), Fatal> {
    let Signals { mut term, mut interrupt, mut hangup } = signals;
    loop {
        tokio::select! {
            _ = term.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            () = lifecycle.stopping() => return Err(Fatal("a part of the relay ended by itself; see above".into())),
            _ = hangup.recv() => {
                certificates.iter().for_each(reload);
                preferred.reload();
            }
        }
    }
}

/// A certificate that was renewed counts from the next connection on. What else stands in relay.toml needs a restart.
fn reload(certificate: &Certificate) {
    let file = certificate.file().display();
    match certificate.reload() {
        Ok(()) => info!("read the certificate {file} again"),
        Err(error) => {
            error!(
                "the certificate {file} stays as it was: {error}; mend it and send SIGHUP again"
            );
        }
    }
}

/// Each connection is an open file, and what a login shell lets a program have is few. As many as it may have are taken.
fn raise_files_max(config: &Config) {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        if soft < hard {
            setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
        }
        Ok(hard)
    });
    match raised {
        Ok(files) if files < files_needed(config) => warn!(
            "this process may have {files} files open, fewer than the connections that relay.toml allows: raise LimitNOFILE in \
             the service unit, or lower limits.smtp-connections-max"
        ),
        Ok(_) => {}
        Err(error) => warn!("cannot raise the limit of open files: {error}"),
    }
}

/// With all connections that may be there at once. A delivery has the message's file open, and asks name servers.
fn files_needed(config: &Config) -> u64 {
    const OWN: usize = 100;
    let limits = &config.limits;
    let services = [config::Service::Submission, config::Service::Relay]
        .into_iter()
        .filter(|service| config.gateway.listeners.iter().any(|one| one.service == *service));
    let needed = limits
        .smtp_connections_max
        .saturating_mul(services.count())
        .saturating_add(limits.lmtp_connections_max)
        .saturating_add(limits.portal_connections_max)
        .saturating_add(limits.deliveries_max.saturating_mul(4))
        .saturating_add(OWN);
    needed as u64
}

async fn stop(lifecycle: &Lifecycle) {
    info!("stopping: finishing what is in hand");
    lifecycle.stop();
    if tokio::time::timeout(SHUTDOWN_MAX, lifecycle.finished()).await.is_err() {
        warn!(
            "stopped with {} units unfinished; they are repeated at the next start",
            lifecycle.tasks()
        );
    }
}

/// A relay that cannot write must not go on: it would answer everyone that it is busy, for ever.
async fn last(store: Store, lifecycle: Lifecycle) {
    tokio::select! {
        () = lifecycle.stopping() => {}
        () = store.ended() => {}
    }
}

/// Into another log, which may be kept on another machine: whoever cuts entries off here is found out there.
async fn tell_audit_head(store: &Store) {
    match store.audit_head().await {
        Ok(Some(head)) => info!("audit log: head {head}"),
        Ok(None) => {}
        Err(error) => error!("cannot read the audit log: {error}"),
    }
}

/// Sweeps leftovers, and rows that have stood in the lists for long enough.
async fn sweep(store: Store, kept: config::Retention, lifecycle: Lifecycle) {
    while !lifecycle.is_stopping() {
        match store.sweep(lifecycle::now()).await {
            Ok(0) => {}
            Ok(swept) => info!("swept {swept} leftovers"),
            Err(error) => error!("cannot sweep: {error}"),
        }
        match store.forget(lifecycle::now(), kept.rows.0).await {
            Ok(0) => {}
            Ok(forgotten) => info!("forgot {forgotten} deliveries that ended long ago"),
            Err(error) => error!("cannot forget what ended long ago: {error}"),
        }
        match store.forget_audit(lifecycle::now(), kept.audit.0).await {
            Ok(0) => {}
            Ok(forgotten) => info!("forgot {forgotten} entries of the audit log"),
            Err(error) => error!("cannot forget old entries of the audit log: {error}"),
        }
        tell_audit_head(&store).await;
        tokio::select! {
            () = lifecycle.stopping() => {}
            () = tokio::time::sleep(SWEEP_EVERY) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use zegel_core::address::Address;
    use zegel_core::envelope::{Envelope, Recipient};
    use zegel_core::submission::Arrival;
    use zegel_core::submitter::Submitter;

    use super::*;
    use crate::intake::Transaction;

    const MESSAGE: &[u8] = b"From: jan@example.org\r\n\r\nBody\r\n";

    fn config(directory: &std::path::Path) -> Config {
        let root = rcgen::generate_simple_self_signed(["root.example".to_owned()]).unwrap();
        std::fs::write(directory.join("roots.pem"), root.cert.pem()).unwrap();
        let text = format!(
            r#"
            hostname = "relay.example.org"
            state-directory = "{place}/state"
            key-file = "{place}/relay.key"
            organisation = {{ name = "Example", from = "secure@example.org", language = "en" }}
            portal = {{ public-origin = "https://portal.example.org", listen = "127.0.0.1:0" }}
            lmtp = {{ socket = "{place}/relay.sock" }}
            outbound = {{ roots = "{place}/roots.pem" }}
            "#,
            place = directory.display()
        );
        std::fs::write(directory.join("relay.toml"), text).unwrap();
        Config::read(&directory.join("relay.toml")).unwrap()
    }

    /// Hands one message in.
    async fn submit(store: &Store, config: &Config, message: &[u8]) {
        let author: Address = "jan@example.org".parse().unwrap();
        store.add_domain(author.domain(), lifecycle::now()).await.unwrap();
        let to = Recipient::plain("els@example.net".parse().unwrap());
        let envelope = Envelope { sender: Some(author), recipients: vec![to], envelope_id: None };
        let gate = Gate::new(store.clone());
        let intake = Intake::new(store.clone(), gate, intake_rules(config));
        let mut draft = intake.begin(Transaction {
            envelope,
            submitter: Submitter::Local,
            arrival: Arrival::default(),
        });
        draft.push(message).await;
        draft.end().await;
    }

    #[tokio::test]
    async fn a_message_that_nobody_can_open_is_destroyed_when_its_time_is_over() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = config(directory.path());
        config.portal.link_days = 0;
        Keyring::create(&config.key_file).unwrap();
        let store = open_store(&config).await.unwrap();
        submit(&store, &config, MESSAGE).await;
        store.close().await;
        std::fs::remove_file(&config.key_file).unwrap();
        Keyring::create(&config.key_file).unwrap();

        let store = open_store(&config).await.unwrap();
        let outbound = Outbound::new(
            config.hostname.as_str(),
            Resolver::new(&config.dns).unwrap(),
            &config.outbound,
        )
        .unwrap();
        let settings = Settings::new(&config, None);
        let lifecycle = Lifecycle::new();
        let signing = Signing::new(store.clone());
        let pipeline = Pipeline::new(store.clone(), Arc::new(outbound), settings, signing);
        let running = tokio::spawn(pipeline.run(1, lifecycle.clone()));
        while !store.list(false, 1).await.unwrap().is_empty() {
            store.changed().await;
        }
        lifecycle.stop();
        running.await.unwrap();
        let ended = store.list(true, 1).await.unwrap().remove(0);
        assert!(store.submission(ended.submission).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_second_relay_is_refused_and_takes_no_work_away_from_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path());
        Keyring::create(&config.key_file).unwrap();
        let _first = smtp::bind(&config.lmtp).unwrap();
        let store = open_store(&config).await.unwrap();
        submit(&store, &config, MESSAGE).await;
        let lease = Duration::from_hours(1);
        let working = store.claim(lifecycle::now(), lease, 10).await.unwrap();

        let refused = run(config).await.unwrap_err().to_string();
        assert!(refused.contains("another process answers"), "{refused}");
        let taken = store.claim(lifecycle::now(), lease, 10).await.unwrap();
        assert_eq!((working.len(), taken.len()), (1, 0));
    }
}
