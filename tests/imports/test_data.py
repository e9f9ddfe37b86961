"""The data files and texts of this room: complete, without contradictions, and everything named exists."""

import re
from typing import Final

import pytest

from marketplace.imports.domain.batch import Kind, Refusal
from marketplace.imports.domain.headings import (
    Column,
    Name,
    TableForm,
    fold,
    load_forms,
    match,
)
from marketplace.imports.domain.kinds import KINDS
from marketplace.imports.domain.lines import LineProblem
from marketplace.imports.domain.names import (
    is_all_countries,
    read_country,
    read_offer,
    read_programme,
)
from marketplace.imports.domain.sentences import (
    catalogues,
    note_text,
    problem_text,
    refusal_text,
    sentence,
)
from marketplace.licensing.programmes import find_programme
from marketplace.licensing.sku_text import Offer
from tests.support.source import CHECKOUT

SOURCES: Final = [
    path.read_text() for path in sorted((CHECKOUT / "marketplace" / "imports").rglob("*.py"))
]


def raised(pattern: str) -> set[str]:
    return {code for text in SOURCES for code in re.findall(pattern, text)}


class TestSentences:
    def test_both_languages_say_the_same_things(self) -> None:
        english, german = catalogues()["en"], catalogues()["de"]
        assert english.keys() == german.keys()
        for key, text in english.items():
            fields = set(re.findall(r"{(\w+)}", text))
            assert set(re.findall(r"{(\w+)}", german[key])) == fields, key
            assert german[key] != text or key.startswith("import.column."), key

    def test_every_refusal_has_a_sentence(self) -> None:
        codes = raised(r'(?:FileRefused|Refusal)\(\s*"(\w+)"') | {"encrypted", "old_workbook"}
        assert len(codes) > 20
        for code in codes:
            assert f"import.refused.{code}" in catalogues()["en"], code

    def test_every_problem_has_a_sentence(self) -> None:
        codes = raised(r'LineProblem\(\s*"(\w+)"') | raised(r'code = "(quantity_\w+)"')
        codes |= {f"quantity_{one}" for one in ("unreadable", "not_whole", "too_large")}
        codes |= {"date_unreadable", "date_ambiguous", "user_missing", "text_too_long"}
        for code in codes:
            assert f"import.line.{code}" in catalogues()["en"], code

    def test_every_note_has_a_sentence(self) -> None:
        for code in raised(r'notes.append\("(\w+)"') | {"windows_1252", "temporary_licence"}:
            assert note_text(code)

    def test_fields_are_filled_and_unknown_language_is_english(self) -> None:
        refusal = Refusal("too_many_lines", {"most": 5})
        assert "5 Zeilen" in refusal_text(refusal, "de")
        assert refusal_text(refusal, "fr") == refusal_text(refusal)
        problem = LineProblem("product_ambiguous", "product", {"count": 3})
        assert "3 products" in problem_text(problem)
        with pytest.raises(KeyError):
            sentence("import.no_such", {})


class TestHeadings:
    @pytest.mark.parametrize("kind", Kind)
    def test_every_needed_field_has_a_column_in_four_languages(self, kind: Kind) -> None:
        for form in load_forms(kind.value):
            fields = {column.field: column for column in form.column}
            for group in form.needs:
                assert fields.keys() >= set(group)
            for column in form.column:
                assert {name.language for name in column.names} >= {"en", "de", "fr", "da"}

    @pytest.mark.parametrize("kind", Kind)
    def test_a_table_recognises_its_own_headings(self, kind: Kind) -> None:
        for form in load_forms(kind.value):
            for language in ("en", "de", "fr", "da"):
                row = [
                    next(name.text for name in column.names if name.language == language)
                    for column in form.column
                ]
                found = match([cell.upper() for cell in row], form)
                assert not found.missing
                assert not found.duplicates

    def test_confirmed_spelling_says_where_it_was_seen(self) -> None:
        for kind in Kind:
            for form in load_forms(kind.value):
                for column in form.column:
                    for name in column.names:
                        assert name.confirmed == bool(name.seen), name.text

    def test_spelling_that_stands_for_two_columns_is_a_defect(self) -> None:
        names = (Name(text="Menge", language="de"),)
        columns = (Column(field="a", names=names), Column(field="b", names=names))
        with pytest.raises(AssertionError, match="stands for a and for b"):
            match(["x"], TableForm(id="t", needs=(), column=columns))

    def test_every_kind_is_registered(self) -> None:
        assert set(KINDS) == set(Kind)


class TestWords:
    @pytest.mark.parametrize(
        ("text", "plain"), [("Gerät_Nr.  5", "gerat nr 5"), ("Quantité", "quantite"), ("--", "")]
    )
    def test_fold_leaves_letters_and_digits(self, text: str, plain: str) -> None:
        assert fold(text) == plain

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("de", "DE"),
            ("Deutschland", "DE"),
            ("Allemagne", "DE"),
            ("Tyskland", "DE"),
            ("United Kingdom", "GB"),
            ("XQ", None),
            ("Atlantis", None),
        ],
    )
    def test_country_is_known_by_code_or_name(self, text: str, code: str | None) -> None:
        assert read_country(text) == code

    @pytest.mark.parametrize(
        ("text", "programme"),
        [("Open-Lizenz", "open_license"), ("EA", "enterprise_agreement"), ("Foo", None)],
    )
    def test_programme_is_known_by_its_names(self, text: str, programme: str | None) -> None:
        assert read_programme(text) == programme
        assert programme is None or find_programme(programme) is not None

    def test_offer_and_all_countries(self) -> None:
        assert read_offer("Software-Assurance") is Offer.SA_ONLY
        assert read_offer("Mystery") is None
        assert is_all_countries("Alle Länder")
        assert not is_all_countries("Austria")
