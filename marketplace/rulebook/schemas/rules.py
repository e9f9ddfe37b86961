"""What the API gives about rules: each with sentences in one language, sources, findings and cases."""

from datetime import date
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from marketplace.licensing.catalogue import Source
from marketplace.licensing.eligibility.findings import Outcome
from marketplace.licensing.eligibility.positions import EvidenceKind
from marketplace.licensing.rules import Chapter, Due
from marketplace.rulebook.service.rules import DatedEntry, FindingEntry, RuleBook, RuleEntry

RuleId = Annotated[str, Meta(examples=["C05"])]


class SourceOut(msgspec.Struct, frozen=True):
    """Where a rule was read."""

    id: Annotated[str, Meta(examples=["L22"])]
    title: Annotated[
        str, Meta(examples=["Enterprise Agreement clause on the duration of licences"])
    ]
    url: Annotated[str | None, Meta(description="null = not on the web")]
    quality: Annotated[
        str,
        Meta(
            description="How near it is to the court or the rightholder, from `court` to `memory`",
            examples=["contract"],
        ),
    ]

    @classmethod
    def of(cls, source: Source) -> Self:
        """Show a source."""
        return cls(source.id, source.title, source.url or None, source.quality)


class RuleDatesOut(msgspec.Struct, frozen=True):
    """A time in which the rule, or what it reacts to, applied."""

    valid_from: Annotated[date | None, Meta(description="First day; null = no beginning known")]
    valid_until: Annotated[date | None, Meta(description="Last day; null = still")]
    sentence: str

    @classmethod
    def of(cls, entry: DatedEntry) -> Self:
        """Show a time."""
        return cls(entry.dates.since, entry.dates.until, entry.sentence)


class RuleFindingOut(msgspec.Struct, frozen=True, kw_only=True):
    """What the rule can find. A field in braces stands where a real finding names a value."""

    code: Annotated[str, Meta(examples=["c05.not_vested"])]
    outcome: Outcome
    sentence: Annotated[str, Meta(examples=["The first term runs until {term_end_on}."])]
    cure: Annotated[str | None, Meta(description="What helps; null = nothing does, or none needed")]
    evidence: Annotated[list[EvidenceKind], Meta(description="Any one of these helps")]
    confirmed: Annotated[bool, Meta(description="false = the finding rests on no source")]

    @classmethod
    def of(cls, entry: FindingEntry) -> Self:
        """Show a finding."""
        return cls(
            code=entry.row.code,
            outcome=entry.row.outcome,
            sentence=entry.sentence,
            cure=entry.cure or None,
            evidence=list(entry.row.evidence),
            confirmed=entry.row.confirmed,
        )


class RuleCaseOut(msgspec.Struct, frozen=True):
    """A case that is tried with every release and holds the rule."""

    id: Annotated[str, Meta(examples=["c05-ea-first-term-running"])]
    title: str


class RuleOut(msgspec.Struct, frozen=True, kw_only=True):
    """One rule of the house."""

    id: RuleId
    chapter: Chapter
    sentence: str
    confirmed: Annotated[bool, Meta(description="false = no source we read states it; see `note`")]
    note: Annotated[str | None, Meta(description="What is not sure about it; null = nothing")]
    dates: Annotated[list[RuleDatesOut], Meta(description="Empty = it applies without a date")]
    sources: list[SourceOut]
    due: Annotated[
        Due | None,
        Meta(description="The step that waits for it; null = it is no condition of a sale"),
    ]
    evidence: Annotated[
        list[EvidenceKind], Meta(description="Papers that prove it; empty = no paper can")
    ]
    findings: list[RuleFindingOut]
    cases: list[RuleCaseOut]

    @classmethod
    def of(cls, entry: RuleEntry) -> Self:
        """Show a rule."""
        return cls(
            id=entry.row.id,
            chapter=entry.row.chapter,
            sentence=entry.sentence,
            confirmed=entry.row.confirmed,
            note=entry.doubt or None,
            dates=[RuleDatesOut.of(dated) for dated in entry.dates],
            sources=[SourceOut.of(source) for source in entry.sources],
            due=entry.row.due,
            evidence=list(entry.row.evidence),
            findings=[RuleFindingOut.of(finding) for finding in entry.findings],
            cases=[RuleCaseOut(case.id, case.title) for case in entry.cases],
        )


class RuleBookOut(msgspec.Struct, frozen=True):
    """The rules in one language."""

    version: Annotated[
        str,
        Meta(
            description="Of the rule set; findings carry it, and it changes whenever an answer may",
            examples=["2026-11-25.1"],
        ),
    ]
    language: Annotated[str, Meta(description="Of the sentences", examples=["en"])]
    rules: list[RuleOut]

    @classmethod
    def of(cls, book: RuleBook, chapter: Chapter | None) -> Self:
        """Show all rules, or those of one chapter."""
        chosen = book.rules if chapter is None else book.of(chapter)
        return cls(book.version, book.language, [RuleOut.of(rule) for rule in chosen])


class OneRuleOut(msgspec.Struct, frozen=True):
    """One rule, with the version of the rule set it belongs to."""

    version: Annotated[str, Meta(examples=["2026-11-25.1"])]
    language: Annotated[str, Meta(description="Of the sentences", examples=["en"])]
    rule: RuleOut

    @classmethod
    def of(cls, book: RuleBook, rule_id: str) -> Self:
        """Show one rule.

        Raises:
            NotFound: `rule.unknown`.
        """
        return cls(book.version, book.language, RuleOut.of(book.rule(rule_id)))
