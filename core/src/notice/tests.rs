use mail_parser::{Encoding, Message, MessageParser, MimeHeaders};

use super::*;

const NOW: Moment = Moment(1_795_600_000);
const UNTIL: Moment = Moment(1_798_200_000);

fn organisation(language: Language) -> Organisation {
    Organisation {
        name: "Gemeente Voorbeeld".into(),
        from: "beveiligd@gemeente-voorbeeld.nl".parse().unwrap(),
        postal: Some("Marktplein 1, 1234 AB Voorbeeld".into()),
        help_url: Some("https://www.gemeente-voorbeeld.nl/veiligmailen".into()),
        language,
    }
}

/// A notification in this language; the test may change it before it is written.
fn notify(language: Language, change: impl Fn(&mut Notification<'_>)) -> Vec<u8> {
    let sender = "jan.devries@gemeente-voorbeeld.nl".parse().unwrap();
    let to = "an.jansen@example.org".parse().unwrap();
    let mut written = Notification {
        organisation: &organisation(language),
        sender_name: Some("Jan de Vries"),
        sender: &sender,
        to: &to,
        language,
        origin: "https://bericht.gemeente-voorbeeld.nl",
        token: &Secret::new("4hg7kq2wz9x3m5n8p6r1t0v2yb"),
        reference: &Secret::new("7K2QX9M4TB"),
        how: How::Sms("78"),
        until: UNTIL,
        message_id: "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b@gemeente-voorbeeld.nl",
        references: "0190a1b2-0000-7000-8000-000000000001@gemeente-voorbeeld.nl",
        now: NOW,
    };
    change(&mut written);
    notification(&written)
}

fn mail_a_code(language: Language) -> Vec<u8> {
    code_mail(&CodeMail {
        organisation: &organisation(language),
        to: &"an.jansen@example.org".parse().unwrap(),
        language,
        host: "bericht.gemeente-voorbeeld.nl",
        code: &Secret::new("012345"),
        minutes: 10,
        message_id: "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5c@gemeente-voorbeeld.nl",
        now: NOW,
    })
}

/// Compares a mail with a golden one, which is kept with bare line feeds.
#[track_caller]
fn check(mail: &[u8], golden: &str) {
    let mail = std::str::from_utf8(mail).unwrap();
    assert_eq!(
        mail.matches('\n').count(),
        mail.matches("\r\n").count(),
        "bare line feed in:\n{mail}"
    );
    assert_eq!(
        mail.matches('\r').count(),
        mail.matches("\r\n").count(),
        "bare carriage return in:\n{mail}"
    );
    let (head, body) = mail.split_once("\r\n\r\n").unwrap();
    for (part, max) in [(head, 78), (body, 76)] {
        assert!(part.lines().all(|line| line.len() <= max), "line over {max} octets in:\n{part}");
    }
    let mail = mail.replace("\r\n", "\n");
    assert_eq!(mail, golden, "the mail is now:\n{mail}");
}

fn parse(mail: &[u8]) -> Message<'_> {
    MessageParser::default().parse(mail).unwrap()
}

#[test]
fn notifications_are_what_they_were() {
    check(&notify(Language::Nl, |_| {}), include_str!("../../golden/notification-nl.eml"));
    check(&notify(Language::En, |_| {}), include_str!("../../golden/notification-en.eml"));
    check(&notify(Language::De, |_| {}), include_str!("../../golden/notification-de.eml"));
    check(&notify(Language::Fr, |_| {}), include_str!("../../golden/notification-fr.eml"));
}

#[test]
fn code_mails_are_what_they_were() {
    check(&mail_a_code(Language::Nl), include_str!("../../golden/code-nl.eml"));
    check(&mail_a_code(Language::En), include_str!("../../golden/code-en.eml"));
    check(&mail_a_code(Language::De), include_str!("../../golden/code-de.eml"));
    check(&mail_a_code(Language::Fr), include_str!("../../golden/code-fr.eml"));
}

