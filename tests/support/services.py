"""The real PostgreSQL and RabbitMQ of a production installation, where such servers answer.

`TEST_POSTGRES_URL` (a superuser) and `TEST_BROKER_URL` name others than the usual local ones. A
test gets a database and a queue prefix of its own; nothing else on the servers is touched.
"""

import asyncio
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pika

from marketplace.infra.embedded import APP_ROLE, OWNER_ROLE
from marketplace.infra.embedded_files import (
    find_programs,
    server_account,
    system_folder,
    wheel_folder,
)
from tests.support.postgres import execute
from tests.support.source import CHECKOUT
from workers.registration import QUEUES

POSTGRES_URL: Final = os.environ.get(
    "TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1/postgres"
)
BROKER_URL: Final = os.environ.get("TEST_BROKER_URL", "amqp://guest:guest@127.0.0.1:5672/%2F")
CONNECT_SECONDS_MAX: Final = 3.0
_PORTS: Final = {"postgresql": 5432, "amqp": 5672}


def silent_server() -> str | None:
    """Give the name of a server that does not answer, or `None` when both do."""
    for url in (POSTGRES_URL, BROKER_URL):
        place = urlsplit(url)
        address = (place.hostname or "127.0.0.1", place.port or _PORTS[place.scheme])
        try:
            with socket.create_connection(address, timeout=CONNECT_SECONDS_MAX):
                pass
        except OSError:
            return f"{place.scheme} at {address[0]}:{address[1]}"
    return None


@contextmanager
def production_settings() -> Iterator[Mapping[str, str]]:
    """Give the settings of an installation on the real servers; its database and queues are dropped."""
    name = f"cession_test_{uuid4().hex[:12]}"
    create_database(name)
    try:
        yield {
            "CESSION_DATABASE_URL": address(APP_ROLE, name),
            "CESSION_MIGRATION_DATABASE_URL": address(OWNER_ROLE, name),
            "CESSION_BROKER_URL": BROKER_URL,
            "CESSION_BROKER_PREFIX": name,
        }
    finally:
        asyncio.run(execute(POSTGRES_URL, f"DROP DATABASE {name} WITH (FORCE)"))
        drop_roles()
        delete_queues(name)


def address(role: str, database: str) -> str:
    """Give the address of a database of the server for one role."""
    place = urlsplit(POSTGRES_URL)
    host = (place.netloc.rpartition("@")[2]) or "127.0.0.1"
    return urlunsplit(place._replace(netloc=f"{role}@{host}", path=f"/{database}"))


def create_database(name: str) -> None:
    """Make roles, database and extensions with the script that a production installation runs."""
    psql = find_programs(server_account(), wheel_folder(), system_folder()).bin / "psql"
    script = CHECKOUT / "marketplace/infra/roles.sql"
    subprocess.run(
        [psql, "-X", "-q", "-d", POSTGRES_URL, "-v", f"database={name}", "-f", script],
        check=True,
        capture_output=True,
    )


def drop_roles() -> None:
    """Drop the roles, unless another test run on this server still needs them."""
    for role in (APP_ROLE, OWNER_ROLE):
        try:
            asyncio.run(execute(POSTGRES_URL, f"DROP ROLE IF EXISTS {role}"))
        except asyncpg.DependentObjectsStillExistError:
            return


def delete_queues(prefix: str) -> None:
    """Delete the queues of one prefix, the ones dramatiq makes beside each included."""
    connection = pika.BlockingConnection(pika.URLParameters(BROKER_URL))
    channel = connection.channel()
    for queue in QUEUES:
        for suffix in ("", ".DQ", ".XQ"):
            channel.queue_delete(f"{prefix}.{queue}{suffix}")
    connection.close()
