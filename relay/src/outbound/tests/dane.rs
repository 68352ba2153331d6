//! DANE, from the zone to the handshake: signed zones of a real name server, and servers with all kinds of certificates.

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::server::{ResolvesServerCert, ResolvesServerCertUsingSni};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use zegel_core::dane::public_key;

use super::*;
use crate::dns::knot::{Knot, Zone};

const FLOORS: [Option<Floor>; 4] = [None, Some(Floor::Tls), Some(Floor::Pkix), Some(Floor::Dane)];

/// The relay does not know this one, only the DNS does.
static THEIR_CA: LazyLock<CertifiedIssuer<'static, KeyPair>> =
    LazyLock::new(|| authority("Their CA"));

type Chain = Vec<CertificateDer<'static>>;

/// A root, the zone `test` below it with these records, and elsewhere an unsigned and a bogus zone.
pub(super) fn internet(records: &str) -> Knot {
    let head = "@ 60 SOA ns h 1 60 60 60 60\n@ 60 NS ns\nns 60 A 127.0.0.1\n";
    let zone = |name, signed, records: &str| Zone {
        name,
        signed,
        text: format!("$ORIGIN {name}.\n$TTL 60\n{head}{records}\n"),
    };
    let wrong = "12345 13 2 0000000000000000000000000000000000000000000000000000000000000000";
    let children = format!(
        "plain NS ns.plain\nns.plain A 127.0.0.1\n\
         bogus DS {wrong}\nbogus NS ns.bogus\nns.bogus A 127.0.0.1\n"
    );
    let plain = format!(
        "@ MX 10 mx.signed.test.\n@ TXT \"v=NTA7516-1;startdate=2024-01;enddate=2024-12\"\nmx A 127.0.0.1\nin CNAME mx.signed.test.\n_25._tcp.mx TLSA {}\n",
        wrong_record()
    );
    Knot::start(&[
        zone(
            "",
            true,
            "@DS test@\ntest. NS ns.test.\nns.test. A 127.0.0.1\n\
             @DS other@\nother. NS ns.other.\nns.other. A 127.0.0.1",
        ),
        zone("test", true, records),
        zone("other", true, &children),
        zone("plain.other", false, &plain),
        zone("bogus.other", true, "mx A 127.0.0.1\n_25._tcp.mx TLSA 3 1 1 00"),
    ])
}

/// A record that no certificate matches.
fn wrong_record() -> String {
    format!("3 1 1 {}", "00".repeat(32))
}

/// A record that names this certificate.
pub(super) fn record(usage: u8, selector: u8, matching: u8, of: &CertificateDer<'_>) -> String {
    let selected = if selector == 0 { of.as_ref() } else { public_key(of).unwrap() };
    let data = match matching {
        0 => selected.to_vec(),
        1 => digest(&SHA256, selected).as_ref().to_vec(),
        _ => digest(&SHA512, selected).as_ref().to_vec(),
    };
    let octets: Vec<_> = data.iter().map(|octet| format!("{octet:02x}")).collect();
    format!("{usage} {selector} {matching} {}", octets.concat())
}

