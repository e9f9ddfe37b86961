"""What a company asks. No name of a person stands here: names go into a file of their own (`domain.names`)."""

from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.errors import FieldProblem, Malformed
from marketplace.licensing.catalogue import Product
from marketplace.licensing.need.counts import Counts
from marketplace.licensing.need.targets import Target
from marketplace.needs.domain.market import OwnPrice

PAIRS_AT_ONCE_MAX: Final = 10_000
"""Accesses that are answered while the caller waits; more come as an import."""


class Source(StrEnum):
    """What the need is computed from."""

    COUNTS = "counts"
    ACCESSES = "accesses"
    ACCESSES_IMPORT = "accesses_import"


class Prefer(StrEnum):
    """What the buyer wishes: the least cost, or licences of one kind even where two would cost less."""

    LEAST_COST = "least_cost"
    ONE_KIND = "one_kind"


class OwnedLine(msgspec.Struct, frozen=True):
    """Licences of a product that the company has, all of them, held by somebody or not."""

    product: Product
    quantity: int


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it is kept. Exactly one source: `counts`, accesses sent along, or an import of accesses."""

    source: Source
    target: Target
    counts: Counts | None = None
    accesses_import_id: UUID | None = None
    owned: tuple[OwnedLine, ...] = ()
    owned_import_id: UUID | None = None
    usage_import_id: UUID | None = None
    prefer: Prefer = Prefer.LEAST_COST
    prices: tuple[OwnPrice, ...] = ()
    restricted_segments: bool = False


class Sources(msgspec.Struct, frozen=True):
    """Which sources a request names."""

    counts: bool
    accesses: bool
    accesses_import: bool


def chosen_source(given: Sources) -> Source:
    """Give the one source of a request.

    Raises:
        Malformed: `need.source_ambiguous`, when there is none or more than one.
    """
    named = [
        source
        for source, is_given in (
            (Source.COUNTS, given.counts),
            (Source.ACCESSES, given.accesses),
            (Source.ACCESSES_IMPORT, given.accesses_import),
        )
        if is_given
    ]
    if len(named) != 1:
        raise Malformed(
            "need.source_ambiguous",
            "Give exactly one of `counts`, `accesses` and `accesses_import_id`.",
            FieldProblem("", "exactly one of counts, accesses, accesses_import_id"),
        )
    return named[0]
