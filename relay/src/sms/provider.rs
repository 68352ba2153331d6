//! One provider: a request is made of the configuration's templates, sent, and its answer judged.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, RequestBuilder, Response, redirect};
use serde_json::Value;
use zegel_core::secret::Secret;

use super::{Text, preset};
use crate::config;
use crate::config::sms::{self, Answer, Body, Http, Method, Slot, Template};

/// A provider that is there answers within milliseconds; with more, the next one would not get its turn before the
/// person in front of the page gives up.
const CONNECT_MAX: Duration = Duration::from_secs(5);
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Octets of an answer that are read: that about one text message is a few hundred.
const ANSWER_LEN_MAX: usize = 64 * 1024;

/// Octets of a key, token or password: JSON web tokens are the longest, with some thousands.
const SECRET_LEN_MAX: u64 = 16 * 1024;

#[derive(Debug)]
pub(super) struct Provider {
    name: String,
    http: Http,
    headers: Vec<(HeaderName, Template)>,
    secret: Secret,
    client: Client,
}

pub(super) enum Answered {
    Taken,
    NotNow(String),
    Refused(String),
}

impl Provider {
    pub(super) fn new(config: &sms::Provider) -> Result<Self, String> {
        let http = preset::http(&config.service)?;
        let header = |(name, value): (&String, &Template)| {
            let known = name.parse().map_err(|_| format!("`{name}` is no header"))?;
            Ok((known, value.clone()))
        };
        Ok(Self {
            name: config.name.clone(),
            headers: http.headers.iter().map(header).collect::<Result<_, String>>()?,
            secret: config.secret_file.as_deref().map_or(Ok(Secret::new("")), read_secret)?,
            client: client(config.roots.as_deref(), http.url.is_plain())?,
            http,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn send(&self, text: &Text) -> Answered {
        let request = match self.request(text) {
            Ok(request) => request,
            Err(why) => return Answered::Refused(why),
        };
        match request.send().await {
            Ok(response) => self.judge(response).await,
            Err(error) => Answered::NotNow(describe(&error)),
        }
    }

    fn request(&self, text: &Text) -> Result<RequestBuilder, String> {
        let id = text.id.to_string();
        let number = text.number.secret().reveal();
        let value = |slot| match slot {
            Slot::Number => number,
            Slot::Digits => number.trim_start_matches('+'),
            Slot::Text => text.words.reveal(),
            Slot::Id => &id,
            Slot::Secret => self.secret.reveal(),
        };
        let mut url = self.http.url.url().clone();
        if !self.http.query.is_empty() {
            let query = self.http.query.iter().map(|(name, text)| (name, text.fill(&value)));
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = match self.http.method {
            Method::Get => self.client.get(url),
            Method::Post => self.client.post(url),
        };
        let request = match &self.http.user {
            Some(user) => request.basic_auth(user, Some(self.secret.reveal())),
            None => request,
        };
        let request = match &self.http.body {
            None => request,
            Some(Body::Form(form)) => {
                let form = form.iter().map(|(name, text)| (name, text.fill(&value)));
                request.form(&form.collect::<Vec<_>>())
            }
            Some(Body::Json(json)) => {
                request.header(CONTENT_TYPE, "application/json").body(json.fill(&value).to_string())
            }
        };
        Ok(request.headers(self.headers(&value)?))
    }

    fn headers<'v>(&self, value: &impl Fn(Slot) -> &'v str) -> Result<HeaderMap, String> {
        let header = |(name, text): &(HeaderName, Template)| {
            let mut value = HeaderValue::from_str(&text.fill(value))
                .map_err(|_| format!("{name} cannot hold what should stand in it"))?;
            value.set_sensitive(true);
            Ok((name.clone(), value))
        };
        self.headers.iter().map(header).collect()
    }

    async fn judge(&self, response: Response) -> Answered {
        let status = response.status().as_u16();
        let answer = match read(response).await {
            Ok(answer) => answer,
            Err(error) => return Answered::NotNow(describe(&error)),
        };
        if fits(&self.http.accepted, status, &answer) {
            return Answered::Taken;
        }
        if fits(&self.http.refused, status, &answer) {
            return Answered::Refused(format!("refused with {status}"));
        }
        Answered::NotNow(format!("answered {status}"))
    }
}

fn fits(expected: &Answer, status: u16, answer: &[u8]) -> bool {
    if !expected.status.iter().any(|range| range.contain(status)) {
        return false;
    }
    let found = match &expected.pointer {
        None => Some(String::from_utf8_lossy(answer).into_owned()),
        Some(pointer) => serde_json::from_slice::<Value>(answer)
            .ok()
            .and_then(|json| json.pointer(pointer.as_str()).map(words)),
    };
    found.is_some_and(|found| expected.matches.as_ref().is_none_or(|it| it.is_match(&found)))
}

/// A JSON value as it is matched: a string without its quotes.
fn words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The answer's beginning.
async fn read(mut response: Response) -> reqwest::Result<Vec<u8>> {
    let mut answer = Vec::new();
    while let Some(piece) = response.chunk().await? {
        let room = ANSWER_LEN_MAX - answer.len();
        answer.extend_from_slice(piece.get(..room).unwrap_or(&piece));
        if answer.len() == ANSWER_LEN_MAX {
            break;
        }
    }
    Ok(answer)
}

/// What went wrong on the way, without the address: number, words and secret may stand in it.
fn describe(error: &reqwest::Error) -> String {
    if error.is_connect() {
        return format!("cannot connect: {}", cause(error));
    }
    if error.is_timeout() {
        return format!("no answer within {} s", ANSWER_MAX.as_secs());
    }
    "the connection broke".to_owned()
}

/// The last cause: that the name cannot be found, the certificate is not trusted, nobody listens.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    if cause.is::<reqwest::Error>() { "no reason given".to_owned() } else { cause.to_string() }
}

/// A provider's answer is an answer, not a place to go on to; and what the environment calls a proxy must not see codes.
fn client(roots: Option<&Path>, plain: bool) -> Result<Client, String> {
    let client = Client::builder()
        .connect_timeout(CONNECT_MAX)
        .timeout(ANSWER_MAX)
        .redirect(redirect::Policy::none())
        .user_agent("zegel-relay")
        .no_proxy();
    let client = match roots {
        Some(file) => client.tls_certs_only(read_roots(file)?),
        None if plain => client.tls_certs_only([]),
        None => client,
    };
    client.build().map_err(|error| format!("TLS cannot be set up: {}", cause(&error)))
}

fn read_roots(file: &Path) -> Result<Vec<Certificate>, String> {
    let wrong = |why: String| format!("roots: {}: {why}", file.display());
    let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let roots = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(cause(&error)))?;
    if roots.is_empty() {
        return Err(wrong("no root certificate in it".to_owned()));
    }
    Ok(roots)
}

fn read_secret(file: &Path) -> Result<Secret, String> {
    let wrong = |why: &str| format!("secret-file: {}: {why}", file.display());
    config::refuse_open_to_others(file).map_err(|why| wrong(&why))?;
    let size = std::fs::metadata(file).map_err(|error| wrong(&error.to_string()))?.len();
    if size > SECRET_LEN_MAX {
        return Err(wrong("it is too long for a key, token or password"));
    }
    let text = std::fs::read_to_string(file).map_err(|error| wrong(&error.to_string()))?;
    let secret = Secret::new(text.trim_end_matches(['\r', '\n']));
    if secret.reveal().is_empty() || secret.reveal().contains(char::is_control) {
        return Err(wrong("it must hold the key, token or password alone, on one line"));
    }
    Ok(secret)
}
