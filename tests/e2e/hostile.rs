//! Messages that mean one thing to us and another to somebody else: refused on every way in, and nothing is kept.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use zegel_tests::gateway::{Credential, HELLO};
use zegel_tests::lab::{Lab, Port, Setup};
use zegel_tests::submit::{Client, Reply};

/// Everybody's own mail server is on 127.0.0.1.
const SPF: &str = r#"spf.domains = ["org.test"]"#;

async fn lab() -> Lab {
    let records = vec![("org.test", "@ TXT \"v=spf1 ip4:127.0.0.1 -all\"".to_owned())];
    Lab::start(Setup { gateway: Some(SPF.to_owned()), records, ..Setup::default() }).await
}

fn assert_nothing_kept(lab: &Lab) {
    let queue = lab.relay.command(&["queue", "list", "--all"]);
    assert_eq!(queue.trim(), "nothing is waiting");
}

/// Says a transaction up to its text.
async fn begin<S>(client: &mut Client<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    for command in ["MAIL FROM:<jan@org.test>", "RCPT TO:<lisa@good.test>"] {
        client.command(command).await.expect_kept();
    }
    assert_eq!(client.command("DATA").await.code, 354);
}

/// The answer to a message of these octets.
async fn answer<S>(client: &mut Client<S>, message: &[u8]) -> Reply
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    begin(client).await;
    client.send(message).await;
    client.command("\r\n.").await
}

/// Header sections without one plain author, or with a field that programs read in two ways.
const AUTHORS: [&[u8]; 17] = [
    b"Subject: no author",
    b"From: jan@org.test\r\nFrom: ceo@org.test",
    b"From: jan@org.test\r\nfrom: ceo@org.test",
    b"From : jan@org.test",
    b"From\t: jan@org.test",
    b"From: jan@org.test\r\nFrom : ceo@org.test",
    b"From: jan@org.test, ceo@org.test",
    b"From: team: jan@org.test, ceo@org.test;",
    b"From: team:;",
    b"From:",
    b"From: jan@org.test@other.test",
    b"From: <jan@org.test> <ceo@org.test>",
    b"From: <@other.test:jan@org.test>",
    b"From: =?utf-8?Q?jan=40org.test?=",
    b"From: jan@org.test (a comment that does not end",
    b"From: \"jan@org.test\" ceo",
    b" From: jan@org.test\r\nSubject: folded before the first field",
];

#[tokio::test]
async fn a_message_without_one_plain_author_is_refused_and_nothing_is_kept() {
    let lab = lab().await;
    let credential = Credential::create(&lab.relay, "org.test");
    for section in AUTHORS {
        let mut client = lab.caller().implicit(lab.gateway(Port::Submissions)).await;
        client.command(HELLO).await;
        assert_eq!(credential.plain(&mut client).await.code, 235);
        let message = [section, b"\r\nTo: lisa@good.test\r\n\r\ntext\r\n"].concat();
        let reply = answer(&mut client, &message).await;
        let told = format!("{}: {reply:?}", section.escape_ascii());
        assert!(reply.code == 550 && reply.text.starts_with("5.6.0 "), "{told}");
    }
    let mut client = lab.caller().implicit(lab.gateway(Port::Submissions)).await;
    client.command(HELLO).await;
    assert_eq!(credential.plain(&mut client).await.code, 235);
    let reply = answer(&mut client, b"From: jan@org.test\0\r\n\r\ntext\r\n").await;
    assert!(reply.code == 550 && reply.text.starts_with("5.5.2 "), "{reply:?}");
    assert_nothing_kept(&lab);
}

/// What some server somewhere takes for the end of a message, but for the one that is.
fn false_ends() -> Vec<Vec<u8>> {
    let line_ends: [&[u8]; 5] = [b"\r\n", b"\n", b"\r", b"\r\r\n", b"\r\n\0"];
    let mut ends = Vec::new();
    for before in line_ends {
        for after in line_ends {
            let end = [before, b".", after].concat();
            if !end.windows(5).any(|octets| octets == b"\r\n.\r\n") {
                ends.push(end);
            }
        }
    }
    ends
}

/// A message with such an end in it, and another one hidden behind that, is refused: the words that were hidden are text.
async fn refuse_all<S>(what: &str, begun: impl AsyncFn() -> Client<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    for end in false_ends() {
        let hidden = b"MAIL FROM:<ceo@org.test>\r\nRCPT TO:<lisa@good.test>\r\nDATA\r\n";
        let first = b"From: jan@org.test\r\n\r\none".as_slice();
        let message = [first, &*end, hidden, b"From: ceo@org.test\r\n\r\ntwo"].concat();
        let mut client = begun().await;
        let reply = answer(&mut client, &message).await;
        let told = format!("{what}, {}: {reply:?}", end.escape_ascii());
        assert!(reply.code == 550 && reply.text.starts_with("5.5.2 "), "{told}");
        // Had anything in it been heard, its answer would come now.
        assert_eq!(client.command("VRFY x").await.code, 252, "{told}");
    }
}

#[tokio::test]
async fn no_false_end_of_a_message_hides_another_one_from_any_listener() {
    let lab = lab().await;
    let credential = Credential::create(&lab.relay, "org.test");
    refuse_all("lmtp", async || {
        let stream = UnixStream::connect(lab.relay.socket()).await.expect("reach the relay");
        let mut client = Client::new(stream);
        client.reply().await;
        client.command("LHLO mail.org.test").await;
        client
    })
    .await;
    for port in [Port::Submission, Port::Submissions, Port::Relay] {
        refuse_all(&format!("{port:?}"), async || {
            let (caller, server) = (lab.caller(), lab.gateway(port));
            let mut client = match port {
                Port::Submissions => caller.implicit(server).await,
                Port::Submission | Port::Relay => caller.starttls(server).await,
            };
            client.command(HELLO).await;
            if port != Port::Relay {
                assert_eq!(credential.plain(&mut client).await.code, 235);
            }
            client
        })
        .await;
    }
    assert_nothing_kept(&lab);
}
