//! What `explain` sees of a server.

use super::*;

#[test]
fn a_probe_shows_what_a_delivery_would_see_and_says_nothing() {
    block_on(async {
        let (port, mut listeners) = peer::listeners(1).await;
        let ears = peer::serve(listeners.remove(0), tls(Leaf::Expired));
        let seen = outbound(port, NO_DNS).probe_hosts(&[host("mx.example.nl", 1)]).await.unwrap();
        assert_eq!(evidence(&seen), "mx.example.nl TLSv1.3 CertificateExpired");
        let tls = seen.tls.unwrap();
        assert_eq!((tls.name.as_deref(), tls.fingerprint.len()), (Some("mx.example.nl"), 64));
        assert!(ears.lock().unwrap().iter().all(|heard| !heard.line.starts_with("MAIL")));
    });
}
