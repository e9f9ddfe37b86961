"""Grants: a company lets a partner see its certificates, all or some, until a day or until revoked."""

from datetime import datetime
from uuid import UUID

from marketplace.infra.work import Work
from marketplace.kernel.errors import NotFound
from marketplace.kernel.ids import format_id
from marketplace.kernel.paging import Page, Window, page_of
from marketplace.parties import domain, store
from marketplace.parties.domain import Grant


async def give_grant(
    work: Work, partner_company_id: UUID, certificate_ids: frozenset[UUID], expires_at: datetime
) -> Grant:
    """Let a verified partner see the caller's certificates; no listed ids means all of them, present and future.

    A listed id of somebody else's certificate gives nothing: a grant only ever opens its giver's own certificates.
    """
    async with work.elevated("the partner's company is another company"):
        partner = await store.find_company(work.connection, partner_company_id)
    grant, events = domain.give_grant(
        Grant(
            id=work.new_id(),
            company_id=work.principal.company,
            partner_company_id=partner_company_id,
            all_certificates=not certificate_ids,
            certificate_ids=tuple(sorted(certificate_ids)),
            created_at=work.now,
            expires_at=expires_at,
        ),
        partner,
    )
    await store.insert_grant(work.connection, grant)
    for event in events:
        work.announce(event)
    work.audit("grant.given", format_id("grt", grant.id), format_id("cmp", partner_company_id))
    return grant


async def revoke_grant(work: Work, grant_id: UUID) -> Grant:
    """End a grant the caller's company gave; ending it twice changes nothing."""
    grant = await store.lock_grant(work.connection, work.principal.company, grant_id)
    if grant is None:
        raise _unknown()
    revoked, events = domain.revoke_grant(grant, work.now)
    if events:
        await store.save_grant(work.connection, revoked)
        work.audit("grant.revoked", format_id("grt", grant_id))
    for event in events:
        work.announce(event)
    return revoked


async def load_grant(work: Work, grant_id: UUID) -> Grant:
    """Give a grant that the caller's company gave or received."""
    grant = await store.find_grant(work.connection, grant_id)
    company_id = work.principal.company
    if grant is None or company_id not in (grant.company_id, grant.partner_company_id):
        raise _unknown()
    return grant


async def list_grants(work: Work, window: Window, *, received: bool) -> Page[Grant]:
    """List the grants that the caller's company gave or, as a partner, received; newest first."""
    rows = await store.list_grants(
        work.connection, work.principal.company, window, received=received
    )
    return page_of(rows, window.limit, lambda grant: (str(grant.id),))


async def may_see_certificate(work: Work, owner_id: UUID, certificate_id: UUID) -> bool:
    """Tell whether the owner of a certificate lets the caller's company see it now."""
    if work.principal.company_id is None:
        return False
    found = await store.find_covering_grant(
        work.connection,
        store.Sight(
            partner_id=work.principal.company_id,
            owner_id=owner_id,
            certificate_id=certificate_id,
            now=work.now,
        ),
    )
    return found is not None and found.covers(certificate_id, work.now)


async def list_givers(work: Work) -> tuple[UUID, ...]:
    """Give the companies that let the caller's company see some or all of their certificates now."""
    return await store.find_givers(work.connection, work.principal.company, work.now)


def _unknown() -> NotFound:
    return NotFound("grant.unknown", "There is no such grant of your company.")
