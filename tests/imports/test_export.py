"""The export: no cell is a formula for anybody's spreadsheet program, and nothing gets lost."""

import csv
import io
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from marketplace.imports.domain.export import CELL_MAX, COLUMNS, heading_row, neutral, write_csv

STARTS: Final = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


class TestNeutral:
    @pytest.mark.parametrize("start", STARTS)
    def test_formula_gets_an_apostrophe(self, start: str) -> None:
        assert neutral(f"{start}1+1") == f"'{start}1+1"
        assert neutral(f"  {start}1+1") == f"'  {start}1+1"

    @pytest.mark.parametrize("text", ["", "5", "a=b", "Windows Server 2019 User CAL", "'x"])
    def test_plain_text_stays(self, text: str) -> None:
        assert neutral(text) == text

    def test_unprintable_letters_and_long_texts_are_cut(self) -> None:
        assert neutral("a\x00b\x1fc") == "a\ufffdb\ufffdc"
        assert len(neutral("x" * 100_000)) == CELL_MAX

    @given(st.text(max_size=60))
    def test_no_cell_is_a_formula(self, text: str) -> None:
        cell = neutral(text)
        assert not cell.lstrip().startswith(STARTS)
        assert not cell.startswith(STARTS)

    @given(st.lists(st.text(max_size=30), min_size=1, max_size=5))
    def test_csv_comes_back_as_it_was_written(self, texts: list[str]) -> None:
        row = [neutral(text) for text in texts]
        (read,) = csv.reader(io.StringIO(write_csv([row]).decode(), newline=""))
        assert read == row

    @given(st.text(max_size=30))
    def test_workbook_takes_every_text_as_text(self, text: str) -> None:
        book = Workbook()
        sheet = book.worksheets[0]
        sheet.append([neutral(text)])
        packed = io.BytesIO()
        book.save(packed)
        cell = load_workbook(packed).worksheets[0]["A1"]
        assert cell.data_type != "f"


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_column_has_a_heading(language: str) -> None:
    assert len(set(heading_row(language))) == len(COLUMNS)
