"""Companies over HTTP: register, see, change, be verified."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.kernel.errors import Unavailable
from marketplace.kernel.ids import format_id
from marketplace.parties import service
from tests.conftest import OpenWork
from tests.support.parties import PASSWORD, Party, facts, make_party

REGISTRATION: dict[str, Any] = {
    "legal_name": "Nordlicht Maschinenbau GmbH",
    "register_number": "Hamburg HRB 123456",
    "country": "DE",
    "vat_id": "DE 136 695 976",
    "address": {"lines": ["Speicherstraße 12"], "postcode": "20457", "city": "Hamburg"},
    "owner": {"name": "Ines Albrecht", "email": "Ines@Nordlicht.example", "password": PASSWORD},
}
FACTS = {name: value for name, value in REGISTRATION.items() if name != "owner"}
REASON = "Register extract of 2026-11-20 seen."


def path(party: Party, rest: str = "") -> str:
    return f"/v1/companies/{format_id('cmp', party.company.id)}{rest}"


async def etag(client: httpx.AsyncClient, party: Party) -> str:
    answer = await client.get(path(party), headers=party.headers)
    return str(answer.headers["etag"])


class TestRegisterCompany:
    async def test_company_may_draft_at_once_but_not_trade(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/v1/companies", json=REGISTRATION)
        assert answer.status_code == 201
        body = answer.json()
        assert body["company"]["vat_id"] == "DE136695976"
        assert body["company"]["vat_id_format_valid"] is True
        assert body["company"]["zone"] == "eea"
        assert body["company"]["verified"] is False
        assert body["member"]["roles"] == ["owner"]
        assert body["member"]["email"] == "ines@nordlicht.example"
        session = {"Authorization": f"Bearer {body['session']['token']}"}
        me = (await client.get("/v1/me", headers=session)).json()
        assert me["company"] == body["company"]
        assert "listings:write" in me["scopes"]
        seen = await client.get(f"/v1/companies/{body['company']['id']}", headers=session)
        assert seen.headers["etag"] == answer.headers["etag"]

    async def test_partner_says_so(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/v1/companies", json=REGISTRATION | {"kind": "partner"})
        assert answer.json()["company"]["kind"] == "partner"

    async def test_nobody_registers_as_the_operator(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/v1/companies", json=REGISTRATION | {"kind": "operator"})
        assert answer.status_code == 422

    async def test_password_is_stored_as_argon2id_only(
        self, client: httpx.AsyncClient, owner_engine: AsyncEngine
    ) -> None:
        await client.post("/v1/companies", json=REGISTRATION)
        async with owner_engine.connect() as connection:
            stored = (await connection.execute(text("SELECT password_hash FROM members"))).scalar()
        assert str(stored).startswith("$argon2id$v=19$m=65536,t=3,p=4$")

    async def test_taken_email_is_refused_and_leaves_no_company(
        self, client: httpx.AsyncClient, owner_engine: AsyncEngine
    ) -> None:
        await client.post("/v1/companies", json=REGISTRATION)
        again = REGISTRATION | {"legal_name": "Other GmbH"}
        answer = await client.post("/v1/companies", json=again)
        assert answer.status_code == 409
        assert answer.json()["code"] == "member.email_taken"
        async with owner_engine.connect() as connection:
            count = (await connection.execute(text("SELECT count(*) FROM companies"))).scalar()
        assert count == 1

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"vat_id": "DE136695977"}, "/vat_id"),
            ({"vat_id": "ATU13585627"}, "/vat_id"),
            ({"legal_name": " "}, "/legal_name"),
            ({"legal_name": "a\x00b"}, "/legal_name"),
            ({"country": "de"}, "/country"),
            ({"surprise": 1}, "/surprise"),
            ({"address": {"lines": ["a"], "postcode": ""}}, "/address/city"),
            ({"address": {"lines": [], "postcode": "", "city": "x"}}, "/address/lines"),
            ({"owner": REGISTRATION["owner"] | {"password": "short"}}, "/owner/password"),
            ({"owner": REGISTRATION["owner"] | {"email": "nobody"}}, "/owner/email"),
        ],
    )
    async def test_wrong_input_names_the_place(
        self, client: httpx.AsyncClient, change: dict[str, Any], pointer: str
    ) -> None:
        answer = await client.post("/v1/companies", json=REGISTRATION | change)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]

    async def test_repeated_with_the_same_key_is_not_done_twice_nor_shown_again(
        self, client: httpx.AsyncClient, owner_engine: AsyncEngine
    ) -> None:
        key = {"Idempotency-Key": "b0d4c7a2"}
        first = await client.post("/v1/companies", json=REGISTRATION, headers=key)
        again = await client.post("/v1/companies", json=REGISTRATION, headers=key)
        assert (first.status_code, again.status_code) == (201, 409)
        assert again.json()["code"] == "idempotency_key.shown_once"
        async with owner_engine.connect() as connection:
            kept = (await connection.execute(text("SELECT body FROM idempotency_keys"))).scalar()
        assert kept == b""


class TestLoadCompany:
    async def test_other_companies_do_not_exist_for_a_company(
        self, client: httpx.AsyncClient, ours: Party, theirs: Party
    ) -> None:
        answer = await client.get(path(theirs), headers=ours.headers)
        assert answer.status_code == 404
        assert answer.json()["code"] == "company.unknown"

    async def test_staff_see_every_company(
        self, client: httpx.AsyncClient, ours: Party, reviewer: Party
    ) -> None:
        assert (await client.get(path(ours), headers=reviewer.headers)).status_code == 200

    async def test_unchanged_company_is_not_sent_again(
        self, client: httpx.AsyncClient, ours: Party
    ) -> None:
        tag = await etag(client, ours)
        answer = await client.get(path(ours), headers=ours.headers | {"If-None-Match": tag})
        assert (answer.status_code, answer.content) == (304, b"")


class TestListCompanies:
    async def test_is_the_reviewers_queue(
        self, client: httpx.AsyncClient, work: OpenWork, ours: Party, reviewer: Party
    ) -> None:
        async with work() as opened:
            waiting = await make_party(opened, verified=False)
        answer = await client.get("/v1/companies?verified=false", headers=reviewer.headers)
        assert [item["id"] for item in answer.json()["items"]] == [
            format_id("cmp", waiting.company.id)
        ]
        answer = await client.get(
            "/v1/companies?verified=true&kind=company", headers=reviewer.headers
        )
        assert [item["id"] for item in answer.json()["items"]] == [
            format_id("cmp", ours.company.id)
        ]

    async def test_pages_neither_skip_nor_repeat(
        self, client: httpx.AsyncClient, work: OpenWork, reviewer: Party
    ) -> None:
        async with work() as opened:
            made = [await make_party(opened) for _ in range(4)]
        seen: list[str] = []
        cursor = ""
        while True:
            answer = await client.get(f"/v1/companies?limit=2{cursor}", headers=reviewer.headers)
            seen += [item["id"] for item in answer.json()["items"]]
            if answer.json()["next_cursor"] is None:
                break
            cursor = f"&cursor={answer.json()['next_cursor']}"
        newest_first = [format_id("cmp", party.company.id) for party in reversed(made)]
        assert seen == [*newest_first, format_id("cmp", reviewer.company.id)]

    async def test_is_not_for_companies(self, client: httpx.AsyncClient, ours: Party) -> None:
        answer = await client.get("/v1/companies", headers=ours.headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "access.staff_only")


class TestChangeCompany:
    async def test_new_address_keeps_the_verification(
        self, client: httpx.AsyncClient, ours: Party
    ) -> None:
        said = FACTS | {
            "register_number": ours.company.register_number,
            "address": {"lines": ["Kai 3"], "postcode": "28195", "city": "Bremen"},
        }
        tag = await etag(client, ours)
        answer = await client.put(path(ours), json=said, headers=ours.headers | {"If-Match": tag})
        assert answer.status_code == 200
        assert answer.json()["verified"] is True
        assert answer.json()["address"]["city"] == "Bremen"
        assert answer.headers["etag"] != tag

    async def test_new_legal_fact_ends_the_verification_and_says_why(
        self, client: httpx.AsyncClient, ours: Party
    ) -> None:
        said = FACTS | {"legal_name": "Nordlicht SE"}
        headers = ours.headers | {"If-Match": await etag(client, ours)}
        answer = await client.put(path(ours), json=said, headers=headers)
        assert answer.json()["verified"] is False
        history = await client.get(path(ours, "/verifications"), headers=ours.headers)
        assert [entry["decision"] for entry in history.json()["items"]] == ["lapsed"]

    async def test_same_facts_change_nothing(self, client: httpx.AsyncClient, ours: Party) -> None:
        tag = await etag(client, ours)
        said = FACTS | {"register_number": ours.company.register_number}
        answer = await client.put(path(ours), json=said, headers=ours.headers | {"If-Match": tag})
        assert answer.headers["etag"] == tag

    @pytest.mark.parametrize(
        ("header", "status", "code"),
        [
            ({}, 428, "etag.missing"),
            ({"If-Match": '"0000000000000000.1"'}, 412, "etag.changed"),
        ],
    )
    async def test_needs_the_present_etag(
        self, client: httpx.AsyncClient, ours: Party, header: dict[str, str], status: int, code: str
    ) -> None:
        answer = await client.put(path(ours), json=FACTS, headers=ours.headers | header)
        assert (answer.status_code, answer.json()["code"]) == (status, code)

    async def test_of_another_company_is_not_found(
        self, client: httpx.AsyncClient, ours: Party, theirs: Party
    ) -> None:
        headers = ours.headers | {"If-Match": await etag(client, theirs)}
        answer = await client.put(path(theirs), json=FACTS, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "company.unknown")

    async def test_staff_look_but_do_not_write_for_a_company(
        self, client: httpx.AsyncClient, ours: Party, admin: Party
    ) -> None:
        answer = await client.put(path(ours), json=FACTS, headers=admin.headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "access.company_only")


class TestDecideVerification:
    @staticmethod
    async def decide(
        client: httpx.AsyncClient, by: Party, about: Party, decision: str = "verified"
    ) -> httpx.Response:
        return await client.post(
            path(about, "/verification"),
            json={"decision": decision, "reason": REASON},
            headers=by.headers | {"If-Match": await etag(client, about)},
        )

    async def test_verified_company_may_trade_and_can_read_why(
        self, client: httpx.AsyncClient, work: OpenWork, reviewer: Party
    ) -> None:
        async with work() as opened:
            party = await make_party(opened, verified=False)
        answer = await self.decide(client, reviewer, party)
        assert answer.status_code == 200
        assert answer.json()["verified"] is True
        history = await client.get(path(party, "/verifications"), headers=party.headers)
        entry = history.json()["items"][0]
        assert (entry["decision"], entry["reason"]) == ("verified", REASON)
        async with work(party.principal) as opened:
            service.require_tradable(await service.load_company(opened, party.company.id))

    async def test_revoked_company_may_not_trade(
        self, client: httpx.AsyncClient, ours: Party, reviewer: Party
    ) -> None:
        answer = await self.decide(client, reviewer, ours, "revoked")
        assert answer.json()["verified"] is False
        twice = await self.decide(client, reviewer, ours, "revoked")
        assert (twice.status_code, twice.json()["code"]) == (409, "company.not_verified")

    async def test_facts_that_changed_since_staff_looked_are_refused(
        self, client: httpx.AsyncClient, ours: Party, reviewer: Party
    ) -> None:
        seen = await etag(client, ours)
        said = FACTS | {"legal_name": "Nordlicht SE"}
        await client.put(path(ours), json=said, headers=ours.headers | {"If-Match": seen})
        answer = await client.post(
            path(ours, "/verification"),
            json={"decision": "verified", "reason": REASON},
            headers=reviewer.headers | {"If-Match": seen},
        )
        assert answer.status_code == 412

    async def test_whatever_version_is_said_with_a_star(
        self, client: httpx.AsyncClient, work: OpenWork, reviewer: Party
    ) -> None:
        async with work() as opened:
            party = await make_party(opened, verified=False)
        answer = await client.post(
            path(party, "/verification"),
            json={"decision": "verified", "reason": REASON},
            headers=reviewer.headers | {"If-Match": "*"},
        )
        assert answer.json()["verified"] is True

    async def test_second_company_with_the_same_register_number_is_refused(
        self, client: httpx.AsyncClient, work: OpenWork, ours: Party, reviewer: Party
    ) -> None:
        async with work() as opened:
            copy = await make_party(
                opened, verified=False, register_number=ours.company.register_number
            )
        answer = await self.decide(client, reviewer, copy)
        assert (answer.status_code, answer.json()["code"]) == (
            409,
            "company.register_number_taken",
        )

    async def test_of_a_company_that_is_not_there_is_not_found(
        self, client: httpx.AsyncClient, reviewer: Party
    ) -> None:
        answer = await client.post(
            f"/v1/companies/{format_id('cmp', UUID(int=1))}/verification",
            json={"decision": "verified", "reason": REASON},
            headers=reviewer.headers | {"If-Match": "*"},
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "company.unknown")

    async def test_is_for_reviewers_only(self, client: httpx.AsyncClient, ours: Party) -> None:
        answer = await self.decide(client, ours, ours)
        assert (answer.status_code, answer.json()["code"]) == (403, "access.staff_only")

    async def test_leaves_an_audit_row_and_an_event(
        self,
        client: httpx.AsyncClient,
        ours: Party,
        reviewer: Party,
        owner_engine: AsyncEngine,
    ) -> None:
        await self.decide(client, reviewer, ours, "revoked")
        async with owner_engine.connect() as connection:
            audit = (
                await connection.execute(text("SELECT action, subject, member_id FROM audit_log"))
            ).all()
            events = (await connection.execute(text("SELECT name, ids FROM events"))).all()
        company_id = format_id("cmp", ours.company.id)
        assert audit == [("company.revoked", company_id, reviewer.member.id)]
        assert events == [("company.verification_ended.v1", {"company_id": str(ours.company.id)})]


class TestOperator:
    async def test_is_made_once(self, work: OpenWork) -> None:
        said = facts(legal_name="Cession Betriebs GmbH")
        async with work() as opened:
            made = await service.create_operator(opened, said)
        async with work() as opened:
            assert await service.create_operator(opened, facts(legal_name="Other")) == made
            assert await service.operator(opened) == made

    async def test_is_known_to_every_company(
        self, work: OpenWork, ours: Party, reviewer: Party
    ) -> None:
        async with work(ours.principal) as opened:
            assert (await service.operator(opened)).id == reviewer.company.id

    async def test_missing_one_is_said(self, work: OpenWork) -> None:
        with pytest.raises(Unavailable) as refused:
            async with work() as opened:
                await service.operator(opened)
        assert refused.value.code == "operator.missing"


class TestPartners:
    async def test_directory_shows_verified_partners_and_only_who_they_are(
        self, client: httpx.AsyncClient, work: OpenWork, ours: Party, partner: Party
    ) -> None:
        async with work() as opened:
            await make_party(opened, kind=partner.company.kind, verified=False)
        answer = await client.get("/v1/partners", headers=ours.headers)
        assert answer.json()["items"] == [
            {
                "id": format_id("cmp", partner.company.id),
                "legal_name": "Prüfhaus AG",
                "country": "DE",
            }
        ]


class TestLoadCompanies:
    async def test_gives_those_the_caller_may_see(
        self, work: OpenWork, ours: Party, theirs: Party
    ) -> None:
        wanted = [ours.company.id, theirs.company.id]
        async with work(ours.principal) as opened:
            assert set(await service.load_companies(opened, wanted)) == {ours.company.id}
            async with opened.elevated("test"):
                assert set(await service.load_companies(opened, wanted)) == set(wanted)
