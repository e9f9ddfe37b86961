"""Use cases from the command line, first of all the one a fresh database needs: operator and first staff account."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from marketplace.infra.access import system_principal
from marketplace.infra.clock import SystemClock, SystemIds
from marketplace.infra.db import make_engine
from marketplace.infra.work import SilentDoorbell, Work, WorkSource
from marketplace.parties import service as parties
from marketplace.parties.domain import CompanyFacts, NewMember

T = TypeVar("T")


class Hiring(msgspec.Struct, frozen=True, kw_only=True):
    """A staff account to create, and the operator's facts for the case that the company is not there yet."""

    person: NewMember
    operator: CompanyFacts | None = None


async def hire(database_url: str, hiring: Hiring) -> str:
    """Create the operator if it is missing and its facts are given, then the staff account; give the operator's name.

    Raises:
        DomainError: as `parties.service.create_operator` and `create_staff`, for example a taken e-mail address.
    """
    return await as_command(database_url, "staff", _hire, hiring)


async def as_command(
    database_url: str, name: str, act: Callable[..., Awaitable[T]], *arguments: object
) -> T:
    """Run one use case from the command line: in a transaction of its own, as the system, named in the audit log."""
    engine = make_engine(database_url, pool_size=1)
    try:
        source = WorkSource(engine, SystemClock(), SystemIds(), {}, SilentDoorbell())
        async with source.begin("command", system_principal(name)) as work:
            return await act(work, *arguments)
    finally:
        await engine.dispose()


async def _hire(work: Work, hiring: Hiring) -> str:
    if hiring.operator is not None:
        await parties.create_operator(work, hiring.operator)
    await parties.create_staff(work, hiring.person)
    return (await parties.operator(work)).legal_name
