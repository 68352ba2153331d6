//! One accepted message: who may see it, what was asked for it, and what of it may be told before verification.

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::directive::Wishes;
use crate::envelope::Envelope;

/// Made when the message is accepted; kept sealed, because it holds names, the subject, numbers and codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    pub envelope: Envelope,
    pub from: Address,
    /// The author's display name, decoded.
    pub from_name: Option<String>,
    pub subject: Option<String>,
    /// Message-ID without its angle brackets.
    pub message_id: Option<String>,
    /// To and Cc.
    pub addressees: Vec<Address>,
    pub wishes: Wishes,
    /// Octets of the message as received.
    pub size: u64,
}
// API: Submission::new(envelope, &Head, wishes, size)->Result<Submission, Refusal>; Refusal -> enhanced code+text: malformed From (550 5.6.0), ..., >=100 Received (554 5.4.6)
