//! `domain check`: what the world sees of a domain whose mail we send, and the records that are missing.

use std::fmt;
use std::net::IpAddr;

use zegel_core::address::{Address, Domain};
use zegel_core::dkim;
use zegel_core::dmarc::{self, Action};
use zegel_core::spf;

use super::Failure;
use crate::admission::evaluate_spf;
use crate::config::Config;
use crate::dns::{Answer, Resolver};
use crate::lifecycle;
use crate::store::Store;

/// What was found of one thing.
struct Finding {
    state: State,
    about: &'static str,
    what: String,
    /// What to publish.
    record: Option<String>,
}

#[derive(Copy, Clone, PartialEq, Eq)]
enum State {
    Good,
    /// Allowed, and worth knowing.
    Absent,
    Wrong,
    Unknown,
}

/// The report, and whether nothing has to be mended.
pub(super) async fn run(
    store: &Store,
    resolver: &Resolver,
    config: &Config,
    domain: &Domain,
) -> Result<(String, bool), Failure> {
    let sending = sending_addresses(resolver, config).await;
    let mut findings = Vec::new();
    findings.extend(check_spf(resolver, config, domain, &sending).await);
    findings.extend(check_names(resolver, config, &sending).await);
    findings.extend(check_dkim(store, resolver, domain).await?);
    findings.push(check_dmarc(resolver, domain).await);
    findings.extend(check_mail_servers(resolver, domain).await);
    findings.push(check_text(resolver, "MTA-STS", &format!("_mta-sts.{domain}"), "v=STSv1").await);
    findings
        .push(check_text(resolver, "TLSRPT", &format!("_smtp._tls.{domain}"), "v=TLSRPTv1").await);
    let good = findings.iter().all(|finding| matches!(finding.state, State::Good | State::Absent));
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    Ok((lines.join("\n"), good))
}

/// Where our mail comes from, as far as it can be known here.
async fn sending_addresses(resolver: &Resolver, config: &Config) -> Result<Vec<IpAddr>, String> {
    if let Some(source) = config.outbound.source {
        return Ok(vec![source]);
    }
    let name = config.hostname.as_str();
    let mut addresses = Vec::new();
    for answer in [resolver.ipv4(name).await, resolver.ipv6(name).await] {
        match answer {
            Answer::Found(found) => addresses.extend(found.records),
            Answer::Nothing(_) => {}
            Answer::Unknown(why) => return Err(why),
        }
    }
    Ok(addresses)
}

async fn check_spf(
    resolver: &Resolver,
    config: &Config,
    domain: &Domain,
    sending: &Result<Vec<IpAddr>, String>,
) -> Vec<Finding> {
    let addresses = match sending {
        Ok(addresses) if addresses.is_empty() => {
            let what = format!(
                "{} has no address: set outbound.source to the one that mail leaves from",
                config.hostname
            );
            return vec![Finding::wrong("SPF", what, None)];
        }
        Ok(addresses) => addresses,
        Err(why) => return vec![Finding::unknown("SPF", why.clone())],
    };
    let Ok(sender) = format!("postmaster@{domain}").parse::<Address>() else { return Vec::new() };
    let mut findings = Vec::new();
    for address in addresses {
        let client = spf::Client {
            ip: *address,
            helo: config.hostname.as_str(),
            sender: Some(&sender),
            receiver: config.hostname.as_str(),
            now: lifecycle::now(),
        };
        let mechanism = match address {
            IpAddr::V4(address) => format!("ip4:{address}"),
            IpAddr::V6(address) => format!("ip6:{address}"),
        };
        let record = |terms: &str| Some(format!("{domain}. IN TXT \"v=spf1 {terms}\""));
        findings.push(match evaluate_spf(resolver, &client).await {
            spf::Outcome::Pass(_) => {
                Finding::good("SPF", format!("{address} may send for {domain}"))
            }
            spf::Outcome::None => Finding::wrong(
                "SPF",
                format!("{domain} has no record"),
                record(&format!("{mechanism} -all")),
            ),
            spf::Outcome::TempError => Finding::unknown("SPF", "a look-up failed".to_owned()),
            spf::Outcome::PermError(why) => Finding::wrong("SPF", format!("broken: {why}"), None),
            spf::Outcome::Neutral | spf::Outcome::Fail(_) | spf::Outcome::SoftFail => {
                Finding::wrong(
                    "SPF",
                    format!("{address} may not send for {domain}; add to its record: {mechanism}"),
                    None,
                )
            }
        });
    }
    findings
}

/// Whether the addresses have names, and the names the addresses: many receivers ask for it.
async fn check_names(
    resolver: &Resolver,
    config: &Config,
    sending: &Result<Vec<IpAddr>, String>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for address in sending.as_deref().unwrap_or_default() {
        let own = config.hostname.as_str();
        findings.push(match resolver.ptr(*address).await {
            Answer::Found(found) => {
                let name = |found: &String| found.trim_end_matches('.').eq_ignore_ascii_case(own);
                if found.records.iter().any(name) {
                    Finding::good("PTR", format!("{address} is {own}"))
                } else {
                    let what = format!("{address} is {}, not {own}", found.records.join(", "));
                    Finding::wrong("PTR", what, Some(format!("{address} PTR {own}.")))
                }
            }
            Answer::Nothing(_) => Finding::wrong(
                "PTR",
                format!("{address} has no name; many mail servers take nothing from it"),
                Some(format!("{address} PTR {own}.")),
            ),
            Answer::Unknown(why) => Finding::unknown("PTR", why),
        });
    }
    findings
}

