//! The configuration that counts now. A reload builds the whole new one aside and puts it in place only if it is sound.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use crate::config::{Config, Problems};

/// The configuration in force.
#[derive(Debug)]
pub struct Live {
    path: PathBuf,
    /// As at the start: what is bound and opened goes by it until the end.
    started: Arc<Config>,
    current: RwLock<Arc<Config>>,
}

impl Live {
    pub fn open(path: &Path) -> Result<Self, Problems> {
        let started = Arc::new(Config::read(path)?);
        Ok(Self { path: path.to_owned(), current: RwLock::new(started.clone()), started })
    }

    pub fn started(&self) -> &Config {
        &self.started
    }

    /// One message takes it once, and is judged by it to the end.
    pub fn current(&self) -> Arc<Config> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the file again. Returns the keys whose new values wait for a restart. A bad file changes nothing.
    pub fn reload(&self) -> Result<Vec<&'static str>, Problems> {
        let fresh = Arc::new(Config::read(&self.path)?);
        let waiting = fresh.restart_keys(&self.started);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(waiting)
    }
}
