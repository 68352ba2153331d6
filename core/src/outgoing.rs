//! The message as it leaves by direct delivery or as `.eml`: byte for byte what came in, less the control headers.

use std::net::IpAddr;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::directive;
use crate::message::Head;
use crate::moment::Moment;
use crate::submission::Arrival;
use crate::text::HeaderText;

/// Fields that are meant for this side only: who else gets the message, where bounces went before, and why a
/// sensitivity label was lowered, which is free text of the sender's own organisation.
const PRIVATE: [&str; 4] = ["Bcc", "Resent-Bcc", "Return-Path", "msip_justification"];

/// The header section as it leaves, its empty line included: without control headers, `Bcc`, `Return-Path` and the
/// like, all other octets as they came. The body follows it untouched, from [`Head::body_at`] on.
pub fn strip(head: &Head<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.body_at() + 2);
    for field in head.fields() {
        let is_private = PRIVATE.iter().any(|name| field.name.eq_ignore_ascii_case(name));
        if !is_private && !directive::is_control(field.name) {
            out.extend_from_slice(field.raw);
        }
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// The trace line that the relay adds on top (RFC 5321, section 4.4).
pub fn received(hostname: &str, arrival: &Arrival, id: &str, accepted: Moment) -> String {
    let date =
        OffsetDateTime::from_unix_timestamp(accepted.0).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let date = date.format(&Rfc2822).unwrap_or_default();
    let from = arrival.from.as_ref().map_or_else(String::new, |(name, address)| {
        format!("from {} ([{}])\r\n\t", HeaderText::new(name), literal(*address))
    });
    let with = arrival.protocol;
    format!("Received: {from}by {hostname} (Zegel) with {with} id {id};\r\n\t{date}\r\n")
}

/// As in RFC 5321, section 4.1.3, without the brackets.
fn literal(address: IpAddr) -> String {
    match address {
        IpAddr::V4(four) => four.to_string(),
        IpAddr::V6(six) => format!("IPv6:{six}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &str, expected: &str) {
        let out = strip(&Head::parse(message.as_bytes()).unwrap());
        assert_eq!(str::from_utf8(&out).unwrap(), expected);
    }

    #[test]
    fn control_and_private_headers_stay_behind_with_their_folding() {
        check(
            "Return-Path: <x@example.org>\r\nZIVVER-Access-Right: a@example.org\r\n\tsms +31612345678\r\n\
             Subject: a\r\n b\r\nbcc: c@example.org,\r\n d@example.org\r\nTLS-Required: No\r\n\
             X-Zegel-Would-Secure: x\r\nMSIP_Justification: y\r\nmsip_labels: z\r\nTo:a@example.org \r\n\r\nBody",
            "Subject: a\r\n b\r\nmsip_labels: z\r\nTo:a@example.org \r\n\r\n",
        );
    }

    #[test]
    fn the_empty_line_is_there_even_if_the_message_had_none() {
        check("A: b\r\n", "A: b\r\n\r\n");
        check("", "\r\n");
        check("\r\nBody", "\r\n");
    }

    #[test]
    fn octets_that_are_not_utf8_pass_unchanged() {
        let message = b"Subject: caf\xe9 \x80\r\n\r\n";
        assert_eq!(strip(&Head::parse(message).unwrap()), message);
    }

    #[test]
    fn the_trace_line_says_by_whom_and_when() {
        assert_eq!(
            received("relay.example.org", &Arrival::default(), "0123", Moment(0)),
            "Received: by relay.example.org (Zegel) with LMTP id 0123;\r\n\tThu, 01 Jan 1970 00:00:00 +0000\r\n"
        );
    }

    #[test]
    fn a_client_that_calls_itself_a_header_field_makes_none() {
        for name in ["mx\r\nBcc: eve@example.org", "mx\n\nBcc: x", "mx\rBcc: x", "\u{2028}Bcc: x\0"]
        {
            let from = Some((name.to_owned(), [192, 0, 2, 1].into()));
            let arrival = Arrival { from, ..Arrival::default() };
            let line = received("relay.example.org", &arrival, "0123", Moment(0));
            let head = Head::parse(line.as_bytes()).unwrap();
            assert_eq!((head.fields().len(), head.body_at()), (1, line.len()), "{line:?}");
        }
    }
}
