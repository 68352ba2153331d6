//! Keeps a transaction while it arrives. 250 is a promise: it is said only after [`Draft::end`] has returned
//! [`Verdict::Kept`], and that is only returned when the store has the message on disk and committed.
//!
//! The header section is held in memory until it is complete. Then everything that can refuse the message is asked, the
//! section goes to the store without its control headers, and the body streams after it. What the message asked for
//! stands in its [`Submission`], which is sealed apart.

mod verdict;

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use tracing::info;
use zegel_core::address::{Address, Domain};
use zegel_core::directive::Expiration;
use zegel_core::envelope::Envelope;
use zegel_core::message::{HEAD_MAX, Head};
use zegel_core::moment::Moment;
use zegel_core::outgoing;
use zegel_core::submission::{Refusal, Submission};

use crate::admission::{self, Capabilities};
use crate::id::SubmissionId;
use crate::lifecycle;
use crate::store::{BodyWriter, Kept, NewSubmission, Store, StoreError};
use crate::vault::{MessageKey, Purpose};

pub use verdict::{Refused, Verdict};

/// Fields that differ between two transactions with the same message: each hop adds or changes them.
const TRACE: [&str; 3] = ["Received", "Return-Path", "Delivered-To"];

/// What holds for every message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long a message is kept, unless it asks for less.
    pub link_days: u16,
    pub capabilities: Capabilities,
    /// What the relay's own mail comes from.
    pub own: Address,
}

#[derive(Clone, Debug)]
pub struct Intake {
    store: Store,
    rules: Rules,
    /// Octets of the disk that no message may take.
    reserve: u64,
}

/// One message while its octets arrive.
#[derive(Debug)]
pub struct Draft {
    intake: Intake,
    id: SubmissionId,
    sender: Option<Domain>,
    recipients: usize,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The header section is not complete yet.
    Head {
        envelope: Envelope,
        octets: Vec<u8>,
    },
    Body(Box<Body>),
    /// It has come to an end early; the rest is swallowed.
    Over(Verdict),
}

/// A message whose header section was read and found good.
#[derive(Debug)]
struct Body {
    submission: Submission,
    key: MessageKey,
    writer: BodyWriter,
    content: Content,
    size: u64,
}

/// The digest of what makes two messages the same.
struct Content(Context);

impl Intake {
    pub fn new(store: Store, rules: Rules) -> Self {
        Self { store, rules, reserve: 0 }
    }

    /// Takes nothing more once the disk has less than this: what is left is for the deliveries of what was taken.
    #[must_use]
    pub fn with_reserve(self, octets: u64) -> Self {
        Self { reserve: octets, ..self }
    }

    /// Whether a message of this size could be kept: asked when a client announces one (RFC 1870, section 6.1), and of
    /// size 0 when it does not say. The error is the verdict that its transaction would end with.
    pub async fn room_for(&self, octets: u64) -> Result<(), Verdict> {
        Ok(self.store.room_for(octets, self.reserve).await?)
    }

    pub fn begin(&self, envelope: Envelope) -> Draft {
        Draft {
            intake: self.clone(),
            id: SubmissionId::generate(),
            sender: envelope.sender.as_ref().map(|sender| sender.domain().clone()),
            recipients: envelope.recipients.len(),
            stage: Stage::Head { envelope, octets: Vec::new() },
        }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }
}

impl Draft {
    /// Takes the next octets of the message. What goes wrong is said by [`Draft::end`].
    pub async fn push(&mut self, text: &[u8]) {
        match &mut self.stage {
            Stage::Over(_) => {}
            Stage::Body(body) => {
                if let Err(error) = body.push(text).await {
                    self.stage = Stage::Over(error.into());
                }
            }
            Stage::Head { octets, .. } => {
                // An empty line may begin in what was there before.
                let seen = octets.len().saturating_sub(3);
                octets.extend_from_slice(text);
                let end = head_end(octets, seen);
                if end.unwrap_or(octets.len()) > HEAD_MAX {
                    self.stage = Stage::Over(Verdict::Refused(Refused::HeadTooLong));
                } else if end.is_some() {
                    self.open().await;
                }
            }
        }
    }

