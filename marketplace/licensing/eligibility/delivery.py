"""What comes with the licences: C12 the terms that define the intended use, C16 the original medium or card."""

import re
from datetime import date
from typing import Final

from marketplace.licensing.eligibility.findings import Case, Finding
from marketplace.licensing.eligibility.positions import Medium
from marketplace.licensing.programmes import LicenceTerms, Programme

_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


def licence_terms(case: Case) -> list[Finding]:
    """C12: which terms apply; due before publication, because a buyer must know them before it buys (L17)."""
    programme = case.programme
    if programme is None:
        return [case.find("c12.programme_unknown")]
    edition = case.position.terms_edition.strip()
    kind = _kind(edition)
    if kind is None:
        return [case.find("c12.edition_unknown")]
    printed = edition if kind is LicenceTerms.PRODUCT_TERMS else f"@word.terms.{kind.value}"
    params = {"edition": printed, "programme": programme.name}
    if _fits(programme, kind, edition, case.on):
        return [case.find("c12.pass", params)]
    return [case.find("c12.edition_does_not_fit", params)]


def medium(case: Case) -> list[Finding]:
    """C16: a box or an OEM pack goes with its original medium, card or certificate; a back-up copy never (L9)."""
    programme = case.programme
    if programme is None:
        return [case.find("c16.programme_unknown")]
    if not programme.whole_pack:
        return [case.find("c16.not_needed", {"programme": programme.name})]
    codes = {
        Medium.UNKNOWN: "c16.medium_unknown",
        Medium.BACKUP_COPY: "c16.backup_copy",
        Medium.LOST: "c16.original_lost",
    }
    code = codes.get(case.position.medium)
    if code is None:
        code = "c16.pass" if case.is_shown("c16.photo_missing") else "c16.photo_missing"
    return [case.find(code)]


def _kind(edition: str) -> LicenceTerms | None:
    """Return what kind of terms an edition belongs to: `2019-05` is a month of the Product Terms."""
    if _MONTH.fullmatch(edition):
        return LicenceTerms.PRODUCT_TERMS
    return next((kind for kind in (LicenceTerms.OEM, LicenceTerms.RETAIL) if kind == edition), None)


def _fits(programme: Programme, kind: LicenceTerms, edition: str, on: date) -> bool:
    if kind is LicenceTerms.PRODUCT_TERMS and edition > on.isoformat()[:7]:
        return False
    return programme.terms in {None, kind}
