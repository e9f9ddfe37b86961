"""A market for tests: sellers with published lots, buyers with keys, finance staff. Built through the services."""

from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import msgspec

from marketplace.infra.access import Principal
from marketplace.infra.http.etags import etag_of
from marketplace.infra.work import Work
from marketplace.kernel.ids import format_id
from marketplace.kernel.money import Money
from marketplace.licensing.catalogue import load_catalogue
from marketplace.licensing.positions import FirstSeller, OrderedUnit, SourcePosition, Term
from marketplace.listings import service as listings
from marketplace.listings.domain.listing import Terms
from marketplace.parties import service as parties
from marketplace.parties.domain import (
    Address,
    Company,
    CompanyFacts,
    CompanyKind,
    Decision,
    NewMember,
)
from marketplace.register import service as register
from marketplace.register.domain import FirstSale, NewLot, Party
from tests.conftest import OpenWork

PASSWORD: Final = "correct horse battery"
ORIGIN: Final = date(2020, 3, 1)
_SCOPES: Final = frozenset(
    {"quotes:read", "quotes:write", "orders:read", "listings:read", "listings:write"}
)


class Trader(msgspec.Struct, frozen=True):
    """A company of the market and an API key of it."""

    company: Company
    key: str

    @property
    def headers(self) -> dict[str, str]:
        """Give the header that makes a request this company's."""
        return {"Authorization": f"Bearer {self.key}"}

    @property
    def principal(self) -> Principal:
        """Give the principal for calling services directly."""
        return Principal(
            scope="company",
            credential=f"test:{self.company.id}",
            company_id=self.company.id,
            scopes=_SCOPES,
            verified=True,
        )


class Lot(msgspec.Struct, frozen=True):
    """A published listing and its lot."""

    listing_id: UUID
    lot_id: UUID


async def open_trader(
    work: OpenWork, country: str = "DE", vat_id: str | None = None, *, verified: bool = True
) -> Trader:
    """Register a company, verify it and make a key for it."""
    mark = uuid4().hex[:10]
    facts = CompanyFacts(
        legal_name=f"Company {mark}",
        register_number=f"HRB {mark}",
        country=country,
        vat_id=vat_id,
        address=Address(("Hauptstrasse 1",), "12345", "Musterstadt"),
    )
    owner = NewMember(name="Owner", email=f"{mark}@example.org", password=PASSWORD)
    async with work() as unit:
        registered = await parties.register_company(unit, CompanyKind.COMPANY, facts, owner)
        company = registered.company
        if verified:
            company = await parties.decide_verification(
                unit,
                company.id,
                Decision.VERIFIED,
                "papers seen",
                etag_of(company.id, company.version),
            )
        await unit.assume(Trader(company, "").principal)
        issued = await parties.create_key(unit, "tests", _SCOPES, None)
    return Trader(company, issued.secret)


async def open_finance(work: OpenWork) -> dict[str, str]:
    """Make the operator and a member of its finance staff; give the headers of a session."""
    facts = CompanyFacts(
        legal_name="Cession Operations GmbH",
        register_number="HRB 1",
        country="DE",
        vat_id=None,
        address=Address(("Hauptstrasse 1",), "12345", "Musterstadt"),
    )
    email = f"{uuid4().hex[:10]}@cession.example"
    async with work() as unit:
        await parties.create_operator(unit, facts)
        await parties.create_staff(
            unit,
            NewMember(name="Finance", email=email, password=PASSWORD, roles=frozenset({"finance"})),
        )
        logged_in = await parties.log_in(unit, email, PASSWORD)
    return {"Authorization": f"Bearer {logged_in.session.token}"}


async def publish(work: OpenWork, seller: Trader, units: int = 100, **changes: Any) -> Lot:
    """Publish a listing of `units` licences; `changes` to price, smallest, product, pack, first sale, segment."""
    product = load_catalogue().product(changes.pop("product", "ws_cal-2019-user"))
    price = changes.pop("price", 2000)
    smallest = changes.pop("smallest", changes.get("pack_size", 1))
    position = SourcePosition(
        product=product,
        programme="select_plus",
        agreement_number=uuid4().hex[:12],
        acquired=units,
        offered=units,
        country=changes.pop("country", "DE"),
        first_sold_on=changes.pop("first_sold_on", ORIGIN),
        first_seller=FirstSeller.AUTHORISED_PARTNER,
        term=Term.PERPETUAL,
        paid_in_full=True,
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


def _new_lot(lot_id: UUID, seller: Trader, units: int, position: SourcePosition) -> NewLot:
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
    client: httpx.AsyncClient, buyer: Trader, *lines: dict[str, Any]
) -> httpx.Response:
    """Ask for a quote."""
    body = {"lines": list(lines) or [line()]}
    return await client.post("/v1/quotes", json=body, headers=buyer.headers)


async def accept(client: httpx.AsyncClient, buyer: Trader, quote_id: str) -> httpx.Response:
    """Accept a quote."""
    return await client.post(f"/v1/quotes/{quote_id}/acceptance", headers=buyer.headers)


async def pay(
    client: httpx.AsyncClient, finance: dict[str, str], order: dict[str, Any], **changes: Any
) -> httpx.Response:
    """Confirm the payment of an order."""
    body = {
        "amount": order["price"]["total"],
        "reference": uuid4().hex,
        "received_on": order["placed_at"][:10],
    } | changes
    return await client.post(f"/v1/orders/{order['id']}/payments", json=body, headers=finance)


async def free_units(work: Work, lot: Lot) -> int:
    """Count the units of a lot that nobody has reserved."""
    return (await register.available_units(work, [lot.lot_id]))[lot.lot_id]


def shown(lot: Lot) -> str:
    """Give the text id of a listing."""
    return format_id("lst", lot.listing_id)


def without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    """Give a body without some of its fields."""
    return {name: value for name, value in body.items() if name not in names}
