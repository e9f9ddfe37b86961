"""The same processes on a real PostgreSQL and a real RabbitMQ, by settings alone.

Runs wherever those servers answer (see tests/support/services.py); CI has both.
"""

import asyncio
from collections.abc import Iterator
from typing import Any, Final
from uuid import uuid4

import pytest

from tests.support.installation import Installation, installation, until
from tests.support.postgres import connect
from tests.support.services import production_settings, silent_server
from tests.support.trade import Line, buy, open_market

PRINT_SECONDS_MAX: Final = 60.0
SILENT: Final = silent_server()

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(SILENT is not None, reason=f"no answer from {SILENT}"),
]


@pytest.fixture(scope="module")
def production() -> Iterator[Installation]:
    """Give an installation on real servers; a lost job is found again after five seconds."""
    with (
        production_settings() as settings,
        installation({**settings, "CESSION_JOB_LEASE_SECONDS": "5"}) as running,
    ):
        yield running


def ask(running: Installation, query: str, *arguments: object) -> Any:
    """Run one statement as the application and give the first value."""

    async def run() -> Any:
        connection = await connect(running.state.database_url)
        try:
            return await connection.fetchval(query, *arguments)
        finally:
            await connection.close()

    return asyncio.run(run())


def enqueue(running: Installation) -> str:
    """Write a job as a transaction of the application would, and give its id."""
    job_id = uuid4()
    ask(
        running,
        "INSERT INTO jobs (id, queue, actor) VALUES ($1, 'light', 'infra.prune_jobs')",
        job_id,
    )
    return str(job_id)


def done(running: Installation, job_id: str) -> bool:
    """Tell whether a job has been done."""
    return bool(ask(running, "SELECT state = 2 FROM jobs WHERE id = $1", job_id))


async def trade(running: Installation) -> list[bytes]:
    """Play whole purchases by several clients at once and give the certificates as papers."""
    address, database = running.address, running.state.database_url
    market = await open_market(address, database, buyers=3, lots=2, units=30)

    async def shop(buyer: str) -> bytes:
        line = Line(market.address)
        await buy(line, market, buyer, 5)
        listed = await line.must("GET", "/v1/certificates", buyer)
        paper = await printed(line, listed["items"][0]["id"], buyer)
        line.close()
        return paper

    return list(await asyncio.gather(*(shop(buyer) for buyer in market.buyers)))


async def printed(line: Line, certificate_id: str, buyer: str) -> bytes:
    """Wait until the worker has printed a certificate, and fetch it."""
    give_up_at = asyncio.get_running_loop().time() + PRINT_SECONDS_MAX
    while True:
        answer = await line.call("GET", f"/v1/certificates/{certificate_id}.pdf", buyer)
        if answer.status == 200:
            return bytes(answer.body)
        assert answer.status == 202, answer
        assert asyncio.get_running_loop().time() < give_up_at, answer
        await asyncio.sleep(0.2)


class TestRunOnRealServers:
    def test_whole_trades_end_with_printed_certificates(self, production: Installation) -> None:
        papers = asyncio.run(trade(production))
        assert [paper[:5] for paper in papers] == [b"%PDF-"] * 3

    def test_relay_runs_beside_the_others(self, production: Installation) -> None:
        assert set(production.state.children) == {"api", "relay", "worker", "scheduler"}

    def test_no_embedded_database_is_started(self, production: Installation) -> None:
        assert not (production.folder / "postgres").exists()
        assert ask(production, "SHOW port") == "5432"

    def test_job_reaches_a_worker_through_the_broker(self, production: Installation) -> None:
        job_id = enqueue(production)
        until(lambda: done(production, job_id), "the job is done")

    @pytest.mark.parametrize("child", ["relay", "worker"])
    def test_job_is_done_after_the_loss_of_a_process(
        self, production: Installation, child: str
    ) -> None:
        production.kill(child)
        job_id = enqueue(production)
        until(lambda: done(production, job_id), f"the job is done without the first {child}")
