"""A position as routes take it and give it back: nothing is lost, nothing unbounded is taken."""

from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given

from marketplace.licensing.eligibility.conditions import assess
from marketplace.licensing.eligibility.findings import load_rules
from marketplace.licensing.eligibility.positions import (
    SELLER,
    EvidenceKind,
    SourcePosition,
    summarise,
)
from marketplace.licensing.texts import catalogues
from marketplace.listings.schemas import FindingOut, PositionBody
from tests.licensing.builders import TODAY, link, purchased
from tests.licensing.strategies import positions
from tests.support.listings import position_body

LINK: dict[str, Any] = {"transferor": "first", "transferee": SELLER, "quantity": 100}


def decode(**changes: Any) -> PositionBody:
    return msgspec.json.decode(msgspec.json.encode(position_body(**changes)), type=PositionBody)


class TestPositionBody:
    @given(case=positions)
    def test_gives_back_every_fact_but_what_our_own_books_say(self, case: SourcePosition) -> None:
        written = PositionBody.of(case).to_value()
        assert written == msgspec.structs.replace(case, offered_elsewhere=0)

    def test_has_every_field_a_seller_can_state(self) -> None:
        stated = set(SourcePosition.__struct_fields__) - {"offered_elsewhere"}
        assert set(PositionBody.__struct_fields__) == stated

    def test_takes_a_chain_and_subscriptions(self) -> None:
        body = decode(
            seller_role="purchaser",
            first_acquirer="first",
            chain=[{**LINK, "transferred_on": "2024-03-15", "deed": "shown"}],
            from_sa_subscriptions=[{"bought_on": "2020-06-01", "ends_on": "2023-05-31"}],
        )
        value = body.to_value()
        assert value.chain[0].transferred_on == date(2024, 3, 15)
        assert value.from_sa_subscriptions[0].ends_on == date(2023, 5, 31)

    @pytest.mark.parametrize(
        "changes",
        [
            {"chain": [LINK] * 51},
            {"chain": [{**LINK, "quantity": 0}]},
            {"chain": [{**LINK, "transferor": ""}]},
            {"chain": [{**LINK, "notary": "yes"}]},
            {"from_sa_subscriptions": [{}] * 21},
            {"seller_role": "friend"},
            {"terms_edition": "x" * 201},
        ],
    )
    def test_refuses_what_is_too_much_or_unknown(self, changes: dict[str, Any]) -> None:
        with pytest.raises(msgspec.ValidationError):
            decode(**changes)


class TestFindingOut:
    def test_names_the_law_with_title_and_address(self) -> None:
        late = purchased(link(ceased_on=date(2024, 3, 16)))
        found = assess(late, summarise(EvidenceKind), TODAY)
        (row,) = [item for item in found if item.code == "c08.ended_late"]
        (source,) = FindingOut.of(row).sources
        assert (source.id, source.title[:3]) == ("L7", "BGH")
        assert source.url.startswith("https://")

    @pytest.mark.parametrize("language", catalogues())
    def test_speaks_the_language_that_is_asked_for(self, language: str) -> None:
        found = assess(purchased(), summarise(()), TODAY)
        (row,) = [item for item in found if item.code == "c08.unproven"]
        shown, texts = FindingOut.of(row, language), catalogues()[language]
        assert (shown.text, shown.cure) == (texts[row.message_key], texts[row.cure_key])
        assert shown.rule_set_version == load_rules().version

    def test_keeps_a_source_that_the_catalogue_has_no_more(self) -> None:
        (row, *_) = assess(purchased(), summarise(()), TODAY)
        old = msgspec.structs.replace(row, sources=("L0",))
        (source,) = FindingOut.of(old).sources
        assert (source.id, source.title, source.url) == ("L0", "L0", "")
