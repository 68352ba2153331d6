//! One client's session: octets go in, actions come out, and nothing here knows where either come from or go to.
//!
//! ```text
//! Fresh ─ LHLO ─► Greeted ─ MAIL ─► Sender ─ RCPT ─► Recipients ─ DATA ─► Text ─ . ─► Settling
//!                    ▲                                                              verdict │
//!                    └──────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! While a verdict is awaited nothing is read: commands that were sent ahead wait for the disk.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Buf;
use zegel_core::envelope::Envelope;
use zegel_core::marker::Key;

use super::command::{Command, Mail, Rcpt};
use super::data::{Data, DataError, Taken};
use super::line::{Input, LineError};
use super::reply::Reply;
use crate::config::Config;
use crate::intake::Verdict;

/// Commands that break the protocol, in one session. A client that goes on after that many is no mail server.
const ERRORS_MAX: u32 = 20;

/// What holds for every client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    pub(super) hostname: String,
    pub(super) message_size_max: u64,
    pub(super) recipients_max: usize,
    /// What the milter writes recipients with, where the mail server routes by them.
    pub(super) marker_key: Option<Key>,
}

/// What must be done next, in this order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Send these octets.
    Reply(Vec<u8>),
    /// A message begins.
    Begin(Envelope),
    /// More of its text.
    Text(Vec<u8>),
    /// Its text is complete: keep it, and [`Session::settle`].
    End,
    /// It came to nothing: throw it away.
    Abandon,
    /// Send what is unsent and close.
    Close,
}

#[derive(Debug)]
pub(super) struct Session {
    terms: Arc<Terms>,
    input: Input,
    state: State,
    actions: VecDeque<Action>,
    errors: u32,
    stopping: bool,
}

#[derive(Debug)]
enum State {
    /// Nobody said LHLO yet.
    Fresh,
    Greeted,
    Sender(Mail),
    /// At least one recipient. `smtp_utf8` is MAIL's.
    Recipients {
        envelope: Envelope,
        smtp_utf8: bool,
    },
    /// The text comes in, for so many recipients.
    Text {
        recipients: usize,
        data: Data,
    },
    Settling {
        recipients: usize,
    },
    Closed,
}

/// How long to wait for the client.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    Command,
    Text,
}

impl Terms {
    pub fn new(config: &Config, marker_key: Option<Key>) -> Self {
        Self {
            hostname: config.hostname.to_string(),
            message_size_max: config.limits.message_size_max,
            recipients_max: config.limits.recipients_max,
            marker_key,
        }
    }
}

impl Session {
    pub(super) fn new(terms: Arc<Terms>) -> Self {
        let actions = VecDeque::from([Action::Reply(Reply::Ready(&terms).to_octets())]);
        Self {
            terms,
            input: Input::default(),
            state: State::Fresh,
            actions,
            errors: 0,
            stopping: false,
        }
    }

    /// Takes what the client sent.
    pub(super) fn receive(&mut self, octets: &[u8]) {
        self.input.receive(octets);
    }

    /// What must be done next; `None` when more octets or a verdict are needed first.
    pub(super) fn poll(&mut self) -> Option<Action> {
        while self.actions.is_empty() && self.advance() {}
        self.actions.pop_front()
    }

    /// Says what became of the message: one reply for every recipient, in their order (RFC 2033, section 4.2).
    pub(super) fn settle(&mut self, verdict: &Verdict) {
        if let State::Settling { recipients } = self.state {
            self.finish(recipients, &Reply::Verdict(verdict));
        }
    }

    /// Ends the session as soon as no message is in hand.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Ends the session because nothing came for too long.
    pub(super) fn time_out(&mut self) {
        self.close(&Reply::TimedOut);
    }

    pub(super) fn patience(&self) -> Patience {
        match self.state {
            State::Text { .. } => Patience::Text,
            State::Fresh
            | State::Greeted
            | State::Sender(_)
            | State::Recipients { .. }
            | State::Settling { .. }
            | State::Closed => Patience::Command,
        }
    }

    /// Takes one step; `false` when there is nothing to step on.
    fn advance(&mut self) -> bool {
        match &mut self.state {
            State::Closed | State::Settling { .. } => false,
            State::Text { .. } => self.take_text(),
            State::Fresh | State::Greeted | State::Sender(_) | State::Recipients { .. }
                if self.stopping =>
            {
                self.close(&Reply::Stopping);
                true
            }
            State::Fresh | State::Greeted | State::Sender(_) | State::Recipients { .. } => {
                self.take_line()
            }
        }
    }

    fn take_line(&mut self) -> bool {
        match self.input.line() {
            None => return false,
            Some(Err(LineError::BareControl)) => self.close(&Reply::BareControlInCommand),
            Some(Err(LineError::TooLong)) => self.reply(&Reply::LineTooLong),
            Some(Ok(line)) => match Command::parse(&line, self.terms.marker_key.as_ref()) {
                Ok(command) => self.obey(command),
                Err(reply) => self.reply(&reply),
            },
        }
        if self.errors >= ERRORS_MAX && !matches!(self.state, State::Closed) {
            self.close(&Reply::TooManyErrors);
        }
        true
    }

