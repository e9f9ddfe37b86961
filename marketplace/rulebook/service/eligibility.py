"""Use case of eligibility: what the conditions find about a position somebody asks about. Nothing is stored."""

from datetime import date

import msgspec

from marketplace.licensing.eligibility.conditions import Verdict, assess, judge
from marketplace.licensing.eligibility.findings import Finding
from marketplace.licensing.eligibility.positions import (
    CeaseUse,
    EvidenceKind,
    SourcePosition,
    summarise,
)
from marketplace.licensing.rules import load_rule_set
from marketplace.licensing.zones import zone_of


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A position, the kinds of papers at hand, the signed declaration, and the country of a buyer."""

    position: SourcePosition
    evidence: frozenset[EvidenceKind]
    cease_use: CeaseUse | None
    buyer_country: str | None


class Eligibility(msgspec.Struct, frozen=True, kw_only=True):
    """All findings on one day, in rule order, and what they allow."""

    findings: tuple[Finding, ...]
    verdict: Verdict
    checked_on: date
    rule_set_version: str


def ask_eligibility(question: Question, on: date) -> Eligibility:
    """Assess a position as a listing of it would be on that day."""
    zone = None if question.buyer_country is None else zone_of(question.buyer_country)
    evidence = summarise(question.evidence, question.cease_use)
    findings = assess(question.position, evidence, on, zone)
    return Eligibility(
        findings=findings,
        verdict=judge(findings),
        checked_on=on,
        rule_set_version=load_rule_set().version,
    )
