//! Which way a letter goes: to the relay, or on as it is.

use zegel_tests::lab::{Lab, RULES, Setup};
use zegel_tests::letter::Letter;
use zegel_tests::mailbox::{Arrival, Mailbox, arrival};
use zegel_tests::mta::MailServer;
use zegel_tests::sink::Sink;
use zegel_tests::wait::until;

use crate::{TEXT, is_report, secured, to};

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

/// Of two refused letters the one is reported as its submitter asked, the other not at all. `plain.test` refuses everybody.
pub(crate) async fn check_wishes<M: MailServer>(lab: &Lab<M>, home: &Sink) {
    let quiet = secured().to("els@plain.test").wishes("NOTIFY=NEVER");
    lab.send(&quiet).await;
    until("the delivery to fail", || {
        lab.relay.delivery("els@plain.test").contains("state       failed").then_some(())
    })
    .await;
    let asking = secured().to("pim@plain.test").parameters("ENVID=QQ314159");
    lab.send(&asking.wishes("notify=FAILURE,DELAY ORCPT=rfc822;pim+2Bx@old.test")).await;
    let report = arrival(home, "a report", is_report).await;
    let words = String::from_utf8_lossy(&report.message).into_owned();
    assert_eq!(report.recipient, "jan@org.test");
    for field in [
        "Original-Envelope-Id: QQ314159",
        "Original-Recipient: rfc822; pim+x@old.test",
        "Final-Recipient: rfc822; pim@plain.test",
    ] {
        assert!(words.contains(field), "{field} is missing in {words}");
    }
    assert_eq!(home.arrivals().len(), 1, "and nothing is said of the other");
}

#[tokio::test]
async fn what_the_submitter_wants_to_hear_reaches_the_relay_by_either_route_of_postfix() {
    let by_recipient = Setup {
        rules: format!("route = \"recipient\"\n{RULES}"),
        marker_key: true,
        main: "transport_maps = inline:{zegel.invalid=zegel:unix:../../relay.sock} \
               texthash:$queue_directory/../transport\n"
            .to_owned(),
        ..Setup::default()
    };
    for setup in [Setup::default(), by_recipient] {
        let lab = Lab::start(setup).await;
        let home = lab.sink("org.test", None);
        let refusing = lab.script("plain.test", None).answer("RCPT", "550 5.1.1 nobody", 9);
        let _plain = lab.sink_with("plain.test", refusing);
        check_wishes(&lab, &home).await;
    }
}
