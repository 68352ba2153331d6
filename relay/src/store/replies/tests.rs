use zegel_core::address::Address;
use zegel_core::contact::Kind;
use zegel_core::decision::{Decision, Method, Outcome};
use zegel_core::secret::Secret;

use super::super::fixture::{Fixture, LEASE, NOW, Sent, address};
use super::super::{MailKind, NewMail, Progress};
use super::*;

const NUMBER: &str = "+31612345678";

/// Says by name what became of each recipient's delivery, in the order of these.
async fn states(store: &Store, to: &[&str]) -> Vec<&'static str> {
    let all = store.list(true, 10).await.unwrap();
    let find = |to: &&str| all.iter().find(|one| one.recipient.address == address(to)).unwrap();
    to.iter().map(|to| find(to).state.name()).collect()
}

fn progress(state: State, outcome: Option<Outcome>) -> Progress {
    Progress {
        state,
        decision: outcome.map(|outcome| Decision { outcome, passed_over: Vec::new() }),
        seen: None,
        mails: Vec::new(),
        destroy: false,
        ask: outcome == Some(Outcome::NeedsSender),
        note: String::new(),
    }
}

/// The ladder has settled on this for a claimed delivery; when it can be sent, what holding back makes of it.
async fn settle(store: &Store, claimed: &Delivery, outcome: Outcome) -> Option<bool> {
    let retry = Retry::default();
    let event = delivery::Event::Settled(outcome);
    let (state, _) = delivery::step(&claimed.state, event, NOW, NOW, &retry).unwrap();
    if !matches!(state, State::Planned { .. }) {
        store.commit(claimed, progress(state, Some(outcome)), NOW).await.unwrap();
        return None;
    }
    let planned = Delivery { state: state.clone(), ..claimed.clone() };
    store.commit_and_go_on(claimed, progress(state, Some(outcome)), NOW).await.unwrap();
    let held = store.hold_back(&planned, &retry, NOW).await.unwrap();
    if !held {
        let sent = progress(State::Sent { method: Method::Email, at: NOW }, None);
        store.commit(&planned, sent, NOW).await.unwrap();
    }
    Some(held)
}

const BY_EMAIL: Outcome = Outcome::By(Method::Email);

#[tokio::test]
async fn nobody_goes_before_all_are_ready_and_then_everybody_does() {
    let to = ["a@x.nl", "b@x.nl", "c@x.nl"];
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let claimed = fixture.claimed(&to).await;
    assert_eq!(settle(store, &claimed[0], BY_EMAIL).await, Some(true), "two are undecided");
    settle(store, &claimed[1], Outcome::NeedsSender).await;
    assert_eq!(settle(store, &claimed[2], BY_EMAIL).await, Some(true), "one waits for its sender");
    assert_eq!(states(store, &to).await, ["held", "held", "held"]);

    let right = AccessRight::Sms(Secret::new(NUMBER));
    let (submission, b) = (claimed[1].submission, claimed[1].id);
    assert_eq!(store.reply(submission, b, Reply::Factor(right), NOW).await, Ok(true));
    assert_eq!(states(store, &to).await, ["held", "undecided", "held"]);
    let again = store.claim(NOW, LEASE, 10).await.unwrap().remove(0);
    assert_eq!(settle(store, &again, Outcome::By(Method::Sms)).await, Some(false));
    assert_eq!(states(store, &to).await, ["undecided", "sent", "undecided"]);
    for ready in store.claim(NOW, LEASE, 10).await.unwrap() {
        assert_eq!(settle(store, &ready, BY_EMAIL).await, Some(false));
    }
    assert_eq!(states(store, &to).await, ["sent", "sent", "sent"]);
}

#[tokio::test]
async fn the_others_go_when_the_one_who_kept_them_waiting_is_withdrawn_or_cannot_be_reached() {
    for by_sender in [true, false] {
        let to = ["a@x.nl", "b@x.nl"];
        let fixture = Fixture::new().await;
        let store = &fixture.store;
        let claimed = fixture.claimed(&to).await;
        assert_eq!(settle(store, &claimed[0], BY_EMAIL).await, Some(true));
        if by_sender {
            settle(store, &claimed[1], Outcome::NeedsSender).await;
            let done =
                store.reply(claimed[1].submission, claimed[1].id, Reply::Withdraw, NOW).await;
            assert_eq!(done, Ok(true));
        } else {
            settle(store, &claimed[1], Outcome::NoneLeft).await;
        }
        assert_eq!(states(store, &to[..1]).await, ["undecided"]);
    }
}

