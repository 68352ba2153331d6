//! `tests/bench/accept`: what it costs the relay to take mail in, beside Postfix on the same machine, in the same run and
//! on the same file system.
//!
//! - Both answer 250 when the message is durable. Both are spoken to by one client of ours, over TCP and TLS: a session
//!   greets, goes over to TLS and (at the relay, whose listener demands it) logs in before the clock starts, and then sends
//!   one message after the other, envelope and DATA in one write. Both write their log to a file.
//! - Nothing is delivered meanwhile. Postfix places all in its hold queue, so that its queue manager has nothing to do. The
//!   relay knows no such thing: the recipients' server lets it connect and says nothing, so that 20 deliveries, which is all
//!   that one domain gets, wait for it, and the others for them. Both keep all that they took until the end.
//! - What is left of the machine's work falls on both: they take turns, round after round, and a ratio is formed within its
//!   round.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use zegel_tests::ca::Kind;
use zegel_tests::gateway::{Caller, Credential};
use zegel_tests::lab::{GATEWAY_HOST, Lab, ORGANISATION, Port, Setup};
use zegel_tests::mta::{MailServer, Postfix};
use zegel_tests::process::run;
use zegel_tests::sink::Sink;

use crate::load::{Server, idle, large, small};
use crate::{median, say, verdict};

/// Where the mail goes.
const RECIPIENTS: &str = "good.test";

/// The name in Postfix's certificate, and the last octet of its address.
const POSTFIX: (&str, u8) = ("mail.org.test", 20);

/// Sessions, messages in a round, and how many times Postfix is promised.
const LOADS: [(usize, usize, f64); 3] = [(1, 300, 1.0), (10, 1500, 1.5), (50, 3000, 3.0)];

/// Idle connections.
const IDLE: usize = 2000;

/// Sessions that each send one large message, and its octets.
const LARGE: (usize, usize) = (50, 25_000_000);
const LARGE_MEMORY: u64 = 128 * 1024 * 1024;

/// Messages that come at once before any can leave, and sessions that bring them.
const BURST: (usize, usize) = (5000, 50);

/// Until the last of a burst has left; far longer than it takes.
const DRAIN_MAX: Duration = Duration::from_mins(15);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The servers that are compared, and what they need.
struct Rig {
    lab: Lab,
    relay: Server,
    postfix: Server,
    _postfix: Postfix,
    /// It takes connections, as the kernel does for it, and never says a word.
    silent: TcpListener,
}

pub(crate) async fn measure(rounds: usize) {
    let mut rig = Rig::start().await;
    say(&format!("Queues on {}", file_system(rig.lab.place.path())));
    say(&format!("{}\n", machine()));
    rig.idle().await;
    rig.memory().await;
    for load in LOADS {
        rig.accept(load, rounds).await;
    }
    // One whose queue is empty.
    drop(rig);
    Rig::start().await.drain().await;
    say(&machine());
}

impl Rig {
    async fn start() -> Self {
        let limits = format!("smtp-connections-per-address-max = {}\n", IDLE + LARGE.0);
        let setup = Setup { gateway: Some(String::new()), limits, ..Setup::default() };
        let lab = Lab::start(setup).await;
        let silent = TcpListener::bind(lab.server(RECIPIENTS)).expect("hold the recipients' port");
        let leaf = lab.ca.issue(&lab.place, Kind::Good, POSTFIX.0, None);
        let postfix = Postfix::holding(&lab.place, POSTFIX.1, &leaf).await;
        Self {
            relay: Server {
                address: lab.gateway(Port::Submission),
                caller: Caller::new(GATEWAY_HOST, lab.ca.root()),
                credential: Some(Credential::create(&lab.relay, ORGANISATION)),
            },
            postfix: Server {
                address: postfix.address(),
                caller: Caller::new(POSTFIX.0, lab.ca.root()),
                credential: None,
            },
            _postfix: postfix,
            silent,
            lab,
        }
    }

    async fn idle(&mut self) {
        self.fresh().await;
        // The first login pays for a verification, and is remembered for the others.
        let first = idle(&self.relay, 1).await;
        let before = self.lab.relay.memory();
        let connections = idle(&self.relay, IDLE).await;
        let more = self.lab.relay.memory().saturating_sub(before) / IDLE as u64;
        drop((first, connections));
        say(&format!("{IDLE} idle connections, inside TLS and logged in: {more} octets each"));
    }

