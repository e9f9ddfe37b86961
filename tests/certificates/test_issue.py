"""Completing an order on the real database: all in one transaction, once, or not at all."""

import asyncio
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.certificates import service
from marketplace.certificates.domain.certificate import Reader
from marketplace.infra.work import WorkSource
from marketplace.kernel.errors import NotFound
from marketplace.kernel.ids import format_id, parse_id
from marketplace.register import service as register
from marketplace.transfers import service as transfers
from marketplace.transfers.schemas import DeclarationIn
from tests.conftest import OpenWork
from tests.support.deals import Deal, declaration, open_deal
from tests.support.jobs import Drain
from tests.support.quotes import open_trader

URL = "https://cession.example"


@pytest.fixture
async def deal(client: httpx.AsyncClient, work: OpenWork, drain_jobs: Drain) -> Deal:
    """Give a deal of two sellers that is paid and declared, its last job not run yet."""
    opened = await open_deal(client, work, drain_jobs, sellers=2)
    await opened.pay()
    for seller in opened.sellers:
        await opened.declare(seller)
    return opened


async def complete(work: OpenWork, deal: Deal, url: str = URL) -> tuple[Any, ...]:
    async with work() as unit:
        return await service.complete_order(unit, parse_id("ord", deal.order["id"]), url)


async def _until_blocked(work: OpenWork) -> None:
    """Wait until some backend waits for a lock."""
    query = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    for _ in range(500):
        async with work() as unit:
            if (await unit.connection.execute(query)).scalar_one():
                return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits")


async def snapshot(work: OpenWork, deal: Deal) -> dict[str, Any]:
    """Give everything that completing an order changes."""
    async with work() as unit:
        owners = [
            (holding.units, holding.party_id)
            for lot in deal.lots
            for holding in await register.live_holdings(unit, lot.lot_id)
        ]
        counts = {}
        for table in ("certificates", "title_events", "events", "jobs"):
            found = await unit.connection.execute(text(f"SELECT count(*) FROM {table}"))
            counts[table] = found.scalar_one()
        states = await unit.connection.execute(
            text("SELECT state FROM transfers UNION ALL SELECT state FROM orders")
        )
    return {"owners": owners, "states": sorted(states.scalars()), **counts}


class TestCompleteOrder:
    async def test_each_transfer_gets_its_certificate(self, deal: Deal, work: OpenWork) -> None:
        issued = await complete(work, deal)
        assert len(issued) == len({one.transfer_id for one in issued}) == 2
        assert {one.holder_id for one in issued} == {deal.buyer.company.id}
        assert {one.seller_id for one in issued} == {one.company.id for one in deal.sellers}
        assert len({one.code for one in issued} | {one.number for one in issued}) == 4
        order = await deal.client.get(f"/v1/orders/{deal.order['id']}", headers=deal.buyer.headers)
        assert order.json()["state"] == "fulfilled"

    async def test_chain_leads_from_the_seller_through_the_operator_to_the_buyer(
        self, deal: Deal, work: OpenWork
    ) -> None:
        for one in await complete(work, deal):
            names = [link.taker.reference for link in one.facts.chain]
            assert names[0] == format_id("cmp", one.seller_id)
            assert names[1] == one.facts.operator.reference
            assert names[2] == format_id("cmp", deal.buyer.company.id)

    async def test_facts_name_the_entry_that_the_register_holds(
        self, deal: Deal, work: OpenWork
    ) -> None:
        for one in await complete(work, deal):
            async with work() as unit:
                (holding,) = await register.live_holdings(unit, one.lot_id)
                chain = await register.chain_of(unit, holding.id)
            (entry,) = one.facts.register.entries
            assert entry.leaf_hash == chain.links[-1].leaf_hash.hex()
            assert (entry.units.first, entry.units.end) == (holding.units.lo, holding.units.hi)

    async def test_second_run_does_nothing(self, deal: Deal, work: OpenWork) -> None:
        await complete(work, deal)
        before = await snapshot(work, deal)
        assert await complete(work, deal) == ()
        assert await snapshot(work, deal) == before

    async def test_failure_after_the_posting_takes_everything_back(
        self, deal: Deal, work: OpenWork
    ) -> None:
        before = await snapshot(work, deal)
        # An address that no certificate can carry is refused when the facts are composed: after the register moved.
        with pytest.raises(msgspec.ValidationError, match="url"):
            await complete(work, deal, url="not an address")
        assert await snapshot(work, deal) == before
        assert len(await complete(work, deal)) == 2

    async def test_racing_jobs_issue_one_certificate_per_transfer(
        self, deal: Deal, work: OpenWork
    ) -> None:
        results = await asyncio.gather(
            *(complete(work, deal) for _ in range(6)), return_exceptions=True
        )
        issued = [one for one in results if isinstance(one, tuple) and one]
        assert len(issued) == 1
        assert [one for one in results if isinstance(one, BaseException)] == []
        async with work() as unit:
            found = await unit.connection.execute(text("SELECT count(*) FROM certificates"))
            assert found.scalar_one() == 2
            assert await register.audit(unit) == ()

    async def test_a_job_that_waited_for_a_declaration_sees_it(
        self, client: httpx.AsyncClient, drain_jobs: Drain, work: OpenWork
    ) -> None:
        opened = await open_deal(client, work, drain_jobs, sellers=1)
        await opened.pay()
        (seller,) = opened.sellers
        transfer = await opened.transfer_of(seller)
        signing = msgspec.convert(declaration(transfer), DeclarationIn).signing()
        async with work(seller.principal) as signed:
            await transfers.sign_declaration(signed, parse_id("trf", transfer["id"]), signing)
            waiting = asyncio.create_task(complete(work, opened))
            await _until_blocked(work)
        assert len(await waiting) == 1

    async def test_jobs_of_payment_and_declarations_complete_it_once(self, deal: Deal) -> None:
        ran = await deal.drain()
        assert ran.count("certificates.complete_order") == 3
        assert ran.count("certificates.render") == 2
        assert len(await deal.certificates(deal.buyer)) == 2


