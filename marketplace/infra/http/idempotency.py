"""Idempotency keys: a repeated POST gives the first answer again instead of doing it twice.

Same key and same request = the stored answer, marked `Idempotency-Replayed: true`. Another request under the key = 422.
The first one still running = 409. Keys belong to one credential and are kept at least 24 hours. The claim is an
advisory lock of the transaction and the answer is stored in the same transaction as its effect, so a crash between
the two cannot happen.
"""

import hashlib
import re
from typing import Any, Final

from litestar import Request
from sqlalchemy import Column, DateTime, Index, LargeBinary, SmallInteger, Table, Text, text

from marketplace.infra.db import metadata
from marketplace.infra.work import KeptAnswer, Work
from marketplace.kernel.errors import Conflict, FieldProblem, Malformed

HEADER: Final = "Idempotency-Key"
REPLAYED_HEADER: Final = "Idempotency-Replayed"
CLAIM_STATE: Final = "cession_claim"
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("credential", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("etag", Text),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)
Index("ix_idempotency_keys_created_at", idempotency_keys.c.created_at)

_CLAIM: Final = "SELECT * FROM claim_idempotency_key($1, $2)"
_PRUNE: Final = text("DELETE FROM idempotency_keys WHERE created_at < :before")


class Replay(Exception):
    """Not an error: the stored answer must leave instead of a new one."""

    def __init__(self, status: int, body: bytes, etag: str | None) -> None:
        super().__init__("replay")
        self.status = status
        self.body = body
        self.etag = etag


class Claim:
    """A key claimed by the request in progress; `keep` stores the answer with the effect."""

    def __init__(self, credential: str, key: str, fingerprint: bytes) -> None:
        self._credential = credential
        self._key = key
        self._fingerprint = fingerprint
        self._answer: tuple[int, bytes, str | None] | None = None

    def note(self, status: int, body: bytes, etag: str | None) -> None:
        """Remember the encoded answer; called when it is built, before the commit."""
        self._answer = (status, body, etag)

    def keep(self, work: Work) -> None:
        """Hand the answer to the unit of work, which stores it in the transaction of its effect."""
        if self._answer is None:
            return
        status, body, etag = self._answer
        work.keep_answer(
            KeptAnswer(
                credential=self._credential,
                key=self._key,
                fingerprint=self._fingerprint,
                status=status,
                etag=etag,
                body=body,
            )
        )


async def claim(request: Request[Any, Any, Any], work: Work, *, secret: bool) -> Claim | None:
    """Claim the key of a POST, if it has one; raise `Replay`, `Conflict` or `Malformed` as the module says.

    `secret` routes answer with something shown only once, which must not be stored: their replay is refused.
    """
    key = request.headers.get(HEADER)
    if key is None or request.method != "POST":
        return None
    if not _KEY.fullmatch(key):
        raise Malformed(
            "idempotency_key.invalid",
            "An Idempotency-Key has 1 to 255 visible ASCII characters; a UUID is a good one.",
            FieldProblem("/header/Idempotency-Key", "1 to 255 visible ASCII characters"),
        )
    credential = _credential(request, work)
    fingerprint = await _fingerprint(request)
    found = await work.connection.exec_driver_sql(_CLAIM, (credential, key))
    row = found.mappings().one()
    if row["state"] == "running":
        raise Conflict(
            "idempotency_key.in_use",
            "The first request with this key is still running; retry in a moment.",
        )
    if row["state"] == "known":
        _answer_known(row, fingerprint, secret=secret)
    made = Claim(credential, key, fingerprint)
    if secret:
        made.note(409, b"", None)
    else:
        request.scope["state"][CLAIM_STATE] = made
    return made


async def prune(work: Work, before: Any) -> int:
    """Forget keys older than `before`; give how many."""
    return (await work.connection.execute(_PRUNE, {"before": before})).rowcount


def _answer_known(row: Any, fingerprint: bytes, *, secret: bool) -> None:
    if bytes(row["fingerprint"]) != fingerprint:
        raise Malformed(
            "idempotency_key.reused",
            "This key was used for another request; take a new key for each new request.",
            FieldProblem("/header/Idempotency-Key", "used for another request"),
        )
    if secret:
        raise Conflict(
            "idempotency_key.shown_once",
            "This was done before and its secret is shown only once; revoke the thing and make a new one.",
        )
    raise Replay(row["status"], bytes(row["body"]), row["etag"])


def _credential(request: Request[Any, Any, Any], work: Work) -> str:
    if work.principal.scope != "public":
        return work.principal.credential
    # Without a credential the address keeps strangers from reading each other's answers.
    return f"public:{request.client.host if request.client else 'unknown'}"


async def _fingerprint(request: Request[Any, Any, Any]) -> bytes:
    digest = hashlib.sha256()
    digest.update(request.scope["raw_path"])
    digest.update(b"?" + request.scope["query_string"] + b"\n")
    digest.update(await request.body())
    return digest.digest()
