//! A portal over a real store, one message in it, and browsers to visit it with.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, Response, StatusCode};
use tempfile::TempDir;
use tower::ServiceExt;
use zegel_core::access::Limits;
use zegel_core::address::Address;
use zegel_core::budget::Budget;
use zegel_core::decision::{Method, Policy};
use zegel_core::delivery::State;
use zegel_core::directive::{AccessRight, Wishes};
use zegel_core::envelope::{Envelope, Recipient};
use zegel_core::moment::Moment;
use zegel_core::notice::{Language, Organisation};
use zegel_core::phone::Countries;
use zegel_core::secret::Secret;
use zegel_core::submission::{Arrival, Submission};

use super::session::Name;
use super::visit::Peer;
use super::{Portal, RENDERING_MAX, Site, challenge, cookie, letter};
use crate::id::{DeliveryId, SubmissionId};
use crate::lifecycle::{self, Lifecycle};
use crate::store::{NewSubmission, Progress, Store};
use crate::vault::{self, CodeHasher, Keyring, MessageKey};

pub(super) const ORIGIN: &str = "https://bericht.voorbeeld.nl";
pub(super) const TOKEN: &str = "0123456789abcdefghjkmnpqrs";
pub(super) const REFERENCE: &str = "0123456789";
pub(super) const RECIPIENT: &str = "piet@example.com";
const LEASE: Duration = Duration::from_mins(10);

/// With all that a hostile sender would try to get into a page.
pub(super) const MESSAGE: &str = concat!(
    "Received: from werkplek.intern by mail.voorbeeld.nl; Tue, 24 Nov 2026 10:00:00 +0100\r\n",
    "From: \"Jan <b>de</b> Vries\" <jan@voorbeeld.nl>\r\nTo: Piet <piet@example.com>\r\n",
    "Subject: Uitslag <script>alert(1)</script>\r\nDate: Tue, 24 Nov 2026 10:00:00 +0100\r\n",
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n",
    "--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n",
    "<p onclick=\"x()\">canary-body</p><script>alert(2)</script>\r\n",
    "--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=\"a\\\"b<i>.txt\"\r\n\r\n",
    "0123456789\r\n--b--\r\n",
);

pub(super) struct Fixture {
    pub(super) portal: Portal,
    pub(super) delivery: DeliveryId,
    /// Dropped last, with the store's files.
    _directory: TempDir,
}

impl Fixture {
    /// A portal with one message, of which the notification was sent.
    pub(super) async fn new() -> Self {
        Self::with(MESSAGE).await
    }

    pub(super) async fn with(message: &str) -> Self {
        Self::sent(message, Method::Email, Wishes::default()).await
    }

    /// A portal with one message that its recipient opens by this number or code.
    pub(super) async fn by(right: AccessRight) -> Self {
        let (method, right) = match right {
            AccessRight::AccessCode(code) => {
                let hash = CodeHasher::new().hash(&code).await.unwrap();
                (Method::AccessCode, AccessRight::HashedCode(hash))
            }
            hashed @ AccessRight::HashedCode(_) => (Method::AccessCode, hashed),
            number @ AccessRight::Sms(_) => (Method::Sms, number),
        };
        let rights = [(RECIPIENT.parse().unwrap(), right)].into();
        Self::sent(MESSAGE, method, Wishes { rights, ..Wishes::default() }).await
    }

    async fn sent(message: &str, method: Method, wishes: Wishes) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keyring = Keyring::create(&directory.path().join("relay.key")).unwrap();
        let store = Store::open(&directory.path().join("store"), Arc::new(keyring)).await.unwrap();
        let delivery = send(&store, message, method, wishes).await;
        let portal = Portal {
            site: Arc::new(site()),
            store,
            lifecycle: Lifecycle::new(),
            rendering: Arc::new(tokio::sync::Semaphore::new(RENDERING_MAX)),
            hasher: CodeHasher::new(),
        };
        Self { portal, delivery, _directory: directory }
    }

    pub(super) fn browser(&self) -> Browser {
        Browser {
            router: self.portal.clone().router(),
            cookies: BTreeMap::new(),
            address: "192.0.2.1:1",
        }
    }

    pub(super) async fn state(&self) -> State {
        self.portal.store.delivery(self.delivery).await.unwrap().unwrap().state
    }

    /// The code in the mail that was queued last.
    pub(super) async fn mailed_code(&self) -> Option<String> {
        self.mailed_code_at(lifecycle::now()).await
    }

    /// The code that this browser gets a minute later.
    pub(super) async fn code_later(&self, browser: &Browser) -> String {
        let later = lifecycle::now().plus(Duration::from_mins(1));
        let name =
            browser.cookies.get("__Host-pv").map(|value| format!("__Host-pv={value}")).unwrap();
        let headers = HeaderMap::from_iter([("cookie".parse().unwrap(), name.parse().unwrap())]);
        let name = Name::read(&cookie::BROWSER, &headers).unwrap();
        let letter = letter::load(&self.portal, self.delivery, later).await.unwrap();
        let asked =
            challenge::request(&self.portal, &letter, &name, Language::Nl, later).await.unwrap();
        assert_eq!(asked, zegel_core::access::Request::Send);
        self.mailed_code_at(later).await.unwrap()
    }

    async fn mailed_code_at(&self, now: Moment) -> Option<String> {
        let mail = self.portal.store.claim_mails(now, LEASE, 10).await.unwrap().pop()?;
        assert_eq!(mail.to.to_string(), RECIPIENT);
        let text = String::from_utf8(mail.message).unwrap();
        let six = |word: &&str| word.len() == 6 && word.bytes().all(|octet| octet.is_ascii_digit());
        text.split(|c: char| !c.is_ascii_alphanumeric()).find(six).map(str::to_owned)
    }

    /// What the sender has been told of: the mails that wait for them.
    pub(super) async fn told_to_sender(&self) -> Vec<String> {
        let now = lifecycle::now();
        let mails = self.portal.store.claim_mails(now, LEASE, 10).await.unwrap();
        assert!(mails.iter().all(|mail| mail.to.to_string() == "jan@voorbeeld.nl"), "{mails:?}");
        mails.into_iter().map(|mail| String::from_utf8(mail.message).unwrap()).collect()
    }

    /// What the delivery's history says.
    pub(super) async fn history(&self) -> Vec<String> {
        let events = self.portal.store.history(self.delivery).await.unwrap();
        events.into_iter().map(|event| event.note).collect()
    }

    /// Whether anyone asked for a code, or typed one.
    pub(super) async fn is_untouched(&self) -> bool {
        let tally = self.portal.store.tally(self.delivery).await.unwrap();
        tally == zegel_core::access::Tally::default()
            && matches!(self.state().await, State::Sent { .. })
    }
}

