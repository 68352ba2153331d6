//! Whole journeys through the portal, over a real store.

mod factors;
mod sender;

use std::time::Duration;

use zegel_core::delivery::State;

use super::fixture::{Browser, Fixture, ORIGIN, RECIPIENT, REFERENCE, TOKEN};
use crate::vault::Purpose;

const LINK: &str = "/m/0123456789abcdefghjkmnpqrs";

/// Every route, as someone may ask for it who has nothing.
const ROUTES: [(&str, &str); 36] = [
    ("GET", "/"),
    ("POST", "/find"),
    ("GET", "/find/code"),
    ("POST", "/find/code"),
    ("POST", "/find/resend"),
    ("POST", "/find/ask"),
    ("GET", LINK),
    ("POST", "/m/0123456789abcdefghjkmnpqrs/start"),
    ("GET", "/m/0123456789abcdefghjkmnpqrs/code"),
    ("POST", "/m/0123456789abcdefghjkmnpqrs/code"),
    ("POST", "/m/0123456789abcdefghjkmnpqrs/resend"),
    ("POST", "/m/0123456789abcdefghjkmnpqrs/ask"),
    ("GET", "/s/0123456789abcdefghjkmnpqrs"),
    ("POST", "/s/0123456789abcdefghjkmnpqrs/start"),
    ("GET", "/s/0123456789abcdefghjkmnpqrs/code"),
    ("POST", "/s/0123456789abcdefghjkmnpqrs/code"),
    ("POST", "/s/0123456789abcdefghjkmnpqrs/resend"),
    ("GET", "/held/018f0000000070008000000000000000"),
    ("POST", "/held/018f0000000070008000000000000000/018f0000000070008000000000000000"),
    ("POST", "/held/018f0000000070008000000000000000/018f0000000070008000000000000000/email"),
    ("GET", "/held/018f0000000070008000000000000000/018f0000000070008000000000000000/withdraw"),
    ("POST", "/held/018f0000000070008000000000000000/018f0000000070008000000000000000/withdraw"),
    ("GET", "/c/018f0000000070008000000000000000"),
    ("GET", "/c/018f0000000070008000000000000000/body"),
    ("GET", "/c/018f0000000070008000000000000000/print"),
    ("GET", "/c/018f0000000070008000000000000000/att/0/x"),
    ("GET", "/c/018f0000000070008000000000000000/message.eml"),
    ("POST", "/logout"),
    ("GET", "/uitgelogd"),
    ("GET", "/echt"),
    ("GET", "/hulp"),
    ("GET", "/toegankelijkheid"),
    ("GET", "/robots.txt"),
    ("GET", "/.well-known/security.txt"),
    ("GET", "/healthz"),
    ("GET", "/no/such/page"),
];

/// Goes through the link to the message.
async fn log_in(fixture: &Fixture, browser: &mut Browser) -> String {
    browser.post(&format!("{LINK}/start"), "").await;
    let code = fixture.mailed_code().await.unwrap();
    let answer = browser.post(&format!("{LINK}/code"), &format!("code={code}")).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    answer.header("location").to_owned()
}

