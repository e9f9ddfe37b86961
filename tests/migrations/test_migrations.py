"""Migrations: the chain, the budgets, the roles, and that code and database agree."""

import ast
import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from alembic.script import ScriptDirectory

from marketplace.infra import migrations
from tests.support.postgres import Cluster, connect
from tests.support.source import CHECKOUT, name_of

VERSIONS: Final = CHECKOUT / "migrations" / "versions"
FACTS: Final = ("events", "audit_log")
"""Tables of facts known from the beginning; rooms test their own."""


@pytest.fixture
def empty_database(cluster: Cluster, worker_id: str) -> Iterator[str]:
    """Give the name of a database with roles and extensions but without a table."""
    name = f"e_{worker_id}"
    cluster.create_empty(name)
    yield name
    cluster.drop(name)


def chain() -> ScriptDirectory:
    """Read the revisions."""
    return ScriptDirectory.from_config(migrations.configuration("postgresql://unused"))


def revision_files() -> list[Path]:
    """Give the files of the revisions."""
    return sorted(VERSIONS.glob("*.py"))


def ask(url: str, question: str) -> list[Any]:
    """Run one query and give the first column."""

    async def run() -> list[Any]:
        connection = await connect(url)
        try:
            return [row[0] for row in await connection.fetch(question)]
        finally:
            await connection.close()

    return asyncio.run(run())


class TestRevisionChain:
    def test_there_is_one_head(self) -> None:
        assert len(chain().get_heads()) == 1

    def test_chain_is_straight_and_files_are_named_in_its_order(self) -> None:
        order = [revision.revision for revision in chain().walk_revisions()][::-1]
        assert [path.stem.split("_", 4)[4] for path in revision_files()] == order

    def test_revisions_only_go_forward(self) -> None:
        backward = [
            name_of(path)
            for path in revision_files()
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.FunctionDef) and node.name == "downgrade"
        ]
        assert backward == []

    def test_a_longer_budget_says_why(self) -> None:
        unexplained = [
            f"{name_of(path)}: {line.strip()}"
            for path in revision_files()
            for line in path.read_text(encoding="utf-8").splitlines()
            if ("statement_timeout" in line or "lock_timeout" in line) and "--" not in line
        ]
        assert unexplained == []


class TestMigrate:
    def test_empty_database_reaches_the_head(self, cluster: Cluster, empty_database: str) -> None:
        migrations.upgrade(cluster.owner_url(empty_database))
        found = ask(cluster.owner_url(empty_database), "SELECT version_num FROM alembic_version")
        assert found == [chain().get_current_head()]

    def test_second_run_changes_nothing(self, cluster: Cluster, spare_database: str) -> None:
        migrations.upgrade(cluster.owner_url(spare_database))
        migrations.check(cluster.owner_url(spare_database))

    def test_code_and_database_have_the_same_tables(
        self, cluster: Cluster, spare_database: str
    ) -> None:
        migrations.check(cluster.owner_url(spare_database))

    def test_statements_run_within_the_budget(self, cluster: Cluster, empty_database: str) -> None:
        """The session of a migration has both budgets: asked from inside an event trigger."""
        superuser = cluster.superuser_url(empty_database)
        asyncio.run(self._watch(superuser))
        migrations.upgrade(cluster.owner_url(empty_database))
        assert set(ask(superuser, "SELECT DISTINCT budget FROM watch.seen")) == {"4s 1min"}

    async def _watch(self, url: str) -> None:
        connection = await connect(url)
        await connection.execute(
            """
            CREATE SCHEMA watch; CREATE TABLE watch.seen (budget text);
            CREATE FUNCTION watch.note() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
            BEGIN
                INSERT INTO watch.seen VALUES (
                    current_setting('lock_timeout') || ' ' || current_setting('statement_timeout'));
            END $$;
            CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION watch.note();
            """
        )
        await connection.close()


class TestRights:
    def test_application_owns_nothing(self, cluster: Cluster, spare_database: str) -> None:
        owned = ask(
            cluster.superuser_url(spare_database),
            "SELECT relname FROM pg_class WHERE relowner = 'cession_app'::regrole",
        )
        assert owned == []

    def test_everything_else_belongs_to_the_owner(
        self, cluster: Cluster, spare_database: str
    ) -> None:
        foreign = ask(
            cluster.superuser_url(spare_database),
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'S', 'v') AND relowner <> 'cession_owner'::regrole",
        )
        assert foreign == []

    def test_application_cannot_change_facts(self, cluster: Cluster, spare_database: str) -> None:
        changeable = ask(
            cluster.superuser_url(spare_database),
            "SELECT relname FROM pg_class, unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) AS verb"
            f" WHERE relname IN {FACTS} AND has_table_privilege('cession_app', oid, verb)",
        )
        assert changeable == []

    def test_tables_of_companies_have_row_security(
        self, cluster: Cluster, spare_database: str
    ) -> None:
        """Every table that names a company is filtered, or stands here with its reason."""
        unfiltered = ask(
            cluster.superuser_url(spare_database),
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind = 'r' AND NOT relrowsecurity AND EXISTS (SELECT FROM pg_attribute"
            " WHERE attrelid = pg_class.oid AND attname = 'company_id')",
        )
        assert set(unfiltered) <= OPEN_TABLES.keys()


OPEN_TABLES: Final = {
    "audit_log": "written by every scope, read by no route; staff read it in the database",
}
