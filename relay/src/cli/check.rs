//! `check`: all problems at once, and the effective values.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use zegel_core::address::Domain;

use super::{Failure, say};
use crate::admission::Directory;
use crate::certificate;
use crate::config::{Config, Sms};
use crate::dns::{Resolver, SelfTest};
use crate::lifecycle;
use crate::outbound::Outbound;
use crate::portal;
use crate::sms::Sender;
use crate::smtp;
use crate::vault::Keyring;

pub(super) async fn run(path: &Path) -> Result<ExitCode, Failure> {
    let config = Config::read(path)?;
    let mut problems = problems(&config);
    let mut advice = config.advice();
    advice.extend(certificate_advice(&config));
    if let Ok(resolver) = Resolver::new(&config.dns) {
        match resolver.self_test(&config.dns).await {
            SelfTest::Passed => {}
            SelfTest::Failed(why) => problems.push(format!("dns: {why}")),
            // Where the configuration is written there may be no network yet.
            SelfTest::Silent(why) => advice.push(format!("dns: {why}")),
        }
    }
    for problem in &problems {
        say(format_args!("problem: {problem}"))?;
    }
    for advice in advice {
        say(format_args!("advice:  {advice}"))?;
    }
    say(effective(&config)?.trim_end())?;
    if problems.is_empty() {
        say(format_args!("{}: no problems", path.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    say(format_args!("{}: {} problem(s), see above", path.display(), problems.len()))?;
    Ok(ExitCode::FAILURE)
}

fn problems(config: &Config) -> Vec<String> {
    let mut found = config.contradictions();
    if let Err(error) = Keyring::load(&config.key_file) {
        found.push(format!("key-file: {error}"));
    }
    match Resolver::new(&config.dns) {
        Err(error) => found.push(format!("dns: {error}")),
        Ok(resolver) => match Outbound::of(config, resolver) {
            Ok(outbound) => found.extend(outbound.preferred().problem()),
            Err(error) => found.push(format!("outbound: {error}")),
        },
    }
    if let Err(error) = config.marker_key() {
        found.push(error.to_string());
    }
    if let Some(Err(error)) = config.directory.ldap.as_ref().map(Directory::new) {
        found.push(format!("directory.ldap.{error}"));
    }
    if let Err(error) = portal::tls(&config.portal) {
        found.push(error.to_string());
    }
    match smtp::certificate(&config.gateway) {
        // Absent files are among the contradictions.
        Ok(_) | Err(smtp::GatewayError::NoCertificate) => {}
        Err(error) => found.push(error.to_string()),
    }
    if let Some(Err(error)) = config.sms.as_ref().map(Sender::new) {
        found.push(error);
    }
    found.extend(missing_directory("state-directory", &config.state_directory));
    found.extend(
        config.lmtp.socket.parent().and_then(|parent| missing_directory("lmtp.socket", parent)),
    );
    found
}

/// What the gateway's clients will find wrong with its certificate, if they look.
fn certificate_advice(config: &Config) -> Vec<String> {
    let Some(chain) = &config.gateway.certificate else { return Vec::new() };
    let faults = certificate::faults(chain, &config.hostname, lifecycle::now());
    let name = |fault| format!("gateway.certificate: the certificate {} {fault}", chain.display());
    faults.into_iter().map(name).collect()
}

fn missing_directory(key: &str, directory: &Path) -> Option<String> {
    // The relay makes the last step of the path itself.
    let exists = directory.is_dir() || directory.parent().is_some_and(Path::is_dir);
    (!exists)
        .then(|| format!("{key}: the directory {} does not exist; create it", directory.display()))
}

fn effective(config: &Config) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let retry = config.retry();
    let policy = &config.policy;
    writeln!(text, "hostname         {}", config.hostname)?;
    writeln!(text, "state-directory  {}", config.state_directory.display())?;
    writeln!(text, "key-file         {}", config.key_file.display())?;
    writeln!(
        text,
        "lmtp             {} (mode {:04o})",
        config.lmtp.socket.display(),
        config.lmtp.mode.0
    )?;
    for listener in &config.gateway.listeners {
        writeln!(text, "gateway          {listener}")?;
    }
    text.push_str(&ways(config)?);
    writeln!(
        text,
        "portal           {} on {}",
        config.portal.public_origin.as_str(),
        config.portal.listen
    )?;
    writeln!(
        text,
        "notifications    from {} ({})",
        config.organisation.from, config.organisation.name
    )?;
    let bounces = config.bounce_domain.as_ref().map_or("nobody", Domain::as_str);
    writeln!(text, "they come back   to {bounces}")?;
    writeln!(text, "link-days        {}", config.portal.link_days)?;
    let transport = policy.transport.map_or_else(|| "off".into(), |floor| floor.to_string());
    writeln!(
        text,
        "policy           direct {}, transport {transport}, email {}",
        switch(policy.direct),
        switch(policy.email)
    )?;
    writeln!(
        text,
        "retry            first {} s, longest {} s, for {} s; held for {} s",
        retry.first.as_secs(),
        retry.max.as_secs(),
        retry.lifetime.as_secs(),
        retry.hold.as_secs()
    )?;
    writeln!(text, "text messages    {}", config.sms.as_ref().map_or("off".into(), texting))?;
    writeln!(text, "message-size-max {}", config.limits.message_size_max)?;
    Ok(text)
}

/// What goes before the MX records.
fn ways(config: &Config) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for inbound in &config.inbound {
        let (domain, hop, level) = (&inbound.domain, &inbound.next_hop.host, inbound.level);
        writeln!(text, "inbound          {domain} by {hop}, at {level}")?;
    }
    for pin in &config.pin {
        writeln!(text, "pin              {}, at {}", pin.domain, pin.level)?;
    }
    if let Some(nta7516) = &config.nta7516 {
        let domains: Vec<_> = nta7516.domains.iter().map(Domain::as_str).collect();
        writeln!(text, "nta7516          for {}", domains.join(" "))?;
    }
    Ok(text)
}

/// Who sends text messages, and where to.
fn texting(sms: &Sms) -> String {
    let names: Vec<_> = sms.providers.iter().map(|provider| provider.name.as_str()).collect();
    let countries: Vec<_> = sms.countries.iter().map(|country| country.to_string()).collect();
    let most = sms.budget.organisation_per_day;
    format!("by {}, to {}, {most} a day at most", names.join(", then "), countries.join(" "))
}

fn switch(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}
