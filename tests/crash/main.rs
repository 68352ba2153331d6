//! 250 is a promise, and here it is put to the test: a relay that is killed, whose power is cut, whose disk fills up or
//! fails. Needs root, loop devices and strace, and fails without them.
//!
//! What is promised, and checked:
//!
//! - A message that was answered with 250 arrives; a client that got no answer and repeats itself makes no second one.
//! - It arrives once, unless the crash came after the recipient's server had taken it and before that was on disk. Then
//!   it may arrive again, with the same Message-ID: mail knows no delivery exactly once.
//!
//! Short by default; `ZEGEL_TESTS_LONG=1` (`tests/crash/run --long`) makes each story some times longer.

mod disk;
mod fault;
mod full;
mod kill;
mod load;
mod power;
mod tally;

/// What a crash may find on its way: `limits.deliveries-max`.
const IN_HAND_MAX: usize = 50;

/// So many turns, or so many in a long run.
fn turns(short: usize, long: usize) -> usize {
    if std::env::var_os("ZEGEL_TESTS_LONG").is_some() { long } else { short }
}

/// What a story has counted: worth reading when nothing failed, too.
fn say(counted: &str) {
    use std::io::Write as _;
    // Nowhere to tell that it could not be told.
    let _ = writeln!(std::io::stderr(), "{counted}");
}
