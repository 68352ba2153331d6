use std::time::Duration;

use zegel_core::decision::{Method, Outcome};
use zegel_core::delivery::Event;

use super::super::fixture::{Fixture, LEASE, NOW, RETENTION, Sent};
use super::claim::DOMAIN_MAX;
use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn progress(state: State) -> Progress {
    let note = "tested".to_owned();
    Progress { state, decision: None, seen: None, mails: vec![], destroy: false, ask: false, note }
}

fn planned() -> Progress {
    let event = Event::Settled(Outcome::By(Method::Email));
    progress(delivery::step(&State::new(NOW), event, NOW, NOW, &Retry::default()).unwrap().0)
}

async fn check(fixture: &Fixture, now: Moment, claimable: usize) {
    assert_eq!(fixture.store.claim(now, LEASE, 10).await.unwrap().len(), claimable, "at {now:?}");
}

#[tokio::test]
async fn what_is_claimed_is_nobody_elses_until_it_is_given_back_or_the_lease_is_over() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.store.next_due().await, Ok(None));
    fixture.keep(Sent::default()).await.unwrap();
    assert_eq!(fixture.store.next_due().await, Ok(Some(NOW)));
    check(&fixture, Moment(NOW.0 - 1), 0).await;

    let claimed = fixture.store.claim(NOW, LEASE, 10).await.unwrap().remove(0);
    assert_eq!(fixture.store.next_due().await, Ok(Some(NOW.plus(LEASE))));
    check(&fixture, Moment(NOW.plus(LEASE).0 - 1), 0).await;
    fixture.store.commit(&claimed, planned(), NOW).await.unwrap();
    let given_back = fixture.store.delivery(claimed.id).await.unwrap().unwrap();
    assert_eq!(given_back.state, planned().state);

    check(&fixture, NOW, 1).await;
    check(&fixture, NOW.plus(LEASE), 1).await;
    let history = fixture.store.history(claimed.id).await.unwrap();
    assert_eq!(
        history.iter().map(|event| event.note.as_str()).collect::<Vec<_>>(),
        ["accepted", "tested"]
    );
}

#[tokio::test]
async fn who_goes_on_after_a_commit_keeps_the_claim() {
    let fixture = Fixture::new().await;
    let working = fixture.delivery().await;
    fixture.store.commit_and_go_on(&working, planned(), NOW).await.unwrap();
    assert_eq!(fixture.store.delivery(working.id).await.unwrap().unwrap().state, planned().state);
    check(&fixture, NOW, 0).await;
    let sent = progress(State::Sent { method: Method::Email, at: NOW });
    assert_eq!(fixture.store.commit(&working, sent, NOW).await, Ok(()));
    let late = fixture.store.commit_and_go_on(&working, planned(), NOW).await;
    assert_eq!(late, Err(StoreError::LeaseLost));
}

#[tokio::test]
async fn work_under_an_older_claim_is_refused() {
    let fixture = Fixture::new().await;
    let (store, lost) = (&fixture.store, Err(StoreError::LeaseLost));
    let slow = fixture.delivery().await;
    let quick = store.claim(NOW.plus(LEASE), LEASE, 1).await.unwrap().remove(0);
    assert_eq!(store.commit(&slow, planned(), NOW).await, lost);
    assert_eq!(store.commit(&quick, planned(), NOW).await, Ok(()));
    assert_eq!(store.commit(&quick, planned(), NOW).await, lost);

    let working = store.claim(NOW, LEASE, 1).await.unwrap().remove(0);
    store.release_claims().await.unwrap();
    assert_eq!(store.commit(&working, planned(), NOW).await, lost);
    check(&fixture, NOW, 1).await;
}