    /// Says what became of the message; when it was kept, it survives a power cut.
    pub async fn end(mut self) -> Verdict {
        // A message may consist of a header section alone.
        self.open().await;
        let (id, sender, recipients) = (self.id, self.sender, self.recipients);
        let verdict = match self.stage {
            Stage::Body(body) => body.keep(&self.intake, id).await.unwrap_or_else(Verdict::from),
            Stage::Over(verdict) => verdict,
            Stage::Head { .. } => Verdict::Unavailable,
        };
        log(id, sender.as_ref(), recipients, &verdict);
        verdict
    }

    /// Throws the message away, of which not all came or may be taken. It leaves nothing.
    pub fn abandon(self, why: &str) {
        log(self.id, self.sender.as_ref(), self.recipients, &format_args!("abandoned, {why}"));
    }

    /// Turns a complete header section into a message to be kept, or ends it.
    async fn open(&mut self) {
        let over = Stage::Over(Verdict::Unavailable);
        self.stage = match std::mem::replace(&mut self.stage, over) {
            Stage::Head { envelope, octets } => {
                match Body::open(&self.intake, self.id, envelope, &octets).await {
                    Ok(body) => Stage::Body(Box::new(body)),
                    Err(verdict) => Stage::Over(verdict),
                }
            }
            other => other,
        };
    }
}

impl Body {
    /// Reads the header section, asks everything that can refuse the message, and begins to keep it. `octets` may reach
    /// into the body.
    async fn open(
        intake: &Intake,
        id: SubmissionId,
        envelope: Envelope,
        octets: &[u8],
    ) -> Result<Self, Verdict> {
        let head = Head::parse(octets).map_err(Refusal::from)?;
        let submission = Submission::new(envelope, &head, 0)?;
        admission::not_own(&submission, &intake.rules.own)?;
        admission::demands(&submission.wishes, intake.rules.capabilities)?;
        admission::author(&intake.store, &submission.from).await?;
        intake.room_for(0).await?;

        let key = MessageKey::generate();
        let mut writer = intake.store.body_writer(id, &key);
        writer.write(&outgoing::strip(&head)).await?;
        let size = head.body_at() as u64;
        let mut body = Self { content: Content::of(&head), submission, key, writer, size };
        body.push(octets.get(head.body_at()..).unwrap_or_default()).await?;
        Ok(body)
    }

    async fn push(&mut self, text: &[u8]) -> Result<(), StoreError> {
        self.size += text.len() as u64;
        self.content.0.update(text);
        self.writer.write(text).await
    }

    async fn keep(mut self, intake: &Intake, id: SubmissionId) -> Result<Verdict, StoreError> {
        self.submission.size = self.size;
        let accepted = lifecycle::now();
        let fingerprint = self.content.fingerprint(&self.submission, &intake.store);
        let expires = expires(accepted, intake.rules.link_days, self.submission.wishes.expiration);
        let new = NewSubmission {
            id,
            submission: self.submission,
            key: self.key,
            body: self.writer.finish().await?,
            fingerprint,
            accepted,
            expires,
        };
        match intake.store.keep(new).await? {
            Kept::New => {}
            Kept::Joined(recipients) => {
                info!(submission = %id, "submission {id} adds {recipients} to an earlier one");
            }
            Kept::Repeated => {
                info!(submission = %id, "submission {id} repeats an earlier one");
            }
        }
        Ok(Verdict::Kept)
    }
}

impl Content {
    fn of(head: &Head<'_>) -> Self {
        let mut context = Context::new(&SHA256);
        for field in head.fields().iter().filter(|field| !is_trace(field.name)) {
            context.update(field.raw);
        }
        // A header section cannot be moved into the body without notice.
        context.update(b"\r\n");
        Self(context)
    }

    /// By what a repeated transaction, or another part of a split recipient list, is recognised. A message without a
    /// Message-ID is never taken for another.
    fn fingerprint(self, submission: &Submission, store: &Store) -> Option<[u8; 32]> {
        let message_id = submission.message_id.as_ref()?;
        let sender =
            submission.envelope.sender.as_ref().map(ToString::to_string).unwrap_or_default();
        let content = self.0.finish();
        let parts = [message_id.as_bytes(), sender.as_bytes(), content.as_ref()];
        Some(store.keyring().mac(Purpose::Fingerprint, &parts))
    }
}

/// The one line that each transaction leaves.
fn log(id: SubmissionId, sender: Option<&Domain>, recipients: usize, end: &dyn std::fmt::Display) {
    let sender = sender.map_or("<>", Domain::as_str);
    info!(submission = %id, sender, recipients, "submission {id} from {sender} for {recipients}: {end}");
}

