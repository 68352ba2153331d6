//! Which messages must be secured. Rules are asked from the top; the first whose conditions all hold and whose exceptions do
//! not decides. [`select`] and [`explain`] are one evaluator: the second only goes on asking when all is decided.
//!
//! What cannot be seen is never taken for "no". A rule that would secure the message, and cannot tell whether it applies,
//! leaves the message [`Selection::Undecided`]: it may not go on as ordinary mail. A rule that would let it go, and cannot
//! tell, does not: the rules below it are asked.

mod condition;
mod content;
mod field;
mod label;
mod one_or_many;
mod origin;
mod pattern;
mod recipients;
mod rule;
mod size;
mod subject;
mod words;

pub use condition::{Condition, Conditions, Seen, Verdict};
pub use content::{Attachments, Content, Needs};
pub use field::Marking;
pub use label::{Labelled, Named};
pub use origin::{Client, Login, Network, Origin, OriginError, Sender, Submitter};
pub use pattern::{Expression, ExpressionError, Pattern};
pub use recipients::Among;
pub use rule::{Action, Directive, Mode, Name, Rule, RuleError, Rules, Way};
pub use size::{Bound, Octets, SizeError};
pub use subject::{NewSubject, Trigger};
pub use words::{Words, WordsError};

use std::cell::OnceCell;

use pattern::Text;

use crate::address::Domain;
use crate::message::Head;
use crate::own_id;
use crate::text::unfold;

/// All that the rules look at.
#[derive(Copy, Clone, Debug)]
pub struct Message<'a> {
    pub envelope: Transaction<'a>,
    pub origin: Origin<'a>,
    pub head: &'a Head<'a>,
    pub content: &'a Content,
    /// The relay itself sends it: proved by its marker.
    pub is_of_relay: bool,
}

/// What the SMTP transaction said, in the mail server's own words: a mail server takes addresses that nothing else does.
#[derive(Copy, Clone, Debug, Default)]
pub struct Transaction<'a> {
    /// MAIL FROM without angle brackets; empty is the null sender.
    pub sender: &'a str,
    /// RCPT TO, each without angle brackets.
    pub recipients: &'a [String],
}

/// The rules, and what holds for all of them.
#[derive(Copy, Clone, Debug)]
pub struct Policy<'r> {
    pub rules: &'r Rules,
    /// The organisation's own domains.
    pub own_domains: &'r [Domain],
    /// What becomes of an answer in a secured thread.
    pub replies: Way,
    pub mode: Mode,
}

/// What becomes of a message.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Outcome<'r> {
    /// What is done.
    pub selection: Selection<'r>,
    /// What would be done if every rule were enforced, where that is something else.
    pub monitored: Option<Selection<'r>>,
}

/// What becomes of a message by a set of rules.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Selection<'r> {
    /// To the relay, with these directives.
    Selected(By<'r>, &'r [Directive]),
    /// On its ordinary way.
    Passed(Pass<'r>),
    /// This rule would secure it, and cannot tell whether it applies: the message must not go on.
    Undecided(&'r Rule),
}

/// What selects a message.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum By<'r> {
    Rule(&'r Rule),
    /// It answers a secured message.
    Reply,
}

/// Why a message goes its ordinary way.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Pass<'r> {
    /// The relay sends it: it would come back for ever.
    Relay,
    /// A bounce; one that led to the portal would be read by nobody, or by a robot that bounces it again.
    NullSender,
    /// An automatic reply (RFC 3834), for the same reason.
    AutoReply,
    Rule(&'r Rule),
    /// No rule decided.
    NoRule,
}

/// What one rule said about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement<'r> {
    pub rule: &'r Rule,
    /// Whether it applies.
    pub verdict: Verdict,
    pub conditions: Vec<Seen>,
    pub exceptions: Vec<Seen>,
}

/// What became of a message, and what every rule said, those below the deciding one too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation<'r> {
    pub outcome: Outcome<'r>,
    pub judgements: Vec<Judgement<'r>>,
}

/// Decides about a message.
pub fn select<'r>(policy: &Policy<'r>, message: &Message<'_>) -> Outcome<'r> {
    let asked = Asked::new(message, policy);
    decide(policy, message, policy.rules.iter().map(|rule| judge(rule, &asked)))
}

