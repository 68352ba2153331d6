//! Where one delivery stands. [`step`] is the only maker of a new state.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::decision::{Method, Outcome};
use crate::moment::Moment;
use crate::transport::{Floor, Miss, Seen};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum State {
    /// The ladder has not settled. `missed` remembers floors that a delivering connection did not meet.
    Undecided {
        due: Moment,
        tries: u32,
        missed: Vec<(Floor, Miss)>,
        #[serde(default)]
        wait: Wait,
    },
    /// To be sent (the message itself, or its notification) by this method.
    Planned {
        method: Method,
        due: Moment,
        tries: u32,
        missed: Vec<(Floor, Miss)>,
        #[serde(default)]
        wait: Wait,
    },
    /// Waits for the sender to give a number or a code, for this recipient or for another.
    Held {
        until: Moment,
    },
    /// The recipient's server accepted the message or its notification.
    Sent {
        method: Method,
        at: Moment,
    },
    /// The recipient has read it in the portal.
    Opened {
        method: Method,
        sent: Moment,
        at: Moment,
    },
    Failed {
        why: Failure,
        at: Moment,
    },
    Expired {
        why: End,
        at: Moment,
    },
}

/// How long the queue has kept a delivery, and what the sender knows of it.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// When the delivery was taken up again after it was held: its lifetime starts anew. `None`: it never was, and the
    /// lifetime counts from when the message was accepted.
    pub resumed: Option<Moment>,
    /// Whether the sender was told of the delay; once is enough.
    pub warned: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// No rung of the ladder is left.
    NoneLeft,
    /// The recipient's server refused for good. `text` is empty when it had seen the content, which it might quote.
    Refused { code: u16, enhanced: Option<String>, text: String, host: String },
    /// No such domain, or a null MX (RFC 7505).
    NoRoute { enhanced: String, text: String },
    /// The queue's lifetime is used up; the last temporary error.
    TriesUsedUp { last: String },
    /// The sender gave no factor in time.
    HoldOver,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    Retention,
    Withdrawn,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Settled(Outcome),
    Accepted(Seen),
    /// A temporary error: what happened, for the record.
    Deferred(String),
    Refused {
        code: u16,
        enhanced: Option<String>,
        text: String,
        host: String,
    },
    NoRoute {
        enhanced: String,
        text: String,
    },
    FloorMissed(Floor, Miss),
    /// The domains do not qualify any more for the method that was settled.
    Disqualified,
    /// The number or code on file that the settled method needs is there no more.
    Forgotten,
    FactorGiven,
    /// It could be sent, but must wait until all recipients of the message can be verified.
    OthersWait,
    /// It waits for nobody any more.
    OthersReady,
    Opened,
    /// The clock passed a due time that ends this state (hold over).
    TimeUp,
    RetentionOver,
    Withdrawn,
    /// An administrator asks to try now.
    RetryNow,
}

/// What the shell must do once the new state is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Report to the sender that this recipient will not get the message.
    ReportFailure(Failure),
    /// Report to the sender that this recipient waits longer than `Retry::warn_after`.
    ReportDelay { last: String },
    /// Ask the sender for a number or a code.
    AskSender,
    /// Destroy the message's key for this recipient.
    Destroy,
}

/// When to try again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    pub first: Duration,
    pub max: Duration,
    /// From acceptance to giving up (RFC 5321, section 4.5.4.1: four to five days).
    pub lifetime: Duration,
    pub warn_after: Duration,
    pub hold: Duration,
}

/// An event that cannot happen in this state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {event} cannot happen in state {state}")]
pub struct Impossible {
    pub state: &'static str,
    pub event: &'static str,
}

