"""What the API gives for a need. Amounts are net, without the operator's fee and VAT."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from marketplace.kernel.ids import format_id, pattern
from marketplace.kernel.money import Money
from marketplace.licensing.catalogue import Metric
from marketplace.licensing.environments.statements import Statement
from marketplace.licensing.need.external import Connectors, External
from marketplace.licensing.need.gap import Amount, Gap, NeedLine
from marketplace.licensing.need.kinds import Kind
from marketplace.licensing.need.options import Option, OptionKind
from marketplace.licensing.need.prices import PriceSource, UnitPrice
from marketplace.needs.domain.answer import Answer, Missing
from marketplace.needs.domain.market import Market, Priced
from marketplace.needs.domain.need import STEPS, Need, NeedState
from marketplace.needs.domain.request import Source
from marketplace.needs.schemas.accesses import AccessesOut
from marketplace.needs.schemas.follow_ups import FollowUpOut, follow_ups_of
from marketplace.quotes.schemas.fit import StatementOut
from marketplace.quotes.schemas.products import ProductOut

NeedKey = Annotated[str, Meta(pattern=pattern("ned"))]


class ProgressOut(msgspec.Struct, frozen=True):
    """How far a need from an import is."""

    step: Annotated[int, Meta(ge=0, description="Steps that are over: read, solve, price")]
    steps: int
    done: Annotated[int, Meta(ge=0, description="Accesses that are licensed")]
    total: Annotated[int, Meta(ge=0, description="Different accesses; 0 until they are read")]


class FailureOut(msgspec.Struct, frozen=True):
    """Why there is no answer."""

    code: Annotated[str, Meta(examples=["need.too_many_accesses"])]
    detail: str


class PriceOut(msgspec.Struct, frozen=True):
    """What one licence costs and where that was seen, on which day (null: your own price)."""

    amount: Money
    source: PriceSource
    seen_on: date | None

    @classmethod
    def of(cls, price: UnitPrice | None, currency: str) -> Self | None:
        """Write a price; None when it is not known."""
        if price is None:
            return None
        return cls(Money(price.amount_minor, currency), price.source, price.on)


class WorthOut(msgspec.Struct, frozen=True):
    """What one licence is worth, in a currency of its own: shown beside the price, added up only in the same one."""

    mid: Money
    grade: str
    as_of_on: date


class MarketPriceOut(msgspec.Struct, frozen=True, kw_only=True):
    """What was known about the price of a product on the day of the request; `price` null: none is known."""

    product: ProductOut
    price: PriceOut | None
    free: Annotated[int, Meta(ge=0, description="Licences on sale to you, at this price or more")]
    value: WorthOut | None

    @classmethod
    def of(cls, row: Priced, currency: str) -> Self:
        """Write what is known."""
        worth = row.worth
        value = None
        if worth is not None:
            value = WorthOut(Money(worth.mid_minor, worth.currency), worth.grade, worth.on)
        return cls(
            product=ProductOut.of(row.product),
            price=PriceOut.of(row.price, currency),
            free=row.free,
            value=value,
        )


class AmountOut(msgspec.Struct, frozen=True, kw_only=True):
    """So many licences of a product."""

    product: ProductOut
    quantity: Annotated[int, Meta(ge=0)]


class PricedAmountOut(AmountOut, frozen=True, kw_only=True):
    """So many licences of a product with the price of one; null: not known."""

    price: PriceOut | None
    too_old: Annotated[bool, Meta(description="They reach none of the servers named")]

    @classmethod
    def of(cls, row: Amount, currency: str) -> Self:
        """Write an amount."""
        return cls(
            product=ProductOut.of(row.product),
            quantity=row.quantity,
            price=PriceOut.of(row.price, currency),
            too_old=row.too_old,
        )


class LineOut(msgspec.Struct, frozen=True, kw_only=True):
    """Licences of one kind: how many are needed, what owned ones serve, what must be bought."""

    kind: Kind
    metric: Metric
    needed: Annotated[int, Meta(ge=0, description="Beyond those held by a named holder")]
    served: Annotated[list[AmountOut], Meta(description="Licences owned")]
    to_buy: Annotated[int, Meta(ge=0)]
    product: Annotated[
        ProductOut | None, Meta(description="The cheapest that does; null: the catalogue has none")
    ]
    price: PriceOut | None
    cost: Annotated[Money | None, Meta(description="null: no price is known")]

    @classmethod
    def of(cls, line: NeedLine, currency: str) -> Self:
        """Write a line."""
        return cls(
            kind=line.kind,
            metric=line.kind.metric,
            needed=line.needed,
            served=[
                AmountOut(product=ProductOut.of(row.product), quantity=row.quantity)
                for row in line.served
            ],
            to_buy=line.to_buy,
            product=ProductOut.of(line.product) if line.product else None,
            price=PriceOut.of(line.price, currency),
            cost=None if line.cost_minor is None else Money(line.cost_minor, currency),
        )


class GapOut(msgspec.Struct, frozen=True, kw_only=True):
    """Owned against needed. `cost` of the shortfall, `value` of the surplus; null while a price in it is not known."""

    lines: list[LineOut]
    shortfall: list[PricedAmountOut]
    surplus: list[PricedAmountOut]
    cost: Money | None
    value: Money | None
    statements: list[StatementOut]

    @classmethod
    def of(cls, gap: Gap, currency: str, language: str) -> Self:
        """Write a gap."""
        return cls(
            lines=[LineOut.of(row, currency) for row in gap.lines],
            shortfall=[PricedAmountOut.of(row, currency) for row in gap.shortfall],
            surplus=[PricedAmountOut.of(row, currency) for row in gap.surplus],
            cost=gap.cost,
            value=gap.value,
            statements=_written(gap.statements, language),
        )


class OptionOut(msgspec.Struct, frozen=True, kw_only=True):
    """One way to license everybody. `cost` is that of what must be bought."""

    kind: OptionKind
    cost: Money | None
    licences: Annotated[int, Meta(ge=0, description="Licences to buy")]
    gap: GapOut

    @classmethod
    def of(cls, option: Option, currency: str, language: str) -> Self:
        """Write an option."""
        return cls(
            kind=option.kind,
            cost=option.cost,
            licences=option.gap.licences,
            gap=GapOut.of(option.gap, currency, language),
        )


class ConnectorsOut(msgspec.Struct, frozen=True, kw_only=True):
    """External Connectors: one per server."""

    product: ProductOut | None
    quantity: int
    price: PriceOut | None

    @classmethod
    def of(cls, row: Connectors, currency: str) -> Self:
        """Write connectors."""
        choice = row.choice
        return cls(
            product=ProductOut.of(choice.product) if choice else None,
            quantity=row.quantity,
            price=PriceOut.of(choice.price, currency) if choice else None,
        )


class ExternalOut(msgspec.Struct, frozen=True, kw_only=True):
    """External users: CALs for them beside External Connectors for the servers (R10)."""

    recommended: Annotated[
        Metric | None,
        Meta(description="`user`: CALs; `server`: connectors; null: a price is missing"),
    ]
    cals: GapOut
    connectors: list[ConnectorsOut]
    connectors_cost: Money | None
    break_even: Annotated[
        Money | None, Meta(description="Price of one connector at which both ways cost the same")
    ]
    statements: list[StatementOut]

    @classmethod
    def of(cls, external: External, currency: str, language: str) -> Self:
        """Write both ways."""
        return cls(
            recommended=external.recommended,
            cals=GapOut.of(external.cals, currency, language),
            connectors=[ConnectorsOut.of(row, currency) for row in external.connectors],
            connectors_cost=external.connectors_cost,
            break_even=external.break_even,
            statements=_written(external.statements, language),
        )


class AnswerOut(msgspec.Struct, frozen=True, kw_only=True):
    """The answer; sentences in the language asked for."""

    recommended: Annotated[
        OptionKind | None, Meta(description="null: a price is missing, `advice` says which")
    ]
    chosen: Annotated[
        OptionKind | None, Meta(description="The option the follow-ups are for, see `prefer`")
    ]
    options: list[OptionOut]
    advice: list[StatementOut]
    external: ExternalOut | None
    accesses: AccessesOut | None
    notes: list[StatementOut]
    follow_ups: Annotated[
        list[FollowUpOut], Meta(description="Send `body` to `href` as it is to do it")
    ]
    not_on_sale: Annotated[
        list[AmountOut], Meta(description="Missing licences that nobody offers you today")
    ]

    @classmethod
    def of(cls, need: Need, answer: Answer, language: str) -> Self:
        """Write the answer."""
        currency, done = need.market.currency, answer.follow_ups
        need_id = format_id("ned", need.id)
        return cls(
            recommended=answer.advice.recommended,
            chosen=answer.chosen,
            options=[OptionOut.of(row, currency, language) for row in answer.options],
            advice=_written(answer.advice.statements, language),
            external=ExternalOut.of(answer.external, currency, language)
            if answer.external
            else None,
            accesses=AccessesOut.of(answer.accesses, need_id) if answer.accesses else None,
            notes=_written((*answer.statements, *done.statements), language),
            follow_ups=follow_ups_of(done, language),
            not_on_sale=[_missing(row) for row in done.missing],
        )


class NeedSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A need in a list."""

    id: NeedKey
    state: NeedState
    source: Source
    requested_at: datetime
    ended_at: datetime | None
    recommended: OptionKind | None
    cost: Annotated[Money | None, Meta(description="Of the chosen option")]

    @classmethod
    def of(cls, need: Need) -> Self:
        """Write a need."""
        answer = need.answer
        chosen = [row for row in answer.options if row.kind is answer.chosen] if answer else []
        return cls(
            id=format_id("ned", need.id),
            state=need.state,
            source=need.asked.source,
            requested_at=need.requested_at,
            ended_at=need.ended_at,
            recommended=answer.advice.recommended if answer else None,
            cost=chosen[0].cost if chosen else None,
        )


