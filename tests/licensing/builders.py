"""A sound position and its evidence; each test changes only what it is about."""

from datetime import date
from typing import Any

from marketplace.licensing.catalogue import Product, load_catalogue
from marketplace.licensing.positions import (
    CeaseUse,
    EvidenceKind,
    EvidenceSummary,
    FirstSeller,
    SourcePosition,
)

TODAY = date(2026, 11, 25)

SOUND_EVIDENCE = frozenset(
    {EvidenceKind.AGREEMENT, EvidenceKind.FIRST_INVOICE, EvidenceKind.PAYMENT_PROOF}
)


def product(key: str = "ws_cal-2019-device") -> Product:
    return load_catalogue().product(key)


def position(**changes: Any) -> SourcePosition:
    """Return 100 Open License device CALs, all offered, with a confirmed part number."""
    key = changes.pop("key", "ws_cal-2019-device")
    fields: dict[str, Any] = {
        "product": product(key),
        "programme": "open_license",
        "acquired": 100,
        "offered": 100,
        "agreement_number": "96812345ZZE2105",
        "identifiers": {"licence_number": "66512345"},
        "part_number": "R18-05767",
        "country": "DE",
        "first_sold_on": date(2019, 5, 20),
        "first_seller": FirstSeller.AUTHORISED_PARTNER,
        "paid_in_full": True,
    }
    return SourcePosition(**(fields | changes))


def enterprise(**changes: Any) -> SourcePosition:
    """Return the same licences under an Enterprise Agreement whose first term ended on 2022-06-30."""
    fields: dict[str, Any] = {
        "programme": "enterprise_agreement",
        "identifiers": {"enrolment_number": "5512345"},
        "part_number": "",
        "term_end_on": date(2022, 6, 30),
    }
    return position(**(fields | changes))


def evidence(*more: EvidenceKind, without: EvidenceKind | None = None) -> EvidenceSummary:
    return EvidenceSummary((SOUND_EVIDENCE | set(more)) - {without})


def declaration(quantity: int = 100, **changes: Any) -> CeaseUse:
    fields: dict[str, Any] = {"quantity": quantity, "ended_on": date(2026, 11, 20)}
    return CeaseUse(**(fields | changes))
