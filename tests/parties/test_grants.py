"""Grants: a company lets a partner see certificates, until a day or until revoked."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.infra.access import Principal
from marketplace.kernel.ids import format_id
from marketplace.parties import service
from tests.conftest import OpenWork
from tests.support.clock import FixedClock
from tests.support.parties import Party

Headers = dict[str, str]
A_CERTIFICATE = UUID(int=100)
ANOTHER_CERTIFICATE = UUID(int=101)


class Granting:
    """Gives and asks, as the tests below need it."""

    def __init__(self, client: httpx.AsyncClient, work: OpenWork, clock: FixedClock) -> None:
        self.client = client
        self.work = work
        self.clock = clock

    async def give(self, giver: Party, to: Party, **changes: Any) -> httpx.Response:
        body = {
            "partner_company_id": format_id("cmp", to.company.id),
            "certificates": "all",
            "expires_at": (self.clock.now() + timedelta(days=30)).isoformat(),
        }
        return await self.client.post("/v1/grants", json=body | changes, headers=giver.headers)

    async def sees(
        self, who: Principal, owner: Party, certificate_id: UUID = A_CERTIFICATE
    ) -> bool:
        async with self.work(who) as opened:
            return await service.may_see_certificate(opened, owner.company.id, certificate_id)


@pytest.fixture
def granting(client: httpx.AsyncClient, work: OpenWork, clock: FixedClock) -> Granting:
    return Granting(client, work, clock)


class TestGiveGrant:
    async def test_for_all_opens_all_of_the_giver_and_nobody_elses(
        self, granting: Granting, ours: Party, theirs: Party, partner: Party
    ) -> None:
        assert not await granting.sees(partner.principal, ours)
        answer = await granting.give(ours, partner)
        assert answer.status_code == 201
        assert answer.json()["certificates"] == "all"
        assert answer.json()["active"] is True
        assert await granting.sees(partner.principal, ours)
        assert not await granting.sees(partner.principal, theirs)
        assert not await granting.sees(theirs.principal, ours)

    async def test_for_some_opens_those(
        self, granting: Granting, ours: Party, partner: Party
    ) -> None:
        listed = [format_id("crt", A_CERTIFICATE)] * 2
        answer = await granting.give(ours, partner, certificates=listed)
        assert answer.json()["certificates"] == listed[:1]
        assert await granting.sees(partner.principal, ours, A_CERTIFICATE)
        assert not await granting.sees(partner.principal, ours, ANOTHER_CERTIFICATE)

    async def test_ends_by_itself(
        self, granting: Granting, ours: Party, partner: Party, clock: FixedClock
    ) -> None:
        ends_at = clock.now() + timedelta(hours=1)
        given = await granting.give(ours, partner, expires_at=ends_at.isoformat())
        clock.set(ends_at)
        assert not await granting.sees(partner.principal, ours)
        one = await granting.client.get(f"/v1/grants/{given.json()['id']}", headers=ours.headers)
        assert one.json()["active"] is False

    async def test_to_somebody_who_is_no_verified_partner_is_refused(
        self, granting: Granting, ours: Party, theirs: Party
    ) -> None:
        for changes in ({}, {"partner_company_id": format_id("cmp", UUID(int=1))}):
            answer = await granting.give(ours, theirs, **changes)
            assert (answer.status_code, answer.json()["code"]) == (409, "grant.partner_unknown")

    @pytest.mark.parametrize(
        "change",
        [
            {"certificates": []},
            {"certificates": "some"},
            {"certificates": ["lot_01h455vb4pex5vsknk084sn02q"]},
            {"certificates": ["crt_01h455vb4pex5vsknk084sn02q"] * 501},
            {"expires_at": "2020-01-01T00:00:00Z"},
            {"expires_at": "2026-12-01T00:00:00"},
            {"expires_at": "9999-12-31T23:59:59Z"},
            {"partner_company_id": "cmp_1"},
        ],
    )
    async def test_wrong_input_is_refused(
        self, granting: Granting, ours: Party, partner: Party, change: dict[str, Any]
    ) -> None:
        assert (await granting.give(ours, partner, **change)).status_code == 422

    async def test_needs_the_right_to_write(
        self, granting: Granting, partner: Party, viewer: Headers
    ) -> None:
        answer = await granting.client.post(
            "/v1/grants",
            json={
                "partner_company_id": format_id("cmp", partner.company.id),
                "expires_at": "2027-01-01T00:00:00Z",
            },
            headers=viewer,
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "access.scope_missing")


class TestRevokeGrant:
    async def test_closes_at_once_and_again_is_harmless(
        self, granting: Granting, ours: Party, partner: Party, owner_engine: AsyncEngine
    ) -> None:
        url = f"/v1/grants/{(await granting.give(ours, partner)).json()['id']}"
        for _ in range(2):
            assert (await granting.client.delete(url, headers=ours.headers)).status_code == 204
        assert not await granting.sees(partner.principal, ours)
        one = (await granting.client.get(url, headers=partner.headers)).json()
        assert one["active"] is False
        assert one["revoked_at"] is not None
        async with owner_engine.connect() as connection:
            actions = await connection.execute(text("SELECT action FROM audit_log ORDER BY id"))
            assert actions.scalars().all() == ["grant.given", "grant.revoked"]
            names = await connection.execute(text("SELECT name FROM events ORDER BY id"))
            assert names.scalars().all() == ["grant.given.v1", "grant.revoked.v1"]

    async def test_other_grants_to_the_same_partner_stay(
        self, granting: Granting, ours: Party, partner: Party
    ) -> None:
        first = await granting.give(ours, partner)
        await granting.give(ours, partner, certificates=[format_id("crt", A_CERTIFICATE)])
        await granting.client.delete(f"/v1/grants/{first.json()['id']}", headers=ours.headers)
        assert await granting.sees(partner.principal, ours, A_CERTIFICATE)
        assert not await granting.sees(partner.principal, ours, ANOTHER_CERTIFICATE)

    async def test_is_not_the_partners_to_do(
        self, granting: Granting, ours: Party, theirs: Party, partner: Party
    ) -> None:
        url = f"/v1/grants/{(await granting.give(ours, partner)).json()['id']}"
        for party in (partner, theirs):
            answer = await granting.client.delete(url, headers=party.headers)
            assert (answer.status_code, answer.json()["code"]) == (404, "grant.unknown")
        assert await granting.sees(partner.principal, ours)


class TestListGrants:
    async def test_giver_and_partner_see_it_and_nobody_else(
        self, granting: Granting, ours: Party, theirs: Party, partner: Party
    ) -> None:
        grant_id = (await granting.give(ours, partner)).json()["id"]

        async def listed(party: Party, direction: str) -> list[str]:
            answer = await granting.client.get(
                f"/v1/grants?direction={direction}", headers=party.headers
            )
            return [item["id"] for item in answer.json()["items"]]

        assert await listed(ours, "given") == [grant_id]
        assert await listed(ours, "received") == []
        assert await listed(partner, "received") == [grant_id]
        assert await listed(partner, "given") == []
        assert await listed(theirs, "given") == await listed(theirs, "received") == []
        answer = await granting.client.get(f"/v1/grants/{grant_id}", headers=theirs.headers)
        assert answer.status_code == 404


class TestMaySeeCertificate:
    async def test_caller_without_a_company_sees_none(
        self, granting: Granting, ours: Party
    ) -> None:
        nobody = Principal(scope="system", credential="system:test")
        assert not await granting.sees(nobody, ours)
