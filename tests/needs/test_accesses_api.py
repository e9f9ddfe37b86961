"""Asking with accesses over HTTP: the least cost with its proof, session hosts, names, and the list of holders."""

import csv
import io
from typing import Any

import httpx
import pytest

from tests.conftest import OpenWork
from tests.needs.conftest import DEVICE_PRICE, USER_PRICE
from tests.support.listings import Person, open_staff
from tests.support.needs import calculate, chosen_of, line_of, option_of, star
from tests.support.quotes import open_trader, publish


async def assignment(
    client: httpx.AsyncClient, asker: Person, body: dict[str, Any]
) -> list[dict[str, str]]:
    answer = await client.get(body["answer"]["accesses"]["assignment"], headers=asker.headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


@pytest.mark.usefixtures("seller")
class TestLeastCost:
    async def test_two_licences_cover_a_star_of_both_kinds(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        answer = await calculate(client, asker, servers=["2019"], accesses=star(20, 30))
        assert answer.status_code == 201, answer.text
        body = answer.json()
        mixed = option_of(body["answer"], "mixed")
        assert mixed["cost"]["amount_minor"] == USER_PRICE + DEVICE_PRICE
        assert body["answer"]["recommended"] == "mixed"
        facts = body["answer"]["accesses"]
        assert (facts["users"], facts["devices"], facts["accesses"]) == (21, 31, 50)
        assert facts["proof"] == {
            "flow": USER_PRICE + DEVICE_PRICE,
            "owned": 0,
            "least": USER_PRICE + DEVICE_PRICE,
            "cost": USER_PRICE + DEVICE_PRICE,
            "could_save_at_most": 0,
            "in_licences": False,
        }
        assert facts["could_save_at_most"]["amount_minor"] == 0
        assert option_of(body["answer"], "all_user")["cost"]["amount_minor"] == 21 * USER_PRICE
        assert option_of(body["answer"], "all_device")["cost"]["amount_minor"] == 31 * DEVICE_PRICE

    async def test_licences_owned_as_a_number_are_credited_against_the_flow(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        owned = [{"product": "ws_cal-2019-user", "quantity": 1}]
        accesses = [["anna", "kiosk"], ["anna", "desk"], ["ben", "kiosk"], ["ben", "desk"]]
        answer = await calculate(client, asker, servers=["2019"], accesses=accesses, owned=owned)
        proof = answer.json()["answer"]["accesses"]["proof"]
        assert proof["owned"] > 0
        assert proof["flow"] - proof["owned"] <= proof["least"] <= proof["cost"]
        assert proof["could_save_at_most"] == proof["cost"] - proof["least"]
        assert proof["cost"] == USER_PRICE

    async def test_list_says_who_gets_what(self, client: httpx.AsyncClient, asker: Person) -> None:
        body = (await calculate(client, asker, servers=["2019"], accesses=star(20, 30))).json()
        rows = await assignment(client, asker, body)
        assert [(row["holder"], row["name"], row["product"], row["status"]) for row in rows] == [
            ("user", "anna", "ws_cal-2019-user", "buy"),
            ("device", "kiosk", "ws_cal-2019-device", "buy"),
        ]

    async def test_a_thousand_accesses_of_all_three_forms(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        accesses: list[Any] = [[f"u{i}", f"d{i % 40}"] for i in range(400)]
        accesses += [[f"u{i}", f"d{i % 40}", ""] for i in range(400)]
        accesses += [{"user": f" U{i} ", "device": f"D{i % 40}"} for i in range(200)]
        body = (await calculate(client, asker, servers=["2019"], accesses=accesses)).json()
        facts = body["answer"]["accesses"]
        assert (facts["rows"], facts["accesses"], facts["users"]) == (1000, 400, 400)
        assert body["answer"]["recommended"] == "all_device"
        assert option_of(body["answer"], "all_device")["licences"] == 40

    async def test_rows_without_a_user_or_device_are_counted_and_left_out(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        accesses = [["", "desk"], ["anna", " "], ["anna", "desk"]]
        body = (await calculate(client, asker, servers=["2019"], accesses=accesses)).json()
        facts = body["answer"]["accesses"]
        assert (facts["without_user"], facts["without_device"], facts["accesses"]) == (1, 1, 1)

    async def test_names_that_look_like_formulas_are_neutralised(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        accesses = [["=cmd()", "d1"], ["=cmd()", "d2"], ["=cmd()", "d3"]]
        body = (await calculate(client, asker, servers=["2019"], accesses=accesses)).json()
        assert [row["name"] for row in await assignment(client, asker, body)] == ["'=cmd()"]

    async def test_without_a_price_the_fewest_licences_are_listed(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        body = (await calculate(client, asker, servers=["2022"], accesses=star(20, 30))).json()
        answer = body["answer"]
        assert (answer["recommended"], answer["chosen"], answer["follow_ups"]) == (None, None, [])
        assert answer["accesses"]["proof"]["in_licences"]
        assert answer["accesses"]["proof"]["cost"] == 2
        assert answer["accesses"]["could_save_at_most"] is None
        assert len(await assignment(client, asker, body)) == 2


@pytest.mark.usefixtures("seller")
class TestOwned:
    async def test_named_holder_keeps_its_licence(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        names = [
            {"product": "ws_cal-2022-user", "user": "ANNA"},
            {"product": "ws_cal-2019-device", "device": "kiosk"},
        ]
        body = (
            await calculate(
                client, asker, servers=["2019"], accesses=star(20, 30), owned_names=names
            )
        ).json()
        assert chosen_of(body["answer"])["cost"]["amount_minor"] == 0
        rows = await assignment(client, asker, body)
        assert [(row["name"], row["product"], row["status"]) for row in rows] == [
            ("anna", "ws_cal-2022-user", "held"),
            ("kiosk", "ws_cal-2019-device", "held"),
        ]

    async def test_licence_too_old_for_the_server_does_not_count(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        names = [{"product": "ws_cal-2016-user", "user": "anna"}]
        body = (
            await calculate(client, asker, servers=["2019"], accesses=star(1, 5), owned_names=names)
        ).json()
        rows = await assignment(client, asker, body)
        assert ("anna", "buy") in {(row["name"], row["status"]) for row in rows}
        assert any("2016" in row["text"] for row in body["answer"]["notes"])

    async def test_number_without_names_goes_to_those_who_need_one(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        owned = [{"product": "ws_cal-2019-user", "quantity": 3}]
        body = (
            await calculate(client, asker, servers=["2019"], accesses=star(20, 30), owned=owned)
        ).json()
        rows = await assignment(client, asker, body)
        assert {(row["name"], row["status"]) for row in rows} == {
            ("anna", "owned"),
            ("kiosk", "buy"),
        }
        (left,) = chosen_of(body["answer"])["gap"]["surplus"]
        assert left["quantity"] == 2

    async def test_names_are_part_of_what_is_owned(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        """Three are owned, one of them is held by a name: two are free, not three."""
        body = (
            await calculate(
                client,
                asker,
                servers=["2019"],
                accesses=star(20, 30),
                owned=[{"product": "ws_cal-2019-user", "quantity": 3}],
                owned_names=[{"product": "ws_cal-2019-user", "user": "anna"}],
            )
        ).json()
        (left,) = chosen_of(body["answer"])["gap"]["surplus"]
        assert left["quantity"] == 2


class TestSessionHosts:
    @pytest.fixture(autouse=True)
    async def _market(self, work: OpenWork) -> None:
        opened = await open_trader(work)
        for product in ("ws_cal", "rds_cal"):
            for metric, price in (("user", 3000), ("device", 1000)):
                await publish(work, opened, product=f"{product}-2022-{metric}", price=price)

    async def test_host_runs_in_one_mode_and_base_stands_beneath(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        accesses = [[f"u{i}", f"d{i % 2}", "host-1"] for i in range(10)]
        body = (
            await calculate(
                client,
                asker,
                servers=["2022"],
                session_hosts=["2022"],
                licence_server="2022",
                accesses=accesses,
            )
        ).json()
        device = option_of(body["answer"], "all_device")
        assert line_of(device, "rds_device")["to_buy"] == 2
        assert line_of(device, "device")["to_buy"] == 2
        facts = body["answer"]["accesses"]
        assert (facts["hosts"], facts["hosts_per_device"], facts["hosts_per_user"]) == (1, 1, 0)
        rows = await assignment(client, asker, body)
        assert {(row["name"], row["licence"], row["product"]) for row in rows} == {
            (name, licence, f"{family}-2022-device")
            for name in ("d0", "d1")
            for licence, family in (("base", "ws_cal"), ("rds", "rds_cal"))
        }

    async def test_base_licence_older_than_the_host_does_not_count_beneath_rds(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        """Bea reaches only the old server with her 2016 licence; Ada works on the host, hers is too old (R11)."""
        names = [
            {"product": "ws_cal-2016-user", "user": "ada"},
            {"product": "ws_cal-2016-user", "user": "bea"},
        ]
        body = (
            await calculate(
                client,
                asker,
                servers=["2016"],
                session_hosts=["2022"],
                prefer="one_kind",
                accesses=[["ada", "d1", "h"], ["bea", "d2"]],
                prices=[
                    {"product": f"{family}-2022-device", "amount_minor": 99_000, "currency": "EUR"}
                    for family in ("ws_cal", "rds_cal")
                ],
                owned_names=names,
            )
        ).json()
        rows = await assignment(client, asker, body)
        assert {(row["name"], row["licence"], row["status"]) for row in rows} == {
            ("ada", "base", "buy"),
            ("ada", "rds", "buy"),
            ("bea", "base", "held"),
        }

    async def test_host_without_a_version_is_asked_for(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        answer = await calculate(client, asker, servers=["2022"], accesses=[["u", "d", "h"]])
        assert (answer.status_code, answer.json()["code"]) == (422, "need.session_hosts_missing")


class TestRefusals:
    @pytest.mark.parametrize(
        "accesses",
        [
            [["only"]],
            [["a", "b", "c", "d"]],
            [["a", 1]],
            [{"user": "a"}],
            [["a", "b\n"]],
            [["a", "b"]] * 10_001,
        ],
    )
    async def test_malformed_accesses(
        self, client: httpx.AsyncClient, asker: Person, accesses: list[Any]
    ) -> None:
        answer = await calculate(client, asker, servers=["2022"], accesses=accesses)
        assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")

    async def test_body_too_large(self, client: httpx.AsyncClient, asker: Person) -> None:
        answer = await client.post(
            "/v1/needs", content=b"[" + b" " * 8_000_001, headers=asker.headers
        )
        assert answer.status_code == 413

    async def test_ten_thousand_accesses_are_answered_at_once(
        self, client: httpx.AsyncClient, asker: Person
    ) -> None:
        accesses = [[f"user-{i % 2_000}", f"device-{i // 5}"] for i in range(10_000)]
        answer = await calculate(client, asker, servers=["2022"], accesses=accesses)
        assert answer.status_code == 201
        assert answer.json()["answer"]["accesses"]["accesses"] == 10_000

    async def test_no_list_for_counts(self, client: httpx.AsyncClient, asker: Person) -> None:
        asked = await calculate(client, asker, servers=["2022"], counts={"users": 5})
        place = f"{asked.headers['location']}/assignment"
        answer = await client.get(place, headers=asker.headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "need.assignment_unknown")

    async def test_staff_does_not_see_the_names(
        self, client: httpx.AsyncClient, asker: Person, work: OpenWork
    ) -> None:
        asked = await calculate(client, asker, servers=["2022"], accesses=[["anna", "desk"]])
        staff = await open_staff(work)
        shown = await client.get(asked.headers["location"], headers=staff.headers)
        assert shown.status_code == 200
        assert "anna" not in shown.text
        place = f"{asked.headers['location']}/assignment"
        refused = await client.get(place, headers=staff.headers)
        assert (refused.status_code, refused.json()["code"]) == (404, "need.assignment_unknown")
