"""One PostgreSQL for a whole test run: migrated once into a template, cloned per process.

The cluster lives in memory and forgets everything at the end. Tests commit for real, on several
connections, as the application's role; `reset_db()` empties what they touched between tests (about
3 ms), so deferred constraints, triggers, locks and notifications behave as in production.
"""

import asyncio
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final, Self

import asyncpg

from marketplace.infra import migrations
from marketplace.infra.embedded import APP_ROLE, OWNER_ROLE, SUPERUSER, EmbeddedPostgres

TEMPLATE: Final = "cession_template"
BARE: Final = "cession_bare"
ENVIRONMENT: Final = "TEST_CLUSTER_OF_CONTROLLER"
_FREE_BYTES_MIN: Final = 300_000_000

# Rows that migrations put in are part of the schema: a reset brings them back.
_RESET: Final = """
CREATE SCHEMA seed;
DO $$
DECLARE name text; filled boolean;
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND relkind = 'r' AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0
    LOOP
        EXECUTE format('CREATE TABLE seed.%I AS TABLE public.%I', name, name);
    END LOOP;
END $$;
CREATE FUNCTION reset_db() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET session_replication_role = replica SET search_path = pg_catalog AS $$
DECLARE name text;
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND relkind = 'r' AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0
    LOOP
        EXECUTE format('DELETE FROM public.%I', name);
    END LOOP;
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'seed'::regnamespace
    LOOP
        EXECUTE format('INSERT INTO public.%I TABLE seed.%I', name, name);
    END LOOP;
END $$;
GRANT EXECUTE ON FUNCTION reset_db() TO cession_app, cession_owner;
"""


class Cluster:
    """The running cluster, seen from any process of the test run."""

    def __init__(self, socket: str, programs: str) -> None:
        self.socket = socket
        self.programs = programs

    def url(self, database: str, role: str = APP_ROLE) -> str:
        """Give the address of a database of this cluster."""
        return f"postgresql://{role}@/{database}?host={self.socket}"

    def owner_url(self, database: str) -> str:
        """Give the address of a database for the role that owns its tables."""
        return self.url(database, OWNER_ROLE)

    def superuser_url(self, database: str = "postgres") -> str:
        """Give the address for the role that may make databases."""
        return self.url(database, SUPERUSER)

    def clone(self, name: str) -> None:
        """Make a database from the template (10 ms). Needs no running event loop."""
        self._execute(
            f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy OWNER {OWNER_ROLE}"
        )

    def create_empty(self, name: str) -> None:
        """Make a database without any table, extensions and rights included."""
        self._execute(
            f"CREATE DATABASE {name} TEMPLATE {BARE} STRATEGY file_copy OWNER {OWNER_ROLE}"
        )

    def drop(self, name: str) -> None:
        """Delete a database together with its connections."""
        self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        asyncio.run(execute(self.superuser_url(), statement))


class TestCluster:
    """Starts and stops the cluster of one test run."""

    __test__ = False

    def __init__(self) -> None:
        shared_memory = Path("/dev/shm")  # noqa: S108 - memory file system; the name below is random
        roomy = shared_memory.is_dir() and shutil.disk_usage(shared_memory).free > _FREE_BYTES_MIN
        self._folder = Path(
            tempfile.mkdtemp(prefix="cession-test-", dir=shared_memory if roomy else None)
        )
        self.server = EmbeddedPostgres(
            self._folder, durable=False, options={"max_connections": "250"}
        )

    def start(self) -> Self:
        """Start the server and make the template: roles, every migration, the reset function."""
        try:
            self.server.start()
            self.server.apply_roles(BARE)
            self.server.apply_roles(TEMPLATE)
            migrations.upgrade(self.server.url(OWNER_ROLE, TEMPLATE))
            self.server.psql(_RESET, "-d", TEMPLATE)
        except BaseException:
            self.stop()
            raise
        return self

    @property
    def cluster(self) -> Cluster:
        """How tests of any process reach it."""
        socket = self.server.url().partition("?host=")[2]
        return Cluster(socket, str(self.server.programs))

    def announce(self) -> None:
        """Tell worker processes, which inherit the environment, where the cluster is."""
        told = {"socket": self.cluster.socket, "programs": self.cluster.programs}
        os.environ[ENVIRONMENT] = json.dumps(told)

    def stop(self) -> None:
        """Stop the server and delete its files."""
        self.server.stop()
        os.environ.pop(ENVIRONMENT, None)
        for folder in {self._folder, self.server.folder}:
            shutil.rmtree(folder, ignore_errors=True)


async def connect(url: str) -> Any:
    """Open a connection of one's own, past the pool."""
    return await asyncpg.connect(url)


async def execute(url: str, statement: str) -> None:
    """Run one statement, or a script, on a connection of its own."""
    connection = await connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def announced_cluster() -> Cluster | None:
    """Give the cluster the controller started, or `None` when this process must start its own."""
    told = os.environ.get(ENVIRONMENT)
    return Cluster(**json.loads(told)) if told else None
