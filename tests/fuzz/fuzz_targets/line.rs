//! However the octets of a connection are cut, the session hears the same.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "each target uses its part")]
mod smtp;

fn heard(which: u8, octets: &[u8], lengths: &[u8]) -> smtp::Seen {
    let (mut session, service) = smtp::session(which, true);
    let mut seen = smtp::Seen::default();
    let mut rest = octets;
    for length in lengths.iter().cycle() {
        let (piece, behind) = rest.split_at(rest.len().min(usize::from(*length) * 8 + 1));
        session.receive(piece);
        smtp::run(&mut session, service, &mut 0, &mut seen);
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    seen
}

fuzz_target!(|input: (u8, [u8; 4], &[u8])| {
    let (which, lengths, octets) = input;
    let octets = [smtp::HELLO, smtp::LOGIN, octets].concat();
    assert_eq!(heard(which, &octets, &[255]), heard(which, &octets, &lengths));
});
