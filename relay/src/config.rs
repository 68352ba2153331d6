//! `relay.toml`: one tree that is format, defaults and documentation at once. Values with rules check themselves.

pub mod sms;

mod directory;
mod gateway;
mod soundness;
mod values;
mod ways;

use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use zegel_core::address::{Address, Domain};
use zegel_core::decision::Policy;
use zegel_core::delivery;
use zegel_core::marker::Key;
use zegel_core::notice::Organisation;

pub use directory::{ActiveFilter, Directory, Filter, Ldap, LdapUrl};
pub use gateway::{Gateway, Listener, Service, Spf};
pub use sms::Sms;
pub use values::{Mode, Origin, Span};
pub use ways::{Fingerprint, HeaderLine, Hop, Inbound, ListUrl, Nta7516, Pin};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Our name in EHLO, Received, Message-IDs and reports; it should resolve to this machine.
    pub hostname: Domain,
    /// The database and the sealed bodies stand here.
    #[serde(default = "state_directory")]
    pub state_directory: PathBuf,
    /// The keys that seal messages (`zegel-relay key create`). Readable by the relay alone.
    #[serde(default = "key_file")]
    pub key_file: PathBuf,
    /// The key that relay and milter share, so that the milter knows the relay's own mail and lets it pass, and the relay
    /// knows the recipients that the milter rewrote (`openssl rand -base64 48`). Needed where that mail can come back
    /// through the milter, and beside Sendmail.
    #[serde(default)]
    pub marker_key_file: Option<PathBuf>,
    /// A domain of its own, below the organisation's, whose mail comes to the relay: notifications and codes come back there.
    #[serde(default)]
    pub bounce_domain: Option<Domain>,
    pub organisation: Organisation,
    #[serde(default)]
    pub lmtp: Lmtp,
    #[serde(default)]
    pub gateway: Gateway,
    #[serde(default)]
    pub directory: Directory,
    #[serde(default)]
    pub dns: Dns,
    #[serde(default)]
    pub outbound: Outbound,
    /// Own domains whose mail goes straight into their inboxes.
    #[serde(default)]
    pub inbound: Vec<Inbound>,
    /// Domains that have these mail servers and this proof alone.
    #[serde(default)]
    pub pin: Vec<Pin>,
    #[serde(default)]
    pub nta7516: Option<Nta7516>,
    /// Reports on TLS to recipients' domains (RFC 8460); absent, there are none.
    #[serde(default)]
    pub tls_reports: Option<TlsReports>,
    #[serde(default)]
    pub policy: Policy,
    pub portal: Portal,
    /// Who sends text messages; absent, nobody does.
    #[serde(default)]
    pub sms: Option<Sms>,
    #[serde(default)]
    pub retry: Retry,
    #[serde(default)]
    pub retention: Retention,
    #[serde(default)]
    pub limits: Limits,
}

/// Where the local mail server hands selected mail over.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Lmtp {
    pub socket: PathBuf,
    /// Octal permissions: who may connect is who may submit.
    pub mode: Mode,
    /// The group of the mail server, such as `postfix`.
    pub group: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Dns {
    /// Name servers to ask; none means those of the system (`/etc/resolv.conf`).
    pub servers: Vec<SocketAddr>,
    pub dnssec: Dnssec,
    /// DNSKEY records of the root, as a zone file has them; none means those of the DNS root that everybody uses.
    pub trust_anchor: Option<PathBuf>,
}

/// Who checks signatures (DNSSEC). DANE and NTA 7516 rest on it.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dnssec {
    /// The relay itself. The name servers must pass signatures on.
    #[default]
    Validate,
    /// The name server, which must be on this machine: its word travels unprotected.
    Trust,
    /// Nobody: no answer counts as secure.
    Off,
}

