"""The allocator against brute force, against a plain dynamic programme, and what it refuses."""

import itertools
import random
import time
from math import inf
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.kernel.errors import Conflict
from marketplace.quotes.domain.allocation import Allocation, Need, Part, Supply, allocate


def supply(number: int, price: int, available: int, smallest: int = 1, step: int = 1) -> Supply:
    return Supply(
        listing_id=UUID(int=number),
        unit_price_minor=price,
        available=available,
        smallest=smallest,
        step=step,
    )


def amounts_of(offer: Supply, most: int) -> list[int]:
    """List what the terms of an offer allow, straight from their words."""
    top = min(offer.available, most)
    return [0] + [amount for amount in range(offer.smallest, top + 1) if amount % offer.step == 0]


def brute_force(offers: list[Supply], need: Need) -> Allocation | None:
    """Try everything."""
    offers = sorted(offers, key=lambda offer: (offer.unit_price_minor, offer.listing_id))
    best: tuple[int, int, list[int]] | None = None
    for amounts in itertools.product(*(amounts_of(one, need.quantity_max) for one in offers)):
        total = sum(amounts)
        if not need.quantity <= total <= need.quantity_max:
            continue
        cost = sum(o.unit_price_minor * a for o, a in zip(offers, amounts, strict=True))
        rank = (cost, total, [-amount for amount in amounts])
        if best is None or rank < best:
            best = rank
    if best is None:
        return None
    cost, total, negative = best
    parts = tuple(
        Part(offer.listing_id, -amount)
        for offer, amount in zip(offers, negative, strict=True)
        if amount
    )
    return Allocation(parts=parts, quantity=total, cost_minor=cost)


def least_cost(offers: list[Supply], need: Need) -> float:
    """Compute only the cost, by the plainest dynamic programme there is."""
    costs: list[float] = [0] + [inf] * need.quantity_max
    for offer in offers:
        allowed = amounts_of(offer, need.quantity_max)
        costs = [
            min(
                costs[total - amount] + amount * offer.unit_price_minor
                for amount in allowed
                if amount <= total
            )
            for total in range(need.quantity_max + 1)
        ]
    return min(costs[need.quantity :])


def is_allowed(offers: list[Supply], found: Allocation, need: Need) -> bool:
    by_id = {offer.listing_id: offer for offer in offers}
    return (
        need.quantity <= found.quantity <= need.quantity_max
        and found.quantity == sum(part.quantity for part in found.parts)
        and all(
            part.quantity in amounts_of(by_id[part.listing_id], need.quantity_max)
            for part in found.parts
        )
        and found.cost_minor
        == sum(by_id[part.listing_id].unit_price_minor * part.quantity for part in found.parts)
    )


def offer_terms(price: int, available: int) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "price": st.integers(0, price),
            "available": st.integers(1, available),
            "smallest": st.integers(1, 6),
            "step": st.sampled_from((1, 1, 2, 3, 5, 7, 9)),
        }
    )


def refusal(offers: list[Supply], need: Need) -> Conflict:
    with pytest.raises(Conflict) as caught:
        allocate(offers, need)
    return caught.value


class TestAllocate:
    @settings(max_examples=2000, deadline=None)
    @given(
        terms=st.lists(offer_terms(6, 9), min_size=0, max_size=5),
        quantity=st.integers(1, 24),
        more=st.sampled_from((0, 0, 0, 1, 2, 5)),
    )
    def test_small_markets_agree_with_trying_everything(
        self, terms: list[dict[str, Any]], quantity: int, more: int
    ) -> None:
        offers = [supply(number, **term) for number, term in enumerate(terms)]
        need = Need(quantity, quantity + more)
        expected = brute_force(offers, need)
        if expected is None:
            refusal(offers, need)
        else:
            assert allocate(offers, need) == expected

    @settings(max_examples=150, deadline=None)
    @given(
        terms=st.lists(offer_terms(400, 60), min_size=1, max_size=25),
        quantity=st.integers(1, 160),
        more=st.sampled_from((0, 0, 3)),
    )
    def test_larger_markets_cost_what_a_plain_programme_computes(
        self, terms: list[dict[str, Any]], quantity: int, more: int
    ) -> None:
        offers = [supply(number, **term) for number, term in enumerate(terms)]
        need = Need(quantity, quantity + more)
        expected = least_cost(offers, need)
        if expected == inf:
            refusal(offers, need)
        else:
            found = allocate(offers, need)
            assert (found.cost_minor, found.gap_minor) == (expected, 0)
            assert is_allowed(offers, found, need)

    def test_cheapest_offers_are_filled_first(self) -> None:
        offers = [supply(1, 30, 100), supply(2, 10, 20), supply(3, 20, 20)]
        assert allocate(offers, Need(50, 50)).parts == (
            Part(UUID(int=2), 20),
            Part(UUID(int=3), 20),
            Part(UUID(int=1), 10),
        )

    def test_at_one_price_the_older_listing_comes_first(self) -> None:
        offers = [supply(9, 10, 5), supply(4, 10, 5), supply(7, 10, 5)]
        found = allocate(offers, Need(8, 8))
        assert found.parts == (Part(UUID(int=4), 5), Part(UUID(int=7), 3))

    def test_order_of_offers_does_not_matter(self) -> None:
        offers = [supply(number, 10 + number % 3, 7, step=1 + number % 2) for number in range(9)]
        shuffled = offers.copy()
        random.Random(1).shuffle(shuffled)  # noqa: S311 - a shuffle, no secret
        assert allocate(shuffled, Need(31, 31)) == allocate(offers, Need(31, 31))

    def test_smallest_quantity_of_the_cheap_offer_moves_units_away_from_the_middle(self) -> None:
        """20 at 10 and 5 at 20 would break the minimum of 10 of the second offer."""
        offers = [supply(1, 10, 20), supply(2, 20, 50, smallest=10), supply(3, 40, 50)]
        found = allocate(offers, Need(25, 25))
        assert found.parts == (Part(UUID(int=1), 15), Part(UUID(int=2), 10))

    def test_more_than_needed_is_taken_only_where_it_is_cheaper(self) -> None:
        packs, singles = supply(1, 10, 100, step=10), supply(2, 60, 100)
        assert allocate([packs, singles], Need(8, 8)).cost_minor == 480
        assert allocate([packs, singles], Need(8, 10)).parts == (Part(UUID(int=1), 10),)

    def test_free_licences_beyond_the_need_are_not_taken(self) -> None:
        assert allocate([supply(1, 0, 100)], Need(8, 10)).quantity == 8


