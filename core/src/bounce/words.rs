//! Bounces without a part for machines: what old and odd servers say, by the sentences that they always use.

use super::fields::{code, permanent};
use super::{Bounce, Failed};

/// Octets of the text in which the sentences stand.
const TEXT_MAX: usize = 16 * 1024;

/// A server that says this still tries. These are looked for first: warnings share words with bounces.
const DELAYED: [&str; 6] = [
    // Sendmail, Postfix, Gmail.
    "this is a warning message only",
    "this is a warning only",
    // Exim.
    "has not yet been delivered",
    "has not been delivered to one or more of its recipients after more than",
    // Exchange.
    "delivery is delayed to these recipients",
    // Sendmail.
    "transient non-fatal errors",
];

/// A server that says this has given up.
const FAILED: [&str; 13] = [
    // qmail.
    "i've given up. sorry it didn't work out",
    "i wasn't able to deliver your message to the following addresses",
    // Postfix before its reports had a part for machines.
    "i'm sorry to have to inform you that",
    // Exim.
    "could not be delivered to one or more of its recipients. this is a permanent error",
    "could not be delivered to all of its recipients",
    // Sendmail.
    "had permanent fatal errors",
    // Exchange.
    "did not reach some or all of the intended recipients",
    "did not reach the following recipient",
    "delivery has failed to these recipients",
    // Gmail.
    "delivery to the following recipient failed permanently",
    "delivery to the following recipients failed permanently",
    // Yahoo.
    "unable to deliver your message to the following address",
    "undeliverable mail. the following message could not be delivered",
];

/// How the subjects of answers begin whose writers are away.
pub(super) const AWAY: [&str; 12] = [
    "out of office",
    "automatic reply",
    "auto reply",
    "autoreply",
    "automatisch antwoord",
    "afwezig",
    "niet aanwezig",
    "automatische antwort",
    "abwesenheitsnotiz",
    "réponse automatique",
    "absence du bureau",
    "vacation",
];

pub(super) fn read(text: &str) -> Bounce {
    let words = even(text);
    if DELAYED.iter().any(|sentence| words.contains(sentence)) {
        return Bounce::Delayed;
    }
    if FAILED.iter().any(|sentence| words.contains(sentence)) {
        return Bounce::Failed(failed(text));
    }
    Bounce::Unknown
}

/// The codes that stand in the words, where any do.
pub(super) fn failed(text: &str) -> Failed {
    let text = front(text);
    let code =
        text.split_ascii_whitespace().find_map(|word| code(word).filter(|_| word.len() == 3));
    Failed { code: code.unwrap_or(550), enhanced: permanent(text), host: None }
}

/// In small letters, with one space between words: sentences are broken anywhere.
fn even(text: &str) -> String {
    let words = front(text).split_whitespace();
    words.map(|word| word.to_lowercase().replace('\u{2019}', "'")).collect::<Vec<_>>().join(" ")
}

fn front(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_MAX)).unwrap_or_default()
}
