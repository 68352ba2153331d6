//! Which messages go the way of the relay, and that all others do not notice that there is one.

use zegel_tests::lab::{Lab, Setup};
use zegel_tests::letter::Letter;
use zegel_tests::mailbox::{Mailbox, arrival};
use zegel_tests::mta::MailServer;
use zegel_tests::recipient::Recipient;
use zegel_tests::submit::submit;

use crate::{TEXT, assert_kept_secret, secured, to};

/// Sends the letter to a server without TLS: a selected one arrives as a notification, never as itself.
async fn check_selected(letter: Letter) {
    let lab = Lab::start(Setup::default()).await;
    let plain = lab.sink("plain.test", None);
    lab.send(&letter.to("pim@plain.test")).await;
    Recipient::new(&lab, &plain, "pim@plain.test").notification().await;
    assert_kept_secret(&plain);
}

#[tokio::test]
async fn a_word_in_the_subject_selects() {
    check_selected(secured()).await;
}

#[tokio::test]
async fn a_word_that_is_encoded_and_folded_selects_as_well() {
    let subject = "=?utf-8?Q?Uw_dossier_is_Bevei?=\r\n =?utf-8?B?bGlnZCE=?=";
    check_selected(Letter::from("jan@org.test").subject(subject).text(TEXT)).await;
}

#[tokio::test]
async fn the_author_selects() {
    check_selected(Letter::from("Counsel <counsel@org.test>").subject("Hello").text(TEXT)).await;
}

#[tokio::test]
async fn a_sensitivity_label_selects_however_its_header_is_folded() {
    let label = "MSIP_Label_e9c5f5a2-6b1d-4f0e-9f5a-2f6d1c3b4a5e_Enabled=True;\r\n \
        MSIP_Label_e9c5f5a2-6b1d-4f0e-9f5a-2f6d1c3b4a5e_SiteId=0a1b2c3d-0000-4000-8000-000000000001;\r\n \
        MSIP_Label_e9c5f5a2-6b1d-4f0e-9f5a-2f6d1c3b4a5e_Name=Vertrouwelijk;";
    check_selected(
        Letter::from("jan@org.test").subject("Hello").header("msip_labels", label).text(TEXT),
    )
    .await;
}

#[tokio::test]
async fn mail_from_the_command_line_is_selected_like_all_other() {
    let lab = Lab::start(Setup::default()).await;
    let plain = lab.sink("plain.test", None);
    let letter = secured().to("pim@plain.test");
    lab.sending.sendmail(&["-f", "jan@org.test", "pim@plain.test"], &letter.message());
    Recipient::new(&lab, &plain, "pim@plain.test").notification().await;
    assert_kept_secret(&plain);
}

#[tokio::test]
async fn what_no_rule_wants_goes_its_ordinary_way_untouched() {
    let lab = Lab::start(Setup::default()).await;
    let good = lab.sink("good.test", None);
    let letter = Letter::from("jan@org.test")
        .to("lisa@good.test")
        .subject("Insecurely yours")
        .text("At noon?");
    lab.send(&letter).await;
    let found = arrival(&good, "the letter", to("lisa@good.test")).await;
    let sent = letter.message();
    assert!(found.message.ends_with(&sent), "{}", String::from_utf8_lossy(&found.message));
    let added =
        String::from_utf8_lossy(&found.message[..found.message.len() - sent.len()]).into_owned();
    assert!(added.starts_with("Received:") && !added.contains("egel"), "{added}");
    assert_eq!(lab.relay.delivery("lisa@good.test"), "");
}

#[tokio::test]
async fn nobody_outside_can_send_a_message_to_the_relay_or_past_it() {
    let lab = Lab::start(Setup::default()).await;
    let good = lab.sink("good.test", None);
    let letter = Letter::from("jan@org.test")
        .to("lisa@good.test")
        .header("X-Zegel-Route", "relay/")
        .text("At noon?");
    lab.send(&letter).await;
    let found = arrival(&good, "the letter", to("lisa@good.test")).await;
    assert_eq!(found.head("X-Zegel-Route"), None);
    assert_eq!(found.text().trim(), "At noon?");
}

#[tokio::test]
async fn without_the_milter_no_mail_is_taken_so_that_none_slips_past() {
    let mut lab = Lab::start(Setup::default()).await;
    let good = lab.sink("good.test", None);
    lab.milter.kill();
    let letter = secured().to("lisa@good.test");
    assert_eq!(submit(lab.sending.address(), &letter).await.code, 451);
    assert!(good.arrivals().is_empty());
    lab.milter.resume().await;
    lab.send(&letter).await;
    Recipient::new(&lab, &good, "lisa@good.test").notification().await;
}
