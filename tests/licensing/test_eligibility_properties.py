"""What holds for every position, whatever is stated and shown: order, proof, unknowns, time, sources."""

import random
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.licensing.eligibility.conditions import assess, judge
from marketplace.licensing.eligibility.findings import Finding, Outcome
from marketplace.licensing.eligibility.positions import (
    CeaseUse,
    Declared,
    EvidenceKind,
    EvidenceSummary,
    FirstSeller,
    Medium,
    PaperState,
    SaStatus,
    SellerRole,
    SourcePosition,
    Term,
    summarise,
)
from marketplace.licensing.units import unit_of
from marketplace.licensing.zones import Zone
from tests.licensing.builders import (
    CONDITIONS,
    TODAY,
    boxed,
    declaration,
    enterprise,
    evidence,
    link,
    position,
    purchased,
    upgraded,
)
from tests.licensing.strategies import (
    any_days,
    days,
    declarations,
    kind_lists,
    positions,
    quantities,
    zones,
)

ALL_PAPERS = EvidenceSummary(frozenset(EvidenceKind), declaration())


def worst_by_rule(findings: tuple[Finding, ...]) -> dict[str, int]:
    worst: dict[str, int] = {}
    for row in findings:
        worst[row.rule_id] = max(worst.get(row.rule_id, 0), row.outcome.severity)
    return worst


class TestForEveryPosition:
    @given(case=positions, kinds=kind_lists, on=days, zone=zones, seed=st.integers())
    def test_the_order_of_evidence_does_not_matter(
        self,
        case: SourcePosition,
        kinds: list[EvidenceKind],
        on: date,
        zone: Zone | None,
        seed: int,
    ) -> None:
        shuffled = kinds * 2
        random.Random(seed).shuffle(shuffled)  # noqa: S311 - order, not secrecy
        first = assess(case, summarise(kinds), on, zone)
        assert first == assess(case, summarise(shuffled), on, zone)

    @given(case=positions, kinds=kind_lists, more=kind_lists, on=days, declared=declarations)
    def test_more_evidence_never_worsens(
        self,
        case: SourcePosition,
        kinds: list[EvidenceKind],
        more: list[EvidenceKind],
        on: date,
        declared: CeaseUse,
    ) -> None:
        before = worst_by_rule(assess(case, summarise(kinds), on))
        after = worst_by_rule(assess(case, summarise(kinds + more, declared), on))
        assert all(after[rule] <= before[rule] for rule in before)

    @given(case=positions, kinds=kind_lists, on=days, zone=zones)
    def test_only_confirmed_facts_pass_and_every_rule_answers(
        self, case: SourcePosition, kinds: list[EvidenceKind], on: date, zone: Zone | None
    ) -> None:
        found = assess(case, summarise(kinds), on, zone)
        assert all(row.confirmed for row in found if row.outcome is Outcome.PASS)
        asked = set(CONDITIONS)
        assert {row.rule_id for row in found} == asked - (set() if zone else {"C22"})

    @given(case=positions, kinds=kind_lists, on=days, wait=st.integers(1, 4000))
    def test_time_alone_never_worsens_payment_term_and_declaration(
        self, case: SourcePosition, kinds: list[EvidenceKind], on: date, wait: int
    ) -> None:
        early = worst_by_rule(assess(case, summarise(kinds), on))
        late = worst_by_rule(assess(case, summarise(kinds), on + timedelta(days=wait)))
        assert all(late[rule] <= early[rule] for rule in ("C05", "C07"))

    @given(case=positions, quantity=quantities)
    def test_rounding_gives_tradable_quantities_on_both_sides(
        self, case: SourcePosition, quantity: int
    ) -> None:
        unit = unit_of(case)
        down, up = unit.round_down(quantity), unit.round_up(quantity)
        assert down == 0 or (unit.fits(down) and down <= quantity)
        assert up == 0 or (unit.fits(up) and up >= quantity)
        assert not unit.fits(quantity) or down == quantity == up

    @given(case=positions, kinds=kind_lists, on=any_days, zone=zones)
    def test_the_same_facts_on_the_same_day_give_the_same_findings(
        self, case: SourcePosition, kinds: list[EvidenceKind], on: date, zone: Zone | None
    ) -> None:
        again = msgspec.json.decode(msgspec.json.encode(case), type=SourcePosition)
        found = assess(case, summarise(kinds), on, zone)
        assert assess(again, summarise(kinds), on, zone) == found

    @given(case=positions, kinds=kind_lists, on=days, zone=zones, seed=st.integers())
    def test_the_order_of_links_numbers_and_subscriptions_does_not_matter(
        self,
        case: SourcePosition,
        kinds: list[EvidenceKind],
        on: date,
        zone: Zone | None,
        seed: int,
    ) -> None:
        chance = random.Random(seed)  # noqa: S311 - order, not secrecy
        chain, rows = list(case.chain), list(case.from_sa_subscriptions)
        numbers = list(case.identifiers.items())
        for items in (chain, rows, numbers):
            chance.shuffle(items)
        shuffled = msgspec.structs.replace(
            case,
            chain=tuple(chain),
            from_sa_subscriptions=tuple(rows),
            identifiers=dict(numbers),
        )
        shown = summarise(kinds)
        assert assess(shuffled, shown, on, zone) == assess(case, shown, on, zone)

    @given(case=positions, kinds=kind_lists, on=days, zone=zones)
    def test_each_finding_stands_once_and_names_where_it_is_written(
        self, case: SourcePosition, kinds: list[EvidenceKind], on: date, zone: Zone | None
    ) -> None:
        found = assess(case, summarise(kinds), on, zone)
        codes = [row.code for row in found]
        assert len(codes) == len(set(codes))
        for row in found:
            assert row.sources
            assert not row.confirmed or set(row.sources) != {"MEM"}

    @given(case=positions, kinds=kind_lists, on=days)
    def test_nothing_is_published_while_something_holds_or_blocks(
        self, case: SourcePosition, kinds: list[EvidenceKind], on: date
    ) -> None:
        found = assess(case, summarise(kinds), on)
        stopped = {Outcome.HOLD, Outcome.BLOCK}
        open_rules = {row.rule_id for row in found if row.outcome in stopped} - {"C07"}
        assert judge(found).may_publish == (not open_rules)


