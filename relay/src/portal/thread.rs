//! The message, for who has proven to be its recipient.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use tracing::{info, warn};
use zegel_core::access::Passed;
use zegel_core::delivery::State as Standing;
use zegel_core::moment::Moment;

use super::guard;
use super::language::Words;
use super::letter::{self, Letter};
use super::refusal::Refusal;
use super::render::{self, Body, Shown};
use super::view::{self, Contents, File, FrameDocument, MessagePage, Page, PrintDocument, Text};
use super::visit::Visit;
use super::{Portal, session};

/// Styles are the sender's own, sanitised; pictures come inside the document; nothing else is fetched or sent.
const FRAME_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; \
     base-uri 'none'; frame-ancestors 'self'";
const PRINT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; \
     base-uri 'none'; frame-ancestors 'none'; sandbox allow-popups allow-popups-to-escape-sandbox allow-modals";

/// `GET /c/{id}`: the one page that makes a message opened. HEAD shows nothing, so it does not.
pub(super) async fn show(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let passed = session::require(&portal, &headers, &id, visit.now).await?;
    let letter = letter::open(&portal, &passed, visit.now).await?;
    let shown = read(&portal, &passed, &letter).await?;
    if method == Method::GET {
        opened(&portal, &passed, &letter, visit.now).await?;
    }
    let (letter, text) = contents(&passed, &letter, shown, visit.words);
    let text = match text {
        Source::Html(_) => Text::Framed,
        Source::Plain(html) => Text::Inline(html),
        Source::Nothing => Text::None,
    };
    let letter = Contents { text, ..letter };
    Ok(view::html(&MessagePage {
        page: Page::of(&portal.site, visit),
        id: passed.delivery(),
        letter,
    }))
}

/// `GET /c/{id}/body`: the document in the frame, and nowhere else.
pub(super) async fn body(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let says =
        |name: HeaderName, wanted: &str| headers.get(name).is_none_or(|value| value == wanted);
    if !says(guard::SEC_FETCH_DEST, "iframe") || !says(guard::SEC_FETCH_SITE, "same-origin") {
        return Err(Refusal::NotFound);
    }
    let passed = session::require(&portal, &headers, &id, visit.now).await?;
    let letter = letter::open(&portal, &passed, visit.now).await?;
    match read(&portal, &passed, &letter).await?.map(|shown| shown.body) {
        Some(Body::Html(html)) => {
            let document = view::html(&FrameDocument { words: visit.words, html: &html });
            Ok((sealed_off(FRAME_POLICY, "SAMEORIGIN"), document).into_response())
        }
        Some(Body::Text(_) | Body::Empty | Body::TooComplex(_)) | None => Err(Refusal::NotFound),
    }
}

/// `GET /c/{id}/print`: the whole message as one document.
pub(super) async fn print(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let passed = session::require(&portal, &headers, &id, visit.now).await?;
    let letter = letter::open(&portal, &passed, visit.now).await?;
    let shown = read(&portal, &passed, &letter).await?;
    let (letter, text) = contents(&passed, &letter, shown, visit.words);
    let (html, plain) = match text {
        Source::Html(html) => (html, false),
        Source::Plain(html) => (html, true),
        Source::Nothing => (String::new(), false),
    };
    let document = view::html(&PrintDocument { words: visit.words, letter, html: &html, plain });
    Ok((sealed_off(PRINT_POLICY, "DENY"), document).into_response())
}

/// The headers of a document that holds what others wrote.
fn sealed_off(policy: &'static str, frames: &'static str) -> [(HeaderName, HeaderValue); 3] {
    [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static(frames)),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ]
}

/// Reads what the message shows; `None` when it cannot be shown, but only downloaded.
pub(super) async fn read(
    portal: &Portal,
    passed: &Passed,
    letter: &Letter,
) -> Result<Option<Shown>, Refusal> {
    let _permit = portal.rendering.acquire().await.map_err(|_| Refusal::Unavailable)?;
    let message = portal.store.read_body(&letter.stored).await?;
    match render::show(message).await {
        Ok(shown) => Ok(Some(shown)),
        Err(error) => {
            let id = passed.delivery();
            warn!(delivery = id, %error, "the message of delivery {id} cannot be shown: {error}");
            Ok(None)
        }
    }
}

async fn opened(
    portal: &Portal,
    passed: &Passed,
    letter: &Letter,
    now: Moment,
) -> Result<(), Refusal> {
    if let Standing::Sent { .. } | Standing::Planned { .. } = letter.delivery.state {
        let id = passed.delivery();
        portal.store.opened(letter.delivery.id, letter.proved(), now).await?;
        info!(delivery = id, "delivery {id} was opened in the portal");
    }
    Ok(())
}

/// The text of a message as HTML, and what it was made of.
enum Source {
    Html(String),
    Plain(String),
    Nothing,
}

fn contents(
    _passed: &Passed,
    letter: &Letter,
    shown: Option<Shown>,
    words: Words,
) -> (Contents, Source) {
    let until = words.date(letter.delivery.expires);
    let accepted = words.date(letter.stored.accepted);
    let submission = &letter.stored.submission;
    let Some(shown) = shown else {
        let contents = Contents {
            subject: submission.subject.clone().unwrap_or_else(|| words.say("no-subject")),
            from: submission.from.to_string(),
            to: Vec::new(),
            date: accepted,
            until,
            attachments: Vec::new(),
            notice: Some(words.say("not-shown")),
            text: Text::None,
        };
        return (contents, Source::Nothing);
    };
    let blocked =
        (shown.images_blocked > 0).then(|| words.count("images-blocked", shown.images_blocked));
    let (source, notice) = match shown.body {
        Body::Html(html) => (Source::Html(html), blocked),
        Body::Text(html) => (Source::Plain(html), None),
        Body::TooComplex(html) => (Source::Plain(html), Some(words.say("too-complex"))),
        Body::Empty => (Source::Nothing, Some(words.say("no-text"))),
    };
    let subject = shown.subject.filter(|subject| !subject.trim().is_empty());
    let contents = Contents {
        subject: subject.unwrap_or_else(|| words.say("no-subject")),
        from: shown.from,
        to: shown.to,
        date: shown.date.as_deref().and_then(|field| words.date_field(field)).unwrap_or(accepted),
        until,
        attachments: shown
            .attachments
            .into_iter()
            .map(|attachment| file(attachment, words))
            .collect(),
        notice,
        text: Text::None,
    };
    (contents, source)
}

fn file(attachment: render::Attachment, words: Words) -> File {
    /// What is longer says nothing to a reader.
    const EXTENSION_MAX: usize = 5;
    let extension =
        attachment.name.rsplit_once('.').map(|(_, extension)| extension).filter(|extension| {
            !extension.is_empty()
                && extension.len() <= EXTENSION_MAX
                && extension.chars().all(|c| c.is_ascii_alphanumeric())
        });
    let kind = match extension {
        Some(extension) => words.with("file-kind", &[("kind", &extension.to_ascii_uppercase())]),
        None => words.say("file-kind-unknown"),
    };
    File {
        index: attachment.index,
        kind,
        size: words.size(attachment.size),
        executable: attachment.executable,
        name: attachment.name,
    }
}
