//! The ready-made forms of [`Http`]: what each provider's documentation says, and no more.

use std::collections::BTreeMap;

use crate::config::sms::{
    Answer, Body, Endpoint, Http, Json, Kannel, Member, Method, Originator, Pattern, Service, Slot,
    Statuses, Template, Twilio,
};

pub(super) fn http(service: &Service) -> Result<Http, String> {
    match service {
        Service::Http(http) => Ok((**http).clone()),
        Service::Kannel(kannel) => kannel_sendsms(kannel),
        Service::Messagebird(account) => messagebird(account),
        Service::Spryng(account) => spryng(account),
        Service::Twilio(account) => twilio(account),
    }
}

/// Kannel user guide, "Using the HTTP interface to send SMS messages": 202 with `0: Accepted for delivery` or `3: Queued
/// for later delivery`; 503 for now. What it cannot route, or what its lists forbid, it says in words; other refusals,
/// such as a wrong password, are about the configuration. A form in a POST it does not take (1.4.5).
fn kannel_sendsms(kannel: &Kannel) -> Result<Http, String> {
    let mut query = templates([
        ("username", Template::words(&kannel.user)),
        ("password", Template::slot(Slot::Secret)),
        ("to", Template::slot(Slot::Number)),
        ("text", Template::slot(Slot::Text)),
        ("coding", Template::words("0")),
        ("charset", Template::words("UTF-8")),
    ]);
    for (name, value) in [("from", &kannel.from), ("smsc", &kannel.smsc)] {
        query.extend(value.iter().map(|value| (name.to_owned(), Template::words(value))));
    }
    let base = post(kannel.url.clone(), None);
    Ok(Http {
        method: Method::Get,
        query,
        accepted: answer("202", "^[03]: ")?,
        refused: answer("400-403", r"^(Not routable|Number\(s\) has/have been denied)")?,
        ..base
    })
}

/// `POST /messages`, 201; numbers without a plus.
fn messagebird(account: &Originator) -> Result<Http, String> {
    let form = templates([
        ("originator", Template::words(&account.originator)),
        ("recipients", Template::slot(Slot::Digits)),
        ("body", Template::slot(Slot::Text)),
        ("reference", Template::slot(Slot::Id)),
    ]);
    let url = endpoint("https://rest.messagebird.com/messages")?;
    let headers = templates([("authorization", Template::after("AccessKey ", Slot::Secret))]);
    Ok(Http { headers, ..post(url, Some(Body::Form(form))) })
}

/// `POST /v1/messages`, with the route for business messages.
fn spryng(account: &Originator) -> Result<Http, String> {
    let json = Json::object([
        ("originator", Member::One(Template::words(&account.originator))),
        ("recipients", Member::ListOfOne(Template::slot(Slot::Digits))),
        ("body", Member::One(Template::slot(Slot::Text))),
        ("encoding", Member::One(Template::words("auto"))),
        ("route", Member::One(Template::words("business"))),
        ("reference", Member::One(Template::slot(Slot::Id))),
    ]);
    let url = endpoint("https://rest.spryngsms.com/v1/messages")?;
    let headers = templates([
        ("authorization", Template::after("Bearer ", Slot::Secret)),
        ("accept", Template::words("application/json")),
    ]);
    Ok(Http { headers, ..post(url, Some(Body::Json(json))) })
}

/// `POST /2010-04-01/Accounts/{AccountSid}/Messages.json`, 201.
fn twilio(account: &Twilio) -> Result<Http, String> {
    let sid = &account.account;
    if sid.is_empty() || !sid.bytes().all(|octet| octet.is_ascii_alphanumeric()) {
        return Err("account: an account's SID is letters and digits".to_owned());
    }
    let form = templates([
        ("From", Template::words(&account.from)),
        ("To", Template::slot(Slot::Number)),
        ("Body", Template::slot(Slot::Text)),
    ]);
    let url = endpoint(&format!("https://api.twilio.com/2010-04-01/Accounts/{sid}/Messages.json"))?;
    Ok(Http { user: Some(sid.clone()), ..post(url, Some(Body::Form(form))) })
}

fn post(url: Endpoint, body: Option<Body>) -> Http {
    Http {
        url,
        method: Method::Post,
        user: None,
        headers: BTreeMap::new(),
        query: BTreeMap::new(),
        body,
        accepted: Answer::accepted(),
        refused: Answer::refused(),
    }
}

fn templates<const N: usize>(entries: [(&str, Template); N]) -> BTreeMap<String, Template> {
    entries.into_iter().map(|(name, template)| (name.to_owned(), template)).collect()
}

fn endpoint(url: &str) -> Result<Endpoint, String> {
    url.to_owned().try_into()
}

fn answer(status: &str, matches: &str) -> Result<Answer, String> {
    let status = vec![Statuses::try_from(status.to_owned())?];
    Ok(Answer { status, pointer: None, matches: Some(Pattern::try_from(matches.to_owned())?) })
}
