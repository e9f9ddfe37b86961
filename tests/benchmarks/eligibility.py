"""What the findings for one lot cost, over all case lots, and how they grow with the chain of title.

Runs in this process on one core, without I/O. Every figure stands beside the time to decode the same position from
JSON, measured in the same run: another machine gives another figure but the same ratio. Run it with
`python -m tests.benchmarks.eligibility`.
"""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Final

import msgspec

from marketplace.licensing.cases.forms import GivenLot, LotCase
from marketplace.licensing.cases.reading import Lot, load_cases, lot_of
from marketplace.licensing.eligibility.conditions import assess, judge
from marketplace.licensing.eligibility.positions import (
    SELLER,
    ChainLink,
    PaperState,
    SourcePosition,
)

TARGET_MS: Final = 1.0
CHAIN_LENGTHS: Final = (1, 2, 5, 10, 20, 50)
ROUNDS: Final = 40
CHAIN_ROUNDS: Final = 2000
GROWTH_MAX: Final = 10.0
"""A chain of 50 links may cost at most this many times one of a single link: well below in step with its length."""
RATIO_MAX: Final = 150.0
"""The findings of a median case lot may cost at most this many times the decoding of its position."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One series in milliseconds: the median and the slowest hundredth of the lots, each by the median of its calls.

    A lot's own median leaves out the calls in which the machine did something else.
    """

    what: str
    lots: int
    median: float
    p99: float
    decode_median: float

    @property
    def ratio(self) -> float:
        """How many times the cost of decoding the position."""
        return self.median / self.decode_median


def run() -> list[Result]:
    """Measure all case lots together, then one lot with longer and longer chains."""
    lots = [lot_of(case.given) for case in load_cases() if isinstance(case, LotCase)]
    results = [measure("all case lots", lots, ROUNDS)]
    results += [
        measure(f"chain of {length}", [chained(length)], CHAIN_ROUNDS) for length in CHAIN_LENGTHS
    ]
    return results


def measure(what: str, lots: Sequence[Lot], rounds: int) -> Result:
    """Time every lot `rounds` times, call by call, after one round that warms the caches."""
    stored = [msgspec.json.encode(lot.position) for lot in lots]
    decoder = msgspec.json.Decoder(SourcePosition)
    find = [partial(assess, lot.position, lot.evidence, lot.on, lot.buyer) for lot in lots]
    decode = [partial(decoder.decode, body) for body in stored]
    found, decoded = sorted(_medians(find, rounds)), _medians(decode, rounds)
    return Result(
        what=what,
        lots=len(lots),
        median=statistics.median(found),
        p99=found[math.ceil(len(found) * 0.99) - 1],
        decode_median=statistics.median(decoded),
    )


def chained(length: int) -> Lot:
    """Give a sound lot that went through `length` hands before the seller, one every 30 days, all papers shown."""
    lot = lot_of(GivenLot(start="second-hand"))
    owners = [f"owner {number}" for number in range(length)] + [SELLER]
    first_day = lot.on - timedelta(days=30 * length)
    links = tuple(
        ChainLink(
            transferor=transferor,
            transferee=transferee,
            quantity=lot.position.acquired,
            transferred_on=day,
            deed=PaperState.SHOWN,
            cease_use=PaperState.SHOWN,
            ceased_quantity=lot.position.acquired,
            ceased_on=day,
        )
        for number, (transferor, transferee) in enumerate(pairwise(owners))
        for day in [first_day + timedelta(days=30 * number)]
    )
    position = msgspec.structs.replace(
        lot.position, first_sold_on=first_day, first_acquirer=owners[0], chain=links
    )
    chained_lot = msgspec.structs.replace(lot, position=position)
    if not judge(assess(position, lot.evidence, lot.on)).may_transfer:
        raise AssertionError("a chain that is not whole: the figures would be those of another lot")
    return chained_lot


def _medians(calls: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    times: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    for _ in range(rounds):
        for call, samples in zip(calls, times, strict=True):
            begun = time.perf_counter_ns()
            call()
            samples.append((time.perf_counter_ns() - begun) / 1e6)
    return [statistics.median(samples) for samples in times]


def table(results: Sequence[Result]) -> str:
    """Write the results as a Markdown table with the target, and the growth from the shortest chain to the longest."""
    lines = [
        "| findings for one lot | lots | target ms | median ms | p99 ms | x decoding the position | growth |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    shortest = results[1]
    for row in results:
        growth = "" if row is results[0] else f"x {row.median / shortest.median:.2f}"
        lines.append(
            f"| {row.what} | {row.lots} | {TARGET_MS:.3f} | {row.median:.3f} | {row.p99:.3f} "
            f"| {row.ratio:.1f} | {growth} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(run()))
