//! One connection of the mail server: who submits, and the message that is coming in. Knows nothing of the milter protocol.

use std::io;

use zegel_core::message::{HEAD_MAX, Head, HeadError};
use zegel_core::moment::Moment;
use zegel_core::selection::{
    self, Content, Explanation, Message, Needs, Origin, Outcome, Policy, Selection, Transaction,
};
use zegel_core::{marker, selection::select};

pub use zegel_core::selection::Client;

use crate::action::{Action, Refusal, plan};
use crate::body::{Body, Readers};
use crate::config::{Config, Trust};
use crate::route;

/// What lasts for a connection.
#[derive(Debug)]
pub struct Session {
    pub client: Client,
    /// The client's name, where the mail server found one that holds both ways.
    pub host: Option<String>,
    /// The mail server hands header values over, and takes them, with the space behind the colon.
    pub leading_space: bool,
    /// The mail server waits for no answer before the end of the message.
    pub quiet: bool,
    /// What was asked for of bodies when the connection began.
    pub needs: Needs,
    /// From MAIL to the end of the message.
    pub mail: Option<Mail>,
}

/// A message on its way in.
#[derive(Debug)]
pub struct Mail {
    sender: Party,
    /// SASL login.
    login: Option<String>,
    recipients: Vec<Party>,
    gathered: Gathered,
    body: Option<Box<Body>>,
}

/// An end of the envelope: what MAIL or RCPT said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Without angle brackets.
    pub address: String,
    /// `KEYWORD=value`, as the client wrote it and the mail server let it pass.
    parameters: Vec<String>,
}

/// The header section so far.
#[derive(Debug)]
enum Gathered {
    Fields {
        section: Vec<u8>,
        count: usize,
    },
    /// A field holds what would be another field, or a line of none.
    Malformed(HeadError),
    TooMuch,
}

/// A message with all that is known of it.
#[derive(Debug)]
struct Whole {
    client: Client,
    host: Option<String>,
    sender: Party,
    login: Option<String>,
    recipients: Vec<Party>,
    /// Those of the recipients.
    addresses: Vec<String>,
    /// The header section with its empty line.
    section: Vec<u8>,
    /// Fields in it.
    count: usize,
    content: Content,
}

/// What is to be done with a message.
#[derive(Debug)]
pub struct Judged<'r> {
    pub selection: Selection<'r>,
    /// What would be done if every rule were enforced, where that is something else.
    pub monitored: Option<Selection<'r>>,
    /// What could not be read, where the message is selected for that.
    pub unreadable: Option<String>,
    pub actions: Vec<Action>,
    pub message_id: Option<String>,
    pub recipients: usize,
}

/// Recipients of one message: ten times the 1000 that Postfix takes by default (`smtpd_recipient_limit`).
const RECIPIENTS_MAX: usize = 10_000;

impl Session {
    pub fn new(leading_space: bool, quiet: bool) -> Self {
        Self {
            client: Client::Unknown,
            host: None,
            leading_space,
            quiet,
            needs: Needs::default(),
            mail: None,
        }
    }

    /// Judges the message that came in. Without one the mail server has lost its place, or we have.
    pub fn judge<'r>(&mut self, config: &'r Config, now: Moment) -> Result<Judged<'r>, Refusal> {
        let whole = self.whole(config)?;
        let head = whole.head()?;
        whole.judge(&head, config, now)
    }

    /// Judges it, and tells what every rule says.
    pub fn explain<'r>(
        &mut self,
        config: &'r Config,
        now: Moment,
    ) -> Result<(Explanation<'r>, Result<Judged<'r>, Refusal>), Refusal> {
        let whole = self.whole(config)?;
        let head = whole.head()?;
        let explanation = selection::explain(&config.policy(), &whole.message(&head, config, now));
        Ok((explanation, whole.judge(&head, config, now)))
    }

    fn whole(&mut self, config: &Config) -> Result<Whole, Refusal> {
        let mail = self.mail.take().ok_or(Refusal::Broken)?;
        let Mail { sender, login, recipients, gathered, body } = mail;
        let (mut section, count) = match gathered {
            Gathered::Fields { section, count } => (section, count),
            Gathered::Malformed(error) => return Err(error.into()),
            Gathered::TooMuch => return Err(Refusal::TooMuch),
        };
        if !self.needs.covers(config.rules.needs()) {
            return Err(Refusal::Stale);
        }
        section.extend_from_slice(b"\r\n");
        let content = body.map_or_else(Content::default, |body| body.content());
        let (client, host) = (self.client, self.host.clone());
        let addresses = recipients.iter().map(|recipient| recipient.address.clone()).collect();
        Ok(Whole { client, host, sender, login, recipients, addresses, section, count, content })
    }
}

