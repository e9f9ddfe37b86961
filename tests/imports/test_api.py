"""Imports over HTTP: from the file to its lines, export, evidence and deletion."""

import csv
import io
from typing import Any
from uuid import uuid4

import httpx
import pytest
from openpyxl import load_workbook

from marketplace.imports.domain.batch import Kind
from marketplace.infra.storage import ContentStorage, StoredFileMissing
from marketplace.kernel.ids import parse_id
from tests.conftest import OpenWork
from tests.support.clock import FixedClock
from tests.support.imports import send, statement
from tests.support.jobs import Drain
from tests.support.listings import Person, draft_body, open_seller, open_staff

LIST = (
    b"Produkt;Anzahl;Kaufdatum;Vertragsnummer;Programm;Land\r\n"
    b"WinSvrCAL 2019 SNGL OLP NL DvcCAL;1.200;14.05.2019;61234567;Open License;Deutschland\r\n"
    b"Windows Server CAL 2016;5;14.05.2019;61234568;Open License;Deutschland\r\n"
    b"RDS 2022 Nutzer-CAL;zwei;14.05.2019;61234569;Open License;Deutschland\r\n"
)


async def imported(
    client: httpx.AsyncClient,
    company: Person,
    drain_jobs: Drain,
    data: bytes = LIST,
    **parameters: Any,
) -> dict[str, Any]:
    """Send a file, run its jobs, give the import."""
    sent = await send(client, company.headers, data, **parameters)
    assert sent.status_code == 202, sent.text
    await drain_jobs()
    read = await client.get(sent.headers["location"], headers=company.headers)
    body: dict[str, Any] = read.json()
    return body


async def lines_of(
    client: httpx.AsyncClient, company: Person, made: dict[str, Any], **parameters: Any
) -> list[dict[str, Any]]:
    answer = await client.get(
        f"/v1/imports/{made['id']}/lines", params=parameters, headers=company.headers
    )
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


