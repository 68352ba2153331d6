//! One delivery, one step further.

use std::io;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tracing::{error, info, warn};
use zegel_core::bounce::Failed;
use zegel_core::decision::{Decision, Hold, Method};
use zegel_core::delivery::{self, Effect, Event, State};
use zegel_core::envelope::Recipient;
use zegel_core::moment::Moment;
use zegel_core::nta7516::Verdict;
use zegel_core::outgoing;
use zegel_core::transport::{Floor, Seen};

use super::factor::Factor;
use super::{BUSY, FAILURE_ALONE, Pipeline, letters};
use crate::lifecycle;
use crate::outbound::{Mail, Outcome, Way};
use crate::store::{Delivery, Progress, StoreError, Stored};
use crate::vault;

/// Until a delivery is tried again that the store failed for: what is short, mostly file descriptors, comes back soon.
const PUT_OFF: Duration = Duration::from_secs(10);

/// Why nothing was done with a delivery.
enum Obstacle {
    Store(StoreError),
    /// Its server has all the connections that it gets from here.
    Busy,
}

impl From<StoreError> for Obstacle {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What one look at a delivery led to.
struct Happened {
    event: Event,
    decision: Option<Decision>,
    seen: Option<Seen>,
}

impl Happened {
    /// The temporary error, for the log: only where no server had a part in it, whose words may name the recipient.
    fn own_words(&self) -> Option<&str> {
        match &self.event {
            Event::Deferred(why) if self.seen.is_none() => Some(why),
            _ => None,
        }
    }
}

impl Pipeline {
    /// Takes a claimed delivery one step further; and where that is the decision, at once the next one too.
    pub(super) async fn advance(&self, delivery: Delivery) {
        let id = delivery.id;
        match self.carry_out(delivery).await {
            Ok(()) => {}
            Err(StoreError::LeaseLost) => warn!(delivery = %id, "delivery {id}: done elsewhere"),
            // The claim runs out, and the step is repeated.
            Err(error) => error!(delivery = %id, "delivery {id} stays where it is: {error}"),
        }
    }

    async fn carry_out(&self, mut delivery: Delivery) -> Result<(), StoreError> {
        let stored = match self.store.submission(delivery.submission).await {
            Ok(Some(stored)) => stored,
            Ok(None) => return self.leave(&delivery, StoreError::Damaged).await,
            Err(error) => return self.leave(&delivery, error).await,
        };
        loop {
            if self.waits_for_others(&delivery, &stored).await? {
                return Ok(());
            }
            match self.attempt(&delivery, &stored, lifecycle::now()).await {
                Ok(happened) => match self.conclude(&delivery, &stored, happened).await? {
                    Some(planned) => delivery.state = planned,
                    None => return Ok(()),
                },
                Err(Obstacle::Busy) => {
                    return self.store.put_off(&delivery, lifecycle::now().plus(BUSY)).await;
                }
                Err(Obstacle::Store(error)) => return self.leave(&delivery, error).await,
            }
        }
    }

    /// Whether it could be sent and is held for the other recipients' sake (`policy.hold = "all"`).
    async fn waits_for_others(
        &self,
        delivery: &Delivery,
        stored: &Stored,
    ) -> Result<bool, StoreError> {
        let is_first_try = matches!(delivery.state, State::Planned { tries: 0, .. });
        let has_others = stored.submission.envelope.recipients.len() > 1;
        if !is_first_try || !has_others || self.policy().await?.hold == Hold::Recipient {
            return Ok(false);
        }
        self.store.hold_back(delivery, &self.settings.retry, lifecycle::now()).await
    }

    /// Commits what happened; the state to go on from, if there is more to do now.
    async fn conclude(
        &self,
        delivery: &Delivery,
        stored: &Stored,
        happened: Happened,
    ) -> Result<Option<State>, StoreError> {
        let now = lifecycle::now();
        let ours = happened.own_words().map(str::to_owned);
        let progress = self.progress(delivery, stored, happened, now)?;
        let (id, note) = (delivery.id, letters::note(&progress.state, ours.as_deref()));
        let domain = delivery.recipient.address.domain();
        let planned = Some(&progress.state)
            .filter(|state| matches!(state, State::Planned { tries: 0, .. }))
            .cloned();
        match planned {
            Some(_) => self.store.commit_and_go_on(delivery, progress, now).await?,
            None => self.store.commit(delivery, progress, now).await?,
        }
        info!(delivery = %id, submission = %stored.id, domain = %domain, "delivery {id} to {domain}: {note}");
        Ok(planned)
    }

