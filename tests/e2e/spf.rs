//! The openspf test suite for RFC 7208, release 2014.04: every one of its cases, against the evaluator.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::IgnoredAny;
use zegel_core::address::Address;
use zegel_core::moment::Moment;
use zegel_core::spf::{self, Answer, Answers, Claim, Client, Outcome, Question, Step, Text};

/// How many cases the release has: none may get lost on the way.
const CASES: usize = 203;

#[derive(Deserialize)]
struct Scenario {
    description: String,
    tests: BTreeMap<String, Case>,
    zonedata: BTreeMap<String, Vec<Entry>>,
}

#[derive(Deserialize)]
struct Case {
    helo: String,
    host: IpAddr,
    mailfrom: String,
    result: Wanted,
    explanation: Option<String>,
}

/// Where the suite allows several, the first is what it prefers, and what is wanted here.
#[derive(Deserialize)]
#[serde(untagged)]
enum Wanted {
    One(String),
    OneOf(Vec<String>),
}

/// One record of a name; or the word `TIMEOUT`, which every type meets that has no record of its own.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Word(String),
    Record(BTreeMap<String, Value>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Strings(Vec<String>),
    Mx(IgnoredAny, String),
}

/// The zone data of one scenario, by names in lower case.
struct Zones(BTreeMap<String, Vec<Entry>>);

#[test]
fn every_case_of_the_openspf_suite_for_rfc_7208_holds() {
    let mut cases = 0;
    let mut deviations = Vec::new();
    for scenario in suite() {
        let zones = Zones::new(scenario.zonedata);
        for (name, case) in &scenario.tests {
            cases += 1;
            if let Some(deviation) = deviation(case, &zones) {
                deviations.push(format!("{} / {name}: {deviation}", scenario.description));
            }
        }
    }
    assert_eq!(cases, CASES, "the suite is not the one that was expected");
    assert!(
        deviations.is_empty(),
        "{} of {cases} cases deviate:\n{}",
        deviations.len(),
        deviations.join("\n")
    );
}

