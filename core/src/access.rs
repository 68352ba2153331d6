//! Challenges: a code is sent, the recipient types it, and only the right answer makes a [`Passed`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::moment::Moment;
use crate::secret::Secret;

/// Six decimal digits (NIST SP 800-63B-4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code(Secret);

/// A keyed hash of a code, made by the shell, which has the key.
#[derive(Clone, Debug)]
pub struct CodeMac(pub Vec<u8>);

/// One live code of a recipient in one browser.
#[derive(Clone, Debug)]
pub struct Challenge {
    pub id: String,
    pub mac: CodeMac,
    pub expires: Moment,
    pub tries: u32,
    pub used: bool,
}

/// What was counted for one (recipient, message) so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Moments of failed answers within the last day, oldest first.
    pub failures: Vec<Moment>,
    pub failures_total: u32,
    /// Moments of codes sent within the last day, oldest first.
    pub sent: Vec<Moment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub lifetime: Duration,
    pub live_max: usize,
    pub tries_max: u32,
    pub failures_hour_max: usize,
    pub failures_day_max: usize,
    pub failures_total_max: u32,
    pub sent_10_minutes_max: usize,
    pub sent_day_max: usize,
    /// A second request within this time is the same request: nothing new is sent.
    pub coalesce: Duration,
}

/// Proof that a challenge was answered. Only [`answer`] makes one; every page with content takes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    delivery: String,
    at: Moment,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The challenge with this id is used up by it.
    Passed { challenge: String, passed: Passed },
    Wrong { tries_left: u32 },
    /// It matched a code that ran out less than two hours ago.
    Expired,
    Throttled { until: Moment },
    /// The hard limit: only the sender or an administrator can unlock.
    Locked,
}

/// What a request for a code leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    Send,
    /// One was sent moments ago.
    Coalesced,
    Throttled { until: Moment },
    Locked,
}
// API: Code::from_random(u32 uniform in 0..1_000_000)->Code, Code::parse(&str)->Result<Code, NotACode> (NFKC, Unicode digits->ASCII, drop spaces/hyphens/dots; not six digits => error, not counted), code.reveal()
//  Limits::default() = portal.md 3.2/3.3
//  request(&Tally,&Limits,now)->Request ; answer(delivery:&str, challenges:&[Challenge], macs:&[CodeMac] /*of the typed code under each challenge, same order*/, &Tally,&Limits, now)->Verdict
//  the shell counts the attempt BEFORE calling; Passed::delivery(), at(); Passed::resume(delivery, at) is needed for sessions: a session row was made from a Passed => `Passed::from_session(delivery:String, at:Moment)` documented as the only other maker, used by portal::session only.
