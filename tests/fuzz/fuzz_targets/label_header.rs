//! `msip_labels` as any client writes it: wherever a mail server breaks the line, the labels stay the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use zegel_core::label::{Guid, labels};
use zegel_core::message::Head;

fn ids(value: &[u8]) -> Option<Vec<Guid>> {
    let section = [b"msip_labels: ".as_slice(), value, b"\r\n\r\n"].concat();
    let head = Head::parse(&section).ok()?;
    Some(labels(&head).into_iter().map(|label| label.id).collect())
}

fuzz_target!(|input: (u16, &[u8])| {
    let (at, value) = input;
    let Some(whole) = ids(value) else { return };
    // A break inside an encoded-word makes it none, and one at an end an empty line.
    let is_plain = value.iter().all(|octet| matches!(octet, b'!'..=b'~')) && !value.contains(&b'?');
    let at = usize::from(at).min(value.len());
    if is_plain && (1..value.len()).contains(&at) {
        let (left, right) = value.split_at(at);
        let broken = ids(&[left, b"\r\n ", right].concat());
        assert_eq!(broken, Some(whole), "broken at {at}");
    }
});