/// Decides about a message and tells why.
pub fn explain<'r>(policy: &Policy<'r>, message: &Message<'_>) -> Explanation<'r> {
    let asked = Asked::new(message, policy);
    let judgements: Vec<_> = policy.rules.iter().map(|rule| judge(rule, &asked)).collect();
    let verdicts = judgements.iter().cloned();
    Explanation { outcome: decide(policy, message, verdicts), judgements }
}

/// What of a body the rules need.
impl Rules {
    pub fn needs(&self) -> Needs {
        self.iter()
            .flat_map(|rule| [rule.when.needs(), rule.except.needs()])
            .fold(Needs::default(), Needs::or)
    }
}

/// What goes before all rules, then the rules: once as they are enforced, once as if all were.
fn decide<'r>(
    policy: &Policy<'r>,
    message: &Message<'_>,
    judgements: impl Iterator<Item = Judgement<'r>>,
) -> Outcome<'r> {
    if let Some(pass) = before_rules(message) {
        return Outcome { selection: Selection::Passed(pass), monitored: None };
    }
    let (enforced, all) = ask(policy, judgements);
    let is_reply = policy.replies == Way::Secure && is_reply(policy, message);
    let [enforced, all] = [enforced, all].map(|selection| match selection {
        Selection::Passed(_) if is_reply => Selection::Selected(By::Reply, &[]),
        Selection::Passed(_) | Selection::Selected(..) | Selection::Undecided(_) => selection,
    });
    let selection = match policy.mode {
        Mode::Enforce => enforced,
        Mode::Monitor => Selection::Passed(Pass::NoRule),
    };
    Outcome { selection, monitored: (all != selection).then_some(all) }
}

fn before_rules<'r>(message: &Message<'_>) -> Option<Pass<'r>> {
    if message.is_of_relay {
        Some(Pass::Relay)
    } else if message.envelope.sender.is_empty() {
        Some(Pass::NullSender)
    } else if is_auto_reply(message.head) {
        Some(Pass::AutoReply)
    } else {
        None
    }
}

/// Goes down the judgements, no further than it must: what the enforced rules say, and what all say. The second is never
/// settled later than the first, for the same rules are asked in the same order, and some more.
fn ask<'r>(
    policy: &Policy<'r>,
    judgements: impl Iterator<Item = Judgement<'r>>,
) -> (Selection<'r>, Selection<'r>) {
    let mut all = None;
    for judgement in judgements {
        let Some(selection) = judgement.selection() else { continue };
        let all = *all.get_or_insert(selection);
        let is_enforced = judgement.rule.mode == Mode::Enforce || policy.mode == Mode::Monitor;
        if is_enforced {
            return (selection, all);
        }
    }
    let nothing = Selection::Passed(Pass::NoRule);
    (nothing, all.unwrap_or(nothing))
}

impl<'r> Judgement<'r> {
    /// What the rule makes of the message; none when it leaves it to the rules below.
    fn selection(&self) -> Option<Selection<'r>> {
        match (self.verdict, &self.rule.action) {
            (Verdict::Yes, Action::Secure(directives)) => {
                Some(Selection::Selected(By::Rule(self.rule), directives))
            }
            (Verdict::Yes, Action::Ordinary) => Some(Selection::Passed(Pass::Rule(self.rule))),
            (Verdict::Unknown | Verdict::Unreadable, Action::Secure(_)) => {
                Some(Selection::Undecided(self.rule))
            }
            (Verdict::Unknown | Verdict::Unreadable, Action::Ordinary) | (Verdict::No, _) => None,
        }
    }

    /// What could not be seen.
    pub fn unknown(&self) -> String {
        self.why(Verdict::Unknown)
    }

    /// What could not be read; the rule went by its `unreadable` then.
    pub fn unreadable(&self) -> String {
        self.why(Verdict::Unreadable)
    }

    fn why(&self, verdict: Verdict) -> String {
        let seen = self.conditions.iter().chain(&self.exceptions);
        let found = seen.filter(|seen| seen.verdict == verdict);
        found.map(|seen| seen.why.as_str()).collect::<Vec<_>>().join("; ")
    }
}