/// Delivery to the recipients' mail servers.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Outbound {
    /// 25; another one only behind a port-forwarding firewall, and in tests.
    pub port: u16,
    /// Where policies (MTA-STS) are fetched. 443, which RFC 8461 fixes; another one only in tests.
    pub mta_sts_port: u16,
    /// A PEM file of root certificates; none means those of the system.
    pub roots: Option<PathBuf>,
    pub mx_authenticity: MxAuthenticity,
    /// MX hosts, or domains that they stand in, that the administrator vouches for.
    pub pinned: Vec<Domain>,
    /// The local address to connect from.
    pub source: Option<IpAddr>,
    /// Domains to which direct delivery is tried although their messages do not ask for it.
    pub prefer_direct: Vec<Domain>,
    /// More of them, in a file: one on a line. It is read again when it changes.
    pub prefer_direct_file: Option<PathBuf>,
    /// More of them, from a web server, in the same form. It is fetched every hour.
    pub prefer_direct_url: Option<ListUrl>,
}

/// Whether an MX host's name must be authentic before its certificate counts (product.md, section 5).
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MxAuthenticity {
    #[default]
    Required,
    Opportunistic,
}

/// Reports to domains that ask for them: how connections to their mail servers went, once a day.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TlsReports {
    /// Whom the reports name for questions.
    pub contact: Address,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Portal {
    /// The portal as recipients see it, `https://host[:port]`, without a path.
    pub public_origin: Origin,
    #[serde(default = "portal_listen")]
    pub listen: SocketAddr,
    /// Certificate chain and key (PEM). Without them the portal speaks plain HTTP, on loopback only, behind a proxy.
    #[serde(default)]
    pub tls: Option<PortalTls>,
    /// Proxies whose `X-Forwarded-For` is believed.
    #[serde(default)]
    pub trusted_proxies: Vec<IpAddr>,
    /// Where to report a security problem, as a URI (`mailto:…`, `https://…`): makes `/.well-known/security.txt`.
    #[serde(default)]
    pub security_contact: Option<String>,
    /// How long a message can be read, in days.
    #[serde(default = "link_days")]
    pub link_days: u16,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PortalTls {
    pub certificate: PathBuf,
    pub private_key: PathBuf,
}

/// When deliveries are tried again; durations as `5m`, `4h`, `5d`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Retry {
    pub first: Option<Span>,
    pub max: Option<Span>,
    pub lifetime: Option<Span>,
    pub warn_after: Option<Span>,
    pub hold: Option<Span>,
}

/// How long is kept what is no content; content goes at `portal.link-days`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Retention {
    /// How long lists still show a delivery after its message's time is over and it is destroyed.
    pub rows: Span,
    /// How long an entry stands in the audit log.
    pub audit: Span,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Octets of one message.
    pub message_size_max: u64,
    /// Recipients of one transaction.
    pub recipients_max: usize,
    pub lmtp_connections_max: usize,
    /// Connections of one service of the gateway, on all its listeners together.
    pub smtp_connections_max: usize,
    /// Connections that one client may have to one service: an IPv4 address, or a /64 of IPv6.
    pub smtp_connections_per_address_max: usize,
    /// Deliveries in hand at once.
    pub deliveries_max: usize,
    pub portal_connections_max: usize,
    /// Octets of the disk with the state directory below which no message is taken (452), so that the database can
    /// still write what becomes of those that were.
    pub disk_reserve: u64,
}

impl Default for Lmtp {
    fn default() -> Self {
        Self { socket: PathBuf::from("/run/zegel/relay.sock"), mode: Mode(0o660), group: None }
    }
}

impl Default for Outbound {
    fn default() -> Self {
        Self {
            port: 25,
            mta_sts_port: 443,
            roots: None,
            mx_authenticity: MxAuthenticity::Required,
            pinned: Vec::new(),
            source: None,
            prefer_direct: Vec::new(),
            prefer_direct_file: None,
            prefer_direct_url: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Attachments of 100 MB as they travel in base64, with room for the text.
            message_size_max: 150 * 1024 * 1024,
            // What routing.md has the mail server send at once.
            recipients_max: 2000,
            lmtp_connections_max: 100,
            // An idle one costs 4 KB of memory, 13 KB inside TLS; the unit's LimitNOFILE has room for both services.
            smtp_connections_max: 10_000,
            // What Postfix lets one client have (smtpd_client_connection_count_limit).
            smtp_connections_per_address_max: 50,
            deliveries_max: 50,
            portal_connections_max: 500,
            // What a day of deliveries, or the clean-up after a full disk, writes; little beside any mail spool.
            disk_reserve: 100 * 1024 * 1024,
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            rows: Span(Duration::from_hours(90 * 24)),
            audit: Span(Duration::from_hours(5 * 365 * 24)),
        }
    }
}

