//! What a file is, told by its first octets. Names and declared types are not asked: they lie.

/// What a file is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Zip: Office since 2007, ODF, archives.
    Package,
    /// Compound file: Office before 2007, encrypted Office, Outlook messages.
    Compound,
    Pdf,
    Rtf,
    /// XML or HTML.
    Markup,
    /// A message (RFC 5322).
    Mail,
    /// It needs a key, and is known to say nothing of its label outside.
    Sealed(&'static str),
    /// It can hold documents, and is not read here.
    Foreign(&'static str),
    /// Nothing that carries labels.
    Other,
}

/// Where a file stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Within {
    /// On its own, or in an archive.
    Open,
    /// Among the parts of an Office or ODF package: most are XML, and only those that are a whole document count.
    Document,
}

/// Octets that are looked at. Namespaces of an Office root element fill one or two kilobytes.
pub(super) const HEAD: usize = 4096;

/// A PDF may have this many octets of anything in front (ISO 32000-1, annex H.3.4.1).
const PDF_JUNK: usize = 1024;

/// Octets in which the kind of a CMS structure stands, behind a tag and a length (RFC 5652, section 3).
const CMS_START: usize = 24;

/// id-envelopedData: 1.2.840.113549.1.7.3.
const ENVELOPED: &[u8] = b"\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x03";

const MAGIC: [(&[u8], Kind); 18] = [
    // Word asks for no more.
    (b"{\\rt", Kind::Rtf),
    (b"PK\x03\x04", Kind::Package),
    (b"PK\x05\x06", Kind::Package),
    (b"PK\x07\x08", Kind::Package),
    (b"PK00PK\x03\x04", Kind::Package),
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", Kind::Compound),
    (b".pfile", Kind::Sealed("a rights-protected file")),
    (b"\x76\xE8\x04\x60\xC4\x11\xE3\x86", Kind::Sealed("a rights-protected message")),
    (b"-----BEGIN PGP MESSAGE-----", Kind::Sealed("an OpenPGP message")),
    (b"7z\xBC\xAF\x27\x1C", Kind::Foreign("a 7z archive")),
    (b"Rar!\x1A\x07", Kind::Foreign("a RAR archive")),
    (b"MSCF\0\0\0\0", Kind::Foreign("a cabinet")),
    (b"\x1F\x8B\x08", Kind::Foreign("a gzip archive")),
    (b"BZh", Kind::Foreign("a bzip2 archive")),
    (b"\xFD7zXZ\0", Kind::Foreign("an xz archive")),
    (b"\x28\xB5\x2F\xFD", Kind::Foreign("a zstd archive")),
    (b"\x78\x9F\x3E\x22", Kind::Foreign("a TNEF attachment")),
    (b"!BDN", Kind::Foreign("an Outlook data file")),
];

/// What tells a document in one XML or HTML file from other markup.
const OFFICE_MARKUP: [&[u8]; 5] = [
    b"mso-application",
    b"schemas.microsoft.com/office/2006/xmlPackage",
    b"schemas.microsoft.com/office/word/2003/wordml",
    b"urn:schemas-microsoft-com:office:spreadsheet",
    b"office:mimetype",
];

/// Fields that hardly any text but a message starts with.
const MAIL_FIELDS: [&[u8]; 14] = [
    b"received",
    b"return-path",
    b"delivered-to",
    b"mime-version",
    b"message-id",
    b"from",
    b"subject",
    b"date",
    b"dkim-signature",
    b"arc-seal",
    b"msip_labels",
    b"content-type",
    b"x-sender",
    b"thread-topic",
];

/// What a file with these first octets is.
pub(super) fn kind(head: &[u8], within: Within) -> Kind {
    if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        // Pictures in documents may be gzipped; files of foreign forms are embedded as objects.
        let is_picture = within == Within::Document && matches!(kind, Kind::Foreign(_));
        return if is_picture { Kind::Other } else { *kind };
    }
    if head.starts_with(b"\x30") && find(head.get(..CMS_START).unwrap_or(head), ENVELOPED).is_some()
    {
        return Kind::Sealed("an S/MIME message");
    }
    if find(head.get(..PDF_JUNK).unwrap_or(head), b"%PDF-").is_some() {
        return Kind::Pdf;
    }
    // NULs go, so that UTF-16 is looked at too.
    let text: Vec<u8> = head.iter().copied().filter(|octet| *octet != 0).collect();
    let text = text
        .strip_prefix(b"\xEF\xBB\xBF")
        .or_else(|| text.strip_prefix(b"\xFF\xFE"))
        .or_else(|| text.strip_prefix(b"\xFE\xFF"))
        .unwrap_or(&text)
        .trim_ascii_start();
    if text.starts_with(b"<") {
        let is_document =
            within == Within::Open || OFFICE_MARKUP.iter().any(|mark| find(text, mark).is_some());
        return if is_document { Kind::Markup } else { Kind::Other };
    }
    if within == Within::Open && is_mail(text) { Kind::Mail } else { Kind::Other }
}

/// Whether the text starts as a header section does, with two fields that are known at least, or one of labels.
fn is_mail(text: &[u8]) -> bool {
    let mut known = 0;
    for (number, line) in text.split(|octet| *octet == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let folded = line.starts_with(b" ") || line.starts_with(b"\t");
        if folded || (number == 0 && line.starts_with(b"From ")) {
            continue;
        }
        let Some(colon) = line.iter().position(|octet| *octet == b':') else { break };
        let name = line.get(..colon).unwrap_or_default().to_ascii_lowercase();
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            break;
        }
        if name.starts_with(b"msip_label") {
            return true;
        }
        known += usize::from(MAIL_FIELDS.contains(&name.as_slice()));
    }
    known >= 2
}

/// Where `needle` starts in `hay`.
pub(super) fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &[u8], want: Kind) {
        assert_eq!(kind(head, Within::Open), want, "{}", head.escape_ascii());
    }

    #[test]
    fn a_file_is_what_its_first_octets_say() {
        check(b"PK\x03\x04....", Kind::Package);
        check(b"junk\n%PDF-1.7", Kind::Pdf);
        check(b"{\\rtf1", Kind::Rtf);
        check(b"\xFF\xFE<\0?\0x\0m\0l\0", Kind::Markup);
        check(b"\r\n  <html>", Kind::Markup);
        check(b"Received: by x\r\n\tfor y\r\nFrom: a@b.example\r\n", Kind::Mail);
        check(b"msip_labels: x\n", Kind::Mail);
        check(
            b"\x30\x80\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x03\xA0\x80",
            Kind::Sealed("an S/MIME message"),
        );
        check(b".pfile\0", Kind::Sealed("a rights-protected file"));
        check(b"", Kind::Other);
        check(b"Note: buy milk\nFrom: the shop\n", Kind::Other);
    }

    #[test]
    fn among_the_parts_of_a_document_only_whole_documents_count() {
        assert_eq!(kind(b"<w:document>", Within::Document), Kind::Other);
        assert_eq!(
            kind(b"<?mso-application progid=\"Word.Document\"?>", Within::Document),
            Kind::Markup
        );
    }
}
