"""Findings as routes give them: sentences for people, codes for programs, and where it is written."""

from datetime import date
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from marketplace.kernel.language import DEFAULT
from marketplace.licensing.catalogue import load_catalogue
from marketplace.licensing.eligibility.findings import Finding, Outcome
from marketplace.licensing.eligibility.positions import EvidenceKind
from marketplace.licensing.rules import Due
from marketplace.licensing.texts import cure_text, finding_text


class FindingSource(msgspec.Struct, frozen=True):
    """Where a finding's rule was read."""

    id: Annotated[str, Meta(examples=["L22"])]
    title: str
    url: Annotated[str, Meta(description="Empty when the source has no address")]

    @classmethod
    def of(cls, source_id: str) -> Self:
        """Write a source; one that a later catalogue no longer has keeps its id as title."""
        found = load_catalogue().sources.get(source_id)
        return cls(source_id, found.title if found else source_id, found.url if found else "")


class FindingOut(msgspec.Struct, frozen=True, kw_only=True):
    """What one condition found, and what cures it."""

    rule: Annotated[str, Meta(examples=["C05"])]
    code: Annotated[str, Meta(examples=["c05.not_vested"])]
    outcome: Outcome
    due: Annotated[Due, Meta(description="The step that waits for it")]
    text: str
    cure: Annotated[str, Meta(description="What to do about it; empty when nothing can be done")]
    evidence_kinds: Annotated[list[EvidenceKind], Meta(description="Any one of these papers helps")]
    confirmed: Annotated[bool, Meta(description="False: rests on something no source states")]
    checked_on: date
    recheck_on: Annotated[date | None, Meta(description="Time alone may change it from this day")]
    rule_set_version: str
    sources: Annotated[list[FindingSource], Meta(description="The law, contract or page behind it")]

    @classmethod
    def of(cls, finding: Finding, language: str = DEFAULT) -> Self:
        """Write a finding with its sentences."""
        return cls(
            rule=finding.rule_id,
            code=finding.code,
            outcome=finding.outcome,
            due=finding.due,
            text=finding_text(finding, language),
            cure=cure_text(finding, language),
            evidence_kinds=list(finding.evidence_kinds),
            confirmed=finding.confirmed,
            checked_on=finding.checked_on,
            recheck_on=finding.recheck_on,
            rule_set_version=finding.rule_set_version,
            sources=[FindingSource.of(source) for source in finding.sources],
        )


class Findings(msgspec.Struct, frozen=True):
    """All findings, in rule order."""

    items: list[FindingOut]
