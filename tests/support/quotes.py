"""A market for tests: sellers with published lots, buyers, their requests. Built through the services."""

from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import msgspec
from sqlalchemy import text as sql

from marketplace.infra.access import COMPANY_SCOPES
from marketplace.infra.work import Work
from marketplace.kernel.ids import format_id
from marketplace.kernel.money import Money
from marketplace.licensing.catalogue import load_catalogue
from marketplace.licensing.eligibility.positions import (
    Declared,
    FirstSeller,
    OrderedUnit,
    SaStatus,
    SellerRole,
    SourcePosition,
    Term,
)
from marketplace.listings import service as listings
from marketplace.listings.domain.listing import Terms
from marketplace.parties import domain as parties
from marketplace.parties import store
from marketplace.parties.domain import Address, CompanyFacts, CompanyKind
from marketplace.parties.service import create_key
from marketplace.register import service as register
from marketplace.register.domain import FirstSale, NewLot, Party
from tests.conftest import OpenWork
from tests.support.listings import Person

ORIGIN: Final = date(2020, 3, 1)


class Lot(msgspec.Struct, frozen=True):
    """A published listing and its lot."""

    listing_id: UUID
    lot_id: UUID

    @property
    def shown(self) -> str:
        """Give the text id of the listing."""
        return format_id("lst", self.listing_id)


async def open_trader(
    work: OpenWork, country: str = "DE", vat_id: str | None = None, *, verified: bool = True
) -> Person:
    """Make a company with an API key, verified. It has no member: hashing passwords takes longer than a trade."""
    mark = uuid4().hex[:10]
    facts = CompanyFacts(
        legal_name=f"Trader {mark}",
        register_number=f"HRB {mark}",
        country=country,
        vat_id=vat_id,
        address=Address(("Hauptstrasse 1",), "12345", "Musterstadt"),
    )
    async with work() as unit:
        company, _ = parties.register(unit.new_id(), CompanyKind.COMPANY, facts, unit.now)
        if verified:
            company, _ = parties.verify(company, unit.now)
        await store.insert_company(unit.connection, company)
        await unit.assume(Person(company, "").principal)
        issued = await create_key(unit, "tests", frozenset(COMPANY_SCOPES), None)
    return Person(company, issued.secret)


async def publish(work: OpenWork, seller: Person, units: int = 100, **changes: Any) -> Lot:
    """Publish a listing of `units` licences; `changes` to price, smallest, product, pack, first sale, segment."""
    product = load_catalogue().product(changes.pop("product", "ws_cal-2019-user"))
    price = changes.pop("price", 2000)
    smallest = changes.pop("smallest", changes.get("pack_size", 1))
    position = SourcePosition(
        product=product,
        programme=changes.pop("programme", "select_plus"),
        agreement_number=uuid4().hex[:12],
        acquired=units,
        offered=units,
        country=changes.pop("country", "DE"),
        first_sold_on=changes.pop("first_sold_on", ORIGIN),
        first_seller=FirstSeller.AUTHORISED_PARTNER,
        term=Term.PERPETUAL,
        paid_in_full=True,
        purchased_version=product.version,
        purchased_metric=product.metric,
        sa_status=SaStatus.NEVER,
        seller_role=SellerRole.AGREEMENT_HOLDER,
        terms_edition="2020-03",
        retention_covenant=Declared.NO,
        third_party_rights=Declared.NO,
        ordered_unit=OrderedUnit.PACK if "pack_size" in changes else OrderedUnit.LICENCE,
        **changes,
    )
    async with work(seller.principal) as unit:
        terms = Terms(
            unit_price=Money(price, "EUR"),
            smallest_quantity=smallest,
            expires_at=unit.now + timedelta(days=30),
        )
        draft = listings.Draft(position, terms)
        listing = await listings.post_listing(unit, draft, "EUR")
        await listings.submit_listing(unit, listing.id)
    async with work() as unit:
        findings = await listings.findings_of(unit, listing.id)
        lot = Lot(listing.id, uuid4())
        await register.open_lot(unit, _new_lot(lot.lot_id, seller, units, position))
        await listings.publish_listing(unit, listing.id, lot.lot_id, findings)
    return lot


def _new_lot(lot_id: UUID, seller: Person, units: int, position: SourcePosition) -> NewLot:
    company = seller.company
    owner = Party(company.id, company.legal_name, company.register_number, company.country)
    first_sale = FirstSale(
        product=position.product.key,
        metric=position.product.metric.value,
        agreement=position.agreement_number,
        acquirer=company.legal_name,
        document_sha256="ab" * 32,
        territory=position.country,
        attestor="tests",
    )
    return NewLot(lot_id, owner, units, first_sale)


def line(quantity: int = 10, **changes: Any) -> dict[str, Any]:
    """Give a request line for Windows Server 2019 User CALs."""
    return {"family": "ws_cal", "metric": "user", "version": "2019", "quantity": quantity} | changes


async def request(
    client: httpx.AsyncClient, buyer: Person, *lines: dict[str, Any], **more: Any
) -> httpx.Response:
    """Ask for a quote; `more` are further fields, such as `environment`."""
    body = {"lines": list(lines) or [line()]} | more
    return await client.post("/v1/quotes", json=body, headers=buyer.headers)


async def accept(client: httpx.AsyncClient, buyer: Person, quote_id: str) -> httpx.Response:
    """Accept a quote."""
    return await client.post(f"/v1/quotes/{quote_id}/acceptance", headers=buyer.headers)


async def pay(
    client: httpx.AsyncClient, finance: Person, order: dict[str, Any], **changes: Any
) -> httpx.Response:
    """Confirm the payment of an order."""
    body = {
        "amount": order["price"]["total"],
        "reference": uuid4().hex,
        "received_on": order["placed_at"][:10],
    } | changes
    return await client.post(
        f"/v1/orders/{order['id']}/payments", json=body, headers=finance.headers
    )


async def free_units(work: Work, lot: Lot) -> int:
    """Count the units of a lot that nobody has reserved."""
    return (await register.available_units(work, [lot.lot_id]))[lot.lot_id]


async def wait_in_database(work: OpenWork, seconds: float) -> None:
    """Let time pass by the database's clock, which no test can move."""
    async with work() as unit:
        await unit.connection.execute(sql("SELECT pg_sleep(:seconds)"), {"seconds": seconds})
