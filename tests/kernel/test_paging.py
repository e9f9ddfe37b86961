"""Cursors: opaque, exact, and refused when they were not given out."""

import base64
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.errors import Malformed
from marketplace.kernel.ids import uuid7
from marketplace.kernel.paging import (
    LIMIT_DEFAULT,
    Page,
    Window,
    decode_cursor,
    encode_cursor,
    page_of,
    window_of,
)

AN_ID = uuid7(datetime(2026, 11, 25, tzinfo=UTC), bytes(10))


def packed(value: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).rstrip(b"=").decode()


class TestCursor:
    @given(st.text(max_size=50), st.integers(min_value=-(2**63), max_value=2**63 - 1))
    def test_comes_back_as_it_was(self, text: str, number: int) -> None:
        cursor = encode_cursor(text, number)
        assert decode_cursor(cursor, tuple[str, int]) == (text, number)
        assert cursor.isascii()
        assert "=" not in cursor

    @pytest.mark.parametrize(
        "cursor",
        [
            "?",
            "ä",
            "abc",
            "a",
            packed("text"),
            packed([1]),
            packed(["not a uuid"]),
            packed([str(AN_ID), 1]),
            packed({"a": 1}),
            base64.urlsafe_b64encode(b'["\xff"]').decode(),
        ],
    )
    def test_that_was_not_given_out_is_refused(self, cursor: str) -> None:
        with pytest.raises(Malformed) as refused:
            decode_cursor(cursor, tuple[UUID])
        assert refused.value.code == "cursor.invalid"
        assert refused.value.fields[0].pointer == "/query/cursor"

    @given(st.text(max_size=60))
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        with suppress(Malformed):
            assert len(decode_cursor(text, tuple[str, int])) == 2


class TestPage:
    def test_last_page_has_no_cursor(self) -> None:
        assert page_of([1, 2], 2, lambda number: (number,)) == Page([1, 2], None)

    def test_one_row_more_only_proves_that_more_follow(self) -> None:
        page = page_of([3, 2, 1], 2, lambda number: (number,))
        assert page.items == [3, 2]
        assert page.next_cursor is not None
        assert decode_cursor(page.next_cursor, tuple[int]) == (2,)

    def test_empty_list_is_one_empty_page(self) -> None:
        rows: list[int] = []
        assert page_of(rows, 2, lambda number: (number,)) == Page([], None)


class TestWindow:
    def test_without_cursor_starts_at_the_newest(self) -> None:
        assert window_of(LIMIT_DEFAULT, None) == Window(LIMIT_DEFAULT, None)

    def test_with_cursor_goes_on_below_the_last_id(self) -> None:
        assert window_of(5, encode_cursor(str(AN_ID))) == Window(5, AN_ID)
