"""From a draft to the answer: what can be bought and sold next, on today's market."""

from collections.abc import Sequence

import msgspec

from marketplace.infra.work import Work
from marketplace.licensing.catalogue import load_catalogue
from marketplace.licensing.environments.environment import OwnedCal
from marketplace.licensing.environments.statements import Statement, state
from marketplace.licensing.need.options import Option
from marketplace.needs.domain.answer import Answer, Draft, FollowUps
from marketplace.needs.domain.holding import Holdings
from marketplace.needs.domain.market import Market, Shopper
from marketplace.needs.domain.shortfall import answers_to, fill_shortfall
from marketplace.needs.domain.surplus import left_over, offer_surplus
from marketplace.needs.service.market import find_offers
from marketplace.quotes.domain.allocation import OFFERS_MAX


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer is made on: what is owned, the prices of the day of the request, and who would buy."""

    holdings: Holdings
    market: Market
    shopper: Shopper


async def conclude(work: Work, draft: Draft, scene: Scene) -> Answer:
    """Make the follow-ups of the chosen option; without one there is nothing to buy yet."""
    chosen = next((option for option in draft.options if option.kind is draft.chosen), None)
    follow_ups = FollowUps()
    if chosen is not None:
        follow_ups = await _follow_up(work, chosen, draft.spare, scene)
    return Answer(
        options=draft.options,
        advice=draft.advice,
        chosen=draft.chosen,
        external=draft.external,
        accesses=draft.accesses,
        statements=(*scene.holdings.statements, *_spare_statements(draft.spare)),
        follow_ups=follow_ups,
    )


async def _follow_up(
    work: Work, chosen: Option, spare: Sequence[OwnedCal], scene: Scene
) -> FollowUps:
    shortfall = chosen.gap.shortfall
    offers = {
        offer.listing_id: offer
        for products in answers_to(shortfall)
        for offer in await find_offers(work, products, scene.shopper, OFFERS_MAX)
    }
    filled = fill_shortfall(shortfall, tuple(offers.values()), scene.shopper, scene.market.currency)
    surplus = left_over(chosen.gap.surplus, spare)
    offering = offer_surplus(surplus, scene.holdings.positions, scene.market)
    return FollowUps(
        quotes=filled.quotes,
        listings=offering.listings,
        missing=filled.missing,
        statements=offering.statements,
    )


def _spare_statements(spare: Sequence[OwnedCal]) -> tuple[Statement, ...]:
    name = load_catalogue().product_name
    return tuple(
        state(
            "R12",
            "need_answer.spare",
            {"product": name(row.product), "quantity": row.quantity},
        )
        for row in spare
    )
