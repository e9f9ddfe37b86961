"""Declaring, posting and voiding over HTTP and through the jobs, on the real database."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.infra.settings import Settings
from marketplace.kernel.ids import format_id, parse_id
from marketplace.orders import service as orders
from marketplace.register import service as register
from marketplace.transfers import service
from marketplace.transfers.domain import Statement
from tests.conftest import OpenWork
from tests.support.clock import FixedClock
from tests.support.deals import Deal, declaration, declare, open_deal
from tests.support.jobs import Drain
from tests.support.listings import open_staff
from tests.support.quotes import open_trader

TERM = timedelta(days=Settings().payment_term_days)


@pytest.fixture
async def deal(client: httpx.AsyncClient, work: OpenWork, drain_jobs: Drain) -> Deal:
    return await open_deal(client, work, drain_jobs)


@pytest.fixture
async def deal_of_two(client: httpx.AsyncClient, work: OpenWork, drain_jobs: Drain) -> Deal:
    return await open_deal(client, work, drain_jobs, sellers=2)


async def held_by(work: OpenWork, deal: Deal, place: int = 0) -> set[Any]:
    """Give who holds the units of a lot, by the register."""
    async with work() as unit:
        holdings = await register.live_holdings(unit, deal.lots[place].lot_id)
        return {holding.party_id for holding in holdings}


async def count(work: OpenWork, table: str) -> int:
    async with work() as unit:
        found = await unit.connection.execute(text(f"SELECT count(*) FROM {table}"))
        return int(found.scalar_one())


class TestPrepareTransfers:
    async def test_each_seller_is_asked_for_its_own_lot(self, deal_of_two: Deal) -> None:
        for seller in deal_of_two.sellers:
            transfer = await deal_of_two.transfer_of(seller)
            assert (transfer["state"], transfer["quantity"]) == ("pending", 30)
            assert (transfer["declared_at"], transfer["declaration"]) == (None, None)
        assert len(await deal_of_two.transfers(deal_of_two.buyer)) == 2

    async def test_second_preparation_changes_nothing(self, deal: Deal, work: OpenWork) -> None:
        before = await deal.transfers(deal.buyer)
        async with work() as unit:
            await service.prepare_transfers(unit, parse_id("ord", deal.order["id"]))
        assert await deal.transfers(deal.buyer) == before
        assert await count(work, "events WHERE name = 'transfer.prepared.v1'") == 1

    async def test_cancelled_order_is_not_prepared(
        self, deal: Deal, work: OpenWork, clock: FixedClock, owner_engine: AsyncEngine
    ) -> None:
        async with owner_engine.begin() as connection:
            await connection.execute(text("DELETE FROM transfers"))
        clock.advance(TERM + timedelta(minutes=1))
        async with work() as unit:
            assert await orders.cancel_unpaid_orders(unit) == 1
            await service.prepare_transfers(unit, parse_id("ord", deal.order["id"]))
        assert await deal.transfers(deal.buyer) == []


class TestSignDeclaration:
    async def test_seller_signs(self, deal: Deal) -> None:
        (seller,) = deal.sellers
        answer = await deal.declare(seller, disclosure="masked_with_release_on_audit")
        assert answer.status_code == 201, answer.text
        body = answer.json()
        assert (body["state"], body["side"]) == ("pending", "seller")
        assert body["declaration"]["statements"] == [statement.value for statement in Statement]
        assert body["declaration"]["disclosure"] == "masked_with_release_on_audit"
        assert body["declared_at"] == body["declaration"]["signed_at"]

    async def test_register_keeps_the_hash_of_what_was_stored(
        self, deal: Deal, work: OpenWork
    ) -> None:
        (seller,) = deal.sellers
        signed = (await deal.declare(seller)).json()
        async with work() as unit:
            transfer = await service.load_transfer(unit, parse_id("trf", signed["id"]))
            stored = await unit.connection.execute(text("SELECT document_sha256 FROM declarations"))
        assert transfer.declaration is not None
        assert stored.scalar_one() == transfer.declaration.document_sha256()

    async def test_buyer_cannot_sign(self, deal: Deal) -> None:
        (transfer,) = await deal.transfers(deal.buyer)
        answer = await declare(deal.client, deal.buyer, transfer)
        assert (answer.status_code, answer.json()["code"]) == (404, "transfer.unknown")

    async def test_other_company_finds_nothing(self, deal: Deal, work: OpenWork) -> None:
        transfer = await deal.transfer_of(deal.sellers[0])
        stranger = await open_trader(work)
        answer = await declare(deal.client, stranger, transfer)
        assert (answer.status_code, answer.json()["code"]) == (404, "transfer.unknown")
        seen = await deal.client.get(f"/v1/transfers/{transfer['id']}", headers=stranger.headers)
        assert seen.status_code == 404
        assert await deal.transfers(stranger) == []

    async def test_staff_cannot_sign_for_a_company(self, deal: Deal, work: OpenWork) -> None:
        transfer = await deal.transfer_of(deal.sellers[0])
        answer = await declare(deal.client, await open_staff(work, "admin"), transfer)
        assert answer.status_code == 403

    async def test_second_signature_is_refused(self, deal: Deal) -> None:
        (seller,) = deal.sellers
        await deal.declare(seller)
        again = await deal.declare(seller)
        assert (again.status_code, again.json()["code"]) == (409, "declaration.exists")

    async def test_same_key_gives_the_same_answer(self, deal: Deal, work: OpenWork) -> None:
        (seller,) = deal.sellers
        transfer = await deal.transfer_of(seller)
        first, replayed = [
            await declare(deal.client, seller, transfer, key="one") for _ in range(2)
        ]
        assert first.json() == replayed.json()
        assert replayed.headers["idempotency-replayed"] == "true"
        assert first.headers["etag"] == replayed.headers["etag"]
        assert await count(work, "declarations") == 1

    async def test_same_key_for_another_declaration_is_refused(self, deal: Deal) -> None:
        (seller,) = deal.sellers
        transfer = await deal.transfer_of(seller)
        await declare(deal.client, seller, transfer, key="one")
        answer = await declare(deal.client, seller, transfer, key="one", place="Kiel")
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key.reused")

    @pytest.mark.parametrize(
        ("changes", "pointer"),
        [
            ({"quantity": 29}, "/quantity"),
            ({"use_ended_on": "2099-01-01"}, "/use_ended_on"),
            ({"statements": ["holder"]}, "/statements"),
        ],
    )
    async def test_incomplete_declaration_names_what_to_mend(
        self, deal: Deal, changes: dict[str, Any], pointer: str
    ) -> None:
        answer = await deal.declare(deal.sellers[0], **changes)
        assert (answer.status_code, answer.json()["code"]) == (422, "declaration.incomplete")
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]

    @pytest.mark.parametrize(
        "changes",
        [
            {"statements": ["no_such_statement"]},
            {"signatory_name": ""},
            {"place": "Ham\x00burg"},
            {"use_ended_on": "2026-13-40"},
            {"licence_servers": ["a"] * 51},
            {"agent": "somebody"},
        ],
    )
    async def test_malformed_declaration_is_refused(
        self, deal: Deal, changes: dict[str, Any]
    ) -> None:
        answer = await deal.declare(deal.sellers[0], **changes)
        assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")

    async def test_remote_desktop_licences_name_their_server(
        self, client: httpx.AsyncClient, work: OpenWork, drain_jobs: Drain
    ) -> None:
        deal = await open_deal(client, work, drain_jobs, product="rds_cal-2019-user")
        (seller,) = deal.sellers
        refused = await deal.declare(seller)
        assert refused.json()["errors"][0]["pointer"] == "/licence_servers"
        signed = await deal.declare(seller, licence_servers=["RDLIC01"])
        assert signed.json()["declaration"]["licence_servers"] == ["RDLIC01"]

    async def test_cancelled_order_takes_no_declaration(
        self, deal: Deal, work: OpenWork, clock: FixedClock
    ) -> None:
        transfer = await deal.transfer_of(deal.sellers[0])
        clock.advance(TERM + timedelta(minutes=1))
        async with work() as unit:
            await orders.cancel_unpaid_orders(unit)
        answer = await declare(deal.client, deal.sellers[0], transfer)
        assert answer.status_code in {409, 410}


class TestPostOrder:
    async def test_payment_alone_moves_nothing(self, deal: Deal, work: OpenWork) -> None:
        await deal.pay()
        await deal.drain()
        assert (await deal.transfer_of(deal.sellers[0]))["state"] == "pending"
        assert await held_by(work, deal) == {deal.sellers[0].company.id}

    async def test_declaration_alone_moves_nothing(self, deal: Deal, work: OpenWork) -> None:
        await deal.declare(deal.sellers[0])
        await deal.drain()
        assert (await deal.transfer_of(deal.sellers[0]))["state"] == "pending"
        assert await held_by(work, deal) == {deal.sellers[0].company.id}

    @pytest.mark.parametrize("payment_first", [True, False])
    async def test_whichever_comes_last_moves_the_title(
        self,
        deal: Deal,
        work: OpenWork,
        payment_first: bool,  # noqa: FBT001 - pytest passes it by name
    ) -> None:
        (seller,) = deal.sellers
        if payment_first:
            await deal.pay()
            await deal.declare(seller)
        else:
            await deal.declare(seller)
            await deal.pay()
        await deal.drain()
        transfer = await deal.transfer_of(seller)
        assert transfer["state"] == "posted"
        assert transfer["posted_at"] is not None
        assert await held_by(work, deal) == {deal.buyer.company.id}

    async def test_two_sellers_move_together_or_not_at_all(
        self, deal_of_two: Deal, work: OpenWork
    ) -> None:
        deal = deal_of_two
        first, second = deal.sellers
        await deal.pay()
        await deal.declare(first)
        await deal.drain()
        for place, seller in enumerate(deal.sellers):
            assert (await deal.transfer_of(seller))["state"] == "pending"
            assert await held_by(work, deal, place) == {seller.company.id}
        await deal.declare(second)
        await deal.drain()
        for place, seller in enumerate(deal.sellers):
            assert (await deal.transfer_of(seller))["state"] == "posted"
            assert await held_by(work, deal, place) == {deal.buyer.company.id}

    async def test_register_stays_whole(self, deal_of_two: Deal, work: OpenWork) -> None:
        await deal_of_two.complete()
        async with work() as unit:
            assert await register.audit(unit) == ()

    async def test_posted_transfer_takes_no_declaration(self, deal: Deal) -> None:
        await deal.complete()
        again = await deal.declare(deal.sellers[0])
        assert (again.status_code, again.json()["code"]) == (409, "transfer.ended")


class TestVoidTransfers:
    async def test_cancelled_order_ends_its_transfers(
        self, deal_of_two: Deal, work: OpenWork, clock: FixedClock
    ) -> None:
        deal = deal_of_two
        await deal.declare(deal.sellers[0])
        clock.advance(TERM + timedelta(minutes=1))
        async with work() as unit:
            assert await orders.cancel_unpaid_orders(unit) == 1
        await deal.drain()
        for place, seller in enumerate(deal.sellers):
            assert (await deal.transfer_of(seller))["state"] == "voided"
            assert await held_by(work, deal, place) == {seller.company.id}

    async def test_second_run_changes_nothing(
        self, deal: Deal, work: OpenWork, clock: FixedClock
    ) -> None:
        clock.advance(TERM + timedelta(minutes=1))
        async with work() as unit:
            await orders.cancel_unpaid_orders(unit)
        await deal.drain()
        before = await deal.transfer_of(deal.sellers[0])
        async with work() as unit:
            await service.void_transfers(unit, parse_id("ord", deal.order["id"]))
        assert await deal.transfer_of(deal.sellers[0]) == before


class TestWhatEachSideSees:
    async def test_seller_sees_neither_order_nor_buyer(self, deal: Deal) -> None:
        (seller,) = deal.sellers
        await deal.complete()
        transfer = await deal.transfer_of(seller)
        answer = await deal.client.get(f"/v1/transfers/{transfer['id']}", headers=seller.headers)
        assert transfer["order_id"] is None
        assert transfer["listing_id"] == deal.lots[0].shown
        for secret in (
            deal.order["id"],
            format_id("cmp", deal.buyer.company.id),
            deal.buyer.company.legal_name,
        ):
            assert secret not in answer.text

    async def test_buyer_sees_neither_listing_nor_seller_nor_declaration(self, deal: Deal) -> None:
        (seller,) = deal.sellers
        await deal.complete()
        (transfer,) = await deal.transfers(deal.buyer)
        answer = await deal.client.get(
            f"/v1/transfers/{transfer['id']}", headers=deal.buyer.headers
        )
        assert transfer["order_id"] == deal.order["id"]
        assert (transfer["listing_id"], transfer["declaration"]) == (None, None)
        assert transfer["declared_at"] is not None
        for secret in (
            deal.lots[0].shown,
            format_id("cmp", seller.company.id),
            seller.company.legal_name,
        ):
            assert secret not in answer.text

    async def test_staff_see_all_of_it(self, deal: Deal) -> None:
        await deal.complete()
        (transfer,) = await deal.transfers(deal.finance)
        assert transfer["side"] == "staff"
        assert transfer["order_id"] == deal.order["id"]
        assert transfer["listing_id"] == deal.lots[0].shown
        assert transfer["declaration"] is not None

    async def test_etag_follows_the_version(self, deal: Deal) -> None:
        (seller,) = deal.sellers
        path = f"/v1/transfers/{(await deal.transfer_of(seller))['id']}"
        first = await deal.client.get(path, headers=seller.headers)
        seen = seller.headers | {"If-None-Match": first.headers["etag"]}
        assert (await deal.client.get(path, headers=seen)).status_code == 304
        await deal.declare(seller)
        assert (await deal.client.get(path, headers=seen)).status_code == 200

    async def test_lists_come_in_pages(self, deal_of_two: Deal) -> None:
        headers = deal_of_two.buyer.headers
        first = await deal_of_two.client.get("/v1/transfers?limit=1", headers=headers)
        cursor = first.json()["next_cursor"]
        rest = await deal_of_two.client.get(
            f"/v1/transfers?limit=1&cursor={cursor}", headers=headers
        )
        assert rest.json()["next_cursor"] is None
        ids = [page.json()["items"][0]["id"] for page in (first, rest)]
        assert ids == sorted(ids, reverse=True)


class TestViewTitle:
    async def test_administrators_see_who_holds_what(self, deal: Deal, work: OpenWork) -> None:
        await deal.complete()
        admin = await open_staff(work, "admin")
        path = f"/v1/lots/{format_id('lot', deal.lots[0].lot_id)}"
        title = (await deal.client.get(path, headers=admin.headers)).json()
        assert (title["whole"], title["units"]) == (True, 30)
        (holding,) = title["holdings"]
        assert (holding["first"], holding["end"]) == (0, 30)
        assert holding["holder"] == deal.buyer.company.legal_name

    async def test_others_do_not(self, deal: Deal) -> None:
        path = f"/v1/lots/{format_id('lot', deal.lots[0].lot_id)}"
        for person in (deal.buyer, deal.sellers[0], deal.finance):
            assert (await deal.client.get(path, headers=person.headers)).status_code == 403

    async def test_unknown_lot_is_not_found(
        self, client: httpx.AsyncClient, work: OpenWork
    ) -> None:
        admin = await open_staff(work, "admin")
        path = f"/v1/lots/{format_id('lot', admin.company.id)}"
        answer = await client.get(path, headers=admin.headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "lot.unknown")


class TestStatements:
    async def test_texts_are_public(self, client: httpx.AsyncClient) -> None:
        items = (await client.get("/v1/declaration-statements")).json()["items"]
        assert [item["statement"] for item in items] == [one.value for one in Statement]


class TestRowSecurity:
    async def test_declarations_refuse_change(self, deal: Deal, work: OpenWork) -> None:
        await deal.declare(deal.sellers[0])
        for change in ("UPDATE declarations SET place = 'Kiel'", "DELETE FROM declarations"):
            with pytest.raises(DBAPIError):
                async with work() as unit:
                    await unit.connection.execute(text(change))

    async def test_owner_cannot_change_declarations_either(
        self, deal: Deal, owner_engine: AsyncEngine
    ) -> None:
        await deal.declare(deal.sellers[0])
        with pytest.raises(DBAPIError, match="only grow"):
            async with owner_engine.begin() as connection:
                await connection.execute(text("UPDATE declarations SET quantity = 1"))

    async def test_stranger_sees_no_row(self, deal: Deal, work: OpenWork) -> None:
        await deal.declare(deal.sellers[0])
        stranger = await open_trader(work)
        async with work(stranger.principal) as unit:
            for table in ("transfers", "declarations"):
                found = await unit.connection.execute(text(f"SELECT count(*) FROM {table}"))
                assert found.scalar_one() == 0

    async def test_buyer_changes_no_row(self, deal: Deal, work: OpenWork) -> None:
        async with work(deal.buyer.principal) as unit:
            changed = await unit.connection.execute(
                text("UPDATE transfers SET declared_at = now()")
            )
            assert changed.rowcount == 0

    async def test_nobody_declares_in_the_name_of_another(self, deal: Deal, work: OpenWork) -> None:
        transfer = await deal.transfer_of(deal.sellers[0])
        with pytest.raises(DBAPIError, match="row-level security"):
            async with work(deal.buyer.principal) as unit:
                await unit.connection.execute(
                    text(
                        "INSERT INTO declarations SELECT :id, t.id, t.seller_id, 1, current_date, '[]', '[]', "
                        "'full', 'x', 'x', 'x', 'x', 'x', now() FROM transfers t WHERE t.id = :transfer"
                    ),
                    {"id": unit.new_id(), "transfer": parse_id("trf", transfer["id"])},
                )

    def test_body_of_a_test_is_complete(self) -> None:
        body = declaration({"quantity": 1, "prepared_at": "2026-11-25T00:00:00Z"})
        assert set(body["statements"]) == {statement.value for statement in Statement}
