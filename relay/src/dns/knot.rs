//! A real name server for tests: knotd, which only knows its own zones and recurses for nobody.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

const PATH: &str = "/usr/sbin:/usr/local/sbin:/usr/bin";

/// One zone: its name without the last dot (the root's is empty), and its file.
#[derive(Clone, Debug)]
pub(crate) struct Zone<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: String,
    pub(crate) signed: bool,
}

pub(crate) struct Knot {
    process: Child,
    pub(crate) server: SocketAddr,
    /// Zones, keys and database; goes with it.
    directory: TempDir,
    _deed: TcpListener,
}

/// An address of 127.0.0.1 for a server to bind, and what keeps others from its port for as long as the server lives. The
/// port is below the range that outgoing connections take theirs from.
pub(crate) fn free_address() -> (SocketAddr, TcpListener) {
    loop {
        let mut chance = [0; 2];
        aws_lc_rs::rand::fill(&mut chance).unwrap();
        let port = 15_000 + u16::from_ne_bytes(chance) % 17_000;
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if let Ok(deed) = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), port))
            && TcpListener::bind(server).is_ok()
            && UdpSocket::bind(server).is_ok()
        {
            return (server, deed);
        }
    }
}

impl Knot {
    /// Returns once the server says that it has started. Signed zones come after those that they are delegated from are
    /// written: `@DS name@` in a zone's text stands for the DS records of that zone.
    pub(crate) fn start(zones: &[Zone<'_>]) -> Self {
        let directory = TempDir::new().unwrap();
        let (server, deed) = free_address();
        let file = directory.path().join("knot.conf");
        std::fs::write(&file, settings(directory.path(), server, zones)).unwrap();
        for zone in zones.iter().filter(|zone| zone.signed) {
            keymgr(&file, zone.name, &["generate", "ksk=yes", "zsk=yes", "algorithm=13"]);
        }
        for zone in zones {
            let text = zones.iter().filter(|child| child.signed && !child.name.is_empty()).fold(
                zone.text.clone(),
                |text, child| {
                    let mark = format!("@DS {}@", child.name);
                    if text.contains(&mark) {
                        text.replace(&mark, &keymgr(&file, child.name, &["ds"]))
                    } else {
                        text
                    }
                },
            );
            std::fs::write(zone_file(directory.path(), zone), text).unwrap();
        }
        let process = Command::new("knotd")
            .arg("-c")
            .arg(&file)
            .env("PATH", PATH)
            .stdout(Stdio::piped())
            .spawn()
            .expect("knotd is needed (package knot)");
        let mut knot = Self { process, server, directory, _deed: deed };
        knot.wait();
        knot
    }

    /// A file with the root's key.
    pub(crate) fn trust_anchor(&self) -> PathBuf {
        let path = self.directory.path().join("anchor");
        let key = keymgr(&self.directory.path().join("knot.conf"), "", &["dnskey"]);
        std::fs::write(&path, key.replacen(". DNSKEY", ". 60 IN DNSKEY", 1)).unwrap();
        path
    }

    fn wait(&mut self) {
        let mut log = BufReader::new(self.process.stdout.as_mut().unwrap());
        let mut said = String::new();
        while !said.contains("server started") {
            assert_ne!(log.read_line(&mut said).unwrap(), 0, "knotd did not start: {said}");
        }
    }
}

impl Drop for Knot {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn keymgr(settings: &Path, zone: &str, arguments: &[&str]) -> String {
    let ran = Command::new("keymgr")
        .arg("-c")
        .arg(settings)
        .arg(format!("{zone}."))
        .args(arguments)
        .env("PATH", PATH)
        .output()
        .expect("keymgr is needed (package knot)");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

fn zone_file(directory: &Path, zone: &Zone<'_>) -> PathBuf {
    directory.join(format!("zone-{}", zone.name))
}

fn settings(directory: &Path, server: SocketAddr, zones: &[Zone<'_>]) -> String {
    let path = directory.display();
    let mut text = format!(
        "server:\n  rundir: {path}\n  listen: 127.0.0.1@{port}\n\
         log:\n  - target: stdout\n    any: info\n\
         database:\n  storage: {path}\n\
         policy:\n  - id: one-key\n    manual: on\n    single-type-signing: on\n    algorithm: ecdsap256sha256\n\
         template:\n  - id: default\n    storage: {path}\n    zonefile-sync: -1\n    journal-content: none\n\
         zone:\n  - domain: broken.example.nl\n    file: missing.zone\n",
        port = server.port(),
    );
    for zone in zones {
        let file = zone_file(directory, zone);
        let _ = writeln!(text, "  - domain: {}.\n    file: {}", zone.name, file.display());
        if zone.signed {
            text += "    dnssec-signing: on\n    dnssec-policy: one-key\n";
        }
    }
    text
}
