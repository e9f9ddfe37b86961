"""One import: a file with many lines, its states, and who may do what when."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.errors import Conflict

SIZE_MAX: Final = 50_000_000
"""Bytes of the largest file that is accepted."""
KEPT_DAYS: Final = 30
"""How long an import that nobody accepted is kept: it may hold names of people."""
UNFINISHED_HOURS: Final = 24
"""After this time an import that was not read to its end is given up."""


class Kind(StrEnum):
    """What a file holds."""

    LICENCE_STATEMENT = "licence_statement"
    LICENCE_LIST = "licence_list"
    RDS_USAGE = "rds_usage"
    ACCESS_PAIRS = "access_pairs"


class State(StrEnum):
    """`received > reading > checking > checked | accepted | refused`; a checked one may still be accepted."""

    RECEIVED = "received"
    READING = "reading"
    CHECKING = "checking"
    CHECKED = "checked"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class Outcome(StrEnum):
    """What became of a line.

    `good`: read, and nothing stands in the way today. `held`: read, but a condition holds or blocks
    the sale. `bad`: could not be read, see its problems. `other`: read, and no CAL.
    """

    GOOD = "good"
    HELD = "held"
    BAD = "bad"
    OTHER = "other"


UNFINISHED: Final = frozenset({State.RECEIVED, State.READING, State.CHECKING})


class Counts(msgspec.Struct, frozen=True):
    """How many lines had which outcome."""

    good: int = 0
    held: int = 0
    bad: int = 0
    other: int = 0

    def plus(self, more: "Counts") -> "Counts":
        """Add up."""
        return Counts(
            self.good + more.good,
            self.held + more.held,
            self.bad + more.bad,
            self.other + more.other,
        )


class FormatFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What was recognised about the file. `columns` maps our fields to the headings found.

    `decimal` is the decimal mark of the numbers and `date_order` is `dmy` or `mdy`; empty where no
    line decides it. `notes` are message ids (`import.note.<id>`). `sizes` of a file of accesses: how
    many `users`, `devices`, `hosts` and distinct `pairs` there are.
    """

    file_type: str
    table: str
    heading_row: int
    columns: dict[str, str]
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    language: str = ""
    decimal: str = ""
    date_order: str = ""
    notes: tuple[str, ...] = ()
    sizes: dict[str, int] = {}


class Refusal(msgspec.Struct, frozen=True):
    """Why the whole file was refused."""

    code: str
    params: dict[str, str | int] = {}


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a company sent in. `sha256` names the original, `normal_sha256` what was read from it.

    `done` and `total` count lines. `normal_sha256` is empty until the file was read. `next_chunk` is the
    chunk of lines that is checked next.
    """

    id: UUID
    company_id: UUID
    kind: Kind
    state: State
    dry_run: bool
    file_name: str
    media_type: str
    size_bytes: int
    sha256: str
    received_at: datetime
    version: int = 1
    normal_sha256: str = ""
    next_chunk: int = 0
    total: int = 0
    done: int = 0
    counts: Counts = Counts()
    facts: FormatFacts | None = None
    refusal: Refusal | None = None
    ended_at: datetime | None = None


def end_state(batch: Import) -> State:
    """Give the state of an import whose lines are all checked."""
    return State.CHECKED if batch.dry_run else State.ACCEPTED


def require_acceptable(batch: Import) -> None:
    """Refuse to accept what is not a finished dry run.

    Raises:
        Conflict: `import.not_checked`, `import.nothing_to_accept`.
    """
    if batch.state is not State.CHECKED:
        raise Conflict(
            "import.not_checked",
            f"This import is {batch.state.value}; only a checked dry run can be accepted.",
        )
    if batch.counts.good + batch.counts.held == 0:
        raise Conflict(
            "import.nothing_to_accept",
            "No line of this file could be used; correct the file and send it again.",
        )


def require_accepted(batch: Import) -> None:
    """Refuse to use an import that its company has not accepted.

    Raises:
        Conflict: `import.not_accepted`.
    """
    if batch.state is not State.ACCEPTED:
        raise Conflict(
            "import.not_accepted",
            f"This import is {batch.state.value}; accept it first, then its lines can be used.",
        )


def require_kind(batch: Import, *kinds: Kind) -> None:
    """Refuse a file of another kind.

    Raises:
        Conflict: `import.wrong_kind`.
    """
    if batch.kind not in kinds:
        wanted = " or ".join(kind.value for kind in kinds)
        raise Conflict(
            "import.wrong_kind",
            f"This import is of the kind {batch.kind.value}; here it must be {wanted}.",
        )
