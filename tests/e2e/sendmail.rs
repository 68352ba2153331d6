//! Beside Sendmail, where recipients carry the route: the same promises, and nobody ever sees how.

use zegel_tests::ca::Kind;
use zegel_tests::canary;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::letter::Letter;
use zegel_tests::mailbox::{Arrival, Mailbox, arrival};
use zegel_tests::mta::{MailServer, Queued};
use zegel_tests::recipient::Recipient;
use zegel_tests::sendmail::Sendmail;
use zegel_tests::submit::submit;
use zegel_tests::wait::until;

use crate::ways::{ROUTE, check_report, is_about};
use crate::{BY_EMAIL, CERTIFIED, TEXT, assert_kept_secret, is_report, secured, to};

#[track_caller]
fn assert_shows_no_route(mails: &[Arrival]) {
    for mail in mails {
        let found = canary::in_mail(mail, &[ROUTE]);
        let message = String::from_utf8_lossy(&mail.message);
        assert!(found.is_empty(), "{found:?} in a mail to {}: {message}", mail.recipient);
    }
}

/// What waits in the queue and has been tried.
async fn waiting(lab: &Lab<Sendmail>) -> Queued {
    let tried = || lab.sending.queue().into_iter().find(|message| message.reason.is_some());
    until("the message to wait", tried).await
}

#[tokio::test]
async fn selected_mail_is_delivered_notified_and_reported_and_shows_no_route() {
    let lab = Lab::beside_sendmail(Setup::default()).await;
    let home = lab.sink("org.test", None);
    let good = lab.sink("good.test", Some(Kind::Good));
    let plain = lab.sink("plain.test", None);
    let refusing = lab.script("other.test", None).answer("RCPT", "550 5.1.1 nobody", 9);
    let other = lab.sink_with("other.test", refusing);
    let letter = secured().header(CERTIFIED.0, CERTIFIED.1).header(BY_EMAIL.0, BY_EMAIL.1);
    let letter = letter.to("lisa@good.test").cc("anna@plain.test");
    lab.send(&letter.bcc("cees@plain.test").bcc("nobody@other.test")).await;

    let direct = arrival(&good, "the letter", to("lisa@good.test")).await;
    assert_eq!(direct.text().trim(), TEXT);
    assert!(lab.relay.log().contains("for 4: kept"), "all recipients come in one transaction");
    assert_eq!((direct.sender.as_str(), direct.heads("Bcc").len()), ("jan@org.test", 0));
    for (name, value) in [("To", "lisa@good.test"), ("Cc", "anna@plain.test")] {
        assert_eq!(direct.head(name).as_deref(), Some(value));
    }
    let mut roots = Vec::new();
    for address in ["anna@plain.test", "cees@plain.test"] {
        let mut reader = Recipient::new(&lab, &plain, address);
        let page = reader.open().await;
        let seen = reader.visitor.read(&page).await;
        assert!(seen.contains(TEXT), "{address} reads: {seen}");
        for shown in [seen, page.html()] {
            assert!(!shown.contains(ROUTE), "{address} sees {shown}");
            assert!(address.starts_with("cees") || !shown.contains("cees@"), "{address}: {shown}");
        }
        roots.push(reader.notification().await.head("References"));
    }
    assert!(roots[0].is_some() && roots[0] != roots[1], "one conversation each: {roots:?}");
    let report = arrival(&home, "a report", is_report).await;
    assert!(String::from_utf8_lossy(&report.message).contains("nobody@other.test"));

    until("Sendmail to be done", || lab.sending.queue().is_empty().then_some(())).await;
    for sink in [&home, &good, &plain, &other] {
        assert_shows_no_route(&sink.arrivals());
    }
    assert_kept_secret(&plain);
    let shown = ["lisa@good.test", "nobody@other.test"].map(|address| lab.relay.delivery(address));
    assert!(!shown.concat().contains(ROUTE), "{shown:?}");
}

#[tokio::test]
async fn ordinary_mail_goes_its_ordinary_way_untouched() {
    let lab = Lab::beside_sendmail(Setup::default()).await;
    let good = lab.sink("good.test", None);
    let letter = Letter::from("jan@org.test").subject("Insecurely yours").text("At noon?");
    let letter = letter.to("lisa@good.test").bcc("cees@good.test");
    lab.send(&letter).await;
    for recipient in ["lisa@good.test", "cees@good.test"] {
        let found = arrival(&good, "the letter", to(recipient)).await;
        let message = String::from_utf8_lossy(&found.message);
        for line in String::from_utf8_lossy(&letter.message()).lines() {
            assert!(message.lines().any(|known| known == line), "{line} is missing in {message}");
        }
        assert!(!message.to_lowercase().contains("zegel"), "{message}");
        assert_shows_no_route(&[found]);
        assert_eq!(lab.relay.delivery(recipient), "");
    }
}

#[tokio::test]
async fn selected_mail_waits_with_sendmail_while_the_relay_is_down() {
    let mut lab = Lab::beside_sendmail(Setup::default()).await;
    let plain = lab.sink("plain.test", None);
    lab.relay.stop().await;
    lab.send(&secured().to("pim@plain.test").bcc("cees@plain.test")).await;
    let waiting = waiting(&lab).await;
    assert_eq!(waiting.recipients.len(), 2, "{waiting:?}");
    assert!(waiting.recipients.iter().all(|it| it.ends_with(ROUTE)), "{waiting:?}");
    assert!(plain.arrivals().is_empty());
    lab.relay.resume().await;
    for address in ["pim@plain.test", "cees@plain.test"] {
        Recipient::new(&lab, &plain, address).notification().await;
    }
    until("Sendmail to be done", || lab.sending.queue().is_empty().then_some(())).await;
    assert_shows_no_route(&plain.arrivals());
}

