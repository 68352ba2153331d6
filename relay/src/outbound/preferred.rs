//! The domains to which direct delivery is preferred: those of the configuration, of a file that is read again when it
//! changes, and of a web server that is asked every hour. A list that cannot be read, whole, changes nothing.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use reqwest::{Client, StatusCode};
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::{info, warn};
use zegel_core::address::Domain;
use zegel_core::domain_list::{self, OCTETS_MAX};

use crate::config;
use crate::lifecycle::Lifecycle;
use crate::web::{cause, client};

/// Who has just edited the file and not told the relay waits as long for it as for a cron job.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Such lists change by the week.
const FETCH_EVERY: Duration = Duration::from_hours(1);

/// After a failure: somebody may be mending it.
const FETCH_AGAIN: Duration = Duration::from_mins(5);

/// The longest list at 100 kB a second, and nobody waits for it.
const FETCH_TIME_MAX: Duration = Duration::from_mins(1);

/// Where the list of the web server stands in the state directory, so that a restart without network knows it.
const CACHE: &str = "prefer-direct.list";

type Domains = BTreeSet<Domain>;

/// The lists. Cheap to clone; every clone sees the new ones.
#[derive(Clone, Debug)]
pub struct Preferred(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    own: Domains,
    file: Option<PathBuf>,
    remote: Option<Remote>,
    lists: RwLock<Lists>,
    told: Notify,
}

/// What was last read well.
#[derive(Debug, Default)]
struct Lists {
    file: Arc<Domains>,
    remote: Arc<Domains>,
}

#[derive(Debug)]
struct Remote {
    url: reqwest::Url,
    client: Client,
    cache: PathBuf,
}

/// What tells one state of a file from another.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    inode: u64,
    length: u64,
}

impl Preferred {
    /// The domains of the configuration alone.
    pub(super) fn new(outbound: &config::Outbound) -> Self {
        Self(Arc::new(Shared {
            own: outbound.prefer_direct.iter().cloned().collect(),
            ..Shared::default()
        }))
    }

    /// With the file, and what was last fetched; what cannot be read is empty until it can.
    pub(super) fn with_lists(
        self,
        outbound: &config::Outbound,
        state: &Path,
    ) -> Result<Self, String> {
        let remote = outbound.prefer_direct_url.as_ref().map(|url| {
            let client = client(outbound.roots.as_deref()).and_then(|client| {
                let built = client.timeout(FETCH_TIME_MAX).build();
                built.map_err(|error| format!("TLS cannot be set up: {}", cause(&error)))
            });
            let client = client.map_err(|why| format!("prefer-direct-url: {why}"))?;
            Ok::<_, String>(Remote { url: url.url().clone(), client, cache: state.join(CACHE) })
        });
        let preferred = Self(Arc::new(Shared {
            own: self.0.own.clone(),
            file: outbound.prefer_direct_file.clone(),
            remote: remote.transpose()?,
            ..Shared::default()
        }));
        preferred.read_cache();
        if let Err(why) = preferred.read_file() {
            warn!("{why}; nothing of it is preferred until it can be read");
        }
        Ok(preferred)
    }

    pub(super) fn contains(&self, domain: &Domain) -> bool {
        let lists = self.0.lists.read().unwrap_or_else(PoisonError::into_inner);
        self.0.own.contains(domain) || lists.file.contains(domain) || lists.remote.contains(domain)
    }

    /// What is wrong with the file now, and what to do.
    pub fn problem(&self) -> Option<String> {
        self.read_file().err()
    }

    /// Has the lists read again without waiting.
    pub fn reload(&self) {
        self.0.told.notify_one();
    }

