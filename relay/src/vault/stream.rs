//! Sealed streams. The format:
//!
//! | octets | |
//! |---|---|
//! | 8 | `ZEGEL`, `0x00`, the version of this format (`0x00 0x01`) |
//! | 7 | nonce prefix, random |
//! | 65552 each | chunks: 64 KiB of ciphertext and their tag |
//! | 16 to 65552 | the last chunk: what is left, and its tag |
//!
//! The chunks are AES-256-GCM in the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: *Online
//! Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance*): the nonce is prefix, number of the chunk (32 bits,
//! big-endian) and an octet that is 1 for the last chunk and 0 for all others. The first 15 octets are every chunk's
//! associated data.

use aws_lc_rs::aead::{Aad, LessSafeKey, MAX_TAG_LEN as TAG_LEN, NONCE_LEN, Nonce};
use zeroize::{Zeroize, Zeroizing};

use super::token::random;
use super::{MessageKey, VaultError, record};

const MAGIC: [u8; 8] = *b"ZEGEL\0\0\x01";
const PREFIX_LEN: usize = 7;
const HEADER_LEN: usize = MAGIC.len() + PREFIX_LEN;

/// Plain octets of a chunk: large enough that tags cost nothing, small enough to hold for every connection.
const CHUNK_LEN: usize = 64 * 1024;

/// Seals a stream: octets in, sealed octets out, whatever the pieces.
#[derive(Debug)]
pub struct Sealer {
    chunks: Chunks,
    /// The chunk that is being filled. A full one waits: only what follows tells whether it is the last.
    plain: Zeroizing<Vec<u8>>,
}

/// Opens a stream that a [`Sealer`] made. Nothing of a chunk comes out before its tag was found right; that nothing is
/// missing behind the last octets is only proven by [`Unsealer::finish`].
#[derive(Debug)]
pub struct Unsealer(Unsealing);

#[derive(Debug)]
enum Unsealing {
    Header { key: MessageKey, sealed: Vec<u8> },
    Chunks { chunks: Chunks, sealed: Vec<u8> },
    Damaged,
}

/// The place in a stream: which nonce comes next.
#[derive(Debug)]
struct Chunks {
    key: LessSafeKey,
    header: [u8; HEADER_LEN],
    next: u32,
}

impl Sealer {
    pub fn new(key: &MessageKey) -> Self {
        Self::with_prefix(key, random())
    }

    fn with_prefix(key: &MessageKey, prefix: [u8; PREFIX_LEN]) -> Self {
        let mut header = [0; HEADER_LEN];
        let (magic, rest) = header.split_at_mut(MAGIC.len());
        magic.copy_from_slice(&MAGIC);
        rest.copy_from_slice(&prefix);
        // With its whole capacity from the start it never moves, and leaves no copy behind.
        let plain = Zeroizing::new(Vec::with_capacity(CHUNK_LEN));
        Self { chunks: Chunks { key: body_key(key), header, next: 0 }, plain }
    }

    /// Takes the next plain octets and appends what is ready to `out`.
    pub fn push(&mut self, mut plain: &[u8], out: &mut Vec<u8>) {
        while !plain.is_empty() {
            if self.plain.len() == CHUNK_LEN {
                self.chunks.seal(&self.plain, false, out);
                self.plain.clear();
            }
            plain = fill(&mut self.plain, CHUNK_LEN, plain);
        }
    }

    /// Appends the last chunk, marked as such.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.chunks.seal(&self.plain, true, out);
    }
}

impl Unsealer {
    pub fn new(key: &MessageKey) -> Self {
        Self(Unsealing::Header { key: key.clone(), sealed: Vec::with_capacity(HEADER_LEN) })
    }

    /// Takes the next sealed octets and appends what is proven to `out`. After an error nothing more comes out.
    pub fn push(&mut self, mut sealed: &[u8], out: &mut Vec<u8>) -> Result<(), VaultError> {
        while !sealed.is_empty() {
            sealed = self.take(sealed, out).inspect_err(|_| self.0 = Unsealing::Damaged)?;
        }
        Ok(())
    }

