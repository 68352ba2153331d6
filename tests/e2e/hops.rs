//! Where the administrator says more than the DNS: inboxes of the organisation's own, and domains that direct delivery is
//! preferred to. And what the relay asks of the servers behind the next one.

use zegel_tests::ca::Kind;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::mailbox::{Mailbox, arrival};
use zegel_tests::process::run;
use zegel_tests::wait::until;

use crate::{CERTIFIED, TEXT, assert_kept_secret, secured, to};

/// The SHA-256 of the certificate that the server of this domain shows.
fn fingerprint(lab: &Lab, domain: &str) -> String {
    let file = lab.place.file(&format!("mx.{domain}.pem"));
    let arguments = ["x509", "-noout", "-fingerprint", "-sha256", "-in", &file.to_string_lossy()];
    let printed = run("/usr/bin/openssl", &arguments);
    printed.trim().rsplit('=').next().unwrap_or_default().to_owned()
}

fn inbound(fingerprint: &str) -> String {
    format!(
        "[[inbound]]\ndomain = \"org.test\"\nnext-hop = \"mx.org.test\"\nfingerprints = [\"{fingerprint}\"]"
    )
}

#[tokio::test]
async fn mail_to_the_organisations_own_goes_straight_into_their_inboxes() {
    let mut lab = Lab::start(Setup::default()).await;
    let own = lab.sink("org.test", Some(Kind::SelfSigned));
    lab.reconfigure("", &inbound(&fingerprint(&lab, "org.test"))).await;
    assert!(lab.relay.command(&["check"]).contains("no problems"));
    lab.send(&secured().to("piet@org.test")).await;
    let found = arrival(&own, "the letter", to("piet@org.test")).await;
    assert!(found.text().contains(TEXT));
    let shown = until("the evidence", || {
        Some(lab.relay.delivery("piet@org.test")).filter(|shown| shown.contains("sent"))
    });
    let shown = shown.await;
    assert!(shown.contains("inbox") && shown.contains("administrator vouches"), "{shown}");
    assert!(own.sessions().iter().all(|session| session.tls.is_some() || !session.said("MAIL")));
}

#[tokio::test]
async fn a_next_hop_with_another_certificate_than_the_pinned_one_gets_nothing() {
    let mut lab = Lab::start(Setup::default()).await;
    let own = lab.sink("org.test", Some(Kind::Good));
    lab.reconfigure("", &inbound(&"0".repeat(64))).await;
    lab.send(&secured().to("piet@org.test")).await;
    let shown = until("two attempts", || {
        let tried = own.sessions().len() > 1;
        let shown = lab.relay.delivery("piet@org.test");
        Some(shown).filter(|shown| tried && shown.contains("4.7.5"))
    });
    let shown = shown.await;
    assert!(shown.contains("planned by inbox"), "{shown}");
    assert!(shown.contains("not one that the administrator names"), "{shown}");
    assert!(own.sessions().iter().all(|session| !session.said("MAIL")));
}

#[tokio::test]
async fn a_pinned_domain_has_the_hosts_and_the_roots_that_the_administrator_names() {
    let mut lab = Lab::start(Setup::default()).await;
    let (mx, named) =
        (lab.sink("good.test", Some(Kind::Good)), lab.sink("other.test", Some(Kind::Good)));
    let pin = format!(
        "[[pin]]\ndomain = \"good.test\"\nmx = [\"mx.other.test\"]\nroots = \"{}\"",
        lab.ca.root().display()
    );
    lab.reconfigure("", &pin).await;
    lab.send(&secured().to("lisa@good.test").header(CERTIFIED.0, CERTIFIED.1)).await;
    let found = arrival(&named, "the letter", to("lisa@good.test")).await;
    assert!(found.text().contains(TEXT));
    lab.send(&secured().to("els@good.test")).await;
    let found = arrival(&named, "a notification", to("els@good.test")).await;
    assert!(found.link().is_some());
    assert!(mx.sessions().is_empty(), "the host of the MX record was called");
}

#[tokio::test]
async fn a_domain_on_the_list_gets_the_message_itself_and_a_bad_list_changes_nothing() {
    let mut lab = Lab::start(Setup::default()).await;
    let (good, plain) = (lab.sink("good.test", Some(Kind::Good)), lab.sink("plain.test", None));
    let list = lab.place.write("preferred", "# nobody yet\n");
    lab.reconfigure(&format!("prefer-direct-file = \"{}\"", list.display()), "").await;
    lab.send(&secured().to("els@good.test")).await;
    let found = arrival(&good, "a notification", to("els@good.test")).await;
    assert!(found.link().is_some());
    assert_kept_secret(&good);

    lab.place.write("preferred", "good.test\nplain.test\n");
    lab.relay.hang_up();
    until("the list", || lab.relay.log().contains("names 2 domains").then_some(())).await;
    lab.place.write("preferred", "plain.test\nthis is no domain\n");
    lab.relay.hang_up();
    until("the fault", || lab.relay.log().contains("line 2").then_some(())).await;

    lab.send(&secured().to("lisa@good.test").to("pim@plain.test")).await;
    let found = arrival(&good, "the letter", to("lisa@good.test")).await;
    assert!(found.text().contains(TEXT));
    let found = arrival(&plain, "a notification", to("pim@plain.test")).await;
    assert!(found.link().is_some());
    assert_kept_secret(&plain);
    let shown = lab.relay.delivery("lisa@good.test");
    assert!(shown.contains("transport-security"), "{shown}");
}

#[tokio::test]
async fn a_server_that_offers_it_is_asked_to_demand_tls_of_those_behind_it_whatever_the_sender_writes()
 {
    let lab = Lab::start(Setup::default()).await;
    let script = lab
        .script("good.test", Some(Kind::Good))
        .answer("EHLO", "250-sink.test\r\n250 STARTTLS", 1)
        .answer("EHLO", "250-sink.test\r\n250 REQUIRETLS", 1);
    let good = lab.sink_with("good.test", script);
    let letter = secured().to("lisa@good.test").header(CERTIFIED.0, CERTIFIED.1);
    lab.send(&letter.header("TLS-Required", "No")).await;
    let found = arrival(&good, "the letter", to("lisa@good.test")).await;
    assert!(found.head("TLS-Required").is_none());
    let sessions = good.sessions();
    let said: Vec<_> = sessions.iter().flat_map(|session| &session.commands).collect();
    assert!(said.iter().any(|line| *line == "MAIL FROM:<jan@org.test> REQUIRETLS"), "{said:?}");
    assert_eq!(good.arrivals().len(), 1);
}
