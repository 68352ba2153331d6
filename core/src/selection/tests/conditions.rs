//! Each condition at its edges, and what holds for all rules.

use super::*;
use crate::label::Label;

const FROM: &str = "From: jan@gemeente.example";

#[test]
fn subjects_are_searched_for_words_and_expressions() {
    for (line, subject, want) in [
        ("subject = { words = [\"a\", \"secure\"] }", "re: secure", "yes"),
        ("subject = { regex = '^\\[v\\d+\\]' }", "[v12] offer", "yes"),
        ("subject = { regex = '^\\[v\\d+\\]' }", "offer [v12]", "no"),
        ("subject = [\"x\", { regex = \"(?i)GEHEIM\", strip = true }]", "geheim", "yes"),
        ("subject = [\"x\", { regex = \"GEHEIM\" }]", "geheim", "no"),
    ] {
        check_condition(line, &case("", &format!("{FROM}\r\nSubject: {subject}")), want);
    }
}

#[test]
fn what_is_encoded_in_an_unknown_way_may_hold_the_word() {
    for value in ["=?x-unknown?B?c2VjdXJl?=", "=?utf-8?B?!?=", "hello =?x-a?q?b?="] {
        let section = format!("{FROM}\r\nSubject: {value}\r\nX-A: {value}");
        let hidden = case("", &section);
        check_condition("subject = \"secure\"", &hidden, "selected by r");
        check_condition("subject = \"secure\"\nunreadable = \"ordinary\"", &hidden, "no");
        check_condition(
            "header = { name = \"X-A\", words = \"secure\" }",
            &hidden,
            "selected by r",
        );
        check_condition("header = { name = \"X-B\", words = \"secure\" }", &hidden, "no");
    }
    for value in ["=?", "a =?= b", "=?utf-8?Q?hello?=", "is it? =?yes?no?maybe?="] {
        let section = format!("{FROM}\r\nSubject: {value}");
        check_condition("subject = \"secure\"", &case("", &section), "no");
    }
}

#[test]
fn neither_folding_nor_case_changes_the_answer() {
    let words = ["re:", "strictly", "private", "offer"];
    for code in 0..4_usize.pow(3) {
        let white = |place: u32| [" ", "\r\n ", "\r\n\t", " \t"][code / 4_usize.pow(place) % 4];
        let [a, b, c, d] = words;
        let subject = format!("{a}{}{b}{}{c}{}{d}", white(0), white(1), white(2));
        case(RULES, &format!("From: a@b.example\r\nSubject: {subject}"))
            .check("selected by trigger");
    }
    for code in 0..1_u32 << 6 {
        let in_case = |(place, c): (usize, char)| {
            if code >> place & 1 == 1 { c.to_ascii_uppercase() } else { c }
        };
        let word: String = "secure".chars().enumerate().map(in_case).collect();
        case(RULES, &format!("From: a@b.example\r\nSUBJECT:{word}")).check("selected by trigger");
    }
}

#[test]
fn the_envelope_sender_is_another_than_the_author() {
    let from = |sender| Case { sender, ..case("", "From: a@b.example") };
    check_condition("envelope-sender = \"gemeente.example\"", &from("JAN@gemeente.example"), "yes");
    check_condition("envelope-sender = \"b.example\"", &from("jan@gemeente.example"), "no");
    check_condition("envelope-sender = \"b.example\"", &from("jan"), "unknown");
    check_condition("sender = \"b.example\"", &from("jan@gemeente.example"), "yes");
}

#[test]
fn a_login_is_compared_whole_and_without_case() {
    let login = |login| Case { origin: Origin { login, ..Origin::default() }, ..case("", FROM) };
    check_condition("login = \"scanner\"", &login(Some("Scanner")), "yes");
    check_condition("login = \"scanner\"", &login(Some("scanner2")), "no");
    check_condition("login = \"*\"", &login(Some("anybody")), "yes");
    check_condition("login = \"*\"", &login(Some("")), "no");
    check_condition("login = \"*\"", &login(None), "no");
}

