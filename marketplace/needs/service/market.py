"""Reading today's market for one company."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from marketplace.infra.work import Work
from marketplace.licensing.catalogue import Product
from marketplace.listings import service as listings
from marketplace.listings.domain.market import Offer, Wanted
from marketplace.needs.domain.market import Market, OwnPrice, Seen, Shopper
from marketplace.parties import service as parties
from marketplace.valuations import service as valuations
from marketplace.valuations.domain import ValueRange

OFFERS_MAX: Final = 2_000
"""Offers read at once, the cheapest first. When there are more, each product is asked for by itself, so that a large
market for one product cannot hide another one."""


async def shopper_of(work: Work, company_id: UUID, *, restricted_segments: bool) -> Shopper:
    """Give a company as a buyer; it need not be verified to ask."""
    company = await parties.load_company(work, company_id)
    return Shopper(
        company_id=company.id, zone=company.zone, restricted_segments=restricted_segments
    )


async def find_offers(
    work: Work, products: Sequence[Product], shopper: Shopper, most: int
) -> list[Offer]:
    """Give what is on sale of these products to this company: the cheapest `most`, less what it may not take."""
    found = await listings.offers_for(work, Wanted(products=tuple(products), offers_max=most))
    return [offer for offer in found if shopper.may_take(offer)]


async def see_market(
    work: Work,
    products: Sequence[Product],
    shopper: Shopper,
    own: Sequence[OwnPrice],
    currency: str,
) -> Market:
    """Give the prices of these products today."""
    today = work.now.date()
    values = {product: valuations.value_product(product, today) for product in products}
    seen = Seen(
        products=products,
        offers=await _all_offers(work, products, shopper),
        values={
            product: value for product, value in values.items() if isinstance(value, ValueRange)
        },
        own=own,
    )
    return Market.see(seen, currency, today)


async def _all_offers(work: Work, products: Sequence[Product], shopper: Shopper) -> list[Offer]:
    found = await listings.offers_for(work, Wanted(products=tuple(products), offers_max=OFFERS_MAX))
    if len(found) < OFFERS_MAX:
        return [offer for offer in found if shopper.may_take(offer)]
    return [
        offer
        for product in products
        for offer in await find_offers(work, [product], shopper, OFFERS_MAX)
    ]
