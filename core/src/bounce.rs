//! What comes back for a notification: whether a mail at its return path says that the recipient will never get it.
//!
//! Only a clear "never" counts. A delay is not one, nor an answer that a person or a machine wrote, nor what is not
//! understood: then the notification may have arrived, and its link must not be shut. Of the words nothing is kept, as they
//! may quote the notification, whose link leads to the message: only codes and the server's name.

mod fields;
mod words;

use serde::{Deserialize, Serialize};

use mail_parser::{HeaderValue, Message, MessageParser, MessagePart, MimeHeaders};

/// Octets that are looked at. The report stands at the front; what a server quotes of the mail stands behind it.
pub const OCTETS_MAX: usize = 256 * 1024;

/// What a mail at a return path says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bounce {
    Failed(Failed),
    /// The server still tries.
    Delayed,
    /// It was handed on.
    Delivered,
    /// Somebody is away, or has read it: no server's report at all.
    Automatic,
    /// Of no form that is known here.
    Unknown,
}

/// The recipient will not get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The reply code; 550 where none is told.
    pub code: u16,
    /// Of class 5 (RFC 3463).
    pub enhanced: Option<String>,
    /// The server that refused it, or that says so.
    pub host: Option<String>,
}

/// Reads a mail. It may be cut short, and be anything.
pub fn read(octets: &[u8]) -> Bounce {
    let octets = octets.get(..OCTETS_MAX).unwrap_or(octets);
    let Some(message) = MessageParser::new().parse(octets) else { return Bounce::Unknown };
    if let Some(part) = part(&message, "message", &["delivery-status", "global-delivery-status"]) {
        return fields::read(&String::from_utf8_lossy(part.contents()));
    }
    // A receipt (RFC 8098), a complaint (RFC 5965).
    let others = ["disposition-notification", "global-disposition-notification", "feedback-report"];
    if part(&message, "message", &others).is_some() {
        return Bounce::Automatic;
    }
    let text = message.body_text(0).unwrap_or_default();
    // Exim's own field (its specification, chapter 49): in bounces, and not in its warnings.
    let named = message.header_raw("X-Failed-Recipients").is_some();
    match words::read(&text) {
        Bounce::Unknown if named => Bounce::Failed(words::failed(&text)),
        Bounce::Unknown if is_automatic(&message) => Bounce::Automatic,
        said if named || is_from_a_server(&message) => said,
        _ if is_automatic(&message) => Bounce::Automatic,
        _ => Bounce::Unknown,
    }
}

/// The first part of this type. What is inside a returned message is not among them.
fn part<'a>(
    message: &'a Message<'_>,
    kind: &str,
    subtypes: &[&str],
) -> Option<&'a MessagePart<'a>> {
    message.parts.iter().find(|part| {
        part.content_type().is_some_and(|found| {
            let sub = found.subtype().unwrap_or_default();
            found.ctype().eq_ignore_ascii_case(kind)
                && subtypes.iter().any(|wanted| sub.eq_ignore_ascii_case(wanted))
        })
    })
}

/// Local parts that servers report from. Anybody may write so, but whoever knows the return path could write a whole
/// report as well: this only tells servers from people who are away.
const SERVERS: [&str; 6] =
    ["mailer-daemon", "postmaster", "mail-daemon", "mdaemon", "microsoftexchange", "bounce"];

fn is_from_a_server(message: &Message<'_>) -> bool {
    let from = message.from().and_then(|from| from.first()).and_then(|from| from.address());
    let Some(from) = from else { return true };
    let local = from.split('@').next().unwrap_or_default().to_ascii_lowercase();
    SERVERS.iter().any(|server| local.starts_with(server))
}

/// An answer that nobody wrote for us (RFC 3834, section 5, and what came before it).
fn is_automatic(message: &Message<'_>) -> bool {
    let said = |name: &str| match message.header(name) {
        Some(HeaderValue::Text(value)) => value.trim().to_ascii_lowercase(),
        _ => message.header_raw(name).unwrap_or_default().trim().to_ascii_lowercase(),
    };
    let submitted = said("Auto-Submitted");
    let subject = message.subject().unwrap_or_default().to_lowercase();
    (!submitted.is_empty() && submitted != "no")
        || ["X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress"]
            .iter()
            .any(|name| message.header_raw(*name).is_some())
        || matches!(said("Precedence").as_str(), "bulk" | "junk" | "list" | "auto_reply")
        || words::AWAY.iter().any(|words| subject.starts_with(words))
}

#[cfg(test)]
mod tests;
