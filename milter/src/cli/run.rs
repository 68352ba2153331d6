//! `zegel-milter run`: the process from start to end.

use std::io;
use std::path::Path;
use std::sync::Arc;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::level_filters::LevelFilter;
use tracing::{error, info, warn};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::Failure;
use crate::reload::Live;
use crate::{run as serve, socket};

pub(super) fn run(path: &Path) -> Result<(), Failure> {
    let live = Arc::new(Live::open(path)?);
    start_log(live.started().log.0);
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(served(live))
}

async fn served(live: Arc<Live>) -> Result<(), Failure> {
    // Before the socket: from READY on, a signal must find its listener.
    let mut hangup = signal(SignalKind::hangup())?;
    let stop = stop_signal()?;
    let listener = socket::bind(live.started())?;
    let socket_name = live.started().socket.to_string();
    info!(socket = socket_name, "listening on {socket_name}");
    notify(&[NotifyState::Ready]);
    let reloads = tokio::spawn({
        let live = live.clone();
        async move {
            while hangup.recv().await.is_some() {
                reload(&live);
            }
        }
    });
    let ended = serve(listener, live.clone(), stop).await;
    reloads.abort();
    socket::remove(live.started());
    info!("stopped");
    Ok(ended?)
}

/// Ends when the process is told to.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate: Signal = signal(SignalKind::terminate())?;
    let mut interrupt: Signal = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
        notify(&[NotifyState::Stopping]);
    })
}

fn reload(live: &Live) {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        notify(&[NotifyState::Reloading, now]);
    }
    match live.reload() {
        Ok(waiting) if waiting.is_empty() => info!("configuration reloaded"),
        Ok(waiting) => warn!("configuration reloaded; restart for the new {}", waiting.join(", ")),
        Err(problems) => {
            error!("configuration not reloaded, the old one stays in force: {problems}");
        }
    }
    notify(&[NotifyState::Ready]);
}

/// Tells systemd, where it asked to be told.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        warn!("systemd cannot be told: {error}");
    }
}

/// The milter library logs whole messages at its lowest level, subjects and all: nothing of it below a warning gets through.
fn start_log(level: LevelFilter) {
    let targets = Targets::new().with_default(LevelFilter::WARN).with_target("zegel_milter", level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false);
    let journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let registry = tracing_subscriber::registry().with(targets);
    // The journal has its own time stamps.
    if journal { registry.with(lines.without_time()).init() } else { registry.with(lines).init() }
}
