//! Recipients who prove who they are by an access code or by a telephone number.

use zegel_core::delivery::State;
use zegel_core::directive::AccessRight;
use zegel_core::secret::Secret;

use super::LINK;
use crate::lifecycle;
use crate::portal::fixture::{Browser, Fixture, RECIPIENT, REFERENCE};

const CODE: &str = "blauwe7ganzen";
const NUMBER: &str = "+31612345678";

async fn agreed() -> Fixture {
    Fixture::by(AccessRight::AccessCode(Secret::new(CODE))).await
}

async fn texted() -> Fixture {
    Fixture::by(AccessRight::Sms(Secret::new(NUMBER))).await
}

/// Types this behind the link; the answer's status and page.
async fn enter(browser: &mut Browser, typed: &str) -> (u16, String) {
    let answer = browser.post(&format!("{LINK}/code"), &format!("code={typed}")).await;
    (answer.status.as_u16(), answer.body)
}

/// The code in the text message that was queued last.
async fn code_in_text(fixture: &Fixture) -> String {
    let (number, words) = fixture.portal.store.waiting_texts().await.pop().expect("a text");
    assert_eq!(number, NUMBER);
    words.split(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn who_knows_the_access_code_reads_and_nothing_is_sent() {
    let fixture = agreed().await;
    let mut browser = fixture.browser();
    let page = browser.get(LINK).await.body;
    assert!(page.contains("toegangscode") && !page.contains(CODE), "{page}");
    assert!(fixture.is_untouched().await && browser.cookies.is_empty());

    let start = browser.post(&format!("{LINK}/start"), "").await;
    assert_eq!(start.header("location"), format!("{LINK}/code"));
    let page = browser.get(&format!("{LINK}/code")).await.body;
    assert!(page.contains("Toegangscode") && !page.contains("/resend"), "{page}");
    assert_eq!(fixture.mailed_code().await, None);

    assert_eq!(enter(&mut browser, "Blauwe+7-GANZEN").await.0, 303);
    let message = browser.get(&format!("/c/{}", fixture.delivery)).await;
    assert_eq!(message.status, 200);
    assert!(matches!(fixture.state().await, State::Opened { .. }));
    assert!(fixture.told_to_sender().await.is_empty());
}

#[tokio::test]
async fn ten_wrong_access_codes_in_a_row_lock_until_somebody_unlocks() {
    let fixture = agreed().await;
    let mut browser = fixture.browser();
    browser.post(&format!("{LINK}/start"), "").await;
    assert_eq!(enter(&mut browser, "kort").await.0, 422, "it costs no try");
    for left in (1..10).rev() {
        let (status, page) = enter(&mut browser, "zwarte7ganzen").await;
        let says = if left == 1 { "nog 1 poging".into() } else { format!("nog {left} pogingen") };
        assert!(status == 422 && page.contains(&says), "{left}: {page}");
    }
    assert!(fixture.told_to_sender().await.is_empty());
    assert_eq!(enter(&mut browser, "zwarte7ganzen").await.0, 429);
    for typed in [CODE, "zwarte7ganzen"] {
        assert_eq!(enter(&mut browser, typed).await.0, 429, "{typed}");
    }
    assert_eq!(browser.post(&format!("{LINK}/start"), "").await.status, 429);
    let told = fixture.told_to_sender().await;
    assert!(told.len() == 1 && told[0].contains(RECIPIENT) && !told[0].contains(CODE), "{told:?}");
    assert!(fixture.history().await.iter().any(|note| note.starts_with("locked after")));

    let now = lifecycle::now();
    assert_eq!(fixture.portal.store.unlock(fixture.delivery, now).await, Ok(true));
    assert_eq!(fixture.portal.store.unlock(fixture.delivery, now).await, Ok(false));
    assert_eq!(enter(&mut browser, CODE).await.0, 303);
    assert_eq!(fixture.history().await.iter().filter(|note| note.contains("unlocked")).count(), 1);
}

#[tokio::test]
async fn a_right_access_code_forgives_the_wrong_ones_before_it() {
    let fixture = agreed().await;
    for _ in 0..2 {
        let mut browser = fixture.browser();
        browser.post(&format!("{LINK}/start"), "").await;
        for _ in 0..9 {
            assert_eq!(enter(&mut browser, "zwarte7ganzen").await.0, 422);
        }
        assert_eq!(enter(&mut browser, CODE).await.0, 303);
    }
}

#[tokio::test]
async fn answers_at_once_get_no_more_than_ten_tries() {
    let fixture = agreed().await;
    let mut browser = fixture.browser();
    browser.post(&format!("{LINK}/start"), "").await;
    let cookies = browser.cookies;
    let guesses = (0..14).map(|_| async {
        let mut browser = Browser { cookies: cookies.clone(), ..fixture.browser() };
        enter(&mut browser, "zwarte7ganzen").await.0
    });
    let statuses = futures_util::future::join_all(guesses).await;
    assert_eq!(statuses.iter().filter(|status| **status == 422).count(), 9, "{statuses:?}");
    assert_eq!(fixture.told_to_sender().await.len(), 1);
}

#[tokio::test]
async fn an_access_code_opens_only_in_a_browser_that_pressed_the_button() {
    let fixture = agreed().await;
    let answer = fixture.browser().post(&format!("{LINK}/code"), &format!("code={CODE}")).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, LINK));
}

