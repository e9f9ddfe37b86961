"""Use cases of moving licences: prepare, declare, post all of an order at once, or void."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec
import structlog

from marketplace.infra.work import Work
from marketplace.kernel.errors import NotFound
from marketplace.kernel.ids import format_id
from marketplace.kernel.paging import Page, Window, page_of
from marketplace.licensing.catalogue import Reach, load_catalogue
from marketplace.orders import service as orders
from marketplace.orders.domain import Order, OrderState
from marketplace.parties import service as parties
from marketplace.parties.domain import Company
from marketplace.register import service as register
from marketplace.register.domain import CeaseUse, Deal, LotTitle, Party, PostedLine
from marketplace.transfers import store
from marketplace.transfers.domain import Declaration, Signing, State, Transfer, post, sign, void
from marketplace.transfers.events import TransferPrepared

log = structlog.get_logger()

_CATALOGUE: Final = load_catalogue()
_METHOD: Final = "assignment_ended"


class PostedTransfer(msgspec.Struct, frozen=True):
    """A posted transfer with the register lines that carried it out."""

    transfer: Transfer
    lines: tuple[PostedLine, ...]


async def prepare_transfers(work: Work, order_id: UUID) -> None:
    """Make one pending transfer per seller's lot of a placed order; again is harmless.

    The order is locked, so that it cannot be cancelled while its transfers are being made.
    """
    order = await orders.load_order(work, order_id, lock=True)
    if order.state not in (OrderState.PLACED, OrderState.PAID):
        return
    new = await store.insert_transfers(work.connection, _transfers_of(work, order))
    for transfer_id in new:
        work.announce(TransferPrepared(transfer_id=transfer_id, order_id=order_id))
    log.info("transfers.prepared", order_id=str(order_id), count=len(new))


async def sign_declaration(work: Work, transfer_id: UUID, signing: Signing) -> Transfer:
    """Sign the cease-use declaration as the seller; the register keeps its hash (C07).

    Raises:
        NotFound: no such transfer, or the caller is not its seller.
        Conflict, Malformed: as `domain.sign`.
        Gone: the units are not reserved any more, because the order ended.
    """
    transfer = await store.select_transfer(work.connection, transfer_id, lock=True)
    if transfer is None or transfer.seller_id != work.principal.company:
        raise NotFound(
            "transfer.unknown", "There is no such transfer in which your company is the seller."
        )
    declaration = Declaration(
        id=work.new_id(),
        transfer_id=transfer_id,
        company_id=transfer.seller_id,
        signing=signing,
        signed_at=work.now,
    )
    family = _CATALOGUE.family_of(_CATALOGUE.product(transfer.product))
    declared, event = sign(transfer, declaration, needs_licence_server=family.reach is Reach.RDS)
    seller = await parties.load_company(work, transfer.seller_id)
    await register.attach_declaration(
        work,
        CeaseUse(
            reservation_ids=transfer.reservation_ids,
            declarant=title_party(seller),
            document_sha256=declaration.document_sha256(),
            method=_METHOD,
            ceased_on=signing.use_ended_on,
        ),
    )
    await store.insert_declaration(work.connection, declaration, work.principal.credential)
    await store.save_transfers(work.connection, (declared,))
    work.announce(event)
    work.audit("declaration.signed", format_id("trf", transfer_id))
    log.info("declaration.signed", transfer_id=str(transfer_id), quantity=signing.quantity)
    return declared


async def ready_transfers(work: Work, order: Order) -> tuple[Transfer, ...]:
    """Lock and give the transfers of an order that can be posted; nothing while payment or a declaration is missing."""
    if order.state is not OrderState.PAID:
        return ()
    pending = await store.select_of_order(work.connection, order.id, lock=True)
    return pending if is_ready(pending, order) else ()


async def post_order(
    work: Work,
    order: Order,
    pending: Sequence[Transfer],
    companies: Mapping[UUID, Company],
    operator: Company,
) -> tuple[PostedTransfer, ...]:
    """Move the title of all transfers of an order: `pending` is what `ready_transfers` gave.

    The caller holds the lock of the order, so two jobs can never post it twice.
    """
    deal = Deal(
        id=order.id,
        operator=title_party(operator),
        buyer=title_party(companies[order.buyer_id]),
        sellers={
            transfer.seller_id: title_party(companies[transfer.seller_id]) for transfer in pending
        },
        reservation_ids=tuple(
            reservation for transfer in pending for reservation in transfer.reservation_ids
        ),
    )
    lines = await register.post_deal(work, deal)
    posted: list[PostedTransfer] = []
    for transfer in pending:
        moved, event = post(transfer, work.now)
        own = tuple(line for line in lines if line.reservation_id in transfer.reservation_ids)
        posted.append(PostedTransfer(moved, own))
        work.announce(event)
    await store.save_transfers(work.connection, [item.transfer for item in posted])
    log.info("transfers.posted", order_id=str(order.id), count=len(posted))
    return tuple(posted)


def is_ready(pending: tuple[Transfer, ...], order: Order) -> bool:
    """Tell whether an order can be posted: paid, prepared, all pending and declared."""
    return (
        order.state is OrderState.PAID
        and bool(pending)
        and all(
            transfer.state is State.PENDING and transfer.declared_at is not None
            for transfer in pending
        )
    )


async def void_transfers(work: Work, order_id: UUID) -> None:
    """End the pending transfers of a cancelled order; again is harmless."""
    ended = []
    for transfer in await store.select_of_order(work.connection, order_id, lock=True):
        if transfer.state is State.PENDING:
            voided, event = void(transfer)
            ended.append(voided)
            work.announce(event)
    if ended:
        await store.save_transfers(work.connection, ended)
        log.info("transfers.voided", order_id=str(order_id), count=len(ended))


async def load_transfer(work: Work, transfer_id: UUID) -> Transfer:
    """Give a transfer in which the caller takes part."""
    transfer = await store.select_transfer(work.connection, transfer_id)
    if transfer is None:
        raise _unknown()
    return transfer


async def list_transfers(work: Work, window: Window) -> Page[Transfer]:
    """Give the caller's transfers, newest first; staff see all."""
    company_id = None if work.principal.scope == "staff" else work.principal.company
    found = await store.select_page(work.connection, company_id, window)
    return page_of(found, window.limit, lambda transfer: (str(transfer.id),))


