//! What the `zivver-*` headers ask for (product.md, section 4). Strict: a malformed header refuses the message,
//! it never falls through to something weaker.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::secret::Secret;
use crate::transport::Floor;

/// All directives of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wishes {
    /// `zivver-direct-delivery`: the header's minimum.
    pub direct: Option<Floor>,
    /// `zivver-access-right`, one per recipient at most.
    pub rights: BTreeMap<Address, AccessRight>,
    /// `zivver-minimum-recipient-verification: verification-email`, exactly.
    pub email_fallback: bool,
    pub expiration: Option<Expiration>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccessRight {
    /// An E.164 number.
    Sms(Secret),
    AccessCode(Secret),
}

/// `zivver-message-expiration`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiration {
    pub after_seconds: u64,
    pub what: Expire,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expire {
    /// `delete`: for everyone.
    Delete,
    /// `revoke`: for the recipients only.
    Revoke,
}
// API: read(&Head, recipients: &[Address]) -> Result<Wishes, DirectiveError{header: &'static str, why: String without the secret values}>
//  is_control(name:&str)->bool : every header that is stripped: zivver-*, x-zegel-* , tls-required
