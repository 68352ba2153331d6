//! Recipients who wait for their sender: one mail, a page behind the sender's own mailbox, and what is given there.

use zegel_tests::canary;
use zegel_tests::kannel::Kannel;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::mailbox::{Arrival, Mailbox, arrival};
use zegel_tests::portal::{Page, Visitor};
use zegel_tests::recipient::Recipient;
use zegel_tests::sink::Sink;
use zegel_tests::wait::until;

use crate::{TEXT, assert_kept_secret, is_report, secured};

const JAN: &str = "jan@org.test";
const PIM: &str = "pim@plain.test";
const ELS: &str = "els@plain.test";
const NUMBER: &str = "+31612340987";
const CODE: &str = "blauwe7ganzen";

/// A world where a code by e-mail is forbidden, with these further lines of policy.
async fn world(policy: &str) -> (Lab, Sink, Sink) {
    let policy = format!("email = false\n{policy}");
    let lab = Lab::start(Setup { policy, texts: true, ..Setup::default() }).await;
    let (home, plain) = (lab.sink("org.test", None), lab.sink("plain.test", None));
    (lab, home, plain)
}

fn asks(mail: &Arrival) -> bool {
    mail.recipient == JAN && mail.sender_link().is_some()
}

/// The mail that asks Jan.
async fn asked(home: &Sink) -> Arrival {
    arrival(home, "a mail that asks the sender", asks).await
}

/// Jan follows this link and proves to be who they are.
async fn enter(lab: &Lab, home: &Sink, link: &str) -> (Visitor, Page) {
    let mut jan = lab.visitor();
    let form = jan.ask_for_code(link).await;
    let code =
        until("a code for Jan", || home.arrivals().iter().rev().find_map(Arrival::code)).await;
    let page = jan.enter(&form, &code).await;
    assert_eq!(page.status, 200, "{}", page.text());
    (jan, page)
}

fn id_of(lab: &Lab, recipient: &str) -> String {
    let shown = lab.relay.delivery(recipient);
    shown.split_whitespace().nth(1).expect("a delivery's id").to_owned()
}

/// Types this for a recipient, and sends it.
async fn give(
    lab: &Lab,
    jan: &mut Visitor,
    page: &Page,
    to: &str,
    field: &str,
    value: &str,
) -> Page {
    jan.press(&page.form_to(&id_of(lab, to)).fill(field, value)).await
}

async fn recorded(lab: &Lab, recipient: &str, word: &str) {
    until(&format!("the record of {recipient} to say {word}"), || {
        lab.relay.delivery(recipient).contains(word).then_some(())
    })
    .await;
}

