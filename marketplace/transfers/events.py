"""The facts this stage announces."""

from typing import ClassVar
from uuid import UUID

from marketplace.kernel.events import Event


class TransferPrepared(Event, frozen=True):
    """A seller is asked for its declaration."""

    name: ClassVar[str] = "transfer.prepared.v1"
    transfer_id: UUID
    order_id: UUID


class DeclarationSigned(Event, frozen=True):
    """A seller declared the end of its use; the order may be complete now."""

    name: ClassVar[str] = "declaration.signed.v1"
    transfer_id: UUID
    order_id: UUID


class TransferPosted(Event, frozen=True):
    """The title moved."""

    name: ClassVar[str] = "transfer.posted.v1"
    transfer_id: UUID
    order_id: UUID


class TransferVoided(Event, frozen=True):
    """The order was cancelled before the title moved."""

    name: ClassVar[str] = "transfer.voided.v1"
    transfer_id: UUID
    order_id: UUID
