//! Calls that the system refuses, as a failing disk or a machine short of something does.

use zegel_tests::lab::{Lab, Setup};
use zegel_tests::submit::submit_lmtp;

use crate::kill::strace;
use crate::load::{Sent, letter};
use crate::tally::Servers;

/// What is refused, with what error; whether a large message meets it, or a small one, which stands in the database
/// alone; and the answer.
const FAULTS: [(&str, &str, bool, u16); 11] = [
    ("fsync,fdatasync", "EIO", true, 451),
    ("fsync,fdatasync", "EIO", false, 451),
    ("fsync,fdatasync", "ENOSPC", true, 452),
    ("fsync,fdatasync", "EDQUOT", true, 452),
    ("rename", "EIO", true, 451),
    ("rename", "ENOSPC", true, 452),
    ("openat", "EMFILE", true, 451),
    ("openat", "ENOSPC", true, 452),
    ("pwrite64", "ENOSPC", false, 452),
    ("pwrite64", "EIO", false, 451),
    ("statfs,fstatfs", "EIO", true, 451),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_kept_is_refused_for_now_and_the_relay_lives_on() {
    let mut lab = Lab::start(Setup::default()).await;
    let mut sent = Vec::new();
    for (number, (call, error, large, answer)) in FAULTS.into_iter().enumerate() {
        let name = format!("fault-{number}");
        let what = format!("{error} for {call}, {}", if large { "large" } else { "small" });
        let letter = letter(&name, large);
        let log = lab.place.file(&format!("{name}.log"));
        let refusing = strace(&lab, &format!("inject={call}:error={error}"), &log).await;
        let reply = submit_lmtp(lab.relay.socket(), &letter).await;
        assert_eq!(reply.code, answer, "{what}: {}", reply.text);
        drop(refusing);
        let reply = submit_lmtp(lab.relay.socket(), &letter).await;
        assert_eq!(reply.code, 250, "after {what}: {}", reply.text);
        sent.push(Sent { name, taken: true });
    }
    let servers = Servers::start(&lab);
    assert_eq!(servers.expect_all(&sent, "refused calls").await, 0);
    lab.relay.stop().await;
}
