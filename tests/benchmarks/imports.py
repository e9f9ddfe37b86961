"""Licence files from arrival to the last judged line: CSV and XLSX, and how the time grows with the lines.

Everything a worker does runs in this process, one job after the other, against a durable embedded
PostgreSQL: read the file, judge every line, store the lines with their findings' verdict, count. A
twentieth of the lines have a mistake. CPU is that of this process and PostgreSQL together, so that
other work on the machine counts in the time but not in the CPU. Run it with
`python -m tests.benchmarks.imports`.
"""

import asyncio
import io
import os
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from marketplace import app
from marketplace.imports import service
from marketplace.imports.domain.batch import Kind, State
from marketplace.imports.service import Upload
from marketplace.infra import migrations
from marketplace.infra.access import system_principal
from marketplace.infra.clock import SystemIds
from marketplace.infra.db import make_engine
from marketplace.infra.embedded import APP_ROLE, OWNER_ROLE, EmbeddedPostgres
from marketplace.infra.settings import Settings
from marketplace.infra.storage import ContentStorage, memory_storage
from marketplace.infra.work import WorkSource
from tests.benchmarks.catalogue import Meter
from tests.conftest import OpenWork
from tests.support.app import make_ports
from tests.support.clock import FixedClock
from tests.support.imports import STATEMENT_HEADINGS, workbook
from tests.support.installation import reachable_folder
from tests.support.jobs import Drain, make_drain
from tests.support.listings import Person, open_seller
from tests.support.render import FirstUseRenderer
from workers.registration import Tools

SIZES: Final = (1_000, 10_000, 100_000)
PAIRS: Final = 1_000_000
TARGET_SECONDS: Final = 30.0
"""For 100,000 lines on one core."""
GROWTH_MAX: Final = 14.0
"""Ten times the lines may cost at most this many times the CPU: in step, with room for warm caches."""
PRODUCTS: Final = (
    ("R18-05767", "WinSvrCAL 2019 SNGL OLP NL DvcCAL"),
    ("", "Windows Server 2022 Nutzer-CAL"),
    ("6VC-03747", "WinRmtDsktpSrvcsCAL 2019 SNGL OLP NL DvcCAL"),
    ("", "RDS 2022 Device CAL"),
)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One file: lines, bytes, seconds by the clock, and CPU seconds of the worker and of PostgreSQL."""

    what: str
    lines: int
    size: int
    seconds: float
    cpu_worker: float
    cpu_database: float

    @property
    def cpu(self) -> float:
        """CPU seconds together."""
        return self.cpu_worker + self.cpu_database


class Bench(msgspec.Struct, frozen=True):
    """What a measurement needs."""

    work: OpenWork
    storage: ContentStorage
    drain: Drain
    company: Person
    meter: Meter


def rows(count: int) -> list[tuple[object, ...]]:
    """Give lines of a statement; every twentieth has a mistake."""
    made: list[tuple[object, ...]] = []
    for number in range(count):
        part, name = PRODUCTS[number % len(PRODUCTS)]
        quantity: object = "many" if number % 20 == 7 else 1 + number % 90
        day = f"20{19 + number % 5}-0{1 + number % 9}-1{number % 10}"
        agreement = f"6{number:07}"
        made.append(
            ("N", agreement, "Open License", part, name, "L", quantity, "Elbe IT", "Germany", day)
        )
    return made


def as_csv(lines: Sequence[tuple[object, ...]]) -> bytes:
    """Write lines as CSV with the headings of a list."""
    head = "Entity,Agreement Number,Program,Part Number,Product,License Type,Quantity,Reseller,Country,Date"
    return "\r\n".join([head, *(",".join(map(str, line)) for line in lines)]).encode()


def run() -> list[Result]:
    """Measure every size in both forms, then a million accesses."""
    with reachable_folder() as folder:
        server = EmbeddedPostgres(folder / "postgres")
        with server:
            migrations.upgrade(server.url(OWNER_ROLE))
            meter = Meter([os.getpid()], [server.pid])
            return asyncio.run(_measure(server.url(APP_ROLE), meter, folder))


async def _measure(url: str, meter: Meter, folder: Path) -> list[Result]:
    storage = memory_storage()
    engine = make_engine(url, 4)
    source = app.work_source(make_ports(engine, FixedClock(), SystemIds(), storage))
    renderer = FirstUseRenderer(folder)
    tools = Tools(settings=Settings(), storage=storage, renderer=renderer)
    work = _opener(source)
    bench = Bench(work, storage, make_drain(source, tools), await open_seller(work), meter)
    results = []
    try:
        await _one(bench, "warm-up", Kind.LICENCE_LIST, "w.csv", as_csv(rows(500)))
        for size in SIZES:
            lines = rows(size)
            results.append(await _one(bench, "CSV", Kind.LICENCE_LIST, "a.csv", as_csv(lines)))
            book = workbook({"Transaction Data": [STATEMENT_HEADINGS, *lines]})
            results.append(await _one(bench, "XLSX", Kind.LICENCE_STATEMENT, "a.xlsx", book))
        pairs = "".join(f"user{n % 99_991},device{n % 99_989}\n" for n in range(PAIRS))
        data = b"user,device\n" + pairs.encode()
        results.append(await _one(bench, "accesses", Kind.ACCESS_PAIRS, "a.csv", data))
    finally:
        await renderer.close()
        await engine.dispose()
    return results


def _opener(source: WorkSource) -> OpenWork:
    return lambda principal=None: source.begin("bench", principal or system_principal("bench"))


async def _one(bench: Bench, what: str, kind: Kind, name: str, data: bytes) -> Result:
    worker_before, database_before = bench.meter.read()
    started = time.perf_counter()
    async with bench.work(bench.company.principal) as unit:
        upload = Upload(
            kind=kind,
            file_name=name,
            dry_run=False,
            file=io.BytesIO(data),
            size_bytes=len(data),
            sha256=sha256(data).hexdigest(),
        )
        batch = await service.receive_file(unit, bench.storage, upload)
    await bench.drain()
    seconds = time.perf_counter() - started
    worker_after, database_after = bench.meter.read()
    async with bench.work() as unit:
        ended = await service.load_import(unit, batch.id)
    if ended.state is not State.ACCEPTED or ended.done != ended.total:
        raise AssertionError(f"{what}: {ended.state}, {ended.refusal}")
    return Result(
        what=what,
        lines=ended.done,
        size=len(data),
        seconds=seconds,
        # The server is a child of this process, so the first figure holds the second.
        cpu_worker=worker_after - worker_before - (database_after - database_before),
        cpu_database=database_after - database_before,
    )


def table(results: Sequence[Result]) -> str:
    """Write the results as a Markdown table with the target, and the growth from size to size."""
    lines = [
        "| file | lines | MB | target s | measured s | CPU s worker | CPU s PostgreSQL | lines/CPU s | growth |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    before: dict[str, Result] = {}
    for row in results:
        last = before.get(row.what)
        growth = "" if last is None else f"x {row.cpu / last.cpu:.1f}"
        before[row.what] = row
        target = f"{TARGET_SECONDS:.0f}" if row.lines == SIZES[-1] else ""
        lines.append(
            f"| {row.what} | {row.lines:,} | {row.size / 1e6:.2f} | {target} | {row.seconds:.2f} "
            f"| {row.cpu_worker:.2f} | {row.cpu_database:.2f} | {row.lines / row.cpu:,.0f} | {growth} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(run()))
