use super::knot::{Knot, Zone};
use super::unbound::Unbound;
use super::*;
use crate::config::Dns;

const HEAD: &str = "@ 60 SOA ns h 1 60 60 60 60\n@ 60 NS ns\nns 60 A 127.0.0.1\n";

fn zone<'a>(name: &'a str, signed: bool, records: &str) -> Zone<'a> {
    Zone { name, signed, text: format!("$ORIGIN {name}.\n{HEAD}{records}") }
}

/// A root of our own. `plain.test` is not signed; the DS record of `bogus.test` is of another key.
fn internet() -> Knot {
    let wrong = "12345 13 2 0000000000000000000000000000000000000000000000000000000000000000";
    let test = format!(
        "@DS signed.test@\nsigned 60 NS ns.signed\nns.signed 60 A 127.0.0.1\n\
         plain 60 NS ns.plain\nns.plain 60 A 127.0.0.1\n\
         bogus 60 DS {wrong}\nbogus 60 NS ns.bogus\nns.bogus 60 A 127.0.0.1\n"
    );
    // Longer than fits into UDP.
    let long: Vec<_> = (0..60).map(|n| format!("long 60 TXT {n}{}\n", "x".repeat(60))).collect();
    let long = long.concat();
    Knot::start(&[
        zone("", true, "@DS test@\ntest. 60 NS ns.test.\nns.test. 60 A 127.0.0.1\n"),
        zone("test", true, &test),
        zone(
            "signed.test",
            true,
            &format!(
                "{long}@ 60 MX 10 mx\nmx 60 A 192.0.2.1\nin 60 CNAME mx\nout 60 CNAME mx.plain.test.\nnowhere 60 CNAME missing\nbogusly 60 CNAME mx.bogus.test.\n\
             again 60 CNAME in\ntwice 60 CNAME in.plain.test.\n\
             txt 60 TXT \"a b\" \"c\"\n_25._tcp.mx 60 TLSA 3 1 1 00ff\n"
            ),
        ),
        zone(
            "plain.test",
            false,
            "@ 60 MX 10 mx\nmx 60 A 192.0.2.2\nin 60 CNAME mx.signed.test.\n",
        ),
        zone("bogus.test", true, "@ 60 MX 10 mx\nmx 60 A 192.0.2.3\n"),
    ])
}

fn resolver(knot: &Knot, dnssec: Dnssec) -> Resolver {
    let trust_anchor = Some(knot.trust_anchor());
    Resolver::new(&Dns { servers: vec![knot.server], dnssec, trust_anchor }).unwrap()
}

/// On one line: what was found, and whether it is secure.
fn line<T: std::fmt::Debug>(answer: &Answer<T>) -> String {
    let believed = |secure| if secure { "secure" } else { "insecure" };
    match answer {
        Answer::Found(Found { records, name, secure }) => {
            format!("{} {name} {records:?}", believed(*secure))
        }
        Answer::Nothing(Nothing { no_such_name: true }) => "no such name".into(),
        Answer::Nothing(Nothing { no_such_name: false }) => "no such record".into(),
        Answer::Unknown(_) => "unknown".into(),
    }
}

#[tokio::test]
async fn an_answer_is_secure_when_all_that_it_rests_on_is() {
    let knot = internet();
    check_security(&resolver(&knot, Dnssec::Validate)).await;
}

#[tokio::test]
async fn a_name_server_of_this_machine_is_believed_about_signatures() {
    let knot = internet();
    let unbound = Unbound::before(&knot);
    let dns = Dns { servers: vec![unbound.server], dnssec: Dnssec::Trust, ..Dns::default() };
    let resolver = Resolver::new(&dns).unwrap();
    assert_eq!(resolver.self_test(&dns).await, SelfTest::Passed);
    check_security(&resolver).await;
    check_ends_of_aliases(&resolver).await;
    // One that vouches for nothing, as it only knows its own zones.
    let dns = Dns { servers: vec![knot.server], ..dns };
    let resolver = Resolver::new(&dns).unwrap();
    assert!(line(&resolver.mx("signed.test").await).starts_with("insecure"));
    assert!(matches!(resolver.self_test(&dns).await, SelfTest::Failed(_)));
}

#[tokio::test]
async fn signatures_that_a_name_server_passes_on_are_verified_here() {
    let knot = internet();
    let unbound = Unbound::before(&knot);
    let trust_anchor = Some(knot.trust_anchor());
    let dns = Dns { servers: vec![unbound.server], dnssec: Dnssec::Validate, trust_anchor };
    let resolver = Resolver::new(&dns).unwrap();
    check_security(&resolver).await;
    check_ends_of_aliases(&resolver).await;
}

#[test]
fn a_name_server_elsewhere_is_not_believed() {
    let servers = vec!["192.0.2.1:53".parse().unwrap()];
    let dns = Dns { servers, dnssec: Dnssec::Trust, ..Dns::default() };
    assert!(Resolver::new(&dns).is_err_and(|why| why.contains("192.0.2.1")));
}

