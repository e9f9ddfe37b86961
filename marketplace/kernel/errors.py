"""Business errors: typed, with a stable code, raised and never returned.

A class says what *kind* of refusal it is; `infra/http/problems.py` maps each kind to one HTTP status.
A code (`noun.reason`) names the fact and never changes; the detail tells the caller what to do next.
"""

from typing import ClassVar

import msgspec


class FieldProblem(msgspec.Struct, frozen=True):
    """One wrong place in the input: a JSON pointer (RFC 6901) and what is wrong there."""

    pointer: str
    detail: str


class DomainError(Exception):
    """A refusal the caller can understand and act on."""

    kind: ClassVar[str] = "conflict"

    def __init__(self, code: str, detail: str, *fields: FieldProblem) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.fields = fields


class Malformed(DomainError):
    """The input cannot be understood; sending it again unchanged cannot help."""

    kind = "malformed"


class Unauthenticated(DomainError):
    """Nobody is known to be calling."""

    kind = "unauthenticated"


class Forbidden(DomainError):
    """The caller is known and may not do this at all (never used to hide another company's row)."""

    kind = "forbidden"


class NotFound(DomainError):
    """There is no such thing, or it is not the caller's to see."""

    kind = "not_found"


class Conflict(DomainError):
    """The state of the thing does not allow this now."""

    kind = "conflict"


class Gone(DomainError):
    """It existed and ended, for example an expired reservation."""

    kind = "gone"


class Locked(DomainError):
    """Units are held or reserved for somebody else."""

    kind = "locked"


class PreconditionFailed(DomainError):
    """`If-Match` names an older version than the stored one (RFC 9110 section 13.1.1)."""

    kind = "precondition_failed"


class PreconditionRequired(DomainError):
    """A change was sent without `If-Match` (RFC 6585 section 3)."""

    kind = "precondition_required"


class TooLarge(DomainError):
    """The upload is larger than the stated limit."""

    kind = "too_large"


class UnsupportedMedia(DomainError):
    """The bytes are of a type that is not accepted."""

    kind = "unsupported_media"


class RateLimited(DomainError):
    """Too many requests; `retry_after_seconds` says when to come back."""

    kind = "rate_limited"

    def __init__(self, code: str, detail: str, *, retry_after_seconds: int) -> None:
        super().__init__(code, detail)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(DomainError):
    """A part we need is away for a moment; the same request may succeed later."""

    kind = "unavailable"
