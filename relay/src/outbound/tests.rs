//! Deliveries to real servers on loopback addresses, from below the resolver on.

mod dane;
mod dns;
mod leaf;
mod log;
mod nta7516;
mod peer;
mod pool;
mod probe;
mod way;

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, SupportedProtocolVersion};
use tempfile::NamedTempFile;
use tokio::io::ReadBuf;
use zegel_core::dane::Demand;
use zegel_core::envelope::Recipient;
use zegel_core::transport::{Authentic, Certificate};

use super::*;
use crate::config::{Dns, Dnssec};
use leaf::{CA, Leaf, authority, certificate, good, tls, tls_of};
use peer::{At, Ears, Script};

const CONTENT: &str = "Subject: x\r\n\r\n.canary\r\n";

/// Port 1 never answers: for tests that need no DNS.
const NO_DNS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

fn outbound(port: u16, dns: SocketAddr) -> Outbound {
    let roots = NamedTempFile::new().unwrap();
    std::fs::write(&roots, CA.pem()).unwrap();
    let roots_file = Some(roots.path().to_owned());
    let config = config::Outbound { port, roots: roots_file, ..config::Outbound::default() };
    Outbound::new("relay.example.org", resolver(dns), &config).unwrap()
}

fn resolver(server: SocketAddr) -> Resolver {
    Resolver::new(&Dns { servers: vec![server], dnssec: Dnssec::Off, trust_anchor: None }).unwrap()
}

fn host(name: &str, last: u8) -> Host {
    Host {
        name: name.parse().unwrap(),
        authentic: Some(Authentic::UnderRecipientDomain),
        addresses: Ok(vec![IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))]),
        demand: Demand::Nothing,
        policy: None,
        counts: true,
        terms: None,
    }
}

fn mail<'a>(
    sender: Option<&'a Address>,
    recipient: &'a Recipient,
    floor: Option<Floor>,
) -> Mail<'a> {
    Mail { sender, recipient, envelope_id: None, floor, way: Way::Usual }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// An outcome on one line, for comparison.
fn line(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted(seen) => format!("accepted: {}", evidence(seen)),
        Outcome::Deferred { why, .. } => format!("deferred: {why}"),
        Outcome::Busy => "busy".to_owned(),
        Outcome::Refused { code, enhanced, text, seen } => {
            format!("refused: {code} {} {text} ({})", enhanced.as_deref().unwrap_or("-"), seen.host)
        }
        Outcome::NoRoute { enhanced, text } => format!("no route: {enhanced} {text}"),
        Outcome::FloorMissed { floor, miss, seen } => {
            format!("missed {floor}: {miss}; {}", evidence(seen))
        }
    }
}

fn evidence(seen: &Seen) -> String {
    let tls = seen.tls.as_ref().map_or("no TLS".to_owned(), |tls| tls.version.to_string());
    format!("{} {tls} {:?}", seen.host, seen.certificate)
}

/// Delivers to these hosts, where the n-th script serves at 127.0.0.n.
async fn deliver(
    hosts: &[Host],
    scripts: Vec<Script>,
    floor: Option<Floor>,
    content: &mut Content<'_>,
) -> (Outcome, Vec<Ears>) {
    let (port, listeners) = peer::listeners(u8::try_from(scripts.len()).unwrap()).await;
    let ears = listeners
        .into_iter()
        .zip(scripts)
        .map(|(listener, script)| peer::serve(listener, script))
        .collect();
    let sender: Address = "sender@example.org".parse().unwrap();
    let recipient = Recipient::plain("recipient@example.nl".parse().unwrap());
    let mail = mail(Some(&sender), &recipient, floor);
    (outbound(port, NO_DNS).try_hosts(hosts, &mail, floor, content).await, ears)
}

/// With a floor, nothing of the mail may be said in the clear; when it was missed, nothing of it may be said at all.
#[track_caller]
fn check_silence(ears: &[Ears], floor: Option<Floor>, outcome: &Outcome) {
    let missed = matches!(outcome, Outcome::FloorMissed { .. });
    for heard in ears.iter().flat_map(|ears| ears.lock().unwrap().clone()) {
        let of_the_session =
            ["EHLO", "HELO", "STARTTLS", "QUIT"].iter().any(|verb| heard.line.starts_with(verb));
        let allowed = floor.is_none() || of_the_session || (heard.encrypted && !missed);
        assert!(allowed, "{heard:?} was said although {}", line(outcome));
    }
}

