//! RTF.

use super::*;

fn property(name: &str, value: &str) -> String {
    format!("{{\\propname MSIP_Label_{A}_{name}}}\\proptype30{{\\staticval {value}}}")
}

fn document(rest: &str) -> Vec<u8> {
    format!("{{\\rtf1\\ansi\\ansicpg1252\\uc1 {rest}\\par Hello.}}").into_bytes()
}

fn labelled() -> String {
    let properties = property("Enabled", "true") + &property("SiteId", SITE);
    format!("{{\\*\\userprops {properties}}}")
}

fn with_object(class: &str, data: &[u8]) -> Vec<u8> {
    let class_len = u32::try_from(class.len() + 1).unwrap();
    let len = u32::try_from(data.len()).unwrap();
    let mut octets = [1u32, 2, class_len].map(u32::to_le_bytes).concat();
    octets.extend([class.as_bytes(), b"\0", &[0; 8], &len.to_le_bytes(), data].concat());
    let hex = octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join("\r\n");
    document(&format!("{{\\object\\objemb{{\\*\\objdata {hex}}}}}"))
}

#[test]
fn properties_give_the_label() {
    check(&document(&labelled()), &[&format!("{A}@{SITE}")], &[]);
    check(&document(&property("Enabled", "false")), &[], &[]);
    check(
        &document("{\\*\\userprops {\\propname Afdeling}\\proptype30{\\staticval Zorg}}"),
        &[],
        &[],
    );
    let truth = property("Enabled", "0").replace("proptype30", "proptype11");
    check(&document(&truth), &[], &[]);
}

#[test]
fn values_are_read_whichever_way_their_letters_are_written() {
    for value in [
        "G\\'e9heim",
        "G\\u233\\'e9heim",
        "G\\u233 ?heim",
        "{\\uc0 G\\u233 h}eim",
        "G\\uc2\\u233 ??heim",
        "G\\u233\r\n?he\r\nim",
    ] {
        check_names(
            &document(&(property("Enabled", "true") + &property("Name", value))),
            &["Géheim"],
        );
    }
    let pair = property("Name", "\\u-10179?\\u-8704?");
    check_names(&document(&pair), &["\u{1F600}"]);
}

#[test]
fn what_is_no_text_is_passed_over() {
    check(
        &document(&format!("{{\\pict\\bin4 }}}}{{{{}}{}", labelled())),
        &[&format!("{A}@{SITE}")],
        &[],
    );
}

#[test]
fn objects_inside_are_looked_into() {
    let inner = samples::docx(Some(&samples::custom_label(A)), None);
    check(&with_object("Word.Document.12", &inner), &[&format!("{A}@{SITE}")], &[]);
    let names = b"\x02\x00a\0a\0\0\0\x03\0\x02\0\0\0a\0";
    let len = u32::try_from(inner.len()).unwrap().to_le_bytes();
    let package = [names.as_slice(), &len, &inner].concat();
    check(&with_object("Package", &package), &[&format!("{A}@{SITE}")], &[]);
    check(&document("{\\*\\objdata 0102}"), &[], &[Unreadable::Damaged("an object in RTF")]);
}

#[test]
fn a_document_that_ends_too_early_is_damaged_wherever_it_does() {
    let whole = document(&labelled());
    for end in 5..whole.len() {
        let findings = found(whole.get(..end).unwrap());
        assert_eq!(findings.unreadable, [Unreadable::Damaged("an RTF document")], "{end}");
    }
}