#[tokio::test]
async fn one_mail_asks_for_all_who_wait_and_what_is_given_sends_it_on() {
    let (lab, home, plain) = world("").await;
    let kannel = Kannel::start(&lab.place).await;
    let right = format!("lisa@plain.test access-code {CODE}");
    let letter = secured().header("zivver-access-right", &right);
    lab.send(&letter.to(PIM).to("lisa@plain.test").to(ELS)).await;
    let mail = asked(&home).await;
    let text = mail.text();
    assert!(text.contains(PIM) && text.contains(ELS) && !text.contains("lisa@"), "{text}");
    let quoted = canary::in_mail(&mail, &[TEXT, "your results", CODE]);
    assert!(quoted.is_empty(), "{quoted:?}");
    Recipient::new(&lab, &plain, "lisa@plain.test").notification().await;

    let (mut jan, page) = enter(&lab, &home, &mail.sender_link().expect("a link")).await;
    for wrong in ["0612340987", "+31201234567", "+32470123456"] {
        let page = give(&lab, &mut jan, &page, PIM, "number", wrong).await;
        assert!(page.status == 422 && !page.html().contains(wrong), "{wrong}: {}", page.text());
    }
    let page = give(&lab, &mut jan, &page, PIM, "number", "+31 6 1234 0987").await;
    assert!(page.text().contains("krijgt het bericht nu"), "{}", page.text());
    assert!(page.text().contains(ELS) && !page.html().contains("0987"), "{}", page.html());
    let page = give(&lab, &mut jan, &page, ELS, "code", "Groene 8 eenden").await;
    assert_eq!(page.status, 200);

    let mut pim = Recipient::new(&lab, &plain, PIM);
    let link = pim.link().await;
    let form = pim.visitor.ask_for_code(&link).await;
    let code = kannel.text(NUMBER, 1).await.code().expect("a code");
    let opened = pim.visitor.enter(&form, &code).await;
    assert!(pim.visitor.read(&opened).await.contains(TEXT), "{}", opened.text());
    let mut els = Recipient::new(&lab, &plain, ELS);
    assert!(els.read_by("groene8eenden").await.contains(TEXT));

    // What was given is on file, and the organisation's now that it has opened a message.
    let listed = lab.relay.command(&["contact", "list"]);
    assert!(listed.contains("els@plain.test\taccess code\tfor authors of org.test"), "{listed}");
    assert!(listed.contains("pim@plain.test\tnumber ending in 87\tfor authors of"), "{listed}");
    assert_eq!(home.arrivals().iter().filter(|mail| asks(mail)).count(), 1);
    assert_kept_secret(&plain);
    let secrets = [NUMBER, NUMBER.trim_start_matches('+'), CODE, "groene8eenden"];
    let found = canary::sweep(&lab.state(), &secrets, |_| false);
    assert!(found.is_empty(), "{found:#?}");
    let log = lab.relay.log();
    assert!(secrets.iter().all(|word| !canary::holds(log.as_bytes(), word)), "{log}");
    let token = mail.sender_link().and_then(|link| link.rsplit('/').next().map(str::to_owned));
    assert!(!log.contains(&token.expect("a token")), "the link is in the log");
}

#[tokio::test]
async fn nobody_but_the_sender_gets_to_the_page_and_looking_changes_nothing() {
    let (lab, home, plain) = world("email-by-sender = true\n").await;
    lab.send(&secured().to(PIM)).await;
    let link = asked(&home).await.sender_link().expect("a link");
    let mails = home.arrivals().len();
    let mut scanner = lab.visitor();
    for _ in 0..20 {
        let page = scanner.open(&link).await;
        assert!(page.status == 200 && !page.html().contains(PIM), "{}", page.html());
        assert!(!page.html().contains(JAN), "the address is masked");
        assert_eq!(scanner.head(&link).await.status, 200);
    }
    assert!(scanner.cookies().is_empty() && home.arrivals().len() == mails);
    let start = scanner.open(&link).await.start_form();
    assert_eq!(scanner.press_from_elsewhere(&start).await.status, 403);

    let (mut jan, page) = enter(&lab, &home, &link).await;
    let code = home.arrivals().iter().rev().find_map(Arrival::code).expect("a code");
    let mut thief = lab.visitor();
    let form = thief.ask_for_code(&link).await;
    let stolen = thief.enter(&form, &code).await;
    assert!(!stolen.url.contains("/held/"), "a code works in its own browser: {}", stolen.text());
    assert_eq!(thief.open(&page.url).await.status, 403);
    let email = page.form_to(&format!("{}/email", id_of(&lab, PIM)));
    assert_eq!(thief.press(&email).await.status, 403);
    assert_eq!(jan.press_from_elsewhere(&email).await.status, 403);
    for _ in 0..3 {
        jan.follow(&page.links("/withdraw").pop().expect("a link to withdraw")).await;
    }
    assert!(lab.relay.delivery(PIM).contains("state       held") && plain.arrivals().is_empty());

    jan.press(&email).await;
    assert!(Recipient::new(&lab, &plain, PIM).read().await.contains(TEXT));
}