    /// Keeps the lists as they are where they come from, until the process stops.
    pub async fn keep(self, lifecycle: Lifecycle) {
        let mut stamp = self.stamp();
        let mut fetch_due = Instant::now();
        while !lifecycle.is_stopping() {
            if let Some(remote) = &self.0.remote
                && fetch_due <= Instant::now()
            {
                let next = if self.fetch(remote).await { FETCH_EVERY } else { FETCH_AGAIN };
                fetch_due = Instant::now() + next;
            }
            tokio::select! {
                () = lifecycle.stopping() => {}
                () = self.0.told.notified() => {
                    stamp = None;
                    fetch_due = Instant::now();
                }
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let current = self.stamp();
            if current != stamp {
                stamp = current;
                self.refresh_file();
            }
        }
    }

    fn refresh_file(&self) {
        match self.read_file() {
            Ok(0) => {}
            Ok(count) => info!("outbound.prefer-direct-file names {count} domains"),
            Err(why) => warn!("{why}; the domains that it named before stay preferred"),
        }
    }

    /// Takes the file's domains over, and counts them.
    fn read_file(&self) -> Result<usize, String> {
        let Some(file) = &self.0.file else { return Ok(0) };
        let domains = read(file)
            .map_err(|why| format!("outbound.prefer-direct-file: {}: {why}", file.display()))?;
        let count = domains.len();
        self.change(|lists| lists.file = Arc::new(domains));
        Ok(count)
    }

    fn read_cache(&self) {
        let Some(remote) = &self.0.remote else { return };
        match read(&remote.cache) {
            Ok(domains) => self.change(|lists| lists.remote = Arc::new(domains)),
            Err(_) if !remote.cache.exists() => {}
            Err(why) => warn!("{}: {why}; it is fetched anew", remote.cache.display()),
        }
    }

    /// Whether the list was fetched, and is one.
    async fn fetch(&self, remote: &Remote) -> bool {
        match remote.fetch().await {
            Ok(domains) => {
                info!("outbound.prefer-direct-url names {} domains", domains.len());
                self.change(|lists| lists.remote = Arc::new(domains));
                true
            }
            Err(why) => {
                warn!(
                    "outbound.prefer-direct-url: {}: {why}; the domains that it named before stay preferred",
                    remote.url
                );
                false
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Lists)) {
        change(&mut self.0.lists.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn stamp(&self) -> Option<Stamp> {
        let metadata = std::fs::metadata(self.0.file.as_ref()?).ok()?;
        let modified = metadata.modified().ok()?;
        Some(Stamp { modified, inode: metadata.ino(), length: metadata.len() })
    }
}

impl Remote {
    async fn fetch(&self) -> Result<Domains, String> {
        let octets = self.download().await?;
        let domains = domain_list::read(&octets).map_err(|error| error.to_string())?;
        let cache = self.cache.clone();
        let kept = tokio::task::spawn_blocking(move || replace(&cache, &octets)).await;
        if let Ok(Err(error)) = kept {
            warn!("{}: {error}; a restart will not know the list", self.cache.display());
        }
        Ok(domains)
    }

    async fn download(&self) -> Result<Vec<u8>, String> {
        let broken = |error: reqwest::Error| cause(&error);
        let mut response = self.client.get(self.url.clone()).send().await.map_err(broken)?;
        if response.status() != StatusCode::OK {
            return Err(format!("the server answered {}", response.status().as_u16()));
        }
        let mut octets = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(broken)? {
            octets.extend_from_slice(&piece);
            if octets.len() as u64 > OCTETS_MAX {
                return Err(too_long());
            }
        }
        Ok(octets)
    }
}

fn read(file: &Path) -> Result<Domains, String> {
    let mut octets = Vec::new();
    std::fs::File::open(file)
        .and_then(|file| file.take(OCTETS_MAX + 1).read_to_end(&mut octets))
        .map_err(|error| error.to_string())?;
    if octets.len() as u64 > OCTETS_MAX {
        return Err(too_long());
    }
    domain_list::read(&octets).map_err(|error| error.to_string())
}

fn too_long() -> String {
    format!("it is longer than {OCTETS_MAX} octets")
}

/// Puts new content in a file's place, so that a crash leaves the one or the other.
fn replace(file: &Path, octets: &[u8]) -> io::Result<()> {
    let fresh = file.with_extension("new");
    let mut open = std::fs::File::create(&fresh)?;
    open.write_all(octets)?;
    open.sync_all()?;
    std::fs::rename(&fresh, file)
}
