//! One client's session: octets go in, actions come out, and nothing here knows where either come from or go to.
//!
//! ```text
//!              STARTTLS ─► Securing ─ secured ─┐   AUTH ─► Responding ─ … ─► Checking ─ authenticated ─┐
//!                 │                            ▼    │                                                  │
//!     EHLO ─►   Idle ◄──────────────────────────────┴──────────────────────────────────────────────────┘
//!                 │
//!               MAIL ─► Asking ─ admitted ─► Sender ─ RCPT ─► Recipients ─ DATA ─► Text ─ . ───────► Settling
//!                                                                 │                                  │  ▲
//!     Idle ◄──────────────────────────────────────────────────────│────────────────────── settle ────┘  │
//!                                                               BDAT ─► Chunk ─ LAST, its octets ───────┘
//!                                                                        ▲ │
//!                                                                   BDAT └─▼ Chunks
//! ```
//!
//! While an answer is awaited nothing is read: commands that were sent ahead wait for the disk, or for SPF.

mod commands;
mod message;

use std::collections::VecDeque;
use std::sync::Arc;

use zegel_core::envelope::Envelope;
use zegel_core::submitter::Submitter;

use super::arguments::Mail;
use super::auth::{Exchange, Turn};
use super::chunk::{Chunk, Chunks};
use super::command::{Command, Hello};
use super::data::Data;
use super::line::{Input, LINE_MAX, LineError, RESPONSE_MAX};
use super::reply::{AuthReply, Reply};
use crate::admission::{Admission, Asked, Attempt, Authenticated};
use crate::intake::{Transaction, Verdict};

pub(super) use super::terms::{Peer, Service, Terms};

/// Commands that break the protocol, in one session. A client that goes on after that many is no mail server.
const ERRORS_MAX: u32 = 20;

/// Wrong passwords in one session: somebody who types is given as many, somebody who guesses must come again, and the
/// gate sees it.
const WRONG_MAX: u32 = 3;

/// The first octet of a TLS handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 0x16;

/// What must be done next, in this order.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Send these octets.
    Reply(Vec<u8>),
    /// The STARTTLS reply was sent: do the handshake, drop whatever plaintext is unread, and say [`Session::secured`].
    StartTls,
    /// Find out, and say [`Session::authenticated`].
    Authenticate(Attempt),
    /// Find out, and say [`Session::admitted`].
    Admit(Asked),
    /// A message begins.
    Begin(Transaction),
    /// More of its text.
    Text(Vec<u8>),
    /// Its text is complete: keep it, and [`Session::settle`].
    End,
    /// It came to nothing: throw it away.
    Abandon,
    /// Send what is unsent and close. A message in hand came to nothing.
    Close,
}

#[derive(Debug)]
pub struct Session {
    terms: Arc<Terms>,
    peer: Peer,
    input: Input,
    /// What the client called itself. Without it there is no transaction.
    hello: Option<Hello>,
    /// Who has authenticated.
    submitter: Option<Submitter>,
    state: State,
    actions: VecDeque<Action>,
    errors: u32,
    wrong: u32,
    stopping: bool,
}

#[derive(Debug)]
enum State {
    /// No transaction.
    Idle,
    /// The handshake is awaited.
    Securing,
    /// The next line is an answer to a challenge.
    Responding(Exchange),
    /// Who the client is is being found out.
    Checking,
    /// Whether this sender is taken is being found out.
    Asking(Mail),
    Sender {
        mail: Mail,
        submitter: Submitter,
    },
    /// At least one recipient. `smtp_utf8` is MAIL's.
    Recipients {
        envelope: Envelope,
        submitter: Submitter,
        smtp_utf8: bool,
    },
    /// The text comes in, for so many recipients.
    Text {
        recipients: usize,
        data: Data,
    },
    /// A chunk of the message comes in.
    Chunk {
        recipients: usize,
        chunks: Chunks,
        chunk: Chunk,
    },
    /// Between two chunks.
    Chunks {
        recipients: usize,
        chunks: Chunks,
    },
    /// The octets of a chunk that is refused come in; then this is said.
    Swallowing {
        left: u64,
        replies: Vec<u8>,
        next: Box<State>,
    },
    Settling {
        recipients: usize,
    },
    Closed,
}

/// How long to wait for the client.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Patience {
    Command,
    Text,
}

impl Session {
    pub fn new(terms: Arc<Terms>, peer: Peer) -> Self {
        let actions = VecDeque::from([Action::Reply(Reply::Ready(&terms).to_octets())]);
        Self {
            terms,
            peer,
            input: Input::default(),
            hello: None,
            submitter: None,
            state: State::Idle,
            actions,
            errors: 0,
            wrong: 0,
            stopping: false,
        }
    }

    /// Takes what the client sent.
    pub fn receive(&mut self, octets: &[u8]) {
        self.input.receive(octets);
    }

    /// What must be done next; `None` when more octets or an answer are needed first.
    pub fn poll(&mut self) -> Option<Action> {
        while self.actions.is_empty() && self.advance() {}
        self.actions.pop_front()
    }

    /// Says what became of the message.
    pub fn settle(&mut self, verdict: &Verdict) {
        if let State::Settling { recipients } = self.state {
            self.finish(recipients, &Reply::Verdict(verdict));
        }
    }

    /// Says whether the sender is taken.
    pub fn admitted(&mut self, admission: Admission) {
        match (std::mem::replace(&mut self.state, State::Idle), admission) {
            (State::Asking(mail), Admission::As(submitter)) => {
                self.state = State::Sender { mail, submitter };
                self.reply(&Reply::SenderOk);
            }
            (State::Asking(_), refusal) => {
                self.reply(&Reply::NotAdmitted(&refusal, self.terms.service));
                self.show_out();
            }
            (state, _) => self.state = state,
        }
    }

