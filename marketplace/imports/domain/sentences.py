"""Sentences of this room for people: `templates/locales/<tag>/LC_MESSAGES/imports.po`, by message id.

Ids: `import.refused.<code>` (a whole file), `import.line.<code>` (a line), `import.note.<id>` (worth
knowing), `import.column.<name>` (a heading of the export).
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from babel.messages.pofile import read_po

from marketplace.imports.domain.batch import Refusal
from marketplace.imports.domain.lines import LineProblem
from marketplace.kernel.language import DEFAULT

_LOCALES: Final = Path(__file__).parents[3] / "templates" / "locales"


@cache
def catalogues() -> Mapping[str, Mapping[str, str]]:
    """Return the sentences of every language by message id, languages by tag."""
    return {
        file.parent.parent.name: _read(file)
        for file in sorted(_LOCALES.glob("*/LC_MESSAGES/imports.po"))
    }


def sentence(key: str, params: Mapping[str, str | int], language: str = DEFAULT) -> str:
    """Return the sentence for a message id; a language without a catalogue is answered in English.

    Raises:
        KeyError: no such id, or a field of the sentence is missing: a defect of the caller.
    """
    texts = catalogues()
    return texts.get(language, texts[DEFAULT])[key].format_map(params)


def refusal_text(refusal: Refusal, language: str = DEFAULT) -> str:
    """Return why a whole file was refused and what to do."""
    return sentence(f"import.refused.{refusal.code}", refusal.params, language)


def problem_text(problem: LineProblem, language: str = DEFAULT) -> str:
    """Return what is wrong on a line and what to do."""
    return sentence(f"import.line.{problem.code}", problem.params, language)


def note_text(note: str, language: str = DEFAULT) -> str:
    """Return what is worth knowing about a file or a line."""
    return sentence(f"import.note.{note}", {}, language)


def _read(file: Path) -> Mapping[str, str]:
    with file.open("rb") as stream:
        catalogue = read_po(stream, abort_invalid=True)
    return {str(message.id): str(message.string) for message in catalogue if message.id}
