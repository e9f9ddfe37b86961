"""The cases of the rule book, one test each; and what they must hold between them."""

from collections.abc import Sequence

import pytest

from marketplace.licensing.cases.forms import (
    AnyCase,
    CountsCase,
    CoverageCase,
    EnvironmentCase,
    FitCase,
    GivenEnvironment,
    GivenLot,
    LotCase,
    NeededCal,
    Step,
)
from marketplace.licensing.cases.reading import (
    cases_for,
    counted_of,
    environment_of,
    load_cases,
    load_sound_lots,
    lot_of,
    offer_of,
    title_of,
)
from marketplace.licensing.catalogue import load_catalogue
from marketplace.licensing.coverage import Coverage, covers, licence_server_can_hold
from marketplace.licensing.eligibility.conditions import Verdict, assess, judge
from marketplace.licensing.eligibility.findings import Finding, load_rules
from marketplace.licensing.environments.coverage import Option, cover_environment, statements_of
from marketplace.licensing.environments.fit import check_fit
from marketplace.licensing.need.counts import CountsAnswer, answer_counts
from marketplace.licensing.rules import load_rule_set
from marketplace.licensing.texts import cure_text, finding_text

LOTS = [case for case in load_cases() if isinstance(case, LotCase)]
COVERAGES = [case for case in load_cases() if isinstance(case, CoverageCase)]
FITS = [case for case in load_cases() if isinstance(case, FitCase)]
COUNTS = [case for case in load_cases() if isinstance(case, CountsCase)]
ENVIRONMENTS = [case for case in load_cases() if isinstance(case, EnvironmentCase)]

# Rules that the rule book tells people and no code decides by: nothing is answered by them that could be wrong.
TOLD = {"R18", "R19", "R20", "RD03", "RD04", "RD07", "RD08", "RD10", "X-EXCHANGE-USED"}


def named(cases: Sequence[AnyCase]) -> list[object]:
    return [pytest.param(case, id=case.id) for case in cases]


def open_steps(verdict: Verdict) -> set[Step]:
    answers = {
        Step.SUBMIT: verdict.may_submit,
        Step.PUBLISH: verdict.may_publish,
        Step.MATCH: verdict.may_match,
        Step.TRANSFER: verdict.may_transfer,
    }
    return {step for step, is_open in answers.items() if is_open}


def findings_of(given: GivenLot) -> tuple[Finding, ...]:
    lot = lot_of(given)
    return assess(lot.position, lot.evidence, lot.on, lot.buyer)


class TestLot:
    @pytest.mark.parametrize("case", named(LOTS))
    def test_is_found_and_judged_as_written(self, case: LotCase) -> None:
        findings, then = findings_of(case.given), case.then
        of_its_rules = [row.code for row in findings if row.rule_id in case.rules]
        assert sorted(of_its_rules) == sorted(then.found)
        assert not {row.code for row in findings} & set(then.absent)
        unconfirmed = {row.code for row in findings if not row.confirmed}
        assert unconfirmed & set(of_its_rules) == set(then.unconfirmed)
        said = {row.code: row.params for row in findings}
        assert all(said[code] | params == said[code] for code, params in then.params.items())
        verdict = judge(findings)
        assert then.outcome in {None, verdict.outcome}
        assert then.steps is None or open_steps(verdict) == set(then.steps)
        assert verdict.recheck_on == then.recheck_on

    @pytest.mark.parametrize("language", ["en", "de"])
    def test_can_be_said_in_words(self, language: str) -> None:
        for row in (row for case in LOTS for row in findings_of(case.given)):
            assert finding_text(row, language)
            assert bool(cure_text(row, language)) == bool(row.cure_key)


class TestSoundLot:
    @pytest.mark.parametrize("start", [row.id for row in load_sound_lots().sound])
    def test_opens_every_step(self, start: str) -> None:
        assert open_steps(judge(findings_of(GivenLot(start=start)))) == set(Step)

    @pytest.mark.parametrize("start", [row.id for row in load_sound_lots().sound])
    def test_is_used(self, start: str) -> None:
        assert any(case.given.start == start for case in LOTS)

    def test_has_no_field_that_positions_do_not_have(self) -> None:
        with pytest.raises(KeyError, match="colour"):
            lot_of(GivenLot(start="open", change={"colour": "red"}))


class TestCoverage:
    @pytest.mark.parametrize("case", named(COVERAGES))
    def test_is_as_written(self, case: CoverageCase) -> None:
        answer = self.ask(case)
        given = (answer.covered, answer.rule, answer.confirmed)
        assert given == (case.then.covered, case.then.rule, case.then.confirmed)
        assert case.then.rule in case.rules

    def ask(self, case: CoverageCase) -> Coverage:
        cal = load_catalogue().product(case.given.cal)
        if case.given.licence_server:
            assert not case.given.server
            return licence_server_can_hold(cal, case.given.licence_server)
        return covers(cal, case.given.server)


