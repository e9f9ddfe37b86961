"""Statements: one sentence for people with the rule it rests on, kept as a message id and its fields.

What is stored for years keeps ids and fields, never the words: `texts.sentence` writes them when they are shown.
"""

from collections.abc import Mapping

import msgspec

from marketplace.licensing.coverage import Coverage
from marketplace.licensing.rules import load_rule_set
from marketplace.licensing.texts import sentence


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule says about one case. `confirmed` is false when something behind it is stated by no source."""

    rule: str
    message_key: str
    params: dict[str, str | int] = {}
    confirmed: bool
    sources: tuple[str, ...]


def state(
    rule_id: str,
    message_key: str,
    params: Mapping[str, str | int] | None = None,
    *,
    confirmed: bool = True,
) -> Statement:
    """Return the statement; it is never more certain than its rule.

    Raises:
        KeyError: no such rule: a defect of the caller.
    """
    rule = load_rule_set().rules[rule_id]
    return Statement(
        rule=rule.id,
        message_key=message_key,
        params=dict(params or {}),
        confirmed=rule.confirmed and confirmed,
        sources=rule.sources,
    )


def state_coverage(answer: Coverage) -> Statement:
    """Return why a CAL reaches a server or does not."""
    return Statement(
        rule=answer.rule,
        message_key=answer.message_key,
        params=answer.params,
        confirmed=answer.confirmed,
        sources=answer.sources,
    )


def statement_text(statement: Statement, language: str) -> str:
    """Return the sentence."""
    return sentence(statement.message_key, statement.params, language)
