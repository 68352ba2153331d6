//! Clients that say anything in any order, damaged and cut anywhere: whatever they do, nobody gets in without the gate's word.

use std::sync::Arc;

use zegel_core::submitter::{Alignment, Submitter};

use super::dialog::terms;
use super::session::{Action, Peer, Service, Session};
use crate::admission::{Admission, Asked, Authenticated, Client};
use crate::intake::{Refused, Transaction, Verdict};

/// What leads to a message, and to the next one from [`MAIL`] on. What a service does not have is one mistake more.
const SCRIPT: &[&[u8]] = &[
    b"LHLO a.example\r\n",
    b"EHLO a.example\r\n",
    b"STARTTLS\r\n",
    b"EHLO a.example\r\n",
    b"AUTH PLAIN AHNjYW5uZXIAc2VjcmV0\r\n",
    b"MAIL FROM:<jan@a.example>\r\n",
    b"RCPT TO:<els@b.example>\r\n",
    b"DATA\r\n",
    b"text\r\n..\r\n.\r\n",
    b"MAIL FROM:<piet@a.example> SIZE=10\r\n",
    b"RCPT TO:<els@b.example>\r\n",
    b"BDAT 6\r\nNOOP\r\n",
    b"BDAT 6 LAST\r\nQUIT\r\n",
];

const MAIL: usize = 5;

/// What comes between.
const SAYINGS: &[&[u8]] = &[
    b"HELO a.example\r\n",
    b"AUTH LOGIN\r\n",
    b"c2Nhbm5lcg==\r\n",
    b"*\r\n",
    b"MAIL FROM:<> SIZE=1000\r\n",
    b"RCPT TO:<postmaster>\r\n",
    b".\r\n",
    b"BDAT 0 LAST\r\n",
    b"BDAT 200\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"\r\n.\r\n",
    b"a line ",
];

/// What makes an end of most walks, and therefore comes seldom.
const LAST_SAYINGS: &[&[u8]] =
    &[b"QUIT\r\n", b"GET / HTTP/1.1\r\n", b"BDAT x\r\n", b"\n", b"\r", b"\0", b"\x16", b"\xff\r\n"];

/// Numbers without order, the same in every run (xorshift64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }
}

/// A session with what its gate and its store know of it.
struct Walk {
    chance: Chance,
    service: Service,
    session: Session,
    /// In [`SCRIPT`].
    place: usize,
    secure: bool,
    authenticated: Option<Submitter>,
    /// For whom, and from which sender, the gate last said yes.
    admitted: Option<(Submitter, Option<String>)>,
    /// A message is in hand; so many octets of it.
    open: Option<usize>,
    asked: Option<Action>,
    closed: bool,
    kept: usize,
}

impl Walk {
    fn new(seed: u64, service: Service, secure: bool) -> Self {
        let address = (service != Service::Lmtp).then(|| "192.0.2.1".parse().unwrap());
        Self {
            chance: Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            service,
            session: Session::new(Arc::new(terms(service)), Peer { address, secure }),
            place: 0,
            secure,
            authenticated: None,
            admitted: None,
            open: None,
            asked: None,
            closed: false,
            kept: 0,
        }
    }

