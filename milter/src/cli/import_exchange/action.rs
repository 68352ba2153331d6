//! What a mail flow rule does, as far as it concerns us.

use super::carry::one;
use super::draft::{Action, Draft};
use super::powershell::{Setting, Value};

/// Other things that rules do, by how the settings for them begin.
const OTHERS: [&str; 37] = [
    "ApplyHtmlDisclaimer",
    "ApplyClassification",
    "ApplyRightsProtectionCustomizationTemplate",
    "PrependSubject",
    "SetSCL",
    "SetHeader",
    "RemoveHeader",
    "AddToRecipients",
    "AddManagerAsRecipientType",
    "CopyTo",
    "BlindCopyTo",
    "ModerateMessage",
    "RedirectMessageTo",
    "RejectMessage",
    "SmtpRejectMessage",
    "DeleteMessage",
    "Quarantine",
    "Disconnect",
    "GenerateIncidentReport",
    "IncidentReport",
    "GenerateNotification",
    "NotifySender",
    "SenderNotificationType",
    "LogEventText",
    "RemoveOME",
    "RemoveRMSAttachmentEncryption",
    "RouteMessageOutboundRequireTls",
    "RouteMessageOutboundConnector",
    "ApplyRightsProtectionTemplate",
    "ApplyOME",
    "SetExtendedEventProperties",
    "DeliverMessage",
    "AddToCc",
    "HostedContentFilter",
    "ApplyDataClassification",
    "AttributeName",
    "<action>",
];

pub(super) fn is_one(name: &str) -> bool {
    OTHERS.iter().any(|action| name.starts_with(action))
}

/// What becomes of the messages: `secure` where Exchange encrypted them or handed them to Zivver, `ordinary` where it only
/// stopped asking further rules. None: the rule does nothing of that.
pub(super) fn carry(settings: &[Setting], draft: &mut Draft) -> Option<Action> {
    let secures = is_encryption(settings, draft)
        | is_gateway(settings, draft)
        | is_directive(settings, draft);
    let stops = matches!(one(settings, "StopRuleProcessing"), Some(Value::Truth(true)));
    let others = others(settings);
    match (secures, stops) {
        (true, _) => {
            leave(&others, draft);
            Some(Action::Secure)
        }
        (false, true) => {
            leave(&others, draft);
            draft.notes("it kept later rules from being asked, which is what \"ordinary\" does");
            Some(Action::Ordinary)
        }
        (false, false) => {
            let what = if others.is_empty() { "nothing".to_owned() } else { others.join(", ") };
            draft.lacks(format!("the rule secures nothing; what it does: {what}"));
            None
        }
    }
}

fn leave(actions: &[String], draft: &mut Draft) {
    for action in actions {
        draft.drops(format!("{action} is left to the mail server"));
    }
}

fn is_set(settings: &[Setting], name: &str) -> bool {
    one(settings, name).is_some_and(|value| !matches!(value, Value::Null | Value::Truth(false)))
}

fn is_encryption(settings: &[Setting], draft: &mut Draft) -> bool {
    let template = is_set(settings, "ApplyRightsProtectionTemplate");
    if let Some(Value::Text(name)) = one(settings, "ApplyRightsProtectionTemplate")
        && !name.eq_ignore_ascii_case("Encrypt")
    {
        draft.drops(format!(
            "the usage rights of {name:?} are not kept: the message is secured, not restricted"
        ));
    }
    template || is_set(settings, "ApplyOME")
}

/// A connector's name is all that an export says of it.
fn is_gateway(settings: &[Setting], draft: &mut Draft) -> bool {
    match one(settings, "RouteMessageOutboundConnector") {
        Some(Value::Text(name)) if name.to_ascii_lowercase().contains("zivver") => true,
        Some(Value::Text(name)) => {
            draft.lacks(format!(
                "RouteMessageOutboundConnector {name:?}: whether it leads to an encryption gateway cannot be told; if it \
                 does, take the comment signs off the rule"
            ));
            true
        }
        _ => false,
    }
}

/// A `zivver-*` header that the rule set goes along.
fn is_directive(settings: &[Setting], draft: &mut Draft) -> bool {
    match (one(settings, "SetHeaderName"), one(settings, "SetHeaderValue")) {
        (Some(Value::Text(name)), Some(Value::Text(value))) if is_control(name) => {
            draft.header(name, value);
            true
        }
        _ => false,
    }
}

fn is_control(name: &str) -> bool {
    name.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("zivver-"))
}

/// What the rule does beside.
fn others(settings: &[Setting]) -> Vec<String> {
    const CARRIED: [&str; 3] =
        ["ApplyRightsProtectionTemplate", "ApplyOME", "RouteMessageOutboundConnector"];
    let is_carried = |name: &str| CARRIED.iter().any(|known| known.eq_ignore_ascii_case(name));
    let directive =
        matches!(one(settings, "SetHeaderName"), Some(Value::Text(name)) if is_control(name));
    let others = settings.iter().filter(|(name, values)| {
        is_one(name)
            && !is_carried(name)
            && !(directive && name.starts_with("SetHeader"))
            && values.iter().any(|value| !matches!(value, Value::Null | Value::Truth(false)))
    });
    others.map(|(name, _)| name.clone()).collect()
}
