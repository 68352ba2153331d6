//! NTA 7516: two domains say in signed records that they exchange mail over DANE alone, and to which hosts.

use zegel_tests::ca::Kind;
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::mailbox::{Mailbox, arrival};
use zegel_tests::sink::Sink;
use zegel_tests::wait::until;

use crate::{TEXT, secured, to};

/// In period whenever this runs.
const RECORD: &str = "v=NTA7516-1;startdate=2019-06;enddate=2999-12;provider=Example";

const OVER: &str = "v=NTA7516-1;startdate=2019-06;enddate=2023-07;provider=Example";

const HEADER: &str = "X-Example-Norm: NTA7516";

fn txt(record: &str) -> String {
    format!("@ TXT \"v=spf1 -all\"\n@ TXT \"{record}\"")
}

/// A lab whose zones are signed, where the organisation and good.test have these records.
async fn lab(organisation: &str, good: &str) -> Lab {
    let records = vec![("org.test", txt(organisation)), ("good.test", txt(good))];
    lab_with(Setup { records, ..Setup::default() }).await
}

async fn lab_with(setup: Setup) -> Lab {
    let mut lab = Lab::start(Setup { dane: true, ..setup }).await;
    let table = format!("[nta7516]\ndomains = [\"org.test\"]\nheader = \"{HEADER}\"");
    lab.reconfigure("", &table).await;
    assert!(lab.relay.command(&["check"]).contains("no problems"));
    lab
}

/// What `explain` says of a letter to this address.
fn explained(lab: &Lab, address: &str) -> String {
    let letter = secured().to(address);
    let file = lab.place.write("letter.eml", &String::from_utf8_lossy(&letter.message()));
    lab.relay.command(&["explain", &file.to_string_lossy()])
}

#[track_caller]
fn assert_untouched(sink: &Sink) {
    assert!(sink.sessions().iter().all(|session| !session.said("MAIL")), "{:?}", sink.sessions());
}

#[tokio::test]
async fn mail_between_domains_that_both_qualify_goes_to_the_named_host_over_dane() {
    let lab = lab(RECORD, &format!("{RECORD};ntamx=10 mx.other.test")).await;
    let (mx, named) =
        (lab.sink("good.test", Some(Kind::Good)), lab.sink("other.test", Some(Kind::Good)));
    let explained = explained(&lab, "lisa@good.test");
    for line in [
        "asked TXT org.test: found, secure",
        "asked TXT good.test: found, secure",
        "NTA 7516 records of both domains, for mx.other.test",
        "delivered by nta7516",
    ] {
        assert!(explained.contains(line), "{line} is missing in {explained}");
    }
    lab.send(&secured().to("lisa@good.test")).await;
    let found = arrival(&named, "the letter", to("lisa@good.test")).await;
    let (name, value) = HEADER.split_once(": ").unwrap();
    assert_eq!((found.text().contains(TEXT), found.head(name).as_deref()), (true, Some(value)));
    let shown = until("the evidence", || {
        Some(lab.relay.delivery("lisa@good.test")).filter(|shown| shown.contains("sent"))
    });
    let shown = shown.await;
    assert!(shown.contains("valid by DANE") && shown.contains("mx.other.test"), "{shown}");
    assert!(mx.sessions().is_empty(), "the host of the MX record was called");
}

#[tokio::test]
async fn without_a_named_host_the_mx_takes_the_mail_when_it_is_there_again() {
    let lab = lab(RECORD, RECORD).await;
    lab.send(&secured().to("lisa@good.test")).await;
    let shown = until("a deferral", || {
        Some(lab.relay.delivery("lisa@good.test")).filter(|shown| shown.contains("connecting"))
    });
    let shown = shown.await;
    assert!(shown.contains("planned by nta7516"), "{shown}");
    let good = lab.sink("good.test", Some(Kind::Good));
    let found = arrival(&good, "the letter", to("lisa@good.test")).await;
    assert!(found.text().contains(TEXT) && good.arrivals().len() == 1);
}

