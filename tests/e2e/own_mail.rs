//! An organisation that is its own mail exchanger: what the relay sends to the organisation's own people comes by the same
//! Postfix, and by the same milter, again.

use std::time::{SystemTime, UNIX_EPOCH};

use zegel_core::marker::{self, Key};
use zegel_core::moment::Moment;
use zegel_tests::lab::{Lab, MARKER_KEY, NULL_MX, Setup};
use zegel_tests::letter::Letter;
use zegel_tests::mailbox::{Arrival, arrival};
use zegel_tests::mta::MailServer;
use zegel_tests::recipient::Recipient;
use zegel_tests::sink::Sink;
use zegel_tests::wait::until;

use crate::{CERTIFIED, TEXT, assert_kept_secret, is_report, secured, to};

/// Every mail that the relay composes would be selected by its subject, and whatever else the organisation sends.
const ALL_WORDS: &str = r#"
own-domains = ["org.test"]

[[rule]]
name = "trigger word"
when.subject = ["secure", "beveiligd", "bericht", "message", "afgeleverd", "bezorgd"]
action = "secure"
"#;

/// Lets through what is the relay's own only.
fn setup(marker_key: bool) -> Setup {
    Setup { rules: ALL_WORDS.to_owned(), marker_key, own_mx: true, ..Setup::default() }
}

/// What the milter did with messages, as its log has it: `selected` or `passed`.
fn count(lab: &Lab, what: &str) -> usize {
    lab.milter.log().lines().filter(|line| line.contains(&format!(": {what}"))).count()
}

#[track_caller]
fn assert_unmarked(mail: &Arrival) {
    assert_eq!(mail.head(marker::HEADER), None, "{}", String::from_utf8_lossy(&mail.message));
    assert_eq!(mail.head("X-Zegel-Route"), None);
}

#[tokio::test]
async fn a_notification_to_a_colleague_passes_the_milter_and_leads_to_the_message() {
    let lab = Lab::start(setup(true)).await;
    let home = lab.sink("org.test", None);
    lab.send(&secured().to("piet@org.test")).await;
    let mut reader = Recipient::new(&lab, &home, "piet@org.test");
    assert_unmarked(&reader.notification().await);
    assert!(reader.read().await.contains(TEXT));
    assert_eq!(count(&lab, "selected"), 1, "{}", lab.milter.log());
    assert!(lab.milter.log().contains("built in: the relay's own mail"), "{}", lab.milter.log());
    assert_kept_secret(&home);
}

#[tokio::test]
async fn a_report_to_the_sender_passes_the_milter() {
    let lab = Lab::start(setup(true)).await;
    let home = lab.sink("org.test", None);
    lab.send(&secured().to(&format!("pim@{NULL_MX}"))).await;
    let report = arrival(&home, "a report", is_report).await;
    assert_eq!((report.recipient.as_str(), report.sender.as_str()), ("jan@org.test", ""));
    assert_unmarked(&report);
    assert_eq!(count(&lab, "selected"), 1, "{}", lab.milter.log());
}

#[tokio::test]
async fn a_direct_delivery_to_a_colleague_passes_the_milter_with_its_trigger_word() {
    let lab = Lab::start(setup(true)).await;
    let home = lab.sink("org.test", None);
    lab.send(&secured().to("piet@org.test").header(CERTIFIED.0, CERTIFIED.1)).await;
    let found = arrival(&home, "the letter", to("piet@org.test")).await;
    assert_eq!(found.head("Subject").as_deref(), Some("Secure: your results"));
    assert!(found.text().contains(TEXT));
    assert_unmarked(&found);
    assert_eq!(count(&lab, "selected"), 1, "{}", lab.milter.log());
}

/// Without a key that both know, what comes back is refused, told in the log, and does not go round.
async fn check_refused(letter: &Letter, selected: usize) {
    let lab = Lab::start(setup(false)).await;
    let home = lab.sink("org.test", None);
    lab.send(letter).await;
    until("a refusal in the log", || lab.sending.log().contains("5.4.6").then_some(())).await;
    assert!(lab.sending.log().contains("marker-key-file"), "{}", lab.sending.log());
    // What had to go round has done so when a later letter has arrived and nothing is left in the queue.
    lab.send(&Letter::from("jan@org.test").to("kees@org.test").subject("Lunch")).await;
    arrival(&home, "a later letter", to("kees@org.test")).await;
    until("an empty queue", || lab.sending.queue().is_empty().then_some(())).await;
    assert_eq!(count(&lab, "selected"), selected, "{}", lab.milter.log());
    assert_kept_secret(&home);
}

