//! Clients that hand messages to the relay, each over sessions of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use zegel_tests::letter::Letter;
use zegel_tests::submit::submit_lmtp;
use zegel_tests::wait::until;

/// Clients that send at the same time.
const CLIENTS: usize = 8;

/// Before a client repeats what was not taken.
const PAUSE: Duration = Duration::from_millis(20);

/// What happened to the letter of this name.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) name: String,
    /// Whether it was answered with 250 in the end.
    pub(crate) taken: bool,
}

pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    taken: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Vec<Sent>>>,
}

impl Load {
    /// Every client repeats a letter until it is taken, as mail servers do. `run` makes the names of several loads
    /// differ.
    pub(crate) fn start(socket: &Path, run: usize) -> Self {
        let (stop, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let start = |client| {
            let client = Client {
                socket: socket.to_owned(),
                name: format!("r{run}-{client}"),
                stop: Arc::clone(&stop),
                taken: Arc::clone(&taken),
            };
            tokio::spawn(client.send())
        };
        let clients = (0..CLIENTS).map(start).collect();
        Self { stop, taken, clients }
    }

    /// Waits until so many messages are taken that a crash means something.
    pub(crate) async fn under_way(&self) {
        until("messages to be taken", || (self.taken.load(Ordering::Relaxed) > 20).then_some(()))
            .await;
    }

    pub(crate) async fn stop(self) -> Vec<Sent> {
        self.stop.store(true, Ordering::Relaxed);
        let mut sent = Vec::new();
        for client in self.clients {
            sent.extend(client.await.expect("a client ends"));
        }
        sent
    }
}

/// A letter to one recipient who gets the message itself, and one who gets a notification.
pub(crate) fn letter(name: &str, large: bool) -> Letter {
    let text =
        if large { "All of it is needed, every line.\n".repeat(6_000) } else { "Short.".into() };
    Letter::from("jan@org.test")
        .to(&format!("{name}@good.test"))
        .to(&format!("{name}@plain.test"))
        .header("zivver-direct-delivery", "tls tls1.2 auth certificate-validation")
        .header("zivver-minimum-recipient-verification", "verification-email")
        .text(&text)
}

struct Client {
    socket: PathBuf,
    name: String,
    stop: Arc<AtomicBool>,
    taken: Arc<AtomicUsize>,
}

impl Client {
    async fn send(self) -> Vec<Sent> {
        let mut sent = Vec::new();
        for number in 0.. {
            let name = format!("{}-{number}", self.name);
            // Small ones stand in the database, large ones in files.
            let taken = self.insist(&letter(&name, number % 3 == 2)).await;
            sent.push(Sent { name, taken });
            if !taken {
                break;
            }
        }
        sent
    }

    /// Sends a letter until it is taken, or nothing more is to be sent.
    async fn insist(&self, letter: &Letter) -> bool {
        while !self.stop.load(Ordering::Relaxed) {
            if submit_lmtp(&self.socket, letter).await.code == 250 {
                self.taken.fetch_add(1, Ordering::Relaxed);
                return true;
            }
            tokio::time::sleep(PAUSE).await;
        }
        false
    }
}
