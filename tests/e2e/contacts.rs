//! Numbers and access codes on file: what a message brings serves the next one, once its recipient has opened it.

use zegel_tests::canary;
use zegel_tests::kannel::Kannel;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::letter::Letter;
use zegel_tests::mailbox::Mailbox;
use zegel_tests::recipient::Recipient;
use zegel_tests::sink::Sink;
use zegel_tests::wait::until;

use crate::{TEXT, secured};

const PIM: &str = "pim@plain.test";
const NUMBER: &str = "+31612340987";
const CODE: &str = "blauwe7ganzen";

/// The link in the `number`th notification for Pim, counted from 1.
async fn link(plain: &Sink, number: usize) -> String {
    until(&format!("notification {number}"), || {
        let arrivals = plain.arrivals().into_iter().filter(|mail| mail.recipient == PIM);
        arrivals.filter_map(|mail| mail.link()).nth(number - 1)
    })
    .await
}

/// Waits for the newest delivery to Pim to say this, and gives back all that is shown of it.
async fn shown(lab: &Lab, says: &str) -> String {
    until(&format!("the record to say {says}"), || {
        Some(lab.relay.delivery(PIM)).filter(|shown| shown.contains(says))
    })
    .await
}

/// Neither of them stands in the relay's state or log.
#[track_caller]
fn assert_sealed(lab: &Lab, secrets: &[&str]) {
    let found = canary::sweep(&lab.state(), secrets, |_| false);
    let log = lab.relay.log();
    let logged: Vec<_> =
        secrets.iter().filter(|word| canary::holds(log.as_bytes(), word)).collect();
    assert!(found.is_empty() && logged.is_empty(), "{found:#?} {logged:?}");
}

#[tokio::test]
async fn the_number_of_one_message_serves_colleagues_once_the_recipient_has_opened_it() {
    let lab = Lab::start(Setup { texts: true, ..Setup::default() }).await;
    let kannel = Kannel::start(&lab.place).await;
    let plain = lab.sink("plain.test", None);
    let right = format!("{PIM} sms {NUMBER}");
    lab.send(&secured().to(PIM).header("zivver-access-right", &right)).await;
    shown(&lab, "sent by sms").await;
    let listed = lab.relay.command(&["contact", "list"]);
    assert!(
        listed.contains("number ending in 87") && listed.contains("jan@org.test alone"),
        "{listed}"
    );
    assert!(!listed.contains("0987"), "{listed}");

    // Not opened yet: to everybody, and to its sender too, it counts for nothing.
    lab.send(&secured().to(PIM)).await;
    let early = shown(&lab, "sent by email").await;
    assert!(early.contains("not by sms: nothing is on file"), "{early}");

    let mut pim = Recipient::new(&lab, &plain, PIM);
    let page = pim.visitor.ask_for_code(&link(&plain, 1).await).await;
    let code = kannel.text(NUMBER, 1).await.code().expect("a code");
    let page = pim.visitor.enter(&page, &code).await;
    assert!(pim.visitor.read(&page).await.contains(TEXT), "{}", page.text());
    let listed = lab.relay.command(&["contact", "list"]);
    assert!(listed.contains("for authors of org.test") && !listed.contains("alone"), "{listed}");

    let file =
        lab.place.write("letter.eml", &String::from_utf8_lossy(&secured().to(PIM).message()));
    let explained = lab.relay.command(&["explain", &file.to_string_lossy()]);
    assert!(explained.contains("verified by sms"), "{explained}");

    lab.send(&Letter::from("counsel@org.test").subject("x").text(TEXT).to(PIM)).await;
    let later = shown(&lab, "sent by sms").await;
    assert!(
        later.contains("not by custom-access-right: the message does not ask for it"),
        "{later}"
    );
    let mut again = lab.visitor();
    let page = again.ask_for_code(&link(&plain, 3).await).await;
    assert!(page.text().contains("87") && !page.text().contains(NUMBER), "{}", page.text());
    let code = kannel.text(NUMBER, 2).await.code().expect("a code");
    let page = again.enter(&page, &code).await;
    assert!(again.read(&page).await.contains(TEXT), "{}", page.text());

    lab.relay.command(&["contact", "forget", PIM]);
    assert_eq!(lab.relay.command(&["contact", "list"]), "");
    lab.send(&secured().to(PIM)).await;
    shown(&lab, "sent by email").await;
    assert_sealed(&lab, &[NUMBER, NUMBER.trim_start_matches('+')]);
}

#[tokio::test]
async fn a_file_is_imported_whole_or_not_at_all_and_its_codes_open_messages() {
    let policy = "email = false\n".to_owned();
    let lab = Lab::start(Setup { policy, ..Setup::default() }).await;
    let plain = lab.sink("plain.test", None);
    let write = |lines: &str| {
        let file = lab.place.write("contacts.csv", &format!("recipient;access-code\r\n{lines}"));
        file.to_string_lossy().into_owned()
    };
    let file = write(&format!("{PIM};{CODE}\r\nels@plain.test;kort\r\n"));
    for arguments in [&["contact", "import", &file][..], &["contact", "import", &file, "--apply"]] {
        let told = lab.relay.refuses(arguments);
        assert!(
            told.contains("line 3: an access code has 6 to 64") && !told.contains(CODE),
            "{told}"
        );
        assert_eq!(lab.relay.command(&["contact", "list"]), "");
    }
    let file = write(&format!("{PIM};{CODE}\r\nels@plain.test;groene8eenden\r\n"));
    let said = lab.relay.command(&["contact", "import", &file]);
    assert!(said.contains("0 numbers and 2 access codes of 2 recipients"), "{said}");
    assert_eq!(lab.relay.command(&["contact", "list"]), "", "a dry run changes nothing");
    lab.relay.command(&["contact", "import", &file, "--apply"]);
    std::fs::remove_file(file).expect("remove the file");
    assert_eq!(lab.relay.command(&["contact", "list"]).lines().count(), 2);

    lab.send(&secured().to(PIM)).await;
    shown(&lab, "sent by access-code").await;
    assert!(Recipient::new(&lab, &plain, PIM).read_by("Blauwe 7 ganzen").await.contains(TEXT));
    shown(&lab, "opened by access-code").await;
    lab.relay.told(&["contact", "set", PIM, "--access-code"], "Gele 9 zwanen\n");
    lab.send(&secured().to(PIM)).await;
    let mut later = lab.visitor();
    let form = later.ask_for_code(&link(&plain, 2).await).await;
    assert_eq!(later.enter(&form, CODE).await.status, 422, "the code before is gone");
    let page = later.enter(&form, "gele9zwanen").await;
    assert!(later.read(&page).await.contains(TEXT), "{}", page.text());
    assert_sealed(&lab, &[CODE, "gele9zwanen", "groene8eenden"]);
}

#[tokio::test]
async fn what_is_taken_off_file_on_the_way_opens_nothing_any_more() {
    let policy = "email = false\n".to_owned();
    let lab = Lab::start(Setup { policy, ..Setup::default() }).await;
    let plain = lab.sink("plain.test", None);
    lab.relay.told(&["contact", "set", PIM, "--access-code"], CODE);
    lab.send(&secured().to(PIM)).await;
    let link = link(&plain, 1).await;
    let mut pim = lab.visitor();
    let form = pim.ask_for_code(&link).await;
    lab.relay.command(&["contact", "forget", PIM, "--access-code"]);
    let page = pim.enter(&form, CODE).await;
    assert!(page.status == 403 && !pim.read(&page).await.contains(TEXT), "{}", page.text());
}
