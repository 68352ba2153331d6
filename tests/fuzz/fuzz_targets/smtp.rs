//! What the targets of the SMTP side have in common: sessions, and a gate that answers as it is told.

use std::sync::Arc;

use zegel_core::message::FromError;
use zegel_core::submission::Refusal;
use zegel_core::submitter::{Alignment, NotAllowed, Submitter};
use zegel_relay::admission::{Admission, Authenticated, Client, NotAuthorised};
use zegel_relay::intake::{Refused, Verdict};
use zegel_relay::smtp::{Action, Peer, Service, Session, Terms};

pub const SIZE_MAX: u64 = 1000;

/// What leads from the greeting to a transaction.
pub const HELLO: &[u8] = b"LHLO a.example\r\nEHLO a.example\r\n";
pub const LOGIN: &[u8] = b"AUTH PLAIN AHNjYW5uZXIAc2VjcmV0\r\n";
pub const ENVELOPE: &[u8] = b"MAIL FROM:<jan@a.example>\r\nRCPT TO:<els@b.example>\r\n";

pub fn session(which: u8, secure: bool) -> (Session, Service) {
    let service = match which % 3 {
        0 => Service::Lmtp,
        1 => Service::Relay,
        _ => Service::Submission,
    };
    let terms = Terms {
        service,
        hostname: "relay.example".into(),
        message_size_max: SIZE_MAX,
        recipients_max: 3,
        marker_key: None,
        bounces: None,
    };
    let address = (service != Service::Lmtp).then(|| [192, 0, 2, 1].into());
    (Session::new(Arc::new(terms), Peer { address, secure }), service)
}

/// What the session has done so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub replies: Vec<u8>,
    pub text: Vec<u8>,
    pub began: usize,
    pub kept: usize,
    pub abandoned: usize,
    pub secured: usize,
    pub closed: bool,
    open: bool,
    authenticated: bool,
    admitted: bool,
}

/// Lets the session do all that it wants. Every next bit of `gate` is an answer; none is a yes.
pub fn run(session: &mut Session, service: Service, gate: &mut u32, seen: &mut Seen) {
    while let Some(action) = session.poll() {
        assert!(!seen.closed, "{action:?} after the end");
        let refuse = !matches!(action, Action::Reply(_) | Action::Text(_)) && {
            let bit = *gate & 1 == 1;
            *gate >>= 1;
            bit
        };
        match action {
            Action::Reply(octets) => {
                check_reply(&octets);
                seen.replies.extend(octets);
            }
            Action::StartTls => {
                assert!(!seen.open);
                seen.secured += 1;
                (seen.authenticated, seen.admitted) = (false, false);
                session.secured();
            }
            Action::Authenticate(attempt) => {
                assert_eq!(service, Service::Submission);
                seen.authenticated |= !refuse;
                session.authenticated(match refuse {
                    true => Authenticated::Wrong,
                    false => Authenticated::As(Submitter::Credential {
                        login: attempt.login,
                        scopes: Vec::new(),
                    }),
                });
            }
            Action::Admit(asked) => {
                assert!(service != Service::Submission || seen.authenticated, "nobody logged in");
                seen.admitted = !refuse;
                session.admitted(if refuse {
                    refusal(&asked.client)
                } else {
                    admission(asked.client)
                });
            }
            Action::Begin(transaction) => {
                assert!(seen.admitted && !seen.open, "a message that the gate knows nothing of");
                assert!((1..=3).contains(&transaction.envelope.recipients.len()));
                seen.open = true;
                seen.began += 1;
                seen.text.clear();
            }
            Action::Text(text) => {
                assert!(seen.open && !text.is_empty());
                seen.text.extend(text);
                assert!(seen.text.len() as u64 <= SIZE_MAX);
                assert_line_ends(&seen.text);
            }
            Action::End => {
                assert!(std::mem::take(&mut seen.open));
                seen.kept += 1;
                seen.admitted = false;
                let refused = Refused::Message(Refusal::From(FromError("no author")));
                session.settle(&if refuse { refused.into() } else { Verdict::Kept });
            }
            Action::Abandon => {
                assert!(std::mem::take(&mut seen.open));
                seen.admitted = false;
                seen.abandoned += 1;
            }
            Action::Close => {
                seen.open = false;
                seen.closed = true;
            }
        }
    }
}

fn admission(client: Client) -> Admission {
    Admission::As(match client {
        Client::Known(submitter) => submitter,
        Client::Host { .. } => Submitter::Host {
            domain: "a.example".parse().expect("a domain"),
            alignment: Alignment::Strict,
        },
    })
}

fn refusal(client: &Client) -> Admission {
    match client {
        Client::Known(_) => Admission::NotAllowed(NotAllowed::SenderOutOfScope),
        Client::Host { .. } => Admission::NotAuthorised(NotAuthorised::NotListed(None)),
    }
}

/// Lines of printable ASCII with one code, of which the last alone has a space behind it (RFC 5321, section 4.2).
fn check_reply(octets: &[u8]) {
    let text = str::from_utf8(octets).expect("ASCII");
    let lines: Vec<_> = text.strip_suffix("\r\n").expect("a line end").split("\r\n").collect();
    for line in &lines {
        assert!(
            line.len() <= 510 && line.bytes().all(|octet| matches!(octet, b' '..=b'~')),
            "{line:?}"
        );
        assert!(matches!(line.as_bytes(), [b'2'..=b'5', _, _, b' ' | b'-', ..]), "{line:?}");
    }
}

/// What smuggles a message in is in none.
fn assert_line_ends(text: &[u8]) {
    let ends = text.windows(2).filter(|pair| *pair == b"\r\n").count();
    let feeds = text.iter().filter(|octet| **octet == b'\n').count();
    assert_eq!(ends, feeds, "a bare LF in {}", text.escape_ascii());
    assert!(!text.contains(&0));
}
