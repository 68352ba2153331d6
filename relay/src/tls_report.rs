//! Reports on TLS (RFC 8460): counts what connections say of the policies of recipients' domains, and after the end of each
//! day tells the domains that want to hear of it, by mail or over HTTPS. A report says nothing of any message.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use tracing::{info, warn};
use zegel_core::address::{Address, Domain};
use zegel_core::envelope::{Notify, Recipient};
use zegel_core::moment::Moment;
use zegel_core::notice::Organisation;
use zegel_core::own_id;
use zegel_core::tls_report::{self, Day, Failure, Place, Policy, Report};

use crate::config::Config;
use crate::dns::{Answer, Resolver};
use crate::id::MailId;
use crate::lifecycle::{self, Lifecycle};
use crate::outbound::{Mail, Outbound, Outcome, Way};
use crate::policies::Addresses;
use crate::signing::Signing;
use crate::store::{Store, StoreError, TlsReport};
use crate::web;

/// Reports are for the day before; nobody waits for one.
const LOOK_EVERY: Duration = Duration::from_mins(10);

/// Domains of which reports are made in one round, and reports that are sent in it.
const ROUND_MAX: usize = 100;

/// A web server's answer to a report of at most some kilobytes.
const POST_TIME_MAX: Duration = Duration::from_mins(1);

/// RFC 8460, section 5.3, wants them to be tried for a day.
const TRIES_MAX: u32 = 24;
const TRY_EVERY: Duration = Duration::from_hours(1);

/// Days that counts wait for the name servers to say whether a report is wanted.
const DAYS_MAX: i64 = 3;

/// Makes the reports and sends them.
pub struct Reporter {
    store: Store,
    outbound: Arc<Outbound>,
    resolver: Resolver,
    client: Client,
    organisation: Organisation,
    contact: Address,
    signing: Signing,
}

/// Where connections are counted; nowhere when nobody makes reports. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Counts(Option<Store>);

impl Counts {
    pub fn kept_in(store: Store) -> Self {
        Self(Some(store))
    }

    /// Counts one connection that was just opened. That it cannot be counted is no reason to keep a mail back.
    pub(crate) async fn add(&self, domain: &Domain, observed: Option<(Policy, Option<Failure>)>) {
        let (Some(store), Some((policy, failure))) = (&self.0, observed) else { return };
        let day = Day::of(lifecycle::now());
        if let Err(error) = store.count_tls_session(day, domain, &policy, failure.as_ref()).await {
            warn!(%domain, "cannot count a connection for the report to {domain}: {error}");
        }
    }
}

impl Reporter {
    /// `None` when the configuration wants no reports.
    pub fn of(
        config: &Config,
        outbound: &Arc<Outbound>,
        resolver: Resolver,
        store: &Store,
        signing: &Signing,
    ) -> Result<Option<Self>, String> {
        let Some(settings) = &config.tls_reports else { return Ok(None) };
        let client = web::client(config.outbound.roots.as_deref())?
            .timeout(POST_TIME_MAX)
            .dns_resolver(Arc::new(Addresses(resolver.clone())))
            .build()
            .map_err(|error| format!("TLS cannot be set up: {}", web::cause(&error)))?;
        let (organisation, contact) = (config.organisation.clone(), settings.contact.clone());
        let (store, outbound, signing) = (store.clone(), Arc::clone(outbound), signing.clone());
        Ok(Some(Self { store, outbound, resolver, client, organisation, contact, signing }))
    }