impl Whole {
    fn head(&self) -> Result<Head<'_>, Refusal> {
        let head = Head::parse(&self.section)?;
        // Fields are deleted by their number: what counts otherwise than the mail server deletes the wrong one.
        if head.fields().len() == self.count { Ok(head) } else { Err(Refusal::Broken) }
    }

    fn message<'a>(&'a self, head: &'a Head<'a>, config: &Config, now: Moment) -> Message<'a> {
        let is_of_relay =
            config.marker_key.as_ref().is_some_and(|key| marker::check(key, head, now).is_ok());
        Message {
            envelope: Transaction { sender: &self.sender.address, recipients: &self.addresses },
            origin: Origin {
                client: self.client,
                host: self.host.as_deref(),
                login: self.login.as_deref(),
            },
            head,
            content: &self.content,
            is_of_relay,
        }
    }

    fn judge<'r>(
        &self,
        head: &Head<'_>,
        config: &'r Config,
        now: Moment,
    ) -> Result<Judged<'r>, Refusal> {
        route::refuse_placeholders(&self.addresses)?;
        let policy: Policy<'r> = config.policy();
        let message = self.message(head, config, now);
        let outcome = select(&policy, &message);
        let Outcome { selection, monitored } = outcome;
        if let Selection::Undecided(rule) = selection {
            return Err(Refusal::Undecided(selection::unknown(rule, &message, &policy)));
        }
        let trusted = may_direct(self.client, self.login.as_deref(), &config.control_headers);
        let mut actions = plan(&outcome, policy.mode, head, trusted);
        if let Selection::Selected(..) = selection {
            actions.extend(route::to_relay(config, head, &self.sender, &self.recipients)?);
        }
        Ok(Judged {
            selection,
            monitored,
            unreadable: selection::unreadable(&selection, &message, &policy),
            actions,
            message_id: head.message_id(),
            recipients: self.recipients.len(),
        })
    }
}

/// Whether the submitter's `zivver-*` headers count.
fn may_direct(client: Client, login: Option<&str>, trust: &Trust) -> bool {
    let logged_in = trust.authenticated && login.is_some_and(|login| !login.is_empty());
    logged_in
        || match client {
            Client::Address(address) => {
                trust.networks.iter().any(|network| network.contains(address))
            }
            Client::Local => true,
            Client::Unknown => false,
        }
}

impl Mail {
    /// MAIL.
    pub fn new(sender: Party, login: Option<String>) -> Self {
        let gathered = Gathered::Fields { section: Vec::new(), count: 0 };
        Self { sender, login, recipients: Vec::new(), gathered, body: None }
    }

    /// RCPT.
    pub fn recipient(&mut self, recipient: Party) {
        if self.recipients.len() < RECIPIENTS_MAX {
            self.recipients.push(recipient);
        } else {
            self.gathered = Gathered::TooMuch;
        }
    }

    /// A header field, its value as the mail server has it: folded by LF or CRLF.
    pub fn field(&mut self, name: &[u8], value: &[u8]) {
        let Gathered::Fields { section, count } = &mut self.gathered else { return };
        if section.len() + name.len() + value.len() > HEAD_MAX {
            self.gathered = Gathered::TooMuch;
            return;
        }
        section.extend_from_slice(name);
        section.push(b':');
        *count += 1;
        let mut lines =
            value.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        section.extend_from_slice(lines.next().unwrap_or_default());
        for line in lines {
            if !line.starts_with(b" ") && !line.starts_with(b"\t") {
                let line = section.split(|byte| *byte == b'\n').count() + 1;
                self.gathered =
                    Gathered::Malformed(HeadError { line, why: "neither a new field nor folded" });
                return;
            }
            section.extend_from_slice(b"\r\n");
            section.extend_from_slice(line);
        }
        section.extend_from_slice(b"\r\n");
    }

    /// The next octets of the body. Of what is refused for its header section nothing more is looked at.
    pub fn body(&mut self, octets: &[u8], needs: Needs) {
        if let Some(body) = self.open_body(needs) {
            body.push(octets);
        }
    }

    /// Reads the parts that have come in whole so far.
    pub async fn read_body(&mut self, readers: &Readers) -> io::Result<()> {
        match &mut self.body {
            Some(body) => body.read(readers).await,
            None => Ok(()),
        }
    }

    /// No more of the body comes; the rest of it is to be read. A message may have none at all.
    pub fn end_body(&mut self, needs: Needs) {
        if let Some(body) = self.open_body(needs) {
            body.end();
        }
    }

    /// Takes a whole body and reads it where nobody waits.
    pub fn whole_body(&mut self, octets: &[u8], needs: Needs) -> io::Result<()> {
        self.body(octets, needs);
        self.end_body(needs);
        self.body.as_mut().map_or(Ok(()), |body| body.read_now())
    }

    fn open_body(&mut self, needs: Needs) -> Option<&mut Body> {
        if !needs.any() {
            return None;
        }
        let Gathered::Fields { section, .. } = &self.gathered else { return None };
        let body = self
            .body
            .get_or_insert_with(|| Box::new(Body::new(needs, &[section, &b"\r\n"[..]].concat())));
        Some(body)
    }
}