#[test]
fn a_client_is_known_by_its_network_or_its_name_and_unknown_is_no_answer() {
    let client =
        |client, host| Case { origin: Origin { client, host, login: None }, ..case("", FROM) };
    let address = Client::Address([192, 0, 2, 1].into());
    let by_name = "client = [\"app.example.org\", \".intern.example.org\"]";
    let by_network = "client = \"192.0.2.0/24\"";
    check_condition(by_network, &client(address, None), "yes");
    check_condition(by_network, &client(Client::Address([192, 0, 3, 1].into()), None), "no");
    check_condition(by_network, &client(Client::Unknown, None), "unknown");
    check_condition(by_network, &client(Client::Local, None), "no");
    check_condition(by_name, &client(address, Some("APP.example.org.")), "yes");
    check_condition(by_name, &client(address, Some("x.intern.example.org")), "yes");
    check_condition(by_name, &client(address, Some("intern.example.org")), "no");
    check_condition(by_name, &client(address, Some("xintern.example.org")), "no");
    check_condition(by_name, &client(address, None), "unknown");
    check_condition("client = [\"192.0.2.1\", \"a.example\"]", &client(address, None), "yes");
}

#[test]
fn any_header_counts_by_its_presence_its_words_or_an_expression() {
    let section = format!("{FROM}\r\nX-Marking: =?utf-8?Q?SEC=3DGEHEIM?=\r\nX-MARKING:\r\n none");
    let marked = case("", &section);
    for (line, want) in [
        ("header = { name = \"x-marking\" }", "yes"),
        ("header = { name = \"x-other\" }", "no"),
        ("header = { name = \"x-marking\", words = \"geheim\" }", "yes"),
        ("header = { name = \"x-marking\", words = \"sec\", regex = \"^none$\" }", "yes"),
        ("header = { name = \"x-marking\", regex = \"^geheim\" }", "no"),
        ("header = [{ name = \"x-other\" }, { name = \"x-marking\", regex = \"none\" }]", "yes"),
    ] {
        check_condition(line, &marked, want);
    }
}

#[test]
fn recipients_are_looked_at_all_together() {
    let to = |recipients| Case { recipients, ..case("", FROM) };
    let own: &[&str] = &["a@gemeente.example", "root", "root@localhost"];
    let mixed: &[&str] = &["a@GEMEENTE.example", "b@zorg.example"];
    let odd: &[&str] = &["a@gemeente.example", "b@[192.0.2.1]"];
    for (line, recipients, want) in [
        ("recipients = \"any-external\"", own, "no"),
        ("recipients = \"any-external\"", mixed, "yes"),
        ("recipients = \"any-external\"", &["a@sub.gemeente.example"], "yes"),
        ("recipients = \"any-external\"", odd, "unknown"),
        ("recipients = \"any-external\"", &[], "unknown"),
        ("recipients = { all-in = [\"zorg.example\", \"gemeente.example\"] }", mixed, "yes"),
        ("recipients = { all-in = \"zorg.example\" }", mixed, "no"),
        ("recipients = { all-in = \"gemeente.example\" }", odd, "unknown"),
        ("recipients = { any-in = \"zorg.example\" }", mixed, "yes"),
        ("recipients = { any-in = \"zorg.example\" }", own, "unknown"),
        ("recipients = { any-in = \"gemeente.example\" }", odd, "yes"),
        ("recipients = { none-in = \"zorg.example\" }", mixed, "no"),
        ("recipients = { none-in = \"other.example\" }", mixed, "yes"),
        ("recipients = { none-in = \"other.example\" }", odd, "unknown"),
        ("recipients = [{ all-in = \"x.example\" }, \"any-external\"]", mixed, "yes"),
        ("recipients = { all-in = \"zorg.example\" }", &["\"a@b\"@zorg.example"], "yes"),
    ] {
        check_condition(line, &to(recipients), want);
    }
}

#[test]
fn the_order_of_recipients_changes_nothing() {
    let all = ["a@gemeente.example", "b@zorg.example", "c@[192.0.2.1]", "root"];
    for line in [
        "recipients = \"any-external\"",
        "recipients = { all-in = \"gemeente.example\" }",
        "recipients = { any-in = \"zorg.example\" }",
        "recipients = { none-in = \"x.example\" }",
    ] {
        let rule = format!("[[rule]]\nname = \"r\"\naction = \"secure\"\nwhen.{line}\n");
        let shown = |recipients: &[&str]| Case { recipients, ..case(&rule, FROM) }.shown();
        let first = shown(&all);
        for code in 0..24_usize {
            let mut left = all.to_vec();
            let order = [4, 3, 2, 1].map(|left_over| left.remove(code % left_over));
            assert_eq!(shown(&order), first, "{line} {order:?}");
        }
    }
}

