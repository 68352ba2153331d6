//! Every condition, asked by the real mail server; and that no way of writing the same message changes the answer.

use std::net::IpAddr;

use zegel_core::selection::Selection;
use zegel_milter::config::Config;
use zegel_milter::sample::Sample;
use zegel_tests::lab::{Lab, RULES, Setup};
use zegel_tests::letter::Letter;
use zegel_tests::login;
use zegel_tests::mailbox::{Arrival, arrival};
use zegel_tests::mta::MailServer;
use zegel_tests::submit::{submit, submit_as, submit_from};
use zegel_tests::wait::until;

use crate::ways::Way::{Ordinary, Secure};
use crate::ways::{World, letter};
use crate::{CERTIFIED, TEXT, to};

fn rule(when: &str) -> String {
    format!("own-domains = [\"org.test\"]\n[[rule]]\nname = \"r\"\n{when}\naction = \"secure\"\n")
}

#[tokio::test]
async fn words_expressions_and_exceptions_of_a_subject() {
    let mut world = World::with(&rule(
        "when.subject = { words = [\"strictly private\"], regex = '(?i)\\bcase-[0-9]{4}\\b' }\n\
         except.subject = \"not secret\"",
    ))
    .await;
    for (subject, want) in [
        ("re: STRICTLY   private!", Secure),
        ("strictly privately", Ordinary),
        ("About Case-2024.", Secure),
        ("About case-20245", Ordinary),
        ("case-2024 (not secret)", Ordinary),
        ("=?utf-8?Q?strictly_?= =?utf-8?Q?private?=", Secure),
    ] {
        world.check(&letter().subject(subject), want).await;
    }
}

#[tokio::test]
async fn the_trigger_word_is_taken_out_where_the_rule_wants_that() {
    let direct = format!("headers.{} = \"{}\"", CERTIFIED.0, CERTIFIED.1);
    let subject = "when.subject = { words = [\"secure\"], strip = true }";
    let rules = rule(subject).replace("action", &format!("{direct}\naction"));
    let lab = Lab::start(Setup { rules, ..Setup::default() }).await;
    let (_good, mailbox) = lab.postfix("good.test", true).await;
    lab.send(&letter().subject("Re: Secure: your\r\n results").to("lisa@good.test")).await;
    let found = arrival(&mailbox, "the letter", to("lisa@good.test")).await;
    assert_eq!(found.heads("Subject"), ["Re: your results"]);
    assert!(found.text().contains(TEXT));
}

#[tokio::test]
async fn an_author_in_the_header_and_one_in_the_envelope_are_two_things() {
    let mut world = World::with(
        "[[rule]]\nname = \"a\"\nwhen.sender = \"counsel@org.test\"\naction = \"secure\"\n\
         [[rule]]\nname = \"b\"\nwhen.envelope-sender = [\"bounces.test\", \"app@org.test\"]\naction = \"secure\"\n",
    )
    .await;
    world.check(&Letter::from("COUNSEL@Org.Test").text(TEXT), Secure).await;
    world.check(&Letter::from("counsel@sub.org.test").text(TEXT), Ordinary).await;
    world.check(&letter().header("Reply-To", "counsel@org.test"), Ordinary).await;
    for (sender, want) in
        [("x@bounces.test", Secure), ("x@a.bounces.test", Ordinary), ("App@org.test", Secure)]
    {
        let recipient = world.recipient();
        let message = letter().to(&recipient).message();
        world.lab.sending.sendmail(&["-f", sender, &recipient], &message);
        assert_eq!(world.way(&recipient).await, want, "{sender}");
    }
}

#[tokio::test]
async fn a_message_whose_author_cannot_be_told_comes_back_and_does_not_go_out() {
    let world = World::with(&rule("when.sender = \"counsel@org.test\"")).await;
    let two = letter().header("From", "counsel@org.test").to("pim@plain.test");
    let reply = submit(world.lab.sending.address(), &two).await;
    assert_eq!((reply.code, reply.text.starts_with("5.6.0")), (550, true), "{}", reply.text);
}

#[tokio::test]
async fn the_network_that_a_client_is_in_counts_at_its_ends() {
    let mut world = World::with(&rule("when.client = [\"127.0.0.64/27\", \"127.1.0.1\"]")).await;
    for (client, want) in [
        ("127.0.0.63", Ordinary),
        ("127.0.0.64", Secure),
        ("127.0.0.95", Secure),
        ("127.0.0.96", Ordinary),
        ("127.1.0.1", Secure),
        ("127.1.0.2", Ordinary),
    ] {
        let (recipient, server) = (world.recipient(), world.lab.sending.address());
        let client: IpAddr = client.parse().expect("an address");
        submit_from(client, server, &letter().to(&recipient)).await.expect_kept();
        assert_eq!(world.way(&recipient).await, want, "{client}");
    }
}

