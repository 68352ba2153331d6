//! What all mail of our own has in common: its headers, and a body written once and shown as text and as HTML.

use encodify::qp;
use mail_builder::MessageBuilder;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::text::Text;
use mail_builder::mime::MimePart;

use super::{Language, Organisation};
use crate::address::Address;
use crate::moment::Moment;
use crate::text::HeaderText;

/// The headers of one mail from the organisation to one person.
pub(crate) struct Letter<'a> {
    pub(crate) organisation: &'a Organisation,
    pub(crate) from_name: HeaderText,
    pub(crate) to: &'a Address,
    pub(crate) subject: HeaderText,
    pub(crate) message_id: &'a str,
    pub(crate) references: Option<&'a str>,
    pub(crate) language: Language,
    pub(crate) cause: Cause,
    pub(crate) now: Moment,
}

/// Why a machine writes: `Auto-Submitted` (RFC 3834, section 5).
#[derive(Copy, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    Generated,
    /// It answers a mail: a report to its sender.
    Replied,
}

impl<'a> Letter<'a> {
    /// The header section, to which the body must still be added. Every value has gone through [`HeaderText`], or is
    /// of a type that cannot hold a line end.
    pub(crate) fn headers(&self) -> MessageBuilder<'a> {
        let from = self.organisation.from.to_string();
        let mut builder = MessageBuilder::new()
            .from((self.from_name.to_string(), from.clone()))
            .reply_to(from)
            .to(self.to.to_string())
            .subject(self.subject.to_string())
            .date(Date::new(self.now.0))
            .message_id(message_id(self.message_id));
        if let Some(references) = self.references.map(message_id) {
            if self.cause == Cause::Replied {
                builder = builder.in_reply_to(references.clone());
            }
            builder = builder.references(references);
        }
        let cause = match self.cause {
            Cause::Generated => "auto-generated",
            Cause::Replied => "auto-replied",
        };
        builder
            .header("Auto-Submitted", Text::new(cause))
            // Not `All`, which would hold back the reports of failed delivery too.
            .header("X-Auto-Response-Suppress", Text::new("OOF, AutoReply, RN, NRN"))
            .header("Content-Language", Text::new(self.language.tag()))
            .header("X-Zegel-Notification", Text::new(local_part(self.message_id)))
    }

    /// The whole mail: the same words as text and as HTML.
    pub(crate) fn write(&self, blocks: &[Block]) -> Vec<u8> {
        let parts = vec![
            readable("text/plain", &as_text(blocks)),
            readable("text/html", &as_html(blocks, self.language, self.subject.as_str())),
        ];
        let kind = multipart("multipart/alternative", self.message_id);
        into_bytes(self.headers().body(MimePart::new(kind, parts)))
    }
}

/// The mail as it goes out. Message-ID, Date and boundary are set, so nothing in it is left to chance or a clock.
pub(crate) fn into_bytes(builder: MessageBuilder<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    builder.serialize(&mut bytes);
    bytes
}

