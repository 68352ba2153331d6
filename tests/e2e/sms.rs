//! Text messages: a number that the sender gives, a code on that phone, and no trace of either.

use zegel_tests::canary;
use zegel_tests::kannel::{Kannel, PASSWORD};
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::letter::Letter;
use zegel_tests::mailbox::Mailbox;
use zegel_tests::recipient::Recipient;
use zegel_tests::wait::until;

use crate::{TEXT, assert_kept_secret, secured};

const NUMBER: &str = "+31612340987";
const PIM: &str = "pim@plain.test";

fn texting() -> Setup {
    Setup { texts: true, ..Setup::default() }
}

/// A letter whose recipient is verified by text message.
fn for_pim() -> Letter {
    secured().to(PIM).header("zivver-access-right", &format!("{PIM} sms {NUMBER}"))
}

/// Neither number nor words stand in the relay's log or state.
#[track_caller]
fn assert_forgotten(lab: &Lab, words: &[&str]) {
    let secrets = [&[NUMBER, NUMBER.trim_start_matches('+'), PASSWORD], words].concat();
    let log = lab.relay.log();
    let found: Vec<_> = secrets.iter().filter(|word| canary::holds(log.as_bytes(), word)).collect();
    assert!(found.is_empty(), "{found:?} in the relay's log:\n{log}");
    let found = canary::sweep(&lab.state(), &secrets, |_| false);
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test]
async fn an_administrator_can_try_whether_text_messages_go_out() {
    let lab = Lab::start(texting()).await;
    let kannel = Kannel::start(&lab.place).await;
    assert_eq!(lab.relay.command(&["sms", "test", NUMBER]).trim(), "taken by kannel");
    let text = until("the text message", || kannel.texts().pop()).await;
    assert_eq!((text.from.as_str(), text.number.as_str()), ("Zegel", NUMBER));
    assert_eq!(text.words, "Test of text messages by relay.org.test.");
    assert_forgotten(&lab, &[&text.words]);
    let checked = lab.relay.command(&["check"]);
    assert!(checked.contains("by kannel, to NL, 500 a day at most"), "{checked}");
}

#[tokio::test]
async fn a_code_comes_to_the_phone_that_the_sender_named_and_opens_the_message() {
    let lab = Lab::start(texting()).await;
    let kannel = Kannel::start(&lab.place).await;
    let plain = lab.sink("plain.test", None);
    lab.send(&for_pim()).await;
    let mut pim = Recipient::new(&lab, &plain, PIM);
    let link = pim.link().await;
    let page = pim.visitor.ask_for_code(&link).await;
    assert!(page.text().contains("87") && !page.text().contains(NUMBER), "{}", page.text());
    let text = kannel.text(NUMBER, 1).await;
    let code = text.code().expect("a code");
    assert!(text.words.starts_with(&code), "{}", text.words);
    let page = pim.visitor.enter(&page, &code).await;
    assert!(pim.visitor.read(&page).await.contains(TEXT), "{}", page.text());

    assert_eq!((kannel.texts().len(), pim.codes().len()), (1, 0));
    assert_kept_secret(&plain);
    let shown = lab.relay.delivery(PIM);
    assert!(shown.contains("the text message was taken by kannel"), "{shown}");
    assert!(shown.contains("1 in the last day, 0 waiting, 1 tries"), "{shown}");
    let first = text.words.lines().next().unwrap_or_default();
    assert_forgotten(&lab, &[first, TEXT]);
    let secrets = [NUMBER.trim_start_matches('+'), &code];
    assert!(plain.arrivals().iter().all(|mail| canary::in_mail(mail, &secrets).is_empty()));
}

#[tokio::test]
async fn while_the_provider_is_down_the_code_waits_and_comes_when_it_is_back() {
    let lab = Lab::start(texting()).await;
    let plain = lab.sink("plain.test", None);
    lab.send(&for_pim()).await;
    let mut pim = Recipient::new(&lab, &plain, PIM);
    let link = pim.link().await;
    let page = pim.visitor.ask_for_code(&link).await;
    let waits = "the text message waits: kannel: cannot connect";
    until("a try", || lab.relay.delivery(PIM).contains(waits).then_some(())).await;
    assert!(lab.relay.log().contains("kannel does not take text message"), "{}", lab.relay.log());

    let kannel = Kannel::start(&lab.place).await;
    let code = kannel.text(NUMBER, 1).await.code().expect("a code");
    let page = pim.visitor.enter(&page, &code).await;
    assert!(pim.visitor.read(&page).await.contains(TEXT), "{}", page.text());
    assert_forgotten(&lab, &[TEXT]);
}
