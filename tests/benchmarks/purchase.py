"""Whole purchases per second beside the bare database limit of the same writes, in one run.

A purchase is: request a quote, accept, pay, declare, until the order is fulfilled and its certificate
issued (the paper is printed by another worker lane and measured in `certificates.py`). The limit is
pgbench writing as many rows of the same width per table into plain tables of the same server, without
constraints, guards or HTTP.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec
import psutil

from marketplace.infra import migrations
from marketplace.infra.embedded import APP_ROLE, DATABASE, OWNER_ROLE, SUPERUSER, EmbeddedPostgres
from marketplace.infra.installation import as_environment
from marketplace.infra.settings import Settings
from marketplace.infra.supervisor import HEALTH_PATH, answers, free_port
from tests.support.installation import reachable_folder, until
from tests.support.source import CHECKOUT
from tests.support.trade import Line, Market, Purchase, buy, open_market

CLIENTS: Final = (1, 16, 64)
PURCHASES: Final = {1: 250, 16: 480, 64: 640}
QUANTITY: Final = 2
LOTS: Final = 12
UNITS: Final = 5000

_ROWS: Final = """
SELECT relname, n_tup_ins AS inserted, n_tup_upd AS updated, n_tup_del AS deleted FROM pg_stat_user_tables
"""
_WIDTH: Final = "SELECT coalesce(avg(pg_column_size(t.*)), 60)::int FROM {} t"


_STATEMENTS: Final = """
SELECT coalesce(sum(s.calls), 0) FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
WHERE r.rolname = 'cession_app'
"""


class Round(msgspec.Struct, frozen=True):
    """One measured number of clients."""

    clients: int
    seconds: float
    purchases: tuple[Purchase, ...]
    server_cpu_ms: float
    database_cpu_ms: float
    statements: float


class Bench:
    """An installation whose processes are measured one by one."""

    def __init__(self, folder: Path) -> None:
        options = {"shared_preload_libraries": "pg_stat_statements"}
        self.server = EmbeddedPostgres(folder / "postgres", options=options)
        self._folder = folder
        self._processes: list[psutil.Process] = []
        self.address = ""

    def start(self) -> None:
        """Start database, API, worker (without printing) and scheduler."""
        self.server.start()
        self.sql("CREATE EXTENSION pg_stat_statements")
        migrations.upgrade(self.server.url(OWNER_ROLE))
        settings = Settings(
            data_dir=str(self._folder),
            database_url=self.server.url(APP_ROLE),
            migration_database_url=self.server.url(OWNER_ROLE),
            port=free_port("127.0.0.1"),
            rate_limit_per_minute=10_000_000,
            login_limit_per_minute=10_000_000,
            log_level="warning",
            database_pool_size=16,
        )
        self.address = f"http://127.0.0.1:{settings.port}"
        environment = {**os.environ, **as_environment(settings)}
        for process in (("api",), ("worker", "--queues", "light,default"), ("scheduler",)):
            command = (sys.executable, "-m", "workers.main", *process)
            with (self._folder / f"{process[0]}.log").open("wb") as log:
                started = subprocess.Popen(
                    command, cwd=CHECKOUT, env=environment, stdout=log, stderr=log
                )
            self._processes.append(psutil.Process(started.pid))
        until(lambda: answers(self.address + HEALTH_PATH), "the API answers")

    def stop(self) -> None:
        """Stop everything this bench started."""
        for process in self._processes:
            process.terminate()
        psutil.wait_procs(self._processes, timeout=30)
        self.server.stop()

    def sql(self, statement: str) -> str:
        """Run one statement as superuser and give what it prints, columns separated by `|`."""
        return self.server.psql(statement, "-d", DATABASE).strip()

    def statements(self) -> float:
        """Count the statements of the application's role so far."""
        return float(self.sql(_STATEMENTS))

    def pgbench(self, *arguments: str) -> str:
        """Run pgbench against this server and give what it prints."""
        folder = parse_qs(urlsplit(self.server.url()).query)["host"][0]
        place = ("-h", folder, "-U", SUPERUSER, DATABASE)
        command = (str(self.server.programs / "pgbench"), *arguments, *place)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout

    def cpu_seconds(self) -> tuple[float, float]:
        """Give the CPU seconds so far of our processes and of the database's."""
        ours = sum(_cpu(process) for process in self._processes)
        postmaster = psutil.Process(self.server.pid)
        database = _cpu(postmaster) + sum(_cpu(child) for child in postmaster.children())
        return ours, database


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    # Ended children are counted in their parent.
    return float(times.user + times.system + times.children_user + times.children_system)


async def measure(bench: Bench, market: Market, clients: int) -> Round:
    """Let so many clients buy at once and give what it cost."""
    waiting = iter(range(PURCHASES[clients]))
    done: list[Purchase] = []

    async def client(buyer: str) -> None:
        line = Line(market.address)
        for _ in waiting:
            purchase = await buy(line, market, buyer, QUANTITY)
            done.append(purchase)
        line.close()

    statements = bench.statements()
    ours, database = bench.cpu_seconds()
    started = time.perf_counter()
    await asyncio.gather(
        *(client(market.buyers[number % len(market.buyers)]) for number in range(clients))
    )
    seconds = time.perf_counter() - started
    ours_after, database_after = bench.cpu_seconds()
    count = len(done)
    return Round(
        clients=clients,
        seconds=seconds,
        purchases=tuple(done),
        server_cpu_ms=(ours_after - ours) * 1000 / count,
        database_cpu_ms=(database_after - database) * 1000 / count,
        statements=(bench.statements() - statements) / count,
    )


