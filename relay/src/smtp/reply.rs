//! Every reply that can be said: its code, its enhanced status code (RFC 3463) and its words stand here only.

use std::borrow::Cow;
use std::fmt::Write;

use zegel_core::address::AddressError;
use zegel_core::decision::Right;
use zegel_core::spf;
use zegel_core::submission::Refusal;
use zegel_core::submitter::NotAllowed;

use super::terms::{Service, Terms};
use crate::admission::{Admission, Authenticated, NotAuthorised};
use crate::intake::{Refused, Verdict};

/// Octets of a reply line without its end (RFC 5321, section 4.5.3.1.5).
const REPLY_MAX: usize = 510;

const FOREIGN_PLACEHOLDER: &str = "address: not made here; give relay.toml and milter.toml the same marker-key-file, and \
    restart both";

const PLACEHOLDER_WITHOUT_KEY: &str = "address: cannot be read without a key; set marker-key-file in relay.toml to the \
    milter's, and restart";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply<'a> {
    /// The greeting.
    Ready(&'a Terms),
    /// The answer to HELO, after which nothing is offered.
    Hello(&'a Terms),
    /// The answer to LHLO and EHLO: what is offered in this phase.
    Offer(&'a Terms, Phase),
    StartTls,
    Ok,
    SenderOk,
    RecipientOk,
    StartData,
    /// A chunk that was not the last.
    ChunkTaken,
    Bye,
    Help,
    CannotVerify,

    UnknownCommand,
    NotProvided,
    SayLhlo,
    SayEhlo,
    StartTlsFirst,
    /// A browser.
    Http,
    LineTooLong,
    BareControlInCommand,
    NotUtf8,
    Syntax(&'static str),
    /// A parameter that the command does not have.
    UnknownParameter,
    BadParameter(&'static str),
    /// BDAT of nobody knows how many octets: where the next command starts is a matter of opinion.
    ChunkWithoutSize,
    /// Which command must come first, or must not come now.
    OutOfOrder(&'static str),
    Auth(AuthReply<'a>),

    BadSender(AddressError),
    BadRecipient(AddressError),
    /// `<postmaster>` of no domain.
    NoMailbox,
    /// An address in the milter's form that was not made with the key at hand.
    ForeignPlaceholder,
    /// An address in the milter's form, and no key at hand.
    PlaceholderWithoutKey,
    /// A recipient who is none, because of the mails that come back to us.
    Astray(Astray),
    NeedsSmtpUtf8,
    TooManyRecipients(&'a Terms),
    TooBig(&'a Terms),
    BareControlInText,
    /// Why the sender is not taken, and who asks.
    NotAdmitted(&'a Admission, Service),
    /// What became of the message, once for every recipient.
    Verdict(&'a Verdict),

    TooManyErrors,
    TooManyCommands,
    /// This client has as many as it may.
    TooManyConnections,
    TimedOut,
    Stopping,
}

/// What AUTH comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AuthReply<'a> {
    /// Nothing is obeyed without it.
    First,
    NeedsTls,
    Challenge(&'static str),
    Outcome(&'a Authenticated),
    /// PLAIN, for somebody else's rights.
    OtherIdentity,
    UnknownMechanism,
    NotBase64,
    /// It is not what the mechanism asks for.
    Malformed,
    TooLong,
    Cancelled,
    /// Too many wrong passwords in one session.
    TooManyWrong,
}

/// Why a recipient is none where mails of ours come back.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Astray {
    /// We did not sign this address, or not any more, or the sender is not the null one.
    NoReturnPath,
    /// Who may only report writes to somebody else.
    OnlyReports,
    /// A return path beside another recipient.
    NotAlone,
}

/// How far a client has come that says hello.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// TLS is needed first.
    Plain,
    /// AUTH is needed first.
    Anonymous,
    Ready,
}

/// Code, enhanced status code and text of a reply of one line.
type Words = (&'static str, Cow<'static, str>, Cow<'static, str>);

impl Reply<'_> {
    /// The whole reply with its line ends.
    pub(super) fn to_octets(&self) -> Vec<u8> {
        match self {
            Self::Ready(terms) => {
                let protocol = if terms.service == Service::Lmtp { "LMTP" } else { "ESMTP" };
                line("220", "", &format!("{} {protocol} Zegel", terms.hostname))
            }
            Self::Hello(terms) => line("250", "", &terms.hostname),
            Self::Offer(terms, phase) => offer(terms, *phase),
            Self::Auth(AuthReply::Challenge(challenge)) => line("334", "", challenge),
            Self::StartData => line("354", "", "end with a dot on a line of its own"),
            _ => {
                let (code, status, words) = self.words();
                line(code, &status, &words)
            }
        }
        .into_bytes()
    }

    /// Whether the client broke the protocol, or tries passwords or senders (each costs us a comparison or a round of DNS
    /// questions), as opposed to having asked for what is not to be had.
    pub(super) fn is_mistake(&self) -> bool {
        matches!(
            self,
            Self::UnknownCommand
                | Self::NotProvided
                | Self::SayLhlo
                | Self::SayEhlo
                | Self::StartTlsFirst
                | Self::LineTooLong
                | Self::NotUtf8
                | Self::Syntax(_)
                | Self::UnknownParameter
                | Self::BadParameter(_)
                | Self::OutOfOrder(_)
                | Self::Astray(Astray::NoReturnPath | Astray::OnlyReports)
                | Self::NotAdmitted(Admission::NotAllowed(_) | Admission::NotAuthorised(_), _)
                | Self::Auth(
                    AuthReply::First
                        | AuthReply::NeedsTls
                        | AuthReply::Outcome(
                            Authenticated::Wrong
                                | Authenticated::TooMany
                                | Authenticated::Unavailable
                        )
                        | AuthReply::OtherIdentity
                        | AuthReply::UnknownMechanism
                        | AuthReply::NotBase64
                        | AuthReply::Malformed
                        | AuthReply::TooLong
                        | AuthReply::Cancelled
                )
        )
    }

    /// Whether the session ends with it.
    pub(super) fn is_last(&self) -> bool {
        matches!(
            self,
            Self::Bye
                | Self::BareControlInCommand
                | Self::Http
                | Self::ChunkWithoutSize
                | Self::TooManyErrors
                | Self::Auth(AuthReply::TooManyWrong)
                | Self::TimedOut
                | Self::Stopping
        )
    }

    fn words(&self) -> Words {
        let (code, status, words): (_, _, Cow<'static, str>) = match self {
            Self::Ready(_) | Self::Hello(_) | Self::Offer(..) | Self::StartData | Self::Ok => {
                ("250", "2.0.0", "OK".into())
            }
            Self::StartTls => ("220", "2.0.0", "start the handshake".into()),
            Self::ChunkTaken => ("250", "2.0.0", "go on".into()),
            Self::SenderOk => ("250", "2.1.0", "sender OK".into()),
            Self::RecipientOk => ("250", "2.1.5", "recipient OK".into()),
            Self::Bye => ("221", "2.0.0", "bye".into()),
            Self::Help => ("214", "2.0.0", "this is the relay of Zegel; see zegel-relay(8)".into()),
            Self::CannotVerify => ("252", "2.1.5", "send a message and see".into()),

            Self::UnknownCommand => ("500", "5.5.1", "command not recognised".into()),
            Self::NotProvided => ("502", "5.5.1", "command not provided".into()),
            Self::SayLhlo => ("500", "5.5.1", "this socket speaks LMTP: say LHLO".into()),
            Self::SayEhlo => ("500", "5.5.1", "this port speaks SMTP: say EHLO".into()),
            Self::StartTlsFirst => ("530", "5.7.0", "say STARTTLS first".into()),
            Self::Http => ("521", "5.5.1", "this is no web server".into()),
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
            Self::ChunkWithoutSize => ("521", "5.5.4", "the form is: BDAT octets [LAST]".into()),
            Self::OutOfOrder(what) => ("503", "5.5.1", (*what).into()),

            Self::BadSender(why) => ("553", "5.1.7", format!("sender: {why}").into()),
            Self::BadRecipient(why) => ("553", "5.1.3", format!("recipient: {why}").into()),
            Self::NoMailbox => {
                ("550", "5.1.1", "nobody has a mailbox here: write to postmaster@ a domain".into())
            }
            Self::ForeignPlaceholder => ("550", "5.1.3", FOREIGN_PLACEHOLDER.into()),
            Self::PlaceholderWithoutKey => ("550", "5.1.3", PLACEHOLDER_WITHOUT_KEY.into()),
            Self::Astray(why) => return astray(*why),
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
            Self::Auth(reply) => return auth(reply),
            Self::NotAdmitted(admission, service) => return not_admitted(admission, *service),
            Self::Verdict(verdict) => return self::verdict(verdict),

            Self::TooManyErrors => ("421", "4.7.0", "too many errors".into()),
            Self::TooManyCommands => ("421", "4.7.0", "too many commands without a message".into()),
            Self::TooManyConnections => {
                ("421", "4.7.0", "too many connections from your address; try again later".into())
            }
            Self::TimedOut => ("421", "4.4.2", "nothing came for too long".into()),
            Self::Stopping => ("421", "4.3.2", "the relay is stopping; try again soon".into()),
        };
        (code, status.into(), words)
    }
}

fn astray(why: Astray) -> Words {
    let (code, status, words) = match why {
        Astray::NoReturnPath => ("550", "5.1.1", "there is no such address here".to_owned()),
        Astray::OnlyReports => ("550", "5.7.1", NotAllowed::OnlyReports.to_string()),
        Astray::NotAlone => {
            ("452", "4.5.3", "a report has one recipient; send it by itself".to_owned())
        }
    };
    (code, status.into(), words.into())
}

fn auth(reply: &AuthReply<'_>) -> Words {
    let (code, status, words) = match reply {
        AuthReply::First => ("530", "5.7.0", "authentication required: say AUTH first"),
        AuthReply::NeedsTls => ("538", "5.7.11", "a password needs TLS: say STARTTLS first"),
        AuthReply::Challenge(challenge) => ("334", "", *challenge),
        AuthReply::Outcome(Authenticated::As(_)) => ("235", "2.7.0", "authenticated"),
        AuthReply::Outcome(Authenticated::Wrong) => {
            ("535", "5.7.8", "no such login, or not its password")
        }
        // The same words whether there is such a login or not.
        AuthReply::Outcome(Authenticated::TooMany) => {
            ("454", "4.7.0", "too many wrong passwords; try again later")
        }
        AuthReply::Outcome(Authenticated::Unavailable) => {
            ("454", "4.7.0", "passwords cannot be compared now; try again later")
        }
        AuthReply::OtherIdentity => ("535", "5.7.8", "a login acts for itself only"),
        AuthReply::UnknownMechanism => ("504", "5.5.4", "the mechanisms are PLAIN and LOGIN"),
        AuthReply::NotBase64 => ("501", "5.5.2", "an answer is base64"),
        AuthReply::Malformed => ("501", "5.5.2", "not the answer that the mechanism asks for"),
        AuthReply::TooLong => ("500", "5.5.6", "an answer has at most 12288 octets"),
        AuthReply::Cancelled => ("501", "5.7.0", "cancelled"),
        AuthReply::TooManyWrong => ("421", "4.7.0", "too many wrong passwords"),
    };
    (code, status.into(), words.into())
}

fn verdict(verdict: &Verdict) -> Words {
    match verdict {
        Verdict::Kept => ("250", "2.0.0".into(), "kept".into()),
        Verdict::Full => ("452", "4.3.1".into(), "no space left; try again later".into()),
        Verdict::Unavailable => {
            ("451", "4.3.0".into(), "the message could not be kept; try again later".into())
        }
        Verdict::Refused(refused) => self::refused(refused),
    }
}

fn not_admitted(admission: &Admission, service: Service) -> Words {
    let (code, status, words) = match admission {
        Admission::As(_) => ("250", "2.1.0", "sender OK".into()),
        Admission::NotAllowed(why) => ("550", "5.7.1", why.to_string()),
        Admission::NotAuthorised(NotAuthorised::NotListed(Some(domain))) => {
            ("550", "5.7.1", format!("{domain} is not a domain that may submit here"))
        }
        Admission::NotAuthorised(NotAuthorised::NotListed(None)) => {
            ("550", "5.7.1", "a host without a domain may not submit here".into())
        }
        Admission::NotAuthorised(NotAuthorised::Spf(domain, refused)) => {
            // RFC 7372, section 3.2.
            let status = match refused {
                spf::Refused::Fail(_) => "5.7.23",
                spf::Refused::Broken(_) => "5.7.24",
                _ => "5.7.1",
            };
            ("550", status, format!("{domain}: {refused}"))
        }
        Admission::Full => ("452", "4.3.1", "no space left; try again later".into()),
        // The status code of SPF (RFC 7372), where SPF is what was asked.
        Admission::Unavailable => {
            let status = if service == Service::Relay { "4.7.24" } else { "4.3.0" };
            ("451", status, "it could not be found out whether you may send; try again".into())
        }
    };
    (code, status.into(), words.into())
}

fn refused(refused: &Refused) -> Words {
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
        Refused::Suspended(domain) => {
            ("550", "5.7.1", format!("the account of this author at {domain} is suspended"))
        }
        Refused::NotAllowed(why) => ("550", "5.7.1", why.to_string()),
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
        Refused::NoTextsThere => (
            "550",
            "5.7.1",
            "zivver-access-right: text messages are not sent to the country of a phone number".into(),
        ),
    };
    (code, status.into(), words.into())
}

/// What cannot be used yet is not offered: before TLS that is everything else, and a client asks again inside it.
fn offer(terms: &Terms, phase: Phase) -> String {
    let lines = match phase {
        Phase::Plain => {
            vec![terms.hostname.clone(), "ENHANCEDSTATUSCODES".into(), "STARTTLS".into()]
        }
        Phase::Anonymous | Phase::Ready => {
            let mut lines = vec![
                terms.hostname.clone(),
                "PIPELINING".into(),
                format!("SIZE {}", terms.message_size_max),
                "8BITMIME".into(),
                "SMTPUTF8".into(),
                "DSN".into(),
                "CHUNKING".into(),
                "ENHANCEDSTATUSCODES".into(),
                format!("LIMITS RCPTMAX={}", terms.recipients_max),
            ];
            if phase == Phase::Anonymous {
                lines.push("AUTH PLAIN LOGIN".into());
            }
            lines
        }
    };
    let mut reply = String::new();
    let last = lines.len() - 1;
    for (number, text) in lines.iter().enumerate() {
        let dash = if number == last { ' ' } else { '-' };
        // Writing to a String cannot fail.
        let _ = write!(reply, "250{dash}{text}\r\n");
    }
    reply
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
            (
                refused(Refused::Suspended("example.org".parse().unwrap())),
                "550 5.7.1 the account of this author at example.org is suspended",
            ),
            (refused(Refused::CannotVerifyBy(Right::Sms)), "550 5.7.1 zivver-access-right: "),
            (refused(Refused::NoTextsThere), "550 5.7.1 zivver-access-right: "),
        ] {
            let reply = String::from_utf8(Reply::Verdict(&verdict).to_octets()).unwrap();
            assert!(reply.starts_with(expected), "{verdict:?}: {reply}");
        }
    }
}
