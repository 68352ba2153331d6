//! New rules while mail flows.

use zegel_tests::lab::{Lab, RULES, Setup};
use zegel_tests::letter::Letter;
use zegel_tests::mta::MailServer;
use zegel_tests::recipient::Recipient;
use zegel_tests::submit::submit;
use zegel_tests::wait::until;

use crate::{assert_kept_secret, secured};

#[tokio::test]
async fn a_rule_file_that_is_wrong_changes_nothing_and_is_named_in_the_log() {
    let lab = Lab::start(Setup::default()).await;
    let plain = lab.sink("plain.test", None);
    lab.milter.reload("[[rule]]\nname = \"half\"\nwhen.subject = [\n");
    until("the milter to name the fault", || {
        lab.milter.log().contains("milter.toml").then_some(())
    })
    .await;
    lab.send(&secured().to("pim@plain.test")).await;
    Recipient::new(&lab, &plain, "pim@plain.test").notification().await;
    assert_kept_secret(&plain);
}

#[tokio::test]
async fn a_new_rule_counts_from_the_next_message_on() {
    let lab = Lab::start(Setup::default()).await;
    let plain = lab.sink("plain.test", None);
    lab.milter.reload(&format!(
        "{RULES}\n[[rule]]\nname = \"new\"\nwhen.subject = \"dossier\"\naction = \"secure\"\n"
    ));
    // Which message is the first that the new rules see is the milter's affair; that one will be, is not.
    let relayed = async {
        for number in 0.. {
            let recipient = format!("pim{number}@plain.test");
            let letter = Letter::from("jan@org.test").to(&recipient).subject("Dossier");
            submit(lab.sending.address(), &letter).await.expect_kept();
            until("the letter to go either way", || {
                let ways = [lab.relay.log(), lab.sending.log()];
                ways.iter()
                    .any(|log| log.contains("status=sent") && log.contains(&recipient))
                    .then_some(())
            })
            .await;
            if !lab.relay.delivery(&recipient).is_empty() {
                return recipient;
            }
        }
        String::new()
    };
    let recipient = relayed.await;
    Recipient::new(&lab, &plain, &recipient).notification().await;
}
