"""The rule set is whole: every rule of the domain notes, doubts where no source confirms, and dates with a meaning."""

import re
from datetime import date

import pytest

from marketplace.licensing.catalogue import load_catalogue
from marketplace.licensing.rules import Chapter, RuleRow, load_rule_set
from marketplace.licensing.texts import catalogues

RULES = load_rule_set().rules
UNCONFIRMED = {
    # Marked as unconfirmed, wholly or in a part that decides, in the domain notes 1.2, 3.1, 3.2 and 3.4.
    "C15",
    "C17",
    "R03-2008",
    "R10",
    "R17",
    "R19",
    "R21",
    "RD06",
    "X-EXCHANGE",
    "X-EXCHANGE-USED",
}
UNSURE_IN_PART = {"C02", "C05", "C10", "C14", "C22", "R16", "X-RDS-HOST", "X-RDS-LICENCE-SERVER"}
"""Confirmed in the main, with a part that is not: cells, zones, programmes, the first day of a window."""


def ids(chapter: Chapter) -> list[str]:
    return [row.id for row in RULES.values() if row.chapter is chapter]


class TestWhole:
    def test_has_every_rule_of_the_notes_in_order(self) -> None:
        assert ids(Chapter.CONDITIONS) == [f"C{number:02d}" for number in range(1, 23)]
        base = ids(Chapter.BASE)
        assert [rule for rule in base if rule != "R03-2008"] == [f"R{n:02d}" for n in range(1, 22)]
        assert base.index("R03-2008") == base.index("R03") + 1
        rds = [f"RD{number:02d}" for number in range(1, 11)]
        assert ids(Chapter.RDS) == [*rds, "X-RDS-HOST", "X-RDS-LICENCE-SERVER"]
        assert len(ids(Chapter.FAMILIES)) == 5

    def test_only_conditions_wait_for_a_step(self) -> None:
        for row in RULES.values():
            assert (row.due is not None) == (row.chapter is Chapter.CONDITIONS), row.id

    def test_sources_that_can_be_read_lead_somewhere(self) -> None:
        sources = load_catalogue().sources
        for row in RULES.values():
            for key in row.sources:
                assert re.match(r"https?://", sources[key].url or "http://"), key


class TestDoubt:
    def test_unconfirmed_are_those_of_the_notes(self) -> None:
        assert {row.id for row in RULES.values() if not row.confirmed} == UNCONFIRMED

    @pytest.mark.parametrize("language", sorted(catalogues()))
    def test_whatever_is_not_sure_is_said_and_nothing_else_is_doubted(self, language: str) -> None:
        doubted = {
            key.removeprefix("doubt.") for key in catalogues()[language] if key.startswith("doubt.")
        }
        assert doubted == UNCONFIRMED | UNSURE_IN_PART


class TestDates:
    def dated(self) -> dict[str, RuleRow]:
        return {row.id: row for row in RULES.values() if row.dates}

    def test_are_the_lines_of_the_notes(self) -> None:
        (uk,) = self.dated()["C02"].dates
        assert (uk.since, uk.until) == (None, date(2020, 12, 31))
        (covenant,) = self.dated()["C14"].dates
        assert (covenant.since, covenant.until) == (date(2020, 5, 1), date(2021, 5, 31))
        (sales,) = self.dated()["C01"].dates
        assert sales.until == date(2021, 12, 31)

    def test_have_an_end_a_beginning_before_it_and_no_other_of_the_same_name(self) -> None:
        for row in self.dated().values():
            assert len({dated.id for dated in row.dates}) == len(row.dates)
            for dated in row.dates:
                assert dated.until is not None
                assert dated.since is None or dated.since < dated.until

    @pytest.mark.parametrize("language", sorted(catalogues()))
    def test_say_what_they_mean(self, language: str) -> None:
        wanted = {f"date.{row.id}.{dated.id}" for row in RULES.values() for dated in row.dates}
        assert {key for key in catalogues()[language] if key.startswith("date.")} == wanted


class TestLanguage:
    @pytest.mark.parametrize("language", sorted(catalogues()))
    def test_sentences_of_rules_can_be_read_at_once(self, language: str) -> None:
        # Most readers are no native speakers: no sentence longer than 35 words.
        for rule in RULES:
            for sentence in re.split(r"(?<=[.?])\s", catalogues()[language][f"rule.{rule}"]):
                assert len(sentence.split()) <= 35, (rule, sentence)

    def test_german_is_not_left_in_english(self) -> None:
        english, german = catalogues()["en"], catalogues()["de"]
        sentences = [key for key, text in english.items() if text.endswith((".", "?"))]
        assert [key for key in sentences if english[key] == german[key]] == []
