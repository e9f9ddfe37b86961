"""A running server with something of everything in its database: what the fuzzer is let loose on."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import uvicorn
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.app import Ports, create_app, work_source
from marketplace.infra.access import Principal, system_principal
from marketplace.infra.clock import SystemClock, SystemIds
from marketplace.infra.db import make_engine
from marketplace.infra.http.contract import describe
from marketplace.infra.settings import Settings
from marketplace.infra.storage import memory_storage
from marketplace.infra.work import Work
from marketplace.kernel.ids import format_id
from marketplace.parties.domain import CompanyKind
from tests.support.app import make_ports, open_client
from tests.support.clock import FixedClock
from tests.support.deals import open_deal
from tests.support.jobs import Drain, make_drain
from tests.support.listings import Person, draft_body, open_seller, open_staff, submitted_listing
from tests.support.parties import Party, make_party
from tests.support.quotes import line, open_trader, publish, request
from tests.support.render import FirstUseRenderer
from workers.registration import Tools

START_SECONDS_MAX: Final = 110.0
_KEPT: Final = {
    "lst": "listings",
    "rev": "reviews",
    "evi": "listing_evidence",
    "grt": "grants",
    "mem": "members",
    "lot": "title_lots",
}
"""Tables whose ids a caller may come to know."""
_NOT_STAFF: Final = {
    "members": "WHERE company_id IN (SELECT id FROM companies WHERE kind <> 'operator')"
}
"""Staff must not remove themselves while they are needed."""


class Town(msgspec.Struct, frozen=True, kw_only=True):
    """Where the server listens, what it says of itself, who may call, and ids that exist, by prefix.

    `own` are the companies of the callers by the caller's name; `ids` never name a credential that a caller uses. The
    `leaver` is there to log out, the `founder` to change its own company, which may cost its verification.
    """

    address: str
    document: dict[str, Any]
    tokens: dict[str, str]
    own: dict[str, str]
    ids: dict[str, list[str]]


class Site(msgspec.Struct, kw_only=True):
    """The parts of the server, in the thread and loop that it runs in."""

    engine: AsyncEngine
    settings: Settings
    ports: Ports
    renderer: FirstUseRenderer

    def open_work(self, principal: Principal | None = None, trace: str = "town") -> Any:
        """Open a unit of work."""
        return work_source(self.ports).begin(trace, principal or system_principal("town"))

    def drain(self) -> Drain:
        """Give what runs the jobs."""
        storage = self.ports.storage
        tools = Tools(settings=self.settings, storage=storage, renderer=self.renderer)
        return make_drain(work_source(self.ports), tools)


class _Thread(threading.Thread):
    """Fills the database and serves until told to stop; `town` is there once it listens."""

    def __init__(self, database_url: str, folder: Path) -> None:
        super().__init__(name="town", daemon=True)
        self._database_url = database_url
        self._folder = folder
        self.town: Town | None = None
        self.problem: BaseException | None = None
        self.ready, self.ending = threading.Event(), threading.Event()

    def run(self) -> None:
        """Run the loop of the server."""
        try:
            asyncio.run(self._live())
        except BaseException as problem:  # noqa: BLE001 - the thread that waits raises it
            self.problem = problem
        finally:
            self.ready.set()

    async def _live(self) -> None:
        site = _site(self._database_url, self._folder)
        app = create_app(site.settings, site.ports)
        try:
            with socket.create_server(("127.0.0.1", 0)) as listening:
                self.town = await _fill(site, app, listening.getsockname()[1])
                server = uvicorn.Server(
                    uvicorn.Config(app, lifespan="on", log_config=None, access_log=False)
                )
                serving = asyncio.create_task(server.serve(sockets=[listening]))
                self.ready.set()
                await asyncio.to_thread(self.ending.wait)
                server.should_exit = True
                await serving
        finally:
            await site.renderer.close()
            await site.engine.dispose()


@contextmanager
def running_town(database_url: str, folder: Path) -> Iterator[Town]:
    """Fill a database and serve it on a free port for as long as the block runs."""
    thread = _Thread(database_url, folder)
    thread.start()
    try:
        if not thread.ready.wait(START_SECONDS_MAX):
            raise AssertionError(f"the server did not start within {START_SECONDS_MAX:g} s")
        if thread.town is None:
            raise AssertionError("the server could not be filled") from thread.problem
        yield thread.town
    finally:
        thread.ending.set()
        thread.join(START_SECONDS_MAX)
    if thread.problem is not None:
        raise AssertionError("the server ended badly") from thread.problem


def _site(database_url: str, folder: Path) -> Site:
    engine = make_engine(database_url, 8)
    settings = Settings(
        data_dir=str(folder),
        database_url=database_url,
        rate_limit_per_minute=10_000_000,
        login_limit_per_minute=10_000_000,
    )
    ports = make_ports(engine, SystemClock(), SystemIds(), memory_storage())
    renderer = FirstUseRenderer(folder / "fonts")
    return Site(engine=engine, settings=settings, ports=ports, renderer=renderer)


async def _fill(site: Site, app: Litestar, port: int) -> Town:
    """Play one deal to its end and one to its middle, and leave something of every kind behind."""
    drain = site.drain()
    async with open_client(app) as client:
        done = await open_deal(client, site.open_work, drain)
        await done.complete()
        waiting = await open_deal(client, site.open_work, drain)
        admin, leaver = [await open_staff(site.open_work, "admin") for _ in range(2)]
        await publish(site.open_work, done.sellers[0], 5_000)
        quotes = [await request(client, done.buyer, line(count)) for count in (3, 4)]
        seller = await open_seller(site.open_work)
        await submitted_listing(client, FixedClock(), seller)
        await client.post("/v1/listings", json=draft_body(FixedClock()), headers=seller.headers)
        async with site.open_work() as unit:
            partner = await make_party(unit, kind=CompanyKind.PARTNER, vat_id=None)
            founder = await make_party(unit, vat_id=None)
        ids = {
            "qte": [quote.json()["id"] for quote in quotes],
            "trf": [item["id"] for deal in (done, waiting) for item in await deal.transfers(admin)],
            "crt": [item["id"] for item in await done.certificates(admin)],
            "ord": [done.order["id"], waiting.order["id"]],
            "cmp": [
                format_id("cmp", company.id)
                for company in (partner.company, (await open_trader(site.open_work)).company)
            ],
            "val": [await _asked(client, done.buyer)],
            "key": [await _spare_key(client, person) for person in (done.buyer, founder)],
            "code": [await _code(client, done.buyer)],
        }
        for person in (done.buyer, founder):
            await _granted(client, person, format_id("cmp", partner.company.id))
    async with site.open_work() as unit:
        ids |= await _ids_of_rows(unit)
    callers: dict[str, Person | Party] = {
        "buyer": done.buyer,
        "seller": seller,
        "waiting": waiting.sellers[0],
        "founder": founder,
        "staff": admin,
        "leaver": leaver,
    }
    return Town(
        address=f"http://127.0.0.1:{port}",
        document=msgspec.json.decode(msgspec.json.encode(describe(app))),
        tokens={name: person.token for name, person in callers.items()},
        own={name: format_id("cmp", person.company.id) for name, person in callers.items()},
        ids=ids,
    )


async def _code(client: httpx.AsyncClient, person: Person) -> str:
    (one,) = (await client.get("/v1/certificates", headers=person.headers)).json()["items"]
    whole = await client.get(f"/v1/certificates/{one['id']}", headers=person.headers)
    return str(whole.json()["facts"]["verification"]["code"])


async def _asked(client: httpx.AsyncClient, person: Person | Party) -> str:
    body = {"product": "ws_cal-2019-user", "quantity": 5}
    answer = await client.post("/v1/valuations", json=body, headers=person.headers)
    return str(answer.json()["id"])


async def _spare_key(client: httpx.AsyncClient, person: Person | Party) -> str:
    body = {"name": "spare", "scopes": ["quotes:read"]}
    answer = await client.post("/v1/keys", json=body, headers=person.headers)
    return str(answer.json()["key"]["id"])


async def _granted(client: httpx.AsyncClient, person: Person | Party, partner_id: str) -> None:
    body = {"partner_company_id": partner_id, "expires_at": "2030-01-01T00:00:00Z"}
    answer = await client.post("/v1/grants", json=body, headers=person.headers)
    assert answer.status_code == 201, answer.text


async def _ids_of_rows(work: Work) -> dict[str, list[str]]:
    found = {}
    for prefix, table in _KEPT.items():
        rows = await work.connection.execute(
            text(f"SELECT id FROM {table} {_NOT_STAFF.get(table, '')} ORDER BY id LIMIT 6")
        )
        found[prefix] = [format_id(prefix, row.id) for row in rows]
    return found
