//! `explain`: how each recipient of a message would be verified, and why. Nothing is sent; servers are only greeted.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use zegel_core::address::{Address, Domain};
use zegel_core::contact;
use zegel_core::conversation::{self, Conversation, Kind};
use zegel_core::decision::{self, Answer, Decision, Facts, Outcome, Policy, Question, Verdict};
use zegel_core::envelope::{Envelope, Recipient};
use zegel_core::message::{HEAD_MAX, Head};
use zegel_core::nta7516;
use zegel_core::phone::Countries;
use zegel_core::submission::Submission;

use super::queue::{evidence, trail};
use super::{Failure, say};
use crate::config::Config;
use crate::dns::{Resolver, Trace};
use crate::lifecycle;
use crate::outbound::Outbound;
use crate::store::Store;

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The message as it would be submitted.
    file: PathBuf,
    /// Its envelope sender; otherwise the author.
    #[arg(long)]
    sender: Option<Address>,
    /// Its envelope recipients; otherwise To and Cc.
    #[arg(long = "rcpt")]
    recipients: Vec<Address>,
}

impl Explain {
    pub(super) async fn run(&self, config: &Config) -> Result<(), Failure> {
        let (message, size) = self.read()?;
        let head = Head::parse(&message)?;
        let recipients =
            if self.recipients.is_empty() { head.addressees() } else { self.recipients.clone() };
        if recipients.is_empty() {
            return Err("the message has no To and no Cc; name its recipients with --rcpt".into());
        }
        let envelope = Envelope {
            sender: self.sender.clone(),
            recipients: recipients.into_iter().map(Recipient::plain).collect(),
            envelope_id: None,
        };
        let submission = Submission::new(envelope, &head, size)
            .map_err(|refusal| format!("refused: 550 {refusal}"))?;
        let (resolver, trace) = Resolver::new(&config.dns)?.traced();
        let files = Files::of(config).await?;
        let mut outbound = Outbound::of(config, resolver)?;
        if let Some(store) = &files.store {
            let policies = outbound.policies().kept_in(store.clone());
            outbound = outbound.with_policies(policies);
        }
        let policy = files.policy(config).await?;
        for part in conversation::split(&submission.envelope.recipients, &submission.addressees) {
            let asked = (&outbound, &trace, &files);
            say(explain_conversation(&part, &submission, &policy, asked).await?.trim_end())?;
        }
        files.close().await;
        Ok(())
    }

    /// The start of the file, with CRLF line ends whichever it has, and the size of the whole. The ladder never looks at
    /// the body.
    fn read(&self) -> Result<(Vec<u8>, u64), Failure> {
        let in_file = |error| format!("{}: {error}", self.file.display());
        let file = File::open(&self.file).map_err(in_file)?;
        let size = file.metadata().map_err(in_file)?.len();
        let mut octets = Vec::new();
        file.take(HEAD_MAX as u64).read_to_end(&mut octets).map_err(in_file)?;
        Ok((with_crlf(&octets), size))
    }
}

fn with_crlf(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len());
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        let Some(text) = line.strip_suffix(b"\n") else {
            out.extend_from_slice(line);
            continue;
        };
        out.extend_from_slice(text.strip_suffix(b"\r").unwrap_or(text));
        out.extend_from_slice(b"\r\n");
    }
    out
}

async fn explain_conversation(
    conversation: &Conversation,
    submission: &Submission,
    policy: &Policy,
    (outbound, trace, files): (&Outbound, &Trace, &Files),
) -> Result<String, Failure> {
    let mut text = String::new();
    match conversation.kind {
        Kind::Shared => writeln!(text, "conversation of To and Cc")?,
        Kind::Alone => writeln!(text, "conversation of one Bcc recipient, whom nobody else sees")?,
    }
    for recipient in &conversation.recipients {
        let wish = submission.wish(&recipient.address);
        let mut facts = Facts::none().reaching(outbound.reach(recipient.address.domain()));
        let decision = loop {
            match decision::decide(&wish, policy, &facts) {
                Verdict::Settled(decision) => break decision,
                Verdict::Ask(question) => {
                    let (answer, found) =
                        look(question, &recipient.address, submission, (outbound, files)).await?;
                    for line in trace.take() {
                        writeln!(text, "  {}: asked {line}", recipient.address)?;
                    }
                    if let Some(found) = found {
                        writeln!(text, "  {}: saw {found}", recipient.address)?;
                    }
                    facts = facts.with(question, answer);
                }
            }
        };
        writeln!(text, "  {}: {}", recipient.address, outcome(&decision))?;
        text.push_str(&trail(&decision));
    }
    Ok(text)
}

