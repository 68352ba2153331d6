use std::io::Cursor;

use super::*;

mod forms;
mod hostile;
mod rtf;
mod samples;

use samples::{A, B, SITE};

fn found(octets: &[u8]) -> Findings {
    read(&mut Cursor::new(octets), &Limits::default())
}

/// The labels of a document, each as `guid@site`, and what of it could not be read.
fn shown(findings: &Findings) -> (Vec<String>, Vec<Unreadable>) {
    let labels = findings.labels.iter().map(|label| match label.sites.first() {
        Some(site) => format!("{}@{site}", label.id),
        None => label.id.to_string(),
    });
    (labels.collect(), findings.unreadable.clone())
}

#[track_caller]
fn check(octets: &[u8], labels: &[&str], unreadable: &[Unreadable]) {
    let (found_labels, found_unreadable) = shown(&found(octets));
    assert_eq!(found_labels, labels, "labels");
    assert_eq!(found_unreadable, unreadable, "unreadable");
}

fn at_site(id: &str) -> String {
    format!("{id}@{SITE}")
}

/// Every kind of document, with label A.
fn all() -> Vec<(&'static str, Vec<u8>)> {
    let docx = samples::docx(Some(&samples::custom_label(A)), None);
    let properties =
        [samples::enabled(A, "true"), (format!("MSIP_Label_{A}_SiteId"), SITE.to_owned())];
    let list = samples::label_list(A, SITE, r#"enabled="1" removed="0""#);
    let labels = format!("MSIP_Label_{A}_Enabled=true;MSIP_Label_{A}_SiteId={SITE};");
    let root = "<</Type/Catalog /Metadata 3 0 R>>";
    vec![
        ("custom properties", docx.clone()),
        ("label list", samples::docx(None, Some(&list))),
        ("zip", samples::zip_by_hand(&[("x.bin", &docx)], 0)),
        ("RMS", forms::rights_managed(Some(&list))),
        (
            "old Word",
            samples::compound(&[
                ("/WordDocument", &[0; 64]),
                ("/\u{5}DocumentSummaryInformation", &samples::property_set(&properties, false)),
            ]),
        ),
        (
            "old Excel, UTF-16",
            samples::compound(&[
                ("/Workbook", &[9, 8, 2, 0, 0, 0, 0, 0]),
                ("/\u{5}DocumentSummaryInformation", &samples::property_set(&properties, true)),
            ]),
        ),
        ("ODF", forms::odf(&forms::odf_meta(&properties))),
        ("flat ODF", forms::flat_odf(&properties)),
        ("Office 2003", forms::office_2003(&properties)),
        ("HTML", forms::html(&properties)),
        ("Flat OPC", forms::flat_opc(&samples::custom_label(A))),
        ("message", format!("msip_labels: {labels}\r\nSubject: x\r\n\r\nhello").into_bytes()),
        ("Outlook message", samples::msg(Some(&labels), None, &[])),
        (
            "PDF",
            samples::Pdf::new()
                .object(1, "<</Type/Catalog>>")
                .object(2, &samples::info(A, "True"))
                .save("/Root 1 0 R /Info 2 0 R")
                .octets,
        ),
        (
            "PDF with XMP",
            samples::Pdf::new()
                .object(1, root)
                .stream(3, "/Type/Metadata", samples::xmp(A).as_bytes())
                .save("/Root 1 0 R")
                .octets,
        ),
        ("PDF with streams", forms::pdf_with_streams()),
    ]
}

#[test]
fn every_kind_of_document_gives_its_label() {
    for (name, octets) in all() {
        let (labels, unreadable) = shown(&found(&octets));
        assert_eq!((labels, unreadable), (vec![at_site(A)], vec![]), "{name}");
    }
}

#[test]
fn every_kind_of_document_gives_its_label_inside_a_message_in_an_archive_and_as_an_outlook_attachment()
 {
    for (name, octets) in all() {
        let message = forms::message_with(&octets);
        let zip = samples::zip(&[("mail", &message)]);
        let msg = samples::msg(None, None, &[&zip]);
        assert_eq!(shown(&found(&msg)), (vec![at_site(A)], vec![]), "{name}");
    }
}

#[test]
fn a_document_without_labels_has_none_and_nothing_in_it_is_unreadable() {
    check(b"", &[], &[]);
    check(b"plain text", &[], &[]);
    check(&samples::docx(None, None), &[], &[]);
    check(&samples::docx(Some(&samples::custom(&[("Afdeling", "x")])), None), &[], &[]);
    check(&forms::odf(&forms::odf_meta(&[])), &[], &[]);
    check(&samples::compound(&[("/WordDocument", &[0; 64])]), &[], &[]);
    check(&samples::Pdf::new().object(1, "<</Type/Catalog>>").save("/Root 1 0 R").octets, &[], &[]);
    check(
        b"<!DOCTYPE html><html><p>a & b<br>c&nbsp;<script>if (a < b) {}</script></html>",
        &[],
        &[],
    );
}

#[test]
fn the_label_list_decides_for_its_tenant_and_for_no_other() {
    let custom = samples::custom_label(A);
    let list = |id, site, state| samples::label_list(id, site, state);
    let enabled = r#"enabled="1" removed="0""#;
    check(&samples::docx(Some(&custom), Some(&list(B, SITE, enabled))), &[&at_site(B)], &[]);
    for gone in [
        r#"enabled="1" removed="1""#,
        r#"enabled="true" removed="true""#,
        r#"enabled="0" removed="0""#,
        r#"enabled="false""#,
    ] {
        check(&samples::docx(Some(&custom), Some(&list(A, SITE, gone))), &[], &[]);
    }
    check(
        &samples::docx(Some(&custom), Some(&list(B, B, enabled))),
        &[&format!("{B}@{B}"), &at_site(A)],
        &[],
    );
    check(&samples::docx(Some(&custom), Some(&list(B, B, r#"removed="1""#))), &[&at_site(A)], &[]);
}

/// The names of a document's labels.
#[track_caller]
fn check_names(octets: &[u8], want: &[&str]) {
    let names: Vec<String> =
        found(octets).labels.into_iter().flat_map(|label| label.names).collect();
    assert_eq!(names, want);
}

#[test]
fn the_meta_elements_of_html_are_properties() {
    let meta = |name: &str, value: &str| format!("<meta name=\"{name}\" content=\"{value}\"/>");
    let labelled = meta(&format!("MSIP_Label_{A}_Enabled"), "true")
        + &meta(&format!("MSIP_Label_{A}_SiteId"), SITE)
        + &meta("Afdeling", "Zorg");
    let html = |head: &str| {
        format!(
            "<!DOCTYPE html>\n<html><head><meta charset=utf-8>{head}</head><body><p>a<br>b</body></html>"
        )
    };
    for head in
        [labelled.clone(), labelled.replace("/>", ">"), labelled.replace("meta name", "META NAME")]
    {
        check(html(&head).as_bytes(), &[&at_site(A)], &[]);
    }
    let findings = found(html(&labelled).as_bytes());
    assert!(findings.properties.contains(&("Afdeling".to_owned(), "Zorg".to_owned())));
}

#[test]
fn every_form_of_properties_gives_the_name() {
    let called =
        [samples::enabled(A, "true"), (format!("MSIP_Label_{A}_Name"), "Géheim 2".to_owned())];
    let set = |unicode| {
        let set = samples::property_set(&called, unicode);
        samples::compound(&[("/\u{5}DocumentSummaryInformation", &set)])
    };
    for octets in [
        forms::odf(&forms::odf_meta(&called)),
        forms::flat_odf(&called),
        forms::office_2003(&called),
        forms::html(&called),
        set(true),
    ] {
        check_names(&octets, &["Géheim 2"]);
    }
    let info = format!("<</MSIP_Label_{A}_Enabled (true) /MSIP_Label_{A}_Name (Geheim)>>");
    let pdf = samples::Pdf::new().object(1, "<</Type/Catalog>>").object(2, &info);
    check_names(&pdf.save("/Root 1 0 R /Info 2 0 R").octets, &["Geheim"]);
    let value = format!("MSIP_Label_{A}_Enabled=true;MSIP_Label_{A}_Name=Geheim;");
    check_names(format!("msip_labels: {value}\r\nSubject: x\r\n\r\n").as_bytes(), &["Geheim"]);
    check_names(&samples::msg(Some(&value), None, &[]), &["Geheim"]);
}

#[test]
fn a_label_list_has_no_name_but_that_of_its_label_in_the_properties_beside_it() {
    let list = |id| samples::label_list(id, SITE, r#"enabled="1" removed="0""#);
    let custom = samples::custom_label(A);
    check_names(&samples::docx(Some(&custom), None), &["Vertrouwelijk & intern"]);
    check_names(&samples::docx(None, Some(&list(A))), &[]);
    check_names(&samples::docx(Some(&custom), Some(&list(A))), &["Vertrouwelijk & intern"]);
    check_names(&samples::docx(Some(&custom), Some(&list(B))), &[]);
}

#[test]
fn properties_are_handed_on_as_text() {
    let findings = found(&samples::docx(Some(&samples::custom_label(A)), None));
    let value = |wanted: &str| {
        findings.properties.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    };
    assert_eq!(value("Afdeling"), Some("R&D"));
    assert_eq!(value(&format!("MSIP_Label_{A}_Name")), Some("Vertrouwelijk & intern"));
    assert!(!format!("{findings:?}").contains("Vertrouwelijk"), "content in Debug");
}
