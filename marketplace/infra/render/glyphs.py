"""Refuse text that our faces cannot draw: a missing glyph breaks PDF/A and PDF/UA without a word.

Also refused are control and formatting characters: a right-to-left override in a company name would
show an auditor another name than the one the register holds.
"""

import unicodedata
from collections.abc import Collection, Iterator
from typing import Final

from marketplace.kernel.errors import FieldProblem, Malformed

REFUSED_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
PROBLEMS_MAX: Final = 20


def normalised(value: object) -> object:
    """Give the same JSON value in NFC, so that "o" + diaeresis finds the glyph of "ö"."""
    match value:
        case str():
            return unicodedata.normalize("NFC", value)
        case list():
            return [normalised(item) for item in value]
        case dict():
            return {key: normalised(item) for key, item in value.items()}
        case _:
            return value


def refuse_unprintable(value: object, code_points: Collection[int]) -> None:
    """Raise `Malformed` (`document.unprintable_text`) naming each string that cannot be printed."""
    problems = [
        FieldProblem(pointer, f"cannot print {_named(unknown)}")
        for pointer, text in _strings(value, "")
        if (unknown := _unprintable(text, code_points))
    ]
    if problems:
        raise Malformed(
            "document.unprintable_text",
            "The paper's fonts hold Latin, Greek and Cyrillic letters. Write these texts in one of"
            " these scripts (for a company, the spelling of its VAT registration).",
            *problems[:PROBLEMS_MAX],
        )


def _strings(value: object, pointer: str) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield pointer, value
        case list():
            for place, item in enumerate(value):
                yield from _strings(item, f"{pointer}/{place}")
        case dict():
            for key, item in value.items():
                escaped = str(key).replace("~", "~0").replace("/", "~1")
                yield from _strings(item, f"{pointer}/{escaped}")
        case _:
            return


def _unprintable(text: str, code_points: Collection[int]) -> list[str]:
    return sorted(
        character
        for character in set(text)
        if ord(character) not in code_points
        or unicodedata.category(character) in REFUSED_CATEGORIES
    )


def _named(characters: list[str]) -> str:
    return ", ".join(
        f"U+{ord(character):04X} {unicodedata.name(character, 'unnamed')}"
        for character in characters
    )
