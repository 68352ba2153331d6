//! What arrived, and waiting for it.

use std::fs;
use std::path::{Path, PathBuf};

use mail_parser::MessageParser;

use crate::wait::until;

/// One message as a receiving server got it.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The envelope sender; empty for the null sender.
    pub sender: String,
    /// The one envelope recipient that this copy is for.
    pub recipient: String,
    /// The message with CRLF or LF, as it is kept.
    pub message: Vec<u8>,
}

/// Somewhere that mail arrives.
pub trait Mailbox {
    fn arrivals(&self) -> Vec<Arrival>;
}

/// The mailbox of a receiving Postfix.
#[derive(Clone, Debug)]
pub struct Maildir {
    new: PathBuf,
}

/// Waits for a message.
pub async fn arrival(
    mailbox: &impl Mailbox,
    what: &str,
    accept: impl Fn(&Arrival) -> bool,
) -> Arrival {
    until(what, || mailbox.arrivals().into_iter().find(&accept)).await
}

impl Maildir {
    pub(crate) fn new(directory: &Path) -> Self {
        Self { new: directory.join("new") }
    }
}

impl Mailbox for Maildir {
    fn arrivals(&self) -> Vec<Arrival> {
        // Postfix makes the directory with the first message.
        let Ok(entries) = fs::read_dir(&self.new) else { return Vec::new() };
        let mut files: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        files.sort();
        files.iter().filter_map(|file| fs::read(file).ok()).map(Arrival::from_maildir).collect()
    }
}

impl Arrival {
    fn from_maildir(message: Vec<u8>) -> Self {
        let mut arrival = Self { sender: String::new(), recipient: String::new(), message };
        let address =
            |value: Option<String>| value.unwrap_or_default().trim_matches(['<', '>']).to_owned();
        arrival.sender = address(arrival.head("Return-Path"));
        arrival.recipient = address(arrival.head("Delivered-To"));
        arrival
    }

    /// The unfolded values of every field with this name.
    pub fn heads(&self, name: &str) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.message);
        let mut fields: Vec<String> = Vec::new();
        for line in text.lines().take_while(|line| !line.is_empty()) {
            match fields.last_mut() {
                Some(field) if line.starts_with([' ', '\t']) => field.push_str(line),
                _ => fields.push(line.to_owned()),
            }
        }
        let named = |field: &String| {
            let (found, value) = field.split_once(':')?;
            found.trim_end().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        };
        fields.iter().filter_map(named).collect()
    }

    pub fn head(&self, name: &str) -> Option<String> {
        self.heads(name).into_iter().next()
    }

    /// The text parts, decoded.
    pub fn text(&self) -> String {
        let Some(message) = MessageParser::new().parse(&self.message) else { return String::new() };
        (0..message.text_body_count()).filter_map(|at| message.body_text(at)).collect()
    }

    /// The first line that is six digits and nothing else, as a code mail shows its code.
    pub fn code(&self) -> Option<String> {
        let text = self.text();
        let digits =
            |line: &str| line.chars().filter(|char| !char.is_whitespace()).collect::<String>();
        text.lines()
            .map(digits)
            .find(|line| line.len() == 6 && line.chars().all(|char| char.is_ascii_digit()))
    }

    /// The portal's address in a notification.
    pub fn link(&self) -> Option<String> {
        self.address_with("/m/")
    }

    /// The address of the sender's page in a mail that asks them for something.
    pub fn sender_link(&self) -> Option<String> {
        self.address_with("/s/")
    }

    /// The first `https` address in the text that contains this.
    fn address_with(&self, part: &str) -> Option<String> {
        let text = self.text();
        text.split_whitespace()
            .find(|word| word.starts_with("https://") && word.contains(part))
            .map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_unfolded_and_codes_and_links_found() {
        let message = b"Subject: a\n b\nReceived: one\nreceived: two\nContent-Type: text/plain\n\
            Content-Transfer-Encoding: quoted-printable\n\nhttps://other.test/help\n  https://127.0.0.1:1/m/ab=\ncd\n\
            call 12345678\n 012 345\n";
        let arrival =
            Arrival { sender: String::new(), recipient: String::new(), message: message.to_vec() };
        assert_eq!(arrival.head("subject").as_deref(), Some("a b"));
        assert_eq!(arrival.heads("Received"), ["one", "two"]);
        assert_eq!(arrival.link().as_deref(), Some("https://127.0.0.1:1/m/abcd"));
        assert_eq!(arrival.code().as_deref(), Some("012345"));
    }
}