class TestPost:
    async def test_answers_at_once_and_says_where_to_look(
        self, client: httpx.AsyncClient, company: Person
    ) -> None:
        sent = await send(client, company.headers, LIST)
        assert sent.status_code == 202
        assert sent.json()["state"] == "received"
        assert sent.headers["location"] == f"/v1/imports/{sent.json()['id']}"
        assert sent.json()["progress"] == {"done": 0, "total": 0}

    async def test_every_line_is_judged(
        self, client: httpx.AsyncClient, company: Person, drain_jobs: Drain
    ) -> None:
        made = await imported(client, company, drain_jobs)
        assert made["state"] == "checked"
        assert made["progress"] == {"done": 3, "total": 3}
        assert made["counts"] == {"good": 0, "held": 1, "bad": 2, "other": 0}
        assert made["format"]["language"] == "de"
        assert made["format"]["delimiter"] == "semicolon"
        held, ambiguous, unreadable = await lines_of(client, company, made)
        assert (held["product"], held["quantity"]) == ("ws_cal-2019-device", 1200)
        assert {row["rule_id"] for row in held["findings"]} >= {"C01", "C05", "C09"}
        assert held["verdict"] == "hold"
        assert ambiguous["problems"][0]["code"] == "product_ambiguous"
        assert ambiguous["problems"][0]["candidates"] == ["ws_cal-2016-user", "ws_cal-2016-device"]
        assert ambiguous["problems"][0]["column"] == "Produkt"
        assert unreadable["problems"][0]["code"] == "quantity_unreadable"

    async def test_lines_are_paged_and_filtered(
        self, client: httpx.AsyncClient, company: Person, drain_jobs: Drain
    ) -> None:
        made = await imported(client, company, drain_jobs)
        address = f"/v1/imports/{made['id']}/lines"
        first = await client.get(address, params={"limit": 2}, headers=company.headers)
        assert [row["line"] for row in first.json()["items"]] == [2, 3]
        rest = await client.get(
            address,
            params={"limit": 2, "cursor": first.json()["next_cursor"]},
            headers=company.headers,
        )
        assert [row["line"] for row in rest.json()["items"]] == [4]
        assert rest.json()["next_cursor"] is None
        assert [row["line"] for row in await lines_of(client, company, made, outcome="bad")] == [
            3,
            4,
        ]

    async def test_sentences_come_in_the_language_asked_for(
        self, client: httpx.AsyncClient, company: Person, drain_jobs: Drain
    ) -> None:
        made = await imported(client, company, drain_jobs)
        english = await lines_of(client, company, made, outcome="bad")
        german = await lines_of(client, company, made, outcome="bad", language="de")
        assert english[0]["problems"][0]["sentence"].startswith("This may be 2 products")
        assert german[0]["problems"][0]["sentence"].startswith("Das können 2 Produkte sein")

    @pytest.mark.parametrize(
        ("data", "name", "status", "code"),
        [
            (b"", "a.csv", 422, "import.empty"),
            (b"x", "a.pdf", 415, "import.type_unknown"),
            (bytes(50_000_001), "a.csv", 413, "import.too_large"),
        ],
        ids=["empty", "other type", "over 50 MB"],
    )
    async def test_refuses_at_the_door(
        self,
        client: httpx.AsyncClient,
        company: Person,
        data: bytes,
        name: str,
        status: int,
        code: str,
    ) -> None:
        answer = await send(client, company.headers, data, file_name=name)
        assert (answer.status_code, answer.json()["code"]) == (status, code)

    async def test_stranger_is_refused_before_the_file_is_read(
        self, client: httpx.AsyncClient
    ) -> None:
        assert (await send(client, {}, LIST)).status_code == 401

    async def test_same_key_and_file_is_one_import_another_file_is_refused(
        self, client: httpx.AsyncClient, company: Person
    ) -> None:
        headers = company.headers | {"Idempotency-Key": str(uuid4())}
        first = await send(client, headers, LIST)
        again = await send(client, headers, LIST)
        assert again.json() == first.json()
        assert again.headers["idempotency-replayed"] == "true"
        other = await send(client, headers, LIST + b"x")
        assert other.json()["code"] == "idempotency_key.reused"

    async def test_only_so_many_files_at_once(
        self, client: httpx.AsyncClient, company: Person, drain_jobs: Drain
    ) -> None:
        for _ in range(10):
            assert (await send(client, company.headers, LIST)).status_code == 202
        refused = await send(client, company.headers, LIST)
        assert refused.json()["code"] == "import.too_many_unfinished"
        await drain_jobs()
        assert (await send(client, company.headers, LIST)).status_code == 202

    async def test_file_that_cannot_be_read_says_why(
        self, client: httpx.AsyncClient, company: Person, drain_jobs: Drain
    ) -> None:
        made = await imported(client, company, drain_jobs, b"a;b\n1;2\n")
        assert made["state"] == "refused"
        assert made["refusal"]["code"] == "no_headings"
        assert "Quantity" in made["refusal"]["sentence"]


class TestAcceptance:
    async def test_dry_run_is_accepted_without_the_file(
        self, client: httpx.AsyncClient, company: Person, drain_jobs: Drain
    ) -> None:
        made = await imported(client, company, drain_jobs)
        address = f"/v1/imports/{made['id']}/acceptance"
        accepted = await client.post(address, headers=company.headers)
        assert (accepted.status_code, accepted.json()["state"]) == (200, "accepted")
        again = await client.post(address, headers=company.headers)
        assert again.json() == accepted.json()

    async def test_without_dry_run_it_counts_at_once(
        self, client: httpx.AsyncClient, company: Person, drain_jobs: Drain
    ) -> None:
        made = await imported(client, company, drain_jobs, dry_run="false")
        assert made["state"] == "accepted"

    async def test_what_is_not_checked_cannot_be_accepted(
        self, client: httpx.AsyncClient, company: Person
    ) -> None:
        sent = await send(client, company.headers, LIST)
        answer = await client.post(
            f"/v1/imports/{sent.json()['id']}/acceptance", headers=company.headers
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "import.not_checked")

    async def test_import_without_a_usable_line_cannot_be_accepted(
        self, client: httpx.AsyncClient, company: Person, drain_jobs: Drain
    ) -> None:
        data = statement([("N", "1", "OLP", "", "Office 2019", "L", 5, "", "DE", "2019-05-14")])
        made = await imported(
            client, company, drain_jobs, data, kind=Kind.LICENCE_STATEMENT, file_name="s.xlsx"
        )
        assert made["counts"]["other"] == 1
        answer = await client.post(f"/v1/imports/{made['id']}/acceptance", headers=company.headers)
        assert answer.json()["code"] == "import.nothing_to_accept"


