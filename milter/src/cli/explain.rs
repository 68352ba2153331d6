//! `zegel-milter explain`: the milter's own evaluator over one message from a file, told in full.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use zegel_core::selection::{
    By, Client, Explanation, Judgement, Mode, Outcome, Pass, Seen, Selection, Verdict,
};

use super::{ConfigFile, Failure};
use crate::action::{Action, Refusal};
use crate::config::Config;
use crate::sample::Sample;

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// Message file; its lines may end in CRLF or LF
    file: PathBuf,
    /// Envelope sender; "" is the null sender [default: the author in From]
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
    /// Envelope recipient; may be repeated [default: all in To and Cc]
    #[arg(long = "rcpt", value_name = "ADDRESS")]
    recipients: Vec<String>,
    /// The submitter may not set zivver-* headers, as a client from outside
    #[arg(long)]
    untrusted: bool,
    /// Address of the client that submits the message [default: the mail server's own host]
    #[arg(long, value_name = "IP")]
    client: Option<std::net::IpAddr>,
    /// Name of that client
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// SASL login
    #[arg(long, value_name = "NAME")]
    login: Option<String>,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn explain(asked: &Explain, out: &mut dyn Write) -> Result<(), Failure> {
    let mut config = Config::read(&asked.config.path)?;
    if asked.untrusted {
        config.control_headers.authenticated = false;
        config.control_headers.networks.clear();
    }
    let bytes =
        std::fs::read(&asked.file).map_err(|error| format!("{}: {error}", asked.file.display()))?;
    let mut sample = Sample::new(&bytes);
    sample.sender.clone_from(&asked.sender);
    sample.recipients.clone_from(&asked.recipients);
    sample.host.clone_from(&asked.host);
    sample.login.clone_from(&asked.login);
    sample.client = match asked.client {
        Some(address) => Client::Address(address),
        None if asked.untrusted => Client::Unknown,
        None => Client::Local,
    };
    let (Explanation { outcome, judgements }, judged) = match sample.explain(&config) {
        Ok(explained) => explained,
        Err(refusal) => return Ok(tell_refusal(&refusal, out)?),
    };
    judgements.iter().try_for_each(|judgement| tell_rule(judgement, out))?;
    tell_outcome(&outcome, out)?;
    match judged {
        Ok(judged) => Ok(judged.actions.iter().try_for_each(|action| tell_action(action, out))?),
        Err(refusal) => Ok(tell_refusal(&refusal, out)?),
    }
}

/// Not the value of what is removed: it may be a telephone number or a code.
fn tell_action(action: &Action, out: &mut dyn Write) -> io::Result<()> {
    match action {
        Action::Delete { name, index } => {
            writeln!(out, "  remove {name} (number {index} of its name)")
        }
        Action::Change { name, index, value } => {
            writeln!(out, "  change {name} (number {index} of its name) to: {value}")
        }
        Action::Add { name, value } => writeln!(out, "  add    {name}: {value}"),
        Action::AddRecipient { address, .. } => writeln!(out, "  add    the recipient {address}"),
        Action::DeleteRecipient(address) => writeln!(out, "  remove the recipient {address}"),
        Action::ChangeSender { address, .. } => {
            writeln!(out, "  report to {address} without the content, should the relay refuse it")
        }
    }
}

fn tell_rule(judgement: &Judgement<'_>, out: &mut dyn Write) -> io::Result<()> {
    let said = match judgement.verdict {
        Verdict::Yes => "applies",
        Verdict::No => "does not apply",
        Verdict::Unknown | Verdict::Unreadable => "cannot tell",
    };
    let rule = judgement.rule;
    let monitored = if rule.mode == Mode::Monitor { ", monitored" } else { "" };
    writeln!(out, "rule {:?} ({}{monitored}): {said}", rule.name.as_str(), rule.action)?;
    if judgement.conditions.is_empty() {
        writeln!(out, "  when   every message")?;
    }
    let mut tell = |side: &str, seen: &Seen| {
        let Seen { condition, verdict, why } = seen;
        writeln!(out, "  {side:<6} {condition:<15} {verdict:<10} {why}")
    };
    judgement.conditions.iter().try_for_each(|seen| tell("when", seen))?;
    judgement.exceptions.iter().try_for_each(|seen| tell("except", seen))
}

fn tell_outcome(outcome: &Outcome<'_>, out: &mut dyn Write) -> io::Result<()> {
    let Outcome { selection, monitored } = outcome;
    writeln!(out, "{}", told(selection))?;
    match monitored {
        Some(would) => writeln!(out, "if every rule were enforced: {}", told(would)),
        None => Ok(()),
    }
}

fn told(selection: &Selection<'_>) -> String {
    match selection {
        Selection::Selected(By::Rule(rule), _) => {
            format!("selected by rule {:?}", rule.name.as_str())
        }
        Selection::Selected(By::Reply, _) => "selected: it answers a secured message".to_owned(),
        Selection::Undecided(rule) => format!("undecided at rule {:?}", rule.name.as_str()),
        Selection::Passed(Pass::Rule(rule)) => {
            format!("ordinary by rule {:?}", rule.name.as_str())
        }
        Selection::Passed(Pass::NoRule) => "ordinary: no rule applies".to_owned(),
        Selection::Passed(Pass::Relay) => {
            "ordinary: the relay's own mail passes before any rule".to_owned()
        }
        Selection::Passed(Pass::NullSender) => {
            "ordinary: the null sender passes before any rule".to_owned()
        }
        Selection::Passed(Pass::AutoReply) => {
            "ordinary: an automatic reply passes before any rule".to_owned()
        }
    }
}

fn tell_refusal(refusal: &Refusal, out: &mut dyn Write) -> io::Result<()> {
    let (code, status) = refusal.codes();
    writeln!(out, "  refuse {code} {status} {}", refusal.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "[[rule]]\nname = \"r\"\nwhen.subject = \"secure\"\nwhen.sender = \"b.example\"\naction = \"secure\"\n";

    #[track_caller]
    fn check(message: &str, want: &str) {
        let directory = tempfile::tempdir().unwrap();
        let (path, file) =
            (directory.path().join("milter.toml"), directory.path().join("message.eml"));
        std::fs::write(&path, CONFIG).unwrap();
        std::fs::write(&file, message).unwrap();
        let asked = Explain {
            file,
            sender: None,
            recipients: Vec::new(),
            untrusted: false,
            client: None,
            host: None,
            login: None,
            config: ConfigFile { path },
        };
        let mut out = Vec::new();
        explain(&asked, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), want, "{message}");
    }

    #[test]
    fn every_condition_is_told_with_its_reason_and_no_directive_s_value_is() {
        check(
            "From: a@b.example\nSubject: secure\nzivver-access-right: c@d.example sms +31612345678\nX-Zegel-A: 1\n\nbody\n",
            "rule \"r\" (secure): applies\n\
             \x20 when   sender          yes        a@b.example is b.example\n\
             \x20 when   subject         yes        the subject has \"secure\"\n\
             selected by rule \"r\"\n\
             \x20 remove X-Zegel-A (number 1 of its name)\n\
             \x20 add    X-Zegel-Route: relay/\n\
             \x20 report to a@b.example without the content, should the relay refuse it\n",
        );
    }

    #[test]
    fn what_cannot_be_judged_is_told_as_it_would_be_refused() {
        check(
            "Sub ject: secure\n\nbody\n",
            "  refuse 550 5.6.0 the header section cannot be read: header line 1: the field name has a character that may not stand there\n",
        );
    }
}