#[tokio::test]
async fn the_login_of_the_client_counts_whole_and_in_any_case() {
    // "\0user\0x" in base64.
    let logins: login::Known = &[("AHNjYW5uZXIAeA==", "Scanner"), ("AHNjYW5uZXIyAHg=", "scanner2")];
    let server = login::serve(logins).await;
    let main = format!(
        "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = inet:{server}\n"
    );
    let rules = rule("when.login = \"scanner\"");
    let mut world = World::of(Setup { rules, main, ..Setup::default() }).await;
    for ((answer, login), want) in logins.iter().zip([Secure, Ordinary]) {
        let (recipient, server) = (world.recipient(), world.lab.sending.address());
        submit_as(answer, server, &letter().to(&recipient)).await.expect_kept();
        assert_eq!(world.way(&recipient).await, want, "{login}");
    }
    world.check(&letter(), Ordinary).await;
}

#[tokio::test]
async fn recipients_count_all_together_blind_ones_as_well() {
    let mut world = World::with(
        "own-domains = [\"org.test\"]\n\
         [[rule]]\nname = \"partners only\"\nwhen.recipients = { all-in = [\"plain.test\", \"good.test\"] }\naction = \"ordinary\"\n\
         [[rule]]\nname = \"far\"\nwhen.recipients = { none-in = [\"other.test\"] }\nwhen.subject = \"far\"\naction = \"ordinary\"\n\
         [[rule]]\nname = \"outside\"\nwhen.recipients = \"any-external\"\naction = \"secure\"\n",
    )
    .await;
    world.check(&letter(), Ordinary).await;
    world.check(&letter().cc("lisa@GOOD.test"), Ordinary).await;
    world.check(&letter().bcc("lisa@sub.good.test"), Secure).await;
    world.check(&letter().cc("piet@org.test"), Secure).await;
    world.check(&letter().cc("piet@org.test").subject("far"), Ordinary).await;
    world.check(&letter().bcc("a@other.test").subject("far"), Secure).await;
}

#[tokio::test]
async fn mail_that_stays_inside_is_not_for_those_outside() {
    let world = World::with(&rule("when.recipients = \"any-external\"")).await;
    let home = world.lab.sink("org.test", None);
    world.lab.send(&letter().to("piet@org.test").cc("kees@ORG.test")).await;
    let found = arrival(&home, "the letter", to("piet@org.test")).await;
    assert!(found.text().contains(TEXT));
}

#[tokio::test]
async fn headers_are_looked_at_in_their_decoded_values() {
    let mut world = World::with(&rule(
        "when.header = [{ name = \"X-Protective-Marking\", regex = 'SEC=(SECRET|PROTECTED)\\b' }, \
         { name = \"Sensitivity\", words = [\"company confidential\"] }, { name = \"X-There\" }]",
    ))
    .await;
    for (name, value, want) in [
        ("x-protective-marking", "VER=2018.1,\r\n SEC=PROTECTED", Secure),
        ("X-Protective-Marking", "SEC=PROTECTEDLY", Ordinary),
        ("Sensitivity", "=?utf-8?B?Q29tcGFueQ==?=\r\n Confidential", Secure),
        ("Sensitivity", "company", Ordinary),
        ("X-There", "", Secure),
        ("X-Elsewhere", "SEC=SECRET", Ordinary),
    ] {
        world.check(&letter().header(name, value), want).await;
    }
}

#[tokio::test]
async fn the_size_counts_to_the_octet_as_the_mail_server_hands_the_message_over() {
    // Postfix has put no Received on it when the milter counts, and ends it with a line end.
    let base = letter().to("pim1@plain.test").message().len();
    let over = base + 1000;
    let mut world = World::with(&rule(&format!("when.size = {{ over = {over} }}"))).await;
    for (more, want) in [(1000, Ordinary), (1001, Secure)] {
        // The field's name, colon, space and line end are 7 octets.
        let padded = letter().header("X-P", &"x".repeat(more - 7));
        world.check(&padded, want).await;
    }
}

#[tokio::test]
async fn a_monitored_rule_says_what_it_would_do_and_changes_nothing_else() {
    let rules = rule("when.subject = \"secure\"\nmode = \"monitor\"");
    let mut world = World::with(&rules).await;
    let letter = letter().subject("Secure").to("pim@plain.test");
    world.lab.send(&letter).await;
    let found = world.arrived("pim@plain.test").await;
    assert_eq!(found.heads("X-Zegel-Would-Secure").len(), 1);
    assert!(found.message.ends_with(&without_would(&found, &letter)), "{found:?}");
    assert!(world.lab.milter.log().contains("would be selected"), "{}", world.lab.milter.log());
    world.check(&Letter::from("jan@org.test").text(TEXT), Ordinary).await;
}