class TestFile:
    async def test_original_comes_back_byte_for_byte(
        self, client: httpx.AsyncClient, company: Person, drain_jobs: Drain
    ) -> None:
        made = await imported(client, company, drain_jobs)
        answer = await client.get(f"/v1/imports/{made['id']}/file", headers=company.headers)
        assert answer.content == LIST
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"


class TestExport:
    async def test_csv_holds_every_line_and_no_formula(
        self, client: httpx.AsyncClient, company: Person, drain_jobs: Drain
    ) -> None:
        nasty = LIST + b"=HYPERLINK(1);5;14.05.2019;@1;x;y\r\n"
        made = await imported(client, company, drain_jobs, nasty)
        answer = await client.get(
            f"/v1/imports/{made['id']}/export",
            params={"format": "csv", "language": "de"},
            headers=company.headers,
        )
        assert answer.status_code == 200
        rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert rows[0][0] == "Zeile"
        assert [row[0] for row in rows[1:]] == ["2", "3", "4", "5"]
        assert not any(cell[:1] in tuple("=+-@\t\r") for row in rows for cell in row if cell)

    async def test_workbook_holds_the_same(
        self, client: httpx.AsyncClient, company: Person, drain_jobs: Drain
    ) -> None:
        made = await imported(client, company, drain_jobs)
        answer = await client.get(f"/v1/imports/{made['id']}/export", headers=company.headers)
        assert int(answer.headers["content-length"]) == len(answer.content)
        book = load_workbook(io.BytesIO(answer.content))
        rows = list(book["Import"].iter_rows(values_only=True))
        assert rows[0][:2] == ("Line", "Outcome")
        assert [row[0] for row in rows[1:]] == [2, 3, 4]
        assert "C01" in str(rows[1][11])

    async def test_unfinished_import_has_no_result(
        self, client: httpx.AsyncClient, company: Person
    ) -> None:
        sent = await send(client, company.headers, LIST)
        answer = await client.get(
            f"/v1/imports/{sent.json()['id']}/export", headers=company.headers
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "import.unfinished")


class TestEvidence:
    async def test_original_becomes_a_paper_of_the_listing(
        self, client: httpx.AsyncClient, company: Person, drain_jobs: Drain, clock: FixedClock
    ) -> None:
        data = statement()
        made = await imported(
            client, company, drain_jobs, data, kind=Kind.LICENCE_STATEMENT, file_name="s.xlsx"
        )
        drafted = await client.post("/v1/listings", json=draft_body(clock), headers=company.headers)
        listing = drafted.json()["id"]
        shown = await client.post(
            f"/v1/imports/{made['id']}/evidence",
            json={"listing_id": listing},
            headers=company.headers,
        )
        assert shown.status_code == 201, shown.text
        assert shown.json()["kind"] == "licence_statement"
        fetched = await client.get(
            f"/v1/listings/{listing}/evidence/{shown.json()['id']}", headers=company.headers
        )
        assert fetched.content == data
        # It is a paper now: deleting the import leaves the file.
        gone = await client.delete(f"/v1/imports/{made['id']}", headers=company.headers)
        assert gone.status_code == 204
        await drain_jobs()
        kept = await client.get(
            f"/v1/listings/{listing}/evidence/{shown.json()['id']}", headers=company.headers
        )
        assert kept.content == data

    async def test_own_list_proves_nothing(
        self, client: httpx.AsyncClient, company: Person, drain_jobs: Drain, clock: FixedClock
    ) -> None:
        made = await imported(client, company, drain_jobs)
        drafted = await client.post("/v1/listings", json=draft_body(clock), headers=company.headers)
        answer = await client.post(
            f"/v1/imports/{made['id']}/evidence",
            json={"listing_id": drafted.json()["id"]},
            headers=company.headers,
        )
        assert answer.json()["code"] == "import.wrong_kind"