/// A multipart type with a boundary of its own: `=_` never stands in quoted-printable (RFC 2045, section 6.7).
pub(crate) fn multipart(kind: &'static str, message_id: &str) -> ContentType<'static> {
    ContentType::new(kind).attribute("boundary", format!("=_{}", local_part(message_id)))
}

/// A part to be read by people, always in quoted-printable: spam filters mistrust text in base64.
pub(crate) fn readable(kind: &'static str, text: &str) -> MimePart<'static> {
    MimePart::new(ContentType::new(kind).attribute("charset", "utf-8"), qp::BODY.encode(text))
        .transfer_encoding("quoted-printable")
}

/// A Message-ID, which came from outside or not, with nothing in it that does not belong there.
pub(crate) fn message_id(id: &str) -> MessageId<'static> {
    MessageId::new(
        id.chars().filter(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>')).collect::<String>(),
    )
}

/// What stands before the `@` of a Message-ID, fit for a boundary (RFC 2046, section 5.1.1: 70 characters).
fn local_part(message_id: &str) -> String {
    let local = message_id.split('@').next().unwrap_or_default();
    local.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')).take(64).collect()
}

/// One piece of a mail's body.
pub(crate) enum Block {
    Paragraph(String),
    /// A paragraph in another language than the rest.
    In(Language, String),
    /// An address in full, on a line of its own.
    Link(String),
    /// A code to be read and typed.
    Code(String),
    /// Lines that belong together.
    Lines(Vec<String>),
    /// Small print: lines that belong together.
    Foot(Vec<String>),
}

fn as_text(blocks: &[Block]) -> String {
    let pieces: Vec<String> = blocks
        .iter()
        .map(|block| match block {
            Block::Paragraph(text) | Block::In(_, text) | Block::Link(text) | Block::Code(text) => {
                text.clone()
            }
            Block::Lines(lines) | Block::Foot(lines) => lines.join("\r\n"),
        })
        .collect();
    pieces.join("\r\n\r\n") + "\r\n"
}

const HEAD_OPEN: &str = r#"<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<style>
:root { color-scheme: light dark; supported-color-schemes: light dark }
@media (prefers-color-scheme: dark) {
.page { background: #1b1b1b !important }
.text { color: #f2f2f2 !important }
.link { color: #9ecbff !important }
}
</style>
"#;

/// Styles stand in every element: Gmail and Outlook drop all others. The colours keep 7:1 and survive being inverted.
const TABLE: &str = "<table role=\"presentation\" class=\"page\" width=\"560\" align=\"center\" \
                     cellpadding=\"0\" cellspacing=\"0\" border=\"0\" \
                     style=\"width:100%;max-width:560px;background:#ffffff\">";
const CELL_STYLE: &str = "padding:24px 16px;font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;\
                          font-size:16px;line-height:24px;text-align:left;color:#1b1b1b";

fn as_html(blocks: &[Block], language: Language, title: &str) -> String {
    let tag = language.tag();
    let title = escape(title);
    let body: String = blocks.iter().map(block_as_html).collect();
    format!(
        "<!DOCTYPE html>\r\n<html lang=\"{tag}\" dir=\"ltr\">\r\n{}<title>{title}</title>\r\n</head>\r\n\
         <body class=\"page\" style=\"margin:0;padding:0;background:#ffffff\">\r\n\
         {TABLE}\r\n<tr><td lang=\"{tag}\" dir=\"ltr\" class=\"text\" style=\"{CELL_STYLE}\">\r\n\
         {body}</td></tr>\r\n</table>\r\n</body>\r\n</html>\r\n",
        HEAD_OPEN.replace('\n', "\r\n"),
    )
}

fn block_as_html(block: &Block) -> String {
    match block {
        Block::Paragraph(text) => format!("<p style=\"margin:0 0 16px\">{}</p>\r\n", escape(text)),
        Block::In(language, text) => {
            format!(
                "<p lang=\"{}\" style=\"margin:0 0 16px\">{}</p>\r\n",
                language.tag(),
                escape(text)
            )
        }
        Block::Link(url) => {
            let url = escape(url);
            format!(
                "<p style=\"margin:0 0 16px\"><a class=\"link\" href=\"{url}\" \
                 style=\"color:#0b3d91;word-break:break-all\">{url}</a></p>\r\n"
            )
        }
        Block::Code(code) => format!(
            "<p style=\"margin:0 0 16px;font-size:28px;line-height:36px;letter-spacing:4px\">{}</p>\r\n",
            escape(code)
        ),
        Block::Lines(lines) => {
            let lines: Vec<String> = lines.iter().map(|line| escape(line)).collect();
            format!("<p style=\"margin:0 0 16px\">{}</p>\r\n", lines.join("<br>\r\n"))
        }
        Block::Foot(lines) => {
            let lines: Vec<String> = lines.iter().map(|line| escape(line)).collect();
            format!(
                "<p style=\"margin:0;font-size:14px;line-height:20px\">{}</p>\r\n",
                lines.join("<br>\r\n")
            )
        }
    }
}

/// Makes text of any origin stand for itself in HTML, in elements and in quoted attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}
