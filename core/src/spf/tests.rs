//! The evaluator over small worlds of DNS records.

mod limits;
mod random;

use std::net::IpAddr;

use super::*;

/// A name (or, for PTR, an address) and a record of it, or `FAIL TYPE` for a look-up that fails.
type World<'a> = &'a [(&'a str, &'a str)];

const SENDER: &str = "jan@example.org";
const IPV4: &str = "192.0.2.7";
const IPV6: &str = "2001:db8::7";

/// Answers one question out of the world.
fn answer(world: World<'_>, question: &Question, answers: &mut Answers) {
    match question {
        Question::Txt(name) => {
            answers.txt(name, found(world, name, "TXT", |text| Text::of_strings([text])));
        }
        Question::A(name) => answers.a(name, found(world, name, "A", |text| text.parse().unwrap())),
        Question::Aaaa(name) => {
            answers.aaaa(name, found(world, name, "AAAA", |text| text.parse().unwrap()));
        }
        Question::Mx(name) => answers.mx(name, found(world, name, "MX", str::to_owned)),
        Question::Ptr(ip) => answers.ptr(*ip, found(world, &ip.to_string(), "PTR", str::to_owned)),
    }
}

fn found<T>(world: World<'_>, name: &str, kind: &str, read: impl Fn(&str) -> T) -> Answer<T> {
    let records = || world.iter().filter(|(owner, _)| *owner == name).map(|(_, record)| record);
    if records().any(|record| *record == format!("FAIL {kind}")) {
        return Answer::Unknown;
    }
    let of_kind = records().filter_map(|record| record.strip_prefix(kind)?.strip_prefix(' '));
    Answer::Found(of_kind.map(read).collect())
}

/// Asks until the claim is settled: the outcome, and what was asked.
#[track_caller]
fn settle(client: &Client<'_>, world: World<'_>) -> (Outcome, Vec<Question>) {
    let (mut answers, mut asked) = (Answers::default(), Vec::new());
    loop {
        match check(client, &answers) {
            Step::Settled(outcome) => return (outcome, asked),
            Step::Ask(question) => {
                assert!(!asked.contains(&question), "{question:?} is asked twice");
                assert!(asked.len() < QUESTIONS_MAX, "no end of questions");
                answer(world, &question, &mut answers);
                asked.push(question);
            }
        }
    }
}

#[track_caller]
fn settle_from(ip: &str, sender: &str, world: World<'_>) -> (Outcome, Vec<Question>) {
    let sender: Address = sender.parse().unwrap();
    let ip: IpAddr = ip.parse().unwrap();
    let (helo, receiver) = ("client.example.net", "mx.example.net");
    settle(&Client { ip, helo, sender: Some(&sender), receiver, now: Moment(17) }, world)
}

/// One word for an outcome.
fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::None => "none",
        Outcome::Neutral => "neutral",
        Outcome::Pass(_) => "pass",
        Outcome::Fail(_) => "fail",
        Outcome::SoftFail => "softfail",
        Outcome::TempError => "temperror",
        Outcome::PermError(_) => "permerror",
    }
}

#[track_caller]
fn check_world(world: World<'_>, wanted: &str) {
    let (outcome, _) = settle_from(IPV4, SENDER, world);
    assert_eq!(word(&outcome), wanted, "{world:?}: {outcome:?}");
}

/// The explanation that a fail brings when this is its text.
#[track_caller]
fn check_explanation(sender: &str, text: &str, wanted: Option<&str>) {
    let world = [
        ("example.org", "TXT v=spf1 -all exp=why.example.org"),
        ("why.example.org", &*format!("TXT {text}")),
    ];
    let (outcome, _) = settle_from(IPV4, sender, &world);
    let Outcome::Fail(said) = outcome else { panic!("{outcome:?}") };
    assert_eq!(said.as_ref().map(Explanation::as_str), wanted, "{text:?}");
}

/// What is wrong with a pass of this client in this world, if anything.
#[track_caller]
fn check_weakness(ip: &str, world: World<'_>, wanted: Option<Weakness>) {
    let (outcome, _) = settle_from(ip, SENDER, world);
    assert_eq!(word(&outcome), "pass", "{world:?}: {outcome:?}");
    match accept(&outcome, &Demands::default()) {
        Ok(_) => assert_eq!(wanted, None, "{world:?}"),
        Err(Refused::Weak(weakness)) => assert_eq!(Some(weakness), wanted, "{world:?}"),
        Err(other) => panic!("{world:?}: {other:?}"),
    }
}

fn network(text: &str, prefix_min: u8) -> Weakness {
    Weakness::Network { network: text.parse().unwrap(), prefix_min }
}