impl<'r> Selection<'r> {
    /// What is done, in one word, and what decides so, as the log has it.
    pub fn told(&self) -> (&'static str, &'r str) {
        match self {
            Self::Selected(By::Rule(rule), _) => ("selected", rule.name.as_str()),
            Self::Selected(By::Reply, _) => ("selected", "built in: reply to a secured message"),
            Self::Undecided(rule) => ("undecided", rule.name.as_str()),
            Self::Passed(Pass::Rule(rule)) => ("passed", rule.name.as_str()),
            Self::Passed(Pass::NoRule) => ("passed", "none"),
            Self::Passed(Pass::Relay) => ("passed", "built in: the relay's own mail"),
            Self::Passed(Pass::NullSender) => ("passed", "built in: null sender"),
            Self::Passed(Pass::AutoReply) => ("passed", "built in: automatic reply"),
        }
    }

    /// The subjects as they must become: without the trigger words that the rule takes out.
    pub fn new_subjects(&self, head: &Head<'_>) -> Vec<NewSubject> {
        let Self::Selected(By::Rule(rule), _) = self else { return Vec::new() };
        rule.when
            .iter()
            .filter_map(|condition| match condition {
                Condition::Subject(triggers) => Some(subject::stripped(triggers, head)),
                _ => None,
            })
            .flatten()
            .collect()
    }
}

/// What the conditions look at, and what several of them would have to read again.
struct Asked<'a> {
    message: &'a Message<'a>,
    policy: &'a Policy<'a>,
    subjects: OnceCell<Vec<Text>>,
}

impl<'a> Asked<'a> {
    fn new(message: &'a Message<'a>, policy: &'a Policy<'a>) -> Self {
        Self { message, policy, subjects: OnceCell::new() }
    }

    fn subjects(&self) -> &[Text] {
        self.subjects.get_or_init(|| subject::read(self.message.head))
    }
}

/// Why a rule cannot tell whether it applies.
pub fn unknown(rule: &Rule, message: &Message<'_>, policy: &Policy<'_>) -> String {
    judge(rule, &Asked::new(message, policy)).unknown()
}

/// What could not be read, where a rule selected a message for that; it says nothing of the content.
pub fn unreadable(
    selection: &Selection<'_>,
    message: &Message<'_>,
    policy: &Policy<'_>,
) -> Option<String> {
    let Selection::Selected(By::Rule(rule), _) = selection else { return None };
    let why = judge(rule, &Asked::new(message, policy)).unreadable();
    (!why.is_empty()).then_some(why)
}

/// Where a part cannot be read, the rule says which way the message goes; so it applies, or does not.
fn judge<'r>(rule: &'r Rule, asked: &Asked<'_>) -> Judgement<'r> {
    let look = |condition: &Condition| condition.look(asked);
    let conditions: Vec<Seen> = rule.when.iter().map(look).collect();
    let exceptions: Vec<Seen> = rule.except.iter().map(look).collect();
    let applies = Verdict::of(rule.action.way() == rule.unreadable);
    let holds = conditions.iter().map(|seen| seen.verdict.reading_as(applies));
    let excepted = exceptions.iter().map(|seen| seen.verdict.not().reading_as(applies));
    let verdict = Verdict::all(holds.chain(excepted));
    Judgement { rule, verdict, conditions, exceptions }
}

/// Whether someone of the organisation answers in a thread in which the relay delivered a message. A guest may answer by
/// ordinary mail too, and that is nothing to secure here; so the author has to be the organisation's own: of its domains, or
/// of the thread's own where none are named.
fn is_reply(policy: &Policy<'_>, message: &Message<'_>) -> bool {
    let threads: Vec<Domain> =
        message.head.references().iter().filter_map(|id| own_id::domain(id)).collect();
    if threads.is_empty() {
        return false;
    }
    let own = if policy.own_domains.is_empty() { &threads } else { policy.own_domains };
    // An author that cannot be read may be one of ours; the relay, which takes mail of known authors only, refuses it then.
    message.head.from().map_or(true, |author| own.contains(author.address.domain()))
}

/// RFC 3834, section 5. Only replies: mail that an application generates is ordinary work, and often the very mail to secure.
/// Where two fields disagree, the message is no reply.
fn is_auto_reply(head: &Head<'_>) -> bool {
    let mut fields = head.named("Auto-Submitted").peekable();
    fields.peek().is_some()
        && fields.all(|field| {
            let value = unfold(field.value);
            let keyword = value
                .trim_start()
                .split(|c: char| c.is_whitespace() || matches!(c, ';' | '('))
                .next();
            keyword.is_some_and(|keyword| keyword.eq_ignore_ascii_case("auto-replied"))
        })
}

#[cfg(test)]
mod tests;
