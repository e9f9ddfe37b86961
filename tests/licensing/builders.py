"""A sound position and its evidence; each test changes only what it is about."""

from datetime import date
from typing import Any

from marketplace.licensing.catalogue import Product, load_catalogue
from marketplace.licensing.eligibility.findings import load_rules
from marketplace.licensing.eligibility.positions import (
    SELLER,
    CeaseUse,
    ChainLink,
    Declared,
    EvidenceKind,
    EvidenceSummary,
    FirstSeller,
    Medium,
    PaperState,
    SaStatus,
    SellerRole,
    SourcePosition,
)
from marketplace.licensing.rules import Chapter

TODAY = date(2026, 11, 25)
CONDITIONS = tuple(
    row.id for row in load_rules().rules.values() if row.chapter is Chapter.CONDITIONS
)

SOUND_EVIDENCE = frozenset(
    {EvidenceKind.AGREEMENT, EvidenceKind.FIRST_INVOICE, EvidenceKind.PAYMENT_PROOF}
)


def product(key: str = "ws_cal-2019-device") -> Product:
    return load_catalogue().product(key)


def position(**changes: Any) -> SourcePosition:
    """Return 100 Open License device CALs, all offered, with a confirmed part number."""
    sold = product(changes.pop("key", "ws_cal-2019-device"))
    fields: dict[str, Any] = {
        "product": sold,
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
        "purchased_version": sold.version,
        "purchased_metric": sold.metric,
        "sa_status": SaStatus.NEVER,
        "seller_role": SellerRole.AGREEMENT_HOLDER,
        "terms_edition": "2019-05",
        "retention_covenant": Declared.NO,
        "third_party_rights": Declared.NO,
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


def link(transferor: str = "first", transferee: str = SELLER, **changes: Any) -> ChainLink:
    """Return a transfer of 100 licences with its papers; its giver's use ended on the day before."""
    fields: dict[str, Any] = {
        "transferor": transferor,
        "transferee": transferee,
        "quantity": 100,
        "transferred_on": date(2024, 3, 15),
        "deed": PaperState.SHOWN,
        "cease_use": PaperState.SHOWN,
        "ceased_quantity": 100,
        "ceased_on": date(2024, 3, 14),
        "licence_server_removed": True,
    }
    return ChainLink(**(fields | changes))


def purchased(*links: ChainLink, **changes: Any) -> SourcePosition:
    """Return licences that the seller bought second hand, by default in one transfer from the first acquirer."""
    fields: dict[str, Any] = {
        "seller_role": SellerRole.PURCHASER,
        "first_acquirer": "first",
        "chain": links or (link(),),
    }
    return position(**(fields | changes))


def upgraded(**changes: Any) -> SourcePosition:
    """Return 2016 licences whose Software Assurance ran over the day on which 2019 came out."""
    fields: dict[str, Any] = {
        "part_number": "",
        "purchased_version": "2016",
        "first_sold_on": date(2017, 7, 1),
        "sa_status": SaStatus.ENDED,
        "sa_started_on": date(2017, 7, 1),
        "sa_ended_on": date(2020, 6, 30),
    }
    return position(**(fields | changes))


def boxed(**changes: Any) -> SourcePosition:
    """Return 20 boxes of 5 licences with their cards."""
    fields: dict[str, Any] = {
        "programme": "fpp",
        "part_number": "",
        "pack_size": 5,
        "medium": Medium.ORIGINAL,
        "terms_edition": "retail",
        "identifiers": {"card_or_certificate": "X20-91022"},
    }
    return position(**(fields | changes))


def evidence(*more: EvidenceKind, without: EvidenceKind | None = None) -> EvidenceSummary:
    return EvidenceSummary((SOUND_EVIDENCE | set(more)) - {without})


def declaration(quantity: int = 100, **changes: Any) -> CeaseUse:
    fields: dict[str, Any] = {"quantity": quantity, "ended_on": date(2026, 11, 20)}
    return CeaseUse(**(fields | changes))
