"""Writes documents with a sensitivity label, the same without, and some that cannot be read, into a directory.

    write.py DIRECTORY GUID SITE

labelled/FORM.WRITER, twin/FORM.WRITER (no label, all else the same), hostile/WHAT.
"""

import email.message
import email.policy
import io
import sys
import zipfile
from pathlib import Path

import docx
import msoffcrypto
import msoffcrypto.format.ooxml
import odf.meta
import odf.opendocument
import odf.text
import openpyxl
import pikepdf
import pypdf
import pyzipper
import xlsxwriter
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from openpyxl.packaging.custom import StringProperty

directory, guid, site = Path(sys.argv[1]), sys.argv[2], sys.argv[3]

# What Office writes for a label.
LABEL = {
    f"MSIP_Label_{guid}_Enabled": "true",
    f"MSIP_Label_{guid}_SetDate": "2026-11-24T09:00:00Z",
    f"MSIP_Label_{guid}_Method": "Privileged",
    f"MSIP_Label_{guid}_Name": "Vertrouwelijk",
    f"MSIP_Label_{guid}_SiteId": site,
    f"MSIP_Label_{guid}_ContentBits": "0",
}
OTHER = {"Afdeling": "Zorg"}

RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
LABEL_LIST = "http://schemas.microsoft.com/office/2020/02/relationships/classificationlabels"


def custom_xml(properties):
    lines = "".join(
        f'<property fmtid="{{D5CDD505-2E9C-101B-9397-08002B2CF9AE}}" pid="{pid}" name="{name}">'
        f"<vt:lpwstr>{value}</vt:lpwstr></property>"
        for pid, (name, value) in enumerate(properties.items(), 2)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Properties '
        'xmlns="http://schemas.openxmlformats.org/officeDocument/2006/custom-properties" '
        'xmlns:vt="http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes">'
        f"{lines}</Properties>"
    ).encode()


def label_list(properties):
    labels = (
        f'<clbl:label id="{{{guid}}}" enabled="1" method="Privileged" siteId="{{{site}}}" contentBits="0" removed="0"/>'
        if LABEL.items() <= properties.items()
        else ""
    )
    return (
        '<?xml version="1.0" encoding="utf-8" standalone="yes"?><clbl:labelList '
        f'xmlns:clbl="http://schemas.microsoft.com/office/2020/mipLabelMetadata">{labels}</clbl:labelList>'
    ).encode()


def saved(save):
    out = io.BytesIO()
    save(out)
    return out.getvalue()


def docx_with(relation, name, content_type, content):
    document = docx.Document()
    document.add_paragraph("Text.")
    package = document.part.package
    part = Part(PackURI(name), content_type, content, package)
    package.relate_to(part, relation)
    return saved(document.save)


def docx_by_python_docx(properties):
    kind = "application/vnd.openxmlformats-officedocument.custom-properties+xml"
    return docx_with(RELATIONS + "custom-properties", "/docProps/custom.xml", kind, custom_xml(properties))


def docx_with_label_list(properties):
    kind = "application/vnd.ms-office.classificationlabels+xml"
    return docx_with(LABEL_LIST, "/docMetadata/LabelInfo.xml", kind, label_list(properties))


def xlsx_by_openpyxl(properties):
    book = openpyxl.Workbook()
    book.active["A1"] = "Text."
    for name, value in properties.items():
        book.custom_doc_props.append(StringProperty(name=name, value=value))
    return saved(book.save)


def xlsx_by_xlsxwriter(properties):
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    book.add_worksheet().write(0, 0, "Text.")
    for name, value in properties.items():
        book.set_custom_property(name, value)
    book.close()
    return out.getvalue()


def pdf_by_pypdf(properties):
    writer = pypdf.PdfWriter()
    writer.add_blank_page(200, 200)
    writer.add_metadata({f"/{name}": value for name, value in properties.items()})
    return saved(writer.write)


def pdf_revised(properties):
    """The label comes with a later revision, which pypdf appends to the file."""
    writer = pypdf.PdfWriter(io.BytesIO(pdf_by_pypdf(OTHER)), incremental=True)
    writer.add_metadata({f"/{name}": value for name, value in properties.items()})
    return saved(writer.write)


def blank_pdf():
    pdf = pikepdf.new()
    pdf.add_blank_page()
    return pdf


def pdf_by_pikepdf(properties):
    pdf = blank_pdf()
    for name, value in properties.items():
        pdf.docinfo[f"/{name}"] = value
    streams = pikepdf.ObjectStreamMode.generate
    return saved(lambda out: pdf.save(out, object_stream_mode=streams))


