//! The limits of RFC 7208, section 4.6.4, each at its edge.

use super::*;

#[track_caller]
fn check_fault(world: World<'_>, fault: Fault) {
    let (outcome, _) = settle_from(IPV4, SENDER, world);
    let Outcome::PermError(why) = outcome else { panic!("{outcome:?}") };
    assert_eq!(why.fault, fault);
}

/// A name with so many records of one kind, each made of its number.
fn many(name: &str, count: usize, record: impl Fn(usize) -> String) -> Vec<(&str, String)> {
    (0..count).map(|number| (name, record(number))).collect()
}

fn borrowed<'a>(records: &'a [(&'a str, String)]) -> Vec<(&'a str, &'a str)> {
    records.iter().map(|(name, record)| (*name, record.as_str())).collect()
}

#[test]
fn ten_terms_may_ask_and_no_more_wherever_they_are() {
    let here = |terms: &str| format!("TXT v=spf1 {terms} +all");
    for (terms, good) in [
        (here(&"a ".repeat(10)), true),
        (here(&"a ".repeat(11)), false),
        (here(&format!("{}include:a.b", "a ".repeat(8))), true),
        (here(&format!("{}include:a.b", "a ".repeat(9))), false),
        (here(&"exists:%{p}.a.b ".repeat(2)), true),
        (here(&format!("{}exists:%{{p}}.b", "a ".repeat(9))), false),
        (here(&"ip4:192.0.2.1 ip6:2001:db8:: ".repeat(50)), true),
        (format!("TXT v=spf1 {}redirect=a.b", "a ".repeat(8)), true),
        (format!("TXT v=spf1 {}redirect=a.b", "a ".repeat(9)), false),
        (format!("TXT v=spf1 {}-all exp=a.b", "a ".repeat(10)), true),
    ] {
        let world = [
            ("example.org", &*terms),
            ("example.org", "A 192.0.2.1"),
            ("a.b", "TXT v=spf1 a"),
            ("a.b", "A 192.0.2.1"),
        ];
        if good {
            assert_ne!(word(&settle_from(IPV4, SENDER, &world).0), "permerror", "{terms}");
        } else {
            check_fault(&world, Fault::ManyTerms);
        }
    }
}

#[test]
fn loops_end() {
    check_fault(&[("example.org", "TXT v=spf1 include:example.org")], Fault::ManyTerms);
    check_fault(&[("example.org", "TXT v=spf1 redirect=example.org")], Fault::ManyTerms);
    check_fault(
        &[("example.org", "TXT v=spf1 include:a.b"), ("a.b", "TXT v=spf1 redirect=example.org")],
        Fault::ManyTerms,
    );
    // Two includes of itself: without the limit a tree, not a line.
    check_fault(
        &[("example.org", "TXT v=spf1 include:example.org include:example.org")],
        Fault::ManyTerms,
    );
}

#[test]
fn two_terms_may_be_void_and_no_more() {
    check_world(&[("example.org", "TXT v=spf1 a mx +all")], "pass");
    check_fault(&[("example.org", "TXT v=spf1 a mx exists:a.b +all")], Fault::ManyVoids);
    check_fault(&[("example.org", "TXT v=spf1 a mx ptr +all")], Fault::ManyVoids);
    // A name that the DNS cannot have is not asked for; an explanation comes after the outcome.
    check_world(&[("example.org", "TXT v=spf1 a mx a:a..b a:b..c +all")], "pass");
    check_world(&[("example.org", "TXT v=spf1 a mx -all exp=a.b")], "fail");
    // One term is void once, and mail servers without an address of the client's kind are a usual thing.
    let mut world = vec![("example.org", "TXT v=spf1 mx a:a.b -all"), ("a.b", "A 192.0.2.7")];
    world.extend([("example.org", "MX c.d"), ("example.org", "MX e.f"), ("example.org", "MX g.h")]);
    check_world(&world, "pass");
    // In an included policy too.
    let world = [("example.org", "TXT v=spf1 a include:a.b +all"), ("a.b", "TXT v=spf1 a mx")];
    check_fault(&world, Fault::ManyVoids);
}

#[test]
fn ten_mail_servers_are_looked_up_and_more_are_an_error() {
    let with = |count| {
        let mut records = many("example.org", count, |number| format!("MX m{number}.a.b"));
        records.push(("example.org", "TXT v=spf1 mx -all".to_owned()));
        records.push(("m9.a.b", "A 192.0.2.7".to_owned()));
        records
    };
    check_world(&borrowed(&with(10)), "pass");
    check_fault(&borrowed(&with(11)), Fault::ManyHosts);
}

#[test]
fn ten_names_of_an_address_are_looked_up_and_more_are_left_out() {
    for (position, wanted) in [(9, "pass"), (10, "fail")] {
        let mut records = many(IPV4, 11, |number| {
            let host = if number == position { "good".to_owned() } else { format!("n{number}") };
            format!("PTR {host}.example.org")
        });
        records.push(("example.org", "TXT v=spf1 ptr -all".to_owned()));
        records.push(("good.example.org", "A 192.0.2.7".to_owned()));
        check_world(&borrowed(&records), wanted);
    }
}

#[test]
fn addresses_of_one_host_have_no_limit() {
    let mut records = many("example.org", 200, |number| format!("A 198.51.100.{number}"));
    records.push(("example.org", "A 192.0.2.7".to_owned()));
    records.push(("example.org", "TXT v=spf1 a -all".to_owned()));
    check_world(&borrowed(&records), "pass");
}

#[test]
fn the_longest_evaluation_takes_as_many_questions_as_are_promised() {
    let mut records = Vec::new();
    let zones: Vec<String> = (0..10).map(|zone| format!("z{zone}.example.org")).collect();
    for zone in &zones {
        records.extend(many(zone, 10, |number| format!("MX m{number}.{zone}")));
    }
    let hosts: Vec<String> = zones
        .iter()
        .flat_map(|zone| (0..10).map(move |number| format!("m{number}.{zone}")))
        .collect();
    records.extend(hosts.iter().map(|host| (host.as_str(), "A 198.51.100.1".to_owned())));
    let terms: Vec<String> = zones.iter().map(|zone| format!("mx:{zone}")).collect();
    let policy = format!("TXT v=spf1 {} -all exp=why.example.org", terms.join(" "));
    records.push(("example.org", policy));
    records.push(("why.example.org", "TXT %{p}".to_owned()));
    records.extend(many(IPV4, 11, |number| format!("PTR n{number}.example.net")));
    let (outcome, asked) = settle_from(IPV4, SENDER, &borrowed(&records));
    assert_eq!(word(&outcome), "fail");
    assert_eq!(asked.len(), QUESTIONS_MAX);
}
