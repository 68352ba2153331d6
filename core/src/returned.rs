//! A report that the mail server itself wrote about a selected message, made fit for the sender's eyes: the addresses are
//! those that the sender wrote, and of the message come back the addresses, the date and the Message-ID.

use mail_builder::headers::content_type::ContentType;
use mail_builder::mime::MimePart;
use mail_parser::{MessageParser, MessagePart, MimeHeaders};

use crate::marker::Key;
use crate::message::{Field, Head};
use crate::notice::letter::readable;
use crate::route::reveal;
use crate::text::HeaderText;

/// Fields of the report that go on. The mail server that takes it next adds what it wants besides.
const KEPT: [&str; 8] = [
    "From",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "Precedence",
];

/// Fields of the reported message that come back.
const RETURNED: [&str; 5] = ["From", "To", "Cc", "Date", "Message-ID"];

/// For what is no report as RFC 3464 has it: nobody could say where in it the message begins.
const UNKNOWN_FORM: &str = "The mail server has something to report about a message of yours, in a form that cannot be \
    passed on. Your administrator finds more in the mail server's log.\r\n";

/// The report for the sender, `to`, from the mail server's, whose lines end in CRLF. `boundary` may not stand in any text.
pub fn returned(key: &Key, to: &str, report: &[u8], boundary: &str) -> Vec<u8> {
    let kept = Head::parse(report).map(|head| lines(key, &head, &KEPT)).unwrap_or_default();
    let body = Parts::of(key, report)
        .map_or_else(|| readable("text/plain", UNKNOWN_FORM), |parts| parts.write(boundary));
    let head = format!("{kept}To: <{}>\r\nMIME-Version: 1.0\r\n", HeaderText::new(to));
    let mut octets = head.into_bytes();
    body.write_part(&mut octets);
    octets
}

/// What a report consists of.
struct Parts {
    explanation: String,
    status: String,
    headers: String,
}

impl Parts {
    fn of(key: &Key, report: &[u8]) -> Option<Self> {
        let message = MessageParser::new().parse(report)?;
        let root = message.root_part();
        if !is(root, "multipart", &["report"]) {
            return None;
        }
        let of_root = root.sub_parts()?;
        let part = |kinds: &[(&str, &str)]| {
            let mut parts = of_root.iter().filter_map(|id| message.part(*id));
            parts.find(|part| kinds.iter().any(|(kind, sub)| is(part, kind, &[*sub])))
        };
        let status =
            part(&[("message", "delivery-status"), ("message", "global-delivery-status")])?;
        let status = String::from_utf8_lossy(status.contents()).into_owned();
        let explanation = of_root.first().and_then(|id| message.part(*id));
        let explanation = explanation.and_then(MessagePart::text_contents).unwrap_or_default();
        let original = part(&[
            ("text", "rfc822-headers"),
            ("message", "global-headers"),
            ("message", "rfc822"),
            ("message", "global"),
        ]);
        Some(Self {
            explanation: with_crlf(&reveal(key, explanation)),
            status: typed(&with_crlf(&reveal(key, &status))),
            headers: original.map(|part| headers(key, report, part)).unwrap_or_default(),
        })
    }

    fn write(self, boundary: &str) -> MimePart<'static> {
        let kind = ContentType::new("multipart/report")
            .attribute("boundary", boundary.to_owned())
            .attribute("report-type", "delivery-status");
        let parts = vec![
            readable("text/plain", &self.explanation),
            verbatim("message/delivery-status", "message/global-delivery-status", self.status),
            verbatim("text/rfc822-headers", "message/global-headers", self.headers),
        ];
        MimePart::new(kind, parts)
    }
}

/// RFC 6533, section 3: what is beyond ASCII has a type of its own.
fn verbatim(ascii: &'static str, global: &'static str, text: String) -> MimePart<'static> {
    let (kind, encoding) = if text.is_ascii() { (ascii, "7bit") } else { (global, "8bit") };
    MimePart::new(ContentType::new(kind), text.into_bytes()).transfer_encoding(encoding)
}

/// Addresses beyond ASCII say so (RFC 6533, section 3).
fn typed(status: &str) -> String {
    let line = |line: &str| match line.split_once(';') {
        Some((field, address))
            if !address.is_ascii() && field.to_ascii_lowercase().ends_with("rfc822") =>
        {
            format!(
                "{}utf-8;{address}",
                field.get(..field.len() - "rfc822".len()).unwrap_or_default()
            )
        }
        _ => line.to_owned(),
    };
    status.split_inclusive("\r\n").map(line).collect()
}

fn is(part: &MessagePart<'_>, kind: &str, subtypes: &[&str]) -> bool {
    part.content_type().is_some_and(|found| {
        let sub = found.subtype().unwrap_or_default();
        found.ctype().eq_ignore_ascii_case(kind)
            && subtypes.iter().any(|wanted| sub.eq_ignore_ascii_case(wanted))
    })
}

/// Those of a returned message, or of its header section, that go back.
fn headers(key: &Key, report: &[u8], part: &MessagePart<'_>) -> String {
    let from = usize::try_from(part.raw_body_offset()).unwrap_or_default();
    let to = usize::try_from(part.raw_end_offset()).unwrap_or_default();
    let section = report.get(from..to).unwrap_or_default();
    // A header section alone need not end in an empty line.
    let section = [section, b"\r\n\r\n"].concat();
    let Ok(head) = Head::parse(&section) else { return String::new() };
    lines(key, &head, &RETURNED)
}

