//! Which way a letter goes: to the relay, or on as it is.

use zegel_tests::ca::Kind;
use zegel_tests::canary;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::letter::Letter;
use zegel_tests::mailbox::{Arrival, Mailbox, arrival};
use zegel_tests::mta::MailServer;
use zegel_tests::recipient::Recipient;
use zegel_tests::sink::Sink;
use zegel_tests::submit::submit;
use zegel_tests::wait::until;

use crate::{BY_EMAIL, CERTIFIED, TEXT, is_report, secured, to};

/// The domain of the milter's addresses on the way to the relay, and nowhere else.
pub(crate) const ROUTE: &str = "zegel.invalid";

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

/// A report of the mail server's own, on its recipients and to the sender, of whose letter it shows nothing.
#[track_caller]
pub(crate) fn check_report(report: &Arrival, action: &str, recipients: &[&str]) {
    let words = String::from_utf8_lossy(&report.message).into_owned();
    assert_eq!((&*report.recipient, &*report.sender), ("jan@org.test", ""), "{words}");
    assert_eq!(report.head("To").as_deref(), Some("<jan@org.test>"), "{words}");
    for recipient in recipients {
        // Postfix and Sendmail write the address's type each in its own way.
        let has = |kind| words.contains(&format!("Final-Recipient: {kind}; {recipient}\r\n"));
        assert!(has("rfc822") || has("RFC822"), "no Final-Recipient {recipient} in {words}");
        assert!(report.text().contains(&format!("<{recipient}>")), "{words}");
    }
    assert!(words.contains(&format!("Action: {action}\r\n")), "{words}");
    let kept = ["your results", "zestien", "z1-", ROUTE, "sms", "+31612345678"];
    let found = canary::in_mail(report, &kept);
    assert!(found.is_empty(), "{found:?} in {words}");
}

pub(crate) fn is_about(action: &str) -> impl Fn(&Arrival) -> bool {
    let action = format!("Action: {action}\r\n");
    move |mail| is_report(mail) && String::from_utf8_lossy(&mail.message).contains(&action)
}

/// A Postfix whose recipients carry the route.
fn by_recipient() -> Setup {
    Setup { by_recipient: true, ..Setup::default() }
}

/// All is delivered, reported, or given up.
async fn done(lab: &Lab) {
    until("Postfix to be done", || lab.sending.queue().is_empty().then_some(())).await;
}

#[tokio::test]
async fn what_the_submitter_wants_to_hear_reaches_the_relay_by_either_route_of_postfix() {
    for setup in [Setup::default(), by_recipient()] {
        let lab = Lab::start(setup).await;
        let home = lab.sink("org.test", None);
        let refusing = lab.script("plain.test", None).answer("RCPT", "550 5.1.1 nobody", 9);
        let _plain = lab.sink_with("plain.test", refusing);
        check_wishes(&lab, &home).await;
        let shown = canary::in_mail(&home.arrivals()[0], &[ROUTE, "z1-"]);
        assert!(shown.is_empty(), "{shown:?} in the relay's report");
    }
}

#[tokio::test]
async fn recipients_that_carry_the_route_through_postfix_are_seen_by_nobody() {
    let lab = Lab::start(by_recipient()).await;
    let good = lab.sink("good.test", Some(Kind::Good));
    let plain = lab.sink("plain.test", None);
    let letter = secured().header(CERTIFIED.0, CERTIFIED.1).header(BY_EMAIL.0, BY_EMAIL.1);
    lab.send(&letter.to("lisa@good.test").cc("anna@plain.test").bcc("cees@plain.test")).await;
    let direct = arrival(&good, "the letter", to("lisa@good.test")).await;
    assert_eq!((direct.sender.as_str(), direct.text().trim()), ("jan@org.test", TEXT));
    for address in ["anna@plain.test", "cees@plain.test"] {
        Recipient::new(&lab, &plain, address).notification().await;
    }
    assert!(lab.relay.log().contains("for 3: kept"), "all recipients come in one transaction");
    let mails = [good.arrivals(), plain.arrivals()].concat();
    for mail in mails {
        let shown = canary::in_mail(&mail, &[ROUTE, "z1-"]);
        assert!(shown.is_empty(), "{shown:?} in {}", String::from_utf8_lossy(&mail.message));
    }
}

