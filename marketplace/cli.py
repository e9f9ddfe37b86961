"""The `cession` command: serve, migrate, health, staff.

Commands run in the checkout. They use the database that the settings name, else the embedded one, and
say what they do on standard output; a refusal is one line on standard error and exit code 2.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from marketplace.infra import migrations
from marketplace.infra.embedded_files import PostgresUnavailableError
from marketplace.infra.installation import owner_url, running_database
from marketplace.infra.log import configure_logging
from marketplace.infra.settings import PREFIX, Settings, SettingsError, load_settings

EXIT_OK = 0
EXIT_REFUSED = 2


def serve(settings: Settings, _: argparse.Namespace) -> int:
    """Run the whole installation until Ctrl-C."""
    from marketplace.infra.supervisor import (  # noqa: PLC0415 - other commands do not pay for it
        Supervisor,
        address_of,
    )

    def ready(running: Settings) -> None:
        address = address_of(running)
        print(f"Cession runs at {address}")
        print(f"  API description  {address}/docs")
        print(f"  data and logs    {running.data_dir}")
        print("  Ctrl-C stops all of it; the data stays.", flush=True)

    return Supervisor(settings, say=lambda line: print(line, flush=True)).run(ready)


def migrate(settings: Settings, _: argparse.Namespace) -> int:
    """Bring the database to the newest revision."""
    with running_database(settings) as running:
        migrations.upgrade(owner_url(running))
    print("the database is up to date")
    return EXIT_OK


def health(settings: Settings, _: argparse.Namespace) -> int:
    """Tell whether the database and the broker of these settings can be reached."""
    from marketplace.infra.reach import unreachable  # noqa: PLC0415 - as above

    problems = unreachable(settings)
    for problem in problems:
        print(problem, file=sys.stderr)
    return EXIT_REFUSED if problems else EXIT_OK


Command = Callable[[Settings, argparse.Namespace], int]


def parser() -> argparse.ArgumentParser:
    """Describe every command and its arguments."""
    top = argparse.ArgumentParser(prog="cession", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add(commands, "serve", serve)
    _add(commands, "migrate", migrate)
    _add(commands, "health", health)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code."""
    from marketplace.infra.supervisor import ServeError  # noqa: PLC0415 - as above

    chosen = parser().parse_args(arguments)
    command: Command = chosen.run
    try:
        settings = load_settings(os.environ)
        configure_logging(for_people(settings), chosen.command)
        return command(settings, chosen)
    except (SettingsError, PostgresUnavailableError, ServeError) as problem:
        print(f"cession: {problem}", file=sys.stderr)
        return EXIT_REFUSED


def for_people(settings: Settings) -> Settings:
    """Log for the reader of a terminal, unless the settings say otherwise."""
    if PREFIX + "LOG_FORMAT" in os.environ or not sys.stderr.isatty():
        return settings
    return replace(settings, log_format="console")


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: Command
) -> argparse.ArgumentParser:
    told = (run.__doc__ or "").strip()
    added = commands.add_parser(name, help=told.splitlines()[0], description=told)
    added.set_defaults(run=run)
    return added