/// Takes a delivery one step further. `accepted` is when its message was accepted.
///
/// Beyond the way that most deliveries take:
/// - A bounce fails what was sent, unless the recipient has read it.
/// - A notification whose acceptance was lost on its way may be opened before it counts as sent.
/// - What goes by NTA 7516 waits where its server misses DANE: the norm forbids that an outage sends it as ordinary mail, and a
///   host without DANE, in a domain that says it follows the norm, is one, or an attack. Only a clear "no" of the domains
///   sends it back to the ladder, after a pause, as name servers may not yet agree.
/// - A notification misses a floor where the codes that follow it would miss it as well.
/// - Retention that ends before anything was sent is reported: the recipient will not get the message.
/// - A sender may give another number or code for what was sent and cannot be opened: it is decided and announced anew.
/// - Where nobody is to get a message before all can be verified, who could get it is held too, without a question.
/// - What failed still expires: until then its key must exist for the sender's own pages, after that it must not.
pub fn step(
    state: &State,
    event: Event,
    accepted: Moment,
    now: Moment,
    retry: &Retry,
) -> Result<(State, Vec<Effect>), Impossible> {
    use State::{Expired, Failed, Held, Opened, Planned, Sent, Undecided};

    let clock = Clock { accepted, now, retry };
    let event_name = event.name();
    let next = match (state, event) {
        (Undecided { missed, wait, .. }, Event::Settled(outcome)) => {
            clock.settled(state, outcome, missed, *wait)
        }
        (Undecided { .. } | Planned { .. }, Event::Deferred(last)) => {
            clock.again_later(state, last)
        }
        (Planned { method, .. }, Event::Accepted(_)) => (Sent { method: *method, at: now }, vec![]),
        (Planned { method: Method::Nta7516, .. }, Event::FloorMissed(_, miss)) => {
            clock.again_later(state, short_of_nta7516(miss))
        }
        (Planned { method: Method::Nta7516, missed, wait, .. }, Event::Disqualified) => (
            Undecided { due: now.plus(retry.first), tries: 0, missed: missed.clone(), wait: *wait },
            vec![],
        ),
        (
            Planned { method: Method::Sms | Method::AccessCode, missed, wait, .. },
            Event::Forgotten,
        ) => (Undecided { due: now, tries: 0, missed: missed.clone(), wait: *wait }, vec![]),
        (Planned { missed, wait, .. }, Event::FloorMissed(floor, miss)) => (
            Undecided { due: now, tries: 0, missed: with_miss(missed, floor, miss), wait: *wait },
            vec![],
        ),
        (Undecided { .. } | Planned { .. }, Event::NoRoute { enhanced, text }) => {
            failed(Failure::NoRoute { enhanced, text }, now)
        }
        (Planned { .. } | Sent { .. }, Event::Refused { code, enhanced, text, host }) => {
            failed(Failure::Refused { code, enhanced, text, host }, now)
        }
        (Planned { method, .. }, Event::Opened) if !method.is_direct() => {
            (Opened { method: *method, sent: now, at: now }, vec![])
        }
        (Sent { method, at }, Event::Opened) if !method.is_direct() => {
            (Opened { method: *method, sent: *at, at: now }, vec![])
        }
        (Opened { .. }, Event::Opened) => (state.clone(), vec![]),
        (Undecided { .. } | Planned { .. }, Event::RetryNow) => (due_now(state, now), vec![]),
        (Planned { tries: 0, .. }, Event::OthersWait) => {
            (Held { until: now.plus(retry.hold) }, vec![])
        }
        (Held { .. }, Event::FactorGiven | Event::OthersReady | Event::RetryNow) => {
            (resumed(now), vec![])
        }
        (Sent { method, .. }, Event::FactorGiven) if !method.is_direct() => (resumed(now), vec![]),
        (Held { .. }, Event::TimeUp) => failed(Failure::HoldOver, now),
        (Undecided { .. } | Planned { .. } | Held { .. }, Event::RetentionOver) => {
            let failure = Failure::TriesUsedUp { last: UNSENT_AT_RETENTION.into() };
            (
                Expired { why: End::Retention, at: now },
                vec![Effect::ReportFailure(failure), Effect::Destroy],
            )
        }
        (Sent { .. } | Opened { .. } | Failed { .. }, Event::RetentionOver) => {
            (Expired { why: End::Retention, at: now }, vec![Effect::Destroy])
        }
        (
            Undecided { .. }
            | Planned { .. }
            | Held { .. }
            | Sent { .. }
            | Opened { .. }
            | Failed { .. },
            Event::Withdrawn,
        ) => (Expired { why: End::Withdrawn, at: now }, vec![Effect::Destroy]),
        _ => return Err(Impossible { state: state.name(), event: event_name }),
    };
    Ok(next)
}

const UNSENT_AT_RETENTION: &str = "the message expired before it could be sent";

/// What is said of a server that missed DANE for mail that goes by NTA 7516: it is a temporary error.
pub fn short_of_nta7516(miss: Miss) -> String {
    format!("4.7.5 {miss}, and NTA 7516 demands DANE")
}

/// What the times of one step hang on.
struct Clock<'a> {
    accepted: Moment,
    now: Moment,
    retry: &'a Retry,
}

