//! What the administrator says about domains, up to the handshake.

use aws_lc_rs::digest::{SHA256, digest};
use zegel_core::dane::public_key;

use super::dane::showing;
use super::*;
use crate::config::{Inbound, Pin};
use crate::dns::knot::{Knot, Zone};

/// What the relay does not trust unless the administrator says so.
static THEIR_CA: LazyLock<CertifiedIssuer<'static, KeyPair>> =
    LazyLock::new(|| authority("Their CA"));

#[derive(serde::Deserialize)]
struct Tables {
    #[serde(default)]
    inbound: Vec<Inbound>,
    #[serde(default)]
    pin: Vec<Pin>,
}

/// The outbound room with these tables of the configuration.
fn outbound_with(port: u16, dns: SocketAddr, tables: &str) -> Outbound {
    let tables: Tables = toml::from_str(tables).unwrap();
    let given = Given::new(&tables.inbound, &tables.pin);
    let Outbound {
        hostname, source, directory, connector, preferred, nta7516, pool, hosts, ..
    } = outbound(port, dns);
    let connector = connector.with_roots(given.roots()).unwrap();
    let directory = directory.with_given(given);
    Outbound {
        hostname,
        port,
        source,
        directory,
        connector,
        preferred,
        nta7516,
        pool,
        hosts,
        counts: crate::tls_report::Counts::default(),
    }
}

fn fingerprint(octets: &[u8]) -> String {
    let octets = digest(&SHA256, octets);
    octets.as_ref().iter().map(|octet| format!("{octet:02X}")).collect::<Vec<_>>().join(":")
}

/// A leaf for a host, issued by their CA.
fn theirs(host: &str) -> (CertificateDer<'static>, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([host.to_owned()]).unwrap();
    (params.signed_by(&key, &THEIR_CA).unwrap().der().clone(), key)
}

