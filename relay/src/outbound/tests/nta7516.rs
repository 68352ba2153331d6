//! NTA 7516, from signed zones to the handshake.

use zegel_core::nta7516::{Fault, Unqualified};

use super::dane::{by_signed_root, internet, record, showing};
use super::*;

/// 15 June 2024.
const NOW: Moment = Moment(1_718_452_800);

fn text(fields: &str) -> String {
    format!("\"v=NTA7516-1;startdate=2024-01;enddate=2024-12;provider=X\" \"{fields}\"")
}

fn settings() -> config::Nta7516 {
    toml::from_str("domains = [\"sender.test\"]\nexclude = [\"excluded.test\"]").unwrap()
}

async fn ask(resolver: &Resolver, sender: &str, recipient: &str) -> Verdict {
    let nta7516 = Nta7516::new(resolver.clone(), Some(&settings()));
    nta7516.ask(&sender.parse().unwrap(), &recipient.parse().unwrap(), NOW).await
}

#[test]
fn both_domains_must_say_so_in_signed_records() {
    let qualified = format!("sender TXT {}\n", text(""));
    let knot = internet(&format!(
        "{qualified}\
         named TXT {hosts}\nnamed TXT \"v=spf1 -all\"\n\
         over TXT \"v=NTA7516-1;startdate=2023-01;enddate=2024-05\"\n\
         bare TXT \"v=spf1 -all\"\n\
         a.excluded TXT {hosts}\n\
         away CNAME plain.other.\n",
        hosts = text(";ntamx=20 b.named.test;ntamx=10 a.named.test.")
    ));
    let dns = Dns {
        servers: vec![knot.server],
        dnssec: Dnssec::Validate,
        trust_anchor: Some(knot.trust_anchor()),
    };
    let host = |preference, name: &str| (preference, name.parse().unwrap());
    let no = |fault| Verdict::No(Unqualified::Recipient(fault));
    let cases = [
        ("named.test", Verdict::Yes(vec![host(20, "b.named.test"), host(10, "a.named.test")])),
        ("sender.test", Verdict::Yes(vec![])),
        ("over.test", no(Fault::Over)),
        ("bare.test", no(Fault::NoRecord)),
        ("absent.test", no(Fault::NoRecord)),
        ("plain.other", no(Fault::Insecure)),
        ("away.test", no(Fault::Insecure)),
        ("a.excluded.test", Verdict::No(Unqualified::Excluded)),
        ("bogus.other", Verdict::Unknown),
    ];
    block_on(async {
        let resolver = Resolver::new(&dns).unwrap();
        for (recipient, expected) in cases {
            assert_eq!(ask(&resolver, "sender.test", recipient).await, expected, "{recipient}");
        }
        let stranger = ask(&resolver, "named.test", "named.test").await;
        assert_eq!(stranger, Verdict::No(Unqualified::NotSetUp));
        let nobody = super::resolver(NO_DNS);
        let unknown = ask(&nobody, "sender.test", "named.test").await;
        assert_eq!(unknown, Verdict::Unknown);
        let off = Nta7516::new(resolver, None);
        let sender = "sender.test".parse().unwrap();
        assert_eq!(off.ask(&sender, &sender, NOW).await, Verdict::No(Unqualified::NotSetUp));
    });
}

#[test]
fn the_named_hosts_get_the_mail_over_dane_alone() {
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let leaf = certificate(Leaf::SelfSigned, &key);
    let knot = internet(&format!(
        "@ MX 10 mx\nmx A 127.0.0.1\nnta A 127.0.0.2\n_25._tcp.nta TLSA {record}\nbare A 127.0.0.2\n",
        record = record(3, 1, 1, &leaf)
    ));
    let right = showing(vec![leaf], &key, rustls::ALL_VERSIONS);
    let wrong = showing(vec![certificate(Leaf::Good, &other)], &other, rustls::ALL_VERSIONS);
    for (host, script, expected) in [
        ("nta.test", &right, "accepted: nta.test TLSv1.3 DaneValid"),
        ("nta.test", &wrong, "deferred: nta.test [127.0.0.2]: 4.7.5 "),
        ("bare.test", &right, "missed dane: no DANE record"),
        ("absent.test", &right, "deferred: no mail server of sub.test"),
    ] {
        let (outcome, ears) = block_on(async {
            let (port, listeners) = peer::listeners(2).await;
            let scripts = [good(), script.clone()];
            let serve = |(listener, script)| peer::serve(listener, script);
            let ears: Vec<_> = listeners.into_iter().zip(scripts).map(serve).collect();
            let recipient = Recipient::plain("recipient@sub.test".parse().unwrap());
            let way = Way::Named(vec![(10, host.parse().unwrap())]);
            let mail = Mail { way, ..mail(None, &recipient, Some(Floor::Dane)) };
            (by_signed_root(port, &knot).send(&mail, &mut CONTENT.as_bytes()).await, ears)
        });
        let told = line(&outcome);
        assert!(told.starts_with(expected), "{host}: {told}, not {expected}");
        assert!(ears[0].lock().unwrap().is_empty(), "{host}: the MX host was called");
        let said = ears[1].lock().unwrap().iter().any(|heard| heard.line.contains("MAIL"));
        assert_eq!(said, matches!(outcome, Outcome::Accepted(_)), "{host}: {told}");
    }
}
