"""The rule book over HTTP: for anybody, in the language asked for, and cheap to ask again."""

from collections.abc import AsyncIterator

import httpx
import pytest

from marketplace.licensing.cases.reading import cases_for
from marketplace.licensing.eligibility.findings import load_rules
from marketplace.licensing.rules import Chapter
from marketplace.licensing.texts import catalogues
from marketplace.rulebook.api.rules import RuleController
from tests.support.app import open_client, unopened_app


@pytest.fixture
async def reader() -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the rules alone, without a database and without a credential."""
    async with open_client(unopened_app(RuleController)) as opened:
        yield opened


class TestListRules:
    async def test_gives_every_rule_with_sources_findings_and_cases(
        self, reader: httpx.AsyncClient
    ) -> None:
        book = (await reader.get("/v1/rules")).json()
        rules = load_rules()
        assert book["version"] == rules.version
        assert [rule["id"] for rule in book["rules"]] == list(rules.rules)
        for rule in book["rules"]:
            assert rule["sentence"] == catalogues()["en"][f"rule.{rule['id']}"]
            assert rule["sources"]
            found = [finding["code"] for finding in rule["findings"]]
            assert found == [row.code for row in rules.findings.values() if row.rule == rule["id"]]
            assert [case["id"] for case in rule["cases"]] == [c.id for c in cases_for(rule["id"])]

    async def test_what_is_not_confirmed_says_why(self, reader: httpx.AsyncClient) -> None:
        for rule in (await reader.get("/v1/rules")).json()["rules"]:
            assert rule["confirmed"] or rule["note"]

    @pytest.mark.parametrize("chapter", list(Chapter))
    async def test_one_chapter(self, reader: httpx.AsyncClient, chapter: Chapter) -> None:
        book = (await reader.get("/v1/rules", params={"chapter": chapter.value})).json()
        assert book["rules"]
        assert {rule["chapter"] for rule in book["rules"]} == {chapter.value}

    @pytest.mark.parametrize("params", [{"chapter": "all"}, {"language": "x" * 36}])
    async def test_a_filter_that_means_nothing_is_refused(
        self, reader: httpx.AsyncClient, params: dict[str, str]
    ) -> None:
        assert (await reader.get("/v1/rules", params=params)).status_code == 422


class TestLanguage:
    @pytest.mark.parametrize(
        ("parameter", "header", "language"),
        [
            ("", "", "en"),
            ("", "de-CH, en;q=0.5", "de"),
            ("", "fr, it", "en"),
            ("de", "en", "de"),
            ("en", "de", "en"),
            ("fr", "de", "de"),
            ("fr", "", "en"),
            ("%00;q=x,,", ";;", "en"),
        ],
    )
    async def test_parameter_wins_then_the_header_then_english(
        self, reader: httpx.AsyncClient, parameter: str, header: str, language: str
    ) -> None:
        params = {"language": parameter} if parameter else {}
        headers = {"Accept-Language": header} if header else {}
        answer = await reader.get("/v1/rules/R02", params=params, headers=headers)
        assert answer.json()["language"] == language
        assert answer.json()["rule"]["sentence"] == catalogues()[language]["rule.R02"]
        assert answer.headers["vary"] == "Accept-Language"


class TestLoadRule:
    async def test_gives_dates_papers_and_the_step_that_waits(
        self, reader: httpx.AsyncClient
    ) -> None:
        rule = (await reader.get("/v1/rules/C02")).json()["rule"]
        assert rule["due"] == "before_publication"
        assert "first_invoice" in rule["evidence"]
        assert [(row["valid_from"], row["valid_until"]) for row in rule["dates"]] == [
            (None, "2020-12-31")
        ]
        assert {"L24", "L26", "L28"} <= {source["id"] for source in rule["sources"]}

    async def test_a_rule_that_is_no_condition_has_neither(self, reader: httpx.AsyncClient) -> None:
        rule = (await reader.get("/v1/rules/R02")).json()["rule"]
        assert (rule["due"], rule["evidence"], rule["findings"], rule["note"]) == (
            None,
            [],
            [],
            None,
        )

    async def test_cites_the_sources_of_its_findings_too(self, reader: httpx.AsyncClient) -> None:
        rule = (await reader.get("/v1/rules/C10")).json()["rule"]
        assert {"L19", "M8"} <= {source["id"] for source in rule["sources"]}

    async def test_unknown_rule_is_not_found(self, reader: httpx.AsyncClient) -> None:
        answer = await reader.get("/v1/rules/C99")
        assert answer.status_code == 404
        assert answer.json()["code"] == "rule.unknown"

    @pytest.mark.parametrize("rule", ["c02", "%00", "C02%0A", "A" * 60])
    async def test_what_cannot_be_an_id_is_refused(
        self, reader: httpx.AsyncClient, rule: str
    ) -> None:
        assert (await reader.get(f"/v1/rules/{rule}")).status_code == 422


class TestKeeping:
    @pytest.mark.parametrize("path", ["/v1/rules", "/v1/rules/C05", "/v1/rules?chapter=rds"])
    async def test_unchanged_rules_are_not_sent_again(
        self, reader: httpx.AsyncClient, path: str
    ) -> None:
        first = await reader.get(path)
        etag = first.headers["etag"]
        assert not etag.startswith("W/")
        again = await reader.get(path, headers={"If-None-Match": etag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
        assert first.headers["cache-control"] == "public, max-age=300"

    async def test_other_language_or_chapter_has_another_tag(
        self, reader: httpx.AsyncClient
    ) -> None:
        paths = ("/v1/rules", "/v1/rules?language=de", "/v1/rules?chapter=rds", "/v1/rules/C05")
        tags = [(await reader.get(path)).headers["etag"] for path in paths]
        assert len(set(tags)) == len(paths)
