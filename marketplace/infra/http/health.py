"""Health for supervisors and load balancers: outside /v1, unversioned, without a credential.

Live means: the process answers. Ready means: it can also reach its database, so send it requests.
"""

from typing import Any, Final

import structlog
from litestar import get
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from marketplace.infra.access import PUBLIC
from marketplace.infra.http.parameters import GivenView
from marketplace.kernel.errors import Unavailable

_PING: Final = text("SELECT 1")

log = structlog.get_logger(__name__)


@get("/health/live", opt={"access": PUBLIC}, include_in_schema=False, sync_to_thread=False)
def health_live() -> dict[str, Any]:
    """Tell that the process answers."""
    return {"status": "live"}


@get("/health/ready", opt={"access": PUBLIC}, include_in_schema=False)
async def health_ready(view: GivenView) -> dict[str, Any]:
    """Tell that the database answers this process; refused with 503 when it does not."""
    try:
        await view.connection.execute(_PING)
    except (OSError, SQLAlchemyError) as problem:
        log.warning("health.not_ready", error=repr(problem))
        raise Unavailable("health.not_ready", "The database does not answer; try again.") from None
    return {"status": "ready"}
