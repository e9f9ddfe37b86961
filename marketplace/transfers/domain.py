"""States of a transfer and what a cease-use declaration must say. Pure.

A transfer is one seller's lot in one order. It is pending until every seller of the order has declared and the order is
paid; then all transfers of the order are posted together or not at all (invariant I14 of the register).
"""

import hashlib
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.errors import Conflict, FieldProblem, Malformed
from marketplace.transfers.events import DeclarationSigned, TransferPosted, TransferVoided


class State(StrEnum):
    """Pending until posted or voided; both are final."""

    PENDING = "pending"
    POSTED = "posted"
    VOIDED = "voided"


class Statement(StrEnum):
    """What a seller declares (domain facts 1.6, statements 1 to 8); all of them, or nothing moves."""

    HOLDER = "holder"
    ACQUIRED_AND_PAID = "acquired_and_paid"
    UNLIMITED = "unlimited"
    USE_ENDED = "use_ended"
    COPIES_GIVEN_UP = "copies_given_up"
    QUANTITIES_TRUE = "quantities_true"
    NO_COVENANT = "no_covenant"
    NO_THIRD_PARTY_RIGHTS = "no_third_party_rights"


STATEMENT_TEXTS: Final[dict[Statement, str]] = {
    Statement.HOLDER: "We hold the agreement these licences were bought under, or are its successor (C17).",
    Statement.ACQUIRED_AND_PAID: "We bought them from the maker or an authorised channel and paid in full (C01-C05).",
    Statement.UNLIMITED: "The right to use them is unlimited in time (C04).",
    Statement.USE_ENDED: "They are assigned to no user or device since the date given (C07).",
    Statement.COPIES_GIVEN_UP: "Keys, cards, media and copies are destroyed or handed over (C07).",
    Statement.QUANTITIES_TRUE: "The quantities acquired, kept, sold earlier and sold now are true (C09).",
    Statement.NO_COVENANT: "No subscription obliges us to keep them (C14).",
    Statement.NO_THIRD_PARTY_RIGHTS: "Nobody else has rights in them: no lease, no pledge (C18).",
}


class Disclosure(StrEnum):
    """May the buyer's paper name the seller, or only a reference that is resolved in an audit?"""

    FULL = "full"
    MASKED = "masked_with_release_on_audit"


class Signing(msgspec.Struct, frozen=True, kw_only=True):
    """What the seller says and signs."""

    quantity: int
    use_ended_on: date
    statements: tuple[Statement, ...]
    licence_servers: tuple[str, ...]
    disclosure: Disclosure
    signatory_name: str
    signatory_function: str
    place: str


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """A signed cease-use declaration. The canonical JSON of these fields is the signed document."""

    id: UUID
    transfer_id: UUID
    company_id: UUID
    signing: Signing
    signed_at: datetime

    def document(self) -> bytes:
        """Give the bytes whose SHA-256 stands in the register and on the certificate."""
        utc = msgspec.structs.replace(self, signed_at=self.signed_at.astimezone(UTC))
        return msgspec.json.encode(utc, order="sorted")

    def document_sha256(self) -> str:
        """Give the hash of the signed document, hexadecimal."""
        return hashlib.sha256(self.document()).hexdigest()


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """One seller's units on their way to the buyer of an order."""

    id: UUID
    order_id: UUID
    listing_id: UUID
    lot_id: UUID
    seller_id: UUID
    buyer_id: UUID
    product: str
    quantity: int
    reservation_ids: tuple[UUID, ...]
    state: State
    version: int
    prepared_at: datetime
    declared_at: datetime | None = None
    posted_at: datetime | None = None
    declaration: Declaration | None = None
    """Loaded only for the seller's own eyes and for the system."""


def sign(
    transfer: Transfer, declaration: Declaration, *, needs_licence_server: bool
) -> tuple[Transfer, DeclarationSigned]:
    """Accept a declaration for a pending transfer.

    Raises:
        Conflict: the transfer ended, or was declared before.
        Malformed: quantity, date, statements or the RDS licence server do not fit.
    """
    if transfer.state is not State.PENDING:
        raise Conflict(
            "transfer.ended",
            f"This transfer is {transfer.state.value}; there is nothing left to declare.",
        )
    if transfer.declared_at is not None:
        raise Conflict(
            "declaration.exists", "This transfer was declared before; nothing is left to do."
        )
    _check(transfer, declaration, needs_licence_server=needs_licence_server)
    declared = msgspec.structs.replace(
        transfer,
        declaration=declaration,
        declared_at=declaration.signed_at,
        version=transfer.version + 1,
    )
    return declared, DeclarationSigned(transfer_id=transfer.id, order_id=transfer.order_id)


def post(transfer: Transfer, now: datetime) -> tuple[Transfer, TransferPosted]:
    """Mark a declared transfer as posted; the register moves the title in the same transaction."""
    if transfer.state is not State.PENDING or transfer.declared_at is None:
        raise Conflict("transfer.not_ready", "Only a declared, pending transfer can be posted.")
    posted = msgspec.structs.replace(
        transfer, state=State.POSTED, posted_at=now, version=transfer.version + 1
    )
    return posted, TransferPosted(transfer_id=transfer.id, order_id=transfer.order_id)


def void(transfer: Transfer) -> tuple[Transfer, TransferVoided]:
    """End a pending transfer whose order was cancelled."""
    if transfer.state is not State.PENDING:
        raise Conflict("transfer.ended", f"This transfer is {transfer.state.value} already.")
    voided = msgspec.structs.replace(transfer, state=State.VOIDED, version=transfer.version + 1)
    return voided, TransferVoided(transfer_id=transfer.id, order_id=transfer.order_id)


def _check(transfer: Transfer, declaration: Declaration, *, needs_licence_server: bool) -> None:
    problems: list[FieldProblem] = []
    if declaration.signing.quantity != transfer.quantity:
        problems.append(
            FieldProblem(
                "/quantity",
                f"this transfer moves {transfer.quantity} licences, declare exactly these",
            )
        )
    if declaration.signing.use_ended_on > declaration.signed_at.date():
        problems.append(
            FieldProblem(
                "/use_ended_on", "use must have ended on or before the day of signing (C07)"
            )
        )
    missing = [
        statement.value
        for statement in Statement
        if statement not in declaration.signing.statements
    ]
    if missing:
        problems.append(FieldProblem("/statements", f"also declare: {', '.join(missing)}"))
    if needs_licence_server and not declaration.signing.licence_servers:
        problems.append(
            FieldProblem(
                "/licence_servers", "name the RDS licence servers they were removed from (C07)"
            )
        )
    if problems:
        raise Malformed(
            "declaration.incomplete",
            "The declaration does not say what a valid one must; `errors` names what to mend.",
            *problems,
        )
