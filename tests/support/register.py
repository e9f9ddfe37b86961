"""Builders for the register: companies, lots and deals with defaults a test overrides."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import pytest

from marketplace.infra.access import Principal
from marketplace.infra.work import Work
from marketplace.kernel.errors import DomainError
from marketplace.register import service
from marketplace.register.domain import (
    CeaseUse,
    Deal,
    FirstSale,
    FreezeOrder,
    HoldReason,
    NewLot,
    Party,
    PostedLine,
    Reservation,
    Reserve,
    ReserveLine,
    Units,
)
from tests.conftest import OpenWork

DOCUMENT: Final = "ab" * 32
FIRST_SALE: Final = FirstSale(
    product="Windows Server 2019 User CAL",
    metric="user",
    agreement="V1234567",
    acquirer="Nordlicht Maschinenbau GmbH",
    document_sha256=DOCUMENT,
    territory="DE",
    attestor="Reviewer 1",
)


def party(name: str = "Nordlicht Maschinenbau GmbH", country: str = "DE") -> Party:
    """Make a company the register has not seen."""
    return Party(id=uuid4(), name=name, registration="HRB 4711", country=country)


SELLER: Final = party()
OPERATOR: Final = party("Cession Operations GmbH")
BUYER: Final = party("Käufer & Söhne KG")


def as_company(company: Party) -> Principal:
    """Act as a company."""
    return Principal(scope="company", credential=f"key:{company.id}", company_id=company.id)


def soon(seconds: float = 3600) -> datetime:
    """Give a moment after now."""
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def open_lot(work: Work, units: int = 100, owner: Party = SELLER) -> UUID:
    """Open a lot of `owner`; give its id."""
    lot_id = uuid4()
    await service.open_lot(work, NewLot(lot_id, owner, units, FIRST_SALE))
    return lot_id


async def reserve(
    work: Work,
    lot_id: UUID,
    quantity: int,
    *,
    buyer: Party = BUYER,
    holder: Party = SELLER,
    until: datetime | None = None,
) -> tuple[Reservation, ...]:
    """Reserve units of one lot under a new group."""
    line = ReserveLine(lot_id, holder.id, quantity)
    return await service.reserve(work, Reserve(uuid4(), buyer.id, until or soon(), (line,)))


def ids(reservations: Sequence[Reservation]) -> tuple[UUID, ...]:
    """Give the ids of reservations."""
    return tuple(reservation.id for reservation in reservations)


async def declare(
    work: Work, reservations: Sequence[Reservation], declarant: Party = SELLER
) -> None:
    """Declare reserved units unused."""
    await service.attach_declaration(
        work,
        CeaseUse(ids(reservations), declarant, DOCUMENT, "uninstalled", date(2026, 11, 25)),
    )


def deal_of(
    reservations: Sequence[Reservation],
    *,
    buyer: Party = BUYER,
    sellers: Sequence[Party] = (SELLER,),
) -> Deal:
    """Make a deal of reservations."""
    return Deal(
        id=uuid4(),
        operator=OPERATOR,
        buyer=buyer,
        sellers={seller.id: seller for seller in sellers},
        reservation_ids=ids(reservations),
    )


async def sell(
    work: Work, lot_id: UUID, quantity: int, buyer: Party = BUYER, seller: Party = SELLER
) -> tuple[PostedLine, ...]:
    """Reserve, declare and post in one go."""
    reserved = await reserve(work, lot_id, quantity, buyer=buyer, holder=seller)
    await declare(work, reserved, seller)
    return await service.post_deal(work, deal_of(reserved, buyer=buyer, sellers=(seller,)))


async def owners(work: Work, lot_id: UUID) -> list[tuple[Units, UUID | None]]:
    """Give who holds what of a lot, lowest units first."""
    return [(held.units, held.party_id) for held in await service.live_holdings(work, lot_id)]


async def refusal(
    work: OpenWork, use: Callable[[Work], Awaitable[object]], principal: Principal | None = None
) -> DomainError:
    """Run `use` in a unit of work of its own, which must be refused; give the refusal."""
    with pytest.raises(DomainError) as refused:
        async with work(principal) as w:
            await use(w)
    return refused.value


async def hold(work: Work, lot_id: UUID, units: Units) -> tuple[UUID, ...]:
    """Freeze units."""
    order = FreezeOrder(lot_id, units, HoldReason.DISPUTE, "LG Hamburg 1 O 1/26")
    return await service.place_hold(work, order)