    /// Lets go of a delivery that nothing was done with. What failed may pass, and then it must not wait for the end of
    /// its lease; what cannot be opened ends with its time.
    async fn leave(&self, delivery: &Delivery, error: StoreError) -> Result<(), StoreError> {
        let now = lifecycle::now();
        match error {
            StoreError::Damaged if delivery.expires <= now => {
                self.store.end_unread(delivery.id, now).await
            }
            StoreError::Full(_) | StoreError::Failed(_) => {
                warn!(delivery = %delivery.id, "delivery {} is put off: {error}", delivery.id);
                self.store.put_off(delivery, now.plus(PUT_OFF)).await
            }
            StoreError::Damaged | StoreError::LeaseLost => Err(error),
        }
    }

    /// Finds out, or tries, what this state waits for.
    async fn attempt(
        &self,
        delivery: &Delivery,
        stored: &Stored,
        now: Moment,
    ) -> Result<Happened, Obstacle> {
        let bare = |event| Happened { event, decision: None, seen: None };
        if delivery.expires <= now {
            return Ok(bare(Event::RetentionOver));
        }
        if let (State::Sent { .. }, Some(failed)) = (&delivery.state, delivery.bounce.clone()) {
            return Ok(bare(came_back(delivery, failed)));
        }
        Ok(match &delivery.state {
            State::Undecided { missed, .. } => {
                let decision = self.settle(stored, &delivery.recipient.address, missed).await?;
                Happened {
                    event: Event::Settled(decision.outcome),
                    decision: Some(decision),
                    seen: None,
                }
            }
            State::Planned { method, .. } => {
                let outcome = match (method, method.floor()) {
                    (Method::Nta7516, Some(floor)) => {
                        return self.by_nta7516(delivery, stored, floor, now).await;
                    }
                    (_, Some(floor)) => {
                        self.send_message(delivery, stored, floor, Way::Usual, "").await?
                    }
                    (_, None) => {
                        match self.factor(*method, stored, &delivery.recipient.address).await? {
                            Some(factor) => {
                                self.send_notification(delivery, &factor, stored, now).await?
                            }
                            None => return Ok(bare(Event::Forgotten)),
                        }
                    }
                };
                happened(outcome)?
            }
            State::Held { .. } => bare(Event::TimeUp),
            State::Sent { .. }
            | State::Opened { .. }
            | State::Failed { .. }
            | State::Expired { .. } => bare(Event::RetentionOver),
        })
    }

    /// Hands the message to the hosts that the recipient's domain names for NTA 7516, if both domains still qualify.
    async fn by_nta7516(
        &self,
        delivery: &Delivery,
        stored: &Stored,
        floor: Floor,
        now: Moment,
    ) -> Result<Happened, Obstacle> {
        let sender = stored.submission.from.domain();
        let verdict = self.outbound.nta7516(sender, delivery.recipient.address.domain(), now).await;
        let event = match verdict {
            Verdict::Yes(hosts) => {
                let header = self.outbound.nta7516_header();
                let way = Way::Named(hosts);
                return happened(self.send_message(delivery, stored, floor, way, &header).await?);
            }
            Verdict::No(_) => Event::Disqualified,
            Verdict::Unknown => {
                Event::Deferred("4.4.3 the records of NTA 7516 cannot be looked up".to_owned())
            }
        };
        Ok(Happened { event, decision: None, seen: None })
    }

    /// Hands the message itself, with this header on top, to the recipient's server.
    async fn send_message(
        &self,
        delivery: &Delivery,
        stored: &Stored,
        floor: Floor,
        way: Way,
        header: &str,
    ) -> Result<Outcome, StoreError> {
        let envelope = &stored.submission.envelope;
        let trace = outgoing::received(
            &self.settings.hostname,
            &stored.submission.arrival,
            &stored.id.to_string(),
            stored.accepted,
        );
        let submission = &stored.submission;
        let mark = self
            .mark(
                delivery.recipient.address.domain(),
                submission.message_id.as_deref(),
                &submission.from,
                lifecycle::now(),
            )
            .await?;
        let body = self.store.read_body(stored).await?;
        let mail = Mail {
            sender: envelope.sender.as_ref(),
            recipient: &delivery.recipient,
            envelope_id: envelope.envelope_id.as_deref(),
            floor: Some(floor),
            way,
        };
        let signatures = self.signing.of_message(stored, lifecycle::now()).await?;
        let mut content = io::Cursor::new(signatures + &trace + &mark + header).chain(body);
        Ok(self.outbound.send(&mail, &mut content).await)
    }