/// A server that shows this chain and signs with this key, whether they belong together or not.
pub(super) fn showing(
    chain: Chain,
    key: &KeyPair,
    versions: &[&'static SupportedProtocolVersion],
) -> Script {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let shown = CertifiedKey::new(chain, any_supported_type(&key).unwrap());
    serving(Arc::new(SingleCertAndKey::from(shown)), versions)
}

/// A server that shows this chain only to who asks for this name (SNI).
fn showing_to(name: &str, chain: Chain, key: &KeyPair) -> Script {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut shown = ResolvesServerCertUsingSni::new();
    shown.add(name, CertifiedKey::new(chain, any_supported_type(&key).unwrap())).unwrap();
    serving(Arc::new(shown), rustls::ALL_VERSIONS)
}

fn serving(
    shown: Arc<dyn ResolvesServerCert>,
    versions: &[&'static SupportedProtocolVersion],
) -> Script {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let config = config.with_no_client_auth().with_cert_resolver(shown);
    Script { tls: Some(Arc::new(config)), ..Script::default() }
}

/// A certificate by their CA, with its key.
fn theirs(name: &str, last_year: i32) -> (CertificateDer<'static>, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.not_after = date_time_ymd(last_year, 1, 1);
    (params.signed_by(&key, &THEIR_CA).unwrap().der().clone(), key)
}

pub(super) fn by_signed_root(port: u16, knot: &Knot) -> Outbound {
    let roots = NamedTempFile::new().unwrap();
    std::fs::write(&roots, CA.pem()).unwrap();
    let config = config::Outbound {
        port,
        roots: Some(roots.path().to_owned()),
        ..config::Outbound::default()
    };
    let dns = Dns {
        servers: vec![knot.server],
        dnssec: Dnssec::Validate,
        trust_anchor: Some(knot.trust_anchor()),
    };
    Outbound::new("relay.example.org", Resolver::new(&dns).unwrap(), &config).unwrap()
}

/// Sends to a domain whose n-th host has the n-th script.
async fn send(
    knot: &Knot,
    domain: &str,
    scripts: Vec<Script>,
    floor: Option<Floor>,
) -> (Outcome, Vec<Ears>) {
    let (port, listeners) = peer::listeners(u8::try_from(scripts.len()).unwrap()).await;
    let ears = listeners
        .into_iter()
        .zip(scripts)
        .map(|(listener, script)| peer::serve(listener, script))
        .collect();
    let recipient = Recipient::plain(format!("recipient@{domain}").parse().unwrap());
    let mail = mail(None, &recipient, floor);
    let outbound = by_signed_root(port, knot);
    (outbound.send(&mail, &mut CONTENT.as_bytes()).await, ears)
}

/// What becomes of a mail with each floor. Where it is deferred, the servers must not have heard one octet of it.
#[track_caller]
fn check(knot: &Knot, domain: &str, server: &Script, expected: [&str; 4]) {
    for (floor, expected) in FLOORS.into_iter().zip(expected) {
        let (outcome, ears) = block_on(send(knot, domain, vec![server.clone()], floor));
        let line = line(&outcome);
        assert!(line.contains(expected), "{domain} by {floor:?}: {line}\nand not {expected}");
        let accepted = matches!(outcome, Outcome::Accepted(_));
        let said = |verb: &str| {
            ears.iter()
                .any(|ears| ears.lock().unwrap().iter().any(|heard| heard.line.contains(verb)))
        };
        assert_eq!(said("MAIL"), accepted, "{domain} by {floor:?}: {line}");
        assert_eq!(said("canary"), accepted, "{domain} by {floor:?}: {line}");
    }
}

const VALID: [&str; 4] = ["accepted: mx.signed.test TLSv1.3 DaneValid"; 4];

/// A domain with one host at 127.0.0.1 and these TLSA records.
fn host_with(records: &[String]) -> String {
    let lines = records.iter().map(|record| format!("_25._tcp.mx.signed TLSA {record}\n"));
    format!("signed MX 10 mx.signed\nmx.signed A 127.0.0.1\n{}", lines.collect::<String>())
}

#[test]
fn usage_3_takes_the_certificate_that_is_named_whatever_else_is_wrong_with_it() {
    for kind in
        [Leaf::SelfSigned, Leaf::SelfSignedCa, Leaf::Expired, Leaf::OtherName, Leaf::OtherCa]
    {
        let key = KeyPair::generate().unwrap();
        let leaf = certificate(kind, &key);
        let records = [wrong_record(), record(3, 1, 1, &leaf)];
        let knot = internet(&host_with(&records));
        let server = showing(vec![leaf], &key, rustls::ALL_VERSIONS);
        check(&knot, "signed.test", &server, VALID);
    }
}

#[test]
fn usage_2_takes_what_a_named_authority_has_issued_for_host_or_domain() {
    let ca = THEIR_CA.der().clone();
    for (selector, matching) in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)] {
        let knot = internet(&host_with(&[record(2, selector, matching, &ca)]));
        for name in ["mx.signed.test", "signed.test"] {
            let (leaf, key) = theirs(name, 2090);
            let whole = showing(vec![leaf.clone(), ca.clone()], &key, rustls::ALL_VERSIONS);
            check(&knot, "signed.test", &whole, VALID);
            // The authority is missing in the handshake: only a record that holds it whole can do without.
            let alone = showing(vec![leaf], &key, rustls::ALL_VERSIONS);
            let unknown = ["deferred: mx.signed.test [127.0.0.1]: 4.7.5 "; 4];
            check(&knot, "signed.test", &alone, if matching == 0 { VALID } else { unknown });
        }
        for (name, last_year, fault) in [
            ("mx.other.test", 2090, "4.7.5 the server's certificate is for another host"),
            ("mx.signed.test", 2020, "4.7.5 the server's certificate has expired"),
        ] {
            let (leaf, key) = theirs(name, last_year);
            let server = showing(vec![leaf, ca.clone()], &key, rustls::ALL_VERSIONS);
            check(&knot, "signed.test", &server, [fault; 4]);
        }
        let key = KeyPair::generate().unwrap();
        let foreign = vec![certificate(Leaf::Good, &key), ca.clone()];
        check(
            &knot,
            "signed.test",
            &showing(foreign, &key, rustls::ALL_VERSIONS),
            ["deferred: mx.signed.test [127.0.0.1]: 4.7.5 "; 4],
        );
    }
}

