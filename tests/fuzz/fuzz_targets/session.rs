//! What a client may send, on every service, inside TLS and before it: the first octet says where, and how the others are
//! cut; the next four, what the gate answers.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "each target uses its part")]
mod smtp;

fuzz_target!(|octets: &[u8]| {
    let [first, a, b, c, d, rest @ ..] = octets else { return };
    let mut gate = u32::from_le_bytes([*a, *b, *c, *d]);
    let (mut session, service) = smtp::session(first & 3, first & 4 != 0);
    let mut seen = smtp::Seen::default();
    for piece in rest.chunks(usize::from(first >> 3) + 1) {
        session.receive(piece);
        smtp::run(&mut session, service, &mut gate, &mut seen);
    }
    session.time_out();
    smtp::run(&mut session, service, &mut gate, &mut seen);
    assert!(seen.closed);
});
