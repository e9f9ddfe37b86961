"""How often: a burst, then a pace; for each caller alone."""

from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.app import Ports, create_app
from marketplace.infra.http import limits
from marketplace.infra.http.limits import Attempts, Limiter
from marketplace.infra.settings import Settings
from marketplace.kernel.errors import RateLimited
from tests.conftest import OpenWork
from tests.support.app import open_client
from tests.support.edge import EdgeController
from tests.support.parties import make_party


class HandClock:
    """A monotonic clock moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class TestLimiter:
    def test_burst_then_pace(self) -> None:
        clock = HandClock()
        limiter = Limiter(6, clock)
        assert [limiter.admit("a") for _ in range(6)] == [0.0] * 6
        assert limiter.admit("a") == pytest.approx(10.0)
        clock.now += 10
        assert limiter.admit("a") == 0.0
        assert limiter.admit("a") > 0

    def test_refused_calls_cost_nothing(self) -> None:
        clock = HandClock()
        limiter = Limiter(1, clock)
        limiter.admit("a")
        for _ in range(100):
            assert limiter.admit("a") == pytest.approx(60.0)
        clock.now += 60
        assert limiter.admit("a") == 0.0

    def test_callers_do_not_share(self) -> None:
        limiter = Limiter(1, HandClock())
        assert limiter.admit("a") == limiter.admit("b") == 0.0

    @given(
        st.integers(min_value=1, max_value=60),
        st.lists(st.floats(min_value=0, max_value=30), max_size=200),
    )
    def test_never_more_than_twice_the_rate_in_any_minute(
        self, per_minute: int, pauses: list[float]
    ) -> None:
        clock = HandClock()
        limiter = Limiter(per_minute, clock)
        admitted: list[float] = []
        for pause in pauses:
            clock.now += pause
            if limiter.admit("a") == 0.0:
                admitted.append(clock.now)
        for start in admitted:
            assert sum(start <= at < start + 60 for at in admitted) <= 2 * per_minute

    def test_callers_at_rest_are_forgotten(self) -> None:
        clock = HandClock()
        limiter = Limiter(60, clock)
        for number in range(limits.CALLERS_MAX):
            limiter.admit(str(number))
        clock.now += 61
        limiter.admit("new")
        assert limiter.size == 1

    def test_many_busy_callers_stay_cheap(self) -> None:
        limiter = Limiter(1, HandClock())
        for number in range(limits.CALLERS_MAX + 1000):
            limiter.admit(str(number))
        assert limiter.size == limits.CALLERS_MAX + 1000
        assert limiter.admit("0") > 0


class TestAttempts:
    def test_of_one_person_are_counted_together(self) -> None:
        attempts = Attempts(2)
        attempts.count("a@x.example")
        attempts.count("a@x.example")
        attempts.count("b@x.example")
        with pytest.raises(RateLimited) as refused:
            attempts.count("a@x.example")
        assert 1 <= refused.value.retry_after_seconds <= 60


class TestMiddleware:
    @staticmethod
    def app_with(settings: Settings, ports: Ports, **changes: Any) -> Any:
        return create_app(msgspec.structs.replace(settings, **changes), ports, [EdgeController])

    async def test_too_many_requests_of_an_address_are_refused_with_a_time(
        self, settings: Settings, ports: Ports
    ) -> None:
        app = self.app_with(settings, ports, rate_limit_per_minute=2)
        async with open_client(app) as client:
            answers = [await client.get("/edge/view") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].json()["code"] == "rate.limited"
        assert 1 <= int(answers[2].headers["retry-after"]) <= 60
        assert answers[2].headers["x-request-id"]

    async def test_credentials_behind_one_address_do_not_share(
        self, settings: Settings, ports: Ports, work: OpenWork
    ) -> None:
        async with work() as opened:
            parties = [await make_party(opened) for _ in range(3)]
        app = self.app_with(settings, ports, rate_limit_per_minute=1)
        async with open_client(app) as client:
            for party in parties:
                answer = await client.get("/edge/company", headers=party.headers)
                assert answer.status_code == 200
            again = await client.get("/edge/company", headers=parties[0].headers)
            assert again.status_code == 429

    async def test_made_up_credentials_do_not_get_round_the_limit(
        self, settings: Settings, ports: Ports
    ) -> None:
        """Each unknown key costs a look-up; the address pays for all of them together."""
        app = self.app_with(settings, ports, rate_limit_per_minute=5)
        async with open_client(app) as client:
            statuses = [
                (
                    await client.get(
                        "/edge/company", headers={"Authorization": f"Bearer ckey_{number:043}"}
                    )
                ).status_code
                for number in range(7)
            ]
        assert statuses == [401] * 5 + [429] * 2

    async def test_request_without_an_address_is_counted_too(
        self, settings: Settings, ports: Ports
    ) -> None:
        app = self.app_with(settings, ports, rate_limit_per_minute=1)
        transport = httpx.ASGITransport(app=app, client=None)  # type: ignore[arg-type] # as a unix socket server gives it
        async with (
            app.lifespan(),
            httpx.AsyncClient(transport=transport, base_url="http://x.test") as client,
        ):
            assert (await client.get("/edge/view")).status_code == 200
            assert (await client.get("/edge/view")).status_code == 429
