//! Mail addresses and domains (RFC 5321, section 4.1.2; RFC 6531 for local parts beyond ASCII).

use serde::{Deserialize, Serialize};

/// A domain name: lower case A-labels, at least one dot, no trailing one, at most 253 octets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain(String);

/// A mailbox address. Two are equal when their domains are and their local parts differ at most in ASCII case:
/// no mail server in use gives `Jan@` and `jan@` to two people, and taking them for two would show a Bcc.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    local: String,
    domain: Domain,
}
// API: Domain: FromStr<Err=AddressError>, Display, as_str, is_within(&self,&Domain)->bool (equal or subdomain)
//      Address: FromStr (strict addr-spec, no <>, no comments), Display, local(), domain(), key()->String (lower-cased whole), is_ascii(), Eq/Ord/Hash by key