/// A recursing name server gives an alias and what is at its end in one answer.
async fn check_ends_of_aliases(resolver: &Resolver) {
    for name in ["in.signed.test", "out.signed.test", "again.signed.test", "in.plain.test"] {
        assert_eq!(line(&resolver.ipv6(name).await), "no such record", "{name}");
    }
    for (name, expected) in [
        ("nowhere.signed.test", "no such name"),
        ("bogusly.signed.test", "unknown"),
        ("in.signed.test", "secure mx.signed.test [192.0.2.1]"),
    ] {
        assert_eq!(line(&resolver.ipv4(name).await), expected, "{name}");
    }
}

/// What is so whoever verifies the signatures of [`internet`].
async fn check_security(resolver: &Resolver) {
    for (name, expected) in [
        ("signed.test", r#"secure signed.test [(10, "mx.signed.test.")]"#),
        ("plain.test", r#"insecure plain.test [(10, "mx.plain.test.")]"#),
        ("bogus.test", "unknown"),
        ("mx.signed.test", "no such record"),
        ("mx.plain.test", "no such record"),
        ("missing.signed.test", "no such name"),
        ("missing.plain.test", "no such name"),
    ] {
        // Twice, as the second answer comes from the cache.
        assert_eq!(line(&resolver.mx(name).await), expected, "{name}");
        assert_eq!(line(&resolver.mx(name).await), expected, "{name} from the cache");
    }
    for (name, expected) in [
        ("MX.signed.test.", "secure mx.signed.test [192.0.2.1]"),
        ("in.signed.test", "secure mx.signed.test [192.0.2.1]"),
        ("out.signed.test", "insecure mx.plain.test [192.0.2.2]"),
        ("in.plain.test", "insecure mx.signed.test [192.0.2.1]"),
        ("again.signed.test", "secure mx.signed.test [192.0.2.1]"),
        ("twice.signed.test", "insecure mx.signed.test [192.0.2.1]"),
    ] {
        assert_eq!(line(&resolver.ipv4(name).await), expected, "{name}");
    }
    assert_eq!(
        line(&resolver.tlsa("_25._tcp.mx.signed.test").await),
        "secure _25._tcp.mx.signed.test [Tlsa { usage: 3, selector: 1, matching: 1, data: [0, 255] }]"
    );
    let Answer::Found(long) = resolver.txt("long.signed.test").await else { panic!("no answer") };
    assert_eq!((long.records.len(), long.secure), (60, true));
    assert_eq!(
        line(&resolver.alias("out.signed.test").await),
        r#"secure out.signed.test ["mx.plain.test."]"#
    );
    assert_eq!(
        line(&resolver.txt("txt.signed.test").await),
        format!("secure txt.signed.test [{:?}]", b"a bc")
    );
}

#[tokio::test]
async fn without_validation_nothing_is_secure_and_nothing_is_bogus() {
    let knot = internet();
    let resolver = resolver(&knot, Dnssec::Off);
    for (name, expected) in [
        ("signed.test", r#"insecure signed.test [(10, "mx.signed.test.")]"#),
        ("bogus.test", r#"insecure bogus.test [(10, "mx.bogus.test.")]"#),
    ] {
        assert_eq!(line(&resolver.mx(name).await), expected, "{name}");
    }
}

#[tokio::test]
async fn a_name_server_that_hides_signatures_makes_everything_unknown() {
    let knot = Knot::start(&[zone("", false, "test. 60 MX 10 mx.test.\n")]);
    let signed = internet();
    let dns = Dns {
        servers: vec![knot.server],
        dnssec: Dnssec::Validate,
        trust_anchor: Some(signed.trust_anchor()),
    };
    let resolver = Resolver::new(&dns).unwrap();
    assert_eq!(line(&resolver.mx("test").await), "unknown");
    let SelfTest::Failed(why) = resolver.self_test(&dns).await else { panic!("passed") };
    assert!(why.contains("do not pass on signatures"), "{why}");
}

#[tokio::test]
async fn the_self_test_passes_where_signatures_arrive_or_nobody_asks_for_them() {
    let knot = internet();
    for dnssec in [Dnssec::Validate, Dnssec::Off] {
        let dns =
            Dns { servers: vec![knot.server], dnssec, trust_anchor: Some(knot.trust_anchor()) };
        assert_eq!(Resolver::new(&dns).unwrap().self_test(&dns).await, SelfTest::Passed);
    }
}

#[tokio::test]
async fn a_trace_says_what_was_asked_and_whether_the_answer_can_be_believed() {
    let knot = internet();
    let (resolver, trace) = resolver(&knot, Dnssec::Validate).traced();
    for name in ["signed.test", "plain.test", "mx.signed.test", "missing.signed.test", "bogus.test"]
    {
        let _ = resolver.mx(name).await;
    }
    let mut lines = trace.take();
    assert!(lines.pop().is_some_and(|line| line.starts_with("MX bogus.test: unknown, ")));
    let said = [
        "MX signed.test: found, secure",
        "MX plain.test: found, insecure",
        "MX mx.signed.test: no such record",
        "MX missing.signed.test: no such name",
    ];
    assert_eq!(lines, said);
    assert_eq!(trace.take(), Vec::<String>::new());
}
