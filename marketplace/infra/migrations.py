"""Bring a database to the newest revision: one call for the command, the demo and the tests."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config

_CHECKOUT: Final = Path(__file__).resolve().parent.parent.parent


def configuration(owner_url: str) -> Config:
    """Give alembic's configuration for a database, addressed as role `cession_owner`."""
    config = Config(_CHECKOUT / "alembic.ini")
    config.attributes["url"] = owner_url
    return config


def upgrade(owner_url: str) -> None:
    """Run what is missing; any number of processes may call it at once (no running event loop)."""
    command.upgrade(configuration(owner_url), "head")


def check(owner_url: str) -> None:
    """Raise alembic's `CommandError` when the tables in the code and in the database differ."""
    command.check(configuration(owner_url))
