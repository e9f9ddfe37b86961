"""The facts this stage announces."""

from typing import ClassVar
from uuid import UUID

from marketplace.kernel.events import Event


class ValuationRequested(Event, frozen=True):
    """Somebody wants to know what licences are worth."""

    name: ClassVar[str] = "valuation.requested.v1"
    valuation_id: UUID


class ValuationComputed(Event, frozen=True):
    """The answer to a request stands."""

    name: ClassVar[str] = "valuation.computed.v1"
    valuation_id: UUID
