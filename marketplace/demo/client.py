"""A small HTTP client on the standard library: one caller with its credential, JSON in, JSON out."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import uuid4

import msgspec

WAIT_SECONDS_MAX: Final = 60.0
_POLL_SECONDS: Final = 0.2

Say = Callable[[str], None]
"""How the story is told."""


class Refused(Exception):
    """The API refused; the message carries its problem document."""


class Reply(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Decode the body."""
        return json.loads(self.body)


class Caller:
    """Somebody who calls the API at `address` with one bearer token."""

    def __init__(self, address: str, token: str = "") -> None:
        self.address = address
        self._token = token

    def with_token(self, token: str) -> "Caller":
        """Give the same caller with a credential."""
        return Caller(self.address, token)

    def get(self, path: str) -> Any:
        """Read JSON."""
        return self.send("GET", path).json()

    def post(self, path: str, body: Any = None, *, etag: str = "") -> Any:
        """Send JSON under a fresh idempotency key and read JSON; `etag` says which version it is about."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
        if etag:
            headers["If-Match"] = etag
        data = b"" if body is None else json.dumps(body).encode()
        return self.send("POST", path, data, headers).json()

    def upload(self, path: str, data: bytes, media_type: str) -> Any:
        """Send a file and read JSON."""
        return self.send("POST", path, data, {"Content-Type": media_type}).json()

    def send(
        self,
        method: str,
        path: str,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request; raise `Refused` for any answer that is not a success."""
        request = urllib.request.Request(  # noqa: S310 - the address is the one we started ourselves
            self.address + path, data=data, method=method, headers=dict(headers or {})
        )
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
                return Reply(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as problem:
            text = problem.read().decode("utf-8", "replace")
            raise Refused(f"{method} {path} gave {problem.code}: {text}") from None


def wait_for(what: str, look: Callable[[], Any]) -> Any:
    """Look again until there is something; raise `Refused` after a minute."""
    give_up_at = time.monotonic() + WAIT_SECONDS_MAX
    while time.monotonic() < give_up_at:
        found = look()
        if found:
            return found
        time.sleep(_POLL_SECONDS)
    raise Refused(
        f"{what} did not come within {WAIT_SECONDS_MAX:.0f} s; see the logs in the data folder"
    )