#[track_caller]
fn check_hosts(hosts: &[Host], scripts: Vec<Script>, floor: Option<Floor>, expected: &str) {
    let (outcome, ears) = block_on(deliver(hosts, scripts, floor, &mut CONTENT.as_bytes()));
    assert_eq!(line(&outcome), expected);
    check_silence(&ears, floor, &outcome);
}

/// Checks what becomes of a mail to one server.
#[track_caller]
fn check(script: Script, floor: Option<Floor>, expected: &str) {
    check_hosts(&[host("mx.example.nl", 1)], vec![script], floor, expected);
}

/// Checks a server that fails the mail for now, whatever the floor.
#[track_caller]
fn check_deferred(script: &Script, why: &str) {
    for floor in [None, Some(Floor::Pkix)] {
        check(script.clone(), floor, &format!("deferred: mx.example.nl [127.0.0.1]: {why}"));
    }
}

#[test]
fn a_good_server_meets_the_floor_by_either_version() {
    for floor in [None, Some(Floor::Tls), Some(Floor::Pkix)] {
        check(good(), floor, "accepted: mx.example.nl TLSv1.3 Valid");
        check(tls(Leaf::Wildcard), floor, "accepted: mx.example.nl TLSv1.3 Valid");
        check(
            tls_of(Leaf::Good, &[&rustls::version::TLS12]),
            floor,
            "accepted: mx.example.nl TLSv1.2 Valid",
        );
    }
}

#[test]
fn no_starttls_misses_every_floor() {
    for floor in [Floor::Tls, Floor::Pkix, Floor::Dane] {
        let missed =
            format!("missed {floor}: the server offers no STARTTLS; mx.example.nl no TLS None");
        check(Script::default(), Some(floor), &missed);
        check(good().answering(At::StartTls, "502 not today"), Some(floor), &missed);
    }
    check(Script::default(), None, "accepted: mx.example.nl no TLS None");
}

#[test]
fn a_certificate_that_proves_nothing_misses_pkix_and_meets_tls() {
    let cases = [
        (Leaf::OtherName, Certificate::CertificateHostMismatch),
        (Leaf::Expired, Certificate::CertificateExpired),
        (Leaf::NotYetValid, Certificate::CertificateNotYetValid),
        (Leaf::OtherCa, Certificate::CertificateNotTrusted),
        (Leaf::SelfSigned, Certificate::CertificateNotTrusted),
        (Leaf::SelfSignedCa, Certificate::CertificateNotTrusted),
    ];
    for (kind, verdict) in cases {
        let evidence = format!("mx.example.nl TLSv1.3 {verdict:?}");
        let miss = Miss::Certificate(verdict);
        check(tls(kind), Some(Floor::Pkix), &format!("missed pkix: {miss}; {evidence}"));
        check(tls(kind), Some(Floor::Tls), &format!("accepted: {evidence}"));
        check(tls(kind), None, &format!("accepted: {evidence}"));
    }
}

#[test]
fn a_name_that_nothing_vouches_for_misses_pkix() {
    let hosts = [Host { authentic: None, ..host("mx.example.nl", 1) }];
    let miss = Miss::NameNotAuthentic;
    check_hosts(
        &hosts,
        vec![good()],
        Some(Floor::Pkix),
        &format!("missed pkix: {miss}; mx.example.nl TLSv1.3 Valid"),
    );
}

#[test]
fn a_failed_handshake_is_a_miss_and_opportunistic_mail_goes_in_the_clear() {
    let broken = [
        good().ending(At::StartTls, "220 go"),
        good().ending(At::StartTls, "220 go\r\n\x15\x03\x03\x00\x02\x02\x28"),
    ];
    check(
        broken[0].clone(),
        Some(Floor::Tls),
        "missed tls: the TLS handshake failed; mx.example.nl no TLS None",
    );
    check(broken[0].clone(), None, "accepted: mx.example.nl no TLS None");
    check_deferred(&broken[1], "the server spoke out of turn before the TLS handshake");
}

#[test]
fn plaintext_after_the_go_ahead_for_tls_is_refused() {
    check_deferred(
        &good().answering(At::StartTls, "220 go\r\n250-peer\r\n250 DSN"),
        "the server spoke out of turn before the TLS handshake",
    );
}

