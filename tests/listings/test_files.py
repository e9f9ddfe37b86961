"""Uploaded files are recognised by their content, whole, and by nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.errors import DomainError, Malformed, TooLarge, UnsupportedMedia
from marketplace.listings.domain.files import (
    JPEG,
    PDF,
    PNG,
    SIZE_MAX,
    FileType,
    recognise,
    require_agreement,
)
from tests.support.listings import PDF as PDF_FILE
from tests.support.listings import jpeg, png

WHOLE = {"pdf": PDF_FILE, "png": png(), "jpeg": jpeg()}
SEGMENT = b"\xff\xe1\x00\x04ab"
SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x00"


class TestRecognise:
    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            (PDF_FILE, PDF),
            (PDF_FILE.replace(b"%PDF-1.4", b"%PDF-2.0"), PDF),
            (PDF_FILE.rstrip() + b"\r\n\r\n", PDF),
            (png(), PNG),
            (png(300, 200), PNG),
            (jpeg(), JPEG),
            (jpeg(b"\x00\xff\xd0\x11\xff\xff\x00"), JPEG),
            (jpeg() + jpeg(), JPEG),
            (jpeg() + b"\0\0" + jpeg(), JPEG),
            (jpeg()[:2] + b"\xff" + jpeg()[2:], JPEG),
            (jpeg()[:2] + SEGMENT + jpeg()[2:], JPEG),
            (jpeg(b"\x12" + SEGMENT + SCAN + b"\x34"), JPEG),
        ],
    )
    def test_whole_file_has_its_type(self, data: bytes, expected: FileType) -> None:
        assert recognise(data) == expected

    def test_empty_file_is_refused(self) -> None:
        with pytest.raises(Malformed, match=r"evidence\.empty"):
            recognise(b"")

    def test_file_of_the_largest_size_is_looked_at(self) -> None:
        padded = PDF_FILE.replace(b"endobj", b"endobj" + b" " * (SIZE_MAX - len(PDF_FILE)), 1)
        assert len(padded) == SIZE_MAX
        assert recognise(padded) == PDF

    def test_file_one_byte_too_large_is_refused(self) -> None:
        with pytest.raises(TooLarge, match=r"evidence\.too_large"):
            recognise(b"%PDF-1.4\n".ljust(SIZE_MAX + 1))

    @pytest.mark.parametrize(
        "data", [b"MZ\x90\x00", b"PK\x03\x04", b"<html>", b"GIF89a", b"\x00", b" %PDF-1.4\n"]
    )
    def test_other_content_is_refused(self, data: bytes) -> None:
        with pytest.raises(UnsupportedMedia, match=r"evidence\.type_unknown"):
            recognise(data)

    @pytest.mark.parametrize(
        "data",
        [
            PDF_FILE[:-8],
            PDF_FILE + b"PK\x03\x04",
            PDF_FILE.replace(b"%PDF-1.4", b"%PDF-9.4"),
            b"%PDF-1.4\n%%EOF",
            png()[:-1],
            png() + b"PK\x03\x04",
            png().replace(b"IDAT", b"IDAX"),
            png().replace(b"IHDR", b"IHDX"),
            png(0, 0),
            png()[:8],
            png()[:8] + png()[33:],
            jpeg()[:-2],
            jpeg()[:-2] + b"\xff\xd9PK\x03\x04",
            jpeg() + b"GIF89a",
            b"\xff\xd8\xff\xd9",
            b"\xff\xd8\xff\xe0\x00\x04ab\xff\xd9\x00\x00",
            jpeg().replace(b"\xff\xc0", b"\xff\xe2"),
            jpeg().replace(b"\xff\xda", b"\xff\xe2"),
        ],
    )
    def test_cut_or_mixed_file_is_refused(self, data: bytes) -> None:
        with pytest.raises(Malformed, match=r"evidence\.damaged"):
            recognise(data)

    @given(st.sampled_from(sorted(WHOLE)), st.data())
    def test_every_cut_is_refused(self, name: str, data: st.DataObject) -> None:
        whole = WHOLE[name]
        kept = data.draw(st.integers(min_value=0, max_value=len(whole.rstrip()) - 1))
        with pytest.raises(DomainError):
            recognise(whole[:kept])

    @given(
        st.sampled_from(sorted(WHOLE)), st.binary(min_size=1).filter(lambda b: b.strip(b"\0\r\n "))
    )
    def test_every_attachment_is_refused(self, name: str, tail: bytes) -> None:
        with pytest.raises(DomainError):
            recognise(WHOLE[name] + tail)

    @given(st.binary(max_size=200))
    def test_noise_never_crashes(self, noise: bytes) -> None:
        for start in (b"", b"%PDF-1.4\n", png()[:8], b"\xff\xd8\xff"):
            with pytest.raises(DomainError):
                recognise(start + noise)


class TestRequireAgreement:
    @pytest.mark.parametrize(
        ("found", "name", "declared"),
        [
            (PDF, "invoice.pdf", "application/pdf"),
            (PDF, "Rechnung 2020.PDF", "application/PDF; charset=binary"),
            (PNG, "a.png", ""),
            (JPEG, "photo.jpeg", "image/jpeg"),
            (JPEG, "photo.jpg", "application/octet-stream"),
        ],
    )
    def test_agreeing_name_and_type_pass(self, found: FileType, name: str, declared: str) -> None:
        require_agreement(found, name, declared)

    @pytest.mark.parametrize(
        ("found", "name", "declared", "pointer"),
        [
            (PNG, "invoice.pdf", "image/png", "/query/file_name"),
            (PDF, "pdf", "application/pdf", "/query/file_name"),
            (PDF, "invoice.exe", "application/pdf", "/query/file_name"),
            (PNG, "a.png", "application/pdf", "/header/Content-Type"),
            (PDF, "a.pdf", "application/x-www-form-urlencoded", "/header/Content-Type"),
        ],
    )
    def test_contradiction_is_refused(
        self, found: FileType, name: str, declared: str, pointer: str
    ) -> None:
        with pytest.raises(UnsupportedMedia, match=r"evidence\.type_mismatch") as refusal:
            require_agreement(found, name, declared)
        assert refusal.value.fields[0].pointer == pointer
