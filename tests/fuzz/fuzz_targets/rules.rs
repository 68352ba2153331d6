//! The rule file: whatever it says, it is refused with reasons, or its rules can judge a message.

#![no_main]

use libfuzzer_sys::fuzz_target;
use zegel_milter::config::Config;
use zegel_milter::sample::Sample;

const MESSAGE: &[u8] =
    b"From: jan@org.test\r\nTo: pim@plain.test\r\nSubject: secure\r\n\r\nHello.\r\n";

fuzz_target!(|text: &str| match Config::parse(text) {
    Ok(config) => {
        assert!(Sample::new(MESSAGE).explain(&config).is_ok());
    }
    Err(problems) =>
        assert!(!problems.is_empty() && problems.iter().all(|problem| !problem.is_empty())),
});
