"""Facts about imports."""

from typing import ClassVar
from uuid import UUID

from marketplace.kernel.events import Event


class ImportReceived(Event, frozen=True):
    """A file is stored and waits to be read."""

    name: ClassVar[str] = "import.received.v1"
    import_id: UUID


class ImportChecked(Event, frozen=True):
    """Every line of a dry run was judged."""

    name: ClassVar[str] = "import.checked.v1"
    import_id: UUID


class ImportAccepted(Event, frozen=True):
    """The lines of an import count from now on."""

    name: ClassVar[str] = "import.accepted.v1"
    import_id: UUID


class ImportRefused(Event, frozen=True):
    """The file cannot be taken in."""

    name: ClassVar[str] = "import.refused.v1"
    import_id: UUID
