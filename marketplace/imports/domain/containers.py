"""Looks at a workbook from outside before anything in it is parsed.

An XLSX file is a ZIP archive of XML parts. What is refused here costs no memory yet: an encrypted or
old binary workbook, macros, links to other files, archives that unpack to far more than they should,
DOCTYPE and entities, and rows that no program writes. Sizes are believed from the central directory
because Python's `zipfile` stops at them; a part that holds more fails its checksum.
"""

import io
import zipfile
import zlib
from typing import Final
from xml.etree.ElementTree import ParseError
from xml.parsers import expat

from defusedxml.ElementTree import fromstring

from marketplace.imports.domain.refusals import FileRefused

ENTRIES_MAX: Final = 2_000
UNPACKED_MAX: Final = 400_000_000
"""Bytes of all parts together."""
PART_MAX: Final = {"xl/sharedStrings.xml": 60_000_000}
SHEET_MAX: Final = 300_000_000
OTHER_PART_MAX: Final = 8_000_000
RATIO_MAX: Final = 1_000
"""Sheets of real tables pack 5 to 40 times smaller, an empty grid some hundred times."""
CELLS_OF_ROW_MAX: Final = 16_384
"""Columns of a sheet in the file format."""
ROWS_MAX: Final = 1_048_576
"""Rows of a sheet in the file format."""
CELLS_MAX: Final = 4_000_000
"""Cells of the whole workbook: 100,000 lines of 40 columns. Reading so many takes a minute."""
ELEMENTS_MAX: Final = 15_000_000
"""XML elements of the whole workbook."""
DEPTH_MAX: Final = 40
_SMALL: Final = 100_000
_ROW_DIGITS: Final = 7
_XML_STARTS: Final = (
    b"<",
    b"\x00<",
    b"\xef\xbb\xbf",
    b"\xfe\xff",
    b"\xff\xfe",
    b" ",
    b"\t",
    b"\r",
    b"\n",
)
_SHEET_TYPE: Final = "worksheet+xml"
_SHEETS: Final = "xl/worksheets/"
_PIECE: Final = 200_000
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP: Final = b"PK\x03\x04"
_EMPTY_ZIP: Final = b"PK\x05\x06"
_ENCRYPTED: Final = 0x1
_BROKEN: Final = (
    expat.ExpatError,
    ParseError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    RuntimeError,
    NotImplementedError,
)
_METHODS: Final = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


def is_archive(data: bytes) -> bool:
    """Say whether the file starts like a ZIP archive."""
    return data.startswith((_ZIP, _EMPTY_ZIP))


def refuse_old_workbook(data: bytes) -> None:
    """Refuse an OLE container: an encrypted workbook, or one of the old binary format.

    Raises:
        FileRefused: `encrypted`, `old_workbook`.
    """
    if data.startswith(_OLE):
        # The directory of the container names its streams in UTF-16.
        encrypted = "EncryptedPackage".encode("utf-16-le") in data
        raise FileRefused("encrypted" if encrypted else "old_workbook")


