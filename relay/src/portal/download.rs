//! Attachments and the whole message, as files.

use std::fmt::Write;
use std::io::{self, Cursor};
use std::ops::Range;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, future};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::io::ReaderStream;
use tracing::error;
use zegel_core::access::Passed;
use zegel_core::message::{HEAD_MAX, Head};
use zegel_core::outgoing;

use super::guard::SEC_FETCH_DEST;
use super::letter::{self, Letter};
use super::refusal::Refusal;
use super::visit::Visit;
use super::{Portal, render, session, thread};
use crate::store::StoreError;

/// Uses of a file other than keeping it: it is neither part of a page nor a program.
const NOT_A_DOWNLOAD: [&str; 12] = [
    "script",
    "style",
    "image",
    "object",
    "embed",
    "worker",
    "sharedworker",
    "serviceworker",
    "audio",
    "video",
    "font",
    "iframe",
];

/// `GET /c/{id}/att/{index}/{name}`: the name is for the browser.
pub(super) async fn attachment(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    Path((id, index, _name)): Path<(String, usize, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let passed = session::require(&portal, &headers, &id, visit.now).await?;
    refuse_use(&headers)?;
    let letter = letter::open(&portal, &passed, visit.now).await?;
    let shown = thread::read(&portal, &passed, &letter).await?.ok_or(Refusal::NotFound)?;
    let found = shown.attachments.into_iter().find(|attachment| attachment.index == index);
    let found = found.ok_or(Refusal::NotFound)?;

    let tag = format!("\"{}-{index}\"", passed.delivery());
    let mut answer = as_file(&found.name, found.media_type);
    answer.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    answer.insert(header::ETAG, value(&tag));
    let (status, range) = match asked(&headers, &tag, found.size) {
        Asked::Whole => (StatusCode::OK, 0..found.size),
        Asked::Part(range) => {
            let place = format!("bytes {}-{}/{}", range.start, range.end - 1, found.size);
            answer.insert(header::CONTENT_RANGE, value(&place));
            (StatusCode::PARTIAL_CONTENT, range)
        }
        Asked::Beyond => {
            let size = [(header::CONTENT_RANGE, value(&format!("bytes */{}", found.size)))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, size).into_response());
        }
    };
    answer.insert(header::CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
    let pieces = decoded(&portal, &passed, &letter, index).await?;
    Ok((status, answer, Body::from_stream(cut(pieces, range))).into_response())
}

/// `GET /c/{id}/message.eml`: the message as it came, without what the mail servers on its way wrote.
pub(super) async fn original(
    State(portal): State<Portal>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let passed = session::require(&portal, &headers, &id, visit.now).await?;
    refuse_use(&headers)?;
    let letter = letter::open(&portal, &passed, visit.now).await?;
    let answer = as_file("message.eml", "message/rfc822");
    let message = whole(&portal, &passed, &letter).await?;
    Ok((answer, Body::from_stream(ReaderStream::new(message))).into_response())
}

async fn decoded(
    portal: &Portal,
    _passed: &Passed,
    letter: &Letter,
    index: usize,
) -> Result<impl Stream<Item = io::Result<Bytes>> + use<>, StoreError> {
    Ok(render::attachment(portal.store.read_body(&letter.stored).await?, index))
}

async fn whole(
    portal: &Portal,
    passed: &Passed,
    letter: &Letter,
) -> Result<impl AsyncRead + Send + use<>, Refusal> {
    let mut message = portal.store.read_body(&letter.stored).await?;
    let start = read_head(&mut message).await;
    let start =
        start.and_then(|octets| Ok((clean(&octets).ok_or(io::ErrorKind::InvalidData)?, octets)));
    match start {
        Ok(((head, body_at), octets)) => {
            let rest = octets.get(body_at..).unwrap_or_default().to_vec();
            Ok(Cursor::new(head).chain(Cursor::new(rest)).chain(message))
        }
        Err(error) => {
            let id = passed.delivery();
            error!(delivery = id, %error, "the message of delivery {id} cannot be read: {error}");
            Err(Refusal::Unavailable)
        }
    }
}

/// Reads until the header section is whole; some of the body comes along.
async fn read_head(message: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut octets = Vec::with_capacity(16 * 1024);
    while octets.len() <= HEAD_MAX {
        let before = octets.len();
        if message.read_buf(&mut octets).await? == 0 {
            break;
        }
        let fresh = octets.get(before.saturating_sub(3)..).unwrap_or_default();
        if fresh.windows(4).any(|window| window == b"\r\n\r\n") {
            break;
        }
    }
    Ok(octets)
}

/// The header section to give away, and where the body starts.
fn clean(octets: &[u8]) -> Option<(Vec<u8>, usize)> {
    let head = Head::parse(octets).ok()?;
    let stripped = outgoing::strip(&head);
    let fields = Head::parse(&stripped).ok()?;
    let kept = fields.fields().iter().filter(|field| !is_internal(field.name));
    let mut clean: Vec<u8> = kept.flat_map(|field| field.raw).copied().collect();
    clean.extend_from_slice(b"\r\n");
    Some((clean, head.body_at()))
}

/// Whether a field tells of the sender's own machines rather than of the message.
fn is_internal(name: &str) -> bool {
    const NAMES: [&str; 9] = [
        "received",
        "received-spf",
        "authentication-results",
        "delivered-to",
        "x-original-to",
        "x-originating-ip",
        "x-originating-client",
        "x-mailer",
        "user-agent",
    ];
    const PREFIXES: [&str; 2] = ["arc-", "x-ms-exchange-"];
    let name = name.to_ascii_lowercase();
    NAMES.contains(&name.as_str()) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn refuse_use(headers: &HeaderMap) -> Result<(), Refusal> {
    let purpose = headers.get(SEC_FETCH_DEST).and_then(|value| value.to_str().ok());
    if purpose.is_some_and(|purpose| NOT_A_DOWNLOAD.contains(&purpose)) {
        Err(Refusal::NotFound)
    } else {
        Ok(())
    }
}

/// Headers under which a browser keeps a file and never runs it.
fn as_file(name: &str, media_type: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, value(media_type));
    headers.insert(header::CONTENT_DISPOSITION, value(&disposition(name)));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("sandbox; default-src 'none'"),
    );
    headers
        .insert(HeaderName::from_static("x-download-options"), HeaderValue::from_static("noopen"));
    headers
}

