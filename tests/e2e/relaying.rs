//! Another mail server hands its mail to the gateway: SPF says whether it may, and nobody makes an open relay of us.

use zegel_tests::ca::Kind;
use zegel_tests::gateway::{Credential, HELLO};
use zegel_tests::lab::{Lab, Port, Setup};
use zegel_tests::letter::Letter;
use zegel_tests::mailbox::arrival;
use zegel_tests::mta::{MailServer, Postfix};
use zegel_tests::submit::{Reply, submit};
use zegel_tests::wait::until;

use crate::{CERTIFIED, TEXT, secured, to};

/// The last octet of the address that may send for the organisation, and of one that may not.
const OWN: u8 = 20;
const FOREIGN: u8 = 21;

/// `sub.unserved.test` cannot be looked up: the name server refuses to answer.
const SPF: &str = r#"spf.domains = ["org.test", "other.test", "plain.test", "unserved.test"]"#;

async fn lab() -> Lab {
    let records = vec![
        ("org.test", format!("@ TXT \"v=spf1 ip4:127.0.0.{OWN} -all\"")),
        ("other.test", "@ TXT \"v=spf1 +all\"".to_owned()),
    ];
    Lab::start(Setup { gateway: Some(SPF.to_owned()), records, ..Setup::default() }).await
}

fn assert_nothing_kept(lab: &Lab) {
    let queue = lab.relay.command(&["queue", "list", "--all"]);
    assert_eq!(queue.trim(), "nothing is waiting");
}

/// Has a mail server pass on a letter with this envelope sender, and waits until its log says this.
async fn passed_on(server: &Postfix, sender: &str, letter: &Letter, says: &str) {
    server.sendmail(&["-f", sender, "lisa@good.test"], &letter.message());
    until(says, || server.log().contains(says).then_some(())).await;
}

fn letter(author: &str) -> Letter {
    Letter::from(author).to("lisa@good.test").text(TEXT).header(CERTIFIED.0, CERTIFIED.1)
}

#[tokio::test]
async fn a_mail_server_that_spf_authorises_hands_over_its_mail_inside_tls() {
    let lab = lab().await;
    let good = lab.sink("good.test", Some(Kind::Good));
    let own = lab.relaying(OWN).await;
    submit(own.address(), &letter("jan@org.test")).await.expect_kept();
    let found = arrival(&good, "the letter", to("lisa@good.test")).await;
    assert!(found.text().contains(TEXT));
    let received = found.heads("Received").join("\n");
    assert!(received.contains(&format!("[127.0.0.{OWN}]")) && received.contains("ESMTPS"));
    until("the server's queue to be empty", || own.queue().is_empty().then_some(())).await;
}

#[tokio::test]
async fn a_mail_server_that_spf_does_not_authorise_is_refused_and_nothing_is_kept() {
    let lab = lab().await;
    let (own, foreign) = (lab.relaying(OWN).await, lab.relaying(FOREIGN).await);
    passed_on(&foreign, "jan@org.test", &letter("jan@org.test"), "550 5.7.23").await;
    // Who lets everybody send for a domain has proved nothing for it.
    passed_on(&own, "eve@other.test", &letter("eve@other.test"), "550 5.7.1").await;
    // A domain without a policy.
    passed_on(&own, "eve@plain.test", &letter("eve@plain.test"), "has no SPF policy").await;
    // Another author than the one that SPF speaks of.
    passed_on(&own, "jan@org.test", &letter("ceo@other.test"), "is not aligned with org.test")
        .await;
    assert_nothing_kept(&lab);
    let log = lab.relay.log();
    assert!(log.contains("is refused at MAIL: SPF for org.test: "), "{log}");
}

#[tokio::test]
async fn a_failed_look_up_of_spf_leaves_the_mail_with_its_server() {
    let lab = lab().await;
    let own = lab.relaying(OWN).await;
    passed_on(&own, "jan@unserved.test", &letter("jan@unserved.test"), "451 4.7.24").await;
    let waiting = until("a reason to wait", || {
        own.queue().into_iter().find(|queued| queued.reason.is_some())
    })
    .await;
    assert_eq!(waiting.recipients, ["lisa@good.test"]);
    assert_nothing_kept(&lab);
}