def check_archive(data: bytes) -> None:
    """Check a workbook's directory and the shape of its XML.

    Raises:
        FileRefused: see the module.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_parts(archive)
    except _BROKEN as problem:
        raise FileRefused("damaged") from problem


def _check_parts(archive: zipfile.ZipFile) -> None:
    parts = archive.infolist()
    names = [part.filename for part in parts]
    if len(parts) > ENTRIES_MAX:
        raise FileRefused("too_many_parts", most=ENTRIES_MAX)
    if len(set(names)) != len(names):
        raise FileRefused("damaged")
    _refuse_foreign(names)
    for part in parts:
        _refuse_size(part)
    if sum(part.file_size for part in parts) > UNPACKED_MAX:
        raise FileRefused("unpacks_too_large", most=UNPACKED_MAX // 1_000_000)
    shape = _Shape()
    for part in parts:
        with archive.open(part) as stream:
            # By content: a program finds its parts by reference, whatever their names end in.
            is_xml = stream.read(4).startswith(_XML_STARTS)
        if is_xml:
            _scan(archive, part, shape)
    _refuse_disguised_sheets(archive)


def _refuse_foreign(names: list[str]) -> None:
    lowered = [name.lower() for name in names]
    if "mimetype" in lowered or "content.xml" in lowered:
        raise FileRefused("open_document")
    if any(name.endswith("vbaproject.bin") or "/macrosheets/" in name for name in lowered):
        raise FileRefused("macros")
    if any("/externallinks/" in name for name in lowered):
        raise FileRefused("external_links")
    if any(name.endswith("workbook.bin") for name in lowered):
        raise FileRefused("binary_workbook")
    if "[content_types].xml" not in lowered or "xl/workbook.xml" not in lowered:
        raise FileRefused("no_workbook")


def _refuse_size(part: zipfile.ZipInfo) -> None:
    if part.flag_bits & _ENCRYPTED:
        raise FileRefused("encrypted")
    if part.compress_type not in _METHODS:
        raise FileRefused("damaged")
    is_sheet = part.filename.startswith(_SHEETS)
    most = PART_MAX.get(part.filename, SHEET_MAX if is_sheet else OTHER_PART_MAX)
    packed_too_well = part.file_size > _SMALL and part.file_size > RATIO_MAX * part.compress_size
    if part.file_size > most or packed_too_well:
        raise FileRefused("unpacks_too_large", most=UNPACKED_MAX // 1_000_000)


class _Shape:
    """Counts what a parser would have to hold or walk, and refuses what no workbook holds."""

    def __init__(self) -> None:
        self._depth = 0
        self._cells_of_row = 0
        self._rows = 0
        self._cells = 0
        self._elements = 0

    def begin_part(self) -> None:
        """Start with the next part; cells and elements go on counting."""
        self._depth = self._cells_of_row = self._rows = 0

    def doctype(self, *_: object) -> None:
        """Refuse a DOCTYPE or an entity."""
        raise FileRefused("entities")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Count an element."""
        self._depth += 1
        self._elements += 1
        if self._depth > DEPTH_MAX:
            raise FileRefused("damaged")
        if self._elements > ELEMENTS_MAX:
            raise FileRefused("too_many_cells", most=CELLS_MAX)
        kind = name.rpartition(":")[2]
        if kind == "c":
            self._count_cell()
        elif kind == "row":
            self._count_row(attributes.get("r", "1"))

    def end(self, _name: str) -> None:
        """Leave an element."""
        self._depth -= 1

    def _count_cell(self) -> None:
        self._cells_of_row += 1
        self._cells += 1
        if self._cells_of_row > CELLS_OF_ROW_MAX:
            raise FileRefused("too_wide", columns=self._cells_of_row, most=CELLS_OF_ROW_MAX)
        if self._cells > CELLS_MAX:
            raise FileRefused("too_many_cells", most=CELLS_MAX)

    def _count_row(self, number: str) -> None:
        self._cells_of_row = 0
        self._rows += 1
        # A reader fills the gap before a row that says it is the billionth.
        if not (number.isdecimal() and len(number) <= _ROW_DIGITS and int(number) <= ROWS_MAX):
            raise FileRefused("damaged")
        if self._rows > ROWS_MAX:
            raise FileRefused("too_many_rows", most=ROWS_MAX)


def _scan(archive: zipfile.ZipFile, part: zipfile.ZipInfo, shape: _Shape) -> None:
    """Walk one XML part without building anything."""
    shape.begin_part()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = shape.doctype
    parser.EntityDeclHandler = shape.doctype
    parser.StartElementHandler = shape.start
    parser.EndElementHandler = shape.end
    with archive.open(part) as stream:
        while piece := stream.read(_PIECE):
            parser.Parse(piece)
    parser.Parse(b"", True)  # noqa: FBT003 - expat takes it by place only


def _refuse_disguised_sheets(archive: zipfile.ZipFile) -> None:
    """Refuse a large part among the sheets that is declared as something a reader loads whole."""
    for override in fromstring(archive.read("[Content_Types].xml")):
        name = override.get("PartName", "").lstrip("/")
        if name.startswith(_SHEETS) and not override.get("ContentType", "").endswith(_SHEET_TYPE):
            raise FileRefused("damaged")
