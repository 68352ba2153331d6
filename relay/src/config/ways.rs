//! What the administrator says about the ways to domains: inboxes of the organisation's own, pins, lists, NTA 7516.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;
use zegel_core::address::Domain;
use zegel_core::directive;
use zegel_core::text::HeaderText;
use zegel_core::transport::Floor;

use super::{Config, Dnssec};

/// An own domain whose mail goes straight into its inboxes (inbound direct delivery).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Inbound {
    pub domain: Domain,
    /// The mail server that has the inboxes.
    pub next_hop: Hop,
    /// Where it listens, if the DNS is not to be asked.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// What every connection to it must prove.
    #[serde(default = "certified")]
    pub level: Floor,
    /// Its certificate or public key is one of these, whatever else is wrong with it.
    #[serde(default)]
    pub fingerprints: Vec<Fingerprint>,
    /// A PEM file of root certificates that alone vouch for its certificate.
    #[serde(default)]
    pub roots: Option<PathBuf>,
}

/// A domain of others of which the administrator knows more than the DNS says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Pin {
    pub domain: Domain,
    /// The only hosts that take its mail, the first one first; none means those of its MX records.
    #[serde(default)]
    pub mx: Vec<Domain>,
    /// As for [`Inbound`], and so are the two that follow.
    #[serde(default = "certified")]
    pub level: Floor,
    #[serde(default)]
    pub fingerprints: Vec<Fingerprint>,
    #[serde(default)]
    pub roots: Option<PathBuf>,
}

/// NTA 7516, off unless this is there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Nta7516 {
    /// The own domains that take part; their records stand in the DNS.
    pub domains: Vec<Domain>,
    /// Domains that do not get mail this way, with all that stand under them, whatever their records say.
    #[serde(default)]
    pub exclude: Vec<Domain>,
    /// A line that is put on top of each message that goes this way.
    #[serde(default)]
    pub header: Option<HeaderLine>,
}

/// `host` or `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Hop {
    pub host: Domain,
    pub port: Option<u16>,
}

/// SHA-256 of a certificate, or of its `SubjectPublicKeyInfo` (DER), in hexadecimal, with colons or without.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Fingerprint(pub [u8; 32]);

/// A header field, `Name: value`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HeaderLine(String);

/// Where a list is fetched: `https://…`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ListUrl(reqwest::Url);

fn certified() -> Floor {
    Floor::Pkix
}

impl HeaderLine {
    /// The field with its line end.
    pub fn line(&self) -> String {
        format!("{}\r\n", self.0)
    }
}

impl ListUrl {
    pub fn url(&self) -> &reqwest::Url {
        &self.0
    }
}

impl TryFrom<String> for Hop {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{text}` is no next hop: {why}; write host or host:port");
        let (host, port) = match text.split_once(':') {
            None => (text.as_str(), None),
            Some((host, port)) => {
                let port = port.parse().ok().filter(|port| *port != 0);
                (host, Some(port.ok_or_else(|| wrong("the port is none"))?))
            }
        };
        let host = host.parse().map_err(|error| wrong(&format!("{error}")))?;
        Ok(Self { host, port })
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no fingerprint: write the SHA-256 of the certificate, as `openssl x509 -noout -fingerprint -sha256 -in \
                 CERTIFICATE` prints it"
            )
        };
        let digits: Option<Vec<u32>> =
            text.chars().filter(|c| *c != ':').map(|c| c.to_digit(16)).collect();
        let octets: Vec<u8> = digits
            .ok_or_else(wrong)?
            .chunks(2)
            .filter_map(|pair| match pair {
                [high, low] => u8::try_from(high * 16 + low).ok(),
                _ => None,
            })
            .collect();
        let digits = text.chars().filter(|c| *c != ':').count();
        match (digits, octets.try_into()) {
            (64, Ok(octets)) => Ok(Self(octets)),
            _ => Err(wrong()),
        }
    }
}

impl TryFrom<String> for HeaderLine {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{text}` is no header field: {why}; write Name: value");
        let (name, value) = text.split_once(':').ok_or_else(|| wrong("it has no colon"))?;
        // RFC 5322, section 2.2.
        if name.is_empty() || !name.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(wrong("its name must be printable ASCII without spaces"));
        }
        if directive::is_control(name) {
            return Err(wrong("headers of this name never leave"));
        }
        let value = value.trim();
        if value.is_empty() || !value.is_ascii() || HeaderText::new(value).as_str() != value {
            return Err(wrong("its value must be printable ASCII on one line"));
        }
        Ok(Self(format!("{name}: {value}")))
    }
}

