//! The SMTP gateway: where applications and other mail servers submit.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;
use zegel_core::address::Domain;

/// Without listeners nothing but LMTP is spoken.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Gateway {
    /// Certificate chain and key (PEM), read again at SIGHUP. Every listener needs them.
    pub certificate: Option<PathBuf>,
    pub private_key: Option<PathBuf>,
    pub listeners: Vec<Listener>,
    /// Proxies that speak the PROXY protocol (version 2) with every connection; nobody else's word is taken.
    pub proxies: Vec<IpAddr>,
    pub spf: Spf,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Listener {
    pub listen: SocketAddr,
    pub service: Service,
    /// TLS from the first octet (RFC 8314), as on port 465; otherwise STARTTLS.
    #[serde(default)]
    pub implicit_tls: bool,
}

/// How the clients of a listener prove who they are.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// By a credential, as on ports 587 and 465.
    Submission,
    /// By their sender's SPF record, as on port 25.
    Relay,
}

impl Gateway {
    /// What no single field can know to be wrong. `portal` is where the portal listens.
    pub(super) fn contradictions(&self, portal: SocketAddr) -> Vec<String> {
        let mut found = Vec::new();
        for (key, file) in
            [("gateway.certificate", &self.certificate), ("gateway.private-key", &self.private_key)]
        {
            if file.is_none() && !self.listeners.is_empty() {
                found.push(format!(
                    "{key}: absent, and every listener needs TLS; name the PEM file"
                ));
            }
        }
        let mut taken = BTreeSet::from([portal]);
        for listener in self.listeners.iter().filter(|listener| listener.listen.port() != 0) {
            if !taken.insert(listener.listen) {
                found.push(format!(
                    "gateway.listeners: {} is listened on twice; give each listener its own",
                    listener.listen
                ));
            }
        }
        let Spf { ipv4_prefix_min, ipv6_prefix_min, .. } = self.spf;
        for (key, prefix, max) in [("ipv4", ipv4_prefix_min, 32), ("ipv6", ipv6_prefix_min, 128)] {
            if prefix > max {
                found.push(format!(
                    "gateway.spf.{key}-prefix-min: no network has a prefix of {prefix}; set {max} or less"
                ));
            }
        }
        found
    }

    /// What works but should be otherwise.
    pub(super) fn advice(&self) -> Vec<String> {
        let mut found: Vec<_> = self.listeners.iter().filter_map(Listener::advice).collect();
        let offers = |service| self.listeners.iter().any(|listener| listener.service == service);
        let listed = !self.spf.domains.is_empty();
        if offers(Service::Relay) && !listed {
            found.push(
                "gateway.spf.domains: empty, so that the listeners of \"relay\" refuse everybody; list the domains that \
                 may submit"
                    .to_owned(),
            );
        }
        if !offers(Service::Relay) && listed {
            found.push(
                "gateway.spf.domains: of no use without a listener whose service is \"relay\""
                    .to_owned(),
            );
        }
        if self.listeners.is_empty() && !self.proxies.is_empty() {
            found.push("gateway.proxies: of no use without gateway.listeners".to_owned());
        }
        found
    }

    /// Whether connections from there begin with a PROXY header.
    pub fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|proxy| proxy.to_canonical() == address.to_canonical())
    }
}

impl Listener {
    /// What its port makes clients expect (RFC 8314, section 3; RFC 6409, section 3.1).
    fn advice(&self) -> Option<String> {
        let expected = match self.listen.port() {
            25 => (Service::Relay, false),
            465 => (Service::Submission, true),
            587 => (Service::Submission, false),
            _ => return None,
        };
        if expected == (self.service, self.implicit_tls) {
            return None;
        }
        let (service, implicit) = expected;
        Some(format!(
            "gateway.listeners: on port {} clients expect service = \"{service}\" and implicit-tls = {implicit}",
            self.listen.port()
        ))
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tls = if self.implicit_tls { "implicit TLS" } else { "STARTTLS" };
        write!(f, "{} on {} ({tls})", self.service, self.listen)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Submission => "submission",
            Self::Relay => "relay",
        })
    }
}

/// Whom SPF lets in.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Spf {
    /// The domains that may submit, with all that stand under them.
    pub domains: Vec<Domain>,
    /// From must be of the very domain that SPF has proved, not only of the same listed one.
    pub strict_alignment: bool,
    /// A pass by a wider network than this counts for nothing.
    pub ipv4_prefix_min: u8,
    pub ipv6_prefix_min: u8,
}

impl Default for Spf {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            strict_alignment: false,
            ipv4_prefix_min: 20,
            ipv6_prefix_min: 40,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TLS: &str = "certificate = \"c.pem\"\nprivate-key = \"k.pem\"\n";

    fn listener(listen: &str, service: &str, implicit: bool) -> String {
        format!(
            "[[listeners]]\nlisten = \"{listen}\"\nservice = \"{service}\"\nimplicit-tls = {implicit}\n"
        )
    }

    /// One word of each thing that is found, contradictions first.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let gateway: Gateway = toml::from_str(text).unwrap();
        let mut found = gateway.contradictions(([127, 0, 0, 1], 8080).into());
        found.extend(gateway.advice());
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{expected} is not in {found}");
        }
    }

    #[test]
    fn what_cannot_work_is_found() {
        let submission = listener("[::]:587", "submission", false);
        check("", &[]);
        check(&format!("{TLS}{submission}"), &[]);
        check(&submission, &["gateway.certificate: ", "gateway.private-key: "]);
        check(&format!("{TLS}{submission}{submission}"), &["[::]:587 is listened on twice"]);
        let portal = listener("127.0.0.1:8080", "submission", false);
        check(&format!("{TLS}{portal}"), &["127.0.0.1:8080 is listened on twice"]);
        let anywhere = listener("127.0.0.1:0", "submission", false);
        check(&format!("{TLS}{anywhere}{anywhere}"), &[]);
        check("spf = { ipv4-prefix-min = 33 }", &["gateway.spf.ipv4-prefix-min: "]);
        check("spf = { ipv6-prefix-min = 129 }", &["gateway.spf.ipv6-prefix-min: "]);
    }

    #[test]
    fn what_works_but_is_unwise_is_advised_against() {
        let relay = listener("0.0.0.0:25", "relay", false);
        let spf = "spf = { domains = [\"a.example\"] }\n";
        check(&format!("{TLS}{spf}{relay}"), &[]);
        check(&format!("{TLS}{relay}"), &["gateway.spf.domains: empty"]);
        check(spf, &["gateway.spf.domains: of no use"]);
        check("proxies = [\"192.0.2.1\"]", &["gateway.proxies: "]);
        for (listen, service, implicit, says) in [
            ("0.0.0.0:25", "submission", false, "\"relay\" and implicit-tls = false"),
            ("0.0.0.0:465", "submission", false, "\"submission\" and implicit-tls = true"),
            ("0.0.0.0:587", "submission", true, "\"submission\" and implicit-tls = false"),
        ] {
            check(&format!("{TLS}{}", listener(listen, service, implicit)), &[says]);
        }
    }

    #[test]
    fn a_proxy_is_known_by_either_form_of_its_address() {
        let gateway: Gateway = toml::from_str("proxies = [\"::ffff:192.0.2.1\"]").unwrap();
        assert!(gateway.is_proxy("192.0.2.1".parse().unwrap()));
        assert!(gateway.is_proxy("::ffff:192.0.2.1".parse().unwrap()));
        assert!(!gateway.is_proxy("192.0.2.2".parse().unwrap()));
    }
}
