//! What is particular to one form or another.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::samples::{self, A, B, Pdf, SITE};
use super::{Limit, Unreadable, at_site, check};

pub(super) fn rights_managed(list: Option<&str>) -> Vec<u8> {
    let mut streams: Vec<(&str, &[u8])> =
        vec![("/EncryptedPackage", &[7; 100]), ("/\u{6}DataSpaces/DataSpaceMap", &[0; 20])];
    streams.extend(list.map(|list| ("/\u{6}DataSpaces/TransformInfo/LabelInfo", list.as_bytes())));
    samples::compound(&streams)
}

pub(super) fn odf_meta(properties: &[(String, String)]) -> String {
    let list: String = properties
        .iter()
        .map(|(name, value)| {
            format!(r#"<meta:user-defined meta:name="{name}">{value}</meta:user-defined>"#)
        })
        .collect::<Vec<_>>()
        .concat();
    format!(
        r#"<office:document-meta xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:meta="urn:oasis:names:tc:opendocument:xmlns:meta:1.0"><office:meta><meta:generator>x</meta:generator>{list}</office:meta></office:document-meta>"#
    )
}

pub(super) fn odf(meta: &str) -> Vec<u8> {
    let manifest = r#"<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>"#;
    samples::zip_of_text(&[
        ("mimetype", "application/vnd.oasis.opendocument.text"),
        ("content.xml", "<office:document-content/>"),
        ("meta.xml", meta),
        ("META-INF/manifest.xml", manifest),
    ])
}

pub(super) fn flat_odf(properties: &[(String, String)]) -> Vec<u8> {
    odf_meta(properties).replace("document-meta", "document").into_bytes()
}

fn custom_2003(properties: &[(String, String)]) -> String {
    let list: String = properties
        .iter()
        .map(|(name, value)| {
            let name = name.replace('-', "_x002d_");
            format!(r#"<o:{name} dt:dt="string">{value}</o:{name}>"#)
        })
        .collect::<Vec<_>>()
        .concat();
    format!("<o:CustomDocumentProperties>{list}</o:CustomDocumentProperties>")
}

pub(super) fn office_2003(properties: &[(String, String)]) -> Vec<u8> {
    format!(
        r#"<?xml version="1.0"?><?mso-application progid="Word.Document"?><w:wordDocument xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml">{}<w:body/></w:wordDocument>"#,
        custom_2003(properties)
    )
    .into_bytes()
}

pub(super) fn html(properties: &[(String, String)]) -> Vec<u8> {
    format!(
        r#"<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><meta charset=utf-8><!--[if gte mso 9]><xml>{}</xml><![endif]--></head><body><p class=x>a<br>b</body></html>"#,
        custom_2003(properties)
    )
    .into_bytes()
}

pub(super) fn flat_opc(custom: &str) -> Vec<u8> {
    let custom = custom.split_once("?>").map_or(custom, |(_, custom)| custom);
    format!(
        r#"<?xml version="1.0"?><?mso-application progid="Word.Document"?><pkg:package xmlns:pkg="http://schemas.microsoft.com/office/2006/xmlPackage"><pkg:part pkg:name="/docProps/custom.xml"><pkg:xmlData>{custom}</pkg:xmlData></pkg:part></pkg:package>"#
    )
    .into_bytes()
}

pub(super) fn message_with(attachment: &[u8]) -> Vec<u8> {
    format!(
        "From: a@b.example\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\nContent-Type: image/png; name=x.png\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n",
        BASE64_STANDARD.encode(attachment)
    )
    .into_bytes()
}

pub(super) fn pdf_with_streams() -> Vec<u8> {
    let catalog = "<</Type/Catalog>>";
    let info = samples::info(A, "True");
    let head = format!("1 0 2 {} ", catalog.len() + 1);
    let content = format!("{head}{catalog} {info}");
    let entries = format!("/Type/ObjStm /N 2 /First {} /Filter/FlateDecode", head.len());
    Pdf::new()
        .stream(5, &entries, &samples::deflated(content.as_bytes()))
        .save_stream("/Root 1 0 R /Info 2 0 R", 5, &[1, 2])
        .octets
}

#[test]
fn parts_are_found_by_relationship_under_any_name_strict_too() {
    let custom = samples::custom_label(A);
    for kind in [samples::STRICT, &samples::STRICT.to_uppercase()] {
        let relations = samples::relationships(&[(kind, "./somewhere/else.bin")]);
        let entries =
            [samples::CONTENT_TYPES, ("Somewhere\\Else.bin", &custom), ("_rels/.rels", &relations)];
        check(&samples::zip_of_text(&entries), &[&at_site(A)], &[]);
    }
}

#[test]
fn entries_of_the_same_name_all_count() {
    let (one, other) = (samples::custom_label(A), samples::custom_label(B));
    let entries: [(&str, &[u8]); 3] = [
        ("[Content_Types].xml", b"<Types/>"),
        ("docProps/custom.xml", one.as_bytes()),
        ("docProps/custom.xml", other.as_bytes()),
    ];
    check(&samples::zip_by_hand(&entries, 0), &[&at_site(A), &at_site(B)], &[]);
}

#[test]
fn xml_in_utf_16_is_read_and_a_document_type_is_not() {
    let custom = samples::custom_label(A).replace("UTF-8", "UTF-16");
    let wide = [&b"\xFF\xFE"[..], &samples::utf_16(&custom)].concat();
    check(&samples::zip(&[("docProps/custom.xml", &wide)]), &[&at_site(A)], &[]);
    let declared = format!("<!DOCTYPE x [<!ENTITY e \"true\">]>{}", samples::custom_label(A));
    check(
        &samples::docx(Some(&declared), None),
        &[],
        &[Unreadable::Damaged("a document's properties")],
    );
}

#[test]
fn only_a_label_that_is_said_to_be_disabled_is_none() {
    let key = format!("MSIP_Label_{A}_Enabled");
    for (value, labels) in
        [("true", &[A][..]), ("True", &[A]), ("", &[A]), ("false", &[]), ("False", &[])]
    {
        check(&samples::docx(Some(&samples::custom(&[(&key, value)])), None), labels, &[]);
    }
}

#[test]
fn a_document_inside_a_document_counts() {
    let inner = samples::docx(Some(&samples::custom_label(A)), None);
    let presentation = |name: &str, octets: &[u8]| {
        samples::zip(&[("[Content_Types].xml", b"<Types/>"), (name, octets)])
    };
    check(&presentation("ppt/embeddings/x.docx", &inner), &[&at_site(A)], &[]);
    let object = samples::compound(&[("/Package", &inner)]);
    check(&presentation("ppt/embeddings/oleObject1.bin", &object), &[&at_site(A)], &[]);
    let mut native = b"\x02\0x.docx\0C:\\x.docx\0\0\0\x03\0\x02\0\0\0x\0".to_vec();
    native.extend(u32::try_from(inner.len()).unwrap().to_le_bytes());
    native.extend(&inner);
    native.splice(..0, u32::try_from(native.len()).unwrap().to_le_bytes());
    let object = samples::compound(&[("/ObjectPool/_1/\u{1}Ole10Native", &native)]);
    check(&object, &[&at_site(A)], &[]);
}

#[test]
fn what_is_encrypted_is_unknown_unless_it_says_its_label_outside() {
    let list = samples::label_list(A, SITE, r#"enabled="1" removed="1""#);
    check(&rights_managed(Some(&list)), &[], &[]);
    let office = [Unreadable::Encrypted("an Office document")];
    check(&rights_managed(None), &[], &office);
    check(
        &samples::compound(&[("/EncryptionInfo", &[4]), ("/EncryptedPackage", &[7; 100])]),
        &[],
        &office,
    );
    let mut word = [0; 64];
    word[11] = 1;
    check(&samples::compound(&[("/WordDocument", &word)]), &[], &office);
    let workbook = [9, 8, 2, 0, 0, 0, 0x2F, 0, 2, 0, 1, 0];
    check(&samples::compound(&[("/Workbook", &workbook)]), &[], &office);
    let entry = [Unreadable::Encrypted("an archive entry")];
    check(&samples::zip_by_hand(&[("x.docx", b"secret octets")], 1), &[], &entry);
    check(b".pfile\0\0", &[], &[Unreadable::Encrypted("a rights-protected file")]);
    let manifest =
        r#"<m xmlns="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><encryption-data/></m>"#;
    let odf = samples::zip_of_text(&[("meta.xml", "garbage"), ("META-INF/manifest.xml", manifest)]);
    check(&odf, &[], &[Unreadable::Encrypted("an ODF document")]);
}

#[test]
fn an_old_document_has_labels_in_every_storage() {
    let set = samples::property_set(&[samples::enabled(A, "true")], true);
    let other = samples::property_set(&[samples::enabled(B, "true")], false);
    let file = samples::compound(&[
        ("/\u{5}DocumentSummaryInformation", &set),
        ("/MBD0001/\u{5}DocumentSummaryInformation", &other),
    ]);
    check(&file, &[A, B], &[]);
}

#[test]
fn an_outlook_message_has_labels_in_its_transport_headers_and_those_of_messages_inside() {
    let headers = |id| {
        format!(
            "Microsoft Mail Internet Headers Version 2.0\r\nmsip_labels: MSIP_Label_{id}_Enabled=\r\n true;\r\nX: y"
        )
    };
    let inner = samples::utf_16(&headers(B));
    let outer = samples::utf_16(&headers(A));
    let file = samples::compound(&[
        ("/__properties_version1.0", &[0; 32]),
        ("/__substg1.0_007D001F", &outer),
        ("/__attach_version1.0_#00000000/__substg1.0_3701000D/__substg1.0_007D001F", &inner),
    ]);
    check(&file, &[A, B], &[]);
}

#[test]
fn an_attached_message_has_labels_in_its_header_section() {
    let inner = format!("X: y\r\nmsip_label_{A}_enabled: true\r\n\r\nbody");
    let message = format!(
        "From: a@b.example\nSubject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n{inner}\n--b--\n"
    );
    check(message.as_bytes(), &[A], &[]);
}

#[test]
fn a_message_that_cannot_be_taken_apart_is_unknown() {
    let deep: Vec<String> = (0..30)
        .map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n"))
        .collect();
    let damaged = [Unreadable::Damaged("a message")];
    check(format!("MIME-Version: 1.0\r\nFrom: x\r\n{}", deep.concat()).as_bytes(), &[], &damaged);
    check(
        b"From: a@b.example\r\nSubject: x\r\nContent-Type: multipart/mixed\r\n\r\n--x\r\n",
        &[],
        &damaged,
    );
    let piece =
        b"From: a@b.example\r\nSubject: multipart/x\r\nContent-Type: message/partial\r\n\r\nx";
    check(piece, &[], &[Unreadable::Unsupported("a piece of a message")]);
    let parts = "--b\r\n\r\nx\r\n".repeat(1100);
    let many = format!(
        "From: a@b.example\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{parts}"
    );
    check(many.as_bytes(), &[], &[Unreadable::Over(Limit::Entries)]);
}

#[test]
fn a_message_that_can_be_read_in_two_ways_is_unknown_whatever_else_is_found_in_it() {
    let message = |head: &str| {
        format!(
            "From: a@b.example\r\nmsip_label_{A}_enabled: true\r\nContent-Type: multipart/mixed; \
             boundary=b{head}\r\n\r\n--b\r\n\r\ntext\r\n--b--\r\n"
        )
    };
    check(message("").as_bytes(), &[A], &[]);
    check(message("; boundary=c").as_bytes(), &[A], &[Unreadable::Ambiguous("a message")]);
}

#[test]
fn every_message_of_a_mailbox_file_counts() {
    let message =
        |id| format!("From x\nFrom: a@b.example\nmsip_label_{id}_enabled: true\n\nbody\n\n");
    let mailbox = format!("{}{}{}", message(A), message(B), message(SITE));
    check(mailbox.as_bytes(), &[A, B, SITE], &[]);
}

#[test]
fn the_last_revision_of_a_pdf_decides() {
    let first = || Pdf::new().object(1, "<</Type/Catalog>>").object(2, &samples::info(A, "True"));
    let root = "/Root 1 0 R /Info 2 0 R";
    check(
        &first().save(root).object(2, &samples::info(B, "True")).save(root).octets,
        &[&at_site(B)],
        &[],
    );
    check(&first().save(root).object(2, "<</Producer(x)>>").save(root).octets, &[], &[]);
    check(
        &first().save(root).object(7, "<<>>").save_stream(root, 0, &[]).octets,
        &[&at_site(A)],
        &[],
    );
}

#[test]
fn a_pdf_has_hexadecimal_values_escaped_names_and_attributes() {
    let hex: String =
        "true".encode_utf16().map(|unit| format!("{unit:04X}")).collect::<Vec<_>>().concat();
    let info = format!("<</MSI#50_Label_{A}_Enabled <FEFF{hex}> /MSIP_Label_{B}_Enabled 4 0 R>>");
    let pdf = Pdf::new().object(1, "<<>>").object(2, &info).object(4, "(false)");
    check(&pdf.save("/Root 1 0 R /Info 2 0 R").octets, &[A], &[]);
    let short = format!(
        r#"<rdf:Description pdfx:MSIP_Label_{A}_Enabled="True" pdfx:MSIP_Label_{A}_SiteId='{SITE}'/>"#
    );
    let pdf = Pdf::new().object(1, "<</Metadata 3 0 R>>").stream(
        3,
        "/Type/Metadata/Filter[/FlateDecode]",
        &samples::deflated(short.as_bytes()),
    );
    check(&pdf.save("/Root 1 0 R").octets, &[&at_site(A)], &[]);
}

#[test]
fn an_encrypted_pdf_is_unknown_unless_it_says_its_label_outside() {
    let pdf = |info: &str| {
        let pdf = Pdf::new()
            .object(1, "<<>>")
            .object(2, info)
            .object(3, "<</Filter/MicrosoftIRMServices>>");
        pdf.save("/Root 1 0 R /Info 2 0 R /Encrypt 3 0 R").octets
    };
    check(&pdf("<</Producer(x)>>"), &[], &[Unreadable::Encrypted("a PDF")]);
    check(&pdf(&format!("<</MSIP_Label_{A}_Enabled(\u{1}\u{2})>>")), &[A], &[]);
    let wrapper = |info: &str| {
        Pdf::new()
            .object(1, "<</Names<</EmbeddedFiles<</Names[(x) 4 0 R]>>>>>>")
            .object(2, info)
            .object(4, "<</F(MicrosoftIRMServices Protected PDF.pdf)/EF<</F 5 0 R>>>>")
            .stream(5, "", b"%PDF-1.7 sealed")
            .save("/Root 1 0 R /Info 2 0 R")
            .octets
    };
    check(&wrapper("<<>>"), &[], &[Unreadable::Encrypted("a PDF")]);
    check(&wrapper(&samples::info(A, "True")), &[&at_site(A)], &[]);
}

#[test]
fn a_file_inside_a_pdf_counts() {
    let inner = samples::docx(Some(&samples::custom_label(A)), None);
    let pdf = Pdf::new()
        .object(1, "<</Names<</EmbeddedFiles<</Kids[6 0 R]>>>>>>")
        .object(6, "<</Names[(x) <</F(x.docx)/EF<</F 5 0 R>>>>]>>")
        .stream(5, "/Filter/FlateDecode", &samples::deflated(&inner))
        .save("/Root 1 0 R");
    check(&pdf.octets, &[&at_site(A)], &[]);
}

#[test]
fn a_pdf_without_cross_references_gives_what_is_found_and_is_damaged() {
    let damaged = [Unreadable::Damaged("a PDF")];
    for octets in [
        pdf_with_streams(),
        Pdf::new().object(2, &samples::info(A, "True")).save("/Info 2 0 R").octets,
    ] {
        let end = octets.windows(9).rposition(|window| window == b"startxref").unwrap();
        check(&octets[..end], &[&at_site(A)], &damaged);
    }
    check(b"%PDF-1.7 nothing", &[], &damaged);
}

#[test]
fn foreign_archives_are_unknown() {
    check(b"Rar!\x1A\x07\x01\0", &[], &[Unreadable::Unsupported("a RAR archive")]);
    let zip = samples::zip(&[("a.7z", b"7z\xBC\xAF\x27\x1C")]);
    check(&zip, &[], &[Unreadable::Unsupported("a 7z archive")]);
}

#[test]
fn a_document_too_deep_is_over_the_limit() {
    let mut octets = samples::docx(Some(&samples::custom_label(A)), None);
    for _ in 0..9 {
        octets = samples::zip(&[("x", &octets)]);
    }
    check(&octets, &[], &[Unreadable::Over(Limit::Depth)]);
}
