"""Numbers and dates of many countries: what is certain is read, what is not is said."""

from contextlib import suppress
from datetime import date, datetime
from typing import Final

import pytest
from babel.numbers import format_decimal
from hypothesis import given
from hypothesis import strategies as st

from marketplace.imports.domain.values import (
    Unreadable,
    Votes,
    date_vote,
    decimal_vote,
    plain_value,
    read_date,
    read_whole,
)

LOCALES: Final = ("en_US", "en_GB", "de_DE", "de_CH", "de_AT", "fr_FR", "da_DK")


class TestWhole:
    @pytest.mark.parametrize(
        ("text", "decimal", "number"),
        [
            ("7", "", 7),
            ("1.234", "", 1234),
            ("1,234", "", 1234),
            ("1.234,00", "", 1234),
            ("1,234.00", "", 1234),
            ("1 234,00", "", 1234),
            ("1\u202f234", "", 1234),
            ("1'234", "", 1234),
            ("12.345.678", "", 12345678),
            ("5,00", "", 5),
            ("-3", "", -3),
            ("1,234", ".", 1234),
            ("1.234", ",", 1234),
        ],
    )
    def test_certain_numbers_are_read(self, text: str, decimal: str, number: int) -> None:
        assert read_whole(text, decimal) == number

    @pytest.mark.parametrize(
        ("text", "decimal", "code"),
        [
            ("1,5", "", "not_whole"),
            ("1.234", ".", "not_whole"),
            ("1,234", ",", "not_whole"),
            ("0,500", "", "not_whole"),
            ("1234,567", "", "not_whole"),
            ("zwei", "", "unreadable"),
            ("", "", "unreadable"),
            ("1.2.3", "", "unreadable"),
            ("12,34,567", "", "unreadable"),
            ("1.234,5.6", "", "unreadable"),
            ("1e5", "", "unreadable"),
            ("٣", "", "unreadable"),
            ("9" * 31, "", "unreadable"),
        ],
    )
    def test_everything_else_is_refused(self, text: str, decimal: str, code: str) -> None:
        with pytest.raises(Unreadable, match=code):
            read_whole(text, decimal)

    @pytest.mark.parametrize(("value", "number"), [(5, 5), (5.0, 5), (-2.0, -2)])
    def test_numbers_of_a_workbook_are_taken(self, value: float, number: int) -> None:
        assert read_whole(value) == number

    @pytest.mark.parametrize(
        ("value", "code"),
        [(1.5, "not_whole"), (float("nan"), "unreadable"), (float("inf"), "unreadable")],
    )
    def test_fraction_of_a_workbook_is_refused(self, value: float, code: str) -> None:
        with pytest.raises(Unreadable, match=code):
            read_whole(value)

    @given(st.integers(0, 10**12), st.sampled_from(LOCALES))
    def test_number_written_in_a_locale_comes_back(self, number: int, locale: str) -> None:
        assert read_whole(format_decimal(number, locale=locale)) == number

    @given(st.integers(0, 10**9), st.sampled_from(LOCALES))
    def test_number_with_empty_cents_comes_back(self, number: int, locale: str) -> None:
        text = format_decimal(number, format="#,##0.00", locale=locale)
        assert read_whole(text) == number

    @given(st.text(max_size=40), st.sampled_from(["", ".", ","]))
    def test_any_text_is_a_number_or_refused(self, text: str, decimal: str) -> None:
        with suppress(Unreadable):
            assert isinstance(read_whole(text, decimal), int)


class TestDate:
    @pytest.mark.parametrize(
        ("text", "order", "day"),
        [
            ("2019-03-04", "", date(2019, 3, 4)),
            ("2019-03-04 00:00:00", "", date(2019, 3, 4)),
            ("2019-03-04T10:00:00Z", "mdy", date(2019, 3, 4)),
            ("4.3.2019", "", date(2019, 3, 4)),
            ("04/03/2019", "dmy", date(2019, 3, 4)),
            ("04/03/2019", "mdy", date(2019, 4, 3)),
            ("31/12/2019", "", date(2019, 12, 31)),
            ("12/31/2019", "dmy", date(2019, 12, 31)),
            ("05/05/2019", "", date(2019, 5, 5)),
        ],
    )
    def test_certain_dates_are_read(self, text: str, order: str, day: date) -> None:
        assert read_date(text, order) == day

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("04/03/2019", "ambiguous"),
            ("04.03.19", "ambiguous"),
            ("31.02.2019", "unreadable"),
            ("2019-13-01", "unreadable"),
            ("0000-01-01", "unreadable"),
            ("gestern", "unreadable"),
            ("2019-03", "unreadable"),
        ],
    )
    def test_everything_else_is_refused(self, text: str, code: str) -> None:
        with pytest.raises(Unreadable, match=code):
            read_date(text)

    @given(st.text(max_size=40), st.sampled_from(["", "dmy", "mdy"]))
    def test_any_text_is_a_date_or_refused(self, text: str, order: str) -> None:
        with suppress(Unreadable):
            assert isinstance(read_date(text, order), date)


class TestVotes:
    def test_one_clear_cell_decides_the_column(self) -> None:
        votes = Votes()
        votes.hear(["1.234", 5, None], ["04/03/2019"])
        assert (votes.decimal, votes.date_order) == ("", "")
        votes.hear(["2,5"], ["04/25/2019"])
        assert (votes.decimal, votes.date_order) == (",", "mdy")

    def test_opposite_cells_decide_nothing(self) -> None:
        votes = Votes()
        votes.hear(["2,5", "2.5"], ["04/25/2019", "25/04/2019"])
        assert (votes.decimal, votes.date_order) == ("", "")

    @pytest.mark.parametrize("text", ["", "x", "1", "1.234", "2019-01-02", "9" * 50])
    def test_what_proves_nothing_has_no_vote(self, text: str) -> None:
        assert decimal_vote(text) == ""
        assert date_vote(text) == ""


class TestPlainValue:
    @pytest.mark.parametrize(
        ("value", "plain"),
        [
            (None, ""),
            (True, "True"),
            (5, 5),
            (5.5, 5.5),
            (10**20, str(10**20)),
            (float("inf"), "inf"),
            (datetime(2019, 3, 4, 5, 6), "2019-03-04"),  # noqa: DTZ001 - workbooks know no zones
            (date(2019, 3, 4), "2019-03-04"),
            ("a\x00b", "a\ufffdb"),
        ],
    )
    def test_cell_becomes_text_or_number(self, value: object, plain: object) -> None:
        assert plain_value(value) == plain
