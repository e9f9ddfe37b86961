"""Handing rows out, on a driver connection of its own: claim, sweep, hand back, next due time.

Used by the broker inside a worker and by the relay. All three statements skip locked rows: whoever
runs a job holds its row lock, so a live job is neither claimed twice nor swept.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec


class Connection(Protocol):
    """The three calls used of an asyncpg connection (the driver ships no types)."""

    async def fetch(self, query: str, *arguments: object) -> list[Any]:
        """Run a query and give its rows."""
        ...

    async def fetchval(self, query: str, *arguments: object) -> Any:
        """Run a query and give the first column of its first row."""
        ...

    async def execute(self, query: str, *arguments: object) -> str:
        """Run a statement and give its command tag."""
        ...


_CLAIM: Final = """
    with due as materialized (
      select id from jobs where queue = $1 and state = 0 and run_at <= now()
      order by run_at limit $2 for update skip locked),
    claimed as (
      update jobs set state = 1, deliveries = least(deliveries + 1, 30000),
        lease_until = now() + make_interval(secs => $3)
      from due where jobs.id = due.id
      returning jobs.id, jobs.actor)
    select id, actor, null::float8 from claimed
    union all
    select null, null, extract(epoch from min(run_at) - clock_timestamp())::float8
    from jobs where queue = $1 and state = 0 and not exists (select from due where due.id = jobs.id)
"""

# The first lost deliveries go out again at once: a worker was killed. A job that is lost again and
# again is either too much for its worker or waits in a broker nobody reads; the growing pause (5 s
# doubling to 10 min) keeps workers from falling in a row and that broker from filling up.
_SWEEP: Final = """
    with lost as (
      select id from jobs where state in (1, 4) and lease_until < now()
      limit 500 for update skip locked)
    update jobs set state = 0, lease_until = null,
      run_at = now() + make_interval(secs => case when deliveries < 4 then 0
        else least(5 * 2.0 ^ least(deliveries - 4, 20), 600) end)
    from lost where jobs.id = lost.id
    returning jobs.queue
"""

_HAND_BACK: Final = """
    update jobs set state = 0, lease_until = null, deliveries = greatest(deliveries - 1, 0)
    where id = any($1::uuid[]) and state = 1
"""


class Delivery(msgspec.Struct, frozen=True):
    """All that travels: whom to call and which row. Arguments and state stay in the table."""

    job_id: UUID
    actor: str


async def claim(
    connection: Connection, queue: str, limit: int, lease_seconds: int
) -> tuple[list[Delivery], float | None]:
    """Take up to `limit` due jobs of a queue for `lease_seconds`, oldest first.

    Also gives the seconds until the next of those left may run; `None` when none is left. One statement
    for both: a worker asks after every ring, and most rings are for one job.
    """
    rows = await connection.fetch(_CLAIM, queue, limit, float(lease_seconds))
    claimed = [Delivery(UUID(int=row[0].int), row[1]) for row in rows if row[0] is not None]
    return claimed, rows[-1][2]


async def sweep(connection: Connection) -> set[str]:
    """Free jobs whose lease ran out (worker or message is gone); give the queues concerned."""
    return {row[0] for row in await connection.fetch(_SWEEP)}


async def hand_back(connection: Connection, job_ids: Sequence[UUID]) -> None:
    """Free jobs that were claimed and not started, at an orderly shutdown."""
    await connection.execute(_HAND_BACK, list(job_ids))
