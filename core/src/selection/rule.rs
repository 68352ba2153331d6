//! Rules as data: what stands in the configuration, checked while it is read.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::condition::Conditions;
use crate::directive;
use crate::message::Head;
use crate::transport::Floor;

/// Rules in the order in which they are asked; no two have the same name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<Rule>")]
pub struct Rules(Vec<Rule>);

/// One rule: when all conditions hold and no exception does, it decides.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Rule {
    pub name: Name,
    pub when: Conditions,
    pub except: Conditions,
    pub action: Action,
    pub mode: Mode,
    /// Which way a message goes when the rule hangs on a part that cannot be read.
    pub unreadable: Way,
}

/// The two ways that a message can go.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// To the relay.
    #[default]
    Secure,
    /// On, as it would without us.
    Ordinary,
}

/// Whether rules act.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    #[default]
    Enforce,
    /// They only say what they would do.
    Monitor,
}

/// What becomes of a message that a rule decides about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// To the relay, with these directives added.
    Secure(Vec<Directive>),
    /// On its ordinary way.
    Ordinary,
}

/// A directive that a rule gives: a `zivver-*` header, known to be sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    pub name: &'static str,
    pub value: String,
}

/// A rule's name, as it stands in the log: one printable line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// What is wrong with a rule, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    #[error("a rule's name is one line of 1 to {NAME_MAX} printable characters")]
    Name,
    #[error("two rules are called {0:?}: the log would not tell them apart; rename one")]
    Twice(String),
    #[error("headers go with action = \"secure\" only: leave them out, or secure the message")]
    HeadersOnOrdinary,
    #[error(
        "strip goes under when, with action = \"secure\": there is no other mail whose subject is changed"
    )]
    Strip,
    #[error("{0:?} is no header that a rule can add: write one of {SETTABLE}")]
    Header(String),
    #[error(
        "zivver-access-right is for one recipient, and a rule is for all: the sending application adds it"
    )]
    AccessRight,
    #[error("{name}: {why}")]
    Value { name: &'static str, why: String },
}

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    name: Name,
    /// Not optional: a rule for every message says so with `when = {}`.
    when: Conditions,
    #[serde(default)]
    except: Conditions,
    action: Way,
    #[serde(default)]
    headers: Directives,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    unreadable: Way,
}

/// The `headers` table.
#[derive(Default)]
struct Directives(Vec<Directive>);

/// Characters in a rule's name: it has to fit a log line and a reply.
const NAME_MAX: usize = 80;

const DIRECT_DELIVERY: &str = "zivver-direct-delivery";
const MINIMUM_VERIFICATION: &str = "zivver-minimum-recipient-verification";
const EXPIRATION: &str = "zivver-message-expiration";
const ACCESS_RIGHT: &str = "zivver-access-right";

const SETTABLE: &str =
    "zivver-direct-delivery, zivver-minimum-recipient-verification, zivver-message-expiration";

impl Rules {
    pub fn iter(&self) -> std::slice::Iter<'_, Rule> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Rules {
    type Item = &'a Rule;
    type IntoIter = std::slice::Iter<'a, Rule>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl TryFrom<Vec<Rule>> for Rules {
    type Error = RuleError;

    fn try_from(rules: Vec<Rule>) -> Result<Self, RuleError> {
        for (at, rule) in rules.iter().enumerate() {
            if rules.iter().take(at).any(|earlier| earlier.name == rule.name) {
                return Err(RuleError::Twice(rule.name.0.clone()));
            }
        }
        Ok(Self(rules))
    }
}

impl TryFrom<Written> for Rule {
    type Error = RuleError;

    fn try_from(written: Written) -> Result<Self, RuleError> {
        let Written { name, when, except, action, headers, mode, unreadable } = written;
        let action = match action {
            Way::Secure => Action::Secure(headers.0),
            Way::Ordinary if headers.0.is_empty() => Action::Ordinary,
            Way::Ordinary => return Err(RuleError::HeadersOnOrdinary),
        };
        let strips_in_vain = except.strips() || (action == Action::Ordinary && when.strips());
        if strips_in_vain {
            return Err(RuleError::Strip);
        }
        Ok(Self { name, when, except, action, mode, unreadable })
    }
}

impl<'de> Deserialize<'de> for Directives {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table: BTreeMap<String, String> = BTreeMap::deserialize(deserializer)?;
        let directives = table.into_iter().map(|(name, value)| Directive::new(&name, value));
        directives.collect::<Result<_, _>>().map(Self).map_err(D::Error::custom)
    }
}

impl Directive {
    /// Checks a header the way the relay will: a rule that has every message refused is found here, not in the mail.
    pub fn new(name: &str, value: String) -> Result<Self, RuleError> {
        let known = [DIRECT_DELIVERY, MINIMUM_VERIFICATION, EXPIRATION];
        if name.eq_ignore_ascii_case(ACCESS_RIGHT) {
            return Err(RuleError::AccessRight);
        }
        let Some(name) = known.into_iter().find(|known| known.eq_ignore_ascii_case(name)) else {
            return Err(RuleError::Header(name.to_owned()));
        };
        match fault(name, &value) {
            Some(why) => Err(RuleError::Value { name, why }),
            None => Ok(Self { name, value }),
        }
    }
}

/// What is wrong with a header's value.
fn fault(name: &str, value: &str) -> Option<String> {
    if value.chars().any(char::is_control) {
        return Some("the value is one line".to_owned());
    }
    let section = format!("{name}: {value}\r\n\r\n");
    let wishes = match Head::parse(section.as_bytes()) {
        Ok(head) => directive::read(&head, &[]),
        Err(error) => return Some(error.why.to_owned()),
    };
    match wishes {
        Err(error) => Some(error.why),
        // These two do not refuse a message: they would quietly ask for what nobody can give, or for nothing.
        Ok(wishes) if name == DIRECT_DELIVERY && wishes.direct.is_none_or(|floor| floor == Floor::Impossible) => {
            Some("no connection meets this; write \"tls tls1.2\" or \"tls tls1.2 auth certificate-validation\"".to_owned())
        }
        Ok(wishes) if name == MINIMUM_VERIFICATION && !wishes.email_fallback => {
            Some("the only value with a meaning is \"verification-email\"".to_owned())
        }
        Ok(_) => None,
    }
}

impl Name {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = RuleError;

    fn try_from(name: String) -> Result<Self, RuleError> {
        let sound = !name.trim().is_empty()
            && name.chars().count() <= NAME_MAX
            && !name.chars().any(char::is_control);
        if sound { Ok(Self(name)) } else { Err(RuleError::Name) }
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Action {
    pub fn way(&self) -> Way {
        match self {
            Self::Secure(_) => Way::Secure,
            Self::Ordinary => Way::Ordinary,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secure(_) => "secure",
            Self::Ordinary => "ordinary",
        })
    }
}
