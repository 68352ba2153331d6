//! Messages in chunks (RFC 3030): what is kept is what was sent, and no octet of a chunk is ever a command.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "each target uses its part")]
mod smtp;

fuzz_target!(|input: (u8, [u8; 6], &[u8])| {
    let (which, lengths, octets) = input;
    let (mut session, service) = smtp::session(which, true);
    let mut seen = smtp::Seen::default();
    let mut hear = |octets: &[u8], seen: &mut smtp::Seen| {
        session.receive(octets);
        smtp::run(&mut session, service, &mut 0, seen);
    };
    hear(&[smtp::HELLO, smtp::LOGIN, smtp::ENVELOPE].concat(), &mut seen);
    let mut rest = octets;
    for length in lengths {
        let (chunk, behind) = rest.split_at(rest.len().min(usize::from(length) * 4));
        rest = behind;
        let last = if rest.is_empty() { " LAST" } else { "" };
        hear(format!("BDAT {}{last}\r\n", chunk.len()).as_bytes(), &mut seen);
        hear(chunk, &mut seen);
        if rest.is_empty() {
            break;
        }
    }
    assert_eq!(seen.began, 1, "{}", seen.replies.escape_ascii());
    if seen.kept == 1 {
        assert_eq!(seen.text, octets);
    }
    // A chunk may close the connection; else what comes behind the last one is heard as what it is.
    if !seen.closed {
        let before = seen.replies.len();
        hear(b"NOOP\r\n", &mut seen);
        assert!(
            seen.replies[before..].starts_with(b"250 2.0.0"),
            "{}",
            seen.replies.escape_ascii()
        );
    }
});
