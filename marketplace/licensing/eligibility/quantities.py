"""How many: C09 conservation of the position, C10 tradable units, C07 end of own use."""

from datetime import date

from marketplace.licensing.catalogue import Product, Reach, load_catalogue
from marketplace.licensing.eligibility.findings import Case, Finding
from marketplace.licensing.eligibility.positions import CeaseUse, SourcePosition
from marketplace.licensing.units import Unit, UnitSize, is_stripped_suite, unit_of


def conserved(case: Case) -> list[Finding]:
    """C09: acquired = sold earlier + retained + offered; more blocks, less is unexplained."""
    position = case.position
    parts = (
        position.sold_earlier,
        position.retained,
        position.offered,
        position.offered_elsewhere,
    )
    if position.offered < 1 or min(parts) < 0 or position.acquired < 0:
        return [case.find("c09.impossible")]
    accounted = sum(parts)
    params = {
        "acquired": position.acquired,
        "accounted": accounted,
        "missing": position.acquired - accounted,
    }
    if accounted > position.acquired:
        return [case.find("c09.overdraw", params)]
    return [case.find("c09.unexplained" if accounted < position.acquired else "c09.pass", params)]


def tradable_units(case: Case) -> list[Finding]:
    """C10: the offer is made of whole units; a part of a volume position carries a label."""
    position, unit = case.position, unit_of(case.position)
    params: dict[str, str | int] = {
        "unit": f"@word.unit.{unit.rule.id}",
        "unit_size": unit.size,
        "quantity": position.offered,
    }
    if is_stripped_suite(position):
        return [case.find("c10.suite_stripped", facts=[unit.rule])]
    if unit.size == 0 and unit.rule.size is UnitSize.PACK:
        return [case.find("c10.pack_size_unknown", facts=[unit.rule])]
    if unit.size == 0:
        return [case.find("c10.inseparable", params, facts=[unit.rule])]
    if unit.fits(position.offered):
        return _split(case, unit) or [case.find("c10.pass", params, facts=[unit.rule])]
    return [_misfit(case, unit, params)]


def use_ended(case: Case) -> list[Finding]:
    """C07 for the whole offer; due before the transfer, so it does not stop a listing."""
    declared = case.evidence.cease_use
    code, params, recheck_on = _cease_use(
        case.position.product, case.position.offered, declared, case.on
    )
    return [case.find(code, params, recheck_on=recheck_on)]


def _cease_use(
    product: Product, quantity: int, declared: CeaseUse | None, on: date
) -> tuple[str, dict[str, str | int], date | None]:
    if declared is None:
        return "c07.not_declared", {}, None
    params: dict[str, str | int] = {
        "quantity": quantity,
        "declared": declared.quantity,
        "ended_on": declared.ended_on.isoformat(),
        "recheck_on": declared.ended_on.isoformat(),
    }
    if declared.quantity < quantity:
        return "c07.quantity_short", params, None
    is_rds = load_catalogue().family_of(product).reach is Reach.RDS
    if is_rds and not declared.licence_server_removed:
        return "c07.licence_server_missing", params, None
    if declared.ended_on > on:
        return "c07.ends_later", params, declared.ended_on
    return "c07.pass", params, None


def _misfit(case: Case, unit: Unit, params: dict[str, str | int]) -> Finding:
    nearest = unit.round_down(case.position.offered)
    if unit.rule.size is UnitSize.WHOLE:
        return case.find("c10.whole_only", params, facts=[unit.rule])
    if nearest == 0:
        return case.find("c10.below_unit", params, facts=[unit.rule])
    return case.find("c10.adjust", {**params, "nearest": nearest}, facts=[unit.rule])


def _split(case: Case, unit: Unit) -> list[Finding]:
    position = case.position
    if not unit.rule.split_label or not _is_part(position):
        return []
    clause = case.programme is not None and case.programme.whole_transfer_clause
    params = {"acquired": position.acquired, "retained": position.acquired - position.offered}
    found = [case.find("c10.split_clause" if clause else "c10.split", params, facts=[unit.rule])]
    if load_catalogue().family_of(position.product).reach is Reach.RDS:
        found.append(case.find("c10.licence_server_rest"))
    return found


def _is_part(position: SourcePosition) -> bool:
    return 0 < position.offered < position.acquired
