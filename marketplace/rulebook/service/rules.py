"""The rule book: every rule with its sentences, sources, findings and the cases that hold it. No database."""

from functools import cache

import msgspec

from marketplace.kernel.errors import NotFound
from marketplace.kernel.language import preferred
from marketplace.licensing.cases.reading import cases_for, title_of
from marketplace.licensing.catalogue import Source, load_catalogue
from marketplace.licensing.eligibility.findings import FindingRow, load_rules
from marketplace.licensing.rules import Chapter, RuleDate, RuleRow
from marketplace.licensing.texts import catalogues


class DatedEntry(msgspec.Struct, frozen=True):
    """A time that belongs to a rule and what it says."""

    dates: RuleDate
    sentence: str


class FindingEntry(msgspec.Struct, frozen=True):
    """A finding that a rule can make; its sentences still have their fields in braces. `cure` may be empty."""

    row: FindingRow
    sentence: str
    cure: str


class CaseEntry(msgspec.Struct, frozen=True):
    """A case that holds a rule, as one sentence."""

    id: str
    title: str


class RuleEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A rule in one language. `doubt` says what is not sure about it and may be empty."""

    row: RuleRow
    sentence: str
    doubt: str
    dates: tuple[DatedEntry, ...]
    sources: tuple[Source, ...]
    findings: tuple[FindingEntry, ...]
    cases: tuple[CaseEntry, ...]


class RuleBook(msgspec.Struct, frozen=True):
    """All rules in one language, in the order of the rule set. `version` is that of the rule set."""

    version: str
    language: str
    rules: tuple[RuleEntry, ...]

    def of(self, chapter: Chapter) -> tuple[RuleEntry, ...]:
        """Give the rules of one chapter."""
        return tuple(rule for rule in self.rules if rule.row.chapter is chapter)

    def rule(self, rule_id: str) -> RuleEntry:
        """Give one rule.

        Raises:
            NotFound: `rule.unknown`, when there is none with this id.
        """
        for rule in self.rules:
            if rule.row.id == rule_id:
                return rule
        raise NotFound("rule.unknown", "No rule has this id. GET /v1/rules lists all of them.")


def speak(wishes: str) -> str:
    """Choose the language of the rule book from what is asked for, in the form of an `Accept-Language` header."""
    return preferred(wishes, catalogues())


@cache
def read_rules(language: str) -> RuleBook:
    """Give the rule book in one of its languages, see `speak`; put together once per process and language."""
    rules = load_rules()
    entries = tuple(_entry(row, language) for row in rules.rules.values())
    return RuleBook(rules.version, language, entries)


def _entry(row: RuleRow, language: str) -> RuleEntry:
    texts, sources = catalogues()[language], load_catalogue().sources
    found = [finding for finding in load_rules().findings.values() if finding.rule == row.id]
    cited = dict.fromkeys((*row.sources, *(key for finding in found for key in finding.sources)))
    return RuleEntry(
        row=row,
        sentence=texts[f"rule.{row.id}"],
        doubt=texts.get(f"doubt.{row.id}", ""),
        dates=tuple(DatedEntry(dated, texts[f"date.{row.id}.{dated.id}"]) for dated in row.dates),
        sources=tuple(sources[key] for key in cited),
        findings=tuple(
            FindingEntry(
                finding,
                texts[f"finding.{finding.code}"],
                texts[f"cure.{finding.code}"] if finding.curable else "",
            )
            for finding in found
        ),
        cases=tuple(CaseEntry(case.id, title_of(case, language)) for case in cases_for(row.id)),
    )