#[test]
fn nothing_is_asked_that_is_not_needed() {
    let world = [("example.org", "TXT v=spf1 ip4:192.0.2.0/24 a mx include:a.b -all")];
    assert_eq!(settle_from(IPV4, SENDER, &world).1, [Question::Txt("example.org".to_owned())]);
    let world = [("example.org", "TXT v=spf1 a mx -all"), ("example.org", "AAAA 2001:db8::7")];
    let asked = settle_from(IPV6, SENDER, &world).1;
    assert_eq!(
        asked,
        [Question::Txt("example.org".to_owned()), Question::Aaaa("example.org".to_owned())]
    );
}

#[test]
fn an_error_anywhere_counts_before_a_match() {
    check_world(&[("example.org", "TXT v=spf1 +all moo")], "permerror");
    check_world(
        &[("example.org", "TXT v=spf1 +all"), ("example.org", "TXT v=spf1 -all")],
        "permerror",
    );
    check_world(&[("example.org", "TXT v=spf2 moo"), ("example.org", "TXT v=spf1 +all")], "pass");
    check_world(&[("example.org", "TXT other")], "none");
    check_world(&[], "none");
}

#[test]
fn a_record_is_read_up_to_its_limit_and_no_further() {
    let of_length = |length: usize| format!("TXT v=spf1 {:<1$}", "+all", length - "v=spf1 ".len());
    check_world(&[("example.org", &of_length(Text::OCTETS_MAX))], "pass");
    check_world(&[("example.org", &of_length(Text::OCTETS_MAX + 1))], "permerror");
}

#[test]
fn an_ipv4_client_is_one_over_ipv6_too() {
    let world = [("example.org", "TXT v=spf1 -ip6:::/0 ip4:192.0.2.7 -all")];
    assert_eq!(word(&settle_from("::ffff:192.0.2.7", SENDER, &world).0), "pass");
    let world =
        [("example.org", "TXT v=spf1 ip6:::ffff:192.0.2.7 a -all"), ("example.org", "A 192.0.2.7")];
    let (outcome, asked) = settle_from("::ffff:192.0.2.7", SENDER, &world);
    assert_eq!(word(&outcome), "pass");
    assert_eq!(asked.last(), Some(&Question::A("example.org".to_owned())));
}

#[test]
fn the_widest_networks_hold_everybody_and_only_their_own_kind() {
    for (ip, record, wanted) in [
        (IPV4, "TXT v=spf1 -ip4:0.0.0.0/0 +all", "fail"),
        (IPV6, "TXT v=spf1 -ip4:0.0.0.0/0 +all", "pass"),
        (IPV6, "TXT v=spf1 -ip6:::/0 +all", "fail"),
        (IPV4, "TXT v=spf1 -ip6:::/0 +all", "pass"),
        ("255.255.255.255", "TXT v=spf1 -ip4:128.0.0.0/1 +all", "fail"),
        ("127.255.255.255", "TXT v=spf1 -ip4:128.0.0.0/1 +all", "pass"),
    ] {
        let (outcome, _) = settle_from(ip, SENDER, &[("example.org", record)]);
        assert_eq!(word(&outcome), wanted, "{ip} {record}");
    }
}

#[test]
fn the_null_sender_is_the_postmaster_of_the_helo_name() {
    let client = |helo| Client {
        ip: IPV4.parse().unwrap(),
        helo,
        sender: None,
        receiver: "",
        now: Moment(0),
    };
    let world = [
        ("mail.example.org", "TXT v=spf1 exists:%{l}.%{o} -all"),
        ("postmaster.mail.example.org", "A 127.0.0.2"),
        ("xn--bcher-kva.example", "TXT v=spf1 -all"),
    ];
    for (helo, wanted) in [
        ("mail.example.org", "pass"),
        ("Mail.Example.org.", "pass"),
        ("b\u{fc}cher.example", "fail"),
        ("localhost", "none"),
        ("[192.0.2.7]", "none"),
        ("", "none"),
        ("a..b", "none"),
        ("\u{fc}\n..", "none"),
    ] {
        assert_eq!(word(&settle(&client(helo), &world).0), wanted, "{helo:?}");
    }
}

#[test]
fn a_local_part_beyond_ascii_never_matches() {
    let world = [("example.org", "TXT v=spf1 -exists:%{l}.example.org exists:%{s} +all")];
    let (outcome, asked) = settle_from(IPV4, "jos\u{e9}@example.org", &world);
    assert_eq!((word(&outcome), asked.len()), ("pass", 1));
}

