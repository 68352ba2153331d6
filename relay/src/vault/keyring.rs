//! The key file: one key a line, `<key-id> <base64 of 32 octets>`; `#` starts a comment; the first key is the active one.
//!
//! To rotate, put a new line on top and keep the old ones: they still open what they sealed.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::hkdf::{HKDF_SHA256, Prk};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use nix::unistd::geteuid;
use zegel_core::secret::Secret;
use zeroize::Zeroizing;

use super::token::{crockford, random};
use super::{KEY_LEN, VaultError, record};

/// Octets of a key file: a key a day for a year.
const KEY_FILE_MAX: u64 = 64 * 1024;

/// Characters of a key's name; one octet holds its length.
const KEY_ID_MAX: usize = 32;

/// The keys of the key file: the first line is the active one, all can unwrap.
#[derive(Clone)]
pub struct Keyring {
    active: Arc<Key>,
    /// What has been rotated out, youngest first.
    older: Arc<[Key]>,
}

/// One line of the key file.
struct Key {
    id: String,
    root: Prk,
}

/// What a keyed hash is for; a hash for one purpose says nothing about another.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Codes that are mailed or texted.
    Code,
    /// The token in a notification's link.
    Link,
    /// The message code that can be typed instead of the link.
    Reference,
    /// Recognises a repeated transaction.
    Fingerprint,
    /// Signs the return path of notifications.
    ReturnPath,
    /// Addresses and networks that are counted by limits.
    Counter,
    /// The token in the link to a sender's page.
    Inquiry,
    /// Whose numbers and access codes are on file.
    Contact,
    /// Chains the entries of the audit log.
    Audit,
}

impl Keyring {
    /// Reads a key file; refuses one that others can read.
    pub fn load(path: &Path) -> Result<Self, VaultError> {
        let cannot = |why: String| {
            VaultError::KeyFile(format!("cannot read the key file `{}`: {why}", path.display()))
        };
        let mut file = File::open(path).map_err(|error| cannot(explained(path, &error)))?;
        // Asked of the open file, not of the path: it cannot be another one by now.
        let metadata = file.metadata().map_err(|error| cannot(error.to_string()))?;
        if !metadata.is_file() {
            return Err(cannot("it is not a regular file".into()));
        }
        if metadata.len() > KEY_FILE_MAX {
            return Err(cannot(format!("it is longer than {KEY_FILE_MAX} octets")));
        }
        refuse_unsafe(path, metadata.mode() & 0o7777, metadata.uid(), geteuid().as_raw())
            .map_err(cannot)?;
        let mut text = Zeroizing::new(String::new());
        Read::by_ref(&mut file)
            .take(KEY_FILE_MAX)
            .read_to_string(&mut text)
            .map_err(|error| cannot(error.to_string()))?;
        Self::parse(&text).map_err(cannot)
    }

    /// Makes a new key file (mode 0600) with one key; refuses to touch one that exists.
    pub fn create(path: &Path) -> Result<Self, VaultError> {
        let cannot = |why: String| {
            VaultError::KeyFile(format!("cannot create the key file `{}`: {why}", path.display()))
        };
        let text = new_key_file();
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| cannot(explained(path, &error)))?;
        write_durably(path, &mut file, text.as_bytes()).map_err(|error| {
            // Half a key file would only be in the way; that it cannot be removed changes nothing about the error.
            let _ = fs::remove_file(path);
            cannot(error.to_string())
        })?;
        Self::parse(&text).map_err(cannot)
    }

    /// HMAC-SHA-256 under the active key, of length-prefixed parts.
    pub fn mac(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        self.active.mac(purpose, parts)
    }

    /// As [`Self::mac`], under every key, the active one first: what was made under a key that has since been rotated
    /// must still be recognised.
    pub fn macs(&self, purpose: Purpose, parts: &[&[u8]]) -> Vec<[u8; 32]> {
        self.keys().map(|key| key.mac(purpose, parts)).collect()
    }

    /// Seals a small record that belongs to no message, bound to `context`.
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> Vec<u8> {
        self.active.seal(b"zegel record 1", context, plain)
    }

    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.open_with(b"zegel record 1", context, sealed)
    }

    pub(super) fn seal_wrapped(&self, key: &[u8]) -> Vec<u8> {
        self.active.seal(b"zegel message key 1", b"", key)
    }

    pub(super) fn open_wrapped(&self, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.open_with(b"zegel message key 1", b"", sealed)
    }

    fn open_with(
        &self,
        using: &[u8],
        context: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let (id_len, rest) = sealed.split_first().ok_or(VaultError::Damaged)?;
        let (id, sealed) =
            rest.split_at_checked(usize::from(*id_len)).ok_or(VaultError::Damaged)?;
        let key = self.keys().find(|key| key.id.as_bytes() == id).ok_or(VaultError::Damaged)?;
        record::open(&record::derive(&key.root, using), context, sealed)
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&*self.active).chain(self.older.iter())
    }

    /// Reads the text of a key file; the error says which line, never what stands in it.
    fn parse(text: &str) -> Result<Self, String> {
        let mut keys: Vec<Key> = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            let words = line.split('#').next().unwrap_or_default().trim();
            if words.is_empty() {
                continue;
            }
            let key = Key::parse(words).map_err(|why| format!("line {number}: {why}"))?;
            if keys.iter().any(|earlier| earlier.id == key.id) {
                return Err(format!(
                    "line {number}: the key id stands on an earlier line too; give each key its own"
                ));
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let active =
            keys.next().ok_or("no key stands in it; remove it and run `zegel-relay key create`")?;
        Ok(Self { active: Arc::new(active), older: keys.collect() })
    }
}

