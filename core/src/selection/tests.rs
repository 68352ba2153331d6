//! Whole rules over whole messages.

use serde::Deserialize;

use super::*;

const GUID: &str = "4f1c9b02-7d3e-4a58-9c61-2b8d50e7f3a4";

const RULES: &str = r#"
    [[rule]]
    name = "newsletters"
    when.sender = "nieuws@gemeente.example"
    action = "ordinary"

    [[rule]]
    name = "trigger"
    when.subject = ["secure", "strictly private"]
    except.subject = "not secure"
    action = "secure"
    headers.Zivver-Direct-Delivery = "tls tls1.2 auth certificate-validation"

    [[rule]]
    name = "label"
    when.label = { guid = "4F1C9B02-7D3E-4A58-9C61-2B8D50E7F3A4" }
    when.sender = ["gemeente.example", "wijk@zorg.example"]
    action = "secure"
"#;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    rule: Rules,
}

fn rules(text: &str) -> Rules {
    toml::from_str::<File>(text).unwrap().rule
}

/// A message, of which a test says only what matters.
struct Case<'a> {
    rules: &'a str,
    sender: &'a str,
    recipients: &'a [&'a str],
    origin: Origin<'a>,
    section: &'a str,
    content: Content,
    is_of_relay: bool,
    own_domains: &'a [&'a str],
    replies: Way,
    mode: Mode,
}

fn case<'a>(rules: &'a str, section: &'a str) -> Case<'a> {
    Case {
        rules,
        sender: "jan@gemeente.example",
        recipients: &["piet@zorg.example"],
        origin: Origin::default(),
        section,
        content: Content { size: Some(1000), attachments: Some(Attachments::default()) },
        is_of_relay: false,
        own_domains: &["gemeente.example"],
        replies: Way::Secure,
        mode: Mode::Enforce,
    }
}

impl Case<'_> {
    /// What becomes of it: a word for the outcome before what decides; what is monitored behind it.
    fn shown(&self) -> String {
        let rules = rules(self.rules);
        let bytes = format!("{}\r\n\r\n", self.section);
        let head = Head::parse(bytes.as_bytes()).unwrap();
        let recipients: Vec<String> = self.recipients.iter().map(|&text| text.into()).collect();
        let own: Vec<Domain> = self.own_domains.iter().map(|text| text.parse().unwrap()).collect();
        let policy =
            Policy { rules: &rules, own_domains: &own, replies: self.replies, mode: self.mode };
        let message = Message {
            envelope: Transaction { sender: self.sender, recipients: &recipients },
            origin: self.origin,
            head: &head,
            content: &self.content,
            is_of_relay: self.is_of_relay,
        };
        let outcome = select(&policy, &message);
        let told = explain(&policy, &message).outcome;
        assert_eq!(told, outcome, "explain tells another story: {}", self.section);
        let (what, by) = outcome.selection.told();
        let monitored = outcome.monitored.map(|selection| selection.told());
        let would = monitored.map(|(what, by)| format!(", would be {what} by {by}"));
        format!("{what} by {by}{}", would.unwrap_or_default())
    }

    #[track_caller]
    fn check(&self, want: &str) {
        assert_eq!(self.shown(), want, "{}\n{}", self.rules, self.section);
    }
}

/// Whether a rule with this line applies to the message.
#[track_caller]
fn check_condition(line: &str, case: &Case<'_>, want: &str) {
    let rule = format!("[[rule]]\nname = \"r\"\naction = \"secure\"\nwhen.{line}\n");
    Case { rules: &rule, content: case.content.clone(), ..*case }.check(match want {
        "yes" => "selected by r",
        "no" => "passed by none",
        "unknown" => "undecided by r",
        other => other,
    });
}

#[track_caller]
fn check(section: &str, want: &str) {
    case(RULES, section).check(want);
}

/// The message that the configuration's author gets.
#[track_caller]
fn check_error(rule: &str, want: &str) {
    let error =
        toml::from_str::<File>(rule).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains(want), "{rule}\nsays: {error}\nnot: {want}");
}

