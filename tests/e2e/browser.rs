//! Walks through the portal with a real browser that runs no script, and what axe-core and an HTML validator have to say
//! about each page: light and dark, from left to right and from right to left, on a small screen, in every language.

use std::path::{Path, PathBuf};

use zegel_tests::browser::Browser;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::letter::Letter;
use zegel_tests::mailbox::{Arrival, Mailbox, arrival};
use zegel_tests::recipient::Recipient;
use zegel_tests::sink::Sink;
use zegel_tests::wait::until;

use crate::{TEXT, secured};

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/browser").join(name)
}

/// Walks with Chromium from Pim's notification to the text, with the code that he then gets from `code`.
async fn walk(letter: Letter, code: impl AsyncFnOnce(&Recipient<'_, Sink>) -> String) {
    let lab = Lab::start(Setup::default()).await;
    let plain = lab.sink("plain.test", None);
    lab.send(&letter.to("pim@plain.test")).await;
    let pim = Recipient::new(&lab, &plain, "pim@plain.test");
    let mut browser = Browser::start(&script("portal.mjs"), &[&pim.link().await, TEXT]);
    assert_eq!(browser.hear(), "code?", "the browser asks for a code");
    browser.say(&code(&pim).await);
    let told = browser.finish();
    assert!(told.ends_with("read\n"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_there_for_everyone_in_every_language() {
    let lab = Lab::start(Setup::default()).await;
    let told = Browser::start(&script("pages.mjs"), &[&lab.origin()]).finish();
    assert_eq!(told, "seen\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_walks_from_the_start_page_to_the_message_and_axe_finds_nothing() {
    walk(secured(), async |pim| pim.code(1).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_walks_by_an_access_code_and_axe_finds_nothing() {
    let right = "pim@plain.test access-code blauwe7ganzen";
    let letter = secured().header("zivver-access-right", right);
    walk(letter, async |_| "Blauwe 7 ganzen".to_owned()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_walks_through_the_senders_page_and_axe_finds_nothing() {
    let policy = "email = false\nemail-by-sender = true\n".to_owned();
    let lab = Lab::start(Setup { policy, texts: true, ..Setup::default() }).await;
    let (home, plain) = (lab.sink("org.test", None), lab.sink("plain.test", None));
    lab.send(&secured().to("pim@plain.test").to("els@plain.test")).await;
    let asked = arrival(&home, "a mail that asks", |mail| mail.sender_link().is_some()).await;
    let link = asked.sender_link().expect("a link");
    let mut browser = Browser::start(&script("sender.mjs"), &[&link, "blauwe7ganzen"]);
    assert_eq!(browser.hear(), "code?", "the browser asks for a code");
    let code = until("a code", || home.arrivals().iter().rev().find_map(Arrival::code)).await;
    browser.say(&code);
    let told = browser.finish();
    assert!(told.ends_with("answered\n"), "{told}");
    let notified = |mail: &Arrival| mail.link().is_some();
    let to = arrival(&plain, "a notification", notified).await.recipient;
    assert!(Recipient::new(&lab, &plain, &to).read_by("blauwe7ganzen").await.contains(TEXT));
    assert_eq!(plain.arrivals().len(), 1, "the other one was withdrawn");
}
