"""What must hold over the whole knowledge: more is never worse, order never matters, any process answers alike."""

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.licensing.case_forms import GivenLot, LotCase
from marketplace.licensing.cases import Lot, load_cases, load_sound_lots, lot_of
from marketplace.licensing.catalogue import Product, load_catalogue
from marketplace.licensing.conditions import assess, judge
from marketplace.licensing.coverage import (
    covers,
    licence_server_can_hold,
    substitutes_for,
    versions_covering,
)
from marketplace.licensing.findings import Finding, Outcome
from marketplace.licensing.positions import EvidenceKind, EvidenceSummary, SourcePosition

CATALOGUE: Final = load_catalogue()
CALS: Final = sorted(CATALOGUE.products.values())
LOTS: Final = [case for case in load_cases() if isinstance(case, LotCase)]
ROOT: Final = Path(__file__).parents[2]

# Where a newer RDS CAL is only inferred to reach a host that an older one reaches for certain (domain notes 3.3, cells
# marked u). Everywhere else a newer CAL loses neither reach nor certainty.
INFERRED: Final = {
    ("rds_cal", newer, host) for newer in ("2022", "2025") for host in ("2008", "2008r2", "2012", "2012r2")
}  # fmt: skip


def findings_of(lot: Lot) -> tuple[Finding, ...]:
    return assess(lot.position, lot.evidence, lot.on, lot.buyer)


def worst_by_rule(findings: tuple[Finding, ...]) -> dict[str, Outcome]:
    worst: dict[str, Outcome] = {}
    for row in findings:
        worst[row.rule_id] = max(
            row.outcome, worst.get(row.rule_id, Outcome.PASS), key=lambda found: found.severity
        )
    return worst


def steps(findings: tuple[Finding, ...]) -> int:
    """How many steps are open: each needs the ones before it, so a number says which."""
    verdict = judge(findings)
    return sum((verdict.may_submit, verdict.may_publish, verdict.may_match, verdict.may_transfer))


def servers_of(cal: Product) -> list[str]:
    return [row.id for row in CATALOGUE.servers_of(CATALOGUE.family_of(cal))]


def newer_than(cal: Product) -> tuple[Product, ...]:
    family = CATALOGUE.family_of(cal)
    return CATALOGUE.products_of(family, cal.metric)[CATALOGUE.cal_order(cal) + 1 :]


def everything() -> bytes:
    """Give all that the knowledge answers to the cases and to every CAL, as bytes."""
    answers = [findings_of(lot_of(case.given)) for case in LOTS]
    reach = [covers(cal, server) for cal in CALS for server in servers_of(cal)]
    stand_ins = [substitutes_for(cal) for cal in CALS]
    return msgspec.json.encode((answers, reach, stand_ins))


class TestNewerCal:
    @pytest.mark.parametrize("cal", CALS, ids=lambda cal: cal.key)
    def test_never_covers_less(self, cal: Product) -> None:
        for newer in newer_than(cal):
            for server in servers_of(cal):
                assert covers(newer, server).covered >= covers(cal, server).covered

    def test_loses_certainty_only_where_the_table_of_old_hosts_is_inferred(self) -> None:
        lost = {
            (cal.family, newer.version, server)
            for cal in CALS
            for newer in newer_than(cal)
            for server in servers_of(cal)
            if covers(cal, server).usable and not covers(newer, server).usable
        }
        assert lost == INFERRED

    @pytest.mark.parametrize("cal", CALS, ids=lambda cal: cal.key)
    def test_stands_in_only_where_nothing_is_lost(self, cal: Product) -> None:
        assert substitutes_for(cal)[0] == cal
        for other in substitutes_for(cal)[1:]:
            assert other in newer_than(cal)
            for server in servers_of(cal):
                assert covers(other, server).usable >= covers(cal, server).usable

    @pytest.mark.parametrize("cal", CALS, ids=lambda cal: cal.key)
    def test_is_offered_for_a_server_exactly_where_it_is_known_to_cover(self, cal: Product) -> None:
        for server in servers_of(cal):
            offered = [row.product for row in versions_covering(cal.family, server, cal.metric)]
            assert (cal in offered) == covers(cal, server).usable


