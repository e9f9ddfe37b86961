"""The cheapest licences for real accesses: time and memory at the limits, growth, and what 10,000 accesses take.

Each case runs in a process of its own on one core, so that peak memory is that of the case alone. Measured are CPU
seconds (other work on the machine does not count) from arrays of numbers to the answer with its proof, and for the
check of the proof. Run it with `python -m tests.benchmarks.need`.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from marketplace.licensing.need.accesses import (
    DEVICES_MAX,
    NO_HOST,
    PAIRS_MAX,
    USERS_MAX,
    Places,
    Size,
    make_accesses,
)
from marketplace.licensing.need.cover import make_task, solve
from marketplace.licensing.need.kinds import NONE, PerKind
from marketplace.licensing.need.proof import check_proof

SECONDS_MAX: Final = 20.0
MEGABYTES_MAX: Final = 2_000
AT_ONCE: Final = 10_000
AT_ONCE_SECONDS_MAX: Final = 1.0
ONE_PRICE: Final = PerKind(2_700, 2_700)
PRICES: Final = PerKind(3_100, 2_700, 9_300, 8_600)
Numbers = NDArray[np.int64] | Places
ROOT: Final = Path(__file__).parents[2]
Rows = tuple[Numbers, Numbers, Numbers]


class Case(msgspec.Struct, frozen=True):
    """A shape of accesses at a size; `owned` are licences owned in number."""

    shape: str
    accesses: int
    owned: PerKind = NONE
    prices: PerKind = PRICES

    @property
    def size(self) -> Size:
        """A tenth as many users and devices as accesses, and the hosts of the shape."""
        return Size(
            USERS_MAX * self.accesses // PAIRS_MAX,
            DEVICES_MAX * self.accesses // PAIRS_MAX,
            HOSTS.get(self.shape, 0) * self.accesses // PAIRS_MAX,
        )


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one case took; money in minor units."""

    shape: str
    accesses: int
    owned: int
    solve_seconds: float
    check_seconds: float
    megabytes: int
    cost_minor: int
    could_save_at_most_minor: int
    one_kind_minor: int
    proof_faults: tuple[str, ...]


def _spread(chance: np.random.Generator, size: Size, count: int) -> Rows:
    """Anybody anywhere."""
    user, device = chance.integers(0, size.users, count), chance.integers(0, size.devices, count)
    return user, device, np.full(count, NO_HOST)


def _heavy_tail(chance: np.random.Generator, size: Size, count: int) -> Rows:
    """Few people and few machines make most of the accesses."""
    user = (size.users * chance.random(count) ** 3).astype(np.int32)
    device = (size.devices * chance.random(count) ** 3).astype(np.int32)
    return user, device, np.full(count, NO_HOST)