fn wrong(code: &str) -> String {
    format!("code={:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

#[tokio::test]
async fn all_routes_headers() {
    let fixture = Fixture::new().await;
    for (method, path) in ROUTES {
        let answer = fixture.browser().ask(method, path, &[("origin", ORIGIN)], "").await;
        for name in [
            "strict-transport-security",
            "x-content-type-options",
            "referrer-policy",
            "cross-origin-opener-policy",
            "cross-origin-resource-policy",
            "permissions-policy",
            "x-frame-options",
            "x-robots-tag",
            "cache-control",
        ] {
            assert!(answer.headers.contains_key(name), "{method} {path}: no {name}");
        }
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{method} {path}: {policy}");
        assert!(policy.contains("script-src 'none'"), "{method} {path}: {policy}");
        assert!(!answer.body.contains("<script"), "{method} {path}");
    }
}

#[tokio::test]
async fn scan_head_get_100x_no_effect() {
    let fixture = Fixture::new().await;
    let mut scanner = fixture.browser();
    let first = scanner.get(LINK).await;
    assert_eq!(first.status, 200);
    for _ in 0..100 {
        assert_eq!(scanner.get(LINK).await.body, first.body);
        let head = scanner.ask("HEAD", LINK, &[], "").await;
        assert_eq!((head.status, head.body.as_str()), (first.status, ""));
        assert_eq!(head.header("content-length"), first.body.len().to_string());
    }
    assert!(scanner.cookies.is_empty());
    assert!(fixture.is_untouched().await);
    assert_eq!(fixture.mailed_code().await, None);
}

#[tokio::test]
async fn before_verification_a_page_tells_names_and_dates_and_nothing_more() {
    let fixture = Fixture::new().await;
    let page = fixture.browser().get(LINK).await.body;
    assert!(page.contains("p•••@e•••.com"), "{page}");
    for secret in ["Uitslag", "canary-body", RECIPIENT, "a&quot;b", ".txt"] {
        assert!(!page.contains(secret), "{secret} in {page}");
    }
}

#[tokio::test]
async fn what_others_wrote_is_escaped() {
    let fixture = Fixture::new().await;
    let mut browser = fixture.browser();
    let message = log_in(&fixture, &mut browser).await;
    for path in
        ["/", LINK, message.as_str(), &format!("{message}/print"), &format!("{message}/body")]
    {
        let page = browser.get(path).await.body;
        for markup in ["<script", "<b>de", "<i>", "onclick", "<Voorbeeld>"] {
            assert!(!page.contains(markup), "{path}: {markup}");
        }
    }
    let page = browser.get(&message).await.body;
    assert!(page.contains("Uitslag &#60;script&#62;alert(1)&#60;/script&#62;"), "{page}");
}

#[tokio::test]
async fn a_recipient_reads_and_downloads_and_leaves() {
    let fixture = Fixture::new().await;
    let mut browser = fixture.browser();
    let message = log_in(&fixture, &mut browser).await;
    assert_eq!(message, format!("/c/{}", fixture.delivery));

    browser.ask("HEAD", &message, &[], "").await;
    assert!(matches!(fixture.state().await, State::Sent { .. }));
    let page = browser.get(&message).await;
    assert_eq!(page.status, 200);
    assert!(matches!(fixture.state().await, State::Opened { .. }));

    let body = browser.get(&format!("{message}/body")).await;
    assert!(body.body.contains("canary-body"), "{body:?}");
    assert_eq!(body.header("x-frame-options"), "SAMEORIGIN");
    let top =
        browser.ask("GET", &format!("{message}/body"), &[("sec-fetch-dest", "document")], "").await;
    assert_eq!(top.status, 404);
    assert!(browser.get(&format!("{message}/print")).await.body.contains("canary-body"));

    let original = browser.get(&format!("{message}/message.eml")).await.body;
    assert!(original.contains("canary-body"));
    assert!(!original.contains("werkplek.intern"), "{original}");

    let link = browser.get(LINK).await;
    assert_eq!((link.status.as_u16(), link.header("location")), (303, message.as_str()));
    let leave = browser.post("/logout", "").await;
    assert_eq!(leave.header("clear-site-data"), "\"cache\", \"cookies\", \"storage\"");
    assert_eq!(browser.get(&message).await.status, 403);
}

#[tokio::test]
async fn an_attachment_comes_whole_or_in_part_and_never_as_a_part_of_a_page() {
    let fixture = Fixture::new().await;
    let mut browser = fixture.browser();
    let message = log_in(&fixture, &mut browser).await;
    let page = browser.get(&message).await.body;
    let (_, behind) = page.split_once("/att/").unwrap();
    let path = format!("{message}/att/{}", behind.split('"').next().unwrap());

    let whole = browser.get(&path).await;
    assert_eq!((whole.status.as_u16(), whole.body.as_str()), (200, "0123456789"));
    assert!(whole.header("content-disposition").starts_with("attachment; "));
    assert_eq!(whole.header("content-security-policy"), "sandbox; default-src 'none'");
    let part = browser.ask("GET", &path, &[("range", "bytes=3-5")], "").await;
    assert_eq!((part.status.as_u16(), part.body.as_str()), (206, "345"));
    assert_eq!(part.header("content-range"), "bytes 3-5/10");
    let beyond = browser.ask("GET", &path, &[("range", "bytes=10-")], "").await;
    assert_eq!((beyond.status.as_u16(), beyond.header("content-range")), (416, "bytes */10"));
    assert_eq!(browser.ask("GET", &path, &[("sec-fetch-dest", "script")], "").await.status, 404);
    assert_eq!(fixture.browser().get(&path).await.status, 403);
}

#[tokio::test]
async fn code_wrong_5_then_new() {
    let fixture = Fixture::new().await;
    let mut browser = fixture.browser();
    browser.post(&format!("{LINK}/start"), "").await;
    let code = fixture.mailed_code().await.unwrap();
    for left in [4, 3, 2, 1, 0] {
        let answer = browser.post(&format!("{LINK}/code"), &wrong(&code)).await;
        assert_eq!(answer.status, 422);
        let says = match left {
            0 => "Vraag een nieuwe code aan".to_owned(),
            1 => "nog 1 poging".to_owned(),
            left => format!("nog {left} pogingen"),
        };
        assert!(answer.body.contains(&says), "{says}: {}", answer.body);
        assert!(answer.body.contains("<title>Fout:"));
    }
    let late = browser.post(&format!("{LINK}/code"), &format!("code={code}")).await;
    assert_eq!(late.status, 422, "the right code after five wrong ones");

    let code = fixture.code_later(&browser).await;
    let answer = browser.post(&format!("{LINK}/code"), &format!("code={code}")).await;
    assert_eq!(answer.status, 303, "a new code");
}

#[tokio::test]
async fn old_code_valid_after_resend() {
    let fixture = Fixture::new().await;
    let mut browser = fixture.browser();
    browser.post(&format!("{LINK}/start"), "").await;
    let old = fixture.mailed_code().await.unwrap();
    let new = fixture.code_later(&browser).await;
    assert_ne!(old, new);
    let answer = browser.post(&format!("{LINK}/code"), &format!("code={old}")).await;
    assert_eq!(answer.status, 303);
}

#[tokio::test]
async fn a_network_that_guesses_is_stopped_even_when_it_guesses_right() {
    let fixture = Fixture::new().await;
    let mut browser = fixture.browser();
    browser.post(&format!("{LINK}/start"), "").await;
    let form = format!("code={}", fixture.mailed_code().await.unwrap());
    let now = crate::lifecycle::now();
    let key = fixture
        .portal
        .store
        .keyring()
        .mac(Purpose::Counter, &[b"failure", &[0, 0, 0, 0, 192, 0, 2, 1]]);
    for _ in 0..60 {
        assert!(fixture.portal.store.within(key, 60, Duration::from_hours(1), now).await.unwrap());
    }
    assert_eq!(browser.post(&format!("{LINK}/code"), &form).await.status, 429);
    browser.address = "192.0.2.2:1";
    assert_eq!(browser.post(&format!("{LINK}/code"), &form).await.status, 303);
}

#[tokio::test]
async fn what_is_no_code_costs_no_try() {
    let fixture = Fixture::new().await;
    let mut browser = fixture.browser();
    browser.post(&format!("{LINK}/start"), "").await;
    for typed in ["", "code=", "code=12345", "code=1234567", "code=abcdef"] {
        assert_eq!(browser.post(&format!("{LINK}/code"), typed).await.status, 422, "{typed}");
    }
    assert_eq!(fixture.portal.store.tally(fixture.delivery).await.unwrap().failures_total, 0);
}

#[tokio::test]
async fn code_used_twice() {
    let fixture = Fixture::new().await;
    let mut browser = fixture.browser();
    browser.post(&format!("{LINK}/start"), "").await;
    let before = browser.cookies.clone();
    let form = format!("code={}", fixture.mailed_code().await.unwrap());
    assert_eq!(browser.post(&format!("{LINK}/code"), &form).await.status, 303);
    browser.cookies = before;
    assert_eq!(browser.post(&format!("{LINK}/code"), &form).await.status, 422);
}

#[tokio::test]
async fn code_other_browser() {
    let fixture = Fixture::new().await;
    let (mut theirs, mut other) = (fixture.browser(), fixture.browser());
    theirs.post(&format!("{LINK}/start"), "").await;
    let form = format!("code={}", fixture.mailed_code().await.unwrap());
    let answer = other.post(&format!("{LINK}/code"), &form).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, LINK));
    let name = super::session::Name::draw();
    other.cookies.insert("__Host-pv".into(), name.reveal().into());
    assert_eq!(other.post(&format!("{LINK}/code"), &form).await.status, 422);
    assert_eq!(theirs.post(&format!("{LINK}/code"), &form).await.status, 303);
}

