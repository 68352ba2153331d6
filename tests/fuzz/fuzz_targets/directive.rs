//! The `zivver-*` headers: what is read holds wherever a line is broken, a right is for a recipient or an addressee, and a
//! fault repeats no value.

#![no_main]

use libfuzzer_sys::fuzz_target;
use zegel_core::address::Address;
use zegel_core::directive::{Wishes, read};
use zegel_core::message::Head;

const HEADERS: [&str; 4] = [
    "zivver-access-right",
    "zivver-direct-delivery",
    "zivver-minimum-recipient-verification",
    "zivver-message-expiration",
];

fn wishes(name: &str, value: &[u8]) -> Option<Result<Wishes, String>> {
    let section = [b"To: a@a.example\r\n", name.as_bytes(), b": ", value, b"\r\n\r\n"].concat();
    let recipients: [Address; 1] = ["b@b.example".parse().expect("an address")];
    let head = Head::parse(&section).ok().filter(|head| head.fields().len() == 2)?;
    Some(read(&head, &recipients).map_err(|fault| fault.to_string()))
}

fuzz_target!(|input: (u8, u16, &[u8])| {
    let (which, at, value) = input;
    let name = HEADERS[usize::from(which) % HEADERS.len()];
    let Some(whole) = wishes(name, value) else { return };
    if let Ok(wishes) = &whole {
        assert!(wishes.rights.len() <= 1);
        assert!(
            wishes.rights.keys().all(|address| matches!(address.local(), "a" | "b" | "A" | "B"))
        );
    }
    // A break in white space changes nothing, unless a line ends there already: two in a row end the section.
    if !value.iter().all(|octet| matches!(octet, b' '..=b'~')) {
        return;
    }
    let at = usize::from(at) % value.len().max(1);
    if let Some((left, right)) = value.split_at_checked(at)
        && right.first() == Some(&b' ')
        && !left.trim_ascii().is_empty()
        && !right.trim_ascii().is_empty()
    {
        let broken = wishes(name, &[left, b"\r\n", right].concat());
        assert_eq!(broken, Some(whole), "broken at {at}");
    }
});
