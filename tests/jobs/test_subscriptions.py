"""The page that says what follows from a fact is complete and true."""

import importlib
import pkgutil
from pathlib import Path

import pytest

import marketplace
from marketplace.infra.work import Subscription
from marketplace.kernel.events import Event
from workers.registration import load_actors
from workers.schedule import SCHEDULE
from workers.subscriptions import NO_FOLLOW_UP, SUBSCRIPTIONS

ROWS = [
    (event, subscription)
    for event, subscriptions in SUBSCRIPTIONS.items()
    for subscription in subscriptions
]


def announced() -> dict[str, type[Event]]:
    """Import every `events.py` of the house and give the events by name."""
    for stage in pkgutil.iter_modules(marketplace.__path__):
        if stage.ispkg:
            package = importlib.import_module(f"marketplace.{stage.name}")
            if any(module.name == "events" for module in pkgutil.iter_modules(package.__path__)):
                importlib.import_module(f"marketplace.{stage.name}.events")
    return {
        kind.name: kind
        for kind in Event.__subclasses__()
        if kind.__module__.startswith("marketplace.")
    }


class TestEveryEvent:
    def test_is_subscribed_or_has_a_reason_why_not(self) -> None:
        assert set(announced()) == set(SUBSCRIPTIONS) | set(NO_FOLLOW_UP)

    def test_is_not_both(self) -> None:
        assert not set(SUBSCRIPTIONS) & set(NO_FOLLOW_UP)

    def test_has_a_reason_in_words(self) -> None:
        assert all(len(reason.split()) >= 4 for reason in NO_FOLLOW_UP.values())

    def test_subscribed_event_has_an_actor(self) -> None:
        assert all(SUBSCRIPTIONS.values())


class TestEverySubscription:
    @pytest.mark.parametrize(("event", "subscription"), ROWS)
    def test_names_an_actor_in_its_queue(self, event: str, subscription: Subscription) -> None:
        del event
        actor = load_actors()[subscription.actor]

        assert subscription.queue == actor.limits.queue

    @pytest.mark.parametrize(("event", "subscription"), ROWS)
    def test_gives_the_ids_its_actor_takes(self, event: str, subscription: Subscription) -> None:
        actor = load_actors()[subscription.actor]

        assert set(actor.takes()) <= set(announced()[event].__struct_fields__)


class TestEveryActor:
    def test_is_asked_for_somewhere(self) -> None:
        """By an event, by the clock, or by name in a service that enqueues it."""
        asked = {row.actor for _, row in ROWS} | {entry.actor for entry in SCHEDULE}
        house = Path(marketplace.__path__[0])
        services = "".join(path.read_text() for path in house.rglob("*.py"))

        idle = [name for name in load_actors() if name not in asked and f'"{name}"' not in services]

        assert idle == []
