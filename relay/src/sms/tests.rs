//! Real requests to real servers, of this process.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::*;

const NUMBER: &str = "+31612345678";
const WORDS: &str = "123456 is your code; \"never\" share it & {id}.\n\n@host.example #123456";
const SECRET: &str = "s3cr+t&\"=";

/// One request as it came.
#[derive(Clone, Debug)]
struct Asked {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// A provider that answers everything alike and remembers what it was asked.
struct Peer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

#[derive(Clone)]
struct Says {
    status: StatusCode,
    words: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Peer {
    async fn start(status: u16, words: &str) -> Self {
        let asked = Arc::default();
        let status = StatusCode::from_u16(status).unwrap();
        let says = Says { status, words: words.to_owned(), asked: Arc::clone(&asked) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(says);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, asked }
    }

    fn only(&self) -> Asked {
        let asked = self.asked.lock().unwrap();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked[0].clone()
    }

    fn times(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

async fn answer(
    State(says): State<Says>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, [(header::HeaderName, &'static str); 1], String) {
    says.asked.lock().unwrap().push(Asked { method, uri, headers, body: body.into() });
    (says.status, [(header::LOCATION, "/elsewhere")], says.words)
}

/// Where nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn text() -> Text {
    let number = Number::parse(NUMBER).unwrap();
    Text { id: TextId::generate(), number, words: Secret::new(WORDS) }
}

/// A sender with these providers, each a line such as `http = { … }`.
fn sender(services: &[&str]) -> Sender {
    let (sender, _directory) = try_sender(services, SECRET);
    sender.unwrap()
}

fn try_sender(services: &[&str], secret: &str) -> (Result<Sender, String>, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secret");
    std::fs::write(&file, format!("{secret}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let providers = services.iter().enumerate().map(|(place, service)| {
        let file = file.display();
        format!("[[providers]]\nname = \"p{place}\"\nsecret-file = \"{file}\"\nservice.{service}\n")
    });
    let config = format!("countries = [\"NL\"]\n{}", providers.collect::<String>());
    (Sender::new(&toml::from_str(&config).unwrap()), directory)
}

fn json_service(peer: SocketAddr, more: &str) -> String {
    format!(
        "http = {{ url = \"http://{peer}/send\", headers = {{ authorization = \"Key {{secret}}\", idempotency-key = \
         \"{{id}}\" }}, body = {{ json = {{ to = [\"{{digits}}\"], text = \"{{text}}\" }} }}{more} }}"
    )
}

/// What a sender with this one service makes of an answer.
#[track_caller]
fn assert_outcome(found: &Outcome, expected: &Outcome) {
    assert_eq!(found, expected);
    let shown = format!("{found:?}");
    for secret in [NUMBER.trim_start_matches('+'), "123456", SECRET] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

async fn check(status: u16, words: &str, more: &str, expected: Outcome) {
    let peer = Peer::start(status, words).await;
    let found = sender(&[&json_service(peer.address, more)]).send(&text()).await;
    assert_outcome(&found, &expected);
    assert_eq!(peer.times(), 1);
}

fn sent() -> Outcome {
    Outcome::Sent("p0".to_owned())
}

fn later(why: &str) -> Outcome {
    Outcome::Later(format!("p0: {why}"))
}

fn refused(status: u16) -> Outcome {
    Outcome::Refused(format!("p0: refused with {status}"))
}

#[tokio::test]
async fn a_request_holds_number_words_id_and_secret_where_they_belong() {
    let peer = Peer::start(201, "").await;
    let text = text();
    let found = sender(&[&json_service(peer.address, "")]).send(&text).await;
    assert_outcome(&found, &sent());
    let asked = peer.only();
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(body, json!({"to": ["31612345678"], "text": WORDS}));
    assert_eq!((asked.method, asked.uri.path()), (Method::POST, "/send"));
    assert_eq!(asked.headers["authorization"], format!("Key {SECRET}"));
    assert_eq!(asked.headers["idempotency-key"], text.id.to_string());
    assert_eq!(asked.headers["content-type"], "application/json");
}

#[tokio::test]
async fn a_form_is_escaped_and_a_user_has_the_secret_for_a_password() {
    let peer = Peer::start(200, "").await;
    let service = format!(
        "http = {{ url = \"http://{}/x\", user = \"AC1\", body = {{ form = {{ To = \"{{number}}\", Body = \"{{text}}\" }} }} }}",
        peer.address
    );
    assert_outcome(&sender(&[&service]).send(&text()).await, &sent());
    let asked = peer.only();
    // With the query of an address, the URL parser reads a form back.
    let mut url = reqwest::Url::parse("http://x/").unwrap();
    url.set_query(Some(std::str::from_utf8(&asked.body).unwrap()));
    let fields: Vec<_> = url.query_pairs().into_owned().collect();
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(fields, [field("Body", WORDS), field("To", NUMBER)]);
    // base64 of AC1:SECRET
    assert_eq!(asked.headers["authorization"], "Basic QUMxOnMzY3IrdCYiPQ==");
}

#[tokio::test]
async fn kannel_is_asked_by_get_and_its_words_count() {
    for (status, words, expected) in [
        (202, "0: Accepted for delivery", sent()),
        (202, "3: Queued for later delivery", sent()),
        (202, "?", later("answered 202")),
        (503, "Temporal failure, try again later.", later("answered 503")),
        (403, "Authorization failed for sendsms", later("answered 403")),
        (400, "Sender missing and no global set, rejected", later("answered 400")),
        (403, "Not routable. Do not try again.", refused(403)),
        (400, "Number(s) has/have been denied by white- and/or black-lists.", refused(400)),
    ] {
        let peer = Peer::start(status, words).await;
        let service = format!(
            "kannel = {{ url = \"http://{}/cgi-bin/sendsms\", user = \"zegel\", smsc = \"a b\" }}",
            peer.address
        );
        assert_outcome(&sender(&[&service]).send(&text()).await, &expected);
        let asked = peer.only();
        let url = reqwest::Url::parse(&format!("http://x{}", asked.uri)).unwrap();
        let query: Vec<_> = url.query_pairs().collect();
        for (name, value) in [
            ("password", SECRET),
            ("text", WORDS),
            ("to", NUMBER),
            ("smsc", "a b"),
            ("coding", "0"),
        ] {
            assert!(query.contains(&(name.into(), value.into())), "{name} in {query:?}");
        }
    }
}

#[tokio::test]
async fn the_status_says_whether_it_was_taken_or_never_will_be() {
    check(200, "", "", sent()).await;
    check(299, "", "", sent()).await;
    check(400, NUMBER, "", refused(400)).await;
    check(422, NUMBER, "", refused(422)).await;
    for status in [302, 401, 402, 403, 404, 408, 429, 500, 502, 503] {
        check(status, WORDS, "", later(&format!("answered {status}"))).await;
    }
}

#[tokio::test]
async fn words_of_the_answer_may_have_to_say_it_too() {
    let pointed =
        r#", accepted = { status = ["200"], pointer = "/messages/0/status", matches = "^0$" }"#;
    check(200, r#"{"messages":[{"status":"0"}]}"#, pointed, sent()).await;
    check(200, r#"{"messages":[{"status":0}]}"#, pointed, sent()).await;
    check(200, r#"{"messages":[{"status":"10"}]}"#, pointed, later("answered 200")).await;
    check(200, r#"{"messages":[]}"#, pointed, later("answered 200")).await;
    check(200, "0", pointed, later("answered 200")).await;
    let never = r#", refused = { status = ["200-299"], matches = "invalid number" }, accepted = { status = ["200"], matches = "^OK" }"#;
    check(200, "OK 17", never, sent()).await;
    check(200, "ERR invalid number", never, refused(200)).await;
    check(200, "ERR busy", never, later("answered 200")).await;
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let long = "x".repeat(10_000_000);
    check(200, &long, "", sent()).await;
    let pointed = r#", accepted = { status = ["200"], pointer = "/a" }"#;
    check(200, &format!("{{\"a\": \"{long}\"}}"), pointed, later("answered 200")).await;
}

#[tokio::test]
async fn when_the_first_cannot_the_next_does_and_a_refusal_ends_it() {
    let (down, busy) = (nobody().await, Peer::start(503, "").await);
    let (good, unasked) = (Peer::start(200, "").await, Peer::start(200, "").await);
    let services = [down, busy.address, good.address, unasked.address]
        .map(|address| json_service(address, ""));
    let found = sender(&services.each_ref().map(String::as_str)).send(&text()).await;
    assert_outcome(&found, &Outcome::Sent("p2".to_owned()));
    assert_eq!((busy.times(), good.times(), unasked.times()), (1, 1, 0));

    let never = Peer::start(400, "").await;
    let services = [never.address, unasked.address].map(|address| json_service(address, ""));
    let found = sender(&services.each_ref().map(String::as_str)).send(&text()).await;
    assert_outcome(&found, &refused(400));
    assert_eq!(unasked.times(), 0);
}

#[tokio::test]
async fn who_cannot_be_reached_is_asked_again_later() {
    let Outcome::Later(why) = sender(&[&json_service(nobody().await, "")]).send(&text()).await
    else {
        panic!("sent to nobody");
    };
    assert!(why.starts_with("p0: cannot connect: ") && why.contains("refused"), "{why}");
    assert!(!why.contains("send"), "{why}");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    let other = rcgen::generate_simple_self_signed(["root.example".to_owned()]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let roots = directory.path().join("roots.pem");
    std::fs::write(&roots, other.cert.pem()).unwrap();
    let config = format!(
        "countries = [\"NL\"]\n[[providers]]\nname = \"p0\"\nroots = \"{}\"\nservice.http = {{ url = \"https://{address}/x\", \
         body.form = {{ to = \"{{number}}\", text = \"{{text}}\" }} }}",
        roots.display()
    );
    let sender = Sender::new(&toml::from_str(&config).unwrap()).unwrap();
    let Outcome::Later(why) = sender.send(&text()).await else { panic!("trusted") };
    assert!(why.contains("certificate"), "{why}");
}

#[test]
fn ready_made_forms_can_be_built() {
    let (made, _directory) = try_sender(
        &[
            "twilio = { account = \"AC1\", from = \"+3197010\" }",
            "messagebird = { originator = \"Zegel\" }",
            "spryng = { originator = \"Zegel\" }",
            "kannel = { url = \"https://sms.example/cgi-bin/sendsms\", user = \"zegel\" }",
        ],
        SECRET,
    );
    assert_eq!(made.unwrap().providers.len(), 4);
}

#[test]
fn what_the_files_hold_is_checked() {
    let twilio = "twilio = { account = \"A/../B\", from = \"x\" }";
    let kannel = "kannel = { url = \"http://127.0.0.1/x\", user = \"zegel\" }";
    let header = "http = { url = \"http://127.0.0.1/x\", headers = { \"a b\" = \"{secret}\" } }";
    for (service, secret, part) in [
        (twilio, SECRET, "SID"),
        (kannel, "", "alone"),
        (kannel, "a\nb", "alone"),
        (header, SECRET, "no header"),
    ] {
        let (made, _directory) = try_sender(&[service], secret);
        let error = made.unwrap_err();
        assert!(error.starts_with("sms.providers, p0: ") && error.contains(part), "{error}");
    }
    let (made, directory) = try_sender(&[kannel], SECRET);
    assert!(!format!("{:?}", made.unwrap()).contains(SECRET));
    let file = directory.path().join("secret");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o604)).unwrap();
    let provider = format!("name = \"p0\"\nsecret-file = \"{}\"\nservice.{kannel}", file.display());
    let error = provider::Provider::new(&toml::from_str(&provider).unwrap()).unwrap_err();
    assert!(error.contains("chmod o="), "{error}");
}