/// Answers a question by looking, and says what was seen.
async fn look(
    question: Question,
    recipient: &Address,
    submission: &Submission,
    (outbound, files): (&Outbound, &Files),
) -> Result<(Answer, Option<String>), Failure> {
    let author = submission.from.domain();
    let floor = match question {
        Question::Server(floor) => floor,
        Question::Nta7516 => return Ok(look_up_nta7516(recipient, submission, outbound).await),
        Question::SharedNumber => {
            return Ok((files.answer(author, recipient, contact::Kind::Number).await?, None));
        }
        Question::SharedCode => {
            return Ok((files.answer(author, recipient, contact::Kind::AccessCode).await?, None));
        }
        Question::Account => return Ok((Answer::No, None)),
    };
    Ok(match outbound.probe(recipient).await {
        Err(why) => (Answer::Unknown, Some(why)),
        Ok(seen) => {
            let answer = floor.check(&seen).map_or_else(Answer::Missed, |()| Answer::Yes);
            (answer, Some(evidence(&seen)))
        }
    })
}

/// What is on file of recipients. Where no relay has run yet there is nothing, and nothing is made.
struct Files {
    store: Option<Store>,
    countries: Countries,
}

impl Files {
    async fn of(config: &Config) -> Result<Self, Failure> {
        let stands = Store::stands_in(&config.state_directory);
        let store = if stands { Some(super::open(config).await?) } else { None };
        let countries = config.sms.as_ref().map(|sms| sms.countries.clone()).unwrap_or_default();
        Ok(Self { store, countries })
    }

    /// The policy in force.
    async fn policy(&self, config: &Config) -> Result<Policy, Failure> {
        let Some(store) = &self.store else { return Ok(config.policy()) };
        let policy = store.policy(&config.policy).await?;
        Ok(Policy { sms: policy.sms && config.sms.is_some(), ..policy })
    }

    async fn answer(
        &self,
        domain: &Domain,
        recipient: &Address,
        kind: contact::Kind,
    ) -> Result<Answer, Failure> {
        match &self.store {
            Some(store) => Ok(store.has_on_file(domain, recipient, kind, &self.countries).await?),
            None => Ok(Answer::No),
        }
    }

    async fn close(&self) {
        if let Some(store) = &self.store {
            store.close().await;
        }
    }
}

async fn look_up_nta7516(
    recipient: &Address,
    submission: &Submission,
    outbound: &Outbound,
) -> (Answer, Option<String>) {
    let (sender, recipient) = (submission.from.domain(), recipient.domain());
    let verdict = outbound.nta7516(sender, recipient, lifecycle::now()).await;
    let found = match &verdict {
        nta7516::Verdict::Yes(hosts) if hosts.is_empty() => {
            Some("NTA 7516 records of both domains, for the MX hosts".to_owned())
        }
        nta7516::Verdict::Yes(hosts) => {
            let hosts: Vec<_> = hosts.iter().map(|(_, host)| host.to_string()).collect();
            Some(format!("NTA 7516 records of both domains, for {}", hosts.join(", ")))
        }
        nta7516::Verdict::No(_) | nta7516::Verdict::Unknown => None,
    };
    (verdict.into(), found)
}

fn outcome(decision: &Decision) -> String {
    match decision.outcome {
        Outcome::By(method) => match method.floor() {
            Some(floor) => {
                format!("delivered by {method}, over a connection that proves {floor} or better")
            }
            None => {
                format!("kept sealed; a notification leads to the portal, verified by {method}")
            }
        },
        Outcome::NeedsSender => "held until the sender gives a number or a code".into(),
        Outcome::Unknown(rung) => {
            format!("held: a look-up for {rung} failed, it will be tried again")
        }
        Outcome::NoneLeft => {
            "returned to the sender without content: no method that is secure enough is left".into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_become_those_of_mail() {
        assert_eq!(with_crlf(b"A: b\n\nbody\r\nend"), b"A: b\r\n\r\nbody\r\nend");
    }
}
