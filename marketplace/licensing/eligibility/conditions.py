"""The condition engine: assess a source position and judge the findings (domain notes 1.2).

C01 to C22 are all asked, C22 once there is a buyer. Each rule gives at least one finding, none
twice, in rule order, so a certificate can print what was checked and with which result. Same input,
same day, same rule-set version: same findings.

A condition may be due later than listing. C07 is the case: nobody stops using licences before a
buyer is found, so its hold does not keep a lot from publication or from a match; it keeps the
transfer from posting, and the signed declaration cures it.
"""

from collections.abc import Callable, Iterable
from datetime import date

import msgspec

from marketplace.licensing.eligibility import (
    assurance,
    delivery,
    entitlement,
    ownership,
    provenance,
    quantities,
)
from marketplace.licensing.eligibility.findings import Case, Finding, Outcome
from marketplace.licensing.eligibility.positions import EvidenceSummary, SourcePosition
from marketplace.licensing.programmes import find_programme
from marketplace.licensing.rules import Due
from marketplace.licensing.zones import Zone

_RULES: tuple[Callable[[Case], list[Finding]], ...] = (
    provenance.first_placing,
    provenance.origin,
    provenance.fee,
    entitlement.unlimited_term,
    entitlement.vested,
    assurance.version,
    quantities.use_ended,
    ownership.earlier_owners,
    quantities.conserved,
    quantities.tradable_units,
    ownership.chain,
    delivery.licence_terms,
    provenance.segment,
    ownership.covenant,
    provenance.excluded,
    delivery.medium,
    ownership.seller,
    ownership.third_parties,
    provenance.bare_key,
    assurance.metric,
    assurance.without_assurance,
    provenance.buyer_zone,
)

_TRANSFER_RULES = (quantities.use_ended, quantities.tradable_units, provenance.buyer_zone)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the findings of one assessment allow.

    `outcome` is the worst of them. `may_submit`: nothing blocks, so a person may look at it.
    `may_publish`, `may_match` and `may_transfer`: nothing that is due by that step is open.
    `recheck_on` is the earliest day on which time alone may help.
    """

    outcome: Outcome
    may_submit: bool
    may_publish: bool
    may_match: bool
    may_transfer: bool
    is_restricted: bool
    confirmed: bool
    recheck_on: date | None


def assess(
    position: SourcePosition, evidence: EvidenceSummary, on: date, zone: Zone | None = None
) -> tuple[Finding, ...]:
    """Return what every condition finds on that day; C22 is asked once the buyer's `zone` is known."""
    case = Case(
        position=position,
        evidence=evidence,
        on=on,
        zone=zone,
        programme=find_programme(position.programme),
    )
    return tuple(finding for rule in _RULES for finding in rule(case))


def assess_transfer(
    position: SourcePosition,
    evidence: EvidenceSummary,
    on: date,
    *,
    quantity: int,
    zone: Zone,
) -> tuple[Finding, ...]:
    """Return what depends on one transfer of `quantity` licences: C07, C10 and C22.

    `evidence.cease_use` is the declaration signed for this transfer. A lot offered whole but sold to
    several buyers is split here, so C10 puts its label on each of their certificates.
    """
    case = Case(
        position=msgspec.structs.replace(position, offered=quantity),
        evidence=evidence,
        on=on,
        zone=zone,
        programme=find_programme(position.programme),
    )
    return tuple(finding for rule in _TRANSFER_RULES for finding in rule(case))


def judge(findings: Iterable[Finding]) -> Verdict:
    """Return the verdict: BLOCK > HOLD > RESTRICT > WARN > PASS, and which steps it leaves open."""
    found = tuple(findings)
    outcome = max(
        (row.outcome for row in found), key=lambda value: value.severity, default=Outcome.HOLD
    )
    open_steps = {row.due for row in found if _stops(row)}
    blocked = any(row.outcome is Outcome.BLOCK for row in found)
    # No findings at all means nothing was checked: that is a hold, never a pass.
    may_publish = bool(found) and not blocked and Due.PUBLICATION not in open_steps
    may_match = may_publish and Due.MATCH not in open_steps
    return Verdict(
        outcome=outcome,
        may_submit=bool(found) and not blocked,
        may_publish=may_publish,
        may_match=may_match,
        may_transfer=may_match and Due.TRANSFER not in open_steps,
        is_restricted=any(row.outcome is Outcome.RESTRICT for row in found),
        confirmed=all(row.confirmed for row in found),
        recheck_on=min((row.recheck_on for row in found if row.recheck_on), default=None),
    )


def _stops(finding: Finding) -> bool:
    if finding.outcome in {Outcome.BLOCK, Outcome.HOLD}:
        return True
    # Restricted at a match means a lawyer looks first (C02, Swiss buyers): no rule concludes it.
    return finding.outcome is Outcome.RESTRICT and finding.due is Due.MATCH