impl TryFrom<String> for ListUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{text}` is no place to fetch a list: {why}");
        let url = reqwest::Url::parse(&text).map_err(|error| wrong(&error.to_string()))?;
        if url.scheme() != "https" {
            return Err(wrong(
                "who can change it on its way decides where mail goes; use https://",
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "a name and a password in it would stand in the log; leave them out",
            ));
        }
        Ok(Self(url))
    }
}

impl Config {
    /// What is wrong with the ways, each with what to do about it.
    pub(super) fn way_contradictions(&self) -> Vec<String> {
        let inbound = self.inbound.iter().map(|one| Entry {
            table: "inbound",
            domain: &one.domain,
            level: one.level,
            fingerprints: !one.fingerprints.is_empty(),
            roots: one.roots.is_some(),
            beside_dns: one.next_hop.port.is_some() || !one.addresses.is_empty(),
        });
        let pins = self.pin.iter().map(|one| Entry {
            table: "pin",
            domain: &one.domain,
            level: one.level,
            fingerprints: !one.fingerprints.is_empty(),
            roots: one.roots.is_some(),
            beside_dns: false,
        });
        let mut seen = BTreeSet::new();
        let mut found: Vec<String> = inbound
            .chain(pins)
            .flat_map(|entry| {
                let twice = !seen.insert(entry.domain);
                let faults = entry.faults(twice, self.dns.dnssec);
                faults.map(move |fault| format!("{} {}: {fault}", entry.table, entry.domain))
            })
            .collect();
        if let Some(nta7516) = &self.nta7516 {
            found.extend(nta7516.contradictions(self.dns.dnssec));
        }
        found
    }
}

/// What both tables have.
#[derive(Copy, Clone)]
struct Entry<'a> {
    table: &'static str,
    domain: &'a Domain,
    level: Floor,
    fingerprints: bool,
    roots: bool,
    /// The host has a port or an address of its own, which its TLSA records are not for.
    beside_dns: bool,
}

impl Entry<'_> {
    fn faults(self, twice: bool, dnssec: Dnssec) -> impl Iterator<Item = &'static str> {
        let proof = self.fingerprints || self.roots;
        [
            (twice, "this domain has an entry already; keep one"),
            (
                self.level == Floor::Impossible,
                "level: no connection ever meets it; set \"tls\", \"pkix\" or \"dane\"",
            ),
            (
                self.level == Floor::Dane && dnssec == Dnssec::Off,
                "level: without DNSSEC nothing meets \"dane\"; set \"pkix\", or dns.dnssec other than \"off\"",
            ),
            (
                self.level == Floor::Dane && self.beside_dns,
                "level: TLSA records are for port 25 of the host's own addresses; leave port and addresses out, or set \"pkix\"",
            ),
            (
                self.level != Floor::Pkix && proof,
                "fingerprints and roots are only looked at for the level \"pkix\"; set it, or leave them out",
            ),
            (
                self.fingerprints && self.roots,
                "fingerprints and roots exclude each other; keep one of them",
            ),
        ]
        .into_iter()
        .filter_map(|(wrong, fault)| wrong.then_some(fault))
    }
}

impl Nta7516 {
    fn contradictions(&self, dnssec: Dnssec) -> impl Iterator<Item = String> {
        let unsigned = (dnssec == Dnssec::Off).then(|| {
            "nta7516: it rests on DNSSEC; set dns.dnssec to \"validate\", or leave this table out"
                .to_owned()
        });
        let nobody = self.domains.is_empty().then(|| {
            "nta7516.domains: no domain takes part; name your own, or leave this table out"
                .to_owned()
        });
        unsigned.into_iter().chain(nobody)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::LEAST;
    use super::*;

    const HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";

    fn parse(lines: &str) -> Result<Config, String> {
        Config::parse(&format!("{LEAST}\n{lines}")).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn refused(lines: &str, says: &str) {
        let error = parse(lines).unwrap_err();
        assert!(error.contains(says), "{lines}: {error}");
    }

    #[track_caller]
    fn contradicts(lines: &str, expected: &[&str]) {
        let found = parse(lines).unwrap().contradictions();
        assert_eq!(found.len(), expected.len(), "{lines}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{lines}: {found}, not {expected}");
        }
    }

    #[test]
    fn ways_are_read_as_people_write_them() {
        let config = parse(&format!(
            "[[inbound]]\ndomain = \"example.org\"\nnext-hop = \"mail.example.org:2525\"\nfingerprints = [\"{HEX}\"]\n\
             [[pin]]\ndomain = \"example.nl\"\nmx = [\"mx.example.nl\"]\nlevel = \"dane\"\n\
             [nta7516]\ndomains = [\"example.org\"]\nheader = \"X-Norm:  yes \"\n\
             [outbound]\nprefer-direct = [\"example.nl\"]\nprefer-direct-url = \"https://example.org/list\"\n"
        ));
        let config = config.unwrap();
        assert_eq!(config.contradictions(), Vec::<String>::new());
        let inbound = &config.inbound[0];
        assert_eq!((inbound.next_hop.port, inbound.level), (Some(2525), Floor::Pkix));
        let Fingerprint(octets) = inbound.fingerprints[0];
        assert_eq!((octets[1], octets[15], octets[31]), (0x11, 0xff, 0xff));
        let colons = HEX.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
        let colons = colons.collect::<Vec<_>>().join(":");
        assert_eq!(Fingerprint::try_from(colons), Ok(Fingerprint(octets)));
        assert_eq!(config.nta7516.unwrap().header.unwrap().line(), "X-Norm: yes\r\n");
    }

    #[test]
    fn a_value_that_is_none_is_refused_with_what_to_write() {
        let inbound = |line: &str| format!("[[inbound]]\ndomain = \"example.org\"\n{line}\n");
        refused(&inbound("next-hop = \"mail.example.org:0\""), "host:port");
        refused(&inbound("next-hop = \"mail\""), "host:port");
        let hop = "next-hop = \"mail.example.org\"\n";
        for wrong in [
            "00",
            HEX.trim_start_matches("00"),
            &format!("{HEX}0"),
            &format!("{HEX}00"),
            &HEX.replace('a', "g"),
        ] {
            refused(&inbound(&format!("{hop}fingerprints = [\"{wrong}\"]")), "SHA-256");
        }
        for (header, why) in [
            ("X-Norm yes", "no colon"),
            (": yes", "its name"),
            ("X Norm: yes", "its name"),
            ("Zivver-Norm: yes", "never leave"),
            ("X-Norm:", "its value"),
            ("X-Norm: a\\r\\nBcc: b@example.org", "its value"),
            ("X-Norm: caf\u{e9}", "its value"),
        ] {
            refused(&format!("[nta7516]\ndomains = []\nheader = \"{header}\""), why);
        }
        for (url, why) in
            [("http://example.org/", "https"), ("https://a:b@example.org/", "password")]
        {
            refused(&format!("[outbound]\nprefer-direct-url = \"{url}\""), why);
        }
    }

    #[test]
    fn what_cannot_work_together_is_found() {
        let pin = |lines: &str| format!("[[pin]]\ndomain = \"example.nl\"\n{lines}\n");
        let print = format!("fingerprints = [\"{HEX}\"]\n");
        contradicts(&format!("{0}{0}", pin("")), &["pin example.nl: this domain"]);
        contradicts(&pin("level = \"impossible\""), &["pin example.nl: level: no connection"]);
        contradicts(
            &pin(&format!("level = \"tls\"\n{print}")),
            &["pin example.nl: fingerprints and"],
        );
        contradicts(&pin(&format!("{print}roots = \"x\"")), &["pin example.nl: fingerprints and"]);
        let off = "[dns]\ndnssec = \"off\"\n";
        contradicts(&(pin("level = \"dane\"") + off), &["pin example.nl: level: without"]);
        contradicts(
            "[[inbound]]\ndomain = \"example.nl\"\nnext-hop = \"mx.example.nl:26\"\nlevel = \"dane\"",
            &["inbound example.nl: level: TLSA"],
        );
        contradicts(
            &format!("[nta7516]\ndomains = []\n{off}"),
            &["nta7516: ", "nta7516.domains: "],
        );
    }
}
