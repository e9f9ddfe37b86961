"""Languages of documents and pages: lower-case BCP 47 primary tags."""

import re
from collections.abc import Collection
from typing import Final

DEFAULT: Final = "en"
_WEIGHT: Final = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)
"""A quality value (RFC 9110 section 12.4.2)."""


def preferred(accept_language: str, available: Collection[str]) -> str:
    """Choose the best available language of an `Accept-Language` header (RFC 9110 section 12.5.4).

    A weight of 0 says "not this one"; a weight that cannot be read counts as 0.
    """
    wishes: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept_language.split(",")):
        tag, _, parameter = part.partition(";")
        primary = tag.strip().lower().partition("-")[0]
        weight = _weight(parameter.strip())
        if primary in available and weight > 0:
            wishes.append((-weight, place, primary))
    return min(wishes)[2] if wishes else DEFAULT


def _weight(parameter: str) -> float:
    if not parameter:
        return 1.0
    found = _WEIGHT.fullmatch(parameter)
    return float(found[1]) if found else 0.0
