//! What a mail flow rule looks at, in our words. Each arm is one of Exchange's conditions; its exception is the same behind
//! `ExceptIf`.

use ipnet::IpNet;
use toml::Value;
use zegel_core::address::{Address, Domain};
use zegel_core::label::Guid;

use super::carry::one;
use super::draft::{Action, Draft, Side, list, tables};
use super::powershell::{Setting, Value as Given};

/// What a condition is carried over in sight of.
pub(super) struct Rule<'a> {
    pub settings: &'a [Setting],
    pub own: &'a [Domain],
    pub action: Option<Action>,
}

/// The field that mail programs keep labels in.
const LABELS: &str = "msip_labels";

pub(super) fn carry(rule: &Rule<'_>, side: Side, name: &str, values: &[&str], draft: &mut Draft) {
    let asked_by = match side {
        Side::When => name.to_owned(),
        Side::Except => format!("ExceptIf{name}"),
    };
    let carried = match name {
        "SubjectContainsWords" => Ok(("subject", list(values))),
        "SubjectMatchesPatterns" => Ok(("subject", patterns(values))),
        "From" => senders::<Address>(rule, values),
        "SenderDomainIs" => senders::<Domain>(rule, values),
        "FromScope" => from_scope(rule, values),
        "HeaderContainsMessageHeader" => header(rule, side, values, "HeaderContainsWords"),
        "HeaderMatchesMessageHeader" => header(rule, side, values, "HeaderMatchesPatterns"),
        // Carried with the name of the field.
        "HeaderContainsWords" | "HeaderMatchesPatterns" | "SenderAddressLocation" => return,
        "AttachmentPropertyContainsWords" => labels(values).or_else(|_| properties(values)),
        "SenderIpRanges" => networks(values),
        "MessageSizeOver" => size(values),
        "SentToScope" => return sent_to_scope(rule, side, values, &asked_by, draft),
        "RecipientDomainIs" => return recipient_domain(rule, side, values, &asked_by, draft),
        "SubjectOrBodyContainsWords" => {
            draft.condition(side, "subject", list(values), &asked_by);
            Err("no rule looks into the text of a message; only the subject is asked about"
                .to_owned())
        }
        "FromAddressContainsWords" => return address_words(side, values, &asked_by, draft),
        _ => Err(reason(name).to_owned()),
    };
    match carried {
        Ok((key, value)) => draft.condition(side, key, value, &asked_by),
        Err(why) => draft.lacks(format!("{asked_by} {}: {why}", shown(values))),
    }
}

type Carried = Result<(&'static str, Value), String>;

/// Why a condition has no counterpart.
fn reason(name: &str) -> &'static str {
    match name {
        "FromMemberOf"
        | "SentToMemberOf"
        | "AnyOfToHeaderMemberOf"
        | "AnyOfCcHeaderMemberOf"
        | "AnyOfToCcHeaderMemberOf"
        | "BetweenMemberOf1"
        | "BetweenMemberOf2"
        | "ManagerAddresses"
        | "ManagerForEvaluatedUser" => {
            "the members of a group are known to the directory only; write their addresses under \"sender\""
        }
        "ActivationDate" | "ExpiryDate" => "a rule is in force as long as it stands in the file",
        name if name.contains("ADAttribute") || name.contains("ADComparison") => {
            "the attributes of a person are known to the directory only"
        }
        name if name.starts_with("SubjectOrBody") => "no rule looks into the text of a message",
        name if name.starts_with("Attachment") => {
            "of attachments, only labels and properties are looked at"
        }
        name if name.contains("DataClassification") => {
            "no rule looks for kinds of sensitive content"
        }
        name if name.starts_with("SentTo")
            || name.contains("Recipient")
            || name.starts_with("AnyOf") =>
        {
            "rules ask about all recipients of a message together, by their domains"
        }
        _ => "there is no such condition",
    }
}

fn shown(values: &[&str]) -> String {
    values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(", ")
}

/// Exchange takes no notice of case.
fn patterns(values: &[&str]) -> Value {
    tables(values.iter().map(|pattern| [("regex", Value::String(format!("(?i){pattern}")))]))
}

