//! Notifications and codes that came back.

use sqlx::sqlite::SqliteConnection;
use zegel_core::bounce::Failed;
use zegel_core::delivery::State;
use zegel_core::moment::Moment;

use super::error::to_json;
use super::queue::remember;
use super::writer::After;
use super::{Delivery, Store, StoreError};
use crate::id::DeliveryId;

impl Store {
    /// Makes a delivery due whose notification came back for good; a worker then fails it, and reports. A server may be so
    /// quick that the worker has not yet committed that it was sent: then it is due with that. `false`: it changes nothing,
    /// because it was not sent by a notification, was read, is over, or this was heard before.
    pub async fn came_back(
        &self,
        id: DeliveryId,
        failed: &Failed,
        now: Moment,
    ) -> Result<bool, StoreError> {
        loop {
            let Some(delivery) = self.delivery(id).await? else { return Ok(false) };
            if !may_come_back(&delivery) {
                return Ok(false);
            }
            let failed = failed.clone();
            let note =
                async move |db: &mut SqliteConnection| came_back(db, &delivery, &failed, now).await;
            // Where it is not as it was read, somebody did something with it meanwhile.
            if self.writer.run("noting a bounce", After::News, note).await? {
                return Ok(true);
            }
        }
    }
}

fn may_come_back(delivery: &Delivery) -> bool {
    let (State::Planned { method, .. } | State::Sent { method, .. }) = &delivery.state else {
        return false;
    };
    !method.is_direct() && delivery.bounce.is_none()
}

async fn came_back(
    db: &mut SqliteConnection,
    delivery: &Delivery,
    failed: &Failed,
    now: Moment,
) -> Result<bool, StoreError> {
    let id = delivery.id.to_string();
    let noted = sqlx::query("UPDATE deliveries SET bounce = ?1 WHERE id = ?2 AND lease = ?3");
    let noted = noted.bind(to_json(failed)?).bind(&id).bind(delivery.lease);
    if noted.execute(&mut *db).await?.rows_affected() != 1 {
        return Ok(false);
    }
    if matches!(delivery.state, State::Sent { .. }) {
        due_if_come_back(db, &id, now).await?;
    }
    let host = failed.host.as_deref().unwrap_or("a server");
    let enhanced = failed.enhanced.as_deref().map(|code| format!(" {code}")).unwrap_or_default();
    let note = format!("its mail came back: {host} said {}{enhanced}", failed.code);
    remember(db, &id, now, &note).await?;
    Ok(true)
}

/// Makes a delivery that was sent due, if its notification came back.
pub(super) async fn due_if_come_back(
    db: &mut SqliteConnection,
    id: &str,
    now: Moment,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE deliveries SET due = ?1, work_at = ?1, lease = lease + 1
         WHERE id = ?2 AND bounce IS NOT NULL",
    )
    .bind(now.0)
    .bind(id)
    .execute(db)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use zegel_core::decision::{Method, Outcome};
    use zegel_core::delivery::{Event, Retry, step};

    use super::super::Progress;
    use super::super::fixture::{Fixture, LEASE, NOW, seen};
    use super::*;

    fn failed() -> Failed {
        Failed { code: 550, enhanced: Some("5.1.1".into()), host: None }
    }

    fn progress(state: State) -> Progress {
        let (mails, note) = (vec![], "tested".to_owned());
        Progress { state, decision: None, seen: None, mails, destroy: false, ask: false, note }
    }

    fn next(state: &State, event: Event) -> State {
        step(state, event, NOW, NOW, &Retry::default()).unwrap().0
    }

    async fn sent(fixture: &Fixture, method: Method) -> DeliveryId {
        let delivery = fixture.delivery().await;
        let planned = next(&delivery.state, Event::Settled(Outcome::By(method)));
        let state = next(&planned, Event::Accepted(seen()));
        fixture.store.commit(&delivery, progress(state), NOW).await.unwrap();
        delivery.id
    }

    async fn check(fixture: &Fixture, id: DeliveryId, counts: bool) {
        assert_eq!(fixture.store.came_back(id, &failed(), NOW).await, Ok(counts));
    }

    #[tokio::test]
    async fn a_notification_that_came_back_is_due_once_and_replays_change_nothing() {
        let fixture = Fixture::new().await;
        let id = sent(&fixture, Method::Email).await;
        check(&fixture, id, true).await;
        check(&fixture, id, false).await;
        let claimed = fixture.store.claim(NOW, LEASE, 9).await.unwrap();
        assert_eq!(
            claimed.iter().map(|it| (it.id, it.bounce.clone())).collect::<Vec<_>>(),
            [(id, Some(failed()))]
        );
        check(&fixture, DeliveryId::generate(), false).await;
    }

    #[tokio::test]
    async fn a_bounce_that_comes_before_the_worker_is_done_makes_it_due_all_the_same() {
        let fixture = Fixture::new().await;
        let working = fixture.delivery().await;
        let planned = next(&working.state, Event::Settled(Outcome::By(Method::Email)));
        fixture.store.commit_and_go_on(&working, progress(planned.clone()), NOW).await.unwrap();
        check(&fixture, working.id, true).await;
        assert!(fixture.store.claim(NOW, LEASE, 9).await.unwrap().is_empty());
        let sent = next(&planned, Event::Accepted(seen()));
        fixture.store.commit(&working, progress(sent), NOW).await.unwrap();
        assert_eq!(fixture.store.claim(NOW, LEASE, 9).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn what_went_directly_or_was_read_does_not_come_back() {
        let fixture = Fixture::new().await;
        let direct =
            sent(&fixture, Method::DirectDelivery(zegel_core::transport::Floor::Pkix)).await;
        check(&fixture, direct, false).await;
        let fixture = Fixture::new().await;
        let read = sent(&fixture, Method::Email).await;
        fixture.store.apply(read, Event::Opened, NOW).await.unwrap();
        check(&fixture, read, false).await;
    }
}
