//! The ladder: how one recipient is verified. `decide` is lazy: it asks one question at a time, and leaves a trail
//! that says why each stronger rung was passed over.
//!
//! The rungs, strongest first, each with the question that it may ask:
//!
//! | rung | stands there | holds when | asks |
//! |---|---|---|---|
//! | account | always | the recipient has an account with a second factor, or an inbox of the organisation's own | `Account`, `Server` |
//! | NTA 7516 | always | both domains qualify | `Nta7516` |
//! | direct delivery | the header asks for it | the server meets the header's minimum | `Server` |
//! | custom access right | always | the message brings a number or a code for this recipient | – |
//! | transport security | always | the server meets the organisation's level, and the header's; the domain may be a preferred one | `Server` |
//! | SMS | always | a shared number is on file | `SharedNumber` |
//! | access code | always | a shared code is on file | `SharedCode` |
//! | e-mail | always | allowed by the organisation, or as it lets them by the sender, and the header's minimum met or waived | `Server` |
//!
//! Who asked for a custom access right whose method is switched off gets that or a stronger proof of the person, or is
//! asked again: SMS stands above access code, and neither transport security nor e-mail proves who reads.
//!
//! A domain that the organisation prefers direct delivery to stands on the rung of transport security, as if the organisation
//! allowed it for that domain: it is the organisation's choice for all messages, so what a message itself asks for, a custom
//! access right among it, goes before.

mod policy;
mod words;

use serde::{Deserialize, Serialize};

use crate::nta7516::{self, Unqualified};
use crate::transport::{Floor, Miss};
pub use policy::{Hold, Policy, Setting, Value};

/// What the message asks for this recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    pub direct: Option<Floor>,
    pub right: Option<Right>,
    pub email_fallback: bool,
    /// Its sender, asked for this recipient, has allowed a code by e-mail.
    pub email_allowed: bool,
}

/// The kind of `zivver-access-right`; its secret stays in the submission.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Right {
    Sms,
    AccessCode,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    Account,
    Nta7516,
    DirectDelivery,
    CustomAccessRight,
    TransportSecurity,
    Sms,
    AccessCode,
    Email,
}

/// What the administrator says about the recipient's domain. It is known before anything is asked.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Mail goes straight into the inboxes of this domain, which are the organisation's own, over connections of this level
    /// (inbound direct delivery). The administrator's word stands for an account of everybody there.
    pub inbox: Option<Floor>,
    /// Direct delivery is tried although the organisation does not allow transport security in general.
    pub preferred: bool,
}

/// What the shell must find out before the ladder can go on.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// Has the recipient an account here with a second factor?
    Account,
    /// Do both domains qualify for NTA 7516?
    Nta7516,
    /// Does the recipient's server meet this floor? The shell may answer `Yes` for "not known to miss it":
    /// the connection that carries the mail decides, and a miss comes back as `Missed`.
    Server(Floor),
    SharedNumber,
    SharedCode,
}

/// Three answers: a look-up that failed is never "no".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No,
    /// The server was seen to miss the floor; only for [`Question::Server`], where it is a `No` with its reason.
    Missed(Miss),
    /// Only for [`Question::Nta7516`], where it is a `No` with its reason.
    Unqualified(Unqualified),
    Unknown,
}

/// What is known so far: each question with its answer, and what is known without asking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    reach: Reach,
    answers: Vec<(Question, Answer)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Ask(Question),
    Settled(Decision),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub outcome: Outcome,
    /// Each rung that was passed over, strongest first.
    pub passed_over: Vec<(Rung, Why)>,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    By(Method),
    /// Only e-mail verification was left and may not be used: the sender must give a factor.
    NeedsSender,
    /// A look-up failed at this rung: try again later.
    Unknown(Rung),
    /// The floor forbids what is left: failed-delivery report.
    NoneLeft,
}

/// How the recipient is verified, and with it how the mail travels.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    Account,
    /// Direct, into an inbox of the organisation's own.
    Inbox(Floor),
    /// Direct, over DANE only.
    Nta7516,
    /// Direct, because the header's minimum is met.
    DirectDelivery(Floor),
    /// Direct, because the organisation's level is met.
    TransportSecurity(Floor),
    Sms,
    AccessCode,
    Email,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    SwitchedOff,
    NotAsked,
    NoAccount,
    NotQualified,
    /// The domains do not both qualify for NTA 7516, and why.
    Unqualified(Unqualified),
    FloorMissed(Miss),
    NothingOnFile,
    /// The server does not meet the floor: e-mail verification would send the code over a connection below it.
    BelowFloor,
    /// The message asks for a stronger proof, whose method is switched off.
    WeakerThanAsked,
}

/// All rungs, strongest first.
const LADDER: [Rung; 8] = [
    Rung::Account,
    Rung::Nta7516,
    Rung::DirectDelivery,
    Rung::CustomAccessRight,
    Rung::TransportSecurity,
    Rung::Sms,
    Rung::AccessCode,
    Rung::Email,
];

