//! The notification and the code mail (reference: portal.md, section 1), in the recipient's language.

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::moment::Moment;
use crate::secret::Secret;

#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    Nl,
    En,
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
// API: notification(&Notification)->Vec<u8>, code_mail(&CodeMail)->Vec<u8>: complete RFC 5322 messages, CRLF, lines<=998, one From
