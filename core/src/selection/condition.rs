//! What a rule looks at in a message, and what it sees there. Each kind of condition is one variant, one key of the
//! configuration and one arm of [`Condition::look`].

use std::fmt;

use serde::Deserialize;

use super::Asked;
use super::content::Needs;
use super::field::{self, Marking};
use super::label::{self, Labelled};
use super::one_or_many::one_or_many;
use super::origin::{self, Login, Sender, Submitter};
use super::recipients::{self, Among};
use super::size::{self, Bound};
use super::subject::{self, Trigger};

/// The conditions of a rule, or its exceptions, as they stand in the configuration. A key holds when any of its values does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Written {
    #[serde(deserialize_with = "one_or_many")]
    subject: Vec<Trigger>,
    #[serde(deserialize_with = "one_or_many")]
    sender: Vec<Sender>,
    #[serde(deserialize_with = "one_or_many")]
    envelope_sender: Vec<Sender>,
    #[serde(deserialize_with = "one_or_many")]
    login: Vec<Login>,
    #[serde(deserialize_with = "one_or_many")]
    client: Vec<Submitter>,
    #[serde(deserialize_with = "one_or_many")]
    recipients: Vec<Among>,
    #[serde(deserialize_with = "one_or_many")]
    header: Vec<Marking>,
    #[serde(deserialize_with = "one_or_many")]
    size: Vec<Bound>,
    #[serde(deserialize_with = "one_or_many")]
    label: Vec<Labelled>,
    #[serde(deserialize_with = "one_or_many")]
    property: Vec<Marking>,
}

/// The conditions of a rule, cheapest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub struct Conditions(Vec<Condition>);

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Any of these words or expressions stands in a Subject.
    Subject(Vec<Trigger>),
    /// The author in From is any of these.
    Sender(Vec<Sender>),
    /// MAIL FROM is any of these.
    EnvelopeSender(Vec<Sender>),
    /// The client logged in as any of these.
    Login(Vec<Login>),
    /// The client is any of these, or in any of these networks.
    Client(Vec<Submitter>),
    /// Any of these is true of the recipients.
    Recipients(Vec<Among>),
    /// Any of these stands in the header section.
    Header(Vec<Marking>),
    /// The message is over or under any of these.
    Size(Vec<Bound>),
    /// The message, or a document in it, carries any of these sensitivity labels.
    Label(Vec<Labelled>),
    /// A document in the message has any of these properties.
    Property(Vec<Marking>),
}

/// What a look at a message said. Unknown is never "no".
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Yes,
    No,
    Unknown,
    /// Unknown, because a part of the message cannot be read: the rule says what that means.
    Unreadable,
}

/// What one condition said about a message, and why. The text holds nothing of the message but addresses and GUIDs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub condition: &'static str,
    pub verdict: Verdict,
    pub why: String,
}

impl Conditions {
    /// In the order in which they are looked at.
    pub fn iter(&self) -> std::slice::Iter<'_, Condition> {
        self.0.iter()
    }

    /// Whether a trigger word is to be taken out of the subject.
    pub(super) fn strips(&self) -> bool {
        self.0.iter().any(|condition| match condition {
            Condition::Subject(triggers) => triggers.iter().any(|trigger| trigger.strip),
            _ => false,
        })
    }

    /// Whether it asks who is outside, which only the organisation's own domains can tell.
    pub fn asks_for_external(&self) -> bool {
        self.0.iter().any(|condition| match condition {
            Condition::Recipients(among) => among.contains(&Among::AnyExternal),
            _ => false,
        })
    }

    /// Whether it asks for a label by its name, which is weak.
    pub fn asks_for_label_names(&self) -> bool {
        self.0.iter().any(|condition| match condition {
            Condition::Label(wanted) => wanted.iter().any(Labelled::is_by_name),
            _ => false,
        })
    }

    pub(super) fn needs(&self) -> Needs {
        self.0.iter().map(Condition::needs).fold(Needs::default(), Needs::or)
    }
}

