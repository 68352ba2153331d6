//! Where accounts are looked up that the relay does not keep itself.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use zegel_core::address::Domain;

use super::Span;

/// Longer than any directory in order takes; three tries of it are shorter than a mail server waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Directory {
    pub ldap: Option<Ldap>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ldap {
    pub url: LdapUrl,
    /// TLS inside `ldap://` (RFC 4511, section 4.14).
    #[serde(default)]
    pub starttls: bool,
    /// The entries are looked for in the whole tree below this name.
    pub base: String,
    /// Finds an author's entry, suspended or not.
    #[serde(default)]
    pub filter: Filter,
    /// Matches the entries that are not suspended. Without it, all are active.
    #[serde(default)]
    pub active_filter: Option<ActiveFilter>,
    /// Who asks; without it, nobody in particular.
    #[serde(default)]
    pub bind_dn: Option<String>,
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// A PEM file of root certificates; none means those of the system.
    #[serde(default)]
    pub roots: Option<PathBuf>,
    /// For one answer.
    #[serde(default = "timeout")]
    pub timeout: Span,
    /// The domains whose authors are looked up here. No others are.
    pub domains: Vec<Domain>,
}

/// `ldap://host[:port]` or `ldaps://host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct LdapUrl(String);

/// A search filter (RFC 4515) with `{address}` in it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Filter(String);

/// A search filter (RFC 4515).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ActiveFilter(String);

const PLACEHOLDER: &str = "{address}";

impl Ldap {
    /// What no single field can know to be wrong.
    pub(super) fn contradictions(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut add = |wrong: bool, words: &str| {
            if wrong {
                found.push(format!("directory.ldap.{words}"));
            }
        };
        let implicit = self.url.is_implicit_tls();
        let open = !implicit && !self.starttls && !self.url.is_loopback();
        add(open, "url: ldap:// would send all in the clear; set starttls = true, or use ldaps://");
        add(implicit && self.starttls, "starttls: ldaps:// has TLS already; leave starttls out");
        let nameless = (implicit || self.starttls) && self.url.0.contains('[');
        add(nameless, "url: no certificate can be checked for an IPv6 address; name the host");
        let half = self.bind_dn.is_some() != self.password_file.is_some();
        add(half, "bind-dn: goes with password-file; set both, or neither");
        add(self.timeout.0.is_zero(), "timeout: 0 cannot work; set more");
        add(self.domains.is_empty(), "domains: empty, so that nobody is looked up; name yours");
        found
    }
}

impl LdapUrl {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_implicit_tls(&self) -> bool {
        self.0.starts_with("ldaps://")
    }

    /// Whether what is sent there stays on this machine.
    fn is_loopback(&self) -> bool {
        let authority = self.0.split_once("://").map_or("", |(_, authority)| authority);
        let host = match authority.strip_prefix('[') {
            Some(rest) => rest.split(']').next(),
            None => authority.split(':').next(),
        };
        let host = host.unwrap_or_default();
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl Filter {
    /// The filter for one address. Every character with a meaning in filters is escaped (RFC 4515, section 3).
    pub fn of(&self, address: &str) -> String {
        self.0.replace(PLACEHOLDER, &ldap3::ldap_escape(address))
    }
}

impl ActiveFilter {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self(
            "(|(mail={address})(proxyAddresses=smtp:{address})(mailAlternateAddress={address}))"
                .into(),
        )
    }
}

impl TryFrom<String> for LdapUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let url = text.strip_suffix('/').unwrap_or(&text).to_ascii_lowercase();
        let authority = url.strip_prefix("ldap://").or_else(|| url.strip_prefix("ldaps://"));
        let sound = authority.is_some_and(is_host_and_port);
        sound.then_some(Self(url)).ok_or_else(|| {
            format!("`{text}` is no LDAP server: write it as ldaps://host or ldap://host:port, without a path")
        })
    }
}

fn is_host_and_port(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) if address.parse::<IpAddr>().is_ok() => ("v6", rest),
        Some(_) => return false,
        None => authority.find(':').map_or((authority, ""), |colon| authority.split_at(colon)),
    };
    let host_ok = !host.is_empty()
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    let port_ok = port.is_empty()
        || port
            .strip_prefix(':')
            .and_then(|port| port.parse::<u16>().ok())
            .is_some_and(|port| port != 0);
    host_ok && port_ok
}

