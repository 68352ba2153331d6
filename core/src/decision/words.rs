//! The ladder's values in words.

use std::fmt;

use super::{Method, Rung, Why};

impl fmt::Display for Method {
    /// The name that stands in logs and lists, such as `direct-delivery`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Account => "account",
            Self::Inbox(_) => "inbox",
            Self::Nta7516 => "nta7516",
            Self::DirectDelivery(_) => "direct-delivery",
            Self::TransportSecurity(_) => "transport-security",
            Self::Sms => "sms",
            Self::AccessCode => "access-code",
            Self::Email => "email",
        })
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Account => "account",
            Self::Nta7516 => "nta7516",
            Self::DirectDelivery => "direct-delivery",
            Self::CustomAccessRight => "custom-access-right",
            Self::TransportSecurity => "transport-security",
            Self::Sms => "sms",
            Self::AccessCode => "access-code",
            Self::Email => "email",
        })
    }
}

impl fmt::Display for Why {
    /// One clause of plain English.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SwitchedOff => "the organisation has switched it off",
            Self::NotAsked => "the message does not ask for it",
            Self::NoAccount => "the recipient has no account with a second factor",
            Self::NotQualified => "the domains do not both qualify",
            Self::Unqualified(why) => return why.fmt(f),
            Self::FloorMissed(miss) => return miss.fmt(f),
            Self::NothingOnFile => "nothing is on file for the recipient",
            Self::BelowFloor => {
                "the recipient's server is below the minimum that the message asks for"
            }
            Self::WeakerThanAsked => "the message asks for a stronger proof",
        })
    }
}