#[tokio::test]
async fn a_second_press_of_the_button_sends_nothing_and_keeps_the_first_code_working() {
    let fixture = Fixture::new().await;
    let mut browser = fixture.browser();
    browser.post(&format!("{LINK}/start"), "").await;
    let code = fixture.mailed_code().await.unwrap();
    let mut hurried = fixture.browser();
    assert_eq!(hurried.post(&format!("{LINK}/start"), "").await.status, 200);
    assert!(hurried.cookies.is_empty());
    assert_eq!(fixture.mailed_code().await, None);
    let answer = browser.post(&format!("{LINK}/code"), &format!("code={code}")).await;
    assert_eq!(answer.status, 303);
}

#[tokio::test]
async fn find_same_response_valid_invalid() {
    let fixture = Fixture::new().await;
    let looks =
        [(REFERENCE, RECIPIENT), ("zzzzzzzzzz", RECIPIENT), (REFERENCE, "other@example.com")];
    let mut answers = Vec::new();
    for (reference, address) in looks {
        let mut browser = fixture.browser();
        let look = browser.post("/find", &format!("reference={reference}&address={address}")).await;
        let lengths: Vec<_> =
            browser.cookies.iter().map(|(name, value)| (name.clone(), value.len())).collect();
        let ask = browser.get("/find/code").await;
        fixture.portal.lifecycle.finished().await;
        let code = fixture.mailed_code().await;
        assert_eq!(code.is_some(), (reference, address) == looks[0], "{reference} {address}");
        let guess = browser
            .post("/find/code", &code.map_or("code=000000".into(), |code| wrong(&code)))
            .await;
        answers.push((look.status, look.body, lengths, ask.body, guess.status, guess.body));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
}

#[tokio::test]
async fn a_typed_message_code_leads_to_the_message() {
    let fixture = Fixture::new().await;
    let mut browser = fixture.browser();
    browser.post("/find", "reference=O123-4567-89&address=Piet%40example.com").await;
    fixture.portal.lifecycle.finished().await;
    let code = fixture.mailed_code().await.unwrap();
    let answer = browser.post("/find/code", &format!("code={code}")).await;
    assert_eq!(answer.header("location"), format!("/c/{}", fixture.delivery));
    assert_eq!(browser.get(answer.header("location")).await.status, 200);
}

#[tokio::test]
async fn a_sixth_look_within_a_minute_waits() {
    let fixture = Fixture::new().await;
    let mut browser = fixture.browser();
    for look in 1..=6 {
        let form = format!("reference={REFERENCE}&address=a{look}@example.com");
        let answer = browser.post("/find", &form).await;
        assert_eq!(answer.status.as_u16(), if look <= 5 { 303 } else { 429 }, "look {look}");
    }
}

#[tokio::test]
async fn a_link_survives_how_it_is_copied_and_an_unknown_one_is_not_found() {
    let fixture = Fixture::new().await;
    let mut browser = fixture.browser();
    for copied in
        [TOKEN.to_uppercase(), TOKEN.replace('0', "o").replace('1', "l"), format!("{TOKEN}.")]
    {
        assert_eq!(browser.get(&format!("/m/{copied}")).await.status, 200, "{copied}");
    }
    for unknown in ["/m/zzzzzzzzzzzzzzzzzzzzzzzzzz", "/m/x", "/c/x", "/x"] {
        let status = browser.get(unknown).await.status;
        assert_eq!(
            status.as_u16(),
            if unknown.starts_with("/c/") { 403 } else { 404 },
            "{unknown}"
        );
    }
}

#[tokio::test]
async fn an_answer_says_which_methods_there_are() {
    let fixture = Fixture::new().await;
    let mut browser = fixture.browser();
    let answer = browser.ask("DELETE", LINK, &[("origin", ORIGIN)], "").await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "GET,HEAD"));
    assert_eq!(browser.get("/logout").await.status, 405);
    let long = format!("code={}", "1".repeat(5000));
    assert_eq!(browser.post(&format!("{LINK}/code"), &long).await.status, 413);
}

