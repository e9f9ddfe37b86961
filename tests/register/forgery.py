"""The owner of the tables at work without the desk's functions: every row by hand, true or false.

What the database still refuses is what its guards refuse; see test_guards.
"""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.infra.clock import SystemIds
from marketplace.register import entry, service
from marketplace.register.domain import Party, Retirement, Units
from marketplace.register.drafting import Draft, Move, Scribe, Source
from tests.conftest import OpenWork
from tests.support import register
from tests.support.register import BUYER, SELLER

_IDS: Final = SystemIds()
THIEF: Final = register.party("Diebesgut UG")
REST: Final = Units(30, 80)
"""The holding `Scene.rest`."""


class Scene(msgspec.Struct, frozen=True):
    """A lot of 100: the buyer holds [0,30), the seller the rest.

    Of that [30,40) is reserved for the buyer and declared, [80,90) retired, [95,100) held.
    """

    lot_id: UUID
    sold: UUID
    rest: UUID
    retired: UUID
    genesis: UUID
    reservation_id: UUID
    declaration_id: UUID
    deal_id: UUID


async def set_scene(work: OpenWork) -> Scene:
    """Build the scene through the front door."""
    async with work() as w:
        lot_id = await register.open_lot(w, 100)
        first = await register.reserve(w, lot_id, 30)
        await register.declare(w, first)
        deal = register.deal_of(first)
        await service.post_deal(w, deal)
        await service.retire_units(w, Retirement(lot_id, Units(80, 90), SELLER, "migrated"))
        (reserved,) = await register.reserve(w, lot_id, 10)
        await register.declare(w, [reserved])
        await service.extend_reservations(w, [reserved.id], register.soon(7200))
        (lifted,) = await register.hold(w, lot_id, Units(70, 80))
        await service.lift_hold(w, lifted, "settled", "LG Hamburg 1 O 1/26")
        await register.hold(w, lot_id, Units(95, 100))
        held = {holding.units: holding.id for holding in await service.live_holdings(w, lot_id)}
        ids = text(
            "SELECT (SELECT id FROM title_holdings WHERE lot_id = :lot AND parent_id IS NULL),"
            " (SELECT event_id FROM title_declarations WHERE units = '[30,40)' AND lot_id = :lot)"
        )
        genesis, declaration = (await w.connection.execute(ids, {"lot": lot_id})).one()
    return Scene(
        lot_id=lot_id,
        sold=held[Units(0, 30)],
        rest=held[Units(30, 80)],
        retired=held[Units(80, 90)],
        genesis=genesis,
        reservation_id=reserved.id,
        declaration_id=declaration,
        deal_id=deal.id,
    )


class Made(msgspec.Struct, frozen=True):
    """A holding to write; without `origin_id` it begins an ownership."""

    units: Units
    owner: Party | None
    out_no: int = 0
    origin_id: UUID | None = None
    live: bool = True


class Cut(msgspec.Struct, frozen=True):
    """What of which holding moves."""

    holding_id: UUID
    whole: Units
    moved: Units


