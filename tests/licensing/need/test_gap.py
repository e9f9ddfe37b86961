"""Owned against needed: exact against trying everything, and the sentences that go with it."""

import random
from collections.abc import Iterator, Sequence
from itertools import product as combinations

import pytest

from marketplace.kernel.errors import Malformed
from marketplace.kernel.money import Money
from marketplace.licensing.catalogue import Product
from marketplace.licensing.environments.environment import OwnedCal
from marketplace.licensing.need.gap import QUANTITY_MAX, Amount, Gap, Need, find_gap, make_need
from marketplace.licensing.need.kinds import Kind
from marketplace.licensing.need.prices import PriceList, PriceSource, UnitPrice
from marketplace.licensing.need.targets import Target, checked_target
from tests.licensing.builders import product

VERSIONS = ("2012", "2016", "2019", "2022", "2025")


def prices(**amounts: int) -> PriceList:
    """Return prices in EUR; `ws_2019_user=2500` is the price of ws_cal-2019-user."""
    rows = {}
    for name, amount in amounts.items():
        family, version, metric = name.split("_")
        rows[f"{family}_cal-{version}-{metric}"] = UnitPrice(amount, PriceSource.LISTING)
    return PriceList("EUR", rows)


def own(key: str, quantity: int) -> OwnedCal:
    return OwnedCal(product=product(key), quantity=quantity)


def need(quantity: int, *servers: str, kind: Kind = Kind.USER) -> Need:
    return make_need(kind, quantity, checked_target(Target(servers=servers)))


def rules(gap: Gap) -> list[tuple[str, str]]:
    return [(row.rule, row.message_key) for row in gap.statements]


class TestAllocation:
    def test_equals_trying_everything(self) -> None:
        chance = random.Random(11)  # noqa: S311 - the same cases in every run
        for _ in range(400):
            needs = [
                need(chance.randint(1, 3), chance.choice(VERSIONS))
                for _ in range(chance.randint(1, 3))
            ]
            owned = [
                own(f"ws_cal-{version}-user", chance.randint(0, 3))
                for version in chance.sample(VERSIONS, chance.randint(0, 3))
            ]
            some = chance.sample(VERSIONS, chance.randint(0, 5))
            listed = prices(**{f"ws_{version}_user": chance.randint(1, 4) for version in some})
            gap = find_gap(needs, owned, listed)
            assert measure(gap, listed) == min(everything(needs, owned, listed)), (needs, owned)

    def test_order_does_not_matter(self) -> None:
        listed = prices(ws_2019_user=20, ws_2022_user=30, ws_2025_user=40)
        needs = [need(3, "2019"), need(4, "2022")]
        owned = [own("ws_cal-2022-user", 2), own("ws_cal-2025-user", 2), own("ws_cal-2022-user", 1)]
        one = find_gap(needs, owned, listed)
        two = find_gap(needs, owned[::-1], listed)
        three = find_gap(needs[::-1], owned, listed)
        assert one == two
        assert (one.shortfall, one.surplus, one.cost) == (
            three.shortfall,
            three.surplus,
            three.cost,
        )

    def test_the_dearer_need_is_served_and_the_cheaper_bought(self) -> None:
        listed = prices(ws_2019_user=20, ws_2025_user=40)
        gap = find_gap([need(5, "2019"), need(5, "2025")], [own("ws_cal-2025-user", 5)], listed)
        assert gap.shortfall == (
            Amount(product("ws_cal-2019-user"), 5, listed.of(product("ws_cal-2019-user"))),
        )
        assert (gap.cost, gap.surplus, gap.licences) == (Money(100, "EUR"), (), 5)

    def test_the_most_valuable_stay_over(self) -> None:
        listed = prices(ws_2019_user=20, ws_2022_user=35, ws_2025_user=30)
        owned = [own(f"ws_cal-{version}-user", 2) for version in ("2022", "2025")]
        gap = find_gap([need(2, "2019")], owned, listed)
        assert [(row.product.version, row.quantity) for row in gap.surplus] == [("2022", 2)]
        assert gap.value == Money(70, "EUR")

    def test_the_surplus_may_have_prices_of_its_own(self) -> None:
        gap = find_gap([], [own("ws_cal-2022-user", 3)], prices(), prices(ws_2022_user=7))
        assert gap.value == Money(21, "EUR")
        assert gap.cost == Money(0, "EUR")

    def test_what_has_no_price_is_served_first(self) -> None:
        needs, owned = [need(3, "2019"), need(3, "2025")], [own("ws_cal-2025-user", 3)]
        assert find_gap(needs, owned, prices(ws_2019_user=20)).cost == Money(60, "EUR")

    def test_a_suite_serves_a_base_need(self) -> None:
        gap = find_gap([need(2, "2019")], [own("core_cal-2019-user", 2)], prices())
        assert (gap.licences, gap.cost) == (0, Money(0, "EUR"))


