//! What happens while a part is away: nothing is lost, and the sending client need not know.

use tokio::net::TcpListener;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::mailbox::Mailbox;
use zegel_tests::recipient::Recipient;
use zegel_tests::wait::until;

use crate::secured;

#[tokio::test]
async fn while_the_relay_is_down_selected_mail_waits_with_the_mail_server_and_nowhere_else() {
    let mut lab = Lab::start(Setup::default()).await;
    let plain = lab.sink("plain.test", None);
    lab.relay.stop().await;
    lab.send(&secured().to("pim@plain.test")).await;
    let waiting = until("the message to wait", || {
        lab.sending.queue().into_iter().find(|message| message.reason.is_some())
    })
    .await;
    assert_eq!(waiting.recipients, ["pim@plain.test"]);
    assert!(plain.arrivals().is_empty());
    lab.relay.resume().await;
    lab.sending.flush();
    Recipient::new(&lab, &plain, "pim@plain.test").notification().await;
    until("the mail server's queue to be empty", || lab.sending.queue().is_empty().then_some(()))
        .await;
}

#[tokio::test]
async fn a_recipients_server_that_is_down_gets_the_notification_when_it_is_back() {
    let lab = Lab::start(Setup::default()).await;
    lab.send(&secured().to("pim@plain.test")).await;
    until("a first try", || lab.relay.log().contains("try 1 by email failed").then_some(())).await;
    let plain = lab.sink("plain.test", None);
    Recipient::new(&lab, &plain, "pim@plain.test").notification().await;
}

#[tokio::test]
async fn a_server_that_says_nothing_holds_up_no_other_domain() {
    let limits = "deliveries-max = 25\n".to_owned();
    let lab = Lab::start(Setup { limits, ..Setup::default() }).await;
    let plain = lab.sink("plain.test", None);
    let _silent = TcpListener::bind(lab.server("other.test")).await.expect("listen");
    let crowd = (0..30).fold(secured(), |letter, one| letter.to(&format!("r{one}@other.test")));
    lab.send(&crowd).await;
    until("the crowd", || lab.relay.delivery("r29@other.test").contains("state").then_some(()))
        .await;
    lab.send(&secured().to("pim@plain.test")).await;
    Recipient::new(&lab, &plain, "pim@plain.test").notification().await;
}
