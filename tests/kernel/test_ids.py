"""Identifiers: TypeID 0.3 outside, UUIDv7 inside. The vectors are those of the TypeID specification."""

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.ids import InvalidId, format_id, parse_id, pattern, time_of, uuid7

SPEC_VECTORS = [
    ("prefix", "0123456789abcdefghjkmnpqrs", "0110c853-1d09-52d8-d73e-1194e95b5f19"),
    ("prefix", "01h455vb4pex5vsknk084sn02q", "01890a5d-ac96-774b-bcce-b302099a8057"),
    ("pre_fix", "00000000000000000000000000", "00000000-0000-0000-0000-000000000000"),
    ("a", "7zzzzzzzzzzzzzzzzzzzzzzzzz", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
]


class TestTextForm:
    @pytest.mark.parametrize(("prefix", "suffix", "value"), SPEC_VECTORS)
    def test_agrees_with_the_specification(self, prefix: str, suffix: str, value: str) -> None:
        text = f"{prefix}_{suffix}"
        assert format_id(prefix, UUID(value)) == text
        assert parse_id(prefix, text) == UUID(value)

    @given(st.uuids())
    def test_every_id_comes_back(self, value: UUID) -> None:
        text = format_id("lot", value)
        assert parse_id("lot", text) == value
        assert re.search(pattern("lot"), text)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "lot",
            "lot_",
            "01h455vb4pex5vsknk084sn02q",
            "qte_01h455vb4pex5vsknk084sn02q",
            "lot_01h455vb4pex5vsknk084sn02",
            "lot_01h455vb4pex5vsknk084sn02qq",
            "lot_81h455vb4pex5vsknk084sn02q",
            "lot_01H455VB4PEX5VSKNK084SN02Q",
            "lot_01h455vb4pex5vsknk084sn02u",
            "lot_01h455vb4pex5vsknk084sn02q\n",
            "lot_\u06601h455vb4pex5vsknk084sn02q",
        ],
    )
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidId):
            parse_id("lot", text)
        assert not re.search(pattern("lot"), text)

    @given(st.text(max_size=40))
    def test_a_text_that_fits_the_pattern_is_an_id_and_no_other(self, text: str) -> None:
        fits = re.search(pattern("lot"), text) is not None
        try:
            parse_id("lot", text)
        except InvalidId:
            assert not fits
        else:
            assert fits


class TestUuid7:
    NOW = datetime(2026, 11, 25, 10, 27, 3, 141_592, tzinfo=UTC)

    def test_has_version_and_variant_of_rfc_9562(self) -> None:
        for random in (bytes(10), b"\xff" * 10):
            made = uuid7(self.NOW, random)
            assert made.version == 7
            assert made.variant == "specified in RFC 4122"

    def test_keeps_the_time_to_the_millisecond(self) -> None:
        assert time_of(uuid7(self.NOW, b"\xff" * 10)) == self.NOW.replace(microsecond=141_000)

    def test_agrees_with_the_example_of_rfc_9562(self) -> None:
        moment = datetime.fromtimestamp(0x017F22E279B0 / 1000, UTC)
        random = bytes.fromhex("0cc318c4dc0c0c07398f")
        assert str(uuid7(moment, random)) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"

    @given(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(9999, 12, 31)))  # noqa: DTZ001 - the strategy wants naive bounds
    def test_every_millisecond_survives(self, naive: datetime) -> None:
        moment = naive.replace(tzinfo=UTC)
        exact = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        assert time_of(uuid7(exact, bytes(10))) == exact

    def test_later_ids_sort_later(self) -> None:
        early = uuid7(self.NOW, b"\xff" * 10)
        late = uuid7(self.NOW.replace(microsecond=142_000), bytes(10))
        assert early < late
        assert format_id("lot", early) < format_id("lot", late)
