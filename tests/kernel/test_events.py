"""Facts: frozen, named, ids only."""

from typing import ClassVar
from uuid import UUID

import pytest

from marketplace.kernel.events import Event

AN_ID = UUID(int=7)


class SomethingHappened(Event, frozen=True):
    name: ClassVar[str] = "something.happened.v1"
    thing_id: UUID


class TestEvent:
    def test_gives_its_ids_as_text(self) -> None:
        assert SomethingHappened(thing_id=AN_ID).ids() == {"thing_id": str(AN_ID)}

    def test_cannot_be_changed(self) -> None:
        event = SomethingHappened(thing_id=AN_ID)
        with pytest.raises(AttributeError):
            event.thing_id = UUID(int=8)  # type: ignore[misc] # the test is that this fails
