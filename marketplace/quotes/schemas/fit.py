"""How licences fit an environment, in words."""

from collections.abc import Iterable
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from marketplace.licensing.environments.fit import Better, Fit, FitVerdict, LineFit
from marketplace.licensing.environments.shortfall import Missing
from marketplace.licensing.environments.statements import Statement, statement_text
from marketplace.quotes.schemas.products import ProductOut

Pointer = Annotated[
    str, Meta(examples=["/servers/0"], description="Place in the environment (JSON pointer)")
]


class StatementOut(msgspec.Struct, frozen=True):
    """One sentence and the rule it rests on (`GET /v1/rules/{id}`)."""

    rule: Annotated[str, Meta(examples=["R02"])]
    text: str
    confirmed: Annotated[bool, Meta(description="False: rests on something no source states")]

    @classmethod
    def of(cls, statement: Statement, language: str) -> Self:
        """Write a statement."""
        text = statement_text(statement, language)
        return cls(statement.rule, text, statement.confirmed)


class MissingOut(msgspec.Struct, frozen=True, kw_only=True):
    """What is still to be had: `quantity` of `product`, the oldest that does."""

    targets: list[Pointer]
    quantity: Annotated[
        int, Meta(ge=0, description="Number of licences; 0: no licence is what is missing")
    ]
    product: Annotated[
        ProductOut | None, Meta(description="null: no licence without Software Assurance does")
    ]
    reason: StatementOut

    @classmethod
    def of(cls, missing: Missing, language: str) -> Self:
        """Write what is missing."""
        return cls(
            targets=list(missing.targets),
            quantity=missing.quantity,
            product=ProductOut.of(missing.product) if missing.product else None,
            reason=StatementOut.of(missing.statement, language),
        )


class ReachedOut(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the line covers a group of servers, and why."""

    target: Pointer
    covered: bool
    reason: StatementOut


class BetterOut(msgspec.Struct, frozen=True, kw_only=True):
    """What would do as well or better."""

    product: ProductOut
    quantity: Annotated[int, Meta(ge=0)]
    reason: StatementOut

    @classmethod
    def of(cls, better: Better, language: str) -> Self:
        """Write a suggestion."""
        return cls(
            product=ProductOut.of(better.product),
            quantity=better.quantity,
            reason=StatementOut.of(better.statement, language),
        )


class LineFitOut(msgspec.Struct, frozen=True, kw_only=True):
    """How one line fits the environment described, together with what is owned and the other lines."""

    verdict: FitVerdict
    reaches: list[ReachedOut]
    surplus: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="Licences more than the environment can use; null: not known"),
    ]
    missing: Annotated[list[MissingOut], Meta(description="What the line needs beside it")]
    notes: list[StatementOut]
    better: list[BetterOut]

    @classmethod
    def of(cls, line: LineFit, language: str) -> Self:
        """Write the fit of a line."""
        return cls(
            verdict=line.verdict,
            reaches=[
                ReachedOut(
                    target=row.target,
                    covered=row.covered,
                    reason=StatementOut.of(row.statement, language),
                )
                for row in line.reaches
            ],
            surplus=line.surplus,
            missing=[MissingOut.of(row, language) for row in line.missing],
            notes=_written(line.notes, language),
            better=[BetterOut.of(row, language) for row in line.better],
        )


class FitOut(msgspec.Struct, frozen=True, kw_only=True):
    """How the whole quote fits the environment described, as of the day it was made."""

    verdict: FitVerdict
    missing: Annotated[
        list[MissingOut], Meta(description="What neither is owned nor comes with this quote")
    ]
    conflicts: Annotated[
        list[StatementOut], Meta(description="What cannot be right as it was described")
    ]
    questions: Annotated[
        list[StatementOut], Meta(description="What must be answered before this is certain")
    ]
    rule_set_version: str

    @classmethod
    def of(cls, fit: Fit, language: str) -> Self:
        """Write the fit of a quote."""
        return cls(
            verdict=fit.verdict,
            missing=[MissingOut.of(row, language) for row in fit.missing],
            conflicts=_written(fit.conflicts, language),
            questions=_written(fit.questions, language),
            rule_set_version=fit.rule_set_version,
        )


def _written(statements: Iterable[Statement], language: str) -> list[StatementOut]:
    return [StatementOut.of(row, language) for row in statements]