/// The fields of these names, folded as they came.
fn lines(key: &Key, head: &Head<'_>, names: &[&str]) -> String {
    let fields = names.iter().flat_map(|name| head.named(name).map(move |field| (name, field)));
    let line = |(name, field): (&&str, &Field<'_>)| {
        format!("{name}: {}\r\n", reveal(key, String::from_utf8_lossy(field.value).trim()))
    };
    fields.map(line).collect()
}

fn with_crlf(text: &str) -> String {
    text.lines().flat_map(|line| [line, "\r\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::{encode, encode_sender};

    const STATUS: &str = "Reporting-MTA: dns; mail.org.test\r\nReceived-From-MTA: DNS; client\r\n\r\n\
        Final-Recipient: RFC822; PIET\r\nAction: failed\r\nStatus: 5.7.1\r\n";

    /// A report as Sendmail writes it, with these parts behind the explanation.
    fn sendmail_s(parts: &str) -> String {
        let report = format!(
            "Received: from localhost (localhost)\r\n\tby mail.org.test id 1; Wed, 25 Nov 2026 00:00:00 GMT\r\n\
            From: Mail Delivery Subsystem <MAILER-DAEMON@mail.org.test>\r\nTo: <JAN>\r\nMIME-Version: 1.0\r\n\
            Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"1/mail\"\r\n\
            Subject: Returned mail: see transcript\r\n\r\n--1/mail\r\n\r\n   ----- Errors -----\r\n<PIET>\r\n    \
            (reason: 550 5.7.1 no)\r\n\r\n{parts}--1/mail--\r\n"
        );
        let key = key();
        let piet = encode(&key, "piet@zorg.example").unwrap();
        report
            .replace("PIET", &piet)
            .replace("JAN", &encode_sender(&key, "jan@gemeente.example").unwrap())
    }

    fn key() -> Key {
        Key::new(&[1; 32]).unwrap()
    }

    fn status() -> String {
        format!("--1/mail\r\nContent-Type: message/delivery-status\r\n\r\n{STATUS}\r\n")
    }

    /// Of a report with these parts all this goes back, and nothing of the route or the message.
    #[track_caller]
    fn check(parts: &str, want: &[&str]) {
        let sent = returned(&key(), "jan@gemeente.example", sendmail_s(parts).as_bytes(), "=_b");
        let sent = String::from_utf8(sent).unwrap();
        for wanted in want {
            assert!(sent.contains(wanted), "{wanted} is missing in {sent}");
        }
        for kept in ["zegel.invalid", "z1-", "Uitslag", "+31612345678"] {
            assert!(!sent.contains(kept), "{kept} is in {sent}");
        }
        assert!(sent.contains("To: <jan@gemeente.example>\r\n"), "{sent}");
        assert!(sent.contains("Subject: Returned mail: see transcript\r\n"), "{sent}");
    }

    #[test]
    fn the_addresses_are_those_that_the_sender_wrote_and_the_message_stays_behind() {
        let head = "From: Jan <jan@gemeente.example>\r\nTo: piet@zorg.example,\r\n els@zorg.example\r\n\
            Subject: Uitslag\r\nzivver-access-right: piet@zorg.example sms +31612345678\r\nMessage-ID: <1@a>\r\n";
        for (kind, body) in [
            ("text/rfc822-headers", ""),
            ("message/rfc822", "\r\nUitslag: goed.\r\n"),
            (
                "message/rfc822",
                "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nUitslag\r\n--c--\r\n",
            ),
        ] {
            let original = format!("--1/mail\r\nContent-Type: {kind}\r\n\r\n{head}{body}\r\n");
            check(
                &(status() + &original),
                &[
                    "<piet@zorg.example>\r\n    (reason: 550 5.7.1 no)",
                    "\r\n\r\nFinal-Recipient: RFC822; piet@zorg.example\r\nAction: failed\r\nStatus: 5.7.1\r\n",
                    "report-type=\"delivery-status\"",
                    "To: piet@zorg.example,\r\n els@zorg.example\r\n",
                    "Message-ID: <1@a>",
                ],
            );
        }
        check(&status(), &["message/delivery-status", "text/rfc822-headers"]);
    }

    #[test]
    fn of_what_is_no_report_nothing_is_shown() {
        check("Uitslag\r\n", &["The mail server has something to report"]);
        check(
            "--1/mail\r\nContent-Type: message/rfc822\r\n\r\nSubject: Uitslag\r\n\r\nx\r\n",
            &["The mail server has something to report"],
        );
    }

    #[test]
    fn addresses_beyond_ascii_say_so() {
        let piet = encode(&key(), "piet@zorg.example").unwrap();
        let jose = encode(&key(), "jos\u{e9}@zorg.example").unwrap();
        let report = sendmail_s(&status()).replace(&piet, &jose);
        let sent = returned(&key(), "jan@gemeente.example", report.as_bytes(), "=_b");
        let sent = String::from_utf8(sent).unwrap().to_lowercase();
        assert!(sent.contains("message/global-delivery-status"), "{sent}");
        assert!(sent.contains("final-recipient: utf-8; jos\u{e9}@zorg.example"), "{sent}");
    }
}
