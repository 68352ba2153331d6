use super::knot::{Knot, Zone};
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
    Knot::start(&[
        zone("", true, "@DS test@\ntest. 60 NS ns.test.\nns.test. 60 A 127.0.0.1\n"),
        zone("test", true, &test),
        zone(
            "signed.test",
            true,
            "@ 60 MX 10 mx\nmx 60 A 192.0.2.1\nin 60 CNAME mx\nout 60 CNAME mx.plain.test.\n\
             again 60 CNAME in\ntwice 60 CNAME in.plain.test.\n\
             txt 60 TXT \"a b\" \"c\"\n",
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
    let resolver = resolver(&knot, Dnssec::Validate);
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
    assert_eq!(line(&Resolver::new(&dns).unwrap().mx("test").await), "unknown");
}
