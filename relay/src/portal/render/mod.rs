//! Makes untrusted mail fit to be shown: what a message says, in one pass over its octets, and its attachments one by
//! one. Nothing edits the HTML after it was sanitised (portal.md, section 4).

mod guard;
mod html;
mod names;
mod style;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use bytes::Bytes;
use futures_util::Stream;
use mail_parser::decoders::charsets::map::charset_decoder;
use tokio::io::{AsyncRead, AsyncReadExt};
use zegel_core::message::Head;
use zegel_core::mime::{Event, Group, Part, Walker};
use zegel_core::text::decoded;

/// Octets of HTML that are shown; more is offered as a download (portal.md, section 4.2).
const HTML_MAX: usize = 2 * 1024 * 1024;
/// Octets of plain text that are shown.
const TEXT_MAX: usize = 1024 * 1024;
/// Octets of all images that are shown inside the text.
const IMAGES_MAX: usize = 10 * 1024 * 1024;
/// Characters of one list of addressees that are shown.
const ADDRESSEES_SHOWN_MAX: usize = 4000;
/// Octets read from the store at once.
const CHUNK: usize = 64 * 1024;
/// Octets at the start of a part that tell its type.
const MAGIC_MAX: usize = 16;

/// What a message shows.
#[derive(Debug)]
pub struct Shown {
    pub subject: Option<String>,
    pub from: String,
    /// To and Cc, as the author wrote them.
    pub to: Vec<String>,
    pub date: Option<String>,
    pub body: Body,
    pub attachments: Vec<Attachment>,
    /// Images of the internet that were not loaded.
    pub images_blocked: usize,
}

/// Each text is HTML that is safe to put into the frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    Html(String),
    /// Made of plain text.
    Text(String),
    Empty,
    /// The formatted version is too large or too deep: its bare text. The whole can be downloaded.
    TooComplex(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its place among the message's leaf parts.
    pub index: usize,
    /// Safe as a file name, and unique in its message.
    pub name: String,
    /// One that browsers only download.
    pub media_type: &'static str,
    /// Decoded octets.
    pub size: u64,
    /// Opening it may run a program.
    pub executable: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    #[error("the message cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("the sanitiser broke off")]
    Sanitiser,
}

/// Reads a message once and says what it shows. Sanitising keeps a core busy for a moment: the caller bounds how many
/// messages are shown at once.
pub async fn show(mut message: impl AsyncRead + Unpin) -> Result<Shown, RenderError> {
    let mut reading = Reading::default();
    let mut walker = Walker::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = message.read(&mut chunk).await?;
        let Some(octets) = chunk.get(..length).filter(|octets| !octets.is_empty()) else { break };
        walker.push(octets, &mut |event| reading.take(event));
    }
    walker.finish(&mut |event| reading.take(event));

    tokio::task::spawn_blocking(move || reading.into_shown())
        .await
        .map_err(|_| RenderError::Sanitiser)
}

/// Streams the decoded octets of one leaf part.
pub fn attachment(
    message: impl AsyncRead + Unpin + Send + 'static,
    index: usize,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let start = Taking { message, walker: Some(Walker::new()), index, inside: false, over: false };
    futures_util::stream::try_unfold(start, Taking::next)
}

/// Takes one part out of a message while it is read.
struct Taking<R> {
    message: R,
    walker: Option<Walker>,
    index: usize,
    inside: bool,
    over: bool,
}

impl<R: AsyncRead + Unpin> Taking<R> {
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        let mut chunk = vec![0; CHUNK];
        while !self.over {
            let length = self.message.read(&mut chunk).await?;
            let mut found = Vec::new();
            match chunk.get(..length).filter(|octets| !octets.is_empty()) {
                Some(octets) => self.push(octets, &mut found),
                None => self.finish(&mut found),
            }
            if !found.is_empty() {
                return Ok(Some((Bytes::from(found), self)));
            }
        }
        Ok(None)
    }

    fn push(&mut self, octets: &[u8], found: &mut Vec<u8>) {
        let Some(mut walker) = self.walker.take() else { return };
        walker.push(octets, &mut |event| self.take(event, found));
        self.walker = Some(walker);
    }

    fn finish(&mut self, found: &mut Vec<u8>) {
        if let Some(walker) = self.walker.take() {
            walker.finish(&mut |event| self.take(event, found));
        }
        self.over = true;
    }

    fn take(&mut self, event: Event<'_>, found: &mut Vec<u8>) {
        match event {
            Event::Begin(part) => self.inside = part.index == self.index,
            Event::Data(octets) if self.inside => found.extend_from_slice(octets),
            Event::Head(_) | Event::Data(_) => {}
            Event::End => {
                self.over |= self.inside;
                self.inside = false;
            }
        }
    }
}

