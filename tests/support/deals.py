"""Deals for tests: sellers, a buyer and finance staff, taken over HTTP as far as a test wants."""

from typing import Any, Final

import httpx
import msgspec

from marketplace.transfers.domain import Statement
from tests.conftest import OpenWork
from tests.support.jobs import Drain
from tests.support.listings import Person, open_staff
from tests.support.quotes import Lot, accept, line, open_trader, pay, publish, request

_UNITS: Final = 30


class Deal(msgspec.Struct, frozen=True, kw_only=True):
    """An order of `quantity` licences from one or more sellers, its transfers prepared."""

    client: httpx.AsyncClient
    drain: Drain
    buyer: Person
    finance: Person
    sellers: tuple[Person, ...]
    lots: tuple[Lot, ...]
    order: dict[str, Any]

    async def transfers(self, person: Person) -> list[dict[str, Any]]:
        """Give the transfers that a company sees, newest first."""
        answer = await self.client.get("/v1/transfers", headers=person.headers)
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def transfer_of(self, seller: Person) -> dict[str, Any]:
        """Give the only transfer of a seller."""
        (only,) = await self.transfers(seller)
        return only

    async def declare(self, seller: Person, **changes: Any) -> httpx.Response:
        """Sign the declaration of a seller's transfer."""
        transfer = await self.transfer_of(seller)
        return await declare(self.client, seller, transfer, **changes)

    async def pay(self) -> None:
        """Confirm the payment."""
        answer = await pay(self.client, self.finance, self.order)
        assert answer.status_code == 201, answer.text

    async def complete(self, **changes: Any) -> None:
        """Pay, declare for every seller, and run what follows: the title moves, the papers are printed."""
        await self.pay()
        for seller in self.sellers:
            signed = await self.declare(seller, **changes)
            assert signed.status_code == 201, signed.text
        await self.drain()

    async def certificates(self, person: Person) -> list[dict[str, Any]]:
        """Give the certificates that a company or staff sees."""
        answer = await self.client.get("/v1/certificates", headers=person.headers)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


def declaration(transfer: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Give the body of a complete declaration for a transfer."""
    return {
        "quantity": transfer["quantity"],
        "use_ended_on": transfer["prepared_at"][:10],
        "statements": [statement.value for statement in Statement],
        "signatory_name": "Ines Albrecht",
        "signatory_function": "Head of IT",
        "place": "Hamburg",
    } | changes


async def declare(
    client: httpx.AsyncClient,
    person: Person,
    transfer: dict[str, Any],
    key: str | None = None,
    **changes: Any,
) -> httpx.Response:
    """Send a declaration as somebody, with an idempotency key when one is given."""
    headers = person.headers | ({"Idempotency-Key": key} if key else {})
    return await client.post(
        f"/v1/transfers/{transfer['id']}/declaration",
        json=declaration(transfer, **changes),
        headers=headers,
    )


async def open_deal(
    client: httpx.AsyncClient, work: OpenWork, drain: Drain, sellers: int = 1, **changes: Any
) -> Deal:
    """Publish one lot per seller, buy all of it, and prepare the transfers; `changes` as `publish` takes them."""
    product = changes.get("product", "ws_cal-2019-user")
    family, version, metric = product.split("-")
    people = tuple([await open_trader(work) for _ in range(sellers)])
    lots = tuple([await publish(work, person, _UNITS, **changes) for person in people])
    buyer = await open_trader(work)
    finance = await open_staff(work, "finance")
    wanted = line(_UNITS * sellers, family=family, version=version, metric=metric)
    quote = await request(client, buyer, wanted)
    assert quote.status_code == 201, quote.text
    order = await accept(client, buyer, quote.json()["id"])
    assert order.status_code == 201, order.text
    await drain()
    return Deal(
        client=client,
        drain=drain,
        buyer=buyer,
        finance=finance,
        sellers=people,
        lots=lots,
        order=order.json(),
    )