/// A header value of text that is ASCII by how it was made.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text)
        .unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"))
}

/// RFC 6266 with RFC 8187: the name in ASCII for old readers, and in full.
fn disposition(name: &str) -> String {
    let plain = |c: char| {
        if c == ' ' || c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') { c } else { '_' }
    };
    let ascii: String = name.chars().map(plain).collect();
    let mut text = format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''");
    for octet in name.bytes() {
        if octet.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&octet) {
            text.push(char::from(octet));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{octet:02X}");
        }
    }
    text
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Part(Range<u64>),
    /// Behind the end.
    Beyond,
}

/// What a request wants of `size` octets (RFC 9110, section 14). Several ranges, and what is no range, mean the whole.
fn asked(headers: &HeaderMap, tag: &str, size: u64) -> Asked {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::IF_RANGE).is_some_and(|condition| condition != tag) {
        return Asked::Whole;
    }
    let Some(spec) = text(header::RANGE).and_then(|range| range.strip_prefix("bytes=")) else {
        return Asked::Whole;
    };
    let range = match spec.split_once('-') {
        Some(("", last)) => last.parse().ok().map(|last: u64| size.saturating_sub(last)..size),
        Some((first, "")) => first.parse().ok().map(|first| first..size),
        Some((first, last)) => match (first.parse(), last.parse::<u64>()) {
            (Ok(first), Ok(last)) if first <= last => Some(first..last.saturating_add(1).min(size)),
            _ => None,
        },
        None => None,
    };
    match range {
        None => Asked::Whole,
        Some(range) if range.start < range.end => Asked::Part(range),
        Some(_) => Asked::Beyond,
    }
}

/// The part of a stream that lies within `range`.
fn cut(
    pieces: impl Stream<Item = io::Result<Bytes>>,
    range: Range<u64>,
) -> impl Stream<Item = io::Result<Bytes>> {
    let within = move |at: &mut u64, piece: io::Result<Bytes>| {
        let cut = match piece {
            Ok(_) if *at >= range.end => None,
            Ok(piece) => {
                let place = |edge: u64| {
                    usize::try_from(edge.saturating_sub(*at)).unwrap_or(usize::MAX).min(piece.len())
                };
                let part = piece.slice(place(range.start)..place(range.end));
                *at += piece.len() as u64;
                Some(Ok(part))
            }
            Err(error) => Some(Err(error)),
        };
        future::ready(cut)
    };
    pieces.scan(0, within).try_filter(|piece| future::ready(!piece.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(range: &str, expected: &Asked) {
        let headers = HeaderMap::from_iter([(header::RANGE, range.parse().unwrap())]);
        assert_eq!(&asked(&headers, "\"a\"", 100), expected, "{range}");
    }

    #[test]
    fn one_range_is_served_and_anything_odd_is_answered_with_the_whole() {
        check("bytes=0-9", &Asked::Part(0..10));
        check("bytes=90-", &Asked::Part(90..100));
        check("bytes=-10", &Asked::Part(90..100));
        check("bytes=-1000", &Asked::Part(0..100));
        check("bytes=90-1000", &Asked::Part(90..100));
        check("bytes=100-", &Asked::Beyond);
        check("bytes=-0", &Asked::Beyond);
        check("bytes=100-18446744073709551615", &Asked::Beyond);
        check("bytes=9-0", &Asked::Whole);
        check("bytes=0-1,5-9", &Asked::Whole);
        check("lines=0-9", &Asked::Whole);
        check("bytes=", &Asked::Whole);
    }

    #[test]
    fn a_range_of_another_file_is_not_served() {
        let ask = |tag: &str| {
            asked(
                &HeaderMap::from_iter([
                    (header::RANGE, "bytes=0-9".parse().unwrap()),
                    (header::IF_RANGE, tag.parse().unwrap()),
                ]),
                "\"a\"",
                100,
            )
        };
        assert_eq!(ask("\"a\""), Asked::Part(0..10));
        assert_eq!(ask("\"b\""), Asked::Whole);
    }

    #[tokio::test]
    async fn a_part_is_the_same_however_the_stream_is_cut_up() {
        let whole: Vec<u8> = (0..100).collect();
        for size in [1, 7, 64, 100] {
            let pieces = whole.chunks(size).map(|chunk| Ok(Bytes::copy_from_slice(chunk)));
            let part = cut(futures_util::stream::iter(pieces), 33..67)
                .try_collect::<Vec<_>>()
                .await
                .unwrap();
            assert_eq!(part.concat(), whole[33..67], "pieces of {size}");
        }
    }

    #[test]
    fn a_file_name_cannot_leave_its_header() {
        assert_eq!(
            disposition("r\u{e9}sum\u{e9} \"2026\".pdf"),
            "attachment; filename=\"r_sum_ _2026_.pdf\"; filename*=UTF-8''r%C3%A9sum%C3%A9%20%222026%22.pdf"
        );
        assert_eq!(
            disposition("a\r\nb"),
            "attachment; filename=\"a__b\"; filename*=UTF-8''a%0D%0Ab"
        );
    }
}
