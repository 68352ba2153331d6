use super::*;
use crate::moment::Moment;
use crate::transport::{Rule, Tls, TlsVersion};

const LEAF: Shown<'_> = Shown { certificate: b"leaf", key: Some(b"leaf key") };
const ISSUER: Shown<'_> = Shown { certificate: b"issuer", key: Some(b"issuer key") };
const ROOT: Shown<'_> = Shown { certificate: b"root", key: Some(b"root key") };

fn domain(name: &str) -> Domain {
    name.parse().unwrap()
}

fn octets(matching: u8, of: &[u8]) -> Vec<u8> {
    match matching {
        0 => of.to_vec(),
        1 => Sha256::digest(of).to_vec(),
        _ => Sha512::digest(of).to_vec(),
    }
}

/// A record that names this certificate.
fn tlsa(usage: u8, selector: u8, matching: u8, of: Shown<'_>) -> Tlsa {
    let selected = if selector == 0 { of.certificate } else { of.key.unwrap() };
    Tlsa { usage, selector, matching, data: octets(matching, selected) }
}

fn pins(records: Vec<Tlsa>) -> Vec<Pin> {
    records.into_iter().map(|record| Pin::new(record).unwrap()).collect()
}

#[track_caller]
fn check(records: Vec<Tlsa>, chain: &[Shown<'_>], expected: &Verdict<'_>) {
    let said = format!("{records:?} of {chain:?}");
    assert_eq!(judge(&pins(records), chain), *expected, "{said}");
}

/// All selectors and matching types.
fn forms() -> impl Iterator<Item = (u8, u8)> {
    (0..2).flat_map(|selector| (0..3).map(move |matching| (selector, matching)))
}

/// Those that have a meaning, one more, and the last.
const CODES: [u8; 6] = [0, 1, 2, 3, 4, 255];

#[test]
fn usable_is_what_mail_can_use_with_data_of_the_right_length() {
    let lengths = [0, 1, 31, 32, 33, 63, 64, 65];
    let all = CODES.iter().flat_map(|usage| CODES.iter().map(move |selector| (*usage, *selector)));
    let data = || CODES.iter().flat_map(|matching| lengths.map(|length| (*matching, length)));
    for ((usage, selector), (matching, length)) in
        all.flat_map(|first| data().map(move |second| (first, second)))
    {
        let expected = matches!(usage, 2 | 3)
            && selector < 2
            && matches!((matching, length), (0, 1..) | (1, 32) | (2, 64));
        let record = Tlsa { usage, selector, matching, data: vec![0; length] };
        let usable = Pin::new(record).is_some();
        assert_eq!(usable, expected, "{usage} {selector} {matching}, {length} octets");
    }
}

#[test]
fn usage_3_names_the_servers_own_certificate_and_no_other() {
    for (selector, matching) in forms() {
        let record = tlsa(3, selector, matching, LEAF);
        check(vec![record.clone()], &[LEAF], &Verdict::Leaf);
        check(vec![record.clone()], &[LEAF, ISSUER], &Verdict::Leaf);
        check(vec![record.clone()], &[ISSUER, LEAF], &Verdict::Mismatch);
        check(vec![record], &[], &Verdict::Mismatch);
    }
}

#[test]
fn usage_2_names_an_anchor_that_the_server_shows() {
    for (selector, matching) in forms().filter(|(_, matching)| *matching > 0) {
        let record = tlsa(2, selector, matching, ISSUER);
        let anchor = Verdict::Anchors(vec![Anchor::Certificate(b"issuer")]);
        check(vec![record.clone()], &[LEAF, ISSUER], &anchor);
        check(vec![record.clone()], &[LEAF, ROOT, ISSUER], &anchor);
        check(vec![record.clone()], &[LEAF], &Verdict::Mismatch);
        check(vec![record], &[LEAF, ROOT], &Verdict::Mismatch);
    }
}

#[test]
fn usage_2_with_the_whole_in_the_record_needs_no_showing() {
    for chain in [&[LEAF][..], &[LEAF, ISSUER]] {
        check(
            vec![tlsa(2, 0, 0, ISSUER)],
            chain,
            &Verdict::Anchors(vec![Anchor::Certificate(b"issuer")]),
        );
        check(
            vec![tlsa(2, 1, 0, ISSUER)],
            chain,
            &Verdict::Anchors(vec![Anchor::Key(b"issuer key")]),
        );
    }
}

#[test]
fn any_record_will_do_and_the_servers_own_certificate_goes_first() {
    let records = [tlsa(3, 1, 1, ROOT), tlsa(2, 0, 1, ISSUER), tlsa(3, 0, 2, LEAF)];
    check(records.to_vec(), &[LEAF, ISSUER], &Verdict::Leaf);
    let anchor = Verdict::Anchors(vec![Anchor::Certificate(b"issuer")]);
    check(records[..2].to_vec(), &[LEAF, ISSUER], &anchor);
    check(records[..1].to_vec(), &[LEAF, ISSUER], &Verdict::Mismatch);
}

#[test]
fn a_certificate_without_a_readable_key_is_matched_as_a_whole_only() {
    let odd = Shown { key: None, ..LEAF };
    for matching in 0..3 {
        check(vec![tlsa(3, 0, matching, LEAF)], &[odd], &Verdict::Leaf);
        check(vec![tlsa(3, 1, matching, LEAF)], &[odd], &Verdict::Mismatch);
    }
}

#[test]
fn records_that_cannot_be_used_still_demand_encryption() {
    let (base, next_hop) = (domain("mx.example.nl"), domain("example.nl"));
    let (usable, unusable) = (tlsa(3, 1, 1, LEAF), tlsa(1, 1, 1, LEAF));
    let of = |records| Demand::of(&base, &next_hop, records);
    let matched = Demand::Match {
        base: base.clone(),
        next_hop: next_hop.clone(),
        pins: pins(vec![usable.clone()]),
    };
    assert_eq!(of(vec![unusable.clone()]), Demand::Encryption);
    assert_eq!(of(vec![unusable, usable]), matched);
}

/// What becomes of connections without TLS, with any certificate, and with the right one.
#[test]
fn a_demand_is_met_by_what_it_names_alone() {
    let matched = Demand::of(&domain("mx.nl"), &domain("a.nl"), vec![tlsa(3, 1, 1, LEAF)]);
    let connection = |encrypted: bool, certificate| Seen {
        host: "mx.nl".into(),
        address: None,
        port: None,
        tls: encrypted.then(|| Tls {
            version: TlsVersion::V1_3,
            cipher: "AES".into(),
            group: None,
            fingerprint: "00".into(),
            name: None,
        }),
        certificate,
        authentic: None,
        rule: Rule::Nobody,
        floor: None,
        at: Moment(0),
    };
    for (certificate, named) in [
        (Certificate::DaneValid, true),
        (Certificate::Valid, false),
        (Certificate::ValidationFailure, false),
        (Certificate::CertificateExpired, false),
        (Certificate::TlsaInvalid, false),
    ] {
        let (encrypted, plain) = (connection(true, certificate), connection(false, certificate));
        assert_eq!(Demand::Nothing.check(&encrypted), Ok(()));
        assert_eq!(Demand::Nothing.check(&plain), Ok(()));
        assert_eq!(Demand::Encryption.check(&encrypted), Ok(()));
        assert_eq!(Demand::Encryption.check(&plain), Err(Miss::StarttlsNotSupported));
        let fault = if named { Ok(()) } else { Err(Miss::Certificate(certificate)) };
        assert_eq!(matched.check(&encrypted), fault);
        assert_eq!(matched.check(&plain), Err(Miss::StarttlsNotSupported));
    }
}

/// Every way in which a host can be found, against the rules of RFC 7672 (sections 2.1.3 and 2.2.2) in other words.
#[test]
fn tlsa_records_are_asked_for_where_all_that_leads_to_them_is_secure() {
    let (host, target) = (domain("mx.example.nl"), domain("mx.example.net"));
    for bits in 0_u8..16 {
        let bit = |at: u8| bits & (1 << at) != 0;
        let (named_securely, aliased, secure, alias_secure) = (bit(0), bit(1), bit(2), bit(3));
        let expanded = aliased.then_some(&target);
        let found = Located { named_securely, host: &host, expanded, secure, alias_secure };
        let mut expected = Vec::new();
        if named_securely && aliased && secure {
            expected.push(&target);
        }
        if named_securely && (secure || alias_secure) {
            expected.push(&host);
        }
        assert_eq!(bases(&found), expected, "{found:?}");
    }
}