class TestServers:
    @pytest.mark.parametrize("cal", CALS, ids=lambda cal: cal.key)
    def test_older_ones_are_covered_at_least_as_well(self, cal: Product) -> None:
        answers = [covers(cal, server).covered for server in servers_of(cal)]
        assert answers == sorted(answers, reverse=True)

    @pytest.mark.parametrize(
        "cal", [row for row in CALS if row.family == "rds_cal"], ids=lambda cal: cal.key
    )
    def test_hold_an_rds_cal_exactly_from_its_own_version_on(self, cal: Product) -> None:
        order = CATALOGUE.cal_versions["ws"]
        for server in CATALOGUE.servers_of(CATALOGUE.family_of(cal)):
            is_own_or_newer = order.index(server.cal_version) >= order.index(cal.version)
            assert licence_server_can_hold(cal, server.id).covered == is_own_or_newer
            # The session host table says the opposite order: the host may not be newer than the CAL.
            is_own_or_older = order.index(server.cal_version) <= order.index(cal.version)
            assert covers(cal, server.id).covered == is_own_or_older


class TestEvidence:
    @pytest.mark.parametrize("case", LOTS, ids=lambda case: case.id)
    def test_more_of_it_never_worsens_except_by_revealing_a_block(self, case: LotCase) -> None:
        lot = lot_of(case.given)
        before = findings_of(lot)
        for kind in EvidenceKind:
            more = EvidenceSummary(lot.evidence.kinds | {kind}, lot.evidence.cease_use)
            after = findings_of(msgspec.structs.replace(lot, evidence=more))
            worse = {
                rule
                for rule, outcome in worst_by_rule(after).items()
                if outcome.severity > worst_by_rule(before)[rule].severity
            }
            revealed = {row.rule_id for row in after if row.outcome is Outcome.BLOCK}
            assert worse <= revealed
            assert worse or steps(after) >= steps(before)

    @pytest.mark.parametrize("start", [row.id for row in load_sound_lots().sound])
    def test_less_of_it_never_opens_a_step(self, start: str) -> None:
        lot = lot_of(GivenLot(start=start))
        whole = steps(findings_of(lot))
        for kind in lot.evidence.kinds:
            fewer = EvidenceSummary(lot.evidence.kinds - {kind}, lot.evidence.cease_use)
            assert steps(findings_of(msgspec.structs.replace(lot, evidence=fewer))) <= whole


class TestFacts:
    @pytest.mark.parametrize("start", [row.id for row in load_sound_lots().sound])
    def test_left_out_of_a_sound_lot_never_improve_it(self, start: str) -> None:
        lot = lot_of(GivenLot(start=start))
        before = worst_by_rule(findings_of(lot))
        for field in msgspec.structs.fields(SourcePosition):
            if field.required:
                continue
            unstated = (
                field.default_factory() if field.default is msgspec.NODEFAULT else field.default
            )
            bare = msgspec.structs.replace(lot.position, **{field.name: unstated})
            after = worst_by_rule(findings_of(msgspec.structs.replace(lot, position=bare)))
            assert all(after[rule].severity >= before[rule].severity for rule in before), field


class TestOrder:
    @given(case=st.sampled_from(LOTS), seed=st.integers())
    def test_of_papers_and_numbers_does_not_matter(self, case: LotCase, seed: int) -> None:
        lot = lot_of(case.given)
        mixed = random.Random(seed)  # noqa: S311 - order, not secrecy
        papers = list(lot.evidence.kinds) * 2
        numbers = list(lot.position.identifiers.items())
        mixed.shuffle(papers)
        mixed.shuffle(numbers)
        position = msgspec.structs.replace(lot.position, identifiers=dict(numbers))
        evidence = EvidenceSummary(frozenset(papers), lot.evidence.cease_use)
        shuffled = Lot(position=position, evidence=evidence, on=lot.on, buyer=lot.buyer)
        assert findings_of(shuffled) == findings_of(lot)

    def test_of_findings_does_not_matter_to_the_verdict(self) -> None:
        for case in LOTS:
            found = findings_of(lot_of(case.given))
            assert judge(reversed(found)) == judge(found)


class TestAnyProcess:
    @pytest.mark.parametrize("seed", ["1", "2026"])
    def test_answers_the_same_bytes(self, seed: str) -> None:
        code = (
            "import sys; from tests.licensing.test_knowledge_properties import everything;"
            "sys.stdout.buffer.write(everything())"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        )
        assert done.stdout == everything()


class TestSources:
    @pytest.mark.parametrize("case", LOTS, ids=lambda case: case.id)
    def test_of_every_finding_are_known_and_memory_alone_confirms_nothing(
        self, case: LotCase
    ) -> None:
        for row in findings_of(lot_of(case.given)):
            assert row.sources
            assert set(row.sources) <= set(CATALOGUE.sources)
            assert not (row.confirmed and set(row.sources) == {"MEM"})
