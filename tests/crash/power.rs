//! A power cut, by the ioctl with which file systems test themselves; and the same with a relay that does not wait for
//! the disk, which must lose mail, or this would prove nothing.

use std::process::Command;
use std::time::Duration;

use zegel_tests::chance::Chance;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::process::installed;

use crate::disk::{Disk, Kind};
use crate::load::{Load, Sent};
use crate::tally::Servers;
use crate::{IN_HAND_MAX, say, turns};

/// Every flush succeeds at once, and nothing is flushed.
const CARELESS: [&str; 8] = [
    "strace",
    "-f",
    "--seccomp-bpf",
    "-o",
    "/dev/null",
    "-e",
    "trace=fsync,fdatasync,sync_file_range",
    "-e",
];
const PRETEND: &str = "inject=fsync,fdatasync,sync_file_range:retval=0";

/// Has clients send, and cuts the power.
async fn cut(lab: &mut Lab, disk: &Disk, chance: &mut Chance, turn: usize) -> Vec<Sent> {
    let load = Load::start(lab.relay.socket(), turn);
    load.under_way().await;
    // Not a wait for anything: the moment of the cut is what is being tried.
    tokio::time::sleep(Duration::from_millis(chance.below(1_500))).await;
    disk.cut_power();
    lab.relay.kill();
    let sent = load.stop().await;
    disk.restore_power().await;
    sent
}

async fn lab_on(disk: &Disk) -> Lab {
    Lab::start(Setup { state: Some(disk.state()), ..Setup::default() }).await
}

async fn check(kind: Kind) {
    let mut chance = Chance::new();
    let what = format!("power cut on {kind:?}, ZEGEL_TESTS_SEED={}", chance.seed());
    let disk = Disk::new(kind);
    let mut lab = lab_on(&disk).await;
    let mut sent = Vec::new();
    for turn in 0..turns(2, 20) {
        let new = cut(&mut lab, &disk, &mut chance, turn).await;
        // The list shows the newest only; it shows that counting by it, as below, means something.
        assert!(unlisted(&lab, &new) < new.len() / 2, "{what}");
        sent.extend(new);
        lab.relay.resume().await;
    }
    let servers = Servers::start(&lab);
    assert_eq!(servers.expect_all(&sent, &what).await, 0, "{what}");
    lab.relay.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_arrives_once_though_the_power_is_cut_under_ext4() {
    check(Kind::Ext4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_arrives_once_though_the_power_is_cut_under_xfs() {
    check(Kind::Xfs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_is_not_sent_again_though_the_power_is_cut_while_more_is_on_its_way() {
    let mut chance = Chance::new();
    let what = format!("power cut while delivering, ZEGEL_TESTS_SEED={}", chance.seed());
    let disk = Disk::new(Kind::Ext4);
    let mut lab = lab_on(&disk).await;
    let servers = Servers::start(&lab);
    let (mut sent, cuts) = (Vec::new(), turns(1, 10));
    for turn in 0..cuts {
        sent.extend(cut(&mut lab, &disk, &mut chance, turn).await);
        lab.relay.resume().await;
    }
    let again = servers.expect_all(&sent, &what).await;
    assert!(again <= cuts * IN_HAND_MAX, "{again} recipients got something again ({what})");
    lab.relay.kill();
}

async fn careless(kind: Kind) {
    let disk = Disk::new(kind);
    let mut lab = lab_on(&disk).await;
    lab.relay.stop().await;
    lab.relay.run_by(&[&CARELESS[..], &[PRETEND]].concat());
    lab.relay.resume().await;
    let sent = cut(&mut lab, &disk, &mut Chance::new(), 0).await;
    let (lost, taken) = (unlisted(&lab, &sent), sent.iter().filter(|one| one.taken).count());
    say(&format!("power cut on {kind:?} without fsync: {taken} messages taken, {lost} lost"));
    assert!(
        lost > 0,
        "a relay that does not wait for the disk must lose mail, or this cannot tell"
    );
}

/// How many of the messages that were taken the store does not show.
fn unlisted(lab: &Lab, sent: &[Sent]) -> usize {
    let listed = Command::new(installed("zegel-relay"))
        .arg("--config")
        .arg(lab.place.file("relay.toml"))
        .args(["queue", "list", "--all"])
        .output()
        .expect("run the relay");
    // A database that cannot be read any more has lost everything.
    let listed = String::from_utf8_lossy(&listed.stdout);
    let is_lost = |one: &&Sent| !listed.contains(&format!("{}@", one.name));
    sent.iter().filter(|one| one.taken).filter(is_lost).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_does_not_wait_for_the_disk_loses_mail_under_ext4() {
    careless(Kind::Ext4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_does_not_wait_for_the_disk_loses_mail_under_xfs() {
    careless(Kind::Xfs).await;
}
