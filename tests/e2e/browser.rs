//! One walk through the portal with a real browser, and what axe-core has to say about each page of it.

use std::path::Path;

use zegel_tests::browser::Browser;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::recipient::Recipient;

use crate::{TEXT, secured};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_walks_from_the_start_page_to_the_message_and_axe_finds_nothing() {
    let lab = Lab::start(Setup::default()).await;
    let plain = lab.sink("plain.test", None);
    lab.send(&secured().to("pim@plain.test")).await;
    let pim = Recipient::new(&lab, &plain, "pim@plain.test");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/browser/portal.mjs");
    let mut browser = Browser::start(&script, &[&pim.link().await, TEXT]);
    assert_eq!(browser.hear(), "code?", "the browser asks for a code");
    browser.say(&pim.code(1).await);
    let told = browser.finish();
    assert!(told.ends_with("read\n"), "{told}");
}