#[test]
fn a_look_up_that_failed_is_not_a_no() {
    for (record, failed) in [
        ("TXT v=spf1 a +all", ("example.org", "FAIL A")),
        ("TXT v=spf1 mx +all", ("example.org", "FAIL MX")),
        ("TXT v=spf1 exists:a.b +all", ("a.b", "FAIL A")),
        ("TXT v=spf1 include:a.b +all", ("a.b", "FAIL TXT")),
        ("TXT v=spf1 redirect=a.b", ("a.b", "FAIL TXT")),
        ("FAIL TXT", ("", "")),
    ] {
        check_world(&[("example.org", record), failed], "temperror");
    }
    let world =
        [("example.org", "TXT v=spf1 mx +all"), ("example.org", "MX a.b"), ("a.b", "FAIL A")];
    check_world(&world, "temperror");
    // RFC 7208, section 5.5: the names of an address are no witnesses.
    check_world(&[("example.org", "TXT v=spf1 ptr -all"), (IPV4, "FAIL PTR")], "fail");
}

#[test]
fn an_include_matches_by_a_pass_alone_and_needs_a_policy() {
    for (inner, wanted) in [
        ("TXT v=spf1 +all", "pass"),
        ("TXT v=spf1 -all", "softfail"),
        ("TXT v=spf1 ~all", "softfail"),
        ("TXT v=spf1 ?all", "softfail"),
        ("TXT v=spf1", "softfail"),
        ("TXT v=spf1 moo", "permerror"),
        ("TXT other", "permerror"),
        ("FAIL TXT", "temperror"),
    ] {
        check_world(&[("example.org", "TXT v=spf1 include:a.b ~all"), ("a.b", inner)], wanted);
    }
    check_world(&[("example.org", "TXT v=spf1 include:a..b ~all")], "permerror");
    check_world(&[("example.org", "TXT v=spf1 redirect=a..b")], "permerror");
}

#[test]
fn a_pass_says_what_it_rests_on_from_the_outside_in() {
    let world = [
        ("example.org", "TXT v=spf1 redirect=_spf.example.org"),
        ("_spf.example.org", "TXT v=spf1 ip4:198.51.100.1 include:mass.example -all"),
        ("mass.example", "TXT v=spf1 a:out.mass.example/24 ~all"),
        ("out.mass.example", "A 192.0.2.200"),
    ];
    let (outcome, _) = settle_from(IPV4, "jan@Example.ORG", &world);
    let matched =
        |domain: &str, term| Match { domain: domain.to_owned(), term, chosen_by_client: false };
    let evidence = Evidence {
        domain: "example.org".to_owned(),
        matched: vec![
            matched("example.org", Term::Redirect),
            matched("_spf.example.org", Term::Include),
            matched("mass.example", Term::A("192.0.2.0/24".parse().unwrap())),
        ],
    };
    assert_eq!(outcome, Outcome::Pass(evidence.clone()));
    assert_eq!(accept(&outcome, &Demands::default()), Ok(&evidence));
}

#[test]
fn an_explanation_is_one_line_of_ascii_or_none() {
    check_explanation(
        SENDER,
        "Ask %{o} about %{c} at %{t}, says %{r}.",
        Some("Ask example.org about 192.0.2.7 at 17, says mx.example.net."),
    );
    check_explanation("jos\u{e9}@example.org", "Not %{l}.", Some("Not jos?."));
    check_explanation(SENDER, "from %{p}", Some("from unknown"));
    check_explanation(SENDER, "two\r\nlines", None);
    check_explanation(SENDER, "%{x}", None);
    check_explanation(SENDER, "b\u{e9}", None);
    check_explanation(SENDER, "   ", None);
    check_explanation(SENDER, &"a".repeat(500), Some(&"a".repeat(Explanation::OCTETS_MAX)));
    check_explanation(SENDER, &"%{s}".repeat(2000), None);
}

#[test]
fn only_a_pass_is_accepted() {
    let why = Why { domain: "a.b".to_owned(), fault: Fault::Syntax };
    for (outcome, refused) in [
        (Outcome::None, Refused::NoPolicy),
        (Outcome::Neutral, Refused::Undecided),
        (Outcome::SoftFail, Refused::SoftFail),
        (Outcome::Fail(None), Refused::Fail(None)),
        (Outcome::TempError, Refused::Unknown),
        (Outcome::PermError(why.clone()), Refused::Broken(why)),
    ] {
        assert_eq!(accept(&outcome, &Demands::default()), Err(refused));
    }
}

