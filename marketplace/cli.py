"""The `cession` command: serve, demo, migrate, health, jobs, staff-create.

Commands run in the checkout. They use the database that the settings name, else the embedded one, and
say what they do on standard output; a refusal is one line on standard error and exit code 2.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from getpass import getpass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from marketplace.infra import migrations
from marketplace.infra.embedded_files import PostgresUnavailableError
from marketplace.infra.installation import owner_url, running_database
from marketplace.infra.log import configure_logging
from marketplace.infra.settings import PREFIX, Settings, SettingsError, load_settings
from marketplace.kernel.errors import DomainError

if TYPE_CHECKING:
    from marketplace.parties.domain import CompanyFacts

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
        say(f"Cession runs at {address}")
        say(f"  API description  {address}/docs")
        say(f"  data and logs    {running.data_dir}")
        say("  Ctrl-C stops all of it; the data stays.")

    return Supervisor(settings, say=say).run(ready)


def demo(settings: Settings, _: argparse.Namespace) -> int:
    """Play one whole trade over HTTP and leave its papers in demo-output/."""
    from marketplace.demo.client import Refused  # noqa: PLC0415 - other commands do not pay for it
    from marketplace.demo.scene import OUTPUT, play  # noqa: PLC0415 - as above
    from marketplace.infra.supervisor import Supervisor, address_of  # noqa: PLC0415 - as above

    def trade(running: Settings) -> None:
        play(running, address_of(running), say)

    # A free port: the demo must not fail because something else listens on the usual one.
    installation = Supervisor(replace(settings, port=0), say=say)
    say("starting the database, the API, a worker and the scheduler ...")
    try:
        installation.run(trade, once=True)
    except Refused as problem:
        print(f"cession: the demo stopped: {problem}", file=sys.stderr)
        return EXIT_REFUSED
    say(f"All papers      {OUTPUT}/")
    say(f"Data and logs   {settings.data_dir}/  (`make serve` goes on with them)")
    return EXIT_OK


def create_staff(settings: Settings, chosen: argparse.Namespace) -> int:
    """Create a staff account; in a fresh database also the operator's company. Reads the password from the terminal."""
    from marketplace.parties.domain import NewMember  # noqa: PLC0415 - other commands do not pay for it
    from marketplace.staffing import Hiring, hire  # noqa: PLC0415 - as above

    password = getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
    roles = frozenset(chosen.role)
    person = NewMember(name=chosen.name, email=chosen.email, password=password, roles=roles)
    hiring = Hiring(person=person, operator=_operator_facts(settings, chosen))
    with running_database(settings) as running:
        name = asyncio.run(hire(running.database_url, hiring))
    say(f"{chosen.email} is staff of {name} ({', '.join(sorted(roles))})")
    return EXIT_OK


def _operator_facts(settings: Settings, chosen: argparse.Namespace) -> "CompanyFacts | None":
    from marketplace.parties.domain import Address, CompanyFacts  # noqa: PLC0415 - as above

    if not chosen.operator_name:
        return None
    return CompanyFacts(
        legal_name=chosen.operator_name,
        register_number=chosen.operator_register_number,
        country=settings.operator_country,
        vat_id=chosen.operator_vat_id or None,
        address=Address(
            lines=(chosen.operator_street,),
            postcode=chosen.operator_postcode,
            city=chosen.operator_city,
        ),
    )


def manage_jobs(settings: Settings, chosen: argparse.Namespace) -> int:
    """List jobs that gave up, or send one again after its cause was mended."""
    from marketplace.infra.jobs import commands  # noqa: PLC0415 - other commands do not pay for it
    from marketplace.staffing import as_command  # noqa: PLC0415 - as above

    if chosen.action == "resend" and not chosen.job:
        raise SettingsError("`jobs resend` needs the id of a job; `jobs dead` lists them")
    with running_database(settings) as running:
        act = commands.resend if chosen.action == "resend" else commands.dead
        arguments = (chosen.job,) if chosen.action == "resend" else ()
        say(asyncio.run(as_command(running.database_url, "jobs", act, *arguments)))
    return EXIT_OK


def say(line: str) -> None:
    """Tell a person at a terminal."""
    print(line, flush=True)


def migrate(settings: Settings, _: argparse.Namespace) -> int:
    """Bring the database to the newest revision."""
    with running_database(settings) as running:
        migrations.upgrade(owner_url(running))
    say("the database is up to date")
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
    _add(commands, "demo", demo)
    jobs = _add(commands, "jobs", manage_jobs)
    jobs.add_argument("action", choices=("dead", "resend"))
    jobs.add_argument("job", nargs="?", help="the job to send again")
    staff = _add(commands, "staff-create", create_staff)
    staff.add_argument("--email", required=True)
    staff.add_argument("--name", required=True, help="name of the person")
    staff.add_argument(
        "--role", action="append", required=True, choices=("reviewer", "finance", "admin")
    )
    for fact in ("name", "register-number", "vat-id", "street", "postcode", "city"):
        staff.add_argument(
            f"--operator-{fact}", default="", help="of the operator, in a fresh database"
        )
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code."""
    from marketplace.infra.supervisor import ServeError  # noqa: PLC0415 - as above

    chosen = parser().parse_args(arguments)
    command: Command = chosen.run
    try:
        settings = load_settings(os.environ)
        configure_logging(for_people(settings, chosen.command), chosen.command)
        return command(settings, chosen)
    except (SettingsError, PostgresUnavailableError, ServeError, DomainError) as problem:
        print(f"cession: {problem}", file=sys.stderr)
        return EXIT_REFUSED


def for_people(settings: Settings, command: str) -> Settings:
    """Log for the reader of a terminal, unless the settings say otherwise; a demo tells its story."""
    if PREFIX + "LOG_FORMAT" in os.environ:
        return settings
    level = "warning" if command == "demo" else settings.log_level
    return replace(settings, log_format="console", log_level=level)


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: Command
) -> argparse.ArgumentParser:
    told = (run.__doc__ or "").strip()
    added = commands.add_parser(name, help=told.splitlines()[0], description=told)
    added.set_defaults(run=run)
    return added
