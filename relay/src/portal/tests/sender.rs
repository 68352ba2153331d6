//! The sender's page: whose it is, what it opens, and how often somebody may guess.

use super::LINK;
use crate::lifecycle;
use crate::portal::fixture::{Browser, Fixture};
use crate::store::{Account, Kind, Trouble};

/// The address of the sender's page, once there is something to ask them.
async fn page(fixture: &Fixture) -> String {
    let submission =
        fixture.portal.store.delivery(fixture.delivery).await.unwrap().unwrap().submission;
    let trouble = Trouble {
        delivery: fixture.delivery,
        note: "tested",
        page: submission,
        mail: None,
        once: None,
    };
    fixture.portal.store.tell_sender(trouble, lifecycle::now()).await.unwrap();
    format!("/s/{}", fixture.portal.store.sender_token(submission).reveal())
}

/// The code in the mail to the sender.
async fn code(fixture: &Fixture) -> String {
    let mail = fixture.told_to_sender().await.pop().expect("a mail to the sender");
    let six = |word: &&str| word.len() == 6 && word.bytes().all(|octet| octet.is_ascii_digit());
    mail.split(|c: char| !c.is_ascii_alphanumeric()).find(six).map(str::to_owned).expect("a code")
}

async fn enter(browser: &mut Browser, page: &str, code: &str) -> u16 {
    browser.post(&format!("{page}/code"), &format!("code={code}")).await.status.as_u16()
}

#[tokio::test]
async fn what_a_sender_proves_opens_their_page_and_nothing_of_the_message() {
    let fixture = Fixture::new().await;
    let page = page(&fixture).await;
    let mut browser = fixture.browser();
    let shown = browser.get(&page).await;
    assert!(shown.status == 200 && !shown.body.contains("jan@voorbeeld.nl"), "{}", shown.body);
    assert!(browser.cookies.is_empty() && fixture.told_to_sender().await.is_empty());
    browser.post(&format!("{page}/start"), "").await;
    let code = code(&fixture).await;
    assert_eq!(enter(&mut browser, &page, &code).await, 303);
    let held = browser.get(&page).await.header("location").to_owned();
    assert!(held.starts_with("/held/"), "{held}");
    let shown = browser.get(&held).await;
    assert!(shown.status == 200 && !shown.body.contains("Uitslag"), "{}", shown.body);
    assert_eq!(browser.get(&format!("/c/{}", fixture.delivery)).await.status, 403);
    assert_eq!(fixture.browser().get(&held).await.status, 403);

    // A recipient's session is none of the sender's.
    let mut recipient = fixture.browser();
    recipient.post(&format!("{LINK}/start"), "").await;
    let code = fixture.mailed_code().await.expect("a code");
    recipient.post(&format!("{LINK}/code"), &format!("code={code}")).await;
    assert_eq!(recipient.get(&format!("/c/{}", fixture.delivery)).await.status, 200);
    assert_eq!(recipient.get(&held).await.status, 403);
    browser.post("/logout", "").await;
    assert_eq!(browser.get(&held).await.status, 403);
}

#[tokio::test]
async fn guesses_at_once_get_no_more_than_the_limit_and_an_administrator_lets_in_again() {
    let fixture = Fixture::new().await;
    let page = page(&fixture).await;
    let mut browser = fixture.browser();
    browser.post(&format!("{page}/start"), "").await;
    let code = code(&fixture).await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let cookies = browser.cookies.clone();
    let guesses = (0..40).map(|_| async {
        let mut browser = Browser { cookies: cookies.clone(), ..fixture.browser() };
        enter(&mut browser, &page, wrong).await
    });
    let statuses = futures_util::future::join_all(guesses).await;
    assert_eq!(statuses.iter().filter(|status| **status == 422).count(), 10, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 422 | 429)), "{statuses:?}");
    assert_eq!(enter(&mut browser, &page, &code).await, 429, "the right one comes too late");
    let now = lifecycle::now();
    assert_eq!(fixture.portal.store.unlock(fixture.delivery, now).await, Ok(true));
    assert_eq!(fixture.portal.store.unlock(fixture.delivery, now).await, Ok(false));
    assert_eq!(enter(&mut browser, &page, &code).await, 422, "five tries have killed that code");
}

#[tokio::test]
async fn who_may_not_send_any_more_may_not_answer_either() {
    let fixture = Fixture::new().await;
    let page = page(&fixture).await;
    let mut browser = fixture.browser();
    browser.post(&format!("{page}/start"), "").await;
    let code = code(&fixture).await;
    assert_eq!(enter(&mut browser, &page, &code).await, 303);
    let held = browser.get(&page).await.header("location").to_owned();
    let account = Account {
        address: "jan@voorbeeld.nl".parse().unwrap(),
        kind: Kind::Person,
        aliases: Vec::new(),
        created: lifecycle::now(),
        suspended: Some(lifecycle::now()),
    };
    fixture.portal.store.add_account(account).await.unwrap();
    for path in [&page, &held] {
        let answer = browser.get(path).await;
        assert!(answer.status == 403 && answer.body.contains("geblokkeerd"), "{}", answer.body);
    }
    let give = format!("{held}/{}", fixture.delivery);
    assert_eq!(browser.post(&give, "code=blauwe7ganzen").await.status, 403);
    assert!(fixture.portal.store.contacts(None).await.unwrap().is_empty());
}