def measure(gap: Gap, listed: PriceList) -> tuple[int, int, int]:
    """Give what is to be least, in this order: unpriced shortfall, its price, the surplus used up."""
    unpriced = sum(line.to_buy for line in gap.lines if line.price is None)
    cost = sum(line.cost_minor or 0 for line in gap.lines)
    used = sum(
        row.quantity * worth(row.product, listed) for line in gap.lines for row in line.served
    )
    return unpriced, cost, used


def worth(what: Product, listed: PriceList) -> int:
    price = listed.of(what)
    return -1 if price is None else price.amount_minor


def everything(
    needs: Sequence[Need], owned: Sequence[OwnedCal], listed: PriceList
) -> Iterator[tuple[int, int, int]]:
    """Give the measure of every allocation."""
    cells = [(i, j) for i in range(len(needs)) for j in range(len(owned))]
    ranges = [
        range(min(needs[i].quantity, owned[j].quantity) + 1)
        if owned[j].product in needs[i].accepted
        else range(1)
        for i, j in cells
    ]
    cheapest = [
        min((row.amount_minor for cal in one.usable if (row := listed.of(cal))), default=None)
        for one in needs
    ]
    for amounts in combinations(*ranges):
        spent, served = [0] * len(owned), [0] * len(needs)
        for (i, j), amount in zip(cells, amounts, strict=True):
            spent[j] += amount
            served[i] += amount
        if any(used > row.quantity for used, row in zip(spent, owned, strict=True)):
            continue
        short = [one.quantity - got for one, got in zip(needs, served, strict=True)]
        if min(short) < 0:
            continue
        rows = list(zip(short, cheapest, strict=True))
        yield (
            sum(count for count, price in rows if price is None),
            sum(count * price for count, price in rows if price is not None),
            sum(used * worth(row.product, listed) for used, row in zip(spent, owned, strict=True)),
        )


class TestAnswer:
    def test_a_missing_price_leaves_the_cost_open(self) -> None:
        gap = find_gap([need(2, "2019")], [], prices())
        assert gap.cost is None
        assert gap.shortfall == (Amount(product("ws_cal-2019-user"), 2, None),)

    def test_a_surplus_without_price_has_no_value(self) -> None:
        gap = find_gap([], [own("ws_cal-2019-user", 2)], prices())
        assert gap.value is None
        assert gap.surplus == (Amount(product("ws_cal-2019-user"), 2, None),)

    def test_the_cheapest_usable_product_is_bought(self) -> None:
        listed = prices(ws_2019_user=40, ws_2022_user=30, ws_2016_user=1)
        gap = find_gap([need(2, "2019")], [], listed)
        assert [row.product.version for row in gap.shortfall] == ["2022"]

    def test_a_need_without_any_product_is_named(self) -> None:
        # Hosts of 2012 and 2025 together: newer RDS CALs on a 2012 host are only inferred, so none is usable.
        target = checked_target(Target(servers=("2012",), session_hosts=("2012", "2025")))
        gap = find_gap([make_need(Kind.RDS_USER, 3, target)], [], prices())
        assert (gap.unbuyable, gap.cost, gap.shortfall) == ((Kind.RDS_USER,), None, ())
        assert gap.licences == 3

    def test_needs_of_one_product_are_bought_together(self) -> None:
        listed = prices(ws_2022_user=30)
        gap = find_gap([need(2, "2022"), need(3, "2019")], [], listed)
        assert [(row.product.version, row.quantity) for row in gap.shortfall] == [("2022", 5)]

    def test_other_families_are_left_over_without_a_word(self) -> None:
        gap = find_gap([need(1, "2019")], [own("sql_cal-2019-user", 4)], prices(ws_2019_user=1))
        assert [(row.product.key, row.too_old) for row in gap.surplus] == [
            ("sql_cal-2019-user", False)
        ]
        assert gap.statements == ()

    @pytest.mark.parametrize("quantity", [-1, QUANTITY_MAX + 1])
    def test_an_impossible_stock_is_refused_at_its_place(self, quantity: int) -> None:
        with pytest.raises(Malformed, match=r"need\.owned_out_of_range") as refused:
            find_gap([], [own("ws_cal-2019-user", 1), own("ws_cal-2019-user", quantity)], prices())
        assert [row.pointer for row in refused.value.fields] == ["/owned/1/quantity"]


class TestStatements:
    def test_newer_serves_and_may_be_reassigned(self) -> None:
        gap = find_gap([need(2, "2019")], [own("ws_cal-2022-user", 2)], prices())
        assert rules(gap) == [("R02", "need.newer_serves"), ("R12", "need.reassign")]

    def test_too_old_is_said(self) -> None:
        gap = find_gap([need(2, "2022")], [own("ws_cal-2019-user", 5)], prices(ws_2022_user=1))
        assert rules(gap) == [("R02", "need.too_old")]
        assert [row.too_old for row in gap.surplus] == [True]

    def test_the_other_metric_does_not_serve(self) -> None:
        gap = find_gap([need(2, "2019")], [own("ws_cal-2019-device", 5)], prices(ws_2019_user=1))
        assert rules(gap) == [("R13", "need.metric_fixed")]
        assert gap.licences == 2
