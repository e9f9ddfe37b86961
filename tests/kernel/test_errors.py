"""Refusals: each kind is distinct and known to the HTTP edge."""

import pytest

from marketplace.infra.http.problems import STATUS_OF
from marketplace.kernel import errors
from marketplace.kernel.errors import Conflict, DomainError, FieldProblem, Malformed, RateLimited

KINDS = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, DomainError) and value is not DomainError
]


class TestRefusal:
    def test_carries_code_detail_and_places(self) -> None:
        place = FieldProblem("/quantity", "must be at least 1")
        refusal = Malformed("quote.quantity_invalid", "Ask for at least one licence.", place)
        assert refusal.code == "quote.quantity_invalid"
        assert refusal.detail == "Ask for at least one licence."
        assert refusal.fields == (place,)
        assert str(refusal) == "quote.quantity_invalid: Ask for at least one licence."

    def test_without_kind_of_its_own_it_is_a_conflict(self) -> None:
        assert DomainError("a.b", "c").kind == Conflict.kind == "conflict"

    def test_rate_limit_says_when_to_come_back(self) -> None:
        refusal = RateLimited("rate.limited", "Wait.", retry_after_seconds=7)
        assert refusal.retry_after_seconds == 7
        assert refusal.fields == ()

    @pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
    def test_every_kind_has_a_status(self, kind: type[DomainError]) -> None:
        assert kind.kind in STATUS_OF

    def test_no_two_kinds_share_a_name(self) -> None:
        names = [kind.kind for kind in KINDS]
        assert len(names) == len(set(names)) == len(STATUS_OF)
