"""What the API gives about the coverage of an environment. What it takes is the environment of quotes."""

from typing import Annotated, Self

import msgspec
from msgspec import Meta

from marketplace.licensing.catalogue import Metric, Product
from marketplace.licensing.environments.coverage import (
    EnvironmentCoverage,
    GroupCoverage,
    Need,
    Option,
)
from marketplace.licensing.environments.statements import Statement
from marketplace.quotes.schemas.fit import Pointer, StatementOut
from marketplace.quotes.schemas.products import ProductOut


class OptionOut(msgspec.Struct, frozen=True, kw_only=True):
    """One way to answer a need. Products are given oldest first; any one of `products` does."""

    metric: Metric
    quantity: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="How many licences it takes; null: not known"),
    ]
    products: list[ProductOut]
    unconfirmed: Annotated[
        list[ProductOut], Meta(description="These may do, but no source states it")
    ]
    not_held: Annotated[
        list[ProductOut],
        Meta(
            description="These reach the session host, but no licence server described can hold them"
        ),
    ]
    reason: Annotated[StatementOut | None, Meta(description="Why the first of them does")]

    @classmethod
    def of(cls, option: Option, language: str) -> Self:
        """Write an option."""
        return cls(
            metric=option.metric,
            quantity=option.quantity,
            products=_products(option.products),
            unconfirmed=_products(option.unconfirmed),
            not_held=_products(option.not_held),
            reason=StatementOut.of(option.statement, language) if option.statement else None,
        )


class CoverageNeedOut(msgspec.Struct, frozen=True, kw_only=True):
    """Licences of one family that a group of servers needs: any one of the options."""

    family: Annotated[str, Meta(examples=["ws_cal"])]
    reason: StatementOut
    options: list[OptionOut]

    @classmethod
    def of(cls, need: Need, language: str) -> Self:
        """Write a need."""
        return cls(
            family=need.family,
            reason=StatementOut.of(need.statement, language),
            options=[OptionOut.of(row, language) for row in need.options],
        )


class GroupCoverageOut(msgspec.Struct, frozen=True, kw_only=True):
    """One group of servers: either `free` says why nobody needs a CAL, or all `needs` are to be met."""

    target: Pointer
    server: Annotated[str, Meta(examples=["Windows Server 2019"])]
    free: StatementOut | None
    needs: list[CoverageNeedOut]
    notes: list[StatementOut]

    @classmethod
    def of(cls, group: GroupCoverage, language: str) -> Self:
        """Write a group."""
        return cls(
            target=group.target,
            server=group.server,
            free=StatementOut.of(group.free, language) if group.free else None,
            needs=[CoverageNeedOut.of(row, language) for row in group.needs],
            notes=_written(group.notes, language),
        )


class CoverageOut(msgspec.Struct, frozen=True, kw_only=True):
    """What an environment needs."""

    groups: list[GroupCoverageOut]
    notes: list[StatementOut]
    conflicts: Annotated[
        list[StatementOut], Meta(description="What cannot be right as it was described")
    ]
    questions: Annotated[
        list[StatementOut], Meta(description="What must be answered before this is certain")
    ]
    confirmed: Annotated[
        bool, Meta(description="True: sources state everything said here, and nothing is open")
    ]
    rule_set_version: str

    @classmethod
    def of(cls, answer: EnvironmentCoverage, language: str) -> Self:
        """Write the answer in one language."""
        return cls(
            groups=[GroupCoverageOut.of(row, language) for row in answer.groups],
            notes=_written(answer.notes, language),
            conflicts=_written(answer.conflicts, language),
            questions=_written(answer.questions, language),
            confirmed=answer.confirmed,
            rule_set_version=answer.rule_set_version,
        )


def _products(products: tuple[Product, ...]) -> list[ProductOut]:
    return [ProductOut.of(row) for row in products]


def _written(statements: tuple[Statement, ...], language: str) -> list[StatementOut]:
    return [StatementOut.of(row, language) for row in statements]