#[test]
fn a_server_that_cannot_do_tls_right_now_is_asked_later_when_it_must() {
    let script = good().answering(At::StartTls, "454 4.7.0 out of memory");
    let why = "deferred: mx.example.nl [127.0.0.1]: STARTTLS: 454 4.7.0 out of memory";
    check(script.clone(), Some(Floor::Tls), why);
    check(script, None, "accepted: mx.example.nl no TLS None");
}

#[test]
fn an_unwilling_server_is_asked_later() {
    check_deferred(&good().ending(At::Banner, "554 no"), "the greeting: 554 no");
    check_deferred(&good().ending(At::Banner, "421 busy"), "the greeting: 421 busy");
    check_deferred(&good().answering(At::Ehlo, "450 hm"), "EHLO: 450 hm");
    check_deferred(&good().answering(At::EhloInTls, "550 hm"), "EHLO: 550 hm");
    check_deferred(&good().answering(At::MailFrom, "450 4.7.1 grey"), "MAIL FROM: 450 4.7.1 grey");
    check_deferred(
        &good().answering(At::RcptTo, "451-4.3.0 a\r\n451 4.3.0 b"),
        "RCPT TO: 451 4.3.0 a b",
    );
    check_deferred(&good().answering(At::Data, "421 4.3.2 bye"), "DATA: 421 4.3.2 bye");
    check_deferred(&good().answering(At::Data, "250 what"), "DATA: 250 what");
}

#[test]
fn of_a_server_that_has_seen_the_content_only_the_codes_are_kept() {
    let codes = "the end of the content: 452 4.3.1";
    check_deferred(&good().answering(At::End, "452 4.3.1 not this canary"), codes);
    for floor in [None, Some(Floor::Pkix)] {
        check(
            good().answering(At::End, "554-5.7.1 no\r\n554 5.7.1 canary.exe"),
            floor,
            "refused: 554 5.7.1  (mx.example.nl)",
        );
        check(
            good().ending(At::Data, "354 go on\r\n552 canary"),
            floor,
            "refused: 552 -  (mx.example.nl)",
        );
    }
}

#[test]
fn a_refusal_is_final() {
    for floor in [None, Some(Floor::Pkix)] {
        for at in [At::MailFrom, At::RcptTo, At::Data] {
            check(
                good().answering(at, "550-5.1.1 no\r\n550 5.1.1 such\tuser"),
                floor,
                "refused: 550 5.1.1 no such user (mx.example.nl)",
            );
        }
        check(good().answering(At::RcptTo, "554 no"), floor, "refused: 554 - no (mx.example.nl)");
    }
}

#[test]
fn what_is_no_reply_is_not_believed() {
    let what = "the answer to RCPT TO is no SMTP reply: a line has no reply code";
    check_deferred(&good().answering(At::RcptTo, "ok"), what);
    check_deferred(
        &good().answering(At::RcptTo, "250-ok\r\n550 no"),
        "the answer to RCPT TO is no SMTP reply: its lines have different codes",
    );
    check_deferred(
        &good().answering(At::Data, "354 go\r\n250 taken already"),
        "the server spoke out of turn before the content",
    );
}

#[test]
fn a_server_without_ehlo_is_only_good_enough_for_no_floor() {
    let old = Script::default().answering(At::Ehlo, "502 what");
    check(old.clone(), None, "accepted: mx.example.nl no TLS None");
    check(old, Some(Floor::Tls), "deferred: mx.example.nl [127.0.0.1]: EHLO: 502 what");
}

#[test]
fn a_connection_lost_before_the_last_reply_is_for_another_time_and_not_for_another_host() {
    let hosts = [host("mx.example.nl", 1), host("mx2.example.nl", 2)];
    let why = "deferred: mx.example.nl [127.0.0.1]: the connection was lost at the end of the content: unexpected end of file";
    check_hosts(&hosts, vec![good().ending(At::End, ""), good()], Some(Floor::Tls), why);
}

#[test]
fn another_host_takes_over() {
    let hosts = [host("mx.example.nl", 1), host("mx2.example.nl", 2)];
    let taken = "accepted: mx2.example.nl TLSv1.3 CertificateHostMismatch";
    let silent = Host { addresses: Err("the DNS is silent".into()), ..host("mx.example.nl", 1) };
    check_hosts(
        &[silent, host("mx2.example.nl", 2)],
        vec![good(), good()],
        Some(Floor::Tls),
        taken,
    );
    for first in [
        good().answering(At::RcptTo, "450 grey"),
        good().ending(At::Data, ""),
        good().ending(At::Banner, "554 no"),
        Script::default(),
    ] {
        check_hosts(&hosts, vec![first, good()], Some(Floor::Tls), taken);
    }
    let unreachable = [host("mx.example.nl", 9), host("mx2.example.nl", 2)];
    check_hosts(&unreachable, vec![good(), good()], Some(Floor::Tls), taken);
}

