//! Values of header fields, read and written: encoded-words, display names, address lists, and what leaves of a header
//! section.

#![no_main]

use libfuzzer_sys::fuzz_target;
use zegel_core::directive::is_control;
use zegel_core::message::Head;
use zegel_core::outgoing::strip;
use zegel_core::text::{HeaderText, decoded};

/// What is written stays on lines of its own field, and says to a reader what it was.
fn check_written(value: &HeaderText) {
    let written = value.encoded();
    assert!(!value.as_str().chars().any(char::is_control));
    assert!(written.is_ascii());
    assert_eq!(decoded(written.as_bytes()), value.as_str());
    let section = format!("X: {written}\r\n\r\n");
    let head = Head::parse(section.as_bytes()).expect("one field");
    assert_eq!(head.fields().len(), 1, "{section:?}");
    assert_eq!(head.body_at(), section.len(), "{section:?}");
}

fuzz_target!(|octets: &[u8]| {
    let text = decoded(octets);
    check_written(&HeaderText::new(&text));
    let name = HeaderText::display_name(&text);
    assert!(!name.as_str().contains(['@', '<', '>', '"', ',', ';', '\\']));
    check_written(&name);

    let Ok(head) = Head::parse(octets) else { return };
    let from = head.from();
    assert!(from.is_err() || head.named("From").count() == 1);
    head.addressees();
    let left = strip(&head);
    let left = Head::parse(&left).expect("what leaves is a header section");
    let stays = head.fields().iter().map(|field| field.raw);
    let mut stays = stays.filter(|raw| left.fields().iter().any(|field| field.raw == *raw));
    assert!(left.fields().iter().all(|field| !is_control(field.name)));
    assert!(
        left.fields().iter().all(|field| stays.any(|raw| raw == field.raw)),
        "the order changed"
    );
    if left.named("From").count() == head.named("From").count() {
        assert_eq!(left.from(), from);
    }
});
