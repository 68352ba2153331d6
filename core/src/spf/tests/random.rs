//! Pseudo-random policies: whatever stands in the DNS, the evaluation settles, in few questions, and always alike.

use super::*;

const WORLDS: u64 = 3000;

/// A generator of the kind `SplitMix64`: the same worlds in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap() % sides
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.roll(choices.len())]
    }

    fn octets(&mut self, count: usize) -> Vec<u8> {
        (0..self.roll(count)).map(|_| u8::try_from(self.roll(256)).unwrap()).collect()
    }
}

const NAMES: [&str; 12] = [
    "example.org",
    "a.example.org",
    "b.example.org",
    "%{d}",
    "%{h}",
    "%{p}",
    "%{ir}.%{v}.example.org",
    "%{l1r-}.%{d2}",
    "%{S}.example.org",
    "a..b",
    "%{o}.%{o}.%{o}",
    "x",
];

const FORMS: [&str; 16] = [
    "all",
    "a",
    "mx",
    "ptr",
    "a:N",
    "mx:N",
    "ptr:N",
    "include:N",
    "exists:N",
    "redirect=N",
    "exp=N",
    "ip4:192.0.2.0/24",
    "ip6:2001:db8::/32",
    "a/24//64",
    "mx:N/0//0",
    "x=%{d}",
];

fn policy(dice: &mut Dice) -> Vec<u8> {
    let mut terms = vec!["v=spf1".to_owned()];
    for _ in 0..dice.roll(14) {
        let sign = dice.one_of(&["", "", "+", "-", "~", "?"]);
        let form = dice.one_of(&FORMS);
        let sign = if form.contains('=') { "" } else { sign };
        terms.push(format!("{sign}{}", form.replace('N', dice.one_of(&NAMES))));
    }
    let mut octets = terms.join(" ").into_bytes();
    // Now and then something is broken.
    if dice.roll(8) == 0 {
        let place = dice.roll(octets.len());
        octets[place] = u8::try_from(dice.roll(256)).unwrap();
    }
    octets
}

/// Nothing, a failure, or up to twelve records.
fn records<T>(dice: &mut Dice, mut record: impl FnMut(&mut Dice) -> T) -> Answer<T> {
    match dice.roll(8) {
        0 => Answer::Nothing,
        1 if dice.roll(3) == 0 => Answer::Unknown,
        2 => Answer::Found((0..dice.roll(13)).map(|_| record(dice)).collect()),
        _ => Answer::Found(vec![record(dice)]),
    }
}

/// What the DNS of this world says: the same whenever it is asked.
fn put(world: u64, question: &Question, answers: &mut Answers) {
    let seed = format!("{question:?}")
        .bytes()
        .fold(world, |sum, octet| sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(octet));
    let dice = &mut Dice(seed);
    let host = |dice: &mut Dice| {
        let chosen =
            dice.one_of(&["a.example.org", "b.example.org", "example.org.", "", ".", "X", "a..b"]);
        if dice.roll(2) == 0 { format!("h{}.{chosen}", dice.roll(20)) } else { chosen.to_owned() }
    };
    match question {
        Question::Txt(name) => answers.txt(
            name,
            records(dice, |dice| match dice.roll(10) {
                0 => Text::of_strings([dice.octets(80)]),
                1 => Text::of_strings([b"%{c} %{p} %{t}".to_vec()]),
                _ => Text::of_strings([policy(dice)]),
            }),
        ),
        Question::A(name) => answers
            .a(name, records(dice, |dice| [192, 0, 2, u8::try_from(dice.roll(9)).unwrap()].into())),
        Question::Aaaa(name) => {
            let near = |dice: &mut Dice| {
                [0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::try_from(dice.roll(9)).unwrap()].into()
            };
            answers.aaaa(name, records(dice, near));
        }
        Question::Mx(name) => answers.mx(name, records(dice, host)),
        Question::Ptr(ip) => answers.ptr(*ip, records(dice, host)),
    }
}

fn claim(world: u64) -> Claim<'static> {
    let dice = &mut Dice(world);
    Claim {
        ip: dice
            .one_of(&[IPV4, IPV6, "::ffff:192.0.2.3", "::", "255.255.255.255"])
            .parse()
            .unwrap(),
        helo: dice.one_of(&[
            "a.example.org",
            "",
            "b\u{fc}cher.example",
            "[192.0.2.7]",
            "\r\n",
            "%%%%",
        ]),
        local: dice.one_of(&["jan", "", "a-b.c", "\u{e9}", "\"a b\"", "a@b.c"]),
        domain: dice.one_of(&[
            "example.org",
            "a.example.org",
            "Example.ORG.",
            "org",
            "",
            "a..b",
            "\u{fc}.org",
        ]),
        receiver: dice.one_of(&["", "mx.example.net"]),
        now: Moment(i64::MIN),
    }
}

#[test]
fn every_world_settles_in_few_questions_and_whatever_the_order_of_the_answers() {
    let mut words = std::collections::BTreeMap::<_, usize>::new();
    for world in 0..WORLDS {
        let claim = claim(world);
        let (mut answers, mut asked) = (Answers::default(), Vec::new());
        let outcome = loop {
            match check_host(&claim, &answers) {
                Step::Settled(outcome) => break outcome,
                Step::Ask(question) => {
                    assert!(
                        !asked.contains(&question),
                        "world {world}: {question:?} is asked twice"
                    );
                    put(world, &question, &mut answers);
                    asked.push(question);
                }
            }
            assert!(asked.len() <= QUESTIONS_MAX, "world {world}");
        };
        *words.entry(word(&outcome)).or_default() += 1;
        let mut backwards = Answers::default();
        for name in ["example.org", "more.example.org", "a.example.org"] {
            put(world, &Question::Txt(name.to_owned()), &mut backwards);
            put(world, &Question::A(name.to_owned()), &mut backwards);
        }
        for question in asked.iter().rev() {
            put(world, question, &mut backwards);
        }
        assert_eq!(
            check_host(&claim, &backwards),
            Step::Settled(outcome),
            "world {world}: {claim:?}"
        );
    }
    // The worlds are varied enough to mean something.
    assert_eq!(words.len(), 7, "{words:?}");
}

#[test]
fn no_octets_make_the_reader_panic_and_none_but_ascii_is_a_record() {
    let dice = &mut Dice(1);
    for _ in 0..WORLDS * 10 {
        let mut octets = b"v=spf1 ".to_vec();
        let policy = policy(dice);
        octets.extend(policy.get(dice.roll(policy.len())..).unwrap_or_default());
        octets.extend(dice.octets(12));
        let read = super::super::record::Record::read(&octets);
        assert!(read.is_err() || octets.is_ascii(), "{octets:?}");
    }
}
