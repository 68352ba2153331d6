//! Routes, asked of a real name server.

use std::net::SocketAddr;

use zegel_core::transport::Authentic;

use super::{
    CONTENT, Floor, Outbound, Outcome, Recipient, Way, block_on, good, line as told, mail,
    outbound, peer,
};
use crate::config;
use crate::dns::knot::{Knot, Zone};
use crate::outbound::mx::{Directory, Host, Route};

const ZONE: &str = "\
$ORIGIN example.nl.
$TTL 300
@ SOA ns hostmaster 1 300 300 300 300
@ NS ns
@ MX 10 mx
mx A 127.0.0.1
ns A 127.0.0.1
plain MX 20 mx2.plain
plain MX 10 mx1.plain
mx1.plain A 192.0.2.1
mx1.plain AAAA 2001:db8::1
mx2.plain A 192.0.2.2
alias CNAME plain
foreign MX 10 pointer
pointer CNAME mx2.plain
implicit AAAA 2001:db8::5
null MX 0 .
empty TXT \"no mail here\"
addressless MX 10 gone
odd MX 10 localhost.
elsewhere NS ns.elsewhere
ns.elsewhere A 127.0.0.99
";

/// The zone of these tests, with more MX records than fit into UDP.
fn knot() -> Knot {
    let many: Vec<_> =
        (10..50).map(|n| format!("many MX {n} {}{n}.many", "x".repeat(60))).collect();
    let text = format!("{ZONE}{}\n", many.join("\n"));
    Knot::start(&[Zone { name: "example.nl", text, signed: false }])
}

fn directory(server: SocketAddr) -> Directory {
    Directory::new(super::resolver(server), &config::Outbound::default()).unwrap()
}

/// A route on one line, for comparison.
fn line(route: Route) -> String {
    match route {
        Route::Hosts(hosts) => hosts.iter().map(host).collect::<Vec<_>>().join("; "),
        Route::None { enhanced, .. } => format!("none {enhanced}"),
        Route::Unknown(_) => "unknown".into(),
    }
}

fn host(host: &Host) -> String {
    let believed = if host.authentic == Some(Authentic::UnderRecipientDomain) {
        ""
    } else {
        " (not believed)"
    };
    let addresses: Vec<_> = host.addresses.iter().flatten().map(ToString::to_string).collect();
    format!("{}{believed} {}", host.name, addresses.join(" ")).trim_end().to_owned()
}

#[test]
fn the_dns_gives_hosts_a_clear_no_or_nothing_to_go_by() {
    let knot = knot();
    let directory = directory(knot.server);
    let plain = "mx1.plain.example.nl 2001:db8::1 192.0.2.1; mx2.plain.example.nl 192.0.2.2";
    let cases = [
        ("plain.example.nl", plain),
        ("foreign.example.nl", "pointer.example.nl (not believed) 192.0.2.2"),
        ("implicit.example.nl", "implicit.example.nl 2001:db8::5"),
        ("addressless.example.nl", "gone.example.nl (not believed)"),
        ("null.example.nl", "none 5.1.10"),
        ("missing.example.nl", "none 5.1.2"),
        ("empty.example.nl", "none 5.4.4"),
        ("odd.example.nl", "unknown"),
        ("elsewhere.example.nl", "unknown"),
        ("broken.example.nl", "unknown"),
        ("not-served-here.org", "unknown"),
    ];
    block_on(async {
        // Twice, as the second answer comes from the cache.
        for (domain, expected) in cases.into_iter().chain(cases) {
            assert_eq!(
                line(directory.route(&domain.parse().unwrap(), &Way::Usual).await),
                expected,
                "{domain}"
            );
        }
        let alias = line(directory.route(&"alias.example.nl".parse().unwrap(), &Way::Usual).await);
        assert_eq!(alias.replace(" (not believed)", ""), plain);
        let Route::Hosts(many) =
            directory.route(&"many.example.nl".parse().unwrap(), &Way::Usual).await
        else {
            panic!("an answer too long for UDP must come by TCP");
        };
        assert_eq!(many.len(), 10);
    });
}

async fn send(outbound: &Outbound, recipient: &str) -> Outcome {
    let recipient = Recipient::plain(recipient.parse().unwrap());
    let mail = mail(None, &recipient, Some(Floor::Pkix));
    outbound.send(&mail, &mut CONTENT.as_bytes()).await
}

#[test]
fn a_mail_finds_its_way_by_the_dns_alone() {
    let knot = knot();
    block_on(async {
        let (port, mut listeners) = peer::listeners(1).await;
        peer::serve(listeners.remove(0), good());
        for (recipient, expected) in [
            ("recipient@example.nl", "accepted: mx.example.nl TLSv1.3 Valid"),
            (
                "recipient@null.example.nl",
                "no route: 5.1.10 null.example.nl takes no mail (null MX)",
            ),
            ("recipient@missing.example.nl", "no route: 5.1.2 missing.example.nl does not exist"),
            (
                "jürgen@example.nl",
                "refused: 550 5.6.7 the server takes no addresses with characters beyond ASCII (mx.example.nl)",
            ),
            ("recipient@odd.example.nl", "deferred: odd.example.nl has no usable MX record"),
        ] {
            let outcome = send(&outbound(port, knot.server), recipient).await;
            assert_eq!(told(&outcome), expected, "{recipient}");
        }
    });
}