#[test]
fn a_server_that_is_not_the_one_that_is_named_gets_not_one_octet() {
    let knot = internet(&host_with(&[wrong_record()]));
    check(
        &knot,
        "signed.test",
        &good(),
        ["deferred: mx.signed.test [127.0.0.1]: 4.7.5 the server's certificate cannot be validated";
            4],
    );
    let plain = ["4.7.5 the server offers no STARTTLS"; 4];
    check(&knot, "signed.test", &Script::default(), plain);
    let broken = good().ending(At::StartTls, "220 go");
    check(&knot, "signed.test", &broken, ["4.7.5 the TLS handshake failed"; 4]);
}

#[test]
fn a_certificate_that_somebody_else_showed_is_of_no_use_without_its_key() {
    let (key, thief) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let leaf = certificate(Leaf::SelfSigned, &key);
    let odd = of_version_1(&leaf);
    let knot = internet(&host_with(&[record(3, 1, 1, &leaf), record(3, 0, 1, &odd)]));
    for leaf in [leaf, odd] {
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let replayed = showing(vec![leaf.clone()], &thief, &[version]);
            check(&knot, "signed.test", &replayed, ["4.7.5 the TLS handshake failed"; 4]);
        }
    }
}

/// The elements in a DER sequence.
fn elements(mut sequence: &[u8]) -> Vec<&[u8]> {
    let head = |octets: &[u8]| match octets[1] {
        0x81 => (3, usize::from(octets[2])),
        0x82 => (4, usize::from(u16::from_be_bytes([octets[2], octets[3]]))),
        short => (2, usize::from(short)),
    };
    sequence = &sequence[head(sequence).0..];
    let mut found = Vec::new();
    while !sequence.is_empty() {
        let (start, length) = head(sequence);
        let (element, rest) = sequence.split_at(start + length);
        found.push(element);
        sequence = rest;
    }
    found
}

fn sequence(elements: &[&[u8]]) -> Vec<u8> {
    let content = elements.concat();
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[0x30, 0x82, length[0], length[1]], &content[..]].concat()
}

