"""Rows to values and back: the only place that knows this stage's tables."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.infra.db import newest_first
from marketplace.kernel.paging import Window
from marketplace.transfers.domain import (
    Declaration,
    Disclosure,
    Signing,
    State,
    Statement,
    Transfer,
)
from marketplace.transfers.tables import declarations, transfers

_COLUMNS: Final = (
    transfers,
    declarations.c.id.label("declaration_id"),
    declarations.c.quantity.label("declared_quantity"),
    declarations.c.use_ended_on,
    declarations.c.statements,
    declarations.c.licence_servers,
    declarations.c.disclosure,
    declarations.c.signatory_name,
    declarations.c.signatory_function,
    declarations.c.place,
    declarations.c.signed_at,
)
_SELECT: Final = select(*_COLUMNS).select_from(
    transfers.outerjoin(declarations, declarations.c.transfer_id == transfers.c.id)
)
_ONE: Final = _SELECT.where(transfers.c.id == bindparam("transfer_id"))
_ONE_LOCKED: Final = _ONE.with_for_update(of=transfers, key_share=True)
_OF_ORDER: Final = _SELECT.where(transfers.c.order_id == bindparam("order_id")).order_by(
    transfers.c.id
)
# A statement that waits for a lock sees the locked row as it is then, but joined rows as they were when it began: the
# declaration whose transaction it waited for would be missing. So the lock is a statement of its own.
_LOCK_OF_ORDER: Final = (
    select(transfers.c.id)
    .where(transfers.c.order_id == bindparam("order_id"))
    .order_by(transfers.c.id)
    .with_for_update(key_share=True)
)
_INSERT: Final = (
    insert(transfers)
    .on_conflict_do_nothing(index_elements=["order_id", "lot_id"])
    .returning(transfers.c.id)
)
_INSERT_DECLARATION: Final = insert(declarations)
_ADVANCE: Final = (
    update(transfers)
    .where(
        transfers.c.id == bindparam("transfer_id"), transfers.c.version == bindparam("old_version")
    )
    .values(
        state=bindparam("new_state"),
        version=bindparam("new_version"),
        declared_at=bindparam("new_declared_at"),
        posted_at=bindparam("new_posted_at"),
    )
)


async def insert_transfers(
    connection: AsyncConnection, new: Sequence[Transfer]
) -> tuple[UUID, ...]:
    """Store prepared transfers; one that is there already stays. Give the ids of the new ones."""
    rows = [
        {
            "id": transfer.id,
            "order_id": transfer.order_id,
            "listing_id": transfer.listing_id,
            "lot_id": transfer.lot_id,
            "seller_id": transfer.seller_id,
            "buyer_id": transfer.buyer_id,
            "product": transfer.product,
            "quantity": transfer.quantity,
            "reservation_ids": list(transfer.reservation_ids),
            "state": transfer.state.value,
            "version": transfer.version,
            "prepared_at": transfer.prepared_at,
        }
        for transfer in new
    ]
    return tuple((await connection.execute(_INSERT, rows)).scalars())


async def select_transfer(
    connection: AsyncConnection, transfer_id: UUID, *, lock: bool = False
) -> Transfer | None:
    """Load one transfer that the caller may see, or None."""
    statement = _ONE_LOCKED if lock else _ONE
    row = (await connection.execute(statement, {"transfer_id": transfer_id})).one_or_none()
    return None if row is None else _transfer(row)


async def select_of_order(
    connection: AsyncConnection, order_id: UUID, *, lock: bool = False
) -> tuple[Transfer, ...]:
    """Load all transfers of an order, in a stable order."""
    if lock:
        await connection.execute(_LOCK_OF_ORDER, {"order_id": order_id})
    rows = await connection.execute(_OF_ORDER, {"order_id": order_id})
    return tuple(_transfer(row) for row in rows)


async def select_page(
    connection: AsyncConnection, company_id: UUID | None, window: Window
) -> list[Transfer]:
    """Load one row more than a window of the transfers a company takes part in (None: of all), newest first."""
    statement = _SELECT
    if company_id is not None:
        statement = statement.where(
            or_(transfers.c.seller_id == company_id, transfers.c.buyer_id == company_id)
        )
    statement = newest_first(statement, transfers.c.id, window)
    return [_transfer(row) for row in await connection.execute(statement)]


async def insert_declaration(
    connection: AsyncConnection, declaration: Declaration, signed_by: str
) -> None:
    """Store a signed declaration with the hash of its canonical bytes."""
    signing = declaration.signing
    await connection.execute(
        _INSERT_DECLARATION,
        {
            "id": declaration.id,
            "transfer_id": declaration.transfer_id,
            "company_id": declaration.company_id,
            "quantity": signing.quantity,
            "use_ended_on": signing.use_ended_on,
            "statements": [statement.value for statement in signing.statements],
            "licence_servers": list(signing.licence_servers),
            "disclosure": signing.disclosure.value,
            "signatory_name": signing.signatory_name,
            "signatory_function": signing.signatory_function,
            "place": signing.place,
            "document_sha256": declaration.document_sha256(),
            "signed_by": signed_by,
            "signed_at": declaration.signed_at,
        },
    )


async def save_transfers(connection: AsyncConnection, changed: Sequence[Transfer]) -> None:
    """Store transfers that moved by one version; the caller holds their locks."""
    await connection.execute(
        _ADVANCE,
        [
            {
                "transfer_id": transfer.id,
                "old_version": transfer.version - 1,
                "new_state": transfer.state.value,
                "new_version": transfer.version,
                "new_declared_at": transfer.declared_at,
                "new_posted_at": transfer.posted_at,
            }
            for transfer in changed
        ],
    )


def _transfer(row: Any) -> Transfer:
    return Transfer(
        id=row.id,
        order_id=row.order_id,
        listing_id=row.listing_id,
        lot_id=row.lot_id,
        seller_id=row.seller_id,
        buyer_id=row.buyer_id,
        product=row.product,
        quantity=row.quantity,
        reservation_ids=tuple(row.reservation_ids),
        state=State(row.state),
        version=row.version,
        prepared_at=row.prepared_at,
        declared_at=row.declared_at,
        posted_at=row.posted_at,
        declaration=None if row.declaration_id is None else _declaration(row),
    )


def _declaration(row: Any) -> Declaration:
    signing = Signing(
        quantity=row.declared_quantity,
        use_ended_on=row.use_ended_on,
        statements=tuple(Statement(value) for value in row.statements),
        licence_servers=tuple(row.licence_servers),
        disclosure=Disclosure(row.disclosure),
        signatory_name=row.signatory_name,
        signatory_function=row.signatory_function,
        place=row.place,
    )
    return Declaration(
        id=row.declaration_id,
        transfer_id=row.id,
        company_id=row.seller_id,
        signing=signing,
        signed_at=row.signed_at,
    )
