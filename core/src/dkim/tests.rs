use super::*;

const MESSAGE: &str = "Received: by elsewhere\r\nFrom: Jan <jan@org.test>\r\nTo: pim@plain.test\r\n\
    Subject: A  subject\r\n that is folded\r\nDate: Tue, 24 Nov 2026 10:05:00 +0100\r\n\r\nText\r\n";

fn unsigned(message: &str) -> Unsigned {
    let head = Head::parse(message.as_bytes()).unwrap();
    let selector = Selector::new("zegel-20261201").unwrap();
    let domain = "org.test".parse().unwrap();
    prepare(
        &head,
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        Algorithm::RsaSha256,
        &domain,
        &selector,
        Moment(7),
    )
}

#[test]
fn what_is_there_is_signed_once_more_than_it_is_there_and_trace_is_not() {
    let unsigned = unsigned(MESSAGE);
    let data = String::from_utf8(unsigned.data().to_vec()).unwrap();
    let (fields, own) = data.split_once("dkim-signature:").unwrap();
    assert_eq!(
        fields,
        "from:Jan <jan@org.test>\r\nto:pim@plain.test\r\nsubject:A subject that is folded\r\n\
         date:Tue, 24 Nov 2026 10:05:00 +0100\r\n"
    );
    assert!(
        own.starts_with(
            "v=1; a=rsa-sha256; c=relaxed/relaxed; d=org.test; s=zegel-20261201; t=7; "
        )
    );
    assert!(own.ends_with("=; b="), "{own}");
    let names: String = own.split_once("h=").unwrap().1.split(';').next().unwrap().replace(' ', "");
    let names: Vec<_> = names.split(':').collect();
    for name in SIGNED {
        let times = if ["From", "To", "Subject", "Date"].contains(&name) { 2 } else { 1 };
        assert_eq!(names.iter().filter(|named| **named == name).count(), times, "{name}");
    }
    assert!(!names.contains(&"Received"));
}

#[test]
fn of_two_fields_of_a_name_the_last_is_signed_first() {
    let twice = MESSAGE.replace("Date:", "Subject: second\r\nDate:");
    let data = String::from_utf8(unsigned(&twice).data().to_vec()).unwrap();
    assert!(data.contains("subject:second\r\nsubject:A subject that is folded\r\n"), "{data}");
}

#[test]
fn the_field_is_folded_and_its_signed_form_is_the_field_without_the_signature() {
    let unsigned = unsigned(MESSAGE);
    let data = String::from_utf8(unsigned.data().to_vec()).unwrap();
    let field = unsigned.signed(&"Ab+/".repeat(86));
    assert!(field.ends_with("\r\n") && field.lines().all(|line| line.len() <= 78), "{field}");
    let value = field.rsplit("b=").next().unwrap();
    let kept: String = value.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    assert_eq!(kept, "Ab+/".repeat(86));
    let mut emptied = Vec::new();
    let without = field.strip_suffix(value).unwrap();
    canonical::relaxed_field(without.as_bytes(), &mut emptied);
    let emptied = String::from_utf8(emptied).unwrap();
    assert!(data.ends_with(emptied.trim_end()), "{data}\n{emptied}");
}

#[test]
fn a_record_publishes_a_key_whatever_its_white_space_and_order() {
    let (rsa, ed25519) = (Algorithm::RsaSha256, Algorithm::Ed25519Sha256);
    for (text, algorithm, expected) in [
        (record(rsa, "QUJD").as_str(), rsa, true),
        (record(ed25519, "QUJD").as_str(), ed25519, true),
        ("p=QU JD", rsa, true),
        ("k=rsa; p=QUJD; v=DKIM1;", rsa, true),
        ("v=DKIM1; k=rsa; p=QUJD", ed25519, false),
        ("v=DKIM1; k=rsa; p=", rsa, false),
        ("v=DKIM2; k=rsa; p=QUJD", rsa, false),
        ("v=spf1 -all", rsa, false),
    ] {
        assert_eq!(publishes(text, algorithm, "QUJD"), expected, "{text}");
    }
}

#[test]
fn a_selector_is_one_label() {
    let long = "a".repeat(64);
    for (text, expected) in [
        ("zegel-1", true),
        ("a", true),
        ("", false),
        ("-a", false),
        ("a.b", false),
        ("a_b", false),
        (&long, false),
    ] {
        assert_eq!(Selector::new(text).is_some(), expected, "{text}");
    }
}
