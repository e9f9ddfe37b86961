"""What kind of right it is: C04 unlimited in time, C05 paid and vested by the programme's date rule."""

from datetime import date

from marketplace.licensing.catalogue import FamilyKind, load_catalogue
from marketplace.licensing.days import day_after
from marketplace.licensing.eligibility.findings import Case, Finding
from marketplace.licensing.eligibility.positions import Term
from marketplace.licensing.programmes import (
    Perpetual,
    Programme,
    Vesting,
    VestingRule,
    VestingState,
    vesting_on,
)


def unlimited_term(case: Case) -> list[Finding]:
    """C04: the right never ends, by programme, by the term on the order, and for suites by the end of SA (M8)."""
    programme = case.programme
    if programme is None:
        return [case.find("c04.programme_unknown")]
    found = [
        *_by_programme(case, programme),
        *_by_term(case, programme),
        *_by_part_number(case),
        *_by_suite(case),
    ]
    return found or [case.find("c04.pass", {"programme": programme.name}, facts=[programme])]


def vested(case: Case) -> list[Finding]:
    """C05: all payments made and the programme's day has come; until then hold, with the day to look again."""
    programme, position = case.programme, case.position
    if programme is None:
        return [case.find("c05.programme_unknown")]
    vesting = vesting_on(
        programme,
        paid_in_full=position.paid_in_full,
        term_end_on=position.term_end_on,
        on=case.on,
    )
    params = {"programme": programme.name}
    if vesting.state is VestingState.NEVER:
        return [case.find("c05.never_vests", params, facts=[programme])]
    if vesting.state is VestingState.RULE_UNKNOWN:
        return [case.find("c05.rule_unknown", params, facts=[programme])]
    found = [
        *_buyout(case, programme),
        *_vesting_date(case, programme, vesting),
        *_payment(case, programme),
    ]
    return found or [case.find("c05.pass", params, facts=[programme], confirmed=vesting.confirmed)]


def _by_programme(case: Case, programme: Programme) -> list[Finding]:
    params = {"programme": programme.name}
    if programme.perpetual is Perpetual.NO:
        return [case.find("c04.not_perpetual", params, facts=[programme])]
    if programme.perpetual is Perpetual.UNKNOWN:
        return [case.find("c04.perpetuity_unknown", params, facts=[programme])]
    if programme.perpetual is Perpetual.YES:
        return []
    order = _buyout_order(case)
    if not order:
        return [case.find("c04.buyout_missing", params, facts=[programme])]
    if not case.is_shown("c04.buyout_unproven"):
        return [case.find("c04.buyout_unproven", {"buyout_order": order}, facts=[programme])]
    return []


def _by_term(case: Case, programme: Programme) -> list[Finding]:
    term = case.position.term
    if term is Term.UNKNOWN:
        params = {"programme": programme.name}
        return [case.find("c04.term_unknown", params)] if programme.term_decides else []
    if term is Term.PERPETUAL:
        return []
    return [case.find("c04.limited_term", {"term": f"@word.term.{term.value}"})]


def _by_part_number(case: Case) -> list[Finding]:
    position = case.position
    # In CSP one product serves purchases and subscriptions; only the SKU id behind it tells them apart (P6).
    numbers = (position.part_number, position.identifiers.get("product_sku_id", ""))
    for row in map(load_catalogue().find_part_number, numbers):
        # Only a confirmed row may block: a number from memory must not stop an honest seller.
        if row is not None and row.confirmed and not row.tradable:
            params = {"part_number": row.number}
            return [case.find("c04.term_not_purchased", params, facts=[row])]
    return []


def _by_suite(case: Case) -> list[Finding]:
    family = load_catalogue().family_of(case.position.product)
    if family.kind is not FamilyKind.SUITE:
        return []
    ended_on = case.position.sa_ended_on
    if ended_on is None:
        return [case.find("c04.suite_sa_end_unknown")]
    recheck_on = day_after(ended_on)
    params = {"sa_ended_on": ended_on.isoformat(), "recheck_on": recheck_on.isoformat()}
    if case.on < recheck_on:
        return [case.find("c04.suite_sa_running", params, recheck_on=recheck_on)]
    if not case.is_shown("c04.suite_sa_end_unproven"):
        return [case.find("c04.suite_sa_end_unproven", params)]
    return []


def _buyout(case: Case, programme: Programme) -> list[Finding]:
    """Say that a subscription without a buy-out has not vested; C04 blocks it."""
    needs_order = programme.perpetual is Perpetual.AFTER_BUYOUT
    if not needs_order or _buyout_order(case):
        return []
    return [case.find("c05.not_bought_out", {"programme": programme.name}, facts=[programme])]


def _buyout_order(case: Case) -> str:
    return case.position.identifiers.get("buyout_order", "").strip()


def _payment(case: Case, programme: Programme) -> list[Finding]:
    if not case.position.paid_in_full:
        return [case.find("c05.not_paid")]
    on_purchase = programme.vesting is VestingRule.ON_PURCHASE
    code = "c05.purchase_unproven" if on_purchase else "c05.payment_unproven"
    return [] if case.is_shown(code) else [case.find(code)]


def _vesting_date(case: Case, programme: Programme, vesting: Vesting) -> list[Finding]:
    if programme.vesting is not VestingRule.FULL_PAYMENT_AND_TERM_END:
        return []
    term_end_on = case.position.term_end_on
    if vesting.vests_on is None or term_end_on is None:
        return [case.find("c05.term_end_unknown", confirmed=vesting.confirmed)]
    params = _days(term_end_on, vesting.vests_on)
    sold_on = case.position.first_sold_on
    if sold_on is not None and sold_on > term_end_on:
        # The source speaks of the first term; what holds for licences ordered in a later one was not read.
        dated = {**params, "first_sold_on": sold_on.isoformat()}
        return [case.find("c05.bought_after_term", dated)]
    if case.on < vesting.vests_on:
        return [
            case.find(
                "c05.not_vested", params, confirmed=vesting.confirmed, recheck_on=vesting.vests_on
            )
        ]
    if not case.is_shown("c05.term_end_unproven"):
        return [case.find("c05.term_end_unproven", params)]
    return []


def _days(term_end_on: date, vests_on: date) -> dict[str, str | int]:
    return {"term_end_on": term_end_on.isoformat(), "recheck_on": vests_on.isoformat()}
