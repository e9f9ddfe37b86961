"""Builders of companies, staff and their credentials, through the stage's own store.

They skip the registration routes (`tests/parties` tests those) and hash one password for the whole run, so that a test
that needs a verified company with an API key pays a few milliseconds.
"""

import hashlib
from functools import cache
from typing import Any, Final

import msgspec
from argon2 import PasswordHasher

from marketplace.infra.access import COMPANY_SCOPES, Principal
from marketplace.infra.work import Work
from marketplace.kernel.ids import format_id
from marketplace.parties import domain, store
from marketplace.parties.domain import (
    Address,
    ApiKey,
    Company,
    CompanyFacts,
    CompanyKind,
    Member,
    Session,
)

PASSWORD: Final = "correct horse battery staple"
"""The password of every built member."""


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """A company (or the operator) with one member and a working credential."""

    company: Company
    member: Member
    principal: Principal
    """What `authenticate` gives for `token`: for calling services directly."""
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """Give the HTTP headers that sign a request."""
        return {"Authorization": f"Bearer {self.token}"}


def facts(**changes: Any) -> CompanyFacts:
    """Give what a German company says about itself."""
    given = CompanyFacts(
        legal_name="Nordlicht Maschinenbau GmbH",
        register_number="Hamburg HRB 123456",
        country="DE",
        vat_id="DE136695976",
        address=Address(lines=("Speicherstraße 12",), postcode="20457", city="Hamburg"),
    )
    return msgspec.structs.replace(given, **changes)


async def make_party(
    work: Work,
    *,
    kind: CompanyKind = CompanyKind.COMPANY,
    verified: bool = True,
    scopes: frozenset[str] = frozenset(COMPANY_SCOPES),
    **changes: Any,
) -> Party:
    """Make a company with an owner and an API key; `changes` replace its facts. Needs scope system."""
    company_id = work.new_id()
    said = facts(**{"register_number": f"Hamburg HRB {company_id.int % 10**9}"} | changes)
    company, _ = domain.register(company_id, kind, said, work.now)
    if verified:
        company = msgspec.structs.replace(company, verified_at=work.now)
    await store.insert_company(work.connection, company)
    member = await add_member(work, company, "owner")
    key = ApiKey(
        id=work.new_id(),
        company_id=company.id,
        name="test",
        hint="ckey_test",
        scopes=scopes,
        created_by=member.id,
        created_at=work.now,
    )
    token = _token("ckey_", work)
    await store.insert_key(work.connection, key, hashlib.sha256(token.encode()).digest())
    principal = Principal(
        scope="company",
        credential=format_id("key", key.id),
        company_id=company.id,
        scopes=scopes,
        verified=verified,
    )
    return Party(company=company, member=member, principal=principal, token=token)


async def make_operator(work: Work) -> Company:
    """Give the operator's company; makes it at the first call of a test. Needs scope system."""
    known = await store.find_operator(work.connection)
    if known is not None:
        return known
    said = facts(legal_name="Cession Betriebs GmbH", register_number="Berlin HRB 1", vat_id=None)
    company, _ = domain.register(work.new_id(), CompanyKind.OPERATOR, said, work.now)
    await store.insert_company(work.connection, company)
    return company


async def make_staff(work: Work, *roles: str) -> Party:
    """Make a member of staff with a session; without roles: admin. Needs scope system."""
    company = await make_operator(work)
    member = await add_member(work, company, *(roles or ("admin",)))
    session, token = await make_session(work, member)
    principal = Principal(
        scope="staff",
        credential=format_id("ses", session.id),
        company_id=company.id,
        member_id=member.id,
        roles=member.roles,
        verified=True,
    )
    return Party(company=company, member=member, principal=principal, token=token)


async def add_member(work: Work, company: Company, *roles: str) -> Member:
    """Add a person to a company."""
    member_id = work.new_id()
    member = Member(
        id=member_id,
        company_id=company.id,
        name="Ines Albrecht",
        email=f"{format_id('mem', member_id)}@company.example",
        roles=frozenset(roles),
        created_at=work.now,
        removed_at=None,
        version=1,
    )
    if not await store.insert_member(work.connection, member, password_hash()):
        raise AssertionError("a fresh address is free")
    return member


async def make_session(work: Work, member: Member) -> tuple[Session, str]:
    """Log a member in; gives the session and its token."""
    session = Session(
        id=work.new_id(),
        member_id=member.id,
        company_id=member.company_id,
        created_at=work.now,
        expires_at=work.now + domain.SESSION_LIFE,
    )
    token = _token("cses_", work)
    await store.insert_session(work.connection, session, hashlib.sha256(token.encode()).digest())
    return session, token


@cache
def password_hash() -> str:
    """Give the stored form of `PASSWORD`, made once a run."""
    return PasswordHasher().hash(PASSWORD)


def _token(prefix: str, work: Work) -> str:
    return prefix + work.token(32).hex()[:43]