#[test]
fn a_size_is_over_or_under_and_not_at_its_bound() {
    let size = |size| Case { content: Content { size, attachments: None }, ..case("", FROM) };
    for (line, octets, want) in [
        ("size = { over = 1000 }", Some(1000), "no"),
        ("size = { over = \"1 kB\" }", Some(1001), "yes"),
        ("size = { under = 1000 }", Some(1000), "no"),
        ("size = { under = 1000 }", Some(999), "yes"),
        ("size = { under = 1000 }", None, "unknown"),
        ("size = [{ under = 10 }, { over = \"1 MiB\" }]", Some(1024 * 1024 + 1), "yes"),
    ] {
        check_condition(line, &size(octets), want);
    }
}

fn with(attachments: Attachments) -> Case<'static> {
    Case { content: Content { size: None, attachments: Some(attachments) }, ..case("", FROM) }
}

fn label() -> Label {
    Label { id: GUID.parse().unwrap(), sites: Vec::new(), parents: Vec::new(), names: Vec::new() }
}

#[test]
fn labels_and_properties_of_attachments_count() {
    let wanted = format!("label = {{ guid = \"{GUID}\" }}");
    let damaged = || vec!["part 2: damaged".to_owned()];
    let property = "property = { name = \"Classification\", words = \"geheim\" }";
    let carried = Attachments {
        labels: vec![label()],
        properties: vec![("classification".to_owned(), "NL-GEHEIM".to_owned())],
        unreadable: damaged(),
    };
    check_condition(&wanted, &with(carried.clone()), "yes");
    check_condition(property, &with(carried), "yes");
    check_condition(&wanted, &with(Attachments::default()), "no");
    check_condition(property, &with(Attachments::default()), "no");
    let nobody = Case { content: Content::default(), ..case("", FROM) };
    check_condition(&wanted, &nobody, "unknown");
    check_condition(property, &nobody, "unknown");
}

#[test]
fn what_cannot_be_read_goes_the_way_that_the_rule_says_by_default_to_the_relay() {
    let unreadable = || {
        with(Attachments {
            unreadable: vec!["part 2: damaged".to_owned()],
            ..Attachments::default()
        })
    };
    let condition = format!(".label = {{ guid = \"{GUID}\" }}\n");
    for (action, side, setting, want) in [
        ("secure", "when", "", "selected by r"),
        ("secure", "when", "unreadable = \"secure\"", "selected by r"),
        ("secure", "when", "unreadable = \"ordinary\"", "passed by none"),
        ("secure", "when = {}\nexcept", "", "selected by r"),
        ("secure", "when = {}\nexcept", "unreadable = \"ordinary\"", "passed by none"),
        ("ordinary", "when", "", "passed by none"),
        ("ordinary", "when", "unreadable = \"ordinary\"", "passed by r"),
        ("ordinary", "when = {}\nexcept", "", "passed by none"),
    ] {
        let rule =
            format!("[[rule]]\nname = \"r\"\naction = \"{action}\"\n{setting}\n{side}{condition}");
        Case { rules: &rule, ..unreadable() }.check(want);
    }
}

#[test]
fn unreadable_beside_an_unknown_author_leaves_it_open() {
    let rule = format!(
        "[[rule]]\nname = \"r\"\naction = \"secure\"\nwhen.sender = \"a.example\"\nwhen.label = {{ guid = \"{GUID}\" }}\n"
    );
    let unreadable = Attachments { unreadable: vec!["x".to_owned()], ..Attachments::default() };
    Case { rules: &rule, section: "Subject: x", ..with(unreadable) }.check("undecided by r");
}

#[test]
fn the_relay_s_own_mail_passes_before_all_else() {
    let section = "From: zegel@gemeente.example\r\nSubject: secure";
    Case { is_of_relay: true, ..case(RULES, section) }
        .check("passed by built in: the relay's own mail");
}

const OWN: &str = "0190a1b2c3d47e5f8a9b0c1d2e3f4a5d.zegel@gemeente.example";