#[tokio::test]
async fn no_mail_is_taken_without_the_milter_so_that_none_slips_past() {
    let mut lab = Lab::beside_sendmail(Setup::default()).await;
    let good = lab.sink("good.test", None);
    lab.milter.kill();
    let letter = secured().to("lisa@good.test");
    assert_eq!(submit(lab.sending.address(), &letter).await.code, 451);
    assert!(good.arrivals().is_empty() && lab.sending.queue().is_empty());
    lab.milter.resume().await;
    lab.send(&letter).await;
    Recipient::new(&lab, &good, "lisa@good.test").notification().await;
}

#[tokio::test]
async fn nobody_outside_can_write_to_the_relay() {
    let mut lab = Lab::beside_sendmail(Setup::default()).await;
    lab.relay.stop().await;
    lab.send(&secured().to("pim@plain.test")).await;
    // Not even an address that was made here, if one ever got out.
    let made_here = waiting(&lab).await.recipients.remove(0);
    for recipient in
        [made_here.as_str(), "z1-00-pim=40plain.test@zegel.invalid", "pim@ZEGEL.invalid."]
    {
        let letter = Letter::from("jan@org.test").to("lisa@good.test").bcc(recipient);
        let reply = submit(lab.sending.address(), &letter).await;
        assert_eq!(reply.code, 550, "{recipient}: {reply:?}");
        assert!(reply.text.starts_with("5.1.3 "), "{recipient}: {reply:?}");
    }
    assert_eq!(lab.sending.queue().len(), 1, "{:?}", lab.sending.queue());
}

/// Sendmail gives up soon.
fn impatient() -> Setup {
    let main =
        "define(`confTO_QUEUEWARN', `1s')dnl\ndefine(`confTO_QUEUERETURN', `6s')dnl\n".to_owned();
    Setup { main, ..Setup::default() }
}

#[tokio::test]
async fn a_relay_that_stays_away_is_told_to_the_sender_without_the_route_or_the_content() {
    let mut lab = Lab::beside_sendmail(impatient()).await;
    let home = lab.sink("org.test", None);
    lab.relay.stop().await;
    let letter = secured().to("pim@plain.test").bcc("Cees.Smit@plain.test");
    lab.send(&letter.parameters("RET=FULL ENVID=QQ314159")).await;
    for action in ["delayed", "failed"] {
        let report = arrival(&home, action, is_about(action)).await;
        check_report(&report, action, &["pim@plain.test", "Cees.Smit@plain.test"]);
        let words = String::from_utf8_lossy(&report.message).into_owned();
        assert!(words.contains("Original-Envelope-Id: QQ314159"), "{words}");
    }
    until("Sendmail to be done", || lab.sending.queue().is_empty().then_some(())).await;
    assert_eq!(home.arrivals().len(), 2, "and nobody else hears of it");
}

#[tokio::test]
async fn what_the_relay_refuses_is_told_to_the_sender_without_the_route_or_the_content() {
    let lab = Lab::beside_sendmail(Setup::default()).await;
    let home = lab.sink("org.test", None);
    // A recipient whom the relay does not take, and a message that it does not.
    lab.send(&secured().to("pim@nowhere")).await;
    let report = arrival(&home, "a report", is_report).await;
    check_report(&report, "failed", &["pim@nowhere"]);
    let asking = ("zivver-access-right", "els@plain.test sms +31612345678");
    lab.send(&secured().header(asking.0, asking.1).to("els@plain.test")).await;
    let names_els = |mail: &Arrival| String::from_utf8_lossy(&mail.message).contains("els@");
    check_report(&arrival(&home, "a report", names_els).await, "failed", &["els@plain.test"]);
    until("Sendmail to be done", || lab.sending.queue().is_empty().then_some(())).await;
    assert_eq!(home.arrivals().len(), 2);
}

#[tokio::test]
async fn nobody_outside_can_write_to_the_report_program() {
    let lab = Lab::beside_sendmail(Setup::default()).await;
    let home = lab.sink("org.test", None);
    for recipient in ["z1-00-jan=40org.test@report.zegel.invalid", "jan@Report.zegel.invalid."] {
        let letter = Letter::from("jan@org.test").to("lisa@good.test").bcc(recipient);
        let reply = submit(lab.sending.address(), &letter).await;
        assert_eq!(reply.code, 550, "{recipient}: {reply:?}");
    }
    assert!(home.arrivals().is_empty() && lab.sending.queue().is_empty());
}

#[tokio::test]
async fn what_the_submitter_wants_to_hear_reaches_the_relay() {
    let lab = Lab::beside_sendmail(Setup::default()).await;
    let home = lab.sink("org.test", None);
    let refusing = lab.script("plain.test", None).answer("RCPT", "550 5.1.1 nobody", 9);
    let _plain = lab.sink_with("plain.test", refusing);
    crate::ways::check_wishes(&lab, &home).await;
}
