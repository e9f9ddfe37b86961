"""What follows from a fact: the one page that says it.

A row is an event and the actors that run after it, each in the queue of its weight. An event that
nothing follows from stands in `NO_FOLLOW_UP` with the reason, so that a forgotten one is noticed.
"""

from collections.abc import Mapping
from typing import Final

from marketplace.infra.work import Subscription

SUBSCRIPTIONS: Final[Mapping[str, tuple[Subscription, ...]]] = {}

NO_FOLLOW_UP: Final[Mapping[str, str]] = {}
