"""Members over HTTP: add, change, remove; roles hold at once; somebody always manages the company."""

from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.kernel.errors import Conflict, Malformed
from marketplace.kernel.ids import format_id
from marketplace.parties import service
from marketplace.parties.domain import NewMember
from tests.conftest import OpenWork
from tests.support.parties import PASSWORD, Party, add_member, make_operator, make_session

Headers = dict[str, str]
NEW: dict[str, Any] = {
    "name": "Jan Petersen",
    "email": "Jan@nordlicht.example",
    "password": "a first password",
    "roles": ["trader", "signatory"],
}


def path(member_id: str) -> str:
    return f"/v1/members/{member_id}"


async def add(client: httpx.AsyncClient, owner: Headers, **changes: Any) -> httpx.Response:
    return await client.post("/v1/members", json=NEW | changes, headers=owner)


async def log_in(client: httpx.AsyncClient, email: str, password: str) -> httpx.Response:
    return await client.post("/v1/sessions", json={"email": email, "password": password})


class TestAddMember:
    async def test_person_logs_in_with_the_roles_given(
        self, client: httpx.AsyncClient, owner: Headers
    ) -> None:
        added = await add(client, owner)
        assert added.status_code == 201
        assert added.json()["roles"] == ["signatory", "trader"]
        opened = await log_in(client, "JAN@nordlicht.example", "a first password")
        assert opened.status_code == 201
        me = await client.get(
            "/v1/me", headers={"Authorization": f"Bearer {opened.json()['session']['token']}"}
        )
        assert "transfers:sign" in me.json()["scopes"]
        assert "company:write" not in me.json()["scopes"]

    async def test_taken_address_is_refused(
        self, client: httpx.AsyncClient, owner: Headers, theirs: Party
    ) -> None:
        answer = await add(client, owner, email=theirs.member.email.upper())
        assert (answer.status_code, answer.json()["code"]) == (409, "member.email_taken")

    async def test_staff_role_in_a_company_is_refused(
        self, client: httpx.AsyncClient, owner: Headers
    ) -> None:
        answer = await add(client, owner, roles=["admin"])
        assert (answer.status_code, answer.json()["code"]) == (422, "member.roles_invalid")

    async def test_only_owners_manage_members(
        self, client: httpx.AsyncClient, viewer: Headers, ours: Party
    ) -> None:
        answer = await add(client, viewer)
        assert (answer.status_code, answer.json()["code"]) == (403, "access.role_missing")
        answer = await add(client, ours.headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "access.person_only")

    async def test_admin_adds_staff(
        self, client: httpx.AsyncClient, admin: Party, reviewer: Party
    ) -> None:
        answer = await add(client, admin.headers, roles=["finance"])
        assert answer.status_code == 201
        opened = await log_in(client, "jan@nordlicht.example", "a first password")
        me = await client.get(
            "/v1/me", headers={"Authorization": f"Bearer {opened.json()['session']['token']}"}
        )
        assert (me.json()["staff"], me.json()["scopes"]) == (True, [])
        refused = await add(client, reviewer.headers, email="x@y.example", roles=["admin"])
        assert (refused.status_code, refused.json()["code"]) == (403, "access.role_missing")


class TestChangeMember:
    async def test_new_roles_hold_in_the_open_session(
        self, client: httpx.AsyncClient, owner: Headers, viewer: Headers
    ) -> None:
        me = (await client.get("/v1/me", headers=viewer)).json()["member"]
        tag = (await client.get(path(me["id"]), headers=owner)).headers["etag"]
        answer = await client.put(
            path(me["id"]),
            json={"name": "Jo", "roles": ["trader"]},
            headers=owner | {"If-Match": tag},
        )
        assert answer.status_code == 200
        assert answer.headers["etag"] != tag
        me = (await client.get("/v1/me", headers=viewer)).json()
        assert me["member"]["name"] == "Jo"
        assert "quotes:write" in me["scopes"]

    async def test_same_values_change_nothing(
        self, client: httpx.AsyncClient, owner: Headers, ours: Party
    ) -> None:
        member_id = format_id("mem", ours.member.id)
        same = {"name": ours.member.name, "roles": ["owner"]}
        answer = await client.put(path(member_id), json=same, headers=owner | {"If-Match": "*"})
        assert answer.json()["version"] == 1

    async def test_last_owner_cannot_step_down(
        self, client: httpx.AsyncClient, owner: Headers, ours: Party
    ) -> None:
        answer = await client.put(
            path(format_id("mem", ours.member.id)),
            json={"name": "Ines", "roles": ["viewer"]},
            headers=owner | {"If-Match": "*"},
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "member.last_owner")

    async def test_needs_the_present_etag(
        self, client: httpx.AsyncClient, owner: Headers, ours: Party
    ) -> None:
        answer = await client.put(
            path(format_id("mem", ours.member.id)),
            json={"name": "Ines", "roles": ["owner"]},
            headers=owner,
        )
        assert answer.status_code == 428

    async def test_of_another_company_is_not_found(
        self, client: httpx.AsyncClient, owner: Headers, theirs: Party
    ) -> None:
        member_id = format_id("mem", theirs.member.id)
        answer = await client.put(
            path(member_id),
            json={"name": "Eve", "roles": ["owner"]},
            headers=owner | {"If-Match": "*"},
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "member.unknown")
        assert (await client.get(path(member_id), headers=owner)).status_code == 404


