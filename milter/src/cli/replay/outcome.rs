//! One message under one rule file, judged the way the milter judges it on the mail server's connection.

use std::fmt;

use zegel_core::address::Address;
use zegel_core::message::Head;
use zegel_core::selection::{By, Directive, Pass, Selection};
use zegel_core::text::unfold;

use crate::action::Refusal;
use crate::config::Config;
use crate::sample::Sample;

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Secured { by: Reason, directives: Vec<Directive> },
    Ordinary(Why),
    Refused(Refusal),
}

/// What secures a message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    Rule(String),
    /// It answers a secured message.
    Reply,
}

/// What lets a message go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    Rule(String),
    NoRule,
    Relay,
    NullSender,
    AutoReply,
}

impl Outcome {
    /// Whether its sender and its recipients would notice no difference.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Secured { directives, .. }, Self::Secured { directives: others, .. }) => {
                directives == others
            }
            (Self::Ordinary(_), Self::Ordinary(_)) => true,
            (Self::Refused(one), Self::Refused(other)) => one.codes() == other.codes(),
            (Self::Secured { .. } | Self::Ordinary(_) | Self::Refused(_), _) => false,
        }
    }
}

/// Judges a message, whose lines may end in LF, as if every rule were enforced, so that a rule can be proved while it is only
/// monitored; and reads its Message-ID.
pub(super) fn judge(octets: &[u8], config: &Config) -> (Outcome, Option<String>) {
    let mut sample = Sample::new(octets);
    let message_id = match sample.head() {
        Ok(head) => {
            let (sender, recipients) = (returned(&head), named(&head));
            let message_id = head.message_id();
            sample.sender = sender;
            sample.recipients = recipients;
            message_id
        }
        Err(refusal) => return (Outcome::Refused(refusal), None),
    };
    let outcome = match sample.judge(config) {
        Ok(judged) => outcome(&judged.monitored.unwrap_or(judged.selection)),
        Err(refusal) => Outcome::Refused(refusal),
    };
    (outcome, message_id)
}

/// An archive keeps the envelope's sender, if at all, in Return-Path (RFC 5321, section 4.4).
fn returned(head: &Head<'_>) -> Option<String> {
    let path = unfold(head.named("Return-Path").next()?.value);
    let path = path.trim();
    Some(path.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(path).to_owned())
}

/// The recipients, as far as the message names them; the sender's own copy still names who got a blind one.
fn named(head: &Head<'_>) -> Vec<String> {
    let section = |value: &[u8]| [b"To:", value, b"\r\n"].concat();
    let blind = head.named("Bcc").flat_map(|field| {
        let section = section(field.value);
        Head::parse(&section).map(|head| head.addressees()).unwrap_or_default()
    });
    head.addressees().into_iter().chain(blind).map(|address: Address| address.to_string()).collect()
}

fn outcome(selection: &Selection<'_>) -> Outcome {
    match selection {
        Selection::Selected(by, directives) => {
            let by = match by {
                By::Rule(rule) => Reason::Rule(rule.name.as_str().to_owned()),
                By::Reply => Reason::Reply,
            };
            Outcome::Secured { by, directives: directives.to_vec() }
        }
        Selection::Undecided(rule) => {
            Outcome::Refused(Refusal::Undecided(format!("rule {:?}", rule.name.as_str())))
        }
        Selection::Passed(Pass::Rule(rule)) => {
            Outcome::Ordinary(Why::Rule(rule.name.as_str().to_owned()))
        }
        Selection::Passed(Pass::NoRule) => Outcome::Ordinary(Why::NoRule),
        Selection::Passed(Pass::Relay) => Outcome::Ordinary(Why::Relay),
        Selection::Passed(Pass::NullSender) => Outcome::Ordinary(Why::NullSender),
        Selection::Passed(Pass::AutoReply) => Outcome::Ordinary(Why::AutoReply),
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secured { by, directives } => {
                match by {
                    Reason::Rule(rule) => write!(f, "secure by {rule:?}")?,
                    Reason::Reply => f.write_str("secure: an answer to a secured message")?,
                }
                directives.iter().enumerate().try_for_each(|(at, directive)| {
                    let before = if at == 0 { " with " } else { ", " };
                    write!(f, "{before}{}: {}", directive.name, directive.value)
                })
            }
            Self::Ordinary(Why::Rule(rule)) => write!(f, "ordinary by {rule:?}"),
            Self::Ordinary(Why::NoRule) => f.write_str("ordinary"),
            Self::Ordinary(Why::Relay) => f.write_str("ordinary: the relay's own mail"),
            Self::Ordinary(Why::NullSender) => f.write_str("ordinary: the null sender"),
            Self::Ordinary(Why::AutoReply) => f.write_str("ordinary: an automatic reply"),
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
        }
    }
}
