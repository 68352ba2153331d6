//! Every reply that the relay can give is given in some dialogue, so whoever reads the dialogues has seen them all.

use std::collections::BTreeSet;

use zegel_core::address::AddressError;
use zegel_core::decision::Right;
use zegel_core::directive::DirectiveError;
use zegel_core::message::{FromError, Head};
use zegel_core::spf;
use zegel_core::submission::Refusal;
use zegel_core::submitter::{NotAllowed, Submitter};

use super::dialog::{terms, written};
use super::reply::{Astray, AuthReply, Phase, Reply};
use super::terms::{Service, Terms};
use crate::admission::{Admission, Authenticated, NotAuthorised};
use crate::intake::{Refused, Verdict};

/// All values of an enum: the match in `after` has no wildcard, so that none can be forgotten.
fn all<T>(first: T, after: impl Fn(&T) -> Option<T>) -> Vec<T> {
    let mut values = vec![first];
    while let Some(next) = values.last().and_then(&after) {
        values.push(next);
    }
    values
}

fn after<'a>(reply: &Reply<'_>, terms: &'a Terms) -> Option<Reply<'a>> {
    Some(match reply {
        Reply::Ready(_) => Reply::Hello(terms),
        Reply::Hello(_) => Reply::Offer(terms, Phase::Plain),
        Reply::Offer(_, Phase::Plain) => Reply::Offer(terms, Phase::Anonymous),
        Reply::Offer(_, Phase::Anonymous) => Reply::Offer(terms, Phase::Ready),
        Reply::Offer(_, Phase::Ready) => Reply::StartTls,
        Reply::StartTls => Reply::Ok,
        Reply::Ok => Reply::SenderOk,
        Reply::SenderOk => Reply::RecipientOk,
        Reply::RecipientOk => Reply::StartData,
        Reply::StartData => Reply::ChunkTaken,
        Reply::ChunkTaken => Reply::Bye,
        Reply::Bye => Reply::Help,
        Reply::Help => Reply::CannotVerify,
        Reply::CannotVerify => Reply::UnknownCommand,
        Reply::UnknownCommand => Reply::NotProvided,
        Reply::NotProvided => Reply::SayLhlo,
        Reply::SayLhlo => Reply::SayEhlo,
        Reply::SayEhlo => Reply::StartTlsFirst,
        Reply::StartTlsFirst => Reply::Http,
        Reply::Http => Reply::LineTooLong,
        Reply::LineTooLong => Reply::BareControlInCommand,
        Reply::BareControlInCommand => Reply::NotUtf8,
        Reply::NotUtf8 => Reply::Syntax("DATA"),
        Reply::Syntax(_) => Reply::UnknownParameter,
        Reply::UnknownParameter => Reply::BadParameter("SIZE is a number of octets"),
        Reply::BadParameter(_) => Reply::ChunkWithoutSize,
        Reply::ChunkWithoutSize => Reply::OutOfOrder("say RCPT first"),
        Reply::OutOfOrder(_) => Reply::BadSender(AddressError("the domain has no dot")),
        Reply::BadSender(_) => Reply::BadRecipient(AddressError("the address has no @")),
        Reply::BadRecipient(_) => Reply::NoMailbox,
        Reply::NoMailbox => Reply::ForeignPlaceholder,
        Reply::ForeignPlaceholder => Reply::PlaceholderWithoutKey,
        Reply::PlaceholderWithoutKey => Reply::Astray(Astray::NoReturnPath),
        Reply::Astray(Astray::NoReturnPath) => Reply::Astray(Astray::OnlyReports),
        Reply::Astray(Astray::OnlyReports) => Reply::Astray(Astray::NotAlone),
        Reply::Astray(Astray::NotAlone) => Reply::NeedsSmtpUtf8,
        Reply::NeedsSmtpUtf8 => Reply::TooManyRecipients(terms),
        Reply::TooManyRecipients(_) => Reply::TooBig(terms),
        Reply::TooBig(_) => Reply::BareControlInText,
        Reply::BareControlInText => Reply::TooManyErrors,
        Reply::TooManyErrors => Reply::TimedOut,
        Reply::TimedOut => Reply::Stopping,
        // These three stand for whole tables, which have walks of their own.
        Reply::Stopping | Reply::Auth(_) | Reply::NotAdmitted(..) | Reply::Verdict(_) => {
            return None;
        }
        // No session says these: the tests of `reception` hear them.
        Reply::TooManyCommands | Reply::TooManyConnections => return None,
    })
}

