"""English sentences for message ids; a translation is another catalogue with the same ids.

Ids: `rule.C05` (the question), `finding.c05.not_vested`, `cure.c05.not_vested`,
`coverage.newer_covers_older`.
"""

from collections.abc import Mapping
from functools import cache

import msgspec

from marketplace.licensing.findings import Finding, load_rules
from marketplace.licensing.reading import read_data


class _MessageFile(msgspec.Struct, forbid_unknown_fields=True):
    coverage: dict[str, str]


@cache
def message_catalogue() -> Mapping[str, str]:
    """Return every message id of this room with its English template (`str.format` fields)."""
    rules = load_rules()
    messages = {f"rule.{row.id}": row.question for row in rules.rules.values()}
    for code, row in rules.findings.items():
        messages[f"finding.{code}"] = row.text
        if row.cure:
            messages[f"cure.{code}"] = row.cure
    coverage = read_data("messages.toml", _MessageFile).coverage
    return messages | {f"coverage.{name}": text for name, text in coverage.items()}


def english(key: str, params: Mapping[str, str | int]) -> str:
    """Return the English sentence for a message id.

    Raises:
        KeyError: no such id, or a field of the template is missing: a defect of the caller.
    """
    return message_catalogue()[key].format_map(params)


def finding_text(finding: Finding) -> str:
    """Return what the finding says, in English."""
    return english(finding.message_key, finding.params)


def cure_text(finding: Finding) -> str:
    """Return what the seller can do about it, in English; empty when nothing can be done."""
    return english(finding.cure_key, finding.params) if finding.cure_key else ""
