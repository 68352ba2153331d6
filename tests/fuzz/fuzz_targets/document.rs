//! Attachments of every kind: by their first octets the reader picks the format, so one target reaches them all.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use zegel_core::label::document::{Limits, read};

fuzz_target!(|octets: &[u8]| {
    read(&mut Cursor::new(octets), &Limits::default());
});
