//! The milter: hears a message from the mail server, asks the rules of `zegel-core` about it, and has the mail server
//! reroute it when they select it.
//!
//! - [`config`]: `milter.toml`; [`reload`]: the one in force, changed by SIGHUP.
//! - [`socket`]: where the mail server connects.
//! - [`callbacks`]: the milter protocol, translated into
//! - [`session`]: who submits what, with its [`body`] where a rule looks at bodies; and the judgement, as
//! - [`action`]: a list of changes to the message, among them
//! - [`route`]: the header that the mail server reroutes by.
//! - [`sample`]: a message from a file, judged the same way; [`proof`]: the tests in the rule file.
//! - [`cli`]: the commands.
//!
//! Deliberately absent: a whole body in memory, any state between messages, and any path on which an error becomes "accept".

pub mod action;
pub mod body;
pub mod callbacks;
pub mod cli;
mod clock;
pub mod config;
pub mod proof;
pub mod reload;
pub mod route;
pub mod sample;
pub mod session;
pub mod socket;

use std::future::Future;
use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use body::Readers;
use reload::Live;
use socket::Opened;
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Connections of the mail server at once; more wait. Postfix runs 100 smtpd processes by default
/// (`default_process_limit`), and each keeps one.
const CONNECTIONS_MAX: usize = 1000;

/// Threads that serve connections. Each answers thousands of messages a second, more than one mail server brings; documents
/// are read by threads of their own.
const THREADS_MAX: usize = 4;

/// How long messages in hand may take when the milter stops. A callback takes 30 s at most; systemd kills after 90 s.
const SHUTDOWN_MAX: Duration = Duration::from_secs(35);

/// Serves the mail server until `shutdown`, and then finishes the messages in hand.
///
/// A connection stays with the thread that took it. In a runtime of several threads each of a message's commands, which
/// all come in one read, would wake another thread that finds nothing to do; that cost more than all the rest.
pub async fn run(
    socket: Opened,
    live: Arc<Live>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let socket = Arc::new(socket);
    let readers = Readers::default();
    let stop = CancellationToken::new();
    let _stop_when_dropped = stop.clone().drop_guard();
    let threads = available_parallelism().map_or(1, NonZero::get).min(THREADS_MAX);
    let mut serving = JoinSet::new();
    for _ in 0..threads {
        let (socket, live) = (socket.clone(), live.clone());
        let (readers, stop) = (readers.clone(), stop.clone());
        serving.spawn_blocking(move || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let max_connections = CONNECTIONS_MAX.div_ceil(threads);
            let ended = runtime.block_on(serve(&socket, live, readers, max_connections, stop));
            // A document that is still being read was waited for long enough.
            runtime.shutdown_background();
            ended
        });
    }
    tokio::pin!(shutdown);
    let mut result = Ok(());
    // The first thread that fails ends them all: the mail server must not meet half a milter.
    tokio::select! {
        Some(ended) = serving.join_next() => result = ended.map_err(io::Error::other).flatten(),
        () = &mut shutdown => (),
    }
    stop.cancel();
    while let Some(ended) = serving.join_next().await {
        result = result.and(ended.map_err(io::Error::other).flatten());
    }
    result
}

/// Serves the connections of one thread.
async fn serve(
    socket: &Opened,
    live: Arc<Live>,
    readers: Readers,
    max_connections: usize,
    stop: CancellationToken,
) -> io::Result<()> {
    let config = indymilter::Config { max_connections, ..indymilter::Config::default() };
    let callbacks = callbacks::callbacks(live, readers);
    let milter = indymilter::run(socket.listen()?, callbacks, config, stop.cancelled());
    tokio::pin!(milter);
    tokio::select! {
        ended = &mut milter => return ended,
        () = stop.cancelled() => (),
    }
    timeout(SHUTDOWN_MAX, milter).await.unwrap_or_else(|_| {
        warn!("messages in hand were abandoned: the mail server answers them with its milter_default_action");
        Ok(())
    })
}

#[cfg(test)]
mod tests;
