"""Where the licences come from: C01 first placing, C02 and C22 zones, C03, C13, C15, C19."""

from datetime import date

from marketplace.licensing.catalogue import PartNumber, load_catalogue
from marketplace.licensing.eligibility.findings import Case, Finding
from marketplace.licensing.eligibility.positions import FirstSeller, SourcePosition
from marketplace.licensing.programmes import Fee, Programme, find_segment
from marketplace.licensing.zones import (
    Answer,
    Ruling,
    Zone,
    open_zones,
    origin_of,
    ruling_for,
)


def first_placing(case: Case) -> list[Finding]:
    """C01: first sold by the rightholder or with its consent: identifiers, papers, part number."""
    position, programme = case.position, case.programme
    found: list[Finding] = []
    if programme is None:
        found.append(case.find("c01.programme_unknown", {"programme": position.programme}))
    else:
        found += _identifiers(case, programme)
        if not programme.confirmed:
            params = {"programme": programme.name}
            found.append(case.find("c01.unconfirmed", params, facts=[programme]))
        if _is_after_sales_end(position, programme):
            found.append(
                case.find(
                    "c01.after_programme_end",
                    {"programme": programme.name, "first_sold_on": str(position.first_sold_on)},
                )
            )
    if position.first_seller is FirstSeller.OTHER:
        found.append(case.find("c01.source_not_authorised"))
    if position.first_seller is FirstSeller.UNKNOWN:
        found.append(case.find("c01.first_seller_unknown"))
    if not case.is_shown("c01.source_unproven"):
        found.append(case.find("c01.source_unproven"))
    found += _part_number(case)
    if found or programme is None:
        return found
    params = {"programme": programme.name, "identifier": position.agreement_number.strip() or "-"}
    return [case.find("c01.pass", params, facts=[programme])]


def origin(case: Case) -> list[Finding]:
    """C02: first sale inside a zone we serve; the UK counts for the EEA up to 2020-12-31."""
    position, sold_on = case.position, case.position.first_sold_on
    if not position.country.strip() or sold_on is None:
        return [case.find("c02.origin_unknown")]
    if sold_on > case.on:
        return [case.find("c02.first_sale_in_future", {"first_sold_on": sold_on.isoformat()})]
    found: list[Finding] = []
    zones = open_zones(position.country, sold_on)
    params = _sale(position, sold_on)
    rulings = [ruling_for(origin_of(position.country, sold_on), zone) for zone in Zone]
    if not zones:
        return [case.find("c02.origin_outside", params, confirmed=rulings[0].confirmed)]
    if not case.is_shown("c02.origin_unproven"):
        found.append(case.find("c02.origin_unproven"))
    if Zone.EEA not in zones:
        names = ", ".join(f"@word.zone.{zone.value}" for zone in zones)
        # What closes the EEA is a ruling of its own, and not every one is confirmed (Switzerland's is not).
        closed = [row for row in rulings if row.buyer is Zone.EEA]
        facts = [*_open(rulings), *closed]
        found.append(case.find("c02.limited_zones", {**params, "zones": names}, facts=facts))
    return found or [case.find("c02.pass", params, facts=_open(rulings))]


def fee(case: Case) -> list[Finding]:
    """C03: a fee for the value of the copy, not rent and not a gift."""
    programme = case.programme
    if case.position.free_of_charge:
        return [case.find("c03.free")]
    if programme is None or programme.fee is Fee.UNKNOWN:
        return [case.find("c03.fee_unknown")]
    params = {"programme": programme.name}
    if programme.fee is Fee.RENTAL:
        return [case.find("c03.rental", params, facts=[programme])]
    if programme.fee is Fee.FREE:
        return [case.find("c03.free", facts=[programme])]
    if not case.is_shown("c03.fee_unproven"):
        return [case.find("c03.fee_unproven")]
    return [case.find("c03.pass", params, facts=[programme])]


