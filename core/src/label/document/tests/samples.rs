//! Documents as the tests need them, each made in the plainest way, and zip in two: by the library and by hand.

use std::io::{Cursor, Write};

use cfb::{CompoundFile, Version};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

pub(super) const A: &str = "4f1c9b02-7d3e-4a58-9c61-2b8d50e7f3a4";
pub(super) const B: &str = "c0ffee00-1234-4abc-8def-0123456789ab";
pub(super) const SITE: &str = "7a2e5d18-0b94-4c6f-a3d7-91e8f4c25b60";

pub(super) const CONTENT_TYPES: (&str, &str) = ("[Content_Types].xml", "<Types/>");
const OPEN: &str =
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships/custom-properties";
pub(super) const STRICT: &str =
    "http://purl.oclc.org/ooxml/officeDocument/relationships/customProperties";
const LABEL_LIST: &str =
    "http://schemas.microsoft.com/office/2020/02/relationships/classificationlabels";

/// Any octets under any names, by the library.
pub(super) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub(super) fn zip_of_text(entries: &[(&str, &str)]) -> Vec<u8> {
    let entries: Vec<_> = entries.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    zip(&entries)
}

/// Stored entries by hand, names repeated as they come; `flags` go into every header (1: encrypted).
pub(super) fn zip_by_hand(entries: &[(&str, &[u8])], flags: u16) -> Vec<u8> {
    let mut file = Vec::new();
    let mut directory = Vec::new();
    for (name, content) in entries {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let len = u32::try_from(content.len()).unwrap().to_le_bytes();
        let name_len = u16::try_from(name.len()).unwrap().to_le_bytes();
        let mut common = vec![20, 0];
        common.extend(flags.to_le_bytes());
        common.extend([0; 6]);
        common.extend(crc.sum().to_le_bytes());
        common.extend(len);
        common.extend(len);
        common.extend(name_len);
        common.extend([0, 0]);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(u32::try_from(file.len()).unwrap().to_le_bytes());
        directory.extend(name.as_bytes());
        file.extend(b"PK\x03\x04");
        file.extend(&common);
        file.extend(name.as_bytes());
        file.extend(*content);
    }
    let start = u32::try_from(file.len()).unwrap().to_le_bytes();
    let len = u32::try_from(directory.len()).unwrap().to_le_bytes();
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    file.extend(directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend(count);
    file.extend(count);
    file.extend(len);
    file.extend(start);
    file.extend([0, 0]);
    file
}

pub(super) fn relationships(list: &[(&str, &str)]) -> String {
    let list: String = list
        .iter()
        .enumerate()
        .map(|(id, (kind, target))| {
            format!(r#"<Relationship Id="r{id}" Type="{kind}" Target="{target}"/>"#)
        })
        .collect::<Vec<_>>()
        .concat();
    format!(
        r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{list}</Relationships>"#
    )
}

/// Custom properties in the way of Office.
pub(super) fn custom(properties: &[(&str, &str)]) -> String {
    let list: String = properties
        .iter()
        .zip(2..)
        .map(|((name, value), id)| {
            format!(
                r#"<property fmtid="{{D5CDD505-2E9C-101B-9397-08002B2CF9AE}}" pid="{id}" name="{name}"><vt:lpwstr>{value}</vt:lpwstr></property>"#
            )
        })
        .collect::<Vec<_>>().concat();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/custom-properties" xmlns:vt="http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes">{list}</Properties>"#
    )
}

pub(super) fn enabled(id: &str, value: &str) -> (String, String) {
    (format!("MSIP_Label_{id}_Enabled"), value.to_owned())
}

/// Custom properties that give label `id` from `SITE`.
pub(super) fn custom_label(id: &str) -> String {
    let key = |attribute: &str| format!("MSIP_Label_{id}_{attribute}");
    custom(&[
        (&key("Enabled"), "true"),
        (&key("SetDate"), "2025-01-20T08:30:00Z"),
        (&key("Name"), "Vertrouwelijk &amp; intern"),
        (&key("SiteId"), SITE),
        ("Afdeling", "R&amp;D"),
    ])
}

pub(super) fn label_list(id: &str, site: &str, state: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8" standalone="yes"?><clbl:labelList xmlns:clbl="http://schemas.microsoft.com/office/2020/mipLabelMetadata"><clbl:label id="{{{id}}}" {state} method="Privileged" siteId="{{{site}}}" contentBits="0"/></clbl:labelList>"#
    )
}

