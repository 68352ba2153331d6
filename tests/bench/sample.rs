//! What is sent: a short message, and one with an Office document.

use std::io::{Cursor, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The label that the documents carry; no rule of the benchmark asks for it.
const LABEL: &str = "c0ffee00-1234-4abc-8def-0123456789ab";

/// The fields that a mail program writes.
const HEAD: &str = "\
From: Jan de Vries <jan@org.test>
To: Lisa Bakker <lisa@elsewhere.test>
Subject: Minutes of Thursday, and what is still open
Date: Thu, 20 Nov 2025 10:30:00 +0100
Message-ID: <5d7c1b60-8f0f-4b6e-9b7e-2f6b1f3f9a11@org.test>
User-Agent: Mozilla Thunderbird
MIME-Version: 1.0
Content-Language: en-GB
";

const WORDS: [&str; 16] = [
    "the", "minutes", "of", "meeting", "were", "read", "and", "approved", "without", "change",
    "budget", "for", "next", "quarter", "stands", "open",
];

/// RFC 2045, section 6.8.
const BASE64_LINE_MAX: usize = 76;

/// A message of one kibibyte, its lines ended by LF.
pub(crate) fn short() -> Vec<u8> {
    let mut message = format!("{HEAD}Content-Type: text/plain; charset=us-ascii\n\n");
    while message.len() < 1024 {
        message.push_str("Dear Lisa, the minutes are ready, and nothing in them is new to you.\n");
    }
    message.into_bytes()
}

/// A message with a document of some `size` octets attached.
pub(crate) fn with_document(size: usize) -> Vec<u8> {
    let encoded = STANDARD.encode(document(size));
    let mut message = format!(
        "{HEAD}Content-Type: multipart/mixed; boundary=\"edge\"\n\n\
         --edge\nContent-Type: text/plain; charset=us-ascii\n\nSee the attachment.\n\
         --edge\nContent-Type: application/vnd.openxmlformats-officedocument.wordprocessingml.document\n\
         Content-Disposition: attachment; filename=\"minutes.docx\"\nContent-Transfer-Encoding: base64\n\n"
    )
    .into_bytes();
    for line in encoded.as_bytes().chunks(BASE64_LINE_MAX) {
        message.extend_from_slice(line);
        message.push(b'\n');
    }
    message.extend_from_slice(b"--edge--\n");
    message
}

/// A text document of some `size` octets with a label: as many octets of text before compression, and a picture.
pub(crate) fn document(size: usize) -> Vec<u8> {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let text = text(size, &mut chance);
    let label = label();
    let parts = [
        ("[Content_Types].xml", CONTENT_TYPES.as_bytes()),
        ("_rels/.rels", RELATIONSHIPS.as_bytes()),
        ("docProps/custom.xml", label.as_bytes()),
        ("word/document.xml", text.as_bytes()),
    ];
    let picture = size.saturating_sub(package(&parts).len());
    let picture: Vec<u8> = (0..picture).map(|_| chance.octet()).collect();
    package(&[&parts[..], &[("word/media/image1.jpeg", &picture)]].concat())
}

fn package(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        writer.start_file(*name, options).expect("begin a part");
        writer.write_all(content).expect("write a part");
    }
    writer.finish().expect("end the package").into_inner()
}

fn text(size: usize, chance: &mut Chance) -> String {
    let mut text = String::from(
        r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>"#,
    );
    while text.len() < size {
        text.push_str("<w:p><w:r><w:t>");
        for _ in 0..12 {
            text.push_str(WORDS.get(usize::from(chance.octet() % 16)).unwrap_or(&""));
            text.push(' ');
        }
        text.push_str("</w:t></w:r></w:p>");
    }
    text.push_str("</w:body></w:document>");
    text
}

fn label() -> String {
    let properties =
        [("Enabled", "true"), ("SetDate", "2025-01-20T08:30:00Z"), ("Name", "Internal")];
    let properties: String = properties
        .iter()
        .zip(2..)
        .map(|((attribute, value), id)| {
            format!(
                r#"<property fmtid="{{D5CDD505-2E9C-101B-9397-08002B2CF9AE}}" pid="{id}" name="MSIP_Label_{LABEL}_{attribute}"><vt:lpwstr>{value}</vt:lpwstr></property>"#
            )
        })
        .collect::<Vec<_>>()
        .concat();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/custom-properties" xmlns:vt="http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes">{properties}</Properties>"#
    )
}

const CONTENT_TYPES: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="jpeg" ContentType="image/jpeg"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/><Override PartName="/docProps/custom.xml" ContentType="application/vnd.openxmlformats-officedocument.custom-properties+xml"/></Types>"#;

const RELATIONSHIPS: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/custom-properties" Target="docProps/custom.xml"/></Relationships>"#;

/// The same octets in every run (xorshift64).
struct Chance(u64);

impl Chance {
    fn octet(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.to_be_bytes()[0]
    }
}