/// Where the empty line that ends a header section stands, if it does from `seen` on.
fn head_end(octets: &[u8], seen: usize) -> Option<usize> {
    if octets.starts_with(b"\r\n") {
        return Some(0);
    }
    let new = octets.get(seen..)?;
    new.windows(4).position(|four| four == b"\r\n\r\n").map(|end| seen + end)
}

fn is_trace(name: &str) -> bool {
    const OURS: &str = "X-Zegel-";
    TRACE.iter().any(|trace| name.eq_ignore_ascii_case(trace))
        || name.get(..OURS.len()).is_some_and(|start| start.eq_ignore_ascii_case(OURS))
}

fn expires(accepted: Moment, link_days: u16, asked: Option<Expiration>) -> Moment {
    const DAY: u64 = 24 * 60 * 60;
    let most = u64::from(link_days) * DAY;
    accepted.plus(Duration::from_secs(asked.map_or(most, |asked| asked.after_seconds.min(most))))
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Content(…)")
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use zegel_core::decision::Right;
    use zegel_core::directive::Expire;
    use zegel_core::envelope::Recipient;
    use zegel_core::transport::Floor;

    use super::*;
    use crate::store::Delivery;
    use crate::vault::Keyring;

    const MESSAGE: &str = "Received: by a.example\r\nFrom: Jan <jan@a.example>\r\nTo: els@b.example\r\n\
        Message-ID: <1@a.example>\r\nzivver-direct-delivery: tls tls1.2\r\nSubject: x\r\n\r\nBody\r\n\r\n.\r\n";

    const STRIPPED: &str = "Received: by a.example\r\nFrom: Jan <jan@a.example>\r\nTo: els@b.example\r\n\
        Message-ID: <1@a.example>\r\nSubject: x\r\n\r\nBody\r\n\r\n.\r\n";

    /// An intake where `a.example` may submit, and the directory that its store stands in.
    async fn intake() -> (Intake, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let keyring = Keyring::create(&directory.path().join("relay.key")).unwrap();
        let store = Store::open(&directory.path().join("store"), keyring.into()).await.unwrap();
        store.add_domain(&"a.example".parse().unwrap(), Moment(0)).await.unwrap();
        (
            Intake::new(
                store,
                Rules {
                    link_days: 30,
                    capabilities: Capabilities::default(),
                    own: "secure@b.example".parse().unwrap(),
                },
            ),
            directory,
        )
    }

    async fn submit(intake: &Intake, recipients: &[&str], message: &[u8], piece: usize) -> Verdict {
        let recipients =
            recipients.iter().map(|to| Recipient::plain(to.parse().unwrap())).collect();
        let sender = Some("jan@a.example".parse().unwrap());
        let mut draft = intake.begin(Envelope { sender, recipients, envelope_id: None });
        for text in message.chunks(piece.max(1)) {
            draft.push(text).await;
        }
        draft.end().await
    }

    async fn deliveries(intake: &Intake) -> Vec<Delivery> {
        intake.store().list(true, 100).await.unwrap()
    }

    /// A message that is refused in the same way whatever the pieces, and leaves nothing.
    #[track_caller]
    fn check_refused(message: &str, expected: &Refused) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (intake, _directory) = intake().await;
            for piece in [1, 7, message.len()] {
                let verdict = submit(&intake, &["els@b.example"], message.as_bytes(), piece).await;
                assert_eq!(
                    verdict,
                    Verdict::Refused(expected.clone()),
                    "in pieces of {piece}: {message:.100}"
                );
                assert!(
                    deliveries(&intake).await.is_empty(),
                    "something was kept of {message:.100}"
                );
            }
        });
    }

    #[tokio::test]
    async fn message_is_kept_without_its_control_headers_whatever_the_pieces() {
        for piece in 1..MESSAGE.len() {
            let (intake, _directory) = intake().await;
            assert_eq!(
                submit(&intake, &["els@b.example"], MESSAGE.as_bytes(), piece).await,
                Verdict::Kept
            );
            let [delivery] = &deliveries(&intake).await[..] else { panic!("one delivery is kept") };
            let stored = intake.store().submission(delivery.submission).await.unwrap().unwrap();
            assert_eq!(stored.submission.wishes.direct, Some(Floor::Tls));
            assert_eq!(stored.submission.size, MESSAGE.len() as u64);
            let mut body = String::new();
            intake
                .store()
                .read_body(&stored)
                .await
                .unwrap()
                .read_to_string(&mut body)
                .await
                .unwrap();
            assert_eq!(body, STRIPPED, "in pieces of {piece}");
        }
    }

    #[tokio::test]
    async fn message_of_a_header_section_alone_is_kept() {
        let (intake, _directory) = intake().await;
        let verdict = submit(&intake, &["els@b.example"], b"From: jan@a.example\r\n", 100).await;
        assert_eq!((verdict, deliveries(&intake).await.len()), (Verdict::Kept, 1));
    }

    #[tokio::test]
    async fn transaction_that_is_repeated_or_split_is_one_message() {
        let (intake, _directory) = intake().await;
        let other_hop = MESSAGE.replace("by a.example", "by c.example");
        let other_text = MESSAGE.replace("Body", "Text");
        for (recipient, message, expected) in [
            ("els@b.example", MESSAGE, 1),
            ("els@b.example", &other_hop, 1),
            ("piet@b.example", &other_hop, 2),
            ("els@b.example", &other_text, 3),
        ] {
            let verdict = submit(&intake, &[recipient], message.as_bytes(), 100).await;
            assert_eq!(
                (verdict, deliveries(&intake).await.len()),
                (Verdict::Kept, expected),
                "{recipient}"
            );
        }
        let deliveries = deliveries(&intake).await;
        let submissions: std::collections::BTreeSet<_> =
            deliveries.iter().map(|delivery| delivery.submission).collect();
        assert_eq!(submissions.len(), 2);
    }

    #[test]
    fn what_cannot_be_kept_as_asked_is_refused() {
        let domain = "c.example".parse().unwrap();
        check_refused("From: jan@c.example\r\n\r\n", &Refused::NoAccount(domain));
        let right = MESSAGE
            .replace("Subject:", "zivver-access-right: els@b.example sms +31612345678\r\nSubject:");
        check_refused(&right, &Refused::CannotVerifyBy(Right::Sms));
        let loops = format!("{}{MESSAGE}", "Received: by a.example\r\n".repeat(99));
        check_refused(&loops, &Refused::Message(Refusal::Loop(100)));
        let own = "Message-ID: <0190a1b2c3d47e5f8a9b0c1d2e3f4a5d.zegel@b.example>\r\n\
                   From: Secure@b.example\r\n\r\n";
        check_refused(own, &Refused::OwnMail);
        for message in [
            "",
            "\r\nFrom: jan@a.example\r\n",
            "no header\r\n\r\n",
            "From: a@a.example, b@a.example\r\n\r\n",
        ] {
            let head = Head::parse(message.as_bytes()).map_err(Refusal::from);
            let refusal = head.and_then(|head| head.from().map_err(Refusal::from)).unwrap_err();
            check_refused(message, &Refused::Message(refusal));
        }
    }

    #[tokio::test]
    async fn nothing_is_taken_that_would_eat_the_reserve() {
        let (intake, _directory) = intake().await;
        assert_eq!(intake.room_for(1000).await, Ok(()));
        let intake = intake.with_reserve(u64::MAX);
        assert_eq!(intake.room_for(0).await, Err(Verdict::Full));
        let verdict = submit(&intake, &["els@b.example"], MESSAGE.as_bytes(), 100).await;
        assert_eq!((verdict, deliveries(&intake).await.len()), (Verdict::Full, 0));
    }

    #[tokio::test]
    async fn endless_header_section_is_refused_before_it_fills_the_memory() {
        let (intake, _directory) = intake().await;
        let line = format!("X: {}\r\n", "x".repeat(900));
        let head = line.repeat(HEAD_MAX / line.len() + 2);
        let verdict =
            submit(&intake, &["els@b.example"], format!("{head}{MESSAGE}").as_bytes(), 64 * 1024)
                .await;
        assert_eq!(verdict, Verdict::Refused(Refused::HeadTooLong));
    }

    #[test]
    fn message_may_ask_to_be_kept_for_less_time_but_not_for_more() {
        let asked = |after_seconds| Some(Expiration { after_seconds, what: Expire::Delete });
        assert_eq!(expires(Moment(10), 1, None), Moment(86_410));
        assert_eq!(expires(Moment(10), 1, asked(60)), Moment(70));
        assert_eq!(expires(Moment(10), 1, asked(100_000)), Moment(86_410));
    }
}
