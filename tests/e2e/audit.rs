//! Who did what: the audit log as an administrator reads it, and as somebody with the database tries to change it. And the
//! policy, which is changed while the relay runs.

use std::process::Command;

use zegel_tests::lab::{Lab, Setup};
use zegel_tests::mailbox::Mailbox;
use zegel_tests::recipient::Recipient;
use zegel_tests::wait::until;

use crate::{TEXT, secured};

const PIM: &str = "pim@plain.test";

/// Changes the relay's database as somebody does who has no key file.
fn tamper(lab: &Lab, statement: &str) {
    let code = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute(sys.argv[2]); db.commit()";
    let database = lab.state().join("zegel.db");
    let done = Command::new("python3").args(["-c", code]).arg(database).arg(statement).status();
    assert!(done.expect("run python3: tests/run installs it").success());
}

#[tokio::test]
async fn the_audit_log_tells_who_did_what_and_that_somebody_changed_it() {
    let lab = Lab::start(Setup::default()).await;
    let plain = lab.sink("plain.test", None);
    lab.send(&secured().to(PIM)).await;
    let mut pim = Recipient::new(&lab, &plain, PIM);
    assert!(pim.read().await.contains(TEXT));
    let log = until("the log to say that it was opened", || {
        let log = lab.relay.command(&["audit", "list"]);
        log.contains("opened by the recipient").then_some(log)
    })
    .await;
    let has = |words: &[&str]| {
        assert!(
            log.lines().any(|line| words.iter().all(|word| line.contains(word))),
            "{words:?}: {log}"
        );
    };
    has(&["administrator ", "domain org.test: added"]);
    has(&[
        "relay",
        "delivery ",
        "goes by email",
        "not by account: ",
        "not by transport-security: ",
    ]);
    has(&["relay", "delivery ", "sent by email"]);
    has(&["recipient", "delivery ", "opened by the recipient"]);
    for secret in [TEXT, "your results", &pim.code(1).await, &pim.link().await] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
    let listed = lab.relay.command(&["queue", "list", "--all"]);
    let id = listed.split_whitespace().next().expect("one delivery");
    let about = format!("delivery {id}");
    assert_eq!(lab.relay.command(&["audit", "list", "--about", &about]).lines().count(), 3);

    let sound = lab.relay.command(&["audit", "verify"]);
    let head = sound.lines().find_map(|line| line.strip_prefix("head  ")).expect("a head");
    let verify = || lab.relay.refuses(&["audit", "verify", "--head", head]);
    assert_eq!(lab.relay.command(&["audit", "verify", "--head", head]), sound);
    tamper(&lab, "DELETE FROM audit WHERE number = (SELECT MAX(number) FROM audit)");
    assert!(verify().contains("the log ends before it"), "{}", verify());
    tamper(&lab, "UPDATE audit SET what = 'sent by sms' WHERE what LIKE 'sent by%'");
    assert!(verify().contains("was changed"), "{}", verify());
}

#[tokio::test]
async fn the_policy_is_set_while_the_relay_runs_and_counts_at_once() {
    let lab = Lab::start(Setup::default()).await;
    let plain = lab.sink("plain.test", None);
    assert!(lab.relay.command(&["policy", "show"]).contains("email        on    configured"));
    assert!(lab.relay.refuses(&["policy", "set", "email", "pkix"]).contains("on or off"));
    assert!(
        lab.relay.refuses(&["policy", "set", "mail", "on"]).contains("there is no switch `mail`")
    );

    lab.relay.command(&["policy", "set", "email", "off"]);
    let shown = lab.relay.command(&["policy", "show"]);
    assert!(shown.contains("email        off   set ") && shown.contains("says on"), "{shown}");
    lab.send(&secured().to(PIM)).await;
    let held = until("the delivery to be held", || {
        let record = lab.relay.delivery(PIM);
        record.contains("held").then_some(record)
    })
    .await;
    assert!(held.contains("not by email: the organisation has switched it off"), "{held}");

    lab.relay.command(&["policy", "set", "email", "configured"]);
    lab.send(&secured().to("tom@plain.test")).await;
    Recipient::new(&lab, &plain, "tom@plain.test").notification().await;
    let log = lab.relay.command(&["audit", "list", "--about", "policy email"]);
    assert!(log.contains("set to off") && log.contains("left to the configuration"), "{log}");
    assert!(plain.arrivals().iter().all(|mail| mail.recipient != PIM));
}