impl<'a> IntoIterator for &'a Conditions {
    type Item = &'a Condition;
    type IntoIter = std::slice::Iter<'a, Condition>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Written> for Conditions {
    fn from(written: Written) -> Self {
        fn some<T>(values: Vec<T>, condition: fn(Vec<T>) -> Condition) -> Option<Condition> {
            (!values.is_empty()).then(|| condition(values))
        }
        let conditions = [
            some(written.login, Condition::Login),
            some(written.client, Condition::Client),
            some(written.size, Condition::Size),
            some(written.envelope_sender, Condition::EnvelopeSender),
            some(written.sender, Condition::Sender),
            some(written.recipients, Condition::Recipients),
            some(written.subject, Condition::Subject),
            some(written.header, Condition::Header),
            some(written.label, Condition::Label),
            some(written.property, Condition::Property),
        ];
        Self(conditions.into_iter().flatten().collect())
    }
}

impl Condition {
    /// The key in the configuration.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Subject(_) => "subject",
            Self::Sender(_) => "sender",
            Self::EnvelopeSender(_) => "envelope-sender",
            Self::Login(_) => "login",
            Self::Client(_) => "client",
            Self::Recipients(_) => "recipients",
            Self::Header(_) => "header",
            Self::Size(_) => "size",
            Self::Label(_) => "label",
            Self::Property(_) => "property",
        }
    }

    pub(super) fn look(&self, asked: &Asked<'_>) -> Seen {
        let Asked { message, policy, .. } = *asked;
        let said = match self {
            Self::Subject(triggers) => subject::look(triggers, asked.subjects()),
            Self::Sender(senders) => origin::sender(senders, message),
            Self::EnvelopeSender(senders) => origin::envelope_sender(senders, message),
            Self::Login(logins) => origin::login(logins, message),
            Self::Client(submitters) => origin::client(submitters, message),
            Self::Recipients(among) => recipients::look(among, message, policy),
            Self::Header(markings) => field::header(markings, message),
            Self::Size(bounds) => size::look(bounds, message),
            Self::Label(wanted) => label::look(wanted, message),
            Self::Property(markings) => field::property(markings, message),
        };
        Seen::new(self.key(), said)
    }

    fn needs(&self) -> Needs {
        match self {
            Self::Size(_) => Needs { size: true, attachments: false },
            Self::Label(_) | Self::Property(_) => Needs { size: false, attachments: true },
            Self::Subject(_)
            | Self::Sender(_)
            | Self::EnvelopeSender(_)
            | Self::Login(_)
            | Self::Client(_)
            | Self::Recipients(_)
            | Self::Header(_) => Needs::default(),
        }
    }
}

pub(super) fn list<T: fmt::Display>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

impl Verdict {
    pub(super) fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    /// All must hold. One plain "no" settles it, whatever is unknown beside it.
    pub(super) fn all(verdicts: impl IntoIterator<Item = Self>) -> Self {
        verdicts.into_iter().fold(Self::Yes, |so_far, next| match (so_far, next) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Unreadable, _) | (_, Self::Unreadable) => Self::Unreadable,
            (Self::Yes, Self::Yes) => Self::Yes,
        })
    }

    /// One must hold. One plain "yes" settles it.
    pub(super) fn any(verdicts: impl IntoIterator<Item = Self>) -> Self {
        Self::all(verdicts.into_iter().map(Self::not)).not()
    }

    #[must_use]
    pub(super) fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
            Self::Unreadable => Self::Unreadable,
        }
    }

    /// What cannot be read counts as this.
    pub(super) fn reading_as(self, otherwise: Self) -> Self {
        match self {
            Self::Unreadable => otherwise,
            Self::Yes | Self::No | Self::Unknown => self,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
            Self::Unreadable => "unreadable",
        })
    }
}
