"""What must hold over the whole knowledge: more is never worse, order never matters, any process answers alike."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.licensing.cases.forms import (
    CountsCase,
    EnvironmentCase,
    FitCase,
    GivenLot,
    LotCase,
)
from marketplace.licensing.cases.reading import (
    Lot,
    counted_of,
    environment_of,
    load_cases,
    load_sound_lots,
    lot_of,
    offer_of,
)
from marketplace.licensing.catalogue import Metric, Product, load_catalogue
from marketplace.licensing.coverage import (
    covers,
    licence_server_can_hold,
    substitutes_for,
    versions_covering,
)
from marketplace.licensing.eligibility.conditions import assess, judge
from marketplace.licensing.eligibility.findings import Finding, Outcome
from marketplace.licensing.eligibility.positions import (
    EvidenceKind,
    EvidenceSummary,
    SourcePosition,
)
from marketplace.licensing.environments.coverage import cover_environment
from marketplace.licensing.environments.environment import (
    Environment,
    LicenceServers,
    OwnedCal,
    People,
    ServerGroup,
    SessionHosts,
    checked,
)
from marketplace.licensing.environments.fit import Offered, check_fit
from marketplace.licensing.need.counts import Counts, answer_counts
from marketplace.licensing.need.options import OptionKind
from marketplace.licensing.need.prices import PriceList, PriceSource, UnitPrice
from marketplace.licensing.need.targets import Target
from marketplace.licensing.sku_text import decode_sku_text

CATALOGUE: Final = load_catalogue()
CALS: Final = sorted(CATALOGUE.products.values())
LOTS: Final = [case for case in load_cases() if isinstance(case, LotCase)]
ROOT: Final = Path(__file__).parents[2]

# Where a newer RDS CAL is only inferred to reach a host that an older one reaches for certain (domain notes 3.3, cells
# marked u). Everywhere else a newer CAL loses neither reach nor certainty.
INFERRED: Final = {
    ("rds_cal", newer, host) for newer in ("2022", "2025") for host in ("2008", "2008r2", "2012", "2012r2")
}  # fmt: skip


C = TypeVar("C", EnvironmentCase, FitCase, CountsCase)

HOSTS: Final = ("2012r2", "2016", "2019", "2022", "2025")
PRICES: Final = PriceList(
    "EUR",
    {cal.key: UnitPrice(100 * number, PriceSource.GIVEN) for number, cal in enumerate(CALS, 1)},
)

some = st.integers(1, 60)
counted = st.tuples(some, some, some, some).map(
    lambda n: Counts(
        users=max(n[0], n[2]),
        devices=max(n[1], n[3]),
        remote_users=n[2],
        remote_devices=n[3],
    )
)
targets = st.builds(
    Target,
    servers=st.lists(st.sampled_from(["2008", *HOSTS]), min_size=1, max_size=3).map(tuple),
    session_hosts=st.lists(st.sampled_from(HOSTS), max_size=2).map(tuple),
    licence_server=st.sampled_from(HOSTS),
)


def environment_like(counts: Counts, target: Target, metric: Metric) -> Environment:
    """Describe the counted people and servers as a buyer would, all session hosts in one mode."""
    return checked(
        Environment(
            servers=tuple(ServerGroup(line="ws", version=row) for row in target.servers),
            session_hosts=tuple(
                SessionHosts(version=row, mode=metric) for row in target.session_hosts
            ),
            licence_servers=(LicenceServers(version=target.licence_server),),
            people=People(
                users=counts.users,
                devices=counts.devices,
                remote_users=counts.remote_users,
                remote_devices=counts.remote_devices,
            ),
        )
    )


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


def of_kind(kind: type[C]) -> list[C]:
    return [case for case in load_cases() if isinstance(case, kind)]


def parts_of(case: CountsCase) -> tuple[Counts, Target, PriceList, tuple[OwnedCal, ...]]:
    asked = counted_of(case.given)
    return asked.counts, asked.target, asked.prices, asked.owned


def everything() -> bytes:
    """Give all that the knowledge answers to the cases and about every CAL, as bytes."""
    answers = [findings_of(lot_of(case.given)) for case in LOTS]
    reach = [covers(cal, server) for cal in CALS for server in servers_of(cal)]
    stand_ins = [substitutes_for(cal) for cal in CALS]
    needs = [cover_environment(environment_of(case.given)) for case in of_kind(EnvironmentCase)]
    fits = [
        check_fit(environment_of(case.given), offer_of(case.given)) for case in of_kind(FitCase)
    ]
    counted = [answer_counts(*parts_of(case)) for case in of_kind(CountsCase)]
    return msgspec.json.encode((answers, reach, stand_ins, needs, fits, counted))


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
    def test_of_findings_does_not_matter_to_the_verdict(self) -> None:
        for case in LOTS:
            found = findings_of(lot_of(case.given))
            assert judge(reversed(found)) == judge(found)


class TestParts:
    """The parts of the knowledge speak of the same rules, so what one advises the others must accept."""

    @given(data=st.data())
    def test_what_counts_buy_fits_the_same_environment(self, data: st.DataObject) -> None:
        counts, target = data.draw(counted), data.draw(targets)
        if not target.session_hosts:
            counts = msgspec.structs.replace(counts, remote_users=None, remote_devices=None)
        answer = answer_counts(counts, target, PRICES)
        for option in answer.options:
            metric = {OptionKind.ALL_USER: Metric.USER, OptionKind.ALL_DEVICE: Metric.DEVICE}.get(
                option.kind
            )
            if metric is None or option.gap.unbuyable:
                continue
            bought = tuple(Offered(row.product, row.quantity) for row in option.gap.shortfall)
            fit = check_fit(environment_like(counts, target, metric), bought)
            assert fit.missing == ()
            assert [line.missing for line in fit.lines] == [()] * len(bought)
            assert [line.surplus for line in fit.lines] == [0] * len(bought)

    @pytest.mark.parametrize("case", of_kind(EnvironmentCase), ids=lambda case: case.id)
    def test_what_an_environment_is_told_to_need_leaves_nothing_missing(
        self, case: EnvironmentCase
    ) -> None:
        environment = environment_of(case.given)
        needs = [need for group in cover_environment(environment).groups for need in group.needs]
        firsts = [need.options[0] for need in needs if need.options]
        bought = [
            Offered(option.products[0], option.quantity)
            for option in firsts
            if option.products and option.quantity
        ]
        before, after = check_fit(environment, ()), check_fit(environment, bought)
        answered = {row.product.family for row in bought}
        assert not {row.family for row in after.missing} & answered
        assert sum(row.quantity for row in after.missing) <= sum(
            row.quantity for row in before.missing
        )

    @pytest.mark.parametrize("case", of_kind(EnvironmentCase), ids=lambda case: case.id)
    def test_what_an_environment_may_use_covers_its_servers(self, case: EnvironmentCase) -> None:
        environment = environment_of(case.given)
        versions = {f"/servers/{n}": row.version for n, row in enumerate(environment.servers)}
        hosts = {
            f"/session_hosts/{n}": row.version for n, row in enumerate(environment.session_hosts)
        }
        versions |= hosts
        for group in cover_environment(environment).groups:
            for option in (option for need in group.needs for option in need.options):
                for cal in option.products:
                    assert covers(cal, versions[group.target]).usable
                for cal in option.unconfirmed:
                    answer = covers(cal, versions[group.target])
                    assert answer.covered
                    assert not answer.confirmed

    def test_texts_of_part_numbers_say_what_the_catalogue_says(self) -> None:
        rows = [row for row in CATALOGUE.part_numbers.values() if row.sku_text]
        assert rows
        for row in rows:
            said = decode_sku_text(row.sku_text or "")
            assert (said.family, said.version, said.metric) == (
                row.family,
                row.version,
                row.metric,
            )
            assert said.programme in row.programmes


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
    def test_of_every_finding_are_known_and_memory_alone_confirms_nothing(self) -> None:
        for row in (row for case in LOTS for row in findings_of(lot_of(case.given))):
            assert row.sources, row.code
            assert set(row.sources) <= set(CATALOGUE.sources), row.code
            assert not (row.confirmed and set(row.sources) == {"MEM"}), row.code