/// Where the sender is looked for.
fn location(rule: &Rule<'_>) -> Result<&'static str, String> {
    match one(rule.settings, "SenderAddressLocation") {
        None => Ok("sender"),
        Some(Given::Text(place)) if place.eq_ignore_ascii_case("Header") => Ok("sender"),
        Some(Given::Text(place)) if place.eq_ignore_ascii_case("Envelope") => Ok("envelope-sender"),
        Some(_) => Err("SenderAddressLocation: the sender is looked for in the header or in the envelope, not in both".to_owned()),
    }
}

fn senders<T: std::str::FromStr + ToString>(rule: &Rule<'_>, values: &[&str]) -> Carried {
    let key = location(rule)?;
    let known: Result<Vec<T>, _> = values.iter().map(|value| value.parse()).collect();
    let known = known.map_err(|_| "not all of these are SMTP addresses or domains".to_owned())?;
    Ok((key, list(known)))
}

fn from_scope(rule: &Rule<'_>, values: &[&str]) -> Carried {
    match values {
        [scope] if scope.eq_ignore_ascii_case("InOrganization") && !rule.own.is_empty() => {
            Ok(("sender", list(rule.own)))
        }
        [scope] if scope.eq_ignore_ascii_case("InOrganization") => {
            Err("which domains are the organisation's own? Name them with --domain".to_owned())
        }
        _ => Err("rules tell senders by their address".to_owned()),
    }
}

/// The field's name stands in one setting, and what to find in it in another.
fn header<'a>(rule: &Rule<'a>, side: Side, names: &[&str], content: &str) -> Carried {
    let content_name = match side {
        Side::When => content.to_owned(),
        Side::Except => format!("ExceptIf{content}"),
    };
    let mut found =
        rule.settings.iter().filter(|(known, _)| known.eq_ignore_ascii_case(&content_name));
    let values: Option<Vec<&str>> = found.next().and_then(|(_, values)| {
        let text = |value: &'a Given| match value {
            Given::Text(text) => Some(text.as_str()),
            _ => None,
        };
        values.iter().map(text).collect()
    });
    let ([name], Some(values)) = (names, values.filter(|values| !values.is_empty())) else {
        return Err(format!("{content_name} does not say what to look for"));
    };
    if name.eq_ignore_ascii_case(LABELS)
        && let Ok(carried) = labels(&values)
    {
        return Ok(carried);
    }
    let name = || Value::String((*name).to_owned());
    let tables = if content == "HeaderContainsWords" {
        tables([[("name", name()), ("words", list(values))]])
    } else {
        let pattern =
            |value: &&str| [("name", name()), ("regex", Value::String(format!("(?i){value}")))];
        tables(values.iter().map(pattern))
    };
    Ok(("header", tables))
}

/// `MSIP_Label_<guid>_Enabled=True` of the field, `MSIP_Label_<guid>_Enabled:True` of a document's properties.
fn labels(values: &[&str]) -> Carried {
    let guids: Option<Vec<Guid>> = values.iter().map(|value| label(value)).collect();
    match guids {
        Some(guids) => Ok((
            "label",
            tables(guids.iter().map(|guid| [("guid", Value::String(guid.to_string()))])),
        )),
        None => Err("not all of these name a label".to_owned()),
    }
}

/// Octets of a GUID.
const GUID_LENGTH: usize = 36;

fn label(value: &str) -> Option<Guid> {
    let bare = value.trim().trim_end_matches(';').to_ascii_lowercase();
    let bare = bare.strip_prefix("msip_label_").unwrap_or(&bare);
    let (guid, rest) = bare.split_at_checked(GUID_LENGTH)?;
    let rest: String = rest.chars().filter(|c| !matches!(c, '\\' | ' ')).collect();
    matches!(rest.as_str(), "" | "_enabled" | "_enabled=true" | "_enabled:true")
        .then(|| guid.parse().ok())?
}

