"""What the stages ask of the register: open a lot, freeze units, move title, freeze by order, read the truth.

Every function takes the unit of work first and never commits. Each writes through one database function, so
that a purchase costs the register few round trips: reserve 1, extend 1, declare 2, post 2.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from marketplace.infra.work import Work
from marketplace.kernel.errors import Conflict, Gone, Locked, NotFound
from marketplace.register import audit as auditing
from marketplace.register import entry
from marketplace.register.domain import (
    CeaseUse,
    Chain,
    Deal,
    FreezeOrder,
    Holding,
    Link,
    LotTitle,
    NewLot,
    Party,
    PostedLine,
    Reservation,
    Reserve,
    Retirement,
    Return,
    Shortage,
    Units,
)
from marketplace.register.drafting import (
    DealParties,
    Draft,
    Move,
    PreparedLine,
    Scribe,
    Source,
    draft_deal,
    identity,
)
from marketplace.register.entry import JsonValue
from marketplace.register.events import (
    HoldLifted,
    ReservationsExpired,
    UnitsHeld,
    UnitsRetired,
    UnitsReversed,
)
from marketplace.register.store import calls, desk, title

EXPIRE_BATCH: Final = 200
_LINKS_OF_A_DEAL: Final = 3


class InsufficientUnits(Conflict):
    """Not all lines can be reserved; nothing was. The transaction is usable: plan again and retry."""

    def __init__(self, shortages: tuple[Shortage, ...]) -> None:
        free = ", ".join(f"line {short.line}: {short.available}" for short in shortages)
        super().__init__("lot.insufficient_units", f"Fewer units are free than asked for ({free}).")
        self.shortages = shortages


def _scribe(work: Work, lot_id: UUID) -> Scribe:
    return Scribe(lot_id, work.now, work.new_id, work.token)


async def open_lot(work: Work, lot: NewLot) -> UUID:
    """Open an approved lot; give the holding of all its units. The same lot again gives the same holding.

    Raises:
        Conflict: `lot.id_reused`, the id belongs to another lot.
        Forbidden: the caller is neither staff nor the system.
    """
    known = await title.find_genesis(work.connection, lot.id)
    if known:
        holding_id, opened_by, units = known
        if (opened_by, units) != (lot.owner.id, lot.units):
            raise Conflict("lot.id_reused", "This lot id belongs to another lot; make a new one.")
        return holding_id
    opened = _scribe(work, lot.id).opened(lot.owner, lot.units, lot.first_sale)
    return await desk.open_lot(work.connection, lot.id, lot.owner.id, opened)


async def reserve(work: Work, request: Reserve) -> tuple[Reservation, ...]:
    """Freeze units of every line for the buyer, or nothing: the lowest free units, in whole steps.

    A line may become several reservations when the free units lie apart. A retry with the same group
    gives the same reservations. Lots are locked until the transaction ends.

    Raises:
        InsufficientUnits: says what is free, line by line.
        Conflict: the group was used for another request, or has ended.
        Gone: `until` is not in the future of the database.
        NotFound: an unknown lot.
        Forbidden: a company reserves for another one.
    """
    for line in request.lines:
        if line.quantity <= 0 or line.step <= 0 or line.quantity % line.step:
            raise AssertionError("quantities are whole positive steps; quotes sees to it")
    reserved, shortages = await desk.reserve(work.connection, request)
    if shortages:
        raise InsufficientUnits(shortages)
    return reserved


async def extend_reservations(work: Work, reservation_ids: Sequence[UUID], until: datetime) -> None:
    """Promise reserved units for longer; an earlier moment than promised changes nothing.

    Raises:
        Gone: one has expired.
        Conflict: one was voided or posted.
    """
    await desk.extend(work.connection, reservation_ids, until)


async def release_reservations(work: Work, reservation_ids: Sequence[UUID]) -> tuple[UUID, ...]:
    """Void reservations; give the lots whose free units changed. Ended ones are left as they are.

    Raises:
        Conflict: one was posted.
    """
    return tuple(dict.fromkeys(await desk.release(work.connection, reservation_ids)))


async def expire_due_reservations(work: Work, limit: int = EXPIRE_BATCH) -> tuple[UUID, ...]:
    """End reservations whose time has come, announce it, and give their lots (for the periodic job)."""
    ended = await desk.expire_due(work.connection, limit)
    for lot_id, group_id in ended:
        work.announce(ReservationsExpired(lot_id=lot_id, group_id=group_id))
    return tuple(dict.fromkeys(lot_id for lot_id, _ in ended))


async def available_units(
    work: Work, lot_ids: Sequence[UUID], holder_id: UUID | None = None
) -> dict[UUID, int]:
    """Count free units of lots (the opener's, unless a holder is named). Anybody may ask."""
    return await desk.available(work.connection, lot_ids, holder_id)


async def attach_declaration(work: Work, declared: CeaseUse) -> None:
    """Enter a holder's declaration that reserved units are no longer used; again changes nothing.

    Raises:
        Gone, Conflict: a reservation has ended.
        Forbidden: the caller does not hold the units.
    """
    inputs = await desk.prepare_declaration(work.connection, declared.reservation_ids)
    if any(line.holder_id != declared.declarant.id for line in inputs):
        raise Conflict("declaration.not_the_holder", "Only the holder of units can declare them.")
    secret: dict[str, JsonValue] = {
        "declarant": identity(declared.declarant),
        "document": declared.document_sha256,
        "method": declared.method,
        "date": declared.ceased_on.isoformat(),
    }
    drafts = [
        _scribe(work, line.lot_id).declared(line.source, line.units, secret)
        for line in inputs
        if line.declaration_id is None
    ]
    if drafts:
        await desk.attach_declarations(work.connection, drafts)


async def post_deal(work: Work, deal: Deal) -> tuple[PostedLine, ...]:
    """Move every line of a deal, seller to operator to buyer, or none. The same deal again gives the same lines.

    Raises:
        Gone: a reservation has expired by database time.
        Conflict: a reservation ended otherwise, a declaration is missing, or the deal id was used.
        Locked: units are on hold, or reserved for another buyer.
        Forbidden: the caller is neither staff nor the system.
    """
    inputs = await desk.prepare_deal(work.connection, deal.reservation_ids)
    if all(line.deal_id == deal.id for line in inputs):
        return await desk.deal_lines(work.connection, deal.id)
    lines = [_prepared(line, deal) for line in inputs]
    parties = DealParties(deal.id, deal.operator, deal.buyer, deal.sellers)
    drafts = draft_deal(lines, parties, lambda lot_id: _scribe(work, lot_id))
    ids = (deal.id, deal.operator.id, deal.buyer.id)
    return await desk.post_deal(work.connection, ids, deal.reservation_ids, drafts)


def _prepared(line: desk.DealInput, deal: Deal) -> PreparedLine:
    if line.outcome == "expired":
        raise Gone("reservation.expired", "The reservation has expired; request a new quote.")
    if line.holding is None or line.source is None or line.outcome != "active":
        raise Conflict("reservation.ended", f"The reservation was {line.outcome} already.")
    if line.buyer_id != deal.buyer.id:
        raise Locked("title.reserved", "These units are reserved for another company.")
    if line.declaration_hash is None:
        raise Conflict(
            "title.undeclared", "The holder must first declare that the units are no longer used."
        )
    return PreparedLine(
        reservation_id=line.reservation_id,
        lot_id=line.lot_id,
        units=line.units,
        holder_id=line.holder_id,
        holding=line.holding,
        source=line.source,
        declaration_hash=line.declaration_hash,
    )


async def find_deal(work: Work, deal_id: UUID) -> tuple[PostedLine, ...]:
    """Read the lines of a posted deal, empty when it was not posted; for its buyer, staff and the system."""
    return await desk.deal_lines(work.connection, deal_id)


async def retire_units(work: Work, retirement: Retirement) -> UUID:
    """Surrender units of one holding for good; give the retired holding.

    Raises:
        Conflict: the units are not within one live holding of the holder.
        Locked: they are reserved or on hold.
    """
    holder = retirement.holder
    source = await _own_piece(work, retirement.lot_id, retirement.units, holder.id)
    move = Move(_source(source), source.units, retirement.units, holder, None)
    draft = _scribe(work, retirement.lot_id).retired(move, retirement.reason)
    holding_id = await desk.move(
        work.connection, calls.RETIRE, retirement.lot_id, retirement.units, draft
    )
    work.announce(UnitsRetired(lot_id=retirement.lot_id, holding_id=holding_id))
    return holding_id


async def return_units(work: Work, back: Return) -> UUID:
    """Reverse both links of a deal over some of its units; give the seller's new holding.

    Two compensating entries; what happened stays in the register.

    Raises:
        Conflict: the units are not within one holding that its holder got through the operator.
        Locked: they are reserved or on hold.
    """
    source = await _own_piece(work, back.lot_id, back.units, None)
    chain = await chain_of(work, source.id)
    disclosed = {"reason": entry.nfc(back.reason), "evidence": back.evidence_sha256}
    if len(chain.links) < _LINKS_OF_A_DEAL or any(
        link.event_kind != "transfer" for link in chain.links[-2:]
    ):
        raise Conflict(
            "reversal.not_of_this", "These units did not come to their holder by a deal."
        )
    at, whole, holding_id = _source(source), source.units, source.id
    for position in (-1, -2):
        giver, taker = chain.links[position], chain.links[position - 1]
        move = Move(at, whole, back.units, _named(back, giver), _named(back, taker))
        draft = _scribe(work, back.lot_id).reversed(move, giver.leaf_hash, disclosed)
        holding_id = await desk.move(work.connection, calls.REVERSE, back.lot_id, back.units, draft)
        at, whole = draft.outpoint(move.moved_no), back.units
    work.announce(UnitsReversed(lot_id=back.lot_id, holding_id=holding_id))
    return holding_id


def _named(back: Return, link: Link) -> Party:
    party = back.parties.get(link.party_id) if link.party_id else None
    if party is None:
        raise AssertionError("a return names the buyer, the operator and the seller")
    return party


async def place_hold(work: Work, order: FreezeOrder) -> tuple[UUID, ...]:
    """Freeze units: they can neither be reserved nor moved until lifted. One hold per holding they lie in.

    Raises:
        NotFound: the lot is unknown, or none of the units is title.
        Forbidden: the caller is neither staff nor the system.
    """
    held: dict[UUID, Draft] = {}
    for piece in await desk.pieces(work.connection, order.lot_id, order.units):
        units = piece.units.clip(order.units)
        if units is not None and piece.kind == "t":
            held[work.new_id()] = _scribe(work, order.lot_id).hold_placed(
                _source(piece), units, order.reason, entry.nfc(order.authority)
            )
    if not held:
        raise NotFound("holding.unknown", "No title units are there to hold.")
    placed = (order.reason.value, order.placed_by)
    await desk.place_holds(work.connection, order.lot_id, placed, held)
    for hold_id in held:
        work.announce(UnitsHeld(lot_id=order.lot_id, hold_id=hold_id))
    return tuple(held)


async def lift_hold(work: Work, hold_id: UUID, reason: str, authority: str) -> None:
    """End a freeze.

    Raises:
        NotFound: there is no such hold.
        Conflict: it was lifted already.
        Forbidden: the caller is neither staff nor the system.
    """
    found = await title.find_hold(work.connection, hold_id)
    if found is None:
        raise NotFound("hold.unknown", "There is no such hold.")
    hold, placed = found
    draft = _scribe(work, hold.lot_id).hold_lifted(
        placed, hold.units, entry.nfc(reason), entry.nfc(authority)
    )
    await desk.lift_hold(work.connection, hold_id, work.principal.member_id, draft)
    work.announce(HoldLifted(lot_id=hold.lot_id, hold_id=hold_id))


async def note_certificates(work: Work, certificates: Mapping[UUID, str]) -> None:
    """Enter that certificates were made: buyer's holding to certificate id (text)."""
    sources = await title.sources(work.connection, list(certificates))
    drafts = [
        _scribe(work, lot_id).certified(source, certificates[holding_id])
        for holding_id, lot_id, source in sources
    ]
    if len(drafts) != len(certificates):
        raise NotFound("holding.unknown", "The register has no such holding.")
    await desk.note(work.connection, ["certificate.issued"] * len(drafts), drafts)


async def attach_evidence(
    work: Work, lot_id: UUID, event_id: UUID, evidence: Mapping[str, str]
) -> None:
    """Put a document behind an entry; `evidence` has kind, file (SHA-256), issuer and date."""
    ref = await title.leaf_hash(work.connection, lot_id, event_id)
    draft = _scribe(work, lot_id).evidence_attached(ref, evidence)
    await desk.note(work.connection, ["evidence.attached"], [draft])


async def correct_record(
    work: Work, lot_id: UUID, event_id: UUID, values: Mapping[str, str]
) -> None:
    """Say metadata of an entry anew. Units, inputs, outputs and owners cannot be corrected."""
    ref = await title.leaf_hash(work.connection, lot_id, event_id)
    draft = _scribe(work, lot_id).corrected(ref, values)
    await desk.note(work.connection, ["record.corrected"], [draft])


async def chain_of(work: Work, holding_id: UUID) -> Chain:
    """Give the owners of a holding's units from the first sale to the holder, for the holder and staff.

    Raises:
        NotFound: there is no such holding, or it is not the caller's.
    """
    chain = await title.chain(work.connection, holding_id)
    if chain is None:
        raise NotFound("holding.unknown", "The register has no such holding.")
    return chain


async def live_holdings(work: Work, lot_id: UUID) -> tuple[Holding, ...]:
    """Give the live holdings of a lot that the caller may see: its own, or all for staff and the system."""
    return await title.live_holdings(work.connection, lot_id)


async def lot_title(work: Work, lot_id: UUID) -> LotTitle:
    """Give the register's view of a lot, whole for staff and the system.

    Raises:
        NotFound: there is no such lot, or it is not the caller's.
    """
    found = await title.lot_title(work.connection, lot_id)
    if found is None:
        raise NotFound("lot.unknown", "The register has no such lot.")
    return found


async def audit(work: Work) -> tuple[auditing.Violation, ...]:
    """Check the invariants I1 to I8 and I11 to I17 over the whole register; no violation is the only good answer."""
    return await auditing.check(work.connection)


async def _own_piece(work: Work, lot_id: UUID, units: Units, holder_id: UUID | None) -> Holding:
    for piece in await desk.pieces(work.connection, lot_id, units):
        if piece.units.covers(units) and holder_id in {None, piece.party_id}:
            return piece
    raise Conflict("title.not_live", "These units are not within one live holding of the holder.")


def _source(piece: Holding) -> Source:
    return Source(piece.leaf_hash, piece.out_no)
