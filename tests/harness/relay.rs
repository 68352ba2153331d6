//! The relay as an installed program.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::place::Place;
use crate::process::{Process, feed, installed, run};

#[derive(Debug)]
pub struct Relay {
    process: Option<Process>,
    /// What it is run by; empty: nothing.
    wrapper: Vec<String>,
    configuration: PathBuf,
    socket: PathBuf,
    portal: SocketAddr,
    log: PathBuf,
}

impl Relay {
    /// Makes the key file, lets `domain` submit, and runs the relay with this configuration.
    pub async fn start(
        place: &Place,
        configuration: &str,
        domain: &str,
        portal: SocketAddr,
    ) -> Self {
        let configuration = place.write("relay.toml", configuration);
        let (socket, log) = (place.file("relay.sock"), place.file("relay.log"));
        let mut relay =
            Self { process: None, wrapper: Vec::new(), configuration, socket, portal, log };
        relay.command(&["key", "create"]);
        relay.command(&["domain", "add", domain]);
        relay.resume().await;
        relay
    }

    /// Where the mail server hands messages over.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Runs it again after [`Self::kill`] or [`Self::stop`].
    pub async fn resume(&mut self) {
        let program = installed("zegel-relay").to_string_lossy().into_owned();
        let configuration = self.configuration.to_string_lossy();
        let own = [&*program, "--config", &*configuration, "run"];
        let command: Vec<&str> = self.wrapper.iter().map(String::as_str).chain(own).collect();
        let (program, arguments) = command.split_first().expect("there is a program");
        let mut process = Process::start("zegel-relay", program, arguments, &self.log);
        let (socket, portal) = (&self.socket, self.portal);
        process
            .ready(|| UnixStream::connect(socket).ok().zip(TcpStream::connect(portal).ok()))
            .await;
        self.process = Some(process);
    }

    /// Has it run by another program, such as strace, from the next [`Self::resume`] on.
    pub fn run_by(&mut self, wrapper: &[&str]) {
        self.wrapper = wrapper.iter().map(ToString::to_string).collect();
    }

    /// The running process.
    pub fn pid(&self) -> Pid {
        self.process.as_ref().expect("it runs").pid()
    }

    /// Ends it as a power cut would, as far as a process can see.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Asks it to end, and waits until it has.
    pub async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let status = process.terminate().await;
            assert!(status.success(), "the relay ended with {status}:\n{}", process.log());
        }
    }

    /// Holds it still: it neither accepts nor sends, but its sockets stand.
    pub fn pause(&self) {
        if let Some(process) = &self.process {
            process.signal(Signal::SIGSTOP);
        }
    }

    /// Tells it to read its certificates again.
    pub fn hang_up(&self) {
        if let Some(process) = &self.process {
            process.signal(Signal::SIGHUP);
        }
    }

    /// Octets of memory that it occupies now.
    pub fn memory(&self) -> u64 {
        let process = self.process.as_ref().expect("the relay runs");
        process.memory()
    }

    /// Octets of memory that it has occupied at once since it began.
    pub fn memory_peak(&self) -> u64 {
        let process = self.process.as_ref().expect("the relay runs");
        process.memory_peak()
    }

    /// Runs one of its commands beside it, and gives back what that printed.
    pub fn command(&self, arguments: &[&str]) -> String {
        let configuration = self.configuration.to_string_lossy();
        run(installed("zegel-relay"), &[&["--config", &*configuration], arguments].concat())
    }

    /// The same with something on its standard input.
    pub fn told(&self, arguments: &[&str], input: &str) -> String {
        let configuration = self.configuration.to_string_lossy();
        feed(installed("zegel-relay"), &[&["--config", &*configuration], arguments].concat(), input)
    }

    /// Runs one of its commands that must fail, and gives back what it printed and said.
    pub fn refuses(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(installed("zegel-relay"));
        let output = command.arg("--config").arg(&self.configuration).args(arguments).output();
        let output = output.expect("run zegel-relay");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!output.status.success(), "{} succeeded: {printed}", arguments.join(" "));
        printed + &String::from_utf8_lossy(&output.stderr)
    }

    /// What `queue show` says of this recipient's delivery; empty when there is none.
    pub fn delivery(&self, recipient: &str) -> String {
        let listed = self.command(&["queue", "list", "--all"]);
        let line = listed.lines().find(|line| line.contains(recipient));
        let id = line.and_then(|line| line.split_whitespace().next());
        id.map(|id| self.command(&["queue", "show", id])).unwrap_or_default()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}
