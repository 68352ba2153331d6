//! Recipients who are verified by what their sender gave: an access code in `zivver-access-right`.

use zegel_tests::ca::Kind;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::letter::Letter;
use zegel_tests::mailbox::{Arrival, Mailbox, arrival};
use zegel_tests::recipient::Recipient;
use zegel_tests::sink::Sink;
use zegel_tests::wait::until;

use crate::{CERTIFIED, TEXT, assert_kept_secret, secured, to};

const PIM: &str = "pim@plain.test";
const CODE: &str = "blauwe7ganzen";

fn with_code() -> Letter {
    secured().to(PIM).header("zivver-access-right", &format!("{PIM} access-code {CODE}"))
}

/// A world in which Pim has a notification that asks for the code.
async fn notified(setup: Setup) -> (Lab, Sink) {
    let lab = Lab::start(setup).await;
    let plain = lab.sink("plain.test", None);
    lab.send(&with_code()).await;
    Recipient::new(&lab, &plain, PIM).notification().await;
    until("the delivery to be sent", || {
        lab.relay.delivery(PIM).contains("sent by access-code").then_some(())
    })
    .await;
    (lab, plain)
}

/// What a sender may read of it: who it is about, and nothing of what was sent.
#[track_caller]
fn check_told(told: &Arrival, says: &str) {
    let text = told.text();
    assert!(text.contains(says) && text.contains(PIM), "{text}");
    for secret in [TEXT, CODE, "your results"] {
        assert!(!String::from_utf8_lossy(&told.message).contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn an_access_code_from_the_header_opens_the_message_and_travels_in_no_mail() {
    let (lab, plain) = notified(Setup::default()).await;
    let mut pim = Recipient::new(&lab, &plain, PIM);
    let notification = pim.notification().await;
    assert!(notification.text().contains("toegangscode nodig die u van de afzender kreeg"));
    assert!(pim.read_by("Blauwe 7 Ganzen").await.contains(TEXT));
    until("the delivery to be opened", || {
        lab.relay.delivery(PIM).contains("opened by access-code").then_some(())
    })
    .await;
    assert_eq!(plain.arrivals().len(), 1, "nothing but the notification");
    assert!(!String::from_utf8_lossy(&notification.message).to_lowercase().contains(CODE));
}

#[tokio::test]
async fn ten_wrong_access_codes_lock_the_message_until_an_administrator_unlocks_it() {
    let (lab, plain) = notified(Setup::default()).await;
    let home = lab.sink("org.test", None);
    let mut pim = Recipient::new(&lab, &plain, PIM);
    let link = pim.link().await;
    let form = pim.visitor.ask_for_code(&link).await;
    for left in (1..10).rev() {
        let page = pim.visitor.enter(&form, "zwarte7ganzen").await;
        assert!(page.status == 422 && !page.text().contains(TEXT), "{left}: {}", page.text());
    }
    for typed in ["zwarte7ganzen", CODE] {
        let page = pim.visitor.enter(&form, typed).await;
        assert!(page.status == 429 && page.text().contains("geblokkeerd"), "{}", page.text());
    }
    let told = arrival(&home, "word of the lock", to("jan@org.test")).await;
    check_told(&told, "te veel foute codes");
    let shown = lab.relay.delivery(PIM);
    assert!(shown.contains("wrong codes 10 in a row") && shown.contains("locked after"), "{shown}");

    let id = shown.split_whitespace().nth(1).expect("the delivery's id");
    assert!(told.text().contains(id), "the administrator can find it by the mail");
    assert!(lab.relay.command(&["queue", "unlock", id]).contains("unlocked"));
    let opened = pim.visitor.enter(&form, CODE).await;
    assert!(pim.visitor.read(&opened).await.contains(TEXT));
}

#[tokio::test]
async fn who_has_no_access_code_has_the_sender_asked_by_mail_once() {
    let (lab, plain) = notified(Setup::default()).await;
    let home = lab.sink("org.test", None);
    let mut pim = Recipient::new(&lab, &plain, PIM);
    let link = pim.link().await;
    let form = pim.visitor.ask_for_code(&link).await;
    for _ in 0..3 {
        let page = pim.visitor.press(&form.ask_form()).await;
        assert!(page.text().contains("De afzender krijgt hierover een e-mail"), "{}", page.text());
    }
    let told = arrival(&home, "the question", to("jan@org.test")).await;
    check_told(&told, "toegangscode niet heeft");
    assert_eq!(told.sender, "", "nothing may come back to it");
    until("the question to be sent", || {
        lab.relay.delivery(PIM).contains("the report mail was sent").then_some(())
    })
    .await;
    assert_eq!(home.arrivals().len(), 1);
}

#[tokio::test]
async fn where_e_mailed_codes_are_forbidden_an_access_code_is_the_way() {
    let policy = "email = false\n".to_owned();
    let (lab, plain) = notified(Setup { policy, ..Setup::default() }).await;
    assert!(Recipient::new(&lab, &plain, PIM).read_by(CODE).await.contains(TEXT));
}

#[tokio::test]
async fn where_the_asked_for_minimum_is_missed_an_access_code_is_the_way_and_else_it_is_not_asked_for()
 {
    let lab = Lab::start(Setup::default()).await;
    let good = lab.sink("good.test", Some(Kind::Good));
    let plain = lab.sink("plain.test", None);
    let right = format!("lisa@good.test access-code {CODE}");
    let letter = with_code().to("lisa@good.test").header("zivver-access-right", &right);
    lab.send(&letter.header(CERTIFIED.0, CERTIFIED.1)).await;
    assert!(arrival(&good, "the letter", to("lisa@good.test")).await.text().contains(TEXT));
    assert!(Recipient::new(&lab, &plain, PIM).read_by(CODE).await.contains(TEXT));
    assert_kept_secret(&plain);
}

#[tokio::test]
async fn an_access_code_that_is_too_short_refuses_the_message() {
    let lab = Lab::start(Setup::default()).await;
    let home = lab.sink("org.test", None);
    let right = format!("{PIM} access-code 1-2-3-4-5");
    lab.send(&secured().to(PIM).header("zivver-access-right", &right)).await;
    let bounce = arrival(&home, "the refusal", to("jan@org.test")).await;
    let words = String::from_utf8_lossy(&bounce.message).into_owned();
    assert!(words.contains("550 5.6.0") && words.contains("zivver-access-right"), "{words}");
}
