"""Companies register themselves, change what they say about themselves, and are verified by staff."""

from collections.abc import Collection
from uuid import UUID

import msgspec
import structlog

from marketplace.infra.http.etags import require_match
from marketplace.infra.work import Work
from marketplace.kernel.errors import Conflict, NotFound, Unavailable
from marketplace.kernel.ids import format_id
from marketplace.kernel.paging import Page, Window, page_of
from marketplace.parties import domain, store
from marketplace.parties.domain import (
    Company,
    CompanyFacts,
    CompanyKind,
    Decision,
    Member,
    NewMember,
    Role,
    VerificationEntry,
)
from marketplace.parties.service.members import add_to_company
from marketplace.parties.service.sessions import IssuedSession, open_session_for

log = structlog.get_logger()

_LAPSED = "A legal fact (name, register number, country or VAT id) was changed."


class Registered(msgspec.Struct, frozen=True):
    """A new company, its first member, and that member's first session."""

    company: Company
    member: Member
    session: IssuedSession


async def register_company(
    work: Work,
    kind: CompanyKind,
    facts: CompanyFacts,
    owner: NewMember,
) -> Registered:
    """Let a company register itself; its first member owns it and is logged in at once."""
    company, events = domain.register(work.new_id(), kind, facts, work.now)
    async with work.elevated("a registration has no company yet"):
        await store.insert_company(work.connection, company)
        member = await add_to_company(
            work, company, msgspec.structs.replace(owner, roles=frozenset({Role.OWNER}))
        )
        session = await open_session_for(work, member)
    for event in events:
        work.announce(event)
    log.info("company.registered", company_id=str(company.id))
    return Registered(company, member, session)


async def create_operator(work: Work, facts: CompanyFacts) -> Company:
    """Give the operator's company; make it with these facts when the database has none."""
    known = await store.find_operator(work.connection)
    if known is not None:
        return known
    company, events = domain.register(work.new_id(), CompanyKind.OPERATOR, facts, work.now)
    await store.insert_company(work.connection, company)
    for event in events:
        work.announce(event)
    work.audit("operator.created", format_id("cmp", company.id))
    return company


async def operator(work: Work) -> Company:
    """Give the operator's company, the other side of every trade."""
    found = await store.find_operator(work.connection)
    if found is None:
        raise _no_operator()
    return found


async def load_company(work: Work, company_id: UUID) -> Company:
    """Give a company the caller may see; raise `NotFound("company.unknown")` for any other."""
    found = await store.find_company(work.connection, company_id)
    if found is None:
        raise _unknown()
    return found


async def load_companies(work: Work, company_ids: Collection[UUID]) -> dict[UUID, Company]:
    """Give those of the companies that the caller may see, by id."""
    found = await store.find_companies(work.connection, company_ids)
    return {company.id: company for company in found}


async def load_companies_and_operator(
    work: Work, company_ids: Collection[UUID]
) -> tuple[dict[UUID, Company], Company]:
    """Give the companies the caller may see, and the operator, which is the other side of each of their contracts.

    Raises:
        Unavailable: this installation has no operator yet.
    """
    found = await store.find_companies_and_operator(work.connection, company_ids)
    desk = next((company for company in found if company.kind is CompanyKind.OPERATOR), None)
    if desk is None:
        raise _no_operator()
    return {company.id: company for company in found}, desk


async def list_companies(
    work: Work, window: Window, *, verified: bool | None, kind: CompanyKind | None
) -> Page[Company]:
    """List companies for staff, newest first."""
    rows = await store.list_companies(work.connection, window, verified=verified, kind=kind)
    return page_of(rows, window.limit, lambda company: (str(company.id),))


async def list_partners(work: Work, window: Window) -> Page[Company]:
    """List verified partners, whom a company may grant access: any signed-in caller may see who they are."""
    async with work.elevated("the directory of partners"):
        rows = await store.list_companies(
            work.connection, window, verified=True, kind=CompanyKind.PARTNER
        )
    return page_of(rows, window.limit, lambda company: (str(company.id),))


async def change_company(
    work: Work, company_id: UUID, facts: CompanyFacts, if_match: str | None
) -> Company:
    """Replace the facts of the caller's own company; a changed legal fact ends its verification."""
    if company_id != work.principal.company_id:
        raise _unknown()
    company = await _lock(work, company_id)
    require_match(if_match, company.id, company.version)
    changed, events = domain.change(company, facts)
    if changed.version == company.version:
        return company
    await store.save_company(work.connection, changed)
    if company.verified_at is not None and changed.verified_at is None:
        await _record(work, company_id, Decision.LAPSED, _LAPSED)
    for event in events:
        work.announce(event)
    work.audit("company.changed", format_id("cmp", company_id))
    return changed


async def decide_verification(
    work: Work,
    company_id: UUID,
    decision: Decision,
    reason: str,
    if_match: str | None,
) -> Company:
    """Let staff verify a company or take it back; `if_match` proves that they saw the facts as they are now."""
    company = await _lock(work, company_id)
    require_match(if_match, company.id, company.version)
    if decision is Decision.VERIFIED:
        decided, events = domain.verify(company, work.now)
        if await store.verified_namesake(work.connection, company) is not None:
            raise Conflict(
                "company.register_number_taken",
                "Another verified company has this register number in this country.",
            )
    else:
        decided, events = domain.revoke_verification(company)
    await store.save_company(work.connection, decided)
    await _record(work, company_id, decision, reason)
    for event in events:
        work.announce(event)
    work.audit(f"company.{decision.value}", format_id("cmp", company_id))
    log.info("company.verification_decided", company_id=str(company_id), decision=decision.value)
    return decided


async def list_verifications(
    work: Work, company_id: UUID, window: Window
) -> Page[VerificationEntry]:
    """List what was decided about a company's verification and why, newest first."""
    await load_company(work, company_id)
    rows = await store.list_verifications(work.connection, company_id, window)
    return page_of(rows, window.limit, lambda entry: (str(entry.id),))


async def _lock(work: Work, company_id: UUID) -> Company:
    company = await store.lock_company(work.connection, company_id)
    if company is None:
        raise _unknown()
    return company


async def _record(work: Work, company_id: UUID, decision: Decision, reason: str) -> None:
    entry = VerificationEntry(
        id=work.new_id(),
        company_id=company_id,
        decision=decision,
        reason=reason,
        decided_by=work.principal.member_id if decision is not Decision.LAPSED else None,
        decided_at=work.now,
    )
    await store.insert_verification(work.connection, entry)


def _no_operator() -> Unavailable:
    return Unavailable(
        "operator.missing",
        "This installation has no operator yet: create the first staff account to make it.",
    )


def _unknown() -> NotFound:
    return NotFound("company.unknown", "There is no such company, or it is not yours to see.")
