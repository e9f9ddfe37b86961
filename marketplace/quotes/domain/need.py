"""What a buyer asks for, and which products answer it: the version named, or newer ones that reach as far."""

from functools import lru_cache
from typing import Final

import msgspec

from marketplace.kernel.errors import FieldProblem, Malformed
from marketplace.licensing.catalogue import Metric, Product, load_catalogue
from marketplace.licensing.coverage import Coverage, covers, substitutes_for, versions_covering
from marketplace.licensing.texts import sentence

# Families, versions and metrics are few; unknown texts must not fill the memory.
_ANSWERS_KEPT: Final = 1024


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a request: licences of a `version`, or for a `covers_server_version` (exactly one of the two).

    Between `quantity` and `quantity_max` licences are welcome. `max_unit_price_minor` is net, per licence.
    `newer_versions` lets a newer version stand in for the one named. Licences of restricted segments (academic,
    government, charity: C13) are only taken when `restricted_segments` says so.
    """

    family: str
    metric: Metric
    quantity: int
    quantity_max: int
    version: str | None = None
    covers_server_version: str | None = None
    max_unit_price_minor: int | None = None
    newer_versions: bool = True
    restricted_segments: bool = False


class Reason(msgspec.Struct, frozen=True):
    """Why a product is delivered for what was asked: a coverage rule id and its sentence."""

    rule: str
    text: str


class Deliverable(msgspec.Struct, frozen=True):
    """A product that answers a line; no reason is needed for the very product that was named."""

    product: Product
    reason: Reason | None


def deliverables(asked: Asked, place: int) -> tuple[Deliverable, ...]:
    """Give the products that answer a line; `place` is its index in the request, for pointers.

    Raises:
        Malformed: `product.unknown` or `server_version.unknown`, pointing at the field, or `quote.line_ambiguous`.
    """
    pointer = f"/lines/{place}"
    if (asked.version is None) == (asked.covers_server_version is None):
        raise Malformed(
            "quote.line_ambiguous",
            "Each line names either `version` or `covers_server_version`.",
            FieldProblem(pointer, "exactly one of version and covers_server_version"),
        )
    if asked.version is not None:
        found = _for_version(asked.family, asked.version, asked.metric, pointer)
        return found if asked.newer_versions else found[:1]
    return _for_server(asked.family, asked.covers_server_version or "", asked.metric, pointer)


@lru_cache(maxsize=_ANSWERS_KEPT)
def _for_version(
    family: str,
    version: str,
    metric: Metric,
    pointer: str,
) -> tuple[Deliverable, ...]:
    wanted = load_catalogue().find_product(f"{family}-{version}-{metric.value}")
    if wanted is None:
        raise Malformed(
            "product.unknown",
            "The catalogue has no such product; GET /v1/products lists them.",
            FieldProblem(f"{pointer}/version", "unknown family, version or metric"),
        )
    return tuple(
        Deliverable(product, None if product == wanted else _stand_in(wanted, product))
        for product in substitutes_for(wanted)
    )


@lru_cache(maxsize=_ANSWERS_KEPT)
def _for_server(
    family: str, server_version: str, metric: Metric, pointer: str
) -> tuple[Deliverable, ...]:
    answers = versions_covering(family, server_version, metric)
    if not answers:
        raise Malformed(
            "server_version.unknown",
            "No licence of this family and metric is known to cover that server version.",
            FieldProblem(f"{pointer}/covers_server_version", "unknown, or nothing covers it"),
        )
    return tuple(Deliverable(answer.product, _reason(answer)) for answer in answers)


def _stand_in(wanted: Product, product: Product) -> Reason:
    """Say why `product` may stand in: it covers the newest server the wanted version covers."""
    catalogue = load_catalogue()
    servers = catalogue.servers_of(catalogue.family_of(wanted))
    newest = [server.id for server in servers if covers(wanted, server.id).usable][-1]
    return _reason(covers(product, newest))


def _reason(answer: Coverage) -> Reason:
    return Reason(answer.rule, sentence(answer.message_key, answer.params))
