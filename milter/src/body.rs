//! A message's body on its way in: counted, and taken apart where a rule looks into attachments. No more of it is kept than
//! the part at hand, small ones in memory and larger ones in a file without a name.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::SpooledTempFile;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tracing::error;
use zegel_core::label::document::{self, Findings, Limits, Unreadable};
use zegel_core::mime::{Event, Walker};
use zegel_core::selection::{Attachments, Content, Needs};

/// Octets of a part that stay in memory. A hundred messages at once make 12 MiB of it.
const MEMORY_MAX: usize = 128 * 1024;

/// Decoded octets of one message that are looked at: ten times what mail servers take at most today.
const DECODED_MAX: u64 = 512 * 1024 * 1024;

/// Octets that are held of one document where it must be held whole. Twice this, for each of [`READERS_MAX`], has to fit
/// into the memory that the milter may have.
const HELD_MAX: u64 = 8 * 1024 * 1024;

/// Documents that are read at once, by all connections together.
const READERS_MAX: usize = 2;

/// How long the documents of one message may take together. Postfix gives up after `milter_content_timeout`, 300 s.
const READING_MAX: Duration = Duration::from_mins(1);

/// The right to read a document, of which there are few.
#[derive(Clone, Debug)]
pub struct Readers(Arc<Semaphore>);

/// The body so far.
#[derive(Debug)]
pub struct Body {
    octets: u64,
    parts: Option<Parts>,
}

/// The parts of the message so far.
struct Parts {
    walker: Walker,
    spooled: Spooled,
    found: Attachments,
    read_for: Duration,
}

/// The part at hand, and those that are complete and wait to be read: what one piece of the body has ended, so never much.
#[derive(Default)]
struct Spooled {
    open: Option<BufWriter<SpooledTempFile>>,
    ended: VecDeque<(usize, SpooledTempFile)>,
    parts: usize,
    decoded: u64,
    /// Why the parts cannot all be looked at.
    unreadable: Vec<String>,
    failed: Option<io::Error>,
}

impl Body {
    /// `section` is the header section with its empty line.
    pub fn new(needs: Needs, section: &[u8]) -> Self {
        let octets = u64::try_from(section.len()).unwrap_or(u64::MAX);
        let mut body = Self { octets: 0, parts: needs.attachments.then(Parts::new) };
        body.octets = octets;
        if let Some(parts) = &mut body.parts {
            parts.push(section);
        }
        body
    }

    /// Takes the next octets. The parts that they end wait for [`Body::read`].
    pub fn push(&mut self, octets: &[u8]) {
        self.octets = self.octets.saturating_add(u64::try_from(octets.len()).unwrap_or(u64::MAX));
        if let Some(parts) = &mut self.parts {
            parts.push(octets);
        }
    }

    /// Reads the parts that have ended, one after the other, off the threads that serve the mail server.
    pub async fn read(&mut self, readers: &Readers) -> io::Result<()> {
        let Some(parts) = &mut self.parts else { return Ok(()) };
        while let Some((number, spool)) = parts.next()? {
            let permit = readers.0.clone().acquire_owned().await.map_err(io::Error::other)?;
            let (findings, took) = spawn_blocking(move || {
                let read = timed(spool);
                drop(permit);
                read
            })
            .await
            .map_err(io::Error::other)?;
            parts.note(number, findings, took);
        }
        Ok(())
    }

    /// The same where nobody waits.
    pub fn read_now(&mut self) -> io::Result<()> {
        let Some(parts) = &mut self.parts else { return Ok(()) };
        while let Some((number, spool)) = parts.next()? {
            let (findings, took) = timed(spool);
            parts.note(number, findings, took);
        }
        Ok(())
    }