/// A Word document with what is given of properties and label list.
pub(super) fn docx(custom: Option<&str>, list: Option<&str>) -> Vec<u8> {
    let mut relations = Vec::new();
    let mut entries = vec![CONTENT_TYPES, ("word/document.xml", "<w:document/>")];
    if let Some(custom) = custom {
        relations.push((OPEN, "docProps/custom.xml"));
        entries.push(("docProps/custom.xml", custom));
    }
    if let Some(list) = list {
        relations.push((LABEL_LIST, "/docMetadata/LabelInfo.xml"));
        entries.push(("docMetadata/LabelInfo.xml", list));
    }
    let relations = relationships(&relations);
    entries.push(("_rels/.rels", &relations));
    zip_of_text(&entries)
}

pub(super) fn compound(streams: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = CompoundFile::create_with_version(Version::V3, Cursor::new(Vec::new())).unwrap();
    for (path, content) in streams {
        if let Some((storage, _)) = path.rsplit_once('/').filter(|(storage, _)| !storage.is_empty())
        {
            file.create_storage_all(storage).unwrap();
        }
        file.create_stream(path).unwrap().write_all(content).unwrap();
    }
    file.flush().unwrap();
    file.into_inner().into_inner()
}

pub(super) fn utf_16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A property set stream whose second section has these properties, in UTF-16 or in Windows-1252.
pub(super) fn property_set(properties: &[(String, String)], wide: bool) -> Vec<u8> {
    let text = |text: &str| {
        if wide { utf_16(&format!("{text}\0")) } else { [text.as_bytes(), b"\0"].concat() }
    };
    let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let mut dictionary = number(properties.len()).to_vec();
    for ((name, _), id) in properties.iter().zip(2..) {
        let octets = text(name);
        dictionary.extend(number(id));
        dictionary.extend(number(if wide { octets.len() / 2 } else { octets.len() }));
        dictionary.extend(&octets);
        if wide {
            dictionary.resize(dictionary.len().next_multiple_of(4), 0);
        }
    }
    dictionary.resize(dictionary.len().next_multiple_of(4), 0);
    let codepage: u16 = if wide { 1200 } else { 1252 };
    let mut parts = vec![
        (0, dictionary),
        (1, [&[2u8, 0, 0, 0][..], &codepage.to_le_bytes(), &[0, 0]].concat()),
    ];
    for ((_, value), id) in properties.iter().zip(2..) {
        let octets = text(value);
        let mut part = vec![if wide { 0x1F } else { 0x1E }, 0, 0, 0];
        part.extend(number(if wide { octets.len() / 2 } else { octets.len() }));
        part.extend(&octets);
        part.resize(part.len().next_multiple_of(4), 0);
        parts.push((id, part));
    }
    let mut at = 8 + parts.len() * 8;
    let mut index = Vec::new();
    let mut values: Vec<u8> = Vec::new();
    for (id, part) in &parts {
        index.extend(number(*id));
        index.extend(number(at));
        at += part.len();
        values.extend(part);
    }
    let mut stream = vec![0xFE, 0xFF, 0, 0];
    stream.extend([0; 20]);
    stream.extend(number(2));
    stream.extend([
        0x02, 0xD5, 0xCD, 0xD5, 0x9C, 0x2E, 0x1B, 0x10, 0x93, 0x97, 0x08, 0, 0x2B, 0x2C, 0xF9, 0xAE,
    ]);
    stream.extend(number(68));
    stream.extend([
        0x05, 0xD5, 0xCD, 0xD5, 0x9C, 0x2E, 0x1B, 0x10, 0x93, 0x97, 0x08, 0, 0x2B, 0x2C, 0xF9, 0xAE,
    ]);
    stream.extend(number(76));
    stream.extend([8, 0, 0, 0, 0, 0, 0, 0]);
    stream.extend(number(at));
    stream.extend(number(parts.len()));
    stream.extend(index);
    stream.extend(values);
    stream
}

/// An Outlook message with the field `msip_labels` as a named property, or transport headers, and attachments.
pub(super) fn msg(labels: Option<&str>, headers: Option<&str>, attachments: &[&[u8]]) -> Vec<u8> {
    let mut names = utf_16("msip_labels");
    names.splice(..0, 22u32.to_le_bytes());
    let labels = labels.map(utf_16);
    let headers = headers.map(utf_16);
    let paths: Vec<String> = (0..attachments.len())
        .map(|index| format!("/__attach_version1.0_#{index:08}/__substg1.0_37010102"))
        .collect();
    // Name at 0, kind text, the third GUID, property 0x8005.
    let entry = [0, 0, 0, 0, 7, 0, 5, 0];
    let mut streams: Vec<(&str, &[u8])> = vec![
        ("/__properties_version1.0", &[0; 32]),
        ("/__nameid_version1.0/__substg1.0_00030102", &entry),
        ("/__nameid_version1.0/__substg1.0_00040102", &names),
    ];
    streams.extend(labels.as_deref().map(|labels| ("/__substg1.0_8005001F", labels)));
    streams.extend(headers.as_deref().map(|headers| ("/__substg1.0_007D001F", headers)));
    streams.extend(paths.iter().map(String::as_str).zip(attachments.iter().copied()));
    compound(&streams)
}

