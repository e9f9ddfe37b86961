"""Companies: what they say about themselves, and whether they may trade."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec
from stdnum import get_cc_module

from marketplace.kernel.errors import Conflict, FieldProblem, Malformed
from marketplace.kernel.events import Event
from marketplace.licensing.zones import Zone, zone_of
from marketplace.parties.events import (
    CompanyRegistered,
    CompanyVerificationEnded,
    CompanyVerified,
)


class CompanyKind(StrEnum):
    """What a company is here for; the operator is the one counterparty of all trades."""

    COMPANY = "company"
    PARTNER = "partner"
    OPERATOR = "operator"


class Address(msgspec.Struct, frozen=True):
    """A postal address inside the company's country."""

    lines: tuple[str, ...]
    postcode: str
    city: str


class CompanyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a company says about itself."""

    legal_name: str
    register_number: str
    country: str
    vat_id: str | None
    address: Address


class Company(msgspec.Struct, frozen=True, kw_only=True):
    """A party.

    `vat_id_format_valid` says that format and check digits are right, not that the tax office knows the number; it is
    false without a number and for countries whose format the library does not know.
    """

    id: UUID
    kind: CompanyKind
    legal_name: str
    register_number: str
    country: str
    vat_id: str | None
    vat_id_format_valid: bool
    address: Address
    zone: Zone
    verified_at: datetime | None
    version: int
    created_at: datetime


class Decision(StrEnum):
    """What became of a company's verification."""

    VERIFIED = "verified"
    REVOKED = "revoked"
    LAPSED = "lapsed"


class VerificationEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a company's verification history; `decided_by` is empty when a change of facts ended it."""

    id: UUID
    company_id: UUID
    decision: Decision
    reason: str
    decided_by: UUID | None
    decided_at: datetime


def register(
    company_id: UUID, kind: CompanyKind, facts: CompanyFacts, now: datetime
) -> tuple[Company, tuple[Event, ...]]:
    """Make a company that is not verified yet; only the operator, who answers for itself, is verified at once."""
    checked, format_valid = check_facts(facts)
    company = Company(
        id=company_id,
        kind=kind,
        legal_name=checked.legal_name,
        register_number=checked.register_number,
        country=checked.country,
        vat_id=checked.vat_id,
        vat_id_format_valid=format_valid,
        address=checked.address,
        zone=zone_of(checked.country),
        verified_at=now if kind is CompanyKind.OPERATOR else None,
        version=1,
        created_at=now,
    )
    return company, (CompanyRegistered(company_id=company_id),)


def change(company: Company, facts: CompanyFacts) -> tuple[Company, tuple[Event, ...]]:
    """Replace what the company says about itself.

    Name, register number, country and VAT id are what staff verified: changing one of them ends the verification. A
    new address does not.
    """
    checked, format_valid = check_facts(facts)
    changed = msgspec.structs.replace(
        company,
        **msgspec.structs.asdict(checked),
        vat_id_format_valid=format_valid,
        zone=zone_of(checked.country),
    )
    if changed == company:
        return company, ()
    changed = msgspec.structs.replace(changed, version=company.version + 1)
    if (
        company.verified_at is None
        or company.kind is CompanyKind.OPERATOR
        or _legal_identity(changed) == _legal_identity(company)
    ):
        return changed, ()
    return (
        msgspec.structs.replace(changed, verified_at=None),
        (CompanyVerificationEnded(company_id=company.id),),
    )


def verify(company: Company, now: datetime) -> tuple[Company, tuple[Event, ...]]:
    """Let the company trade."""
    if company.verified_at is not None:
        raise Conflict("company.already_verified", "This company is verified; nothing was changed.")
    verified = msgspec.structs.replace(company, verified_at=now, version=company.version + 1)
    return verified, (CompanyVerified(company_id=company.id),)


def revoke_verification(company: Company) -> tuple[Company, tuple[Event, ...]]:
    """Stop the company from trading; what it agreed before stays agreed."""
    if company.kind is CompanyKind.OPERATOR:
        raise Conflict("company.is_operator", "The operator itself cannot lose its verification.")
    if company.verified_at is None:
        raise Conflict("company.not_verified", "This company is not verified; nothing was changed.")
    revoked = msgspec.structs.replace(company, verified_at=None, version=company.version + 1)
    return revoked, (CompanyVerificationEnded(company_id=company.id),)


def require_tradable(company: Company) -> None:
    """Refuse a trade of a company that staff did not verify."""
    if company.verified_at is None:
        raise Conflict(
            "company.not_verified",
            "The company can draft but not trade yet: the operator's staff must verify it first.",
        )


def check_facts(facts: CompanyFacts) -> tuple[CompanyFacts, bool]:
    """Bring what was typed into one form and check the VAT id; the flag says that its format was verified."""
    vat_id, format_valid = (None, False)
    if facts.vat_id is not None:
        vat_id, format_valid = check_vat_id(facts.country, facts.vat_id)
    checked = CompanyFacts(
        legal_name=_one_line(facts.legal_name, "/legal_name"),
        register_number=_one_line(facts.register_number, "/register_number"),
        country=facts.country,
        vat_id=vat_id,
        address=Address(
            lines=tuple(
                _one_line(line, f"/address/lines/{place}")
                for place, line in enumerate(facts.address.lines)
            ),
            postcode=" ".join(facts.address.postcode.split()),
            city=_one_line(facts.address.city, "/address/city"),
        ),
    )
    return checked, format_valid


_VAT_PREFIXES: Final = {"GR": ("EL",), "GB": ("GB", "XI"), "CH": ("CHE",), "LI": ("CHE", "LI")}
"""Where a VAT id does not start with the country's ISO code (Council Directive 2006/112/EC Art. 215, Swiss UID)."""
_VAT_PUNCTUATION: Final = str.maketrans("", "", " .-/")
_VAT_LENGTH: Final = range(4, 21)


def check_vat_id(country: str, text: str) -> tuple[str, bool]:
    """Give the VAT id without punctuation, and whether a checker for the country's format exists (and passed it).

    Raises `Malformed("company.vat_id_invalid")` for another country's number and for wrong digits. Whether the number
    is in use only the tax offices know (VIES); that is not asked here.
    """
    compact = text.translate(_VAT_PUNCTUATION).upper()
    prefixes = _VAT_PREFIXES.get(country, (country,))
    prefix = next((known for known in prefixes if compact.startswith(known)), None)
    if prefix is None:
        raise _bad_vat_id(f"A VAT id of {country} starts with {' or '.join(prefixes)}.")
    if len(compact) not in _VAT_LENGTH or not (compact.isascii() and compact.isalnum()):
        raise _bad_vat_id("A VAT id has 4 to 20 letters and digits.")
    checker = get_cc_module(country.lower(), "vat")
    if checker is None:
        return compact, False
    # The Swiss number carries its country inside; everywhere else the check digits cover what follows the prefix.
    number = compact if prefix == "CHE" else compact[len(prefix) :]
    if not checker.is_valid(number):
        raise _bad_vat_id(f"This is not a VAT id of {country}: format or check digit is wrong.")
    return compact, True


def _bad_vat_id(detail: str) -> Malformed:
    return Malformed("company.vat_id_invalid", detail, FieldProblem("/vat_id", detail))


def _one_line(text: str, pointer: str) -> str:
    line = " ".join(text.split())
    if not line:
        raise Malformed(
            "company.fact_empty", "A fact is only white space.", FieldProblem(pointer, "is empty")
        )
    return line


def _legal_identity(company: Company) -> tuple[str | None, ...]:
    return (company.legal_name, company.register_number, company.country, company.vat_id)
