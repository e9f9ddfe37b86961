"""Whose licences they are: C11 the chain of title, C08 earlier owners, C17 the seller, C14 and C18 what binds them."""

from collections.abc import Iterable
from datetime import date
from typing import Final

from marketplace.licensing.catalogue import Reach, load_catalogue
from marketplace.licensing.days import day_after
from marketplace.licensing.eligibility.findings import Case, Finding, load_rules
from marketplace.licensing.eligibility.positions import (
    SELLER,
    ChainLink,
    Declared,
    FromSaSubscription,
    PaperState,
    SellerRole,
    SourcePosition,
)
from marketplace.licensing.rules import RuleDate

_OWNERS_BY_PURCHASE: Final = frozenset({SellerRole.PURCHASER, SellerRole.UNKNOWN})
_ACTS_FOR_THE_HOLDER: Final = frozenset(
    {
        SellerRole.SUCCESSOR,
        SellerRole.AFFILIATE,
        SellerRole.INSOLVENCY_ADMINISTRATOR,
        SellerRole.ATTORNEY,
    }
)


def earlier_owners(case: Case) -> list[Finding]:
    """C08: each earlier owner declared the end of its use, for enough licences, by the day of transfer (L7, L26)."""
    position, links = case.position, _told(case.position.chain)
    if not links:
        bought = position.seller_role in _OWNERS_BY_PURCHASE
        return [case.find("c08.owners_unknown" if bought else "c08.pass", {"owners": 0})]
    shown = [link for link in links if link.cease_use is PaperState.SHOWN]
    is_rds = load_catalogue().family_of(position.product).reach is Reach.RDS
    open_links = {
        "c08.not_declared": [link for link in links if link.cease_use is PaperState.MISSING],
        "c08.unobtainable": [link for link in links if link.cease_use is PaperState.UNOBTAINABLE],
        "c08.quantity_short": [link for link in shown if link.ceased_quantity < position.acquired],
        "c08.date_missing": [link for link in shown if _lacks_a_day(link)],
        "c08.ended_late": [link for link in shown if _ended_late(link)],
        "c08.licence_server_missing": [
            link for link in shown if is_rds and not link.licence_server_removed
        ],
    }
    found = _found(case, open_links)
    if shown and not case.is_shown("c08.unproven"):
        found.append(case.find("c08.unproven"))
    return found or [case.find("c08.pass", {"owners": len(links)})]


def chain(case: Case) -> list[Finding]:
    """C11: the links lead from the first acquirer to the seller, each with its deed, in order, for enough licences."""
    position = case.position
    if not position.chain:
        codes = {
            SellerRole.UNKNOWN: "c11.role_unknown",
            SellerRole.PURCHASER: "c11.chain_missing",
        }
        return [case.find(codes.get(position.seller_role, "c11.pass"), {"transfers": 0})]
    way = chain_of_title(position)
    links = _told(position.chain)
    found = _joints(case, way)
    shown = [link for link in links if link.deed is PaperState.SHOWN]
    open_links = {
        "c11.date_missing": [link for link in links if link.transferred_on is None],
        "c11.dates_out_of_order": _out_of_order(way, position.first_sold_on, case.on),
        "c11.quantity_short": [link for link in links if link.quantity < position.acquired],
        "c11.deed_missing": [link for link in links if link.deed is PaperState.MISSING],
        "c11.deed_unobtainable": [link for link in links if link.deed is PaperState.UNOBTAINABLE],
    }
    found += _found(case, open_links)
    if shown and not case.is_shown("c11.deed_unproven"):
        found.append(case.find("c11.deed_unproven"))
    return found or [case.find("c11.pass", {"transfers": len(links)})]


def seller(case: Case) -> list[Finding]:
    """C17: the seller holds the agreement or bought the licences, or shows its authority.

    A proof of succession or authority gives a warning, not a pass: which paper is enough was read in no source.
    """
    position = case.position
    role = position.seller_role
    params = {"role": f"@word.role.{role.value}"}
    if role is SellerRole.UNKNOWN:
        return [case.find("c17.role_unknown")]
    if role is SellerRole.AGREEMENT_HOLDER and position.chain:
        return [case.find("c17.role_contradicts")]
    if role not in _ACTS_FOR_THE_HOLDER:
        return [case.find("c17.pass", params)]
    shown = case.is_shown("c17.authority_unproven")
    return [case.find("c17.unconfirmed" if shown else "c17.authority_unproven", params)]


