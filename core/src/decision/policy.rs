//! The organisation's switches, and each of them by name.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::transport::Floor;

/// The organisation's switches.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is one switch of the configuration, free of the others"
)]
pub struct Policy {
    pub account: bool,
    pub nta7516: bool,
    pub direct: bool,
    /// Transport security at this level counts as verification; absent: it does not.
    pub transport: Option<Floor>,
    pub sms: bool,
    pub access_code: bool,
    pub email: bool,
    /// Where `email` is off, may the sender who is asked for a factor allow it for that recipient?
    pub email_by_sender: bool,
    /// Whom a recipient keeps waiting who cannot be verified yet.
    pub hold: Hold,
}

/// Whose deliveries wait until the sender has given what is needed.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// That of the recipient who cannot be verified; the others go at once.
    #[default]
    Recipient,
    /// All of the message's.
    All,
}

impl Default for Policy {
    /// Everything is allowed but transport security as verification, which the organisation must choose.
    fn default() -> Self {
        Self {
            account: true,
            nta7516: true,
            direct: true,
            transport: None,
            sms: true,
            access_code: true,
            email: true,
            email_by_sender: false,
            hold: Hold::Recipient,
        }
    }
}

/// One of the switches.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Setting {
    Account,
    Nta7516,
    Direct,
    Transport,
    Sms,
    AccessCode,
    Email,
    EmailBySender,
    Hold,
}

/// A value of a switch, such as `off`; `pkix` for the one that has levels, `all` for whom one keeps waiting.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Value(Position);

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Position {
    Off,
    On,
    Level(Floor),
    Hold(Hold),
}

impl Setting {
    pub const ALL: [Self; 9] = [
        Self::Account,
        Self::Nta7516,
        Self::Direct,
        Self::Transport,
        Self::Sms,
        Self::AccessCode,
        Self::Email,
        Self::EmailBySender,
        Self::Hold,
    ];

    /// As it is called in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Nta7516 => "nta7516",
            Self::Direct => "direct",
            Self::Transport => "transport",
            Self::Sms => "sms",
            Self::AccessCode => "access-code",
            Self::Email => "email",
            Self::EmailBySender => "email-by-sender",
            Self::Hold => "hold",
        }
    }

    /// Reads a value that this switch can have.
    pub fn read(self, text: &str) -> Result<Value, String> {
        let position = match (self, text) {
            (Self::Hold, "recipient") => Position::Hold(Hold::Recipient),
            (Self::Hold, "all") => Position::Hold(Hold::All),
            (Self::Hold, _) => {
                return Err(format!("hold can be recipient or all, not `{text}`"));
            }
            (_, "off") => Position::Off,
            (Self::Transport, "tls") => Position::Level(Floor::Tls),
            (Self::Transport, "pkix") => Position::Level(Floor::Pkix),
            (Self::Transport, "dane") => Position::Level(Floor::Dane),
            (Self::Transport, _) => {
                return Err(format!("transport can be off, tls, pkix or dane, not `{text}`"));
            }
            (_, "on") => Position::On,
            _ => return Err(format!("{} can be on or off, not `{text}`", self.name())),
        };
        Ok(Value(position))
    }
}

impl Policy {
    pub fn value(&self, setting: Setting) -> Value {
        let switch = |on| if on { Position::On } else { Position::Off };
        Value(match setting {
            Setting::Account => switch(self.account),
            Setting::Nta7516 => switch(self.nta7516),
            Setting::Direct => switch(self.direct),
            Setting::Transport => self.transport.map_or(Position::Off, Position::Level),
            Setting::Sms => switch(self.sms),
            Setting::AccessCode => switch(self.access_code),
            Setting::Email => switch(self.email),
            Setting::EmailBySender => switch(self.email_by_sender),
            Setting::Hold => Position::Hold(self.hold),
        })
    }

    /// The same with one switch set. A value that this switch cannot have leaves it as it is; [`Setting::read`] makes none.
    #[must_use]
    pub fn with(mut self, setting: Setting, Value(position): Value) -> Self {
        let on = match (setting, position) {
            (Setting::Transport, Position::Off) => {
                self.transport = None;
                return self;
            }
            (Setting::Transport, Position::Level(floor)) => {
                self.transport = Some(floor);
                return self;
            }
            (Setting::Hold, Position::Hold(hold)) => {
                self.hold = hold;
                return self;
            }
            (_, Position::Off) => false,
            (_, Position::On) => true,
            (_, Position::Level(_) | Position::Hold(_)) => return self,
        };
        match setting {
            Setting::Account => self.account = on,
            Setting::Nta7516 => self.nta7516 = on,
            Setting::Direct => self.direct = on,
            Setting::Sms => self.sms = on,
            Setting::AccessCode => self.access_code = on,
            Setting::Email => self.email = on,
            Setting::EmailBySender => self.email_by_sender = on,
            Setting::Transport | Setting::Hold => {}
        }
        self
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|setting| setting.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("there is no switch `{text}`; there are {names}")
        })
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Position::Off => f.write_str("off"),
            Position::On => f.write_str("on"),
            Position::Level(floor) => floor.fmt(f),
            Position::Hold(Hold::Recipient) => f.write_str("recipient"),
            Position::Hold(Hold::All) => f.write_str("all"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Setting this switch to this value changes nothing else.
    #[track_caller]
    fn check(setting: Setting, text: &str) {
        let value = setting.read(text).unwrap();
        assert_eq!(value.to_string(), text);
        let policy = Policy::default().with(setting, value);
        assert_eq!(policy.value(setting), value);
        for other in Setting::ALL.into_iter().filter(|other| *other != setting) {
            assert_eq!(policy.value(other), Policy::default().value(other), "{setting}: {other}");
        }
    }

    #[test]
    fn every_switch_can_be_set_and_changes_nothing_but_itself() {
        for setting in Setting::ALL {
            assert_eq!(setting.name().parse(), Ok(setting));
            let values: &[&str] = match setting {
                Setting::Transport => &["off", "tls", "pkix", "dane"],
                Setting::Hold => &["recipient", "all"],
                _ => &["off", "on"],
            };
            for text in values {
                check(setting, text);
            }
        }
    }

    #[test]
    fn what_a_switch_cannot_be_is_said() {
        for (setting, text, told) in [
            (Setting::Email, "pkix", "email can be on or off, not `pkix`"),
            (Setting::Transport, "on", "transport can be off, tls, pkix or dane, not `on`"),
            (Setting::Transport, "impossible", "transport can be off, tls, pkix or dane"),
            (Setting::Sms, "ON", "sms can be on or off"),
            (Setting::Hold, "off", "hold can be recipient or all"),
        ] {
            let error = setting.read(text).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
        assert!("mail".parse::<Setting>().unwrap_err().contains("access-code, email"));
    }
}
