//! Keeps a transaction while it arrives. 250 is a promise: it is said only after [`Draft::end`] has returned
//! [`Verdict::Kept`], and that is only returned when the store has the message on disk and committed.
//!
//! The header section is held in memory until it is complete. Then everything that can refuse the message is asked, the
//! section goes to the store without its control headers, and the body streams after it. What the message asked for
//! stands in its [`Submission`], which is sealed apart.

mod codes;
mod report;
#[cfg(test)]
mod tests;
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
use zegel_core::phone::Countries;
use zegel_core::submission::{Arrival, Refusal, Submission};
use zegel_core::submitter::Submitter;

use crate::admission::{self, Admission, Asked, Capabilities, Gate};
use crate::bounces::Bounces;
use crate::id::SubmissionId;
use crate::lifecycle;
use crate::store::{BodyWriter, Kept, NewSubmission, Store, StoreError};
use crate::vault::{CodeHasher, MessageKey, Purpose};

use report::Report;

pub use verdict::{Refused, Verdict};

/// Fields that differ between two transactions with the same message: each hop adds or changes them.
const TRACE: [&str; 3] = ["Received", "Return-Path", "Delivered-To"];

/// What holds for every message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How long a message is kept, unless it asks for less.
    pub link_days: u16,
    pub capabilities: Capabilities,
    /// Where text messages go.
    pub countries: Countries,
    /// What the relay's own mail comes from.
    pub own: Address,
}

#[derive(Clone, Debug)]
pub struct Intake {
    store: Store,
    gate: Gate,
    rules: Rules,
    /// Octets of the disk that no message may take.
    reserve: u64,
    hasher: CodeHasher,
    /// `None`: our own mails come back to nobody.
    bounces: Option<Bounces>,
}

/// One transaction before its message comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub envelope: Envelope,
    pub submitter: Submitter,
    pub arrival: Arrival,
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
        transaction: Transaction,
        octets: Vec<u8>,
    },
    Body(Box<Body>),
    /// Something came back.
    Report(Report),
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
    pub fn new(store: Store, gate: Gate, rules: Rules) -> Self {
        Self { store, gate, rules, reserve: 0, hasher: CodeHasher::new(), bounces: None }
    }

    /// Takes nothing more once the disk has less than this: what is left is for the deliveries of what was taken.
    #[must_use]
    pub fn with_reserve(self, octets: u64) -> Self {
        Self { reserve: octets, ..self }
    }

    /// Takes what comes back for our own mails.
    #[must_use]
    pub fn with_bounces(self, bounces: Option<Bounces>) -> Self {
        Self { bounces, ..self }
    }

    pub fn bounces(&self) -> Option<&Bounces> {
        self.bounces.as_ref()
    }

    /// Whether a message of this size could be kept: asked when a client announces one (RFC 1870, section 6.1), and of
    /// size 0 when it does not say. The error is the verdict that its transaction would end with.
    pub async fn room_for(&self, octets: u64) -> Result<(), Verdict> {
        Ok(self.store.room_for(octets, self.reserve).await?)
    }

    /// Who may submit is asked here.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The answer to MAIL: whether this client may send from this sender, and there is room for what it announces.
    pub async fn admit(&self, asked: Asked) -> Admission {
        match self.room_for(asked.size.unwrap_or(0)).await {
            Ok(()) => {
                let reporter = report::reporter(self, asked.sender.is_none());
                match (self.gate.admit(asked).await, reporter) {
                    (Admission::NotAuthorised(_), Some(reporter)) => Admission::As(reporter),
                    (admission, _) => admission,
                }
            }
            Err(Verdict::Full) => Admission::Full,
            Err(_) => Admission::Unavailable,
        }
    }

    pub fn begin(&self, transaction: Transaction) -> Draft {
        let envelope = &transaction.envelope;
        Draft {
            intake: self.clone(),
            id: SubmissionId::generate(),
            sender: envelope.sender.as_ref().map(|sender| sender.domain().clone()),
            recipients: envelope.recipients.len(),
            stage: match Report::begin(self, &transaction) {
                Some(report) => Stage::Report(report),
                None => Stage::Head { transaction, octets: Vec::new() },
            },
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
            Stage::Report(report) => report.push(text),
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
            Stage::Report(report) => report.end(&self.intake).await,
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
            Stage::Head { transaction, octets } => {
                match Body::open(&self.intake, self.id, transaction, &octets).await {
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
        transaction: Transaction,
        octets: &[u8],
    ) -> Result<Self, Verdict> {
        let Transaction { envelope, submitter, arrival } = transaction;
        let head = Head::parse(octets).map_err(Refusal::from)?;
        let submission = Submission { arrival, ..Submission::new(envelope, &head, 0)? };
        admission::not_own(&submission, &intake.rules.own)?;
        admission::demands(&submission.wishes, intake.rules.capabilities)?;
        admission::reachable(&submission.wishes, &intake.rules.countries)?;
        intake.gate.author(&submitter, &submission.from).await?;
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
        codes::hash(&mut self.submission, id, &intake.hasher).await?;
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