class NeedOut(msgspec.Struct, frozen=True, kw_only=True):
    """A need: `answer` once its state is `done`, `failure` when it failed. No name of a person stands here."""

    id: NeedKey
    state: NeedState
    source: Source
    progress: ProgressOut
    requested_at: datetime
    ended_at: datetime | None
    currency: Annotated[str, Meta(description="All costs are in this currency", examples=["EUR"])]
    prices: Annotated[
        list[MarketPriceOut], Meta(description="Of the products that matter, on the day asked")
    ]
    answer: AnswerOut | None
    failure: FailureOut | None

    @classmethod
    def of(cls, need: Need, language: str) -> Self:
        """Write a need in one language."""
        failure, progress = need.failure, need.progress
        return cls(
            id=format_id("ned", need.id),
            state=need.state,
            source=need.asked.source,
            progress=ProgressOut(int(progress.step), STEPS, progress.done, progress.total),
            requested_at=need.requested_at,
            ended_at=need.ended_at,
            currency=need.market.currency,
            prices=list(_prices(need.market, need.answer)),
            answer=AnswerOut.of(need, need.answer, language) if need.answer else None,
            failure=FailureOut(failure.code, failure.detail) if failure else None,
        )


class NeedPage(msgspec.Struct, frozen=True):
    """Needs, newest first."""

    items: list[NeedSummary]
    next_cursor: str | None


def _prices(market: Market, answer: Answer | None) -> Iterator[MarketPriceOut]:
    """Write what is known of each product that has a price, and that no price is known for one the answer names."""
    lines = [line for option in answer.options for line in option.gap.lines] if answer else []
    named = {line.product for line in lines}
    for row in market.products:
        if row.price is not None or row.product in named:
            yield MarketPriceOut.of(row, market.currency)


def _missing(row: Missing) -> AmountOut:
    return AmountOut(product=ProductOut.of(row.product), quantity=row.quantity)


def _written(statements: tuple[Statement, ...], language: str) -> list[StatementOut]:
    return [StatementOut.of(row, language) for row in statements]
