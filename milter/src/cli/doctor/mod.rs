//! `zegel-milter doctor`: looks at the mail server's live configuration and at both sockets, and says what is wrong with the
//! line that mends it. Changes nothing.

mod boot;
mod finding;
mod postfix;
mod reach;
mod sendmail;
mod sockets;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use self::finding::{Finding, Mend, Weight};
use self::postfix::Tools;
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

/// What came of looking at a mail server.
struct Examined {
    findings: Vec<Finding>,
    /// Where the relay is to be reached, if a route leads there.
    relay: Option<String>,
    /// What systemd calls this Postfix among several.
    instance: String,
}

pub(super) fn doctor(asked: &Doctor, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let milter = Config::read(&asked.config.path)?;
    let mta = mta(asked);
    let Examined { mut findings, relay, instance } = match mta {
        Mta::Postfix => {
            let tools = Tools { directory: asked.postfix_config.clone() };
            postfix::examine(&tools, &milter)?
        }
        Mta::Sendmail => sendmail::examine(&asked.sendmail_config, &milter)?,
    };
    findings.extend(boot::examine(Path::new("/"), mta, &instance));
    findings.extend(milter_answers(&milter));
    findings.extend(relay.as_deref().and_then(relay_answers));
    let findings = unique(findings);
    tell(&findings, out)?;
    let sound = findings.iter().all(|finding| finding.weight == Weight::Unseen);
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

fn mta(asked: &Doctor) -> Mta {
    let only_sendmail = asked.postfix_config.is_none()
        && !Path::new("/usr/sbin/postconf").exists()
        && asked.sendmail_config.join("sendmail.cf").exists();
    asked.mta.unwrap_or(if only_sendmail { Mta::Sendmail } else { Mta::Postfix })
}

/// What is so for several services is told once.
fn unique(findings: Vec<Finding>) -> Vec<Finding> {
    let mut told: Vec<Finding> = Vec::new();
    for finding in findings {
        if !told.contains(&finding) {
            told.push(finding);
        }
    }
    told
}

fn tell(findings: &[Finding], out: &mut dyn Write) -> io::Result<()> {
    findings.iter().try_for_each(|finding| finding.tell(out))?;
    let count = |weight| findings.iter().filter(|finding| finding.weight == weight).count();
    let unseen = match count(Weight::Unseen) {
        0 => String::new(),
        unseen => format!(", {unseen} unseen"),
    };
    writeln!(out, "{} wrong, {} doubtful{unseen}", count(Weight::Wrong), count(Weight::Doubtful))
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
