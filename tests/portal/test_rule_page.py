"""The rule book for people: all rules, in both languages, with words for everything that a rule can name."""

import re
from html.parser import HTMLParser

import httpx
import pytest

from marketplace.infra.render.texts import read_catalogue
from marketplace.licensing.cases.reading import load_cases
from marketplace.licensing.catalogue import load_catalogue
from marketplace.licensing.eligibility.findings import Outcome, load_rules
from marketplace.licensing.eligibility.positions import EvidenceKind
from marketplace.licensing.programmes import Perpetual, VestingRule
from marketplace.licensing.rules import Chapter, Due
from marketplace.licensing.texts import catalogues
from marketplace.licensing.zones import Answer, Origin, Zone
from marketplace.portal.pages import TEMPLATES, TEXTS, with_fields
from marketplace.rulebook.service.matrices import licence_server_matrix, session_host_matrix

FIELD = re.compile(r"\{(\w+)\}")


class Text(HTMLParser):
    """The visible text of a page, and the ids on it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.parts: list[str] = []
        self.feed(html)
        self.text = " ".join(" ".join(self.parts).split())

    def handle_starttag(self, _: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


async def show(reader: httpx.AsyncClient, path: str, language: str = "en") -> Text:
    return Text((await reader.get(path, headers={"Accept-Language": language})).text)


class TestPage:
    @pytest.mark.parametrize("language", sorted(TEXTS))
    async def test_shows_every_rule_once_with_its_sentence_and_doubt(
        self, reader: httpx.AsyncClient, language: str
    ) -> None:
        page, texts = await show(reader, "/rules", language), catalogues()[language]
        for rule in load_rules().rules:
            assert page.ids.count(rule) == 1
            assert texts[f"rule.{rule}"] in page.text
            assert texts.get(f"doubt.{rule}", "") in page.text

    @pytest.mark.parametrize("language", sorted(TEXTS))
    async def test_shows_every_finding_and_no_field_in_braces(
        self, reader: httpx.AsyncClient, language: str
    ) -> None:
        page, texts = await show(reader, "/rules", language), catalogues()[language]
        for code in load_rules().findings:
            opening = FIELD.split(texts[f"finding.{code}"])[0].strip()
            assert opening in page.text, code
        assert not FIELD.search(page.text)

    async def test_shows_every_case_in_the_readers_language(
        self, reader: httpx.AsyncClient
    ) -> None:
        english, german = await show(reader, "/rules"), await show(reader, "/rules", "de")
        for case in load_cases():
            assert case.id in english.text
            assert " ".join(case.title.split()) in english.text
            assert " ".join(case.title_de.split()) in german.text

    async def test_says_which_rules_no_source_confirms(self, reader: httpx.AsyncClient) -> None:
        for rule, row in load_rules().rules.items():
            page = await show(reader, f"/rules/{rule}")
            assert ("Not confirmed" in page.text.partition(" Sources ")[0]) >= (not row.confirmed)
        assert "Not confirmed" not in (await show(reader, "/rules/R02")).text

    async def test_one_rule_stands_alone_and_leads_back(self, reader: httpx.AsyncClient) -> None:
        answer = await reader.get("/rules/C05?language=de")
        page = Text(answer.text)
        assert "C05" in page.ids
        assert "C04" not in page.ids
        assert 'href="/rules?language=de"' in answer.text

    @pytest.mark.parametrize("rule", ["Z99", "c05", "%3Cb%3E", "%00", "x" * 500])
    async def test_unknown_rule_has_a_page_that_says_so(
        self, reader: httpx.AsyncClient, rule: str
    ) -> None:
        answer = await reader.get(f"/rules/{rule}")
        assert answer.status_code == 404
        assert "No rule has this id" in answer.text
        assert "<b>" not in answer.text

    async def test_shows_the_matrices(self, reader: httpx.AsyncClient) -> None:
        hosts = await show(reader, "/rules/X-RDS-HOST")
        assert "2019 no no no yes yes yes" in hosts.text
        servers = await show(reader, "/rules/X-RDS-LICENCE-SERVER")
        assert "2019 yes yes yes yes no no" in servers.text
        zones = await show(reader, "/rules/C22")
        assert "UK from 2021 no yes" in zones.text

    async def test_shows_what_each_programme_gives(self, reader: httpx.AsyncClient) -> None:
        page = await show(reader, "/rules/C05")
        term_end = "after the last payment and the end of the first term"
        assert f"Enterprise Agreement yes {term_end} " in page.text
        assert f"Open Value yes {term_end} *" in page.text
        assert "Retail or ESD key only not known not known" in page.text

    def test_inferred_cells_carry_a_mark(self) -> None:
        for matrix in (session_host_matrix(), licence_server_matrix()):
            assert {cell.confirmed for row in matrix.rows for cell in row.cells} == {True, False}


class TestWords:
    @pytest.mark.parametrize("language", sorted(TEXTS))
    def test_there_is_a_word_for_everything_a_rule_can_name_and_no_other(
        self, language: str
    ) -> None:
        rules, texts = load_rules(), catalogues()["en"]
        fields = {
            field
            for key, text in texts.items()
            if key.startswith(("finding.", "cure."))
            for field in FIELD.findall(text)
        }
        qualities = {source.quality for source in load_catalogue().sources.values()}
        wanted: dict[str, set[str]] = {
            "answer": set(Answer),
            "due": set(Due),
            "evidence": set(EvidenceKind),
            "field": fields,
            "help": set(Outcome),
            "origin": set(Origin),
            "outcome": set(Outcome),
            "perpetual": set(Perpetual),
            "quality": qualities,
            "title": set(rules.rules),
            "vesting": set(VestingRule),
            "zone": {zone for zone in Zone if zone is not Zone.OTHER},
            "chapter": {*Chapter, *(f"{chapter}_text" for chapter in Chapter)},
        }
        file = TEMPLATES / "locales" / language / "LC_MESSAGES" / "portal.po"
        ids = {str(message.id) for message in read_catalogue(file)}
        for kind, names in wanted.items():
            prefix = f"rules.{kind}_"
            shown = {text.removeprefix(prefix) for text in ids if text.startswith(prefix)}
            assert shown == names, kind

    def test_rules_speak_the_languages_of_the_pages(self) -> None:
        assert set(catalogues()) == set(TEXTS)

    def test_a_field_becomes_its_word_and_everything_is_escaped(self) -> None:
        shown = with_fields("<b> {programme} & {nonsense}.", TEXTS["de"])
        assert shown == (
            '&lt;b&gt; <span class="field">Programm</span> &amp; <span class="field">…</span>.'
        )