class TestEnvironment:
    @pytest.mark.parametrize("case", named(ENVIRONMENTS))
    def test_needs_and_asks_what_is_written(self, case: EnvironmentCase) -> None:
        answer, then = cover_environment(environment_of(case.given)), case.then
        needs = {
            (group.target, need.family): need for group in answer.groups for need in group.needs
        }
        assert set(needs) == {(row.target, row.family) for row in then.needs}
        for row in then.needs:
            self.check(row, needs[row.target, row.family].options)
        assert {group.target: group.free.rule for group in answer.groups if group.free} == then.free
        spoken = {row.rule for group in answer.groups for row in statements_of(group)}
        spoken |= {row.rule for row in answer.notes}
        assert set(then.notes) <= spoken
        assert set(then.questions) <= {row.rule for row in answer.questions}
        assert set(then.conflicts) == {row.rule for row in answer.conflicts}
        assert then.confirmed in {None, answer.confirmed}

    def check(self, row: NeededCal, options: tuple[Option, ...]) -> None:
        if row.cal:
            wanted = load_catalogue().product(row.cal)
            options = tuple(option for option in options if option.metric is wanted.metric)
            assert [option.products[:1] for option in options] == [(wanted,)]
        else:
            assert not any(option.products for option in options)
        if row.quantity is not None:
            assert {option.quantity for option in options} == {row.quantity}

    def test_with_a_misspelt_field_is_refused(self) -> None:
        with pytest.raises(KeyError, match="colour"):
            environment_of(GivenEnvironment(people={"colour": "red"}))


class TestFit:
    @pytest.mark.parametrize("case", named(FITS))
    def test_is_as_written(self, case: FitCase) -> None:
        fit, then = check_fit(environment_of(case.given), offer_of(case.given)), case.then
        assert fit.verdict is then.verdict
        assert tuple(line.verdict for line in fit.lines) == then.lines
        lacking = [
            (row.family, row.quantity, row.product.key if row.product else "")
            for row in fit.missing
        ]
        assert lacking == [(row.family, row.quantity, row.cal) for row in then.missing]
        assert then.surplus in {None, tuple(line.surplus for line in fit.lines)}
        spoken = {row.rule for line in fit.lines for row in line.notes}
        spoken |= {row.statement.rule for line in fit.lines for row in line.reaches}
        spoken |= {row.statement.rule for line in fit.lines for row in line.missing}
        assert set(then.spoken) <= spoken
        assert set(then.better) <= {row.product.key for line in fit.lines for row in line.better}


class TestCounts:
    @pytest.mark.parametrize("case", named(COUNTS))
    def test_give_the_options_and_the_advice_that_are_written(self, case: CountsCase) -> None:
        asked, then = counted_of(case.given), case.then
        answer = answer_counts(asked.counts, asked.target, asked.prices, asked.owned)
        priced = {row.kind: row.cost.amount_minor for row in answer.options if row.cost is not None}
        assert priced == then.costs
        assert {row.kind for row in answer.options if row.cost is None} == set(then.unpriced)
        assert answer.advice.recommended is then.recommended
        if then.buy is not None:
            assert self.bought(answer) == then.buy
        external = answer.external
        assert (external.recommended if external else None) is then.external
        break_even = external.break_even if external else None
        assert (break_even.amount_minor if break_even else None) == then.break_even

    def bought(self, answer: CountsAnswer) -> dict[str, int]:
        taken = [row for row in answer.options if row.kind is answer.advice.recommended]
        return {row.product.key: row.quantity for option in taken for row in option.gap.shortfall}


class TestAllCases:
    def test_have_ids_and_titles_of_their_own(self) -> None:
        for seen in (
            [case.id for case in load_cases()],
            [case.title for case in load_cases()],
            [case.title_de for case in load_cases()],
        ):
            assert sorted(seen) == sorted(set(seen))

    def test_cite_rules_that_exist(self) -> None:
        known = set(load_rule_set().rules)
        assert {rule for case in load_cases() for rule in case.rules} <= known

    def test_name_findings_that_exist(self) -> None:
        known = set(load_rules().findings)
        named_codes = {code for case in LOTS for code in (*case.then.found, *case.then.absent)}
        assert named_codes <= known

    def test_hold_every_finding_that_a_condition_can_make(self) -> None:
        held = {code for case in LOTS for code in case.then.found}
        assert set(load_rules().findings) - held == set(), "findings without a case"

    def test_hold_every_rule_that_the_program_decides_by(self) -> None:
        unheld = {rule for rule in load_rule_set().rules if not cases_for(rule)}
        assert unheld == TOLD, "rules without a case, or rules of TOLD that have one now"

    def test_are_more_than_three_hundred_of_every_kind(self) -> None:
        sizes = [len(LOTS), len(COVERAGES), len(ENVIRONMENTS), len(COUNTS), len(FITS)]
        assert sum(sizes) == len(load_cases()) >= 320
        at_least = [190, 80, 25, 25, 25]
        assert all(size >= least for size, least in zip(sizes, at_least, strict=True)), sizes

    def test_cite_the_rules_of_their_findings(self) -> None:
        for case in LOTS:
            rules = {load_rules().findings[code].rule for code in case.then.found}
            assert rules <= set(case.rules), case.id

    def test_titles_are_sentences(self) -> None:
        for case in load_cases():
            for title in (title_of(case, "en"), title_of(case, "de")):
                assert title.endswith("."), case.id
                assert title[0].isupper() or title[0].isdigit(), case.id

    def test_are_found_by_the_rule_they_hold(self) -> None:
        case: AnyCase = COVERAGES[0]
        assert case in cases_for(case.rules[0])
        assert cases_for("no such rule") == ()
