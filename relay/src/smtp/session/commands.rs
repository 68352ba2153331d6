//! What each command does.

use std::sync::Arc;

use zegel_core::address::Address;
use zegel_core::envelope::Envelope;
use zegel_core::secret::Secret;
use zegel_core::submission::{Arrival, Protocol};
use zegel_core::submitter::Submitter;

use super::{Action, Service, Session, State, Terms};
use crate::admission::{Admission, Asked, Client};
use crate::intake::Transaction;
use crate::lifecycle;
use crate::smtp::arguments::{Mail, Rcpt};
use crate::smtp::auth::Exchange;
use crate::smtp::chunk::{Chunk, Chunks};
use crate::smtp::command::{Command, Hello};
use crate::smtp::data::Data;
use crate::smtp::reply::{Astray, AuthReply, Phase, Reply};

impl Session {
    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Hello(hello) => self.greet(hello),
            Command::StartTls => self.start_tls(),
            Command::Auth { exchange, initial } => self.auth(exchange, initial.as_ref()),
            Command::Mail(mail) => self.mail(mail),
            Command::Rcpt(rcpt) => self.rcpt(rcpt),
            Command::Data => self.data(),
            Command::Bdat(chunk) => self.bdat(chunk),
            Command::Rset => {
                self.reset();
                self.reply(&Reply::Ok);
            }
            Command::Noop => self.reply(&Reply::Ok),
            Command::Vrfy => self.reply(&Reply::CannotVerify),
            Command::Help => self.reply(&Reply::Help),
            Command::Quit => self.reply(&Reply::Bye),
        }
    }

    fn greet(&mut self, hello: Hello) {
        self.reset();
        let terms = Arc::clone(&self.terms);
        if hello.extended {
            self.reply(&Reply::Offer(&terms, self.phase()));
        } else {
            self.reply(&Reply::Hello(&terms));
        }
        self.hello = Some(hello);
    }

    fn phase(&self) -> Phase {
        match self.terms.service {
            Service::Submission | Service::Relay if !self.peer.secure => Phase::Plain,
            Service::Submission if self.submitter.is_none() => Phase::Anonymous,
            Service::Lmtp | Service::Submission | Service::Relay => Phase::Ready,
        }
    }

    /// Gives up the transaction, if there is one.
    fn reset(&mut self) {
        if let State::Chunks { .. } = std::mem::replace(&mut self.state, State::Idle) {
            self.actions.push_back(Action::Abandon);
        }
    }

    /// The session starts over inside TLS, and only there are transactions: none can be in hand.
    fn start_tls(&mut self) {
        if self.peer.secure {
            return self.reply(&Reply::OutOfOrder("TLS is there already"));
        }
        self.input.clear();
        self.reply(&Reply::StartTls);
        self.actions.push_back(Action::StartTls);
        self.state = State::Securing;
    }

    fn auth(&mut self, exchange: Exchange, initial: Option<&Secret>) {
        if self.hello.is_none() {
            self.reply(&Reply::OutOfOrder("say EHLO first"));
        } else if self.submitter.is_some() {
            self.reply(&Reply::OutOfOrder("you have authenticated already"));
        } else {
            // Without AUTH there is no MAIL, so no transaction is in hand (RFC 4954, section 4).
            self.turn(exchange.begin(initial));
        }
    }

    fn mail(&mut self, mail: Mail) {
        let terms = Arc::clone(&self.terms);
        let client = match self.client() {
            Ok(client) => client,
            Err(reply) => return self.reply(&reply),
        };
        if !matches!(self.state, State::Idle) {
            self.reply(&Reply::OutOfOrder("MAIL was said already; RSET takes it back"));
        } else if mail.size.is_some_and(|size| size > terms.message_size_max) {
            self.reply(&Reply::TooBig(&terms));
        } else {
            let asked = Asked { client, sender: mail.sender.clone(), size: mail.size };
            self.actions.push_back(Action::Admit(asked));
            self.state = State::Asking(mail);
        }
    }

    /// Whose message it would be, as far as the session knows.
    fn client(&self) -> Result<Client, Reply<'static>> {
        let Some(hello) = &self.hello else { return Err(Reply::OutOfOrder(self.say_hello())) };
        match (self.terms.service, &self.submitter, self.peer.address) {
            (Service::Lmtp, _, _) => Ok(Client::Known(Submitter::Local)),
            (Service::Submission, Some(submitter), _) => Ok(Client::Known(submitter.clone())),
            (Service::Submission, None, _) => Err(Reply::Auth(AuthReply::First)),
            (Service::Relay, _, Some(address)) => {
                Ok(Client::Host { address, helo: hello.name.clone() })
            }
            (Service::Relay, _, None) => {
                Err(Reply::NotAdmitted(&Admission::Unavailable, Service::Relay))
            }
        }
    }

    fn say_hello(&self) -> &'static str {
        match self.terms.service {
            Service::Lmtp => "say LHLO first",
            Service::Submission | Service::Relay => "say EHLO first",
        }
    }

    /// Why this recipient is none, where mails of ours come back: such a mail is from the null sender, for an address that
    /// we signed, and for no other; and who may only report does nothing else.
    fn astray(&self, address: &Address, terms: &Terms) -> Option<Astray> {
        let bounces = terms.bounces.as_ref()?;
        let is_return_path = |address: &Address| address.domain() == bounces.domain();
        match &self.state {
            State::Sender { mail, .. } if is_return_path(address) => {
                let known = bounces.recognise(address, lifecycle::now()).is_some();
                (mail.sender.is_some() || !known).then_some(Astray::NoReturnPath)
            }
            State::Sender { submitter: Submitter::Reporter, .. } => Some(Astray::OnlyReports),
            State::Recipients { envelope, .. } => {
                let mut all = envelope.addresses().chain([address]);
                all.any(is_return_path).then_some(Astray::NotAlone)
            }
            _ => None,
        }
    }

    fn rcpt(&mut self, rcpt: Rcpt) {
        let terms = Arc::clone(&self.terms);
        if let Some(why) = self.astray(&rcpt.recipient.address, &terms) {
            return self.reply(&Reply::Astray(why));
        }
        let (state, reply) = match std::mem::replace(&mut self.state, State::Closed) {
            State::Sender { mail, submitter } if rcpt.needs_smtp_utf8 && !mail.smtp_utf8 => {
                (State::Sender { mail, submitter }, Reply::NeedsSmtpUtf8)
            }
            State::Sender { mail: Mail { sender, envelope_id, smtp_utf8, size: _ }, submitter } => {
                let envelope = Envelope { sender, recipients: vec![rcpt.recipient], envelope_id };
                (State::Recipients { envelope, submitter, smtp_utf8 }, Reply::RecipientOk)
            }
            State::Recipients { mut envelope, submitter, smtp_utf8 } => {
                let reply = add(&mut envelope, rcpt, smtp_utf8, &terms);
                (State::Recipients { envelope, submitter, smtp_utf8 }, reply)
            }
            State::Chunks { recipients, chunks } => {
                let reply = Reply::OutOfOrder("the message has begun; RSET takes it back");
                (State::Chunks { recipients, chunks }, reply)
            }
            state => (state, Reply::OutOfOrder("say MAIL first")),
        };
        self.state = state;
        self.reply(&reply);
    }

    fn data(&mut self) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Recipients { envelope, submitter, smtp_utf8: _ } => {
                let recipients = self.begin(envelope, submitter);
                self.reply(&Reply::StartData);
                let data = Data::new(self.terms.message_size_max);
                self.state = State::Text { recipients, data };
            }
            State::Chunks { recipients, chunks } => {
                self.state = State::Chunks { recipients, chunks };
                self.reply(&Reply::OutOfOrder("the message comes by BDAT; RSET takes it back"));
            }
            state => {
                self.state = state;
                self.reply(&Reply::OutOfOrder("say RCPT first"));
            }
        }
    }

    /// Whatever becomes of a chunk, its octets are read before anything else: they must not be taken for commands.
    fn bdat(&mut self, chunk: Chunk) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Recipients { envelope, submitter, smtp_utf8: _ } => {
                let recipients = self.begin(envelope, submitter);
                self.open(recipients, Chunks::new(self.terms.message_size_max), chunk);
            }
            State::Chunks { recipients, chunks } => self.open(recipients, chunks, chunk),
            state => {
                let reply = match self.phase() {
                    Phase::Plain => Reply::StartTlsFirst,
                    Phase::Anonymous | Phase::Ready => Reply::OutOfOrder("say RCPT first"),
                };
                self.refuse_chunk(chunk, 1, &reply, state);
            }
        }
    }

    /// A message begins, for so many recipients.
    fn begin(&mut self, envelope: Envelope, submitter: Submitter) -> usize {
        let recipients = envelope.recipients.len();
        let arrival = self.arrival();
        self.actions.push_back(Action::Begin(Transaction { envelope, submitter, arrival }));
        recipients
    }

    fn arrival(&self) -> Arrival {
        let (hello, address) = (self.hello.as_ref(), self.peer.address);
        match self.terms.service {
            Service::Lmtp => Arrival { protocol: Protocol::Lmtp, from: None },
            Service::Submission => Arrival { protocol: Protocol::Esmtpsa, from: None },
            Service::Relay => {
                let is_extended = hello.is_some_and(|hello| hello.extended);
                let protocol = if is_extended { Protocol::Esmtps } else { Protocol::Smtp };
                Arrival { protocol, from: hello.map(|hello| hello.name.clone()).zip(address) }
            }
        }
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
