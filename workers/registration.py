"""What an actor is: a name, a queue by weight, limits, and one service call.

Two kinds. An *effect* changes the database only: it runs inside the transaction that marks its job
done. An *outward* actor also calls something slow or outside (a renderer, a mail server): it loads
in one transaction, calls with none open, and records in a second one. Actors take ids, not values.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cache
from types import MappingProxyType, ModuleType
from typing import Any, Final, get_type_hints
from uuid import UUID

import msgspec

from marketplace.infra.render.port import Renderer, RenderFailed
from marketplace.infra.settings import Settings
from marketplace.infra.storage import Storage
from marketplace.infra.work import Work
from marketplace.kernel.errors import DomainError, Locked, RateLimited, Unavailable


class QueuePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How a queue is worked: the longest run in seconds and how many jobs a worker claims ahead."""

    time_limit_seconds: int
    prefetch: int


# By weight, not by topic: what takes milliseconds must never wait behind what takes seconds. What
# is claimed ahead must be finished well before its lease ends, so heavy work is claimed by twos.
QUEUES: Final[Mapping[str, QueuePolicy]] = {
    "light": QueuePolicy(time_limit_seconds=10, prefetch=200),
    "default": QueuePolicy(time_limit_seconds=60, prefetch=64),
    "heavy": QueuePolicy(time_limit_seconds=300, prefetch=2),
}


def broker_queue(settings: Settings, queue: str) -> str:
    """Give the name of a queue in RabbitMQ, where several installations may share a server."""
    return f"{settings.broker_prefix}.{queue}"


ATTEMPTS_MAX: Final = 10
"""Failed runs before a job is a dead letter: 43 minutes of waits by the table in `backoff.py`."""

ALWAYS_RETRIED: Final[tuple[type[DomainError], ...]] = (Locked, RateLimited, Unavailable)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how long an actor may run and when it gives up.

    `retried` names refusals that may pass by themselves, for example a conflict with a state that
    an earlier job is about to change. `interruptible` work is stopped at a shutdown, not awaited.
    """

    queue: str = "default"
    time_limit_seconds: int | None = None
    attempts_max: int = ATTEMPTS_MAX
    retried: tuple[type[DomainError], ...] = ()
    interruptible: bool = False

    @property
    def time_limit(self) -> int:
        """Give the longest run in seconds: the actor's own, or its queue's."""
        return self.time_limit_seconds or QUEUES[self.queue].time_limit_seconds

    def gives_up(self, error: BaseException, failed_runs: int) -> bool:
        """Tell whether a job that failed so often, last with `error`, becomes a dead letter.

        A refusal by the domain says the same thing every time, so repeating it helps nobody.
        Anything else (a lost connection, a deadlock, a defect that a release will mend) is tried
        again, but for a template that cannot be printed: every try costs seconds.
        """
        if isinstance(error, UnusableArguments | RenderFailed):
            return True
        refused = isinstance(error, DomainError)
        passing = isinstance(error, (*ALWAYS_RETRIED, *self.retried))
        return (refused and not passing) or failed_runs >= self.attempts_max


class UnusableArguments(Exception):
    """The ids in the row do not fit the actor: whoever enqueued the job was wrong."""


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """What an outward call may use; there is no database here, on purpose."""

    settings: Settings
    storage: Storage
    renderer: Renderer


EffectFunction = Callable[..., Awaitable[None]]
LoadFunction = Callable[..., Awaitable[Any]]
CallFunction = Callable[[Tools, Any, UUID], Awaitable[Any]]
RecordFunction = Callable[[Work, Any, Any], Awaitable[None]]


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """An actor whose whole effect is in the database: `function(work, **ids)`.

    A parameter `settings` receives how this installation runs, for example its public address.
    """

    name: str
    limits: Limits
    function: EffectFunction

    def takes(self) -> Mapping[str, type]:
        """Give the ids the actor takes, with their types."""
        return _id_parameters(self.function)

    def wants_settings(self) -> bool:
        """Tell whether the function has a parameter `settings`."""
        return _takes_settings(self.function)


class Outward(msgspec.Struct, frozen=True, kw_only=True):
    """An actor with an outward call between two transactions.

    `load(work, **ids)` gives what the call needs, or `None` when nothing is left to do.
    `call(tools, task, job_id)` runs with no transaction open; after a crash it runs again, so it
    hands the job id on as its idempotency key. `record(work, task, result)` commits with `done`.
    """

    name: str
    limits: Limits
    load: LoadFunction
    call: CallFunction
    record: RecordFunction

    def takes(self) -> Mapping[str, type]:
        """Give the ids the actor takes, with their types."""
        return _id_parameters(self.load)


Actor = Effect | Outward
Actors = Mapping[str, Actor]


def effect(name: str, limits: Limits | None = None) -> Callable[[EffectFunction], Effect]:
    """Make an actor of `async def f(work: Work, <ids>: UUID) -> None`, which calls one service."""

    def decorate(function: EffectFunction) -> Effect:
        return Effect(name=name, limits=limits or Limits(), function=function)

    return decorate


def arguments_for(actor: Actor, stored: Mapping[str, Any]) -> dict[str, UUID | str]:
    """Give those of the stored ids that the actor takes, so that one event can serve many actors.

    Raises:
        UnusableArguments: an id is missing or is not what the actor expects.
    """
    chosen: dict[str, UUID | str] = {}
    for name, kind in actor.takes().items():
        try:
            chosen[name] = UUID(stored[name]) if kind is UUID else str(stored[name])
        except (KeyError, ValueError, AttributeError, TypeError) as problem:
            raise UnusableArguments(f"{actor.name} needs {name}: {kind.__name__}") from problem
    return chosen


def collect(modules: Iterable[ModuleType]) -> Actors:
    """Gather the actors that the modules define.

    Raises:
        ValueError: two actors have one name, or an actor names a queue that is not worked.
    """
    found: dict[str, Actor] = {}
    for module in modules:
        for actor in vars(module).values():
            if not isinstance(actor, Effect | Outward):
                continue
            if actor.name in found and found[actor.name] is not actor:
                raise ValueError(f"two actors are called {actor.name}")
            if actor.limits.queue not in QUEUES:
                raise ValueError(f"{actor.name} is in no known queue: {actor.limits.queue}")
            found[actor.name] = actor
    return MappingProxyType(found)


def load_actors() -> Actors:
    """Gather the actors of every module in `workers.actors`: a new file there is all it takes."""
    package = importlib.import_module("workers.actors")
    names = sorted(info.name for info in pkgutil.iter_modules(package.__path__))
    return collect(importlib.import_module(f"workers.actors.{name}") for name in names)


# Cached: reading a signature takes as long as the rest of a small job's bookkeeping.
@cache
def _id_parameters(function: Callable[..., Any]) -> Mapping[str, type]:
    hints = get_type_hints(function)
    _work, *others = inspect.signature(function).parameters
    return {name: hints[name] for name in others if hints[name] is not Settings}


@cache
def _takes_settings(function: Callable[..., Any]) -> bool:
    return "settings" in inspect.signature(function).parameters
