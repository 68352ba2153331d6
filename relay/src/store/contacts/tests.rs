use zegel_core::directive::Wishes;
use zegel_core::secret::Secret;

use super::super::fixture::{Fixture, NOW, Sent, address};
use super::super::{Account, Kind as AccountKind};
use super::*;

const NUMBER: &str = "+31612345678";
const OTHER: &str = "+31687654321";
const HASH: &str = "canary-hash";
const ELS: &str = "els@example.com";

fn domain() -> Domain {
    "example.nl".parse().unwrap()
}

fn number(number: &str) -> AccessRight {
    AccessRight::Sms(Secret::new(number))
}

fn code() -> AccessRight {
    AccessRight::HashedCode(Secret::new(HASH))
}

fn shared(recipient: &str, factor: AccessRight) -> Contact {
    let recipient = address(recipient);
    Contact { domain: domain(), recipient, giver: None, factor, since: NOW, opened: None }
}

/// Keeps a message of jan@example.nl to Els with this right; its delivery.
async fn sent(fixture: &Fixture, fingerprint: u8, right: AccessRight) -> DeliveryId {
    let rights = [(address(ELS), right)].into();
    let wishes = Wishes { rights, ..Wishes::default() };
    let fingerprint = Some([fingerprint; 32]);
    fixture.keep(Sent { to: &[ELS], wishes, fingerprint, ..Sent::default() }).await.unwrap();
    let delivery =
        fixture.store.claim(NOW, super::super::fixture::LEASE, 1).await.unwrap().remove(0);
    let state = delivery::State::Sent { method: zegel_core::decision::Method::Sms, at: NOW };
    let progress = super::super::Progress {
        state,
        decision: None,
        seen: None,
        mails: Vec::new(),
        destroy: false,
        ask: false,
        note: String::new(),
    };
    fixture.store.commit(&delivery, progress, NOW).await.unwrap();
    delivery.id
}

fn proved(factor: AccessRight) -> Proved {
    Proved { author: address("jan@example.nl"), recipient: address(ELS), factor }
}

/// What authors of this domain share for Els.
async fn check(store: &Store, domain: &str, kind: Kind, expected: Option<AccessRight>) {
    let found = store.on_file(&domain.parse().unwrap(), &address(ELS), kind).await;
    assert_eq!(found, Ok(expected), "{domain} {kind}");
}

#[tokio::test]
async fn what_came_with_a_message_is_its_authors_own_until_the_message_is_opened_with_it() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let delivery = sent(&fixture, 1, number(NUMBER)).await;
    check(store, "example.nl", Kind::Number, None).await;
    let [own] = &store.contacts(None).await.unwrap()[..] else { panic!("one is kept") };
    assert_eq!((&own.giver, &own.factor), (&Some(address("jan@example.nl")), &number(NUMBER)));

    store.opened(delivery, Some(proved(number(NUMBER))), NOW).await.unwrap();
    check(store, "example.nl", Kind::Number, Some(number(NUMBER))).await;
    check(store, "example.nl", Kind::AccessCode, None).await;
    check(store, "sub.example.nl", Kind::Number, None).await;
    let [only] = &store.contacts(None).await.unwrap()[..] else { panic!("one is left") };
    assert_eq!((&only.giver, only.opened), (&None, Some(NOW)));

    let later = sent(&fixture, 2, number(OTHER)).await;
    check(store, "example.nl", Kind::Number, Some(number(NUMBER))).await;
    store.opened(later, Some(proved(number(OTHER))), NOW).await.unwrap();
    check(store, "example.nl", Kind::Number, Some(number(OTHER))).await;
    for secret in [NUMBER, OTHER, NUMBER.trim_start_matches('+')] {
        assert!(!fixture.contains(secret.as_bytes()), "{secret} stands in the clear");
    }
}

