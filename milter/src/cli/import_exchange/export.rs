//! The file that Exchange wrote: XML of `Export-TransportRuleCollection`, or JSON of `Get-TransportRule | ConvertTo-Json`.

use serde_json::Value as Json;

use super::legacy;
use super::powershell::{Setting, Value, settings};
use super::xml::{self, Element};

/// A mail flow rule: its settings by the names of `New-TransportRule`'s parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FlowRule {
    pub name: String,
    /// Or why they cannot be read.
    pub settings: Result<Vec<Setting>, String>,
}

/// The rules in the order of their priority.
pub(super) fn read(octets: &[u8]) -> Result<Vec<FlowRule>, String> {
    let text = text(octets)?;
    let rules = match text.trim_start().chars().next() {
        Some('<') => from_xml(&text)?,
        Some('[' | '{') => from_json(&text)?,
        _ => Vec::new(),
    };
    if rules.is_empty() {
        return Err(
            "no mail flow rule in it: give it the file of Export-TransportRuleCollection, or \
             the output of Get-TransportRule | ConvertTo-Json"
                .to_owned(),
        );
    }
    Ok(rules)
}

/// PowerShell writes UTF-16 or UTF-8, most often with a mark that says which. A declaration in the XML is not believed:
/// "utf-16" still stands in files that have long been turned into UTF-8.
fn text(octets: &[u8]) -> Result<String, String> {
    match octets {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [b'<' | b'[' | b'{', 0, ..] => utf16(octets, u16::from_le_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest),
        _ => utf8(octets),
    }
}

