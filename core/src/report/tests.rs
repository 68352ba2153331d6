use super::*;
use crate::envelope::Notify;
use crate::notice::Language;

const ACCEPTED: Moment = Moment(1_795_600_000);
const NOW: Moment = Moment(1_795_614_400);
const UNTIL: Moment = Moment(1_796_032_000);

fn refused(text: &str) -> Failure {
    Failure::Refused {
        code: 550,
        enhanced: Some("5.1.1".into()),
        text: text.into(),
        host: "mx.example.org".into(),
    }
}

fn write(language: Language, to: &str, recipient: &Recipient, what: What<'_>) -> String {
    let organisation = Organisation {
        name: "Gemeente Voorbeeld".into(),
        from: "beveiligd@gemeente-voorbeeld.nl".parse().unwrap(),
        postal: None,
        help_url: None,
        language,
    };
    let to: Address = to.parse().unwrap();
    let envelope = Envelope {
        sender: Some(to.clone()),
        recipients: vec![recipient.clone()],
        envelope_id: Some("QQ314159".into()),
    };
    let bytes = report(&Report {
        organisation: &organisation,
        reporting_mta: "relay.gemeente-voorbeeld.nl",
        to: &to,
        envelope: &envelope,
        recipient,
        what,
        original_message_id: Some("abc123@gemeente-voorbeeld.nl"),
        message_id: "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5d@gemeente-voorbeeld.nl",
        accepted: ACCEPTED,
        now: NOW,
    });
    String::from_utf8(bytes).unwrap()
}

fn to_jan(language: Language, what: What<'_>) -> String {
    let mut recipient = Recipient::plain("an.jansen@example.org".parse().unwrap());
    recipient.original = Some("rfc822;an@example.org".into());
    write(language, "jan.devries@gemeente-voorbeeld.nl", &recipient, what)
}

/// Compares a report with a golden one, which is kept with bare line feeds.
#[track_caller]
fn check(mail: &str, golden: &str) {
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
    let mail = mail.replace("\r\n", "\n");
    assert_eq!(mail, golden, "the report is now:\n{mail}");
}

#[test]
fn reports_are_what_they_were() {
    let failure = refused("no such user");
    let failed = What::Failed(&failure);
    check(&to_jan(Language::Nl, failed), include_str!("../../golden/report-failed-nl.eml"));
    check(&to_jan(Language::En, failed), include_str!("../../golden/report-failed-en.eml"));
    check(&to_jan(Language::De, failed), include_str!("../../golden/report-failed-de.eml"));
    check(&to_jan(Language::Fr, failed), include_str!("../../golden/report-failed-fr.eml"));
    let delayed = What::Delayed { last: "connection timed out", until: UNTIL };
    check(&to_jan(Language::Nl, delayed), include_str!("../../golden/report-delayed-nl.eml"));
    check(&to_jan(Language::En, delayed), include_str!("../../golden/report-delayed-en.eml"));
    check(&to_jan(Language::De, delayed), include_str!("../../golden/report-delayed-de.eml"));
    check(&to_jan(Language::Fr, delayed), include_str!("../../golden/report-delayed-fr.eml"));
}

#[test]
fn addresses_beyond_ascii_come_back_as_they_are() {
    let recipient = Recipient::plain("jürgen@example.org".parse().unwrap());
    let mail = write(
        Language::En,
        "jan@gemeente-voorbeeld.nl",
        &recipient,
        What::Failed(&Failure::NoneLeft),
    );
    check(&mail, include_str!("../../golden/report-global-en.eml"));
}

#[test]
fn no_word_of_another_server_can_end_a_line_or_make_it_too_long() {
    let hostile = format!("no\r\nBcc: eve@example.org\r\n\r\n--=_x\u{202e}{}", "é".repeat(2000));
    for failure in [
        refused(&hostile),
        Failure::NoRoute { enhanced: hostile.clone(), text: hostile.clone() },
        Failure::TriesUsedUp { last: hostile.clone() },
    ] {
        let mail = to_jan(Language::En, What::Failed(&failure));
        assert!(
            mail.lines().all(|line| !line.starts_with("Bcc") && !line.starts_with("--=_x")),
            "{mail}"
        );
        assert!(mail.lines().all(|line| line.len() <= 998), "{mail}");
        assert!(mail.is_ascii(), "{mail}");
    }
}

