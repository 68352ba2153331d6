//! The notification and the code, by mail or text message, in the recipient's language. They hold nothing of the message: neither its
//! content nor its subject. A link is only in the one, a code only in the other, so that a scanner that reads both
//! cannot put them together.

mod concern;
mod inquiry;
pub(crate) mod letter;
mod sms;
mod words;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::moment::Moment;
use crate::secret::Secret;
use crate::text::HeaderText;
use letter::{Block, Cause, Letter};

pub use concern::{Concern, Trouble, concern};
pub use inquiry::{Inquiry, SenderPage, inquiry};
pub use sms::{TextMessage, septets, text_message};

#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    Nl,
    En,
    De,
    Fr,
}

/// The organisation as it shows itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Organisation {
    pub name: String,
    /// The address that notifications, codes and reports come from; of the organisation's own domain.
    pub from: Address,
    /// One line: street, town. Shown at the foot of mails and pages.
    #[serde(default)]
    pub postal: Option<String>,
    /// A page of the organisation about secure mail, shown as "how to check".
    #[serde(default)]
    pub help_url: Option<String>,
    pub language: Language,
}

/// Everything that a notification says.
#[derive(Clone, Debug)]
pub struct Notification<'a> {
    pub organisation: &'a Organisation,
    pub sender_name: Option<&'a str>,
    pub sender: &'a Address,
    pub to: &'a Address,
    pub language: Language,
    /// The portal's public origin, `https://host`.
    pub origin: &'a str,
    /// The link's token: an address, not a key; still not for logs.
    pub token: &'a Secret,
    /// The short message code to type instead.
    pub reference: &'a Secret,
    pub how: How<'a>,
    pub until: Moment,
    /// Makes Message-ID and the conversation's own References root; without angle brackets.
    pub message_id: &'a str,
    pub references: &'a str,
    pub now: Moment,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum How<'a> {
    Account,
    /// The last two digits.
    Sms(&'a str),
    AccessCode,
    Email,
}

/// The mail with the code: the host's name, and no link at all.
#[derive(Clone, Debug)]
pub struct CodeMail<'a> {
    pub organisation: &'a Organisation,
    pub to: &'a Address,
    pub language: Language,
    pub host: &'a str,
    pub code: &'a Secret,
    pub minutes: u64,
    pub message_id: &'a str,
    pub now: Moment,
}

/// The notification that leads a recipient to the portal, as a whole message (RFC 5322).
pub fn notification(notification: &Notification<'_>) -> Vec<u8> {
    let Notification { organisation, language, origin, until, now, .. } = *notification;
    let name = HeaderText::new(&organisation.name);
    let sender = notification.sender.to_string();
    let person = person(notification.sender_name);
    // The address stands beside the name: who looks at the sender is hard to deceive.
    let (short, full) = match &person {
        Some(person) => (person.to_string(), format!("{person} ({sender})")),
        None => (sender.clone(), sender),
    };
    let host = host(origin);
    let mut blocks = vec![
        Block::Paragraph(language.greeting()),
        Block::Paragraph(language.lead(&full, name.as_str())),
        Block::Paragraph(language.read_here()),
        Block::Link(format!("{origin}/m/{}", notification.token.reveal())),
        Block::Paragraph(language.or_type(host, &grouped(notification.reference.reveal()))),
        Block::Paragraph(language.how(notification.how)),
        Block::Paragraph(format!(
            "{} {}",
            language.never_asked(),
            language.readable_until(until, now)
        )),
        Block::Paragraph(language.doubt()),
    ];
    if let Some(url) = &organisation.help_url {
        blocks.push(Block::Paragraph(language.more_about()));
        blocks.push(Block::Link(HeaderText::new(url).to_string()));
    }
    blocks.extend(language.in_english(name.as_str()).map(|text| Block::In(Language::En, text)));
    blocks.push(foot(organisation));
    let letter = Letter {
        organisation,
        from_name: from_name(person.as_ref(), organisation),
        to: notification.to,
        subject: HeaderText::new(&language.subject(&short, name.as_str())),
        message_id: notification.message_id,
        references: Some(notification.references),
        language,
        cause: Cause::Generated,
        now,
    };
    letter.write(&blocks)
}

/// The mail that carries a code.
pub fn code_mail(mail: &CodeMail<'_>) -> Vec<u8> {
    let CodeMail { organisation, language, host, minutes, .. } = *mail;
    let mut blocks = vec![
        Block::Paragraph(language.greeting()),
        Block::Paragraph(language.your_code(host)),
        Block::Code(mail.code.reveal().to_owned()),
        Block::Paragraph(language.code_lasts(minutes)),
        Block::Paragraph(language.code_unasked()),
    ];
    blocks.extend(language.code_in_english(host).map(|text| Block::In(Language::En, text)));
    blocks.push(foot(organisation));
    let letter = Letter {
        organisation,
        from_name: HeaderText::display_name(&organisation.name),
        to: mail.to,
        subject: HeaderText::new(&language.code_subject(&organisation.name)),
        message_id: mail.message_id,
        references: None,
        language,
        cause: Cause::Generated,
        now: mail.now,
    };
    letter.write(&blocks)
}

/// Characters of a name beside an address: more than this no mail program shows.
const FROM_NAME_MAX: usize = 64;

/// The sender's name, unless it poses as an address.
fn person(name: Option<&str>) -> Option<HeaderText> {
    let name = name
        .filter(|name| !name.contains(['@', '\u{FF20}', '\u{FE6B}']))
        .map(HeaderText::display_name)?;
    (!name.as_str().is_empty()).then_some(name)
}

/// `Jan de Vries via Gemeente X`; the organisation alone where both do not fit.
fn from_name(person: Option<&HeaderText>, organisation: &Organisation) -> HeaderText {
    let organisation = HeaderText::display_name(&organisation.name);
    person
        .map(|person| format!("{person} via {organisation}"))
        .filter(|name| name.chars().count() <= FROM_NAME_MAX)
        .map_or(organisation, |name| HeaderText::display_name(&name))
}

fn host(origin: &str) -> &str {
    origin.split_once("://").map_or(origin, |(_, host)| host)
}

/// A reference code as it is shown, in two halves: `ABCDE-FGHJK`.
fn grouped(reference: &str) -> String {
    match reference.split_at_checked(5) {
        Some((first, rest)) if rest.len() == 5 => format!("{first}-{rest}"),
        _ => reference.to_owned(),
    }
}

fn foot(organisation: &Organisation) -> Block {
    let lines = std::iter::once(&organisation.name).chain(&organisation.postal);
    Block::Foot(lines.map(|line| HeaderText::new(line).to_string()).collect())
}

#[cfg(test)]
mod tests;
