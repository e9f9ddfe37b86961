"""Use cases of valuing: ask, compute in the background, look at the answer, revalue every product each night."""

from datetime import date
from functools import cache
from typing import Final
from uuid import UUID

import structlog

from marketplace.infra.work import View, Work
from marketplace.kernel.errors import FieldProblem, Malformed, NotFound
from marketplace.kernel.paging import Page, Window, page_of
from marketplace.licensing.catalogue import Product, load_catalogue
from marketplace.valuations import domain, store
from marketplace.valuations.domain import (
    NoEstimate,
    ProductFacts,
    State,
    Valuation,
    ValueRange,
    answer,
    facts_of,
    load_list_prices,
)
from marketplace.valuations.events import ValuationComputed, ValuationRequested

log = structlog.get_logger()

_CATALOGUE: Final = load_catalogue()
_PRICES: Final = load_list_prices()


def value_product(product: Product, on: date) -> ValueRange | NoEstimate:
    """Value one licence of a product on a day by the house's catalogue and list prices."""
    return domain.value_product(_CATALOGUE, _PRICES, product, on)


@cache
def list_products() -> tuple[ProductFacts, ...]:
    """Give every product that can be traded, by family, oldest version first."""
    return tuple(facts_of(_CATALOGUE, product) for product in _CATALOGUE.products.values())


async def request_valuation(work: Work, product_key: str, quantity: int) -> Valuation:
    """Take a request for a value; a worker computes it.

    Raises:
        Malformed: `product.unknown`, the catalogue has no such product.
    """
    product = _CATALOGUE.find_product(product_key)
    if product is None:
        raise Malformed(
            "product.unknown",
            "Name a product of the catalogue, for example `ws_cal-2019-user`; GET /v1/products lists them.",
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
    value = value_product(_CATALOGUE.product(valuation.product), work.now.date())
    answered = answer(valuation, value, work.now)
    if answered is valuation:
        return valuation
    await store.save_answer(work.connection, answered)
    work.announce(ValuationComputed(valuation_id=valuation_id))
    log.info("valuation.computed", valuation_id=str(valuation_id), state=answered.state.value)
    return answered


async def load_valuation(work: Work, valuation_id: UUID) -> Valuation:
    """Give a valuation of the calling company; staff may look at any.

    Raises:
        NotFound: there is none, or it is another company's (row level security decides).
    """
    valuation = await store.select_valuation(work.connection, valuation_id)
    if valuation is None:
        raise _not_found()
    return valuation


async def list_valuations(work: Work, window: Window) -> Page[Valuation]:
    """Give the calling company's valuations, newest first; staff see all."""
    company_id = None if work.principal.scope == "staff" else work.principal.company
    found = await store.select_page(work.connection, company_id, window)
    return page_of(found, window.limit, lambda valuation: (str(valuation.id),))


async def revalue_products(work: Work) -> int:
    """Value every product of the catalogue for today; give how many have a value. Again on the same day is harmless."""
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
    """Give the newest stored value of every product that has one."""
    return await store.select_product_values(view.connection, tuple(_CATALOGUE.products))


def _not_found() -> NotFound:
    return NotFound("valuation.unknown", "There is no such valuation for your company.")
