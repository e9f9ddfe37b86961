"""One company never sees another's rows: tried by SQL as the application's role, and by every route."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from marketplace.infra.access import Principal
from marketplace.kernel.ids import format_id
from marketplace.parties import service
from marketplace.parties.domain import Decision
from tests.conftest import OpenWork
from tests.support.clock import FixedClock
from tests.support.parties import Party, make_session

TABLES = {
    "companies": "id",
    "company_verifications": "company_id",
    "members": "company_id",
    "sessions": "company_id",
    "api_keys": "company_id",
    "api_key_uses": "company_id",
    "grants": "company_id",
}
"""Every table of this room and the column that says whose row it is."""


@pytest.fixture
async def full(
    work: OpenWork, ours: Party, theirs: Party, partner: Party, clock: FixedClock
) -> None:
    """Fill every table for both companies."""
    for party in (ours, theirs):
        async with work() as opened:
            await make_session(opened, party.member)
        async with work(party.principal) as opened:
            await service.give_grant(
                opened, partner.company.id, frozenset(), clock.now() + timedelta(days=1)
            )
        async with work() as opened:
            await service.decide_verification(
                opened, party.company.id, Decision.REVOKED, "test", "*"
            )


@asynccontextmanager
async def acting_as(
    database: AsyncEngine, scope: str, company_id: UUID | None
) -> AsyncIterator[AsyncConnection]:
    async with database.begin() as connection:
        await connection.execute(
            text(
                "SELECT set_config('cession.scope', :s, true), set_config('cession.company', :c, true)"
            ),
            {"s": scope, "c": str(company_id) if company_id else ""},
        )
        yield connection


@pytest.mark.usefixtures("full")
class TestRowSecurity:
    @pytest.mark.parametrize("table", TABLES)
    async def test_company_sees_its_own_rows_and_no_others(
        self, database: AsyncEngine, ours: Party, reviewer: Party, table: str
    ) -> None:
        allowed = {ours.company.id}
        if table == "companies":
            allowed.add(reviewer.company.id)
        async with acting_as(database, "company", ours.company.id) as connection:
            rows = await connection.execute(text(f"SELECT {TABLES[table]} FROM {table}"))
            assert set(rows.scalars()) == allowed

    @pytest.mark.parametrize("table", TABLES)
    async def test_public_sees_nothing(self, database: AsyncEngine, table: str) -> None:
        async with acting_as(database, "public", None) as connection:
            assert (await connection.execute(text(f"SELECT 1 FROM {table}"))).all() == []

    @pytest.mark.parametrize("table", TABLES)
    async def test_connection_that_says_nothing_sees_nothing(
        self, database: AsyncEngine, table: str
    ) -> None:
        async with database.begin() as connection:
            assert (await connection.execute(text(f"SELECT 1 FROM {table}"))).all() == []

    @pytest.mark.parametrize("table", TABLES)
    async def test_staff_see_every_row(
        self, database: AsyncEngine, ours: Party, theirs: Party, table: str
    ) -> None:
        async with acting_as(database, "staff", None) as connection:
            rows = await connection.execute(text(f"SELECT {TABLES[table]} FROM {table}"))
            assert {ours.company.id, theirs.company.id} <= set(rows.scalars())

    async def test_partner_reads_grants_it_received_and_changes_none(
        self, database: AsyncEngine, partner: Party
    ) -> None:
        async with acting_as(database, "company", partner.company.id) as connection:
            assert len((await connection.execute(text("SELECT 1 FROM grants"))).all()) == 2
            changed = await connection.execute(text("UPDATE grants SET revoked_at = now()"))
            assert changed.rowcount == 0

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE companies SET city = 'x' WHERE id = :theirs",
            "UPDATE members SET name = 'x' WHERE company_id = :theirs",
            "UPDATE sessions SET ended_at = now() WHERE company_id = :theirs",
            "DELETE FROM sessions WHERE company_id = :theirs",
            "UPDATE api_keys SET revoked_at = now() WHERE company_id = :theirs",
            "UPDATE grants SET revoked_at = now() WHERE company_id = :theirs",
        ],
    )
    async def test_company_changes_no_row_of_another(
        self, database: AsyncEngine, ours: Party, theirs: Party, statement: str
    ) -> None:
        async with acting_as(database, "company", ours.company.id) as connection:
            changed = await connection.execute(text(statement), {"theirs": theirs.company.id})
            assert changed.rowcount == 0

    async def test_company_writes_no_row_for_another(
        self, database: AsyncEngine, ours: Party, theirs: Party
    ) -> None:
        async with acting_as(database, "company", ours.company.id) as connection:
            with pytest.raises(DBAPIError, match="row-level security"):
                await connection.execute(
                    text(
                        "INSERT INTO members SELECT gen_random_uuid(), :theirs, name, 'e@v.il',"
                        " password_hash, roles, created_at, null, 1 FROM members"
                    ),
                    {"theirs": theirs.company.id},
                )


class TestRights:
    """What the application's role may not do to any row, whoever acts."""

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM companies",
            "DELETE FROM members",
            "DELETE FROM api_keys",
            "DELETE FROM grants",
            "UPDATE api_keys SET scopes = '{}'",
            "UPDATE api_keys SET token_hash = ''",
            "UPDATE grants SET expires_at = now()",
            "UPDATE members SET company_id = gen_random_uuid()",
            "UPDATE members SET email = 'x'",
            "UPDATE sessions SET expires_at = now()",
            "UPDATE api_key_uses SET last_used_at = now()",
            "UPDATE companies SET kind = 'operator'",
            "UPDATE company_verifications SET reason = ''",
            "DELETE FROM company_verifications",
        ],
    )
    async def test_application_may_not(self, database: AsyncEngine, statement: str) -> None:
        async with acting_as(database, "system", None) as connection:
            with pytest.raises(DBAPIError, match="permission denied"):
                await connection.execute(text(statement))

    async def test_company_cannot_verify_itself(
        self, database: AsyncEngine, work: OpenWork, ours: Party
    ) -> None:
        async with work() as opened:
            await service.decide_verification(
                opened, ours.company.id, Decision.REVOKED, "test", "*"
            )
        async with acting_as(database, "company", ours.company.id) as connection:
            with pytest.raises(DBAPIError, match="only staff verify a company"):
                await connection.execute(text("UPDATE companies SET verified_at = now()"))

    async def test_company_keeps_its_kind(self, owner_engine: AsyncEngine, ours: Party) -> None:
        assert ours.company.kind == "company"
        async with owner_engine.connect() as connection:
            with pytest.raises(DBAPIError, match="keeps its kind"):
                await connection.execute(text("UPDATE companies SET kind = 'partner'"))

    async def test_second_operator_is_refused(
        self, owner_engine: AsyncEngine, reviewer: Party
    ) -> None:
        assert reviewer.company.kind == "operator"
        async with owner_engine.connect() as connection:
            with pytest.raises(DBAPIError, match="uq_companies_operator"):
                await connection.execute(
                    text(
                        "INSERT INTO companies SELECT gen_random_uuid(), kind, legal_name,"
                        " register_number || 'x', country, vat_id, vat_id_format_valid,"
                        " address_lines, postcode, city, zone, verified_at, version, created_at"
                        " FROM companies"
                    )
                )

    async def test_open_session_is_the_applications_alone_and_finds_its_own_tables(
        self, owner_engine: AsyncEngine
    ) -> None:
        async with owner_engine.connect() as connection:
            row = (
                await connection.execute(
                    text(
                        "SELECT prosecdef, proconfig, proacl::text, proowner::regrole::text"
                        " FROM pg_proc WHERE proname = 'open_session'"
                    )
                )
            ).one()
        assert row.prosecdef
        assert row.proconfig == ["search_path=pg_catalog, pg_temp"]
        assert row.proowner == "cession_owner"
        assert "cession_app=X/" in row.proacl
        assert "{=X/" not in row.proacl
        assert ",=X/" not in row.proacl