#[tokio::test]
async fn csrf_matrix() {
    let fixture = Fixture::new().await;
    let elsewhere = "https://elsewhere.test";
    for (site, origin, may) in [
        (Some("same-origin"), Some(ORIGIN), true),
        (Some("same-origin"), Some("null"), true),
        (Some("same-origin"), None, true),
        (Some("same-site"), Some(ORIGIN), false),
        (Some("cross-site"), Some(ORIGIN), false),
        (Some("none"), Some(ORIGIN), false),
        (None, Some(ORIGIN), true),
        (None, Some(elsewhere), false),
        (None, Some("null"), false),
        (None, None, false),
    ] {
        let headers: Vec<_> = [("sec-fetch-site", site), ("origin", origin)]
            .into_iter()
            .filter_map(|(n, v)| Some((n, v?)))
            .collect();
        let answer = fixture.browser().ask("POST", "/logout", &headers, "").await;
        assert_eq!(answer.status.as_u16(), if may { 303 } else { 403 }, "{site:?} {origin:?}");
    }
    let prefetch = [("sec-fetch-site", "same-origin"), ("sec-purpose", "prefetch")];
    assert_eq!(fixture.browser().ask("POST", "/logout", &prefetch, "").await.status, 403);
}

#[tokio::test]
async fn what_a_proxy_got_in_the_clear_is_refused_and_health_is_for_this_machine() {
    let fixture = Fixture::new().await;
    let mut proxy = Browser { address: "127.0.0.1:1", ..fixture.browser() };
    let client = ("x-forwarded-for", "198.51.100.1");
    assert_eq!(proxy.ask("GET", "/", &[client], "").await.status, 403);
    assert_eq!(
        proxy.ask("GET", "/", &[client, ("x-forwarded-proto", "https")], "").await.status,
        200
    );
    assert_eq!(proxy.get("/healthz").await.body, "ok\n");
    assert_eq!(
        proxy.ask("GET", "/healthz", &[client, ("x-forwarded-proto", "https")], "").await.status,
        404
    );
    assert_eq!(fixture.browser().get("/healthz").await.status, 404);
}

