//! The messages that the tests send.

use std::sync::atomic::{AtomicU32, Ordering};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// A message with its envelope. The author is the envelope sender; the envelope has every recipient, Bcc as well.
#[derive(Clone, Debug)]
pub struct Letter {
    from: String,
    to: Vec<String>,
    cc: Vec<String>,
    bcc: Vec<String>,
    subject: String,
    headers: Vec<(String, String)>,
    text: String,
    message_id: String,
    date: String,
    parameters: String,
    wishes: String,
}

impl Letter {
    pub fn from(author: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self {
            from: author.to_owned(),
            to: Vec::new(),
            cc: Vec::new(),
            bcc: Vec::new(),
            subject: "A letter".to_owned(),
            headers: Vec::new(),
            text: "A text.".to_owned(),
            parameters: String::new(),
            wishes: String::new(),
            date: OffsetDateTime::now_utc().format(&Rfc2822).expect("write the date"),
            message_id: format!("{}.{count}@org.test", std::process::id()),
        }
    }

    /// Parameters of MAIL FROM (RFC 3461, section 4).
    #[must_use]
    pub fn parameters(mut self, parameters: &str) -> Self {
        self.parameters = format!(" {parameters}");
        self
    }

    /// Parameters of every RCPT TO (RFC 3461, section 4).
    #[must_use]
    pub fn wishes(mut self, parameters: &str) -> Self {
        self.wishes = format!(" {parameters}");
        self
    }

    /// What stands behind RCPT TO, for each recipient.
    pub fn rcpts(&self) -> impl Iterator<Item = String> {
        self.recipients().map(|recipient| format!("<{recipient}>{}", self.wishes))
    }

    /// What stands behind MAIL FROM.
    pub fn mail(&self) -> String {
        format!("<{}>{}", self.sender(), self.parameters)
    }

    #[must_use]
    pub fn to(mut self, address: &str) -> Self {
        self.to.push(address.to_owned());
        self
    }

    #[must_use]
    pub fn cc(mut self, address: &str) -> Self {
        self.cc.push(address.to_owned());
        self
    }

    #[must_use]
    pub fn bcc(mut self, address: &str) -> Self {
        self.bcc.push(address.to_owned());
        self
    }

    /// As it shall stand in the header: encoded already.
    #[must_use]
    pub fn subject(mut self, subject: &str) -> Self {
        subject.clone_into(&mut self.subject);
        self
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        text.clone_into(&mut self.text);
        self
    }

    /// Without its angle brackets.
    pub fn message_id(&self) -> &str {
        &self.message_id
    }

    /// The address between the angle brackets, if there are some.
    pub fn sender(&self) -> &str {
        self.from.split_once('<').map_or(&*self.from, |(_, rest)| rest.trim_end_matches('>'))
    }

    pub fn recipients(&self) -> impl Iterator<Item = &str> {
        self.to.iter().chain(&self.cc).chain(&self.bcc).map(String::as_str)
    }

    /// The message as it is sent, with CRLF, before dots are doubled.
    pub fn message(&self) -> Vec<u8> {
        let mut lines = vec![format!("From: {}", self.from)];
        for (name, addresses) in [("To", &self.to), ("Cc", &self.cc)] {
            if !addresses.is_empty() {
                lines.push(format!("{name}: {}", addresses.join(", ")));
            }
        }
        lines.push(format!("Subject: {}", self.subject));
        lines.push(format!("Date: {}", self.date));
        lines.push(format!("Message-ID: <{}>", self.message_id));
        lines.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}")));
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            lines.push("MIME-Version: 1.0".to_owned());
            lines.push("Content-Type: text/plain; charset=utf-8".to_owned());
            lines.push("Content-Transfer-Encoding: 8bit".to_owned());
        }
        lines.push(String::new());
        lines.extend(self.text.lines().map(str::to_owned));
        lines.push(String::new());
        lines.join("\r\n").into_bytes()
    }
}