/// What was read of a message so far.
#[derive(Default)]
struct Reading {
    head: Vec<u8>,
    html: Option<Leaf>,
    plain: Option<Leaf>,
    others: Vec<Leaf>,
    images: usize,
    at: Option<Role>,
}

/// Where the part at hand goes.
#[derive(Copy, Clone)]
enum Role {
    Html,
    Plain,
    Other,
}

/// One part: its start, or all of it as far as it may be shown.
struct Leaf {
    part: Part,
    octets: Vec<u8>,
    keep_max: usize,
    size: u64,
}

impl Leaf {
    fn is_cut(&self) -> bool {
        self.size > self.octets.len() as u64
    }

    fn text(&self) -> String {
        let decoder =
            self.part.charset.as_ref().and_then(|charset| charset_decoder(charset.as_bytes()));
        decoder.map_or_else(
            || String::from_utf8_lossy(&self.octets).into_owned(),
            |decode| decode(&self.octets),
        )
    }
}

impl Reading {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Head(head) => self.head = head.to_vec(),
            Event::Begin(part) => self.begin(part),
            Event::Data(octets) => self.data(octets),
            Event::End => self.at = None,
        }
    }

    fn begin(&mut self, part: Part) {
        let is_body = !part.is_attachment && part.file_name.is_none();
        let (role, keep_max) = match part.media_type.as_str() {
            "text/html" if is_body && self.html.is_none() => (Role::Html, HTML_MAX),
            "text/plain" if is_body && self.plain.is_none() => (Role::Plain, TEXT_MAX),
            image if image.starts_with("image/") && part.content_id.is_some() => {
                (Role::Other, IMAGES_MAX - self.images)
            }
            _ => (Role::Other, MAGIC_MAX),
        };
        let leaf = Leaf { part, octets: Vec::new(), keep_max, size: 0 };
        match role {
            Role::Html => self.html = Some(leaf),
            Role::Plain => self.plain = Some(leaf),
            Role::Other => self.others.push(leaf),
        }
        self.at = Some(role);
    }

    fn data(&mut self, octets: &[u8]) {
        let leaf = match self.at {
            Some(Role::Html) => self.html.as_mut(),
            Some(Role::Plain) => self.plain.as_mut(),
            Some(Role::Other) => self.others.last_mut(),
            None => None,
        };
        let Some(leaf) = leaf else { return };
        leaf.size += octets.len() as u64;
        let room = leaf.keep_max.saturating_sub(leaf.octets.len()).min(octets.len());
        leaf.octets.extend_from_slice(octets.get(..room).unwrap_or_default());
        if leaf.keep_max > MAGIC_MAX && matches!(self.at, Some(Role::Other)) {
            self.images = (self.images + room).min(IMAGES_MAX);
        }
    }

    fn into_shown(mut self) -> Shown {
        self.put_aside_what_is_no_alternative();
        let images = self.images();
        let (body, used, images_blocked) = body(self.html.as_ref(), self.plain.as_ref(), images);
        let mut names = names::Names::default();
        let attachments = self
            .others
            .iter()
            .filter(|leaf| !leaf.part.content_id.as_ref().is_some_and(|id| used.contains(id)))
            .map(|leaf| names.attachment(leaf.part.index, &leaf.part, &leaf.octets, leaf.size))
            .collect();
        let (subject, from, to, date) = said(&self.head);
        Shown { subject, from, to, date, body, attachments, images_blocked }
    }

    /// HTML is only shown instead of plain text when it says the same: in one multipart/alternative. Otherwise the text
    /// is the message and the HTML is attached to it.
    fn put_aside_what_is_no_alternative(&mut self) {
        let Some(plain) = &self.plain else { return };
        if plain.part.group == Group::Alternative {
            return;
        }
        if let Some(html) = self.html.take() {
            self.others.push(html);
            self.others.sort_by_key(|leaf| leaf.part.index);
        }
    }

    /// Images that the HTML may refer to, whole ones only.
    fn images(&self) -> BTreeMap<String, String> {
        self.others
            .iter()
            .filter(|leaf| !leaf.is_cut())
            .filter_map(|leaf| {
                let id = leaf.part.content_id.clone()?;
                Some((id, names::image_data_url(&leaf.octets)?))
            })
            .collect()
    }
}