#[tokio::test]
async fn a_withdrawn_message_is_gone_and_its_session_with_it() {
    let fixture = Fixture::new().await;
    let mut browser = fixture.browser();
    let message = log_in(&fixture, &mut browser).await;
    let now = crate::lifecycle::now();
    let withdrawn = zegel_core::delivery::Event::Withdrawn;
    fixture.portal.store.apply(fixture.delivery, withdrawn, now).await.unwrap();
    for path in
        [LINK, message.as_str(), &format!("{message}/body"), &format!("{message}/message.eml")]
    {
        let answer = browser.get(path).await;
        assert!(matches!(answer.status.as_u16(), 403 | 404 | 410), "{path}: {}", answer.status);
        assert!(!answer.body.contains("canary-body"));
    }
    assert_eq!(fixture.browser().get(LINK).await.status, 410);
}

#[tokio::test]
async fn a_language_is_chosen_on_the_page_and_remembered() {
    let fixture = Fixture::new().await;
    let mut browser = fixture.browser();
    assert!(browser.get("/").await.body.contains("<html lang=\"nl\""));
    assert!(browser.get("/?lang=en").await.body.contains("<html lang=\"en\""));
    assert!(browser.get(LINK).await.body.contains("Secure message from"));
    let english = [("accept-language", "pl, en-GB;q=0.8, nl;q=0.5")];
    let page = fixture.browser().ask("GET", "/", &english, "").await;
    assert!(page.body.contains("<html lang=\"en\""));
}

#[tokio::test]
async fn a_choice_of_language_is_the_recipients_once_they_have_proved_who_they_are() {
    let fixture = Fixture::new().await;
    let mut browser = fixture.browser();
    browser.get(&format!("{LINK}?lang=de")).await;
    browser.post(&format!("{LINK}/start"), "").await;
    let code = fixture.mailed_code().await.unwrap();
    let recipient = RECIPIENT.parse().unwrap();
    let remembered = async || fixture.portal.store.language_of(&recipient).await.unwrap();
    browser.post(&format!("{LINK}/code"), &wrong(&code)).await;
    assert_eq!(remembered().await, None);
    browser.post(&format!("{LINK}/code"), &format!("code={code}")).await;
    assert_eq!(remembered().await, Some(zegel_core::notice::Language::De));
}

#[tokio::test]
async fn no_link_is_dead() {
    let fixture = Fixture::new().await;
    let mut browser = fixture.browser();
    let message = log_in(&fixture, &mut browser).await;
    for path in
        ["/", LINK, "/echt", "/hulp", "/toegankelijkheid", "/uitgelogd", "/x", message.as_str()]
    {
        let page = browser.get(path).await.body;
        let links = page.split(" href=\"/").chain(page.split(" src=\"/")).skip(1);
        for link in
            links.filter_map(|rest| rest.split('"').next()).filter(|link| !link.starts_with('<'))
        {
            let answer = browser.get(&format!("/{link}")).await;
            assert_eq!(answer.status, 200, "{path}: /{link}");
        }
    }
}