#[tokio::test]
async fn a_relay_that_stays_away_is_told_by_postfix_without_the_route_or_the_content() {
    let main = "delay_warning_time = 1s\nmaximal_queue_lifetime = 6s\nbounce_queue_lifetime = 6s\n";
    let mut lab = Lab::start(Setup { main: main.to_owned(), ..by_recipient() }).await;
    let home = lab.sink("org.test", None);
    lab.relay.stop().await;
    lab.send(&secured().to("els@plain.test").wishes("NOTIFY=NEVER")).await;
    let letter = secured().to("pim@plain.test").bcc("Cees.Smit@plain.test");
    lab.send(&letter.parameters("RET=FULL ENVID=QQ314159")).await;
    for action in ["delayed", "failed"] {
        let report = arrival(&home, action, is_about(action)).await;
        check_report(&report, action, &["pim@plain.test", "Cees.Smit@plain.test"]);
        let words = String::from_utf8_lossy(&report.message).into_owned();
        assert!(words.contains("Original-Envelope-Id: QQ314159"), "{words}");
    }
    done(&lab).await;
    assert_eq!(home.arrivals().len(), 2, "and nobody hears of the other letter");
}

#[tokio::test]
async fn what_the_relay_refuses_is_told_by_postfix_without_the_route_or_the_content() {
    let lab = Lab::start(by_recipient()).await;
    let home = lab.sink("org.test", None);
    // A recipient whom the relay does not take, and a message that it does not.
    lab.send(&secured().to("pim@nowhere")).await;
    check_report(&arrival(&home, "a report", is_report).await, "failed", &["pim@nowhere"]);
    let asking = ("zivver-access-right", "els@plain.test sms +31612345678");
    lab.send(&secured().header(asking.0, asking.1).to("els@plain.test")).await;
    let names_els = |mail: &Arrival| String::from_utf8_lossy(&mail.message).contains("els@");
    check_report(&arrival(&home, "a report", names_els).await, "failed", &["els@plain.test"]);
    done(&lab).await;
    assert_eq!(home.arrivals().len(), 2);
}

#[tokio::test]
async fn nobody_can_hand_postfix_a_recipient_that_is_the_milters() {
    let mut lab = Lab::start(by_recipient()).await;
    let home = lab.sink("org.test", None);
    lab.relay.stop().await;
    lab.send(&secured().to("pim@plain.test").wishes("NOTIFY=NEVER")).await;
    let waiting = until("the message to wait", || {
        lab.sending.queue().into_iter().find(|message| message.reason.is_some())
    })
    .await;
    // Not even those that were made here, if they ever got out.
    let [recipient] = &*waiting.recipients else { panic!("one recipient: {waiting:?}") };
    let sender = &waiting.sender;
    assert!(recipient.ends_with("@zegel.invalid"), "{recipient}");
    assert!(sender.ends_with("@report.zegel.invalid"), "{sender}");
    let forged = ["z1-00-pim=40plain.test@zegel.invalid", "jan@Report.ZEGEL.invalid"];
    for recipient in [&**recipient, &**sender].into_iter().chain(forged) {
        let letter = Letter::from("jan@org.test").to("lisa@good.test").bcc(recipient);
        let reply = submit(lab.sending.address(), &letter).await;
        assert_eq!(reply.code, 550, "{recipient}: {reply:?}");
        assert!(reply.text.starts_with("5.1.3 "), "{recipient}: {reply:?}");
    }
    assert!(home.arrivals().is_empty());
    assert_eq!(lab.sending.queue().len(), 1, "{:?}", lab.sending.queue());
}
