//! A mail that comes to a return path of ours. It is read and thrown away: nothing of it goes to the disk but codes and the
//! name of a server.

use tracing::{info, warn};
use zegel_core::bounce::{self, Bounce, OCTETS_MAX};
use zegel_core::submitter::Submitter;

use super::{Intake, Transaction, Verdict};
use crate::id::DeliveryId;
use crate::lifecycle;

/// One such mail while its octets arrive; those beyond what is looked at are swallowed.
#[derive(Debug)]
pub(super) struct Report {
    delivery: DeliveryId,
    octets: Vec<u8>,
}

impl Report {
    /// `None`: the transaction is none of a report.
    pub(super) fn begin(intake: &Intake, transaction: &Transaction) -> Option<Self> {
        let envelope = &transaction.envelope;
        let ([recipient], None) = (&*envelope.recipients, &envelope.sender) else { return None };
        let delivery = intake.bounces()?.recognise(&recipient.address, lifecycle::now())?;
        Some(Self { delivery, octets: Vec::new() })
    }

    pub(super) fn push(&mut self, text: &[u8]) {
        let room = OCTETS_MAX.saturating_sub(self.octets.len()).min(text.len());
        self.octets.extend_from_slice(text.get(..room).unwrap_or_default());
    }

    /// Only what fails the delivery has to survive a power cut, and it does.
    pub(super) async fn end(self, intake: &Intake) -> Verdict {
        let (id, Some(bounces)) = (self.delivery, intake.bounces()) else {
            return Verdict::Unavailable;
        };
        if !bounces.may_read(id) {
            warn!(delivery = %id, "delivery {id}: so many mails come back for it that this one is not read");
            return Verdict::Kept;
        }
        let failed = match bounce::read(&self.octets) {
            Bounce::Failed(failed) => failed,
            Bounce::Unknown => {
                let count = bounces.count_unknown();
                warn!(
                    delivery = %id, count,
                    "delivery {id}: a mail came back for it that is not understood, the {count}. since the start; it \
                     changes nothing"
                );
                return Verdict::Kept;
            }
            Bounce::Delayed | Bounce::Delivered | Bounce::Automatic => {
                info!(delivery = %id, "delivery {id}: a mail came back for it that is no failure");
                return Verdict::Kept;
            }
        };
        let counts = match intake.store().came_back(id, &failed, lifecycle::now()).await {
            Ok(counts) => counts,
            Err(error) => return error.into(),
        };
        let but = if counts { "" } else { ", which changes nothing" };
        info!(delivery = %id, "delivery {id}: its mail came back{but}");
        Verdict::Kept
    }
}

/// Whoever says nothing but the null sender may report to our return paths, without further proof: the address is the proof.
pub(super) fn reporter(intake: &Intake, is_null_sender: bool) -> Option<Submitter> {
    (is_null_sender && intake.bounces().is_some()).then_some(Submitter::Reporter)
}