impl Key {
    fn parse(words: &str) -> Result<Self, &'static str> {
        const FORM: &str = "a key is written as `<key-id> <base64 of 32 octets>`";
        let (id, base64) = words.split_once(char::is_whitespace).ok_or(FORM)?;
        if id.len() > KEY_ID_MAX
            || !id.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet))
        {
            return Err("a key id is at most 32 letters, digits, `-`, `_` or `.`");
        }
        let octets = Zeroizing::new(BASE64.decode(base64.trim()).map_err(|_| FORM)?);
        if octets.len() != KEY_LEN {
            return Err(FORM);
        }
        Ok(Self { id: id.to_owned(), root: Prk::new_less_safe(HKDF_SHA256, &octets) })
    }

    fn mac(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        let info: [&[u8]; 2] = [b"zegel mac 1 ", purpose.label()];
        let key =
            self.root.expand(&info, HMAC_SHA256).expect("an HMAC key is within what HKDF can give");
        let mut mac = hmac::Context::with_key(&hmac::Key::from(key));
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        let mut tag = [0; 32];
        tag.copy_from_slice(mac.sign().as_ref());
        tag
    }

    /// The key's id with its length, then the record.
    fn seal(&self, using: &[u8], context: &[u8], plain: &[u8]) -> Vec<u8> {
        let id_len = u8::try_from(self.id.len()).expect("KEY_ID_MAX is below 256");
        let sealed = record::seal(&record::derive(&self.root, using), context, plain);
        [&[id_len], self.id.as_bytes(), &sealed].concat()
    }
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Code => b"code",
            Self::Link => b"link",
            Self::Reference => b"reference",
            Self::Fingerprint => b"fingerprint",
            Self::ReturnPath => b"return path",
            Self::Counter => b"counter",
            Self::Contact => b"contact",
            Self::Inquiry => b"inquiry",
            Self::Audit => b"audit",
        }
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring(…)")
    }
}

/// Refuses a file that anyone but its owner can use, or whose owner is neither root nor the user who reads it.
fn refuse_unsafe(path: &Path, mode: u32, owner: u32, reader: u32) -> Result<(), String> {
    let path = path.display();
    if owner != 0 && owner != reader {
        return Err(format!(
            "it belongs to user {owner}, who could change it; run `chown {reader} {path}`"
        ));
    }
    if mode & 0o077 != 0 {
        return Err(format!("others can use it (mode {mode:04o}); run `chmod 600 {path}`"));
    }
    Ok(())
}

/// The system's error, and what to do about the usual ones.
fn explained(path: &Path, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound if path.parent().is_some_and(Path::is_dir) => {
            "there is no such file; run `zegel-relay key create`, or restore it from the backup if messages were kept \
             with it"
                .into()
        }
        std::io::ErrorKind::AlreadyExists => {
            "it exists, and what was sealed with its keys could not be opened without them; nothing was changed".into()
        }
        _ => error.to_string(),
    }
}

fn new_key_file() -> Zeroizing<String> {
    let id: Secret = crockford(&random::<5>(), 8);
    let octets = Zeroizing::new(random::<KEY_LEN>());
    let base64 = Zeroizing::new(BASE64.encode(octets.as_slice()));
    Zeroizing::new(format!(
        "# The keys that seal what zegel-relay keeps. Without this file nothing of it can be read: back it up, apart from\n\
         # the store. The first line is the active key; to rotate, put a new one on top and keep the others.\n\
         {} {}\n",
        id.reveal(),
        base64.as_str()
    ))
}

