"""A need: asked once, answered once. From a file of accesses in three steps, else at once.

`pending > running > done | failed`. The steps are jobs of their own, so that progress is seen between them: a step that
runs a second time finds that it is over and changes nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.errors import Conflict
from marketplace.kernel.events import Event
from marketplace.needs.domain.answer import Answer
from marketplace.needs.domain.market import Market
from marketplace.needs.domain.request import Asked
from marketplace.needs.events import NeedAnswered, NeedFailed


class NeedState(StrEnum):
    """Where a need stands."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


FOLLOWING: Final[Mapping[NeedState, frozenset[NeedState]]] = {
    NeedState.PENDING: frozenset({NeedState.RUNNING, NeedState.FAILED}),
    NeedState.RUNNING: frozenset({NeedState.RUNNING, NeedState.DONE, NeedState.FAILED}),
    NeedState.DONE: frozenset(),
    NeedState.FAILED: frozenset(),
}
"""Which state may follow which: a need ends once."""


class Step(IntEnum):
    """The steps of a need from a file, by the number of steps that are over when this one is."""

    ASKED = 0
    READ = 1
    SOLVED = 2
    PRICED = 3


STEPS: Final = len(Step) - 1


class Progress(msgspec.Struct, frozen=True):
    """How far a need is: the last step that is over, and how many of the accesses are licensed."""

    step: Step = Step.ASKED
    done: int = 0
    total: int = 0


class Failure(msgspec.Struct, frozen=True):
    """Why there is no answer: a stable code, and a sentence that says what to do."""

    code: str
    detail: str


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """One need of one company. `market` is that of the day it was asked on."""

    id: UUID
    company_id: UUID
    state: NeedState
    asked: Asked
    market: Market
    requested_at: datetime
    progress: Progress = Progress()
    answer: Answer | None = None
    failure: Failure | None = None
    ended_at: datetime | None = None
    version: int = 1

    def waits_for(self, step: Step) -> bool:
        """Tell whether `step` is the one to be made now."""
        return self.ended_at is None and self.progress.step == step - 1


def take_step(need: Need, step: Step, done: int, total: int) -> Need:
    """Note that a step is over.

    Raises:
        Conflict: `need.step_over`, when it was made before or the need has ended.
    """
    if not need.waits_for(step) or NeedState.RUNNING not in FOLLOWING[need.state]:
        raise Conflict("need.step_over", "This step of the calculation was made before.")
    return _moved(need, state=NeedState.RUNNING, progress=Progress(step, done, total))


def finish(need: Need, answer: Answer, now: datetime) -> tuple[Need, Event]:
    """Give the answer of a running need.

    Raises:
        Conflict: `need.step_over`, as in `take_step`.
    """
    if not need.waits_for(Step.PRICED) or NeedState.DONE not in FOLLOWING[need.state]:
        raise Conflict("need.step_over", "This step of the calculation was made before.")
    total = need.progress.total
    ended = _moved(
        need,
        state=NeedState.DONE,
        answer=answer,
        ended_at=now,
        progress=Progress(Step.PRICED, total, total),
    )
    return ended, NeedAnswered(need_id=need.id)


def fail(need: Need, failure: Failure, now: datetime) -> tuple[Need, Event]:
    """End a need without an answer.

    Raises:
        Conflict: `need.step_over`, when it has ended.
    """
    if NeedState.FAILED not in FOLLOWING[need.state]:
        raise Conflict("need.step_over", "The calculation has ended before.")
    ended = _moved(need, state=NeedState.FAILED, failure=failure, ended_at=now)
    return ended, NeedFailed(need_id=need.id)


def _moved(need: Need, **changes: object) -> Need:
    return msgspec.structs.replace(need, version=need.version + 1, **changes)