impl TryFrom<String> for Filter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if !text.contains(PLACEHOLDER) {
            return Err(format!(
                "`{text}` finds everybody: write {PLACEHOLDER} where the author's address goes"
            ));
        }
        check_filter(&text.replace(PLACEHOLDER, "a"), &text)?;
        Ok(Self(text))
    }
}

impl TryFrom<String> for ActiveFilter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        check_filter(&text, &text)?;
        Ok(Self(text))
    }
}

fn check_filter(filter: &str, text: &str) -> Result<(), String> {
    // The parser also takes one without parentheses, which would not combine with another.
    if !(filter.starts_with('(') && filter.ends_with(')')) || ldap3::parse_filter(filter).is_err() {
        return Err(format!(
            "`{text}` is no search filter: write it as RFC 4515 does, in parentheses"
        ));
    }
    Ok(())
}

fn timeout() -> Span {
    Span(TIMEOUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ldap(lines: &str) -> Result<Directory, String> {
        let least = "[ldap]\nbase = \"dc=test\"\ndomains = [\"org.test\"]\n";
        toml::from_str(&format!("{least}{lines}")).map_err(|error| error.to_string())
    }

    /// Refused, or contradictory, with these words; nothing is wrong when there are none.
    #[track_caller]
    fn check(lines: &str, says: Option<&str>) {
        let found = ldap(lines)
            .map_or_else(|error| vec![error], |directory| directory.ldap.unwrap().contradictions());
        match says {
            Some(says) => {
                assert!(found.iter().any(|found| found.contains(says)), "{lines}: {found:?}");
            }
            None => assert_eq!(found, Vec::<String>::new(), "{lines}"),
        }
    }

    #[test]
    fn what_is_asked_travels_in_the_clear_on_this_machine_only() {
        for url in
            ["ldaps://dc.org.test", "ldap://127.0.0.9:389", "ldap://[::1]", "ldap://localhost/"]
        {
            check(&format!("url = \"{url}\""), None);
        }
        for url in ["ldap://dc.org.test", "ldap://localhost.org.test", "ldap://192.0.2.1:389"] {
            check(&format!("url = \"{url}\""), Some("url: ldap://"));
            check(&format!("url = \"{url}\"\nstarttls = true"), None);
        }
        check("url = \"ldaps://dc.org.test\"\nstarttls = true", Some("starttls: "));
        check("url = \"ldaps://[::1]\"", Some("name the host"));
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        for url in
            ["dc.org.test", "http://dc.org.test", "ldap://", "ldaps://dc:0", "ldaps://dc/dc=test"]
        {
            check(&format!("url = \"{url}\""), Some("no LDAP server"));
        }
        let with = |lines: &str| format!("url = \"ldaps://dc.org.test\"\n{lines}");
        check(&with("filter = \"(mail=*)\""), Some("finds everybody"));
        check(&with("filter = \"(mail={address}\""), Some("no search filter"));
        check(&with("active-filter = \"enabled=TRUE\""), Some("no search filter"));
        check(&with("active-filter = \"(enabled=TRUE)\""), None);
        check(&with("bind-dn = \"cn=relay\""), Some("bind-dn: "));
        check(&with("password-file = \"/x\""), Some("bind-dn: "));
        check(&with("timeout = \"0s\""), Some("timeout: "));
    }

    #[test]
    fn an_address_cannot_change_the_filter_that_it_stands_in() {
        let filter = Filter::try_from("(&(mail={address})(x=smtp:{address}))".to_owned()).unwrap();
        assert_eq!(filter.of("a@b.nl"), "(&(mail=a@b.nl)(x=smtp:a@b.nl))");
        for (address, escaped) in [
            ("*@b.nl", r"\2a@b.nl"),
            ("\"a)(mail=*\"@b.nl", r#""a\29\28mail=\2a"@b.nl"#),
            (r#""a\\b"@b.nl"#, r#""a\5c\5cb"@b.nl"#),
            ("{address}*@b.nl", r"{address}\2a@b.nl"),
        ] {
            let expected = format!("(&(mail={escaped})(x=smtp:{escaped}))");
            assert_eq!(filter.of(address), expected, "{address}");
        }
    }
}