async def view_title(work: Work, lot_id: UUID) -> tuple[LotTitle, dict[UUID, Company]]:
    """Give the register's view of a lot and the companies that hold units of it; for staff."""
    title = await register.lot_title(work, lot_id)
    holders = {holding.party_id for holding in title.holdings if holding.party_id is not None}
    return title, await parties.load_companies(work, sorted(holders))


def title_party(company: Company) -> Party:
    """Give a company as the register names it."""
    return Party(
        id=company.id,
        name=company.legal_name,
        registration=company.register_number,
        country=company.country,
    )


def _transfers_of(work: Work, order: Order) -> list[Transfer]:
    reservations: dict[UUID, list[UUID]] = {}
    quantities: dict[UUID, int] = {}
    for line in order.lines:
        reservations.setdefault(line.lot_id, []).extend(line.reservation_ids)
        quantities[line.lot_id] = quantities.get(line.lot_id, 0) + line.quantity
    first = {line.lot_id: line for line in reversed(order.lines)}
    return [
        Transfer(
            id=work.new_id(),
            order_id=order.id,
            listing_id=first[lot_id].listing_id,
            lot_id=lot_id,
            seller_id=first[lot_id].seller_id,
            buyer_id=order.buyer_id,
            product=first[lot_id].product.key,
            quantity=quantities[lot_id],
            reservation_ids=tuple(held),
            state=State.PENDING,
            version=1,
            prepared_at=work.now,
        )
        for lot_id, held in reservations.items()
    ]


def _unknown() -> NotFound:
    return NotFound(
        "transfer.unknown", "There is no such transfer in which your company takes part."
    )