fn state_directory() -> PathBuf {
    PathBuf::from("/var/lib/zegel")
}

fn key_file() -> PathBuf {
    PathBuf::from("/etc/zegel/relay.key")
}

fn portal_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8080))
}

fn link_days() -> u16 {
    30
}

/// A configuration that cannot be used: the file, the place in it and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl Config {
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError(format!("cannot read {}: {error}", path.display())))?;
        Self::parse(&text).map_err(|error| ConfigError(format!("{}: {error}", path.display())))
    }

    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// What the organisation allows and the relay can do: nobody sends text messages without `[sms]`.
    pub fn policy(&self) -> Policy {
        Policy { sms: self.policy.sms && self.sms.is_some(), ..self.policy.clone() }
    }

    /// The retry schedule with its defaults filled in.
    pub fn retry(&self) -> delivery::Retry {
        let default = delivery::Retry::default();
        let or = |span: Option<Span>, default: Duration| span.map_or(default, |span| span.0);
        delivery::Retry {
            first: or(self.retry.first, default.first),
            max: or(self.retry.max, default.max),
            lifetime: or(self.retry.lifetime, default.lifetime),
            warn_after: or(self.retry.warn_after, default.warn_after),
            hold: or(self.retry.hold, default.hold),
        }
    }

    /// The key that relay and milter share. Who can read it can send mail past the milter's rules.
    pub fn marker_key(&self) -> Result<Option<Key>, ConfigError> {
        let Some(file) = &self.marker_key_file else { return Ok(None) };
        let wrong =
            |why: String| ConfigError(format!("marker-key-file: {}: {why}", file.display()));
        refuse_open_to_others(file).map_err(wrong)?;
        let octets = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
        Key::new(&octets).map(Some).map_err(|error| wrong(error.to_string()))
    }
}

/// Refuses a secret that everybody on this machine may read. A group may: of those who share it.
pub fn refuse_open_to_others(file: &Path) -> Result<(), String> {
    let metadata = std::fs::metadata(file).map_err(|error| error.to_string())?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o007 != 0 {
        return Err(format!("others may read it ({mode:04o}); run chmod o= on it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const LEAST: &str = r#"
        hostname = "relay.example.org"
        [organisation]
        name = "Example"
        from = "secure@example.org"
        language = "en"
        [portal]
        public-origin = "https://portal.example.org"
    "#;

    /// The error must name the place and hold every one of these.
    #[track_caller]
    fn refused(text: &str, says: &[&str]) {
        let error = Config::parse(text).unwrap_err().to_string();
        for part in says {
            assert!(error.contains(part), "{part:?} is missing in:\n{error}");
        }
    }

    #[test]
    fn the_least_configuration_has_working_defaults() {
        let config = Config::parse(LEAST).unwrap();
        assert_eq!(config.contradictions(), Vec::<String>::new());
        assert_eq!(config.portal.public_origin.host(), "portal.example.org");
        assert_eq!(config.retry(), delivery::Retry::default());
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        refused(&LEAST.replace("hostname =", "hostnaem ="), &["line 2", "hostnaem"]);
        refused(
            &LEAST.replace("https://portal", "http://portal"),
            &["public-origin", "https://host"],
        );
        refused(&format!("{LEAST}\n[retry]\nfirst = \"5 minutes\""), &["first", "as \"4h\""]);
        refused(&format!("{LEAST}\n[lmtp]\nmode = \"rw\""), &["mode", "octal"]);
    }
}