/// Recipients that made open relays of servers.
const RECIPIENTS: [&str; 9] = [
    "<lisa@good.test>",
    "<lisa%good.test@org.test>",
    "<lisa%good.test@[127.0.0.8]>",
    "<\"lisa@good.test\"@org.test>",
    "<\"lisa@good.test\">",
    "<good.test!lisa>",
    "<good.test!lisa@org.test>",
    "<@org.test:lisa@good.test>",
    "<lisa@good.test@org.test>",
];

/// Says all that leads to a message, whatever the answers are: those to MAIL, RCPT and DATA.
async fn attempt<S>(
    client: &mut zegel_tests::submit::Client<S>,
    sender: &str,
    recipient: &str,
) -> [Reply; 3]
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mail = client.command(&format!("MAIL FROM:{sender}")).await;
    let rcpt = client.command(&format!("RCPT TO:{recipient}")).await;
    [mail, rcpt, client.command("DATA").await]
}

#[track_caller]
fn assert_refused(replies: &[Reply; 3], what: &str) {
    assert!(replies.iter().all(|reply| reply.code >= 500), "{what}: {replies:?}");
}

#[tokio::test]
async fn nobody_relays_without_a_login_or_a_policy() {
    let lab = lab().await;
    let caller = lab.caller();
    for recipient in RECIPIENTS {
        for sender in ["<jan@org.test>", "<>", "<jan@[127.0.0.1]>", "<@org.test:jan@org.test>"] {
            let what = format!("{sender} to {recipient}");
            let mut client = caller.implicit(lab.gateway(Port::Submissions)).await;
            client.command(HELLO).await;
            assert_refused(&attempt(&mut client, sender, recipient).await, &what);
        }
        // 127.0.0.1 is no host of org.test; good.test is not listed; plain.test has no policy.
        for sender in
            ["<jan@org.test>", "<>", "<eve@good.test>", "<eve@plain.test>", "<postmaster>"]
        {
            let what = format!("relay: {sender} to {recipient}");
            let mut client = caller.starttls(lab.gateway(Port::Relay)).await;
            client.command(HELLO).await;
            assert_refused(&attempt(&mut client, sender, recipient).await, &what);
        }
        let mut client = caller.plain(lab.gateway(Port::Relay)).await;
        client.command(HELLO).await;
        assert_refused(&attempt(&mut client, "<jan@org.test>", recipient).await, "in the clear");
    }
    assert_nothing_kept(&lab);
}

#[tokio::test]
async fn a_login_sends_as_its_own_domain_and_to_plain_addresses_alone() {
    let lab = lab().await;
    let credential = Credential::create(&lab.relay, "org.test");
    let mut client = lab.caller().implicit(lab.gateway(Port::Submissions)).await;
    client.command(HELLO).await;
    assert_eq!(credential.plain(&mut client).await.code, 235);
    for sender in ["<ceo@other.test>", "<ceo%other.test@good.test>", "<jan@sub.org.test>"] {
        assert_eq!(client.command(&format!("MAIL FROM:{sender}")).await.code, 550, "{sender}");
    }
    client.command("MAIL FROM:<>").await.expect_kept();
    for recipient in ["<good.test!lisa>", "<@org.test>", "<lisa@[127.0.0.11]>"] {
        let reply = client.command(&format!("RCPT TO:{recipient}")).await;
        assert!(reply.code >= 500, "{recipient}: {reply:?}");
    }
    client.command("RSET").await.expect_kept();
    // The envelope sender is its own, or nobody's; the author is somebody else.
    for sender in ["<jan@org.test>", "<>"] {
        for command in [&*format!("MAIL FROM:{sender}"), "RCPT TO:<lisa@good.test>"] {
            client.command(command).await.expect_kept();
        }
        assert_eq!(client.command("DATA").await.code, 354);
        client.send(&letter("ceo@other.test").message()).await;
        let reply = client.command(".").await;
        assert_eq!(reply.code, 550);
        assert!(reply.text.starts_with("5.7.1 "), "{}", reply.text);
    }
    assert_nothing_kept(&lab);
    client.message(&secured().to("lisa@good.test")).await.expect_kept();
}
