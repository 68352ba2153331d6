//! Challenges: a code is sent, or was agreed on, the recipient types it, and only the right answer makes a [`Passed`].

mod given;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::budget::Payer;
use crate::moment::Moment;
use crate::secret::{Secret, same};

pub use given::{AccessCode, NotAnAccessCode, answer_given};

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
    /// How often an answer was compared with it, this time included.
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

/// Proof that a challenge was answered. Only [`answer`] and [`answer_given`] make one; every page with content takes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    delivery: String,
    at: Moment,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The challenge with this id is used up by it; an access code is not.
    Passed {
        challenge: Option<String>,
        passed: Passed,
    },
    Wrong {
        tries_left: u32,
    },
    /// It matched a code that ran out less than two hours ago.
    Expired,
    Throttled {
        until: Moment,
    },
    /// The hard limit: only an administrator can unlock.
    Locked,
}

/// What a request for a code leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    Send,
    /// One was sent moments ago.
    Coalesced,
    Throttled {
        until: Moment,
    },
    /// Text messages cost money, and this one's payer has had as many as the budget allows.
    Spent {
        payer: Payer,
        until: Moment,
    },
    Locked,
}

/// What was typed is not six digits. It does not count as a try.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a code is six digits")]
pub struct NotACode;

/// Digits of a code.
const DIGITS: usize = 6;

/// Characters of a typed code that are read: six digits with all that people put between them.
const TYPED_MAX: usize = 64;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// For how long a code that ran out is still told apart from a wrong one.
const EXPIRED_TOLD: Duration = Duration::from_hours(2);

/// Moments that a tally keeps of each kind: well over every limit of a day, so that the row stays small.
const MOMENTS_MAX: usize = 128;

impl Code {
    /// The code for a number drawn uniformly from `0..1_000_000`.
    pub fn from_random(number: u32) -> Self {
        Self(Secret::new(format!("{:06}", number % 1_000_000)))
    }

    /// Reads what a person typed: any Unicode digits, with spaces, hyphens and dots between.
    pub fn parse(typed: &str) -> Result<Self, NotACode> {
        if typed.chars().count() > TYPED_MAX {
            return Err(NotACode);
        }
        let digits =
            typed.nfkc().filter(|c| !is_between(*c)).map(digit).collect::<Option<String>>();
        match digits {
            Some(digits) if digits.len() == DIGITS => Ok(Self(Secret::new(digits))),
            _ => Err(NotACode),
        }
    }

    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

/// What people type, or their programs paste, between and around digits: nothing of it is part of the code.
fn is_between(c: char) -> bool {
    let dash = matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}');
    let dot = matches!(c, '.' | '\u{B7}' | '\u{2022}' | '\u{2024}');
    let invisible = matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
        || matches!(c, '\u{202A}'..='\u{202E}');
    c.is_whitespace() || dash || dot || invisible
}

/// The zero of every script with decimal digits; the other nine follow it (Unicode, general category Nd). Digits that
/// NFKC turns into ASCII are left out.
#[rustfmt::skip]
const ZEROS: [char; 59] = [
    '\u{30}', '\u{660}', '\u{6F0}', '\u{7C0}', '\u{966}', '\u{9E6}', '\u{A66}', '\u{AE6}',
    '\u{B66}', '\u{BE6}', '\u{C66}', '\u{CE6}', '\u{D66}', '\u{DE6}', '\u{E50}', '\u{ED0}',
    '\u{F20}', '\u{1040}', '\u{1090}', '\u{17E0}', '\u{1810}', '\u{1946}', '\u{19D0}', '\u{1A80}',
    '\u{1A90}', '\u{1B50}', '\u{1BB0}', '\u{1C40}', '\u{1C50}', '\u{A620}', '\u{A8D0}', '\u{A900}',
    '\u{A9D0}', '\u{A9F0}', '\u{AA50}', '\u{ABF0}', '\u{104A0}', '\u{10D30}', '\u{11066}', '\u{110F0}',
    '\u{11136}', '\u{111D0}', '\u{112F0}', '\u{11450}', '\u{114D0}', '\u{11650}', '\u{116C0}', '\u{11730}',
    '\u{118E0}', '\u{11950}', '\u{11C50}', '\u{11D50}', '\u{11DA0}', '\u{16A60}', '\u{16AC0}', '\u{16B50}',
    '\u{1E140}', '\u{1E2F0}', '\u{1E950}',
];

/// A decimal digit of any script as the ASCII one.
fn digit(c: char) -> Option<char> {
    ZEROS.iter().find_map(|zero| {
        let value = u32::from(c).checked_sub(u32::from(*zero))?;
        char::from_digit(value, 10)
    })
}

impl Passed {
    /// Takes up a proof that was given earlier in the same session. Only `portal::session` calls it, with a row that
    /// was written from a `Passed`.
    pub fn from_session(delivery: String, at: Moment) -> Self {
        Self { delivery, at }
    }

    pub fn delivery(&self) -> &str {
        &self.delivery
    }

    pub fn at(&self) -> Moment {
        self.at
    }
}

impl Default for Limits {
    /// Three live codes with fifty answers guess right in 1.5 of ten thousand (recipient, message) pairs, for ever.
    fn default() -> Self {
        Self {
            lifetime: 10 * MINUTE,
            live_max: 3,
            tries_max: 5,
            failures_hour_max: 10,
            failures_day_max: 20,
            failures_total_max: 50,
            sent_10_minutes_max: 5,
            sent_day_max: 10,
            coalesce: MINUTE / 2,
        }
    }
}

