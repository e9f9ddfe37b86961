"""What is missing and what is too much, when a stock of licences meets the requirements of an environment."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from marketplace.licensing.catalogue import FamilyKind, Metric, Product, load_catalogue
from marketplace.licensing.environments.requirements import (
    CONNECTORS,
    RDS,
    Reach,
    Requirement,
    reach,
)
from marketplace.licensing.environments.statements import Statement, state
from marketplace.licensing.environments.stock import Holding, Stock

Kind = tuple[str, tuple[Metric, ...], str]
"""Requirements one product can answer together: family, metrics, rule that wants Software Assurance."""


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """What is still to be had for some groups of servers (`targets` are their pointers).

    `quantity` of `product`, the oldest that does; None where no licence without Software Assurance does, or where it is
    no licence that is missing.
    """

    targets: tuple[str, ...]
    family: str
    quantity: int
    product: Product | None
    statement: Statement


class Answered(msgspec.Struct, frozen=True):
    """A requirement, and whether one product reaches it."""

    row: Requirement
    reach: Reach


def missing_from(stock: Stock, required: Sequence[Requirement]) -> tuple[Missing, ...]:
    """Return what the stock lacks. A number that is not known misses nothing here; `doubts` asks for it.

    Of users and devices the side that lacks fewer licences counts (R06), so more licences never make more missing.
    """
    kinds: dict[Kind, list[Requirement]] = {}
    for row in required:
        if not stock.meets(row) and not _externals_have_cals(stock, row, required):
            kinds.setdefault((row.family, row.metrics, row.assurance), []).append(row)
    return tuple(found for rows in kinds.values() for found in _missing_of_a_kind(stock, rows))


def surplus_of(
    owned: Stock, required: Sequence[Requirement], offered: Sequence[Holding]
) -> tuple[int | None, ...]:
    """Return how many licences of each line are too many, None where the number of people is not known.

    The newest lines are used first, because they answer more.
    """
    catalogue = load_catalogue()
    order = sorted(
        range(len(offered)), key=lambda place: (-catalogue.cal_order(offered[place].product), place)
    )
    found: dict[int, int | None] = {}
    stock = owned
    for place in order:
        line = offered[place]
        used = _usable_number(
            owned, stock, answers_for(line.product, required), line.product.metric
        )
        found[place] = None if used is None else max(0, line.quantity - used)
        stock = stock.with_more([line])
    return tuple(found[place] for place in range(len(offered)))


def answers_for(product: Product, required: Sequence[Requirement]) -> tuple[Answered, ...]:
    """Return the requirements a product is meant for, and whether it reaches each.

    An additive licence that nothing asks for by itself (Exchange Enterprise) may go to whoever needs its base.
    """
    direct = tuple(_answered(product, required))
    family = load_catalogue().families[product.family]
    if direct or family.kind is not FamilyKind.ADDITIVE or family.id == RDS:
        return direct
    replace = msgspec.structs.replace
    beneath = (replace(row, family=family.id) for row in required if row.family == family.needs)
    return tuple(_answered(product, beneath))


def missing_of(
    family: str,
    metric: Metric,
    quantity: int,
    rows: Sequence[Requirement],
    beneath: Product | None = None,
) -> Missing:
    """Return that so many licences are missing, as the oldest product that answers all the requirements.

    `beneath`: the additive licence whose base they are (R11).
    """
    catalogue = load_catalogue()
    product, is_stated = oldest_for(family, metric, rows)
    words: dict[str, str | int] = {"count": quantity}
    if product is None:
        words["family"] = catalogue.families[family].name
        rule, key = rows[0].assurance or _rule_of(family), "fit.missing_unanswerable"
    elif beneath is None:
        words["cal"] = catalogue.product_name(product)
        rule, key = _rule_of(family), "fit.missing"
    else:
        words |= {"cal": catalogue.product_name(beneath), "base": catalogue.product_name(product)}
        rule, key = "R11", "fit.missing_base"
    return Missing(
        targets=tuple(row.target for row in rows),
        family=family,
        quantity=quantity,
        product=product,
        statement=state(rule, key, words, confirmed=is_stated),
    )


def oldest_for(
    family: str, metric: Metric, rows: Sequence[Requirement]
) -> tuple[Product | None, bool]:
    """Return the oldest product that answers all the requirements, and whether sources say so for each."""
    catalogue = load_catalogue()
    products = catalogue.products_of(catalogue.families[family], metric)
    answers = [(product, [reach(product, row) for row in rows]) for product in products]
    for product, found in answers:
        if all(answer is not None and answer.usable for answer in found):
            return product, True
    for product, found in answers:
        if all(answer is not None and answer.covered for answer in found):
            return product, False
    return None, True


def _missing_of_a_kind(stock: Stock, rows: Sequence[Requirement]) -> Iterator[Missing]:
    family, metrics = rows[0].family, rows[0].metrics
    lacking: dict[Metric, int] = {}
    for metric in metrics:
        numbers = [stock.short(row, metric) for row in rows]
        known = [number for number in numbers if number is not None]
        if known and len(known) == len(numbers):
            lacking[metric] = max(known)
    if lacking:
        metric = min(lacking, key=lambda each: (lacking[each], metrics.index(each)))
        yield missing_of(family, metric, lacking[metric], rows)
        return
    for metric in metrics:
        counted = [row for row in rows if stock.short(row, metric) is not None]
        if counted:
            most = max(stock.short(row, metric) or 0 for row in counted)
            yield missing_of(family, metric, most, counted)


def _rule_of(family: str) -> str:
    kind = load_catalogue().families[family].kind
    if kind is FamilyKind.EXTERNAL_CONNECTOR:
        return "R10"
    return "R11" if kind is FamilyKind.ADDITIVE else "R01"


def _externals_have_cals(stock: Stock, row: Requirement, required: Sequence[Requirement]) -> bool:
    """Tell whether the people from outside are licensed by User CALs instead of connectors (R10)."""
    if not row.externals or row.servers is None:
        return False
    beside = (other for other in required if other.target == row.target)
    plain = next(other for other in beside if CONNECTORS.get(other.family) == row.family)
    has_devices = Metric.DEVICE in plain.metrics and stock.short(plain, Metric.DEVICE) == 0
    staff = 0 if has_devices else plain.users
    return staff is not None and stock.supply(plain, Metric.USER) >= staff + row.externals


def _answered(product: Product, rows: Iterable[Requirement]) -> Iterator[Answered]:
    for row in rows:
        found = reach(product, row)
        if found is not None:
            yield Answered(row, found)


def _usable_number(
    owned: Stock, stock: Stock, answers: Sequence[Answered], metric: Metric
) -> int | None:
    """Return how many licences can be used beside a stock; None when that is not known."""
    most = 0
    for row in (answer.row for answer in answers if answer.reach.covered):
        demand = row.demand(metric)
        if demand is None:
            return None
        if _is_met_on_the_other_side(owned, row, metric):
            demand = 0
        if metric is Metric.USER:
            demand += row.externals
        most = max(most, demand - stock.supply(row, metric))
    return most


def _is_met_on_the_other_side(owned: Stock, row: Requirement, metric: Metric) -> bool:
    others = (other for other in row.metrics if other is not metric)
    return any(owned.short(row, other) == 0 for other in others)
