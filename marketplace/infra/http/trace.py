"""Request ids: taken from the caller when well-formed, made otherwise, returned, logged, handed to jobs."""

import re
import time
from typing import Any, Final

import structlog
from litestar.types import ASGIApp, Message, Receive, Send

from marketplace.kernel.clock import Ids
from marketplace.kernel.ids import format_id

_ACCEPTED: Final = re.compile(rb"[A-Za-z0-9_-]{8,64}")
_STATE_KEY: Final = "cession_trace"

log = structlog.get_logger()


def trace_of(scope: Any) -> str:
    """Give the request id of a request in progress."""
    return str(scope["state"].get(_STATE_KEY, ""))


def note_caller(scope: Any, **fields: str) -> None:
    """Add who is calling to the access log line of this request."""
    scope["state"].setdefault("cession_caller", {}).update(fields)


class TraceMiddleware:
    """Gives each request an id and writes one log line for it: ids and timing, never bodies or secrets."""

    def __init__(self, app: ASGIApp, ids: Ids) -> None:
        self._app = app
        self._ids = ids

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace = self._choose(scope)
        scope["state"][_STATE_KEY] = trace
        structlog.contextvars.bind_contextvars(request_id=trace)
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", trace.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            log.info(
                "request.done",
                method=scope["method"],
                route=scope.get("path_template") or scope["path"],
                status=status,
                milliseconds=round((time.perf_counter() - started) * 1000, 1),
                **scope["state"].get("cession_caller", {}),
            )

    def _choose(self, scope: Any) -> str:
        for name, value in scope["headers"]:
            if name == b"x-request-id" and _ACCEPTED.fullmatch(value):
                return str(value.decode())
        return format_id("req", self._ids.uuid7())
