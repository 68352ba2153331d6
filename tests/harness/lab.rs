//! One small world with Zegel in it.
//!
//! ```text
//! client ─► sending server ──► milter ─► (selected) relay ─► servers of the recipients' domains
//!                           └─ (all other mail) ───────────►
//! ```
//!
//! Every server has an address of its own and all have one port, because the relay connects to one port.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::ca::{Ca, Kind};
use crate::dns::{Dns, Zone};
use crate::gateway::Caller;
use crate::kannel;
use crate::letter::Letter;
use crate::mailbox::Maildir;
use crate::milter::Milter;
use crate::mta::{MailServer, Postfix, Route, offering_tls};
use crate::place::Place;
use crate::portal::Visitor;
use crate::relay::Relay;
use crate::sendmail::Sendmail;
use crate::sink::{Script, Sink};
use crate::submit::submit;

/// The organisation that has Zegel.
pub const ORGANISATION: &str = "org.test";

/// The domains with a mail server, and the last octet of its address. Any of them is any server that a test wants; the
/// names are for the reader.
const DOMAINS: &[(&str, u8)] = &[
    (ORGANISATION, 10),
    ("good.test", 11),
    ("plain.test", 12),
    ("selfsigned.test", 13),
    ("wrongname.test", 14),
    ("expired.test", 15),
    ("other.test", 16),
];

/// The name in the gateway's certificate.
pub const GATEWAY_HOST: &str = "gateway.org.test";

/// A domain that takes no mail (RFC 7505).
pub const NULL_MX: &str = "nullmx.test";

/// The key that relay and milter share, as [`Setup::marker_key`] has it made.
pub const MARKER_KEY: &str = "a key that is long enough to be one, for tests";

const MARKER_KEY_FILE: &str = "marker.key";

const PORTAL: u8 = 1;
const NAME_SERVER: u8 = 3;
const SENDING: u8 = 5;

/// The gateway's listeners: what they offer, and the last octet of their address.
const LISTENERS: [(Port, &str, u8); 3] = [
    (Port::Submission, "service = \"submission\"", 6),
    (Port::Submissions, "service = \"submission\"\nimplicit-tls = true", 7),
    (Port::Relay, "service = \"relay\"", 8),
];

/// What the real world has on ports 587, 465 and 25.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Port {
    Submission,
    Submissions,
    Relay,
}

