//! DKIM signatures on everything that leaves in the name of a domain that has keys. The content is read once to be hashed and
//! once to be sent: it is the same both times, and it is never gathered. Without keys it is not read for this at all.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use moka::sync::Cache;
use tokio::io::{AsyncRead, AsyncReadExt};
use tracing::warn;
use zegel_core::address::Domain;
use zegel_core::dkim::{self, RelaxedBody};
use zegel_core::message::{HEAD_MAX, Head};
use zegel_core::moment::Moment;

use crate::store::{Signer, Store, StoreError, Stored};

/// Octets that are read at once.
const BLOCK: usize = 32 * 1024;

/// How long keys are used that were read: a new one may sign a moment later, for the record of the old one stays published.
const FRESH: Duration = Duration::from_secs(1);

/// Signs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Signing {
    store: Store,
    /// The keys that were read last.
    signers: Cache<(), Arc<[Signer]>>,
}

impl Signing {
    pub fn new(store: Store) -> Self {
        let signers = Cache::builder().max_capacity(1).time_to_live(FRESH).build();
        Self { store, signers }
    }

    /// The signatures for a message that goes to its recipient as it was sent; none where its author's domain has no key.
    pub async fn of_message(&self, stored: &Stored, now: Moment) -> Result<String, StoreError> {
        let signers = self.signers().await?;
        let signers = of(&signers, stored.submission.from.domain());
        if signers.is_empty() {
            return Ok(String::new());
        }
        sign(&signers, self.store.read_body(stored).await?, now).await
    }

    /// The signatures for a mail that the relay has composed.
    pub async fn of_mail(&self, mail: &[u8], now: Moment) -> Result<String, StoreError> {
        let Ok(head) = Head::parse(mail) else { return Ok(String::new()) };
        let Ok(author) = head.from() else { return Ok(String::new()) };
        let signers = self.signers().await?;
        let signers = of(&signers, author.address.domain());
        if signers.is_empty() { Ok(String::new()) } else { sign(&signers, mail, now).await }
    }

    async fn signers(&self) -> Result<Arc<[Signer]>, StoreError> {
        if let Some(signers) = self.signers.get(&()) {
            return Ok(signers);
        }
        let signers: Arc<[Signer]> = self.store.signers().await?.into();
        self.signers.insert((), Arc::clone(&signers));
        Ok(signers)
    }
}

/// The keys of this domain, or of the nearest one above it that has any: both are aligned with it (RFC 7489, section 3.1.1).
fn of<'a>(signers: &'a [Signer], author: &Domain) -> Vec<&'a Signer> {
    let above = signers.iter().filter(|signer| author.is_within(&signer.domain));
    let nearest = above.clone().map(|signer| signer.domain.as_str().len()).max();
    above.filter(|signer| Some(signer.domain.as_str().len()) == nearest).collect()
}

async fn sign(
    signers: &[&Signer],
    mut message: impl AsyncRead + Unpin,
    now: Moment,
) -> Result<String, StoreError> {
    let unreadable =
        |error| StoreError::Failed(format!("the stored message cannot be read: {error}"));
    let mut start = Vec::new();
    let mut block = vec![0; BLOCK];
    let body_at = loop {
        let length = message.read(&mut block).await.map_err(unreadable)?;
        start.extend_from_slice(block.get(..length).unwrap_or_default());
        match start.windows(4).position(|octets| octets == b"\r\n\r\n") {
            Some(end) => break end + 4,
            None if length == 0 || start.len() > HEAD_MAX => break start.len(),
            None => {}
        }
    };
    let (head, body) = start.split_at(body_at);
    let head = match Head::parse(head) {
        Ok(head) => head,
        Err(error) => {
            warn!("a message is sent without a signature: {error}");
            return Ok(String::new());
        }
    };
    let mut hash = Context::new(&SHA256);
    let mut relaxed = RelaxedBody::new();
    relaxed.put(body, &mut |octets| hash.update(octets));
    loop {
        let length = message.read(&mut block).await.map_err(unreadable)?;
        if length == 0 {
            break;
        }
        relaxed.put(block.get(..length).unwrap_or_default(), &mut |octets| hash.update(octets));
    }
    relaxed.end(&mut |octets| hash.update(octets));
    let body_hash = BASE64.encode(hash.finish());
    let mut fields = String::new();
    for Signer { domain, selector, key } in signers {
        let unsigned = dkim::prepare(&head, &body_hash, key.algorithm(), domain, selector, now);
        let signature = key.sign(unsigned.data())?;
        fields.push_str(&unsigned.signed(&signature));
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use zegel_core::dkim::{Algorithm, Selector};

    use super::*;
    use crate::vault::SigningKey;

    fn signer(domain: &str, selector: &str) -> Signer {
        Signer {
            domain: domain.parse().unwrap(),
            selector: Selector::new(selector).unwrap(),
            key: SigningKey::generate(Algorithm::Ed25519Sha256).unwrap(),
        }
    }

    #[test]
    fn a_domain_is_signed_for_by_itself_or_by_the_nearest_above_it() {
        let signers = [
            signer("org.test", "a"),
            signer("org.test", "b"),
            signer("mail.org.test", "c"),
            signer("other.test", "d"),
        ];
        for (author, expected) in [
            ("org.test", "ab"),
            ("www.org.test", "ab"),
            ("mail.org.test", "c"),
            ("x.mail.org.test", "c"),
            ("notorg.test", ""),
        ] {
            let found: String = of(&signers, &author.parse().unwrap())
                .iter()
                .map(|signer| signer.selector.as_str())
                .collect();
            assert_eq!(found, expected, "{author}");
        }
    }

    #[tokio::test]
    async fn the_hash_is_the_same_however_large_the_message() {
        let signers = [signer("org.test", "a")];
        let message = |lines: usize| {
            format!("From: a@org.test\r\n\r\n{}", "Some text, and more.\r\n".repeat(lines))
        };
        for lines in [0, 1, 10_000] {
            let message = message(lines);
            let all: Vec<&Signer> = signers.iter().collect();
            let fields = sign(&all, message.as_bytes(), Moment(1)).await.unwrap();
            let mut hash = Context::new(&SHA256);
            hash.update(message.split_once("\r\n\r\n").unwrap().1.as_bytes());
            let expected = BASE64.encode(hash.finish());
            assert!(fields.contains(&format!("bh={expected};")), "{lines}: {fields}");
        }
    }
}
