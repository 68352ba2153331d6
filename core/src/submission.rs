//! One accepted message: who may see it, what was asked for it, and what of it may be told before verification.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::decision::{Right, Wish};
use crate::directive::{self, AccessRight, DirectiveError, Wishes};
use crate::envelope::Envelope;
use crate::message::{FromError, Head, HeadError};

/// Received fields from which on a message counts as going round in a loop (RFC 5321, section 6.3).
pub const HOPS_MAX: usize = 100;

/// Made when the message is accepted; kept sealed, because it holds names, the subject, numbers and codes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    pub envelope: Envelope,
    pub from: Address,
    /// The author's display name, decoded.
    pub from_name: Option<String>,
    pub subject: Option<String>,
    /// Message-ID without its angle brackets.
    pub message_id: Option<String>,
    /// To and Cc.
    pub addressees: Vec<Address>,
    pub wishes: Wishes,
    /// Octets of the message as received.
    pub size: u64,
    #[serde(default)]
    pub arrival: Arrival,
}

/// How the message came in, for its Received field (RFC 5321, section 4.4).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    pub protocol: Protocol,
    /// What the mail server that sent it called itself, and where it stands; `None` for the local one, and for people, whose
    /// whereabouts are nobody's business.
    pub from: Option<(String, IpAddr)>,
}

/// The registered names (RFC 3848).
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    #[default]
    #[serde(rename = "LMTP")]
    Lmtp,
    /// After HELO.
    #[serde(rename = "SMTP")]
    Smtp,
    #[serde(rename = "ESMTP")]
    Esmtp,
    #[serde(rename = "ESMTPS")]
    Esmtps,
    #[serde(rename = "ESMTPSA")]
    Esmtpsa,
}

