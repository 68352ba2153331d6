//! MTA-STS: a recipient's domain says over HTTPS which mail servers it has, and that they have good certificates; nobody else
//! gets its mail, whatever the DNS says.

use zegel_tests::ca::Kind;
use zegel_tests::dns::Zone;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::mailbox::{Mailbox, arrival};
use zegel_tests::policy::{self, Answer, WebServer, policy};
use zegel_tests::wait::until;

use crate::{TEXT, secured, to};

const LISA: &str = "lisa@good.test";

/// The words of the evidence.
const EVIDENCE: &str = "the domain's policy names the host (MTA-STS)";

/// A lab where good.test has a record, with these lines in the relay's `[policy]`.
async fn lab(lines: &str) -> Lab {
    let records = policy::records("1").into_iter().map(|record| ("good.test", record)).collect();
    Lab::start(Setup { records, policy: lines.to_owned(), ..Setup::default() }).await
}

fn web_server(lab: &Lab, certificate: Kind, answer: Answer) -> WebServer {
    let leaf = lab.ca.issue(&lab.place, certificate, "mta-sts.good.test", None);
    WebServer::start(&lab.place, &leaf, answer)
}

fn explained(lab: &Lab) -> String {
    let letter = secured().to(LISA).message();
    let file = lab.place.write("letter.eml", &String::from_utf8_lossy(&letter));
    lab.relay.command(&["explain", &file.to_string_lossy()])
}

/// What `queue show` says once it says this.
async fn shown(lab: &Lab, what: &str) -> String {
    let found = || Some(lab.relay.delivery(LISA)).filter(|shown| shown.contains(what));
    until(&format!("the delivery to be {what}"), found).await
}

#[tokio::test]
async fn an_enforced_policy_vouches_for_its_hosts_and_outlives_a_restart_without_its_web_server() {
    let mut lab = lab("transport = \"pkix\"\n").await;
    let web_server = web_server(&lab, Kind::Good, policy("enforce", "*.good.test"));
    let good = lab.sink("good.test", Some(Kind::Good));
    let explained = explained(&lab);
    for line in [
        "asked TXT _mta-sts.good.test: found, insecure",
        "asked policy (MTA-STS) good.test: mode enforce",
        EVIDENCE,
    ] {
        assert!(explained.contains(line), "{line} is missing in {explained}");
    }
    lab.send(&secured().to(LISA)).await;
    assert!(arrival(&good, "the letter", to(LISA)).await.text().contains(TEXT));
    assert!(shown(&lab, "sent").await.contains(EVIDENCE));
    let requests = web_server.requests();
    assert_eq!(requests.len(), 1, "explain had kept it: {requests:?}");
    assert_eq!(requests[0].line, "GET /.well-known/mta-sts.txt");
    assert!(lab.relay.command(&["check"]).contains("no problems"));

    drop((web_server, good));
    lab.relay.stop().await;
    lab.relay.resume().await;
    let wrong = lab.sink("good.test", Some(Kind::OtherCa));
    lab.send(&secured().to("pim@good.test")).await;
    let deferred =
        || Some(lab.relay.delivery("pim@good.test")).filter(|shown| shown.contains("4.7.5"));
    let deferred = until("a deferral", deferred).await;
    assert!(deferred.contains("no trusted authority vouches"), "{deferred}");
    assert!(wrong.sessions().iter().all(|session| !session.said("MAIL")));
}

/// Neither a message nor a notification goes to a host of which the policy does not speak well.
async fn check_deferred(host: &str, certificate: Option<Kind>, why: &str, connects: bool) {
    for lines in ["transport = \"pkix\"\n", ""] {
        let lab = lab(lines).await;
        let _web_server = web_server(&lab, Kind::Good, policy("enforce", host));
        let sink = lab.sink("good.test", certificate);
        lab.send(&secured().to(LISA)).await;
        let shown = shown(&lab, "try 2").await;
        assert!(shown.contains("4.7.5") && shown.contains(why), "{shown}");
        assert_eq!(!sink.sessions().is_empty(), connects, "{shown}");
        assert!(sink.sessions().iter().all(|session| !session.said("MAIL")));
        assert!(sink.arrivals().is_empty());
    }
}

