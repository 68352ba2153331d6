//! Text messages: who sends them for us, to which countries, and how many.

mod template;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use regex::Regex;
use serde::Deserialize;
use zegel_core::budget::Budget;
use zegel_core::phone::Countries;

pub use template::{Json, Member, Slot, Template};

/// Providers that one attempt may go through: with more, somebody who waits for a code would have gone.
const PROVIDERS_MAX: usize = 5;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sms {
    /// Nobody else's numbers get text messages. There is no default: those countries where you have people to write to.
    pub countries: Countries,
    #[serde(default)]
    pub budget: Budget,
    /// The first one that takes a text message sends it.
    pub providers: Vec<Provider>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Provider {
    /// For the log.
    pub name: String,
    /// Holds the key, token or password that the provider gave, alone.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// A PEM file of root certificates; none means those of the system.
    #[serde(default)]
    pub roots: Option<PathBuf>,
    pub service: Service,
}

/// What the provider speaks. All but the first are ready-made forms of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Service {
    Http(Box<Http>),
    Kannel(Kannel),
    Messagebird(Originator),
    Spryng(Originator),
    Twilio(Twilio),
}

/// One HTTP request for each text message.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Http {
    pub url: Endpoint,
    #[serde(default)]
    pub method: Method,
    /// With the secret as its password (RFC 7617).
    #[serde(default)]
    pub user: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    #[serde(default)]
    pub query: BTreeMap<String, Template>,
    #[serde(default)]
    pub body: Option<Body>,
    /// The answer that means that the provider has taken the text message.
    #[serde(default = "Answer::accepted")]
    pub accepted: Answer,
    /// The answer that means that it never will. All others are tried again.
    #[serde(default = "Answer::refused")]
    pub refused: Answer,
}

#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    #[default]
    Post,
    Get,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    Form(BTreeMap<String, Template>),
    Json(Json),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Answer {
    pub status: Vec<Statuses>,
    /// Where in a JSON answer `matches` is held against (RFC 6901); without it, all of the answer.
    #[serde(default)]
    pub pointer: Option<Pointer>,
    #[serde(default)]
    pub matches: Option<Pattern>,
}

