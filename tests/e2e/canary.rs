//! Words that were given to the relay in confidence are looked for in everything that it leaves behind.

use zegel_tests::ca::Kind;
use zegel_tests::canary;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::letter::Letter;
use zegel_tests::mailbox::{Arrival, Mailbox, arrival};
use zegel_tests::mta::MailServer;
use zegel_tests::recipient::Recipient;
use zegel_tests::wait::until;

use crate::{BY_EMAIL, CERTIFIED, is_report, to};

const NUMBER: &str = "31612340987";
const CODE: &str = "481516234209";
/// Put on file by the administrator, the number in vain: nobody sends text messages here.
const FILED_NUMBER: &str = "31612349876";
const FILED_CODE: &str = "kanarievogel23";
const SUBJECT: &str = "kanariegeel";
const BODY: &str = "kanariezang";

/// Somebody whose server names them, and quotes what was sent.
const TALKED_ABOUT: &str = "els@wrongname.test";

/// For the recipients of a direct delivery and nobody else.
const CONTENT: [&str; 2] = [SUBJECT, BODY];
/// For nobody at all.
const CONTROL: [&str; 4] = [NUMBER, CODE, "zivver", "x-zegel-route"];

#[track_caller]
fn check(mails: &[Arrival], words: &[&str]) {
    for mail in mails {
        let found = canary::in_mail(mail, words);
        assert!(
            found.is_empty(),
            "{found:?} in a mail to {}: {}",
            mail.recipient,
            String::from_utf8_lossy(&mail.message)
        );
    }
}

#[tokio::test]
async fn control_headers_codes_and_content_are_nowhere_but_with_the_recipient() {
    let lab = Lab::start(Setup::default()).await;
    let home = lab.sink("org.test", None);
    let good = lab.sink("good.test", Some(Kind::Good));
    let plain = lab.sink("plain.test", None);
    let refusing = lab.script("other.test", None).answer("RCPT", "550 5.1.1 nobody", 9);
    let other = lab.sink_with("other.test", refusing);

    let letter = |author| {
        let letter = Letter::from(author).subject(&format!("Secure: {SUBJECT}")).text(BODY);
        letter.header(CERTIFIED.0, CERTIFIED.1).header(BY_EMAIL.0, BY_EMAIL.1)
    };
    lab.send(
        &letter("jan@org.test").to("lisa@good.test").to("pim@plain.test").to("nobody@other.test"),
    )
    .await;
    // What cannot be done as asked is refused; Postfix tells its author, and gives the header section back.
    let by = |right: &str| ("zivver-access-right", format!("els@plain.test {right}"));
    let (name, number) = by(&format!("sms +{NUMBER}"));
    lab.send(&letter("app@org.test").to("els@plain.test").header(name, &number)).await;
    let (name, code) = by(&format!("access-code {CODE}"));
    lab.send(&letter("jan@org.test").to("els@plain.test").header(name, &code)).await;
    lab.relay.told(&["contact", "set", "els@plain.test", "--access-code"], FILED_CODE);
    let filed =
        format!("recipient,number,access-code\nels@plain.test,+{FILED_NUMBER},{FILED_CODE}\n");
    let file = lab.place.write("contacts.csv", &filed);
    let refused = lab.relay.refuses(&["contact", "import", "--apply", &file.to_string_lossy()]);
    assert!(!refused.contains(FILED_NUMBER), "a refusal says the number");
    std::fs::remove_file(file).expect("remove the file");

    arrival(&good, "the letter", to("lisa@good.test")).await;
    arrival(&home, "a report", |mail| is_report(mail) && mail.recipient == "jan@org.test").await;
    let mut pim = Recipient::new(&lab, &plain, "pim@plain.test");
    assert!(pim.read().await.contains(BODY));
    let mut els = Recipient::new(&lab, &plain, "els@plain.test");
    assert!(els.read_by(CODE).await.contains(BODY));
    until("the mail server to be done", || lab.sending.queue().is_empty().then_some(())).await;

    check(&good.arrivals(), &CONTROL);
    let bounces: Vec<_> =
        home.arrivals().into_iter().filter(|mail| mail.recipient == "app@org.test").collect();
    assert_eq!(bounces.len(), 1);
    check(&bounces, &[BODY]);
    let mut others: Vec<_> =
        [&home, &plain, &other].into_iter().flat_map(Mailbox::arrivals).collect();
    others.retain(|mail| mail.recipient != "app@org.test");
    check(&others, &[CONTROL.as_slice(), CONTENT.as_slice()].concat());
    let (code, link) = (pim.code(1).await, pim.link().await);
    let token = link.rsplit('/').next().unwrap_or_default().to_owned();
    // Control headers have no place in the relay's store and log. The mail server's and the milter's own logs name the
    // route; that is their business, but the words in confidence are nobody's.
    let secrets = [NUMBER, CODE, FILED_NUMBER, FILED_CODE, SUBJECT, BODY, &token];
    let logs = [lab.relay.log(), lab.milter.log(), lab.sending.log()];
    for (name, log) in ["relay", "milter", "mail server"].iter().zip(&logs) {
        let found: Vec<_> =
            secrets.iter().filter(|word| canary::holds(log.as_bytes(), word)).collect();
        assert!(found.is_empty(), "{found:?} in the log of the {name}:\n{log}");
    }
    assert!(
        !logs[0].split(|char: char| !char.is_ascii_digit()).any(|word| word == code),
        "the code is in the log"
    );
    let found = canary::sweep(&lab.state(), &secrets, |_| false);
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test]
async fn what_a_server_says_of_a_message_goes_no_further() {
    let lab = Lab::start(Setup::default()).await;
    let home = lab.sink("org.test", None);
    let script = lab.script("wrongname.test", None);
    let script = script.answer("RCPT", &format!("450 4.7.1 <{TALKED_ABOUT}> must wait"), 1);
    let script = script.answer(".", &format!("554 5.7.1 no {BODY} here"), 1);
    let talkative = lab.sink_with("wrongname.test", script);
    lab.send(&Letter::from("jan@org.test").subject("Secure: x").text(BODY).to(TALKED_ABOUT)).await;

    let report = arrival(&home, "a report", is_report).await;
    assert!(canary::in_mail(&report, &["5.7.1"]).len() == 1 && !talkative.sessions().is_empty());
    check(&[report], &[BODY]);
    let (log, shown) = (lab.relay.log(), lab.relay.delivery(TALKED_ABOUT));
    assert!(!log.contains(TALKED_ABOUT) && log.contains("failed; will try again"), "{log}");
    assert!(shown.contains("must wait") && !shown.contains(BODY), "{shown}");
    let found = canary::sweep(&lab.state(), &[BODY], |_| false);
    assert!(found.is_empty(), "{found:#?}");
}