#[tokio::test]
async fn a_host_that_the_policy_does_not_name_gets_nothing() {
    let why = "the policy of good.test (MTA-STS) names none of its mail servers";
    let lab = lab("").await;
    let _web_server = web_server(&lab, Kind::Good, policy("enforce", "mx.elsewhere.test"));
    let sink = lab.sink("good.test", Some(Kind::Good));
    lab.send(&secured().to(LISA)).await;
    let shown = shown(&lab, "4.7.5").await;
    assert!(shown.contains(why), "{shown}");
    assert!(sink.sessions().is_empty(), "{shown}");
}

#[tokio::test]
async fn a_host_with_a_wrong_certificate_gets_nothing() {
    check_deferred("mx.good.test", Some(Kind::WrongName), "is for another host", true).await;
}

#[tokio::test]
async fn a_host_without_starttls_gets_nothing() {
    check_deferred("mx.good.test", None, "offers no STARTTLS", true).await;
}

#[tokio::test]
async fn a_policy_that_is_only_tested_keeps_no_mail_back_and_vouches_for_nobody() {
    let lab = lab("").await;
    let web_server = web_server(&lab, Kind::Good, policy("testing", "mx.elsewhere.test"));
    let sink = lab.sink("good.test", Some(Kind::WrongName));
    lab.send(&secured().to(LISA)).await;
    arrival(&sink, "the notification", to(LISA)).await;
    assert!(!shown(&lab, "sent").await.contains(EVIDENCE));
    assert_eq!(web_server.requests().len(), 1);
}

#[tokio::test]
async fn a_new_id_brings_the_new_policy() {
    let lab = lab("transport = \"pkix\"\n").await;
    let web_server = web_server(&lab, Kind::Good, policy("enforce", "mx.elsewhere.test"));
    let good = lab.sink("good.test", Some(Kind::Good));
    lab.send(&secured().to(LISA)).await;
    shown(&lab, "try 2").await;
    web_server.answer(policy("enforce", "mx.good.test"));
    let address = lab.server("good.test").ip();
    let zone = Zone::with_mail_server("good.test", address);
    lab.dns
        .replace(&lab.place, &policy::records("2").iter().fold(zone, |zone, it| zone.record(it)));
    assert!(arrival(&good, "the letter", to(LISA)).await.text().contains(TEXT));
    assert!(shown(&lab, "sent").await.contains(EVIDENCE));
    assert_eq!(web_server.requests().len(), 2);
}

#[tokio::test]
async fn what_is_not_served_as_a_policy_is_none() {
    let lab = lab("transport = \"pkix\"\n").await;
    let sink = lab.sink("good.test", Some(Kind::Good));
    let good = policy("enforce", "mx.elsewhere.test");
    let long = [&good.body[..], &vec![b'\n'; 64 * 1024]].concat();
    let plain = "Content-Type: text/plain";
    {
        let web_server = web_server(&lab, Kind::Good, good.clone());
        for (answer, what) in [
            (Answer::with("404 Not Found", plain, &good.body), "the web server answers 404"),
            (
                Answer::with("301 Moved", "Location: /.well-known/mta-sts.txt", &good.body),
                "the web server answers 301",
            ),
            (Answer::with("200 OK", "Content-Type: text/html", &good.body), "it is not text/plain"),
            (Answer::with("200 OK", plain, &long), "it is longer than 65536 octets"),
            (Answer::ok("<html>"), "it has a line that is no `name: value`"),
        ] {
            web_server.answer(answer);
            let explained = explained(&lab);
            assert!(explained.contains(what), "{what} is missing in {explained}");
        }
    }
    let _web_server = web_server(&lab, Kind::WrongName, good);
    let explained = explained(&lab);
    assert!(
        explained.contains("certificate of the policy's web server is not valid"),
        "{explained}"
    );
    lab.send(&secured().to(LISA)).await;
    arrival(&sink, "the letter", to(LISA)).await;
}
