"""The allocator against brute force, and what it refuses."""

import itertools
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from marketplace.kernel.errors import Conflict
from marketplace.quotes.domain.allocation import Allocation, Need, Part, Supply, allocate


def supply(number: int, price: int, available: int, **terms: int) -> Supply:
    return Supply(
        listing_id=UUID(int=number),
        unit_price_minor=price,
        available=available,
        **terms,
    )


def amounts_of(offer: Supply) -> list[int]:
    """List what the terms of an offer allow, straight from their words."""
    return [0] + [
        amount
        for amount in range(max(offer.smallest, 1), offer.available + 1)
        if amount % offer.step == 0
    ]


def brute_force(offers: list[Supply], need: Need) -> Allocation | None:
    """Try everything."""
    offers = sorted(offers, key=lambda offer: (offer.unit_price_minor, offer.listing_id))
    best: tuple[int, int, list[int]] | None = None
    for amounts in itertools.product(*map(amounts_of, offers)):
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


offer_terms = st.builds(
    dict,
    price=st.integers(0, 6),
    available=st.integers(1, 9),
    smallest=st.integers(1, 6),
    step=st.sampled_from((1, 1, 2, 3, 5, 7, 9)),
)


class TestAllocate:
    @settings(max_examples=4000, deadline=None)
    @given(
        terms=st.lists(offer_terms, min_size=0, max_size=5),
        quantity=st.integers(1, 24),
        more=st.sampled_from((0, 0, 0, 1, 2, 5)),
    )
    @example(terms=[], quantity=1, more=0)
    def test_small_markets_agree_with_trying_everything(
        self, terms: list[dict[str, int]], quantity: int, more: int
    ) -> None:
        offers = [supply(number, **term) for number, term in enumerate(terms)]
        need = Need(quantity, quantity + more)
        expected = brute_force(offers, need)
        if expected is None:
            with pytest.raises(Conflict):
                allocate(offers, need)
        else:
            assert allocate(offers, need) == expected
