"""Files made to harm: each is refused with a clear reason, and no bytes break the reader."""

import io
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.imports.domain.batch import Kind
from marketplace.imports.domain.containers import ENTRIES_MAX
from marketplace.imports.domain.reading import read_file
from marketplace.imports.domain.refusals import FileRefused
from tests.support.imports import part_of, repacked, statement, workbook

STATEMENT: Final = statement()
SHEET: Final = "xl/worksheets/sheet2.xml"
SHEETS: Final = ("xl/worksheets/sheet1.xml", SHEET)
TYPES: Final = "[Content_Types].xml"
OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
BOMB: Final = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    b"<sheetData><row><c><v>&b;</v></c></row></sheetData></worksheet>"
)


def code_of(data: bytes, kind: Kind = Kind.LICENCE_STATEMENT, name: str = "s.xlsx") -> str:
    with pytest.raises(FileRefused) as refused:
        read_file(kind, name, data, "i")
    return refused.value.code


def with_rows(rows: bytes) -> bytes:
    sheet = part_of(STATEMENT, SHEET)
    start, mark, rest = sheet.partition(b"</sheetData>")
    return repacked(STATEMENT, {SHEET: start + rows + mark + rest})


def lying(data: bytes, name: str, size: int) -> bytes:
    """Give an archive whose directory and local header claim another size of a part."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        real = archive.getinfo(name).file_size
    return data.replace(struct.pack("<I", real), struct.pack("<I", size))


def noise(size: int) -> bytes:
    """Give bytes that pack badly."""
    return b"".join(str(number).encode() for number in range(size // 6))[:size].ljust(size)


def claiming(sizes: dict[str, tuple[int, int]]) -> bytes:
    """Give a workbook whose directory claims sizes (unpacked, packed) of some parts."""
    data = bytearray(repacked(STATEMENT, {}))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        for part in archive.infolist():
            if part.filename in sizes:
                at = data.rfind(b"PK\x01\x02", 0, data.rfind(part.filename.encode()))
                size, packed = sizes[part.filename]
                data[at + 20 : at + 28] = struct.pack("<II", packed, size)
    return bytes(data)


def other_method() -> bytes:
    packed = io.BytesIO(STATEMENT)
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("xl/media/x.txt", b"x")
    return packed.getvalue()


def wrong_checksum() -> bytes:
    """Give a workbook with a sheet that is no XML and not what its checksum says."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(STATEMENT)) as old, zipfile.ZipFile(packed, "w") as new:
        for name in old.namelist():
            new.writestr(name, b"no xml here" * 1_000 if name == SHEET else old.read(name))
    return packed.getvalue().replace(b"no xml here", b"no xyl here", 1)


def many_elements() -> bytes:
    """Give a sheet of nothing but elements, and some noise so that it does not pack too well."""
    return repacked(
        STATEMENT, {SHEET: b"<x><!--" + noise(3_000_000) + b"-->" + b"<y/>" * 15_000_000 + b"</x>"}
    )


def many_parts() -> bytes:
    return repacked(STATEMENT, {f"xl/media/{n}.txt": b"" for n in range(ENTRIES_MAX)})


def nested() -> bytes:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(30_000_000))
    return repacked(STATEMENT, {"xl/embeddings/inner.zip": inner.getvalue()})


def encrypted_part() -> bytes:
    data = bytearray(STATEMENT)
    at = data.rfind(b"PK\x01\x02")
    data[at + 8] |= 1
    return bytes(data)


def disguised() -> bytes:
    types = part_of(STATEMENT, TYPES).replace(b"worksheet+xml", b"sharedStrings+xml")
    return repacked(STATEMENT, {TYPES: types})


