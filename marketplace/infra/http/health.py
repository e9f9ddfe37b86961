"""Health for supervisors and load balancers: outside /v1, unversioned, without a credential.

Live means: the process answers. Ready means: it can also reach its database, so send it requests; a
database that is away is answered with 503 as on every route (`infra/http/problems.py`).
"""

from typing import Final

from litestar import get
from sqlalchemy import text

from marketplace.infra.access import PUBLIC
from marketplace.infra.http.parameters import GivenView

_PING: Final = text("SELECT 1")


@get("/health/live", opt={"access": PUBLIC}, include_in_schema=False, sync_to_thread=False)
def health_live() -> dict[str, str]:
    """Tell that the process answers."""
    return {"status": "live"}


@get("/health/ready", opt={"access": PUBLIC}, include_in_schema=False)
async def health_ready(view: GivenView) -> dict[str, str]:
    """Tell that the database answers this process."""
    await view.connection.execute(_PING)
    return {"status": "ready"}
