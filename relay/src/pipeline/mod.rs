//! Takes everything that is due one step further. What is due stands in the store, not in sleeping tasks: a crash
//! repeats the unit that was in hand, and loses none.
//!
//! One unit is: claim → ask `core` → touch the world → `core::delivery::step` → commit. The parts:
//! [`attempt`] does it for a delivery, [`mails`] for the relay's own mail, [`texts`] for text messages, [`facts`] answers the ladder's questions,
//! [`inquiries`] asks senders for what is lacking, [`factor`] says what a notification's reader will be asked for,
//! [`letters`] composes what leaves, [`marker`] marks what may come back.

mod attempt;
mod factor;
mod facts;
mod inquiries;
mod letters;
mod mails;
mod marker;
mod texts;

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::error;
use zegel_core::address::{Address, Domain};
use zegel_core::decision::Policy;
use zegel_core::delivery::Retry;
use zegel_core::envelope::Notify;
use zegel_core::marker::Key;
use zegel_core::moment::Moment;
use zegel_core::notice::Organisation;

use crate::bounces::Bounces;
use crate::config::Config;
use crate::id::DeliveryId;
use crate::lifecycle::{self, Lifecycle};
use crate::outbound::Outbound;
use crate::signing::Signing;
use crate::store::{Store, StoreError};

pub use texts::Texting;

/// Longer than any attempt can take (`outbound` bounds it at an hour and a quarter), so that no two workers have one
/// delivery in hand.
const LEASE: Duration = Duration::from_hours(2);

/// Codes and reports that are on their way at once. They do not wait for deliveries: somebody sits in front of a page for
/// a code, and a few mail servers that take their time could have all deliveries in hand.
const MAILS_MAX: usize = 20;

/// Text messages that are on their way at once.
const TEXTS_MAX: usize = 20;

/// Longer than any text message can be on its way: five providers may take ten seconds each.
const TEXT_LEASE: Duration = Duration::from_mins(5);

/// The least time between two looks when there is no news: moments are whole seconds.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// From news until the next look. Each message of a burst is news, and each delivery that ends; what comes meanwhile is
/// claimed together.
const GATHER: Duration = Duration::from_millis(2);

/// How long to wait when the store cannot be read: it may be a full disk that somebody is just clearing.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// Of our own mail we want to hear that it failed, and nothing else, whatever the sender of the message wants to hear of that.
const FAILURE_ALONE: Notify = Notify { success: false, failure: true, delay: false };

/// What the administrator decides and every unit reads.
#[derive(Clone, Debug)]
pub struct Settings {
    pub hostname: String,
    pub organisation: Organisation,
    pub policy: Policy,
    pub retry: Retry,
    /// `https://host[:port]`
    pub origin: String,
    /// Shared with the milter.
    pub marker_key: Option<Key>,
    /// Our own domains whose accounts stand in the directory.
    pub directory_domains: Vec<Domain>,
}

impl Settings {
    pub fn new(config: &Config, marker_key: Option<Key>) -> Self {
        Self {
            hostname: config.hostname.to_string(),
            organisation: config.organisation.clone(),
            policy: config.policy(),
            retry: config.retry(),
            origin: config.portal.public_origin.as_str().to_owned(),
            marker_key,
            directory_domains: config
                .directory
                .ldap
                .as_ref()
                .map_or_else(Vec::new, |ldap| ldap.domains.clone()),
        }
    }
}

/// Until a mail is tried again whose server has all the connections that it gets from here.
const BUSY: Duration = Duration::from_secs(1);

/// How long a policy counts that was read: less than it takes an administrator's command to end, so that whoever has been
/// told that it is set can rely on it.
const POLICY_FRESH: Duration = Duration::from_millis(5);

/// The worker.
#[derive(Clone, Debug)]
pub struct Pipeline {
    store: Store,
    outbound: Arc<Outbound>,
    settings: Arc<Settings>,
    /// `None`: text messages are not sent.
    texting: Option<Arc<Texting>>,
    /// `None`: what comes back for our mails goes to the address that they come from.
    bounces: Option<Bounces>,
    /// The policy that was last in force.
    policy: Cache<(), Policy>,
    signing: Signing,
}

/// What a worker looks for.
#[derive(Copy, Clone, Debug)]
enum Work {
    Mails,
    Texts,
    Deliveries,
}

impl Pipeline {
    pub fn new(
        store: Store,
        outbound: Arc<Outbound>,
        settings: Settings,
        signing: Signing,
    ) -> Self {
        let policy = Cache::builder().max_capacity(1).time_to_live(POLICY_FRESH).build();
        let settings = Arc::new(settings);
        Self { store, outbound, settings, texting: None, bounces: None, policy, signing }
    }

    #[must_use]
    pub fn with_texting(self, texting: Option<Texting>) -> Self {
        Self { texting: texting.map(Arc::new), ..self }
    }

    #[must_use]
    pub fn with_bounces(self, bounces: Option<Bounces>) -> Self {
        Self { bounces, ..self }
    }

    /// MAIL FROM of a mail about a delivery.
    fn return_path(&self, delivery: DeliveryId, now: Moment) -> Option<Address> {
        self.bounces.as_ref()?.return_path(delivery, now)
    }

    /// Works until the process stops. At most `units_max` deliveries are in hand at once.
    pub async fn run(self, units_max: usize, lifecycle: Lifecycle) {
        tokio::join!(
            self.clone().work(Work::Mails, MAILS_MAX, &lifecycle),
            self.clone().work(Work::Texts, TEXTS_MAX, &lifecycle),
            self.work(Work::Deliveries, units_max, &lifecycle)
        );
    }