def covenant(case: Case) -> list[Finding]:
    """C14: no contract obliges the seller to keep the licences; From-SA subscriptions of one window do (L23)."""
    position = case.position
    if position.retention_covenant is Declared.YES:
        return [case.find("c14.covenant_declared")]
    window = _covenant_window()
    days = {"since": str(window.since), "until": str(window.until)}
    found = _running(case, window, days)
    if any(_dates_missing(row, window) for row in position.from_sa_subscriptions):
        found.append(case.find("c14.dates_unknown", days))
    if position.retention_covenant is Declared.UNKNOWN:
        found.append(case.find("c14.not_declared"))
    return found or [case.find("c14.pass")]


def third_parties(case: Case) -> list[Finding]:
    """C18: no lease, no retention of title, no pledge (L5)."""
    codes = {
        Declared.YES: "c18.rights_exist",
        Declared.NO: "c18.pass",
        Declared.UNKNOWN: "c18.not_declared",
    }
    return [case.find(codes[case.position.third_party_rights])]


def _told(links: Iterable[ChainLink]) -> list[ChainLink]:
    """Return the links by day, so that the order they were given in never matters."""
    return sorted(links, key=_day_and_names)


def _day_and_names(link: ChainLink) -> tuple[date, bool, str, str, int]:
    day = link.transferred_on or date.max
    return day, link.transferee == SELLER, link.transferor, link.transferee, link.quantity


def chain_of_title(position: SourcePosition) -> list[ChainLink]:
    """Follow the owners from the first acquirer; who got licences back passes them on by the earliest link left."""
    left = _told(position.chain)
    way: list[ChainLink] = []
    owner = position.first_acquirer or (left[0].transferor if left else "")
    while (
        following := next((link for link in left if link.transferor == owner), None)
    ) is not None:
        left.remove(following)
        way.append(following)
        owner = following.transferee
    return way


def _joints(case: Case, way: list[ChainLink]) -> list[Finding]:
    position = case.position
    reached = way[-1].transferee if way else position.first_acquirer
    found = []
    if not position.first_acquirer:
        found.append(case.find("c11.first_acquirer_unknown"))
    if reached != SELLER or len(way) < len(position.chain):
        found.append(case.find("c11.gap", {"reached": reached, "transfers": len(position.chain)}))
    return found


def _out_of_order(way: list[ChainLink], first_sold_on: date | None, today: date) -> list[ChainLink]:
    wrong, since = [], first_sold_on or date.min
    for link in way:
        day = link.transferred_on
        if day is None:
            continue
        if day < since or day > today:
            wrong.append(link)
        since = max(since, day)
    return wrong


def _lacks_a_day(link: ChainLink) -> bool:
    return link.ceased_on is None or link.transferred_on is None


def _ended_late(link: ChainLink) -> bool:
    if link.ceased_on is None or link.transferred_on is None:
        return False
    return link.ceased_on > link.transferred_on


def _found(case: Case, open_links: dict[str, list[ChainLink]]) -> list[Finding]:
    """Make one finding per code; it names every link concerned."""
    return [
        case.find(
            code,
            {
                "links": ", ".join(f"{link.transferor} > {link.transferee}" for link in links),
                "acquired": case.position.acquired,
            },
        )
        for code, links in open_links.items()
        if links
    ]


def _covenant_window() -> RuleDate:
    return next(row for row in load_rules().rules["C14"].dates if row.id == "covenant")


def _is_bought_inside(row: FromSaSubscription, window: RuleDate) -> bool:
    if row.bought_on is None or window.since is None or window.until is None:
        return False
    return window.since <= row.bought_on <= window.until


def _dates_missing(row: FromSaSubscription, window: RuleDate) -> bool:
    return row.bought_on is None or (_is_bought_inside(row, window) and row.ends_on is None)


def _running(case: Case, window: RuleDate, days: dict[str, str]) -> list[Finding]:
    ends = [
        row.ends_on
        for row in case.position.from_sa_subscriptions
        if _is_bought_inside(row, window) and row.ends_on is not None and row.ends_on >= case.on
    ]
    if not ends:
        return []
    ends_on, recheck_on = max(ends), day_after(max(ends))
    params = {**days, "ends_on": ends_on.isoformat(), "recheck_on": recheck_on.isoformat()}
    return [case.find("c14.covenant_runs", params, recheck_on=recheck_on)]
