"""Every refusal is a problem document (RFC 9457) with a stable code, what to do, and the request id."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from marketplace.infra.http.trace import trace_of
from marketplace.kernel.errors import DomainError, RateLimited

log = structlog.get_logger()

MEDIA_TYPE: Final = "application/problem+json"

STATUS_OF: Final[Mapping[str, int]] = {
    "malformed": 422,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "gone": 410,
    "precondition_failed": 412,
    "too_large": 413,
    "unsupported_media": 415,
    "locked": 423,
    "precondition_required": 428,
    "rate_limited": 429,
    "unavailable": 503,
}
"""The one table from the kind of an error to its HTTP status."""

TITLES: Final[Mapping[int, str]] = {
    400: "Bad request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict with the present state",
    410: "No longer there",
    412: "Changed in the meantime",
    413: "Too large",
    415: "Type not accepted",
    422: "Malformed request",
    423: "Held for somebody else",
    428: "If-Match is missing",
    429: "Too many requests",
    500: "Our mistake",
    503: "Busy for a moment",
}

EDGE_PROBLEMS: Final[Mapping[str, tuple[int, str]]] = {
    "request.malformed": (
        422,
        "The request could not be read; check that the body is valid JSON.",
    ),
    "request.invalid": (
        422,
        "Some fields are missing, unknown or out of range; `errors` names each of them.",
    ),
    "credential.missing": (401, "Send a key or session: `Authorization: Bearer ...`."),
    "route.unknown": (404, "There is nothing at this address; see /docs."),
    "method.not_allowed": (405, "This address does not take this method; see /docs."),
    "request.too_large": (413, "The body is larger than this address accepts."),
    "request.unsupported_media": (415, "Send `Content-Type: application/json`."),
    "rate.limited": (429, "Too many requests; wait as long as Retry-After says."),
    "state.conflict": (
        409,
        "This clashes with something that was stored in the meantime; read it again and retry.",
    ),
    "database.busy": (
        503,
        "The database is busy or restarting; send the same request again (with the same Idempotency-Key).",
    ),
    "internal.error": (
        500,
        "Something broke on our side and was recorded; nothing was changed. Quote the request id when you ask.",
    ),
}
"""Refusals that are not raised by a stage: code, status and detail. `/problems` shows them with all others."""

_CODE_OF: Final[Mapping[int, str]] = {
    400: "request.malformed",
    401: "credential.missing",
    404: "route.unknown",
    405: "method.not_allowed",
    413: "request.too_large",
    415: "request.unsupported_media",
    429: "rate.limited",
}
"""What the framework refuses by itself, by the status it would send."""

_BUSY_STATES: Final = {"40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "53300"}
"""SQLSTATEs after which the same request may simply be sent again."""


class FieldError(msgspec.Struct, frozen=True):
    """One wrong place: a JSON pointer into the body or `/query/<name>`, and what is wrong."""

    pointer: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """A refusal. `code` is stable and made for programs, `detail` is made for people."""

    type: str
    code: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []
    request_id: str = ""


def answer_problem(
    request: Request[Any, Any, Any],
    status: int,
    code: str,
    detail: str,
    errors: list[FieldError] | None = None,
    headers: dict[str, str] | None = None,
) -> Response[bytes]:
    """Build the problem answer of one request."""
    body = Problem(
        type=f"/problems/{code}",
        code=code,
        title=TITLES.get(status, "Error"),
        status=status,
        detail=detail,
        errors=errors or [],
        request_id=trace_of(request.scope),
    )
    return Response(
        content=msgspec.json.encode(body),
        media_type=MEDIA_TYPE,
        status_code=status,
        headers=headers or {},
    )


def on_domain_error(request: Request[Any, Any, Any], error: DomainError) -> Response[bytes]:
    """Answer a business refusal."""
    status = STATUS_OF[error.kind]
    headers: dict[str, str] = {}
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(error.retry_after_seconds)
    elif error.kind == "unavailable":
        headers["Retry-After"] = "1"
    elif error.kind == "unauthenticated":
        headers["WWW-Authenticate"] = "Bearer"
    fields = [FieldError(field.pointer, field.detail) for field in error.fields]
    log.info("request.refused", code=error.code, status=status)
    return answer_problem(request, status, error.code, error.detail, fields, headers)


def on_validation_error(
    request: Request[Any, Any, Any], error: ValidationException
) -> Response[bytes]:
    """Answer a body, path or query that does not match its schema; names each wrong place."""
    extra = error.extra if isinstance(error.extra, list) else []
    fields = [_field_error(item) for item in extra if isinstance(item, dict)]
    return _edge_problem(request, "request.invalid", fields)


def on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer what the framework refuses: unknown address, wrong method, broken JSON."""
    headers = {
        name: value
        for name, value in (error.headers or {}).items()
        if name.lower() in ("allow", "retry-after")
    }
    code = _CODE_OF.get(error.status_code)
    if code is None:
        return answer_problem(
            request, error.status_code, "request.refused", error.detail, headers=headers
        )
    return _edge_problem(request, code, headers=headers)


