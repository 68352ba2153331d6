//! Senders are asked by mail for what their recipients lack: one mail for all recipients of a message who wait.

use tracing::{error, info};
use zegel_core::decision::Outcome;
use zegel_core::delivery::State;
use zegel_core::moment::Moment;
use zegel_core::notice::{Inquiry, SenderPage, inquiry};
use zegel_core::{own_id, report};

use super::Pipeline;
use crate::id::{DeliveryId, MailId, SubmissionId};
use crate::lifecycle;
use crate::store::{Delivery, MailKind, NewMail, StoreError};

/// Inquiries that are written in one go; the next go follows at once.
const AT_ONCE: usize = 50;

impl Pipeline {
    /// Writes the mails to senders that are due.
    pub(super) async fn ask_senders(&self) -> Result<(), StoreError> {
        let now = lifecycle::now();
        for submission in self.store.due_inquiries(now, AT_ONCE).await? {
            let mail = match self.inquiry(submission, now).await {
                Err(StoreError::Damaged) => {
                    error!(%submission, "the sender of submission {submission} cannot be asked: its record cannot be opened");
                    None
                }
                written => written?,
            };
            if let Some((_, about)) = &mail {
                let count = about.len();
                info!(%submission, count, "submission {submission}: its sender is asked about {count} recipients");
            }
            self.store.post_inquiry(submission, mail, now).await?;
        }
        Ok(())
    }

    /// The mail, and the deliveries that it asks about; `None` when nobody waits any more, or nobody wants to be asked.
    async fn inquiry(
        &self,
        submission: SubmissionId,
        now: Moment,
    ) -> Result<Option<(NewMail, Vec<DeliveryId>)>, StoreError> {
        let Some(stored) = self.store.submission(submission).await? else { return Ok(None) };
        let deliveries = self.store.deliveries_of(submission).await?;
        let waiting: Vec<&Delivery> = deliveries
            .iter()
            .filter(|one| needs_sender(one) && report::may_be_asked(&one.recipient))
            .collect();
        let (Some(first), Some(until)) =
            (waiting.first(), waiting.iter().filter_map(|one| one.state.due()).min())
        else {
            return Ok(None);
        };
        let recipients: Vec<_> = waiting.iter().map(|one| one.recipient.address.clone()).collect();
        let (organisation, to) = (&self.settings.organisation, &stored.submission.from);
        let message = inquiry(&Inquiry {
            organisation,
            to,
            page: SenderPage {
                origin: &self.settings.origin,
                token: &self.store.sender_token(submission),
            },
            recipients: &recipients,
            until,
            original_message_id: stored.submission.message_id.as_deref(),
            message_id: &own_id::make(&MailId::generate(), organisation.from.domain()),
            accepted: first.accepted,
            now,
        });
        let mail = NewMail {
            kind: MailKind::Report,
            delivery: Some(first.id),
            to: to.clone(),
            message,
            floor: None,
            expires: until,
        };
        Ok(Some((mail, waiting.iter().map(|one| one.id).collect())))
    }
}

/// Whether a delivery waits for its sender, and not for other recipients.
fn needs_sender(delivery: &Delivery) -> bool {
    let outcome = delivery.decision.as_ref().map(|decision| decision.outcome);
    matches!(delivery.state, State::Held { .. }) && outcome == Some(Outcome::NeedsSender)
}