class Forger:
    """Writes single rows as the owner of the tables."""

    def __init__(self, connection: AsyncConnection, scene: Scene) -> None:
        self.connection = connection
        self.scene = scene
        self.scribe = Scribe(scene.lot_id, datetime.now(UTC), _IDS.uuid7, _IDS.token)

    async def run(self, statement: str, **values: Any) -> None:
        """Run one statement."""
        await self.connection.execute(text(statement), values)

    async def scalar(self, query: str, **values: Any) -> Any:
        """Read one value."""
        return (await self.connection.execute(text(query), values)).scalar_one()

    async def source(self, holding_id: UUID) -> Source:
        """Read the outpoint of a holding."""
        found = await self.connection.execute(
            text(
                "SELECT e.leaf_hash, h.out_no FROM title_holdings h"
                " JOIN title_events e ON e.id = h.created_by WHERE h.id = :id"
            ),
            {"id": holding_id},
        )
        return Source(*found.one())

    async def enter(self, draft: Draft, kind: str, *, queued: bool = True) -> None:
        """Write an entry, its secrets and its place in the queue."""
        await self.run(
            "INSERT INTO title_events (id, kind, lot_id, body) VALUES (:id, :kind, :lot, :body)",
            id=draft.id,
            kind=kind,
            lot=self.scene.lot_id,
            body=draft.body,
        )
        for secret in draft.secrets:
            await self.run(
                "INSERT INTO title_disclosures VALUES (:id, :field, :salt, CAST(:value AS jsonb))",
                id=draft.id,
                field=secret.field,
                salt=secret.salt,
                value=entry.canonical(secret.value).decode(),
            )
        if queued:
            await self.run(
                "INSERT INTO title_outbox (event_id, leaf_hash) VALUES (:id, :hash)",
                id=draft.id,
                hash=draft.leaf_hash,
            )

    async def spend(self, holding_id: UUID, draft: Draft, declaration: UUID | None = None) -> None:
        """Write a spend."""
        await self.run(
            "INSERT INTO title_spends VALUES (:holding, :event, :declaration)",
            holding=holding_id,
            event=draft.id,
            declaration=declaration,
        )

    async def make(self, parent_id: UUID | None, event_id: UUID, made: Made) -> None:
        """Write a holding and its live row."""
        units, owner = made.units, made.owner
        holding_id = uuid4()
        row = {
            "id": holding_id,
            "lot": self.scene.lot_id,
            "units": f"[{units.lo},{units.hi})",
            "kind": "t" if owner else "r",
            "party": owner.id if owner else None,
        }
        await self.run(
            "INSERT INTO title_holdings (id, lot_id, units, kind, party_id, created_by, out_no,"
            " parent_id, origin_id) VALUES (:id, :lot, CAST(CAST(:units AS text) AS int4range),"
            " :kind, :party, :event, :out_no, :parent, :origin)",
            **row,
            event=event_id,
            out_no=made.out_no,
            parent=parent_id,
            origin=made.origin_id or holding_id,
        )
        if made.live:
            await self.run(
                "INSERT INTO title_live VALUES"
                " (:id, :lot, CAST(CAST(:units AS text) AS int4range), :kind, :party)",
                **row,
            )

    async def move(
        self,
        cut: Cut,
        *,
        to: Party = THIEF,
        kind: str = "transfer",
        declaration: UUID | None = None,
        forgotten: Units | None = None,
    ) -> Draft:
        """Write a whole move, complete in every row except the `forgotten` output."""
        holding_id, whole, moved = cut.holding_id, cut.whole, cut.moved
        move = Move(await self.source(holding_id), whole, moved, SELLER, to)
        if kind == "transfer":
            draft = self.scribe.transferred(move, uuid4(), bytes(32))
        else:
            draft = self.scribe.retired(msgspec.structs.replace(move, to=None), "forged")
        await self.run("DELETE FROM title_live WHERE holding_id = :id", id=holding_id)
        await self.enter(draft, kind)
        await self.spend(holding_id, draft, declaration)
        origin = await self.scalar(
            "SELECT origin_id FROM title_holdings WHERE id = :id", id=holding_id
        )
        taker = to if kind == "transfer" else None
        for number, units in enumerate(whole.tile(moved)):
            if units == forgotten:
                continue
            owner = taker if units == moved else SELLER
            kept = None if units == moved else origin
            await self.make(holding_id, draft.id, Made(units, owner, number, kept))
        return draft

    async def reserve(self, units: Units, *, active: bool = True) -> None:
        """Write a reservation."""
        row = {"id": uuid4(), "lot": self.scene.lot_id, "units": f"[{units.lo},{units.hi})"}
        await self.run(
            "INSERT INTO title_reservations VALUES (:id, :group, 0, :lot,"
            " CAST(CAST(:units AS text) AS int4range), :holder, :buyer, :until)",
            **row,
            group=uuid4(),
            holder=SELLER.id,
            buyer=BUYER.id,
            until=(until := register.soon()),
        )
        if active:
            await self.run(
                "INSERT INTO title_active_reservations VALUES"
                " (:id, :lot, CAST(CAST(:units AS text) AS int4range), :until)",
                **row,
                until=until,
            )

    async def speak(self) -> None:
        """Let every deferred guard speak, as a commit would."""
        await self.run("SET CONSTRAINTS ALL IMMEDIATE")