def shared_texts() -> bytes:
    """Give a workbook as the usual program writes it: texts in one part, cells with their numbers."""
    main = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    texts = [b"Item Name", b"Quantity", b"Agreement Number", b"RDS 2022 User CAL"]
    strings = b"".join(b"<si><t>" + text + b"</t></si>" for text in texts)
    heads = b"".join(b'<c t="s"><v>%d</v></c>' % number for number in range(3))
    line = b'<c t="s"><v>3</v></c><c><v>5</v></c><c><v>61234567</v></c>'
    rows = b'<row r="1">' + heads + b'</row><row r="2">' + line + b"</row>"
    mark = b"</Types>"
    override = (
        b'<Override PartName="/xl/sharedStrings.xml" ContentType="application/'
        b'vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/>'
    )
    return repacked(
        STATEMENT,
        {
            "xl/sharedStrings.xml": b'<sst xmlns="' + main + b'">' + strings + b"</sst>",
            SHEET: b'<worksheet xmlns="%s"><sheetData>%s</sheetData></worksheet>' % (main, rows),
            TYPES: part_of(STATEMENT, TYPES).replace(mark, override + mark),
        },
    )


def adding(name: str, content: bytes | None) -> Callable[[], bytes]:
    """Give a maker of the statement with one part added, replaced or left out."""
    return lambda: repacked(STATEMENT, {name: content})


