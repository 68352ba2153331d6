//! A disk without room.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::net::UnixStream;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::submit::{Client, Reply, submit_lmtp};

use crate::disk::{Disk, Kind};
use crate::load::{Sent, letter};
use crate::tally::Servers;

/// How soon a client is told, at the best of some tries on a machine that has other things to do.
const SOON: Duration = Duration::from_secs(1);

/// With room for the reserve of the test below, some dozen letters, and files to spare.
const SMALL: Kind = Kind::Small { octets: 24 << 20, files: 400 };

/// A world with its relay on a small disk, with this reserve.
async fn lab_on(disk: &Disk, reserve: u64) -> Lab {
    let limits = format!("disk-reserve = {reserve}\n");
    Lab::start(Setup { state: Some(disk.state()), limits, ..Setup::default() }).await
}

/// Sends letters until one is not taken, and gives back those that were.
async fn fill(lab: &Lab, large: bool, prefix: &str) -> (Vec<Sent>, Reply) {
    let mut sent = Vec::new();
    loop {
        let name = format!("{prefix}-{}", sent.len());
        let reply = submit_lmtp(lab.relay.socket(), &letter(&name, large)).await;
        if reply.code != 250 {
            return (sent, reply);
        }
        sent.push(Sent { name, taken: true });
    }
}

async fn expect_refused_soon(lab: &Lab, large: bool) {
    let mut best = Duration::MAX;
    for number in 0..3 {
        let start = Instant::now();
        let letter = letter(&format!("refused-{number}"), large);
        let reply = submit_lmtp(lab.relay.socket(), &letter).await;
        assert_eq!(reply.code, 452, "{}", reply.text);
        assert!(reply.text.starts_with("4.3.1 "), "{}", reply.text);
        best = best.min(start.elapsed());
    }
    assert!(best < SOON, "the answer took {best:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_at_once_loses_nothing_and_takes_mail_again_when_it_has_room() {
    let disk = Disk::new(SMALL);
    let ballast = disk.mount_point().join("ballast");
    fs::write(&ballast, vec![1; 8 << 20]).expect("fill a part of the disk");
    let mut lab = lab_on(&disk, 0).await;
    let (mut sent, _) = fill(&lab, true, "large").await;
    expect_refused_soon(&lab, true).await;
    // What room is left is for small ones; then the database has none either.
    let rest = disk.mount_point().join("rest");
    let _ = fs::write(&rest, vec![1; 24 << 20]);
    sent.extend(fill(&lab, false, "small").await.0);
    expect_refused_soon(&lab, false).await;

    fs::remove_file(&rest).expect("make room");
    fs::remove_file(&ballast).expect("make room");
    let (more, reply) = (letter("more", true), "after there is room again");
    submit_lmtp(lab.relay.socket(), &more).await.expect_kept();
    sent.push(Sent { name: "more".to_owned(), taken: true });
    let servers = Servers::start(&lab);
    assert_eq!(servers.expect_all(&sent, reply).await, 0);
    lab.relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_eats_the_reserve_on_which_deliveries_go_on() {
    let disk = Disk::new(SMALL);
    let mut lab = lab_on(&disk, 8 << 20).await;
    let (sent, reply) = fill(&lab, true, "large").await;
    assert_eq!(reply.code, 452, "{}", reply.text);
    expect_refused_soon(&lab, false).await;
    let servers = Servers::start(&lab);
    assert_eq!(servers.expect_all(&sent, "with the reserve left").await, 0);
    lab.relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_can_hold_no_more_files_is_told_at_once() {
    let disk = Disk::new(SMALL);
    let mut lab = lab_on(&disk, 0).await;
    // The relay has its database open.
    submit_lmtp(lab.relay.socket(), &letter("before", false)).await.expect_kept();
    use_up_files(&disk.mount_point());
    expect_refused_soon(&lab, true).await;
    lab.relay.stop().await;
}

fn use_up_files(directory: &Path) {
    for number in 0.. {
        if fs::File::create(directory.join(format!("file-{number}"))).is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_the_disk_cannot_hold_is_put_off_before_it_is_sent() {
    let disk = Disk::new(SMALL);
    let mut lab = lab_on(&disk, 8 << 20).await;
    let stream = UnixStream::connect(lab.relay.socket()).await.expect("reach the relay");
    let mut client = Client::new(stream);
    client.reply().await;
    client.command("LHLO mail.org.test").await;
    let reply = client.command("MAIL FROM:<jan@org.test> SIZE=20000000").await;
    assert_eq!(reply.code, 452, "{}", reply.text);
    assert!(reply.text.starts_with("4.3.1 "), "{}", reply.text);
    client.command("MAIL FROM:<jan@org.test> SIZE=1000").await.expect_kept();
    lab.relay.stop().await;
}