/// Kannel's `sendsms` interface.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Kannel {
    pub url: Endpoint,
    pub user: String,
    #[serde(default)]
    pub from: Option<String>,
    #[serde(default)]
    pub smsc: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Originator {
    /// What the recipient sees: a number, or 11 letters and digits at most.
    pub originator: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Twilio {
    /// The account's SID; the secret is its auth token.
    pub account: String,
    /// A number of yours, or an alphanumeric sender.
    pub from: String,
}

/// Where a provider is asked: over https, or on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Endpoint(reqwest::Url);

/// HTTP status codes, such as `200` or `200-299`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Statuses(RangeInclusive<u16>);

/// A place in a JSON document (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pointer(String);

#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(Regex);

impl Answer {
    pub fn accepted() -> Self {
        Self { status: vec![Statuses(200..=299)], pointer: None, matches: None }
    }

    /// What says that the request itself is wrong. 401 to 404 are about the account or the address: not the text
    /// message's fault, and mended by an administrator.
    pub fn refused() -> Self {
        let status = vec![Statuses(400..=400), Statuses(422..=422)];
        Self { status, pointer: None, matches: None }
    }
}

impl Sms {
    /// What no single field can know to be wrong, each with what to do about it.
    pub(super) fn contradictions(&self) -> Vec<String> {
        let mut found: Vec<String> = self
            .budget
            .zeros()
            .map(|limit| format!("sms.budget.{limit}: 0 cannot work; set more"))
            .collect();
        if self.providers.is_empty() {
            found.push("sms.providers: there is none; name at least one".into());
        }
        if self.providers.len() > PROVIDERS_MAX {
            found.push(format!("sms.providers: there are more than {PROVIDERS_MAX}; remove some"));
        }
        for country in self.budget.country_per_day.keys() {
            if !self.countries.allow(*country) {
                found.push(format!(
                    "sms.budget.country-per-day: {country} is not among sms.countries; add it there, or remove it here"
                ));
            }
        }
        found.extend(self.providers.iter().flat_map(Provider::contradictions));
        found
    }
}

impl Provider {
    fn contradictions(&self) -> impl Iterator<Item = String> {
        let Service::Http(http) = &self.service else {
            let missing = self.secret_file.is_none().then_some("secret-file is missing");
            return self.wrong(missing.into_iter().collect());
        };
        let has = |slot: Slot| http.slots().any(|found| found == slot);
        let mut wrong = Vec::new();
        if !has(Slot::Number) && !has(Slot::Digits) {
            wrong.push("neither {number} nor {digits} stands in the request");
        }
        if !has(Slot::Text) {
            wrong.push("{text} does not stand in the request");
        }
        if http.method == Method::Get && http.body.is_some() {
            wrong.push("a GET has no body; use query, or method = \"post\"");
        }
        let authorizes = |name: &String| name.eq_ignore_ascii_case("authorization");
        if http.user.is_some() && http.headers.keys().any(authorizes) {
            wrong.push("user and an authorization header exclude each other; remove one");
        }
        let needs_secret = http.user.is_some() || has(Slot::Secret);
        if needs_secret && self.secret_file.is_none() {
            wrong.push("secret-file is missing");
        }
        if !needs_secret && self.secret_file.is_some() {
            wrong.push("secret-file is not used: set user, or put {secret} somewhere");
        }
        self.wrong(wrong)
    }

    fn wrong(&self, what: Vec<&'static str>) -> impl Iterator<Item = String> {
        what.into_iter().map(|what| format!("sms.providers, {}: {what}", self.name))
    }
}

impl Http {
    fn slots(&self) -> impl Iterator<Item = Slot> {
        let body = match &self.body {
            Some(Body::Form(form)) => form.values().flat_map(Template::slots).collect(),
            Some(Body::Json(json)) => json.slots(),
            None => Vec::new(),
        };
        self.headers.values().chain(self.query.values()).flat_map(Template::slots).chain(body)
    }
}

impl Endpoint {
    pub fn url(&self) -> &reqwest::Url {
        &self.0
    }

    /// On this machine, where nothing need be encrypted.
    pub fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }
}

impl Statuses {
    pub fn contain(&self, status: u16) -> bool {
        self.0.contains(&status)
    }
}

