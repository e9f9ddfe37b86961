"""How often: requests per minute and credential, with a tighter bound where passwords are tried.

Counted per API process in memory: a brake against mistakes and guessing, not a billing meter. The framework's own
limiter keeps and re-encodes the list of all calls of the last minute for each request; this one (the generic cell rate
algorithm, GCRA) keeps one number per caller.
"""

import hashlib
import math
import time
from collections.abc import Callable
from typing import Any, Final

from litestar import Request
from litestar.types import ASGIApp, Message, Receive, Send

from marketplace.infra.http.parameters import GivenSettings
from marketplace.infra.settings import Settings
from marketplace.kernel.errors import RateLimited

_MINUTE: Final = 60.0
_UNAUTHORIZED: Final = 401
CALLERS_MAX: Final = 50_000
_TOLERANCE: Final = 1e-6
"""Seconds; sums of floating intervals must not refuse the last allowed call."""


class Limiter:
    """Allows `per_minute` requests in any minute, and a burst of as many at once."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._interval = _MINUTE / per_minute
        self._monotonic = monotonic
        self._full_at: dict[str, float] = {}
        self._forget_from = CALLERS_MAX

    @property
    def size(self) -> int:
        """How many callers are remembered."""
        return len(self._full_at)

    def admit(self, caller: str) -> float:
        """Count one request; give 0, or the seconds the caller must wait (then nothing is counted)."""
        now = self._monotonic()
        wait = self._wait_at(now, caller)
        if wait > 0:
            return wait
        if len(self._full_at) >= self._forget_from:
            self._forget(now)
        self._full_at[caller] = max(self._full_at.get(caller, now), now) + self._interval
        return 0.0

    def wait(self, caller: str) -> float:
        """Give how long the caller must wait, without counting."""
        return self._wait_at(self._monotonic(), caller)

    def _wait_at(self, now: float, caller: str) -> float:
        full_at = max(self._full_at.get(caller, now), now)
        wait = full_at + self._interval - now - _MINUTE
        return wait if wait > _TOLERANCE else 0.0

    def _forget(self, now: float) -> None:
        """Drop callers that are at rest; while many are busy, look less often, so that it stays cheap per call."""
        self._full_at = {caller: at for caller, at in self._full_at.items() if at > now}
        self._forget_from = max(CALLERS_MAX, 2 * len(self._full_at))


class Attempts:
    """Brakes guessing about one person, from however many addresses it comes."""

    def __init__(self, per_minute: int) -> None:
        self._limiter = Limiter(per_minute)

    def count(self, person: str) -> None:
        """Count one attempt; raise `RateLimited` when there were too many. Only a hash is kept in memory."""
        _refuse_after(self._limiter.admit(hashlib.sha256(person.encode()).hexdigest()[:32]))


def provide_attempts(request: Request[Any, Any, Any], settings: GivenSettings) -> Attempts:
    """Give the one brake of this process (a dependency)."""
    state = request.app.state
    if "attempts" not in state:
        state["attempts"] = Attempts(settings.login_limit_per_minute)
    attempts: Attempts = state["attempts"]
    return attempts


class LimitMiddleware:
    """Refuses callers that are too fast, before any work is done for them.

    Known credentials are counted each for itself. Made-up ones are counted by the address they come from, or every
    request could bring a new one and never be limited.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._general = Limiter(settings.rate_limit_per_minute)
        self._unknown = Limiter(settings.rate_limit_per_minute)
        self._guessable = Limiter(settings.login_limit_per_minute)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Admit or refuse one request."""
        options = scope["route_handler"].opt
        address, credential = _address(scope), _credential(scope)
        if options.get("guessable"):
            _refuse_after(self._guessable.admit(address))
        if options.get("unlimited"):
            await self._app(scope, receive, send)
            return
        if credential is None:
            _refuse_after(self._general.admit(address))
            await self._app(scope, receive, send)
            return
        _refuse_after(self._unknown.wait(address))
        _refuse_after(self._general.admit(credential))

        async def send_and_count(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == _UNAUTHORIZED:
                self._unknown.admit(address)
            await send(message)

        await self._app(scope, receive, send_and_count)


def _refuse_after(wait_seconds: float) -> None:
    if wait_seconds > 0:
        seconds = math.ceil(wait_seconds)
        raise RateLimited(
            "rate.limited",
            f"Too many requests; wait {seconds} s as Retry-After says.",
            retry_after_seconds=seconds,
        )


def _credential(scope: Any) -> str | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            # The secret itself never becomes a key in memory.
            return hashlib.sha256(value).hexdigest()[:32]
    return None


def _address(scope: Any) -> str:
    client = scope.get("client")
    return client[0] if client else "unknown"