    fn obey(&mut self, command: Command) {
        let terms = Arc::clone(&self.terms);
        let (state, reply) = match (command, std::mem::replace(&mut self.state, State::Closed)) {
            (Command::Quit, _) => return self.close(&Reply::Bye),
            (Command::Noop, state) => (state, Reply::Ok),
            (Command::Vrfy, state) => (state, Reply::CannotVerify),
            (Command::Help, state) => (state, Reply::Help),
            (Command::Lhlo, _) => (State::Greeted, Reply::Offer(&terms)),
            (Command::Rset, State::Fresh) => (State::Fresh, Reply::Ok),
            (Command::Rset, _) => (State::Greeted, Reply::Ok),

            (Command::Mail(_), State::Fresh) => (State::Fresh, Reply::OutOfOrder("say LHLO first")),
            (Command::Mail(mail), State::Greeted)
                if mail.size.is_some_and(|size| size > terms.message_size_max) =>
            {
                (State::Greeted, Reply::TooBig(&terms))
            }
            (Command::Mail(mail), State::Greeted) => (State::Sender(mail), Reply::SenderOk),
            (Command::Mail(_), state) => {
                (state, Reply::OutOfOrder("MAIL was said already; RSET takes it back"))
            }

            (Command::Rcpt(rcpt), State::Sender(mail))
                if rcpt.needs_smtp_utf8 && !mail.smtp_utf8 =>
            {
                (State::Sender(mail), Reply::NeedsSmtpUtf8)
            }
            (
                Command::Rcpt(rcpt),
                State::Sender(Mail { sender, envelope_id, smtp_utf8, size: _ }),
            ) => {
                let envelope = Envelope { sender, recipients: vec![rcpt.recipient], envelope_id };
                (State::Recipients { envelope, smtp_utf8 }, Reply::RecipientOk)
            }
            (Command::Rcpt(rcpt), State::Recipients { mut envelope, smtp_utf8 }) => {
                let reply = add(&mut envelope, rcpt, smtp_utf8, &terms);
                (State::Recipients { envelope, smtp_utf8 }, reply)
            }
            (Command::Rcpt(_), state) => (state, Reply::OutOfOrder("say MAIL first")),

            (Command::Data, State::Recipients { envelope, .. }) => {
                let (recipients, data) =
                    (envelope.recipients.len(), Data::new(terms.message_size_max));
                self.actions.push_back(Action::Begin(envelope));
                (State::Text { recipients, data }, Reply::StartData)
            }
            (Command::Data, state) => (state, Reply::OutOfOrder("say RCPT first")),
        };
        self.state = state;
        self.reply(&reply);
    }

    /// Takes what has come of the text.
    fn take_text(&mut self) -> bool {
        let State::Text { recipients, data } = &mut self.state else { return false };
        let (recipients, input) = (*recipients, self.input.rest());
        if input.is_empty() {
            return false;
        }
        let mut text = Vec::new();
        let taken = data.take(input, &mut text);
        if !text.is_empty() {
            self.actions.push_back(Action::Text(text));
        }
        match taken {
            Taken::All => input.clear(),
            Taken::Ended(used, end) => {
                input.advance(used);
                self.end_text(recipients, end);
            }
        }
        true
    }

    fn end_text(&mut self, recipients: usize, end: Result<(), DataError>) {
        let terms = Arc::clone(&self.terms);
        let refusal = match end {
            Ok(()) => {
                self.actions.push_back(Action::End);
                self.state = State::Settling { recipients };
                return;
            }
            Err(DataError::BareControl) => Reply::BareControlInText,
            Err(DataError::TooLong) => Reply::TooBig(&terms),
        };
        self.actions.push_back(Action::Abandon);
        self.finish(recipients, &refusal);
    }

    /// Ends a transaction.
    fn finish(&mut self, recipients: usize, reply: &Reply<'_>) {
        self.actions.push_back(Action::Reply(reply.to_octets().repeat(recipients)));
        self.state = State::Greeted;
    }

    fn reply(&mut self, reply: &Reply<'_>) {
        self.errors += u32::from(reply.is_protocol_error());
        self.actions.push_back(Action::Reply(reply.to_octets()));
    }

    fn close(&mut self, reply: &Reply<'_>) {
        self.actions.extend([Action::Reply(reply.to_octets()), Action::Close]);
        self.state = State::Closed;
    }
}

/// Adds a further recipient, if it may be one.
fn add<'a>(envelope: &mut Envelope, rcpt: Rcpt, smtp_utf8: bool, terms: &'a Terms) -> Reply<'a> {
    if rcpt.needs_smtp_utf8 && !smtp_utf8 {
        return Reply::NeedsSmtpUtf8;
    }
    if envelope.recipients.len() >= terms.recipients_max {
        return Reply::TooManyRecipients(terms);
    }
    envelope.recipients.push(rcpt.recipient);
    Reply::RecipientOk
}