impl Clock<'_> {
    /// What the ladder's outcome leads to.
    fn settled(
        &self,
        state: &State,
        outcome: Outcome,
        missed: &[(Floor, Miss)],
        wait: Wait,
    ) -> (State, Vec<Effect>) {
        let now = self.now;
        match outcome {
            Outcome::By(method) => {
                let missed = missed.to_vec();
                (State::Planned { method, due: now, tries: 0, missed, wait }, vec![])
            }
            Outcome::NeedsSender => {
                (State::Held { until: now.plus(self.retry.hold) }, vec![Effect::AskSender])
            }
            Outcome::NoneLeft => failed(Failure::NoneLeft, now),
            Outcome::Unknown(rung) => {
                self.again_later(state, format!("the look-up for {rung} failed"))
            }
        }
    }

    /// The same again after a while: with a word to the sender when it takes long, and no more when it takes too long.
    fn again_later(&self, state: &State, last: String) -> (State, Vec<Effect>) {
        let mut next = state.clone();
        let (State::Undecided { due, tries, wait, .. } | State::Planned { due, tries, wait, .. }) =
            &mut next
        else {
            return (next, vec![]);
        };
        let start = wait.resumed.unwrap_or(self.accepted);
        let end = start.plus(self.retry.lifetime);
        if self.now >= end {
            return failed(Failure::TriesUsedUp { last }, self.now);
        }
        // The last try is at the very end, not up to `max` before it.
        *due = self.now.plus(self.retry.after(*tries)).min(end);
        *tries = tries.saturating_add(1);
        let warn = !wait.warned && self.now >= start.plus(self.retry.warn_after);
        wait.warned |= warn;
        (next, if warn { vec![Effect::ReportDelay { last }] } else { vec![] })
    }
}

fn failed(why: Failure, now: Moment) -> (State, Vec<Effect>) {
    (State::Failed { why: why.clone(), at: now }, vec![Effect::ReportFailure(why)])
}

/// Each floor stands once: the first miss is the one that was acted on.
fn with_miss(missed: &[(Floor, Miss)], floor: Floor, miss: Miss) -> Vec<(Floor, Miss)> {
    let mut all = missed.to_vec();
    if all.iter().all(|(known, _)| *known != floor) {
        all.push((floor, miss));
    }
    all
}

fn due_now(state: &State, now: Moment) -> State {
    let mut next = state.clone();
    if let State::Undecided { due, .. } | State::Planned { due, .. } = &mut next {
        *due = now;
    }
    next
}

/// Taken up after a hold, which may have lasted longer than the lifetime in the queue.
fn resumed(now: Moment) -> State {
    let wait = Wait { resumed: Some(now), warned: false };
    State::Undecided { due: now, tries: 0, missed: Vec::new(), wait }
}

impl Event {
    /// The event's name as it stands in logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Settled(_) => "settled",
            Self::Accepted(_) => "accepted",
            Self::Deferred(_) => "deferred",
            Self::Refused { .. } => "refused",
            Self::NoRoute { .. } => "no-route",
            Self::FloorMissed(..) => "floor-missed",
            Self::Disqualified => "disqualified",
            Self::Forgotten => "forgotten",
            Self::FactorGiven => "factor-given",
            Self::OthersWait => "others-wait",
            Self::OthersReady => "others-ready",
            Self::Opened => "opened",
            Self::TimeUp => "time-up",
            Self::RetentionOver => "retention-over",
            Self::Withdrawn => "withdrawn",
            Self::RetryNow => "retry-now",
        }
    }
}

impl Retry {
    /// The pause after so many failed tries: doubled each time, up to `max`.
    fn after(&self, tries: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(tries)).min(self.max)
    }
}

impl State {
    /// A delivery that is to be decided at once.
    pub fn new(now: Moment) -> Self {
        Self::Undecided { due: now, tries: 0, missed: Vec::new(), wait: Wait::default() }
    }

    /// When something must be done about it; `None` when nothing is.
    pub fn due(&self) -> Option<Moment> {
        match self {
            Self::Undecided { due, .. } | Self::Planned { due, .. } => Some(*due),
            Self::Held { until } => Some(*until),
            Self::Sent { .. }
            | Self::Opened { .. }
            | Self::Failed { .. }
            | Self::Expired { .. } => None,
        }
    }

    /// The state's name as it stands in logs, lists and the store.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Undecided { .. } => "undecided",
            Self::Planned { .. } => "planned",
            Self::Held { .. } => "held",
            Self::Sent { .. } => "sent",
            Self::Opened { .. } => "opened",
            Self::Failed { .. } => "failed",
            Self::Expired { .. } => "expired",
        }
    }

    /// Whether nothing is sent any more and nobody can read it; only a failed one still expires.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Expired { .. })
    }
}

impl Default for Retry {
    /// First after a minute, doubling up to 4 hours, for 5 days, with a warning after 4 hours; held for 7 days.
    fn default() -> Self {
        Self {
            // A server that greylists takes the mail after a minute, or after five.
            first: Duration::from_mins(1),
            max: Duration::from_hours(4),
            lifetime: Duration::from_hours(5 * 24),
            warn_after: Duration::from_hours(4),
            hold: Duration::from_hours(7 * 24),
        }
    }
}

#[cfg(test)]
mod tests;
