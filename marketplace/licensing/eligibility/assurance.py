"""What the first order and Software Assurance (SA) gave: C06 the version, C20 the metric; C21 what of SA goes along.

A licence is the version it was bought as. Under SA it becomes each newer version on the day that version comes out
(L3, L4); a suite is frozen at the version that was current when SA ended (M8).
"""

from datetime import date
from functools import cache

import msgspec

from marketplace.licensing.catalogue import FamilyKind, Metric, PartNumber, load_catalogue
from marketplace.licensing.eligibility.findings import Case, Finding
from marketplace.licensing.eligibility.positions import SaStatus, SourcePosition


class _Span(msgspec.Struct, frozen=True):
    """The days on which SA was active, both included; `last` is None while it runs without a known end."""

    first: date
    last: date | None

    def holds(self, day: date) -> bool:
        return self.first <= day and (self.last is None or day <= self.last)


def version(case: Case) -> list[Finding]:
    """C06: the version sold is the one bought, or came out while SA was active; else name the newest proven one."""
    family = load_catalogue().family_of(case.position.product)
    if family.kind is FamilyKind.SUITE:
        return _suite_version(case)
    purchased = _purchased_version(case.position)
    if not purchased:
        return [case.find("c06.purchased_version_unknown")]
    found = _bought_version(case, purchased)
    found += _sold_version(case, purchased)
    return found or [case.find("c06.pass", {"version": case.position.product.version})]


def metric(case: Case) -> list[Finding]:
    """C20: sold under the metric that was bought, or under the one that an SA renewal shows (M9)."""
    position = case.position
    sold = position.product.metric
    purchased = _purchased_metric(position)
    if purchased is None:
        return [case.find("c20.purchased_metric_unknown")]
    params = {"metric": _word(sold), "purchased": _word(purchased)}
    if not case.is_shown("c20.metric_unproven"):
        return [case.find("c20.metric_unproven", params)]
    found = [] if purchased is sold else _metric_change(case, params)
    return found or [case.find("c20.pass", params)]


def without_assurance(case: Case) -> list[Finding]:
    """C21: a lot is sold without SA; one that is active today stays behind, and the listing says so (L20)."""
    position = case.position
    ended_on = position.sa_ended_on
    has_dates = ended_on is not None or position.sa_started_on is not None
    is_backwards = (
        ended_on is not None
        and position.sa_started_on is not None
        and ended_on < position.sa_started_on
    )
    if is_backwards or (has_dates and position.sa_status is SaStatus.NEVER):
        return [case.find("c21.sa_contradicts")]
    if ended_on is not None:
        return [case.find("c21.sold_without_sa" if ended_on >= case.on else "c21.pass")]
    codes = {
        SaStatus.NEVER: "c21.pass",
        SaStatus.ENDED: "c21.pass",
        SaStatus.ACTIVE: "c21.sold_without_sa",
        SaStatus.UNKNOWN: "c21.sa_unknown",
    }
    return [case.find(codes[position.sa_status])]


def _metric_change(case: Case, params: dict[str, str]) -> list[Finding]:
    """Check a change of the metric: only a renewal of SA allows one."""
    changed_on = case.position.metric_changed_at_sa_renewal_on
    if changed_on is None:
        return [case.find("c20.metric_changed", params)]
    dated = {**params, "changed_on": changed_on.isoformat()}
    if not _is_renewal(case.position, changed_on, case.on):
        return [case.find("c20.not_at_renewal", dated)]
    return (
        [] if case.is_shown("c20.renewal_unproven") else [case.find("c20.renewal_unproven", dated)]
    )


def _bought_version(case: Case, purchased: str) -> list[Finding]:
    """Check what is said about the version bought: was it out yet, and does a paper show it?"""
    found = []
    sold_on, released_on = case.position.first_sold_on, _released_on(_line(case), purchased)
    params = {"purchased": purchased}
    if sold_on is not None and released_on is not None and sold_on < released_on:
        dates = {"first_sold_on": sold_on.isoformat(), "released_on": released_on.isoformat()}
        found.append(case.find("c06.sold_before_release", {**params, **dates}))
    if not case.is_shown("c06.version_unproven"):
        found.append(case.find("c06.version_unproven", params))
    return found