    /// Sends the notification. Its link must lead somewhere before anyone can follow it; and where its reader will ask
    /// for a code by mail, the server must meet the floor of those, or they would wait for one in vain.
    async fn send_notification(
        &self,
        delivery: &Delivery,
        factor: &Factor,
        stored: &Stored,
        now: Moment,
    ) -> Result<Outcome, StoreError> {
        let link = letters::Link::of(delivery, self.store.keyring());
        let (token, reference) = (vault::digest(&link.token), vault::digest(&link.reference));
        self.store.add_link(delivery.id, token, reference, delivery.expires).await?;
        let chosen = self.store.language_of(&delivery.recipient.address).await?;
        let language = chosen.unwrap_or(self.settings.organisation.language);
        let notification =
            letters::notification(delivery, factor, stored, &link, language, &self.settings, now);
        let mark =
            self.mark_of_mail(delivery.recipient.address.domain(), &notification, now).await?;
        let signatures = self.signing.of_mail(&notification, now).await?;
        let head = (signatures + &mark).into_bytes();
        let mut content = io::Cursor::new([head, notification].concat());
        let wish = stored.submission.wish(&delivery.recipient.address);
        let return_path = self.return_path(delivery.id, now);
        let address = delivery.recipient.address.clone();
        let recipient = Recipient { notify: FAILURE_ALONE, ..Recipient::plain(address) };
        let mail = Mail {
            sender: return_path.as_ref().or(Some(&self.settings.organisation.from)),
            recipient: &recipient,
            envelope_id: None,
            floor: wish.code_floor().filter(|_| *factor == Factor::Mailbox),
            way: Way::Usual,
        };
        Ok(self.outbound.send(&mail, &mut content).await)
    }

    /// Asks `core` what follows, and gathers all that must be committed with it.
    fn progress(
        &self,
        delivery: &Delivery,
        stored: &Stored,
        happened: Happened,
        now: Moment,
    ) -> Result<Progress, StoreError> {
        let Happened { event, decision, seen } = happened;
        let last = match (&event, &delivery.state) {
            (Event::Deferred(why), _) => Some(why.clone()),
            (Event::FloorMissed(_, miss), State::Planned { method: Method::Nta7516, .. }) => {
                Some(delivery::short_of_nta7516(*miss))
            }
            _ => None,
        };
        let (state, effects) =
            delivery::step(&delivery.state, event, delivery.accepted, now, &self.settings.retry)
                .map_err(|impossible| StoreError::Failed(impossible.to_string()))?;
        let mails = effects
            .iter()
            .filter_map(|effect| letters::for_effect(effect, delivery, stored, &self.settings, now))
            .collect();
        Ok(Progress {
            note: letters::note(&state, last.as_deref()),
            destroy: effects.contains(&Effect::Destroy),
            ask: effects.contains(&Effect::AskSender),
            state,
            decision,
            seen,
            mails,
        })
    }
}

/// What a server has said after it had taken the notification.
fn came_back(delivery: &Delivery, failed: Failed) -> Event {
    let Failed { code, enhanced, host } = failed;
    let host = host.unwrap_or_else(|| delivery.recipient.address.domain().to_string());
    Event::Refused { code, enhanced, text: String::new(), host }
}

fn happened(outcome: Outcome) -> Result<Happened, Obstacle> {
    let (event, seen) = match outcome {
        Outcome::Busy => return Err(Obstacle::Busy),
        Outcome::Accepted(seen) => (Event::Accepted(seen.clone()), Some(seen)),
        Outcome::Deferred { why, seen } => (Event::Deferred(why), seen),
        Outcome::Refused { code, enhanced, text, seen } => {
            let host = seen.host.clone();
            (Event::Refused { code, enhanced, text, host }, Some(seen))
        }
        Outcome::NoRoute { enhanced, text } => (Event::NoRoute { enhanced, text }, None),
        Outcome::FloorMissed { floor, miss, seen } => (Event::FloorMissed(floor, miss), Some(seen)),
    };
    Ok(Happened { event, decision: None, seen })
}