def _offices(chance: np.random.Generator, size: Size, count: int) -> Rows:
    """Sites of about 50 people: in some many share few machines, in others each person uses several."""
    sites = max(1, size.users // 50)
    site = chance.integers(0, sites, count)
    people = np.where(site % 3 == 0, 50, 12)
    machines = np.where(site % 3 == 0, 10, 50)
    user = (site * 50 + chance.integers(0, people)) % size.users
    device = (site * 50 + chance.integers(0, machines)) % size.devices
    return user, device, np.full(count, NO_HOST)


def _offices_with_hosts(chance: np.random.Generator, size: Size, count: int) -> Rows:
    """As offices; a third of the accesses go through the site's own session hosts."""
    user, device, _ = _offices(chance, size, count)
    through = chance.random(count) < 1 / 3
    return user, device, np.where(through, user // 50 % size.hosts, NO_HOST)


def _spread_with_hosts(chance: np.random.Generator, size: Size, count: int) -> Rows:
    """Anybody anywhere, half of it through any host: the hardest network."""
    user, device, _ = _spread(chance, size, count)
    through = chance.random(count) < 1 / 2
    return user, device, np.where(through, chance.integers(0, size.hosts, count), NO_HOST)


SHAPES: Final[dict[str, Callable[[np.random.Generator, Size, int], Rows]]] = {
    "spread": _spread,
    "heavy tail": _heavy_tail,
    "heavy tail, one price": _heavy_tail,
    "offices": _offices,
    "offices with hosts": _offices_with_hosts,
    "spread with hosts": _spread_with_hosts,
}
HOSTS: Final = {"offices with hosts": 2_000, "spread with hosts": 1_000}
OWNED: Final = PerKind(5_000, 4_000, 1_000, 1_000)


def _prices_of(shape: str) -> PerKind:
    return ONE_PRICE if shape.endswith("one price") else PRICES


CASES: Final = (
    *(Case(shape, PAIRS_MAX, prices=_prices_of(shape)) for shape in SHAPES),
    Case("offices", PAIRS_MAX, OWNED),
    Case("offices with hosts", PAIRS_MAX, OWNED),
    Case("spread", PAIRS_MAX, OWNED),
    *(Case(shape, AT_ONCE) for shape in SHAPES),
    Case("offices", AT_ONCE, PerKind(50, 40)),
    Case("offices", 100_000),
    Case("spread with hosts", 100_000),
)


def measure(case: Case) -> Result:
    """Answer one case in this process."""
    size = case.size
    drawn = case.accesses * (3 if case.shape.startswith("offices") else 2)
    rows = SHAPES[case.shape](np.random.default_rng(7), size, drawn)
    user, device, host = (column.astype(np.int32) for column in rows)
    # Doubles fall away; the rest is cut to the number wanted, in an order that favours nobody.
    keys = (user.astype(np.int64) * size.devices + device) * (size.hosts + 1) + host + 1
    _, first = np.unique(keys, return_index=True)
    kept = np.sort(first)[: case.accesses]
    started = time.process_time()
    accesses = make_accesses(size, user[kept], device[kept], host[kept])
    task = make_task(accesses, case.prices, owned=case.owned)
    solved = solve(task)
    answered = time.process_time()
    faults = check_proof(task, solved.answer)
    return Result(
        shape=case.shape,
        accesses=accesses.count,
        owned=sum(case.owned.all),
        solve_seconds=answered - started,
        check_seconds=time.process_time() - answered,
        megabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        cost_minor=solved.answer.cost_minor,
        could_save_at_most_minor=solved.answer.could_save_at_most_minor,
        one_kind_minor=min(solved.by_users.cost_minor, solved.by_devices.cost_minor),
        proof_faults=faults,
    )


def run(cases: Sequence[Case] = CASES) -> list[Result]:
    """Measure each case in a child process on one core."""
    return [_in_child(case) for case in cases]


def _in_child(case: Case) -> Result:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.need", msgspec.json.encode(case).decode()],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        check=True,
    )
    return msgspec.json.decode(done.stdout, type=Result)


def table(results: Sequence[Result]) -> str:
    """Write the results as a Markdown table, with the targets in the head.

    `saved` is against the better answer of one kind, `could save` the most that a better answer would.
    """
    limit = f"<= {SECONDS_MAX:.0f}; {AT_ONCE:,}: <= {AT_ONCE_SECONDS_MAX:.0f}"
    memory = f"peak MB (<= {MEGABYTES_MAX:,})"
    lines = [
        f"| shape | accesses | owned | CPU s ({limit}) | check s | {memory} | saved | could save | proof |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in results:
        saved = 1 - row.cost_minor / row.one_kind_minor
        gap = row.could_save_at_most_minor / row.cost_minor
        proof = "holds" if not row.proof_faults else ", ".join(row.proof_faults)
        lines.append(
            f"| {row.shape} | {row.accesses:,} | {row.owned:,} | {row.solve_seconds:.2f} "
            f"| {row.check_seconds:.2f} | {row.megabytes:,} | {saved:.1%} | {gap:.2%} | {proof} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:]:
        print(msgspec.json.encode(measure(msgspec.json.decode(sys.argv[1], type=Case))).decode())
    else:
        print(table(run()))
