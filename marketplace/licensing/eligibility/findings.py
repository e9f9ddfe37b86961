"""Findings: what a condition found, how bad it is, what cures it, and on which facts it rests.

Outcomes order as BLOCK > HOLD > RESTRICT > WARN > PASS. A missing paper holds (it may still come);
a negative fact blocks. Pass needs confirmed facts: `Case.find` turns a pass on an unconfirmed fact
into the rule's `unconfirmed` warning, so no rule can forget it.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum
from functools import cache

import msgspec

from marketplace.licensing.eligibility.positions import (
    EvidenceKind,
    EvidenceSummary,
    SourcePosition,
)
from marketplace.licensing.programmes import Programme
from marketplace.licensing.reading import Row, read_data
from marketplace.licensing.rules import Due, RuleRow, load_rule_set
from marketplace.licensing.zones import Zone


class Outcome(StrEnum):
    """How much a finding stands in the way; `severity` orders them."""

    PASS = "pass"  # noqa: S105 - the outcome, not a password
    WARN = "warn"
    RESTRICT = "restrict"
    HOLD = "hold"
    BLOCK = "block"

    @property
    def severity(self) -> int:
        """0 for a pass up to 4 for a block."""
        return _SEVERITY[self]


_SEVERITY = {outcome: place for place, outcome in enumerate(Outcome)}


class FindingRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A finding a rule can make, before it meets a position. `evidence`: any one of these kinds helps.

    Its sentences are `finding.<code>` and, where `curable`, `cure.<code>`, see `texts`.
    """

    code: str
    rule: str
    outcome: Outcome
    curable: bool = False
    evidence: tuple[EvidenceKind, ...] = ()
    sources: tuple[str, ...] = ()
    confirmed: bool = True


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one condition found about one position on one day.

    `message_key` and `cure_key` (empty when there is no cure) with `params` give the sentences, see
    `texts`. `recheck_on` is the day from which time alone may change the answer. `confirmed` is
    false when something behind it is stated by no source.
    """

    rule_id: str
    outcome: Outcome
    code: str
    due: Due
    message_key: str
    cure_key: str
    params: dict[str, str | int]
    evidence_kinds: tuple[EvidenceKind, ...]
    sources: tuple[str, ...]
    confirmed: bool
    checked_on: date
    rule_set_version: str
    recheck_on: date | None = None


class _FindingFile(msgspec.Struct, forbid_unknown_fields=True):
    finding: tuple[FindingRow, ...]


class Rules(msgspec.Struct, frozen=True):
    """The rule set: its version, all rules by id, and the findings by code."""

    version: str
    rules: dict[str, RuleRow]
    findings: dict[str, FindingRow]


@cache
def load_rules() -> Rules:
    """Return the rule set; read once per process."""
    book = load_rule_set()
    return Rules(
        version=book.version,
        rules=book.rules,
        findings={row.code: row for row in read_data("findings.toml", _FindingFile).finding},
    )


@cache
def evidence_for(rule_id: str) -> frozenset[EvidenceKind]:
    """Return the kinds of paper that can speak to a rule: what proves it, and what would cure a finding it can make."""
    rules = load_rules()
    cures = {
        kind for row in rules.findings.values() if row.rule == rule_id for kind in row.evidence
    }
    return frozenset(cures.union(rules.rules[rule_id].evidence))


class _Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What every finding of one code has in common, put together once."""

    row: FindingRow
    due: Due
    message_key: str
    cure_key: str
    sources: tuple[str, ...]
    version: str


@cache
def _frame_of(code: str) -> _Frame:
    rules = load_rules()
    row = rules.findings[code]
    rule = rules.rules[row.rule]
    return _Frame(
        row=row,
        # Only conditions make findings and all of them are due; the strictest step stands for a slip of the data.
        due=rule.due or Due.PUBLICATION,
        message_key=f"finding.{code}",
        cure_key=f"cure.{code}" if row.curable else "",
        sources=tuple(dict.fromkeys(row.sources or rule.sources)),
        version=rules.version,
    )


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One position under assessment. `programme` is its matrix row, None when the programme is not known."""

    position: SourcePosition
    evidence: EvidenceSummary
    on: date
    zone: Zone | None
    programme: Programme | None

    def is_shown(self, code: str) -> bool:
        """Say whether the evidence that would cure this finding is there."""
        return self.evidence.shows_any(_frame_of(code).row.evidence)

    def find(
        self,
        code: str,
        params: Mapping[str, str | int] | None = None,
        *,
        facts: Iterable[Row] = (),
        confirmed: bool = True,
        recheck_on: date | None = None,
    ) -> Finding:
        """Return the finding `code` about this case.

        `facts` are the data rows it rests on: their sources are added to the rule's, and an
        unconfirmed one makes the finding unconfirmed. `confirmed=False` says the same of a part of
        a row.
        """
        facts = tuple(facts)
        frame = _frame_of(code)
        is_confirmed = confirmed and frame.row.confirmed and all(fact.confirmed for fact in facts)
        if frame.row.outcome is Outcome.PASS and not is_confirmed:
            frame = _frame_of(f"{frame.row.rule.lower()}.unconfirmed")
        row, sources = frame.row, frame.sources
        if facts:
            of_facts = (source for fact in facts for source in fact.sources)
            sources = tuple(dict.fromkeys((*sources, *of_facts)))
        return Finding(
            rule_id=row.rule,
            outcome=row.outcome,
            code=row.code,
            due=frame.due,
            message_key=frame.message_key,
            cure_key=frame.cure_key,
            params=dict(params or {}),
            evidence_kinds=row.evidence,
            sources=sources,
            confirmed=is_confirmed,
            checked_on=self.on,
            rule_set_version=frame.version,
            recheck_on=recheck_on,
        )
