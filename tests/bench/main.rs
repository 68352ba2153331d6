//! `tests/bench/run`: what the milter costs, beside Postfix without one and beside other milters. `tests/bench/accept`: what
//! the relay's taking in costs ([`accept`]).
//!
//! All mail servers stand side by side and take turns, round after round, so that whatever else the machine does falls on
//! all of them. Every figure is a median over the rounds; a ratio is formed within its round. Queues lie where `TMPDIR`
//! points, and a slow disk hides what milters cost.

mod accept;
mod load;
mod rig;
mod sample;

use std::io::{self, Cursor, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rig::{Kind, Rig};
use zegel_core::label::document::{Limits, read};
use zegel_tests::place::Place;

/// Rounds unless told.
const ROUNDS: usize = 7;

/// Octets of the document that is sent, and of the one that is only read.
const DOCUMENT_SENT: usize = 100_000;
const DOCUMENT_READ: usize = 1_000_000;

/// What is promised: of Postfix without a milter, of Postfix with a milter that does nothing, and for a document.
const OF_NONE: f64 = 0.8;
const OF_NOOP: f64 = 1.25;
const READING: Duration = Duration::from_millis(10);

/// One way of loading a mail server.
struct Load {
    title: &'static str,
    file: PathBuf,
    sessions: usize,
    messages: usize,
    /// The milter for which the promise is given under this load.
    promised: Option<Kind>,
}

/// Seconds a message, by round and in the order of [`Kind::ALL`].
struct Table {
    rounds: Vec<Vec<f64>>,
}

/// One thread: what sends shall take as little as it can of what is measured.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (is_accept, rounds) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => (false, Some(ROUNDS)),
        ["accept"] => (true, Some(ROUNDS)),
        ["accept", rounds] => (true, rounds.parse().ok()),
        [rounds] => (false, rounds.parse().ok()),
        _ => (false, None),
    };
    let Some(rounds) = rounds.filter(|rounds| *rounds > 0) else {
        say("usage: tests/bench/run [ROUNDS] or tests/bench/accept [ROUNDS]");
        return ExitCode::from(2);
    };
    if is_accept {
        accept::measure(rounds).await;
    } else {
        milters(rounds).await;
    }
    ExitCode::SUCCESS
}

async fn milters(rounds: usize) {
    reading(rounds);
    let mut rigs = Vec::new();
    for kind in Kind::ALL {
        rigs.push(Rig::start(kind).await);
    }
    let place = Place::new();
    for load in loads(&place) {
        // Mail servers start their processes as they need them; that is not what is measured.
        turn(&rigs, &load, 0).await;
        let mut table = Table { rounds: Vec::new() };
        for round in 0..rounds {
            table.rounds.push(turn(&rigs, &load, round).await);
        }
        say(&format!("\n{}, {} session(s), {rounds} rounds", load.title, load.sessions));
        table.print(load.promised);
    }
}

fn loads(place: &Place) -> [Load; 4] {
    let short = place.file("short.eml");
    std::fs::write(&short, sample::short()).expect("write the short message");
    let document = place.file("document.eml");
    std::fs::write(&document, sample::with_document(DOCUMENT_SENT))
        .expect("write the message with a document");
    let load = |title, file: &PathBuf, sessions, messages, promised| Load {
        title,
        file: file.clone(),
        sessions,
        messages,
        promised,
    };
    let (small, large) = ("A message of 1 KB", "A message with a document of 100 KB");
    [
        load(small, &short, 1, 400, Some(Kind::Headers)),
        load(small, &short, 10, 1500, Some(Kind::Headers)),
        load(large, &document, 1, 150, None),
        load(large, &document, 10, 400, None),
    ]
}

/// Each mail server once; another one begins in each round.
async fn turn(rigs: &[Rig], load: &Load, round: usize) -> Vec<f64> {
    let mut times: Vec<(usize, f64)> = Vec::new();
    for (at, rig) in rigs.iter().enumerate().cycle().skip(round % rigs.len()).take(rigs.len()) {
        let took = rig.time(&load.file, load.sessions, load.messages).await;
        let messages = u32::try_from(load.messages).expect("a few thousand");
        times.push((at, took.as_secs_f64() / f64::from(messages)));
    }
    times.sort_by_key(|(at, _)| *at);
    times.into_iter().map(|(_, seconds)| seconds).collect()
}

impl Table {
    fn print(&self, promised: Option<Kind>) {
        say(&format!(
            "  {:28} {:>8} {:>12} {:>9} {:>9}",
            "", "msg/s", "added, µs", "of none", "of no-op"
        ));
        for kind in Kind::ALL {
            let of_none = self.over_rounds(|seconds| seconds(Kind::None) / seconds(kind));
            let of_noop = self.over_rounds(|seconds| seconds(Kind::Noop) / seconds(kind));
            let verdict = match promised {
                Some(promised) if promised == kind => {
                    verdict(of_none >= OF_NONE && of_noop >= OF_NOOP)
                }
                _ => "",
            };
            say(&format!(
                "  {:28} {:8.0} {:12.0} {of_none:9.2} {of_noop:9.2}  {verdict}",
                kind.name(),
                self.over_rounds(|seconds| 1.0 / seconds(kind)),
                self.over_rounds(|seconds| 1e6 * (seconds(kind) - seconds(Kind::None))),
            ));
        }
        if promised.is_some() {
            say(&format!("  promised: {OF_NONE} of none, {OF_NOOP} of no-op"));
        }
    }

    /// The median of what `figure` makes of each round.
    fn over_rounds(&self, figure: impl Fn(&dyn Fn(Kind) -> f64) -> f64) -> f64 {
        let of_round = |round: &Vec<f64>| {
            figure(&|kind| {
                let at = Kind::ALL.iter().position(|known| *known == kind);
                at.and_then(|at| round.get(at)).copied().expect("every kind has its turn")
            })
        };
        median(self.rounds.iter().map(of_round).collect())
    }
}

/// Reads a document in this process, as the milter does.
fn reading(rounds: usize) {
    let document = sample::document(DOCUMENT_READ);
    let limits = Limits::default();
    let times = (0..rounds * 10).map(|_| {
        let start = Instant::now();
        let findings = read(&mut Cursor::new(&document), &limits);
        let took = start.elapsed();
        assert!(
            findings.labels.len() == 1 && findings.unreadable.is_empty(),
            "the document's label was not read: {findings:?}"
        );
        took.as_secs_f64()
    });
    let seconds = median(times.collect());
    say(&format!(
        "A document of {} KB: its label is read in {:.2} ms; promised: {} ms  {}",
        document.len() / 1000,
        seconds * 1e3,
        READING.as_millis(),
        verdict(seconds < READING.as_secs_f64())
    ));
}

fn verdict(is_met: bool) -> &'static str {
    if is_met { "as promised" } else { "NOT as promised" }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().expect("at least one round")
}

fn say(line: &str) {
    // Whoever closes the output has read enough.
    let _ = writeln!(io::stdout(), "{line}");
}