#[test]
fn a_code_mail_has_no_link() {
    for language in Language::ALL {
        let mail = mail_a_code(language);
        let parsed = parse(&mail);
        for body in [parsed.body_text(0).unwrap(), parsed.body_html(0).unwrap()] {
            assert!(
                body.contains("012345") && body.contains("bericht.gemeente-voorbeeld.nl"),
                "{body}"
            );
            assert!(!body.contains("://") && !body.contains("<a "), "{body}");
        }
    }
}

#[test]
fn text_and_html_say_the_same() {
    for language in Language::ALL {
        let mail = notify(language, |_| {});
        let html = parse(&mail).body_html(0).unwrap().into_owned();
        for line in parse(&mail).body_text(0).unwrap().lines() {
            assert!(html.contains(line), "{line:?} is not in {html}");
        }
    }
}

#[test]
fn each_method_is_announced_and_no_other() {
    let hows = [How::Account, How::Sms("78"), How::AccessCode, How::Email];
    for language in Language::ALL {
        for how in hows {
            let mail = notify(language, |mail| mail.how = how);
            let text = parse(&mail).body_text(0).unwrap().into_owned();
            for other in hows {
                assert_eq!(
                    text.contains(&language.how(other)),
                    how == other,
                    "{how:?} and {other:?} in {text}"
                );
            }
        }
    }
}

#[test]
fn no_name_can_add_a_header_or_pose_as_an_address() {
    for name in [
        "Eve\r\nBcc: eve@example.org",
        "\"directeur@example.org\"",
        "directeur＠example.org",
        "\u{202e}eve",
        "",
    ] {
        let mail = notify(Language::Nl, |mail| mail.sender_name = Some(name));
        let parsed = parse(&mail);
        let from = parsed.from().and_then(|from| from.first()).unwrap();
        assert_eq!(from.address(), Some("beveiligd@gemeente-voorbeeld.nl"), "{name:?}");
        let shown = from.name().unwrap();
        assert!(
            shown.ends_with("Gemeente Voorbeeld") && !shown.contains(['@', '＠', '\u{202e}']),
            "{shown:?}"
        );
        assert!(parsed.bcc().is_none(), "{name:?}");
    }
}

#[test]
fn a_name_that_leaves_no_room_for_the_organisation_gives_way() {
    let long = "Johannes Wilhelmus Theodorus van der Bergh tot Voorbeeldstein";
    let mail = notify(Language::Nl, |mail| mail.sender_name = Some(long));
    assert_eq!(
        parse(&mail).from().and_then(|from| from.first()).unwrap().name(),
        Some("Gemeente Voorbeeld")
    );
}

#[test]
fn every_value_stands_for_itself_in_html() {
    let name = "<b>Jan</b> & 'Co'";
    let mut organisation = organisation(Language::En);
    organisation.name = "Bakker & <i>Zn</i>".into();
    organisation.help_url = Some("https://example.org/?a=\"><script>".into());
    let mail = notify(Language::En, |_| {});
    let plain = parse(&mail).body_html(0).unwrap().matches('<').count();
    let mail = code_mail(&CodeMail {
        organisation: &organisation,
        to: &"an.jansen@example.org".parse().unwrap(),
        language: Language::En,
        host: "<host>",
        code: &Secret::new(name),
        minutes: 10,
        message_id: "1@example.org",
        now: NOW,
    });
    let html = parse(&mail).body_html(0).unwrap().into_owned();
    for (raw, escaped) in [("<i>", "&lt;i&gt;"), ("<host>", "&lt;host&gt;"), ("<b>", "&lt;b&gt;")] {
        assert!(!html.contains(raw) && html.contains(escaped), "{raw} in {html}");
    }
    assert!(plain > 0 && html.contains("&amp; &#39;Co&#39;"), "{html}");
}