def pdf_with_xmp(properties):
    pdf = blank_pdf()
    with pdf.open_metadata(set_pikepdf_as_editor=False) as metadata:
        for name, value in properties.items():
            metadata[f"{{http://ns.adobe.com/pdfx/1.3/}}{name}"] = value
    return saved(pdf.save)


def odt_by_odfpy(properties):
    document = odf.opendocument.OpenDocumentText()
    document.text.addElement(odf.text.P(text="Text."))
    for name, value in properties.items():
        document.meta.addElement(odf.meta.UserDefined(name=name, valuetype="string", text=value))
    return saved(document.save)


def odt_by_hand(properties):
    lines = "".join(
        f'<meta:user-defined meta:name="{name}">{value}</meta:user-defined>' for name, value in properties.items()
    )
    meta = (
        '<?xml version="1.0" encoding="UTF-8"?><office:document-meta '
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        f'xmlns:meta="urn:oasis:names:tc:opendocument:xmlns:meta:1.0"><office:meta>{lines}</office:meta>'
        "</office:document-meta>"
    )
    return zipped({"mimetype": "application/vnd.oasis.opendocument.text", "meta.xml": meta})


def zipped(entries):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return out.getvalue()


def message(properties):
    """A forwarded message with a document in it that calls itself a picture."""
    mail = email.message.EmailMessage(policy=email.policy.SMTP)
    mail["From"], mail["To"], mail["Subject"] = "a@other.test", "b@org.test", "Forwarded"
    mail.set_content("Text.")
    mail.add_attachment(xlsx_by_openpyxl(properties), maintype="image", subtype="png", filename="a.png")
    return mail.as_bytes()


FORMS = {
    "docx.python-docx": docx_by_python_docx,
    "docx-label-list.python-docx": docx_with_label_list,
    "xlsx.openpyxl": xlsx_by_openpyxl,
    "xlsx.xlsxwriter": xlsx_by_xlsxwriter,
    "pdf.pypdf": pdf_by_pypdf,
    "pdf-revised.pypdf": pdf_revised,
    "pdf-object-streams.pikepdf": pdf_by_pikepdf,
    "pdf-xmp.pikepdf": pdf_with_xmp,
    "odt.odfpy": odt_by_odfpy,
    "odt.hand": odt_by_hand,
    "zip.zipfile": lambda properties: zipped({"a/b.bin": docx_by_python_docx(properties)}),
    "eml.email": message,
}


def bomb():
    """Properties of 1 GiB, in a file of one megabyte."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        relation = RELATIONS + "custom-properties"
        archive.writestr(
            "_rels/.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="r1" Type="{relation}" Target="docProps/custom.xml"/></Relationships>',
        )
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("docProps/custom.xml", "w", force_zip64=True) as entry:
            for _ in range(1024):
                entry.write(b" " * 1024 * 1024)
    return out.getvalue()


def russian_doll():
    content = docx_by_python_docx(OTHER)
    for _ in range(40):
        content = zipped({"a": content})
    return content


def encrypted_zip():
    out = io.BytesIO()
    with pyzipper.AESZipFile(out, "w", encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(b"secret")
        archive.writestr("a.docx", docx_by_python_docx(OTHER))
    return out.getvalue()


def encrypted_docx():
    plain = io.BytesIO(docx_by_python_docx(OTHER))
    return saved(lambda out: msoffcrypto.format.ooxml.OOXMLFile(plain).encrypt("secret", out))


def encrypted_pdf():
    encryption = pikepdf.Encryption(user="secret", owner="secret")
    return saved(lambda out: blank_pdf().save(out, encryption=encryption))


def ambiguous_message():
    """Programs that go by the second boundary find a document; those that go by the first, a text."""
    return message(OTHER).replace(b'boundary="', b'boundary="b"; boundary="', 1)


HOSTILE = {
    "ambiguous-message": ambiguous_message,
    "bomb": bomb,
    "too-deep": russian_doll,
    "broken-pdf": lambda: pdf_by_pikepdf(OTHER)[:-200],
    "broken-zip": lambda: docx_by_python_docx(OTHER)[:-500],
    "encrypted-zip": encrypted_zip,
    "encrypted-docx": encrypted_docx,
    "encrypted-pdf": encrypted_pdf,
}

for folder, properties in [("labelled", {**OTHER, **LABEL}), ("twin", OTHER)]:
    (directory / folder).mkdir()
    for form, write in FORMS.items():
        (directory / folder / form).write_bytes(write(properties))
(directory / "hostile").mkdir()
for what, write in HOSTILE.items():
    (directory / "hostile" / what).write_bytes(write())
