"""The test harness itself: isolation between tests and roles, tried like everything else."""

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.infra.settings import Settings
from tests.support.postgres import Cluster, execute

INSERT = text(
    "INSERT INTO events (id, name, ids, trace, announced_at)"
    " VALUES (gen_random_uuid(), 'harness.tried.v1', '{}', 'test', now())"
)
COUNT = text("SELECT count(*) FROM events")


class TestIsolation:
    @pytest.mark.parametrize("turn", [1, 2])
    async def test_committed_rows_of_another_test_are_gone(
        self, database: AsyncEngine, turn: int
    ) -> None:
        del turn
        async with database.begin() as connection:
            assert (await connection.execute(COUNT)).scalar_one() == 0
            await connection.execute(INSERT)

    async def test_reset_empties_append_only_tables(
        self, database: AsyncEngine, cluster: Cluster, database_name: str
    ) -> None:
        async with database.begin() as connection:
            await connection.execute(INSERT)
        await execute(cluster.superuser_url(database_name), "SELECT reset_db()")
        async with database.begin() as connection:
            assert (await connection.execute(COUNT)).scalar_one() == 0

    async def test_application_cannot_create_tables(self, database_url: str) -> None:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await execute(database_url, "CREATE TABLE mine (id int)")


class TestRoles:
    async def test_tests_log_in_as_the_application_does(self, database: AsyncEngine) -> None:
        async with database.connect() as connection:
            row = (
                await connection.execute(
                    text(
                        "SELECT current_user, rolsuper, rolbypassrls FROM pg_roles"
                        " WHERE rolname = current_user"
                    )
                )
            ).one()
        assert tuple(row) == ("cession_app", False, False)

    def test_settings_name_the_database_of_the_test(
        self, settings: Settings, database_name: str
    ) -> None:
        assert f"/{database_name}?" in settings.database_url
