//! Name servers for the test domains: a private knot. What it does not serve it refuses, which is a look-up that failed.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;

use crate::place::Place;
use crate::process::{Process, run};
use crate::wait::until;

#[derive(Debug)]
pub struct Dns {
    _knot: Process,
    server: SocketAddr,
    trust_anchor: Option<PathBuf>,
    /// Where its zones and its control socket stand.
    directory: PathBuf,
}

/// One zone: its name, and its records as a zone file has them.
#[derive(Clone, Debug)]
pub struct Zone {
    name: String,
    records: Vec<String>,
    signed: bool,
}

impl Zone {
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), records: Vec::new(), signed: true }
    }

    /// A domain whose only mail server is `mx.NAME` at this address.
    pub fn with_mail_server(name: &str, address: IpAddr) -> Self {
        Self::new(name).record(&format!("@ MX 10 mx.{name}.")).record(&format!("mx A {address}"))
    }

    /// A domain that takes no mail (RFC 7505).
    pub fn without_mail(name: &str) -> Self {
        Self::new(name).record("@ MX 0 .")
    }

    #[must_use]
    pub fn record(mut self, record: &str) -> Self {
        self.records.push(record.to_owned());
        self
    }

    /// Left unsigned where all others are signed.
    #[must_use]
    pub fn unsigned(self) -> Self {
        Self { signed: false, ..self }
    }

    fn file(&self) -> String {
        format!("{}{}\n", head(&self.name), self.records.join("\n"))
    }
}

impl Dns {
    /// Serves the zones on port [`Place::port`] of 127.0.0.`host`.
    pub async fn start(place: &Place, host: u8, zones: &[Zone]) -> Self {
        let directory = place.directory("dns", "root");
        for zone in zones {
            place.write(&format!("dns/{}.zone", zone.name), &zone.file());
        }
        let configuration = configuration(&directory, place.at(host), zones);
        Self::serve(place, place.at(host), &configuration, zones).await
    }

    /// The same with a root of its own, and all of it signed (DNSSEC): the zones stand below `test.`
    pub async fn start_signed(place: &Place, host: u8, zones: &[Zone]) -> Self {
        let directory = place.directory("dns", "root");
        let signed = zones.iter().filter(|zone| zone.signed).map(|zone| zone.name.as_str());
        let names: Vec<_> = ["", "test"].into_iter().chain(signed).collect();
        let mut text = configuration(&directory, place.at(host), zones);
        text = text.replace("    journal-content: none\n", SIGNED);
        text += "  - domain: test.\n    file: test.zone\n  - domain: .\n    file: root.zone\n";
        let settings = place.write("dns/knot.conf", &text);
        for name in &names {
            keymgr(&settings, name, &["generate", "ksk=yes", "zsk=yes", "algorithm=13"]);
        }
        let keys = |name: &&str| keymgr(&settings, name, &["ds"]);
        let mut below_test = names.iter().skip(2).map(keys).collect::<String>();
        for zone in zones {
            let _ = writeln!(below_test, "{0}. NS ns.{0}.", zone.name);
        }
        place.write("dns/test.zone", &format!("{}{below_test}", head("test")));
        place.write("dns/root.zone", &format!("{}test. NS ns.test.\n{}", head(""), keys(&"test")));
        for zone in zones {
            place.write(&format!("dns/{}.zone", zone.name), &zone.file());
        }
        let anchor = keymgr(&settings, "", &["dnskey"]).replacen(". DNSKEY", ". 60 IN DNSKEY", 1);
        let mut dns = Self::serve(place, place.at(host), &text, zones).await;
        dns.trust_anchor = Some(place.write("dns/anchor", &anchor));
        dns
    }

    async fn serve(place: &Place, server: SocketAddr, configuration: &str, zones: &[Zone]) -> Self {
        let configuration = place.write("dns/knot.conf", configuration);
        let arguments = ["-c", &configuration.to_string_lossy()];
        let mut knot =
            Process::start("knotd", "/usr/sbin/knotd", &arguments, &place.file("dns.log"));
        let control = place.file("dns/knot.sock");
        // knot opens its control socket when the zones are loaded and the server answers.
        knot.ready(|| control.exists().then_some(())).await;
        let directory = place.file("dns");
        let dns = Self { _knot: knot, server, trust_anchor: None, directory };
        if let Some(zone) = zones.first() {
            dns.answers(&zone.name).await;
        }
        dns
    }

    /// Adds a record, as a zone file has it, to a zone that is being served.
    pub fn publish(&self, zone: &str, record: &str) {
        let file = self.directory.join(format!("{zone}.zone"));
        let text = std::fs::read_to_string(&file).expect("read the zone");
        let (before, rest) = text.split_once("hostmaster ").expect("a zone has an SOA record");
        let (serial, after) = rest.split_once(' ').expect("it has a serial");
        let serial: u32 = serial.parse().expect("a serial is a number");
        let changed = format!("{before}hostmaster {} {after}{record}\n", serial + 1);
        std::fs::write(&file, changed).expect("write the zone");
        let control = self.directory.join("knot.sock");
        run("/usr/sbin/knotc", &["-b", "-s", &control.to_string_lossy(), "zone-reload", zone]);
    }

