use tokio::io::AsyncReadExt;
use zegel_core::decision::Right;
use zegel_core::directive::{AccessRight, Expire};
use zegel_core::envelope::Recipient;
use zegel_core::transport::Floor;

use super::*;
use crate::store::Delivery;
use crate::vault::Keyring;

const MESSAGE: &str = "Received: by a.example\r\nFrom: Jan <jan@a.example>\r\nTo: els@b.example\r\n\
    Message-ID: <1@a.example>\r\nzivver-direct-delivery: tls tls1.2\r\nSubject: x\r\n\r\nBody\r\n\r\n.\r\n";

const STRIPPED: &str = "Received: by a.example\r\nFrom: Jan <jan@a.example>\r\nTo: els@b.example\r\n\
    Message-ID: <1@a.example>\r\nSubject: x\r\n\r\nBody\r\n\r\n.\r\n";

/// An intake where `a.example` may submit, and the directory that its store stands in.
async fn intake() -> (Intake, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let keyring = Keyring::create(&directory.path().join("relay.key")).unwrap();
    let store = Store::open(&directory.path().join("store"), keyring.into()).await.unwrap();
    store.add_domain(&"a.example".parse().unwrap(), Moment(0)).await.unwrap();
    (
        Intake::new(
            store.clone(),
            Gate::new(store),
            Rules {
                link_days: 30,
                capabilities: Capabilities::default(),
                countries: Countries::default(),
                own: "secure@b.example".parse().unwrap(),
            },
        ),
        directory,
    )
}

async fn submit(intake: &Intake, recipients: &[&str], message: &[u8], piece: usize) -> Verdict {
    let recipients = recipients.iter().map(|to| Recipient::plain(to.parse().unwrap())).collect();
    let sender = Some("jan@a.example".parse().unwrap());
    let mut draft = intake.begin(Transaction {
        envelope: Envelope { sender, recipients, envelope_id: None },
        submitter: Submitter::Local,
        arrival: Arrival::default(),
    });
    for text in message.chunks(piece.max(1)) {
        draft.push(text).await;
    }
    draft.end().await
}

async fn deliveries(intake: &Intake) -> Vec<Delivery> {
    intake.store().list(true, 100).await.unwrap()
}

/// A message that is refused in the same way whatever the pieces, and leaves nothing.
#[track_caller]
fn check_refused(message: &str, expected: &Refused) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (intake, _directory) = intake().await;
        for piece in [1, 7, message.len()] {
            let verdict = submit(&intake, &["els@b.example"], message.as_bytes(), piece).await;
            assert_eq!(
                verdict,
                Verdict::Refused(expected.clone()),
                "in pieces of {piece}: {message:.100}"
            );
            assert!(deliveries(&intake).await.is_empty(), "something was kept of {message:.100}");
        }
    });
}

#[tokio::test]
async fn message_is_kept_without_its_control_headers_whatever_the_pieces() {
    for piece in 1..MESSAGE.len() {
        let (intake, _directory) = intake().await;
        assert_eq!(
            submit(&intake, &["els@b.example"], MESSAGE.as_bytes(), piece).await,
            Verdict::Kept
        );
        let [delivery] = &deliveries(&intake).await[..] else { panic!("one delivery is kept") };
        let stored = intake.store().submission(delivery.submission).await.unwrap().unwrap();
        assert_eq!(stored.submission.wishes.direct, Some(Floor::Tls));
        assert_eq!(stored.submission.size, MESSAGE.len() as u64);
        let mut body = String::new();
        intake.store().read_body(&stored).await.unwrap().read_to_string(&mut body).await.unwrap();
        assert_eq!(body, STRIPPED, "in pieces of {piece}");
    }
}

#[tokio::test]
async fn message_of_a_header_section_alone_is_kept() {
    let (intake, _directory) = intake().await;
    let verdict = submit(&intake, &["els@b.example"], b"From: jan@a.example\r\n", 100).await;
    assert_eq!((verdict, deliveries(&intake).await.len()), (Verdict::Kept, 1));
}

#[tokio::test]
async fn transaction_that_is_repeated_or_split_is_one_message() {
    let (intake, _directory) = intake().await;
    let other_hop = MESSAGE.replace("by a.example", "by c.example");
    let other_text = MESSAGE.replace("Body", "Text");
    for (recipient, message, expected) in [
        ("els@b.example", MESSAGE, 1),
        ("els@b.example", &other_hop, 1),
        ("piet@b.example", &other_hop, 2),
        ("els@b.example", &other_text, 3),
    ] {
        let verdict = submit(&intake, &[recipient], message.as_bytes(), 100).await;
        assert_eq!(
            (verdict, deliveries(&intake).await.len()),
            (Verdict::Kept, expected),
            "{recipient}"
        );
    }
    let deliveries = deliveries(&intake).await;
    let submissions: std::collections::BTreeSet<_> =
        deliveries.iter().map(|delivery| delivery.submission).collect();
    assert_eq!(submissions.len(), 2);
}

