//! What was answered for against what arrived.

use std::collections::BTreeMap;

use zegel_tests::ca::Kind;
use zegel_tests::lab::Lab;
use zegel_tests::mailbox::Arrival;
use zegel_tests::sink::Sink;
use zegel_tests::wait::until;

use crate::load::Sent;
use crate::say;

/// The recipients' servers.
pub(crate) struct Servers {
    direct: Sink,
    notified: Sink,
}

/// The Message-IDs of all copies that each recipient got.
type Copies = BTreeMap<String, Vec<String>>;

impl Servers {
    /// Until this they cannot be reached, and deliveries are tried in vain.
    pub(crate) fn start(lab: &Lab) -> Self {
        Self {
            direct: lab.sink("good.test", Some(Kind::Good)),
            notified: lab.sink("plain.test", None),
        }
    }

    fn copies(&self) -> Copies {
        let mut copies = Copies::new();
        let mut count = |mail: &Arrival| {
            copies.entry(mail.recipient.clone()).or_default().push(message_id(&mail.message));
        };
        self.direct.look_at(&mut count);
        self.notified.look_at(&mut count);
        copies
    }

    /// How many of these messages some recipient has not got.
    fn missing(&self, taken: &[&Sent]) -> usize {
        let copies = self.copies();
        let has = |name: &str, domain| copies.contains_key(&format!("{name}@{domain}"));
        let gone = |one: &&&Sent| !has(&one.name, "good.test") || !has(&one.name, "plain.test");
        taken.iter().filter(gone).count()
    }

    /// Waits until both recipients of everything that was taken have it, and gives back how many got something again;
    /// fails when that was not marked as the same.
    pub(crate) async fn expect_all(&self, sent: &[Sent], what: &str) -> usize {
        let taken: Vec<&Sent> = sent.iter().filter(|one| one.taken).collect();
        let mut missing = self.missing(&taken);
        while missing > 0 {
            let what = format!("{missing} of {} messages, or one of them ({what})", taken.len());
            missing =
                until(&what, || Some(self.missing(&taken)).filter(|now| *now < missing)).await;
        }
        let copies = self.copies();
        let repeated = copies.values().filter(|ids| ids.len() > 1);
        let mut count = 0;
        for ids in repeated {
            count += 1;
            assert!(
                ids.iter().all(|id| ids.first() == Some(id)),
                "not recognisable: {ids:?} ({what})"
            );
        }
        let taken = taken.len();
        say(&format!("{what}: {taken} messages taken, 0 lost, {count} recipients got one again"));
        count
    }
}

fn message_id(message: &[u8]) -> String {
    const NAME: &[u8] = b"message-id:";
    let named =
        |line: &&[u8]| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME));
    let line = message.split(|octet| *octet == b'\n').find(named);
    String::from_utf8_lossy(line.expect("every mail has a Message-ID")).into_owned()
}