    /// The body is over: the last parts end, and wait to be read.
    pub fn end(&mut self) {
        if let Some(parts) = &mut self.parts {
            let Parts { walker, spooled, .. } = parts;
            let doubts = std::mem::take(walker).finish(&mut |event| spooled.take(&event));
            // Whatever else a mail program may find in it was not looked at.
            spooled.unreadable.extend(doubts.iter().map(ToString::to_string));
        }
    }

    /// What is known of it, after all has been read.
    pub fn content(self) -> Content {
        let attachments = self.parts.map(|parts| {
            let mut found = parts.found;
            parts.spooled.unreadable.into_iter().for_each(|why| found.cannot_read(why));
            found
        });
        Content { size: Some(self.octets), attachments }
    }
}

impl Parts {
    fn new() -> Self {
        Self {
            walker: Walker::new(),
            spooled: Spooled::default(),
            found: Attachments::default(),
            read_for: Duration::ZERO,
        }
    }

    fn push(&mut self, octets: &[u8]) {
        let Self { walker, spooled, .. } = self;
        walker.push(octets, &mut |event| spooled.take(&event));
    }

    /// The next part to read.
    fn next(&mut self) -> io::Result<Option<(usize, SpooledTempFile)>> {
        if let Some(error) = self.spooled.failed.take() {
            return Err(error);
        }
        if self.read_for > READING_MAX && !self.spooled.ended.is_empty() {
            self.spooled.ended.clear();
            self.spooled.cannot_read("the documents take too long to read");
        }
        Ok(self.spooled.ended.pop_front())
    }

    fn note(&mut self, number: usize, findings: Findings, took: Duration) {
        self.read_for = self.read_for.saturating_add(took);
        self.found.add(number, findings);
    }
}

impl Spooled {
    fn take(&mut self, event: &Event<'_>) {
        match event {
            Event::Head(_) => (),
            Event::Begin(part) => {
                self.parts += 1;
                self.open = Some(spool());
                if is_encrypted(&part.media_type) {
                    self.cannot_read("a part is encrypted");
                }
            }
            Event::Data(octets) => self.write(octets),
            Event::End => match self.open.take().map(BufWriter::into_inner) {
                Some(Ok(spool)) => self.ended.push_back((self.parts, spool)),
                Some(Err(error)) => self.failed = Some(error.into_error()),
                None => (),
            },
        }
    }

    fn write(&mut self, octets: &[u8]) {
        let Some(spool) = &mut self.open else { return };
        self.decoded = self.decoded.saturating_add(u64::try_from(octets.len()).unwrap_or(u64::MAX));
        if self.decoded > DECODED_MAX {
            self.open = None;
            self.cannot_read("the message is larger than what is looked at");
        } else if let Err(error) = spool.write_all(octets) {
            self.open = None;
            self.failed = Some(error);
        }
    }

    fn cannot_read(&mut self, why: &'static str) {
        if !self.unreadable.iter().any(|known| known == why) {
            self.unreadable.push(why.to_owned());
        }
    }
}

/// Decoded content comes line by line.
fn spool() -> BufWriter<SpooledTempFile> {
    BufWriter::new(SpooledTempFile::new(MEMORY_MAX))
}

/// S/MIME and PGP hide what they hold. A message that is only signed in clear has its content beside the signature.
fn is_encrypted(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/pkcs7-mime" | "application/x-pkcs7-mime" | "application/pgp-encrypted"
    )
}

/// A mistake in a reader must not keep the message from ever being sent: the sender would try again in vain for days.
fn timed(mut spool: SpooledTempFile) -> (Findings, Duration) {
    let start = Instant::now();
    let limits = Limits { held_max: HELD_MAX, ..Limits::default() };
    let read = catch_unwind(AssertUnwindSafe(|| document::read(&mut spool, &limits)));
    let findings = read.unwrap_or_else(|_| {
        error!("a document made its reader fail; it counts as one that cannot be read");
        Findings { unreadable: vec![Unreadable::Damaged("a document")], ..Findings::default() }
    });
    (findings, start.elapsed())
}

