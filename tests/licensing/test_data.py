"""The data files keep their promises: sources, confirmation, completeness, stable message ids."""

import string
import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import Any

import msgspec
import pytest

from marketplace.licensing.catalogue import Metric, load_catalogue
from marketplace.licensing.eligibility.findings import Outcome, evidence_for, load_rules
from marketplace.licensing.eligibility.positions import EvidenceKind, SellerRole, Term
from marketplace.licensing.programmes import LicenceTerms, Programme, load_programmes
from marketplace.licensing.reading import Row, read_data
from marketplace.licensing.rules import Chapter
from marketplace.licensing.texts import catalogues, sentence
from marketplace.licensing.units import load_units
from marketplace.licensing.zones import Answer, Origin, Zone, rulings
from tests.licensing.builders import CONDITIONS

DATA = resources.files("marketplace.licensing").joinpath("data")
FILES = sorted(entry.name for entry in DATA.iterdir() if entry.name.endswith(".toml"))
NO_ROWS = {"messages.toml", "sources.toml"}


def rows(file: str) -> Iterator[tuple[str, dict[str, Any]]]:
    content = tomllib.loads(DATA.joinpath(file).read_text("utf-8"))
    for table, value in content.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for row in value:
                yield table, row


def facts() -> list[Any]:
    return [
        pytest.param(row, id=f"{file}:{row.get('id') or row.get('number') or index}")
        for file in FILES
        if file not in NO_ROWS
        for index, (_, row) in enumerate(rows(file))
        if "confirmed" in row and "sources" in row
    ]


class TestEveryFact:
    @pytest.mark.parametrize("row", facts())
    def test_names_known_sources(self, row: dict[str, Any]) -> None:
        assert row["sources"]
        assert set(row["sources"]) <= set(load_catalogue().sources)

    @pytest.mark.parametrize("row", facts())
    def test_from_memory_alone_is_not_confirmed(self, row: dict[str, Any]) -> None:
        if set(row["sources"]) == {"MEM"}:
            assert row["confirmed"] is False

    def test_carries_sources_and_confirmation_wherever_it_decides(self) -> None:
        exempt = {"line", "exception", "finding", "source"}
        for file in FILES:
            for table, row in rows(file):
                if table not in exempt:
                    assert {"sources", "confirmed"} <= set(row), (file, row)

    def test_has_an_id_of_its_own(self) -> None:
        for file in FILES:
            keys = [
                (table, row.get("line"), row.get("id") or row.get("number") or row.get("code"))
                for table, row in rows(file)
                if {"id", "number", "code"} & set(row)
            ]
            assert len(keys) == len(set(keys)), file

    def test_with_a_misspelt_field_is_refused(self) -> None:
        with pytest.raises(msgspec.ValidationError, match="unknown field"):
            msgspec.convert({"sources": ["M1"], "confirmed": True, "sauce": "x"}, Row)

    def test_lives_in_a_file_that_must_exist(self) -> None:
        with pytest.raises(FileNotFoundError):
            read_data("nothing.toml", dict)


class TestReferences:
    def test_part_numbers_name_families_versions_programmes_segments(self) -> None:
        catalogue, matrix = load_catalogue(), load_programmes()
        for row in catalogue.part_numbers.values():
            family = catalogue.families[row.family]
            assert row.version is None or row.version in catalogue.cal_versions[family.line]
            assert set(row.programmes) <= set(matrix.programmes)
            assert row.segment is None or row.segment in matrix.segments

    def test_families_name_lines_metrics_and_needed_families(self) -> None:
        catalogue = load_catalogue()
        for row in catalogue.families.values():
            assert row.line in catalogue.lines
            assert set(row.metrics) <= set(catalogue.metrics)
            assert not row.needs or row.needs in catalogue.families

    def test_the_zone_table_is_complete(self) -> None:
        cells = [(row.origin, row.buyer) for row in rulings()]
        assert sorted(cells) == sorted((origin, zone) for origin in Origin for zone in Zone)

    def test_an_open_zone_is_always_confirmed(self) -> None:
        # A yes nobody states would make `c02.pass` or `c22.pass` impossible: it must say "review".
        assert all(row.confirmed for row in rulings() if row.answer is Answer.YES)

    def test_units_and_segments_behind_a_pass_are_confirmed(self) -> None:
        assert all(row.confirmed for row in load_units().values())
        segments = load_programmes().segments.values()
        assert all(row.confirmed for row in segments if not row.restricted)

    def test_every_rule_cites_a_source(self) -> None:
        assert all(row.sources for row in load_rules().rules.values())


