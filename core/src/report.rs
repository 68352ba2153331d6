//! Delivery status notifications (RFC 3461-3464, 6522; 6533 for addresses beyond ASCII). Never with content: of the
//! header section come back the addresses and the Message-ID, of the body nothing, whatever RET asks for.

mod words;

use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::mime::MimePart;

use crate::address::Address;
use crate::delivery::Failure;
use crate::envelope::{Envelope, Recipient};
use crate::moment::Moment;
use crate::notice::Organisation;
use crate::notice::letter::{Cause, Letter, into_bytes, message_id, multipart, readable};
use crate::text::HeaderText;

#[derive(Clone, Debug)]
pub struct Report<'a> {
    pub organisation: &'a Organisation,
    /// Our host name: Reporting-MTA.
    pub reporting_mta: &'a str,
    /// Whom to tell: the envelope sender.
    pub to: &'a Address,
    pub envelope: &'a Envelope,
    pub recipient: &'a Recipient,
    pub what: What<'a>,
    /// Message-ID of the message reported on, without brackets.
    pub original_message_id: Option<&'a str>,
    pub message_id: &'a str,
    pub accepted: Moment,
    pub now: Moment,
}

#[derive(Copy, Clone, Debug)]
pub enum What<'a> {
    Failed(&'a Failure),
    Delayed { last: &'a str, until: Moment },
}

/// The report as a whole message (RFC 3464, RFC 6522).
pub fn report(report: &Report<'_>) -> Vec<u8> {
    let language = report.organisation.language;
    let recipient = report.recipient.address.to_string();
    let subject = match report.what {
        What::Failed(_) => language.failed_subject(&recipient),
        What::Delayed { .. } => language.delayed_subject(&recipient),
    };
    let letter = Letter {
        organisation: report.organisation,
        from_name: HeaderText::display_name(&report.organisation.name),
        to: report.to,
        subject: HeaderText::new(&subject),
        message_id: report.message_id,
        references: report.original_message_id,
        language,
        cause: Cause::Replied,
        now: report.now,
    };
    let form = Form::of(report);
    let parts = vec![
        readable("text/plain", &explanation(report, &recipient)),
        form.part(
            "message/delivery-status",
            "message/global-delivery-status",
            status_fields(report, form),
        ),
        form.part("text/rfc822-headers", "message/global-headers", returned_headers(report)),
    ];
    let kind = multipart("multipart/report", report.message_id)
        .attribute("report-type", "delivery-status");
    into_bytes(letter.headers().body(MimePart::new(kind, parts)))
}

/// The enhanced status code of a failure (RFC 3463).
pub fn status(failure: &Failure) -> String {
    match failure {
        // X.7.10, "encryption needed", of the registry that RFC 5248 set up.
        Failure::NoneLeft => "5.7.10".into(),
        Failure::Refused { enhanced, .. } => {
            permanent(enhanced.as_deref()).unwrap_or("5.0.0").into()
        }
        Failure::NoRoute { enhanced, .. } => permanent(Some(enhanced)).unwrap_or("5.4.4").into(),
        Failure::TriesUsedUp { .. } => "5.4.7".into(),
        Failure::HoldOver => "5.7.0".into(),
    }
}

/// Whether the sender asked for such a report (RFC 3461, section 4.1).
pub fn wanted(recipient: &Recipient, what: &What<'_>) -> bool {
    let notify = recipient.notify;
    match what {
        What::Failed(_) => notify.failure,
        What::Delayed { .. } => notify.delay,
    }
}

/// Whether the sender may be asked about this recipient: by whoever wants either kind of report, for without an answer it
/// becomes a failure.
pub fn may_be_asked(recipient: &Recipient) -> bool {
    recipient.notify.failure || recipient.notify.delay
}

/// Octets of another server's words that are passed on; together with the field's name they stay below the 998 of a
/// line (RFC 5322, section 2.1.1).
const WORDS_MAX: usize = 500;

/// An enhanced status code of class 5, if it is one (RFC 3463, section 2).
fn permanent(code: Option<&str>) -> Option<&str> {
    let code = code?;
    let (subject, detail) = code.strip_prefix("5.")?.split_once('.')?;
    let number =
        |text: &str| matches!(text.len(), 1..=3) && text.bytes().all(|byte| byte.is_ascii_digit());
    (number(subject) && number(detail)).then_some(code)
}

/// Whether addresses beyond ASCII are in it (RFC 6533).
#[derive(Copy, Clone, PartialEq, Eq)]
enum Form {
    Ascii,
    Global,
}

impl Form {
    fn of(report: &Report<'_>) -> Self {
        let original = report.recipient.original.as_deref().unwrap_or_default();
        let ascii =
            report.to.is_ascii() && report.recipient.address.is_ascii() && original.is_ascii();
        if ascii { Self::Ascii } else { Self::Global }
    }

    fn part(self, ascii: &'static str, global: &'static str, fields: String) -> MimePart<'static> {
        let (kind, encoding) = match self {
            Self::Ascii => (ascii, "7bit"),
            Self::Global => (global, "8bit"),
        };
        MimePart::new(ContentType::new(kind), fields.into_bytes()).transfer_encoding(encoding)
    }

    /// One line that this form can carry, whoever wrote the words.
    fn line(self, words: &str) -> String {
        let line = HeaderText::new(words).to_string();
        let cut = line.get(..line.floor_char_boundary(WORDS_MAX)).unwrap_or_default();
        match self {
            Self::Ascii => cut.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect(),
            Self::Global => cut.to_owned(),
        }
    }

    fn address(self, address: &Address) -> String {
        match self {
            Self::Ascii => format!("rfc822; {address}"),
            Self::Global if address.is_ascii() => format!("rfc822; {address}"),
            Self::Global => format!("utf-8; {address}"),
        }
    }
}