#[tokio::test]
async fn with_everything_monitored_control_headers_stay_too() {
    let rules = format!("mode = \"monitor\"\n{}", rule("when.subject = \"secure\""));
    let world = World::with(&rules).await;
    let letter =
        letter().subject("Secure").header("zivver-direct-delivery", "tls").to("pim@plain.test");
    world.lab.send(&letter).await;
    let found = world.arrived("pim@plain.test").await;
    assert_eq!(found.heads("X-Zegel-Would-Secure").len(), 1);
    assert_eq!(found.head("zivver-direct-delivery").as_deref(), Some("tls"));
    assert!(found.message.ends_with(&without_would(&found, &letter)), "{found:?}");
}

/// The letter with the one field that the milter added, wherever the mail server put it.
fn without_would(found: &Arrival, letter: &Letter) -> Vec<u8> {
    let would = found.head("X-Zegel-Would-Secure").expect("the field");
    let field = format!("X-Zegel-Would-Secure: {would}\r\n");
    let sent = String::from_utf8(letter.message()).expect("a letter of text");
    let (head, body) = sent.split_once("\r\n\r\n").expect("a letter with a body");
    format!("{head}\r\n{field}\r\n{body}").into_bytes()
}

#[tokio::test]
async fn rules_that_break_a_test_in_their_file_are_not_taken() {
    let mut world = World::with(RULES).await;
    let rules = format!(
        "{}[[test]]\nname = \"as ever\"\nfrom = \"jan@org.test\"\nsubject = \"Secure\"\nexpect = \"secure\"\n",
        rule("when.subject = \"dossier\"")
    );
    world.lab.milter.reload(&rules);
    until("the test to be named", || world.lab.milter.log().contains("as ever").then_some(()))
        .await;
    world.check(&letter().subject("Secure"), Secure).await;
    world.check(&letter().subject("dossier"), Ordinary).await;
}

/// Chance that can be repeated (xorshift): the same variants for the same seed, which is not 0.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).expect("below a usize")
    }

    fn shuffle<T>(&mut self, all: &mut [T]) {
        (1..all.len()).rev().for_each(|at| all.swap(at, self.below(at + 1)));
    }

    fn case(&mut self, text: &str) -> String {
        let upper = |c: char| c.to_uppercase().collect::<String>();
        text.chars().map(|c| if self.below(2) == 0 { upper(c) } else { c.to_string() }).collect()
    }

    /// White space for every space: folded in any way that RFC 5322 has, or not at all.
    fn fold(&mut self, text: &str) -> String {
        let spaces = [" ", "\r\n ", "\r\n\t", " \r\n ", "\n "];
        let mut space = || spaces.get(self.below(spaces.len())).copied().unwrap_or(" ");
        text.split(' ').map(|word| space().to_owned() + word).collect()
    }
}

/// Whether the rules select this message.
fn is_selected(config: &Config, fields: &[String], recipients: &[&str]) -> bool {
    let mut sample = Sample::new(format!("{}\r\n\r\ntext\r\n", fields.join("\r\n")).as_bytes());
    sample.recipients = recipients.iter().map(ToString::to_string).collect();
    let judged = sample.judge(config).expect("a sound message");
    matches!(judged.selection, Selection::Selected(..))
}

/// A second's worth.
const VARIANTS: u64 = 2_000;

#[test]
fn no_order_folding_or_case_changes_the_answer() {
    let config = Config::parse(
        "own-domains = [\"org.test\"]\n[[rule]]\nname = \"r\"\naction = \"secure\"\n\
         when.subject = \"strictly private\"\nwhen.recipients = \"any-external\"\n\
         except.recipients = { all-in = [\"org.test\", \"partner.test\"] }\n\
         when.header = { name = \"X-Class\", words = [\"blue file\"] }\n",
    )
    .expect("sound rules");
    for seed in 1..=VARIANTS {
        let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        for (subject, class, last, want) in [
            ("about: strictly private matters", "a blue file", "x@other.test", true),
            ("about: strictly privately matters", "a blue file", "x@other.test", false),
            ("about: strictly private matters", "a bluefile", "x@other.test", false),
            ("about: strictly private matters", "a blue file", "x@partner.test", false),
        ] {
            let mut recipients = ["a@org.test", "b@partner.test", "c@org.test", last];
            chance.shuffle(&mut recipients);
            let mut fields = vec![
                format!("{}:{}", chance.case("Subject"), {
                    let cased = chance.case(subject);
                    chance.fold(&cased)
                }),
                format!("{}:{}", chance.case("X-Class"), {
                    let cased = chance.case(class);
                    chance.fold(&cased)
                }),
                "From: jan@org.test".to_owned(),
                "Date: Tue, 24 Nov 2026 10:00:00 +0100".to_owned(),
            ];
            chance.shuffle(&mut fields);
            let found = is_selected(&config, &fields, &recipients);
            assert_eq!(found, want, "seed {seed}: {fields:#?} for {recipients:?}");
        }
    }
}
