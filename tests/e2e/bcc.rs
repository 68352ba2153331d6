//! Who sees whom.

use std::collections::BTreeSet;

use zegel_tests::lab::{Lab, Setup};
use zegel_tests::mailbox::Arrival;
use zegel_tests::recipient::Recipient;

use crate::{TEXT, secured};

const OPEN: [&str; 2] = ["anna@plain.test", "bram@plain.test"];
const HIDDEN: [&str; 2] = ["cees@plain.test", "dirk@plain.test"];

#[tokio::test]
async fn to_and_cc_share_one_conversation_and_each_bcc_recipient_has_one_alone_that_nobody_sees() {
    let lab = Lab::start(Setup::default()).await;
    let plain = lab.sink("plain.test", None);
    lab.send(&secured().to(OPEN[0]).cc(OPEN[1]).bcc(HIDDEN[0]).bcc(HIDDEN[1])).await;

    let mut roots = Vec::new();
    for address in OPEN.into_iter().chain(HIDDEN) {
        let mut reader = Recipient::new(&lab, &plain, address);
        roots.push(root(&reader.notification().await));
        let page = reader.open().await;
        let seen = reader.visitor.read(&page).await;
        assert!(seen.contains(TEXT), "{address} reads: {seen}");
        let mut shown = vec![seen, page.html()];
        for eml in page.links(".eml") {
            shown.push(reader.visitor.follow(&eml).await.html());
        }
        for hidden in HIDDEN.into_iter().filter(|hidden| *hidden != address) {
            assert!(
                !shown.iter().any(|shown| shown.contains(hidden)),
                "{address} sees {hidden}: {shown:#?}"
            );
        }
        assert!(
            OPEN.iter().all(|open| shown.iter().any(|shown| shown.contains(open))),
            "{address}: {shown:#?}"
        );
    }
    assert_eq!(roots[0], roots[1], "To and Cc are one conversation");
    assert_eq!(
        roots.iter().collect::<BTreeSet<_>>().len(),
        3,
        "each Bcc recipient has another: {roots:?}"
    );
}

#[tokio::test]
async fn a_notification_names_its_own_recipient_alone() {
    let lab = Lab::start(Setup::default()).await;
    let plain = lab.sink("plain.test", None);
    lab.send(&secured().to(OPEN[0]).bcc(HIDDEN[0])).await;
    for (address, other) in [(OPEN[0], HIDDEN[0]), (HIDDEN[0], OPEN[0])] {
        let notification = Recipient::new(&lab, &plain, address).notification().await;
        let message = String::from_utf8_lossy(&notification.message).into_owned();
        assert!(!message.contains(other), "{message}");
        assert_eq!(notification.heads("To").len(), 1);
    }
}

/// The conversation's root in a notification.
fn root(notification: &Arrival) -> String {
    notification.head("References").expect("a notification has References")
}