    /// Proves that the stream is whole.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), VaultError> {
        match self.0 {
            Unsealing::Chunks { mut chunks, mut sealed } => chunks.open(&mut sealed, true, out),
            Unsealing::Header { .. } | Unsealing::Damaged => Err(VaultError::Damaged),
        }
    }

    /// Takes some of the octets, and returns those that are left.
    fn take<'a>(&mut self, octets: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], VaultError> {
        match &mut self.0 {
            Unsealing::Header { key, sealed } => {
                let rest = fill(sealed, HEADER_LEN, octets);
                if let Ok(header) = <[u8; HEADER_LEN]>::try_from(sealed.as_slice()) {
                    let chunks = Chunks::read(key, header)?;
                    self.0 = Unsealing::Chunks {
                        chunks,
                        sealed: Vec::with_capacity(CHUNK_LEN + TAG_LEN),
                    };
                }
                Ok(rest)
            }
            Unsealing::Chunks { chunks, sealed } => {
                if sealed.len() == CHUNK_LEN + TAG_LEN {
                    chunks.open(sealed, false, out)?;
                }
                Ok(fill(sealed, CHUNK_LEN + TAG_LEN, octets))
            }
            Unsealing::Damaged => Err(VaultError::Damaged),
        }
    }
}

impl Chunks {
    fn read(key: &MessageKey, header: [u8; HEADER_LEN]) -> Result<Self, VaultError> {
        if header.starts_with(&MAGIC) {
            Ok(Self { key: body_key(key), header, next: 0 })
        } else {
            Err(VaultError::Damaged)
        }
    }

    /// Appends the next chunk; the header stands before the first.
    fn seal(&mut self, plain: &[u8], last: bool, out: &mut Vec<u8>) {
        if self.next == 0 {
            out.extend_from_slice(&self.header);
        }
        let start = out.len();
        out.extend_from_slice(plain);
        let nonce = self.nonce(last).expect("256 TiB are over every limit of a message");
        let tag = out.get_mut(start..).map(|text| {
            self.key
                .seal_in_place_separate_tag(nonce, Aad::from(&self.header), text)
                .expect("a chunk is not too long")
        });
        out.extend_from_slice(tag.as_ref().map_or(&[], AsRef::as_ref));
    }

    /// Opens the next chunk in place, appends its plain octets and empties `sealed`.
    fn open(
        &mut self,
        sealed: &mut Vec<u8>,
        last: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), VaultError> {
        let nonce = self.nonce(last).ok_or(VaultError::Damaged)?;
        let plain = self
            .key
            .open_in_place(nonce, Aad::from(&self.header), sealed)
            .map_err(|_| VaultError::Damaged)?;
        out.extend_from_slice(plain);
        plain.zeroize();
        sealed.clear();
        Ok(())
    }

    /// The next nonce; each is given out once. `None` when all are used up.
    fn nonce(&mut self, last: bool) -> Option<Nonce> {
        let number = self.next;
        self.next = number.checked_add(1)?;
        let mut nonce = [0; NONCE_LEN];
        let parts = self
            .header
            .iter()
            .skip(MAGIC.len())
            .copied()
            .chain(number.to_be_bytes())
            .chain([u8::from(last)]);
        nonce.iter_mut().zip(parts).for_each(|(octet, part)| *octet = part);
        Some(Nonce::assume_unique_for_key(nonce))
    }
}

/// The key of a message's body.
fn body_key(key: &MessageKey) -> LessSafeKey {
    record::derive(&key.root(), b"zegel message body 1")
}