#[test]
fn a_pass_that_everybody_could_have_is_refused_wherever_it_comes_from() {
    let everybody = Some(Weakness::Everybody);
    check_weakness(IPV4, &[("example.org", "TXT v=spf1 +all")], everybody);
    check_weakness(
        IPV4,
        &[("example.org", "TXT v=spf1 include:a.b -all"), ("a.b", "TXT v=spf1 all")],
        everybody,
    );
    check_weakness(
        IPV4,
        &[("example.org", "TXT v=spf1 redirect=a.b"), ("a.b", "TXT v=spf1 all")],
        everybody,
    );
    let exists = |record| {
        [("example.org", record), ("a.b", "A 127.0.0.2"), ("192.0.2.7.a.b", "A 127.0.0.2")]
    };
    check_weakness(IPV4, &exists("TXT v=spf1 exists:a.b -all"), everybody);
    check_weakness(IPV4, &exists("TXT v=spf1 exists:%{i}.a.b -all"), None);
    // A pass that a narrower term gives first is good, whatever comes behind it.
    check_weakness(IPV4, &[("example.org", "TXT v=spf1 ip4:192.0.2.7 +all")], None);
}

#[test]
fn a_pass_by_the_name_of_an_address_is_refused() {
    let world = [
        ("example.org", "TXT v=spf1 ptr -all"),
        (IPV4, "PTR mail.example.org."),
        ("mail.example.org", "A 192.0.2.7"),
    ];
    check_weakness(IPV4, &world, Some(Weakness::Ptr));
}

#[test]
fn a_pass_of_a_wide_network_is_refused() {
    let one = |record| {
        [
            ("example.org", record),
            ("example.org", "A 192.0.2.1"),
            ("example.org", "AAAA 2001:db8::1"),
        ]
    };
    for (record, wanted) in [
        ("TXT v=spf1 ip4:192.0.0.0/20 -all", None),
        ("TXT v=spf1 ip4:192.0.2.1/19 -all", Some(network("192.0.0.0/19", 20))),
        ("TXT v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all", Some(network("128.0.0.0/1", 20))),
        ("TXT v=spf1 a/0 -all", Some(network("0.0.0.0/0", 20))),
        ("TXT v=spf1 a/20//0 -all", None),
    ] {
        check_weakness(IPV4, &one(record), wanted);
    }
    for (record, wanted) in [
        ("TXT v=spf1 ip6:2001:db8::/40 -all", None),
        ("TXT v=spf1 ip6:2001:db8::/39 -all", Some(network("2001:db8::/39", 40))),
        ("TXT v=spf1 a/0//40 -all", None),
        ("TXT v=spf1 a//39 -all", Some(network("2001:db8::/39", 40))),
    ] {
        check_weakness(IPV6, &one(record), wanted);
    }
    let mx = [
        ("example.org", "TXT v=spf1 mx/8 -all"),
        ("example.org", "MX a.b"),
        ("a.b", "A 192.1.1.1"),
    ];
    check_weakness(IPV4, &mx, Some(network("192.0.0.0/8", 20)));
    let inside = [
        ("example.org", "TXT v=spf1 include:a.b -all"),
        ("a.b", "TXT v=spf1 ip4:192.0.0.0/8 -all"),
    ];
    check_weakness(IPV4, &inside, Some(network("192.0.0.0/8", 20)));
}

#[test]
fn a_pass_by_a_name_of_the_clients_own_choice_is_refused() {
    let chosen = Some(Weakness::ChosenByClient);
    for (record, name, wanted) in [
        ("TXT v=spf1 a:%{h} -all", "client.example.net", chosen),
        ("TXT v=spf1 a:x.%{h2} -all", "x.example.net", chosen),
        ("TXT v=spf1 a:%{l}.org -all", "jan.org", chosen),
        ("TXT v=spf1 a:%{l}%{d} -all", "janexample.org", chosen),
        ("TXT v=spf1 a:%{l}.%{d} -all", "jan.example.org", None),
        ("TXT v=spf1 a:%{h}.%{d2} -all", "client.example.net.example.org", None),
        ("TXT v=spf1 a:%{l}.a.b -all", "jan.a.b", None),
        ("TXT v=spf1 a:%{o} -all", "example.org", None),
    ] {
        check_weakness(IPV4, &[("example.org", record), (name, "A 192.0.2.7")], wanted);
    }
    let world = [
        ("example.org", "TXT v=spf1 include:%{h} -all"),
        ("client.example.net", "TXT v=spf1 ip4:192.0.2.7"),
    ];
    check_weakness(IPV4, &world, chosen);
}

#[test]
fn demands_are_read_with_their_bounds() {
    let read = toml::from_str::<Demands>;
    assert_eq!(read("").unwrap(), Demands { ipv4_prefix_min: 20, ipv6_prefix_min: 40 });
    assert_eq!(read("ipv4-prefix-min = 32\nipv6-prefix-min = 128").unwrap().ipv4_prefix_min, 32);
    for wrong in
        ["ipv4-prefix-min = 33", "ipv6-prefix-min = 129", "ipv4-prefix-min = -1", "prefix = 1"]
    {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}
