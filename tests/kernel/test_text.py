"""Text types: what gets through the decoder can be stored and printed."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel import text


def accepts(kind: Any, value: str) -> bool:
    try:
        msgspec.json.decode(msgspec.json.encode(value), type=kind)
    except msgspec.ValidationError:
        return False
    return True


class TestShortText:
    @pytest.mark.parametrize("value", ["a", "Größe 5", "x" * 200, "'; DROP TABLE", "日本", "😀"])
    def test_one_line_is_accepted(self, value: str) -> None:
        assert accepts(text.ShortText, value)

    @pytest.mark.parametrize(
        "value", ["", "x" * 201, "a\nb", "a\n", "\n", "a\x00", "a\t", "a\x7f", "a\r\n"]
    )
    def test_control_characters_and_excess_are_refused(self, value: str) -> None:
        assert not accepts(text.ShortText, value)

    @given(st.text(alphabet=st.characters(codec="utf-8"), max_size=20))
    def test_whatever_is_accepted_has_no_control_character(self, value: str) -> None:
        if accepts(text.ShortText, value):
            assert not any(ord(letter) < 32 or ord(letter) == 127 for letter in value)

    def test_optional_one_may_be_empty(self) -> None:
        assert accepts(text.OptionalShortText, "")
        assert not accepts(text.OptionalShortText, "a\n")


class TestLongText:
    def test_keeps_lines(self) -> None:
        assert accepts(text.LongText, "one\ntwo\r\n\tthree\n")

    @pytest.mark.parametrize("value", ["", "a\x00b", "a\x1b[0m", "x" * 4001])
    def test_other_control_characters_are_refused(self, value: str) -> None:
        assert not accepts(text.LongText, value)


class TestCodes:
    @pytest.mark.parametrize("value", ["de", "D", "DEU", "DE\n", "D3", ""])
    def test_country_is_two_capital_letters(self, value: str) -> None:
        assert accepts(text.CountryCode, "DE")
        assert not accepts(text.CountryCode, value)

    @pytest.mark.parametrize("value", ["eur", "EU", "EUR\n", "€"])
    def test_currency_is_three_capital_letters(self, value: str) -> None:
        assert accepts(text.CurrencyCode, "EUR")
        assert not accepts(text.CurrencyCode, value)

    @pytest.mark.parametrize("value", ["a", "@b", "a@", "a b@c", "a@b\n", "a@b@c", "a\x00@b"])
    def test_email_has_one_at_sign_and_no_space(self, value: str) -> None:
        assert accepts(text.EmailText, "it@nordlicht.example")
        assert not accepts(text.EmailText, value)


class TestNumbers:
    @pytest.mark.parametrize(
        ("kind", "value"),
        [(text.Quantity, 0), (text.Quantity, 10**6 + 1), (text.AmountMinor, -1)],
    )
    def test_out_of_range_is_refused(self, kind: Any, value: int) -> None:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(value, kind)