/// Keeps cookies and says where its requests come from, as browsers do.
pub(super) struct Browser {
    pub(super) router: Router,
    pub(super) cookies: BTreeMap<String, String>,
    pub(super) address: &'static str,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    #[track_caller]
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

impl Browser {
    pub(super) async fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    /// Sends a form of one of the portal's own pages.
    pub(super) async fn post(&mut self, path: &str, form: &str) -> Answer {
        self.ask("POST", path, &[("sec-fetch-site", "same-origin"), ("origin", ORIGIN)], form).await
    }

    pub(super) async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        form: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if method == "POST" {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request =
            request.header("cookie", cookies.join("; ")).body(Body::from(form.to_owned())).unwrap();
        request.extensions_mut().insert(Peer(self.address.parse::<SocketAddr>().unwrap()));
        let response = self.router.clone().oneshot(request).await.unwrap();
        self.keep_cookies(&response);
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.into()).unwrap(),
        }
    }

    fn keep_cookies(&mut self, response: &Response<Body>) {
        for line in response.headers().get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            if line.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

pub(super) fn site() -> Site {
    Site {
        organisation: Organisation {
            name: "Gemeente <Voorbeeld>".into(),
            from: "beveiligd@voorbeeld.nl".parse().unwrap(),
            postal: Some("Stadsplein 1, Voorbeeld".into()),
            help_url: None,
            language: Language::Nl,
        },
        origin: ORIGIN.into(),
        host: "bericht.voorbeeld.nl".into(),
        trusted_proxies: vec!["127.0.0.1".parse().unwrap()],
        security_contact: Some("mailto:security@voorbeeld.nl".into()),
        limits: Limits::default(),
        budget: Budget::default(),
        countries: Countries::try_from(vec!["NL".parse().unwrap()]).unwrap(),
        texts: true,
        policy: Policy { email: false, email_by_sender: true, ..Policy::default() },
    }
}

async fn send(store: &Store, message: &str, method: Method, wishes: Wishes) -> DeliveryId {
    let now = lifecycle::now();
    let (id, key) = (SubmissionId::generate(), MessageKey::generate());
    let mut body = store.body_writer(id, &key);
    body.write(message.as_bytes()).await.unwrap();
    let expires = now.plus(Duration::from_hours(30 * 24));
    let new = NewSubmission {
        id,
        submission: submission(wishes),
        key,
        body: body.finish().await.unwrap(),
        fingerprint: None,
        accepted: now,
        expires,
    };
    store.keep(new).await.unwrap();
    let claimed = store.claim(now, LEASE, 1).await.unwrap().remove(0);
    store.add_link(claimed.id, hash(TOKEN), hash(REFERENCE), expires).await.unwrap();
    set_state(store, &claimed, State::Sent { method, at: now }, now).await;
    claimed.id
}

pub(super) async fn set_state(
    store: &Store,
    claimed: &crate::store::Delivery,
    state: State,
    now: Moment,
) {
    let progress = Progress {
        state,
        decision: None,
        seen: None,
        mails: Vec::new(),
        destroy: false,
        ask: false,
        note: String::new(),
    };
    store.commit(claimed, progress, now).await.unwrap();
}

fn submission(wishes: Wishes) -> Submission {
    let address = |text: &str| text.parse::<Address>().unwrap();
    Submission {
        envelope: Envelope {
            sender: Some(address("jan@voorbeeld.nl")),
            recipients: vec![Recipient::plain(address(RECIPIENT))],
            envelope_id: None,
        },
        from: address("jan@voorbeeld.nl"),
        from_name: Some("Jan <b>de</b> Vries".into()),
        subject: Some("Uitslag".into()),
        message_id: None,
        addressees: vec![address(RECIPIENT)],
        wishes,
        size: 1,
        arrival: Arrival::default(),
    }
}

fn hash(text: &str) -> [u8; 32] {
    vault::digest(&Secret::new(text))
}
