"""A proof that was tampered with is refused, whatever was changed."""

import random
import zlib
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from marketplace.licensing.need.accesses import NO_HOST, Size
from marketplace.licensing.need.cover import make_task, solve
from marketplace.licensing.need.flow import largest_flow
from marketplace.licensing.need.kinds import PerKind
from marketplace.licensing.need.network import Holders
from marketplace.licensing.need.proof import Answer, Proof, Task, check_proof, pack_flow
from tests.licensing.need.graphs import accesses_of


def sound(**changes: Any) -> tuple[Task, Answer]:
    chance = random.Random(3)  # noqa: S311 - the same graph in every run
    rows = [
        (chance.randrange(12), chance.randrange(9), chance.randrange(NO_HOST, 2)) for _ in range(40)
    ]
    task = make_task(accesses_of(rows, Size(12, 9, 2)), PerKind(30, 20, 90, 80), **changes)
    answer = solve(task).answer
    assert check_proof(task, answer) == ()
    return task, answer


def flow_of(proof: Proof) -> Any:
    return np.frombuffer(zlib.decompress(proof.flow), "<i8").copy()


def with_marks(answer: Answer, field: str, place: int, *, mark: bool) -> Answer:
    holders = answer.holding.holders
    marks = {name: getattr(holders, name).copy() for name in holders.__struct_fields__}
    marks[field][place] = mark
    return replace(answer, holding=replace(answer.holding, holders=Holders(**marks)))


class TestCheckProof:
    @pytest.mark.parametrize("field", ["user", "device", "rds_user", "rds_device"])
    def test_taking_any_cal_away_is_noticed(self, field: str) -> None:
        task, answer = sound()
        for place in np.flatnonzero(getattr(answer.holding.holders, field)).tolist():
            found = check_proof(task, with_marks(answer, field, place, mark=False))
            assert "quantity_wrong" in found
            assert len(found) > 1

    def test_another_mode_of_a_host_is_noticed(self) -> None:
        task, answer = sound()
        holding = replace(answer.holding, per_device=~answer.holding.per_device)
        assert check_proof(task, replace(answer, holding=holding)) == ("host_not_licensed",)

    def test_wrong_sums_are_noticed(self) -> None:
        task, answer = sound()
        lower = replace(answer.to_buy, user=answer.to_buy.user - 1)
        assert "quantity_wrong" in check_proof(task, replace(answer, to_buy=lower))
        more = replace(answer.needed, user=answer.needed.user + 1)
        assert check_proof(task, replace(answer, needed=more)) == ("quantity_wrong",)
        cheaper = replace(answer, cost_minor=answer.cost_minor - 1)
        assert check_proof(task, cheaper) == ("cost_wrong", "bound_wrong")

    def test_a_dearer_answer_cannot_pass_for_the_least(self) -> None:
        task, answer = sound()
        users = solve(task).by_users
        dearer = replace(
            answer,
            holding=users.holding,
            needed=users.needed,
            to_buy=users.to_buy,
            cost_minor=users.cost_minor,
        )
        assert users.cost_minor > answer.cost_minor
        assert check_proof(task, dearer) == ("bound_wrong",)
        honest = replace(dearer, could_save_at_most_minor=users.cost_minor - answer.cost_minor)
        assert check_proof(task, honest) == ()

    def test_a_larger_claimed_flow_is_noticed(self) -> None:
        task, answer = sound()
        proof = replace(answer.proof, value=answer.proof.value + answer.proof.scale)
        assert check_proof(task, replace(answer, proof=proof)) == ("value_wrong", "bound_wrong")

    def test_every_changed_arc_is_noticed(self) -> None:
        task, answer = sound()
        flow = flow_of(answer.proof)
        for place in range(len(flow)):
            for step in (-1, 1):
                changed = flow.copy()
                changed[place] += step
                proof = replace(answer.proof, flow=pack_flow(changed))
                assert "flow_not_conserved" in check_proof(task, replace(answer, proof=proof))

    def test_a_flow_beyond_the_prices_or_below_zero_is_noticed(self) -> None:
        task, answer = sound()
        for factor in (2, -1):
            flow = flow_of(answer.proof) * factor
            proof = replace(answer.proof, flow=pack_flow(flow), value=answer.proof.value * factor)
            assert "flow_over_limit" in check_proof(task, replace(answer, proof=proof))

    @pytest.mark.parametrize("flow", [b"", b"no zlib", zlib.compress(b"12345678")])
    def test_an_unreadable_flow_is_refused(self, flow: bytes) -> None:
        task, answer = sound()
        proof = replace(answer.proof, flow=flow)
        assert check_proof(task, replace(answer, proof=proof)) == ("flow_unreadable",)

    def test_a_flow_that_unpacks_to_far_too_much_is_refused_without_unpacking_it(self) -> None:
        task, answer = sound()
        packer = zlib.compressobj(9)
        bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(16)) + packer.flush()
        proof = replace(answer.proof, flow=bomb)
        assert check_proof(task, replace(answer, proof=proof)) == ("flow_unreadable",)

    def test_weights_other_than_the_prices_are_noticed(self) -> None:
        task, answer = sound()
        for weights in (replace(answer.proof.weights, user=0), PerKind(10**9, 1, 1, 1)):
            proof = replace(answer.proof, weights=weights)
            assert "weight_wrong" in check_proof(task, replace(answer, proof=proof))
        proof = replace(answer.proof, scale=0)
        assert "weight_wrong" in check_proof(task, replace(answer, proof=proof))

    def test_weights_may_be_lower_for_what_is_owned_in_number(self) -> None:
        _, answer = sound(owned=PerKind(user=3, device=2))
        assert answer.could_save_at_most_minor >= 0


class TestLargestFlow:
    def test_more_than_64_bits_is_refused_and_never_wrong(self) -> None:
        nodes = np.array([0, 0, 2, 3], dtype=np.int32), np.array([2, 3, 1, 1], dtype=np.int32)
        with pytest.raises(OverflowError, match="too large"):
            largest_flow(*nodes, np.full(4, 2**62 + 2**61, dtype=np.int64))