#[test]
fn every_failure_has_a_permanent_status() {
    for (failure, expected) in [
        (Failure::NoneLeft, "5.7.10"),
        (refused("no"), "5.1.1"),
        (Failure::NoRoute { enhanced: "5.1.10".into(), text: "null MX".into() }, "5.1.10"),
        (Failure::NoRoute { enhanced: String::new(), text: "no host".into() }, "5.4.4"),
        (Failure::TriesUsedUp { last: "451".into() }, "5.4.7"),
        (Failure::HoldOver, "5.7.0"),
    ] {
        assert_eq!(status(&failure), expected, "{failure:?}");
    }
    for enhanced in
        [None, Some("4.2.2"), Some("5.1"), Some("5.1.1\r\nX: y"), Some("5..1"), Some("5.1.1234")]
    {
        let failure = Failure::Refused {
            code: 554,
            enhanced: enhanced.map(str::to_owned),
            text: "no".into(),
            host: "mx".into(),
        };
        assert_eq!(status(&failure), "5.0.0", "{enhanced:?}");
    }
}

#[test]
fn only_what_the_sender_asked_for_is_reported() {
    let failed = What::Failed(&Failure::NoneLeft);
    let delayed = What::Delayed { last: "451", until: UNTIL };
    for (failure, delay) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut recipient = Recipient::plain("an.jansen@example.org".parse().unwrap());
        recipient.notify = Notify { success: true, failure, delay };
        let answers = [failed, delayed].map(|what| wanted(&recipient, &what));
        assert_eq!(answers, [failure, delay], "{:?}", recipient.notify);
        assert_eq!(may_be_asked(&recipient), failure || delay, "{:?}", recipient.notify);
    }
}

/// The names of all header fields: those of the report and those of its parts.
fn field_names(mail: &str) -> Vec<String> {
    let is_name =
        |text: &&str| text.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
    let name =
        |line: &str| line.split_once(':').map(|(name, _)| name).filter(is_name).map(str::to_owned);
    mail.split("\r\n").filter_map(name).collect()
}

#[test]
fn whatever_the_values_say_a_report_has_our_fields_alone() {
    let fields = |words: &str, to: &str| {
        let organisation = Organisation {
            name: words.into(),
            from: "beveiligd@gemeente-voorbeeld.nl".parse().unwrap(),
            postal: None,
            help_url: None,
            language: Language::En,
        };
        let to: Address = to.parse().unwrap();
        let mut recipient = Recipient::plain(to.clone());
        recipient.original = Some(format!("rfc822;{words}"));
        let envelope = Envelope {
            sender: Some(to.clone()),
            recipients: vec![recipient.clone()],
            envelope_id: Some(words.into()),
        };
        let mail = report(&Report {
            organisation: &organisation,
            reporting_mta: "relay.gemeente-voorbeeld.nl",
            to: &to,
            envelope: &envelope,
            recipient: &recipient,
            what: What::Failed(&refused(words)),
            original_message_id: Some(words),
            message_id: "1@gemeente-voorbeeld.nl",
            accepted: ACCEPTED,
            now: NOW,
        });
        field_names(std::str::from_utf8(&mail).unwrap())
    };
    let plain = fields("a", "an@example.org");
    for words in [
        "a\r\nBcc: eve@example.org",
        "a\nAction: delivered",
        "a\rStatus: 2.0.0",
        "a\r\n\r\nFinal-Recipient: rfc822; eve@example.org",
        "a\u{2028}Bcc: eve@example.org\u{0}\u{85}Action: delivered",
    ] {
        for to in ["an@example.org", "\"a\\\"b>, eve\"@example.org"] {
            assert_eq!(fields(words, to), plain, "{words:?} to {to}");
        }
    }
}