def on_database_error(request: Request[Any, Any, Any], error: DBAPIError) -> Response[bytes]:
    """Answer what the database refused: a clash is 409, a lost race or connection is 503, else it is our mistake."""
    if isinstance(error, IntegrityError):
        log.warning("request.integrity_refused", sqlstate=sqlstate_of(error))
        return _edge_problem(request, "state.conflict")
    if error.connection_invalidated or sqlstate_of(error) in _BUSY_STATES:
        log.warning("request.database_busy", sqlstate=sqlstate_of(error))
        return _busy(request)
    return on_unexpected_error(request, error)


def on_pool_timeout(request: Request[Any, Any, Any], error: PoolTimeoutError) -> Response[bytes]:
    """Answer when every database connection is taken."""
    log.warning("request.pool_exhausted", reason=str(error))
    return _busy(request)


def on_connection_error(request: Request[Any, Any, Any], error: OSError) -> Response[bytes]:
    """Answer while the database is away."""
    log.warning("request.database_away", reason=str(error))
    return _busy(request)


def on_unexpected_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer a defect of ours: the log gets the trace back, the caller only the request id."""
    if isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        inner = error.exceptions[0]
        for kind, handler in HANDLERS.items():
            if isinstance(inner, kind):
                answer: Response[bytes] = handler(request, inner)
                return answer
    log.error("request.failed", exc_info=error)
    return _edge_problem(request, "internal.error")


def sqlstate_of(error: DBAPIError) -> str:
    """Give the five-character SQLSTATE of a driver error, or an empty text."""
    return str(getattr(error.orig, "sqlstate", "") or "")


def _busy(request: Request[Any, Any, Any]) -> Response[bytes]:
    return _edge_problem(request, "database.busy", headers={"Retry-After": "1"})


def _edge_problem(
    request: Request[Any, Any, Any],
    code: str,
    errors: list[FieldError] | None = None,
    headers: dict[str, str] | None = None,
) -> Response[bytes]:
    status, detail = EDGE_PROBLEMS[code]
    return answer_problem(request, status, code, detail, errors, headers)


def _field_error(item: dict[str, Any]) -> FieldError:
    """Say which parameter of the path, the query or the headers is wrong (bodies: see `bodies.py`)."""
    source = item.get("source", "")
    place = "".join(
        f"/{step}" for step in (getattr(source, "value", source), item.get("key")) if step
    )
    return FieldError(place, str(item.get("message", "")))


HANDLERS: Final[dict[Any, Any]] = {
    DomainError: on_domain_error,
    ValidationException: on_validation_error,
    HTTPException: on_http_error,
    DBAPIError: on_database_error,
    PoolTimeoutError: on_pool_timeout,
    OSError: on_connection_error,
    Exception: on_unexpected_error,
}
