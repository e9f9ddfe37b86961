"""Languages of documents and pages: lower-case BCP 47 primary tags."""

from collections.abc import Collection
from typing import Final

DEFAULT: Final = "en"


def preferred(accept_language: str, available: Collection[str]) -> str:
    """Choose the best available language of an `Accept-Language` header (RFC 9110 section 12.5.4)."""
    wishes: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept_language.split(",")):
        tag, _, parameter = part.strip().partition(";")
        primary = tag.strip().lower().partition("-")[0]
        if primary in available:
            wishes.append((-_quality(parameter), place, primary))
    return min(wishes)[2] if wishes else DEFAULT


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
