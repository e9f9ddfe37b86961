"""The printed certificate as people, scanners and archives meet it."""

import hashlib
import io
import json
import logging
from datetime import date
from typing import Any, Final
from xml.etree import ElementTree as ET

import msgspec
import pikepdf
import pypdfium2
import pytest
import zxingcpp

from marketplace.documents.certificate import (
    CertificateView,
    Condition,
    RdsNumber,
    mask_buyer,
    mask_first_acquirer,
)
from marketplace.documents.registry import CERTIFICATE
from marketplace.infra.render.pool import RenderPool
from marketplace.infra.render.wire import Order
from marketplace.kernel.errors import Malformed
from tests.infra.render.conftest import FONTS_CACHE
from tests.support.certificates import certificate_view, long_chain

LANGUAGES: Final = ("en", "de")
RDF: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
PDFA: Final = "{http://www.aiim.org/pdfa/ns/id/}"
PDFUA: Final = "{http://www.aiim.org/pdfua/ns/id/}"


async def printed(pool: RenderPool, view: CertificateView, language: str = "en") -> bytes:
    return await pool.render(CERTIFICATE.name, CERTIFICATE.version, language, view)


def pages_of(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(pdf)
    texts = []
    for page in document:
        textpage = page.get_textpage()
        # A line break in print is a space in the sentence.
        texts.append(" ".join(textpage.get_text_bounded().split()))
        textpage.close()
        page.close()
    document.close()
    return texts


def text_of(pdf: bytes) -> str:
    return " ".join(pages_of(pdf))


def qr_codes_of(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(pdf)
    page = document[0]
    bitmap = page.render(scale=150 / 72)
    codes = [code.text for code in zxingcpp.read_barcodes(bitmap.to_pil())]
    bitmap.close()
    page.close()
    document.close()
    return codes


def metadata_of(pdf: bytes) -> ET.Element:
    with pikepdf.open(io.BytesIO(pdf)) as document:
        packet = document.Root.Metadata.read_bytes()
    return ET.fromstring(packet.decode())  # noqa: S314  # our own paper


@pytest.mark.parametrize("language", LANGUAGES)
class TestPrintCertificate:
    async def test_sample_fills_exactly_two_pages(self, pool: RenderPool, language: str) -> None:
        assert len(pages_of(await printed(pool, certificate_view(), language))) == 2

    async def test_number_stands_on_every_page(self, pool: RenderPool, language: str) -> None:
        view = certificate_view()
        for text in pages_of(await printed(pool, view, language)):
            assert view.number in text

    async def test_qr_code_holds_the_address(self, pool: RenderPool, language: str) -> None:
        view = certificate_view()
        assert qr_codes_of(await printed(pool, view, language)) == [view.verification.url]

    async def test_all_facts_are_legible(self, pool: RenderPool, language: str) -> None:
        view = certificate_view()
        text = text_of(await printed(pool, view, language))
        facts = [
            view.seller.name,
            view.buyer.name,
            view.operator.name,
            view.seller.register_number,
            view.buyer.vat_id,
            view.licences[0].part_number,
            view.source.agreement_number,
            view.declarations[0].signatory,
            view.register.lot,
            view.register.entries[0].event,
            view.verification.code,
            "1 200",
            *(paper.reference for paper in view.papers),
            *(condition.rule for condition in view.conditions),
        ]
        assert [fact for fact in facts if str(fact) not in text] == []
        whole = text.replace(" ", "")
        assert all(paper.sha256 in whole for paper in view.papers if paper.sha256)
        assert view.register.entries[0].leaf_hash in whole

    async def test_paper_says_that_it_carries_no_seal(
        self, pool: RenderPool, language: str
    ) -> None:
        text = text_of(await printed(pool, certificate_view(), language))
        assert {"en": "not electronically sealed", "de": "nicht elektronisch gesiegelt"}[
            language
        ] in text
        assert "Merkle" not in text

    async def test_long_chain_flows_on_to_a_third_page(
        self, pool: RenderPool, language: str
    ) -> None:
        pages = pages_of(await printed(pool, long_chain(12), language))
        assert len(pages) == 3
        assert "Zwischenerwerberin Nummer 11" in " ".join(pages)


class TestPrintVariants:
    async def test_sellers_copy_withholds_the_buyer(self, pool: RenderPool) -> None:
        view = certificate_view()
        text = text_of(await printed(pool, mask_buyer(view)))
        assert "copy for the transferor" in text
        assert "Vossberg" not in text
        assert view.buyer.reference in text

    async def test_masked_first_acquirer_leaves_a_reference(self, pool: RenderPool) -> None:
        view = certificate_view()
        text = text_of(await printed(pool, mask_first_acquirer(view), "de"))
        assert "Nordlicht" not in text
        assert view.seller.reference in text
        assert "in einer Prüfung" in text

    async def test_first_acquirer_who_is_not_the_seller_is_named(self, pool: RenderPool) -> None:
        other = msgspec.structs.replace(
            certificate_view().first_acquirer, reference="cmp_other", name="Erstkäuferin SE"
        )
        text = text_of(await printed(pool, certificate_view(first_acquirer=other)))
        assert "Erstkäuferin SE" in text

    async def test_rds_certificate_tells_number_and_base_licence(self, pool: RenderPool) -> None:
        view = certificate_view()
        scope = msgspec.structs.replace(
            view.scope,
            base_cal="Windows Server CAL",
            rds=RdsNumber(programme="Open License", number="71830452"),
            product_terms="Product Terms of October 2026",
        )
        (declaration,) = view.declarations
        removed = msgspec.structs.replace(
            declaration, licence_servers=("RDLIC01", "RDLIC02"), signatory=None
        )
        text = text_of(await printed(pool, certificate_view(scope=scope, declarations=(removed,))))
        for part in ("on top of a Windows Server CAL", "RDLIC01 and RDLIC02", "October 2026"):
            assert part in text

    async def test_every_rule_and_outcome_can_be_printed(self, pool: RenderPool) -> None:
        conditions = tuple(
            Condition(
                rule=f"C{number:02d}",
                outcome=("pass", "warn", "restrict")[number % 3],
                checked_on=certificate_view().conditions[0].checked_on,
            )
            for number in range(1, 23)
        )
        for language in LANGUAGES:
            pdf = await printed(pool, certificate_view(conditions=conditions), language)
            assert len(pages_of(pdf)) <= 3

    async def test_one_day_of_checks_is_told_once_and_several_line_by_line(
        self, pool: RenderPool
    ) -> None:
        view = certificate_view()
        first, *others = view.conditions
        earlier = msgspec.structs.replace(first, checked_on=date(2026, 11, 18))
        mixed = certificate_view(conditions=(earlier, *others))
        assert "checked on 24 November 2026" in text_of(await printed(pool, view))
        text = text_of(await printed(pool, mixed))
        assert "checked on" not in text
        assert "2026-11-18" in text

    async def test_mixed_lines_and_earlier_certificate_are_printed(self, pool: RenderPool) -> None:
        (licence,) = certificate_view().licences
        half = msgspec.structs.replace(licence, quantity=600, pack_size=5)
        lines = (
            msgspec.structs.replace(half, metric="user", segment="academic"),
            msgspec.structs.replace(half, part_number=None, segment="government"),
        )
        view = certificate_view(licences=lines, previous_number="CC-2025-0000017")
        text = text_of(await printed(pool, view))
        for part in ("CC-2025-0000017", "pack of 5", "segment Academic", "one named person"):
            assert part in text


class TestRefuseUnprintable:
    async def test_letter_without_a_glyph_is_refused_with_its_place(self, pool: RenderPool) -> None:
        buyer = msgspec.structs.replace(certificate_view().buyer, name="株式会社サンプル")
        with pytest.raises(Malformed) as refusal:
            await printed(pool, certificate_view(buyer=buyer))
        assert refusal.value.code == "document.unprintable_text"
        assert refusal.value.fields[0].pointer == "/buyer/name"
        assert "U+682A" in refusal.value.fields[0].detail

    async def test_hidden_writing_direction_is_refused(self, pool: RenderPool) -> None:
        seller = msgspec.structs.replace(certificate_view().seller, name="Nord\u202ethcil GmbH")
        with pytest.raises(Malformed, match="unprintable_text"):
            await printed(pool, certificate_view(seller=seller))

    async def test_letters_of_europe_are_printed(self, pool: RenderPool) -> None:
        name = "Łódź Überprüfung ΑΘΗΝΑ София Ñandú Þórshöfn & Søn"
        buyer = msgspec.structs.replace(certificate_view().buyer, name=name)
        assert name in text_of(await printed(pool, certificate_view(buyer=buyer)))

    async def test_decomposed_letter_is_composed(self, pool: RenderPool) -> None:
        buyer = msgspec.structs.replace(certificate_view().buyer, name="Mu\u0308ller AG")
        assert "Müller AG" in text_of(await printed(pool, certificate_view(buyer=buyer)))

    async def test_markup_in_a_name_stays_text(self, pool: RenderPool) -> None:
        name = "</p><h1>x</h1><script>alert(1)</script><img src='file:///etc/passwd'/> & Co"
        buyer = msgspec.structs.replace(certificate_view().buyer, name=name)
        pdf = await printed(pool, certificate_view(buyer=buyer))
        assert name.replace(" ", "") in text_of(pdf).replace(" ", "")
        assert len(pages_of(pdf)) == 2

    async def test_template_syntax_in_a_name_stays_text(self, pool: RenderPool) -> None:
        name = "{{ view.number }} %(number)s {% raw %}"
        buyer = msgspec.structs.replace(certificate_view().buyer, name=name)
        assert name in text_of(await printed(pool, certificate_view(buyer=buyer)))


class TestArchivePaper:
    async def test_two_fresh_processes_give_the_same_bytes(self) -> None:
        # Each child has its own hash seed and temporary folder.
        digests = []
        for _ in range(2):
            pool = RenderPool(FONTS_CACHE)
            try:
                await pool.start()
                pdfs = [await printed(pool, certificate_view(), each) for each in LANGUAGES]
            finally:
                await pool.close()
            digests.append([hashlib.sha256(pdf).hexdigest() for pdf in pdfs])
        assert digests[0] == digests[1]
        assert digests[0][0] != digests[0][1]

    async def test_other_papers_before_it_do_not_change_its_bytes(self, pool: RenderPool) -> None:
        first = await printed(pool, certificate_view())
        await printed(pool, long_chain(12), "de")
        assert await printed(pool, certificate_view()) == first

    async def test_metadata_declares_archive_and_accessibility_in_one_place(
        self, pool: RenderPool
    ) -> None:
        metadata = metadata_of(await printed(pool, certificate_view()))
        (rdf,) = metadata.findall(f"{RDF}RDF")
        # A property may be written as an attribute or as an element of the description.
        properties = {
            name: value
            for description in rdf
            for name, value in (
                *description.items(),
                *((child.tag, child.text) for child in description),
            )
        }
        assert properties[f"{PDFA}part"] == "3"
        assert properties[f"{PDFA}conformance"] == "A"
        assert properties[f"{PDFUA}part"] == "1"

    async def test_only_plex_is_embedded_and_all_of_it_is(self, pool: RenderPool) -> None:
        pdf = await printed(pool, certificate_view())
        with pikepdf.open(io.BytesIO(pdf)) as document:
            fonts: list[Any] = [
                item
                for item in document.objects
                if isinstance(item, pikepdf.Dictionary) and item.get("/Type") == "/FontDescriptor"
            ]
            names = {str(font.FontName).partition("+")[2] for font in fonts}
            assert all("/FontFile2" in font or "/FontFile3" in font for font in fonts)
        assert names == {
            "IBM-Plex-Mono",
            "IBM-Plex-Sans",
            "IBM-Plex-Sans-Semi-Bold",
            "IBM-Plex-Serif-Semi-Bold",
        }

    async def test_facts_are_attached_once_as_json(self, pool: RenderPool) -> None:
        view = certificate_view()
        with pikepdf.open(io.BytesIO(await printed(pool, view))) as document:
            attached = document.attachments["certificate.json"].get_file().read_bytes()
            listed = len(document.Root.AF)
        assert attached == CERTIFICATE.write(view)
        assert json.loads(attached)["number"] == view.number
        assert listed == 1

    async def test_language_and_title_are_told_to_screen_readers(self, pool: RenderPool) -> None:
        view = certificate_view()
        with pikepdf.open(io.BytesIO(await printed(pool, view, "de"))) as document:
            assert str(document.Root.Lang) == "de"
            assert document.Root.MarkInfo.Marked
            assert str(document.docinfo.Title) == f"Lizenzübertragungsurkunde {view.number}"


# WeasyPrint 70 leaves closing its colour profile to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class TestWarnings:
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_engine_has_nothing_to_complain_about(
        self, engine: Any, language: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        weasyprint = logging.getLogger("weasyprint")
        weasyprint.addHandler(caplog.handler)
        try:
            view = msgspec.Raw(CERTIFICATE.write(certificate_view()))
            engine.render(Order(kind="certificate", version=1, language=language, view=view))
        finally:
            weasyprint.removeHandler(caplog.handler)
        assert [record.getMessage() for record in caplog.records] == []