class TestDelete:
    async def test_import_lines_and_files_are_gone(
        self,
        client: httpx.AsyncClient,
        company: Person,
        drain_jobs: Drain,
        storage: ContentStorage,
        work: OpenWork,
    ) -> None:
        made = await imported(client, company, drain_jobs)
        async with work() as unit:
            rows = await unit.connection.exec_driver_sql("SELECT sha256 FROM import_files")
            held = [row.sha256 for row in rows]
        assert len(held) == 2
        gone = await client.delete(f"/v1/imports/{made['id']}", headers=company.headers)
        assert gone.status_code == 204
        await drain_jobs()
        looked = await client.get(f"/v1/imports/{made['id']}", headers=company.headers)
        assert looked.json()["code"] == "import.unknown"
        for sha256 in held:
            with pytest.raises(StoredFileMissing):
                await storage.get(sha256)
        async with work() as unit:
            rows = await unit.connection.exec_driver_sql("SELECT 1 FROM import_lines")
            assert rows.all() == []

    async def test_equal_file_of_another_company_stays(
        self, client: httpx.AsyncClient, company: Person, drain_jobs: Drain, work: OpenWork
    ) -> None:
        other = await open_seller(work)
        mine = await imported(client, company, drain_jobs)
        theirs = await imported(client, other, drain_jobs)
        await client.delete(f"/v1/imports/{mine['id']}", headers=company.headers)
        await drain_jobs()
        answer = await client.get(f"/v1/imports/{theirs['id']}/file", headers=other.headers)
        assert answer.content == LIST


class TestSecrecy:
    async def test_another_company_sees_nothing(
        self, client: httpx.AsyncClient, company: Person, drain_jobs: Drain, work: OpenWork
    ) -> None:
        made = await imported(client, company, drain_jobs)
        other = await open_seller(work)
        for path in ("", "/lines", "/file", "/export"):
            answer = await client.get(f"/v1/imports/{made['id']}{path}", headers=other.headers)
            assert answer.status_code == 404, path
        assert (await client.get("/v1/imports", headers=other.headers)).json()["items"] == []
        gone = await client.delete(f"/v1/imports/{made['id']}", headers=other.headers)
        assert gone.status_code == 404

    async def test_row_security_hides_rows_from_any_query(
        self, client: httpx.AsyncClient, company: Person, drain_jobs: Drain, work: OpenWork
    ) -> None:
        made = await imported(client, company, drain_jobs)
        other = await open_seller(work)
        async with work(other.principal) as unit:
            for table in ("imports", "import_lines", "import_files"):
                rows = await unit.connection.exec_driver_sql(f"SELECT 1 FROM {table}")
                assert rows.all() == [], table
        async with work(company.principal) as unit:
            rows = await unit.connection.exec_driver_sql("SELECT id FROM imports")
            assert [row.id for row in rows] == [parse_id("imp", made["id"])]

    async def test_staff_see_all(
        self, client: httpx.AsyncClient, company: Person, drain_jobs: Drain, work: OpenWork
    ) -> None:
        made = await imported(client, company, drain_jobs)
        staff = await open_staff(work)
        answer = await client.get("/v1/imports", headers=staff.headers)
        assert [row["id"] for row in answer.json()["items"]] == [made["id"]]
