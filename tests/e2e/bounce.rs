//! Notifications that come back after a server has taken them: the sender hears of it, and nobody can pretend it.

use zegel_tests::gateway::HELLO;
use zegel_tests::lab::{Lab, Port, Setup};
use zegel_tests::mailbox::{Arrival, Mailbox, arrival};
use zegel_tests::mta::Postfix;
use zegel_tests::recipient::Recipient;
use zegel_tests::sink::Sink;
use zegel_tests::submit::{Client, Reply};
use zegel_tests::wait::until;

use crate::{TEXT, assert_kept_secret, is_report, secured};

const BOUNCES: &str = "bounce.org.test";

async fn lab() -> Lab {
    let setup = Setup { bounces: Some(BOUNCES), gateway: Some(String::new()), ..Setup::default() };
    Lab::start(setup).await
}

/// A report as a server writes it, with this action and status.
fn report(action: &str, status: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.plain.test\r\nSubject: Report\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n\
         --x\r\n\r\nA report.\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; mx.plain.test\r\n\r\nFinal-Recipient: rfc822; pim@plain.test\r\n\
         Action: {action}\r\nStatus: {status}\r\n\r\n--x--\r\n"
    )
}

/// Hands a mail to the gateway as any stranger can.
async fn deliver(lab: &Lab, from: &str, to: &str, mail: &str) -> Reply {
    let mut client = lab.caller().starttls(lab.gateway(Port::Relay)).await;
    client.command(HELLO).await;
    for command in [format!("MAIL FROM:<{from}>"), format!("RCPT TO:<{to}>"), "DATA".to_owned()] {
        let reply = client.command(&command).await;
        if reply.code >= 400 {
            return reply;
        }
    }
    finish(&mut client, mail).await
}

async fn finish<S>(client: &mut Client<S>, mail: &str) -> Reply
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    client.send(format!("{mail}.\r\n").as_bytes()).await;
    client.reply().await
}

/// The address that the notification comes back to.
async fn return_path(lab: &Lab, sink: &Sink) -> String {
    let notification = Recipient::new(lab, sink, "pim@plain.test").notification().await;
    assert!(notification.sender.ends_with(&format!("@{BOUNCES}")), "{}", notification.sender);
    notification.sender
}

#[track_caller]
fn check(report: &Arrival) {
    let words = String::from_utf8_lossy(&report.message).into_owned();
    assert_eq!((report.recipient.as_str(), report.sender.as_str()), ("jan@org.test", ""));
    for field in ["Action: failed", "Status: 5.1.1", "pim@plain.test"] {
        assert!(words.contains(field), "{field} is missing in {words}");
    }
    assert!(!words.contains("/m/") && !words.contains("your results"), "{words}");
}

#[tokio::test]
async fn a_server_that_takes_the_notification_and_returns_it_ends_in_a_report_to_the_sender() {
    let lab = lab().await;
    let home = lab.sink("org.test", None);
    let _plain = Postfix::returning(
        &lab.place,
        lab.server("plain.test"),
        "plain.test",
        "5.1.1 nobody of that name",
        lab.gateway(Port::Relay),
    )
    .await;
    lab.send(&secured().to("pim@plain.test")).await;
    check(&arrival(&home, "a report", is_report).await);
    let shown = lab.relay.delivery("pim@plain.test");
    for words in ["state       failed", "its mail came back: mx.plain.test said 550 5.1.1"] {
        assert!(shown.contains(words), "{words} is missing in {shown}");
    }
    assert_kept_secret(&home);
}

