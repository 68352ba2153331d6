//! Reports on TLS: a domain that wants to hear how connections to its mail servers went is told once a day.

use std::io::Read;

use serde_json::Value;
use zegel_tests::ca::Kind;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::mailbox::{Arrival, Mailbox, arrival};
use zegel_tests::policy::{self, Answer, WebServer, policy};
use zegel_tests::python;
use zegel_tests::wait::until;

use crate::{secured, to};

/// What a day has to be for its report: over.
const YESTERDAY: &str = "import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute('UPDATE tls_sessions SET day = day - 1')
database.commit()
";

async fn end_the_day(lab: &mut Lab) {
    lab.relay.stop().await;
    let script = lab.place.write("yesterday.py", YESTERDAY);
    python::run(&script, &[&lab.state().join("zegel.db").to_string_lossy()]);
    lab.relay.resume().await;
}

fn json(compressed: &[u8]) -> Value {
    let mut text = String::new();
    flate2::read::GzDecoder::new(compressed).read_to_string(&mut text).expect("it is gzip");
    serde_json::from_str(&text).expect("it is JSON")
}

/// The attachment of a report.
fn attached(report: &Arrival) -> Value {
    let message =
        mail_parser::MessageParser::new().parse(&report.message).expect("it is a message");
    let parts: Vec<_> = message.attachments().collect();
    let part = parts.iter().find(|part| {
        let kind = mail_parser::MimeHeaders::content_type(**part);
        kind.is_some_and(|kind| kind.c_subtype.as_deref() == Some("tlsrpt+gzip"))
    });
    json(part.expect("a part application/tlsrpt+gzip").contents())
}

#[tokio::test]
async fn a_domain_that_asks_for_reports_gets_one_of_the_day_by_mail_and_over_https() {
    let rua = "_smtp._tls TXT \"v=TLSRPTv1; rua=mailto:tls@other.test,https://mta-sts.good.test:{port}/report\"";
    let mut records: Vec<_> =
        policy::records("1").into_iter().map(|record| ("good.test", record)).collect();
    records.push(("good.test", rua.to_owned()));
    let mut lab = Lab::start(Setup { records, ..Setup::default() }).await;
    lab.reconfigure("", "[tls-reports]\ncontact = \"tls@org.test\"\n").await;
    let leaf = lab.ca.issue(&lab.place, Kind::Good, "mta-sts.good.test", None);
    let web_server = WebServer::start(&lab.place, &leaf, policy("enforce", "mx.good.test"));
    // The place of the reports proves nothing: they arrive all the same.
    let reports = lab.sink("other.test", Some(Kind::SelfSigned));
    let wrong = lab.sink("good.test", Some(Kind::WrongName));
    lab.send(&secured().to("lisa@good.test")).await;
    let failed = || lab.relay.delivery("lisa@good.test").contains("try 2").then_some(());
    until("two attempts", failed).await;
    drop(wrong);
    let good = lab.sink("good.test", Some(Kind::Good));
    arrival(&good, "the notification", to("lisa@good.test")).await;
    web_server.answer(Answer::ok(""));
    end_the_day(&mut lab).await;

    let mail = arrival(&reports, "the report", to("tls@other.test")).await;
    assert_eq!(mail.sender, "");
    let head = |name: &str| {
        let value = mail.head(name).unwrap_or_default();
        value.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(head("TLS-Report-Domain"), "good.test");
    assert_eq!(head("TLS-Report-Submitter"), "org.test");
    assert!(head("Content-Type").contains("report-type=\"tlsrpt\""), "{}", head("Content-Type"));
    let subject = "Report Domain: good.test Submitter: org.test Report-ID: <";
    assert!(head("Subject").starts_with(subject), "{}", head("Subject"));
    let report = attached(&mail);
    assert_eq!(report["contact-info"], "tls@org.test");
    assert_eq!(report["organization-name"], "Gemeente Voorbeeld");
    let part = &report["policies"][0];
    assert_eq!(part["policy"]["policy-type"], "sts", "{report}");
    assert_eq!(part["policy"]["policy-domain"], "good.test");
    assert_eq!(part["policy"]["mx-host"][0], "mx.good.test");
    assert_eq!(part["policy"]["policy-string"][1], "mode: enforce");
    assert_eq!(part["summary"]["total-successful-session-count"], 1);
    assert!(part["summary"]["total-failure-session-count"].as_u64() >= Some(2), "{report}");
    let failure = &part["failure-details"][0];
    assert_eq!(failure["result-type"], "certificate-host-mismatch");
    assert_eq!(failure["receiving-mx-hostname"], "mx.good.test");

    let posted = || web_server.requests().into_iter().find(|asked| asked.line == "POST /report");
    let posted = until("the report over HTTPS", posted).await;
    assert!(posted.head.to_ascii_lowercase().contains("content-type: application/tlsrpt+gzip"));
    assert_eq!(json(&posted.body), report);

    // Neither a restart nor the report itself is a reason for another.
    end_the_day(&mut lab).await;
    lab.send(&secured().to("pim@good.test")).await;
    arrival(&good, "another notification", to("pim@good.test")).await;
    assert_eq!(reports.arrivals().len(), 1);
    let posts = web_server.requests().iter().filter(|asked| asked.line.starts_with("POST")).count();
    assert_eq!(posts, 1);
}