impl Party {
    /// The address may stand in angle brackets.
    pub fn new(path: &str) -> Self {
        Self { address: bare(path), parameters: Vec::new() }
    }

    #[must_use]
    pub fn with(mut self, parameters: impl IntoIterator<Item = String>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// What follows the keyword, which may be written in any case.
    pub fn parameter(&self, keyword: &str) -> Option<&str> {
        let values = self.parameters.iter().filter_map(|parameter| parameter.split_once('='));
        values
            .filter(|(known, _)| known.eq_ignore_ascii_case(keyword))
            .map(|(_, value)| value)
            .next()
    }
}

/// An address without the angle brackets that the protocol has around it.
fn bare(path: &str) -> String {
    let path = path.trim();
    path.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use zegel_core::selection::Pass;

    use super::*;

    const RULES: &str =
        "[[rule]]\nname = \"trigger\"\nwhen.subject = \"secure\"\naction = \"secure\"\n";

    const NOW: Moment = Moment(0);

    fn session(client: Client, login: Option<&str>, fields: &[(&str, &[u8])]) -> Session {
        let mut mail = Mail::new(Party::new("<jan@gemeente.example>"), login.map(str::to_owned));
        mail.recipient(Party::new("<piet@zorg.example>"));
        for (name, value) in fields {
            mail.field(name.as_bytes(), value);
        }
        Session { client, mail: Some(mail), ..Session::new(true, true) }
    }

    /// What becomes of a message with these fields: `selected`, `passed` or the refusal's codes.
    #[track_caller]
    fn check(fields: &[(&str, &[u8])], want: &str) {
        let config = Config::parse(RULES).unwrap();
        let shown = match session(Client::Local, None, fields).judge(&config, NOW) {
            Ok(Judged { selection: Selection::Selected(..), .. }) => "selected",
            Ok(_) => "passed",
            Err(refusal) => refusal.codes().0,
        };
        assert_eq!(shown, want, "{fields:?}");
    }

    #[test]
    fn a_subject_folded_by_either_line_end_is_read_whole() {
        let from: (&str, &[u8]) = ("From", b" jan@gemeente.example");
        check(&[from, ("Subject", b" very\n secure")], "selected");
        check(&[from, ("Subject", b" very\r\n\tsecure")], "selected");
        check(&[from, ("Subject", b" hello")], "passed");
    }

    #[test]
    fn what_is_no_header_section_is_refused_for_good() {
        check(&[("Subject", b" hello\nX-Zegel-Route: relay/")], "550");
        check(&[("Sub ject", b" secure")], "550");
        check(&[("Subject", b" hel\rlo")], "550");
    }

    #[test]
    fn what_is_too_long_is_refused_for_now() {
        let half = vec![b'x'; HEAD_MAX / 2];
        check(&[("Subject", b" hello"), ("X-A", &half), ("X-B", &half)], "451");
    }

    #[test]
    fn too_many_recipients_are_refused_for_now() {
        let mut session = session(Client::Local, None, &[]);
        let mail = session.mail.as_mut().unwrap();
        (0..RECIPIENTS_MAX).for_each(|_| mail.recipient(Party::new("<a@b.example>")));
        assert_eq!(session.judge(&Config::default(), NOW).unwrap_err(), Refusal::TooMuch);
    }

    #[test]
    fn a_message_is_judged_once() {
        let mut session = session(Client::Local, None, &[]);
        let config = Config::default();
        assert_eq!(session.judge(&config, NOW).unwrap().selection, Selection::Passed(Pass::NoRule));
        assert_eq!(session.judge(&config, NOW).unwrap_err(), Refusal::Broken);
    }

    #[test]
    fn directives_stay_for_those_who_logged_in_or_come_from_a_trusted_network_only() {
        let outside = Client::Address([192, 0, 2, 1].into());
        let loopback = Client::Address([127, 0, 0, 1].into());
        let closed = Config::parse(&format!(
            "control-headers = {{ authenticated = false, networks = [] }}\n{RULES}"
        ))
        .unwrap();
        let default = Config::parse(RULES).unwrap();
        for (config, client, login, kept) in [
            (&default, outside, None, false),
            (&default, outside, Some(""), false),
            (&default, outside, Some("jan"), true),
            (&default, loopback, None, true),
            (&default, Client::Local, None, true),
            (&default, Client::Unknown, None, false),
            (&closed, outside, Some("jan"), false),
            (&closed, loopback, None, false),
        ] {
            let fields: [(&str, &[u8]); 2] =
                [("Subject", b" secure"), ("zivver-direct-delivery", b" tls tls1.2")];
            let actions = session(client, login, &fields).judge(config, NOW).unwrap().actions;
            let removed = actions.iter().any(|action| matches!(action, Action::Delete { .. }));
            assert_eq!(removed, !kept, "{client:?} {login:?}");
        }
    }
}