class TestRoutes:
    """Every route of the room that takes an id, called for another company's thing."""

    @pytest.mark.usefixtures("full")
    async def test_another_companys_things_are_not_found(
        self,
        client: httpx.AsyncClient,
        ours: Party,
        theirs: Party,
        owner: dict[str, str],
        owner_engine: AsyncEngine,
    ) -> None:
        async with owner_engine.connect() as connection:
            grant_id = (
                await connection.execute(
                    text("SELECT id FROM grants WHERE company_id = :id"), {"id": theirs.company.id}
                )
            ).scalar_one()
        company = f"/v1/companies/{format_id('cmp', theirs.company.id)}"
        a_member = f"/v1/members/{format_id('mem', theirs.member.id)}"
        a_key = f"/v1/keys/{theirs.principal.credential}"
        a_grant = f"/v1/grants/{format_id('grt', grant_id)}"
        facts = {
            "legal_name": "x",
            "register_number": "x",
            "country": "DE",
            "address": {"lines": ["x"], "postcode": "x", "city": "x"},
        }
        calls: list[tuple[str, str, Any]] = [
            ("GET", company, None),
            ("PUT", company, facts),
            ("GET", f"{company}/verifications", None),
            ("GET", a_member, None),
            ("PUT", a_member, {"name": "x", "roles": ["owner"]}),
            ("DELETE", a_member, None),
            ("GET", a_key, None),
            ("DELETE", a_key, None),
            ("POST", f"{a_key}/rotation", {}),
            ("GET", a_grant, None),
            ("DELETE", a_grant, None),
        ]
        assert ours.company.id != theirs.company.id
        for method, path, body in calls:
            answer = await client.request(
                method, path, json=body, headers=owner | {"If-Match": "*"}
            )
            assert answer.status_code == 404, (method, path, answer.text)

    async def test_forged_scope_is_out_of_a_callers_reach(
        self, client: httpx.AsyncClient, ours: Party, theirs: Party
    ) -> None:
        """The scope is set by our code from the credential; no header, query or body reaches it."""
        forged = {
            "cession.company": str(theirs.company.id),
            "X-Company": format_id("cmp", theirs.company.id),
        }
        answer = await client.get(
            "/v1/me",
            params={"company_id": format_id("cmp", theirs.company.id), "scope": "system"},
            headers=ours.headers | forged,
        )
        assert answer.json()["company"]["id"] == format_id("cmp", ours.company.id)


class TestScopeOfAWork:
    async def test_services_see_as_their_caller(
        self, work: OpenWork, ours: Party, theirs: Party
    ) -> None:
        async with work(ours.principal) as opened:
            assert (await service.load_company(opened, ours.company.id)).id == ours.company.id
            assert theirs.company.id not in await service.load_companies(
                opened, [theirs.company.id]
            )
        nobody = Principal(scope="public", credential="public")
        async with work(nobody) as opened:
            assert await service.load_companies(opened, [ours.company.id]) == {}