    /// Says that the handshake is done: the session starts over (RFC 3207, section 4.2). What came in plaintext after
    /// STARTTLS counts for nothing: anybody on the way may have written it.
    pub fn secured(&mut self) {
        if matches!(self.state, State::Securing) {
            self.input.clear();
            self.peer.secure = true;
            (self.hello, self.submitter) = (None, None);
            self.state = State::Idle;
        }
    }

    /// Says who the client is.
    pub fn authenticated(&mut self, authenticated: Authenticated) {
        if !matches!(self.state, State::Checking) {
            return;
        }
        self.state = State::Idle;
        self.reply(&Reply::Auth(AuthReply::Outcome(&authenticated)));
        match authenticated {
            Authenticated::As(submitter) => self.submitter = Some(submitter),
            Authenticated::Wrong => self.wrong += 1,
            Authenticated::TooMany | Authenticated::Unavailable => {}
        }
        if self.wrong >= WRONG_MAX {
            self.reply(&Reply::Auth(AuthReply::TooManyWrong));
        }
        self.show_out();
    }

    /// Ends the session as soon as no message is in hand.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Ends the session because nothing came for too long.
    pub fn time_out(&mut self) {
        match self.state {
            State::Closed => {}
            // In the middle of a handshake no word can be said.
            State::Securing => self.close(),
            _ => self.reply(&Reply::TimedOut),
        }
    }

    pub fn patience(&self) -> Patience {
        match self.state {
            State::Text { .. }
            | State::Chunk { .. }
            | State::Chunks { .. }
            | State::Swallowing { .. } => Patience::Text,
            State::Idle
            | State::Securing
            | State::Responding(_)
            | State::Checking
            | State::Asking(_)
            | State::Sender { .. }
            | State::Recipients { .. }
            | State::Settling { .. }
            | State::Closed => Patience::Command,
        }
    }

    /// Takes one step; `false` when there is nothing to step on.
    fn advance(&mut self) -> bool {
        match &self.state {
            State::Idle
            | State::Responding(_)
            | State::Checking
            | State::Asking(_)
            | State::Sender { .. }
            | State::Recipients { .. }
                if self.stopping =>
            {
                self.reply(&Reply::Stopping);
                true
            }
            State::Closed
            // No plaintext now, not even to say good-bye.
            | State::Securing
            | State::Checking
            | State::Asking(_)
            | State::Settling { .. } => false,
            State::Responding(_) => self.take_response(),
            State::Text { .. } => self.take_text(),
            State::Chunk { .. } => self.take_chunk(),
            State::Swallowing { .. } => self.swallow(),
            State::Idle | State::Sender { .. } | State::Recipients { .. } | State::Chunks { .. } => {
                self.take_line()
            }
        }
    }

    fn take_line(&mut self) -> bool {
        if self.hello.is_none() && self.input.starts_with(HANDSHAKE) {
            // It expects TLS, and could read no word of ours.
            self.close();
            return true;
        }
        match self.input.line(LINE_MAX) {
            None => return false,
            Some(Err(LineError::BareControl)) => self.reply(&Reply::BareControlInCommand),
            Some(Err(LineError::TooLong)) => self.reply(&Reply::LineTooLong),
            Some(Ok(line)) => match Command::parse(&line, &self.terms, self.peer.secure) {
                Ok(command) => self.obey(command),
                Err(reply) => self.reply(&reply),
            },
        }
        self.show_out();
        true
    }

    /// Takes an answer to a challenge.
    fn take_response(&mut self) -> bool {
        let Some(line) = self.input.line(RESPONSE_MAX) else { return false };
        let State::Responding(exchange) = std::mem::replace(&mut self.state, State::Idle) else {
            return false;
        };
        match line {
            Err(LineError::BareControl) => self.reply(&Reply::BareControlInCommand),
            Err(LineError::TooLong) => self.reply(&Reply::Auth(AuthReply::TooLong)),
            Ok(line) => self.turn(exchange.answer(&line)),
        }
        self.show_out();
        true
    }

    /// Goes on with AUTH.
    fn turn(&mut self, turn: Turn) {
        match turn {
            Turn::Ask(exchange) => {
                self.reply(&exchange.challenge());
                self.state = State::Responding(exchange);
            }
            Turn::Show(attempt) => {
                self.actions.push_back(Action::Authenticate(attempt));
                self.state = State::Checking;
            }
            Turn::Fail(reply) => self.reply(&Reply::Auth(reply)),
        }
    }

    /// Ends a transaction. LMTP has a reply for every recipient, in their order (RFC 2033, section 4.2).
    fn finish(&mut self, recipients: usize, reply: &Reply<'_>) {
        self.actions.push_back(Action::Reply(self.replies(recipients, reply)));
        self.state = State::Idle;
    }

    fn replies(&self, recipients: usize, reply: &Reply<'_>) -> Vec<u8> {
        let times = match self.terms.service {
            Service::Lmtp => recipients,
            Service::Submission | Service::Relay => 1,
        };
        reply.to_octets().repeat(times)
    }

    fn reply(&mut self, reply: &Reply<'_>) {
        self.errors += u32::from(reply.is_mistake());
        self.actions.push_back(Action::Reply(reply.to_octets()));
        if reply.is_last() {
            self.close();
        }
    }

    /// Has had enough of a client that errs and errs.
    fn show_out(&mut self) {
        if self.errors >= ERRORS_MAX && !matches!(self.state, State::Closed) {
            self.reply(&Reply::TooManyErrors);
        }
    }

    fn close(&mut self) {
        self.actions.push_back(Action::Close);
        self.state = State::Closed;
    }
}
