//! DKIM signatures (RFC 6376, RFC 8463): what is signed, in which form, and the field that says so. Keys and hashes are the
//! caller's.
//!
//! Header and body are canonicalised `relaxed`, and every field of [`SIGNED`] is signed once more often than it occurs, so that
//! nobody can add another From or Subject without breaking the signature. There is no `l=`: the whole body is signed.

mod canonical;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::address::Domain;
use crate::message::{Field, Head};
use crate::moment::Moment;
pub use canonical::RelaxedBody;

/// Fields that are signed, also where there are none (RFC 6376, section 5.4.1 and 8.15). Trace and what forwarders change is
/// not among them.
pub const SIGNED: [&str; 19] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-ID",
    "Content-Disposition",
    "Content-Language",
    "Auto-Submitted",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
];

/// Octets of a line of the field, as RFC 5322 recommends.
const LINE_MAX: usize = 76;

#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    #[serde(rename = "rsa-sha256")]
    RsaSha256,
    #[serde(rename = "ed25519-sha256")]
    Ed25519Sha256,
}

/// The name that a key's record stands under, left of `._domainkey`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Selector(String);

/// A signature without its last value.
#[derive(Clone, Debug)]
pub struct Unsigned {
    /// The field up to and with `b=`, folded.
    field: String,
    /// What the key signs: header fields, then this field (RFC 6376, section 3.7).
    data: Vec<u8>,
}

impl Algorithm {
    pub fn name(self) -> &'static str {
        match self {
            Self::RsaSha256 => "rsa-sha256",
            Self::Ed25519Sha256 => "ed25519-sha256",
        }
    }

    /// As the key's record calls it.
    pub fn key_type(self) -> &'static str {
        match self {
            Self::RsaSha256 => "rsa",
            Self::Ed25519Sha256 => "ed25519",
        }
    }
}

impl Selector {
    /// One label of a domain name, of letters, digits and hyphens.
    pub fn new(text: &str) -> Option<Self> {
        let letters = text.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
        let ends = !text.starts_with('-') && !text.ends_with('-');
        ((1..=63).contains(&text.len()) && letters && ends).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The record of a key (RFC 6376, section 3.6.1); `public` is its public key in base64. An empty one revokes it.
pub fn record(algorithm: Algorithm, public: &str) -> String {
    format!("v=DKIM1; k={}; p={public}", algorithm.key_type())
}

/// Whether a TXT record publishes this key: the same type and the same octets, whatever the white space.
pub fn publishes(record: &str, algorithm: Algorithm, public: &str) -> bool {
    let tags: Vec<(&str, String)> = record
        .split(';')
        .filter_map(|tag| tag.split_once('='))
        .map(|(name, value)| {
            (name.trim(), value.chars().filter(|c| !c.is_ascii_whitespace()).collect())
        })
        .collect();
    let value = |name| tags.iter().find(|(tag, _)| *tag == name).map(|(_, value)| value.as_str());
    value("v").unwrap_or("DKIM1") == "DKIM1"
        && value("k").unwrap_or("rsa") == algorithm.key_type()
        && value("p") == Some(public)
}

/// Prepares a signature over a message with this head, whose body has this hash (base64 of SHA-256 over [`RelaxedBody`]).
pub fn prepare(
    head: &Head<'_>,
    body_hash: &str,
    algorithm: Algorithm,
    domain: &Domain,
    selector: &Selector,
    now: Moment,
) -> Unsigned {
    let (names, mut data) = signed_fields(head);
    let tags = [
        "v=1".to_owned(),
        format!("a={}", algorithm.name()),
        "c=relaxed/relaxed".to_owned(),
        format!("d={}", domain.as_str()),
        format!("s={selector}"),
        format!("t={}", now.0),
    ];
    let mut folded = Folded::new("DKIM-Signature:");
    for tag in tags {
        folded.put(&format!(" {tag};"));
    }
    folded.put(" h=");
    for (at, name) in names.iter().enumerate() {
        let end = if at + 1 == names.len() { ";" } else { ":" };
        folded.put(&format!("{name}{end}"));
    }
    folded.put(" bh=");
    folded.put(&format!("{body_hash};"));
    folded.put(" b=");
    let field = folded.text;
    canonical::relaxed_field(field.as_bytes(), &mut data);
    // The signature's own field is the last, and has no line end (RFC 6376, section 3.7).
    let end = data.strip_suffix(b"\r\n").map_or(data.len(), <[u8]>::len);
    data.truncate(end);
    Unsigned { field, data }
}

/// The names for `h=`, and the fields in their canonical form: of each name those that there are, the last first, and then
/// none.
fn signed_fields(head: &Head<'_>) -> (Vec<&'static str>, Vec<u8>) {
    let (mut names, mut data) = (Vec::new(), Vec::new());
    for name in SIGNED {
        let there: Vec<&Field<'_>> = head.named(name).collect();
        for field in there.iter().rev() {
            canonical::relaxed_field(field.raw, &mut data);
            names.push(name);
        }
        names.push(name);
    }
    (names, data)
}

impl Unsigned {
    /// What the key signs: for RSA as it is, for Ed25519 its SHA-256 (RFC 8463, section 3).
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The whole field with its CRLF, to stand on top of the message; `signature` in base64.
    pub fn signed(self, signature: &str) -> String {
        let mut folded = Folded { text: self.field, at: 0 };
        folded.at = folded.text.rsplit("\r\n").next().map_or(0, str::len);
        let mut rest = signature;
        while !rest.is_empty() {
            let room = LINE_MAX.saturating_sub(folded.at).max(1);
            let (piece, after) = rest.split_at_checked(room).unwrap_or((rest, ""));
            folded.text.push_str(piece);
            rest = after;
            if !rest.is_empty() {
                folded.fold();
            }
        }
        folded.text.push_str("\r\n");
        folded.text
    }
}

/// A field that is folded before a piece that would make its line too long.
struct Folded {
    text: String,
    /// Octets of the last line.
    at: usize,
}

impl Folded {
    fn new(start: &str) -> Self {
        Self { text: start.to_owned(), at: start.len() }
    }

    fn put(&mut self, piece: &str) {
        if self.at + piece.len() > LINE_MAX {
            self.fold();
            self.text.push_str(piece.trim_start());
            self.at += piece.trim_start().len();
        } else {
            self.text.push_str(piece);
            self.at += piece.len();
        }
    }

    fn fold(&mut self) {
        self.text.push_str("\r\n\t");
        self.at = 1;
    }
}

#[cfg(test)]
mod tests;
