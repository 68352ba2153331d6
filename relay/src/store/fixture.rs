//! A store in a directory of its own, and transactions to put into it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use zegel_core::address::Address;
use zegel_core::directive::Wishes;
use zegel_core::envelope::{Envelope, Recipient};
use zegel_core::moment::Moment;
use zegel_core::submission::{Arrival, Submission};
use zegel_core::transport::{Certificate, Rule, Seen};

use super::{Delivery, Kept, NewSubmission, Store, StoreError};
use crate::id::SubmissionId;
use crate::vault::{Keyring, MessageKey};

pub(super) const NOW: Moment = Moment(1_800_000_000);
pub(super) const LEASE: Duration = Duration::from_mins(10);
pub(super) const RETENTION: Duration = Duration::from_hours(30 * 24);
/// Too large for a row.
pub(super) const LARGE: &[u8] = &[b'x'; 200_000];
pub(super) const SUBJECT: &str = "canary-subject";

/// What a connection in the clear showed.
pub(super) fn seen() -> Seen {
    Seen {
        host: "mx.example.nl".to_owned(),
        address: Some([192, 0, 2, 1].into()),
        port: Some(25),
        tls: None,
        certificate: Certificate::None,
        authentic: None,
        rule: Rule::Nobody,
        floor: None,
        at: NOW,
    }
}

pub(crate) struct Fixture {
    pub(crate) store: Store,
    directory: TempDir,
    keyring: Arc<Keyring>,
}

impl Store {
    /// Number and words of each text message that waits, oldest first.
    pub(crate) async fn waiting_texts(&self) -> Vec<(String, String)> {
        let query = "SELECT sealed FROM texts WHERE sealed IS NOT NULL ORDER BY id";
        let sealed: Vec<Vec<u8>> =
            sqlx::query_scalar(query).fetch_all(&self.readers).await.unwrap();
        let open = |sealed: &Vec<u8>| {
            let content = self.keyring.open(b"text", sealed).unwrap();
            let content: serde_json::Value = serde_json::from_slice(&content).unwrap();
            ["number", "words"].map(|field| content[field].as_str().unwrap().to_owned()).into()
        };
        sealed.iter().map(open).collect()
    }
}

/// A transaction that is to be kept: to whom, and with what.
pub(super) struct Sent<'a> {
    pub(super) to: &'a [&'a str],
    pub(super) bcc: &'a [&'a str],
    /// Who is in the message's To, when that is more than this transaction's recipients.
    pub(super) addressees: &'a [&'a str],
    pub(super) wishes: Wishes,
    pub(super) body: &'a [u8],
    pub(super) fingerprint: Option<[u8; 32]>,
    pub(super) accepted: Moment,
}

impl Default for Sent<'_> {
    fn default() -> Self {
        Self {
            to: &["a@example.com"],
            bcc: &[],
            addressees: &[],
            wishes: Wishes::default(),
            body: b"canary-body",
            fingerprint: Some([7; 32]),
            accepted: NOW,
        }
    }
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keyring = Arc::new(Keyring::create(&directory.path().join("relay.key")).unwrap());
        let store =
            Store::open(&directory.path().join("store"), Arc::clone(&keyring)).await.unwrap();
        Self { store, directory, keyring }
    }

    /// The same store once more, as another process would open it.
    pub(super) async fn another(&self) -> Store {
        Store::open(&self.path(), Arc::clone(&self.keyring)).await.unwrap()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    pub(super) async fn keep(&self, sent: Sent<'_>) -> Result<Kept, StoreError> {
        let (id, key) = (SubmissionId::generate(), MessageKey::generate());
        let mut body = self.store.body_writer(id, &key);
        for piece in sent.body.chunks(10_000) {
            body.write(piece).await?;
        }
        let recipients = sent.to.iter().chain(sent.bcc).map(|to| Recipient::plain(address(to)));
        let submission = Submission {
            envelope: Envelope {
                sender: None,
                recipients: recipients.collect(),
                envelope_id: None,
            },
            from: address("jan@example.nl"),
            from_name: None,
            subject: Some(SUBJECT.to_owned()),
            message_id: None,
            addressees: sent.to.iter().chain(sent.addressees).map(|to| address(to)).collect(),
            wishes: sent.wishes,
            size: 1,
            arrival: Arrival::default(),
        };
        let body = body.finish().await?;
        let (fingerprint, accepted) = (sent.fingerprint, sent.accepted);
        let expires = accepted.plus(RETENTION);
        self.store
            .keep(NewSubmission { id, submission, key, body, fingerprint, accepted, expires })
            .await
    }

    /// Keeps one message for these recipients and claims their deliveries.
    pub(super) async fn claimed(&self, to: &[&str]) -> Vec<Delivery> {
        self.keep(Sent { to, ..Sent::default() }).await.unwrap();
        self.store.claim(NOW, LEASE, to.len()).await.unwrap()
    }

    /// A delivery that waits for nothing.
    pub(crate) async fn delivery(&self) -> Delivery {
        self.claimed(&["a@example.com"]).await.remove(0)
    }

    pub(super) async fn body(&self, delivery: &Delivery) -> Vec<u8> {
        let stored = self.store.submission(delivery.submission).await.unwrap().unwrap();
        let mut body = Vec::new();
        self.store.read_body(&stored).await.unwrap().read_to_end(&mut body).await.unwrap();
        body
    }

    /// The names of the files in `bodies` or `tmp`.
    pub(super) fn files(&self, directory: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path().join(directory)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Whether these octets stand anywhere in the store's files.
    pub(crate) fn contains(&self, canary: &[u8]) -> bool {
        let found = |path: PathBuf| {
            let octets = std::fs::read(path).unwrap();
            octets.windows(canary.len()).any(|window| window == canary)
        };
        let files =
            ["", "bodies", "tmp"].map(|name| std::fs::read_dir(self.path().join(name)).unwrap());
        files
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .any(found)
    }
}

pub(super) fn address(text: &str) -> Address {
    text.parse().unwrap()
}