#[tokio::test]
async fn an_answer_becomes_part_of_the_message_and_counts_once() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let claimed = fixture.claimed(&["a@x.nl", "b@x.nl"]).await;
    settle(store, &claimed[0], Outcome::NeedsSender).await;
    let (submission, a) = (claimed[0].submission, claimed[0].id);
    let rights = async || {
        let wishes = store.submission(submission).await.unwrap().unwrap().submission.wishes;
        (wishes.rights, wishes.email_allowed)
    };
    let right = AccessRight::Sms(Secret::new(NUMBER));
    let to: Address = address("a@x.nl");
    assert_eq!(store.reply(submission, a, Reply::Factor(right.clone()), NOW).await, Ok(true));
    assert_eq!(rights().await, ([(to.clone(), right.clone())].into(), [].into()));
    let own = store.contacts(None).await.unwrap().remove(0);
    assert_eq!(
        (own.kind(), own.giver, own.factor),
        (Kind::Number, Some(address("jan@example.nl")), right)
    );
    assert!(!fixture.contains(NUMBER.as_bytes()));

    assert_eq!(store.reply(submission, a, Reply::Email, NOW).await, Ok(false), "it waits no more");
    let stranger = claimed[1].id;
    let other = crate::id::SubmissionId::generate();
    assert_eq!(store.reply(other, stranger, Reply::Withdraw, NOW).await, Ok(false));
    let again = store.claim(NOW, LEASE, 1).await.unwrap().remove(0);
    settle(store, &again, Outcome::NeedsSender).await;
    assert_eq!(store.reply(submission, a, Reply::Email, NOW).await, Ok(true));
    assert_eq!(rights().await, ([].into(), [to].into()));
}

fn mail(about: DeliveryId) -> (NewMail, Vec<DeliveryId>) {
    let mail = NewMail {
        kind: MailKind::Report,
        delivery: Some(about),
        to: address("jan@example.nl"),
        message: b"x".to_vec(),
        floor: None,
        expires: NOW.plus(LEASE),
    };
    (mail, vec![about])
}

#[tokio::test]
async fn one_mail_asks_for_all_who_wait_and_a_late_one_has_another() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let to = ["a@x.nl", "b@x.nl", "c@x.nl"];
    let claimed = fixture.claimed(&to).await;
    let due = async |now| store.due_inquiries(now, 10).await.unwrap().len();
    settle(store, &claimed[0], Outcome::NeedsSender).await;
    settle(store, &claimed[1], Outcome::NeedsSender).await;
    assert_eq!(due(NOW).await, 0, "the third is not decided yet");
    let later = store.next_mail_due().await.unwrap().unwrap();
    assert!(later > NOW && due(later).await == 1, "but it is not waited for long");
    settle(store, &claimed[2], Outcome::NoneLeft).await;
    assert_eq!(due(NOW).await, 1);

    let submission = claimed[0].submission;
    for _ in 0..2 {
        store.post_inquiry(submission, Some(mail(claimed[0].id)), NOW).await.unwrap();
    }
    assert_eq!((due(later).await, store.claim_mails(NOW, LEASE, 10).await.unwrap().len()), (0, 1));
    fixture
        .keep(Sent { to: &["a@x.nl", "b@x.nl", "c@x.nl", "d@x.nl"], ..Sent::default() })
        .await
        .unwrap();
    let late = store.claim(NOW, LEASE, 10).await.unwrap().remove(0);
    settle(store, &late, Outcome::NeedsSender).await;
    assert_eq!(due(NOW).await, 1);
    store.post_inquiry(submission, None, NOW).await.unwrap();
    assert_eq!(due(later).await, 0);
}

#[tokio::test]
async fn what_a_sender_was_asked_is_forgotten_with_the_message() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let claimed = fixture.claimed(&["a@x.nl"]).await.remove(0);
    settle(store, &claimed, Outcome::NeedsSender).await;
    let (limits, browser) = (zegel_core::access::Limits::default(), [3; 32]);
    let mac = zegel_core::access::CodeMac(vec![7; 32]);
    let post = super::super::Post::Mail(NewMail { delivery: None, ..mail(claimed.id).0 });
    let code = super::super::NewCode { challenge: "c".into(), mac, post, spends: Vec::new() };
    store.request_sender_code(claimed.submission, browser, code, &limits, NOW).await.unwrap();
    let session = super::super::NewSenderSession {
        id_hash: [4; 32],
        submission: claimed.submission,
        created: NOW,
    };
    for opened in [true, false] {
        let open = store.open_sender_session("c".into(), session.clone(), NOW).await;
        assert_eq!(open, Ok(opened), "a code works once");
    }
    assert!(store.sender_session([4; 32]).await.unwrap().is_some());
    store.reply(claimed.submission, claimed.id, Reply::Withdraw, NOW).await.unwrap();
    let kept = std::time::Duration::from_hours(24);
    let over = NOW.plus(super::super::fixture::RETENTION + kept);
    store.claim_mails(NOW, LEASE, 10).await.unwrap();
    store.forget(over, kept).await.unwrap();
    assert!(store.list(true, 10).await.unwrap().is_empty());
    assert_eq!(store.sender_session([4; 32]).await, Ok(None));
    let token = crate::vault::digest(&store.sender_token(claimed.submission));
    assert_eq!(store.by_sender_token(token).await, Ok(None));
}
