"""Sentences for people: the catalogues `templates/locales/<tag>/LC_MESSAGES/licensing.po`, by message id.

Ids: `rule.C05` (the rule), `finding.c05.not_vested`, `cure.c05.not_vested`, `coverage.newer_covers_older`,
`word.zone.eea`.
The catalogues are read once per process and belong to the release: a missing sentence is a defect, never an empty text.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from babel.messages.pofile import read_po

from marketplace.kernel.language import DEFAULT
from marketplace.licensing.eligibility.findings import Finding

_LOCALES: Final = Path(__file__).parents[2] / "templates" / "locales"


@cache
def catalogues() -> Mapping[str, Mapping[str, str]]:
    """Return the sentences of every language by message id (`str.format` fields), languages by tag."""
    return {
        file.parent.parent.name: _read(file)
        for file in sorted(_LOCALES.glob("*/LC_MESSAGES/licensing.po"))
    }


def sentence(key: str, params: Mapping[str, str | int], language: str = DEFAULT) -> str:
    """Return the sentence for a message id; a language without a catalogue is answered in English.

    A param that is a word, not a name or a number, holds word ids: `@word.zone.eea, @word.zone.uk`.

    Raises:
        KeyError: no such id, or a field of the sentence is missing: a defect of the caller.
    """
    texts = catalogues()
    known = texts.get(language, texts[DEFAULT])
    return known[key].format_map({name: _say(value, known) for name, value in params.items()})


def _say(value: str | int, known: Mapping[str, str]) -> str | int:
    """Turn a value like `@word.zone.eea, @word.zone.uk` into words; whatever is no known word is printed as it is."""
    if not isinstance(value, str) or not value.startswith("@word."):
        return value
    return ", ".join(known.get(name.removeprefix("@"), name) for name in value.split(", "))


def finding_text(finding: Finding, language: str = DEFAULT) -> str:
    """Return what the finding says."""
    return sentence(finding.message_key, finding.params, language)


def cure_text(finding: Finding, language: str = DEFAULT) -> str:
    """Return what the seller can do about it; empty when nothing can be done."""
    return sentence(finding.cure_key, finding.params, language) if finding.cure_key else ""


def _read(file: Path) -> Mapping[str, str]:
    with file.open("rb") as stream:
        catalogue = read_po(stream, abort_invalid=True)
    return {str(message.id): str(message.string) for message in catalogue if message.id}
