//! One mail after the other to one server: which share a connection, and which must not.

use super::*;
use crate::outbound::hosts::CONNECTIONS_MAX;
use crate::outbound::pool::MAILS_MAX;

/// Mails with these floors to these hosts, one after the other; what became of each, and what the server heard.
fn one_by_one(mails: &[(Host, Option<Floor>)], script: Script) -> (Vec<String>, Vec<String>) {
    block_on(async {
        let (port, listeners) = peer::listeners(1).await;
        let ears = peer::serve(listeners.into_iter().next().unwrap(), script);
        let outbound = outbound(port, NO_DNS);
        let sender: Address = "sender@example.org".parse().unwrap();
        let recipient = Recipient::plain("recipient@example.nl".parse().unwrap());
        let mut outcomes = Vec::new();
        for (host, floor) in mails {
            let mail = mail(Some(&sender), &recipient, *floor);
            let hosts = std::slice::from_ref(host);
            let sent = outbound.try_hosts(hosts, &mail, *floor, &mut CONTENT.as_bytes()).await;
            outcomes.push(line(&sent));
        }
        let heard = ears.lock().unwrap().iter().map(|heard| heard.line.clone()).collect();
        (outcomes, heard)
    })
}

fn count(heard: &[String], start: &str) -> usize {
    heard.iter().filter(|line| line.starts_with(start)).count()
}

#[track_caller]
fn check_connections(mails: &[(Host, Option<Floor>)], script: Script, connections: usize) {
    let (outcomes, heard) = one_by_one(mails, script);
    assert!(outcomes.iter().all(|outcome| outcome.starts_with("accepted")), "{outcomes:?}");
    assert_eq!(count(&heard, "STARTTLS"), connections, "{heard:?}");
    assert_eq!(count(&heard, "MAIL FROM"), mails.len(), "{heard:?}");
    assert_eq!(count(&heard, "..canary"), mails.len(), "{heard:?}");
}

#[test]
fn mails_under_the_same_terms_share_a_connection_and_no_others_do() {
    let pkix = (host("mx.example.nl", 1), Some(Floor::Pkix));
    let tls = (host("mx.example.nl", 1), Some(Floor::Tls));
    let none = (host("mx.example.nl", 1), None);
    check_connections(&[pkix.clone(), tls.clone(), pkix.clone()], good(), 1);
    check_connections(&[none.clone(), none.clone()], good(), 1);
    check_connections(&[none.clone(), pkix.clone(), none], good(), 2);
    let vouched = Host { authentic: Some(Authentic::Dnssec), ..host("mx.example.nl", 1) };
    let demanding = Host { demand: Demand::Encryption, ..host("mx.example.nl", 1) };
    check_connections(&[tls.clone(), (vouched, Some(Floor::Tls))], good(), 2);
    check_connections(&[tls, (demanding, Some(Floor::Tls))], good(), 2);
}

#[test]
fn a_connection_carries_so_many_mails_and_no_more() {
    let mails = usize::try_from(MAILS_MAX).unwrap() + 1;
    check_connections(&vec![(host("mx.example.nl", 1), Some(Floor::Tls)); mails], good(), 2);
}

#[test]
fn a_floor_is_asked_of_a_connection_that_is_taken_up_again() {
    let to = |floor| (host("mx.example.nl", 1), Some(floor));
    let (outcomes, heard) = one_by_one(&[to(Floor::Tls), to(Floor::Pkix)], tls(Leaf::SelfSigned));
    assert!(outcomes[0].starts_with("accepted") && outcomes[1].starts_with("missed pkix"));
    assert_eq!((count(&heard, "STARTTLS"), count(&heard, "MAIL FROM")), (1, 1), "{heard:?}");
}

#[test]
fn a_connection_that_its_server_closed_costs_no_attempt() {
    let to = (host("mx.example.nl", 1), Some(Floor::Tls));
    let closing = good().ending(At::End, "250 2.0.0 taken, and good bye");
    check_connections(&[to.clone(), to.clone(), to], closing, 3);
}

#[test]
fn what_was_refused_is_forgotten_before_the_next_mail() {
    let to = (host("mx.example.nl", 1), None);
    for (at, answer, outcome) in [
        (At::MailFrom, "550 5.7.1 no", "refused: 550 5.7.1"),
        (At::RcptTo, "450 4.2.0 later", "deferred: "),
        (At::Data, "554 5.5.1 no", "refused: 554 5.5.1"),
        (At::End, "552 5.2.2 full", "refused: 552 5.2.2"),
    ] {
        for extensions in [&[][..], &["PIPELINING"]] {
            let script = Script::default().answering(at, answer).offering(extensions);
            let (outcomes, heard) = one_by_one(&[to.clone(), to.clone()], script);
            assert!(outcomes.iter().all(|one| one.starts_with(outcome)), "{at:?} {outcomes:?}");
            assert_eq!((count(&heard, "EHLO"), count(&heard, "RSET")), (1, 2), "{at:?} {heard:?}");
            let content = if at == At::End { 2 } else { 0 };
            assert_eq!(count(&heard, "..canary"), content, "{at:?} {heard:?}");
        }
    }
}

#[test]
fn with_pipelining_a_server_that_wants_content_for_nobody_gets_none() {
    let script = Script::default().answering(At::RcptTo, "550 5.1.1 who").offering(&["PIPELINING"]);
    let (outcomes, heard) = one_by_one(&[(host("mx.example.nl", 1), None)], script);
    assert!(outcomes[0].starts_with("refused: 550 5.1.1"), "{outcomes:?}");
    let verbs: Vec<_> = heard.iter().filter_map(|line| line.split([' ', ':']).next()).collect();
    assert_eq!(verbs, ["EHLO", "MAIL", "RCPT", "DATA", ".", "RSET"]);
}

#[test]
fn a_server_without_8bitmime_gets_no_octet_beyond_ascii_as_a_mail() {
    let content = "Subject: x\r\n\r\ncaf\u{e9}\r\n";
    for (extensions, expected) in
        [(&[][..], "refused: 554 5.6.3"), (&["8BITMIME"], "accepted: mx.example.nl")]
    {
        let script = Script::default().offering(extensions);
        let hosts = [host("mx.example.nl", 1)];
        let (outcome, ears) =
            block_on(deliver(&hosts, vec![script], None, &mut content.as_bytes()));
        assert!(line(&outcome).starts_with(expected), "{}", line(&outcome));
        let ended = ears[0].lock().unwrap().iter().any(|heard| heard.line == ".");
        assert_eq!(ended, expected.starts_with("accepted"));
    }
}

#[test]
fn a_server_gets_no_more_connections_than_it_has_places() {
    block_on(async {
        let (port, _silent) = peer::listeners(1).await;
        let outbound = outbound(port, NO_DNS);
        let recipient = Recipient::plain("recipient@example.nl".parse().unwrap());
        let hosts = [host("mx.example.nl", 1)];
        let send = async || {
            let mail = mail(None, &recipient, None);
            outbound.try_hosts(&hosts, &mail, None, &mut CONTENT.as_bytes()).await
        };
        let waiting = futures_util::future::join_all((0..CONNECTIONS_MAX).map(|_| send()));
        tokio::select! {
            biased;
            _ = waiting => panic!("nobody answers"),
            one_more = send() => assert_eq!(one_more, Outcome::Busy),
        }
        let address = ([127, 0, 0, 1], port).into();
        assert!(outbound.hosts.place(address, Instant::now()).is_ok(), "places are given back");
    });
}
