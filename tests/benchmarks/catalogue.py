"""The public catalogue at 1,000 and at 100,000 listings: what a request costs and how it grows.

Starts a durable embedded PostgreSQL and the real API process, loads listings by COPY, and calls them
over loopback from this process. CPU is that of the API process and of every PostgreSQL process, read
from the kernel before and after each series, so the load generator and other work on the machine
count in the latencies but not in the CPU. Run it with `python -m tests.benchmarks.catalogue`.
"""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import psutil

from marketplace.infra import migrations
from marketplace.infra.embedded import APP_ROLE, OWNER_ROLE, EmbeddedPostgres
from marketplace.infra.settings import PREFIX
from marketplace.kernel.ids import format_id
from marketplace.kernel.paging import encode_cursor
from tests.support.catalogue import Listed, load, make_listings
from tests.support.installation import reachable_folder

SIZES: Final = (1_000, 100_000)
CLIENTS: Final = 8
WARM_UP_SECONDS: Final = 1.0
SERIES_SECONDS: Final = 4.0
GROWTH_MAX: Final = 1.3
CPU_MS_MAX: Final = 1.5
_START_SECONDS_MAX: Final = 60.0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One series of one kind of request at one size; times in milliseconds."""

    kind: str
    listings: int
    requests: int
    per_second: float
    p50: float
    p99: float
    cpu_server: float
    cpu_database: float

    @property
    def cpu(self) -> float:
        """CPU of one request in all."""
        return self.cpu_server + self.cpu_database


def run() -> list[Result]:
    """Measure all kinds of requests at all sizes; give the results in order."""
    results: list[Result] = []
    with reachable_folder() as folder:
        server = EmbeddedPostgres(folder / "postgres")
        with server:
            migrations.upgrade(server.url(OWNER_ROLE))
            with api_process(server.url(APP_ROLE), folder) as (api, port):
                loaded: list[Listed] = []
                for size in SIZES:
                    more = make_listings(len(loaded), size)
                    asyncio.run(load(server.url(OWNER_ROLE), more, first=not loaded))
                    loaded += more
                    for kind, paths in kinds(loaded).items():
                        cpu = Meter([api.pid], [server.pid])
                        results.append(asyncio.run(series(kind, size, port, paths, cpu)))
    return results


@contextmanager
def api_process(database_url: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run the real API process on a free loopback port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    environment = os.environ | {
        PREFIX + "DATABASE_URL": database_url,
        PREFIX + "DATA_DIR": str(folder / "data"),
        PREFIX + "PORT": str(port),
        PREFIX + "RATE_LIMIT_PER_MINUTE": "1000000000",
    }
    with (folder / "api.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "workers.main", "api"],
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        _wait_for(port, process, folder / "api.log")
        yield process, port
    except AssertionError as problem:
        problem.add_note((folder / "api.log").read_text(errors="replace")[-3000:])
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at = time.monotonic() + _START_SECONDS_MAX
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"the API did not start: {log.read_text(errors='replace')[-2000:]}")


def kinds(loaded: Sequence[Listed]) -> dict[str, Callable[[], str]]:
    """Give what is asked, as makers of paths; the same number of rows comes back at every size."""
    chance = random.Random(7)  # noqa: S311 - the same questions in every run
    by_price = sorted(loaded, key=lambda row: row.place)
    common = [row for row in by_price if row.product.key == "ws_cal-2019-user"]

    def product_of(row: Listed) -> str:
        product = row.product
        return f"family={product.family}&version={product.version}&metric={product.metric.value}"

    def deep() -> str:
        row = common[chance.randrange(len(common) - 20)]
        cursor = encode_cursor(row.price_minor, str(row.id))
        return f"/v1/catalogue?{product_of(row)}&cursor={cursor}"

    def filtered() -> str:
        row = common[chance.randrange(len(common) // 2)]
        return (
            f"/v1/catalogue?{product_of(row)}&country={row.country}&min_quantity=5"
            f"&max_price_minor=9000"
        )

    return {
        "page, no filter": lambda: "/v1/catalogue",
        "page, product": lambda: f"/v1/catalogue?{product_of(common[0])}",
        "page, product, deep cursor": deep,
        "page, all filters": filtered,
        "detail": lambda: f"/v1/catalogue/{format_id('lst', chance.choice(loaded).id)}",
    }


class Meter:
    """CPU seconds of the server and of PostgreSQL, children included."""

    def __init__(self, server: Sequence[int], database: Sequence[int]) -> None:
        self._trees = (server, database)

    def read(self) -> tuple[float, float]:
        """Give the seconds used so far: server, database."""
        server, database = (sum(_tree_seconds(pid) for pid in tree) for tree in self._trees)
        return server, database


def _tree_seconds(pid: int) -> float:
    root = psutil.Process(pid)
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        try:
            used = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += used.user + used.system
    return total


async def series(
    kind: str, listings: int, port: int, paths: Callable[[], str], meter: Meter
) -> Result:
    """Ask from `CLIENTS` connections for a fixed time, after a warm-up."""
    await _ask(port, paths, WARM_UP_SECONDS)
    server_before, database_before = meter.read()
    started = time.perf_counter()
    waits = await _ask(port, paths, SERIES_SECONDS)
    seconds = time.perf_counter() - started
    server_after, database_after = meter.read()
    waits.sort()
    count = len(waits)
    return Result(
        kind=kind,
        listings=listings,
        requests=count,
        per_second=count / seconds,
        p50=waits[count // 2] * 1000,
        p99=waits[int(count * 0.99)] * 1000,
        cpu_server=(server_after - server_before) / count * 1000,
        cpu_database=(database_after - database_before) / count * 1000,
    )


async def _ask(port: int, paths: Callable[[], str], seconds: float) -> list[float]:
    stop_at = time.perf_counter() + seconds
    waits: list[float] = []
    await asyncio.gather(*(_client(port, paths, stop_at, waits) for _ in range(CLIENTS)))
    return waits


async def _client(port: int, paths: Callable[[], str], stop_at: float, waits: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while (begun := time.perf_counter()) < stop_at:
            writer.write(f"GET {paths()} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_body_length(head))
            waits.append(time.perf_counter() - begun)
    finally:
        writer.close()
        await writer.wait_closed()


def _body_length(head: bytes) -> int:
    status, *lines = head.split(b"\r\n")
    if b" 200 " not in status:
        raise AssertionError(head.decode())
    lengths = [line for line in lines if line.lower().startswith(b"content-length:")]
    return int(lengths[0].split(b":")[1])


def table(results: Sequence[Result]) -> str:
    """Write the results as a Markdown table, with growth from the smallest to the largest size."""
    small = {row.kind: row for row in results if row.listings == SIZES[0]}
    lines = [
        "| request | listings | req/s | p50 ms | p99 ms | CPU ms server | CPU ms PostgreSQL | CPU ms in all | growth |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in sorted(results, key=lambda row: (list(small).index(row.kind), row.listings)):
        growth = "" if row.listings == SIZES[0] else f"x {row.cpu / small[row.kind].cpu:.2f}"
        lines.append(
            f"| {row.kind} | {row.listings:,} | {row.per_second:,.0f} | {row.p50:.2f} | {row.p99:.2f} "
            f"| {row.cpu_server:.2f} | {row.cpu_database:.2f} | {row.cpu:.2f} | {growth} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(run()))
