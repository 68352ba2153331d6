//! 250 is a promise: a relay that is killed at any moment loses nothing that it has answered for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use zegel_tests::ca::Kind;
use zegel_tests::chance::Chance;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::mailbox::Mailbox;
use zegel_tests::mta::MailServer;
use zegel_tests::submit::submit;
use zegel_tests::wait::until;

use crate::{BY_EMAIL, CERTIFIED, secured};

/// How often the relay is killed.
const KILLS: usize = 10;

/// Clients that send at the same time.
const CLIENTS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_message_that_was_taken_is_delivered_or_notified_though_the_relay_is_killed_ten_times()
 {
    let mut chance = Chance::new();
    let seed = chance.seed();
    let mut lab = Lab::start(Setup::default()).await;
    let good = lab.sink("good.test", Some(Kind::Good));
    let plain = lab.sink("plain.test", None);

    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| tokio::spawn(send_until(lab.sending.address(), client, Arc::clone(&stop))))
        .collect();
    for _ in 0..KILLS {
        // Not a wait for anything: the moment of the kill is what is being tried.
        tokio::time::sleep(Duration::from_millis(100 + chance.below(700))).await;
        lab.relay.kill();
        lab.relay.resume().await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut taken = Vec::new();
    for client in clients {
        taken.extend(client.await.expect("a client ends"));
    }
    assert!(
        taken.len() > KILLS,
        "too few messages were taken for this to mean anything: {}",
        taken.len()
    );

    lab.sending.flush();
    let missing = || {
        let here = |mailbox: &dyn Mailbox| {
            mailbox.arrivals().into_iter().map(|mail| mail.recipient).collect::<BTreeSet<_>>()
        };
        let (good, plain) = (here(&good), here(&plain));
        let gone = |name: &&String| {
            !good.contains(&format!("{name}@good.test"))
                || !plain.contains(&format!("{name}@plain.test"))
        };
        taken.iter().filter(gone).cloned().collect::<Vec<_>>()
    };
    let what = format!("all {} messages (ZEGEL_TESTS_SEED={seed})", taken.len());
    until(&what, || missing().is_empty().then_some(())).await;
}

/// Sends letters, each to a recipient with direct delivery and to one with a notification, and gives back the names of
/// those that the mail server has taken.
async fn send_until(
    server: std::net::SocketAddr,
    client: usize,
    stop: Arc<AtomicBool>,
) -> Vec<String> {
    let mut taken = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let name = format!("r{client}-{number}");
        let letter = secured()
            .to(&format!("{name}@good.test"))
            .to(&format!("{name}@plain.test"))
            .header(CERTIFIED.0, CERTIFIED.1)
            .header(BY_EMAIL.0, BY_EMAIL.1);
        if submit(server, &letter).await.code == 250 {
            taken.push(name);
        }
    }
    taken
}
