"""The parts every test may ask for. Nothing starts unless a test asks: pure rooms need no database.

With `-n` the controller starts PostgreSQL once and the worker processes clone their databases from
it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import settings as hypothesis_settings

from marketplace.infra.access import Principal, system_principal
from marketplace.infra.settings import Settings
from tests.support.clock import CountingIds, FixedClock
from tests.support.postgres import Cluster, TestCluster, announced_cluster, connect

if TYPE_CHECKING:
    import httpx
    from litestar import Litestar
    from sqlalchemy.ext.asyncio import AsyncEngine

    from marketplace.app import Ports
    from marketplace.infra.storage import ContentStorage
    from marketplace.infra.work import Work, WorkSource
    from tests.support.jobs import Drain
    from tests.support.render import FirstUseRenderer

# A deadline is a timed assertion: it says more about the machine than about the code.
hypothesis_settings.register_profile("house", deadline=None)
hypothesis_settings.load_profile("house")

OpenWork = Callable[..., AbstractAsyncContextManager["Work"]]
"""`async with work() as w` or `work(principal)`: one unit of work that commits at its end."""

_CONTROLLER_CLUSTER: Final = pytest.StashKey[TestCluster]()


def pytest_configure(config: pytest.Config) -> None:
    """Start PostgreSQL in the controller of a parallel run; else it starts when first asked for."""
    parallel = bool(config.getoption("numprocesses", default=None))
    if parallel and not hasattr(config, "workerinput") and not config.option.collectonly:
        config.stash[_CONTROLLER_CLUSTER] = started = TestCluster().start()
        started.announce()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what the controller started."""
    started = config.stash.get(_CONTROLLER_CLUSTER, None)
    if started is not None:
        started.stop()


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Run every async test on one asyncio loop, so that one engine serves them all."""
    return ("asyncio", {"use_uvloop": False})


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Give the test cluster; starts one when no controller did."""
    announced = announced_cluster()
    if announced is not None:
        yield announced
        return
    started = TestCluster()
    try:
        yield started.start().cluster
    finally:
        started.stop()


@pytest.fixture(scope="session")
def database_name(cluster: Cluster, worker_id: str) -> str:
    """Give this process's own database, cloned from the migrated template."""
    name = f"t_{worker_id}"
    cluster.clone(name)
    return name


@pytest.fixture(scope="session")
async def session_engine(cluster: Cluster, database_name: str) -> "AsyncIterator[AsyncEngine]":
    """Give the pool of this process; tests ask for `database`, which also cleans up."""
    from marketplace.infra.db import make_engine  # noqa: PLC0415 - pure rooms do not pay for it

    engine = make_engine(cluster.url(database_name), 16)
    yield engine
    await engine.dispose()


@pytest.fixture(scope="session")
def reset(cluster: Cluster, database_name: str) -> Iterator[Callable[[], None]]:
    """Give a function that empties this process's database, on a connection kept open for it."""
    with asyncio.Runner() as runner:
        connection = runner.run(connect(cluster.superuser_url(database_name)))
        runner.run(connection.execute("SET lock_timeout = '5s'"))
        yield lambda: runner.run(connection.execute("SELECT reset_db()")) and None
        runner.run(connection.close())


@pytest.fixture
def database_url(cluster: Cluster, database_name: str, reset: Callable[[], None]) -> Iterator[str]:
    """Give the address as `cession_app`; whatever the test committed is gone afterwards."""
    yield cluster.url(database_name)
    reset()


@pytest.fixture
async def database(session_engine: "AsyncEngine", database_url: str) -> "AsyncEngine":
    """Give the engine as `cession_app`; for async tests. Cleans up as `database_url` does."""
    del database_url  # asked for so that it is cleaned up
    return session_engine


