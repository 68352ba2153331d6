//! The relay's own mail, where the same Postfix receives it: as the organisation's MX, or as anybody's way out.

use super::postconf::words;
use super::tools::{Tools, source};
use super::{Finding, Mend, Postfixed};
use crate::route::Route as Kind;

/// Lists of the domains that Postfix receives mail for.
pub(super) const RECEIVED: [&str; 4] =
    ["mydestination", "relay_domains", "virtual_alias_domains", "virtual_mailbox_domains"];

/// What Postfix falls back on, and what it stands at when nothing is set.
const WAYS: [(&str, &str); 8] = [
    ("content_filter", ""),
    ("default_transport", "smtp"),
    ("relay_transport", "relay"),
    ("local_transport", "local:$myhostname"),
    ("virtual_transport", "virtual"),
    ("mailbox_transport", ""),
    ("fallback_transport", ""),
    ("relayhost", ""),
];

/// What the milter and the relay share, as both configurations have it.
const KEY: &str = "marker-key-file = \"/etc/zegel/marker.key\"";

impl Postfixed<'_> {
    /// Without the marker, the milter would select the relay's own mail again, and again.
    pub(super) fn own_mail(&self, tools: &Tools) -> Vec<Finding> {
        if self.milter.marker_key.is_some() || !self.asking().any(|service| is_open(&service.name))
        {
            return Vec::new();
        }
        let mut findings = Vec::new();
        for parameter in RECEIVED {
            match self.received(parameter, tools) {
                Ok(None) => (),
                Ok(Some(domain)) => {
                    findings.push(Finding::wrong(
                        format!("{parameter} has {domain}, and there is no marker-key-file: what the relay sends to {domain} comes back here, and would be selected again"),
                        Mend::line("milter.toml and in relay.toml, above every [section] (openssl rand -base64 48 makes a key)", KEY),
                    ));
                    break;
                }
                Err(why) => findings.push(Finding::unseen(
                    format!("{parameter} cannot be looked up: if it has a domain of your own, marker-key-file must be set: {why}"),
                    Mend::line("milter.toml and in relay.toml, above every [section]", KEY),
                )),
            }
        }
        findings
    }

    /// The first domain of the organisation, or, where nothing says which these are, of any but this machine, that a list has.
    fn received(&self, parameter: &str, tools: &Tools) -> Result<Option<String>, String> {
        let own: Vec<String> = self.milter.own_domains.iter().map(ToString::to_string).collect();
        for entry in words(self.postfix.get(parameter)) {
            let found = if entry.starts_with('/') {
                let listed =
                    std::fs::read_to_string(entry).map_err(|error| format!("{entry}: {error}"))?;
                let names: Vec<&str> =
                    listed.lines().map(str::trim).filter(|line| !line.starts_with('#')).collect();
                names.into_iter().find_map(|name| self.is_own(name, &own))
            } else if entry.contains(':') {
                self.in_table(entry, &own, tools)?
            } else {
                self.is_own(entry, &own)
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn in_table(
        &self,
        table: &str,
        own: &[String],
        tools: &Tools,
    ) -> Result<Option<String>, String> {
        for domain in own {
            if tools.look_up(table, domain)?.is_some() {
                return Ok(Some(domain.clone()));
            }
        }
        if !own.is_empty() {
            return Ok(None);
        }
        let keys = tools.list(table)?;
        let keys = keys.iter().filter_map(|line| line.split_whitespace().next());
        // Among aliases, the addresses are no domains.
        Ok(keys.filter(|key| !key.contains('@')).find_map(|key| self.is_own(key, own)))
    }

    /// A name of a list, if it is one of the organisation's domains. A parent's name may stand for those below it.
    fn is_own(&self, name: &str, own: &[String]) -> Option<String> {
        let name = name.trim_start_matches('.').to_ascii_lowercase();
        if own.is_empty() {
            let here = self.postfix.get("myhostname");
            let is_here = name == here || name.starts_with("localhost") || !name.contains('.');
            return (!is_here).then_some(name);
        }
        let covers = |domain: &&String| {
            **domain == name || domain.strip_suffix(&name).is_some_and(|head| head.ends_with('.'))
        };
        own.iter().find(covers).cloned()
    }

    /// The relay is for what was selected. If all mail goes its way, its own comes back to it.
    pub(super) fn everything_routed(&self, route: &str, tools: &Tools) -> Vec<Finding> {
        let way = match self.milter.route {
            Kind::Header => route.split_once(char::is_whitespace).map_or("", |(_, way)| way).trim(),
            Kind::Recipient => route,
        };
        let (transport, next_hop) = way.split_once(':').unwrap_or((way, ""));
        let leads = |value: &str| {
            let (head, tail) = value.split_once(':').unwrap_or((value, ""));
            !value.is_empty()
                && (head == transport
                    || !next_hop.is_empty() && (tail == next_hop || value == next_hop))
        };
        let mut findings = Vec::new();
        for (parameter, usual) in WAYS {
            let value = self.postfix.get(parameter);
            if leads(value) {
                findings.push(Finding::wrong(
                    format!("{parameter} = {value}: all such mail goes to the relay, selected or not, and what the relay sends here goes round"),
                    Mend::main_cf(format!("{parameter} = {usual}").trim_end()),
                ));
            }
        }
        let own = self.milter.own_domains.iter().map(ToString::to_string);
        let keys: Vec<String> = own.chain(["*".to_owned()]).collect();
        let tables = words(self.postfix.get("transport_maps"));
        for (table, key) in tables.iter().flat_map(|table| keys.iter().map(move |key| (table, key)))
        {
            // A map that fails is found by the way to the relay where that hangs on it, and by Postfix's log elsewhere.
            let Ok(Some(value)) = tools.look_up(table, key) else { continue };
            if leads(&value) {
                findings.push(Finding::wrong(
                    format!("transport_maps sends {key} to the relay, selected or not, and what the relay sends here goes round"),
                    Mend::Without { file: source(table), line: format!("{key}    {value}") },
                ));
            }
        }
        findings
    }
}

/// Whether other machines reach an smtpd to hand in mail for this one (RFC 5321, section 4.5.4.2): by port 25.
fn is_open(name: &str) -> bool {
    let port = name.rsplit(':').next().unwrap_or_default();
    !matches!(port, "submission" | "submissions" | "smtps" | "465" | "587")
}