impl Tally {
    /// Counts an answer as failed, before it is compared.
    pub fn failed(&mut self, now: Moment) {
        keep(&mut self.failures, now);
        self.failures_total = self.failures_total.saturating_add(1);
    }

    /// Counts a code that is sent.
    pub fn code_sent(&mut self, now: Moment) {
        keep(&mut self.sent, now);
    }

    /// Forgets the failures after a success. What was sent still counts: mails and text messages cost something.
    pub fn cleared(&mut self) {
        self.failures.clear();
        self.failures_total = 0;
    }

    /// Whether so many answers in a row have failed that no other is looked at, until somebody unlocks it.
    pub fn is_locked(&self, limits: &Limits) -> bool {
        self.failures_total >= limits.failures_total_max
    }

    /// Whether it was this attempt, counted as failed, that reached the hard limit: told to the sender once.
    pub fn locks(&self, limits: &Limits) -> bool {
        self.failures_total == limits.failures_total_max
    }

    /// The tally without the attempt that is being judged.
    fn before_last(&self) -> Self {
        let mut before = self.clone();
        before.failures.pop();
        before.failures_total = before.failures_total.saturating_sub(1);
        before
    }
}

/// Adds a moment, and drops those that no limit looks at any more.
fn keep(moments: &mut Vec<Moment>, now: Moment) {
    moments.retain(|moment| moment.plus(DAY) > now);
    moments.push(now);
    let over = moments.len().saturating_sub(MOMENTS_MAX);
    moments.drain(..over);
}

/// Until when a limit of `max` moments within `window` is reached.
fn full_until(moments: &[Moment], max: usize, window: Duration, now: Moment) -> Option<Moment> {
    let oldest = moments.len().checked_sub(max).and_then(|at| moments.get(at))?;
    Some(oldest.plus(window)).filter(|until| *until > now)
}

/// Whether a code may be sent now.
pub fn request(tally: &Tally, limits: &Limits, now: Moment) -> Request {
    if tally.is_locked(limits) {
        return Request::Locked;
    }
    if tally.sent.last().is_some_and(|last| last.plus(limits.coalesce) > now) {
        return Request::Coalesced;
    }
    let sent_short = full_until(&tally.sent, limits.sent_10_minutes_max, 10 * MINUTE, now);
    let sent_long = full_until(&tally.sent, limits.sent_day_max, DAY, now);
    let failures = failures_until(&tally.failures, limits, now);
    match sent_short.max(sent_long).max(failures) {
        Some(until) => Request::Throttled { until },
        None => Request::Send,
    }
}

fn failures_until(failures: &[Moment], limits: &Limits, now: Moment) -> Option<Moment> {
    let hour = full_until(failures, limits.failures_hour_max, HOUR, now);
    hour.max(full_until(failures, limits.failures_day_max, DAY, now))
}

/// Why an answer would not even be compared. Asked before the attempt is counted, it spares who is impatient while
/// throttled the hard limit; [`answer`] asks it again.
pub fn refuses(tally: &Tally, limits: &Limits, now: Moment) -> Option<Verdict> {
    if tally.is_locked(limits) {
        return Some(Verdict::Locked);
    }
    failures_until(&tally.failures, limits, now).map(|until| Verdict::Throttled { until })
}

/// Judges a typed code. `macs` are the typed code's own keyed hashes, one under each challenge and in the same order.
/// The tally and the challenges must already count this attempt as failed: an answer that is lost on its way was still
/// one.
pub fn answer(
    delivery: &str,
    challenges: &[Challenge],
    macs: &[CodeMac],
    tally: &Tally,
    limits: &Limits,
    now: Moment,
) -> Verdict {
    if let Some(refused) = refuses(&tally.before_last(), limits, now) {
        return refused;
    }
    // Every challenge is compared, with no early way out: the time tells nothing about which one matched.
    let matched: Vec<&Challenge> = challenges
        .iter()
        .zip(macs)
        .filter(|(challenge, typed)| same(&challenge.mac.0, &typed.0))
        .map(|(challenge, _)| challenge)
        .collect();
    let live = live(challenges, limits, now);
    if let Some(right) =
        matched.iter().find(|challenge| live.iter().any(|other| other.id == challenge.id))
    {
        let passed = Passed { delivery: delivery.to_owned(), at: now };
        return Verdict::Passed { challenge: Some(right.id.clone()), passed };
    }
    if tally.is_locked(limits) {
        return Verdict::Locked;
    }
    let expired = |challenge: &&Challenge| {
        !challenge.used && challenge.expires <= now && challenge.expires.plus(EXPIRED_TOLD) > now
    };
    if matched.iter().any(expired) {
        return Verdict::Expired;
    }
    let left = live.iter().map(|challenge| limits.tries_max.saturating_sub(challenge.tries)).max();
    Verdict::Wrong { tries_left: left.unwrap_or(0) }
}

/// The challenges that may still be answered: the newest few, of which each has its own end and its own tries.
fn live<'a>(challenges: &'a [Challenge], limits: &Limits, now: Moment) -> Vec<&'a Challenge> {
    let mut newest: Vec<&Challenge> = challenges.iter().collect();
    newest.sort_by_key(|challenge| std::cmp::Reverse(challenge.expires));
    newest.truncate(limits.live_max);
    newest.retain(|challenge| {
        !challenge.used && challenge.expires > now && challenge.tries <= limits.tries_max
    });
    newest
}

#[cfg(test)]
mod tests;