#[tokio::test]
async fn a_withdrawn_recipient_never_gets_it_and_without_the_organisations_leave_no_code_is_mailed()
{
    let (lab, home, plain) = world("").await;
    lab.send(&secured().to(PIM)).await;
    let link = asked(&home).await.sender_link().expect("a link");
    let (mut jan, page) = enter(&lab, &home, &link).await;
    assert!(!page.html().contains("/email\""), "{}", page.html());
    let form = page.form_to(&id_of(&lab, PIM));
    let email =
        zegel_tests::html::Form { action: format!("{}/email", form.action), ..form.clone() };
    assert_eq!(jan.press(&email).await.status, 404);
    let confirm = jan.follow(&page.links("/withdraw").pop().expect("a link to withdraw")).await;
    assert!(confirm.text().contains(PIM), "{}", confirm.text());
    let done = jan.press(&confirm.form_to("/withdraw")).await;
    assert!(done.status == 200 && done.text().contains("ingetrokken"), "{}", done.text());
    assert_eq!(jan.follow(&confirm.url).await.status, 410);
    recorded(&lab, PIM, "state       expired").await;
    assert!(jan.press(&form.fill("code", CODE)).await.status >= 400, "its key is gone");
    assert!(plain.arrivals().is_empty());
}

#[tokio::test]
async fn what_nobody_answers_in_time_is_reported_as_failed() {
    let retry = "first = \"1s\"\nmax = \"1s\"\nhold = \"2s\"\n".to_owned();
    let policy = "email = false\n".to_owned();
    let lab = Lab::start(Setup { policy, retry, ..Setup::default() }).await;
    let (home, plain) = (lab.sink("org.test", None), lab.sink("plain.test", None));
    lab.send(&secured().to(PIM)).await;
    let report = arrival(&home, "a report", is_report).await;
    let words = String::from_utf8_lossy(&report.message).into_owned();
    assert!(words.contains("Action: failed") && words.contains("Status: 5.7.0"), "{words}");
    assert!(report.recipient == JAN && plain.arrivals().is_empty());
    let link = asked(&home).await.sender_link().expect("a link");
    let (_, page) = enter(&lab, &home, &link).await;
    assert!(page.text().contains("Niemand wacht"), "{}", page.text());
}

#[tokio::test]
async fn where_all_wait_for_all_nobody_gets_it_before_the_last_can_be_verified() {
    let (lab, home, plain) = world("hold = \"all\"\n").await;
    let right = format!("{PIM} access-code {CODE}");
    lab.send(&secured().to(PIM).to(ELS).header("zivver-access-right", &right)).await;
    let mail = asked(&home).await;
    assert!(mail.text().contains(ELS) && !mail.text().contains(PIM), "{}", mail.text());
    recorded(&lab, PIM, "held: others of its recipients cannot be verified yet").await;
    assert!(plain.arrivals().is_empty());
    let (mut jan, page) = enter(&lab, &home, &mail.sender_link().expect("a link")).await;
    assert!(page.text().contains("1 andere ontvanger"), "{}", page.text());
    give(&lab, &mut jan, &page, ELS, "code", "groene8eenden").await;
    assert!(Recipient::new(&lab, &plain, PIM).read_by(CODE).await.contains(TEXT));
    assert!(Recipient::new(&lab, &plain, ELS).read_by("groene8eenden").await.contains(TEXT));
}

#[tokio::test]
async fn who_lacks_the_access_code_gets_another_from_the_senders_page() {
    let (lab, home, plain) = world("").await;
    let right = format!("{PIM} access-code {CODE}");
    lab.send(&secured().to(PIM).header("zivver-access-right", &right)).await;
    let mut pim = Recipient::new(&lab, &plain, PIM);
    let link = pim.link().await;
    let form = pim.visitor.ask_for_code(&link).await;
    pim.visitor.press(&form.ask_form()).await;
    let told = asked(&home).await;
    assert!(told.text().contains("toegangscode niet heeft"), "{}", told.text());
    let (mut jan, page) = enter(&lab, &home, &told.sender_link().expect("a link")).await;
    give(&lab, &mut jan, &page, PIM, "code", "gele9zwanen").await;
    until("another notification", || {
        let all = plain.arrivals();
        (all.iter().filter(|mail| mail.link().is_some()).count() == 2).then_some(())
    })
    .await;
    let form = pim.visitor.ask_for_code(&link).await;
    assert_eq!(pim.visitor.enter(&form, CODE).await.status, 422, "the code before is dead");
    let opened = pim.visitor.enter(&form, "gele9zwanen").await;
    assert!(pim.visitor.read(&opened).await.contains(TEXT), "{}", opened.text());
}
