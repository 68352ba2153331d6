//! `zegel-milter doctor`: looks at the mail server's live configuration and at both sockets, and says what is wrong with the
//! line that mends it. Changes nothing.

mod finding;
mod postconf;
mod postfix;
mod reach;
mod route;
mod sendmail;
mod sockets;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use self::finding::{Finding, Mend, Weight};
use self::postconf::Tools;
use super::{ConfigFile, FOUND, Failure};
use crate::config::Config;

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// The mail server [default: Sendmail where there is a sendmail.cf and no Postfix, else Postfix]
    #[arg(long, value_enum)]
    mta: Option<Mta>,
    /// Directory of Postfix's main.cf and master.cf [default: Postfix's own]
    #[arg(long, value_name = "DIR")]
    postfix_config: Option<PathBuf>,
    /// Directory of sendmail.cf, sendmail.mc and mailertable
    #[arg(long, value_name = "DIR", default_value = "/etc/mail")]
    sendmail_config: PathBuf,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, ValueEnum)]
enum Mta {
    Postfix,
    Sendmail,
}

pub(super) fn doctor(asked: &Doctor, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let milter = Config::read(&asked.config.path)?;
    let (mut findings, relay) = match mta(asked) {
        Mta::Postfix => {
            let tools = Tools { directory: asked.postfix_config.clone() };
            postfix::examine(&tools, &milter)?
        }
        Mta::Sendmail => sendmail::examine(&asked.sendmail_config, &milter)?,
    };
    findings.extend(boot_order(mta(asked)));
    findings.extend(milter_answers(&milter));
    findings.extend(relay.as_deref().and_then(relay_answers));
    tell(&findings, out)?;
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

fn mta(asked: &Doctor) -> Mta {
    let only_sendmail = asked.postfix_config.is_none()
        && !Path::new("/usr/sbin/postconf").exists()
        && asked.sendmail_config.join("sendmail.cf").exists();
    asked.mta.unwrap_or(if only_sendmail { Mta::Sendmail } else { Mta::Postfix })
}

fn tell(findings: &[Finding], out: &mut dyn Write) -> io::Result<()> {
    findings.iter().try_for_each(|finding| finding.tell(out))?;
    let wrong = findings.iter().filter(|finding| finding.weight == Weight::Wrong).count();
    writeln!(out, "{wrong} wrong, {} doubtful", findings.len() - wrong)
}

/// Mail that comes before the milter is there waits; but Postfix need not say so in every log at every start.
fn boot_order(mta: Mta) -> Option<Finding> {
    let unit = [Path::new("/etc/systemd/system"), Path::new("/usr/lib/systemd/system")]
        .map(|directory| directory.join("zegel-milter.service"))
        .into_iter()
        .find_map(|path| std::fs::read_to_string(path).ok())?;
    let server = match mta {
        Mta::Postfix => "postfix.service",
        Mta::Sendmail => "sendmail.service",
    };
    let before = unit.lines().filter_map(|line| line.trim().strip_prefix("Before="));
    let in_order = before.flat_map(str::split_whitespace).any(|name| name == server);
    (!in_order).then(|| {
        Finding::doubtful(
            format!("zegel-milter.service does not start before {server}: mail waits until the milter is there"),
            Mend::Line { file: "zegel-milter.service", line: format!("Before={server}") },
        )
    })
}

fn milter_answers(milter: &Config) -> Option<Finding> {
    let at = milter.socket.to_string();
    let answer = sockets::connect(&at).and_then(sockets::negotiate);
    answer.err().map(|error| {
        Finding::wrong(
            format!("the milter does not answer on {at}: {error}"),
            Mend::Run("systemctl restart zegel-milter; journalctl -u zegel-milter".to_owned()),
        )
    })
}

fn relay_answers(at: &str) -> Option<Finding> {
    let answer = sockets::connect(at).and_then(sockets::greet);
    answer.err().map(|error| {
        Finding::wrong(
            format!("the relay does not answer on {at}: {error}; selected mail waits in the queue"),
            Mend::Run("systemctl restart zegel-relay; journalctl -u zegel-relay".to_owned()),
        )
    })
}

#[cfg(test)]
mod tests;
