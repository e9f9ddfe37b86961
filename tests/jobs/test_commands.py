"""The job ledger on the command line."""

import pytest

from marketplace.infra.jobs import commands
from marketplace.infra.jobs.ledger import JobState
from marketplace.kernel.errors import NotFound
from marketplace.kernel.ids import format_id
from marketplace.kernel.paging import LIMIT_MAX
from tests.conftest import OpenWork
from tests.jobs.conftest import Ledger

KILL = "update jobs set state = 3, attempts = 2, last_error = E'OSError: away\\nsecond line'"


class TestDead:
    async def test_no_dead_letters_is_said(self, work: OpenWork) -> None:
        async with work() as unit:
            assert await commands.dead(unit) == "No dead jobs."

    async def test_each_is_a_line_with_its_error(self, work: OpenWork, ledger: Ledger) -> None:
        job_id = await ledger.add("probe.away")
        await ledger.change(KILL)

        async with work() as unit:
            _, line, hint = (await commands.dead(unit)).splitlines()

        assert line.split() == [format_id("job", job_id), "probe.away", "2", "OSError:", "away"]
        assert "cession jobs resend" in hint

    async def test_long_list_says_that_more_follow(self, work: OpenWork, ledger: Ledger) -> None:
        for _ in range(LIMIT_MAX + 1):
            await ledger.add("probe.away")
        await ledger.change(KILL)

        async with work() as unit:
            lines = (await commands.dead(unit)).splitlines()

        assert len(lines) == 1 + LIMIT_MAX + 2
        assert lines[-2] == "... and more: these are the newest 100."


class TestResend:
    async def test_dead_letter_is_ready_again(self, work: OpenWork, ledger: Ledger) -> None:
        job_id = await ledger.add("probe.away")
        await ledger.change(KILL)
        name = format_id("job", job_id)

        async with work() as unit:
            said = await commands.resend(unit, name)

        assert said == f"{name} (probe.away) is ready again."
        assert (await ledger.job(job_id)).state == JobState.READY

    async def test_text_that_is_no_id_is_not_found(self, work: OpenWork) -> None:
        async with work() as unit:
            with pytest.raises(NotFound, match="nonsense is not the id of a job"):
                await commands.resend(unit, "nonsense")
