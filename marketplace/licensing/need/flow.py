"""Maximum flow by the library solver, behind one typed function."""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from ortools.graph.python import max_flow

SOURCE: Final = 0
SINK: Final = 1


class Flow(msgspec.Struct, frozen=True, eq=False):
    """The value, the flow per arc, and the nodes that every minimum cut leaves joined to the source.

    `joined` does not depend on which maximum flow was found, so neither order nor solver decides between equals.
    """

    value: int
    per_arc: NDArray[np.int64]
    joined: NDArray[np.int64]


def largest_flow(
    tail: NDArray[np.int32], head: NDArray[np.int32], capacity: NDArray[np.int64]
) -> Flow:
    """Send as much as possible from node `SOURCE` to node `SINK`.

    Raises:
        OverflowError: the capacities out of the source add up to more than 64 bits; the bounds of this room exclude it.
    """
    solver = max_flow.SimpleMaxFlow()
    arcs = solver.add_arcs_with_capacity(tail, head, capacity)
    if solver.solve(SOURCE, SINK) != solver.OPTIMAL:
        raise OverflowError("the capacities are too large for an exact maximum flow")
    return Flow(
        value=solver.optimal_flow(),
        per_arc=solver.flows(arcs),
        joined=np.array(solver.get_source_side_min_cut(), dtype=np.int64),
    )
