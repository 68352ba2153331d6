//! Every reply that can be said: its code, its enhanced status code (RFC 3463) and its words stand here only.

use std::borrow::Cow;
use std::fmt::Write;

use zegel_core::address::AddressError;
use zegel_core::decision::Right;
use zegel_core::submission::Refusal;

use super::session::Terms;
use crate::intake::{Refused, Verdict};

/// Octets of a reply line without its end (RFC 5321, section 4.5.3.1.5).
const REPLY_MAX: usize = 510;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply<'a> {
    /// The greeting.
    Ready(&'a Terms),
    /// The answer to LHLO: what is offered.
    Offer(&'a Terms),
    Ok,
    SenderOk,
    RecipientOk,
    StartData,
    Bye,
    Help,
    CannotVerify,

    UnknownCommand,
    NotProvided,
    SayLhlo,
    LineTooLong,
    BareControlInCommand,
    NotUtf8,
    Syntax(&'static str),
    /// A parameter that the command does not have.
    UnknownParameter,
    BadParameter(&'static str),
    /// Which command must come first, or must not come now.
    OutOfOrder(&'static str),

    BadSender(AddressError),
    BadRecipient(AddressError),
    /// An address in the milter's form that was not made with the key at hand.
    ForeignPlaceholder,
    /// An address in the milter's form, and no key at hand.
    PlaceholderWithoutKey,
    NeedsSmtpUtf8,
    TooManyRecipients(&'a Terms),
    TooBig(&'a Terms),
    BareControlInText,
    /// What became of the message, once for every recipient.
    Verdict(&'a Verdict),

    TooManyErrors,
    TimedOut,
    Stopping,
}

impl Reply<'_> {
    /// The whole reply with its line ends.
    pub(super) fn to_octets(&self) -> Vec<u8> {
        match self {
            Self::Ready(terms) => line("220", "", &format!("{} LMTP Zegel", terms.hostname)),
            Self::Offer(terms) => offer(terms),
            Self::StartData => line("354", "", "end with a dot on a line of its own"),
            _ => {
                let (code, status, words) = self.words();
                line(code, &status, &words)
            }
        }
        .into_bytes()
    }

    /// Whether the client broke the protocol, as opposed to having asked for what is not to be had.
    pub(super) fn is_protocol_error(&self) -> bool {
        matches!(
            self,
            Self::UnknownCommand
                | Self::NotProvided
                | Self::SayLhlo
                | Self::LineTooLong
                | Self::NotUtf8
                | Self::Syntax(_)
                | Self::UnknownParameter
                | Self::BadParameter(_)
                | Self::OutOfOrder(_)
        )
    }

    /// Code, enhanced status code and text of a reply of one line.
    fn words(&self) -> (&'static str, Cow<'static, str>, Cow<'static, str>) {
        let (code, status, words): (_, _, Cow<'static, str>) = match self {
            Self::Ready(_) | Self::Offer(_) | Self::StartData | Self::Ok => {
                ("250", "2.0.0", "OK".into())
            }
            Self::SenderOk => ("250", "2.1.0", "sender OK".into()),
            Self::RecipientOk => ("250", "2.1.5", "recipient OK".into()),
            Self::Bye => ("221", "2.0.0", "bye".into()),
            Self::Help => ("214", "2.0.0", "this is the relay of Zegel; see zegel-relay(8)".into()),
            Self::CannotVerify => ("252", "2.1.5", "send a message and see".into()),

            Self::UnknownCommand => ("500", "5.5.1", "command not recognised".into()),
            Self::NotProvided => ("502", "5.5.1", "command not provided".into()),
            Self::SayLhlo => ("500", "5.5.1", "this socket speaks LMTP: say LHLO".into()),
            Self::LineTooLong => ("500", "5.5.2", "line too long".into()),
            Self::BareControlInCommand => {
                ("521", "5.5.2", "bare CR, bare LF or NUL: a line ends in CR LF".into())
            }
            Self::NotUtf8 => ("500", "5.5.2", "a command is ASCII or UTF-8".into()),
            Self::Syntax(form) => ("501", "5.5.4", format!("the form is: {form}").into()),
            Self::UnknownParameter => {
                ("555", "5.5.4", "parameter not recognised or not provided".into())
            }
            Self::BadParameter(why) => ("501", "5.5.4", (*why).into()),
            Self::OutOfOrder(what) => ("503", "5.5.1", (*what).into()),

            Self::BadSender(why) => ("553", "5.1.7", format!("sender: {why}").into()),
            Self::BadRecipient(why) => ("553", "5.1.3", format!("recipient: {why}").into()),
            Self::ForeignPlaceholder => (
                "550",
                "5.1.3",
                "address: not made here; give relay.toml and milter.toml the same marker-key-file, and restart both"
                    .into(),
            ),
            Self::PlaceholderWithoutKey => (
                "550",
                "5.1.3",
                "address: cannot be read without a key; set marker-key-file in relay.toml to the milter's, and restart"
                    .into(),
            ),
            Self::NeedsSmtpUtf8 => {
                ("550", "5.6.7", "an address beyond ASCII needs SMTPUTF8 in MAIL FROM".into())
            }
            Self::TooManyRecipients(terms) => (
                "452",
                "4.5.3",
                format!("a message may have {} recipients", terms.recipients_max).into(),
            ),
            Self::TooBig(terms) => (
                "552",
                "5.3.4",
                format!("a message may have {} octets", terms.message_size_max).into(),
            ),
            Self::BareControlInText => {
                ("550", "5.5.2", "the message has a bare CR, a bare LF or a NUL".into())
            }
            Self::Verdict(verdict) => return self::verdict(verdict),

            Self::TooManyErrors => ("421", "4.7.0", "too many errors".into()),
            Self::TimedOut => ("421", "4.4.2", "nothing came for too long".into()),
            Self::Stopping => ("421", "4.3.2", "the relay is stopping; try again soon".into()),
        };
        (code, status.into(), words)
    }
}

fn verdict(verdict: &Verdict) -> (&'static str, Cow<'static, str>, Cow<'static, str>) {
    match verdict {
        Verdict::Kept => ("250", "2.0.0".into(), "kept".into()),
        Verdict::Full => ("452", "4.3.1".into(), "no space left; try again later".into()),
        Verdict::Unavailable => {
            ("451", "4.3.0".into(), "the message could not be kept; try again later".into())
        }
        Verdict::Refused(refused) => self::refused(refused),
    }
}

fn refused(refused: &Refused) -> (&'static str, Cow<'static, str>, Cow<'static, str>) {
    let (code, status, words) = match refused {
        Refused::Message(Refusal::Head(error)) => ("550", "5.6.0", error.to_string()),
        Refused::Message(Refusal::From(error)) => ("550", "5.6.0", error.to_string()),
        Refused::Message(Refusal::Directive(error)) => ("550", "5.6.0", error.to_string()),
        Refused::Message(Refusal::Loop(hops)) => {
            ("554", "5.4.6", format!("the message passed {hops} servers: it goes round in a loop"))
        }
        Refused::OwnMail => (
            "554",
            "5.4.6",
            "this is the relay's own mail come back: give relay and milter the same marker-key-file"
                .into(),
        ),
        Refused::HeadTooLong => ("550", "5.6.0", "the header section is too long".into()),
        Refused::NoAccount(domain) => {
            let words = format!(
                "no active account for this author at {domain}: an administrator can add one with `zegel-relay account \
                 add`"
            );
            ("550", "5.7.1", words)
        }
        Refused::CannotVerifyBy(right) => {
            let by = match right {
                Right::Sms => "text message",
                Right::AccessCode => "access code",
            };
            (
                "550",
                "5.7.1",
                format!("zivver-access-right: this relay cannot verify a recipient by {by}"),
            )
        }
    };
    (code, status.into(), words.into())
}

fn offer(terms: &Terms) -> String {
    let lines = [
        terms.hostname.clone(),
        "PIPELINING".into(),
        format!("SIZE {}", terms.message_size_max),
        "8BITMIME".into(),
        "SMTPUTF8".into(),
        "DSN".into(),
        "ENHANCEDSTATUSCODES".into(),
    ];
    let mut reply = String::new();
    for line in lines {
        // Writing to a String cannot fail.
        let _ = write!(reply, "250-{line}\r\n");
    }
    reply + &line("250", "", &format!("LIMITS RCPTMAX={}", terms.recipients_max))
}

/// One last line of a reply. Words of other rooms may be in it: what could end the line or is not ASCII becomes `?`.
fn line(code: &str, status: &str, words: &str) -> String {
    let space = if status.is_empty() { "" } else { " " };
    let words = words.chars().map(|c| if c.is_ascii() && !c.is_ascii_control() { c } else { '?' });
    let mut line: String =
        format!("{code} {status}{space}").chars().chain(words).take(REPLY_MAX).collect();
    line.push_str("\r\n");
    line
}

#[cfg(test)]
mod tests {
    use zegel_core::directive::DirectiveError;

    use super::*;

    #[track_caller]
    fn check(reply: &Reply<'_>, expected: &str) {
        assert_eq!(String::from_utf8(reply.to_octets()).unwrap(), expected);
    }

    fn directive(why: &str) -> Verdict {
        let error = DirectiveError { header: "zivver-access-right", why: why.into() };
        Verdict::Refused(Refused::Message(Refusal::Directive(error)))
    }

    #[test]
    fn words_of_others_cannot_end_the_line() {
        let verdict = directive("a\r\n250 ok\0é");
        check(&Reply::Verdict(&verdict), "550 5.6.0 zivver-access-right: a??250 ok??\r\n");
    }

    #[test]
    fn reply_is_never_longer_than_a_client_must_take() {
        let verdict = directive(&"x".repeat(1000));
        assert_eq!(Reply::Verdict(&verdict).to_octets().len(), 512);
    }

    #[test]
    fn every_verdict_has_its_own_codes() {
        let refused = |refused| Verdict::Refused(refused);
        for (verdict, expected) in [
            (Verdict::Kept, "250 2.0.0 "),
            (Verdict::Full, "452 4.3.1 "),
            (Verdict::Unavailable, "451 4.3.0 "),
            (refused(Refused::OwnMail), "554 5.4.6 "),
            (refused(Refused::HeadTooLong), "550 5.6.0 "),
            (refused(Refused::Message(Refusal::Loop(100))), "554 5.4.6 "),
            (refused(Refused::NoAccount("example.org".parse().unwrap())), "550 5.7.1 "),
            (refused(Refused::CannotVerifyBy(Right::Sms)), "550 5.7.1 zivver-access-right: "),
        ] {
            let reply = String::from_utf8(Reply::Verdict(&verdict).to_octets()).unwrap();
            assert!(reply.starts_with(expected), "{verdict:?}: {reply}");
        }
    }
}
