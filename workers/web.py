"""The API process: the application on uvicorn, or on granian when the settings say so."""

import asyncio
import os
import signal
import socket
from typing import Final

import structlog
import uvicorn
import uvloop
from granian.constants import Interfaces, Loops
from granian.server import Server as GranianServer
from litestar import Litestar

from marketplace.app import Ports, create_app
from marketplace.infra.log import configure_logging
from marketplace.infra.settings import Settings, load_settings
from workers.memory import settle_memory
from workers.parts import Parts, close_parts, open_parts

BACKLOG: Final = 1024
SHUTDOWN_SECONDS_MAX: Final = 8
"""How long requests in progress may take to end; a supervisor should wait a little longer."""

log = structlog.get_logger(__name__)


def run_api(settings: Settings) -> None:
    """Serve until a signal comes; raises OSError when the address is taken."""
    if settings.server == "granian":
        _run_granian(settings)
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run_uvicorn(settings))


def make_app(settings: Settings, parts: Parts) -> Litestar:
    """Build the application on the parts of this process."""
    return create_app(
        settings,
        Ports(
            engine=parts.engine,
            clock=parts.source.clock,
            ids=parts.source.ids,
            storage=parts.storage,
            doorbell=parts.doorbell,
            subscriptions=parts.source.subscriptions,
        ),
    )


def make_granian_app() -> Litestar:
    """Build the application inside a process that granian started, from the environment."""
    settings = load_settings(os.environ)
    configure_logging(settings, "api")
    parts = open_parts(settings)
    app = make_app(settings, parts)

    async def close() -> None:
        await close_parts(parts)

    app.on_shutdown.append(close)
    settle_memory()
    return app


async def _run_uvicorn(settings: Settings) -> None:
    # The server raises the signal again when it has ended; without a handler that would kill the
    # process before the database connections are given back.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    listening = _listen(settings)
    parts = open_parts(settings)
    server = uvicorn.Server(
        uvicorn.Config(
            make_app(settings, parts),
            http="httptools",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS_MAX,
        )
    )
    settle_memory()
    host, port = listening.getsockname()[:2]
    log.info("api.started", host=host, port=port, server="uvicorn")
    try:
        await server.serve(sockets=[listening])
    finally:
        await close_parts(parts)
        log.info("api.stopped")


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    listening.set_inheritable(True)
    return listening


def _run_granian(settings: Settings) -> None:
    log.info("api.started", host=settings.host, port=settings.port, server="granian")
    GranianServer(
        f"{__name__}:make_granian_app",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        workers=1,
        backlog=BACKLOG,
        log_enabled=False,
        # Without it a busy loop can keep the child, and so the parent, from ever ending.
        workers_kill_timeout=SHUTDOWN_SECONDS_MAX,
    ).serve()
    log.info("api.stopped")