class TestRemoveMember:
    async def test_ends_sessions_and_frees_the_address(
        self, client: httpx.AsyncClient, owner: Headers, viewer: Headers
    ) -> None:
        me = (await client.get("/v1/me", headers=viewer)).json()["member"]
        answer = await client.delete(path(me["id"]), headers=owner | {"If-Match": "*"})
        assert (answer.status_code, answer.content) == (204, b"")
        assert (await client.get("/v1/me", headers=viewer)).status_code == 401
        assert (await log_in(client, me["email"], PASSWORD)).status_code == 401
        assert (await client.get(path(me["id"]), headers=owner)).status_code == 404
        assert (await add(client, owner, email=me["email"])).status_code == 201

    async def test_last_owner_stays(
        self, client: httpx.AsyncClient, owner: Headers, ours: Party
    ) -> None:
        answer = await client.delete(
            path(format_id("mem", ours.member.id)), headers=owner | {"If-Match": "*"}
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "member.last_owner")

    async def test_keys_the_person_made_go_on_working(
        self, client: httpx.AsyncClient, owner: Headers, ours: Party, work: OpenWork
    ) -> None:
        async with work() as opened:
            await add_member(opened, ours.company, "owner")
        member_id = format_id("mem", ours.member.id)
        answer = await client.delete(path(member_id), headers=owner | {"If-Match": "*"})
        assert answer.status_code == 204
        assert (await client.get("/v1/me", headers=ours.headers)).status_code == 200


class TestListMembers:
    async def test_shows_the_company_only_and_newest_first(
        self, client: httpx.AsyncClient, owner: Headers, ours: Party, theirs: Party
    ) -> None:
        assert theirs.member.id != ours.member.id
        added = await add(client, owner)
        answer = await client.get("/v1/members", headers=ours.headers)
        assert [item["id"] for item in answer.json()["items"]] == [
            added.json()["id"],
            format_id("mem", ours.member.id),
        ]

    async def test_staff_list_their_own(
        self, client: httpx.AsyncClient, reviewer: Party, ours: Party
    ) -> None:
        assert ours.member.id != reviewer.member.id
        answer = await client.get("/v1/members", headers=reviewer.headers)
        assert [item["id"] for item in answer.json()["items"]] == [
            format_id("mem", reviewer.member.id)
        ]


class TestChangePassword:
    async def test_new_one_holds_and_other_sessions_end(
        self, client: httpx.AsyncClient, owner: Headers, ours: Party, work: OpenWork
    ) -> None:
        async with work() as opened:
            _, other = await make_session(opened, ours.member)
        new = "another long password"
        answer = await client.put(
            "/v1/me/password",
            json={"present_password": PASSWORD, "new_password": new},
            headers=owner,
        )
        assert answer.status_code == 204
        assert (await client.get("/v1/me", headers=owner)).status_code == 200
        other_session = {"Authorization": f"Bearer {other}"}
        assert (await client.get("/v1/me", headers=other_session)).status_code == 401
        assert (await log_in(client, ours.member.email, PASSWORD)).status_code == 401
        assert (await log_in(client, ours.member.email, new)).status_code == 201

    async def test_wrong_present_one_is_refused(
        self, client: httpx.AsyncClient, owner: Headers
    ) -> None:
        answer = await client.put(
            "/v1/me/password",
            json={"present_password": "wrong", "new_password": "another long password"},
            headers=owner,
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "password.wrong")


class TestCreateStaff:
    NEW_STAFF = NewMember(
        name="Ada",
        email="Ada@cession.example",
        password="the first password",
        roles=frozenset({"admin"}),
    )

    async def test_first_account_can_log_in(
        self, client: httpx.AsyncClient, work: OpenWork, owner_engine: AsyncEngine
    ) -> None:
        async with work() as opened:
            await make_operator(opened)
            await service.create_staff(opened, self.NEW_STAFF)
        answer = await log_in(client, "ada@cession.example", "the first password")
        assert answer.json()["member"]["roles"] == ["admin"]
        async with owner_engine.connect() as connection:
            audit = await connection.execute(text("SELECT action, credential FROM audit_log"))
            assert audit.all() == [("staff.created", "system:tests")]

    async def test_needs_the_operator(self, work: OpenWork) -> None:
        with pytest.raises(Conflict) as refused:
            async with work() as opened:
                await service.create_staff(opened, self.NEW_STAFF)
        assert refused.value.code == "operator.missing"

    async def test_empty_password_from_the_command_line_is_refused(self, work: OpenWork) -> None:
        empty = msgspec.structs.replace(self.NEW_STAFF, password="")
        async with work() as opened:
            await make_operator(opened)
            with pytest.raises(Malformed) as refused:
                await service.create_staff(opened, empty)
        assert refused.value.code == "password.length"