#[test]
fn an_answer_of_our_own_people_to_a_secured_message_stays_secure() {
    let reply = |from: &str| format!("From: {from}\r\nReferences: <1@x.example> <{OWN}>");
    let secured = "selected by built in: reply to a secured message";
    let ours = reply("jan@gemeente.example");
    case("", &ours).check(secured);
    Case { replies: Way::Ordinary, ..case("", &ours) }.check("passed by none");
    Case { own_domains: &[], ..case("", &ours) }.check(secured);
    Case { own_domains: &["zorg.example"], ..case("", &ours) }.check("passed by none");
    case("", &reply("gast@thuis.example")).check("passed by none");
    Case { own_domains: &[], ..case("", &reply("gast@thuis.example")) }.check("passed by none");
    case("", &reply("nobody")).check(secured);
    case("", "From: jan@gemeente.example\r\nIn-Reply-To: <1@gemeente.example>")
        .check("passed by none");
}

#[test]
fn a_rule_that_secures_gives_a_reply_its_headers_and_one_that_does_not_lets_it_go_no_more() {
    let reply = |from: &str| format!("From: {from}\r\nSubject: secure\r\nIn-Reply-To: <{OWN}>");
    case(RULES, &reply("jan@gemeente.example")).check("selected by trigger");
    case(RULES, &reply("nieuws@gemeente.example"))
        .check("selected by built in: reply to a secured message");
}

const MONITORED: &str = r#"
    [[rule]]
    name = "new"
    mode = "monitor"
    when.subject = "offer"
    action = "secure"

    [[rule]]
    name = "old"
    when.subject = "secure"
    action = "secure"
"#;

#[test]
fn a_monitored_rule_only_says_what_it_would_do() {
    let about = |subject: &str| format!("{FROM}\r\nSubject: {subject}");
    case(MONITORED, &about("offer")).check("passed by none, would be selected by new");
    case(MONITORED, &about("secure")).check("selected by old");
    case(MONITORED, &about("secure offer")).check("selected by old, would be selected by new");
    case(MONITORED, &about("hello")).check("passed by none");
}

#[test]
fn where_all_is_monitored_nothing_is_done() {
    let monitor = |section| Case { mode: Mode::Monitor, ..case(RULES, section) };
    monitor("From: a@b.example\r\nSubject: secure")
        .check("passed by none, would be selected by trigger");
    monitor("From: nieuws@gemeente.example")
        .check("passed by none, would be passed by newsletters");
    let undecided = format!("msip_labels: MSIP_Label_{GUID}_Enabled=true");
    monitor(&undecided).check("passed by none, would be undecided by label");
    monitor("From: a@b.example").check("passed by none");
}

#[test]
fn mistakes_in_conditions_are_named() {
    for (line, want) in [
        ("when.subject = { words = \"x\", strp = true }", "unknown field `strp`"),
        ("when.subject = { strip = true }", "nothing to look for"),
        ("when.subject = { regex = \"(\" }", "not a regular expression"),
        ("when.subject = { regex = \"a*\" }", "matches the empty text"),
        ("when.subject = 1", "a value or a list of them"),
        ("when.client = \"all\"", "not a client"),
        ("when.login = \"\"", "nobody's"),
        ("when.header = { words = \"x\" }", "missing field `name`"),
        ("when.header = { name = \"X:\" }", "without its colon"),
        ("when.recipients = \"external\"", "unknown variant `external`"),
        ("when.recipients = { all-in = [] }", "an empty list"),
        ("when.recipients = { all-in = \"x\" }", "no dot"),
        ("when.size = { over = \"big\" }", "not a size"),
        ("when.size = 5", "a value or a list of them"),
        ("when = {}\nmode = \"test\"", "unknown variant `test`"),
        ("when = {}\nunreadable = \"no\"", "unknown variant `no`"),
        ("when = {}\nexcept.subject = { words = \"x\", strip = true }", "strip goes under when"),
    ] {
        check_error(&format!("[[rule]]\nname = \"r\"\naction = \"secure\"\n{line}"), want);
    }
    check_error(
        "[[rule]]\nname = \"r\"\naction = \"ordinary\"\nwhen.subject = { words = \"x\", strip = true }",
        "strip goes under when",
    );
}