impl Pointer {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Pattern {
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<String> for Endpoint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{text}`: {why}");
        let url = reqwest::Url::parse(&text).map_err(|error| wrong(&error.to_string()))?;
        if url.password().is_some() || !url.username().is_empty() {
            // Not repeated: a password may stand in it.
            return Err("the address holds a user; set user and secret-file instead".into());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("write what follows the path under query"));
        }
        let host = url.host_str().unwrap_or_default();
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        let here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if here => Ok(Self(url)),
            _ => Err(wrong("write it as https://…; http is for this machine (127.0.0.1) alone")),
        }
    }
}

impl TryFrom<String> for Statuses {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        let read = |status: &str| status.parse::<u16>().ok().filter(|s| (100..=599).contains(s));
        match (read(first), read(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self(first..=last)),
            _ => Err(format!("`{text}` is no HTTP status: write one as \"200\" or \"200-299\"")),
        }
    }
}

impl TryFrom<String> for Pointer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() || text.starts_with('/') {
            return Ok(Self(text));
        }
        Err(format!("`{text}` is no JSON pointer: write it as \"/messages/0/status\""))
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Regex::new(&text).map(Self).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KANNEL: &str = r#"
        countries = ["NL"]
        [[providers]]
        name = "kannel"
        secret-file = "/etc/zegel/kannel"
        service.kannel = { url = "http://127.0.0.1:13013/cgi-bin/sendsms", user = "zegel" }
    "#;

    const HTTP: &str = r#"
        countries = ["NL"]
        [[providers]]
        name = "main"
        secret-file = "/etc/zegel/sms"
        [providers.service.http]
        url = "https://sms.example/send"
        headers = { authorization = "Bearer {secret}" }
        body.json = { to = ["{digits}"], text = "{text}" }
    "#;

    fn read(text: &str) -> Result<Sms, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn refused(text: &str, part: &str) {
        let error = match read(text) {
            Ok(sms) => sms.contradictions().join("\n"),
            Err(error) => error,
        };
        assert!(error.contains(part), "{part:?} is missing in:\n{error}");
    }

    #[test]
    fn providers_are_a_ready_made_form_or_described_in_full() {
        for text in [KANNEL, HTTP] {
            let sms = read(text).unwrap();
            assert_eq!(sms.contradictions(), Vec::<String>::new());
            assert_eq!(sms.budget, Budget::default());
        }
        for service in [
            "twilio = { account = \"AC1\", from = \"+31970\" }",
            "messagebird = { originator = \"Zegel\" }",
            "spryng = { originator = \"Zegel\" }",
        ] {
            let text = KANNEL.replace("kannel = { url", &format!("{service}\n#"));
            assert!(read(&text).is_ok(), "{:?}", read(&text));
        }
    }

    #[test]
    fn mistakes_are_named() {
        refused(&KANNEL.replace("[\"NL\"]", "[]"), "no country is named");
        refused(&KANNEL.replace("countries = [\"NL\"]", ""), "countries");
        refused(&KANNEL.replace("NL", "nl"), "ISO 3166");
        refused(&KANNEL.replace("http://127.0.0.1", "http://192.0.2.1"), "https");
        refused(&KANNEL.replace("http://127", "https://u:p@127"), "secret-file");
        refused(&KANNEL.replace("user =", "usr ="), "usr");
        refused(&KANNEL.replace("secret-file", "#"), "secret-file is missing");
        refused("countries = [\"NL\"]\nproviders = []", "there is none");
        refused(&HTTP.replace("{text}", "x"), "{text} does not stand");
        refused(&HTTP.replace("{digits}", "31"), "neither {number}");
        refused(&HTTP.replace("{text}", "{txt}"), "{txt}");
        refused(&HTTP.replace("Bearer {secret}", "x"), "not used");
        refused(&HTTP.replace("url =", "user = \"u\"\nurl ="), "exclude each other");
        refused(&HTTP.replace("url =", "method = \"get\"\nurl ="), "GET has no body");
        let accepted = |accepted: &str| format!("{HTTP}\naccepted = {accepted}");
        refused(&accepted("{ status = [\"ok\"] }"), "no HTTP status");
        refused(&accepted("{ status = [\"299-200\"] }"), "no HTTP status");
        refused(&accepted("{ status = [], pointer = \"a\" }"), "JSON pointer");
        refused(&accepted("{ status = [], matches = \"(\" }"), "unclosed");
        refused(&format!("{KANNEL}\n[budget]\nnumber-per-hour = 0"), "number-per-hour: 0");
        refused(&format!("{KANNEL}\n[budget]\ncountry-per-day.BE = 9"), "BE is not among");
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for (text, plain) in [
            ("http://127.0.0.1:1/x", Some(true)),
            ("http://[::1]:1/x", Some(true)),
            ("http://localhost/x", Some(true)),
            ("https://sms.example/x", Some(false)),
            ("http://localhost.example/x", None),
            ("http://10.0.0.1/x", None),
            ("ftp://127.0.0.1/x", None),
            ("https://sms.example/x?key=1", None),
            ("sms.example", None),
        ] {
            let found = Endpoint::try_from(text.to_owned()).ok();
            assert_eq!(found.map(|endpoint| endpoint.is_plain()), plain, "{text}");
        }
    }
}
