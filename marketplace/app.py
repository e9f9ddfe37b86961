"""The composition root: settings and ports in, one web application out, and the only list of controllers."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from litestar import Litestar
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.certificates.api import CertificateController
from marketplace.imports.api import CONTROLLERS as IMPORTS
from marketplace.infra.http.answers import Answer, on_replay
from marketplace.infra.http.bodies import EdgeRequest
from marketplace.infra.http.contract import openapi_config
from marketplace.infra.http.health import health_live, health_ready
from marketplace.infra.http.idempotency import Replay
from marketplace.infra.http.limits import LimitMiddleware
from marketplace.infra.http.problems import HANDLERS
from marketplace.infra.http.session import Admission
from marketplace.infra.http.trace import TraceMiddleware
from marketplace.infra.jobs.api import JobController
from marketplace.infra.settings import Settings
from marketplace.infra.storage import Storage
from marketplace.infra.work import Doorbell, Subscription, WorkSource
from marketplace.kernel.clock import Clock, Ids
from marketplace.listings.api import CONTROLLERS as LISTINGS
from marketplace.needs.api import CONTROLLERS as NEEDS
from marketplace.orders.api import OrderController
from marketplace.parties import service as parties
from marketplace.parties.api import CONTROLLERS as PARTIES
from marketplace.portal.api import PortalController, static_files
from marketplace.quotes.api import QuoteController
from marketplace.reviews.api import CONTROLLERS as REVIEWS
from marketplace.rulebook.api import CONTROLLERS as RULEBOOK
from marketplace.settlements.api import SettlementController
from marketplace.transfers.api import TransferController
from marketplace.valuations.api import ProductController, ValuationController

CONTROLLERS: Final[tuple[Any, ...]] = (
    health_live,
    health_ready,
    *PARTIES,
    ProductController,
    ValuationController,
    *LISTINGS,
    *REVIEWS,
    QuoteController,
    OrderController,
    SettlementController,
    TransferController,
    CertificateController,
    *RULEBOOK,
    *IMPORTS,
    *NEEDS,
    JobController,
    PortalController,
    static_files,
)


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """What the outside world provides; tests pass their own clock and storage here instead of patching."""

    engine: AsyncEngine
    clock: Clock
    ids: Ids
    storage: Storage
    doorbell: Doorbell
    subscriptions: Mapping[str, Sequence[Subscription]]


def work_source(ports: Ports) -> WorkSource:
    """Make the opener of units of work for one process."""
    return WorkSource(ports.engine, ports.clock, ports.ids, ports.subscriptions, ports.doorbell)


def create_app(
    settings: Settings, ports: Ports, controllers: Sequence[Any] = CONTROLLERS
) -> Litestar:
    """Build the web application. It opens nothing by itself: whoever made the ports closes them.

    `controllers` are all of them, except in tests of the edge itself, which bring their own.
    """
    admission = Admission(work_source(ports), parties.authenticate)

    def provide_settings() -> Settings:
        return settings

    def provide_storage() -> Storage:
        return ports.storage

    app = Litestar(
        route_handlers=list(controllers),
        dependencies={
            "work": Provide(admission.work),
            "view": Provide(admission.view),
            "settings": Provide(provide_settings, sync_to_thread=False),
            "storage": Provide(provide_storage, sync_to_thread=False),
        },
        request_class=EdgeRequest,
        response_class=Answer,
        middleware=[DefineMiddleware(LimitMiddleware, settings=settings)],
        exception_handlers={**HANDLERS, Replay: on_replay},
        openapi_config=openapi_config(),
        request_max_body_size=1_000_000,
        logging_config=None,
        debug=False,
    )
    # Around everything, also around what the router refuses: every answer carries its request id.
    app.asgi_handler = TraceMiddleware(app.asgi_handler, ports.ids)
    return app
