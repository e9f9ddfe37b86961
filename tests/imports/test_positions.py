"""Verdicts on lines: one judgement may serve many lines, so it must be the judgement of each."""

from datetime import date
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from marketplace.imports.domain.batch import FormatFacts, Kind
from marketplace.imports.domain.lines import Context, RawLine, Value
from marketplace.imports.domain.positions import check_licences, find_all, judge_alike
from marketplace.licensing.catalogue import load_catalogue
from marketplace.licensing.eligibility.conditions import judge
from marketplace.licensing.eligibility.positions import SourcePosition, Term
from marketplace.licensing.programmes import load_programmes

DAY: Final = date(2026, 11, 25)
PARTS: Final = sorted(load_catalogue().part_numbers)

positions = st.builds(
    lambda product, programme, quantity, **facts: SourcePosition(
        product=product, programme=programme, acquired=quantity, offered=quantity, **facts
    ),
    product=st.sampled_from(list(load_catalogue().products.values())),
    programme=st.sampled_from([*load_programmes().programmes, "unknown"]),
    quantity=st.integers(1, 1_000_000),
    agreement_number=st.sampled_from(["", "61234567", "V0001", "0", " "]),
    identifiers=st.sampled_from([{}, {"licence_number": "87654321"}, {"licence_number": "1"}]),
    part_number=st.sampled_from(["", "X", *PARTS]),
    country=st.sampled_from(["", "DE", "CH", "GB", "US", "NO"]),
    first_sold_on=st.none() | st.dates(date(2008, 1, 1), DAY),
    segment=st.sampled_from(
        ["commercial", "academic", "academic_student", "government", "charity"]
    ),
    term=st.sampled_from(Term),
)


@given(positions, st.sampled_from([Kind.LICENCE_LIST, Kind.LICENCE_STATEMENT]))
def test_shared_verdict_is_the_verdict_of_the_line(position: SourcePosition, kind: Kind) -> None:
    assert judge_alike(position, kind, DAY) == judge(find_all(position, kind, DAY))


def test_programme_beside_the_part_number_is_taken_and_noted() -> None:
    cells: dict[str, Value] = {"part_number": "R18-05767", "quantity": 5, "programme": "EA"}
    facts = FormatFacts(file_type="csv", table="list", heading_row=1, columns={})
    line = check_licences(RawLine(2, cells), Context(facts, DAY), Kind.LICENCE_LIST)
    assert line.position is not None
    assert line.position.programme == "enterprise_agreement"
    assert line.notes == ("programme_differs",)


def test_part_number_of_a_subscription_brings_its_term_and_is_blocked() -> None:
    number = "DG7GMGF0DVSV:000P"
    cells: dict[str, Value] = {"part_number": number, "product": "RDS 2022 User CAL", "quantity": 5}
    facts = FormatFacts(file_type="csv", table="list", heading_row=1, columns={})
    line = check_licences(RawLine(2, cells), Context(facts, DAY), Kind.LICENCE_LIST)
    assert line.notes == ("part_number_not_tradable",)
    assert line.position is not None
    assert line.position.term is Term.SUBSCRIPTION_3Y
    assert line.verdict == "block"
