"""Use cases of valuing: ask, compute in the background, look at the answer, revalue every product each night."""

from datetime import date
from typing import Final
from uuid import UUID

import msgspec
import structlog

from marketplace.infra.work import View, Work
from marketplace.kernel.errors import FieldProblem, Malformed, NotFound
from marketplace.kernel.paging import Page, decode_cursor, page_of
from marketplace.licensing.catalogue import Product, load_catalogue
from marketplace.valuations import store
from marketplace.valuations.domain import (
    Lifecycle,
    State,
    Valuation,
    ValueRange,
    anchor_price,
    estimate,
    load_list_prices,
)
from marketplace.valuations.events import ValuationComputed, ValuationRequested

log = structlog.get_logger()

_CATALOGUE: Final = load_catalogue()
_PRICES: Final = load_list_prices()
NO_LIST_PRICE: Final = (
    "No confirmed list price is known for this family and metric, so there is no estimate."
)
NO_LIFECYCLE: Final = "The dates of this version are not confirmed, so there is no estimate."


def value_product(product: Product, on: date) -> ValueRange | str:
    """Value one licence of a product on a day; a text says why there is no estimate."""
    price = anchor_price(_PRICES, product.family, product.metric, on)
    if price is None:
        return NO_LIST_PRICE
    life = _CATALOGUE.lifecycle_of(product)
    if life is None:
        return NO_LIFECYCLE
    newer = _CATALOGUE.newer_versions(product, on)
    return estimate(price, Lifecycle(life.start_on, life.extended_end_on, newer), on)


async def request_valuation(work: Work, product_key: str, quantity: int) -> Valuation:
    """Take a request for a value; a worker computes it."""
    product = _CATALOGUE.find_product(product_key)
    if product is None:
        raise Malformed(
            "product.unknown",
            "Name a product of the catalogue, for example `ws_cal-2019-user`; see GET /v1/products.",
            FieldProblem("/product", "unknown product"),
        )
    valuation = Valuation(
        id=work.new_id(),
        company_id=work.principal.company,
        product=product.key,
        quantity=quantity,
        state=State.PENDING,
        requested_at=work.now,
    )
    await store.insert_valuation(work.connection, valuation)
    work.announce(ValuationRequested(valuation_id=valuation.id))
    log.info("valuation.requested", valuation_id=str(valuation.id), product=valuation.product)
    return valuation


async def compute_valuation(work: Work, valuation_id: UUID) -> Valuation:
    """Compute a requested value; one that has its answer stays as it is."""
    valuation = await store.select_valuation(work.connection, valuation_id, lock=True)
    if valuation is None:
        raise _not_found()
    if valuation.state is not State.PENDING:
        return valuation
    value = value_product(_CATALOGUE.product(valuation.product), work.now.date())
    answered = msgspec.structs.replace(
        valuation,
        state=State.NO_ESTIMATE if isinstance(value, str) else State.COMPUTED,
        value=None if isinstance(value, str) else value,
        reason=value if isinstance(value, str) else None,
        computed_at=work.now,
    )
    await store.save_answer(work.connection, answered)
    work.announce(ValuationComputed(valuation_id=valuation_id))
    log.info("valuation.computed", valuation_id=str(valuation_id), state=answered.state.value)
    return answered


async def load_valuation(work: Work, valuation_id: UUID) -> Valuation:
    """Give a valuation of the calling company."""
    valuation = await store.select_valuation(work.connection, valuation_id)
    if valuation is None:
        raise _not_found()
    return valuation


async def list_valuations(work: Work, cursor: str | None, limit: int) -> Page[Valuation]:
    """Give the calling company's valuations, newest first."""
    before = decode_cursor(cursor, tuple[UUID]) if cursor else None
    found = await store.select_page(work.connection, work.principal.company, before, limit)
    return page_of(found, limit, lambda valuation: (str(valuation.id),))


async def revalue_products(work: Work) -> int:
    """Value every product of the catalogue for today; give how many have a value."""
    today = work.now.date()
    values: list[tuple[str, ValueRange]] = []
    for key, product in _CATALOGUE.products.items():
        value = value_product(product, today)
        if isinstance(value, ValueRange):
            values.append((key, value))
    await store.insert_product_values(work.connection, values, work.now)
    log.info("products.revalued", valued=len(values), of=len(_CATALOGUE.products))
    return len(values)


async def list_product_values(view: View) -> list[tuple[str, ValueRange]]:
    """Give the newest stored value of every product."""
    return await store.select_product_values(view.connection)


def _not_found() -> NotFound:
    return NotFound("valuation.unknown", "There is no such valuation for your company.")