    /// Makes and sends reports until the process stops.
    pub async fn run(self, lifecycle: Lifecycle) {
        while !lifecycle.is_stopping() {
            if let Err(error) = self.round(&lifecycle).await {
                warn!("cannot go on with the reports on TLS: {error}");
            }
            tokio::select! {
                () = lifecycle.stopping() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn round(&self, lifecycle: &Lifecycle) -> Result<(), StoreError> {
        let today = Day::of(lifecycle::now());
        for (day, domain) in self.store.unreported_tls(today, ROUND_MAX).await? {
            if lifecycle.is_stopping() {
                return Ok(());
            }
            self.make(day, &domain, today).await?;
        }
        for report in self.store.due_tls_reports(lifecycle::now(), ROUND_MAX).await? {
            if lifecycle.is_stopping() {
                return Ok(());
            }
            self.send(&report).await?;
        }
        Ok(())
    }

    /// Makes the report on one day for each place that the domain names.
    async fn make(&self, day: Day, domain: &Domain, today: Day) -> Result<(), StoreError> {
        let places = match self.resolver.txt(&format!("_smtp._tls.{domain}")).await {
            Answer::Found(found) => tls_report::places(&found.records),
            Answer::Unknown(_) if today.0 - day.0 < DAYS_MAX => return Ok(()),
            Answer::Nothing(_) | Answer::Unknown(_) => Vec::new(),
        };
        let sessions = self.store.tls_sessions(day, domain).await?;
        let id = own_id::make(&MailId::generate(), self.organisation.from.domain());
        let report = Report::new(&self.organisation, &self.contact, &id, day, &sessions);
        let json =
            serde_json::to_vec(&report).map_err(|error| StoreError::Failed(error.to_string()))?;
        let content = tls_report::compress(&json);
        let reports = places.into_iter().map(|place| TlsReport {
            id: id.clone(),
            place,
            domain: domain.clone(),
            day,
            content: content.clone(),
            tries: 0,
        });
        self.store.report_tls(day, domain, reports.collect(), lifecycle::now()).await
    }

    async fn send(&self, report: &TlsReport) -> Result<(), StoreError> {
        let sent = match &report.place {
            Place::Mail(to) => self.mail(report, to).await,
            Place::Web(uri) => self.post(report, uri).await,
        };
        let (domain, id) = (&report.domain, &report.id);
        let again = match sent {
            Ok(()) => {
                info!(%domain, "the report {id} on TLS for {domain}: sent");
                None
            }
            Err(why) if report.tries + 1 < TRIES_MAX => {
                info!(%domain, "the report {id} on TLS for {domain}: deferred: {why}");
                Some(lifecycle::now().plus(TRY_EVERY))
            }
            Err(why) => {
                warn!(%domain, "the report {id} on TLS for {domain}: given up: {why}");
                None
            }
        };
        self.store.settle_tls_report(report, again).await
    }

    /// Nobody is told when it fails: the null sender, and no delivery report.
    async fn mail(&self, report: &TlsReport, to: &Address) -> Result<(), String> {
        let now = lifecycle::now();
        let composed = self.compose(report, to, now);
        // RFC 8460, section 5.3, wants them signed.
        let signatures = self.signing.of_mail(&composed, now).await;
        let signatures = signatures.map_err(|error| error.to_string())?;
        let message = [signatures.into_bytes(), composed].concat();
        let recipient = Recipient { notify: Notify::NEVER, ..Recipient::plain(to.clone()) };
        let mail = Mail {
            sender: None,
            recipient: &recipient,
            envelope_id: None,
            floor: None,
            way: Way::Usual,
        };
        match self.outbound.send_tls_report(&mail, &mut io::Cursor::new(message)).await {
            Outcome::Accepted(_) => Ok(()),
            // A server's words may name the recipient.
            Outcome::Deferred { .. } | Outcome::Busy | Outcome::FloorMissed { .. } => {
                Err("it could not be delivered".to_owned())
            }
            Outcome::Refused { code, seen, .. } => {
                Err(format!("{} refused it with {code}", seen.host))
            }
            Outcome::NoRoute { text, .. } => Err(text),
        }
    }

    /// The whole mail, as it is to be signed.
    fn compose(&self, report: &TlsReport, to: &Address, now: Moment) -> Vec<u8> {
        tls_report::Mail {
            organisation: &self.organisation,
            to,
            domain: &report.domain,
            report_id: &report.id,
            day: report.day,
            content: &report.content,
            now,
        }
        .compose()
    }

    async fn post(&self, report: &TlsReport, uri: &str) -> Result<(), String> {
        let request = self.client.post(uri).header(CONTENT_TYPE, "application/tlsrpt+gzip");
        let sent = request.body(report.content.clone()).send().await;
        let response = sent.map_err(|error| web::cause(&error))?;
        if response.status().is_success() {
            Ok(())
        } else {
            Err(format!("the web server answers {}", response.status().as_u16()))
        }
    }
}

impl std::fmt::Debug for Reporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reporter").field("contact", &self.contact).finish_non_exhaustive()
    }
}