/// `Department:Sales,Marketing`.
fn properties(values: &[&str]) -> Carried {
    let property = |value: &&str| {
        let (name, words) = value.split_once(':')?;
        let words = words.split(',').map(str::trim).filter(|word| !word.is_empty());
        Some([("name", Value::String(name.trim().to_owned())), ("words", list(words))])
    };
    let all: Option<Vec<_>> = values.iter().map(property).collect();
    let all = all.ok_or("a property is written as \"name:word,word\"")?;
    Ok(("property", tables(all)))
}

fn networks(values: &[&str]) -> Carried {
    let is_network =
        |value: &&str| value.parse::<IpNet>().is_ok() || value.parse::<std::net::IpAddr>().is_ok();
    if values.iter().all(is_network) {
        Ok(("client", list(values)))
    } else {
        Err("write ranges as networks".to_owned())
    }
}

/// `10 MB (10,485,760 bytes)`, or octets.
fn size(values: &[&str]) -> Carried {
    let octets = values.first().and_then(|value| {
        let exact = value.split_once('(').map_or(*value, |(_, exact)| exact);
        let digits: String = exact
            .chars()
            .take_while(|c| c.is_ascii_digit() || *c == ',')
            .filter(|c| *c != ',')
            .collect();
        let rest = exact.trim_start_matches(|c: char| c.is_ascii_digit() || c == ',');
        matches!(rest.trim(), "" | "bytes)" | "B").then(|| digits.parse::<i64>().ok())?
    });
    let octets = octets.ok_or("the size cannot be read")?;
    Ok(("size", Value::Table([("over".to_owned(), Value::Integer(octets))].into_iter().collect())))
}

const WHOLE: &str = "Exchange decides per recipient and splits the message; here one decision is made for the whole message, and \
     it errs on the side of securing it";

fn recipients(kind: &str, domains: &[Domain]) -> Value {
    Value::Array(vec![Value::Table([(kind.to_owned(), list(domains))].into_iter().collect())])
}

/// Only "to anybody outside" can be asked of a whole message.
fn sent_to_scope(rule: &Rule<'_>, side: Side, values: &[&str], asked_by: &str, draft: &mut Draft) {
    let outside = matches!(values, [scope] if scope.eq_ignore_ascii_case("NotInOrganization"));
    match (outside, side, rule.action) {
        (true, Side::When, Some(Action::Secure)) => {
            draft.condition(side, "recipients", list(["any-external"]), asked_by);
            draft.notes(WHOLE);
        }
        _ => draft.lacks(format!(
            "{asked_by} {}: of all recipients together, only whether any is outside the organisation can be asked, to secure the message",
            shown(values)
        )),
    }
}

/// In doubt, that is where only some recipients are in these domains, the message is secured.
fn recipient_domain(
    rule: &Rule<'_>,
    side: Side,
    values: &[&str],
    asked_by: &str,
    draft: &mut Draft,
) {
    let domains: Result<Vec<Domain>, _> = values.iter().map(|value| value.parse()).collect();
    let Ok(domains) = domains else {
        return draft.lacks(format!("{asked_by} {}: not all of these are domains", shown(values)));
    };
    let (side, kind) = match (side, rule.action) {
        (Side::When, Some(Action::Ordinary)) => (Side::When, "all-in"),
        (Side::Except, Some(Action::Ordinary)) => (Side::When, "none-in"),
        (Side::When, _) => (Side::When, "any-in"),
        (Side::Except, _) => (Side::Except, "all-in"),
    };
    draft.condition(side, "recipients", recipients(kind, &domains), asked_by);
    draft.notes(WHOLE);
}

/// The nearest that there is: whole addresses and whole domains.
fn address_words(side: Side, values: &[&str], asked_by: &str, draft: &mut Draft) {
    let near = |value: &&str| {
        let bare = value.trim().trim_start_matches('@');
        bare.parse::<Address>().is_ok() || bare.parse::<Domain>().is_ok()
    };
    let bare = values.iter().map(|value| value.trim().trim_start_matches('@'));
    if values.iter().all(near) {
        draft.condition(side, "sender", list(bare), asked_by);
    }
    draft.lacks(format!(
        "{asked_by} {}: senders are asked for by their whole address or domain, not by words in it",
        shown(values)
    ));
}