#[test]
fn the_first_rule_that_applies_decides() {
    check("From: nieuws@gemeente.example\r\nSubject: secure", "passed by newsletters");
    check("From: jan@gemeente.example\r\nSubject: secure", "selected by trigger");
    check("From: jan@gemeente.example\r\nSubject: hello", "passed by none");
}

#[test]
fn an_exception_undoes_its_rule_only() {
    check("From: jan@gemeente.example\r\nSubject: not secure", "passed by none");
    check(
        &format!(
            "From: jan@gemeente.example\r\nSubject: not secure\r\nmsip_labels: MSIP_Label_{GUID}_Enabled=true"
        ),
        "selected by label",
    );
}

#[test]
fn all_conditions_of_a_rule_must_hold() {
    let label = format!("msip_labels: MSIP_Label_{GUID}_Enabled=true");
    check(&format!("From: jan@gemeente.example\r\n{label}"), "selected by label");
    check(&format!("From: wijk@zorg.example\r\n{label}"), "selected by label");
    check(&format!("From: jan@zorg.example\r\n{label}"), "passed by none");
    check(&format!("From: jan@sub.gemeente.example\r\n{label}"), "passed by none");
}

#[test]
fn a_subject_is_unfolded_and_decoded_and_every_subject_counts() {
    check("From: a@b.example\r\nSubject: strictly\r\n private", "selected by trigger");
    check(
        "From: a@b.example\r\nSubject: =?utf-8?Q?sec?=\r\n =?utf-8?B?dXJl?= offer",
        "selected by trigger",
    );
    check("From: a@b.example\r\nSubject: hello\r\nSubject: secure", "selected by trigger");
}

#[test]
fn bounces_and_automatic_replies_pass_before_any_rule() {
    Case { sender: "", ..case(RULES, "From: jan@gemeente.example\r\nSubject: secure") }
        .check("passed by built in: null sender");
    check(
        "From: a@b.example\r\nSubject: secure\r\nAuto-Submitted: auto-replied (vacation)",
        "passed by built in: automatic reply",
    );
}

#[test]
fn generated_mail_is_no_reply_and_two_opinions_are_no_proof() {
    for value in ["auto-generated", "no", "auto-replied\r\nAuto-Submitted: no", ""] {
        check(
            &format!("From: a@b.example\r\nSubject: secure\r\nAuto-Submitted: {value}"),
            "selected by trigger",
        );
    }
}

#[test]
fn an_author_that_cannot_be_read_is_unknown_where_it_matters_and_only_there() {
    let two = "From: jan@gemeente.example\r\nFrom: piet@b.example";
    check(&format!("{two}\r\nSubject: hello"), "passed by none");
    check(&format!("{two}\r\nSubject: secure"), "selected by trigger");
    check(&format!("{two}\r\nmsip_labels: MSIP_Label_{GUID}_Enabled=true"), "undecided by label");
}

#[test]
fn unknown_beside_a_plain_no_is_no() {
    use Verdict::{No, Unknown, Unreadable, Yes};
    for (verdicts, want) in [
        (vec![], Yes),
        (vec![Yes, Yes], Yes),
        (vec![Yes, Unknown], Unknown),
        (vec![Unreadable, Unknown], Unknown),
        (vec![Yes, Unreadable], Unreadable),
        (vec![Unknown, No], No),
        (vec![No, Unknown, Yes], No),
    ] {
        assert_eq!(Verdict::all(verdicts.clone()), want, "{verdicts:?}");
    }
}

