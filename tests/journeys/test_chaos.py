"""Kill -9 of any process at any point of a trade loses nothing acknowledged and doubles nothing."""

import asyncio
import os
import random
import signal
from typing import Final

import pytest
from sqlalchemy import text

from marketplace.infra.access import system_principal
from marketplace.infra.clock import SystemClock, SystemIds
from marketplace.infra.db import make_engine
from marketplace.infra.work import SilentDoorbell, WorkSource
from marketplace.register import service as register
from tests.support import installation
from tests.support.installation import Installation
from tests.support.trade import Line, Purchase, buy, open_market

TRADES: Final = 200
CLIENTS: Final = 16
QUANTITY: Final = 3
LOTS: Final = 4
UNITS: Final = 200
KILL_PAUSE_SECONDS_MAX: Final = 4.0
SETTLE_SECONDS_MAX: Final = 60.0
VICTIMS: Final = ("api", "worker", "scheduler", "database")

SETTINGS: Final = {
    "CESSION_RATE_LIMIT_PER_MINUTE": "1000000",
    "CESSION_LOGIN_LIMIT_PER_MINUTE": "1000000",
    "CESSION_JOB_LEASE_SECONDS": "5",
}

ACCOUNTS: Final = """
SELECT
  (SELECT count(*) FROM orders WHERE state = 'fulfilled') AS fulfilled,
  (SELECT count(*) FROM orders WHERE state NOT IN ('fulfilled')) AS unfinished,
  (SELECT count(*) FROM payments) AS payments,
  (SELECT count(*) FROM transfers WHERE state = 'posted') AS posted,
  (SELECT count(*) FROM certificates) AS certificates,
  (SELECT count(*) FROM (SELECT transfer_id FROM certificates GROUP BY 1 HAVING count(*) > 1) d) AS doubled,
  (SELECT coalesce(sum(quantity), 0) FROM transfers WHERE state = 'posted') AS moved,
  (SELECT count(*) FROM title_active_reservations) AS reserved,
  (SELECT count(*) FROM jobs WHERE state = 3) AS dead
"""


class TestChaos:
    @pytest.mark.slow
    @pytest.mark.timeout(480)
    def test_kills_at_random_lose_and_double_nothing(self) -> None:
        seed = random.randrange(2**32)  # noqa: S311 - chooses victims, guards nothing
        with installation.reachable_folder() as folder:
            running = installation.start(folder, SETTINGS)
            try:
                running.wait_until_ready()
                kills, bought = asyncio.run(_trade_under_fire(running, seed))
                asyncio.run(_check(running, bought))
            except AssertionError as problem:
                raise AssertionError(f"seed {seed}: {problem}") from problem
            finally:
                running.stop()
        assert kills >= len(VICTIMS)


async def _trade_under_fire(running: Installation, seed: int) -> tuple[int, list[Purchase]]:
    market = await open_market(
        running.address, running.state.database_url, buyers=CLIENTS, lots=LOTS, units=UNITS
    )
    chance = random.Random(seed)  # noqa: S311 - as above
    stop = asyncio.Event()
    killer = asyncio.create_task(_kill(running, chance, stop))
    waiting = iter(range(TRADES))
    bought: list[Purchase] = []

    async def client(buyer: str) -> None:
        line = Line(market.address)
        for _ in waiting:
            purchase = await buy(line, market, buyer, QUANTITY)
            bought.append(purchase)
        line.close()

    try:
        await asyncio.gather(*(client(buyer) for buyer in market.buyers))
    finally:
        stop.set()
        kills = await killer
    return kills, bought


async def _kill(running: Installation, chance: random.Random, stop: asyncio.Event) -> int:
    """Kill one process after the other, each kind in turn before the order is shuffled again.

    The next one only when the API is back: two thirds of the trade would otherwise be waiting for start-ups.
    """
    kills = 0
    victims: list[str] = []
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), chance.uniform(0.0, KILL_PAUSE_SECONDS_MAX))
        except TimeoutError:
            victims = victims or chance.sample(VICTIMS, len(VICTIMS))
            kills += await asyncio.to_thread(_kill_one, running, victims.pop())
            await asyncio.to_thread(installation.until, running.ready, "the API is back")
    return kills


def _kill_one(running: Installation, victim: str) -> int:
    pid = running.database_pid() if victim == "database" else running.pid_of(victim)
    if pid == 0:
        return 0
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


async def _check(running: Installation, bought: list[Purchase]) -> None:
    installation.until(running.ready, "the API is back")
    engine = make_engine(running.state.migration_database_url, pool_size=1)
    source = WorkSource(engine, SystemClock(), SystemIds(), {}, SilentDoorbell())
    try:
        async with source.begin("check", system_principal("check")) as work:
            violations = await register.audit(work)
            accounts = (await work.connection.execute(text(ACCOUNTS))).one()
    finally:
        await engine.dispose()
    assert violations == ()
    assert len({purchase.order_id for purchase in bought}) == TRADES
    # Every acknowledged order is there once, paid once, posted once, certified once; nothing else is.
    assert accounts.fulfilled == TRADES
    assert accounts.unfinished == 0
    assert accounts.payments == TRADES
    assert accounts.posted == accounts.certificates
    assert accounts.doubled == 0
    assert accounts.moved == TRADES * QUANTITY
    assert accounts.reserved == 0
    assert accounts.dead == 0
