"""Rows of companies and of their verification history."""

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Row, Uuid, any_, bindparam, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.infra.db import newest_first
from marketplace.kernel.paging import Window
from marketplace.licensing.zones import Zone
from marketplace.parties.domain import Address, Company, CompanyKind, Decision, VerificationEntry
from marketplace.parties.tables import companies, company_verifications

_COMPANY: Final = select(companies).where(companies.c.id == bindparam("company_id", type_=Uuid))
_LOCK_COMPANY: Final = _COMPANY.with_for_update(key_share=True)
_COMPANIES: Final = select(companies).where(
    companies.c.id == any_(bindparam("company_ids", type_=ARRAY(Uuid)))
)
_COMPANIES_AND_OPERATOR: Final = select(companies).where(
    or_(
        companies.c.id == any_(bindparam("company_ids", type_=ARRAY(Uuid))),
        companies.c.kind == CompanyKind.OPERATOR.value,
    )
)
_OPERATOR: Final = select(companies).where(companies.c.kind == CompanyKind.OPERATOR.value)


async def find_company(connection: AsyncConnection, company_id: UUID) -> Company | None:
    """Read a company, if row security lets the caller see it."""
    row = (await connection.execute(_COMPANY, {"company_id": company_id})).first()
    return _company(row) if row is not None else None


async def lock_company(connection: AsyncConnection, company_id: UUID) -> Company | None:
    """Read a company and keep others from changing it or its members until the end."""
    row = (await connection.execute(_LOCK_COMPANY, {"company_id": company_id})).first()
    return _company(row) if row is not None else None


async def find_companies(
    connection: AsyncConnection, company_ids: Collection[UUID]
) -> list[Company]:
    """Read those of the companies that the caller may see."""
    rows = await connection.execute(_COMPANIES, {"company_ids": list(company_ids)})
    return [_company(row) for row in rows]


async def find_companies_and_operator(
    connection: AsyncConnection, company_ids: Collection[UUID]
) -> list[Company]:
    """Read companies and the operator, the other side of every contract, in one round trip."""
    rows = await connection.execute(_COMPANIES_AND_OPERATOR, {"company_ids": list(company_ids)})
    return [_company(row) for row in rows]


async def find_operator(connection: AsyncConnection) -> Company | None:
    """Read the operator's company."""
    row = (await connection.execute(_OPERATOR)).first()
    return _company(row) if row is not None else None


async def list_companies(
    connection: AsyncConnection,
    window: Window,
    *,
    verified: bool | None = None,
    kind: CompanyKind | None = None,
) -> list[Company]:
    """List companies the caller may see."""
    query = select(companies)
    if verified is not None:
        is_open = companies.c.verified_at.is_(None)
        query = query.where(~is_open if verified else is_open)
    if kind is not None:
        query = query.where(companies.c.kind == kind.value)
    rows = await connection.execute(newest_first(query, companies.c.id, window))
    return [_company(row) for row in rows]


async def insert_company(connection: AsyncConnection, company: Company) -> None:
    """Store a new company."""
    await connection.execute(insert(companies), _company_row(company))


async def save_company(connection: AsyncConnection, company: Company) -> None:
    """Store a changed company; kind, id and creation time stay."""
    row = _company_row(company)
    for fixed in ("id", "kind", "created_at"):
        row.pop(fixed)
    await connection.execute(update(companies).where(companies.c.id == company.id).values(**row))


async def verified_namesake(connection: AsyncConnection, company: Company) -> UUID | None:
    """Give another verified company with the same register number in the same country."""
    query = select(companies.c.id).where(
        companies.c.country == company.country,
        companies.c.register_number == company.register_number,
        companies.c.verified_at.is_not(None),
        companies.c.id != company.id,
    )
    return (await connection.execute(query)).scalar()


async def insert_verification(connection: AsyncConnection, entry: VerificationEntry) -> None:
    """Add a line to the verification history."""
    row = msgspec.structs.asdict(entry) | {"decision": entry.decision.value}
    await connection.execute(insert(company_verifications), row)


async def list_verifications(
    connection: AsyncConnection, company_id: UUID, window: Window
) -> list[VerificationEntry]:
    """List a company's verification history."""
    query = select(company_verifications).where(company_verifications.c.company_id == company_id)
    rows = await connection.execute(newest_first(query, company_verifications.c.id, window))
    return [
        VerificationEntry(**{**row, "decision": Decision(row["decision"])})
        for row in rows.mappings()
    ]


def _company(row: Row[Any]) -> Company:
    return Company(
        id=row.id,
        kind=CompanyKind(row.kind),
        legal_name=row.legal_name,
        register_number=row.register_number,
        country=row.country,
        vat_id=row.vat_id,
        vat_id_format_valid=row.vat_id_format_valid,
        address=Address(lines=tuple(row.address_lines), postcode=row.postcode, city=row.city),
        zone=Zone(row.zone),
        verified_at=row.verified_at,
        version=row.version,
        created_at=row.created_at,
    )


def _company_row(company: Company) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.structs.asdict(company)
    address: Address = row.pop("address")
    return row | {
        "kind": company.kind.value,
        "zone": company.zone.value,
        "address_lines": list(address.lines),
        "postcode": address.postcode,
        "city": address.city,
    }