    fn saying(&mut self) -> &'static [u8] {
        let sayings = match self.chance.below(80) {
            0 => LAST_SAYINGS,
            1..10 => SAYINGS,
            // Something of it, out of its order.
            10..15 => SCRIPT,
            _ => {
                let saying = SCRIPT[self.place];
                self.place = if self.place + 1 == SCRIPT.len() { MAIL } else { self.place + 1 };
                return saying;
            }
        };
        sayings[self.chance.below(sayings.len())]
    }

    fn step(&mut self) {
        let mut saying = self.saying().to_vec();
        if self.chance.one_in(30) {
            let damaged = self.chance.below(saying.len());
            saying[damaged] = u8::try_from(self.chance.below(256)).unwrap();
        }
        let cut = self.chance.below(saying.len() + 1);
        for piece in [&saying[..cut], &saying[cut..]] {
            self.session.receive(piece);
            self.see();
        }
        if !self.chance.one_in(8) {
            self.answer();
        }
        match self.chance.below(1000) {
            0 => self.session.stop(),
            1 => self.session.time_out(),
            _ => {}
        }
        self.see();
    }

    /// Looks at everything that the session wants.
    fn see(&mut self) {
        while let Some(action) = self.session.poll() {
            assert!(!self.closed, "{action:?} after the end");
            match action {
                Action::Reply(octets) => {
                    assert!(octets.ends_with(b"\r\n") && self.may_be_said(&octets));
                }
                Action::StartTls => {
                    assert!(!self.secure && self.service != Service::Lmtp);
                    self.asked = Some(Action::StartTls);
                }
                Action::Authenticate(attempt) => {
                    assert!(self.secure && self.service == Service::Submission);
                    assert!(self.authenticated.is_none() && self.open.is_none());
                    self.asked = Some(Action::Authenticate(attempt));
                }
                Action::Admit(asked) => {
                    self.check_asked(&asked);
                    self.asked = Some(Action::Admit(asked));
                }
                Action::Begin(transaction) => self.check_begun(&transaction),
                Action::Text(text) => {
                    let size = self.open.as_mut().expect("text without a message");
                    *size += text.len();
                    assert!(*size <= 100);
                }
                Action::End => {
                    self.open.take().expect("an end without a message");
                    self.asked = Some(Action::End);
                }
                Action::Abandon => {
                    self.open.take().expect("nothing to abandon");
                }
                Action::Close => self.closed = true,
            }
        }
    }

    /// While an answer is awaited only good-bye is said, and in a handshake nothing.
    fn may_be_said(&self, reply: &[u8]) -> bool {
        match self.asked {
            None => true,
            Some(Action::StartTls) => false,
            Some(_) => reply.starts_with(b"421"),
        }
    }

    fn check_asked(&self, asked: &Asked) {
        assert!(self.open.is_none());
        match (self.service, &asked.client) {
            (Service::Lmtp, Client::Known(submitter)) => assert_eq!(submitter, &Submitter::Local),
            (Service::Submission, Client::Known(submitter)) => {
                assert!(self.secure);
                assert_eq!(Some(submitter), self.authenticated.as_ref());
            }
            (Service::Relay, Client::Host { .. }) => assert!(self.secure),
            (service, client) => panic!("{client:?} on {service:?}"),
        }
    }

    /// The gate's last word was yes, for this sender, and it counts for one message.
    fn check_begun(&mut self, transaction: &Transaction) {
        let sender = transaction.envelope.sender.as_ref().map(ToString::to_string);
        let admitted = self.admitted.take();
        assert_eq!(admitted, Some((transaction.submitter.clone(), sender)));
        assert!(!transaction.envelope.recipients.is_empty());
        assert_eq!(self.open.replace(0), None, "two messages at once");
    }

    fn answer(&mut self) {
        match self.asked.take() {
            Some(Action::StartTls) => {
                self.session.secured();
                (self.secure, self.authenticated, self.admitted) = (true, None, None);
            }
            Some(Action::Authenticate(attempt)) => {
                let scopes = Vec::new();
                let submitter = Submitter::Credential { login: attempt.login, scopes };
                let outcome = match self.chance.below(6) {
                    0 => Authenticated::Wrong,
                    1 => Authenticated::TooMany,
                    2 => Authenticated::Unavailable,
                    _ => Authenticated::As(submitter.clone()),
                };
                self.authenticated = matches!(outcome, Authenticated::As(_)).then_some(submitter);
                self.session.authenticated(outcome);
            }
            Some(Action::Admit(asked)) => self.admit(asked),
            Some(Action::End) => {
                self.kept += 1;
                let refused = Verdict::Refused(Refused::HeadTooLong);
                let verdict = if self.chance.one_in(2) { Verdict::Kept } else { refused };
                self.session.settle(&verdict);
            }
            other => self.asked = other,
        }
    }

    fn admit(&mut self, asked: Asked) {
        let submitter = match asked.client {
            Client::Known(submitter) => submitter,
            Client::Host { .. } => Submitter::Host {
                domain: "a.example".parse().unwrap(),
                alignment: Alignment::Strict,
            },
        };
        let sender = asked.sender.as_ref().map(ToString::to_string);
        let admission = match self.chance.below(6) {
            0 => Admission::Full,
            1 => Admission::Unavailable,
            _ => Admission::As(submitter.clone()),
        };
        self.admitted = matches!(admission, Admission::As(_)).then_some((submitter, sender));
        self.session.admitted(admission);
    }
}

#[test]
fn no_walk_gets_past_the_gate() {
    for (service, secure) in [
        (Service::Lmtp, false),
        (Service::Submission, false),
        (Service::Submission, true),
        (Service::Relay, false),
        (Service::Relay, true),
    ] {
        let mut kept = 0;
        for seed in 0..1000 {
            let mut walk = Walk::new(seed, service, secure);
            for _ in 0..100 {
                walk.step();
            }
            kept += walk.kept;
        }
        // Or the walks would show nothing.
        assert!(kept > 100, "{service:?}, TLS {secure}: {kept} messages came through");
    }
}
