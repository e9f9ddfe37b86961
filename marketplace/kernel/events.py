"""Facts that a stage announces. They carry ids only; whoever needs more reads it from the stage."""

from typing import ClassVar
from uuid import UUID

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A fact. A subclass sets `name`, such as `order.placed.v1`, and has UUID fields only."""

    name: ClassVar[str]

    def ids(self) -> dict[str, str]:
        """Give the fields as they are stored: names to UUID texts."""
        fields: dict[str, UUID] = msgspec.structs.asdict(self)
        return {field: str(value) for field, value in fields.items()}
