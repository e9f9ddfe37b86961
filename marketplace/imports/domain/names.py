"""Product names, programmes and countries as people write them, in several languages (`data/names.toml`).

Tolerant in spelling, strict in meaning: a name that leaves something open gives all products it may
stand for and none of them is chosen.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Final

import msgspec
from babel import Locale

from marketplace.imports.domain.headings import fold
from marketplace.licensing.catalogue import Metric, load_catalogue
from marketplace.licensing.sku_text import Offer

COUNTRY_LANGUAGES: Final = ("en", "de", "fr", "da")
_INSIDE_MIN: Final = 7
_CODE_LENGTH: Final = 2
_ABBREVIATED: Final = re.compile(r"[a-z\d]CALs?\b")
"""The end of `WinSvrCAL` and `UsrCAL`, but not of `LOCAL`."""
_YEAR: Final = re.compile(r"(?<!\d)(20\d\d)(?: ?(r2)\b)?", re.IGNORECASE)


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A family, metric, programme or offer, and the words for it."""

    id: str
    texts: tuple[str, ...]
    over: tuple[str, ...] = ()
    whole: bool = False


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """What a product name says. More than one family, version or metric: it is not decided."""

    families: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    metrics: tuple[Metric, ...] = ()


class _Dictionary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cal_words: tuple[str, ...]
    family: tuple[Words, ...]
    metric: tuple[Words, ...]
    programme: tuple[Words, ...]
    offer: tuple[Words, ...]
    all_countries: tuple[Words, ...]


@lru_cache(maxsize=8_192)
def read_name(text: str) -> Named:
    """Return what a product name says; a product that is no CAL has no family."""
    words = _dictionary()
    padded = f" {fold(text)} "
    hits = [row for row in words.family if _says(padded, row.texts)]
    if not _says(padded, words.cal_words):
        hits = [row for row in hits if row.whole]
    beaten = {name for row in hits for name in row.over}
    families = tuple(row.id for row in hits if row.id not in beaten)
    return Named(
        families=families,
        versions=_versions(text, families),
        metrics=read_metrics(text),
    )


def says_cal(text: str) -> bool:
    """Say whether a text uses a word for CALs, also at the end of an abbreviation."""
    return _says(f" {fold(text)} ", _dictionary().cal_words) or bool(_ABBREVIATED.search(text))


def says_server(text: str) -> bool:
    """Say whether a text names a server product that has CALs, whether or not it means its CALs."""
    padded = f" {fold(text)} "
    return any(_says(padded, row.texts) for row in _dictionary().family)


@lru_cache(maxsize=8_192)
def read_metrics(text: str) -> tuple[Metric, ...]:
    """Return the metrics that a text names."""
    padded = f" {fold(text)} "
    return tuple(Metric(row.id) for row in _dictionary().metric if _says(padded, row.texts))


def read_version(text: str, family: str) -> tuple[str, ...]:
    """Return the CAL versions of a family that a text names: `2012 R2` is 2012 (R03)."""
    return _versions(text, (family,))


@lru_cache(maxsize=1_024)
def read_programme(text: str) -> str | None:
    """Return the programme that a text names, by our id or by a usual name; None when it is another text."""
    return _exact("programme").get(fold(text))


@lru_cache(maxsize=1_024)
def read_offer(text: str) -> Offer | None:
    """Return what kind of purchase a text names, None when it is another text."""
    found = _exact("offer").get(fold(text))
    return None if found is None else Offer(found)


def is_all_countries(text: str) -> bool:
    """Say whether a cell of a pivot table means the sum over all countries."""
    return fold(text) in _exact("all_countries")


@lru_cache(maxsize=1_024)
def read_country(text: str) -> str | None:
    """Return the ISO code of a country, by code or by name; None when it is no country we know."""
    plain = text.strip()
    if len(plain) == _CODE_LENGTH and plain.upper() in _countries().values():
        return plain.upper()
    return _countries().get(fold(plain))


def _versions(text: str, families: Iterable[str]) -> tuple[str, ...]:
    catalogue = load_catalogue()
    found = {
        server.cal_version
        for year, second in _YEAR.findall(text)
        for family in families
        if (server := catalogue.find_server(family, year + second)) is not None
        and server.cal_version
    }
    return tuple(sorted(found))


def _says(padded: str, texts: Iterable[str]) -> bool:
    return any(
        (word in padded if len(word) >= _INSIDE_MIN else f" {word} " in padded)
        for word in map(fold, texts)
    )


@cache
def _dictionary() -> _Dictionary:
    file = resources.files("marketplace.imports.domain").joinpath("data", "names.toml")
    return msgspec.convert(tomllib.loads(file.read_text("utf-8")), _Dictionary)


@cache
def _exact(kind: str) -> Mapping[str, str]:
    rows: tuple[Words, ...] = getattr(_dictionary(), kind)
    return {fold(text): row.id for row in rows for text in (row.id, *row.texts)}


@cache
def _countries() -> Mapping[str, str]:
    found = {}
    for language in COUNTRY_LANGUAGES:
        for code, name in Locale(language).territories.items():
            if len(code) == _CODE_LENGTH and code.isalpha():
                found[fold(name)] = code
    return found
