"""Traders for journeys and measurements: many concurrent purchases against a running installation.

The HTTP client is a few lines over a socket, because a comfortable one costs more CPU than the server it measures. It
retries what a careful client retries: lost connections, 503 and 409 "still running", with the same idempotency key.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec

from marketplace.demo.papers import EvidenceFile, evidence_files
from marketplace.demo.scene import OPERATOR
from marketplace.parties.domain import NewMember
from marketplace.staffing import Hiring, hire

PASSWORD: Final = "correct horse battery staple"
RETRY_SECONDS_MAX: Final = 90.0
POLL_SECONDS: Final = 0.02
POLL_SECONDS_MAX: Final = 1.0
"""A client looks again after 20 ms, then after longer and longer pauses, as a polite one does."""
_LOST: Final = (OSError, EOFError, asyncio.IncompleteReadError)
_TRY_AGAIN: Final = frozenset({429, 503})


class Unexpected(AssertionError):
    """An answer that a correct installation never gives in this situation."""


class Answer(msgspec.Struct, frozen=True):
    """Status, headers (lower case) and decoded body."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> str:
        """The stable code of a refusal."""
        return str(self.body.get("code", "")) if isinstance(self.body, dict) else ""


class Line:
    """One keep-alive connection to the API, opened again whenever it is lost."""

    def __init__(self, address: str) -> None:
        place = urlsplit(address)
        self._host = place.hostname or "127.0.0.1"
        self._port = place.port or 80
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.calls = 0

    async def once(
        self, method: str, path: str, token: str, body: bytes, headers: dict[str, str]
    ) -> Answer:
        """Send one request; raise OSError or EOFError when the connection is lost."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}", f"Content-Length: {len(body)}"]
        if token:
            lines.append(f"Authorization: Bearer {token}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        try:
            writer.write("\r\n".join((*lines, "", "")).encode() + body)
            await writer.drain()
            self.calls += 1
            return await self._read(reader)
        except BaseException:
            self.close()
            raise

    async def _read(self, reader: asyncio.StreamReader) -> Answer:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        data = await reader.readexactly(int(headers.get("content-length", "0")))
        is_json = "json" in headers.get("content-type", "")
        body = json.loads(data) if is_json and data else data
        return Answer(int(head[0].split(" ", 2)[1]), headers, body)

    async def call(
        self,
        method: str,
        path: str,
        token: str = "",
        body: Any = None,
        *,
        etag: str = "",
        key: str = "",
    ) -> Answer:
        """Send a request until a definite answer comes; a POST is repeated under one idempotency key."""
        headers = {"Content-Type": "application/json"}
        if method == "POST":
            headers["Idempotency-Key"] = key or str(uuid4())
        if etag:
            headers["If-Match"] = etag
        data = b"" if body is None else json.dumps(body).encode()
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + RETRY_SECONDS_MAX
        while True:
            problem: object
            try:
                answer = await self.once(method, path, token, data, headers)
            except _LOST as lost:
                problem = lost
            else:
                if answer.status not in _TRY_AGAIN and answer.code != "idempotency_key.in_use":
                    return answer
                problem = answer
            if loop.time() > give_up_at:
                raise Unexpected(f"{method} {path}: no definite answer, last {problem!r}")
            await asyncio.sleep(random.uniform(0.05, 0.3))  # noqa: S311 - spreads retries

    async def must(
        self, method: str, path: str, token: str = "", body: Any = None, **more: str
    ) -> Any:
        """Send a request that has to succeed and give its body."""
        answer = await self.call(method, path, token, body, **more)
        if answer.status >= 300:
            raise Unexpected(f"{method} {path}: {answer.status} {answer.body}")
        return answer.body

    def close(self) -> None:
        """Drop the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Market(msgspec.Struct, frozen=True):
    """Logged-in traders of one installation. `sellers` maps a lot to the key of its seller."""

    address: str
    staff: str
    buyers: tuple[str, ...]
    sellers: dict[str, str]


class Purchase(msgspec.Struct, frozen=True):
    """A finished purchase: its order and how many requests it took."""

    order_id: str
    calls: int
    seconds: float


async def open_market(
    address: str, database_url: str, *, buyers: int, lots: int, units: int
) -> Market:
    """Register everybody and publish `lots` listings of `units` licences, each of its own seller and price."""
    stamp = uuid4().hex[:8]
    roles = frozenset({"reviewer", "finance", "admin"})
    email = f"{stamp}@desk.example"
    person = NewMember(name="Desk", email=email, password=PASSWORD, roles=roles)
    await hire(database_url, Hiring(person=person, operator=OPERATOR))
    line = Line(address)
    session = await line.must("POST", "/v1/sessions", "", {"email": email, "password": PASSWORD})
    staff = session["session"]["token"]
    keys = [await _join(line, staff, f"buyer{number}-{stamp}") for number in range(buyers)]
    sellers = {}
    for number in range(lots):
        key = await _join(line, staff, f"seller{number}-{stamp}")
        sellers[await _publish(line, staff, key, units, 1000 + number)] = key
    line.close()
    return Market(address, staff, tuple(keys), sellers)


