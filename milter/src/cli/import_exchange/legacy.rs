//! Rules of Exchange 2007 and 2010, whose exports hold elements instead of a command. What is known of them is turned into
//! the parameters of today; all else becomes a setting that nothing carries over, so that the rule is not put in force.

use super::powershell::{Setting, Value};
use super::xml::Element;

pub(super) fn settings(rule: &Element) -> Vec<Setting> {
    rule.children
        .iter()
        .flat_map(|part| match part.name.as_str() {
            "fork" => part.children.iter().map(fork).collect(),
            "condition" => conditions(part, false),
            "action" => vec![action(part)],
            _ => vec![unknown(part)],
        })
        .collect()
}

fn set(name: &str, values: impl IntoIterator<Item = String>) -> Setting {
    (name.to_owned(), values.into_iter().map(Value::Text).collect())
}

fn unknown(element: &Element) -> Setting {
    let of = element.attribute("property").or(element.attribute("name"));
    let of = of.map(|name| format!(" of {name}")).unwrap_or_default();
    set(&format!("<{}>{of}", element.name), values(element))
}

fn values(element: &Element) -> Vec<String> {
    element.named("value").map(|value| value.text.clone()).collect()
}

/// Conditions on recipients stand apart, since a message is split by them.
fn fork(element: &Element) -> Setting {
    let excepted = element.attribute("exception").is_some_and(|value| value == "true");
    let side = if excepted { "ExceptIf" } else { "" };
    match element.name.as_str() {
        "external" => set(&format!("{side}SentToScope"), ["NotInOrganization".to_owned()]),
        "internal" => set(&format!("{side}SentToScope"), ["InOrganization".to_owned()]),
        "recipient" => {
            set(&format!("{side}SentTo"), element.attribute("address").map(str::to_owned))
        }
        _ => unknown(element),
    }
}

/// All conditions of an `and`; each exception is a `not` among them.
fn conditions(element: &Element, excepted: bool) -> Vec<Setting> {
    element
        .children
        .iter()
        .flat_map(|child| match child.name.as_str() {
            "true" => Vec::new(),
            "and" if !excepted => conditions(child, false),
            // Exceptions stand beside each other: any of them holds the rule back.
            "or" if excepted => conditions(child, true),
            "not" if !excepted => conditions(child, true),
            _ => vec![condition(child, excepted)],
        })
        .collect()
}

fn condition(element: &Element, excepted: bool) -> Setting {
    let name = match (element.name.as_str(), element.attribute("property").unwrap_or_default()) {
        ("contains", "Message.Subject") => "SubjectContainsWords",
        ("matches" | "matchesRegex", "Message.Subject") => "SubjectMatchesPatterns",
        ("contains", "Message.From") => "FromAddressContainsWords",
        ("is", "Message.From") => "From",
        ("isMemberOf", "Message.From") => "FromMemberOf",
        ("isInternal", "Message.From") => return scope("FromScope", "InOrganization", excepted),
        ("isExternal", "Message.From") => return scope("FromScope", "NotInOrganization", excepted),
        _ => return unknown(element),
    };
    let side = if excepted { "ExceptIf" } else { "" };
    set(&format!("{side}{name}"), values(element))
}

fn scope(name: &str, scope: &str, excepted: bool) -> Setting {
    let side = if excepted { "ExceptIf" } else { "" };
    set(&format!("{side}{name}"), [scope.to_owned()])
}

fn action(element: &Element) -> Setting {
    let arguments: Vec<String> = element
        .named("argument")
        .filter_map(|argument| argument.attribute("value"))
        .map(str::to_owned)
        .collect();
    match element.attribute("name").unwrap_or_default() {
        "RightsProtectMessage" => set("ApplyRightsProtectionTemplate", arguments),
        "Halt" => ("StopRuleProcessing".to_owned(), vec![Value::Truth(true)]),
        name => set(&format!("<action> {name}"), arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::super::xml::parse;
    use super::*;

    #[track_caller]
    fn check(rule: &str, want: &[&str]) {
        let document = parse(&format!("<rule>{rule}</rule>")).unwrap();
        let shown: Vec<String> = settings(document.children.first().unwrap())
            .iter()
            .map(|(name, values)| {
                let values = values.iter().map(|value| match value {
                    Value::Text(text) => text.as_str(),
                    _ => "?",
                });
                format!("{name}={}", values.collect::<Vec<_>>().join("|"))
            })
            .collect();
        assert_eq!(shown, want, "{rule}");
    }

    #[test]
    fn known_elements_become_parameters_and_others_stay_visible() {
        check(
            "<fork><external/><recipient address=\"a@b.example\" exception=\"true\"/></fork>\
             <condition><and><true/><contains property=\"Message.Subject\"><value>a</value><value>b</value></contains>\
             <not><or><is property=\"Message.From\"><value>x@y.example</value></is><isMemberOf property=\"Message.From\">\
             <value>g</value></isMemberOf></or></not><is property=\"Message.Sensitivity\"><value>1</value></is></and></condition>\
             <action name=\"RightsProtectMessage\"><argument value=\"t\"/></action><action name=\"Halt\"/>\
             <action name=\"PrependSubject\"><argument value=\"[x]\"/></action>",
            &[
                "SentToScope=NotInOrganization",
                "ExceptIfSentTo=a@b.example",
                "SubjectContainsWords=a|b",
                "ExceptIfFrom=x@y.example",
                "ExceptIfFromMemberOf=g",
                "<is> of Message.Sensitivity=1",
                "ApplyRightsProtectionTemplate=t",
                "StopRuleProcessing=?",
                "<action> PrependSubject=[x]",
            ],
        );
    }

    #[test]
    fn what_cannot_be_told_apart_into_conditions_is_no_condition() {
        check("<condition><or><is property=\"Message.From\"/></or></condition>", &["<or>="]);
        check("<condition><not><and><true/></and></not></condition>", &["<and>="]);
    }
}
