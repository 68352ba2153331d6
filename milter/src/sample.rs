//! A message that no mail server brings: from a file, or made up by a test. It goes through the same session as any other.

use zegel_core::message::Head;
use zegel_core::selection::{Explanation, Needs};

use crate::action::Refusal;
use crate::clock::now;
use crate::config::Config;
use crate::session::{Client, Judged, Mail, Party, Session};

/// The message, and who sends it.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its lines end in CRLF.
    message: Vec<u8>,
    /// MAIL FROM; by default the author. Empty is the null sender.
    pub sender: Option<String>,
    /// RCPT TO; by default all whom the message names.
    pub recipients: Vec<String>,
    pub client: Client,
    pub host: Option<String>,
    pub login: Option<String>,
}

impl Sample {
    /// A message whose lines may end in LF alone, as on disk; submitted on the mail server's own host.
    pub fn new(message: &[u8]) -> Self {
        Self {
            message: with_crlf(message),
            sender: None,
            recipients: Vec::new(),
            client: Client::Local,
            host: None,
            login: None,
        }
    }

    pub fn head(&self) -> Result<Head<'_>, Refusal> {
        Ok(Head::parse(&self.message)?)
    }

    pub fn judge<'r>(&self, config: &'r Config) -> Result<Judged<'r>, Refusal> {
        self.session(config.rules.needs())?.judge(config, now())
    }

    /// What every rule says of it, and what would be done.
    pub fn explain<'r>(
        &self,
        config: &'r Config,
    ) -> Result<(Explanation<'r>, Result<Judged<'r>, Refusal>), Refusal> {
        self.session(config.rules.needs())?.explain(config, now())
    }

    fn session(&self, needs: Needs) -> Result<Session, Refusal> {
        let head = self.head()?;
        let mut mail = Mail::new(Party::new(&self.envelope_sender(&head)), self.login.clone());
        let named = || head.addressees().into_iter().map(|address| address.to_string());
        let recipients =
            if self.recipients.is_empty() { named().collect() } else { self.recipients.clone() };
        for recipient in &recipients {
            mail.recipient(Party::new(recipient));
        }
        for field in head.fields() {
            mail.field(field.name.as_bytes(), field.value);
        }
        let body = self.message.get(head.body_at()..).unwrap_or_default();
        mail.whole_body(body, needs).map_err(|_| Refusal::Broken)?;
        Ok(Session {
            client: self.client,
            host: self.host.clone(),
            needs,
            mail: Some(mail),
            ..Session::new(true, true)
        })
    }

    /// Not the empty one where it is not said: a message whose author cannot be read is no bounce.
    fn envelope_sender(&self, head: &Head<'_>) -> String {
        let author = || head.from().map(|mailbox| mailbox.address.to_string()).ok();
        self.sender.clone().or_else(author).unwrap_or_else(|| "unknown".to_owned())
    }
}

pub(crate) fn with_crlf(octets: &[u8]) -> Vec<u8> {
    let lines =
        octets.split(|octet| *octet == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.collect::<Vec<_>>().join(&b"\r\n"[..])
}
