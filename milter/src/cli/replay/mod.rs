//! `zegel-milter replay`: an archive under one rule file, or under two, and what differs.

mod archive;
mod outcome;
mod tally;

use std::io::{ErrorKind, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use self::archive::{Archive, Item};
use self::outcome::{Outcome, judge};
use self::tally::Tally;
use super::{CONFIG, FOUND, Failure};
use crate::config::Config;

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// Directory, searched through for *.eml files and maildirs; or an mbox file
    archive: PathBuf,
    /// Rules to judge by [default: the installed configuration]
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Rules to compare with [default: the installed configuration, where --rules names another]
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
}

/// What became of one message.
#[derive(Debug)]
struct Report {
    /// The message's place in the archive, counted from 0.
    number: usize,
    path: String,
    /// How far the archive has been gone through with it.
    weight: u64,
    judged: Result<Judged, String>,
}

#[derive(Debug)]
struct Judged {
    message_id: Option<String>,
    now: Outcome,
    /// Under the rules to compare with.
    before: Option<Outcome>,
}

/// Messages that wait for a core, or for being counted. An archive may be larger than memory; this many messages are not.
const QUEUE_MAX: usize = 16;

pub(super) fn replay(asked: &Replay, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let (rules, against) = rule_files(asked)?;
    let archive = Archive::open(&asked.archive)
        .map_err(|error| format!("{}: {error}", asked.archive.display()))?;
    let tally = judge_all(&archive, &rules, against.as_ref());
    let changed = tally.has_changes();
    tally.tell(&rules, against.is_some(), out)?;
    Ok(if changed { ExitCode::from(FOUND) } else { ExitCode::SUCCESS })
}

/// Without `--against`, a new file is compared with the installed one, if there is one.
fn rule_files(asked: &Replay) -> Result<(Config, Option<Config>), Failure> {
    let installed = Path::new(CONFIG);
    let rules = Config::read(asked.rules.as_deref().unwrap_or(installed))?;
    let against = match (&asked.against, &asked.rules) {
        (Some(path), _) => Some(Config::read(path)?),
        (None, Some(_)) if is_there(installed)? => Some(Config::read(installed)?),
        (None, _) => None,
    };
    Ok((rules, against))
}

fn is_there(path: &Path) -> Result<bool, Failure> {
    match path.metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(format!("{}: {error}", path.display()).into()),
    }
}

fn judge_all(archive: &Archive, rules: &Config, against: Option<&Config>) -> Tally {
    let (work, queue) = sync_channel(QUEUE_MAX);
    let (done, reports) = sync_channel(QUEUE_MAX);
    let queue = Mutex::new(queue);
    let bar = bar(archive.weight());
    let mut tally = Tally::default();
    thread::scope(|scope| {
        scope.spawn(move || archive.feed(&work));
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            let (queue, done) = (&queue, done.clone());
            scope.spawn(move || judge_queue(queue, &done, rules, against));
        }
        drop(done);
        for report in reports {
            bar.inc(report.weight);
            tally.note(report);
        }
    });
    bar.finish_and_clear();
    tally
}

/// Takes messages off the queue until there are none, or until nobody wants to know any more.
fn judge_queue(
    queue: &Mutex<Receiver<Item>>,
    done: &SyncSender<Report>,
    rules: &Config,
    against: Option<&Config>,
) {
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
    while let Ok(item) = next() {
        let Item { number, path, weight, content } = item;
        let judged = content.read().map(|octets| {
            let (now, message_id) = judge(&octets, rules);
            let before = against.map(|config| judge(&octets, config).0);
            Judged { message_id, now, before }
        });
        if done.send(Report { number, path, weight, judged }).is_err() {
            return;
        }
    }
}

/// On standard error, and only where that is a terminal.
fn bar(weight: u64) -> ProgressBar {
    let bar = ProgressBar::new(weight);
    // A template that does not parse would leave the library's own, which says the same less well.
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent:>3} %  {eta} left") {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests;