/// What trying one rung leads to.
enum Step {
    Holds(Method),
    Passed(Why),
    Ask(Question),
    Unknown,
}

/// Climbs the ladder as far as the facts reach: either the next question, or the decision.
pub fn decide(wish: &Wish, policy: &Policy, facts: &Facts) -> Verdict {
    let mut passed_over = Vec::new();
    for rung in LADDER {
        if rung == Rung::DirectDelivery && wish.direct.is_none() {
            continue;
        }
        let outcome = match try_rung(rung, wish, policy, facts) {
            Step::Ask(question) => return Verdict::Ask(question),
            Step::Passed(why) => {
                passed_over.push((rung, why));
                continue;
            }
            Step::Holds(method) => Outcome::By(method),
            Step::Unknown => Outcome::Unknown(rung),
        };
        return Verdict::Settled(Decision { outcome, passed_over });
    }
    // The last rung was e-mail. No factor helps a server below the floor; where e-mail may not be used, one does.
    let outcome = match passed_over.last() {
        Some((Rung::Email, Why::BelowFloor)) => Outcome::NoneLeft,
        _ => Outcome::NeedsSender,
    };
    Verdict::Settled(Decision { outcome, passed_over })
}

fn try_rung(rung: Rung, wish: &Wish, policy: &Policy, facts: &Facts) -> Step {
    if let Some(why) = barred(rung, wish, policy, facts.reach) {
        return Step::Passed(why);
    }
    match rung {
        Rung::Account => by_account(wish, facts),
        Rung::Nta7516 => by_nta7516(facts),
        Rung::DirectDelivery => match wish.direct {
            Some(floor) => by_server(facts, floor, Method::DirectDelivery(floor)),
            None => Step::Passed(Why::NotAsked),
        },
        Rung::CustomAccessRight => match wish.right {
            Some(right) => Step::Holds(right.method()),
            None => Step::Passed(Why::NotAsked),
        },
        // The stricter of the two, where the organisation has a level at all.
        Rung::TransportSecurity => {
            let level = policy.level(facts.reach);
            match level.max(level.and(wish.direct)) {
                Some(floor) => by_server(facts, floor, Method::TransportSecurity(floor)),
                None => Step::Passed(Why::SwitchedOff),
            }
        }
        Rung::Sms => by_fact(facts, Question::SharedNumber, Method::Sms, Why::NothingOnFile),
        Rung::AccessCode => {
            by_fact(facts, Question::SharedCode, Method::AccessCode, Why::NothingOnFile)
        }
        Rung::Email => by_email(wish, facts),
    }
}

/// Why a rung is out of the question, whatever the facts.
fn barred(rung: Rung, wish: &Wish, policy: &Policy, reach: Reach) -> Option<Why> {
    if !policy.allows(rung, wish, reach) {
        return Some(Why::SwitchedOff);
    }
    // Behind its own rung, an access right is only still there when its method is switched off.
    let weaker = match wish.right? {
        Right::Sms => rung > Rung::CustomAccessRight,
        Right::AccessCode => rung > Rung::CustomAccessRight && rung != Rung::Sms,
    };
    weaker.then_some(Why::WeakerThanAsked)
}

/// An inbox of the organisation's own takes the message itself, over a connection that meets its level and the header's
/// minimum. When it misses them, an account still leads to the portal.
fn by_account(wish: &Wish, facts: &Facts) -> Step {
    let account = |otherwise| by_fact(facts, Question::Account, Method::Account, otherwise);
    let Some(floor) = facts.reach.inbox.max(facts.reach.inbox.and(wish.direct)) else {
        return account(Why::NoAccount);
    };
    match by_server(facts, floor, Method::Inbox(floor)) {
        Step::Passed(why) => account(why),
        step => step,
    }
}

fn by_fact(facts: &Facts, question: Question, method: Method, otherwise: Why) -> Step {
    match facts.answer(question) {
        None => Step::Ask(question),
        Some(Answer::Yes) => Step::Holds(method),
        Some(Answer::Unqualified(why)) => Step::Passed(Why::Unqualified(*why)),
        Some(Answer::No | Answer::Missed(_)) => Step::Passed(otherwise),
        Some(Answer::Unknown) => Step::Unknown,
    }
}

/// NTA 7516 goes over DANE only. A delivery that has come to a lower rung, where a connection was seen to miss DANE, does not
/// come back here.
fn by_nta7516(facts: &Facts) -> Step {
    let step = by_fact(facts, Question::Nta7516, Method::Nta7516, Why::NotQualified);
    match (step, facts.answer(Question::Server(Floor::Dane))) {
        (Step::Ask(_) | Step::Holds(_), Some(Answer::Missed(miss))) => {
            Step::Passed(Why::FloorMissed(*miss))
        }
        (step, _) => step,
    }
}