async def buy(line: Line, market: Market, buyer: str, quantity: int) -> Purchase:
    """Make one whole purchase: quote, accept, pay, declare, until the order is fulfilled."""
    loop = asyncio.get_running_loop()
    started, calls = loop.time(), line.calls
    need = {"family": "ws_cal", "version": "2019", "metric": "user", "quantity": quantity}
    quote = await line.must("POST", "/v1/quotes", buyer, {"lines": [need]})
    order = await line.must("POST", f"/v1/quotes/{quote['id']}/acceptance", buyer)
    payment = {
        "amount": order["price"]["total"],
        "reference": f"statement {order['number']}",
        "received_on": datetime.now(UTC).date().isoformat(),
    }
    await line.must("POST", f"/v1/orders/{order['id']}/payments", market.staff, payment)
    for transfer in await _prepared(line, buyer, order):
        seller = market.sellers[transfer["lot_id"]]
        path = f"/v1/transfers/{transfer['id']}/declaration"
        answer = await line.call("POST", path, seller, declaration(transfer["quantity"]))
        if answer.status >= 300 and answer.code != "declaration.exists":
            raise Unexpected(f"declaration: {answer.status} {answer.body}")
    await _fulfilled(line, buyer, order["id"])
    return Purchase(order["id"], line.calls - calls, loop.time() - started)


def declaration(quantity: int) -> dict[str, Any]:
    """A complete cease-use declaration over a quantity."""
    return {
        "quantity": quantity,
        "use_ended_on": datetime.now(UTC).date().isoformat(),
        "statements": [
            "holder",
            "acquired_and_paid",
            "unlimited",
            "use_ended",
            "copies_given_up",
            "quantities_true",
            "no_covenant",
            "no_third_party_rights",
        ],
        "signatory_name": "Dr. Imke Petersen",
        "signatory_function": "Head of IT",
        "place": "Hamburg",
    }


async def _prepared(line: Line, buyer: str, order: Any) -> list[Any]:
    lots = {one["lot_id"] for one in order["lines"]}
    async for _ in _polls(f"order {order['id']}: its transfers were never prepared"):
        page = await line.must("GET", "/v1/transfers?limit=10", buyer)
        found = [item for item in page["items"] if item["order_id"] == order["id"]]
        if {item["lot_id"] for item in found} == lots:
            return found
    return []


async def _fulfilled(line: Line, buyer: str, order_id: str) -> None:
    async for _ in _polls(f"order {order_id} was never fulfilled"):
        order = await line.must("GET", f"/v1/orders/{order_id}", buyer)
        if order["state"] == "fulfilled":
            return


async def _polls(never: str) -> AsyncIterator[None]:
    """Yield for each look; raise `Unexpected(never)` when it takes too long."""
    loop = asyncio.get_running_loop()
    give_up_at, pause = loop.time() + RETRY_SECONDS_MAX, POLL_SECONDS
    while loop.time() < give_up_at:
        yield
        await asyncio.sleep(pause)
        pause = min(pause * 1.6, POLL_SECONDS_MAX)
    raise Unexpected(never)


async def _join(line: Line, staff: str, name: str) -> str:
    """Register and verify a company and give an API key with every scope."""
    facts = {
        "legal_name": f"{name} GmbH",
        "register_number": f"Hamburg HRB {name}",
        "country": "DE",
        "vat_id": "DE136695976",
        "address": {"lines": ["Hafenstraße 1"], "postcode": "20457", "city": "Hamburg"},
        "owner": {"name": name, "email": f"{name}@trade.example", "password": PASSWORD},
    }
    joined = await line.must("POST", "/v1/companies", "", facts)
    company = joined["company"]["id"]
    seen = await line.call("GET", f"/v1/companies/{company}", staff)
    decision = {"decision": "verified", "reason": "papers seen"}
    path = f"/v1/companies/{company}/verification"
    await line.must("POST", path, staff, decision, etag=seen.headers["etag"])
    session = joined["session"]["token"]
    me = await line.must("GET", "/v1/me", session)
    key = await line.must("POST", "/v1/keys", session, {"name": "trade", "scopes": me["scopes"]})
    return str(key["secret"])


async def _publish(line: Line, staff: str, seller: str, units: int, price_minor: int) -> str:
    """List, prove, submit and approve a lot; give its id."""
    draft = {
        "position": {
            "product": "ws_cal-2019-user",
            "programme": "open_license",
            "agreement_number": f"6{random.randrange(10**7):07}",  # noqa: S311 - invented number
            "identifiers": {"licence_number": "44120983"},
            "part_number": "R18-05768",
            "acquired": units,
            "offered": units,
            "country": "DE",
            "first_sold_on": "2019-03-14",
            "first_seller": "authorised_partner",
            "term": "perpetual",
            "paid_in_full": True,
            "purchased_version": "2019",
            "purchased_metric": "user",
            "sa_status": "never",
            "seller_role": "agreement_holder",
            "terms_edition": "2019-03",
            "retention_covenant": "no",
            "third_party_rights": "no",
        },
        "unit_price": {"amount_minor": price_minor, "currency": "EUR"},
        "smallest_quantity": 1,
        "expires_at": (datetime.now(UTC) + timedelta(days=90)).isoformat(),
    }
    listing = await line.must("POST", "/v1/listings", seller, draft)
    for file in _papers():
        path = f"/v1/listings/{listing['id']}/evidence?kind={file.kind}&file_name={file.file_name}"
        await line.once("POST", path, seller, file.pdf, {"Content-Type": "application/pdf"})
    await line.must("POST", f"/v1/listings/{listing['id']}/submission", seller)
    queue = await line.must("GET", "/v1/reviews?state=open&limit=100", staff)
    review = next(row["review"] for row in queue["items"] if row["listing"]["id"] == listing["id"])
    case = await line.must("GET", f"/v1/reviews/{review['id']}", staff)
    decisions = [{"code": code, "note": "originals seen"} for code in case["to_decide"]]
    await line.must("POST", f"/v1/reviews/{review['id']}/approval", staff, {"decisions": decisions})
    listed = await line.must("GET", f"/v1/listings/{listing['id']}", seller)
    return str(listed["lot_id"])


@cache
def _papers() -> tuple[EvidenceFile, ...]:
    return evidence_files("Trade GmbH", "61882745", 100)
