//! What the header section of a part says about it. The reading of parameters (RFC 2231) and encoded names is
//! mail-parser's.

use mail_parser::{ContentType, MessageParser, MimeHeaders};

use super::decode::Encoding;
use crate::text;

/// A leaf part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its place among the leaves, from 0: what an attachment is called by.
    pub index: usize,
    /// Type and subtype in lower case.
    pub media_type: String,
    pub charset: Option<String>,
    /// As the sender wrote it; not to be trusted as a path.
    pub file_name: Option<String>,
    /// Without its angle brackets.
    pub content_id: Option<String>,
    /// Whether it is to be shown beside the text rather than in it.
    pub is_attachment: bool,
    /// The kind of multipart that it stands in.
    pub group: Group,
    /// How many multiparts are around it.
    pub depth: usize,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Group {
    /// One after the other; what stands in no multipart counts as such too.
    Mixed,
    /// One instead of the other, the best last.
    Alternative,
    /// The first refers to the others.
    Related,
}

/// What a header section leads to.
pub(super) enum Read {
    Multipart { boundary: Vec<u8>, group: Group },
    Leaf { part: Part, encoding: Encoding },
}

impl Part {
    /// Content of which nothing is known.
    pub(super) fn opaque(index: usize, group: Group) -> Self {
        Self {
            index,
            media_type: "application/octet-stream".into(),
            charset: None,
            file_name: None,
            content_id: None,
            is_attachment: true,
            group,
            depth: 0,
        }
    }
}

/// Reads the header section of the leaf with this index, or of a multipart in its place.
pub(super) fn read(head: &[u8], index: usize, group: Group, depth: usize) -> Read {
    let opaque = || Read::Leaf { part: Part::opaque(index, group), encoding: Encoding::Identity };
    // An empty header section makes plain text (RFC 2046, section 5.1); mail-parser wants at least one field.
    let head = [b"MIME-Version: 1.0\r\n", head].concat();
    let Some(message) = MessageParser::new().with_mime_headers().parse_headers(&head) else {
        return opaque();
    };
    let media_type = message.content_type().map_or_else(|| "text/plain".to_owned(), media_type);
    if media_type.starts_with("multipart/") {
        let boundary = message.content_type().and_then(|content| content.attribute("boundary"));
        return match boundary {
            Some(boundary) if !boundary.is_empty() => Read::Multipart {
                boundary: boundary.as_bytes().to_vec(),
                group: group_of(&media_type),
            },
            _ => opaque(),
        };
    }
    let disposition = message.content_disposition();
    let part = Part {
        index,
        charset: message
            .content_type()
            .and_then(|content| content.attribute("charset"))
            .map(str::to_owned),
        file_name: message.attachment_name().map(text::decode_words),
        content_id: message.content_id().map(|id| id.trim_matches(['<', '>']).to_owned()),
        is_attachment: disposition.is_some_and(ContentType::is_attachment),
        media_type,
        group,
        depth,
    };
    Read::Leaf { part, encoding: encoding(message.content_transfer_encoding()) }
}

fn media_type(content: &ContentType<'_>) -> String {
    let subtype = content.subtype().unwrap_or("plain");
    format!("{}/{subtype}", content.ctype()).to_ascii_lowercase()
}

fn group_of(media_type: &str) -> Group {
    match media_type {
        "multipart/alternative" => Group::Alternative,
        "multipart/related" => Group::Related,
        _ => Group::Mixed,
    }
}

fn encoding(name: Option<&str>) -> Encoding {
    match name.map(|name| name.trim().to_ascii_lowercase()).as_deref() {
        Some("base64") => Encoding::Base64,
        Some("quoted-printable") => Encoding::QuotedPrintable,
        _ => Encoding::Identity,
    }
}