#[tokio::test]
async fn what_a_suspended_author_gave_is_not_shared() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let account = Account {
        address: address("j.devries@example.nl"),
        kind: AccountKind::Person,
        aliases: vec![address("jan@example.nl")],
        created: NOW,
        suspended: None,
    };
    store.add_account(account).await.unwrap();
    let delivery = sent(&fixture, 1, code()).await;
    store.suspend(&address("j.devries@example.nl"), NOW).await.unwrap();
    store.opened(delivery, Some(proved(code())), NOW).await.unwrap();
    check(store, "example.nl", Kind::AccessCode, None).await;
}

#[tokio::test]
async fn the_ladder_hears_of_numbers_that_can_be_texted_and_a_lost_key_is_no_no() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let countries = |code: &str| Countries::try_from(vec![code.parse().unwrap()]).unwrap();
    let ask = async |store: &Store, kind, country| {
        store.has_on_file(&domain(), &address(ELS), kind, &countries(country)).await.unwrap()
    };
    assert_eq!(ask(store, Kind::Number, "NL").await, Answer::No);
    store.put_on_file(vec![shared(ELS, number(NUMBER)), shared(ELS, code())]).await.unwrap();
    assert_eq!(ask(store, Kind::Number, "NL").await, Answer::Yes);
    assert_eq!(ask(store, Kind::Number, "BE").await, Answer::No);
    assert_eq!(ask(store, Kind::AccessCode, "BE").await, Answer::Yes);

    let swap = async |db: &mut SqliteConnection| {
        sqlx::query("UPDATE contacts SET sealed = x'00'").execute(db).await?;
        Ok(())
    };
    store.writer.run("testing", After::Nothing, swap).await.unwrap();
    assert_eq!(ask(store, Kind::Number, "NL").await, Answer::Unknown);
}

#[tokio::test]
async fn what_is_taken_off_file_is_gone_with_each_authors_own() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    sent(&fixture, 1, number(NUMBER)).await;
    store.put_on_file(vec![shared(ELS, number(OTHER)), shared(ELS, code())]).await.unwrap();
    store.put_on_file(vec![shared("pim@example.com", code())]).await.unwrap();
    let take =
        async |kind| store.take_off_file(&domain(), &address("ELS@example.com"), kind, NOW).await;
    assert_eq!(take(Some(Kind::Number)).await, Ok(2));
    check(store, "example.nl", Kind::AccessCode, Some(code())).await;
    assert_eq!(take(None).await, Ok(1));
    assert_eq!(take(None).await, Ok(0));
    let left = store.contacts(Some(&domain())).await.unwrap();
    assert_eq!(
        left.iter().map(|one| one.recipient.to_string()).collect::<Vec<_>>(),
        ["pim@example.com"]
    );
}

#[tokio::test]
async fn a_record_of_one_recipient_opens_nothing_for_another() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    store.put_on_file(vec![shared(ELS, code()), shared("pim@example.com", code())]).await.unwrap();
    let swap = async |db: &mut SqliteConnection| {
        let swap = "UPDATE contacts SET sealed = (SELECT MAX(sealed) FROM contacts)";
        sqlx::query(swap).execute(db).await?;
        Ok(())
    };
    store.writer.run("testing", After::Nothing, swap).await.unwrap();
    let mut opened = 0;
    for recipient in [ELS, "pim@example.com"] {
        match store.on_file(&domain(), &address(recipient), Kind::AccessCode).await {
            Ok(_) => opened += 1,
            Err(error) => assert_eq!(error, StoreError::Damaged),
        }
    }
    assert_eq!(opened, 1);
}

#[tokio::test]
async fn what_nobody_opens_is_swept_in_the_end_and_what_is_shared_stays() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    sent(&fixture, 1, number(NUMBER)).await;
    store.put_on_file(vec![shared(ELS, code())]).await.unwrap();
    store.sweep(Moment(NOW.plus(UNOPENED_KEPT).0 - 1)).await.unwrap();
    assert_eq!(store.contacts(None).await.unwrap().len(), 2);
    store.sweep(NOW.plus(UNOPENED_KEPT)).await.unwrap();
    let left = store.contacts(None).await.unwrap();
    assert_eq!(left.iter().map(Contact::kind).collect::<Vec<_>>(), [Kind::AccessCode]);
}
