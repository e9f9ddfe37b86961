"""What the application's role may see and do, tried in the database itself."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.infra.access import PUBLIC_PRINCIPAL, Principal
from marketplace.register.domain import Units
from tests.conftest import OpenWork
from tests.support import register
from tests.support.register import BUYER, SELLER, as_company

STRANGER = register.party("Unbeteiligte GmbH")
STAFF = Principal(scope="staff", credential="session:1", roles=frozenset({"reviewer"}))
TABLES = (
    "title_lots",
    "title_events",
    "title_holdings",
    "title_declarations",
    "title_spends",
    "title_live",
    "title_deals",
    "title_reservations",
    "title_reservation_extensions",
    "title_reservation_ends",
    "title_active_reservations",
    "title_holds",
    "title_hold_ends",
    "title_disclosures",
    "title_outbox",
)
INTERNAL = (
    "title_move('\\x'::bytea, 'transfer', '[0,1)'::int4range, gen_random_uuid())",
    "title_declare('\\x'::bytea)",
    "title_record('{}'::jsonb, '\\x'::bytea, 'transfer')",
    "title_finish(ARRAY[]::bytea[], '[]'::jsonb)",
    "title_sweep(ARRAY[]::uuid[], 'infinity')",
    "title_states(ARRAY[]::uuid[])",
    "title_lock(ARRAY[]::uuid[])",
    "title_settle()",
    "title_group(gen_random_uuid())",
    "title_free(gen_random_uuid(), gen_random_uuid(), 1, now(), '{}')",
)
DENIED = "42501"


async def state_of(engine: AsyncEngine, statement: str) -> str:
    """Run a statement that must fail; give its SQLSTATE."""
    async with engine.connect() as connection:
        await connection.execute(text("SELECT set_config('cession.scope', 'system', false)"))
        with pytest.raises(DBAPIError) as refused:
            await connection.execute(text(statement.replace(":", "\\:")))
    state = getattr(refused.value.orig, "sqlstate", "")
    return str(state)


class TestApplicationRole:
    @pytest.mark.parametrize("table", TABLES)
    async def test_it_writes_no_table_of_the_register(
        self, database: AsyncEngine, table: str
    ) -> None:
        states = {
            await state_of(database, statement)
            for statement in (
                f"INSERT INTO {table} DEFAULT VALUES",
                f"UPDATE {table} SET lot_id = lot_id"
                if table == "title_live"
                else f"DELETE FROM {table}",
                f"TRUNCATE {table} CASCADE",
            )
        }

        assert states == {DENIED}

    @pytest.mark.parametrize("call", INTERNAL)
    async def test_it_calls_no_function_behind_the_desk(
        self, database: AsyncEngine, call: str
    ) -> None:
        assert await state_of(database, f"SELECT {call}") == DENIED

    async def test_every_desk_function_has_a_fixed_search_path(self, database: AsyncEngine) -> None:
        async with database.connect() as connection:
            loose = await connection.execute(
                text(
                    "SELECT proname FROM pg_proc WHERE starts_with(proname, 'title_')"
                    " AND prosecdef AND NOT coalesce(proconfig, '{}')"
                    " @> ARRAY['search_path=public, pg_temp']"
                )
            )
            owners = await connection.execute(
                text(
                    "SELECT DISTINCT pg_get_userbyid(proowner) FROM pg_proc"
                    " WHERE starts_with(proname, 'title_')"
                )
            )

        assert loose.all() == []
        assert owners.scalars().all() == ["cession_owner"]

    async def test_every_table_of_the_register_is_listed_here_and_has_row_security(
        self, database: AsyncEngine
    ) -> None:
        async with database.connect() as connection:
            found = await connection.execute(
                text(
                    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relrowsecurity"
                    " AND starts_with(relname, 'title_')"
                )
            )

        assert set(found.scalars()) == set(TABLES)


class TestRowSecurity:
    @pytest.fixture
    async def counts(self, work: OpenWork) -> dict[str, dict[str, int]]:
        """Count the rows each scope sees after a sale, a reservation and a hold."""
        async with work() as w:
            lot_id = await register.open_lot(w, 20)
            await register.sell(w, lot_id, 10)
            await register.reserve(w, lot_id, 5)
            await register.hold(w, lot_id, Units(19, 20))
        seen: dict[str, dict[str, int]] = {}
        for name, principal in {
            "seller": as_company(SELLER),
            "buyer": as_company(BUYER),
            "stranger": as_company(STRANGER),
            "public": PUBLIC_PRINCIPAL,
            "staff": STAFF,
        }.items():
            async with work(principal) as w:
                seen[name] = {
                    table: await w.connection.scalar(text(f"SELECT count(*) FROM {table}"))
                    for table in TABLES
                }
        return seen

    async def test_strangers_and_the_public_see_nothing(
        self, counts: dict[str, dict[str, int]]
    ) -> None:
        assert set(counts["stranger"].values()) == {0}
        assert set(counts["public"].values()) == {0}

    async def test_staff_sees_every_row(self, counts: dict[str, dict[str, int]]) -> None:
        empty = {table for table, count in counts["staff"].items() if count == 0}

        assert empty == {"title_reservation_extensions", "title_hold_ends"}

    async def test_a_company_sees_what_it_is_a_party_to(
        self, counts: dict[str, dict[str, int]]
    ) -> None:
        seen = {
            company: {table: count for table, count in counts[company].items() if count}
            for company in ("seller", "buyer")
        }

        assert seen == {
            # Its genesis and its remainder; the entry that opened the lot and the one that sold.
            "seller": {
                "title_lots": 1,
                "title_events": 2,
                "title_holdings": 2,
                "title_declarations": 1,
                "title_spends": 1,
                "title_live": 1,
            },
            # What it holds and the entry that gave it; not from whom the operator bought.
            "buyer": {
                "title_events": 1,
                "title_holdings": 1,
                "title_live": 1,
                "title_deals": 1,
            },
        }