/// The method is passed over, for this reason, and a notification goes instead.
async fn check_passed_over(lab: &Lab, why: &str) {
    let explained = explained(lab, "lisa@good.test");
    assert!(explained.contains(&format!("not by nta7516: {why}")), "{explained}");
    let good = lab.sink("good.test", Some(Kind::Good));
    lab.send(&secured().to("lisa@good.test")).await;
    let found = arrival(&good, "a notification", to("lisa@good.test")).await;
    assert!(found.link().is_some() && !found.text().contains(TEXT), "{}", found.text());
    assert!(found.head("X-Example-Norm").is_none());
    let shown = lab.relay.delivery("lisa@good.test");
    assert!(shown.contains(why), "{shown}");
}

#[tokio::test]
async fn a_recipient_out_of_period_is_passed_over() {
    let over = "the recipient's domain has an NTA 7516 record whose period is over";
    check_passed_over(&lab(RECORD, OVER).await, over).await;
}

#[tokio::test]
async fn a_sender_out_of_period_is_passed_over() {
    let over = "the sender's domain has an NTA 7516 record whose period is over";
    check_passed_over(&lab(OVER, RECORD).await, over).await;
}

#[tokio::test]
async fn a_record_that_is_not_signed_counts_for_nothing() {
    let records = vec![("org.test", txt(RECORD)), ("good.test", txt(RECORD))];
    let lab = lab_with(Setup { records, unsigned: vec!["good.test"], ..Setup::default() }).await;
    let unsigned = "the recipient's domain has an NTA 7516 record that is not signed (DNSSEC)";
    check_passed_over(&lab, unsigned).await;
}

#[tokio::test]
async fn what_cannot_be_looked_up_holds() {
    // A referral to nobody: the name servers say neither yes nor no.
    let away = ("good.test", "away NS ns.away".to_owned());
    let records = vec![("org.test", txt(RECORD)), away];
    let lab = lab_with(Setup { records, ..Setup::default() }).await;
    let good = lab.sink("good.test", Some(Kind::Good));
    let explained = explained(&lab, "lisa@away.good.test");
    assert!(explained.contains("held: a look-up for nta7516 failed"), "{explained}");
    lab.send(&secured().to("lisa@away.good.test")).await;
    let shown = until("a deferral", || {
        let shown = lab.relay.delivery("lisa@away.good.test");
        Some(shown).filter(|shown| shown.contains("a look-up failed"))
    });
    let shown = shown.await;
    assert!(shown.contains("not decided after"), "{shown}");
    assert_untouched(&good);
}

#[tokio::test]
async fn a_named_host_without_dane_records_gets_nothing_and_the_mail_waits() {
    let host = format!("{RECORD};ntamx=10 bare.good.test");
    let records = vec![
        ("org.test", txt(RECORD)),
        ("good.test", format!("{}\nbare A {{address}}", txt(&host))),
    ];
    let policy = "transport = \"tls\"\n".to_owned();
    let lab = lab_with(Setup { records, policy, ..Setup::default() }).await;
    let good = lab.sink("good.test", Some(Kind::Good));
    lab.send(&secured().to("lisa@good.test")).await;
    let shown = until("two attempts", || {
        let tried = good.sessions().len() > 1;
        let shown = lab.relay.delivery("lisa@good.test");
        Some(shown).filter(|shown| tried && shown.contains("4.7.5"))
    });
    let shown = shown.await;
    assert!(shown.contains("planned by nta7516") && shown.contains("demands DANE"), "{shown}");
    assert_untouched(&good);
}

#[tokio::test]
async fn mail_that_waits_goes_another_way_once_the_domains_clearly_do_not_qualify_any_more() {
    let mut lab = lab(RECORD, RECORD).await;
    lab.send(&secured().to("lisa@good.test")).await;
    until("a deferral", || {
        let shown = lab.relay.delivery("lisa@good.test");
        shown.contains("planned by nta7516").then_some(())
    })
    .await;
    let file = lab.place.file("relay.toml");
    let text = std::fs::read_to_string(file).unwrap();
    lab.relay.stop().await;
    let excluding = text.replace("[nta7516]\n", "[nta7516]\nexclude = [\"good.test\"]\n");
    lab.place.write("relay.toml", &excluding);
    lab.relay.resume().await;
    let good = lab.sink("good.test", Some(Kind::Good));
    let found = arrival(&good, "a notification", to("lisa@good.test")).await;
    assert!(found.link().is_some() && !found.text().contains(TEXT), "{}", found.text());
    let shown = lab.relay.delivery("lisa@good.test");
    assert!(shown.contains("the administrator has excluded the recipient's domain"), "{shown}");
}
