//! What the log says of a connection.

use super::peer::{self, At, Script};
use super::{
    Address, CONTENT, Floor, NO_DNS, Recipient, block_on, good, host, mail, outbound, summary,
};

/// Checks the line about a delivery from `sender@example.org` to `recipient@example.nl`.
#[track_caller]
fn check(script: Script, expected: &str) {
    let said = block_on(async {
        let (port, mut listeners) = peer::listeners(1).await;
        peer::serve(listeners.remove(0), script);
        let (outbound, hosts) = (outbound(port, NO_DNS), [host("mx.example.nl", 1)]);
        let peer = outbound.peers(&hosts).next().unwrap();
        let sender: Address = "sender@example.org".parse().unwrap();
        let recipient = Recipient::plain("recipient@example.nl".parse().unwrap());
        let mail = mail(Some(&sender), &recipient, Some(Floor::Pkix));
        let attempt =
            outbound.attempt(peer, &mail, Some(Floor::Pkix), &mut CONTENT.as_bytes()).await;
        summary(recipient.address.domain(), peer, &attempt)
    });
    assert_eq!(said, format!("mx.example.nl [127.0.0.1] for example.nl: {expected}"));
}

#[test]
fn the_log_names_the_host_and_the_domain_but_nobody() {
    let proven = "(TLSv1.3, the server's certificate is valid)";
    check(good(), &format!("accepted {proven}"));
    let refusing = good().answering(At::RcptTo, "550 5.1.1 <recipient@example.nl> is unknown");
    check(refusing, &format!("refused with 550 {proven}"));
    let grey = good().answering(At::RcptTo, "450 4.7.1 <recipient@example.nl> must wait");
    check(grey, &format!("deferred {proven}"));
    check(Script::default(), "floor missed, the server offers no STARTTLS (no TLS)");
}
