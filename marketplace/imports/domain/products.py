"""Which product a line means: by part number, by SKU text, by name, or by all of them together.

Every source that speaks must agree. What they leave open is not filled in: the line then has a
problem that names the candidates.
"""

from collections.abc import Set as AbstractSet
from functools import cache, lru_cache
from typing import Final, TypeVar

import msgspec

from marketplace.imports.domain.lines import LineProblem
from marketplace.imports.domain.names import (
    Named,
    read_metrics,
    read_name,
    read_version,
    says_cal,
    says_server,
)
from marketplace.licensing.catalogue import Metric, PartNumber, Product, load_catalogue
from marketplace.licensing.sku_text import Offer, SkuText, decode_sku_text

T = TypeVar("T")

CANDIDATES_MAX: Final = 12


class Meant(msgspec.Struct, frozen=True, kw_only=True):
    """The product of a line, or why there is none. `is_cal` is False when it names something else."""

    product: Product | None = None
    problem: LineProblem | None = None
    is_cal: bool = True
    notes: tuple[str, ...] = ()
    part: PartNumber | None = None
    sku: SkuText | None = None


class _Said(msgspec.Struct, frozen=True):
    """What one source says; an empty set says nothing."""

    column: str
    families: frozenset[str] = frozenset()
    versions: frozenset[str] = frozenset()
    metrics: frozenset[Metric] = frozenset()


# A long list repeats a few hundred combinations.
@lru_cache(maxsize=8_192)
def find_product(number: str, name: str, version: str, metric: str) -> Meant:
    """Find the product from the cells of a line; empty cells say nothing."""
    part = load_catalogue().part_numbers.get(number.strip().upper()) if number else None
    sku = decode_sku_text(name) if name else None
    if sku is not None and sku.family is None and not sku.contradicting:
        sku = None
    named = read_name(name) if name and sku is None else None
    said = _gather(part, sku, named)
    families = frozenset().union(*(one.families for one in said))
    if sku is not None and sku.contradicting:
        return Meant(problem=LineProblem("product_contradiction", "product"), part=part, sku=sku)
    if not families:
        column = "product" if name else "part_number"
        code = "product_unknown" if name or number else "product_missing"
        return Meant(
            problem=LineProblem(code, column), is_cal=_looks_like_cal(number, name, metric)
        )
    said += _more(families, version, metric)
    notes = _notes(part, sku)
    if sku is not None and sku.offer is Offer.SA_ONLY:
        return Meant(problem=LineProblem("sa_only", "product"), notes=notes, part=part, sku=sku)
    found = _agree(said)
    product = found if isinstance(found, Product) else None
    problem = found if isinstance(found, LineProblem) else None
    return Meant(product=product, problem=problem, notes=notes, part=part, sku=sku)


def _looks_like_cal(number: str, name: str, metric: str) -> bool:
    """Tell a CAL that is not known from other software, of which a list of licences is full.

    A line without any product is no other software either. Both a server with CALs and a user or
    device: `Windows Server 2019 Device` means a CAL, `Windows Server 2019 Standard` does not.
    """
    if not number and not name:
        return True
    said = f"{name} {metric}"
    series, mark, _ = number.strip().upper().partition("-")
    return (
        says_cal(said)
        or bool(mark and series in _series())
        or bool(says_server(name) and read_metrics(said))
    )


@cache
def _series() -> AbstractSet[str]:
    """Give the first parts of known part numbers: all numbers of a series are CALs of one family."""
    numbers = load_catalogue().part_numbers
    return {series for series, mark, _ in (one.partition("-") for one in numbers) if mark}


def _gather(part: PartNumber | None, sku: SkuText | None, named: Named | None) -> list[_Said]:
    said = []
    if part is not None:
        said.append(
            _Said("part_number", frozenset([part.family]), _one(part.version), _one(part.metric))
        )
    if sku is not None:
        said.append(_Said("product", _one(sku.family), _one(sku.version), _one(sku.metric)))
    if named is not None and named.families:
        said.append(
            _Said(
                "product",
                frozenset(named.families),
                frozenset(named.versions),
                frozenset(named.metrics),
            )
        )
    return said


def _more(families: frozenset[str], version: str, metric: str) -> list[_Said]:
    """Read the cells that only make sense beside a family."""
    said = []
    if version:
        versions = {one for family in families for one in read_version(version, family)}
        said.append(_Said("version", versions=frozenset(versions)))
    if metric:
        said.append(_Said("metric", metrics=frozenset(read_metrics(metric))))
    return said


def _agree(said: list[_Said]) -> Product | LineProblem:
    candidates = list(load_catalogue().products.values())
    for one in said:
        narrowed = [
            product
            for product in candidates
            if (not one.families or product.family in one.families)
            and (not one.versions or product.version in one.versions)
            and (not one.metrics or product.metric in one.metrics)
        ]
        if not narrowed:
            return LineProblem("product_contradiction", one.column)
        candidates = narrowed
    if len(candidates) == 1:
        return candidates[0]
    keys = tuple(product.key for product in candidates[:CANDIDATES_MAX])
    return LineProblem("product_ambiguous", said[0].column, {"count": len(candidates)}, keys)


def _notes(part: PartNumber | None, sku: SkuText | None) -> tuple[str, ...]:
    notes = []
    if part is not None and not part.confirmed:
        notes.append("part_number_unconfirmed")
    if part is not None and not part.tradable:
        notes.append("part_number_not_tradable")
    if sku is not None and not sku.confirmed:
        notes.append("sku_text_unconfirmed")
    if sku is not None and sku.unknown:
        notes.append("sku_words_unknown")
    return tuple(notes)


def _one(value: T | None) -> frozenset[T]:
    return frozenset() if value is None else frozenset([value])
