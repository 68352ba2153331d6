//! The relay's own mail: codes and reports. Rows that wait in the store, sent with the same care as any.

use std::io;
use std::time::Duration;

use tracing::{error, info, warn};
use zegel_core::envelope::{Notify, Recipient};
use zegel_core::moment::Moment;
use zegel_core::transport::Seen;

use super::{BUSY, FAILURE_ALONE, Pipeline, backoff};
use crate::lifecycle;
use crate::outbound::{Mail, Outcome, Way};
use crate::store::{MailKind, MailOutcome, QueuedMail, StoreError};

/// Somebody waits for a code in front of a page, and it lives ten minutes: greylisting is over by the third try.
const CODE_RETRY_FIRST: Duration = Duration::from_secs(15);
const CODE_RETRY_MAX: Duration = Duration::from_mins(2);

impl Pipeline {
    /// Sends a claimed mail once. When the store fails, the claim runs out and the mail is sent again.
    pub(super) async fn send_mail(&self, mail: QueuedMail) {
        let (outcome, seen) = match self.try_mail(&mail).await {
            Ok(tried) => tried,
            Err(error) => {
                error!(mail = %mail.id, "mail {} cannot be sent now: {error}", mail.id);
                let due = self.due_again(&mail, lifecycle::now());
                (MailOutcome::Later { due, why: error.to_string() }, None)
            }
        };
        let (id, domain, what) = (mail.id, mail.to.domain(), name(mail.kind));
        match &outcome {
            MailOutcome::Sent => {
                info!(mail = %id, domain = %domain, "{what} {id} to {domain}: sent");
            }
            // Why stands in the delivery's history: a server's words may name the recipient.
            MailOutcome::Later { .. } => {
                info!(mail = %id, domain = %domain, "{what} {id} to {domain}: deferred");
            }
            MailOutcome::Dropped { why } => {
                warn!(mail = %id, domain = %domain, "{what} {id} to {domain}: given up: {why}");
            }
        }
        if let Err(error) = self.store.settle_mail(&mail, outcome, seen, lifecycle::now()).await {
            error!(mail = %id, "{what} {id} stays where it is: {error}");
        }
    }

    /// What became of it, and what the connection showed.
    async fn try_mail(&self, mail: &QueuedMail) -> Result<(MailOutcome, Option<Seen>), StoreError> {
        let now = lifecycle::now();
        if mail.expires <= now {
            let why = "it could not be sent in time".into();
            return Ok((MailOutcome::Dropped { why }, None));
        }
        let return_path = mail.delivery.and_then(|delivery| self.return_path(delivery, now));
        // A report never causes another (RFC 3464, section 2), and a lost code is asked for again by hand.
        let (sender, notify) = match (mail.kind, &return_path) {
            (MailKind::Code, Some(path)) => (Some(path), FAILURE_ALONE),
            (MailKind::Code, None) => (Some(&self.settings.organisation.from), Notify::NEVER),
            (MailKind::Report, _) => (None, Notify::NEVER),
        };
        let recipient = Recipient { notify, ..Recipient::plain(mail.to.clone()) };
        let transaction = Mail {
            sender,
            recipient: &recipient,
            envelope_id: None,
            floor: mail.floor,
            way: Way::Usual,
        };
        let mark = self.mark_of_mail(mail.to.domain(), &mail.message, now).await?;
        let signatures = self.signing.of_mail(&mail.message, now).await?;
        let mut content =
            io::Cursor::new([signatures.as_bytes(), mark.as_bytes(), &mail.message].concat());
        let outcome = self.outbound.send(&transaction, &mut content).await;
        Ok(self.judge(mail, outcome, lifecycle::now()))
    }

    fn judge(
        &self,
        mail: &QueuedMail,
        outcome: Outcome,
        now: Moment,
    ) -> (MailOutcome, Option<Seen>) {
        match outcome {
            Outcome::Accepted(seen) => (MailOutcome::Sent, Some(seen)),
            Outcome::Busy => {
                let why = "the server is busy with others".into();
                (MailOutcome::Later { due: now.plus(BUSY), why }, None)
            }
            Outcome::Deferred { why, seen } => {
                (MailOutcome::Later { due: self.due_again(mail, now), why }, seen)
            }
            Outcome::Refused { code, seen, .. } => {
                let why = format!("{} refused it with {code}", seen.host);
                (MailOutcome::Dropped { why }, Some(seen))
            }
            Outcome::NoRoute { text, .. } => (MailOutcome::Dropped { why: text }, None),
            Outcome::FloorMissed { floor, miss, seen } => {
                let why = format!("the floor {floor} is missed: {miss}");
                (MailOutcome::Dropped { why }, Some(seen))
            }
        }
    }

    fn due_again(&self, mail: &QueuedMail, now: Moment) -> Moment {
        match mail.kind {
            MailKind::Code => backoff(mail.tries, CODE_RETRY_FIRST, CODE_RETRY_MAX, now),
            MailKind::Report => {
                backoff(mail.tries, self.settings.retry.first, self.settings.retry.max, now)
            }
        }
    }
}

fn name(kind: MailKind) -> &'static str {
    match kind {
        MailKind::Code => "code",
        MailKind::Report => "report",
    }
}
