//! Tests in the rule file: messages, and what the rules have to make of them. A file whose tests do not hold is not taken.
//! They judge as if every rule were enforced, so that a rule can be proved while it is only monitored.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use zegel_core::address::Address;
use zegel_core::selection::Selection;

use crate::action::Refusal;
use crate::config::Config;
use crate::sample::Sample;

/// One `[[test]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Test {
    name: Option<String>,
    /// A message file, beside the configuration; the keys below add to it.
    file: Option<PathBuf>,
    from: Option<Address>,
    #[serde(default)]
    to: Vec<Address>,
    subject: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The envelope's, where it is not the author; empty is the null sender.
    sender: Option<String>,
    login: Option<String>,
    client: Option<std::net::IpAddr>,
    /// A rule's name, or `secure`, `ordinary`, `refused`.
    expect: String,
}

impl Test {
    /// What it is called; by its number, counted from 1, where it has no name.
    pub fn name(&self, at: usize) -> String {
        match &self.name {
            Some(name) => format!("{name:?}"),
            None => (at + 1).to_string(),
        }
    }

    /// Runs it; `directory` is where its file is looked for.
    pub fn run(&self, config: &Config, directory: &Path) -> Result<(), String> {
        let known = ["secure", "ordinary", "refused"];
        let is_rule = config.rules.iter().any(|rule| rule.name.as_str() == self.expect);
        if !is_rule && !known.contains(&self.expect.as_str()) {
            let expect = &self.expect;
            return Err(format!("it expects {expect:?}, and there is no such rule"));
        }
        let sample = self.sample(directory)?;
        let got = match sample.judge(config) {
            Ok(judged) => result(judged.monitored.unwrap_or(judged.selection)),
            Err(Refusal::Undecided(_)) => ("refused".to_owned(), String::new()),
            Err(refusal) => return Err(format!("the message is refused: {refusal}")),
        };
        let (way, rule) = got;
        if self.expect == way || self.expect == rule {
            Ok(())
        } else {
            Err(format!("it expects {:?}; the message is {way}, by {rule:?}", self.expect))
        }
    }

    fn sample(&self, directory: &Path) -> Result<Sample, String> {
        let mut message = self.fields()?;
        match &self.file {
            Some(file) => {
                let file = directory.join(file);
                let octets =
                    std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
                message.extend_from_slice(&octets);
            }
            None => message.extend_from_slice(b"\r\n"),
        }
        let mut sample = Sample::new(&message);
        sample.sender.clone_from(&self.sender);
        sample.recipients = self.to.iter().map(ToString::to_string).collect();
        sample.login.clone_from(&self.login);
        if let Some(address) = self.client {
            sample.client = zegel_core::selection::Client::Address(address);
        }
        Ok(sample)
    }

    fn fields(&self) -> Result<Vec<u8>, String> {
        let from = self.from.as_ref().map(|from| ("From", from.to_string()));
        let to: Vec<String> = self.to.iter().map(ToString::to_string).collect();
        let to = (!to.is_empty()).then(|| ("To", to.join(", ")));
        let subject = self.subject.clone().map(|subject| ("Subject", subject));
        let others = self.headers.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let mut section = Vec::new();
        for (name, value) in [from, to, subject].into_iter().flatten().chain(others) {
            if value.contains(['\r', '\n']) {
                return Err(format!("{name}: the value is one line"));
            }
            section.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        Ok(section)
    }
}

/// The way that the message goes, and by which rule.
fn result(selection: Selection<'_>) -> (String, String) {
    let (_, rule) = selection.told();
    let way = match selection {
        Selection::Selected(..) => "secure",
        Selection::Passed(_) => "ordinary",
        Selection::Undecided(_) => "refused",
    };
    (way.to_owned(), rule.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "own-domains = [\"b.example\"]\n\
        [[rule]]\nname = \"trigger\"\nmode = \"monitor\"\naction = \"secure\"\n\
        when.subject = \"secure\"\nwhen.sender = \"b.example\"\n";

    /// What is said of a rule file with this test in it; nothing when it is sound.
    #[track_caller]
    fn check(test: &str, want: &str) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("milter.toml");
        std::fs::write(directory.path().join("x.eml"), "Subject: Secure\n\ntext\n").unwrap();
        std::fs::write(&path, format!("{RULES}\n[[test]]\n{test}")).unwrap();
        let said = Config::read(&path).err().map(|problems| problems.to_string());
        let said = said.unwrap_or_default();
        assert!(said.is_empty() == want.is_empty() && said.contains(want), "{test}\nsays: {said}");
    }

    #[test]
    fn a_test_that_holds_lets_the_file_pass() {
        for test in [
            "from = \"a@b.example\"\nsubject = \"secure offer\"\nexpect = \"trigger\"",
            "from = \"a@b.example\"\nsubject = \"secure offer\"\nexpect = \"secure\"",
            "from = \"a@b.example\"\nfile = \"x.eml\"\nexpect = \"trigger\"",
            "from = \"a@c.example\"\nsubject = \"secure offer\"\nexpect = \"ordinary\"",
            "from = \"a@b.example\"\nexpect = \"ordinary\"\nheaders.X-A = \"secure\"",
            "sender = \"\"\nsubject = \"secure\"\nexpect = \"ordinary\"",
            "subject = \"secure\"\nexpect = \"refused\"",
        ] {
            check(test, "");
        }
    }

    #[test]
    fn a_test_that_does_not_hold_is_named() {
        check(
            "name = \"newsletter\"\nfrom = \"a@b.example\"\nexpect = \"trigger\"",
            "test \"newsletter\": it expects \"trigger\"; the message is ordinary, by \"none\"",
        );
        check(
            "subject = \"x\"\nexpect = \"ordinary\"\n[[test]]\nexpect = \"triger\"",
            "test 2: it expects \"triger\", and there is no such rule",
        );
        check("file = \"y.eml\"\nexpect = \"ordinary\"", "y.eml");
        check("subject = \"a\\nb\"\nexpect = \"ordinary\"", "one line");
        check("subjekt = \"a\"\nexpect = \"ordinary\"", "unknown field `subjekt`");
        check("subject = \"a\"", "missing field `expect`");
    }
}
