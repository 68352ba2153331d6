use zegel_core::budget::Payer;
use zegel_core::secret::Secret;

use super::super::MailKind;
use super::super::fixture::{Fixture, LEASE, NOW, address};
use super::*;

const BROWSER: [u8; 32] = [1; 32];
const SECOND: Duration = Duration::from_secs(1);
const WEEK: Duration = Duration::from_hours(7 * 24);

fn code(delivery: DeliveryId, number: usize) -> NewCode {
    let message = format!("canary-code {number}").into_bytes();
    let (to, expires) = (address("a@example.com"), NOW.plus(LEASE));
    let mail = NewMail {
        kind: MailKind::Code,
        delivery: Some(delivery),
        to,
        message,
        floor: None,
        expires,
    };
    NewCode {
        challenge: format!("challenge-{number}"),
        mac: CodeMac(vec![2; 32]),
        post: Post::Mail(mail),
        spends: Vec::new(),
    }
}

fn session(delivery: DeliveryId, number: u8) -> NewSession {
    NewSession { id_hash: [number; 32], delivery, created: NOW }
}

async fn check(fixture: &Fixture, delivery: DeliveryId, now: Moment, expected: access::Request) {
    let (limits, code) = (Limits::default(), code(delivery, usize::try_from(now.0).unwrap()));
    let request = fixture.store.request_code(delivery, BROWSER, code, &limits, now);
    assert_eq!(request.await, Ok(expected), "at {now:?}");
}

#[tokio::test]
async fn codes_are_sent_within_the_limits_and_requests_at_once_are_one() {
    let fixture = Fixture::new().await;
    let delivery = fixture.delivery().await.id;
    let limits = Limits::default();
    let requests = (0..20).map(|number| {
        fixture.store.request_code(delivery, BROWSER, code(delivery, number), &limits, NOW)
    });
    let verdicts = futures_util::future::try_join_all(requests).await.unwrap();
    let sent = verdicts.iter().filter(|verdict| **verdict == access::Request::Send).count();
    assert_eq!(sent, 1, "{verdicts:?}");
    assert_eq!(fixture.store.claim_mails(NOW, LEASE, 100).await.unwrap().len(), 1);

    for minute in 1..5 {
        check(&fixture, delivery, NOW.plus(minute * 60 * SECOND), access::Request::Send).await;
    }
    let until = NOW.plus(600 * SECOND);
    check(&fixture, delivery, NOW.plus(300 * SECOND), access::Request::Throttled { until }).await;
    assert_eq!(fixture.store.tally(delivery).await.unwrap().sent.len(), 5);
}

#[tokio::test]
async fn an_attempt_counts_on_disk_before_it_is_judged() {
    let fixture = Fixture::new().await;
    let delivery = fixture.delivery().await.id;
    check(&fixture, delivery, NOW, access::Request::Send).await;
    let (challenges, tally) = fixture.store.begin_attempt(delivery, BROWSER, NOW).await.unwrap();
    assert_eq!((challenges.len(), challenges[0].tries, tally.failures_total), (1, 1, 1));
    assert_eq!(fixture.another().await.tally(delivery).await, Ok(tally));

    let (elsewhere, tally) = fixture.store.begin_attempt(delivery, [9; 32], NOW).await.unwrap();
    assert_eq!((elsewhere.len(), tally.failures_total), (0, 2));
}

#[tokio::test]
async fn attempts_at_once_all_count() {
    let fixture = Fixture::new().await;
    let delivery = fixture.delivery().await.id;
    let attempts = (0..30).map(|_| fixture.store.begin_attempt(delivery, BROWSER, NOW));
    futures_util::future::try_join_all(attempts).await.unwrap();
    assert_eq!(fixture.store.tally(delivery).await.unwrap().failures_total, 30);
}

#[tokio::test]
async fn a_code_opens_one_session_however_often_it_is_used_at_once() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let delivery = fixture.delivery().await.id;
    check(&fixture, delivery, NOW, access::Request::Send).await;
    store.begin_attempt(delivery, BROWSER, NOW).await.unwrap();
    let challenge = format!("challenge-{}", NOW.0);
    let late = NOW.plus(Limits::default().lifetime);
    assert_eq!(store.consume(Some(&challenge), session(delivery, 99), late).await, Ok(false));

    let uses =
        (0..10).map(|number| store.consume(Some(&challenge), session(delivery, number), NOW));
    let uses = futures_util::future::try_join_all(uses).await.unwrap();
    assert_eq!(uses.iter().filter(|used| **used).count(), 1, "{uses:?}");
    assert_eq!(store.tally(delivery).await.unwrap().failures_total, 0);

    let opened = u8::try_from(uses.iter().position(|used| *used).unwrap()).unwrap();
    store.touch_session([opened; 32], NOW.plus(SECOND)).await.unwrap();
    let expected = Session { delivery, created: NOW, last_seen: NOW.plus(SECOND) };
    assert_eq!(store.session([opened; 32]).await, Ok(Some(expected)));
    assert_eq!(store.session([99; 32]).await, Ok(None));
    store.end_session([opened; 32]).await.unwrap();
    assert_eq!(store.session([opened; 32]).await, Ok(None));
}