class TestRuleSet:
    def test_has_the_22_conditions_in_order(self) -> None:
        conditions = [
            row.id for row in load_rules().rules.values() if row.chapter is Chapter.CONDITIONS
        ]
        assert conditions == [f"C{number:02d}" for number in range(1, 23)]

    def test_every_condition_can_pass_and_fail(self) -> None:
        outcomes: dict[str, set[Outcome]] = {}
        for row in load_rules().findings.values():
            outcomes.setdefault(row.rule, set()).add(row.outcome)
        assert set(outcomes) == set(CONDITIONS)
        assert all(Outcome.PASS in found and len(found) > 1 for found in outcomes.values())

    def test_only_conditions_make_findings_and_every_condition_is_due(self) -> None:
        book = load_rules()
        assert {row.rule for row in book.findings.values()} <= set(CONDITIONS)
        assert all(book.rules[rule].due is not None for rule in CONDITIONS)

    def test_codes_begin_with_their_rule(self) -> None:
        for code, row in load_rules().findings.items():
            assert code.split(".")[0] == row.rule.lower()

    def test_what_holds_says_how_it_is_cured(self) -> None:
        for row in load_rules().findings.values():
            if row.outcome is Outcome.HOLD:
                assert row.curable, row.code

    def test_what_waits_for_papers_names_them(self) -> None:
        for code, row in load_rules().findings.items():
            if code.endswith("unproven"):
                assert row.evidence, code

    @pytest.mark.parametrize(
        ("rule", "kinds"),
        [
            ("C03", {EvidenceKind.FIRST_INVOICE}),
            # Nothing proves C18 beforehand; what its holds wait for is what a certificate names.
            ("C18", {EvidenceKind.AUTHORITY_PROOF, EvidenceKind.OTHER}),
        ],
    )
    def test_papers_prove_a_rule_or_cure_what_it_finds(
        self, rule: str, kinds: set[EvidenceKind]
    ) -> None:
        assert evidence_for(rule) == kinds

    def test_finding_sources_are_known(self) -> None:
        known = set(load_catalogue().sources)
        assert all(set(row.sources) <= known for row in load_rules().findings.values())


class TestTexts:
    def test_every_language_has_the_same_sentences_with_the_same_fields(self) -> None:
        english = catalogues()["en"]
        for language, texts in catalogues().items():
            assert set(texts) == set(english), language
            for key, text in texts.items():
                assert _fields(text) == _fields(english[key]), (language, key)

    def test_every_rule_and_finding_has_its_sentences_and_no_other_exists(self) -> None:
        rules = load_rules()
        wanted = {f"rule.{rule}" for rule in rules.rules}
        wanted |= {f"finding.{code}" for code in rules.findings}
        wanted |= {f"cure.{code}" for code, row in rules.findings.items() if row.curable}
        prefixes = ("rule.", "finding.", "cure.")
        assert {key for key in catalogues()["en"] if key.startswith(prefixes)} == wanted

    def test_every_sentence_ends_like_one(self) -> None:
        for texts in catalogues().values():
            said = {key: text for key, text in texts.items() if not key.startswith("word.")}
            assert [key for key, text in said.items() if not text.endswith((".", "?"))] == []

    def test_every_word_of_the_data_is_known_and_no_other(self) -> None:
        matrix = load_programmes()
        identifiers = {name for row in matrix.programmes.values() for name in identifiers_of(row)}
        wanted: dict[str, set[Any]] = {
            "unit": set(load_units()),
            "segment": set(matrix.segments),
            "identifier": identifiers,
            "zone": set(Zone),
            "metric": set(Metric),
            "role": set(SellerRole) - {SellerRole.UNKNOWN},
            "term": set(Term) - {Term.PERPETUAL, Term.UNKNOWN},
            "terms": set(LicenceTerms) - {LicenceTerms.PRODUCT_TERMS},
            "aspect": {"family", "version", "metric", "segment", "pack_size", "programme"},
        }
        words = {f"word.{kind}.{name}" for kind, names in wanted.items() for name in names}
        kinds = tuple(f"word.{kind}." for kind in wanted)
        assert {key for key in catalogues()["en"] if key.startswith(kinds)} == words

    def test_a_param_from_outside_is_printed_as_it_is(self) -> None:
        text = sentence("finding.c01.programme_unknown", {"programme": "@word.unit.nothing"})
        assert "word.unit.nothing" in text
        assert "@Home GmbH" in sentence("finding.c08.not_declared", {"links": "@Home GmbH > B"})


def identifiers_of(row: Programme) -> set[str]:
    return {name for name in (row.main_identifier, *row.further_identifiers) if name}


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