#[test]
fn text_is_never_in_base64_whatever_the_script() {
    let mut organisation = organisation(Language::Nl);
    organisation.name = "Община Пример за защитена поща и съобщения".into();
    organisation.postal = Some("Площад Пример 1, 1000 София, България".repeat(4));
    let mail = code_mail(&CodeMail {
        organisation: &organisation,
        to: &"an.jansen@example.org".parse().unwrap(),
        language: Language::Nl,
        host: "host",
        code: &Secret::new("012345"),
        minutes: 10,
        message_id: "1@example.org",
        now: NOW,
    });
    let parsed = parse(&mail);
    assert_eq!(parsed.parts.len(), 3);
    for part in &parsed.parts[1..] {
        assert_eq!(part.encoding, Encoding::QuotedPrintable, "{:?}", part.content_type());
    }
}

#[test]
fn the_last_day_to_read_is_a_whole_one() {
    let midnight = 1_798_156_800;
    for (until, now, said) in [
        (midnight, 0, "24 december 2026."),
        (midnight - 1, 0, "23 december 2026."),
        (midnight + 3600, midnight - 1, "24 december 2026."),
        (midnight + 3600, midnight, "25 december 2026, 01:00 (UTC)."),
        (i64::MAX, 0, "30 december 9999."),
    ] {
        let sentence = Language::Nl.readable_until(Moment(until), Moment(now));
        assert_eq!(
            sentence,
            format!("U kunt dit bericht lezen tot en met {said}"),
            "{until} {now}"
        );
    }
    for (language, said) in [
        (Language::Nl, "1 januari 1970, 00:00 (UTC)"),
        (Language::En, "1 January 1970, 00:00 (UTC)"),
        (Language::De, "1. Januar 1970, 00:00 (UTC)"),
        (Language::Fr, "1er janvier 1970, 00:00 (UTC)"),
    ] {
        assert_eq!(language.time(Moment(0)), said);
    }
}

#[test]
fn a_language_is_known_by_the_first_part_of_its_tag() {
    for (tag, expected) in [
        ("nl", Some(Language::Nl)),
        ("de-AT", Some(Language::De)),
        ("FR-be", Some(Language::Fr)),
        ("english", None),
        ("x-nl", None),
        ("", None),
    ] {
        assert_eq!(Language::of_tag(tag), expected, "{tag:?}");
    }
}

fn page(token: &Secret) -> SenderPage<'_> {
    SenderPage { origin: "https://bericht.gemeente-voorbeeld.nl", token }
}

fn ask(language: Language, recipients: usize) -> Vec<u8> {
    let all: Vec<Address> =
        (1..=recipients).map(|at| format!("r{at}@example.org").parse().unwrap()).collect();
    inquiry(&Inquiry {
        organisation: &organisation(language),
        to: &"jan.devries@gemeente-voorbeeld.nl".parse().unwrap(),
        page: page(&Secret::new("4hg7kq2wz9x3m5n8p6r1t0v2yb")),
        recipients: &all,
        until: UNTIL,
        original_message_id: Some("abc123@gemeente-voorbeeld.nl"),
        message_id: "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a60@gemeente-voorbeeld.nl",
        accepted: NOW,
        now: NOW,
    })
}

#[test]
fn a_sender_is_asked_once_for_all_who_wait() {
    check(&ask(Language::Nl, 1), include_str!("../../golden/inquiry-nl.eml"));
    check(&ask(Language::En, 2), include_str!("../../golden/inquiry-en.eml"));
    check(&ask(Language::De, 1), include_str!("../../golden/inquiry-de.eml"));
    check(&ask(Language::Fr, 2), include_str!("../../golden/inquiry-fr.eml"));
    let many = ask(Language::En, 200);
    let many = parse(&many);
    assert!(many.subject().unwrap().ends_with("to 200 recipients"));
    let text = many.body_text(0).unwrap();
    assert!(text.contains("r20@example.org") && !text.contains("r21@"), "{text}");
    assert!(text.contains("and 180 more"), "{text}");
}

fn tell(language: Language, what: Trouble) -> Vec<u8> {
    concern(&Concern {
        organisation: &organisation(language),
        to: &"jan.devries@gemeente-voorbeeld.nl".parse().unwrap(),
        recipient: &"an.jansen@example.org".parse().unwrap(),
        delivery: "0190a1b2c3d47e5f8a9b0c1d2e3f4a5b",
        what,
        page: page(&Secret::new("4hg7kq2wz9x3m5n8p6r1t0v2yb")),
        original_message_id: Some("abc123@gemeente-voorbeeld.nl"),
        message_id: "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5f@gemeente-voorbeeld.nl",
        accepted: NOW,
        now: NOW,
    })
}

