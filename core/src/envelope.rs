//! The SMTP envelope (RFC 5321, section 2.3.1) with its DSN parameters (RFC 3461).

use serde::{Deserialize, Serialize};

use crate::address::Address;

/// Who sends and who receives, as the transaction said it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// MAIL FROM; `None` is the null sender `<>`.
    pub sender: Option<Address>,
    pub recipients: Vec<Recipient>,
    /// ENVID, decoded from xtext.
    pub envelope_id: Option<String>,
}

/// RCPT TO.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    pub address: Address,
    pub notify: Notify,
    /// ORCPT, decoded from xtext, as `type;address`.
    pub original: Option<String>,
}

/// NOTIFY (RFC 3461, section 4.1).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notify {
    pub success: bool,
    pub failure: bool,
    pub delay: bool,
}

impl Notify {
    /// What holds when NOTIFY is absent.
    pub const DEFAULT: Self = Self { success: false, failure: true, delay: true };
    pub const NEVER: Self = Self { success: false, failure: false, delay: false };
}

impl Recipient {
    /// A recipient without DSN parameters.
    pub fn plain(address: Address) -> Self {
        Self { address, notify: Notify::DEFAULT, original: None }
    }
}

impl Envelope {
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.recipients.iter().map(|recipient| &recipient.address)
    }
}
