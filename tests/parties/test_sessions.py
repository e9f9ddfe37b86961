"""Log-in, log-out, and the statement that opens every request."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from argon2 import PasswordHasher
from litestar import Litestar
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.app import Ports, create_app
from marketplace.infra.settings import Settings
from marketplace.kernel.ids import format_id
from marketplace.parties import domain, service
from tests.conftest import OpenWork
from tests.support.app import open_client
from tests.support.clock import FixedClock
from tests.support.parties import PASSWORD, Party, make_party

Headers = dict[str, str]


async def log_in(client: httpx.AsyncClient, email: str, password: str = PASSWORD) -> httpx.Response:
    return await client.post("/v1/sessions", json={"email": email, "password": password})


def bearer(answer: httpx.Response) -> Headers:
    return {"Authorization": f"Bearer {answer.json()['session']['token']}"}


class TestLogIn:
    async def test_opens_a_session_for_a_working_day(
        self, client: httpx.AsyncClient, ours: Party, clock: FixedClock
    ) -> None:
        opened = await log_in(client, ours.member.email)
        assert opened.status_code == 201
        clock.advance(domain.SESSION_LIFE - timedelta(seconds=1))
        assert (await client.get("/v1/me", headers=bearer(opened))).status_code == 200
        clock.advance(timedelta(seconds=1))
        expired = await client.get("/v1/me", headers=bearer(opened))
        assert (expired.status_code, expired.json()["code"]) == (401, "credential.unknown")

    async def test_wrong_password_and_unknown_person_get_the_same_answer(
        self, client: httpx.AsyncClient, ours: Party
    ) -> None:
        wrong = await log_in(client, ours.member.email, "not the password")
        unknown = await log_in(client, "nobody@company.example", PASSWORD)
        assert wrong.status_code == unknown.status_code == 401
        assert wrong.json() | {"request_id": ""} == unknown.json() | {"request_id": ""}
        assert wrong.json()["code"] == "session.refused"

    async def test_unknown_person_takes_as_long_as_a_wrong_password(
        self, client: httpx.AsyncClient, ours: Party
    ) -> None:
        async def fastest(email: str) -> float:
            times = []
            for _ in range(5):
                started = time.perf_counter()
                await log_in(client, email, "not the password")
                times.append(time.perf_counter() - started)
            return min(times)

        known, unknown = await fastest(ours.member.email), await fastest("nobody@x.example")
        assert 0.5 < unknown / known < 2

    async def test_outdated_hash_is_renewed(
        self, client: httpx.AsyncClient, ours: Party, owner_engine: AsyncEngine
    ) -> None:
        weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        async with owner_engine.begin() as connection:
            await connection.execute(text("UPDATE members SET password_hash = :h"), {"h": weak})
        assert (await log_in(client, ours.member.email)).status_code == 201
        async with owner_engine.connect() as connection:
            stored = (await connection.execute(text("SELECT password_hash FROM members"))).scalar()
        assert "m=65536" in str(stored)

    async def test_damaged_hash_lets_nobody_in(
        self, client: httpx.AsyncClient, ours: Party, owner_engine: AsyncEngine
    ) -> None:
        async with owner_engine.begin() as connection:
            await connection.execute(text("UPDATE members SET password_hash = 'damaged'"))
        assert (await log_in(client, ours.member.email)).status_code == 401

    async def test_only_hashes_of_tokens_are_stored(
        self, client: httpx.AsyncClient, ours: Party, owner_engine: AsyncEngine
    ) -> None:
        token = (await log_in(client, ours.member.email)).json()["session"]["token"]
        async with owner_engine.connect() as connection:
            rows = (await connection.execute(text("SELECT s::text FROM sessions s"))).scalars()
            assert all(token not in row for row in rows)


class TestGuessing:
    @pytest.fixture
    def app(self, settings: Settings, ports: Ports) -> Litestar:
        return create_app(settings_with(settings, login_limit_per_minute=3), ports)

    async def test_address_that_tries_too_often_must_wait(self, app: Litestar, ours: Party) -> None:
        async with open_client(app) as client:
            answers = [await log_in(client, ours.member.email, f"guess {n}") for n in range(4)]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
        assert int(answers[3].headers["retry-after"]) in range(1, 61)

    async def test_person_is_guarded_against_many_addresses(
        self, app: Litestar, ours: Party
    ) -> None:
        statuses = []
        for number in range(5):
            transport = httpx.ASGITransport(app=as_asgi(app), client=(f"192.0.2.{number}", 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://x.test") as client:
                answer = await log_in(client, ours.member.email.upper(), f"guess {number}")
                statuses.append(answer.status_code)
        assert statuses == [401, 401, 401, 429, 429]


def settings_with(settings: Settings, **changes: Any) -> Settings:
    return msgspec.structs.replace(settings, **changes)


def as_asgi(app: Litestar) -> Any:
    return app


class TestLogOut:
    async def test_ends_the_session(self, client: httpx.AsyncClient, ours: Party) -> None:
        opened = await log_in(client, ours.member.email)
        other = await log_in(client, ours.member.email)
        answer = await client.delete("/v1/sessions/current", headers=bearer(opened))
        assert answer.status_code == 204
        assert (await client.get("/v1/me", headers=bearer(opened))).status_code == 401
        assert (await client.get("/v1/me", headers=bearer(other))).status_code == 200

    async def test_key_has_no_session_to_end(self, client: httpx.AsyncClient, ours: Party) -> None:
        answer = await client.delete("/v1/sessions/current", headers=ours.headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "access.person_only")


class TestAuthenticate:
    async def test_is_one_statement(
        self, client: httpx.AsyncClient, ours: Party, database: AsyncEngine
    ) -> None:
        statements: list[str] = []

        def note(*call: Any) -> None:
            statements.append(call[2])

        event.listen(database.sync_engine, "before_cursor_execute", note)
        try:
            await client.get("/v1/members", headers=ours.headers)
        finally:
            event.remove(database.sync_engine, "before_cursor_execute", note)
        assert len(statements) == 2
        assert "open_session" in statements[0]
        assert "FROM members" in statements[1]

    @pytest.mark.parametrize(
        "token",
        ["", "x", "ckey_", "ckey_" + "a" * 43, "cses_" + "a" * 43, "a" * 48, "ckey_" + "a" * 200],
    )
    async def test_unknown_token_is_nobody(
        self, client: httpx.AsyncClient, ours: Party, token: str
    ) -> None:
        assert ours.token != token
        answer = await client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["code"]) == (401, "credential.unknown")
        assert answer.headers["www-authenticate"] == "Bearer"

    async def test_key_and_member_become_principals(
        self, work: OpenWork, client: httpx.AsyncClient, ours: Party, reviewer: Party
    ) -> None:
        opened = await log_in(client, ours.member.email)
        async with work() as unit:
            key = await service.authenticate(unit.connection, ours.token, unit.now)
            staff = await service.authenticate(unit.connection, reviewer.token, unit.now)
            person = await service.authenticate(
                unit.connection, opened.json()["session"]["token"], unit.now
            )
        assert key == ours.principal
        assert staff == reviewer.principal
        assert person is not None
        assert (person.scope, person.member_id, person.verified) == (
            "company",
            ours.member.id,
            True,
        )
        assert person.credential == opened.json()["session"]["id"]

    async def test_sets_what_row_security_sees(
        self, work: OpenWork, ours: Party, reviewer: Party
    ) -> None:
        seen = text("SELECT cession_scope(), cession_company()")
        async with work() as unit:
            await service.authenticate(unit.connection, ours.token, unit.now)
            assert (await unit.connection.execute(seen)).one() == ("company", ours.company.id)
            await service.authenticate(unit.connection, reviewer.token, unit.now)
            assert (await unit.connection.execute(seen)).one() == ("staff", reviewer.company.id)

    async def test_company_that_lost_its_verification_is_not_verified(self, work: OpenWork) -> None:
        async with work() as unit:
            party = await make_party(unit, verified=False)
            found = await service.authenticate(unit.connection, party.token, unit.now)
        assert found is not None
        assert not found.verified


class TestWhoAmI:
    async def test_key_sees_itself(self, client: httpx.AsyncClient, ours: Party) -> None:
        me = (await client.get("/v1/me", headers=ours.headers)).json()
        assert (me["credential"], me["staff"], me["member"]) == ("key", False, None)
        assert me["key"]["id"] == ours.principal.credential
        assert me["company"]["id"] == format_id("cmp", ours.company.id)

    async def test_staff_see_that_they_are_staff(
        self, client: httpx.AsyncClient, reviewer: Party
    ) -> None:
        me = (await client.get("/v1/me", headers=reviewer.headers)).json()
        assert (me["credential"], me["staff"], me["key"]) == ("session", True, None)
        assert me["member"]["roles"] == ["reviewer"]


class TestForgetOldSessions:
    async def test_deletes_those_long_over(
        self, client: httpx.AsyncClient, work: OpenWork, ours: Party, clock: FixedClock
    ) -> None:
        await log_in(client, ours.member.email)
        clock.advance(domain.SESSION_LIFE + timedelta(days=30))
        fresh = await log_in(client, ours.member.email)
        async with work() as opened:
            assert await service.forget_old_sessions(opened, timedelta(days=31)) == 0
            assert await service.forget_old_sessions(opened, timedelta(days=29)) == 1
        assert (await client.get("/v1/me", headers=bearer(fresh))).status_code == 200


class TestManyAtOnce:
    async def test_log_ins_do_not_hold_up_other_requests(
        self, client: httpx.AsyncClient, ours: Party
    ) -> None:
        guesses = [
            asyncio.create_task(log_in(client, ours.member.email, f"guess {n}")) for n in range(8)
        ]
        await asyncio.sleep(0.01)
        answer = await client.get("/v1/me", headers=ours.headers)
        still_hashing = [guess for guess in guesses if not guess.done()]
        assert answer.status_code == 200
        assert still_hashing
        await asyncio.gather(*guesses)
