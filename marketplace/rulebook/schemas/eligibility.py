"""What the API takes and gives about the eligibility of a position; nothing of it is stored."""

from datetime import date
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from marketplace.kernel.text import CountryCode, Quantity
from marketplace.licensing.eligibility.conditions import Verdict
from marketplace.licensing.eligibility.findings import Outcome
from marketplace.licensing.eligibility.positions import CeaseUse, EvidenceKind
from marketplace.listings.schemas import FindingOut, PositionBody
from marketplace.rulebook.service.eligibility import Eligibility, Question


class CeaseUseBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The seller's signed statement that licences are no longer used (C07)."""

    quantity: Quantity
    ended_on: Annotated[date, Meta(description="Last day of use")]
    licence_server_removed: Annotated[
        bool, Meta(description="For RDS: they were removed from the licence server")
    ] = False

    def to_value(self) -> CeaseUse:
        """Give the statement as a value."""
        return CeaseUse(
            quantity=self.quantity,
            ended_on=self.ended_on,
            licence_server_removed=self.licence_server_removed,
        )


class EligibilityRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A position, the papers at hand, and who would buy it."""

    position: PositionBody
    evidence: Annotated[
        tuple[EvidenceKind, ...],
        Meta(max_length=50, description="Kinds of papers at hand", examples=[["first_invoice"]]),
    ] = ()
    cease_use: Annotated[
        CeaseUseBody | None, Meta(description="The declaration, once it is signed")
    ] = None
    buyer_country: Annotated[
        CountryCode | None, Meta(description="Where the buyer is; null: nobody has asked for it")
    ] = None

    def to_question(self) -> Question:
        """Give the question as a value.

        Raises:
            Malformed: `product.unknown`.
        """
        return Question(
            position=self.position.to_value(),
            evidence=frozenset(self.evidence),
            cease_use=self.cease_use.to_value() if self.cease_use else None,
            buyer_country=self.buyer_country,
        )


class VerdictOut(msgspec.Struct, frozen=True, kw_only=True):
    """What the findings allow; the outcome is the worst of them."""

    outcome: Outcome
    may_submit: Annotated[bool, Meta(description="Nothing blocks: a person may look at it")]
    may_publish: bool
    may_match: bool
    may_transfer: bool
    is_restricted: bool
    confirmed: Annotated[bool, Meta(description="False: rests on something no source states")]
    recheck_on: Annotated[date | None, Meta(description="Time alone may change it from this day")]

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """Write a verdict."""
        return cls(**{name: getattr(verdict, name) for name in cls.__struct_fields__})


class EligibilityOut(msgspec.Struct, frozen=True, kw_only=True):
    """What every condition finds today. The same facts on the same day give the same findings."""

    verdict: VerdictOut
    findings: Annotated[list[FindingOut], Meta(description="In the order of the rules")]
    checked_on: date
    rule_set_version: str

    @classmethod
    def of(cls, answer: Eligibility, language: str) -> Self:
        """Write the answer in one language."""
        return cls(
            verdict=VerdictOut.of(answer.verdict),
            findings=[FindingOut.of(row, language) for row in answer.findings],
            checked_on=answer.checked_on,
            rule_set_version=answer.rule_set_version,
        )
