"""The cheapest way to put a quantity together from the offers of the market, exactly.

An offer of `available` licences at one unit price can be taken not at all, or in an amount that is a multiple of its
`step` (the pack that may not be broken, or the whole), at least `smallest`, at most `available`. The total must be
between `quantity` and `quantity_max`. Least cost in exact integers; equal cost is decided by fewest licences, then
by taking as much as possible from the cheaper and, at one price, the older listing (ids are time-ordered).

How the answer is proven, cheapest proof first (n offers, N = quantity_max):

1. Filling from the cheapest offer up solves the relaxation in which every amount is allowed. When the last amount
   happens to be allowed the relaxation's answer is the answer. O(n log n): nearly every real request ends here.
2. Else big-integer bit sets tell which totals the last offers can make, O(n log N) shifts of N bits, and lead the same
   filling around dead ends. When its cost equals the relaxation's, it is optimal.
3. Else dynamic programming over (offer, licences still needed), sliding-window minima, one step per cell. Only cells
   whose relaxed cost does not exceed the best known answer are looked at: a band around the filling's path.

The band is measured before it is walked. Above `CELLS_MAX` cells the answer of step 2 is given with `gap_minor`, the
most that a cheaper answer could save; otherwise `gap_minor` is 0 and the answer is proven.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from math import inf
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.errors import Conflict

CELLS_MAX: Final = 500_000
"""Cells of the last proof: 0.25 s at most, and only for markets of whole lots at nearly one price."""
OFFERS_MAX: Final = 1_000
"""Offers looked at for one need, cheapest first."""


class Supply(msgspec.Struct, frozen=True, kw_only=True):
    """One offer as the allocator sees it; `available` is what is free now."""

    listing_id: UUID
    unit_price_minor: int
    available: int
    smallest: int = 1
    step: int = 1


class Need(msgspec.Struct, frozen=True):
    """How many licences are wanted, and up to how many are welcome when packs leave no other way."""

    quantity: int
    quantity_max: int


class Part(msgspec.Struct, frozen=True):
    """What is taken from one offer."""

    listing_id: UUID
    quantity: int


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: parts in order of price and age; `gap_minor` 0 means proven cheapest."""

    parts: tuple[Part, ...]
    quantity: int
    cost_minor: int
    gap_minor: int = 0


class _Item(msgspec.Struct, frozen=True):
    """An offer reduced to its allowed amounts: 0, or low, low + step, ... high."""

    price: int
    low: int
    high: int
    step: int
    supply: Supply | None = None

    @property
    def count(self) -> int:
        """Give the number of allowed amounts above 0."""
        return (self.high - self.low) // self.step + 1

    def allows(self, amount: int) -> bool:
        """Tell whether the amount can be taken."""
        return amount == 0 or (
            self.low <= amount <= self.high and (amount - self.low) % self.step == 0
        )


def allocate(offers: Sequence[Supply], need: Need) -> Allocation:
    """Choose what to take from which offer.

    Raises:
        Conflict: `quote.insufficient_supply` when fewer licences are on offer than needed (the detail says how many),
            `quote.quantity_not_composable` when packs and smallest quantities cannot make up the quantity (the detail
            names the nearest quantities that can be had).
    """
    on_offer = sum(offer.available for offer in offers)
    if on_offer < need.quantity:
        raise Conflict(
            "quote.insufficient_supply",
            f"{need.quantity} licences are wanted but only {on_offer} are available on these terms; "
            "ask for fewer, or accept a higher price or other versions.",
        )
    items = _items(offers, need)
    market = _Market(items, need.quantity_max)
    filled = market.fill()
    if filled is not None and all(map(_Item.allows, items, filled)):
        return _answer(items, filled, 0)
    reach = _reachable(items, need.quantity_max)
    if not reach[0] >> need.quantity_max & 1:
        raise _not_composable(offers, need)
    led = _fill_led(items, reach, need.quantity_max)
    led_cost = _cost(items, led)
    gap = led_cost - market.relaxed(0, need.quantity_max)
    if gap == 0:
        return _answer(items, led, 0)
    bands = market.bands(led_cost)
    if sum(high - low + 1 for low, high in bands) > CELLS_MAX:
        return _answer(items, led, gap)
    return _answer(items, _cheapest(items, bands, need.quantity_max), 0)