# What is left unknown on a sound position, and the conditions that must not pass then.
UNKNOWN: list[tuple[SourcePosition, dict[str, Any], str]] = [
    (position(), {"programme": "barter"}, "C01 C03 C04 C05 C12 C15 C16"),
    (position(), {"agreement_number": ""}, "C01"),
    (position(), {"first_seller": FirstSeller.UNKNOWN}, "C01"),
    (position(), {"country": ""}, "C02 C22"),
    (position(), {"first_sold_on": None}, "C02 C22"),
    (position(), {"segment": ""}, "C13"),
    (position(), {"paid_in_full": False}, "C05"),
    (position(programme="csp_perpetual", term=Term.PERPETUAL), {"term": Term.UNKNOWN}, "C04"),
    (enterprise(), {"term_end_on": None}, "C05"),
    (enterprise(), {"purchased_version": ""}, "C06"),
    (enterprise(), {"purchased_metric": None}, "C20"),
    (enterprise(key="core_cal-2019-user", sa_ended_on=date(2021, 6, 30)), {"sa_ended_on": None},
     "C04 C06"),
    (upgraded(), {"sa_started_on": None}, "C06"),
    (upgraded(), {"sa_ended_on": None}, "C06"),
    (position(), {"sa_status": SaStatus.UNKNOWN}, "C21"),
    (position(), {"seller_role": SellerRole.UNKNOWN}, "C08 C11 C17"),
    (purchased(), {"chain": ()}, "C08 C11"),
    (purchased(), {"first_acquirer": ""}, "C11"),
    (purchased(), {"chain": (link(transferred_on=None),)}, "C08 C11"),
    (purchased(), {"chain": (link(ceased_on=None),)}, "C08"),
    (purchased(), {"chain": (link(cease_use=PaperState.MISSING),)}, "C08"),
    (purchased(), {"chain": (link(deed=PaperState.MISSING),)}, "C11"),
    (position(), {"terms_edition": ""}, "C12"),
    (position(), {"retention_covenant": Declared.UNKNOWN}, "C14"),
    (boxed(), {"medium": Medium.UNKNOWN}, "C16"),
    (boxed(), {"pack_size": None}, "C10"),
    (position(), {"third_party_rights": Declared.UNKNOWN}, "C18"),
]  # fmt: skip


class TestUnknown:
    @pytest.mark.parametrize(
        ("sound", "left_out", "rules"), UNKNOWN, ids=lambda value: str(value)[:40]
    )
    def test_holds_although_every_paper_is_there(
        self, sound: SourcePosition, left_out: dict[str, Any], rules: str
    ) -> None:
        hold = Outcome.HOLD.severity
        before = worst_by_rule(assess(sound, ALL_PAPERS, TODAY, Zone.EEA))
        case = msgspec.structs.replace(sound, **left_out)
        after = worst_by_rule(assess(case, ALL_PAPERS, TODAY, Zone.EEA))
        for rule in rules.split():
            assert before[rule] < hold <= after[rule], rule

    def test_papers_are_unknown_until_they_are_shown(self) -> None:
        for sound in (position(), enterprise(), upgraded(), boxed(), purchased()):
            found = worst_by_rule(assess(sound, EvidenceSummary(), TODAY))
            papers = {"C01", "C02", "C03", "C05", "C06", "C07", "C13", "C20"}
            assert all(found[rule] >= Outcome.HOLD.severity for rule in papers)

    def test_a_position_of_the_previous_release_still_reads_and_holds_what_it_was_not_asked(
        self,
    ) -> None:
        asked_since = {
            "purchased_version", "purchased_metric", "metric_changed_at_sa_renewal_on", "sa_status",
            "sa_started_on", "seller_role", "first_acquirer", "chain", "terms_edition",
            "retention_covenant", "from_sa_subscriptions", "medium", "third_party_rights",
        }  # fmt: skip
        stored = msgspec.to_builtins(enterprise())
        old = {name: value for name, value in stored.items() if name not in asked_since}
        found = assess(msgspec.convert(old, SourcePosition), evidence(), TODAY)
        held = {row.rule_id for row in found if row.outcome is Outcome.HOLD}
        assert held >= {"C06", "C08", "C11", "C12", "C14", "C17", "C18", "C20", "C21"}