fn server((leaf, key): &(CertificateDer<'static>, KeyPair)) -> Script {
    showing(vec![leaf.clone()], key, rustls::ALL_VERSIONS)
}

const FLOORS: [Option<Floor>; 3] = [None, Some(Floor::Tls), Some(Floor::Pkix)];

/// Sends to `example.nl`, whose next hop by the administrator's word is this server, on a port of its own. `lines` are those of
/// its table. Whatever the floor, the outcome must be the same, and a server that does not get the mail hears nothing of it.
#[track_caller]
fn check_hop(server: &Script, lines: &str, expected: &str) {
    for floor in FLOORS {
        let (outcome, ears) = block_on(async {
            let (port, mut listeners) = peer::listeners(1).await;
            let ears = peer::serve(listeners.remove(0), server.clone());
            let tables = format!(
                "[[inbound]]\ndomain = \"example.nl\"\nnext-hop = \"mx.example.nl:{port}\"\naddresses = [\"127.0.0.1\"]\n{lines}"
            );
            let recipient = Recipient::plain("recipient@example.nl".parse().unwrap());
            let outbound = outbound_with(1, NO_DNS, &tables);
            assert!(outbound.reach(recipient.address.domain()).inbox.is_some());
            let mail = mail(None, &recipient, floor);
            (outbound.send(&mail, &mut CONTENT.as_bytes()).await, ears)
        });
        let told = line(&outcome);
        assert!(told.starts_with(expected), "{floor:?} {lines}: {told}, not {expected}");
        let said = ears.lock().unwrap().iter().any(|heard| heard.line.contains("MAIL"));
        assert_eq!(said, matches!(outcome, Outcome::Accepted(_)), "{floor:?} {lines}: {told}");
    }
}

#[test]
fn a_fingerprint_takes_one_certificate_whatever_else_is_wrong_with_it_and_no_other() {
    for kind in [Leaf::SelfSigned, Leaf::Expired, Leaf::OtherName, Leaf::OtherCa] {
        let key = KeyPair::generate().unwrap();
        let shown = (certificate(kind, &key), key);
        let lines =
            format!("fingerprints = [\"{}\", \"{}\"]", "0".repeat(64), fingerprint(&shown.0));
        check_hop(&server(&shown), &lines, "accepted: mx.example.nl TLSv1.3 Valid");
        let of_key = format!("fingerprints = [\"{}\"]", fingerprint(public_key(&shown.0).unwrap()));
        check_hop(&server(&shown), &of_key, "accepted: mx.example.nl TLSv1.3 Valid");
        check_hop(
            &good(),
            &lines,
            "deferred: mx.example.nl [127.0.0.1]: 4.7.5 the server's certificate is not one that the administrator names, but \
             the administrator demands a proof",
        );
    }
}

#[test]
fn named_roots_alone_vouch_for_a_hop_and_its_name_must_be_right() {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(&file, THEIR_CA.pem()).unwrap();
    let lines = format!("roots = \"{}\"", file.path().display());
    let deferred = "deferred: mx.example.nl [127.0.0.1]: 4.7.5 ";
    check_hop(&server(&theirs("mx.example.nl")), &lines, "accepted: mx.example.nl TLSv1.3 Valid");
    check_hop(
        &server(&theirs("example.nl")),
        &lines,
        &format!("{deferred}the server's certificate is for another host"),
    );
    check_hop(&good(), &lines, &format!("{deferred}no trusted authority"));
    check_hop(&server(&theirs("mx.example.nl")), "", &format!("{deferred}no trusted authority"));
}

#[test]
fn a_hop_must_meet_its_level_whatever_is_sent() {
    let deferred = "deferred: mx.example.nl [127.0.0.1]: 4.7.5 ";
    let plain = format!("{deferred}the server offers no STARTTLS, but the administrator demands");
    check_hop(&Script::default(), "level = \"tls\"", &plain);
    check_hop(&Script::default(), "", &plain);
    check_hop(&good(), "", "accepted: mx.example.nl TLSv1.3 Valid");
    let broken = good().ending(At::StartTls, "220 go");
    check_hop(&broken, "level = \"tls\"", &format!("{deferred}the TLS handshake failed"));
}

/// Asks a name server whose MX record for `example.nl` is the first server's, and whose `mx2.example.nl` is the second's.
fn send_pinned(lines: &str, floor: Option<Floor>, scripts: Vec<Script>) -> (Outcome, Vec<Ears>) {
    let head = "$ORIGIN example.nl.\n$TTL 60\n@ SOA ns h 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1\n";
    let text = format!("{head}@ MX 10 mx\nmx A 127.0.0.1\nmx2 A 127.0.0.2\n");
    let knot = Knot::start(&[Zone { name: "example.nl", text, signed: false }]);
    block_on(async {
        let (port, listeners) = peer::listeners(2).await;
        let serve = |(listener, script)| peer::serve(listener, script);
        let ears = listeners.into_iter().zip(scripts).map(serve).collect();
        let recipient = Recipient::plain("recipient@example.nl".parse().unwrap());
        let tables = format!("[[pin]]\ndomain = \"example.nl\"\n{lines}");
        let outbound = outbound_with(port, knot.server, &tables);
        assert_eq!(outbound.reach(recipient.address.domain()).inbox, None);
        let mail = mail(None, &recipient, floor);
        (outbound.send(&mail, &mut CONTENT.as_bytes()).await, ears)
    })
}

#[test]
fn a_pinned_domain_has_the_named_hosts_alone() {
    let named = server(&theirs("mx2.example.nl"));
    let file = NamedTempFile::new().unwrap();
    std::fs::write(&file, THEIR_CA.pem()).unwrap();
    let lines = format!("mx = [\"mx2.example.nl\"]\nroots = \"{}\"", file.path().display());
    let (outcome, ears) = send_pinned(&lines, Some(Floor::Pkix), vec![good(), named]);
    assert_eq!(line(&outcome), "accepted: mx2.example.nl TLSv1.3 Valid");
    let Outcome::Accepted(seen) = outcome else { panic!("not accepted") };
    assert_eq!(seen.authentic, Some(Authentic::Pinned));
    assert!(ears[0].lock().unwrap().is_empty(), "the host of the MX record was called");
    let (outcome, ears) = send_pinned(&lines, None, vec![good(), Script::default()]);
    assert!(line(&outcome).starts_with("deferred: mx2.example.nl [127.0.0.2]: 4.7.5 "));
    assert!(ears[0].lock().unwrap().is_empty(), "the host of the MX record was called");
}

#[test]
fn a_pinned_proof_holds_for_the_hosts_of_the_mx_records_too() {
    let key = KeyPair::generate().unwrap();
    let shown = (certificate(Leaf::SelfSigned, &key), key);
    let lines = format!("fingerprints = [\"{}\"]", fingerprint(&shown.0));
    let scripts = |first: Script| vec![first, Script::default()];
    let (outcome, _) = send_pinned(&lines, Some(Floor::Pkix), scripts(server(&shown)));
    assert_eq!(line(&outcome), "accepted: mx.example.nl TLSv1.3 Valid");
    let (outcome, ears) = send_pinned(&lines, None, scripts(good()));
    assert!(
        line(&outcome).contains("4.7.5 the server's certificate is not one that"),
        "{outcome:?}"
    );
    assert!(ears[0].lock().unwrap().iter().all(|heard| !heard.line.contains("MAIL")));
}
