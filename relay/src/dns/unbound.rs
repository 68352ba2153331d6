//! A real validating resolver for tests: unbound, which asks a [`Knot`] and trusts its root.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::knot::{Knot, free_address};

pub(crate) struct Unbound {
    process: Child,
    pub(crate) server: SocketAddr,
    _directory: TempDir,
    _deed: TcpListener,
}

impl Unbound {
    /// Returns once it serves.
    pub(crate) fn before(knot: &Knot) -> Self {
        let directory = TempDir::new().unwrap();
        let (server, deed) = free_address();
        let file = directory.path().join("unbound.conf");
        let text = format!(
            "server:\n  interface: 127.0.0.1@{port}\n  directory: \"{path}\"\n  chroot: \"\"\n  username: \"\"\n  \
             pidfile: \"\"\n  use-syslog: no\n  logfile: \"\"\n  do-daemonize: no\n  do-not-query-localhost: no\n  \
             local-zone: \"test.\" nodefault\n  \
             module-config: \"validator iterator\"\n  trust-anchor-file: \"{anchor}\"\n\
             remote-control:\n  control-enable: no\n\
             forward-zone:\n  name: \".\"\n  forward-addr: 127.0.0.1@{knot}\n",
            port = server.port(),
            path = directory.path().display(),
            anchor = knot.trust_anchor().display(),
            knot = knot.server.port(),
        );
        std::fs::write(&file, text).unwrap();
        let mut process = Command::new("/usr/sbin/unbound")
            .args(["-d", "-c"])
            .arg(&file)
            .stderr(Stdio::piped())
            .spawn()
            .expect("unbound is needed (package unbound)");
        let mut log = BufReader::new(process.stderr.as_mut().unwrap());
        let mut said = String::new();
        while !said.contains("start of service") {
            assert_ne!(log.read_line(&mut said).unwrap(), 0, "unbound did not start: {said}");
        }
        Self { process, server, _directory: directory, _deed: deed }
    }
}

impl Drop for Unbound {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