    async fn memory(&mut self) {
        self.fresh().await;
        let (sessions, octets) = LARGE;
        let took = large(&self.relay, sessions, octets).await;
        let peak = self.lab.relay.memory_peak();
        say(&format!(
            "{sessions} messages of {} MB at once: {:.0} MiB at most, {:.1} s; promised: {} MiB  {}\n",
            octets / 1_000_000,
            mebibytes(peak),
            took.as_secs_f64(),
            LARGE_MEMORY / 1024 / 1024,
            verdict(peak < LARGE_MEMORY)
        ));
    }

    /// What was before shall not count.
    async fn fresh(&mut self) {
        self.lab.relay.stop().await;
        self.lab.relay.resume().await;
    }

    async fn accept(&self, (sessions, messages, promised): (usize, usize, f64), rounds: usize) {
        // Mail servers start their processes as they need them; that is not what is measured.
        self.turn(sessions, messages, 0).await;
        let mut rates = Vec::new();
        for round in 0..rounds {
            rates.push(self.turn(sessions, messages, round).await);
        }
        let of_rounds = |figure: fn(&(f64, f64)) -> f64| median(rates.iter().map(figure).collect());
        let ratio = of_rounds(|(postfix, relay)| relay / postfix);
        say(&format!(
            "Messages of 4 KB, {sessions:2} session(s), {rounds} rounds: Postfix {:5.0}/s, relay {:5.0}/s, ratio {ratio:.2}; \
             promised: {promised:.1}  {}",
            of_rounds(|(postfix, _)| *postfix),
            of_rounds(|(_, relay)| *relay),
            verdict(ratio >= promised)
        ));
    }

    /// Messages a second, of Postfix and of the relay; who comes first alternates.
    async fn turn(&self, sessions: usize, messages: usize, round: usize) -> (f64, f64) {
        let rate = async |server| rate(messages, small(server, sessions, messages).await);
        if round.is_multiple_of(2) {
            let postfix = rate(&self.postfix).await;
            (postfix, rate(&self.relay).await)
        } else {
            let relay = rate(&self.relay).await;
            (rate(&self.postfix).await, relay)
        }
    }

    /// How fast a burst leaves that came before any of it could.
    async fn drain(self) {
        let (messages, sessions) = BURST;
        let accepted = rate(messages, small(&self.relay, sessions, messages).await);
        drop(self.silent);
        let sink = self.lab.sink(RECIPIENTS, Some(Kind::Good));
        let start = Instant::now();
        while arrived(&sink) < messages {
            assert!(start.elapsed() < DRAIN_MAX, "{} of {messages} have left", arrived(&sink));
            sleep(LOOK_EVERY).await;
        }
        let drained = rate(messages, start.elapsed());
        say(&format!(
            "A burst of {messages}: taken at {accepted:.0}/s, drained at {drained:.0}/s, ratio {:.2}; promised: 1.0  {}",
            drained / accepted,
            verdict(drained >= accepted)
        ));
    }
}

fn arrived(sink: &Sink) -> usize {
    let mut count = 0;
    sink.look_at(|_| count += 1);
    count
}

fn rate(messages: usize, took: Duration) -> f64 {
    let messages = u32::try_from(messages).expect("some thousands");
    f64::from(messages) / took.as_secs_f64()
}

fn mebibytes(octets: u64) -> f64 {
    f64::from(u32::try_from(octets / 1024).expect("less than a tebibyte")) / 1024.0
}

/// The file system of a directory, which must be on a disk: elsewhere nothing becomes durable.
fn file_system(directory: &Path) -> String {
    let directory = directory.to_string_lossy();
    let told = run("df", &["--output=fstype,source,target", &directory]);
    let line = told.lines().last().unwrap_or_default().split_whitespace().collect::<Vec<_>>();
    assert!(
        !line.starts_with(&["tmpfs"]),
        "{directory} is in memory, where nothing becomes durable: set TMPDIR to a directory on a disk"
    );
    line.join(" ")
}

/// What else the machine has to do, as far as it shows (proc(5)).
fn machine() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    format!("Load {} on {processors} processors", load.trim())
}
