"""API keys: scoped, shown once, rotated with overlap, revoked, and their last use."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.kernel.ids import format_id, parse_id
from tests.conftest import OpenWork
from tests.support.clock import FixedClock
from tests.support.parties import Party, make_party

Headers = dict[str, str]
READS = {"name": "SAM tool", "scopes": ["quotes:read", "company:read"]}


async def make(client: httpx.AsyncClient, by: Headers, **changes: Any) -> httpx.Response:
    return await client.post("/v1/keys", json=READS | changes, headers=by)


async def status_of(client: httpx.AsyncClient, secret: str) -> int:
    answer = await client.get("/v1/me", headers={"Authorization": f"Bearer {secret}"})
    return answer.status_code


class TestCreateKey:
    async def test_opens_its_scopes_and_no_others(
        self, client: httpx.AsyncClient, owner: Headers
    ) -> None:
        made = await make(client, owner)
        assert made.status_code == 201
        assert made.json()["key"]["scopes"] == ["company:read", "quotes:read"]
        assert made.json()["secret"].startswith(made.json()["key"]["hint"])
        key = {"Authorization": f"Bearer {made.json()['secret']}"}
        assert (await client.get("/v1/keys", headers=key)).status_code == 200
        refused = await make(client, key)
        assert (refused.status_code, refused.json()["code"]) == (403, "access.scope_missing")

    async def test_secret_is_stored_as_hash_only_and_never_shown_again(
        self, client: httpx.AsyncClient, owner: Headers, owner_engine: AsyncEngine
    ) -> None:
        made = await make(client, owner)
        secret = made.json()["secret"]
        assert len(secret) == 48
        listed = await client.get("/v1/keys", headers=owner)
        one = await client.get(f"/v1/keys/{made.json()['key']['id']}", headers=owner)
        assert secret not in listed.text + one.text
        async with owner_engine.connect() as connection:
            rows = (await connection.execute(text("SELECT k::text FROM api_keys k"))).scalars()
            assert all(secret not in row for row in rows)

    async def test_key_cannot_hand_out_more_than_it_has(
        self, client: httpx.AsyncClient, work: OpenWork
    ) -> None:
        async with work() as opened:
            party = await make_party(
                opened, scopes=frozenset({"company:write", "company:read", "quotes:read"})
            )
        assert (await make(client, party.headers)).status_code == 201
        refused = await make(client, party.headers, scopes=["quotes:write"])
        assert (refused.status_code, refused.json()["code"]) == (403, "key.scope_exceeded")

    @pytest.mark.parametrize(
        "change", [{"scopes": ["everything"]}, {"scopes": []}, {"name": ""}, {"expires_at": "soon"}]
    )
    async def test_wrong_input_is_refused(
        self, client: httpx.AsyncClient, owner: Headers, change: dict[str, Any]
    ) -> None:
        assert (await make(client, owner, **change)).status_code == 422

    async def test_expires(
        self, client: httpx.AsyncClient, owner: Headers, clock: FixedClock
    ) -> None:
        ends_at = clock.now() + timedelta(hours=1)
        made = await make(client, owner, expires_at=ends_at.isoformat())
        secret = made.json()["secret"]
        assert await status_of(client, secret) == 200
        clock.set(ends_at)
        assert await status_of(client, secret) == 401
        one = await client.get(f"/v1/keys/{made.json()['key']['id']}", headers=owner)
        assert one.json()["state"] == "expired"

    async def test_end_in_the_past_is_refused(
        self, client: httpx.AsyncClient, owner: Headers
    ) -> None:
        answer = await make(client, owner, expires_at="2020-01-01T00:00:00Z")
        assert (answer.status_code, answer.json()["code"]) == (422, "time.out_of_range")

    async def test_staff_have_no_keys(self, client: httpx.AsyncClient, admin: Party) -> None:
        answer = await make(client, admin.headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "access.company_only")

    async def test_repeated_with_the_same_idempotency_key_makes_one(
        self, client: httpx.AsyncClient, owner: Headers
    ) -> None:
        headers = owner | {"Idempotency-Key": "once"}
        assert (await make(client, headers)).status_code == 201
        again = await make(client, headers)
        assert (again.status_code, again.json()["code"]) == (409, "idempotency_key.shown_once")
        assert len((await client.get("/v1/keys", headers=owner)).json()["items"]) == 2


class TestRotateKey:
    @staticmethod
    async def rotate(
        client: httpx.AsyncClient, by: Headers, key_id: str, **body: Any
    ) -> httpx.Response:
        return await client.post(f"/v1/keys/{key_id}/rotation", json=body, headers=by)

    async def test_both_work_until_the_old_one_ends(
        self, client: httpx.AsyncClient, owner: Headers, clock: FixedClock
    ) -> None:
        old = (await make(client, owner)).json()
        until = clock.now() + timedelta(hours=2)
        rotated = await self.rotate(
            client, owner, old["key"]["id"], old_valid_until=until.isoformat()
        )
        assert rotated.status_code == 201
        new = rotated.json()
        assert (new["key"]["name"], new["key"]["scopes"]) == (
            old["key"]["name"],
            old["key"]["scopes"],
        )
        assert await status_of(client, old["secret"]) == 200
        assert await status_of(client, new["secret"]) == 200
        clock.set(until)
        assert await status_of(client, old["secret"]) == 401
        assert await status_of(client, new["secret"]) == 200
        one = await client.get(f"/v1/keys/{old['key']['id']}", headers=owner)
        assert (one.json()["state"], one.json()["replaced_by"]) == ("expired", new["key"]["id"])

    async def test_key_rotates_itself(self, client: httpx.AsyncClient, ours: Party) -> None:
        answer = await self.rotate(client, ours.headers, ours.principal.credential)
        assert answer.status_code == 201
        assert await status_of(client, ours.token) == 200

    async def test_twice_is_refused(self, client: httpx.AsyncClient, ours: Party) -> None:
        await self.rotate(client, ours.headers, ours.principal.credential)
        again = await self.rotate(client, ours.headers, ours.principal.credential)
        assert (again.status_code, again.json()["code"]) == (409, "key.already_rotated")

    async def test_at_once_by_two_makes_one_successor(
        self, client: httpx.AsyncClient, ours: Party, owner: Headers
    ) -> None:
        key_id = ours.principal.credential
        answers = await asyncio.gather(*(self.rotate(client, owner, key_id) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]

    async def test_new_key_may_end_too(
        self, client: httpx.AsyncClient, ours: Party, clock: FixedClock
    ) -> None:
        ends_at = clock.now() + timedelta(days=90)
        answer = await self.rotate(
            client, ours.headers, ours.principal.credential, expires_at=ends_at.isoformat()
        )
        assert answer.json()["key"]["expires_at"] is not None

    async def test_of_another_company_is_not_found(
        self, client: httpx.AsyncClient, ours: Party, theirs: Party
    ) -> None:
        answer = await self.rotate(client, ours.headers, theirs.principal.credential)
        assert (answer.status_code, answer.json()["code"]) == (404, "key.unknown")


class TestRevokeKey:
    async def test_ends_at_once_and_again_is_harmless(
        self, client: httpx.AsyncClient, owner: Headers, owner_engine: AsyncEngine
    ) -> None:
        made = (await make(client, owner)).json()
        url = f"/v1/keys/{made['key']['id']}"
        for _ in range(2):
            assert (await client.delete(url, headers=owner)).status_code == 204
        assert await status_of(client, made["secret"]) == 401
        assert (await client.get(url, headers=owner)).json()["state"] == "revoked"
        async with owner_engine.connect() as connection:
            audit = await connection.execute(text("SELECT action FROM audit_log ORDER BY id"))
            assert audit.scalars().all() == ["key.created", "key.revoked"]

    async def test_of_another_company_is_not_found(
        self, client: httpx.AsyncClient, ours: Party, theirs: Party
    ) -> None:
        for method in ("GET", "DELETE"):
            answer = await client.request(
                method, f"/v1/keys/{theirs.principal.credential}", headers=ours.headers
            )
            assert (answer.status_code, answer.json()["code"]) == (404, "key.unknown")
        assert await status_of(client, theirs.token) == 200


class TestLastUse:
    @staticmethod
    async def last_use(client: httpx.AsyncClient, owner: Headers, party: Party) -> Any:
        one = await client.get(f"/v1/keys/{party.principal.credential}", headers=owner)
        return one.json()["last_used_at"]

    async def test_is_noted_once_a_minute(
        self, client: httpx.AsyncClient, ours: Party, owner: Headers, clock: FixedClock
    ) -> None:
        assert await self.last_use(client, owner, ours) is None
        await client.get("/v1/me", headers=ours.headers)
        first = await self.last_use(client, owner, ours)
        assert first is not None
        clock.advance(timedelta(seconds=59))
        await client.get("/v1/me", headers=ours.headers)
        assert await self.last_use(client, owner, ours) == first
        clock.advance(timedelta(seconds=1))
        await client.get("/v1/me", headers=ours.headers)
        assert await self.last_use(client, owner, ours) > first

    async def test_request_does_not_wait_for_one_that_notes_it(
        self, client: httpx.AsyncClient, ours: Party, database: AsyncEngine, clock: FixedClock
    ) -> None:
        open_session = text("SELECT * FROM open_session(sha256(CAST(:t AS bytea)), :now)")
        parameters = {"t": ours.token.encode(), "now": clock.now()}
        async with database.begin() as slow:
            await slow.execute(open_session, parameters)
            answer = await asyncio.wait_for(client.get("/v1/me", headers=ours.headers), 2)
            assert answer.status_code == 200

    async def test_request_does_not_wait_for_one_that_rotates_the_key(
        self, client: httpx.AsyncClient, ours: Party, owner_engine: AsyncEngine
    ) -> None:
        key_id = parse_id("key", ours.principal.credential)
        async with owner_engine.begin() as slow:
            await slow.execute(
                text("SELECT 1 FROM api_keys WHERE id = :id FOR UPDATE"), {"id": key_id}
            )
            answer = await asyncio.wait_for(client.get("/v1/me", headers=ours.headers), 2)
            assert answer.status_code == 200


class TestListKeys:
    async def test_shows_the_company_only_newest_first(
        self, client: httpx.AsyncClient, owner: Headers, ours: Party, theirs: Party
    ) -> None:
        made = (await make(client, owner)).json()
        first = (await client.get("/v1/keys?limit=1", headers=owner)).json()
        assert [item["id"] for item in first["items"]] == [made["key"]["id"]]
        rest = await client.get("/v1/keys", params={"cursor": first["next_cursor"]}, headers=owner)
        assert [item["id"] for item in rest.json()["items"]] == [ours.principal.credential]
        assert theirs.principal.credential not in rest.text

    async def test_replaced_by_names_the_maker_never(
        self, client: httpx.AsyncClient, owner: Headers, ours: Party
    ) -> None:
        answer = await client.get("/v1/keys", headers=owner)
        assert format_id("mem", ours.member.id) not in answer.text