/// Fills `buffer` up to `len` and returns what did not fit.
fn fill<'a>(buffer: &mut Vec<u8>, len: usize, octets: &'a [u8]) -> &'a [u8] {
    let (now, rest) = octets.split_at(octets.len().min(len - buffer.len()));
    buffer.extend_from_slice(now);
    rest
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD as BASE64;

    use super::*;

    const CHUNK_SEALED: usize = CHUNK_LEN + TAG_LEN;

    fn key() -> MessageKey {
        MessageKey::from_octets([0x42; 32])
    }

    fn plain(len: usize) -> Vec<u8> {
        (0..=250).cycle().take(len).collect()
    }

    /// Seals in pieces of this many octets.
    fn seal(plain: &[u8], piece: usize) -> Vec<u8> {
        let mut sealer = Sealer::with_prefix(&key(), *b"prefix!");
        let mut out = Vec::new();
        plain.chunks(piece).for_each(|piece| sealer.push(piece, &mut out));
        sealer.finish(&mut out);
        out
    }

    /// Opens in pieces; what came out before an error stands beside it.
    fn open(key: &MessageKey, sealed: &[u8], piece: usize) -> (Vec<u8>, Result<(), VaultError>) {
        let mut unsealer = Unsealer::new(key);
        let mut out = Vec::new();
        let pushed = sealed.chunks(piece).try_for_each(|piece| unsealer.push(piece, &mut out));
        let end = pushed.and_then(|()| unsealer.finish(&mut out));
        (out, end)
    }

    /// A stream that was tampered with fails, and what came out of it is at most the chunks before the damage.
    #[track_caller]
    fn check_fails(sealed: &[u8], proven: &[u8], what: &str) {
        let (out, end) = open(&key(), sealed, 1000);
        assert!(end.is_err(), "opened although {what}");
        assert!(
            proven == out,
            "{what}: {} octets came out, {} are proven",
            out.len(),
            proven.len()
        );
    }

    #[test]
    fn every_size_around_a_chunks_border_comes_back() {
        let around = |border: usize| border.saturating_sub(2)..=border + 2;
        for len in around(0).chain(around(CHUNK_LEN)).chain(around(2 * CHUNK_LEN)) {
            let sealed = seal(&plain(len), 10_000);
            let chunks = len.div_ceil(CHUNK_LEN).max(1);
            assert_eq!(sealed.len(), HEADER_LEN + len + chunks * TAG_LEN, "{len} octets");
            let (out, end) = open(&key(), &sealed, 10_000);
            assert!(end.is_ok() && out == plain(len), "{len} octets");
        }
    }

    #[test]
    fn pieces_make_no_difference() {
        let plain = plain(CHUNK_LEN + 300);
        let whole = seal(&plain, plain.len());
        for piece in [1, 7, 299, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1] {
            assert!(seal(&plain, piece) == whole, "sealed in pieces of {piece}");
            let (out, end) = open(&key(), &whole, piece);
            assert!(end.is_ok() && out == plain, "opened in pieces of {piece}");
        }
        let short = seal(b"short", 5);
        for at in 0..short.len() {
            let mut unsealer = Unsealer::new(&key());
            let mut out = Vec::new();
            unsealer.push(&short[..at], &mut out).unwrap();
            unsealer.push(&short[at..], &mut out).unwrap();
            assert_eq!(out, b"", "nothing comes out before the end is known, split at {at}");
            unsealer.finish(&mut out).unwrap();
            assert_eq!(out, b"short", "split at {at}");
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let sealed = seal(b"plain", 5);
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            check_fails(&flipped, b"", &format!("bit {bit} was flipped"));
        }
    }

    #[test]
    fn every_cut_is_noticed() {
        let sealed = seal(b"plain", 5);
        (0..sealed.len())
            .for_each(|len| check_fails(&sealed[..len], b"", &format!("it was cut to {len}")));
    }

    #[test]
    fn missing_moved_and_foreign_chunks_are_noticed() {
        let plain = plain(2 * CHUNK_LEN + 5);
        let sealed = seal(&plain, plain.len());
        let (header, rest) = sealed.split_at(HEADER_LEN);
        let (first, rest) = rest.split_at(CHUNK_SEALED);
        let (second, last) = rest.split_at(CHUNK_SEALED);
        check_fails(
            &[header, first, second].concat(),
            &plain[..CHUNK_LEN],
            "the last chunk is missing",
        );
        check_fails(
            &[header, first, last].concat(),
            &plain[..CHUNK_LEN],
            "the second chunk is missing",
        );
        check_fails(&[header, second, first, last].concat(), b"", "two chunks changed places");
        check_fails(
            &[header, first, first, second, last].concat(),
            &plain[..CHUNK_LEN],
            "a chunk stands twice",
        );
        check_fails(&[&sealed[..], &[0]].concat(), &plain[..2 * CHUNK_LEN], "an octet was added");
        check_fails(
            &[&sealed[..], last].concat(),
            &plain[..2 * CHUNK_LEN],
            "the last chunk stands twice",
        );
        let mut other = Vec::new();
        Sealer::with_prefix(&key(), *b"PREFIX!").finish(&mut other);
        check_fails(
            &[&other[..HEADER_LEN], first, second, last].concat(),
            b"",
            "the header is another stream's",
        );
    }

    #[test]
    fn another_messages_key_opens_nothing() {
        let (out, end) = open(&MessageKey::from_octets([0x43; 32]), &seal(b"plain", 5), 1000);
        assert!(out.is_empty() && end.is_err());
    }

    #[test]
    fn nothing_comes_out_after_damage() {
        let mut unsealer = Unsealer::new(&key());
        let mut out = Vec::new();
        unsealer.push(b"no sealed stream", &mut out).unwrap_err();
        unsealer.push(&seal(b"plain", 5), &mut out).unwrap_err();
        unsealer.finish(&mut out).unwrap_err();
        assert_eq!(out, b"");
    }

    /// Computed with another implementation of HKDF and AES-GCM (Python's `cryptography`).
    #[test]
    fn format_is_the_documented_one() {
        let known = "WkVHRUwAAAFwcmVmaXghlKIw9wOGzBYDqz3Z+ClwHMhstzNk";
        assert_eq!(BASE64.encode(seal(b"Zegel", 5)), known);
    }
}