#[tokio::test]
async fn an_event_from_outside_takes_a_delivery_from_its_worker_unless_it_asks_for_what_is_being_done()
 {
    let fixture = Fixture::new().await;
    let working = fixture.delivery().await;
    let state = fixture.store.apply(working.id, Event::RetryNow, NOW).await.unwrap();
    assert_eq!(state, working.state);
    assert_eq!(
        fixture.store.apply(working.id, Event::Withdrawn, NOW).await.unwrap().name(),
        "expired"
    );
    assert_eq!(fixture.store.commit(&working, planned(), NOW).await, Err(StoreError::LeaseLost));
    assert!(fixture.store.apply(working.id, Event::Opened, NOW).await.is_err());
    assert!(fixture.store.list(false, 10).await.unwrap().is_empty());
    assert_eq!(fixture.store.list(true, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_retry_that_is_asked_for_makes_a_waiting_delivery_due() {
    let fixture = Fixture::new().await;
    let working = fixture.delivery().await;
    let event = Event::Deferred("451 later".to_owned());
    let later = delivery::step(&working.state, event, NOW, NOW, &Retry::default()).unwrap().0;
    fixture.store.commit(&working, progress(later), NOW).await.unwrap();
    check(&fixture, NOW.plus(SECOND), 0).await;
    fixture.store.apply(working.id, Event::RetryNow, NOW.plus(SECOND)).await.unwrap();
    check(&fixture, NOW.plus(SECOND), 1).await;
}

#[tokio::test]
async fn a_message_whose_time_is_over_is_claimed_for_its_end_by_one() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let working = fixture.delivery().await;
    let sent = progress(State::Sent { method: Method::Email, at: NOW });
    store.commit(&working, sent, NOW).await.unwrap();
    let over = NOW.plus(RETENTION);
    assert_eq!(store.next_due().await, Ok(Some(over)));
    assert!(store.claim_expired(Moment(over.0 - 1), LEASE, 10).await.unwrap().is_empty());
    let ending = store.claim_expired(over, LEASE, 10).await.unwrap().remove(0);
    assert!(store.claim_expired(over, LEASE, 10).await.unwrap().is_empty());
    let (state, _) =
        delivery::step(&ending.state, Event::RetentionOver, NOW, over, &Retry::default()).unwrap();
    store.commit(&ending, Progress { destroy: true, ..progress(state) }, over).await.unwrap();
    assert!(store.claim_expired(over.plus(LEASE), LEASE, 10).await.unwrap().is_empty());
    assert_eq!(store.next_due().await, Ok(None));
    assert!(store.submission(ending.submission).await.unwrap().is_none());
}

#[tokio::test]
async fn a_row_that_cannot_be_read_holds_up_no_other() {
    let fixture = Fixture::new().await;
    fixture.keep(Sent { to: &["a@x.nl", "b@x.nl"], ..Sent::default() }).await.unwrap();
    let spoil = async |db: &mut SqliteConnection| {
        let spoil = "UPDATE deliveries SET state = '{}' WHERE address = 'a@x.nl'";
        Ok(sqlx::query(spoil).execute(db).await?.rows_affected())
    };
    assert_eq!(fixture.store.writer.run("spoiling", After::Nothing, spoil).await, Ok(1));
    check(&fixture, NOW, 1).await;
    check(&fixture, NOW, 0).await;
    assert_eq!(fixture.store.next_due().await, Ok(Some(NOW.plus(LEASE))));
}

#[tokio::test]
async fn one_domain_does_not_take_all_places() {
    let fixture = Fixture::new().await;
    let names: Vec<String> = (0..30).map(|number| format!("r{number}@slow.nl")).collect();
    let mut to: Vec<&str> = names.iter().map(String::as_str).collect();
    to.push("a@quick.nl");
    fixture.keep(Sent { to: &to, ..Sent::default() }).await.unwrap();
    let claimed = fixture.store.claim(NOW, LEASE, 100).await.unwrap();
    assert_eq!(claimed.len(), DOMAIN_MAX + 1);
    check(&fixture, NOW, 0).await;
    for done in claimed.iter().take(3) {
        let sent = progress(State::Sent { method: Method::Email, at: NOW });
        fixture.store.commit(done, sent, NOW).await.unwrap();
    }
    let slow =
        claimed.iter().take(3).filter(|one| one.recipient.address.domain().as_str() == "slow.nl");
    check(&fixture, NOW, slow.count()).await;
}

#[tokio::test]
async fn however_much_waits_for_one_domain_the_others_go_on() {
    let fixture = Fixture::new().await;
    let names: Vec<String> = (0..3000).map(|number| format!("r{number}@slow.nl")).collect();
    let to: Vec<&str> = names.iter().map(String::as_str).collect();
    fixture.keep(Sent { to: &to, ..Sent::default() }).await.unwrap();
    check(&fixture, NOW, 10).await;
    check(&fixture, NOW, DOMAIN_MAX - 10).await;
    let later = NOW.plus(SECOND);
    let quick = Sent { to: &["\"a@slow.nl\"@quick.nl"], fingerprint: None, ..Sent::default() };
    fixture.keep(Sent { accepted: later, ..quick }).await.unwrap();
    check(&fixture, later, 1).await;
}

#[tokio::test]
async fn many_workers_get_each_delivery_once() {
    let fixture = Fixture::new().await;
    let names: Vec<String> = (0..40).map(|number| format!("r@x{number}.nl")).collect();
    let to: Vec<&str> = names.iter().map(String::as_str).collect();
    fixture.keep(Sent { to: &to, ..Sent::default() }).await.unwrap();
    let other = fixture.another().await;
    let claims = (0..20).map(|turn| {
        let store = if turn % 2 == 0 { &fixture.store } else { &other };
        store.claim(NOW, LEASE, 3)
    });
    let claimed = futures_util::future::try_join_all(claims).await.unwrap();
    let mut ids: Vec<DeliveryId> = claimed.iter().flatten().map(|delivery| delivery.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), claimed.iter().flatten().count()), (40, 40));
}

#[tokio::test]
async fn an_event_that_asks_for_a_report_is_not_applied_without_one() {
    let fixture = Fixture::new().await;
    let working = fixture.delivery().await;
    let refused = fixture.store.apply(working.id, Event::RetentionOver, NOW).await;
    assert!(matches!(refused, Err(StoreError::Failed(_))), "{refused:?}");
    let stands = fixture.store.delivery(working.id).await.unwrap().unwrap();
    assert_eq!(stands.state, working.state);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_destroyed_when_its_time_is_over() {
    let fixture = Fixture::new().await;
    let working = fixture.delivery().await;
    let spoil = async |db: &mut SqliteConnection| {
        Ok(sqlx::query("UPDATE deliveries SET state = '{}'").execute(db).await?.rows_affected())
    };
    assert_eq!(fixture.store.writer.run("spoiling", After::Nothing, spoil).await, Ok(1));
    let over = NOW.plus(RETENTION);
    check(&fixture, Moment(over.0 - 1), 0).await;
    assert!(fixture.store.submission(working.submission).await.unwrap().is_some());
    check(&fixture, over.plus(LEASE), 0).await;
    assert!(fixture.store.submission(working.submission).await.unwrap().is_none());
    assert_eq!(fixture.store.next_due().await, Ok(None));
}

#[tokio::test]
async fn what_is_put_off_comes_back_at_its_moment_and_not_at_the_end_of_its_lease() {
    let fixture = Fixture::new().await;
    let working = fixture.delivery().await;
    let later = NOW.plus(SECOND);
    assert_eq!(fixture.store.put_off(&working, later).await, Ok(()));
    assert_eq!(fixture.store.put_off(&working, later).await, Err(StoreError::LeaseLost));
    check(&fixture, NOW, 0).await;
    check(&fixture, later, 1).await;
}
