//! From a mail flow rule to a rule of ours, setting by setting. A setting that is not known is taken for a condition: a rule is
//! put in force only when nothing of it was left out.

use super::action;
use super::condition::{self, Rule};
use super::draft::{Draft, Side};
use super::export::FlowRule;
use super::powershell::{Setting, Value};
use zegel_core::address::Domain;

/// What says nothing about which messages a rule applies to, and does nothing to them: its name and history, and, in the
/// output of `Get-TransportRule`, what the cmdlet adds.
const WITHOUT_EFFECT: [&str; 32] = [
    "Name",
    "Comments",
    "Priority",
    "SetAuditSeverity",
    "RuleErrorAction",
    "RuleSubType",
    "DlpPolicy",
    "DlpPolicyId",
    "Identity",
    "Guid",
    "ImmutableId",
    "DistinguishedName",
    "Description",
    "State",
    "Enabled",
    "Mode",
    "RuleVersion",
    "Conditions",
    "Exceptions",
    "Actions",
    "UseLegacyRegex",
    "RecipientAddressType",
    "ManuallyModified",
    "OrganizationId",
    "CreatedBy",
    "LastModifiedBy",
    "WhenChanged",
    "IsValid",
    "ObjectState",
    "Size",
    "ExchangeVersion",
    "StopRuleProcessing",
];

/// Carries a rule over. `own` are the organisation's domains, as far as they are known.
pub(super) fn carry(rule: &FlowRule, own: &[Domain]) -> Draft {
    let mut draft = Draft::default();
    let settings = match &rule.settings {
        Ok(settings) => settings,
        Err(why) => {
            draft.lacks(format!("its command cannot be read: {why}"));
            return draft;
        }
    };
    state(settings, &mut draft);
    draft.action = action::carry(settings, &mut draft);
    let rule = Rule { settings, own, action: draft.action };
    for (name, values) in settings {
        if is_without_effect(name) || action::is_one(name) || is_unset(values) {
            continue;
        }
        let (side, base) = match name.strip_prefix("ExceptIf") {
            Some(base) => (Side::Except, base),
            None => (Side::When, name.as_str()),
        };
        match texts(values) {
            Some(values) => condition::carry(&rule, side, base, &values, &mut draft),
            None => draft.lacks(format!("{name}: its value is known to Exchange only")),
        }
    }
    draft
}

fn is_without_effect(name: &str) -> bool {
    WITHOUT_EFFECT.iter().any(|known| known.eq_ignore_ascii_case(name))
        || name.starts_with("PS")
        || name.starts_with("RunspaceId")
        || name.contains("@odata")
}

fn is_unset(values: &[Value]) -> bool {
    values.iter().all(|value| matches!(value, Value::Null | Value::Truth(false)))
}

/// The values as texts; none where one has to be run to be known.
fn texts(values: &[Value]) -> Option<Vec<&str>> {
    let text = |value| match value {
        &Value::Truth(truth) => Some(if truth { "$true" } else { "$false" }),
        Value::Text(text) => Some(text.as_str()),
        Value::Null | Value::Opaque(_) => None,
    };
    values.iter().map(text).collect()
}

/// The value of a setting that has one.
pub(super) fn one<'a>(settings: &'a [Setting], name: &str) -> Option<&'a Value> {
    let mut named = settings.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
    named.next().and_then(|(_, values)| values.first())
}

/// Whether and how the rule is in force.
fn state(settings: &[Setting], draft: &mut Draft) {
    let is = |value: &Value, word: &str| matches!(value, Value::Text(text) if text.eq_ignore_ascii_case(word));
    match (one(settings, "Enabled"), one(settings, "State")) {
        (Some(Value::Truth(enabled)), _) => draft.disabled = !enabled,
        (None, Some(state)) if is(state, "Disabled") => draft.disabled = true,
        (None, Some(state)) if is(state, "Enabled") => (),
        (None, None) => (),
        (Some(_), _) | (None, Some(_)) => draft.lacks("whether it is switched on cannot be told"),
    }
    match one(settings, "Mode") {
        None => (),
        Some(mode) if is(mode, "Enforce") => (),
        Some(mode) if is(mode, "Audit") || is(mode, "AuditAndNotify") => draft.monitor = true,
        Some(_) => draft.lacks("whether it is enforced cannot be told"),
    }
}