    /// Serves other records of an unsigned zone from now on.
    pub fn replace(&self, place: &Place, zone: &Zone) {
        let text = zone.file().replacen("hostmaster 1 ", "hostmaster 2 ", 1);
        place.write(&format!("dns/{}.zone", zone.name), &text);
        let control = place.file("dns/knot.sock");
        let control = control.to_string_lossy();
        run("/usr/sbin/knotc", &["-b", "-s", &*control, "zone-reload", &*zone.name]);
    }

    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// The root's key, as a file, when it has one.
    pub fn trust_anchor(&self) -> Option<&Path> {
        self.trust_anchor.as_deref()
    }

    /// Asks as the programs under test do.
    pub fn resolver(&self) -> TokioResolver {
        let connection = |mut connection: ConnectionConfig| {
            connection.port = self.server.port();
            connection
        };
        let connections =
            vec![connection(ConnectionConfig::udp()), connection(ConnectionConfig::tcp())];
        let server = NameServerConfig::new(self.server.ip(), true, connections);
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .build()
            .expect("build a resolver for the test's name server")
    }

    async fn answers(&self, zone: &str) {
        let resolver = self.resolver();
        let (sent, mut answered) = tokio::sync::mpsc::channel(1);
        let question = format!("{zone}.");
        tokio::spawn(async move {
            while resolver.soa_lookup(question.as_str()).await.is_err() {}
            let _ = sent.send(()).await;
        });
        until("the name server to answer", || answered.try_recv().ok()).await;
    }
}

/// For the template of all zones, in the place of its last line.
const SIGNED: &str =
    "    journal-content: none\n    dnssec-signing: on\n    dnssec-policy: one-key\n";

/// What every zone begins with. The name server's own address is asked by nobody, but a zone without it is none.
fn head(name: &str) -> String {
    format!(
        "$ORIGIN {name}.\n$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1\n"
    )
}

fn keymgr(settings: &Path, zone: &str, arguments: &[&str]) -> String {
    let (settings, zone) = (settings.to_string_lossy(), format!("{zone}."));
    run("/usr/sbin/keymgr", &[&["-c", &*settings, &*zone], arguments].concat())
}

fn configuration(directory: &Path, server: SocketAddr, zones: &[Zone]) -> String {
    let directory = directory.display();
    let mut text = format!(
        "server:\n  rundir: {directory}\n  listen: {}@{}\n  user: root:root\n\
         log:\n  - target: stderr\n    any: info\n\
         database:\n  storage: {directory}\n\
         control:\n  listen: {directory}/knot.sock\n\
         policy:\n  - id: one-key\n    manual: on\n    single-type-signing: on\n    algorithm: ecdsap256sha256\n\
         template:\n  - id: default\n    storage: {directory}\n    file: \"%s.zone\"\n    \
         zonefile-sync: -1\n    journal-content: none\n\
         zone:\n",
        server.ip(),
        server.port()
    );
    for zone in zones {
        let _ = writeln!(text, "  - domain: {}", zone.name);
        if !zone.signed {
            text += "    dnssec-signing: off\n";
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use hickory_resolver::net::NetError;
    use hickory_resolver::proto::rr::{RData, RecordType};

    use super::*;

    async fn mx(resolver: &TokioResolver, domain: &str) -> Result<Vec<String>, NetError> {
        let lookup = resolver.lookup(domain, RecordType::MX).await?;
        Ok(lookup
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::MX(mx) => Some(format!("{} {}", mx.preference, mx.exchange)),
                _ => None,
            })
            .collect())
    }

    #[tokio::test]
    async fn zones_are_answered_and_a_zone_that_is_not_served_is_a_failure_and_no_denial() {
        let place = Place::new();
        let address = place.at(11).ip();
        let zones = [Zone::with_mail_server("good.test", address), Zone::without_mail("null.test")];
        let dns = Dns::start(&place, 3, &zones).await;
        let resolver = dns.resolver();
        assert_eq!(mx(&resolver, "good.test.").await.unwrap(), ["10 mx.good.test."]);
        assert_eq!(mx(&resolver, "null.test.").await.unwrap(), ["0 ."]);
        let found = resolver.lookup_ip("mx.good.test.").await.unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), [address]);
        assert!(mx(&resolver, "sub.good.test.").await.unwrap_err().is_no_records_found());
        assert!(!mx(&resolver, "unserved.test.").await.unwrap_err().is_no_records_found());
    }
}
