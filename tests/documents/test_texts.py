"""Catalogues are complete, agree with each other and with the templates, and can be printed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from babel.messages.catalog import Catalog

from marketplace.documents.registry import KINDS
from marketplace.infra.render.texts import MissingText, Texts, load_texts, read_catalogue
from tests.support.certificates import TEMPLATES

LOCALES: Final = TEMPLATES / "locales"
LANGUAGES: Final = ("de", "en")
PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s")
LITERAL_ID: Final = re.compile(r'_\(\s*"([\w.]+)"\s*[,)]')
PLURAL_IDS: Final = re.compile(r'ngettext\(\s*"([\w.]+)",\s*"([\w.]+)"')
ID_PREFIX: Final = re.compile(r'_\(\s*"([\w.]+\.)" ~')


def catalogue(language: str) -> Catalog:
    return read_catalogue(LOCALES / language / "LC_MESSAGES/documents.po")


def entries(language: str) -> dict[tuple[str, ...], tuple[str, ...]]:
    def several(text: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
        return (text,) if isinstance(text, str) else tuple(text or ())

    return {several(m.id): several(m.string) for m in catalogue(language) if m.id}


def template_sources() -> Iterator[str]:
    for kind in KINDS.values():
        for file in (TEMPLATES / "documents" / kind.name).glob("v*/*.html"):
            yield file.read_text(encoding="utf-8")


class TestCatalogues:
    def test_every_kind_has_all_its_languages(self) -> None:
        assert set(load_texts(LOCALES)) == set(LANGUAGES)
        assert all(set(kind.languages) == set(LANGUAGES) for kind in KINDS.values())

    def test_languages_have_the_same_ids(self) -> None:
        assert entries("en").keys() == entries("de").keys()

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_every_text_is_translated_and_none_is_doubtful(self, language: str) -> None:
        assert all(all(texts) for texts in entries(language).values())
        assert not [message.id for message in catalogue(language) if message.id and message.fuzzy]

    def test_translations_use_the_same_placeholders(self) -> None:
        german = entries("de")
        for ids, texts in entries("en").items():
            of_english = {name for text in texts for name in PLACEHOLDER.findall(text)}
            of_german = {name for text in german[ids] for name in PLACEHOLDER.findall(text)}
            assert of_english == of_german, ids

    def test_no_percent_sign_would_break_the_formatting(self) -> None:
        for language in LANGUAGES:
            for texts in entries(language).values():
                assert not any("%" in PLACEHOLDER.sub("", text) for text in texts)


class TestTemplatesAndCatalogues:
    def test_every_id_in_a_template_has_a_text(self) -> None:
        known = {text for ids in entries("en") for text in ids}
        for source in template_sources():
            asked = set(LITERAL_ID.findall(source))
            asked |= {text for pair in PLURAL_IDS.findall(source) for text in pair}
            assert asked <= known

    def test_every_text_is_asked_for_by_a_template(self) -> None:
        asked: set[str] = set()
        prefixes: set[str] = set()
        for source in template_sources():
            asked.update(LITERAL_ID.findall(source))
            asked.update(text for pair in PLURAL_IDS.findall(source) for text in pair)
            prefixes.update(ID_PREFIX.findall(source))
        unused = {
            ids
            for ids in entries("en")
            if not asked.intersection(ids) and not ids[0].startswith(tuple(prefixes))
        }
        assert not unused

    def test_every_rule_of_the_checklist_is_worded(self) -> None:
        known = {ids[0] for ids in entries("en")}
        assert {f"condition.C{number:02d}" for number in range(1, 23)} <= known


class TestWriteLanguage:
    texts = load_texts(LOCALES)

    @pytest.mark.parametrize(
        ("language", "expected"), [("en", "5 November 2019"), ("de", "5. November 2019")]
    )
    def test_date_follows_the_language(self, language: str, expected: str) -> None:
        assert self.texts[language].long_date("2019-11-05") == expected

    def test_time_in_another_zone_is_dated_in_utc(self) -> None:
        assert self.texts["en"].short_date("2026-11-25T00:30:00+01:00") == "2026-11-24"

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_thousands_are_grouped_by_a_narrow_space(self, language: str) -> None:
        assert self.texts[language].number(1234567) == "1\u202f234\u202f567"

    def test_list_ends_with_and(self) -> None:
        assert self.texts["de"].listed(["2019", "2016"]) == "2019 und 2016"

    def test_country_is_named_and_unknown_code_stays(self) -> None:
        assert self.texts["de"].country("DE") == "Deutschland"
        assert self.texts["de"].country("Q9") == "Q9"

    def test_plural_follows_the_number(self) -> None:
        text = self.texts["en"].ngettext("lead.one", "lead.many", 1)
        assert "one client access licence" in text

    def test_missing_text_stops_the_paper(self) -> None:
        with pytest.raises(MissingText, match=r"nothing\.here"):
            self.texts["en"].gettext("nothing.here")

    def test_folder_without_catalogues_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(MissingText, match=r"no documents\.po"):
            load_texts(tmp_path)

    def test_catalogue_without_language_is_read_as_british_english(self) -> None:
        assert Texts(Catalog()).long_date("2019-11-05") == "5 November 2019"
