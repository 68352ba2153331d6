//! What comes back to a return path: whatever it is, nothing of its words is kept, codes are of class 5, and a host is one.

#![no_main]

use libfuzzer_sys::fuzz_target;
use zegel_core::address::Domain;
use zegel_core::bounce::{Bounce, Failed, read};
use zegel_core::return_path::ReturnPath;

fuzz_target!(|octets: &[u8]| {
    if let Bounce::Failed(Failed { code, enhanced, host }) = read(octets) {
        assert!((500..600).contains(&code));
        if let Some(enhanced) = enhanced {
            assert!(enhanced.starts_with("5.") && enhanced.len() <= 9, "{enhanced}");
            assert!(enhanced.bytes().all(|octet| octet == b'.' || octet.is_ascii_digit()));
        }
        assert!(host.is_none_or(|host| host.parse::<Domain>().is_ok()));
    }
    let local = String::from_utf8_lossy(octets);
    if let Some((path, mac)) = ReturnPath::read(&local) {
        assert_eq!(ReturnPath::read(&path.local(&mac)), Some((path, mac)));
    }
});