fn write_durably(path: &Path, file: &mut File, text: &[u8]) -> std::io::Result<()> {
    file.write_all(text)?;
    file.sync_all()?;
    // A path without a directory in it stands in the working directory.
    let directory =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const OLD: &str = "old AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const NEW: &str = "new AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    fn keyring(text: &str) -> Keyring {
        Keyring::parse(text).unwrap()
    }

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let read = Keyring::parse(text).map(|keyring| keyring.active.id.clone());
        assert_eq!(read.as_deref().map_err(String::as_str), expected, "{text:?}");
    }

    #[test]
    fn first_line_is_the_active_key() {
        check(OLD, Ok("old"));
        check(&format!("# a comment\n\n{NEW} # and another\n{OLD}\n"), Ok("new"));
    }

    #[test]
    fn mistake_is_named_by_its_line_and_never_shown() {
        const FORM: &str = "line 1: a key is written as `<key-id> <base64 of 32 octets>`";
        check("secret", Err(FORM));
        check("a secret", Err(FORM));
        check("a AAAA", Err(FORM));
        check("ä AAAA", Err("line 1: a key id is at most 32 letters, digits, `-`, `_` or `.`"));
        check(
            &format!("{OLD}\n{OLD}"),
            Err("line 2: the key id stands on an earlier line too; give each key its own"),
        );
        check("# nothing", Err("no key stands in it; remove it and run `zegel-relay key create`"));
    }

    #[test]
    fn rotated_key_still_opens_and_still_recognises() {
        let (before, after) = (keyring(OLD), keyring(&format!("{NEW}\n{OLD}")));
        let sealed = before.seal(b"context", b"plain");
        assert_eq!(after.open(b"context", &sealed).unwrap(), b"plain");
        assert!(before.open(b"context", &after.seal(b"context", b"plain")).is_err());
        let mac = |keyring: &Keyring| keyring.mac(Purpose::Link, &[b"token"]);
        assert_eq!(after.macs(Purpose::Link, &[b"token"]), [mac(&keyring(NEW)), mac(&before)]);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_of_a_record_is_noticed() {
        let keyring = keyring(OLD);
        let sealed = keyring.seal(b"", b"plain");
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(keyring.open(b"", &flipped).is_err(), "bit {bit} was flipped");
        }
        for len in 0..sealed.len() {
            assert!(keyring.open(b"", &sealed[..len]).is_err(), "cut to {len}");
        }
    }

    #[test]
    fn record_and_wrapped_key_are_not_one_for_the_other() {
        let keyring = keyring(OLD);
        assert!(keyring.open_wrapped(&keyring.seal(b"", b"plain")).is_err());
    }

    #[test]
    fn hash_depends_on_purpose_and_on_where_one_part_ends() {
        let keyring = keyring(OLD);
        let mac = |purpose, parts: &[&[u8]]| keyring.mac(purpose, parts);
        assert_ne!(mac(Purpose::Code, &[b"a"]), mac(Purpose::Link, &[b"a"]));
        assert_ne!(mac(Purpose::Code, &[b"ab", b"c"]), mac(Purpose::Code, &[b"a", b"bc"]));
        assert_ne!(mac(Purpose::Code, &[b"a"]), mac(Purpose::Code, &[b"a", b""]));
    }

    /// Computed with another implementation of HKDF and HMAC (Python's `cryptography`).
    #[test]
    fn hash_is_the_documented_one() {
        let mac = keyring(OLD).mac(Purpose::Code, &[b"delivery", b"123456"]);
        assert_eq!(BASE64.encode(mac), "S3ByIH8tpvcm18/RxVY0bVvDSdLAbDnTz8w4OnPqpSU=");
    }

    #[test]
    fn created_file_is_the_owners_alone_and_loads() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("relay.key");
        let created = Keyring::create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(
            Keyring::load(&path).unwrap().open(b"", &created.seal(b"", b"plain")).unwrap(),
            b"plain"
        );
        let text = fs::read(&path).unwrap();
        let error = Keyring::create(&path).unwrap_err().to_string();
        assert!(error.ends_with("nothing was changed"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), text);
    }

    #[test]
    fn file_that_others_can_use_is_refused_with_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("relay.key");
        Keyring::create(&path).unwrap();
        for mode in [0o604, 0o640, 0o660, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let (error, path) = (Keyring::load(&path).unwrap_err().to_string(), path.display());
            assert_eq!(
                error,
                format!(
                    "cannot read the key file `{path}`: others can use it (mode {mode:04o}); run `chmod 600 {path}`"
                )
            );
        }
    }

    #[test]
    fn file_belongs_to_root_or_to_the_one_who_reads_it() {
        let path = Path::new("relay.key");
        assert_eq!(refuse_unsafe(path, 0o400, 0, 7), Ok(()));
        assert_eq!(refuse_unsafe(path, 0o600, 7, 7), Ok(()));
        let error = refuse_unsafe(path, 0o600, 8, 7).unwrap_err();
        assert_eq!(error, "it belongs to user 8, who could change it; run `chown 7 relay.key`");
    }
}
