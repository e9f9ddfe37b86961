"""How a migration runs: one at a time, within a budget, one transaction each.

An advisory lock lets any number of starting processes call `migrate`; one works, the others wait
and find nothing to do. The lock budget keeps a migration that waits for a table from stopping
every request behind it; the statement budget stops one that rewrites more than it should. A
revision that must take longer says so itself with `SET LOCAL statement_timeout` and a reason.
"""

import asyncio
import os
from collections.abc import Collection, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import structlog
from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import Connection, event, text
from sqlalchemy.engine.interfaces import DBAPICursor, ExecutionContext
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.util import await_only

import marketplace
from marketplace.infra.db import metadata
from marketplace.infra.settings import SettingsError, load_settings

LOCK_KEY: Final = 0x0CE55104
"""Key of the advisory lock; any fixed number of our own."""
LOCK_BUDGET: Final = "4s"
STATEMENT_BUDGET: Final = "60s"

_PLUMBING_TABLES: Final = (
    "marketplace.infra.announcements",
    "marketplace.infra.http.idempotency",
)

log = structlog.get_logger()


def load_tables() -> None:
    """Import every module that declares tables, and nothing else, so that the metadata is whole."""
    house = Path(marketplace.__file__).parent
    rooms = [path.relative_to(house).with_suffix("") for path in sorted(house.rglob("tables.py"))]
    for name in (*(".".join(("marketplace", *room.parts)) for room in rooms), *_PLUMBING_TABLES):
        import_module(name)


def database_url() -> str:
    """Give the owner's address: handed over by the caller, or from the settings."""
    handed_over = context.config.attributes.get("url")
    if isinstance(handed_over, str):
        return handed_over
    url = load_settings(os.environ).migration_database_url
    if not url:
        raise SettingsError("CESSION_MIGRATION_DATABASE_URL: set it to run alembic by hand")
    return url


def _run_script(
    cursor: DBAPICursor, statement: str, parameters: object, context: ExecutionContext
) -> bool:
    """Send a script of several statements whole; the driver would refuse to prepare it.

    True tells SQLAlchemy that the statement has been run. A script has no parameters and no rows.
    """
    del context
    if parameters or ";" not in statement.strip().rstrip(";"):
        return False
    adapted: Any = cursor
    await_only(adapted._connection.execute(statement))  # noqa: SLF001 - there is no public way
    return True


def _tell(
    ctx: MigrationContext, step: MigrationInfo, heads: Collection[Any], run_args: Mapping[str, Any]
) -> None:
    del ctx, heads, run_args  # alembic calls by these names
    log.info("migration.applied", revision=step.up_revision_id)


def _migrate(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK_KEY})
    connection.execute(text(f"SET lock_timeout = '{LOCK_BUDGET}'"))
    connection.execute(text(f"SET statement_timeout = '{STATEMENT_BUDGET}'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transaction_per_migration=True,
        compare_type=True,
        compare_server_default=True,
        on_version_apply=_tell,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _run() -> None:
    # No pool: the session, its budgets and its lock end with this connection.
    url = database_url().replace("postgresql://", "postgresql+asyncpg://", 1)
    engine = create_async_engine(url, poolclass=NullPool)
    event.listen(engine.sync_engine, "do_execute", _run_script)
    async with engine.connect() as connection:
        await connection.run_sync(_migrate)
    await engine.dispose()


load_tables()
asyncio.run(_run())
