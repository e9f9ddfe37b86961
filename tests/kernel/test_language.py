"""The best language of an Accept-Language header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.language import DEFAULT, preferred

AVAILABLE = ("en", "de")


class TestPreferred:
    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            ("", "en"),
            ("de", "de"),
            ("de-AT", "de"),
            ("DE-at, en;q=0.5", "de"),
            ("en;q=0.5, de;q=0.9", "de"),
            ("de;q=0.5, en;q=0.5", "de"),
            ("fr, de;q=0.1", "de"),
            ("fr", "en"),
            ("*", "en"),
            ("de;q=x", "en"),
            ("de;level=1", "en"),
            ("de;q=0, en", "en"),
            ("de;q=0", "en"),
            ("de;q=nan, en;q=0.1", "en"),
            ("de ; q=0.3 , en ; q=0.2", "de"),
            ("de;q=-1, en;q=0.1", "en"),
            ("de;Q=1.000, en;q=0.999", "de"),
            ("de;q=1.5, en;q=0.1", "en"),
        ],
    )
    def test_follows_the_wishes_in_order(self, header: str, expected: str) -> None:
        assert preferred(header, AVAILABLE) == expected

    @given(st.text(max_size=80))
    def test_any_header_gives_an_available_language(self, header: str) -> None:
        assert preferred(header, AVAILABLE) in AVAILABLE

    def test_default_is_english(self) -> None:
        assert preferred("fr", ("de", "fr")) == "fr"
        assert preferred("pl", ("de", "fr")) == DEFAULT
