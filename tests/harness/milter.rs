//! The milter as an installed program.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use crate::place::Place;
use crate::process::{Process, installed};

#[derive(Debug)]
pub struct Milter {
    process: Option<Process>,
    configuration: PathBuf,
    socket: PathBuf,
    log: PathBuf,
}

impl Milter {
    /// Runs the milter with these rules on this socket, for Postfix alone.
    pub async fn start(place: &Place, socket: &Path, rules: &str) -> Self {
        let head = format!("socket = \"unix:{}\"\nsocket-group = \"postfix\"\n", socket.display());
        let configuration = place.write("milter.toml", &format!("{head}{rules}"));
        let log = place.file("milter.log");
        let mut milter = Self { process: None, configuration, socket: socket.to_owned(), log };
        milter.resume().await;
        milter
    }

    /// Runs it again after [`Self::kill`].
    pub async fn resume(&mut self) {
        let configuration = self.configuration.to_string_lossy();
        let arguments = ["run", "--config", &*configuration];
        let mut process =
            Process::start("zegel-milter", installed("zegel-milter"), &arguments, &self.log);
        let socket = &self.socket;
        process.ready(|| UnixStream::connect(socket).ok()).await;
        self.process = Some(process);
    }

    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Replaces the rules and has the milter read them.
    pub fn reload(&self, rules: &str) {
        let head =
            format!("socket = \"unix:{}\"\nsocket-group = \"postfix\"\n", self.socket.display());
        std::fs::write(&self.configuration, format!("{head}{rules}")).expect("write milter.toml");
        if let Some(process) = &self.process {
            process.signal(Signal::SIGHUP);
        }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}
