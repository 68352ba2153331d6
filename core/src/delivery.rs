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
    Undecided { due: Moment, tries: u32, missed: Vec<(Floor, Miss)> },
    /// To be sent (the message itself, or its notification) by this method.
    Planned { method: Method, due: Moment, tries: u32, missed: Vec<(Floor, Miss)> },
    /// Waits for the sender to give a number or a code.
    Held { until: Moment },
    /// The recipient's server accepted the message or its notification.
    Sent { method: Method, at: Moment },
    /// The recipient has read it in the portal.
    Opened { method: Method, sent: Moment, at: Moment },
    Failed { why: Failure, at: Moment },
    Expired { why: End, at: Moment },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// No rung of the ladder is left.
    NoneLeft,
    /// The recipient's server refused for good. No content of ours is in its words.
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
    Refused { code: u16, enhanced: Option<String>, text: String, host: String },
    NoRoute { enhanced: String, text: String },
    FloorMissed(Floor, Miss),
    FactorGiven,
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
// API: step(state: &State, event: Event, accepted: Moment /*when we accepted the message*/, now: Moment, retry:&Retry) -> Result<(State, Vec<Effect>), Impossible>
//  State::new(now)->Undecided due now; State::due()->Option<Moment> (Undecided/Planned due, Held until); name()->&'static str; is_final()
