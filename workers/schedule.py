"""What happens by the clock: a table of periodic jobs, and the process that writes their rows.

A slot of an entry is a row with the unique key `cron:<name>:<slot>`, so any number of schedulers may
run and none of them leads: the first to insert wins, the others change nothing. Times are UTC.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Final, Literal

import msgspec
import structlog
from cronsim import CronSim
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.infra.jobs.ledger import NewJob, insert_jobs
from marketplace.infra.work import Doorbell, WorkSource
from workers.waiting import first_of

SLOTS_MAX: Final = 1000
TICK_SECONDS_MAX: Final = 30.0
RETRY_SECONDS: Final = 2.0
_SLOT_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"

# Slots are written so that text order is time order: this reads one entry of the unique index.
_LAST_SLOT: Final = text(
    "select max(dedup_key) from jobs where dedup_key >= :first and dedup_key < :last"
)

log = structlog.get_logger(__name__)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A periodic job: five cron fields in UTC and what to do about slots missed while all was down.

    `last_missed_only` is for work that looks at everything (a sweep needs no catching up), `all` for
    work whose every slot counts. Slots older than `catch_up` are never made up for.
    """

    name: str
    cron: str
    actor: str
    queue: str = "light"
    missed: Literal["last_missed_only", "all"] = "last_missed_only"
    catch_up: timedelta = timedelta(days=1)


SCHEDULE: Final[tuple[Entry, ...]] = (
    Entry(name="quotes.expire", cron="* * * * *", actor="quotes.expire_due"),
    Entry(name="orders.cancel", cron="*/5 * * * *", actor="orders.cancel_unpaid"),
    Entry(name="listings.expire", cron="* * * * *", actor="listings.expire_due", queue="default"),
    Entry(
        name="products.revalue",
        cron="15 1 * * *",
        actor="valuations.revalue_products",
        queue="default",
    ),
    Entry(name="listings.revalue", cron="30 1 * * *", actor="listings.revalue"),
    Entry(name="sessions.forget", cron="45 1 * * *", actor="parties.forget_sessions"),
    Entry(name="needs.forget_names", cron="55 1 * * *", actor="needs.forget_names"),
    Entry(name="imports.give_up", cron="20 * * * *", actor="imports.give_up_unfinished"),
    Entry(name="imports.forget", cron="0 2 * * *", actor="imports.forget_old", queue="default"),
    Entry(name="replays.prune", cron="40 * * * *", actor="infra.prune_replays"),
    Entry(name="jobs.prune", cron="50 * * * *", actor="infra.prune_jobs"),
)


def slots(entry: Entry, after: datetime, until: datetime) -> list[datetime]:
    """Give the slots of an entry in `(after, until]` that a scheduler must see to, oldest first."""
    start = max(after, until - entry.catch_up)
    upcoming = CronSim(entry.cron, start)
    missed = list(takewhile(lambda slot: slot <= until, upcoming))[-SLOTS_MAX:]
    return missed[-1:] if entry.missed == "last_missed_only" else missed


def key_of(entry: Entry, slot: datetime) -> str:
    """Give the unique key of a slot."""
    return f"cron:{entry.name}:{slot.astimezone(UTC).strftime(_SLOT_FORMAT)}"


class Scheduler:
    """Writes the rows of a schedule; `run()` ends when `stop` is set."""

    def __init__(self, source: WorkSource, doorbell: Doorbell, entries: Sequence[Entry]) -> None:
        self._source = source
        self._doorbell = doorbell
        self._entries = entries
        self._seen: dict[str, datetime] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Tick until told to stop; a database that is away is waited for."""
        log.info("scheduler.started", entries=len(self._entries))
        while not stop.is_set():
            try:
                await self.tick()
                pause = self._seconds_to_next()
            except Exception:
                log.exception("scheduler.tick_failed")
                pause = RETRY_SECONDS
            await first_of(stop, seconds=pause)
        log.info("scheduler.stopped")

    async def tick(self) -> int:
        """Write the rows that are due now, in one transaction; give how many slots were seen to.

        On its first tick a scheduler asks the ledger for the last slot written, by whomever; a new
        installation has none and starts with the next slot.
        """
        now = self._source.clock.now()
        async with self._source.engine.begin() as connection:
            for entry in self._entries:
                if entry.name not in self._seen:
                    self._seen[entry.name] = await last_slot(connection, entry) or now
            rows = [
                self._row(entry, slot)
                for entry in self._entries
                for slot in slots(entry, self._seen[entry.name], now)
            ]
            await insert_jobs(connection, rows)
        for entry in self._entries:
            self._seen[entry.name] = now
        if rows:
            self._doorbell.ring()
        return len(rows)

    def _row(self, entry: Entry, slot: datetime) -> NewJob:
        return NewJob(
            id=self._source.ids.uuid7(),
            actor=entry.actor,
            queue=entry.queue,
            run_at=slot,
            dedup_key=key_of(entry, slot),
            trace=f"cron_{entry.name}",
        )

    def _seconds_to_next(self) -> float:
        now = self._source.clock.now()
        following = min(next(CronSim(entry.cron, now)) for entry in self._entries)
        return min((following - now).total_seconds(), TICK_SECONDS_MAX)


async def last_slot(connection: AsyncConnection, entry: Entry) -> datetime | None:
    """Give the newest slot of an entry that stands in the ledger."""
    prefix = f"cron:{entry.name}:"
    # ';' is the character after ':', so this is the range of all keys with the prefix.
    found = await connection.scalar(_LAST_SLOT, {"first": prefix, "last": f"cron:{entry.name};"})
    if found is None:
        return None
    return datetime.strptime(found.removeprefix(prefix), _SLOT_FORMAT).replace(tzinfo=UTC)
