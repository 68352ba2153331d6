//! The portal as a recipient without JavaScript uses it, and as scanners and strangers try to.

use tokio::net::TcpListener;
use zegel_tests::canary;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::letter::Letter;
use zegel_tests::mailbox::{Arrival, arrival};
use zegel_tests::recipient::Recipient;
use zegel_tests::sink::Sink;
use zegel_tests::wait::until;

use crate::{TEXT, secured};

const PIM: &str = "pim@plain.test";

/// A world in which Pim has a notification for this letter.
async fn notified(letter: Letter) -> (Lab, Sink) {
    let lab = Lab::start(Setup::default()).await;
    let plain = lab.sink("plain.test", None);
    lab.send(&letter.to(PIM)).await;
    Recipient::new(&lab, &plain, PIM).notification().await;
    (lab, plain)
}

/// Waits for the relay's record of the delivery to say this.
async fn recorded(lab: &Lab, word: &str) {
    until(&format!("the record to say {word}"), || {
        lab.relay.delivery(PIM).contains(word).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_recipient_asks_for_a_code_types_it_and_reads() {
    let (lab, plain) = notified(secured()).await;
    recorded(&lab, "sent by email").await;
    let mut pim = Recipient::new(&lab, &plain, PIM);
    let seen = pim.read().await;
    assert!(
        seen.contains(TEXT)
            && seen.contains("Secure: your results")
            && seen.contains("Jan de Vries"),
        "{seen}"
    );
    recorded(&lab, "opened by email").await;
}

#[tokio::test]
async fn who_reads_in_german_gets_the_next_notification_in_german() {
    let (lab, plain) = notified(secured()).await;
    let mut pim = Recipient::new(&lab, &plain, PIM);
    let link = pim.link().await;
    let page = pim.visitor.open(&format!("{link}?lang=de")).await;
    assert!(page.html().contains("<html lang=\"de\""));
    assert!(pim.read().await.contains(TEXT));
    let code = arrival(&plain, "the code", |mail| mail.code().is_some()).await;
    assert_eq!(code.head("Content-Language").unwrap(), "de");

    lab.send(&secured().to(PIM)).await;
    let german = |mail: &Arrival| mail.link().is_some_and(|other| other != link);
    let next = arrival(&plain, "the next notification", german).await;
    assert_eq!(next.head("Content-Language").unwrap(), "de");
    assert!(next.text().contains("hat Ihnen eine sichere Nachricht gesendet"), "{}", next.text());
}

#[tokio::test]
async fn a_code_does_not_wait_for_mail_servers_that_take_their_time() {
    let limits = "deliveries-max = 1\n".to_owned();
    let lab = Lab::start(Setup { limits, ..Setup::default() }).await;
    let plain = lab.sink("plain.test", None);
    lab.send(&secured().to(PIM)).await;
    let mut pim = Recipient::new(&lab, &plain, PIM);
    pim.notification().await;
    let silent = TcpListener::bind(lab.server("other.test")).await.expect("listen");
    lab.send(&secured().to("els@other.test")).await;
    let _held = silent.accept().await.expect("the relay connects, and waits for a greeting");
    assert!(pim.read().await.contains(TEXT));
}

#[tokio::test]
async fn link_scanners_change_nothing_and_have_nothing_sent() {
    let (lab, plain) = notified(secured()).await;
    recorded(&lab, "sent by email").await;
    let pim = Recipient::new(&lab, &plain, PIM);
    let link = pim.link().await;
    let mut scanner = lab.visitor();
    let first = scanner.open(&link).await;
    assert_eq!(first.status, 200);
    for _ in 0..50 {
        assert_eq!(scanner.open(&link).await.body, first.body);
        let head = scanner.head(&link).await;
        assert_eq!((head.status, head.body.len()), (200, 0));
    }
    assert!(scanner.cookies().is_empty());
    for secret in [TEXT, "your results", PIM] {
        assert!(!first.html().contains(secret), "{secret} is shown before verification");
    }
    recorded(&lab, "sent by email").await;
    assert!(pim.codes().is_empty());
}

#[tokio::test]
async fn after_five_wrong_tries_a_code_is_dead_and_a_new_one_works() {
    let (lab, plain) = notified(secured()).await;
    let mut pim = Recipient::new(&lab, &plain, PIM);
    let link = pim.link().await;
    let mut page = pim.visitor.ask_for_code(&link).await;
    let code = pim.code(1).await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        page = pim.visitor.enter(&page, wrong).await;
        assert!(!page.text().contains(TEXT));
    }
    page = pim.visitor.enter(&page, &code).await;
    assert!(
        !page.url.contains("/c/") && !pim.visitor.read(&page).await.contains(TEXT),
        "{}",
        page.text()
    );
}

#[tokio::test]
async fn a_code_works_once_and_only_in_the_browser_that_asked_for_it() {
    let (lab, plain) = notified(secured()).await;
    let mut pim = Recipient::new(&lab, &plain, PIM);
    let link = pim.link().await;
    let page = pim.visitor.ask_for_code(&link).await;
    let code = pim.code(1).await;

    let mut thief = lab.visitor();
    thief.open(&link).await;
    let stolen = thief.enter(&page, &code).await;
    assert!(!thief.read(&stolen).await.contains(TEXT), "{}", stolen.text());

    let opened = pim.visitor.enter(&page, &code).await;
    assert!(pim.visitor.read(&opened).await.contains(TEXT));
    let mut late = lab.visitor();
    let gone = late.open(&opened.url).await;
    assert!(!late.read(&gone).await.contains(TEXT), "the address of a conversation opens nothing");
}

#[tokio::test]
async fn a_form_on_somebody_elses_page_does_nothing() {
    let (lab, plain) = notified(secured()).await;
    let pim = Recipient::new(&lab, &plain, PIM);
    let mut visitor = lab.visitor();
    let start = visitor.open(&pim.link().await).await;
    assert_eq!(visitor.press_from_elsewhere(&start.start_form()).await.status, 403);
    assert!(pim.codes().is_empty());
}

#[tokio::test]
async fn a_link_that_was_never_sent_leads_nowhere() {
    let (lab, plain) = notified(secured()).await;
    let link = Recipient::new(&lab, &plain, PIM).link().await;
    let (front, token) = link.rsplit_once('/').expect("a token");
    let other: String = token.chars().rev().collect();
    assert_eq!(lab.visitor().open(&format!("{front}/{other}")).await.status, 404);
}

#[tokio::test]
async fn attachments_come_as_they_were_sent_and_the_whole_without_control_headers() {
    let parts = "--b\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n--b\r\nContent-Type: application/pdf\r\n\
        Content-Disposition: attachment; filename=\"results.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n\
        JVBERi0xLjcKJeLjz9MK\r\n--b--";
    let letter = secured()
        .header("MIME-Version", "1.0")
        .header("Content-Type", "multipart/mixed; boundary=b");
    let (lab, plain) =
        notified(letter.header("zivver-message-expiration", "delete P30D").text(parts)).await;
    let mut pim = Recipient::new(&lab, &plain, PIM);
    let page = pim.open().await;
    let file = page.links("results.pdf").pop().expect("a link to the file");
    let file = pim.visitor.follow(&file).await;
    assert_eq!(file.body, b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n");
    assert!(
        file.header("content-disposition").is_some_and(|value| value.starts_with("attachment"))
    );
    let whole = pim.visitor.follow(&page.links(".eml").pop().expect("a link to the whole")).await;
    assert!(whole.html().contains("JVBERi0xLjcKJeLjz9MK"));
    assert!(
        !whole.html().to_lowercase().contains("zivver") && !whole.html().contains("X-Zegel"),
        "{}",
        whole.html()
    );
}

#[tokio::test]
async fn hostile_html_is_shown_without_what_makes_it_hostile() {
    let html = "<p>Dear Pim</p><script>alert(1)</script><img src=\"https://evil.test/pixel\" onerror=\"x()\">\
        <a href=\"javascript:x()\">a</a><svg onload=\"x()\"></svg><form action=\"https://evil.test\"><input name=q></form>";
    let letter = secured()
        .header("MIME-Version", "1.0")
        .header("Content-Type", "text/html; charset=utf-8")
        .text(html);
    let (lab, plain) = notified(letter).await;
    let mut pim = Recipient::new(&lab, &plain, PIM);
    let page = pim.open().await;
    let sources = zegel_tests::html::values(&page.html(), "iframe", "src");
    let frame = pim.visitor.frame(sources.first().expect("HTML is shown in a frame")).await;
    assert!(frame.text().contains("Dear Pim"));
    for hostile in
        ["<script", "alert(1)", "evil.test", "onerror", "onload", "javascript:", "<svg", "<form"]
    {
        assert!(!frame.html().contains(hostile), "{hostile} is left in {}", frame.html());
    }
    let policy = frame.header("content-security-policy").expect("the frame has a policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("script-src"), "{policy}");
    assert!(page.html().contains("sandbox=") && !page.html().contains("allow-scripts"));
}

#[tokio::test]
async fn what_is_kept_is_sealed() {
    let (lab, _plain) = notified(secured()).await;
    let found = canary::sweep(&lab.state(), &["zestien", "your results"], |_| false);
    assert!(found.is_empty(), "{found:#?}");
}