#[tokio::test]
async fn without_the_key_a_notification_that_comes_back_is_refused_once() {
    check_refused(&secured().to("piet@org.test"), 2).await;
}

#[tokio::test]
async fn without_the_key_a_direct_delivery_that_comes_back_becomes_a_notification_and_that_is_refused()
 {
    let letter = secured().to("piet@org.test").header(CERTIFIED.0, CERTIFIED.1);
    check_refused(&letter, 3).await;
}

/// A letter with the trigger word, for another domain, that carries a marker.
fn marked(recipient: &str, key: &str, age: i64) -> Letter {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs();
    let made = Moment(i64::try_from(now).expect("a time in this era") - age);
    let key = Key::new(key.as_bytes()).expect("a key");
    let letter = secured().to(recipient);
    let author = letter.sender().parse().expect("an address");
    let value = marker::make(&key, letter.message_id(), &author, made);
    letter.header(marker::HEADER, &value)
}

async fn check_selected(lab: &Lab, plain: &Sink, recipient: &str, letter: &Letter) {
    lab.send(letter).await;
    assert_unmarked(&Recipient::new(lab, plain, recipient).notification().await);
    assert_kept_secret(plain);
}

#[tokio::test]
async fn only_a_fresh_marker_of_the_shared_key_for_this_very_message_passes() {
    let lab = Lab::start(setup(true)).await;
    let plain = lab.sink("plain.test", None);
    let forged = marked("forged@plain.test", "another key that is long enough to be one", 0);
    check_selected(&lab, &plain, "forged@plain.test", &forged).await;
    let expired = marked("expired@plain.test", MARKER_KEY, 2 * 60 * 60);
    check_selected(&lab, &plain, "expired@plain.test", &expired).await;
    let early = marked("early@plain.test", MARKER_KEY, -60 * 60);
    check_selected(&lab, &plain, "early@plain.test", &early).await;
    let twice = marked("twice@plain.test", MARKER_KEY, 0).header(marker::HEADER, "v1;t=0;m=");
    check_selected(&lab, &plain, "twice@plain.test", &twice).await;
    // The proof that the others failed for what is wrong with them.
    lab.send(&marked("good@plain.test", MARKER_KEY, 0)).await;
    let passed = arrival(&plain, "the marked letter", to("good@plain.test")).await;
    assert!(passed.text().contains(TEXT));
    assert_unmarked(&passed);
}

const THREAD: &str = "<0190a1b2c3d47e5f8a9b0c1d2e3f4a5d.zegel@org.test>";

fn reply(author: &str, recipient: &str) -> Letter {
    let references = format!("<first@other.test>\r\n {THREAD}");
    Letter::from(author)
        .to(recipient)
        .subject("Re: lunch")
        .header("References", &references)
        .text(TEXT)
}

#[tokio::test]
async fn an_answer_in_a_secured_thread_stays_secure_if_it_is_one_of_ours() {
    let lab = Lab::start(setup(true)).await;
    let plain = lab.sink("plain.test", None);
    lab.send(&reply("jan@org.test", "pim@plain.test")).await;
    Recipient::new(&lab, &plain, "pim@plain.test").notification().await;
    assert_kept_secret(&plain);
    assert!(lab.milter.log().contains("built in: reply to a secured message"));
    lab.send(&reply("guest@other.test", "lisa@plain.test")).await;
    assert!(arrival(&plain, "a guest's answer", to("lisa@plain.test")).await.text().contains(TEXT));
}

#[tokio::test]
async fn an_answer_is_ordinary_mail_where_the_organisation_wants_that() {
    let rules = format!("replies = \"ordinary\"\n{ALL_WORDS}");
    let lab = Lab::start(Setup { rules, ..setup(true) }).await;
    let plain = lab.sink("plain.test", None);
    lab.send(&reply("jan@org.test", "pim@plain.test")).await;
    assert!(arrival(&plain, "the answer", to("pim@plain.test")).await.text().contains(TEXT));
}
