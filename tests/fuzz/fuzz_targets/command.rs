//! One line in each stage of a session: it is answered, and unless it was a good-bye or began something, what comes behind
//! it is answered too.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "each target uses its part")]
mod smtp;

/// What was said before.
const STAGES: [&[&[u8]]; 8] = [
    &[],
    &[smtp::HELLO],
    &[smtp::HELLO, smtp::LOGIN],
    &[smtp::HELLO, b"AUTH PLAIN\r\n"],
    &[smtp::HELLO, b"AUTH LOGIN\r\nc2Nhbm5lcg==\r\n"],
    &[smtp::HELLO, smtp::LOGIN, b"MAIL FROM:<jan@a.example>\r\n"],
    &[smtp::HELLO, smtp::LOGIN, smtp::ENVELOPE],
    &[smtp::HELLO, smtp::LOGIN, smtp::ENVELOPE, b"BDAT 6\r\nA: b\r\n"],
];

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (first, stage, line) = input;
    if line.contains(&b'\n') {
        return;
    }
    let (mut session, service) = smtp::session(first & 3, first & 4 == 0);
    let mut seen = smtp::Seen::default();
    for words in STAGES[usize::from(stage) % STAGES.len()] {
        session.receive(words);
        smtp::run(&mut session, service, &mut 0, &mut seen);
    }
    let said = |seen: &smtp::Seen| seen.replies.split(|octet| *octet == b'\n').count();
    let before = said(&seen);
    session.receive(line);
    session.receive(b"\r\n");
    let mut gate = u32::from(first >> 3);
    smtp::run(&mut session, service, &mut gate, &mut seen);
    let word: Vec<u8> = line.iter().take(4).map(u8::to_ascii_uppercase).collect();
    assert!(said(&seen) > before || word == b"BDAT", "{} is not answered", line.escape_ascii());
});