pub(super) fn deflated(octets: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

/// A PDF under construction, saved as often as wished.
pub(super) struct Pdf {
    pub(super) octets: Vec<u8>,
    places: Vec<(u32, usize)>,
    saved: Option<usize>,
}

impl Pdf {
    pub(super) fn new() -> Self {
        Self { octets: b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n".to_vec(), places: Vec::new(), saved: None }
    }

    pub(super) fn object(mut self, number: u32, body: &str) -> Self {
        self.places.push((number, self.octets.len()));
        self.octets.extend(format!("{number} 0 obj\n{body}\nendobj\n").bytes());
        self
    }

    pub(super) fn stream(mut self, number: u32, entries: &str, content: &[u8]) -> Self {
        self.places.push((number, self.octets.len()));
        let len = content.len();
        self.octets
            .extend(format!("{number} 0 obj\n<<{entries} /Length {len}>>\nstream\r\n").bytes());
        self.octets.extend(content);
        self.octets.extend(b"\nendstream\nendobj\n");
        self
    }

    fn prev(&self) -> String {
        self.saved.map(|at| format!("/Prev {at}")).unwrap_or_default()
    }

    /// Saves with a table.
    pub(super) fn save(mut self, trailer: &str) -> Self {
        let prev = self.prev();
        let start = self.octets.len();
        self.octets.extend(b"xref\n0 1\n0000000000 65535 f \n");
        for (number, at) in std::mem::take(&mut self.places) {
            self.octets.extend(format!("{number} 1\n{at:010} 00000 n \n").bytes());
        }
        self.octets.extend(
            format!("trailer\n<</Size 99 {trailer} {prev}>>\nstartxref\n{start}\n%%EOF\n").bytes(),
        );
        self.saved = Some(start);
        self
    }

    /// Saves with a stream, deflated and predicted, in which `inside` stand in object stream `container`.
    pub(super) fn save_stream(mut self, trailer: &str, container: u32, inside: &[u32]) -> Self {
        let prev = self.prev();
        let start = self.octets.len();
        let mut rows: Vec<(u32, [u8; 6])> = Vec::new();
        for (number, at) in std::mem::take(&mut self.places) {
            let [a, b, c, d] = u32::try_from(at).unwrap().to_be_bytes();
            rows.push((number, [1, a, b, c, d, 0]));
        }
        for (number, index) in inside.iter().zip(0..) {
            let [a, b, c, d] = container.to_be_bytes();
            rows.push((*number, [2, a, b, c, d, index]));
        }
        let index: String =
            rows.iter().map(|(number, _)| format!("{number} 1 ")).collect::<Vec<_>>().concat();
        let mut predicted = Vec::new();
        let mut above = [0u8; 6];
        for (_, row) in rows {
            predicted.push(2);
            predicted.extend(row.iter().zip(above).map(|(octet, up)| octet.wrapping_sub(up)));
            above = row;
        }
        let entries = format!(
            "/Type/XRef /W[1 4 1] /Size 99 /Index[{index}] /Filter/FlateDecode /DecodeParms<</Predictor 12 /Columns 6>> {trailer} {prev}"
        );
        self = self.stream(98, &entries, &deflated(&predicted));
        self.places.clear();
        self.octets.extend(format!("startxref\n{start}\n%%EOF\n").bytes());
        self.saved = Some(start);
        self
    }
}

/// An information dictionary with label `id`.
pub(super) fn info(id: &str, enabled: &str) -> String {
    format!(
        "<</Producer (x) /MSIP_Label_{id}_Enabled ({enabled}) /MSIP_Label_{id}_SiteId ({SITE})>>"
    )
}

pub(super) fn xmp(id: &str) -> String {
    format!(
        r#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:pdfx="http://ns.adobe.com/pdfx/1.3/"><pdfx:MSIP_Label_{id}_Enabled>True</pdfx:MSIP_Label_{id}_Enabled><pdfx:MSIP_Label_{id}_SiteId>{SITE}</pdfx:MSIP_Label_{id}_SiteId></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"#
    )
}