#[test]
fn explain_asks_the_rules_below_the_deciding_one_too() {
    let rules = rules(RULES);
    let policy =
        Policy { rules: &rules, own_domains: &[], replies: Way::Secure, mode: Mode::Enforce };
    let head = Head::parse(b"From: nieuws@gemeente.example\r\nSubject: secure\r\n\r\n").unwrap();
    let content = Content { size: None, attachments: Some(Attachments::default()) };
    let explanation = explain(
        &policy,
        &Message {
            envelope: Transaction { sender: "nieuws@gemeente.example", recipients: &[] },
            origin: Origin::default(),
            head: &head,
            content: &content,
            is_of_relay: false,
        },
    );
    let said: Vec<Verdict> =
        explanation.judgements.iter().map(|judgement| judgement.verdict).collect();
    assert_eq!(said, [Verdict::Yes, Verdict::Yes, Verdict::No]);
    let why = &explanation.judgements[2].conditions[1].why;
    assert_eq!(why, "the message carries no label");
}

#[test]
fn a_rule_s_headers_and_its_new_subject_come_with_the_selection() {
    let rules = rules(&RULES.replace(
        "when.subject = [\"secure\", \"strictly private\"]",
        "when.subject = { words = \"secure\", strip = true }",
    ));
    let policy =
        Policy { rules: &rules, own_domains: &[], replies: Way::Secure, mode: Mode::Enforce };
    let head =
        Head::parse(b"From: jan@gemeente.example\r\nSubject: secure: offer\r\n\r\n").unwrap();
    let message = Message {
        envelope: Transaction { sender: "jan@gemeente.example", recipients: &[] },
        origin: Origin::default(),
        head: &head,
        content: &Content::default(),
        is_of_relay: false,
    };
    let selection = select(&policy, &message).selection;
    let Selection::Selected(_, [directive]) = selection else { panic!("not selected") };
    assert_eq!(directive.name, "zivver-direct-delivery");
    let subjects = selection.new_subjects(&head);
    assert_eq!(subjects[0].text.as_ref().unwrap().as_str(), "offer");
}

#[test]
fn mistakes_are_named() {
    let rule = |rest: &str| format!("[[rule]]\nname = \"r\"\n{rest}");
    check_error(&rule("action = \"secure\""), "missing field `when`");
    check_error(&rule("when = {}\naction = \"encrypt\""), "unknown variant `encrypt`");
    check_error(&rule("when.subjekt = \"x\"\naction = \"secure\""), "unknown field `subjekt`");
    check_error(
        &rule("when.subject = \" \"\naction = \"secure\""),
        "an empty word would be found everywhere",
    );
    check_error(
        &rule("when.subject = []\naction = \"secure\""),
        "an empty list: leave the key out",
    );
    check_error(&rule("when.label = { guid = \"Intern\" }\naction = \"secure\""), "not a GUID");
    check_error(&rule("when.sender = \"a@b@c\"\naction = \"secure\""), "when.sender");
    check_error(
        &rule(
            "when = {}\naction = \"ordinary\"\nheaders.zivver-message-expiration = \"delete P1D\"",
        ),
        "headers go with",
    );
    check_error(
        "[[rule]]\nname = \"\"\nwhen = {}\naction = \"secure\"",
        "a rule's name is one line",
    );
    let twice = rule("when = {}\naction = \"secure\"\n").repeat(2);
    check_error(&twice, "two rules are called \"r\"");
}

#[test]
fn headers_that_would_not_do_what_they_say_are_refused() {
    let header = |name: &str, value: &str| {
        format!(
            "[[rule]]\nname = \"r\"\nwhen = {{}}\naction = \"secure\"\nheaders.{name} = {value:?}"
        )
    };
    check_error(&header("x-other", "1"), "no header that a rule can add");
    check_error(
        &header("zivver-access-right", "a@b.example sms +31612345678"),
        "the sending application adds it",
    );
    check_error(&header("zivver-direct-delivery", "tls tls9"), "no connection meets this");
    check_error(&header("zivver-minimum-recipient-verification", "yes"), "verification-email");
    check_error(
        &header("zivver-message-expiration", "delete tomorrow"),
        "zivver-message-expiration",
    );
    check_error(&header("zivver-message-expiration", "delete P1D\r\nBcc: x@y.example"), "one line");
}

mod conditions;
mod names;
