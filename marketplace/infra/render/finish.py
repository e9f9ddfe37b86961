"""Last touches on a laid-out PDF: archive marks, the ornament, and streams compressed only once.

WeasyPrint calls the finisher between laying out and writing (documents.md 3 and 4). Nothing here
changes the library's own classes or functions, only objects of the one document at hand.
"""

import zlib
from typing import Final

import pydyf
from weasyprint import Document

UA_DESCRIPTION: Final = (
    b'<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">'
    b"<pdfuaid:part>1</pdfuaid:part></rdf:Description>"
    b'<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"'
    b' xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"'
    b' xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">'
    b'<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">'
    b"<pdfaSchema:schema>PDF/UA identification</pdfaSchema:schema>"
    b"<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>"
    b"<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>"
    b'<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">'
    b"<pdfaProperty:name>part</pdfaProperty:name>"
    b"<pdfaProperty:valueType>Integer</pdfaProperty:valueType>"
    b"<pdfaProperty:category>internal</pdfaProperty:category>"
    b"<pdfaProperty:description>Part of ISO 14289 that the file follows</pdfaProperty:description>"
    b"</rdf:li></rdf:Seq></pdfaSchema:property>"
    b"</rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>"
)
RDF_END: Final = b"</rdf:RDF>"
COMPRESSION_LEVEL: Final = 6
ORNAMENT_NAME: Final = "ornament"


class CompressedOnce(pydyf.Stream):  # type: ignore[misc]  # pydyf ships no types
    """A stream that remembers its bytes: the writer asks twice, for the file and for its id."""

    _bytes: bytes | None = None

    @property
    def data(self) -> bytes:
        """Give the finished object, compressed at level 6 (level 9 costs more than it saves)."""
        if self._bytes is None:
            self._bytes = self._finished()
        return self._bytes

    def _finished(self) -> bytes:
        body = b"\n".join(_as_bytes(item) for item in self.stream)
        extra = pydyf.Dictionary(self.extra.copy())
        if self.compress:
            extra["Filter"] = "/FlateDecode"
            body = zlib.compress(body, COMPRESSION_LEVEL)
        extra["Length"] = len(body)
        return b"\n".join((extra.data, b"stream", body, b"endstream"))


class DictionaryOnce(pydyf.Dictionary):  # type: ignore[misc]  # pydyf ships no types
    """The same for dictionaries: a tagged paper has one for each of its 500 structure elements."""

    _bytes: bytes | None = None

    @property
    def data(self) -> bytes:
        """Give the finished object."""
        if self._bytes is None:
            self._bytes = super().data
        return self._bytes


def declare_accessible(document: Document) -> None:
    """Add the PDF/UA-1 mark to the one `rdf:RDF` of the metadata; a second one would go unread."""
    generate = document.metadata.generate_rdf_metadata

    def generate_with_mark(*arguments: object) -> bytes:
        rdf: bytes = generate(*arguments)
        return rdf.replace(RDF_END, UA_DESCRIPTION + RDF_END)

    document.metadata.generate_rdf_metadata = generate_with_mark


def compress_ornament(operators: bytes) -> bytes:
    """Compress the drawing once, for all papers of this process."""
    return zlib.compress(operators, 9)


def finish(pdf: pydyf.PDF, ornament: bytes | None) -> None:
    """Draw the ornament under each page, list each attachment once, and compress streams once."""
    if ornament is not None:
        _draw_under_pages(pdf, ornament)
    if "AF" in pdf.catalog:
        # WeasyPrint 70 lists every attachment twice in PDF/A-3.
        pdf.catalog["AF"] = pydyf.Array(dict.fromkeys(pdf.catalog["AF"]))
    for item in pdf.objects:
        # Exact types: the ornament is compressed already, the page streams are WeasyPrint's own.
        if type(item) is pydyf.Dictionary:
            item.__class__ = DictionaryOnce
        elif isinstance(item, pydyf.Stream):
            item.__class__ = CompressedOnce


def _draw_under_pages(pdf: pydyf.PDF, ornament: bytes) -> None:
    page_numbers = pdf.pages["Kids"][::3]
    pages = [pdf.objects[number] for number in page_numbers]
    _, _, width, height = pages[0]["MediaBox"]
    form = pydyf.Stream(
        [ornament],
        {
            "Type": "/XObject",
            "Subtype": "/Form",
            "BBox": pydyf.Array([0, 0, width, height]),
            "Filter": "/FlateDecode",
        },
    )
    pdf.add_object(form)
    for page in pages:
        resources = _at(pdf, page["Resources"])
        resources["XObject"][ORNAMENT_NAME] = form.reference
        # An artifact is decoration to a screen reader and to PDF/UA.
        _at(pdf, page["Contents"]).stream.insert(
            0, f"/Artifact BMC q /{ORNAMENT_NAME} Do Q EMC".encode()
        )


def _at(pdf: pydyf.PDF, reference: bytes) -> pydyf.Object:
    return pdf.objects[int(reference.split()[0])]


def _as_bytes(item: object) -> bytes:
    # An array of one writes its item by the library's own rules for numbers and objects.
    return item if isinstance(item, bytes) else bytes(pydyf.Array([item]).data[1:-1])