#[tokio::test]
async fn who_did_not_get_the_notification_cannot_pretend_that_it_came_back() {
    let lab = lab().await;
    let plain = lab.sink("plain.test", None);
    lab.send(&secured().to("pim@plain.test")).await;
    let path = return_path(&lab, &plain).await;
    let failed = report("failed", "5.1.1");
    let (local, _) = path.split_once('@').expect("an address");
    let (signed, mac) = local.rsplit_once('-').expect("a signature");
    let other: String = mac.chars().rev().collect();
    assert_ne!(mac, other);
    let forged = format!("{signed}-{other}@{BOUNCES}");
    for (from, to, code) in [
        ("", forged.as_str(), "5.1.1"),
        ("", &format!("postmaster@{BOUNCES}"), "5.1.1"),
        ("", "jan@org.test", "5.7.1"),
        // Whoever has a name is asked for more than an address that only a server should know.
        ("eve@plain.test", &path, "5.7.1"),
    ] {
        let reply = deliver(&lab, from, to, &failed).await;
        assert!(reply.code == 550 && reply.text.contains(code), "{from} to {to}: {reply:?}");
    }
    let read = Recipient::new(&lab, &plain, "pim@plain.test").read().await;
    assert!(read.contains(TEXT));
}

#[tokio::test]
async fn delays_answers_and_nonsense_leave_the_link_open_and_one_failure_shuts_it() {
    let lab = lab().await;
    let (home, plain) = (lab.sink("org.test", None), lab.sink("plain.test", None));
    lab.send(&secured().to("pim@plain.test")).await;
    let path = return_path(&lab, &plain).await;
    let link = Recipient::new(&lab, &plain, "pim@plain.test").link().await;
    let away = "From: Pim <pim@plain.test>\r\nSubject: Afwezig\r\nAuto-Submitted: auto-replied\r\n\r\nIk ben weg.\r\n";
    let nonsense = "From: postmaster@plain.test\r\nSubject: ?\r\n\r\nSomething is wrong.\r\n";
    for mail in [&report("delayed", "4.4.1"), &report("delivered", "2.0.0"), away, nonsense] {
        assert_eq!(deliver(&lab, "", &path, mail).await.code, 250, "{mail}");
    }
    assert_eq!(lab.visitor().open(&link).await.status, 200);
    assert!(lab.relay.log().contains("that is not understood, the 1. since the start"));
    for _ in 0..2 {
        assert_eq!(deliver(&lab, "", &path, &report("failed", "5.1.1")).await.code, 250);
    }
    check(&arrival(&home, "a report", is_report).await);
    assert_eq!(lab.visitor().open(&link).await.status, 410);
    until("the second failure's line", || {
        lab.relay.log().contains("came back, which changes nothing").then_some(())
    })
    .await;
    assert_eq!(home.arrivals().iter().filter(|mail| is_report(mail)).count(), 1);
}

#[tokio::test]
async fn what_was_read_does_not_fail_any_more() {
    let lab = lab().await;
    let (home, plain) = (lab.sink("org.test", None), lab.sink("plain.test", None));
    lab.send(&secured().to("pim@plain.test")).await;
    let path = return_path(&lab, &plain).await;
    assert!(Recipient::new(&lab, &plain, "pim@plain.test").read().await.contains(TEXT));
    assert_eq!(deliver(&lab, "", &path, &report("failed", "5.1.1")).await.code, 250);
    assert!(lab.relay.delivery("pim@plain.test").contains("state       opened"));
    assert!(home.arrivals().is_empty());
}

/// The organisation's own mail server may receive its bounces, and hand them over like everything else.
#[tokio::test]
async fn the_local_mail_server_hands_over_what_came_back_to_it() {
    let lab = lab().await;
    let (home, plain) = (lab.sink("org.test", None), lab.sink("plain.test", None));
    lab.send(&secured().to("pim@plain.test")).await;
    let path = return_path(&lab, &plain).await;
    let mut client = Client::new(
        tokio::net::UnixStream::connect(lab.place.file("relay.sock")).await.expect("connect"),
    );
    client.reply().await;
    for command in ["LHLO mail.org.test", "MAIL FROM:<>", &format!("RCPT TO:<{path}>"), "DATA"] {
        assert!(client.command(command).await.code < 400, "{command}");
    }
    assert_eq!(finish(&mut client, &report("failed", "5.1.1")).await.code, 250);
    check(&arrival(&home, "a report", is_report).await);
}