/// The suite as `tests/run` has unpacked it: `spf` beside the profile's directory, as with the browser's modules.
fn suite() -> Vec<Scenario> {
    let exe = std::env::current_exe().expect("know where this program stands");
    let file: PathBuf = exe
        .ancestors()
        .map(|directory| directory.join("spf/rfc7208-tests.yml"))
        .find(|file| file.is_file())
        .unwrap_or_else(|| {
            panic!("no spf/rfc7208-tests.yml above {}: run tests/run", exe.display())
        });
    let text = fs::read_to_string(&file).expect("read the suite");
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// What is wrong with a case, if anything.
fn deviation(case: &Case, zones: &Zones) -> Option<String> {
    let mut answers = Answers::default();
    let mut asked = BTreeSet::new();
    while asked.len() <= spf::QUESTIONS_MAX {
        match evaluate(case, &answers) {
            Step::Ask(question) => {
                zones.answer(&question, &mut answers);
                if !asked.insert(question) {
                    return Some("the same question twice".to_owned());
                }
            }
            Step::Settled(outcome) => return case.judge(&outcome),
        }
    }
    Some(format!("not settled after {} questions", asked.len()))
}

/// A sender that no mail server would let pass goes to `check_host`; all others the way of a real client.
fn evaluate(case: &Case, answers: &Answers) -> Step {
    let (ip, helo, receiver, now) = (case.host, case.helo.as_str(), "mx.example.net", Moment(0));
    let sender = case.mailfrom.parse::<Address>();
    if case.mailfrom.is_empty() || sender.is_ok() {
        return spf::check(
            &Client { ip, helo, sender: sender.as_ref().ok(), receiver, now },
            answers,
        );
    }
    let (local, domain) = case.mailfrom.rsplit_once('@').expect("a sender with an @");
    spf::check_host(&Claim { ip, helo, local, domain, receiver, now }, answers)
}

impl Case {
    fn judge(&self, outcome: &Outcome) -> Option<String> {
        let wanted = match &self.result {
            Wanted::One(result) => result,
            Wanted::OneOf(results) => results.first().expect("a result"),
        };
        let (found, said) = match outcome {
            Outcome::None => ("none", None),
            Outcome::Neutral => ("neutral", None),
            Outcome::Pass(_) => ("pass", None),
            Outcome::Fail(said) => ("fail", said.as_ref().map(spf::Explanation::as_str)),
            Outcome::SoftFail => ("softfail", None),
            Outcome::TempError => ("temperror", None),
            Outcome::PermError(_) => ("permerror", None),
        };
        if wanted != found {
            return Some(format!("{wanted:?} wanted, {outcome:?} found"));
        }
        let wanted = self.explanation.as_deref()?;
        let said = said.unwrap_or("DEFAULT");
        (said != wanted).then(|| format!("{wanted:?} wanted as explanation, {said:?} found"))
    }
}

impl Zones {
    fn new(zones: BTreeMap<String, Vec<Entry>>) -> Self {
        Self(zones.into_iter().map(|(name, entries)| (name.to_lowercase(), entries)).collect())
    }

    fn answer(&self, question: &Question, answers: &mut Answers) {
        match question {
            Question::Txt(name) => {
                let found = self.found(name, "TXT", |value| match value {
                    Value::Text(text) => Some(Text::of_strings([text])),
                    Value::Strings(strings) => Some(Text::of_strings(strings)),
                    Value::Mx(..) => None,
                });
                answers.txt(name, found);
            }
            Question::A(name) => {
                answers
                    .a(name, self.found(name, "A", |value| value.text()?.parse::<Ipv4Addr>().ok()));
            }
            Question::Aaaa(name) => {
                answers.aaaa(
                    name,
                    self.found(name, "AAAA", |value| value.text()?.parse::<Ipv6Addr>().ok()),
                );
            }
            Question::Mx(name) => {
                let found = self.found(name, "MX", |value| match value {
                    Value::Mx(_, host) => Some(host.clone()),
                    Value::Text(_) | Value::Strings(_) => None,
                });
                answers.mx(name, found);
            }
            Question::Ptr(address) => {
                let name = reverse(*address);
                let found = self.found(&name, "PTR", |value| value.text().map(str::to_owned));
                answers.ptr(*address, found);
            }
        }
    }

    /// The records of a type. Those of the type SPF, which is no more, stand for TXT records where a name has none.
    fn found<T>(&self, name: &str, kind: &str, read: impl Fn(&Value) -> Option<T>) -> Answer<T> {
        let Some(entries) = self.entries(name) else { return Answer::Unknown };
        let has_any = entries.iter().any(|entry| entry.of(kind).is_some());
        let kind = if kind == "TXT" && !has_any { "SPF" } else { kind };
        let values: Vec<&Value> = entries
            .iter()
            .filter_map(|entry| entry.of(kind))
            .filter(|value| value.text() != Some("NONE"))
            .collect();
        let is_time_out = |entry: &Entry| matches!(entry, Entry::Word(word) if word == "TIMEOUT");
        match values.is_empty() {
            true if entries.iter().any(is_time_out) => Answer::Unknown,
            true => Answer::Nothing,
            false => Answer::Found(
                values.into_iter().map(|value| read(value).expect("a value of its type")).collect(),
            ),
        }
    }

    /// What stands at a name, aliases followed; `None` when they come back to where they began.
    fn entries(&self, name: &str) -> Option<&[Entry]> {
        let mut name = name.to_lowercase();
        for _ in 0..8 {
            let entries =
                self.0.get(name.trim_end_matches('.')).map(Vec::as_slice).unwrap_or_default();
            match entries.iter().find_map(|entry| entry.of("CNAME")?.text()) {
                Some(alias) => name = alias.to_lowercase(),
                None => return Some(entries),
            }
        }
        None
    }
}

impl Entry {
    fn of(&self, kind: &str) -> Option<&Value> {
        match self {
            Self::Record(record) => record.get(kind),
            Self::Word(_) => None,
        }
    }
}

impl Value {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Strings(_) | Self::Mx(..) => None,
        }
    }
}

/// The name of an address in the reverse zones.
fn reverse(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let nibbles: Vec<String> = address
                .octets()
                .iter()
                .rev()
                .flat_map(|octet| [octet & 15, octet >> 4])
                .map(|nibble| format!("{nibble:x}"))
                .collect();
            format!("{}.ip6.arpa", nibbles.join("."))
        }
    }
}
