"""The proof that comes with an answer: a flow. Anybody can check it, no solver is needed.

Two facts make an answer least. Every access is licensed, so the answer works. And a flow from source to sink that
respects the prices cannot be larger than any cut, and each way to license the accesses is a cut: so no way costs less
than the flow. When the flow's value equals the cost, the cost is the least.

With licences owned in number the flow uses multipliers at most as high as the prices and the bound is its value less
the multipliers of the owned licences (see `multipliers`); the rest up to the cost is `could_save_at_most_minor`.
"""

import zlib
from math import gcd
from typing import Final

import msgspec
import numpy as np

from marketplace.licensing.need.accesses import Accesses
from marketplace.licensing.need.flow import SINK, SOURCE
from marketplace.licensing.need.holding import Holding, faults
from marketplace.licensing.need.kinds import PerKind
from marketplace.licensing.need.network import (
    FIRST,
    Amounts,
    Holders,
    Network,
    links_of,
    network_of,
)

_INT64_BYTES: Final = 8
_LEVEL: Final = 1


class Task(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What was asked: the accesses, minor units per licence, who holds what by name, and what is owned in number."""

    accesses: Accesses
    prices: PerKind
    held: Holders
    owned: PerKind = PerKind()


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """A flow in 1/`scale` minor units. `weights`: the limit of a priced arc, by kind; `value`: what reaches the sink.

    `flow` is one signed 64-bit little-endian number per arc of `network_of`, compressed with zlib.
    """

    scale: int
    weights: PerKind
    value: int
    flow: bytes


class Answer(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A way to license every access. `to_buy` is what is needed beyond what is owned, `cost_minor` its price.

    No other way is cheaper by more than `could_save_at_most_minor`: 0 means proven least.
    """

    holding: Holding
    needed: PerKind
    to_buy: PerKind
    cost_minor: int
    could_save_at_most_minor: int
    proof: Proof


def least_minor(task: Task, proof: Proof) -> int:
    """Return the least that any answer can cost by this proof, in minor units.

    Every cost is a sum of whole prices, so the bound is rounded up to the next multiple of what divides them all.
    """
    bound = proof.value - proof.weights.times(task.owned)
    step = max(1, gcd(*task.prices.all))
    return max(0, -(-bound // (max(1, proof.scale) * step)) * step)


def pack_flow(flow: Amounts) -> bytes:
    """Compress a flow."""
    return zlib.compress(flow.astype("<i8").tobytes(), _LEVEL)


def check_proof(task: Task, answer: Answer) -> tuple[str, ...]:
    """Check an answer against what was asked; return what is wrong, nothing when the proof holds.

    Codes: `access_not_licensed`, `host_not_licensed`, `base_missing` (the answer does not work), `quantity_wrong`,
    `cost_wrong`, `weight_wrong`, `flow_unreadable`, `flow_over_limit`, `flow_not_conserved`, `value_wrong`,
    `bound_wrong` (it is not as cheap as it claims, or not proven so).
    """
    wrong = list(faults(answer.holding, task.accesses))
    if not _counts_hold(task, answer):
        wrong.append("quantity_wrong")
    if answer.cost_minor != answer.to_buy.times(task.prices):
        wrong.append("cost_wrong")
    if not _weights_hold(task, answer.proof):
        wrong.append("weight_wrong")
    wrong.extend(_flow_faults(task, answer.proof))
    if answer.could_save_at_most_minor != answer.cost_minor - least_minor(task, answer.proof):
        wrong.append("bound_wrong")
    return tuple(wrong)


def _counts_hold(task: Task, answer: Answer) -> bool:
    holders = answer.holding.holders
    to_buy = holders.without(task.held).counts.beyond(task.owned)
    return answer.needed == holders.counts and answer.to_buy == to_buy


def _weights_hold(task: Task, proof: Proof) -> bool:
    """A weight may be below the price only for a kind that is owned in number."""
    rows = zip(proof.weights.all, task.prices.all, task.owned.all, strict=True)
    return proof.scale > 0 and all(
        0 <= weight <= price * proof.scale and (owned > 0 or weight == price * proof.scale)
        for weight, price, owned in rows
    )


def _flow_faults(task: Task, proof: Proof) -> tuple[str, ...]:
    network = network_of(task.accesses, links_of(task.accesses), proof.weights, task.held)
    flow = _unpacked(proof.flow, len(network.tail))
    if flow is None:
        return ("flow_unreadable",)
    limited = network.capacity >= 0
    wrong = []
    if np.any(flow < 0) or np.any(flow[limited] > network.capacity[limited]):
        wrong.append("flow_over_limit")
    surplus = _surplus(network, flow)
    if np.any(surplus[FIRST:]):
        wrong.append("flow_not_conserved")
    if surplus[SINK] != proof.value or surplus[SOURCE] != -proof.value:
        wrong.append("value_wrong")
    return tuple(wrong)


def _unpacked(flow: bytes, arcs: int) -> Amounts | None:
    reader = zlib.decompressobj()
    try:
        raw = reader.decompress(flow, arcs * _INT64_BYTES + 1)
    except zlib.error:
        return None
    return np.frombuffer(raw, "<i8") if len(raw) == arcs * _INT64_BYTES else None


def _surplus(network: Network, flow: Amounts) -> Amounts:
    """Return what each node receives less what it sends, in exact whole numbers (a float sum would round)."""
    surplus = np.zeros(network.nodes, np.int64)
    np.add.at(surplus, network.head, flow)
    np.subtract.at(surplus, network.tail, flow)
    return surplus
