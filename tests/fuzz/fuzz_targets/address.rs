//! Addresses and domains: what is read is written so that it is read as the same, and nothing in it can end a line or a
//! path.

#![no_main]

use libfuzzer_sys::fuzz_target;
use zegel_core::address::{ADDRESS_MAX, Address, DOMAIN_MAX, Domain, LOCAL_MAX};
use zegel_core::submitter::Scope;

fuzz_target!(|text: &str| {
    if let Ok(domain) = text.parse::<Domain>() {
        let written = domain.to_string();
        assert_eq!(written.parse().as_ref(), Ok(&domain));
        assert!(written.len() <= DOMAIN_MAX && written.contains('.'));
        assert!(
            written.bytes().all(|octet| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
        );
        assert!(domain.is_within(&domain));
    }
    if let Ok(address) = text.parse::<Address>() {
        let written = address.to_string();
        assert_eq!(written.parse().as_ref(), Ok(&address));
        assert_eq!(address.key().parse().as_ref(), Ok(&address));
        assert!(written.len() <= ADDRESS_MAX && address.local().len() <= LOCAL_MAX);
        assert!(!written.chars().any(char::is_control));
        assert!(Scope::Domain(address.domain().clone()).covers(&address));
    }
    if let Ok(scope) = text.parse::<Scope>() {
        assert_eq!(scope.to_string().parse(), Ok(scope));
    }
});
