//! Who sees whom: To and Cc share one conversation, every Bcc recipient has one alone.

use crate::address::Address;
use crate::envelope::Recipient;

/// The recipients who see each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    pub kind: Kind,
    pub recipients: Vec<Recipient>,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Shared,
    /// One Bcc recipient.
    Alone,
}
// API: split(recipients:&[Recipient], addressees:&[Address]) -> Vec<Conversation>  (duplicates in recipients merged; order kept; Shared first when not empty)
