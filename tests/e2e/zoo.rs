//! What reads mail before people do: scanners that fetch, that prefetch, that run a whole browser and press every button,
//! and gateways that rewrite the link. After all of them nothing is used up, nothing counts as read, one code was sent at
//! most, and the person still gets in.

use std::path::Path;
use std::time::{Duration, Instant};

use zegel_tests::browser::Browser;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::mailbox::Mailbox;
use zegel_tests::recipient::Recipient;
use zegel_tests::wait::until;

use crate::{TEXT, secured};

const PIM: &str = "pim@plain.test";

/// How long a code that was just sent stands in the way of another (portal.md, section 3.2).
const RESEND_GAP: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_whole_zoo_nothing_is_used_up_and_the_person_gets_in() {
    let lab = Lab::start(Setup::default()).await;
    let plain = lab.sink("plain.test", None);
    lab.send(&secured().to(PIM)).await;
    let mut pim = Recipient::new(&lab, &plain, PIM);
    let link = pim.link().await;

    // As a gateway rewrites it: the link in upper case, with a slash or a full stop that was not in it, and twice as fast.
    let mut rewriter = lab.visitor();
    let (front, token) = link.rsplit_once('/').expect("a token");
    for rewritten in
        [format!("{front}/{}", token.to_uppercase()), format!("{link}."), format!("{link}%20")]
    {
        assert_eq!(rewriter.open(&rewritten).await.status, 200, "{rewritten}");
    }

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/browser/zoo.mjs");
    let told = tokio::task::block_in_place(|| Browser::start(&script, &[&link]).finish());
    let scanned = Instant::now();
    let done: Vec<usize> = told.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert!(matches!(done[..], [seen, _, sent] if seen >= 8 && sent >= 4), "{told}");

    let record = lab.relay.delivery(PIM);
    assert!(record.contains("state       sent by email") && !record.contains("opened"), "{record}");
    assert!(pim.codes().len() <= 1, "{:?}", pim.codes());
    let before = pim.codes().len();

    // The scanner's code is of no use to the person: it belongs to the scanner's browser. Theirs comes after the gap.
    until("the gap after the scanner's code to be over", || {
        (scanned.elapsed() > RESEND_GAP).then_some(())
    })
    .await;
    let page = pim.visitor.ask_for_code(&link).await;
    let code = pim.code(before + 1).await;
    let page = pim.visitor.enter(&page, &code).await;
    assert!(pim.visitor.read(&page).await.contains(TEXT), "{}", page.text());
    assert!(plain.arrivals().iter().all(|mail| !mail.text().contains(TEXT)));
}
