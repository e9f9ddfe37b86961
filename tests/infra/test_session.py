"""Admission: who may call which route."""

from typing import Any

import httpx
import pytest

from marketplace.infra.access import COMPANY_SCOPES, company
from marketplace.parties.domain import CompanyKind
from tests.conftest import OpenWork
from tests.support.parties import Party, add_member, make_party, make_session, make_staff

Headers = dict[str, str]


_COMPANIES: dict[str, dict[str, Any]] = {
    "key": {},
    "unverified key": {"verified": False},
    "reading key": {"scopes": frozenset({"listings:read"})},
    "partner key": {"kind": CompanyKind.PARTNER},
}


class Callers:
    """One caller of each sort, made on demand."""

    def __init__(self, work: OpenWork) -> None:
        self._work = work

    async def headers(self, who: str) -> Headers:
        """Give the headers of a caller named in the table below."""
        async with self._work() as opened:
            if who == "nobody":
                return {}
            if who in _COMPANIES:
                return (await make_party(opened, **_COMPANIES[who])).headers
            if who in ("owner", "viewer"):
                party = await make_party(opened)
                member = await add_member(opened, party.company, who)
                _, token = await make_session(opened, member)
                return {"Authorization": f"Bearer {token}"}
            return (await make_staff(opened, who)).headers


@pytest.fixture
def callers(work: OpenWork) -> Callers:
    return Callers(work)


ALLOWED = {
    "/edge/view": {"nobody", "key", "unverified key", "reading key", "owner", "viewer", "admin"},
    "/edge/signed-in": {"key", "unverified key", "reading key", "owner", "viewer", "admin"},
    "/edge/company": {"key", "unverified key", "reading key", "partner key", "owner", "admin"},
    "/edge/many-parts": {"key", "admin"},
    "/edge/trade": {"key", "partner key", "owner"},
    "/edge/members": {"owner", "viewer", "admin", "reviewer"},
    "/edge/owners": {"owner", "admin"},
    "/edge/finance": {"finance", "admin"},
}
REFUSED = {
    ("/edge/signed-in", "nobody"): (401, "credential.missing"),
    ("/edge/company", "nobody"): (401, "credential.missing"),
    ("/edge/many-parts", "nobody"): (401, "credential.missing"),
    ("/edge/trade", "reading key"): (403, "access.scope_missing"),
    ("/edge/trade", "viewer"): (403, "access.scope_missing"),
    ("/edge/trade", "unverified key"): (403, "company.not_verified"),
    ("/edge/trade", "admin"): (403, "access.company_only"),
    ("/edge/members", "key"): (403, "access.person_only"),
    ("/edge/owners", "viewer"): (403, "access.role_missing"),
    ("/edge/owners", "reviewer"): (403, "access.role_missing"),
    ("/edge/finance", "reviewer"): (403, "access.role_missing"),
    ("/edge/finance", "owner"): (403, "access.staff_only"),
    ("/edge/finance", "key"): (403, "access.staff_only"),
}


class TestAccess:
    @pytest.mark.parametrize(
        ("path", "who"), [(path, who) for path in ALLOWED for who in sorted(ALLOWED[path])]
    )
    async def test_caller_is_let_in(
        self, edge: httpx.AsyncClient, callers: Callers, path: str, who: str
    ) -> None:
        answer = await edge.get(path, headers=await callers.headers(who))
        assert answer.status_code == 200, answer.text

    @pytest.mark.parametrize(("path", "who"), REFUSED)
    async def test_caller_is_refused(
        self, edge: httpx.AsyncClient, callers: Callers, path: str, who: str
    ) -> None:
        answer = await edge.get(path, headers=await callers.headers(who))
        assert (answer.status_code, answer.json()["code"]) == REFUSED[path, who]

    def test_route_cannot_demand_an_unknown_scope(self) -> None:
        for scope in COMPANY_SCOPES:
            assert company(scope).scope == scope
        with pytest.raises(AssertionError):
            company("listings:delete")


class TestBearer:
    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    async def test_scheme_is_read_in_any_case(
        self, edge: httpx.AsyncClient, work: OpenWork, scheme: str
    ) -> None:
        async with work() as opened:
            party = await make_party(opened)
        answer = await edge.get(
            "/edge/signed-in", headers={"Authorization": f"{scheme} {party.token}"}
        )
        assert answer.text == party.principal.credential

    @pytest.mark.parametrize("header", ["", "Basic abc", "ckey_abc", "Bearer " + "x" * 300])
    async def test_other_headers_are_malformed(self, edge: httpx.AsyncClient, header: str) -> None:
        answer = await edge.get("/edge/signed-in", headers={"Authorization": header})
        assert (answer.status_code, answer.json()["code"]) == (422, "credential.malformed")

    async def test_unknown_credential_is_refused_on_public_routes_too(
        self, edge: httpx.AsyncClient
    ) -> None:
        answer = await edge.get("/edge/scope", headers={"Authorization": "Bearer ckey_" + "a" * 43})
        assert (answer.status_code, answer.json()["code"]) == (401, "credential.unknown")


class TestCredentialInTheQuery:
    async def test_is_ignored(self, edge: httpx.AsyncClient, work: OpenWork) -> None:
        async with work() as opened:
            party: Party = await make_party(opened)
        answer = await edge.get(f"/edge/signed-in?authorization=Bearer%20{party.token}")
        assert answer.status_code == 401
