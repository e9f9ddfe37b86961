"""Who is calling: log-in, log-out, and the one statement that opens every request."""

import base64
import hashlib
import re
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.infra.access import Principal
from marketplace.infra.passwords import check_password, hash_password, is_outdated
from marketplace.infra.work import Work
from marketplace.kernel.errors import Unauthenticated
from marketplace.kernel.ids import format_id, parse_id
from marketplace.parties import domain, store
from marketplace.parties.domain import SESSION_LIFE, ApiKey, Company, CompanyKind, Member, Session

log = structlog.get_logger()

KEY_PREFIX: Final = "ckey_"
SESSION_PREFIX: Final = "cses_"
_SECRET_BYTES: Final = 32
_TOKEN: Final = re.compile(r"c(key|ses)_[A-Za-z0-9_-]{43}")


class IssuedSession(msgspec.Struct, frozen=True):
    """A session and its token, which exists nowhere else afterwards."""

    session: Session
    token: str


class LoggedIn(msgspec.Struct, frozen=True):
    """A person who just logged in."""

    company: Company
    member: Member
    session: IssuedSession


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who is behind a credential: a person with a session or a machine with a key."""

    company: Company
    member: Member | None
    key: ApiKey | None
    scopes: frozenset[str]
    is_staff: bool
    now: datetime


def new_token(work: Work, prefix: str) -> str:
    """Make a secret of 256 bits; the prefix tells people and secret scanners what it is."""
    secret = base64.urlsafe_b64encode(work.token(_SECRET_BYTES)).rstrip(b"=").decode()
    return prefix + secret


def hash_token(token: str) -> bytes:
    """Give what is stored of a token. A plain hash is enough: nobody can guess 256 bits."""
    return hashlib.sha256(token.encode()).digest()


async def authenticate(connection: AsyncConnection, token: str, now: datetime) -> Principal | None:
    """Turn a bearer token into a principal; one statement, which also sets the row security scope."""
    if not _TOKEN.fullmatch(token):
        return None
    opened = await store.open_session(connection, hash_token(token), now)
    if opened is None:
        return None
    if opened.credential_kind == "key":
        return Principal(
            scope="company",
            credential=format_id("key", opened.credential_id),
            company_id=opened.company_id,
            scopes=frozenset(opened.scopes or ()),
            verified=opened.verified,
        )
    roles = frozenset(opened.roles or ())
    is_staff = opened.company_kind == CompanyKind.OPERATOR
    return Principal(
        scope="staff" if is_staff else "company",
        credential=format_id("ses", opened.credential_id),
        company_id=opened.company_id,
        member_id=opened.member_id,
        roles=roles,
        scopes=frozenset() if is_staff else domain.scopes_of(roles),
        verified=opened.verified,
    )


async def log_in(work: Work, email: str, password: str) -> LoggedIn:
    """Open a session; an unknown address takes as long as a wrong password and gives the same answer."""
    async with work.elevated("log-in finds the company by the person"):
        login = await store.find_login_by_email(work.connection, domain.normal_email(email))
        known = await check_password(login.password_hash if login else None, password)
        if login is None or not known:
            log.info("session.refused")
            raise Unauthenticated("session.refused", "E-mail address or password is wrong.")
        if is_outdated(login.password_hash):
            await store.save_password(
                work.connection, login.member.id, await hash_password(password)
            )
        company = await store.find_company(work.connection, login.member.company_id)
        if company is None:
            raise AssertionError("a member's company exists: foreign key")
        session = await open_session_for(work, login.member)
    return LoggedIn(company, login.member, session)


async def open_session_for(work: Work, member: Member) -> IssuedSession:
    """Store a new session of a member; the caller made sure of who it is."""
    session = Session(
        id=work.new_id(),
        member_id=member.id,
        company_id=member.company_id,
        created_at=work.now,
        expires_at=work.now + SESSION_LIFE,
    )
    token = new_token(work, SESSION_PREFIX)
    await store.insert_session(work.connection, session, hash_token(token))
    return IssuedSession(session, token)


async def log_out(work: Work) -> None:
    """End the session that calls."""
    session_id = parse_id("ses", work.principal.credential)
    await store.end_session(work.connection, session_id, work.now)


async def forget_old_sessions(work: Work, kept: timedelta) -> int:
    """Delete sessions that ended or expired longer ago than `kept`; give how many. For a nightly job."""
    return await store.delete_sessions(work.connection, work.now - kept)


async def who_am_i(work: Work) -> Caller:
    """Tell the caller who it is and what it may do."""
    principal = work.principal
    company = await store.find_company(work.connection, principal.company)
    if company is None:
        raise AssertionError("a caller's own company is always visible")
    member, key = None, None
    if principal.member_id is not None:
        login = await store.find_login(work.connection, principal.member_id)
        member = login.member if login else None
    else:
        key = await store.find_key(work.connection, company.id, _key_id(principal))
    return Caller(
        company=company,
        member=member,
        key=key,
        scopes=principal.scopes,
        is_staff=principal.scope == "staff",
        now=work.now,
    )


def _key_id(principal: Principal) -> UUID:
    return parse_id("key", principal.credential)
