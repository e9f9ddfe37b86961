"""Intervals of units: cutting, free ones, taking."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.register.domain import Units, free_units, take_lowest, tiles

small = st.tuples(st.integers(0, 40), st.integers(1, 12)).map(lambda t: Units(t[0], t[0] + t[1]))
some = st.lists(small, max_size=6)


@st.composite
def cuts(draw: st.DrawFn) -> list[Units]:
    """Draw holdings that tile a lot."""
    edges = sorted({0, *draw(st.sets(st.integers(1, 60), min_size=1, max_size=7))})
    return [Units(lo, hi) for lo, hi in pairwise(edges)]


def numbers(parts: list[Units] | tuple[Units, ...]) -> set[int]:
    return {unit for part in parts for unit in range(part.lo, part.hi)}


class TestUnits:
    @pytest.mark.parametrize(("lo", "hi"), [(0, 0), (3, 2), (-1, 4), (0, 2**31)])
    def test_what_is_no_interval_is_refused(self, lo: int, hi: int) -> None:
        with pytest.raises(ValueError, match="not an interval"):
            Units(lo, hi)

    @given(small, small)
    def test_covers_overlaps_and_clip_agree_with_sets(self, a: Units, b: Units) -> None:
        both = numbers([a]) & numbers([b])

        assert a.covers(b) == (numbers([b]) <= numbers([a]))
        assert a.overlaps(b) == bool(both)
        clipped = a.clip(b)
        assert (numbers([clipped]) if clipped else set()) == both

    @given(cuts(), st.data())
    def test_cutting_tiles_the_whole_and_names_the_part(
        self, parts: list[Units], data: st.DataObject
    ) -> None:
        whole = Units(parts[0].lo, parts[-1].hi)
        moved = data.draw(st.sampled_from(parts))

        pieces = whole.tile(moved)

        assert moved in pieces
        assert len(pieces) <= 3
        assert tiles(whole, pieces)

    def test_a_part_beyond_the_whole_is_refused(self) -> None:
        with pytest.raises(ValueError, match="not within"):
            Units(0, 5).tile(Units(3, 6))


class TestTiles:
    @given(cuts().flatmap(st.permutations))
    def test_parts_in_any_order_tile(self, parts: list[Units]) -> None:
        whole = Units(min(parts).lo, max(parts).hi)

        assert tiles(whole, parts)

    @pytest.mark.parametrize(
        "parts",
        [
            [],
            [Units(0, 4)],
            [Units(0, 4), Units(5, 10)],
            [Units(0, 6), Units(5, 10)],
            [Units(0, 10), Units(10, 11)],
        ],
    )
    def test_gaps_overlaps_and_too_much_do_not_tile(self, parts: list[Units]) -> None:
        assert not tiles(Units(0, 10), parts)


class TestFreeUnits:
    @given(cuts(), some, st.sampled_from([1, 2, 5]))
    def test_free_units_are_the_whole_steps_nobody_took(
        self, live: list[Units], taken: list[Units], step: int
    ) -> None:
        free = free_units(live, taken, step)

        assert list(free) == sorted(free)
        assert numbers(free) <= numbers(live) - numbers(taken)
        assert all(gap.lo % step == 0 and gap.size % step == 0 for gap in free)
        assert all(any(holding.covers(gap) for holding in live) for gap in free)
        if step == 1:
            assert numbers(free) == numbers(live) - numbers(taken)


class TestTakeLowest:
    @given(cuts(), some, st.integers(1, 30))
    def test_exactly_the_lowest_units_or_none(
        self, live: list[Units], taken: list[Units], quantity: int
    ) -> None:
        free = free_units(live, taken)

        got = numbers(take_lowest(free, quantity))

        everything = sorted(numbers(free))
        assert got == (set(everything[:quantity]) if len(everything) >= quantity else set())