#[tokio::test]
async fn who_has_no_access_code_has_the_sender_asked_once_a_day() {
    let fixture = agreed().await;
    let mut browser = fixture.browser();
    browser.post(&format!("{LINK}/start"), "").await;
    for _ in 0..3 {
        let asked = browser.post(&format!("{LINK}/ask"), "").await;
        assert_eq!(asked.header("location"), format!("{LINK}/code?asked"));
    }
    let page = browser.get(&format!("{LINK}/code?asked")).await.body;
    assert!(page.contains("De afzender krijgt hierover een e-mail"), "{page}");
    let told = fixture.told_to_sender().await;
    assert!(told.len() == 1 && told[0].contains("heeft geen toegangscode"), "{told:?}");
    for secret in [CODE, "Uitslag", "canary-body"] {
        assert!(!told[0].contains(secret), "{secret}: {}", told[0]);
    }
    assert_eq!(
        fixture.history().await.iter().filter(|note| note.contains("access code")).count(),
        1
    );
}

#[tokio::test]
async fn who_waits_for_a_mailed_code_has_nothing_to_ask_the_sender_for() {
    let fixture = Fixture::new().await;
    let asked = fixture.browser().post(&format!("{LINK}/ask"), "").await;
    assert_eq!(asked.header("location"), format!("{LINK}/code?unreachable"));
    assert!(fixture.told_to_sender().await.is_empty());
}

#[tokio::test]
async fn a_code_goes_to_the_number_and_shows_no_more_of_it_than_its_end() {
    let fixture = texted().await;
    let mut browser = fixture.browser();
    let page = browser.get(LINK).await.body;
    assert!(page.contains("eindigt op 78") && !page.contains("612345"), "{page}");
    assert!(fixture.portal.store.waiting_texts().await.is_empty());

    browser.post(&format!("{LINK}/start"), "").await;
    let page = browser.get(&format!("{LINK}/code")).await.body;
    assert!(page.contains("eindigt op 78") && !page.contains("612345"), "{page}");
    let code = code_in_text(&fixture).await;
    assert_eq!(fixture.mailed_code().await, None);
    let (number, words) = fixture.portal.store.waiting_texts().await.remove(0);
    assert_eq!(number, NUMBER);
    assert!(words.ends_with(&format!("\n\n@bericht.voorbeeld.nl #{code}")), "{words}");
    let wrong = super::wrong(&code);
    assert_eq!(browser.post(&format!("{LINK}/code"), &wrong).await.status, 422);
    assert_eq!(enter(&mut browser, &code).await.0, 303);
}

#[tokio::test]
async fn text_messages_stop_when_the_numbers_budget_is_spent() {
    let fixture = texted().await;
    let budget = &fixture.portal.site.budget;
    let country = zegel_core::phone::Number::parse(NUMBER).unwrap().country();
    let number = budget.allowances(country)[0];
    let per = number.per.as_secs().to_be_bytes();
    let parts: [&[u8]; 3] = [b"text-number", NUMBER.as_bytes(), &per];
    let key = fixture.portal.store.keyring().mac(crate::vault::Purpose::Counter, &parts);
    let now = lifecycle::now();
    for _ in 0..number.most {
        assert!(fixture.portal.store.within(key, number.most, number.per, now).await.unwrap());
    }
    let mut browser = fixture.browser();
    let answer = browser.post(&format!("{LINK}/start"), "").await;
    assert_eq!(answer.status, 429);
    assert!(answer.body.contains("60 minuten"), "{}", answer.body);
    assert!(fixture.portal.store.waiting_texts().await.is_empty());
    assert!(fixture.is_untouched().await);
}

#[tokio::test]
async fn who_gets_no_text_message_has_the_sender_told() {
    let fixture = texted().await;
    let asked = fixture.browser().post(&format!("{LINK}/ask"), "").await;
    assert_eq!(asked.header("location"), format!("{LINK}/code?asked"));
    let told = fixture.told_to_sender().await;
    assert!(told.len() == 1 && !told[0].contains("612345"), "{told:?}");
}

#[tokio::test]
async fn a_typed_message_code_tells_nobody_which_factor_opens_the_message() {
    let mut answers = Vec::new();
    for (fixture, reference) in [
        (agreed().await, REFERENCE),
        (texted().await, REFERENCE),
        (Fixture::new().await, REFERENCE),
        (agreed().await, "zzzzzzzzzz"),
    ] {
        let mut browser = fixture.browser();
        let look =
            browser.post("/find", &format!("reference={reference}&address={RECIPIENT}")).await;
        fixture.portal.lifecycle.finished().await;
        let mut pages = vec![(look.status, look.header("location").to_owned(), look.body)];
        for path in ["/find/code", "/find/code?again", "/find/code?asked"] {
            let answer = browser.get(path).await;
            pages.push((answer.status, String::new(), answer.body));
        }
        for typed in ["code=000001", "code=zwarte7ganzen", "code=kort"] {
            let answer = browser.post("/find/code", typed).await;
            pages.push((answer.status, String::new(), answer.body));
        }
        let asked = browser.post("/find/ask", "").await;
        pages.push((asked.status, asked.header("location").to_owned(), asked.body));
        answers.push(pages);
    }
    for other in &answers[1..] {
        assert_eq!(&answers[0], other);
    }
}

#[tokio::test]
async fn a_typed_message_code_leads_to_a_message_with_an_access_code_and_to_its_sender() {
    let fixture = agreed().await;
    let mut browser = fixture.browser();
    browser.post("/find", &format!("reference={REFERENCE}&address={RECIPIENT}")).await;
    browser.post("/find/ask", "").await;
    fixture.portal.lifecycle.finished().await;
    assert_eq!(fixture.told_to_sender().await.len(), 1);
    let answer = browser.post("/find/code", &format!("code={CODE}")).await;
    assert_eq!(answer.header("location"), format!("/c/{}", fixture.delivery));
}