fn after_auth(reply: &AuthReply<'_>) -> Option<AuthReply<'static>> {
    Some(match reply {
        AuthReply::First => AuthReply::NeedsTls,
        AuthReply::NeedsTls => AuthReply::Challenge("VXNlcm5hbWU6"),
        AuthReply::Challenge(_) => AuthReply::Outcome(&Authenticated::Wrong),
        AuthReply::Outcome(Authenticated::Wrong) => AuthReply::Outcome(&Authenticated::TooMany),
        AuthReply::Outcome(Authenticated::TooMany) => {
            AuthReply::Outcome(&Authenticated::Unavailable)
        }
        AuthReply::Outcome(Authenticated::Unavailable) => {
            AuthReply::Outcome(&Authenticated::As(Submitter::Local))
        }
        AuthReply::Outcome(Authenticated::As(_)) => AuthReply::OtherIdentity,
        AuthReply::OtherIdentity => AuthReply::UnknownMechanism,
        AuthReply::UnknownMechanism => AuthReply::NotBase64,
        AuthReply::NotBase64 => AuthReply::Malformed,
        AuthReply::Malformed => AuthReply::TooLong,
        AuthReply::TooLong => AuthReply::Cancelled,
        AuthReply::Cancelled => AuthReply::TooManyWrong,
        AuthReply::TooManyWrong => return None,
    })
}

fn after_admission(admission: &Admission) -> Option<Admission> {
    let domain = || "a.example".parse().unwrap();
    let spf = |refused| Admission::NotAuthorised(NotAuthorised::Spf(domain(), refused));
    Some(match admission {
        Admission::As(_) => Admission::NotAllowed(NotAllowed::SenderOutOfScope),
        Admission::NotAllowed(_) => {
            Admission::NotAuthorised(NotAuthorised::NotListed(Some(domain())))
        }
        Admission::NotAuthorised(NotAuthorised::NotListed(Some(_))) => {
            Admission::NotAuthorised(NotAuthorised::NotListed(None))
        }
        Admission::NotAuthorised(NotAuthorised::NotListed(None)) => spf(spf::Refused::NoPolicy),
        Admission::NotAuthorised(NotAuthorised::Spf(_, refused)) => match refused {
            spf::Refused::NoPolicy => spf(spf::Refused::Undecided),
            spf::Refused::Undecided => spf(spf::Refused::SoftFail),
            spf::Refused::SoftFail => spf(spf::Refused::Fail(None)),
            spf::Refused::Fail(_) => spf(spf::Refused::Broken(spf::Why {
                domain: "a.example".into(),
                fault: spf::Fault::Syntax,
            })),
            spf::Refused::Broken(_) => spf(spf::Refused::Weak(spf::Weakness::Everybody)),
            // The gate answers `Unavailable` to what is not known.
            spf::Refused::Weak(_) | spf::Refused::Unknown => Admission::Full,
        },
        Admission::Full => Admission::Unavailable,
        Admission::Unavailable => return None,
    })
}

fn after_verdict(verdict: &Verdict) -> Option<Verdict> {
    let domain = || "a.example".parse().unwrap();
    let directive = || DirectiveError { header: "zivver-access-right", why: "no number".into() };
    Some(Verdict::Refused(match verdict {
        Verdict::Kept => return Some(Verdict::Full),
        Verdict::Full => return Some(Verdict::Unavailable),
        Verdict::Unavailable => Refused::NoAccount(domain()),
        Verdict::Refused(Refused::NoAccount(_)) => Refused::Suspended(domain()),
        Verdict::Refused(Refused::Suspended(_)) => {
            Refused::NotAllowed(NotAllowed::AuthorOutOfScope)
        }
        Verdict::Refused(Refused::NotAllowed(_)) => Refused::OwnMail,
        Verdict::Refused(Refused::OwnMail) => Refused::HeadTooLong,
        Verdict::Refused(Refused::HeadTooLong) => Refused::CannotVerifyBy(Right::Sms),
        Verdict::Refused(Refused::CannotVerifyBy(Right::Sms)) => Refused::NoTextsThere,
        Verdict::Refused(Refused::NoTextsThere) => Refused::CannotVerifyBy(Right::AccessCode),
        Verdict::Refused(Refused::CannotVerifyBy(Right::AccessCode)) => {
            Refused::Message(Head::parse(b"x").unwrap_err().into())
        }
        Verdict::Refused(Refused::Message(Refusal::Head(_))) => {
            Refused::Message(FromError("the message has no From field").into())
        }
        Verdict::Refused(Refused::Message(Refusal::From(_))) => {
            Refused::Message(directive().into())
        }
        Verdict::Refused(Refused::Message(Refusal::Directive(_))) => {
            Refused::Message(Refusal::Loop(100))
        }
        Verdict::Refused(Refused::Message(Refusal::Loop(_))) => return None,
    }))
}

#[test]
fn every_reply_is_given_in_a_dialogue() {
    let dialogs = written();
    let lines = dialogs.iter().flat_map(|(_, text)| text.lines());
    let said: BTreeSet<&str> = lines.filter_map(|line| line.strip_prefix("S: ")).collect();
    let check = |reply: &Reply<'_>| {
        let octets = String::from_utf8(reply.to_octets()).unwrap();
        for line in octets.strip_suffix("\r\n").unwrap().split("\r\n") {
            assert!(said.contains(line), "no dialogue has {line:?}");
        }
    };
    for service in [Service::Lmtp, Service::Submission, Service::Relay] {
        let terms = terms(service);
        all(Reply::Ready(&terms), |reply| after(reply, &terms)).iter().for_each(check);
        for admission in all(Admission::As(Submitter::Local), after_admission) {
            check(&Reply::NotAdmitted(&admission, service));
        }
    }
    for reply in all(AuthReply::First, after_auth) {
        check(&Reply::Auth(reply));
    }
    for verdict in all(Verdict::Kept, after_verdict) {
        check(&Reply::Verdict(&verdict));
    }
}