#[test]
fn a_sender_is_told_of_whom_it_is_about_and_what_to_do() {
    check(&tell(Language::Nl, Trouble::NoAccessCode), include_str!("../../golden/concern-nl.eml"));
    check(&tell(Language::En, Trouble::Locked), include_str!("../../golden/concern-en.eml"));
    check(&tell(Language::De, Trouble::NoText), include_str!("../../golden/concern-de.eml"));
    check(&tell(Language::Fr, Trouble::NoText), include_str!("../../golden/concern-fr.eml"));
    for language in Language::ALL {
        for what in [Trouble::NoAccessCode, Trouble::NoText, Trouble::Locked] {
            let mail = tell(language, what);
            let mail = parse(&mail);
            assert!(mail.subject().unwrap().contains("an.jansen@example.org"), "{what:?}");
            assert!(mail.body_text(0).unwrap().contains("0190a1b2c3d47e5f8a9b0c1d2e3f4a5b"));
            assert!(mail.references().as_text().is_some_and(|id| id.starts_with("abc123@")));
        }
    }
}

/// What somebody would write to have a line of their own in a mail of ours.
const HOSTILE: [&str; 6] = [
    "a\r\nBcc: eve@example.org",
    "a\nBcc: eve@example.org",
    "a\rBcc: eve@example.org",
    "a\r\n\r\n--=_x\r\nContent-Type: text/html\r\n\r\n<b>",
    "=?utf-8?B?YQ0KQmNjOiBldmVAZXhhbXBsZS5vcmc=?=",
    "a\u{2028}Bcc: eve@example.org\u{0}\u{85}Bcc: eve@example.org",
];

fn field_names(mail: &[u8]) -> Vec<String> {
    let head = crate::message::Head::parse(mail).unwrap();
    head.fields().iter().map(|field| field.name.to_owned()).collect()
}

#[test]
fn whatever_the_values_say_a_mail_has_our_header_fields_alone() {
    let addresses = ["an.jansen@example.org", "\"a\\\"b>, eve\"@example.org"];
    let fields = field_names(&notify(Language::Nl, |_| {}));
    let code_fields = field_names(&mail_a_code(Language::Nl));
    for (words, address) in HOSTILE.iter().flat_map(|words| addresses.map(|to| (*words, to))) {
        let hostile = Organisation {
            name: words.into(),
            postal: Some(words.into()),
            help_url: Some(words.into()),
            ..organisation(Language::Nl)
        };
        let to: Address = address.parse().unwrap();
        let mail = notification(&Notification {
            organisation: &hostile,
            sender_name: Some(words),
            sender: &to,
            to: &to,
            language: Language::Nl,
            origin: "https://bericht.gemeente-voorbeeld.nl",
            token: &Secret::new("4hg7kq2wz9x3m5n8p6r1t0v2yb"),
            reference: &Secret::new("7K2QX9M4TB"),
            how: How::Email,
            until: UNTIL,
            message_id: "1@gemeente-voorbeeld.nl",
            references: "2@gemeente-voorbeeld.nl",
            now: NOW,
        });
        assert_eq!(field_names(&mail), fields, "{words:?} to {address}");
        let head = crate::message::Head::parse(&mail).unwrap();
        assert_eq!(head.addressees(), std::slice::from_ref(&to), "{address}");
        let mail = code_mail(&CodeMail {
            organisation: &hostile,
            to: &to,
            language: Language::Nl,
            host: "bericht.gemeente-voorbeeld.nl",
            code: &Secret::new("012345"),
            minutes: 10,
            message_id: "3@gemeente-voorbeeld.nl",
            now: NOW,
        });
        assert_eq!(field_names(&mail), code_fields, "{words:?} to {address}");
    }
}