impl Default for Readers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(READERS_MAX)))
    }
}

/// Shows nothing of the content.
impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("found", &self.found).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Needs = Needs { size: true, attachments: true };
    const GUID: &str = "4f1c9b02-7d3e-4a58-9c61-2b8d50e7f3a4";

    /// How many labels are found in a message, and why not all could be read.
    #[track_caller]
    fn check(section: &str, text: &str, labels: usize, unreadable: &[&str]) {
        let (section, text) = (section.replace('\n', "\r\n"), text.replace('\n', "\r\n"));
        for size in [1, 100, 65_535] {
            let mut body = Body::new(ALL, section.as_bytes());
            for piece in text.as_bytes().chunks(size) {
                body.push(piece);
                body.read_now().unwrap();
            }
            body.end();
            body.read_now().unwrap();
            let content = body.content();
            assert_eq!(content.size, u64::try_from(section.len() + text.len()).ok());
            let found = content.attachments.unwrap();
            assert_eq!(found.labels.len(), labels, "{text}");
            assert_eq!(found.unreadable, unreadable, "{text}");
        }
    }

    #[test]
    fn the_parts_of_a_message_are_looked_into() {
        let label = format!("msip_labels: MSIP_Label_{GUID}_Enabled=true\n");
        let mail =
            format!("--b\nContent-Type: message/rfc822\n\nFrom: a@b.example\n{label}\nx\n--b--\n");
        let section = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n";
        check(section, &format!("--b\n\ntext\n{mail}"), 1, &[]);
        check(section, "--b\n\ntext\n--b--\n", 0, &[]);
        check("Subject: x\n\n", "text\n", 0, &[]);
    }

    #[test]
    fn what_is_encrypted_cannot_be_read() {
        check(
            "MIME-Version: 1.0\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\n\n",
            "x\n",
            0,
            &["a part is encrypted"],
        );
    }

    #[test]
    fn what_cannot_be_read_is_told_in_the_order_of_the_parts_however_many_end_at_once() {
        check(
            "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n",
            "--b\n\nPK\u{3}\u{4}\n--b\n\n{\\rtf1\n--b\n\n%PDF-1.7\n--b--\n",
            0,
            &[
                "part 1: an archive is damaged",
                "part 2: an RTF document is damaged",
                "part 3: a PDF is damaged",
            ],
        );
    }

    #[test]
    fn what_mail_programs_may_read_otherwise_counts_as_unread() {
        check(
            "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n",
            "--b\nContent-Type: text/plain\nContent-Type: multipart/mixed; boundary=c\n\nx\n--b--\n",
            0,
            &[
                "a part has two fields of one name that say different things",
                "the boundary of a multipart can be read in two ways",
            ],
        );
    }

    #[test]
    fn a_part_that_is_larger_than_memory_goes_to_a_file() {
        let mut spooled = Spooled { open: Some(spool()), ..Spooled::default() };
        spooled.write(&vec![b'x'; MEMORY_MAX]);
        assert!(!spooled.open.as_ref().unwrap().get_ref().is_rolled());
        spooled.write(&[b'x'; 16 * 1024]);
        assert!(spooled.open.as_ref().unwrap().get_ref().is_rolled());
        assert!(spooled.failed.is_none());
    }

    #[test]
    fn more_than_the_limit_is_not_kept() {
        let mut spooled =
            Spooled { open: Some(spool()), decoded: DECODED_MAX, ..Spooled::default() };
        spooled.write(b"x");
        assert!(spooled.open.is_none());
        assert_eq!(spooled.unreadable, ["the message is larger than what is looked at"]);
    }

    #[test]
    fn only_what_is_needed_is_kept() {
        let mut body = Body::new(Needs { size: true, attachments: false }, b"\r\n");
        body.push(b"12345");
        body.end();
        assert_eq!(body.content(), Content { size: Some(7), attachments: None });
    }
}