def _sold_version(case: Case, purchased: str) -> list[Finding]:
    """Compare the version sold with the one bought, and with what SA made of it."""
    sold, line = case.position.product.version, _line(case)
    if sold == purchased:
        return []
    versions = load_catalogue().cal_versions[line]
    proven = _newest_under_assurance(case, purchased)
    params = {"version": sold, "purchased": purchased, "proven": proven or purchased}
    if purchased in versions and versions.index(sold) < versions.index(purchased):
        return [case.find("c06.older_than_purchased", params)]
    released_on = _released_on(line, sold)
    if released_on is None:
        return [case.find("c06.release_unknown", params)]
    params["released_on"] = released_on.isoformat()
    span = _assurance(case.position)
    if span is not None and span.holds(released_on) and released_on <= case.on:
        return [] if case.is_shown("c06.sa_unproven") else [case.find("c06.sa_unproven", params)]
    nothing = proven is None and purchased not in versions
    return [case.find("c06.nothing_proven" if nothing else "c06.newer_than_proven", params)]


def _newest_under_assurance(case: Case, purchased: str) -> str | None:
    """Return the newest version that SA gave, as far as papers show SA; None without one."""
    span = _assurance(case.position)
    if span is None or not case.is_shown("c06.sa_unproven"):
        return None
    line = _line(case)
    versions = load_catalogue().cal_versions[line]
    after = versions.index(purchased) + 1 if purchased in versions else 0
    given = [
        name
        for name in versions[after:]
        if (day := _released_on(line, name)) and span.holds(day) and day <= case.on
    ]
    return given[-1] if given else None


def _suite_version(case: Case) -> list[Finding]:
    ended_on = case.position.sa_ended_on
    if ended_on is None:
        return [case.find("c06.suite_sa_end_unknown")]
    sold, current = case.position.product.version, _current_on(_line(case), min(ended_on, case.on))
    params = {"version": sold, "proven": current, "sa_ended_on": ended_on.isoformat()}
    if sold != current:
        return [case.find("c06.suite_version", params)]
    if not case.is_shown("c06.suite_sa_end_unproven"):
        return [case.find("c06.suite_sa_end_unproven", params)]
    return [case.find("c06.pass", params)]


def _assurance(position: SourcePosition) -> _Span | None:
    """Return the span of SA where both ends are known; it may be open only while SA is said to be active."""
    started_on, ended_on = position.sa_started_on, position.sa_ended_on
    if started_on is None or position.sa_status is SaStatus.NEVER:
        return None
    if ended_on is None and position.sa_status is not SaStatus.ACTIVE:
        return None
    return _Span(started_on, ended_on)


def _is_renewal(position: SourcePosition, changed_on: date, today: date) -> bool:
    """Say whether SA was active on that day and had begun before it: its first day renews nothing."""
    span = _assurance(position)
    return span is not None and span.first < changed_on <= today and span.holds(changed_on)


def _purchased_version(position: SourcePosition) -> str:
    row = _stated_by_part_number(position)
    stated = position.purchased_version.strip() or (row.version if row and row.version else "")
    # An invoice may name the server: a 2012 CAL is the one for Windows Server 2012 R2 (R03).
    server = load_catalogue().find_server(position.product.family, stated)
    return server.cal_version if server is not None and server.cal_version else stated


def _purchased_metric(position: SourcePosition) -> Metric | None:
    row = _stated_by_part_number(position)
    offered = load_catalogue().family_of(position.product).metrics
    # A family with one metric leaves nothing to state: External Connectors are bought per server.
    only = offered[0] if len(offered) == 1 else None
    return position.purchased_metric or (row.metric if row else None) or only


def _stated_by_part_number(position: SourcePosition) -> PartNumber | None:
    row = load_catalogue().find_part_number(position.part_number)
    return row if row is not None and row.confirmed else None


def _line(case: Case) -> str:
    return load_catalogue().family_of(case.position.product).line


@cache
def _released_on(line: str, cal_version: str) -> date | None:
    """Return the first day of the oldest server version that a CAL version was made for, None if not known."""
    made_for = [
        row
        for row in load_catalogue().versions
        if (row.line, row.cal_version) == (line, cal_version)
    ]
    first = made_for[0].lifecycle if made_for else None
    return None if first is None else first.start_on


def _current_on(line: str, day: date) -> str:
    """Return the newest version that was out on that day, the oldest known one before all of them."""
    versions = load_catalogue().cal_versions[line]
    out = [name for name in versions if (first := _released_on(line, name)) and first <= day]
    return out[-1] if out else versions[0]


def _word(metric: Metric) -> str:
    return f"@word.metric.{metric.value}"
