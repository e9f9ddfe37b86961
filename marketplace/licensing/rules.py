"""The rule set: every rule the house applies, one row each, with its sources and the version of the whole."""

from datetime import date
from enum import StrEnum
from functools import cache

import msgspec

from marketplace.licensing.eligibility.positions import EvidenceKind
from marketplace.licensing.reading import Row, read_data


class Due(StrEnum):
    """The step that waits for a condition. Earlier steps may go on while it is open."""

    PUBLICATION = "before_publication"
    MATCH = "before_match"
    TRANSFER = "before_transfer"


class Chapter(StrEnum):
    """What a rule is about."""

    CONDITIONS = "conditions"
    BASE = "base"
    RDS = "rds"
    FAMILIES = "families"


class RuleDate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time in which a rule, or what it reacts to, applied; first and last day, None = no such end.

    Its sentence is `date.<rule>.<id>`.
    """

    id: str
    since: date | None = None
    until: date | None = None


class RuleRow(Row, frozen=True, kw_only=True):
    """One rule; its sentence is `rule.<id>`, and `doubt.<id>` says what is not sure about it, if anything; see `texts`.

    For a condition (C01 to C22) `due` says what waits for it, `evidence` names the papers that prove it (empty where
    only declarations or our books speak). A rule without `dates` applies whenever it is asked.
    """

    id: str
    chapter: Chapter
    due: Due | None = None
    evidence: tuple[EvidenceKind, ...] = ()
    dates: tuple[RuleDate, ...] = ()


class RuleSet(msgspec.Struct, frozen=True):
    """All rules by id, in the order of the file. `version` changes whenever an answer may change."""

    version: str
    rules: dict[str, RuleRow]


class _RuleFile(msgspec.Struct, forbid_unknown_fields=True):
    version: str
    rule: tuple[RuleRow, ...]


@cache
def load_rule_set() -> RuleSet:
    """Return the rule set; read once per process."""
    file = read_data("rules.toml", _RuleFile)
    return RuleSet(version=file.version, rules={row.id: row for row in file.rule})