#[tokio::test]
async fn links_lead_to_one_delivery_and_may_be_added_twice() {
    let fixture = Fixture::new().await;
    let claimed = fixture.claimed(&["a@x.nl", "b@x.nl"]).await;
    let (a, b, store) = (claimed[0].id, claimed[1].id, &fixture.store);
    for (delivery, token, reference) in [(a, 1, 11), (a, 1, 11), (b, 2, 12)] {
        store.add_link(delivery, [token; 32], [reference; 32], NOW).await.unwrap();
    }
    assert_eq!(store.by_token([1; 32]).await, Ok(Some(a)));
    assert_eq!(store.by_token([11; 32]).await, Ok(None));
    assert_eq!(store.by_reference([12; 32]).await, Ok(Some(b)));
    assert_eq!(store.by_reference([13; 32]).await, Ok(None));
    store.add_link(a, [3; 32], [12; 32], NOW).await.unwrap();
    assert_eq!(store.by_reference([12; 32]).await, Ok(None));
}

#[tokio::test]
async fn uses_beyond_the_limit_are_refused_until_the_oldest_is_over() {
    let fixture = Fixture::new().await;
    let within = async |key: u8, seconds, expected| {
        let now = NOW.plus(seconds * SECOND);
        let within = fixture.store.within([key; 32], 2, 60 * SECOND, now).await;
        assert_eq!(within, Ok(expected), "key {key} after {seconds} s");
    };
    within(1, 0, true).await;
    within(1, 30, true).await;
    within(1, 59, false).await;
    within(2, 59, true).await;
    within(1, 60, true).await;
    within(1, 61, false).await;
}

/// A code by text message that these payers, each with its own key, must pay for.
fn text(delivery: DeliveryId, number: usize, payers: &[(u8, Payer, u32)]) -> NewCode {
    let text = NewText {
        delivery,
        number: Secret::new("+31612345678"),
        words: Secret::new("canary-code"),
        expires: NOW.plus(LEASE),
    };
    let spend = |(key, payer, most): &(u8, Payer, u32)| Spend {
        allowance: Allowance { payer: *payer, most: *most, per: Duration::from_mins(10) },
        key: [*key; 32],
    };
    let spends = payers.iter().map(spend).collect();
    NewCode { post: Post::Text(text), spends, ..code(delivery, number) }
}

#[tokio::test]
async fn a_text_message_is_paid_for_by_all_or_not_sent() {
    let fixture = Fixture::new().await;
    let delivery = fixture.delivery().await.id;
    let request = async |number, payers: &[(u8, Payer, u32)], at| {
        let code = text(delivery, number, payers);
        fixture.store.request_code(delivery, BROWSER, code, &Limits::default(), at).await.unwrap()
    };
    let payers = [(1, Payer::Number, 3), (2, Payer::Organisation, 2)];
    let spent = |until| access::Request::Spent { payer: Payer::Organisation, until };
    let (first, second) = (NOW, NOW.plus(60 * SECOND));
    assert_eq!(request(1, &payers, first).await, access::Request::Send);
    assert_eq!(request(2, &payers, second).await, access::Request::Send);
    let end = first.plus(600 * SECOND);
    for at in [second.plus(60 * SECOND), Moment(end.0 - 1)] {
        assert_eq!(request(3, &payers, at).await, spent(end), "at {at:?}");
    }
    assert_eq!(fixture.store.waiting_texts().await.len(), 2);
    assert_eq!(fixture.store.tally(delivery).await.unwrap().sent.len(), 2);
    // What was refused has cost the number nothing.
    let number = [(1, Payer::Number, 3)];
    assert_eq!(request(4, &number, Moment(end.0 - 1)).await, access::Request::Send);
    assert_eq!(request(5, &payers, end.plus(60 * SECOND)).await, access::Request::Send);
    assert!(!fixture.contains(b"31612345678") && !fixture.contains(b"canary-code"));
}

#[tokio::test]
async fn a_sender_is_told_once_in_a_while_and_every_lock_is_noted() {
    let fixture = Fixture::new().await;
    let (store, claimed) = (&fixture.store, fixture.delivery().await);
    let delivery = claimed.id;
    let trouble = |once: Option<u8>| Trouble {
        delivery,
        page: claimed.submission,
        note: "tested",
        mail: match code(delivery, 0).post {
            Post::Mail(mail) => Some(mail),
            Post::Text(_) => None,
        },
        once: once.map(|key| ([key; 32], Duration::from_hours(24))),
    };
    let day = NOW.plus(86_400 * SECOND);
    for (once, at, mails) in [
        (Some(1), NOW, 1),
        (Some(1), Moment(day.0 - 1), 0),
        (Some(1), day, 1),
        (None, day, 1),
        (None, day, 1),
    ] {
        store.tell_sender(trouble(once), at).await.unwrap();
        assert_eq!(store.claim_mails(at, WEEK, 10).await.unwrap().len(), mails, "{once:?} {at:?}");
    }
    let notes = store.history(delivery).await.unwrap();
    assert_eq!(notes.iter().filter(|event| event.note == "tested").count(), 4);
}

#[tokio::test]
async fn what_is_unlocked_is_as_if_nobody_had_guessed() {
    let fixture = Fixture::new().await;
    let (store, delivery) = (&fixture.store, fixture.delivery().await.id);
    assert_eq!(store.unlock(delivery, NOW).await, Ok(false));
    store.begin_attempt(delivery, BROWSER, NOW).await.unwrap();
    assert_eq!(store.unlock(delivery, NOW).await, Ok(true));
    assert_eq!(store.tally(delivery).await, Ok(Tally::default()));
}