/// Why a message cannot become a submission: 550 or 554 with an enhanced status code (RFC 3463).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("5.6.0 {0}")]
    Head(#[from] HeadError),
    #[error("5.6.0 {0}")]
    From(#[from] FromError),
    #[error("5.6.0 {0}")]
    Directive(#[from] DirectiveError),
    /// 554 5.4.6: [`HOPS_MAX`] Received fields.
    #[error("5.4.6 the message has passed {0} servers: it goes round in a loop")]
    Loop(usize),
}

impl Submission {
    /// Reads what must be known of a message: its author, its addressees and what it asks for. `size` is that of the
    /// whole message; `head` need not hold the body.
    pub fn new(envelope: Envelope, head: &Head<'_>, size: u64) -> Result<Self, Refusal> {
        let hops = head.named("Received").count();
        if hops >= HOPS_MAX {
            return Err(Refusal::Loop(hops));
        }
        let author = head.from()?;
        let recipients: Vec<Address> = envelope.addresses().cloned().collect();
        let wishes = directive::read(head, &recipients)?;
        Ok(Self {
            envelope,
            from: author.address,
            from_name: author.name,
            subject: head.subject(),
            message_id: head.message_id(),
            addressees: head.addressees(),
            wishes,
            size,
            arrival: Arrival::default(),
        })
    }

    /// What the message asks for this recipient, for the ladder.
    pub fn wish(&self, recipient: &Address) -> Wish {
        let right = self.wishes.rights.get(recipient).map(|right| match right {
            AccessRight::Sms(_) => Right::Sms,
            AccessRight::AccessCode(_) | AccessRight::HashedCode(_) => Right::AccessCode,
        });
        Wish {
            direct: self.wishes.direct,
            right,
            email_fallback: self.wishes.email_fallback,
            email_allowed: self.wishes.email_allowed.contains(recipient),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lmtp => "LMTP",
            Self::Smtp => "SMTP",
            Self::Esmtp => "ESMTP",
            Self::Esmtps => "ESMTPS",
            Self::Esmtpsa => "ESMTPSA",
        })
    }
}

impl fmt::Debug for Submission {
    /// Neither names nor the subject.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission")
            .field("envelope", &self.envelope)
            .field("from", &self.from)
            .field("message_id", &self.message_id)
            .field("addressees", &self.addressees)
            .field("wishes", &self.wishes)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation;
    use crate::envelope::Recipient;
    use crate::outgoing;
    use crate::text;
    use crate::transport::Floor;

    const MESSAGE: &str = "Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n\
        From: \"Vries, Jan de\" (J) <jan@example.org>\r\n\
        To: Team: piet@example.net, =?utf-8?B?w4k=?=\r\n =?utf-8?Q?l?= <els@example.net>;\r\n\
        Subject: =?iso-2022-jp?B?GyRCRnxLXDhsGyhC?= x\r\n\
        Message-ID: <1@example.org>\r\n\
        zivver-access-right: piet@example.net sms +31612345678\r\n\
        zivver-direct-delivery: tls=tls1.2\r\n\
        zivver-message-expiration: delete P1DT2H\r\n\
        \r\nBody";

    fn envelope() -> Envelope {
        let recipients = ["piet@example.net", "els@example.net", "bcc@example.net"];
        Envelope {
            sender: Some("jan@example.org".parse().unwrap()),
            recipients: recipients
                .map(|address| Recipient::plain(address.parse().unwrap()))
                .to_vec(),
            envelope_id: None,
        }
    }

    #[track_caller]
    fn check(message: &str, refusal: &str) {
        let head = Head::parse(message.as_bytes()).unwrap();
        let seen = Submission::new(envelope(), &head, 0).unwrap_err().to_string();
        assert!(seen.starts_with(refusal), "{message:?}: {seen}");
    }

    #[test]
    fn a_message_becomes_a_submission_with_a_wish_for_each_recipient() {
        let head = Head::parse(MESSAGE.as_bytes()).unwrap();
        let submission = Submission::new(envelope(), &head, 4).unwrap();
        assert_eq!(submission.from_name.as_deref(), Some("Vries, Jan de"));
        assert_eq!(submission.subject.as_deref(), Some("日本語 x"));
        assert_eq!(submission.message_id.as_deref(), Some("1@example.org"));
        assert_eq!(submission.addressees.len(), 2);
        let wish = |address: &str| submission.wish(&address.parse().unwrap());
        let without = Wish { direct: Some(Floor::Tls), ..Wish::default() };
        assert_eq!(wish("PIET@example.net"), Wish { right: Some(Right::Sms), ..without.clone() });
        assert_eq!(wish("els@example.net"), without);
    }

    #[test]
    fn a_stored_submission_reads_as_itself() {
        let submission =
            Submission::new(envelope(), &Head::parse(MESSAGE.as_bytes()).unwrap(), 4).unwrap();
        let stored = serde_json::to_string(&submission).unwrap();
        assert_eq!(serde_json::from_str::<Submission>(&stored).unwrap(), submission);
    }

    #[test]
    fn what_cannot_be_a_submission_is_refused_with_a_status() {
        check("Subject: x\r\n\r\n", "5.6.0 the message has no From field");
        check("From: a@b.nl\r\nzivver-access-right: x\r\n", "5.6.0 zivver-access-right: ");
        check(
            &format!("{}From: a@b.nl\r\n", "Received: x\r\n".repeat(100)),
            "5.4.6 the message has passed 100 servers",
        );
        let almost = format!("{}From: a@b.nl\r\n", "Received: x\r\n".repeat(99));
        assert!(Submission::new(envelope(), &Head::parse(almost.as_bytes()).unwrap(), 0).is_ok());
    }

    #[test]
    fn debug_shows_no_content() {
        let head = Head::parse(MESSAGE.as_bytes()).unwrap();
        let shown = format!("{head:?} {:?}", Submission::new(envelope(), &head, 4).unwrap());
        assert!(
            ["日本", "Vries", "316", "sms +"].iter().all(|secret| !shown.contains(secret)),
            "{shown}"
        );
    }

    #[test]
    fn no_damaged_octet_makes_a_reader_panic_or_lets_a_directive_out() {
        const OCTETS: &[u8] = b"\0\t\n\r \"(),:;<=>?@\\A0\x1b\x7f\x80\xc3\xff";
        for at in 0..MESSAGE.len() {
            for octet in OCTETS {
                let mut message = MESSAGE.as_bytes().to_vec();
                message[at] = *octet;
                let Ok(head) = Head::parse(&message) else { continue };
                let out = outgoing::strip(&head);
                let left = Head::parse(&out).unwrap();
                assert!(
                    left.fields().iter().all(|field| !directive::is_control(field.name)),
                    "{at} {octet}"
                );
                assert!(
                    head.fields()
                        .iter()
                        .all(|field| text::one_line(&text::decoded(field.value)).len() < 200)
                );
                assert!(
                    head.references().is_empty() && head.addressees().len() <= 3,
                    "{at} {octet}"
                );
                if let Ok(submission) = Submission::new(envelope(), &head, 4) {
                    let conversations = conversation::split(
                        &submission.envelope.recipients,
                        &submission.addressees,
                    );
                    assert_eq!(
                        conversations.iter().map(|one| one.recipients.len()).sum::<usize>(),
                        3
                    );
                }
            }
        }
    }
}