#[tokio::test]
async fn of_access_codes_only_their_hashes_are_kept() {
    let (mut intake, _directory) = intake().await;
    intake.rules.capabilities.access_code = true;
    let rights = "zivver-access-right: els@b.example access-code Blauwe 7 Ganzen\r\n\
                  zivver-access-right: piet@b.example access-code blauwe7ganzen\r\n\
                  zivver-access-right: jan@b.example access-code 135789\r\n\
                  zivver-access-right: cc@b.example access-code 246810\r\n";
    let message = MESSAGE.replace("Subject:", &format!("Cc: cc@b.example\r\n{rights}Subject:"));
    let to = ["els@b.example", "piet@b.example", "jan@b.example"];
    assert_eq!(submit(&intake, &to, message.as_bytes(), 100).await, Verdict::Kept);
    let delivery = deliveries(&intake).await.remove(0);
    let stored = intake.store().submission(delivery.submission).await.unwrap().unwrap();
    let json = serde_json::to_string(&stored.submission).unwrap();
    assert!(!json.contains("blauwe") && !json.contains("135789"), "{json}");
    let hash = |to: &str| match &stored.submission.wishes.rights[&to.parse().unwrap()] {
        AccessRight::HashedCode(hash) => hash.reveal().to_owned(),
        other => panic!("{to}: {other:?}"),
    };
    assert!(hash(to[0]).starts_with("$argon2id$"));
    assert_eq!(stored.submission.wishes.rights.len(), 3, "cc comes with another transaction");
    assert_eq!(hash(to[0]), hash(to[1]));
    assert_ne!(hash(to[0]), hash(to[2]));
}

#[test]
fn what_cannot_be_kept_as_asked_is_refused() {
    let domain = "c.example".parse().unwrap();
    check_refused("From: jan@c.example\r\n\r\n", &Refused::NoAccount(domain));
    let right = MESSAGE
        .replace("Subject:", "zivver-access-right: els@b.example sms +31612345678\r\nSubject:");
    check_refused(&right, &Refused::CannotVerifyBy(Right::Sms));
    let loops = format!("{}{MESSAGE}", "Received: by a.example\r\n".repeat(99));
    check_refused(&loops, &Refused::Message(Refusal::Loop(100)));
    let own = "Message-ID: <0190a1b2c3d47e5f8a9b0c1d2e3f4a5d.zegel@b.example>\r\n\
               From: Secure@b.example\r\n\r\n";
    check_refused(own, &Refused::OwnMail);
    for message in [
        "",
        "\r\nFrom: jan@a.example\r\n",
        "no header\r\n\r\n",
        "From: a@a.example, b@a.example\r\n\r\n",
    ] {
        let head = Head::parse(message.as_bytes()).map_err(Refusal::from);
        let refusal = head.and_then(|head| head.from().map_err(Refusal::from)).unwrap_err();
        check_refused(message, &Refused::Message(refusal));
    }
}

#[tokio::test]
async fn nothing_is_taken_that_would_eat_the_reserve() {
    let (intake, _directory) = intake().await;
    assert_eq!(intake.room_for(1000).await, Ok(()));
    let intake = intake.with_reserve(u64::MAX);
    assert_eq!(intake.room_for(0).await, Err(Verdict::Full));
    let verdict = submit(&intake, &["els@b.example"], MESSAGE.as_bytes(), 100).await;
    assert_eq!((verdict, deliveries(&intake).await.len()), (Verdict::Full, 0));
}

#[tokio::test]
async fn endless_header_section_is_refused_before_it_fills_the_memory() {
    let (intake, _directory) = intake().await;
    let line = format!("X: {}\r\n", "x".repeat(900));
    let head = line.repeat(HEAD_MAX / line.len() + 2);
    let verdict =
        submit(&intake, &["els@b.example"], format!("{head}{MESSAGE}").as_bytes(), 64 * 1024).await;
    assert_eq!(verdict, Verdict::Refused(Refused::HeadTooLong));
}

#[test]
fn message_may_ask_to_be_kept_for_less_time_but_not_for_more() {
    let asked = |after_seconds| Some(Expiration { after_seconds, what: Expire::Delete });
    assert_eq!(expires(Moment(10), 1, None), Moment(86_410));
    assert_eq!(expires(Moment(10), 1, asked(60)), Moment(70));
    assert_eq!(expires(Moment(10), 1, asked(100_000)), Moment(86_410));
}
