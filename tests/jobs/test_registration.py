"""What makes an actor, and when one gives up."""

from types import ModuleType
from uuid import UUID, uuid4

import pytest

from marketplace.infra.render.port import RenderFailed
from marketplace.kernel.errors import (
    Conflict,
    DomainError,
    Gone,
    Locked,
    Malformed,
    NotFound,
    RateLimited,
    Unavailable,
)
from tests.jobs import probes
from workers.registration import (
    ATTEMPTS_MAX,
    QUEUES,
    Effect,
    Limits,
    UnusableArguments,
    arguments_for,
    collect,
    load_actors,
)


def module_with(*actors: Effect) -> ModuleType:
    module = ModuleType("stage")
    for number, actor in enumerate(actors):
        setattr(module, f"actor_{number}", actor)
    return module


class TestCollect:
    def test_actors_are_found_by_their_names(self) -> None:
        actors = collect([probes])

        assert actors["probe.count"] is probes.count
        assert actors["probe.render"] is probes.render

    def test_same_actor_in_two_modules_is_one(self) -> None:
        module = module_with(probes.count)

        assert collect([probes, module])["probe.count"] is probes.count

    def test_two_actors_with_one_name_are_refused(self) -> None:
        twin = Effect(name="probe.count", limits=Limits(), function=probes.slow.function)

        with pytest.raises(ValueError, match=r"two actors are called probe\.count"):
            collect([probes, module_with(twin)])

    def test_unknown_queue_is_refused(self) -> None:
        stray = Effect(name="a.b", limits=Limits(queue="huge"), function=probes.slow.function)

        with pytest.raises(ValueError, match=r"a\.b is in no known queue: huge"):
            collect([module_with(stray)])

    def test_every_actor_of_the_house_can_be_loaded(self) -> None:
        actors = load_actors()

        assert {"infra.prune_jobs", "infra.prune_replays"} <= set(actors)
        assert all(name.count(".") == 1 for name in actors)
        assert all(set(actor.takes().values()) <= {UUID, str} for actor in actors.values())


class TestArguments:
    def test_ids_are_read_and_others_left_out(self) -> None:
        company_id = uuid4()

        chosen = arguments_for(probes.by_id, {"company_id": str(company_id), "note": "x", "z": "1"})

        assert chosen == {"company_id": company_id, "note": "x"}

    @pytest.mark.parametrize("stored", [{}, {"company_id": "no id"}, {"company_id": None}])
    def test_missing_or_wrong_id_is_refused(self, stored: dict[str, str]) -> None:
        with pytest.raises(UnusableArguments, match=r"probe\.by_id needs company_id: UUID"):
            arguments_for(probes.by_id, stored)


class TestGivingUp:
    @pytest.mark.parametrize("kind", [Malformed, NotFound, Conflict, Gone])
    def test_refusal_gives_up_at_once(self, kind: type[DomainError]) -> None:
        assert Limits().gives_up(kind("a.b", "No."), 1)

    @pytest.mark.parametrize(
        "error",
        [
            Unavailable("a.b", "Away."),
            Locked("a.b", "Held."),
            RateLimited("a.b", "Slower.", retry_after_seconds=1),
            OSError("away"),
            KeyError("defect"),
        ],
    )
    def test_what_may_pass_is_retried_until_the_last_attempt(self, error: Exception) -> None:
        assert not Limits().gives_up(error, ATTEMPTS_MAX - 1)
        assert Limits().gives_up(error, ATTEMPTS_MAX)

    def test_marked_refusal_is_retried(self) -> None:
        limits = Limits(retried=(NotFound,))

        assert not limits.gives_up(NotFound("a.b", "Not yet."), 1)
        assert limits.gives_up(Conflict("a.b", "No."), 1)

    @pytest.mark.parametrize("error", [UnusableArguments("x"), RenderFailed("x")])
    def test_what_no_repetition_can_cure_gives_up_at_once(self, error: Exception) -> None:
        assert Limits().gives_up(error, 1)


class TestLimits:
    def test_time_limit_is_the_queues_unless_the_actor_has_its_own(self) -> None:
        assert Limits(queue="heavy").time_limit == QUEUES["heavy"].time_limit_seconds
        assert Limits(queue="heavy", time_limit_seconds=7).time_limit == 7