fn by_server(facts: &Facts, floor: Floor, method: Method) -> Step {
    match facts.server(floor) {
        None => Step::Ask(Question::Server(floor)),
        Some(Answer::Yes) => Step::Holds(method),
        Some(Answer::Missed(miss)) => Step::Passed(Why::FloorMissed(miss)),
        Some(Answer::No | Answer::Unqualified(_)) => Step::Passed(Why::BelowFloor),
        Some(Answer::Unknown) => Step::Unknown,
    }
}

/// The header's minimum binds the code mail as well, even where direct delivery itself is switched off.
fn by_email(wish: &Wish, facts: &Facts) -> Step {
    let Some(floor) = wish.code_floor() else { return Step::Holds(Method::Email) };
    match by_server(facts, floor, Method::Email) {
        Step::Passed(_) => Step::Passed(Why::BelowFloor),
        step => step,
    }
}

impl Wish {
    /// The floor that the mail with the code must itself meet on its own connection.
    pub fn code_floor(&self) -> Option<Floor> {
        self.direct.filter(|_| !self.email_fallback)
    }
}

impl Right {
    fn method(self) -> Method {
        match self {
            Self::Sms => Method::Sms,
            Self::AccessCode => Method::AccessCode,
        }
    }
}

impl Policy {
    /// What transport security must prove to count as verification: the organisation's level, and for a preferred domain
    /// without one a certificate of a proven name (what Zivver's list of domains for direct delivery demands).
    fn level(&self, reach: Reach) -> Option<Floor> {
        self.transport.or(reach.preferred.then_some(Floor::Pkix))
    }

    fn allows(&self, rung: Rung, wish: &Wish, reach: Reach) -> bool {
        match rung {
            Rung::Account => self.account,
            Rung::Nta7516 => self.nta7516,
            Rung::DirectDelivery => self.direct,
            Rung::CustomAccessRight => match wish.right {
                Some(Right::Sms) => self.sms,
                Some(Right::AccessCode) => self.access_code,
                None => true,
            },
            Rung::TransportSecurity => self.level(reach).is_some(),
            Rung::Sms => self.sms,
            Rung::AccessCode => self.access_code,
            Rung::Email => self.email || (self.email_by_sender && wish.email_allowed),
        }
    }
}

impl Facts {
    pub fn none() -> Self {
        Self::default()
    }

    /// What earlier connections for this delivery showed: where the next climb starts.
    pub fn missed(missed: &[(Floor, Miss)]) -> Self {
        missed.iter().fold(Self::none(), |facts, (floor, miss)| {
            facts.with(Question::Server(*floor), Answer::Missed(*miss))
        })
    }

    /// The same, with what the administrator says about the recipient's domain.
    #[must_use]
    pub fn reaching(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }

    /// Adds an answer; a later one to the same question takes the place of the earlier.
    #[must_use]
    pub fn with(mut self, question: Question, answer: Answer) -> Self {
        self.answers.retain(|(asked, _)| *asked != question);
        self.answers.push((question, answer));
        self
    }

    pub fn answer(&self, question: Question) -> Option<&Answer> {
        self.answers.iter().find(|(asked, _)| *asked == question).map(|(_, answer)| answer)
    }

    /// What is known about the server and this floor. Who misses a floor misses every stronger one, and who meets one
    /// meets every weaker one; nobody meets [`Floor::Impossible`].
    fn server(&self, floor: Floor) -> Option<Answer> {
        if floor == Floor::Impossible {
            return Some(Answer::Missed(Miss::UnknownDemand));
        }
        let known = |reaches: fn(Floor, Floor, &Answer) -> bool| {
            self.answers.iter().find_map(|(question, answer)| match question {
                Question::Server(other) if reaches(*other, floor, answer) => Some(answer.clone()),
                _ => None,
            })
        };
        known(|other, floor, answer| {
            other <= floor && matches!(answer, Answer::No | Answer::Missed(_))
        })
        .or_else(|| known(|other, floor, answer| other >= floor && *answer == Answer::Yes))
        .or_else(|| known(|other, floor, _| other == floor))
    }
}

impl From<nta7516::Verdict> for Answer {
    fn from(verdict: nta7516::Verdict) -> Self {
        match verdict {
            nta7516::Verdict::Yes(_) => Self::Yes,
            nta7516::Verdict::No(why) => Self::Unqualified(why),
            nta7516::Verdict::Unknown => Self::Unknown,
        }
    }
}

impl Method {
    /// The floor of a direct method; `None` for those that lead to the portal.
    pub fn floor(self) -> Option<Floor> {
        match self {
            Self::Nta7516 => Some(Floor::Dane),
            Self::Inbox(floor) | Self::DirectDelivery(floor) | Self::TransportSecurity(floor) => {
                Some(floor)
            }
            Self::Account | Self::Sms | Self::AccessCode | Self::Email => None,
        }
    }

    pub fn is_direct(self) -> bool {
        self.floor().is_some()
    }
}

#[cfg(test)]
mod tests;
