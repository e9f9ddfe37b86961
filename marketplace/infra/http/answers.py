"""The answer class of all routes: notes replayable answers and answers `If-None-Match` with 304."""

from typing import Any, TypeVar

from litestar import Request, Response
from litestar.response.base import ASGIResponse

from marketplace.infra.http.idempotency import CLAIM_STATE, REPLAYED_HEADER, Claim, Replay

T = TypeVar("T")


class Answer(Response[T]):
    """An answer whose encoded bytes are known before the commit, so that they can be stored with the effect."""

    def to_asgi_response(
        self, app: Any, request: Request[Any, Any, Any], **options: Any
    ) -> ASGIResponse:
        """Encode the answer; keep it for replays when the request claimed a key."""
        built = super().to_asgi_response(app, request, **options)
        claim: Claim | None = request.scope["state"].get(CLAIM_STATE)
        etag = self.headers.get("etag")
        if claim is not None:
            claim.note(built.status_code, built.body, etag)
        elif etag and request.method == "GET" and _is_known(request, etag):
            unchanged: Response[None] = Response(None, status_code=304, headers={"etag": etag})
            return unchanged.to_asgi_response(None, request)
        return built


def _is_known(request: Request[Any, Any, Any], etag: str) -> bool:
    """Compare weakly, as RFC 9110 section 13.1.2 says for `If-None-Match`."""
    tags = {
        tag.strip().removeprefix("W/")
        for tag in request.headers.get("if-none-match", "").split(",")
    }
    return bool(tags & {etag, "*"})


def on_replay(_: Request[Any, Any, Any], replay: Replay) -> Response[bytes]:
    """Send the stored answer of an earlier, identical request."""
    headers = {REPLAYED_HEADER: "true"}
    if replay.etag:
        headers["etag"] = replay.etag
    return Response(
        content=replay.body,
        media_type="application/json",
        status_code=replay.status,
        headers=headers,
    )
