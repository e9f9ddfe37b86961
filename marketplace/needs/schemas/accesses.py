"""What the API gives about accesses: their number, the session hosts, and the proof that nothing is cheaper."""

from typing import Annotated, Self

import msgspec
from msgspec import Meta

from marketplace.kernel.money import Money
from marketplace.licensing.need.options import OptionKind
from marketplace.needs.domain.answer import AccessFacts, ProofFacts


class ProofOut(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing is cheaper: no way to license every access costs less than `least`.

    A flow through the accesses cannot be larger than the cost of any way. Licences owned as a number are credited
    against it: `flow` less `owned` is the least any way can cost, rounded up to whole prices. It was checked without
    the solver. In minor units, or in licences while a price is missing (`in_licences`).
    """

    flow: Annotated[int, Meta(ge=0)]
    owned: Annotated[int, Meta(ge=0, description="Credit for licences owned as a number")]
    least: Annotated[int, Meta(ge=0, description="No way costs less")]
    cost: Annotated[int, Meta(ge=0, description="What the answer costs")]
    could_save_at_most: Annotated[
        int, Meta(ge=0, description="`cost` less `least`; 0: proven least")
    ]
    in_licences: bool

    @classmethod
    def of(cls, proof: ProofFacts) -> Self:
        """Write a proof."""
        return cls(
            flow=proof.flow_minor,
            owned=proof.owned_minor,
            least=proof.least_minor,
            cost=proof.cost_minor,
            could_save_at_most=proof.could_save_at_most_minor,
            in_licences=proof.counts_licences,
        )


class AccessesOut(msgspec.Struct, frozen=True, kw_only=True):
    """What the accesses were, and in which mode the session hosts run (RD06) in the option of the list of holders."""

    users: int
    devices: int
    hosts: int
    accesses: Annotated[int, Meta(description="Different ones")]
    rows: Annotated[int, Meta(description="Rows given; of an import: different accesses")]
    without_user: Annotated[int, Meta(description="Rows left out: no user")]
    without_device: Annotated[int, Meta(description="Rows left out: no device")]
    hosts_per_user: int
    hosts_per_device: int
    assigned: Annotated[OptionKind, Meta(description="The option of the list of holders")]
    assignment: Annotated[str, Meta(description="Where the list of holders is (CSV)")]
    could_save_at_most: Annotated[
        Money | None, Meta(description="Zero: proven least. null: a price is missing")
    ]
    proof: ProofOut

    @classmethod
    def of(cls, facts: AccessFacts, need_id: str) -> Self:
        """Write the facts."""
        proof = facts.proof
        shown = {name: getattr(facts, name) for name in facts.__struct_fields__ if name != "proof"}
        return cls(
            **shown,
            assignment=f"/v1/needs/{need_id}/assignment",
            proof=ProofOut.of(proof),
        )
