"""How a large file arrives: to a temporary file, piece by piece, before the unit of work opens.

What goes on to the route as the request's body is the hash of the file. So a slow sender holds no
transaction, memory does not grow with the file, and an idempotency key still tells two files apart.
"""

import hashlib
import tempfile
from typing import Any, BinaryIO, Final, cast

import msgspec
from litestar.types import ASGIApp, Receive, Scope, Send

from marketplace.imports.domain.batch import SIZE_MAX
from marketplace.kernel.errors import Malformed, TooLarge

STATE_KEY: Final = "cession_arrived_file"
_IN_MEMORY: Final = 1_000_000


class Arrived(msgspec.Struct, frozen=True):
    """A file that is here; it closes with the request."""

    file: BinaryIO
    size_bytes: int
    sha256: str


class FileMiddleware:
    """Wraps a route that takes a file as its body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the file in; a request without a credential is refused before its file is read."""
        if not any(name == b"authorization" for name, _ in scope["headers"]):
            await self._app(scope, receive, send)
            return
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            arrived = await _take(receive, cast("BinaryIO", file))
            state: dict[str, Any] = scope["state"]
            state[STATE_KEY] = arrived
            await self._app(scope, _give(arrived.sha256.encode(), receive), send)


async def _take(receive: Receive, file: BinaryIO) -> Arrived:
    digest = hashlib.sha256()
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Malformed("import.cut_off", "The file did not arrive whole; send it again.")
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if size > SIZE_MAX:
            raise TooLarge("import.too_large", "The file is larger than 50 MB; send it in parts.")
        digest.update(piece)
        file.write(piece)
        if not message.get("more_body", False):
            return Arrived(file, size, digest.hexdigest())


def _give(body: bytes, receive: Receive) -> Receive:
    given = False

    async def receive_body() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_body
