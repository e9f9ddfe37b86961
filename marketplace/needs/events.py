"""Facts about needs. Ids only: who works for the company is nobody else's business."""

from typing import ClassVar
from uuid import UUID

from marketplace.kernel.events import Event


class NeedRequested(Event, frozen=True):
    """A company asks from a file of accesses; the answer is computed by jobs."""

    name: ClassVar[str] = "need.requested.v1"
    need_id: UUID


class NeedAnswered(Event, frozen=True):
    """The answer can be read."""

    name: ClassVar[str] = "need.answered.v1"
    need_id: UUID


class NeedFailed(Event, frozen=True):
    """There is no answer; the need says why."""

    name: ClassVar[str] = "need.failed.v1"
    need_id: UUID