/// What a test wants to be otherwise.
#[derive(Clone, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is one switch of the world, free of the others"
)]
pub struct Setup {
    /// The relay's own name.
    pub hostname: String,
    /// The milter's rules, as milter.toml has them.
    pub rules: String,
    /// Relay and milter share [`MARKER_KEY`].
    pub marker_key: bool,
    /// Recipients carry the route in Postfix too, made with [`MARKER_KEY`].
    pub by_recipient: bool,
    /// The sending Postfix receives the organisation's mail too, and asks the milter about it as about all other. Behind it
    /// stands the organisation's server of [`Lab::sink`].
    pub own_mx: bool,
    /// All zones are signed (DNSSEC), and every domain's mail server has a TLSA record that names the lab's CA.
    pub dane: bool,
    /// Further lines for the sending Postfix's main.cf, or for Sendmail's sendmail.mc.
    pub main: String,
    /// Lines for the relay's `[policy]`.
    pub policy: String,
    /// Lines for the relay's `[retry]`.
    pub retry: String,
    /// Lines for the relay's `[limits]`.
    pub limits: String,
    /// Where the relay's database and sealed files stand, if not in the lab's own directory.
    pub state: Option<PathBuf>,
    /// The relay has its SMTP gateway, with these lines in `[gateway]` and its tables.
    pub gateway: Option<String>,
    /// The relay's notifications come back to this domain, whose mail goes to its port 25.
    pub bounces: Option<&'static str>,
    /// The relay sends text messages to the Netherlands by [`Kannel`](crate::kannel::Kannel), which the test starts.
    pub texts: bool,
    /// Further records: the domain with a server whose zone has it, and the record as a zone file has it, where `{address}`
    /// stands for that of the domain's server, and `{port}` for the port of all.
    pub records: Vec<(&'static str, String)>,
    /// Domains whose zones are not signed although all others are.
    pub unsigned: Vec<&'static str>,
}

#[derive(Debug)]
pub struct Lab<M: MailServer = Postfix> {
    pub sending: M,
    pub milter: Milter,
    pub relay: Relay,
    pub dns: Dns,
    pub ca: Ca,
    portal: SocketAddr,
    pub place: Place,
}

/// The rules of most tests: by subject, by sender, by label.
pub const RULES: &str = r#"
[[rule]]
name = "trigger word"
when.subject = ["secure", "beveiligd"]
action = "secure"

[[rule]]
name = "lawyers"
when.sender = "counsel@org.test"
action = "secure"

[[rule]]
name = "confidential"
when.label = { guid = "e9c5f5a2-6b1d-4f0e-9f5a-2f6d1c3b4a5e" }
action = "secure"
"#;

impl Default for Setup {
    fn default() -> Self {
        Self {
            hostname: format!("relay.{ORGANISATION}"),
            rules: RULES.to_owned(),
            marker_key: false,
            by_recipient: false,
            own_mx: false,
            dane: false,
            main: String::new(),
            policy: String::new(),
            retry: "first = \"1s\"\nmax = \"1s\"\n".to_owned(),
            limits: String::new(),
            state: None,
            gateway: None,
            bounces: None,
            texts: false,
            records: Vec::new(),
            unsigned: Vec::new(),
        }
    }
}

impl Lab {
    /// Starts all but the recipients' servers.
    pub async fn start(setup: Setup) -> Self {
        let world = World::start(&setup).await;
        let place = &world.place;
        let mut main = setup.main.clone();
        if setup.own_mx {
            let leaf = world.ca.issue(place, Kind::Good, &format!("mx.{ORGANISATION}"), None);
            main.push_str(&offering_tls(&leaf));
        }
        let relay = place.file("relay.sock");
        let has_key = setup.marker_key || setup.by_recipient;
        let key = if has_key { marker_key_file(place) } else { String::new() };
        let key_file = place.file(MARKER_KEY_FILE);
        let route = Route {
            milter: "unix:zegel/milter.sock",
            relay: &relay,
            by_recipient: setup.by_recipient.then_some(&*key_file),
            main: &main,
        };
        let sending = Postfix::sending(place, SENDING, route, &servers(place)).await;
        let kind = if setup.by_recipient { "route = \"recipient\"\n" } else { "" };
        let rules = format!("{kind}{key}{}", setup.rules);
        let milter = Milter::start(place, &milter_socket(place), &rules).await;
        let configuration = key + &relay_configuration(&world, &setup);
        world.complete(sending, milter, &configuration).await
    }
}

impl Lab<Sendmail> {
    /// The same with Sendmail, where recipients carry the route.
    pub async fn beside_sendmail(setup: Setup) -> Self {
        let world = World::start(&setup).await;
        let place = &world.place;
        let key = marker_key_file(place);
        let sending = Sendmail::sending(place, SENDING, &servers(place), &setup.main).await;
        let rules = format!("route = \"recipient\"\n{key}{}", setup.rules);
        let milter = Milter::start(place, &place.file("milter/milter.sock"), &rules).await;
        let configuration = key + &relay_configuration(&world, &setup);
        world.complete(sending, milter, &configuration).await
    }
}

/// The line of both configurations that names the key, which is made here.
fn marker_key_file(place: &Place) -> String {
    format!("marker-key-file = \"{}\"\n", place.write(MARKER_KEY_FILE, MARKER_KEY).display())
}

/// What stands before any mail server does.
struct World {
    place: Place,
    ca: Ca,
    dns: Dns,
    portal: SocketAddr,
}

impl World {
    async fn start(setup: &Setup) -> Self {
        let place = Place::new();
        let ca = Ca::new(&place);
        let portal = place.at(PORTAL);
        let servers = servers(&place);
        let zone = |(domain, server): &(&str, SocketAddr)| {
            let sends_itself = setup.own_mx && *domain == ORGANISATION;
            let front = if sends_itself { place.at(SENDING) } else { *server };
            let records = setup.records.iter().filter(|(of, _)| of == domain);
            let zone = Zone::with_mail_server(domain, front.ip());
            let zone = if setup.unsigned.contains(domain) { zone.unsigned() } else { zone };
            let address = front.ip().to_string();
            let zone = records.fold(zone, |zone, (_, record)| {
                let record = record.replace("{address}", &address);
                zone.record(&record.replace("{port}", &place.port().to_string()))
            });
            if setup.dane { zone.record(&format!("_25._tcp.mx {}", ca.tlsa())) } else { zone }
        };
        let mut zones: Vec<_> = servers.iter().map(zone).collect();
        zones.push(Zone::without_mail(NULL_MX));
        let dns = if setup.dane {
            Dns::start_signed(&place, NAME_SERVER, &zones).await
        } else {
            Dns::start(&place, NAME_SERVER, &zones).await
        };
        Self { place, ca, dns, portal }
    }

