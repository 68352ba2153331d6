//! SPF records and what the DNS answers about them: every evaluation settles, in few questions, and alike when it is asked
//! again. What a stranger says in an explanation is one short line.

#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libfuzzer_sys::fuzz_target;
use zegel_core::moment::Moment;
use zegel_core::spf::{
    Answer, Answers, Claim, Demands, Explanation, Outcome, QUESTIONS_MAX, Question, Step, Text,
    accept, check_host,
};

/// The lines of the input, dealt out to whoever asks.
struct World<'a> {
    lines: Vec<&'a [u8]>,
    next: usize,
}

impl<'a> World<'a> {
    fn line(&mut self) -> &'a [u8] {
        let line = self.lines.get(self.next).copied().unwrap_or_default();
        self.next += 1;
        line
    }

    /// The first octet says how the look-up went.
    fn answer<T>(&mut self, read: impl Fn(&[u8]) -> T) -> Answer<T> {
        match self.line() {
            [] => Answer::Nothing,
            [b'!', ..] => Answer::Unknown,
            line => Answer::Found(line.split(|octet| *octet == b'|').map(read).collect()),
        }
    }

    fn put(&mut self, question: &Question, answers: &mut Answers) {
        let name = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        match question {
            Question::Txt(domain) => {
                let answer = self.answer(|octets| Text::of_strings([octets]));
                answers.txt(domain, answer);
            }
            Question::A(domain) => {
                let answer = self.answer(|octets| {
                    Ipv4Addr::new(192, 0, 2, octets.first().copied().unwrap_or_default())
                });
                answers.a(domain, answer);
            }
            Question::Aaaa(domain) => {
                let answer = self.answer(|octets| {
                    let last = octets.first().copied().unwrap_or_default();
                    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into())
                });
                answers.aaaa(domain, answer);
            }
            Question::Mx(domain) => {
                let answer = self.answer(name);
                answers.mx(domain, answer);
            }
            Question::Ptr(address) => {
                let answer = self.answer(name);
                answers.ptr(*address, answer);
            }
        }
    }
}

fuzz_target!(|octets: &[u8]| {
    let mut world = World { lines: octets.split(|octet| *octet == b'\n').collect(), next: 0 };
    let last = world.line().first().copied().unwrap_or_default();
    let helo = String::from_utf8_lossy(world.line());
    let local = String::from_utf8_lossy(world.line());
    let ip: IpAddr = match last & 1 {
        0 => Ipv4Addr::new(192, 0, 2, last).into(),
        _ => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into()).into(),
    };
    let (domain, receiver, now) = ("a.example", "relay.example", Moment(0));
    let claim = Claim { ip, helo: &helo, local: &local, domain, receiver, now };
    let mut answers = Answers::default();
    let mut asked = Vec::new();
    let outcome = loop {
        match check_host(&claim, &answers) {
            Step::Settled(outcome) => break outcome,
            Step::Ask(question) => {
                assert!(!asked.contains(&question), "{question:?} is asked twice");
                world.put(&question, &mut answers);
                asked.push(question);
            }
        }
        assert!(asked.len() <= QUESTIONS_MAX);
    };
    assert_eq!(check_host(&claim, &answers), Step::Settled(outcome.clone()));
    if let Outcome::Fail(Some(explanation)) = &outcome {
        let said = explanation.as_str();
        assert!(
            said.len() <= Explanation::OCTETS_MAX && said.bytes().all(|o| matches!(o, b' '..=b'~'))
        );
    }
    let accepted = accept(&outcome, &Demands::default()).is_ok();
    assert!(!accepted || matches!(outcome, Outcome::Pass(_)));
});
