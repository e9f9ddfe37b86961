"""Cells of a sheet: every type the format knows, and dates as days."""

import io
from datetime import date, datetime
from typing import Any, Final

import pytest

from marketplace.imports.domain.refusals import FileRefused
from marketplace.imports.domain.sheets import Frame, read_rows
from marketplace.imports.domain.tables import Cell
from marketplace.imports.domain.workbooks import WorkbookDocument
from tests.support.imports import workbook

FRAME: Final = Frame(texts=("first", "second"), date_styles={3}, epoch=datetime(1899, 12, 30))  # noqa: DTZ001 - workbooks know no zones


def cells(content: str, columns: int = 10) -> list[Cell]:
    """Read one row."""
    sheet = f'<s:x xmlns:s="m"><s:row r="7">{content}</s:row></s:x>'.encode()
    ((number, row),) = read_rows(io.BytesIO(sheet), FRAME, columns)
    assert number == 7
    return list(row)


class TestCell:
    @pytest.mark.parametrize(
        ("content", "value"),
        [
            ('<c t="s"><v>1</v></c>', "second"),
            ('<c t="inlineStr"><is><t>a</t><rPh><t>x</t></rPh><r><t>b</t></r></is></c>', "ab"),
            ('<c t="str"><v>text</v></c>', "text"),
            ('<c t="b"><v>1</v></c>', "True"),
            ('<c t="e"><v>#N/A</v></c>', "#N/A"),
            ("<c><v>5</v></c>", 5),
            ("<c><v>5.0</v></c>", 5),
            ("<c><v>5.25</v></c>", 5.25),
            ("<c><v>1e999</v></c>", "inf"),
            ('<c s="3"><v>43600</v></c>', "2019-05-15"),
            ('<c s="3"><v>99999999999</v></c>', 99999999999.0),
            ('<c t="d"><v>2019-05-15</v></c>', "2019-05-15"),
            ("<c><f>A1+1</f><v>2</v></c>", "=A1+1"),
            ('<c><f t="shared" si="0"/><v>2</v></c>', "="),
        ],
    )
    def test_every_type_becomes_a_value(self, content: str, value: Cell) -> None:
        assert cells(content) == [value]

    def test_cells_stand_in_their_columns(self) -> None:
        row = '<c r="C7"><v>3</v></c><c><v>4</v></c><c r="A7"><v>1</v></c><c r="B7"/>'
        assert cells(row) == [1, "", 3, 4]

    def test_columns_beyond_the_limit_are_left_out(self) -> None:
        assert cells('<c r="A7"><v>1</v></c><c r="XFD7"><v>2</v></c>', 3) == [1]

    def test_long_text_is_cut(self) -> None:
        (text,) = cells(f'<c t="str"><v>{"x" * 300_000}</v></c>')
        assert isinstance(text, str)
        assert len(text) < 300_000

    @pytest.mark.parametrize(
        "content",
        [
            '<c t="s"><v>2</v></c>',
            '<c t="s"><v>-1</v></c>',
            '<c t="s"><v>x</v></c>',
            '<c s="x"><v>1</v></c>',
            '<c r="a7"><v>1</v></c>',
            '<c r="7"><v>1</v></c>',
            "<c><v>five</v></c>",
            "<c><v>5</c>",
        ],
    )
    def test_what_no_program_writes_is_damaged(self, content: str) -> None:
        with pytest.raises(FileRefused, match="damaged"):
            cells(content)


def test_workbook_of_a_program_is_read_as_written() -> None:
    written: list[list[Any]] = [
        ["text", 5, 2.5, date(2019, 5, 15), datetime(2020, 1, 2, 3, 4), True],  # noqa: DTZ001 - as above
        [None, None, "=1+1"],
    ]
    table = WorkbookDocument(workbook({"Sheet": written})).tables[0]
    assert [list(row) for _, row in table.rows(20)] == [
        ["text", 5, 2.5, "2019-05-15", "2020-01-02", "True"],
        ["", "", "=1+1"],
    ]