@pytest.fixture
async def owner_engine(
    database_url: str, cluster: Cluster, database_name: str
) -> "AsyncIterator[AsyncEngine]":
    """Give an engine as `cession_owner`, which row level security does not bind."""
    from marketplace.infra.db import make_engine  # noqa: PLC0415 - pure rooms do not pay for it

    del database_url  # asked for so that it is cleaned up
    engine = make_engine(cluster.owner_url(database_name), 2)
    yield engine
    await engine.dispose()


@pytest.fixture
def spare_database(
    cluster: Cluster, worker_id: str, request: pytest.FixtureRequest
) -> Iterator[str]:
    """Give the name of a migrated database of the test's own, for tests that alter it or kill."""
    name = f"s_{worker_id}_{abs(hash(request.node.nodeid))}"
    cluster.clone(name)
    yield name
    cluster.drop(name)


@pytest.fixture
def clock() -> FixedClock:
    """Give the clock of the test: it stands at the start of the test until moved."""
    return FixedClock()


@pytest.fixture
def ids(clock: FixedClock) -> CountingIds:
    """Give ids that are the same in every run up to the clock's time."""
    return CountingIds(clock)


@pytest.fixture
def storage() -> "ContentStorage":
    """Give a file storage in memory."""
    from marketplace.infra.storage import memory_storage  # noqa: PLC0415 - as above

    return memory_storage()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Give settings that name the test's database and folder; limits do not get in the way."""
    return Settings(
        data_dir=str(tmp_path),
        database_url=database_url,
        rate_limit_per_minute=1_000_000,
        login_limit_per_minute=1_000_000,
    )


@pytest.fixture
def ports(
    database: "AsyncEngine", clock: FixedClock, ids: CountingIds, storage: "ContentStorage"
) -> "Ports":
    """Give what the application receives from outside."""
    from tests.support.app import make_ports  # noqa: PLC0415 - as above

    return make_ports(database, clock, ids, storage)


@pytest.fixture
def work_source(ports: "Ports") -> "WorkSource":
    """Give the opener of units of work."""
    from marketplace import app  # noqa: PLC0415 - as above

    return app.work_source(ports)


@pytest.fixture
def work(work_source: "WorkSource") -> OpenWork:
    """Give `work(principal=system)`: a unit of work for calling services directly."""

    def open_work(
        principal: Principal | None = None, trace: str = "test"
    ) -> AbstractAsyncContextManager["Work"]:
        return work_source.begin(trace, principal or system_principal("tests"))

    return open_work


@pytest.fixture
def app(settings: Settings, ports: "Ports") -> "Litestar":
    """Give the whole application on the test's ports."""
    from marketplace.app import create_app  # noqa: PLC0415 - as above

    return create_app(settings, ports)


@pytest.fixture
async def client(app: "Litestar") -> "AsyncIterator[httpx.AsyncClient]":
    """Give an HTTP client of the application, in this process and loop."""
    from tests.support.app import open_client  # noqa: PLC0415 - as above

    async with open_client(app) as opened:
        yield opened


@pytest.fixture(scope="session")
async def renderer(
    tmp_path_factory: pytest.TempPathFactory,
) -> "AsyncIterator[FirstUseRenderer]":
    """Give the real printing process of this run; it starts with the first paper."""
    from tests.support.render import FirstUseRenderer  # noqa: PLC0415 - as above

    opened = FirstUseRenderer(tmp_path_factory.mktemp("fonts"))
    yield opened
    await opened.close()


@pytest.fixture
async def drain_jobs(
    work_source: "WorkSource",
    settings: Settings,
    storage: "ContentStorage",
    renderer: "FirstUseRenderer",
) -> "Drain":
    """Give a function that runs every due job through the workers' own runtime, when awaited."""
    from tests.support.jobs import make_drain  # noqa: PLC0415 - as above
    from workers.registration import Tools  # noqa: PLC0415 - as above

    tools = Tools(settings=settings, storage=storage, renderer=renderer)
    return make_drain(work_source, tools)