    /// Adds the relay.
    async fn complete<M: MailServer>(self, sending: M, milter: Milter, relay: &str) -> Lab<M> {
        let Self { place, ca, dns, portal } = self;
        let relay = Relay::start(&place, relay, ORGANISATION, portal).await;
        Lab { sending, milter, relay, dns, ca, portal, place }
    }
}

impl<M: MailServer> Lab<M> {
    /// Starts a scripted server for a domain: with a certificate of this kind, or without STARTTLS.
    pub fn sink(&self, domain: &str, certificate: Option<Kind>) -> Sink {
        self.sink_with(domain, self.script(domain, certificate))
    }

    pub fn sink_with(&self, domain: &str, script: Script) -> Sink {
        Sink::start(self.server(domain), script)
    }

    /// A script to add answers to.
    pub fn script(&self, domain: &str, certificate: Option<Kind>) -> Script {
        match certificate {
            Some(kind) => {
                Script::with(&self.ca.issue(&self.place, kind, &format!("mx.{domain}"), None))
            }
            None => Script::plain(),
        }
    }

    /// Starts a Postfix for a domain: with a good certificate, or without TLS.
    pub async fn postfix(&self, domain: &str, tls: bool) -> (Postfix, Maildir) {
        let leaf =
            tls.then(|| self.ca.issue(&self.place, Kind::Good, &format!("mx.{domain}"), None));
        Postfix::receiving(&self.place, host_of(domain), domain, &[domain], leaf.as_ref()).await
    }

    /// Starts a Postfix that hands all its mail to the relay's port 25, from this address of its own.
    pub async fn relaying(&self, host: u8) -> Postfix {
        Postfix::relaying(&self.place, host, self.gateway(Port::Relay)).await
    }

    /// Hands a letter to the sending server, which must take it.
    pub async fn send(&self, letter: &Letter) {
        submit(self.sending.address(), letter).await.expect_kept();
    }

    /// Somebody new at the portal.
    pub fn visitor(&self) -> Visitor {
        Visitor::new(&self.origin(), self.ca.root())
    }

    /// Where the portal is.
    pub fn origin(&self) -> String {
        format!("https://{}", self.portal)
    }

    /// The mail server of a domain.
    pub fn server(&self, domain: &str) -> SocketAddr {
        self.place.at(host_of(domain))
    }

    /// Where the relay's gateway listens.
    pub fn gateway(&self, port: Port) -> SocketAddr {
        let found = LISTENERS.iter().find(|(listener, ..)| *listener == port);
        self.place.at(found.expect("every port has a listener").2)
    }

    /// Somebody who calls there.
    pub fn caller(&self) -> Caller {
        Caller::new(GATEWAY_HOST, self.ca.root())
    }

    /// Starts the relay anew with further lines in `[outbound]`, and further tables.
    pub async fn reconfigure(&mut self, outbound: &str, tables: &str) {
        let file = self.place.file("relay.toml");
        let text = std::fs::read_to_string(file).expect("read the relay's configuration");
        let text = text.replace("[outbound]\n", &format!("[outbound]\n{outbound}\n"));
        self.relay.stop().await;
        self.place.write("relay.toml", &format!("{text}\n{tables}\n"));
        self.relay.resume().await;
    }

