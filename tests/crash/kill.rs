//! kill -9, at any moment.

use std::time::Duration;

use zegel_tests::chance::Chance;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::process::Process;
use zegel_tests::submit::submit_lmtp;

use crate::load::{Load, Sent, letter};
use crate::tally::Servers;
use crate::{IN_HAND_MAX, turns};

/// Calls after which something is on disk that was not before.
const CALLS: [&str; 4] = ["fsync", "fdatasync", "rename", "pwrite64"];

/// Kills the relay at random moments while clients send; gives back what they sent.
async fn kill_often(lab: &mut Lab, chance: &mut Chance, kills: usize) -> Vec<Sent> {
    let load = Load::start(lab.relay.socket(), 0);
    load.under_way().await;
    for _ in 0..kills {
        // Not a wait for anything: the moment of the kill is what is being tried.
        tokio::time::sleep(Duration::from_millis(50 + chance.below(800))).await;
        lab.relay.kill();
        lab.relay.resume().await;
    }
    load.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_arrives_once_when_no_crash_comes_after_a_server_has_it() {
    let mut chance = Chance::new();
    let what = format!("killed before anything left, ZEGEL_TESTS_SEED={}", chance.seed());
    let mut lab = Lab::start(Setup::default()).await;
    let sent = kill_often(&mut lab, &mut chance, turns(6, 100)).await;
    let servers = Servers::start(&lab);
    assert_eq!(servers.expect_all(&sent, &what).await, 0, "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_arrives_though_the_relay_is_killed_while_it_delivers() {
    let mut chance = Chance::new();
    let kills = turns(6, 100);
    let what = format!("killed while delivering, ZEGEL_TESTS_SEED={}", chance.seed());
    let mut lab = Lab::start(Setup::default()).await;
    let servers = Servers::start(&lab);
    let sent = kill_often(&mut lab, &mut chance, kills).await;
    let again = servers.expect_all(&sent, &what).await;
    assert!(again <= kills * IN_HAND_MAX, "{again} recipients got something again ({what})");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_arrives_once_though_the_relay_dies_in_each_call_that_makes_it_durable() {
    let mut lab = Lab::start(Setup::default()).await;
    let mut sent = Vec::new();
    for call in CALLS {
        for count in 1..=turns(2, 20) {
            let name = format!("{call}-{count}");
            let letter = letter(&name, true);
            let log = lab.place.file(&format!("strace-{name}.log"));
            let killing = format!("inject={call}:signal=KILL:when={count}+");
            let strace = strace(&lab, &killing, &log).await;
            submit_lmtp(lab.relay.socket(), &letter).await;
            drop(strace);
            lab.relay.kill();
            lab.relay.resume().await;
            submit_lmtp(lab.relay.socket(), &letter).await.expect_kept();
            sent.push(Sent { name, taken: true });
        }
    }
    let servers = Servers::start(&lab);
    assert_eq!(servers.expect_all(&sent, "killed in a call").await, 0);
}

/// Puts itself between the running relay and the system, until it is dropped.
pub(crate) async fn strace(lab: &Lab, inject: &str, log: &std::path::Path) -> Process {
    let pid = lab.relay.pid().to_string();
    let arguments = ["-f", "-o", "/dev/null", "-e", inject, "-p", &pid];
    let mut strace = Process::start("strace", "strace", &arguments, log);
    let attached = || std::fs::read_to_string(log).ok().filter(|said| said.contains("attached"));
    strace.ready(attached).await;
    strace
}
