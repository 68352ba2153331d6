use sqlx::{AssertSqlSafe, ConnectOptions};

use super::super::fixture::{Fixture, NOW, address};
use super::*;
use crate::vault::Keyring;

const DAY: Duration = Duration::from_hours(24);

/// A log with these entries, a day apart.
async fn logged(entries: usize) -> Fixture {
    let fixture = Fixture::new().await;
    for day in 0..entries {
        let domain = format!("domain-{day}.example").parse().unwrap();
        let at = NOW.plus(DAY * u32::try_from(day).unwrap());
        fixture.store.add_domain(&domain, at).await.unwrap();
    }
    fixture
}

/// What somebody does who has the database and not the key.
async fn tamper(fixture: &Fixture, statement: &str) {
    let options =
        sqlx::sqlite::SqliteConnectOptions::new().filename(fixture.path().join("zegel.db"));
    let mut db = options.connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut db).await.unwrap();
}

#[track_caller]
fn broken_at(audit: &Audit) -> i64 {
    match audit {
        Audit::Broken { number, .. } => *number,
        Audit::Sound { .. } => panic!("{audit:?}"),
    }
}

#[tokio::test]
async fn what_was_done_stands_in_order_under_the_name_of_who_did_it() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.store.verify_audit(None).await, Ok(Audit::Sound { entries: 0, head: None }));
    let jan = fixture.another().await.used_by("administrator jan");
    jan.add_domain(&"a.nl".parse().unwrap(), NOW).await.unwrap();
    jan.add_domain(&"a.nl".parse().unwrap(), NOW).await.unwrap();
    fixture.store.suspend(&address("nobody@a.nl"), NOW).await.unwrap();
    let delivery = fixture.delivery().await;
    fixture.store.begin_attempt(delivery.id, [1; 32], NOW).await.unwrap();
    fixture.store.unlock(delivery.id, NOW).await.unwrap();
    let entries = fixture.store.audit(None, 10).await.unwrap();
    let told: Vec<_> =
        entries.iter().map(|entry| (entry.actor.as_str(), entry.what.as_str())).collect();
    assert_eq!(
        told,
        [("administrator jan", "added: every author may submit"), ("relay", "unlocked")]
    );
    let about = about(delivery.id);
    assert_eq!(fixture.store.audit(Some(&about), 10).await.unwrap().len(), 1);
    assert_eq!(fixture.store.audit(None, 1).await.unwrap(), entries[1..]);
    let Audit::Sound { entries: 2, head: Some(head) } =
        fixture.store.verify_audit(None).await.unwrap()
    else {
        panic!("a log of two entries is sound");
    };
    assert_eq!(fixture.store.audit_head().await, Ok(Some(head)));
}

#[tokio::test]
async fn whatever_is_done_to_an_entry_is_noticed() {
    for (statement, at) in [
        ("UPDATE audit SET what = 'removed' WHERE number = 3", 3),
        ("UPDATE audit SET actor = 'relay ' WHERE number = 1", 1),
        ("UPDATE audit SET at = at + 1 WHERE number = 5", 5),
        ("UPDATE audit SET chain = zeroblob(32) WHERE number = 2", 2),
        ("DELETE FROM audit WHERE number = 2", 3),
        ("DELETE FROM audit WHERE number < 3", 3),
        (
            "UPDATE audit SET number = 9 WHERE number = 2; UPDATE audit SET number = 2 WHERE number = 3;
             UPDATE audit SET number = 3 WHERE number = 9",
            2,
        ),
        (
            "INSERT INTO audit SELECT 6, at, actor, about, what, chain FROM audit WHERE number = 5",
            6,
        ),
    ] {
        let fixture = logged(5).await;
        tamper(&fixture, statement).await;
        assert_eq!(broken_at(&fixture.store.verify_audit(None).await.unwrap()), at, "{statement}");
    }
}

#[tokio::test]
async fn a_log_that_was_cut_off_or_begun_anew_is_told_by_a_head_of_before() {
    let fixture = logged(5).await;
    let head = fixture.store.audit_head().await.unwrap().unwrap();
    assert_eq!(head.to_string().parse(), Ok(head.clone()));
    let sound = Audit::Sound { entries: 5, head: Some(head.clone()) };
    assert_eq!(fixture.store.verify_audit(Some(&head)).await, Ok(sound));
    tamper(&fixture, "DELETE FROM audit WHERE number > 3").await;
    assert!(matches!(fixture.store.verify_audit(None).await, Ok(Audit::Sound { entries: 3, .. })));
    assert_eq!(broken_at(&fixture.store.verify_audit(Some(&head)).await.unwrap()), 5);
    for day in 7..9 {
        let domain = format!("domain-{day}.example").parse().unwrap();
        fixture.store.add_domain(&domain, NOW).await.unwrap();
    }
    assert_eq!(broken_at(&fixture.store.verify_audit(Some(&head)).await.unwrap()), 5);
}

#[tokio::test]
async fn what_is_old_enough_is_forgotten_from_the_front_and_the_log_stays_sound() {
    let fixture = logged(5).await;
    let store = &fixture.store;
    let now = NOW.plus(3 * DAY);
    assert_eq!(store.forget_audit(now, DAY).await, Ok(3));
    assert_eq!(store.forget_audit(now, DAY).await, Ok(0));
    let entries = store.audit(None, 10).await.unwrap();
    let numbers: Vec<_> = entries.iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, [4, 5, 6]);
    assert!(matches!(store.verify_audit(None).await, Ok(Audit::Sound { entries: 3, .. })));
    tamper(&fixture, "DELETE FROM audit WHERE number = 4").await;
    assert_eq!(broken_at(&store.verify_audit(None).await.unwrap()), 5);
}

#[tokio::test]
async fn a_log_with_the_newest_entry_too_old_keeps_it() {
    let fixture = logged(2).await;
    assert_eq!(fixture.store.forget_audit(NOW.plus(30 * DAY), DAY).await, Ok(0));
    let future = NOW.plus(30 * DAY);
    fixture.store.add_domain(&"new.example".parse().unwrap(), future).await.unwrap();
    assert_eq!(fixture.store.forget_audit(future, DAY).await, Ok(2));
    assert!(matches!(fixture.store.verify_audit(None).await, Ok(Audit::Sound { entries: 2, .. })));
}

#[tokio::test]
async fn a_rotated_key_still_vouches_for_what_it_has_chained() {
    let fixture = logged(2).await;
    let path = fixture.path().parent().unwrap().join("relay.key");
    let old = std::fs::read_to_string(&path).unwrap();
    let other = tempfile::tempdir().unwrap();
    Keyring::create(&other.path().join("new.key")).unwrap();
    let new = std::fs::read_to_string(other.path().join("new.key")).unwrap();
    std::fs::write(&path, format!("{}\n{old}", new.trim_end())).unwrap();
    let rotated = Arc::new(Keyring::load(&path).unwrap());
    let store = Store::open(&fixture.path(), rotated).await.unwrap();
    store.add_domain(&"late.example".parse().unwrap(), NOW).await.unwrap();
    assert!(matches!(store.verify_audit(None).await, Ok(Audit::Sound { entries: 3, .. })));
}
