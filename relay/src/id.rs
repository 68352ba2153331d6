//! Names of things in the store: UUIDs of version 7, so that rows stand in the order of time.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Defines one kind of id: a newtype, so that one kind cannot be taken for another.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new one, made of the clock and of chance.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_simple().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }
    };
}

id! {
    /// One accepted message.
    SubmissionId
}
id! {
    /// One conversation of a submission.
    ConversationId
}
id! {
    /// One recipient's delivery.
    DeliveryId
}
id! {
    /// One mail of the relay's own that waits to be sent: a code, a report.
    MailId
}
id! {
    /// One text message that waits to be sent.
    TextId
}