#[test]
fn a_host_that_asks_for_another_time_goes_before_a_miss() {
    let hosts = [host("mx.example.nl", 1), host("mx2.example.nl", 2)];
    check_hosts(
        &hosts,
        vec![Script::default(), good().answering(At::RcptTo, "450 grey")],
        Some(Floor::Tls),
        "deferred: mx2.example.nl [127.0.0.2]: RCPT TO: 450 grey",
    );
    let unknown = Host { addresses: Err("the DNS is silent".into()), ..host("mx2.example.nl", 2) };
    check_hosts(
        &[hosts[0].clone(), unknown],
        vec![Script::default()],
        Some(Floor::Tls),
        "deferred: the DNS is silent",
    );
}

#[test]
fn when_all_hosts_that_answer_miss_the_floor_the_best_is_the_evidence() {
    let hosts = [host("mx3.example.nl", 1), host("mx.example.nl", 2), host("mx2.example.nl", 9)];
    check_hosts(
        &hosts,
        vec![Script::default(), tls(Leaf::Expired)],
        Some(Floor::Pkix),
        "missed pkix: the server's certificate has expired; mx.example.nl TLSv1.3 CertificateExpired",
    );
}

#[test]
fn a_host_without_an_address_is_for_another_time() {
    let hosts = [Host { addresses: Ok(Vec::new()), ..host("mx.example.nl", 1) }];
    let why = "deferred: no mail server of example.nl has a usable address";
    check_hosts(&hosts, vec![good()], Some(Floor::Tls), why);
}

#[test]
fn the_mail_is_said_as_it_should_be() {
    for extensions in [&["PIPELINING", "DSN", "8BITMIME"][..], &["DSN", "8BITMIME"][..]] {
        let hosts = [host("mx.example.nl", 1)];
        let script = good().offering(extensions);
        let (_, ears) =
            block_on(deliver(&hosts, vec![script], Some(Floor::Pkix), &mut CONTENT.as_bytes()));
        let heard: Vec<_> =
            ears[0].lock().unwrap().iter().map(|heard| heard.line.clone()).collect();
        let said = [
            "EHLO relay.example.org",
            "STARTTLS",
            "EHLO relay.example.org",
            "MAIL FROM:<sender@example.org> BODY=8BITMIME RET=HDRS",
            "RCPT TO:<recipient@example.nl>",
            "DATA",
            "Subject: x",
            "",
            "..canary",
            ".",
        ];
        assert_eq!(
            heard.iter().filter(|line| *line != "QUIT").collect::<Vec<_>>(),
            said.iter().collect::<Vec<_>>()
        );
    }
}

/// Content that fails to be read after its first piece.
struct Torn(&'static [u8]);

impl AsyncRead for Torn {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0.is_empty() {
            return Poll::Ready(Err(io::Error::other("the seal is broken")));
        }
        buffer.put_slice(std::mem::take(&mut self.0));
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_message_that_cannot_be_read_whole_is_never_ended() {
    let damaged = "the stored message has a line end that is not CR LF";
    let contents: [(&mut Content<'_>, &str); 3] = [
        (
            &mut Torn(b"Subject: x\r\n\r\ncan"),
            "the stored message cannot be read: the seal is broken",
        ),
        (&mut &b"Subject: x\n.\r\n"[..], damaged),
        (&mut &b"Subject: x\r"[..], damaged),
    ];
    for (content, why) in contents {
        let (outcome, ears) = block_on(deliver(
            &[host("mx.example.nl", 1)],
            vec![good()],
            Some(Floor::Pkix),
            content,
        ));
        assert_eq!(line(&outcome), format!("deferred: {why}"));
        let heard = ears[0].lock().unwrap().clone();
        let after =
            heard.iter().skip_while(|heard| heard.line != "DATA").map(|heard| heard.line.as_str());
        assert!(after.into_iter().all(|line| line != "." && line != "QUIT"), "{heard:?}");
    }
}