    /// The relay's database and sealed files.
    pub fn state(&self) -> PathBuf {
        self.place.file("state")
    }
}

impl<M: MailServer> Drop for Lab<M> {
    fn drop(&mut self) {
        use std::io::Write as _;

        if std::thread::panicking() {
            let logs = [self.sending.log(), self.milter.log(), self.relay.log()];
            // What a failed test needs most; nowhere to tell that it could not be told.
            let _ = writeln!(
                std::io::stderr(),
                "---- mail.log, milter.log, relay.log ----\n{}",
                logs.join("----\n")
            );
        }
    }
}

/// All domains with their servers.
fn servers(place: &Place) -> Vec<(&'static str, SocketAddr)> {
    DOMAINS.iter().map(|(domain, host)| (*domain, place.at(*host))).collect()
}

fn host_of(domain: &str) -> u8 {
    let found = DOMAINS.iter().find(|(name, _)| *name == domain);
    found.unwrap_or_else(|| panic!("{domain} is none of the lab's domains")).1
}

fn milter_socket(place: &Place) -> PathBuf {
    place.file("sending/queue/zegel/milter.sock")
}

fn relay_configuration(world: &World, setup: &Setup) -> String {
    let World { place, ca, dns, portal } = world;
    let state = setup.state.clone().unwrap_or_else(|| place.file("state"));
    let leaf = ca.issue(place, Kind::Good, "portal.org.test", Some(portal.ip()));
    format!(
        r#"hostname = "{hostname}"
state-directory = "{state}"
{bounces}
key-file = "{directory}/relay.key"

[organisation]
name = "Gemeente Voorbeeld"
from = "beveiligd@{ORGANISATION}"
language = "nl"

[lmtp]
socket = "{directory}/relay.sock"
group = "postfix"

[dns]
servers = ["{server}"]
{dnssec}

[outbound]
port = {port}
mta-sts-port = {port}
roots = "{root}"

{gateway}
[policy]
{policy}
[portal]
public-origin = "https://{portal}"
listen = "{portal}"

[portal.tls]
certificate = "{certificate}"
private-key = "{key}"

[retry]
{retry}
{texts}[limits]
{limits}"#,
        hostname = setup.hostname,
        bounces = setup
            .bounces
            .map_or_else(String::new, |domain| format!("bounce-domain = \"{domain}\"")),
        state = state.display(),
        directory = place.path().display(),
        server = dns.server(),
        dnssec = dns.trust_anchor().map_or_else(
            || "dnssec = \"off\"".to_owned(),
            |anchor| format!("trust-anchor = \"{}\"", anchor.display()),
        ),
        port = place.port(),
        root = ca.root().display(),
        gateway = gateway(world, setup),
        policy = setup.policy,
        certificate = leaf.certificate.display(),
        key = leaf.private_key.display(),
        retry = setup.retry,
        texts = if setup.texts { text_messages(place) } else { String::new() },
        limits = setup.limits,
    )
}

fn gateway(World { place, ca, .. }: &World, setup: &Setup) -> String {
    let Some(lines) = &setup.gateway else { return String::new() };
    let leaf = ca.issue(place, Kind::Good, GATEWAY_HOST, None);
    let (certificate, key) = (leaf.certificate.display(), leaf.private_key.display());
    let table =
        format!("[gateway]\ncertificate = \"{certificate}\"\nprivate-key = \"{key}\"\n{lines}\n");
    let listeners = LISTENERS.map(|(_, offers, host)| {
        format!("[[gateway.listeners]]\nlisten = \"{}\"\n{offers}\n", place.at(host))
    });
    table + &listeners.concat()
}

fn text_messages(place: &Place) -> String {
    format!(
        r#"[sms]
countries = ["NL"]

[[sms.providers]]
name = "kannel"
secret-file = "{secret}"
service.kannel = {{ url = "http://{address}/cgi-bin/sendsms", user = "{user}" }}

"#,
        secret = place.write("kannel.password", kannel::PASSWORD).display(),
        address = place.at(kannel::SENDSMS),
        user = kannel::USER,
    )
}