/// The part for people: what happened, and what to do.
fn explanation(report: &Report<'_>, recipient: &str) -> String {
    let language = report.organisation.language;
    let mut paragraphs = match report.what {
        What::Failed(failure) => vec![
            format!(
                "{} {}",
                language.failed(recipient, report.accepted),
                language.why_failed(failure)
            ),
            language.what_to_do(failure),
        ],
        What::Delayed { until, .. } => {
            vec![format!(
                "{} {}",
                language.delayed(recipient, report.accepted),
                language.tried_until(until)
            )]
        }
    };
    paragraphs.extend(
        reason(report.what).map(|reason| language.technical_reason(&Form::Global.line(&reason))),
    );
    paragraphs.push(language.without_content());
    paragraphs.push(HeaderText::new(&report.organisation.name).to_string());
    paragraphs.join("\r\n\r\n") + "\r\n"
}

/// What the machines said, if they said anything.
fn reason(what: What<'_>) -> Option<String> {
    match what {
        What::Failed(Failure::Refused { code, enhanced, text, .. }) => Some(format!(
            "{code} {}{text}",
            enhanced.as_ref().map(|code| format!("{code} ")).unwrap_or_default()
        )),
        What::Failed(Failure::NoRoute { text, .. }) => Some(text.clone()),
        What::Failed(Failure::TriesUsedUp { last }) => Some(last.clone()),
        What::Delayed { last, .. } => Some(last.to_owned()),
        What::Failed(Failure::NoneLeft | Failure::HoldOver) => None,
    }
}

/// The part for machines (RFC 3464, section 2).
fn status_fields(report: &Report<'_>, form: Form) -> String {
    let mut fields = vec![("Reporting-MTA", format!("dns; {}", report.reporting_mta))];
    if let Some(id) = &report.envelope.envelope_id {
        fields.push(("Original-Envelope-Id", id.clone()));
    }
    fields.push(("Arrival-Date", Date::new(report.accepted.0).to_rfc822()));
    // An empty line parts the message's fields from the recipient's.
    let message_fields = fields.len();

    if let Some(original) = &report.recipient.original {
        fields.push(("Original-Recipient", original.replacen(';', "; ", 1).replace(";  ", "; ")));
    }
    fields.push(("Final-Recipient", form.address(&report.recipient.address)));
    let (action, status) = match report.what {
        What::Failed(failure) => ("failed", status(failure)),
        What::Delayed { .. } => ("delayed", "4.0.0".into()),
    };
    fields.push(("Action", action.into()));
    fields.push(("Status", status));
    if let What::Failed(Failure::Refused { host, .. }) = report.what {
        fields.push(("Remote-MTA", format!("dns; {host}")));
    }
    if let Some(reason) = reason(report.what) {
        let kind = if matches!(report.what, What::Failed(Failure::Refused { .. })) {
            "smtp"
        } else {
            "x-zegel"
        };
        fields.push(("Diagnostic-Code", format!("{kind}; {reason}")));
    }
    if let What::Delayed { until, .. } = report.what {
        fields.push(("Will-Retry-Until", Date::new(until.0).to_rfc822()));
    }

    let line = |(name, value): &(&str, String)| format!("{name}: {}\r\n", form.line(value));
    let (message, recipient) = fields.split_at_checked(message_fields).unwrap_or((&fields, &[]));
    let message: String = message.iter().map(line).collect();
    let recipient: String = recipient.iter().map(line).collect();
    format!("{message}\r\n{recipient}")
}

/// The returned header section: enough to find the message again, and nothing that it says.
fn returned_headers(report: &Report<'_>) -> String {
    let id = report
        .original_message_id
        .map(|id| format!("Message-ID: <{}>\r\n", message_id(id).id.concat()));
    format!(
        "From: <{}>\r\nTo: <{}>\r\n{}Subject: {}\r\n",
        report.to,
        report.recipient.address,
        id.unwrap_or_default(),
        report.organisation.language.masked_subject()
    )
}

#[cfg(test)]
mod tests;