/// The certificate as it would be of version 1: without a version and without extensions. Its own signature is nobody's, as
/// usage 3 never looks at it.
fn of_version_1(certificate: &CertificateDer<'_>) -> CertificateDer<'static> {
    let parts = elements(certificate);
    let fields = elements(parts[0]);
    sequence(&[&sequence(&fields[1..7]), parts[1], parts[2]]).into()
}

#[test]
fn a_certificate_that_only_old_software_reads_can_be_named_too() {
    let key = KeyPair::generate().unwrap();
    let leaf = of_version_1(&certificate(Leaf::SelfSigned, &key));
    let knot = internet(&host_with(&[record(3, 1, 1, &leaf)]));
    for (version, name) in
        [(&rustls::version::TLS12, "TLSv1.2"), (&rustls::version::TLS13, "TLSv1.3")]
    {
        let expected = format!("accepted: mx.signed.test {name} DaneValid");
        check(&knot, "signed.test", &showing(vec![leaf.clone()], &key, &[version]), [&expected; 4]);
    }
}

#[test]
fn records_of_which_none_can_be_used_demand_tls_and_prove_nothing() {
    let knot = internet(&host_with(&["1 1 1 00".to_owned(), "3 1 1 00".to_owned()]));
    let missed = |floor: &str, miss: Miss| format!("missed {floor}: {miss}; mx.signed.test");
    let taken = "accepted: mx.signed.test TLSv1.3 TlsaInvalid";
    let pkix = missed("pkix", Miss::Certificate(Certificate::TlsaInvalid));
    let dane = missed("dane", Miss::DaneRequired);
    check(&knot, "signed.test", &tls(Leaf::SelfSigned), [taken, taken, &pkix, &dane]);
    check(&knot, "signed.test", &Script::default(), ["4.7.5 the server offers no STARTTLS"; 4]);
}

#[test]
fn what_cannot_be_believed_is_no_dane_and_what_cannot_be_looked_up_holds() {
    let knot = internet(&format!(
        "{}\
         bogusly MX 10 mx.bogusly\nmx.bogusly A 127.0.0.1\n_25._tcp.mx.bogusly CNAME _25._tcp.mx.bogus.other.\n\
         aside MX 10 mx.aside\nmx.aside A 127.0.0.1\n_25._tcp.mx.aside CNAME _25._tcp.mx.plain.other.\n\
         away MX 10 mx.plain.other.\n\
         around MX 10 in.plain.other.\n",
        host_with(&[wrong_record()])
    ));
    check(
        &knot,
        "bogusly.test",
        &good(),
        ["deferred: cannot look up TLSA of _25._tcp.mx.bogusly.test"; 4],
    );
    let missed = |host: &str| format!("missed dane: {}; {host}", Miss::DaneRequired);
    for (domain, host) in [
        ("aside.test", "mx.aside.test"),
        ("away.test", "mx.plain.other"),
        ("around.test", "in.plain.other"),
        ("plain.other", "mx.signed.test"),
    ] {
        let taken = format!("accepted: {host} TLSv1.3");
        for (floor, expected) in
            [(None, &taken), (Some(Floor::Tls), &taken), (Some(Floor::Dane), &missed(host))]
        {
            let (outcome, _) = block_on(send(&knot, domain, vec![good()], floor));
            assert!(line(&outcome).contains(expected.as_str()), "{domain}: {}", line(&outcome));
        }
    }
}

#[test]
fn an_alias_has_the_records_of_its_target_or_its_own() {
    let key = KeyPair::generate().unwrap();
    let own = record(3, 1, 1, &certificate(Leaf::SelfSigned, &key));
    let (leaf, their_key) = theirs("target.test", 2090);
    let ca = record(2, 0, 1, THEIR_CA.der());
    let knot = internet(&format!(
        "first MX 10 mx.first\nmx.first CNAME target\ntarget A 127.0.0.1\n_25._tcp.target TLSA {ca}\n\
         _25._tcp.mx.first TLSA {wrong}\n\
         second MX 10 mx.second\nmx.second CNAME bare\nbare A 127.0.0.1\n_25._tcp.mx.second TLSA {own}\n\
         third MX 10 mx.third\nmx.third CNAME mx.plain.other.\n_25._tcp.mx.third TLSA {own}\n",
        wrong = wrong_record(),
    ));
    let of_target = showing_to("target.test", vec![leaf, THEIR_CA.der().clone()], &their_key);
    check(&knot, "first.test", &of_target, ["accepted: mx.first.test TLSv1.3 DaneValid"; 4]);
    let of_host = showing(vec![certificate(Leaf::SelfSigned, &key)], &key, rustls::ALL_VERSIONS);
    check(&knot, "second.test", &of_host, ["accepted: mx.second.test TLSv1.3 DaneValid"; 4]);
    check(&knot, "third.test", &of_host, ["accepted: mx.third.test TLSv1.3 DaneValid"; 4]);
    check(&knot, "third.test", &good(), ["deferred: mx.third.test [127.0.0.1]: 4.7.5"; 4]);
}

#[test]
fn another_host_takes_over_from_one_that_is_not_the_one_that_is_named() {
    let key = KeyPair::generate().unwrap();
    let leaf = certificate(Leaf::SelfSigned, &key);
    let knot = internet(&format!(
        "two MX 10 mx1.two\ntwo MX 20 mx2.two\nmx1.two A 127.0.0.1\nmx2.two A 127.0.0.2\n\
         _25._tcp.mx1.two TLSA {wrong}\n_25._tcp.mx2.two TLSA {right}\n",
        wrong = wrong_record(),
        right = record(3, 1, 1, &leaf),
    ));
    let scripts = vec![good(), showing(vec![leaf], &key, rustls::ALL_VERSIONS)];
    let (outcome, ears) = block_on(send(&knot, "two.test", scripts, None));
    assert_eq!(line(&outcome), "accepted: mx2.two.test TLSv1.3 DaneValid");
    assert!(ears[0].lock().unwrap().iter().all(|heard| !heard.line.contains("MAIL")));
}

#[test]
fn a_domain_without_mx_records_has_those_of_its_own_name() {
    let key = KeyPair::generate().unwrap();
    let leaf = certificate(Leaf::SelfSigned, &key);
    let knot =
        internet(&format!("bare A 127.0.0.1\n_25._tcp.bare TLSA {}\n", record(3, 1, 1, &leaf)));
    let server = showing(vec![leaf], &key, rustls::ALL_VERSIONS);
    check(&knot, "bare.test", &server, ["accepted: bare.test TLSv1.3 DaneValid"; 4]);
    check(&knot, "bare.test", &good(), ["deferred: bare.test [127.0.0.1]: 4.7.5"; 4]);
}
