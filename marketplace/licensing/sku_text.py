"""Reads SKU texts, the abbreviated product names of price lists and agreements (domain notes 4.2).

`WinSvrCAL 2019 SNGL OLP NL DvcCAL` is a Windows Server 2019 Device CAL from an Open License without
a price level. What a text leaves open stays open: nothing is guessed, and a word that no source
states makes the answer unconfirmed.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache, lru_cache

import msgspec

from marketplace.licensing.catalogue import Metric, Product, load_catalogue
from marketplace.licensing.reading import Row, read_data

WORDS_MAX = 40


class Meaning(StrEnum):
    """Which question a word of a SKU text answers."""

    FAMILY = "family"
    LANGUAGE = "language"
    PROGRAMME = "programme"
    CHANNEL = "channel"
    OFFER = "offer"
    LEVEL = "level"
    SEGMENT = "segment"
    METRIC = "metric"


class Offer(StrEnum):
    """What the line buys: only the first two are licences for good."""

    LICENCE = "licence"
    LICENCE_WITH_SA = "licence_with_sa"
    SA_ONLY = "sa_only"
    SUBSCRIPTION = "subscription"


class Word(Row, frozen=True, kw_only=True):
    """A known word of SKU texts."""

    text: str
    means: Meaning
    value: str


class SkuText(msgspec.Struct, frozen=True, kw_only=True):
    """What a SKU text says; None where it says nothing or contradicts itself.

    No `version` means the version current at the purchase or covered by Software Assurance, which
    the text cannot tell. `unknown` are words no row explains, `contradicting` the questions that
    were answered twice. `confirmed`: every word understood was read in a public text.
    """

    family: str | None = None
    version: str | None = None
    metric: Metric | None = None
    programme: str | None = None
    offer: Offer = Offer.LICENCE
    segment: str | None = None
    level: str | None = None
    language: str | None = None
    unknown: tuple[str, ...] = ()
    contradicting: tuple[str, ...] = ()
    confirmed: bool = True

    @property
    def product(self) -> Product | None:
        """The product, when the text decides family, version and metric."""
        products = self.candidates
        return products[0] if len(products) == 1 else None

    @property
    def candidates(self) -> tuple[Product, ...]:
        """All products the text may stand for, in catalogue order; none without a family."""
        return tuple(
            product
            for product in load_catalogue().products.values()
            if product.family == self.family
            and self.version in (None, product.version)
            and self.metric in (None, product.metric)
        )


class _WordFile(msgspec.Struct, forbid_unknown_fields=True):
    word: tuple[Word, ...]


@cache
def load_words() -> Mapping[str, Word]:
    """Return the known words by their text in lower case."""
    return {row.text.lower(): row for row in read_data("sku_texts.toml", _WordFile).word}


# A statement of 100,000 lines has a few hundred different texts.
@lru_cache(maxsize=4_096)
def decode_sku_text(text: str) -> SkuText:
    """Return what a SKU text says. Any text can be decoded; one that is none has no family."""
    known = load_words()
    answers: dict[str, str] = {}
    contradicting: list[str] = []
    unknown: list[str] = []
    versions: list[str] = []
    is_confirmed = True
    for part in text.split()[:WORDS_MAX]:
        word = known.get(part.lower())
        if word is None:
            versions.append(part)
        elif answers.setdefault(word.means.value, word.value) == word.value:
            is_confirmed = is_confirmed and word.confirmed
        else:
            contradicting.append(word.means.value)
    for means in contradicting:
        answers.pop(means, None)
    family = answers.get("family")
    version = None
    for part in versions:
        server = load_catalogue().find_server(family, part) if family else None
        cal_version = server.cal_version if server else ""
        if not cal_version:
            unknown.append(part)
        elif version in (None, cal_version):
            version = cal_version
        else:
            contradicting.append("version")
    return SkuText(
        family=family,
        version=None if "version" in contradicting else version,
        metric=Metric(answers["metric"]) if "metric" in answers else None,
        programme=answers.get("programme"),
        offer=Offer(answers.get("offer", Offer.LICENCE.value)),
        segment=answers.get("segment"),
        level=answers.get("level"),
        language=answers.get("language"),
        unknown=tuple(unknown),
        contradicting=tuple(dict.fromkeys(contradicting)),
        confirmed=is_confirmed,
    )