/// The body, the ids of the images inside it, and how many images it wanted from the internet.
fn body(
    html: Option<&Leaf>,
    plain: Option<&Leaf>,
    images: BTreeMap<String, String>,
) -> (Body, BTreeSet<String>, usize) {
    let plain_text = |leaf: &Leaf| text::to_html(&leaf.text());
    let Some(html) = html else {
        let shown = plain.map_or(Body::Empty, |leaf| Body::Text(plain_text(leaf)));
        return (shown, BTreeSet::new(), 0);
    };
    let source = html.text();
    if html.is_cut() || guard::check(&source).is_err() {
        let bare = plain.map_or_else(|| text::to_html(&guard::bare_text(&source)), plain_text);
        return (Body::TooComplex(bare), BTreeSet::new(), 0);
    }
    let clean = html::sanitise(&source, images);
    (Body::Html(clean.html), clean.images_used, clean.images_blocked)
}

/// Subject, author, addressees and date, for reading.
fn said(head: &[u8]) -> (Option<String>, String, Vec<String>, Option<String>) {
    let Ok(head) = Head::parse(head) else { return (None, String::new(), Vec::new(), None) };
    let all = |name: &str| -> Vec<String> {
        let readable =
            |value: &[u8]| -> String { text::visible(decoded(value).trim(), ADDRESSEES_SHOWN_MAX) };
        head.named(name)
            .map(|field| readable(field.value))
            .filter(|text| !text.is_empty())
            .collect()
    };
    let from = all("From").into_iter().next().unwrap_or_default();
    let to = all("To").into_iter().chain(all("Cc")).collect();
    (head.subject(), from, to, all("Date").into_iter().next())
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::*;

    async fn shown(message: &str) -> Shown {
        show(message.replace('\n', "\r\n").as_bytes()).await.unwrap()
    }

    const RELATED: &str = "From: =?utf-8?Q?J=C3=A9?= <j@example.org>\nTo: a@example.org\nSubject: Hi\n\
        Content-Type: multipart/mixed; boundary=m\n\n\
        --m\nContent-Type: multipart/alternative; boundary=a\n\n\
        --a\nContent-Type: text/plain\n\nplain\n\
        --a\nContent-Type: multipart/related; boundary=r\n\n\
        --r\nContent-Type: text/html\n\n<p>rich <img src=\"cid:pic\"><img src=\"http://x.test/t.gif\"></p>\n\
        --r\nContent-Type: image/png\nContent-ID: <pic>\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=\n--r--\n--a--\n\
        --m\nContent-Type: application/pdf; name=\"../r\u{e9}sum\u{e9}.pdf\"\nContent-Transfer-Encoding: base64\n\nJVBERi0xLjcK\n--m--\n";

    #[tokio::test]
    async fn html_with_its_images_is_the_body_and_the_rest_is_attached() {
        let shown = shown(RELATED).await;
        assert_eq!(
            (shown.subject.as_deref(), shown.from.as_str()),
            (Some("Hi"), "J\u{e9} <j@example.org>")
        );
        let Body::Html(html) = &shown.body else { panic!("{:?}", shown.body) };
        assert!(html.contains("src=\"data:image/png;base64,iVBORw0KGgo=\""), "{html}");
        assert_eq!(shown.images_blocked, 1);
        let [pdf] = &shown.attachments[..] else { panic!("{:?}", shown.attachments) };
        assert_eq!(
            (pdf.name.as_str(), pdf.media_type, pdf.size),
            ("r\u{e9}sum\u{e9}.pdf", "application/pdf", 9)
        );
    }

    #[tokio::test]
    async fn an_attachment_comes_out_alone_and_decoded() {
        let message = io::Cursor::new(RELATED.replace('\n', "\r\n").into_bytes());
        let octets: Vec<Bytes> = attachment(message, 3).try_collect().await.unwrap();
        assert_eq!(octets.concat(), b"%PDF-1.7\n");
    }

    #[tokio::test]
    async fn html_beside_text_does_not_hide_it() {
        let mixed = "From: a@example.org\nContent-Type: multipart/mixed; boundary=b\n\n\
            --b\n\nthe text\n--b\nContent-Type: text/html\n\n<p>footer</p>\n--b--\n";
        let shown = shown(mixed).await;
        assert_eq!(shown.body, Body::Text("the text".into()));
        assert_eq!(shown.attachments.len(), 1);
    }

    #[tokio::test]
    async fn a_depth_bomb_falls_back_to_its_text() {
        let bomb =
            format!("From: a@example.org\nContent-Type: text/html\n\n{}deep", "<div>".repeat(5000));
        assert_eq!(shown(&bomb).await.body, Body::TooComplex("deep".into()));
    }

    #[tokio::test]
    async fn any_charset_is_read() {
        let latin = "From: a@example.org\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n"
            .as_bytes();
        let message = [latin, b"caf\xe9"].concat();
        assert_eq!(show(&message[..]).await.unwrap().body, Body::Text("caf\u{e9}".into()));
    }
}
