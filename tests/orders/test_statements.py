"""How many SQL statements a purchase costs: round trips are what a hot path pays for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.conftest import OpenWork
from tests.support.listings import Person, open_staff
from tests.support.quotes import line, open_trader, publish


@contextmanager
def counted(engine: AsyncEngine) -> Iterator[list[str]]:
    """Collect the statements that are sent; BEGIN and COMMIT are not among them."""
    sent: list[str] = []

    def note(*arguments: Any) -> None:
        sent.append(" ".join(str(arguments[2]).split()))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)


async def post(client: httpx.AsyncClient, who: Person, path: str, body: Any = None) -> Any:
    """Post with an idempotency key, as a careful client does."""
    headers = who.headers | {"Idempotency-Key": uuid4().hex}
    answer = await client.post(path, json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


class TestCountStatements:
    async def test_purchase_stays_within_its_budget(
        self, client: httpx.AsyncClient, work: OpenWork, database: AsyncEngine
    ) -> None:
        await publish(work, await open_trader(work), 100)
        buyer, finance = await open_trader(work), await open_staff(work, "finance")
        with counted(database) as quoting:
            quote = await post(client, buyer, "/v1/quotes", {"lines": [line(10)]})
        with counted(database) as placing:
            order = await post(client, buyer, f"/v1/quotes/{quote['id']}/acceptance")
        payment = {
            "amount": order["price"]["total"],
            "reference": "bank-1",
            "received_on": order["placed_at"][:10],
        }
        with counted(database) as paying:
            await post(client, finance, f"/v1/orders/{order['id']}/payments", payment)
        # Each counts three for admission and replay, and the event row; placing and paying also their jobs.
        assert len(quoting) <= 10, quoting
        assert len(placing) <= 9, placing
        assert len(paying) <= 11, paying