class TestPapersToPrint:
    async def test_unknown_certificate_is_not_printed(self, work: OpenWork) -> None:
        async with work() as unit:
            with pytest.raises(NotFound, match=r"certificate\.unknown"):
                await service.papers_to_print(unit, unit.new_id(), Reader.HOLDER)

    async def test_printed_certificate_has_nothing_left(self, deal: Deal, work: OpenWork) -> None:
        issued = await complete(work, deal)
        await deal.drain()
        async with work() as unit:
            for one in issued:
                assert await service.papers_to_print(unit, one.id, Reader.HOLDER) is None
                assert await service.papers_to_print(unit, one.id, Reader.SELLER) is not None


class TestRowSecurity:
    @pytest.mark.parametrize("table", ["certificates", "certificate_papers", "certificate_ends"])
    async def test_rows_refuse_change(
        self, deal: Deal, work: OpenWork, owner_engine: AsyncEngine, table: str
    ) -> None:
        for one in await complete(work, deal):
            async with work() as unit:
                await service.revoke_certificate(unit, one.id, "a test")
        await deal.drain()
        for change in (f"DELETE FROM {table}", f"UPDATE {table} SET {_KEY[table]} = NULL"):
            with pytest.raises(DBAPIError, match="only grow"):
                async with owner_engine.begin() as connection:
                    await connection.execute(text(change))

    async def test_each_side_sees_its_own_and_a_stranger_none(
        self, deal: Deal, work: OpenWork
    ) -> None:
        await complete(work, deal)
        stranger = await open_trader(work)
        seen = {deal.buyer: 2, deal.sellers[0]: 1, deal.sellers[1]: 1, stranger: 0}
        for person, expected in seen.items():
            async with work(person.principal) as unit:
                found = await unit.connection.execute(text("SELECT count(*) FROM certificates"))
                assert found.scalar_one() == expected

    async def test_nobody_sees_anything_without_a_scope(
        self, deal: Deal, work: OpenWork, work_source: WorkSource
    ) -> None:
        await complete(work, deal)
        async with work_source.begin("test") as unit:
            found = await unit.connection.execute(text("SELECT count(*) FROM certificates"))
            assert found.scalar_one() == 0

    async def test_company_issues_and_ends_nothing(self, deal: Deal, work: OpenWork) -> None:
        (one, _) = await complete(work, deal)
        issue = (
            "INSERT INTO certificates SELECT :id, 'CES-X', 'X', transfer_id, order_id, holder_id, seller_id, "
            "lot_id, facts, issued_at FROM certificates LIMIT 1"
        )
        end = "INSERT INTO certificate_ends VALUES (:id, 'revoked', 'mine', now())"
        for statement in (issue, end):
            with pytest.raises(DBAPIError, match="row-level security"):
                async with work(deal.buyer.principal) as unit:
                    await unit.connection.execute(text(statement), {"id": one.id})


_KEY = {
    "certificates": "facts",
    "certificate_papers": "sha256",
    "certificate_ends": "reason",
}