class TestRefuseAllocation:
    def test_too_few_on_offer_is_refused_with_their_number(self) -> None:
        refused = refusal([supply(1, 10, 3), supply(2, 10, 4)], Need(8, 8))
        assert refused.code == "quote.insufficient_supply"
        assert "only 7 are available" in refused.detail

    def test_quantity_between_packs_is_refused_with_the_nearest_ones(self) -> None:
        refused = refusal([supply(1, 10, 50, step=5)], Need(12, 13))
        assert refused.code == "quote.quantity_not_composable"
        assert "10 or 15 can be had" in refused.detail

    def test_below_every_smallest_quantity_only_more_can_be_had(self) -> None:
        refused = refusal([supply(1, 10, 50, smallest=20)], Need(12, 12))
        assert "; 20 can be had" in refused.detail

    def test_above_the_last_whole_pack_only_fewer_can_be_had(self) -> None:
        refused = refusal([supply(1, 10, 19, step=10)], Need(15, 15))
        assert "; 10 can be had" in refused.detail

    def test_nothing_near_is_said_when_there_is_nothing(self) -> None:
        refused = refusal([supply(1, 10, 19, smallest=19, step=10)], Need(15, 15))
        assert "no quantity near it can be had" in refused.detail


class TestBoundAllocation:
    """1,000 offers are the most that are looked at (`OFFERS_MAX`)."""

    def test_thousand_mixed_offers_are_answered_and_proven(self) -> None:
        chance = random.Random(3)  # noqa: S311 - a market, no secret
        offers = [
            supply(
                number,
                chance.randint(1500, 3500),
                chance.randint(20, 500),
                smallest=chance.choice((1, 1, 10, 25)),
                step=chance.choice((1, 1, 5, 20)),
            )
            for number in range(1000)
        ]
        started = time.process_time()
        for quantity in (7, 500, 5_003, 50_021, 100_000):
            found = allocate(offers, Need(quantity, quantity))
            assert found.gap_minor == 0
            assert is_allowed(offers, found, Need(quantity, quantity))
        assert time.process_time() - started < 3

    def test_market_beyond_the_budget_gets_a_good_answer_and_a_true_gap(self) -> None:
        """Whole lots at nearly one price are a subset sum: the hardest kind."""
        chance = random.Random(1)  # noqa: S311 - a market, no secret
        offers = []
        for number in range(1000):
            units = chance.randint(50, 500)
            offers.append(supply(number, 2000 + chance.randint(0, 3), units, step=units))
        need = Need(2_500, 2_500)
        started = time.process_time()
        found = allocate(offers, need)
        assert time.process_time() - started < 1
        assert is_allowed(offers, found, need)
        assert 0 < found.gap_minor < found.cost_minor // 1000
        assert found.cost_minor - found.gap_minor <= least_cost_of_whole(offers, 2_500)


def least_cost_of_whole(offers: list[Supply], total: int) -> float:
    costs: list[float] = [0] + [inf] * total
    for offer in offers:
        price = offer.available * offer.unit_price_minor
        for left in range(total, offer.available - 1, -1):
            costs[left] = min(costs[left], costs[left - offer.available] + price)
    return costs[total]