fn utf16(octets: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, String> {
    let (pairs, rest) = octets.as_chunks();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    match String::from_utf16(&units) {
        Ok(text) if rest.is_empty() => Ok(text),
        _ => Err("not the UTF-16 that it begins as".to_owned()),
    }
}

fn utf8(octets: &[u8]) -> Result<String, String> {
    String::from_utf8(octets.to_vec()).map_err(|_| "neither UTF-8 nor UTF-16".to_owned())
}

fn from_xml(text: &str) -> Result<Vec<FlowRule>, String> {
    let document = xml::parse(text).map_err(|why| format!("cannot be read as XML: {why}"))?;
    let lists = document.named("rules");
    Ok(lists.flat_map(|list| list.named("rule")).map(xml_rule).collect())
}

/// A rule may stand there in several versions, each for servers of that version and later; the newest says most.
fn xml_rule(rule: &Element) -> FlowRule {
    let name = rule.attribute("name").unwrap_or_default().to_owned();
    let newest = rule.named("version").max_by_key(|version| {
        let number = version.attribute("requiredMinVersion").unwrap_or_default();
        number.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>()
    });
    let body = newest.unwrap_or(rule);
    let mut read = match body.named("commandBlock").next() {
        Some(command) => settings(&command.text).map_err(|error| error.to_string()),
        None => Ok(legacy::settings(body)),
    };
    if let (Ok(settings), Some(state)) =
        (&mut read, rule.attribute("state").or(rule.attribute("enabled")))
    {
        settings.push(("State".to_owned(), vec![Value::Text(state.to_owned())]));
    }
    FlowRule { name, settings: read }
}

/// One rule, or a list of them.
fn from_json(text: &str) -> Result<Vec<FlowRule>, String> {
    let document: Json =
        serde_json::from_str(text).map_err(|error| format!("cannot be read as JSON: {error}"))?;
    let mut rules = match document {
        Json::Array(rules) => rules,
        one => vec![one],
    };
    rules.sort_by_key(|rule| rule.get("Priority").and_then(Json::as_i64).unwrap_or(i64::MAX));
    Ok(rules.iter().filter_map(json_rule).collect())
}

fn json_rule(rule: &Json) -> Option<FlowRule> {
    let name = rule.get("Name")?.as_str()?.to_owned();
    let settings = rule.as_object()?.iter().filter_map(|(key, value)| {
        let values = json_values(value);
        // The output names every setting that there is; this is what it says of those that are not set.
        let unset = |value: &Value| matches!(value, Value::Null | Value::Truth(false));
        let says_nothing = values.iter().all(unset) && key != "Enabled";
        (!says_nothing).then(|| (key.clone(), values))
    });
    Some(FlowRule { name, settings: Ok(settings.collect()) })
}

fn json_values(value: &Json) -> Vec<Value> {
    match value {
        Json::Array(values) => values.iter().flat_map(json_values).collect(),
        Json::Null => vec![Value::Null],
        Json::Bool(truth) => vec![Value::Truth(*truth)],
        Json::Number(number) => vec![Value::Text(number.to_string())],
        Json::String(text) if text.is_empty() => vec![Value::Null],
        Json::String(text) => vec![Value::Text(text.clone())],
        // An enumeration as some versions write it: its number and its name.
        Json::Object(object) => match object.get("Value") {
            Some(Json::String(text)) => vec![Value::Text(text.clone())],
            _ => vec![Value::Opaque("{…}".to_owned())],
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const XML: &str = "<?xml version=\"1.0\" encoding=\"utf-16\" standalone=\"yes\"?>\r\n\
        <rules name=\"TransportVersioned\">\r\n  <rule name=\"Jan's &amp; Co\" id=\"1\" format=\"cmdlet\">\r\n\
        <version requiredMinVersion=\"15.0.3.0\"><commandBlock><![CDATA[New-TransportRule -Name 'Jan''s & Co' -Mode Enforce]]>\
        </commandBlock></version><version requiredMinVersion=\"8.0.0.0\"><commandBlock>x</commandBlock></version>\
        </rule><rule name=\"b\"><version requiredMinVersion=\"15.0.3.0\"><commandBlock>y</commandBlock></version></rule></rules>";

    #[track_caller]
    fn check(octets: &[u8], want: &[(&str, &[&str])]) {
        let rules = read(octets).unwrap();
        let shown: Vec<(&str, Vec<&str>)> = rules
            .iter()
            .map(|rule| {
                let keys = rule.settings.iter().flatten().map(|(key, _)| key.as_str());
                (rule.name.as_str(), keys.collect())
            })
            .collect();
        let want: Vec<(&str, Vec<&str>)> =
            want.iter().map(|(name, keys)| (*name, keys.to_vec())).collect();
        assert_eq!(shown, want);
    }

    #[test]
    fn xml_is_read_in_every_encoding_that_powershell_writes() {
        let want: &[(&str, &[&str])] = &[("Jan's & Co", &["Name", "Mode"]), ("b", &[])];
        check(XML.as_bytes(), want);
        check(&[b"\xef\xbb\xbf", XML.as_bytes()].concat(), want);
        let little: Vec<u8> = XML.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = XML.encode_utf16().flat_map(u16::to_be_bytes).collect();
        check(&little, want);
        check(&[&[0xff, 0xfe], little.as_slice()].concat(), want);
        check(&[&[0xfe, 0xff], big.as_slice()].concat(), want);
    }

    #[test]
    fn json_comes_in_the_order_of_priority_and_without_what_is_not_set() {
        check(
            br#"[{"Name":"b","Priority":1,"State":"Disabled","SubjectContainsWords":null,"From":[],"ApplyOME":false},
                {"Name":"a","Priority":0,"Enabled":false,"Mode":{"value":2,"Value":"Enforce"},"From":["x@y.example"]}]"#,
            &[("a", &["Enabled", "From", "Mode", "Name", "Priority"]), ("b", &["Name", "Priority", "State"])],
        );
        check(br#"{"Name":"only"}"#, &[("only", &["Name"])]);
    }

    #[test]
    fn what_holds_no_rule_is_refused() {
        for text in
            ["", "<rules/>", "[]", "{}", "New-TransportRule -Name x", "<rules>", "[{", "\u{feff}<"]
        {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
        assert!(read(b"\xff\xfe<").is_err());
    }
}