    async fn work(self, work: Work, units_max: usize, lifecycle: &Lifecycle) {
        let permits = Arc::new(Semaphore::new(units_max));
        while !lifecycle.is_stopping() {
            match self.start_due(work, &permits, lifecycle).await {
                Ok(0) => self.wait(work, lifecycle).await,
                Ok(_) => {}
                Err(error) => {
                    error!("cannot see what is due: {error}");
                    pause(STORE_PAUSE, lifecycle).await;
                }
            }
        }
    }

    /// Starts units for what is due, as far as permits reach, and says how many.
    async fn start_due(
        &self,
        work: Work,
        permits: &Arc<Semaphore>,
        lifecycle: &Lifecycle,
    ) -> Result<usize, StoreError> {
        let Some(free) = take_free(permits, lifecycle).await else { return Ok(0) };
        match work {
            Work::Mails => self.start_mails(free, lifecycle).await,
            Work::Texts => self.start_texts(free, lifecycle).await,
            Work::Deliveries => self.start_deliveries(free, lifecycle).await,
        }
    }

    async fn start_mails(
        &self,
        mut free: OwnedSemaphorePermit,
        lifecycle: &Lifecycle,
    ) -> Result<usize, StoreError> {
        self.ask_senders().await?;
        let mails = self.store.claim_mails(lifecycle::now(), LEASE, free.num_permits()).await?;
        let started = mails.len();
        for mail in mails {
            let (pipeline, permit) = (self.clone(), split_one(&mut free));
            lifecycle.spawn(async move {
                pipeline.send_mail(mail).await;
                drop(permit);
            });
        }
        Ok(started)
    }

    async fn start_texts(
        &self,
        mut free: OwnedSemaphorePermit,
        lifecycle: &Lifecycle,
    ) -> Result<usize, StoreError> {
        let texts =
            self.store.claim_texts(lifecycle::now(), TEXT_LEASE, free.num_permits()).await?;
        let started = texts.len();
        for text in texts {
            let (pipeline, permit) = (self.clone(), split_one(&mut free));
            lifecycle.spawn(async move {
                pipeline.send_text(text).await;
                drop(permit);
            });
        }
        Ok(started)
    }

    async fn start_deliveries(
        &self,
        mut free: OwnedSemaphorePermit,
        lifecycle: &Lifecycle,
    ) -> Result<usize, StoreError> {
        let now = lifecycle::now();
        let mut deliveries = self.store.claim(now, LEASE, free.num_permits()).await?;
        if deliveries.len() < free.num_permits() {
            let room = free.num_permits() - deliveries.len();
            match self.store.claim_expired(now, LEASE, room).await {
                Ok(expired) => deliveries.extend(expired),
                // What is claimed already must be worked on, or it would wait for the end of its lease.
                Err(error) => error!("cannot see what has expired: {error}"),
            }
        }
        let started = deliveries.len();
        for delivery in deliveries {
            let (pipeline, permit) = (self.clone(), split_one(&mut free));
            lifecycle.spawn(async move {
                pipeline.advance(delivery).await;
                drop(permit);
            });
        }
        Ok(started)
    }

    /// Waits until something is due or new.
    async fn wait(&self, work: Work, lifecycle: &Lifecycle) {
        let due = match work {
            Work::Mails => self.store.next_mail_due().await,
            Work::Texts => self.store.next_text_due().await,
            Work::Deliveries => self.store.next_due().await,
        };
        let due = match due {
            // What is due already waits for a place at its domain: each that gets free is news.
            Ok(Some(due)) => due.since(lifecycle::now()).max(LOOK_AGAIN),
            Ok(None) => LEASE,
            Err(error) => {
                error!("cannot see what is due next: {error}");
                STORE_PAUSE
            }
        };
        tokio::select! {
            () = lifecycle.stopping() => {}
            () = self.store.changed() => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(due) => {}
        }
    }
}

/// All permits that are free, at least one; `None` when the process stops meanwhile.
async fn take_free(
    permits: &Arc<Semaphore>,
    lifecycle: &Lifecycle,
) -> Option<OwnedSemaphorePermit> {
    let mut taken = tokio::select! {
        () = lifecycle.stopping() => return None,
        first = Arc::clone(permits).acquire_owned() => first.ok()?,
    };
    while let Ok(more) = Arc::clone(permits).try_acquire_owned() {
        taken.merge(more);
    }
    Some(taken)
}

/// One permit of those that were taken. The store never hands out more than was asked for.
fn split_one(free: &mut OwnedSemaphorePermit) -> Option<OwnedSemaphorePermit> {
    free.split(1)
}

async fn pause(how_long: Duration, lifecycle: &Lifecycle) {
    tokio::select! {
        () = lifecycle.stopping() => {}
        () = tokio::time::sleep(how_long) => {}
    }
}

/// When a mail that failed `tries` times is due again: doubled each time, from `first` up to `max`.
fn backoff(tries: u32, first: Duration, max: Duration, now: Moment) -> Moment {
    now.plus(first.saturating_mul(2_u32.saturating_pow(tries)).min(max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let after =
            |tries| backoff(tries, Duration::from_secs(15), Duration::from_mins(2), Moment(0));
        assert_eq!(
            [after(0), after(1), after(3), after(60)],
            [Moment(15), Moment(30), Moment(120), Moment(120)]
        );
    }
}