class TestArchive:
    @pytest.mark.parametrize(
        ("make", "code"),
        [
            (lambda: OLE + "EncryptedPackage".encode("utf-16-le"), "encrypted"),
            (lambda: OLE, "old_workbook"),
            (adding("xl/vbaProject.bin", b"x"), "macros"),
            (adding("xl/macrosheets/sheet1.xml", b"<x/>"), "macros"),
            (adding("xl/externalLinks/externalLink1.xml", b"<x/>"), "external_links"),
            (adding("xl/workbook.bin", b"x"), "binary_workbook"),
            (adding("mimetype", b"application/vnd.oasis"), "open_document"),
            (adding("xl/workbook.xml", None), "no_workbook"),
            (adding(SHEET, BOMB), "entities"),
            (adding("xl/styles.xml", BOMB), "entities"),
            (adding("xl/media/picture.png", BOMB), "entities"),
            (adding(SHEET, BOMB.decode().encode("utf-16")), "entities"),
            (lambda: repacked(STATEMENT, {SHEET: bytes(9_000_000)}), "unpacks_too_large"),
            (lambda: repacked(STATEMENT, {"xl/styles.xml": noise(8_000_001)}), "unpacks_too_large"),
            (adding(SHEET, b"<a>" * 50), "damaged"),
            (adding(SHEET, b"no xml"), "damaged"),
            (lambda: STATEMENT[: len(STATEMENT) // 2], "damaged"),
            (lambda: STATEMENT[:-30], "damaged"),
            (lambda: b"PK\x03\x04" + bytes(100), "damaged"),
            (lambda: lying(STATEMENT, SHEET, 200_000_000), "unpacks_too_large"),
            (lambda: lying(STATEMENT, SHEET, 10), "damaged"),
            (
                lambda: claiming(dict.fromkeys(SHEETS, (290_000_000, 1_000_000))),
                "unpacks_too_large",
            ),
            (other_method, "damaged"),
            (wrong_checksum, "damaged"),
            (many_parts, "too_many_parts"),
            pytest.param(many_elements, "too_many_cells", marks=pytest.mark.slow),
            (encrypted_part, "encrypted"),
            (disguised, "damaged"),
        ],
    )
    def test_is_refused_before_it_is_parsed(self, make: Callable[[], bytes], code: str) -> None:
        assert code_of(make()) == code

    def test_library_parses_with_its_defused_reader(self) -> None:
        assert openpyxl.DEFUSEDXML

    def test_archive_inside_is_never_opened(self) -> None:
        assert read_file(Kind.LICENCE_STATEMENT, "s.xlsx", nested(), "i").lines == 5

    def test_two_parts_of_one_name_are_refused(self) -> None:
        packed = io.BytesIO(STATEMENT)
        with (
            pytest.warns(UserWarning, match="Duplicate name"),
            zipfile.ZipFile(packed, "a") as archive,
        ):
            archive.writestr(SHEET, b"<worksheet/>")
        assert code_of(packed.getvalue()) == "damaged"

    def test_too_many_sheets_are_refused(self) -> None:
        assert code_of(workbook({f"s{n}": [("x",)] for n in range(61)})) == "too_many_sheets"


class TestSheet:
    @pytest.mark.parametrize(
        ("rows", "code"),
        [
            (lambda: b'<row r="1">' + b"<c/>" * 16_385 + b"</row>", "too_wide"),
            (lambda: b'<row r="999999999999"><c><v>1</v></c></row>', "damaged"),
            (lambda: b'<row r="-5"><c><v>1</v></c></row>', "damaged"),
            (lambda: b'<row r="1"><c r="ZZZZZ1"><v>1</v></c></row>', "damaged"),
            (lambda: b'<row r="1"><c r="A1" t="s"><v>99999999</v></c></row>', "damaged"),
            (lambda: b'<row r="1"><c r="A1" t="n"><v>1e</v></c></row>', "damaged"),
            (lambda: b"<row/>" * 1_048_570, "too_many_rows"),
            (lambda: (b"<row>" + b"<c/>" * 16_000 + b"</row>") * 251, "too_many_cells"),
        ],
        ids=[
            "columns",
            "far row",
            "negative row",
            "far column",
            "string",
            "number",
            "rows",
            "cells",
        ],
    )
    def test_is_refused(self, rows: Callable[[], bytes], code: str) -> None:
        assert code_of(with_rows(rows())) == code

    def test_size_that_lies_is_not_believed(self) -> None:
        sheet = part_of(STATEMENT, SHEET)
        start, _, rest = sheet.partition(b"<dimension ")
        rest = rest.partition(b"/>")[2]
        for claim in (b'ref="A1"', b'ref="A1:XFD1048576"'):
            data = repacked(STATEMENT, {SHEET: start + b"<dimension " + claim + b"/>" + rest})
            assert read_file(Kind.LICENCE_STATEMENT, "s.xlsx", data, "i").lines == 5

    def test_shared_texts_are_read(self) -> None:
        data = shared_texts()
        assert read_file(Kind.LICENCE_STATEMENT, "s.xlsx", data, "i").lines == 1

    def test_table_in_far_columns_is_not_seen(self) -> None:
        wide = [[""] * 400 + ["Part Number", "Quantity", "Agreement Number"]]
        assert code_of(workbook({"x": wide})) == "no_headings"


class TestAnyBytes:
    @given(st.binary(max_size=400), st.sampled_from(Kind), st.sampled_from(["a.csv", "a.xlsx"]))
    def test_are_read_or_refused(self, data: bytes, kind: Kind, name: str) -> None:
        with suppress(FileRefused):
            assert read_file(kind, name, data, "i").lines > 0

    @given(st.text(alphabet='Product,Quantity;\t"\r\n1.=x', max_size=200))
    def test_any_text_below_headings_is_read_or_refused(self, text: str) -> None:
        with suppress(FileRefused):
            data = f"Product,Quantity\n{text}".encode()
            assert read_file(Kind.LICENCE_LIST, "a.csv", data, "i").lines > 0

    @settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(st.data())
    def test_broken_workbook_is_read_or_refused(self, data: st.DataObject) -> None:
        broken = bytearray(STATEMENT)
        for _ in range(data.draw(st.integers(1, 8))):
            at = data.draw(st.integers(0, len(broken) - 1))
            broken[at] = data.draw(st.integers(0, 255))
        with suppress(FileRefused):
            assert read_file(Kind.LICENCE_STATEMENT, "s.xlsx", bytes(broken), "i").lines > 0

    @settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(st.data())
    def test_broken_sheet_in_a_whole_archive_is_read_or_refused(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([SHEET, TYPES, "xl/workbook.xml", "xl/styles.xml"]))
        part = bytearray(part_of(STATEMENT, name))
        at = data.draw(st.integers(0, len(part) - 1))
        cut = data.draw(st.integers(0, 30))
        part[at : at + cut] = data.draw(st.binary(max_size=20))
        with suppress(FileRefused):
            broken = repacked(STATEMENT, {name: bytes(part)})
            assert read_file(Kind.LICENCE_STATEMENT, "s.xlsx", broken, "i").lines > 0
