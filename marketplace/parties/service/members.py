"""People who act for a company, and staff, who are the members of the operator's company."""

from uuid import UUID

import msgspec
import structlog

from marketplace.infra.http.etags import require_match
from marketplace.infra.passwords import check_password, hash_password
from marketplace.infra.work import Work
from marketplace.kernel.errors import Conflict, FieldProblem, Forbidden, NotFound
from marketplace.kernel.ids import format_id, parse_id
from marketplace.kernel.paging import Page, Window, page_of
from marketplace.parties import domain, store
from marketplace.parties.domain import Company, Member, NewMember

log = structlog.get_logger()


async def add_member(work: Work, new: NewMember) -> Member:
    """Add a person to the caller's company (the operator's admin adds staff this way)."""
    company = await _own_company(work)
    member = await add_to_company(work, company, new)
    work.audit("member.added", format_id("mem", member.id), _roles_note(member))
    return member


async def create_staff(work: Work, new: NewMember) -> Member:
    """Add a member of staff from the command line; the operator's company must exist."""
    company = await store.find_operator(work.connection)
    if company is None:
        raise Conflict("operator.missing", "Create the operator's company first.")
    member = await add_to_company(work, company, new)
    work.audit("staff.created", format_id("mem", member.id), _roles_note(member))
    return member


async def add_to_company(work: Work, company: Company, new: NewMember) -> Member:
    """Store a new member of a company; raise `Conflict("member.email_taken")`."""
    domain.check_new_member(new)
    member = Member(
        id=work.new_id(),
        company_id=company.id,
        name=new.name.strip(),
        email=domain.normal_email(new.email),
        roles=domain.check_roles(company.kind, new.roles),
        created_at=work.now,
        removed_at=None,
        version=1,
    )
    password_hash = await hash_password(new.password)
    if not await store.insert_member(work.connection, member, password_hash):
        raise Conflict(
            "member.email_taken",
            "Somebody uses this e-mail address here already; log in, or take another address.",
            FieldProblem("/email", "is taken"),
        )
    return member


async def list_members(work: Work, window: Window) -> Page[Member]:
    """List the people of the caller's company, newest first."""
    rows = await store.list_members(work.connection, work.principal.company, window)
    return page_of(rows, window.limit, lambda member: (str(member.id),))


async def load_member(work: Work, member_id: UUID) -> Member:
    """Give a person of the caller's company."""
    found = await store.find_login(work.connection, member_id)
    if found is None or found.member.company_id != work.principal.company_id:
        raise _unknown()
    return found.member


async def change_member(
    work: Work, member_id: UUID, name: str, roles: frozenset[str], if_match: str | None
) -> Member:
    """Give a member another name or other roles; they hold from the member's next request on."""
    company = await _own_company(work)
    member = await load_member(work, member_id)
    require_match(if_match, member.id, member.version)
    changed = msgspec.structs.replace(
        member, name=name.strip(), roles=domain.check_roles(company.kind, roles)
    )
    if changed == member:
        return member
    changed = msgspec.structs.replace(changed, version=member.version + 1)
    domain.require_keeper(await store.load_members(work.connection, company.id), changed)
    await store.save_member(work.connection, changed)
    work.audit("member.changed", format_id("mem", member_id), _roles_note(changed))
    return changed


async def remove_member(work: Work, member_id: UUID, if_match: str | None) -> None:
    """Remove a person: sessions end, the e-mail address is free again, what was done stays recorded."""
    company = await _own_company(work)
    member = await load_member(work, member_id)
    require_match(if_match, member.id, member.version)
    removed = msgspec.structs.replace(member, removed_at=work.now, version=member.version + 1)
    domain.require_keeper(await store.load_members(work.connection, company.id), removed)
    await store.save_member(work.connection, removed)
    await store.end_member_sessions(work.connection, member_id, work.now)
    work.audit("member.removed", format_id("mem", member_id))


async def change_password(work: Work, present: str, new: str) -> None:
    """Let a person change the own password; the person's other sessions end."""
    domain.check_password_length(new)
    member_id = work.principal.member_id
    login = await store.find_login(work.connection, member_id) if member_id else None
    if login is None or not await check_password(login.password_hash, present):
        raise Forbidden(
            "password.wrong",
            "The present password is wrong.",
            FieldProblem("/present_password", "is wrong"),
        )
    await store.save_password(work.connection, login.member.id, await hash_password(new))
    session_id = parse_id("ses", work.principal.credential)
    await store.end_member_sessions(work.connection, login.member.id, work.now, but=session_id)
    work.audit("member.password_changed", format_id("mem", login.member.id))


async def _own_company(work: Work) -> Company:
    """Lock the caller's company, so that two changes of members cannot both take the last owner away."""
    company = await store.lock_company(work.connection, work.principal.company)
    if company is None:
        raise AssertionError("a caller's own company is always visible")
    return company


def _roles_note(member: Member) -> str:
    return "roles " + " ".join(sorted(member.roles))


def _unknown() -> NotFound:
    return NotFound("member.unknown", "There is no such member in your company.")
