"""From lines and offers to lots."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from marketplace.kernel.errors import Conflict
from marketplace.licensing.catalogue import Metric, load_catalogue
from marketplace.licensing.zones import Zone
from marketplace.listings.domain.market import Offer
from marketplace.quotes.domain.need import Asked, deliverables
from marketplace.quotes.domain.planning import Buyer, Plan, plan

BUYER = Buyer(UUID(int=1), Zone.EEA)


def offer(number: int, product: str = "ws_cal-2019-user", **changes: Any) -> Offer:
    values: dict[str, Any] = {
        "listing_id": UUID(int=number),
        "lot_id": UUID(int=number + 1000),
        "company_id": uuid4(),
        "product": load_catalogue().product(product),
        "available": 100,
        "unit_price_minor": 2000,
        "currency": "EUR",
        "smallest_quantity": 1,
        "unit_size": 1,
        "programme": "select_plus",
        "segment": "commercial",
        "restricted": False,
        "first_sold_in": "DE",
        "first_sold_on": date(2020, 3, 1),
    }
    return Offer(**values | changes)


def wish(quantity: int = 10, **changes: Any) -> Asked:
    values: dict[str, Any] = {
        "family": "ws_cal",
        "metric": Metric.USER,
        "version": "2019",
        "quantity": quantity,
        "quantity_max": quantity,
    }
    return Asked(**values | changes)


def planned(
    wishes: list[Asked],
    offers: list[Offer],
    buyer: Buyer = BUYER,
    free: dict[UUID, int] | None = None,
) -> Plan:
    answers = [deliverables(one, place) for place, one in enumerate(wishes)]
    return plan(wishes, answers, offers, buyer, free or {})


def chosen(found: Plan) -> list[tuple[int, int, int]]:
    """List (line, listing, quantity)."""
    return [(part.asked, part.offer.listing_id.int, part.quantity) for part in found.parts]


class TestPlan:
    def test_cheaper_newer_version_is_taken_with_its_reason(self) -> None:
        found = planned([wish()], [offer(1), offer(2, "ws_cal-2022-user", unit_price_minor=1500)])
        assert chosen(found) == [(0, 2, 10)]
        assert found.parts[0].reason is not None
        assert found.parts[0].amount_minor == 15_000

    def test_own_listing_is_never_sold_to_its_seller(self) -> None:
        own = offer(1, company_id=BUYER.id, unit_price_minor=1)
        assert chosen(planned([wish()], [own, offer(2)])) == [(0, 2, 10)]

    def test_price_limit_leaves_dearer_offers_out(self) -> None:
        with pytest.raises(Conflict) as refused:
            planned([wish(max_unit_price_minor=1999)], [offer(1)])
        assert refused.value.code == "quote.insufficient_supply"
        assert "only 0 are available" in refused.value.detail

    def test_restricted_segments_need_consent(self) -> None:
        academic = offer(1, segment="academic", restricted=True, unit_price_minor=1)
        assert chosen(planned([wish()], [academic, offer(2)])) == [(0, 2, 10)]
        assert chosen(planned([wish(restricted_segments=True)], [academic, offer(2)])) == [
            (0, 1, 10)
        ]

    @pytest.mark.parametrize(
        ("country", "day", "zone", "allowed"),
        [
            ("DE", "2020-03-01", Zone.EEA, True),
            ("DE", "2024-03-01", Zone.UK, True),
            ("GB", "2020-12-31", Zone.EEA, True),
            ("GB", "2021-01-01", Zone.EEA, False),
            ("GB", "2021-01-01", Zone.UK, True),
            ("CH", "2020-03-01", Zone.EEA, False),
            ("CH", "2020-03-01", Zone.CH, True),
            ("US", "2020-03-01", Zone.EEA, False),
            ("DE", "2020-03-01", Zone.OTHER, False),
        ],
    )
    def test_lot_enters_only_the_zones_its_first_sale_opens(
        self,
        country: str,
        day: str,
        zone: Zone,
        allowed: bool,  # noqa: FBT001 - a table cell
    ) -> None:
        lots = [offer(1, first_sold_in=country, first_sold_on=date.fromisoformat(day))]
        buyer = Buyer(BUYER.id, zone)
        if allowed:
            assert chosen(planned([wish()], lots, buyer)) == [(0, 1, 10)]
        else:
            with pytest.raises(Conflict):
                planned([wish()], lots, buyer)

    def test_other_products_are_left_alone(self) -> None:
        others = [
            offer(1, "ws_cal-2019-device"),
            offer(2, "ws_cal-2016-user"),
            offer(3, "rds_cal-2019-user"),
        ]
        with pytest.raises(Conflict):
            planned([wish()], others)

    def test_lines_share_what_is_there(self) -> None:
        found = planned([wish(60), wish(60)], [offer(1), offer(2, unit_price_minor=3000)])
        assert chosen(found) == [(0, 1, 60), (1, 1, 40), (1, 2, 20)]

    def test_choosy_line_chooses_first_and_keeps_its_place(self) -> None:
        """The first line could take both versions, the second only the 2022 one."""
        lots = [offer(1, unit_price_minor=2500), offer(2, "ws_cal-2022-user")]
        choosy = wish(100, version="2022", newer_versions=False)
        assert chosen(planned([wish(100), choosy], lots)) == [(0, 1, 100), (1, 2, 100)]

    def test_register_knows_better_how_many_are_free(self) -> None:
        lots = [offer(1), offer(2, unit_price_minor=3000)]
        found = planned([wish()], lots, free={lots[0].lot_id: 4})
        assert chosen(found) == [(0, 1, 4), (0, 2, 6)]

    def test_refusal_points_at_the_line(self) -> None:
        with pytest.raises(Conflict) as refused:
            planned([wish(), wish(200)], [offer(1)])
        assert refused.value.fields[0].pointer == "/lines/1/quantity"

    def test_packs_and_smallest_quantities_are_kept(self) -> None:
        packs = offer(1, unit_size=20, smallest_quantity=40, unit_price_minor=100)
        found = planned([wish(70)], [packs, offer(2)])
        assert chosen(found) == [(0, 1, 60), (0, 2, 10)]