def segment(case: Case) -> list[Finding]:
    """C13: restricted segments are labelled and kept in their own order book (domain notes 1.5)."""
    row = find_segment(case.position.segment)
    if row is None:
        return [case.find("c13.unknown_segment")]
    params = {"segment": f"@word.segment.{row.id}"}
    found: list[Finding] = []
    if not case.is_shown("c13.segment_unproven"):
        found.append(case.find("c13.segment_unproven", params))
    if row.restricted:
        found.append(case.find("c13.restricted", params, facts=[row]))
    return found or [case.find("c13.pass", facts=[row])]


def excluded(case: Case) -> list[Finding]:
    """C15: not for resale, evaluation, developer subscription, SPLA, partner benefit."""
    programme = case.programme
    if programme is None:
        return [case.find("c15.programme_unknown")]
    params = {"programme": programme.name}
    if programme.excluded:
        return [case.find("c15.excluded", params, facts=[programme])]
    return [case.find("c15.pass", params)]


def bare_key(case: Case) -> list[Finding]:
    """C19: a product key alone is never a lot (L15, L16)."""
    is_key = case.position.key_only or (case.programme is not None and case.programme.key_only)
    return [case.find("c19.key_only" if is_key else "c19.pass")]


def buyer_zone(case: Case) -> list[Finding]:
    """C22: may the lot go to this buyer's zone? Not asked while there is no buyer."""
    if case.zone is None:
        return []
    position, sold_on = case.position, case.position.first_sold_on
    if not position.country.strip() or sold_on is None:
        return [case.find("c22.origin_unknown")]
    ruling = ruling_for(origin_of(position.country, sold_on), case.zone)
    codes = {
        Answer.YES: "c22.pass",
        Answer.NO: "c22.zone_refused",
        Answer.REVIEW: "c22.zone_review",
    }
    params = {**_sale(position, sold_on), "zone": f"@word.zone.{case.zone.value}"}
    return [case.find(codes[ruling.answer], params, facts=[ruling])]


def _identifiers(case: Case, programme: Programme) -> list[Finding]:
    if programme.main_identifier and not case.position.agreement_number.strip():
        kind = f"@word.identifier.{programme.main_identifier}"
        return [case.find("c01.identifier_missing", {"identifier_kind": kind})]
    given = case.position.identifiers
    missing = [name for name in programme.further_identifiers if not given.get(name, "").strip()]
    if not missing:
        return []
    names = ", ".join(f"@word.identifier.{name}" for name in missing)
    return [case.find("c01.further_identifier_missing", {"identifier_kinds": names})]


def _is_after_sales_end(position: SourcePosition, programme: Programme) -> bool:
    end, sold_on = programme.sales_ended_on, position.first_sold_on
    if end is None or sold_on is None:
        return False
    return position.segment == "commercial" and sold_on > end


def _part_number(case: Case) -> list[Finding]:
    number = case.position.part_number.strip()
    if not number:
        return [case.find("c01.part_number_missing")]
    params = {"part_number": number}
    row = load_catalogue().find_part_number(number)
    if row is None:
        return [case.find("c01.part_number_unknown", params)]
    if not row.confirmed:
        return [case.find("c01.part_number_unconfirmed", params, facts=[row])]
    aspects = _contradictions(case.position, row)
    if aspects:
        params["aspects"] = ", ".join(f"@word.aspect.{name}" for name in aspects)
        return [case.find("c01.part_number_contradicts", params, facts=[row])]
    return []


def _contradictions(position: SourcePosition, row: PartNumber) -> list[str]:
    pairs = {
        "family": (row.family, position.product.family),
        "version": (row.version, position.purchased_version.strip() or position.product.version),
        "metric": (row.metric, position.purchased_metric or position.product.metric),
        "segment": (row.segment, position.segment),
        "pack_size": (row.pack_size, position.pack_size or row.pack_size),
    }
    aspects = [name for name, (known, stated) in pairs.items() if known not in {None, stated}]
    return aspects if position.programme in row.programmes else [*aspects, "programme"]


def _sale(position: SourcePosition, sold_on: date) -> dict[str, str | int]:
    return {"country": position.country.strip().upper(), "first_sold_on": sold_on.isoformat()}


def _open(rulings: list[Ruling]) -> list[Ruling]:
    return [row for row in rulings if row.answer is Answer.YES and row.confirmed]
