"""The database of an installation: the one the settings name, or the embedded one.

Commands take their settings from here, so that none of them needs to know which of the two it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from marketplace.infra.embedded import APP_ROLE, OWNER_ROLE, EmbeddedPostgres
from marketplace.infra.settings import PREFIX, Settings, SettingsError

POSTGRES_FOLDER: Final = "postgres"


def embedded_server(settings: Settings) -> EmbeddedPostgres | None:
    """Give the embedded server of these settings, not started; `None` when they name a database."""
    if settings.database_url:
        return None
    return EmbeddedPostgres(Path(settings.data_dir) / POSTGRES_FOLDER)


def with_addresses(settings: Settings, server: EmbeddedPostgres) -> Settings:
    """Give the settings completed by the addresses of a started embedded server."""
    return replace(
        settings, database_url=server.url(APP_ROLE), migration_database_url=server.url(OWNER_ROLE)
    )


def owner_url(settings: Settings) -> str:
    """Give the address for migrations.

    Raises:
        SettingsError: the settings name a database but not how to reach it as its owner.
    """
    if not settings.migration_database_url:
        raise SettingsError(
            f"{PREFIX}MIGRATION_DATABASE_URL: needed to migrate; the same database as "
            f"{PREFIX}DATABASE_URL, as role {OWNER_ROLE}"
        )
    return settings.migration_database_url


@contextmanager
def running_database(settings: Settings) -> Iterator[Settings]:
    """Give settings whose database answers for as long as the block runs.

    The embedded server is started, or joined when another process (`serve`) runs it already.
    """
    server = embedded_server(settings)
    if server is None:
        yield settings
        return
    with server:
        yield with_addresses(settings, server)


def as_environment(settings: Settings) -> dict[str, str]:
    """Give the settings as the environment variables that a child process reads them from."""
    defaults = Settings()
    return {
        PREFIX + name.upper(): str(value)
        for name in Settings.__struct_fields__
        if (value := getattr(settings, name)) != getattr(defaults, name)
    }