class Limit(msgspec.Struct, frozen=True):
    """What the same writes cost without us."""

    clients: int
    per_second: float
    database_cpu_ms: float


def limit_script(bench: Bench, purchases: int, before: dict[str, list[int]]) -> str:
    """Write the pgbench transaction: the rows one purchase wrote, table by table, into plain tables.

    All rows go into one transaction, although a purchase needs several: the limit is stricter than life.
    """
    lines = ["BEGIN;"]
    for table, after in _rows_written(bench).items():
        counts = [
            round((now - then) / purchases) for now, then in zip(after, before[table], strict=True)
        ]
        if not any(counts):
            continue
        width = int(bench.sql(_WIDTH.format(table)))
        plain = f"limit_{table}"
        bench.sql(f"CREATE TABLE {plain} (id bigserial PRIMARY KEY, payload bytea)")
        bench.sql(
            f"INSERT INTO {plain} (payload) SELECT repeat('x', {width})::bytea FROM generate_series(1, 5000)"
        )
        inserts, updates, deletes = counts
        payload = f"repeat('x', {width})::bytea"
        lines += [f"INSERT INTO {plain} (payload) VALUES ({payload});"] * inserts
        lines += [
            f"UPDATE {plain} SET payload = {payload} WHERE id = 1 + (random() * 4999)::int;"
        ] * updates
        lines += [f"DELETE FROM {plain} WHERE id = (SELECT max(id) FROM {plain});"] * deletes
    return "\n".join((*lines, "COMMIT;"))


def measure_limit(bench: Bench, script: Path, clients: int) -> Limit:
    """Run pgbench with the script for some seconds."""
    _, database = bench.cpu_seconds()
    output = bench.pgbench(
        "-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-T", "5", "-f", str(script)
    )
    _, database_after = bench.cpu_seconds()
    done = int(_after(output, "number of transactions actually processed: ").split("/")[0])
    per_second = float(_after(output, "tps = ").split(" ")[0])
    return Limit(clients, per_second, (database_after - database) * 1000 / done)


def _after(text: str, words: str) -> str:
    return text.split(words, 1)[1].split("\n", 1)[0]


def _rows_written(bench: Bench) -> dict[str, list[int]]:
    bench.sql("SELECT pg_stat_force_next_flush()")
    rows = (line.split("|") for line in bench.sql(_ROWS).splitlines())
    return {
        table: [int(count) for count in counts]
        for table, *counts in rows
        if not table.startswith("limit_")
    }


def run() -> tuple[list[Round], list[Limit]]:
    """Measure every number of clients, then the limit of the writes that were seen."""
    with reachable_folder() as folder:
        bench = Bench(folder)
        bench.start()
        try:
            market = asyncio.run(
                open_market(
                    bench.address, bench.server.url(APP_ROLE), buyers=16, lots=LOTS, units=UNITS
                )
            )
            asyncio.run(measure(bench, market, 1))
            rounds = [asyncio.run(measure(bench, market, clients)) for clients in CLIENTS]
            before = _rows_written(bench)
            asyncio.run(measure(bench, market, 16))
            script = folder / "limit.sql"
            script.write_text(limit_script(bench, PURCHASES[16], before))
            return rounds, [measure_limit(bench, script, clients) for clients in CLIENTS]
        finally:
            bench.stop()


def report(rounds: Sequence[Round], limits: Sequence[Limit]) -> str:
    """Write the table."""
    columns = (
        "clients",
        "purchases/s",
        "p50 ms",
        "p99 ms",
        "calls",
        "statements",
        "CPU ms server",
        "CPU ms database",
        "CPU ms in all",
        "pgbench/s",
        "its CPU ms",
        "share",
    )
    lines = [
        f"| {' | '.join(columns)} |",
        f"|{' ---: |' * len(columns)}",
    ]
    for one, limit in zip(rounds, limits, strict=True):
        times = sorted(purchase.seconds * 1000 for purchase in one.purchases)
        per_second = len(times) / one.seconds
        calls = statistics.mean(purchase.calls for purchase in one.purchases)
        cells = (
            f"{one.clients}",
            f"{per_second:.1f}",
            f"{statistics.median(times):.0f}",
            f"{times[int(len(times) * 0.99)]:.0f}",
            f"{calls:.1f}",
            f"{one.statements:.0f}",
            f"{one.server_cpu_ms:.1f}",
            f"{one.database_cpu_ms:.1f}",
            f"{one.server_cpu_ms + one.database_cpu_ms:.1f}",
            f"{limit.per_second:.0f}",
            f"{limit.database_cpu_ms:.1f}",
            f"{per_second / limit.per_second:.2f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    print(report(*run()))


if __name__ == "__main__":
    main()