async fn check_dkim(
    store: &Store,
    resolver: &Resolver,
    domain: &Domain,
) -> Result<Vec<Finding>, Failure> {
    let keys = store.dkim_keys(domain).await?;
    let mut findings = Vec::new();
    for key in keys.iter().filter(|key| key.retired.is_none()) {
        let name = format!("{}._domainkey.{domain}", key.selector);
        let record = dkim::record(key.algorithm, &key.public);
        let published = match resolver.txt(&name).await {
            Answer::Found(found) => found.records.iter().any(|text| {
                dkim::publishes(&String::from_utf8_lossy(text), key.algorithm, &key.public)
            }),
            Answer::Nothing(_) => false,
            Answer::Unknown(why) => {
                findings.push(Finding::unknown("DKIM", format!("{name}: {why}")));
                continue;
            }
        };
        findings.push(match (published, key.active) {
            (true, Some(_)) => Finding::good("DKIM", format!("{name} is published, and signs")),
            (true, None) => Finding::wrong(
                "DKIM",
                format!(
                    "{name} is published, and does not sign: run `zegel-relay domain dkim {domain}`"
                ),
                None,
            ),
            (false, _) => Finding::wrong(
                "DKIM",
                format!("{name} is not published"),
                Some(format!("{name}. IN TXT \"{record}\"")),
            ),
        });
    }
    if findings.is_empty() {
        let what = format!("there is no key: `zegel-relay domain dkim {domain}` makes one");
        findings.push(Finding::wrong("DKIM", what, None));
    }
    Ok(findings)
}

async fn check_dmarc(resolver: &Resolver, domain: &Domain) -> Finding {
    let mut texts = Vec::new();
    for name in dmarc::names(domain) {
        match resolver.txt(&name).await {
            Answer::Found(found) => texts.push(
                found
                    .records
                    .iter()
                    .map(|text| String::from_utf8_lossy(text).into_owned())
                    .collect(),
            ),
            Answer::Nothing(_) => texts.push(Vec::new()),
            Answer::Unknown(why) => return Finding::unknown("DMARC", why),
        }
        // Its own record stands whatever is above it.
        if dmarc::policy(&texts).is_some_and(|(_, own)| own) {
            break;
        }
    }
    let Some((record, own)) = dmarc::policy(&texts) else {
        let record =
            format!("_dmarc.{domain}. IN TXT \"v=DMARC1; p=none; rua=mailto:postmaster@{domain}\"");
        return Finding::wrong("DMARC", "there is no policy".to_owned(), Some(record));
    };
    let (action, whose) = if own {
        (record.policy, "its own")
    } else {
        (record.subdomains, "that of the organisation's domain")
    };
    let asks = match action {
        Action::None => "asks for nothing: others can still send in its name",
        Action::Quarantine => "has forgeries put aside",
        Action::Reject => "has forgeries refused",
    };
    Finding::good("DMARC", format!("the policy, {whose}, {asks}"))
}

async fn check_mail_servers(resolver: &Resolver, domain: &Domain) -> Vec<Finding> {
    let hosts = match resolver.mx(domain.as_str()).await {
        Answer::Found(found) => found.records,
        Answer::Nothing(_) => {
            let what =
                format!("{domain} has no mail server: no answer and no report reaches its authors");
            return vec![Finding::wrong("MX", what, None)];
        }
        Answer::Unknown(why) => return vec![Finding::unknown("MX", why)],
    };
    let names: Vec<&str> = hosts.iter().map(|(_, host)| host.trim_end_matches('.')).collect();
    let mut findings = vec![Finding::good("MX", names.join(", "))];
    for name in names.iter().filter(|name| !name.is_empty()) {
        findings.push(match resolver.tlsa(&format!("_25._tcp.{name}")).await {
            Answer::Found(found) if found.secure => {
                Finding::good("TLSA", format!("{name} can be proved by DANE"))
            }
            Answer::Found(_) => Finding::wrong(
                "TLSA",
                format!("{name} has records that nobody believes: its zone is not signed"),
                None,
            ),
            Answer::Nothing(_) => {
                Finding::absent("TLSA", format!("{name} cannot be proved by DANE"))
            }
            Answer::Unknown(why) => Finding::unknown("TLSA", why),
        });
    }
    findings
}

/// A record that a domain may have, and need not.
async fn check_text(
    resolver: &Resolver,
    about: &'static str,
    name: &str,
    version: &str,
) -> Finding {
    match resolver.txt(name).await {
        Answer::Found(found) => {
            let fits = |text: &&Vec<u8>| text.starts_with(version.as_bytes());
            match found.records.iter().filter(fits).count() {
                1 => Finding::good(about, format!("{name} is there")),
                0 => Finding::wrong(about, format!("{name} has no record with {version}"), None),
                _ => {
                    Finding::wrong(about, format!("{name} has several records: none counts"), None)
                }
            }
        }
        Answer::Nothing(_) => Finding::absent(about, format!("{name} is not there")),
        Answer::Unknown(why) => Finding::unknown(about, why),
    }
}

impl Finding {
    fn good(about: &'static str, what: String) -> Self {
        Self { state: State::Good, about, what, record: None }
    }

    fn absent(about: &'static str, what: String) -> Self {
        Self { state: State::Absent, about, what, record: None }
    }

    fn wrong(about: &'static str, what: String, record: Option<String>) -> Self {
        Self { state: State::Wrong, about, what, record }
    }

    fn unknown(about: &'static str, why: String) -> Self {
        Self { state: State::Unknown, about, what: why, record: None }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Good => "good",
            State::Absent => "absent",
            State::Wrong => "wrong",
            State::Unknown => "unknown",
        };
        write!(f, "{state:<8} {:<8} {}", self.about, self.what)?;
        if let Some(record) = &self.record {
            write!(f, "\n         publish  {record}")?;
        }
        Ok(())
    }
}
