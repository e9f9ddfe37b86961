"""Admission: who is calling, may they use this route, and the transaction that their request runs in."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Final

from litestar import Request
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.infra.access import Access, Principal
from marketplace.infra.http import idempotency
from marketplace.infra.http.trace import note_caller, trace_of
from marketplace.infra.work import View, Work, WorkSource
from marketplace.kernel.errors import Forbidden, Malformed, Unauthenticated

Authenticate = Callable[[AsyncConnection, str, Any], Awaitable[Principal | None]]
"""Turns a bearer token into a principal and sets the row security scope of the transaction; None = unknown."""

_BEARER: Final = "bearer "
_HEADER_LENGTH_MAX: Final = 300


class Admission:
    """Gives each request its unit of work: authenticated, authorised, replay-safe, committed before the answer."""

    def __init__(self, source: WorkSource, authenticate: Authenticate) -> None:
        self._source = source
        self._authenticate = authenticate

    async def work(self, request: Request[Any, Any, Any]) -> AsyncGenerator[Work, None]:
        """Provide the `work` dependency."""
        access: Access = request.route_handler.opt["access"]
        async with self._source.begin(trace_of(request.scope)) as work:
            await self._admit(request, access, work)
            claim = await idempotency.claim(
                request, work, secret=bool(request.route_handler.opt.get("shown_once"))
            )
            yield work
            if claim is not None:
                claim.keep(work)

    async def view(self) -> AsyncGenerator[View, None]:
        """Provide the `view` dependency: a public read without a transaction."""
        async with self._source.view() as view:
            yield view

    async def _admit(self, request: Request[Any, Any, Any], access: Access, work: Work) -> None:
        token = _bearer_token(request)
        if token is None:
            if access.who == "public":
                return
            raise Unauthenticated(
                "credential.missing", "Send a key or session: `Authorization: Bearer ...`."
            )
        principal = await self._authenticate(work.connection, token, work.now)
        if principal is None:
            raise Unauthenticated(
                "credential.unknown",
                "This key or session is unknown, expired or revoked; make a new one.",
            )
        work.principal = principal
        note_caller(
            request.scope,
            credential=principal.credential,
            company=str(principal.company_id) if principal.company_id else "",
        )
        require_access(access, principal)


def require_access(access: Access, principal: Principal) -> None:
    """Refuse a caller that may not use a route; raises `Forbidden` and never tells about rows."""
    if access.who in ("public", "any"):
        return
    if principal.scope == "staff":
        _require_staff(access, principal)
    elif access.who == "staff":
        raise Forbidden("access.staff_only", "This is for the operator's staff.")
    elif access.who == "member":
        _require_member(access, principal)
    else:
        _require_company(access, principal)


def _require_staff(access: Access, principal: Principal) -> None:
    if access.who in ("staff", "member") and access.roles and not access.roles & principal.roles:
        raise Forbidden(
            "access.role_missing", f"This needs the staff role {' or '.join(sorted(access.roles))}."
        )
    if access.who == "company" and not (access.scope or "").endswith(":read"):
        raise Forbidden("access.company_only", "Staff can look at company data but not act for it.")


def _require_member(access: Access, principal: Principal) -> None:
    if principal.member_id is None:
        raise Forbidden("access.person_only", "This needs a logged-in person, not an API key.")
    if access.roles and not access.roles & principal.roles:
        raise Forbidden(
            "access.role_missing", f"This needs the role {' or '.join(sorted(access.roles))}."
        )


def _require_company(access: Access, principal: Principal) -> None:
    if access.scope not in principal.scopes:
        raise Forbidden(
            "access.scope_missing",
            f"This credential lacks the scope `{access.scope}`; use one that has it.",
        )
    if access.verified and not principal.verified:
        raise Forbidden(
            "company.not_verified",
            "Your company can draft but not trade yet: the operator's staff must verify it first.",
        )


def _bearer_token(request: Request[Any, Any, Any]) -> str | None:
    header = request.headers.get("authorization")
    if header is None:
        return None
    if header[: len(_BEARER)].lower() != _BEARER or len(header) > _HEADER_LENGTH_MAX:
        raise Malformed(
            "credential.malformed", "Write the header as `Authorization: Bearer <key>`."
        )
    return header[len(_BEARER) :].strip()