def _items(offers: Sequence[Supply], need: Need) -> list[_Item]:
    """Order the usable offers; the slack between the two quantities is a free offer that comes first."""
    slack = need.quantity_max - need.quantity
    items = [_Item(0, 1, slack, 1)] if slack else []
    for offer in sorted(offers, key=lambda offer: (offer.unit_price_minor, offer.listing_id)):
        item = _item(offer, need.quantity_max)
        if item.low <= item.high:
            items.append(item)
    return items


def _item(offer: Supply, most: int) -> _Item:
    low = max(1, -(-offer.smallest // offer.step)) * offer.step
    high = min(offer.available, most) // offer.step * offer.step
    return _Item(offer.unit_price_minor, low, high, offer.step, offer)


class _Market:
    """The relaxation: every amount up to an offer's `high` allowed. Sums make each question O(log n)."""

    def __init__(self, items: list[_Item], total: int) -> None:
        self._items = items
        self._total = total
        self._units = [0]
        self._costs = [0]
        for item in items:
            self._units.append(self._units[-1] + item.high)
            self._costs.append(self._costs[-1] + item.high * item.price)

    def relaxed(self, first: int, amount: int) -> int:
        """Give the least relaxed cost of `amount` from the offers `first` and later, which must have so many."""
        until = self._units[first] + amount
        place = bisect_left(self._units, until, first)
        beyond = self._units[place] - until
        surplus = beyond * self._items[place - 1].price if beyond else 0
        return self._costs[place] - self._costs[first] - surplus

    def fill(self) -> list[int] | None:
        """Fill from the cheapest offer up; None when all of them together are too few."""
        if self._units[-1] < self._total:
            return None
        amounts = []
        left = self._total
        for item in self._items:
            amount = min(left, item.high)
            amounts.append(amount)
            left -= amount
        return amounts

    def bands(self, cost_max: int) -> list[tuple[int, int]]:
        """Give, before each offer and after the last, from and to how many licences may still be needed.

        Relaxed cost so far plus relaxed cost to come must not exceed `cost_max`. The sum is least where the filling
        stands and grows from there (it is convex), so the end of the band is found by bisection.
        """
        bands = []
        for first in range(len(self._items) + 1):
            low = max(0, self._total - self._units[first])
            good, bad = low, min(self._total, self._units[-1] - self._units[first]) + 1
            while bad - good > 1:
                middle = (good + bad) // 2
                cost = self.relaxed(0, self._total - middle) + self.relaxed(first, middle)
                if cost <= cost_max:
                    good = middle
                else:
                    bad = middle
            bands.append((low, good))
        return bands


def _spread(bits: int, step: int, count: int) -> int:
    """Give the union of `bits` shifted by 0, 1, ... count - 1 steps, by doubling."""
    done = 1
    while done < count:
        jump = min(done, count - done)
        bits |= bits << jump * step
        done += jump
    return bits


def _reachable(items: list[_Item], total: int) -> list[int]:
    """Give, for each offer, the bit set of totals that it and the later ones can make exactly."""
    mask = (1 << total + 1) - 1
    reach = [1]
    for item in reversed(items):
        later = reach[-1]
        count = min(item.count, (total - item.low) // item.step + 1)
        reach.append((later | _spread(later, item.step, count) << item.low) & mask)
    reach.reverse()
    return reach


def _fill_led(items: list[_Item], reach: list[int], total: int) -> list[int]:
    """Take the most of each offer in turn that the later ones can still complete to the total."""
    amounts = []
    left = total
    for place, item in enumerate(items):
        amount = _largest(item, left, reach[place + 1])
        amounts.append(amount)
        left -= amount
    return amounts


def _largest(item: _Item, left: int, later: int) -> int:
    """Give the largest allowed amount of `item` that leaves a total the later offers can make."""
    if item.low > left:
        return 0
    count = (min(item.high, left) - item.low) // item.step + 1
    high = item.low + (count - 1) * item.step
    rests = later >> left - high & _spread(1, item.step, count)
    if not rests:
        return 0
    return high - ((rests & -rests).bit_length() - 1)


def _cheapest(items: list[_Item], bands: list[tuple[int, int]], total: int) -> list[int]:
    """Walk the band backwards for least costs, then forwards for the amounts, the largest of each offer first."""
    costs: list[list[float]] = [[0]]
    for place in range(len(items) - 1, -1, -1):
        costs.append(_layer(items[place], bands[place], bands[place + 1], costs[-1]))
    costs.reverse()
    amounts = []
    left = total
    for place, item in enumerate(items):
        low, high = bands[place + 1]
        aim = costs[place][left - bands[place][0]]
        later = costs[place + 1]
        top = item.low + (min(item.high, left) - item.low) // item.step * item.step
        amount = next(
            (
                amount
                for amount in range(top, item.low - 1, -item.step)
                if low <= left - amount <= high
                and amount * item.price + later[left - amount - low] == aim
            ),
            0,
        )
        amounts.append(amount)
        left -= amount
    return amounts


def _layer(
    item: _Item, band: tuple[int, int], later_band: tuple[int, int], later: list[float]
) -> list[float]:
    """Give the least cost for each amount of the band with `item` and the later offers.

    Taking q of the item leaves r = left - q, so the cost is price * left + (later(r) - price * r): the second part does
    not depend on `left`, and its minimum over the window of allowed r slides, one residue of the step after the other.
    """
    low, high = band
    later_low, later_high = later_band
    costs: list[float] = [
        later[left - later_low] if later_low <= left <= later_high else inf
        for left in range(low, high + 1)
    ]
    for start in range(low, min(low + item.step, high + 1)):
        window: deque[tuple[float, int]] = deque()
        oldest = max(later_low, start - item.high)
        rest = oldest + (start - item.low - oldest) % item.step
        for left in range(start, high + 1, item.step):
            while rest <= min(left - item.low, later_high):
                value = later[rest - later_low] - item.price * rest
                while window and window[-1][0] > value:
                    window.pop()
                window.append((value, rest))
                rest += item.step
            while window and window[0][1] < left - item.high:
                window.popleft()
            if window:
                cost = window[0][0] + item.price * left
                costs[left - low] = min(costs[left - low], cost)
    return costs


def _cost(items: list[_Item], amounts: list[int]) -> int:
    return sum(item.price * amount for item, amount in zip(items, amounts, strict=True))


def _answer(items: list[_Item], amounts: list[int], gap_minor: int) -> Allocation:
    parts = tuple(
        Part(item.supply.listing_id, amount)
        for item, amount in zip(items, amounts, strict=True)
        if amount and item.supply is not None
    )
    return Allocation(
        parts=parts,
        quantity=sum(part.quantity for part in parts),
        cost_minor=_cost(items, amounts),
        gap_minor=gap_minor,
    )


def _not_composable(offers: Sequence[Supply], need: Need) -> Conflict:
    """Name the nearest quantities below and above that can be had."""
    most = min(sum(offer.available for offer in offers), need.quantity_max * 2)
    items = _items(offers, Need(most, most))
    bits = _reachable(items, most)[0]
    below = bits & (1 << need.quantity) - 1
    above = bits >> need.quantity_max + 1
    nearest = [str(below.bit_length() - 1)] if below > 1 else []
    if above:
        nearest.append(str(need.quantity_max + (above & -above).bit_length()))
    can_be_had = (
        f"{' or '.join(nearest)} can be had" if nearest else "no quantity near it can be had"
    )
    return Conflict(
        "quote.quantity_not_composable",
        f"{need.quantity} licences cannot be put together from the packs and smallest quantities on offer; "
        f"{can_be_had}: ask for that, or set `quantity_max` to say how many more you would take.",
    )
