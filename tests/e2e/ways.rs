//! Which way a letter goes: to the relay, or on as it is.

use zegel_tests::lab::{Lab, Setup};
use zegel_tests::letter::Letter;
use zegel_tests::mailbox::{Arrival, arrival};
use zegel_tests::sink::Sink;

use crate::{TEXT, to};

/// The way that a letter went.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Secure,
    Ordinary,
}
use Way::{Ordinary, Secure};

/// A lab, and a server without TLS to send to: there a message that is secured never arrives as itself.
pub(crate) struct World {
    pub(crate) lab: Lab,
    pub(crate) plain: Sink,
    sent: usize,
}

impl World {
    pub(crate) async fn with(rules: &str) -> Self {
        Self::of(Setup { rules: rules.to_owned(), ..Setup::default() }).await
    }

    pub(crate) async fn of(setup: Setup) -> Self {
        let lab = Lab::start(setup).await;
        let plain = lab.sink("plain.test", None);
        Self { lab, plain, sent: 0 }
    }

    /// Another recipient, so that what arrives tells what it is.
    pub(crate) fn recipient(&mut self) -> String {
        self.sent += 1;
        format!("pim{}@plain.test", self.sent)
    }

    pub(crate) async fn arrived(&self, recipient: &str) -> Arrival {
        arrival(&self.plain, &format!("mail for {recipient}"), to(recipient)).await
    }

    pub(crate) async fn way(&self, recipient: &str) -> Way {
        let mail = self.arrived(recipient).await;
        match (mail.link().is_some(), mail.text().contains(TEXT)) {
            (true, false) => Secure,
            (false, true) => Ordinary,
            _ => panic!("neither a notification nor the letter: {mail:?}"),
        }
    }

    pub(crate) async fn check(&mut self, letter: &Letter, want: Way) {
        let recipient = self.recipient();
        let letter = letter.clone().to(&recipient);
        self.lab.send(&letter).await;
        let shown = String::from_utf8_lossy(&letter.message()).into_owned();
        assert_eq!(self.way(&recipient).await, want, "{shown}");
    }
}

/// A letter that no rule has a reason to want.
pub(crate) fn letter() -> Letter {
    Letter::from("Jan <jan@org.test>").subject("Lunch").text(TEXT)
}
