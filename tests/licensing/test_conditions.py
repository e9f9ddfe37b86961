"""The conditions, one line per finding: what is changed on a sound position, and what is found then."""

from datetime import date, timedelta
from typing import Any

import pytest

from marketplace.licensing.catalogue import Metric
from marketplace.licensing.eligibility.conditions import assess
from marketplace.licensing.eligibility.findings import Finding, Outcome, load_rules
from marketplace.licensing.eligibility.positions import (
    Declared,
    EvidenceKind,
    EvidenceSummary,
    FirstSeller,
    FromSaSubscription,
    Medium,
    OrderedUnit,
    PaperState,
    SaStatus,
    SellerRole,
    SourcePosition,
    Term,
)
from marketplace.licensing.texts import catalogues, cure_text, finding_text
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

PAYMENT = EvidenceKind.PAYMENT_PROOF
ENROLMENT, BUYOUT, SA = EvidenceKind.ENROLMENT, EvidenceKind.BUYOUT_ORDER, EvidenceKind.SA_PROOF
UNPROVEN = EvidenceSummary()
SOUND = evidence(ENROLMENT)


DAY = timedelta(days=1)
RELEASED_2019 = date(2018, 11, 13)
AUTHORITY, PHOTO = EvidenceKind.AUTHORITY_PROOF, EvidenceKind.AUTHENTICITY_PHOTO
CHAINED = evidence(EvidenceKind.TRANSFER_DEED, EvidenceKind.CEASE_USE_DECLARATION)
ACTING = (
    SellerRole.SUCCESSOR,
    SellerRole.AFFILIATE,
    SellerRole.INSOLVENCY_ADMINISTRATOR,
    SellerRole.ATTORNEY,
)


def covenant(bought_on: date | None, ends_on: date | None = date(2027, 1, 1)) -> SourcePosition:
    row = FromSaSubscription(bought_on=bought_on, ends_on=ends_on)
    return position(from_sa_subscriptions=(row,))


def switched(changed_on: date | None = date(2018, 7, 1), **changes: Any) -> SourcePosition:
    fields: dict[str, Any] = {
        "purchased_metric": Metric.USER,
        "metric_changed_at_sa_renewal_on": changed_on,
    }
    return upgraded(**(fields | changes))


def signed(quantity: int = 100, **changes: Any) -> EvidenceSummary:
    return EvidenceSummary(SOUND.kinds, declaration(quantity, **changes))


def csp(**changes: Any) -> SourcePosition:
    fields: dict[str, Any] = {
        "programme": "csp_perpetual",
        "part_number": "DG7GMGF0D5VX",
        "key": "ws_cal-2022-device",
        "first_sold_on": date(2022, 3, 1),
        "identifiers": {"tenant": "contoso.example", "product_sku_id": "DG7GMGF0D5VX:0006"},
        "term": Term.PERPETUAL,
    }
    return position(**(fields | changes))


def suite(**changes: Any) -> SourcePosition:
    fields: dict[str, Any] = {"key": "core_cal-2019-user", "sa_ended_on": date(2021, 6, 30)}
    return enterprise(**(fields | changes))


def buyout(**changes: Any) -> SourcePosition:
    fields: dict[str, Any] = {
        "programme": "ea_subscription",
        "identifiers": {"buyout_order": "BO-17"},
    }
    return enterprise(**(fields | changes))


# (expected code, position, evidence); the rest of the rule set is not looked at here.
FOUND: list[tuple[str, SourcePosition, EvidenceSummary]] = [
    ("c01.pass", position(), SOUND),
    ("c01.unconfirmed", enterprise(programme="mpsa"), SOUND),
    ("c01.programme_unknown", position(programme="barter"), SOUND),
    ("c01.identifier_missing", position(agreement_number=" "), SOUND),
    ("c01.further_identifier_missing", position(identifiers={"licence_number": " "}), SOUND),
    ("c01.source_not_authorised", position(first_seller=FirstSeller.OTHER), SOUND),
    ("c01.first_seller_unknown", position(first_seller=FirstSeller.UNKNOWN), SOUND),
    ("c01.source_unproven", position(), UNPROVEN),
    ("c01.part_number_missing", position(part_number=""), SOUND),
    ("c01.part_number_unknown", position(part_number="R18-99999"), SOUND),
    ("c01.part_number_unconfirmed", position(part_number="R18-05768"), SOUND),
    ("c01.part_number_contradicts", position(key="ws_cal-2019-user"), SOUND),
    ("c01.part_number_contradicts", position(key="ws_cal-2016-device"), SOUND),
    ("c01.part_number_contradicts", position(key="rds_cal-2019-device"), SOUND),
    ("c01.part_number_contradicts", position(segment="academic"), SOUND),
    ("c01.part_number_contradicts", position(programme="select_plus"), SOUND),
    ("c01.part_number_contradicts", position(key="ws_cal-2019-user", programme="oem",
                                             part_number="R18-05869", pack_size=1), SOUND),
    ("c01.after_programme_end", position(first_sold_on=date(2022, 1, 1)), SOUND),
    ("c02.pass", position(), SOUND),
    ("c02.pass", position(country="GB", first_sold_on=date(2020, 12, 31)), SOUND),
    ("c02.origin_unknown", position(country=""), SOUND),
    ("c02.origin_unknown", position(first_sold_on=None), SOUND),
    ("c02.first_sale_in_future", position(first_sold_on=TODAY + timedelta(days=1)), SOUND),
    ("c02.origin_unproven", position(), UNPROVEN),
    ("c02.origin_outside", position(country="US"), SOUND),
    ("c02.limited_zones", position(country="GB", first_sold_on=date(2021, 1, 1)), SOUND),
    ("c02.limited_zones", position(country="CH"), SOUND),
    ("c03.pass", position(), SOUND),
    ("c03.unconfirmed", enterprise(programme="mpsa"), SOUND),
    ("c03.rental", position(programme="spla"), SOUND),
    ("c03.free", position(programme="nfr"), SOUND),
    ("c03.free", position(free_of_charge=True), SOUND),
    ("c03.fee_unknown", position(programme="barter"), SOUND),
    ("c03.fee_unknown", position(programme="retail_key"), SOUND),
    ("c03.fee_unproven", position(), UNPROVEN),
    ("c04.pass", position(), SOUND),
    ("c04.pass", csp(), SOUND),
    ("c04.pass", suite(), evidence(SA, ENROLMENT)),
    ("c04.pass", buyout(), evidence(BUYOUT)),
    ("c04.unconfirmed", buyout(programme="open_value_subscription"), evidence(BUYOUT)),
    ("c04.programme_unknown", position(programme="barter"), SOUND),
    ("c04.not_perpetual", csp(programme="csp_subscription", term=Term.SUBSCRIPTION_1Y), SOUND),
    ("c04.perpetuity_unknown", position(programme="retail_key"), SOUND),
    ("c04.limited_term", csp(term=Term.SUBSCRIPTION_3Y), SOUND),
    ("c04.term_unknown", csp(term=Term.UNKNOWN), SOUND),
    ("c04.term_not_purchased", csp(part_number="DG7GMGF0DVSV:000P", key="rds_cal-2022-user"), SOUND),
    ("c04.term_not_purchased", csp(key="rds_cal-2022-user", part_number="",
                                   identifiers={"product_sku_id": "DG7GMGF0DVSV:000P"}), SOUND),
    ("c04.buyout_missing", buyout(identifiers={}), evidence(BUYOUT)),
    ("c04.buyout_unproven", buyout(), SOUND),
    ("c04.suite_sa_end_unknown", suite(sa_ended_on=None), evidence(SA)),
    ("c04.suite_sa_end_unproven", suite(), SOUND),
    ("c04.suite_sa_running", suite(sa_ended_on=TODAY), evidence(SA)),
    ("c05.pass", position(), SOUND),
    ("c05.pass", enterprise(), SOUND),
    ("c05.pass", enterprise(programme="select_plus"), SOUND),
    ("c05.pass", enterprise(term_end_on=TODAY - timedelta(days=1)), SOUND),
    ("c05.unconfirmed", enterprise(programme="open_value"), SOUND),
    ("c05.programme_unknown", position(programme="barter"), SOUND),
    ("c05.never_vests", position(programme="spla"), SOUND),
    ("c05.rule_unknown", position(programme="retail_key"), SOUND),
    ("c05.not_bought_out", buyout(identifiers={}), evidence(BUYOUT)),
    ("c05.not_paid", position(paid_in_full=False), SOUND),
    ("c05.not_paid", enterprise(paid_in_full=False), SOUND),
    ("c05.purchase_unproven", position(), UNPROVEN),
    ("c05.payment_unproven", enterprise(), evidence(ENROLMENT, without=PAYMENT)),
    ("c05.term_end_unknown", enterprise(term_end_on=None), SOUND),
    ("c05.term_end_unproven", enterprise(), evidence()),
    ("c05.pass", enterprise(first_sold_on=date(2022, 6, 30)), SOUND),
    ("c05.bought_after_term", enterprise(first_sold_on=date(2022, 7, 1)), SOUND),
    ("c05.not_vested", enterprise(term_end_on=TODAY), SOUND),
    ("c06.pass", position(), SOUND),
    ("c06.pass", position(purchased_version=""), SOUND),
    ("c06.pass", position(key="ws_cal-2012-device", part_number="", purchased_version="2012 R2",
                          first_sold_on=date(2014, 1, 1)), SOUND),
    ("c06.pass", upgraded(), evidence(SA)),
    ("c06.pass", upgraded(sa_status=SaStatus.ACTIVE, sa_ended_on=None), evidence(SA)),
    ("c06.pass", upgraded(sa_started_on=RELEASED_2019, sa_ended_on=RELEASED_2019), evidence(SA)),
    ("c06.pass", suite(), evidence(SA, ENROLMENT)),
    ("c06.purchased_version_unknown", enterprise(purchased_version=" "), SOUND),
    ("c06.version_unproven", position(), UNPROVEN),
    ("c06.sold_before_release", position(first_sold_on=RELEASED_2019 - DAY), SOUND),
    ("c06.newer_than_proven", upgraded(sa_started_on=RELEASED_2019 + DAY), evidence(SA)),
    ("c06.newer_than_proven", upgraded(sa_ended_on=RELEASED_2019 - DAY), evidence(SA)),
    ("c06.newer_than_proven", upgraded(sa_ended_on=None), evidence(SA)),
    ("c06.newer_than_proven", upgraded(sa_started_on=None), evidence(SA)),
    ("c06.newer_than_proven", upgraded(sa_status=SaStatus.NEVER), evidence(SA)),
    ("c06.sa_unproven", upgraded(), SOUND),
    ("c06.release_unknown", upgraded(key="ws_cal-2008-device", purchased_version="2003"), SOUND),
    ("c06.older_than_purchased", upgraded(purchased_version="2022"), SOUND),
    ("c06.nothing_proven", upgraded(purchased_version="2003", sa_ended_on=None), SOUND),
    ("c06.suite_sa_end_unknown", suite(sa_ended_on=None), evidence(SA)),
    ("c06.suite_sa_end_unproven", suite(), SOUND),
    ("c06.suite_version", suite(sa_ended_on=date(2018, 11, 12)), evidence(SA)),
    ("c07.pass", position(), signed()),
    ("c07.pass", position(), signed(ended_on=TODAY)),
    ("c07.pass", position(key="rds_cal-2019-device"), signed(licence_server_removed=True)),
    ("c07.not_declared", position(), SOUND),
    ("c07.quantity_short", position(), signed(99)),
    ("c07.ends_later", position(), signed(ended_on=TODAY + timedelta(days=1))),
    ("c07.licence_server_missing", position(key="rds_cal-2019-device"), signed()),
    ("c08.pass", position(), SOUND),
    ("c08.pass", position(seller_role=SellerRole.SUCCESSOR), SOUND),
    ("c08.pass", purchased(), CHAINED),
    ("c08.pass", purchased(link(ceased_on=date(2024, 3, 15))), CHAINED),
    ("c08.owners_unknown", position(seller_role=SellerRole.UNKNOWN), SOUND),
    ("c08.owners_unknown", purchased(chain=()), CHAINED),
    ("c08.not_declared", purchased(link(cease_use=PaperState.MISSING)), CHAINED),
    ("c08.unproven", purchased(), SOUND),
    ("c08.unobtainable", purchased(link(cease_use=PaperState.UNOBTAINABLE)), CHAINED),
    ("c08.quantity_short", purchased(link(ceased_quantity=99)), CHAINED),
    ("c08.date_missing", purchased(link(ceased_on=None)), CHAINED),
    ("c08.date_missing", purchased(link(transferred_on=None)), CHAINED),
    ("c08.ended_late", purchased(link(ceased_on=date(2024, 3, 16))), CHAINED),
    ("c08.licence_server_missing", purchased(link(licence_server_removed=False),
                                             key="rds_cal-2019-device"), CHAINED),
    ("c09.pass", position(), SOUND),
    ("c09.pass", position(offered=20, retained=30, sold_earlier=40, offered_elsewhere=10), SOUND),
    ("c09.impossible", position(offered=0), SOUND),
    ("c09.impossible", position(retained=-1), SOUND),
    ("c09.impossible", position(acquired=-1), SOUND),
    ("c09.overdraw", position(offered=101), SOUND),
    ("c09.overdraw", position(retained=1), SOUND),
    ("c09.overdraw", position(offered=60, retained=40, offered_elsewhere=1), SOUND),
    ("c09.unexplained", position(offered=99), SOUND),
    ("c10.pass", position(), SOUND),
    ("c10.pass", position(programme="oem", pack_size=5, offered=15, retained=85), SOUND),
    ("c10.pass", position(ordered_unit=OrderedUnit.WHOLE), SOUND),
    ("c10.pack_size_unknown", position(programme="fpp"), SOUND),
    ("c10.adjust", position(programme="oem", pack_size=5, offered=12), SOUND),
    ("c10.below_unit", position(programme="oem", pack_size=5, offered=4), SOUND),
    ("c10.inseparable", position(ordered_unit=OrderedUnit.SERVER_BUNDLE), SOUND),
    ("c10.suite_stripped", position(ordered_unit=OrderedUnit.CAL_SUITE), SOUND),
    ("c10.whole_only", position(ordered_unit=OrderedUnit.WHOLE, offered=99), SOUND),
    ("c10.split", enterprise(offered=60, retained=40), SOUND),
    ("c10.split", position(programme="barter", offered=60), SOUND),
    ("c10.split_clause", position(offered=60, retained=40), SOUND),
    ("c10.licence_server_rest", position(key="rds_cal-2019-device", offered=60), SOUND),
    ("c11.pass", position(), SOUND),
    ("c11.pass", purchased(), CHAINED),
    ("c11.pass", purchased(link("first", "b", quantity=500), link("b")), CHAINED),
    ("c11.pass", purchased(link("first", "b"), link("b", "first", transferred_on=date(2024, 4, 1)),
                           link("first", transferred_on=date(2024, 5, 1))), CHAINED),
    ("c11.role_unknown", position(seller_role=SellerRole.UNKNOWN), SOUND),
    ("c11.chain_missing", purchased(chain=()), CHAINED),
    ("c11.first_acquirer_unknown", purchased(first_acquirer=""), CHAINED),
    ("c11.gap", purchased(first_acquirer="another"), CHAINED),
    ("c11.gap", purchased(link("first", "b")), CHAINED),
    ("c11.gap", purchased(link("first", "b"), link("c")), CHAINED),
    ("c11.gap", purchased(link(), link("c", "d")), CHAINED),
    ("c11.gap", purchased(link(), link()), CHAINED),
    ("c11.date_missing", purchased(link(transferred_on=None)), CHAINED),
    ("c11.dates_out_of_order", purchased(link(transferred_on=date(2019, 5, 19))), CHAINED),
    ("c11.dates_out_of_order", purchased(link(transferred_on=TODAY + DAY)), CHAINED),
    ("c11.dates_out_of_order", purchased(link("first", "b"),
                                         link("b", transferred_on=date(2024, 3, 14))), CHAINED),
    ("c11.quantity_short", purchased(link(quantity=99)), CHAINED),
    ("c11.deed_missing", purchased(link(deed=PaperState.MISSING)), CHAINED),
    ("c11.deed_unproven", purchased(), SOUND),
    ("c11.deed_unobtainable", purchased(link(deed=PaperState.UNOBTAINABLE)), CHAINED),
    ("c12.pass", position(), SOUND),
    ("c12.pass", position(terms_edition="2026-11"), SOUND),
    ("c12.pass", boxed(), SOUND),
    ("c12.pass", position(programme="oem", terms_edition="oem"), SOUND),
    ("c12.programme_unknown", position(programme="barter"), SOUND),
    ("c12.edition_unknown", position(terms_edition=""), SOUND),
    ("c12.edition_unknown", position(terms_edition="2019-13"), SOUND),
    ("c12.edition_does_not_fit", position(terms_edition="retail"), SOUND),
    ("c12.edition_does_not_fit", boxed(terms_edition="2019-05"), SOUND),
    ("c12.edition_does_not_fit", position(terms_edition="2026-12"), SOUND),
    ("c13.pass", position(), SOUND),
    ("c13.unknown_segment", position(segment="friends"), SOUND),
    ("c13.restricted", position(segment="academic"), SOUND),
    ("c13.restricted", position(segment="government"), SOUND),
    ("c13.segment_unproven", position(), UNPROVEN),
    ("c13.segment_unproven", position(segment="academic"), UNPROVEN),
    ("c14.pass", position(), SOUND),
    ("c14.pass", covenant(date(2020, 4, 30)), SOUND),
    ("c14.pass", covenant(date(2021, 6, 1), None), SOUND),
    ("c14.pass", covenant(date(2020, 5, 1), TODAY - DAY), SOUND),
    ("c14.not_declared", position(retention_covenant=Declared.UNKNOWN), SOUND),
    ("c14.dates_unknown", covenant(None), SOUND),
    ("c14.dates_unknown", covenant(date(2020, 5, 1), None), SOUND),
    ("c14.covenant_declared", position(retention_covenant=Declared.YES), SOUND),
    ("c14.covenant_runs", covenant(date(2020, 5, 1)), SOUND),
    ("c14.covenant_runs", covenant(date(2021, 5, 31), TODAY), SOUND),
    ("c15.pass", position(), SOUND),
    ("c15.programme_unknown", position(programme="barter"), SOUND),
    *(("c15.excluded", position(programme=name), SOUND)
      for name in ("nfr", "evaluation", "developer_subscription", "spla", "partner_benefit")),
    ("c16.pass", boxed(), evidence(PHOTO)),
    ("c16.not_needed", position(), SOUND),
    ("c16.programme_unknown", position(programme="barter"), SOUND),
    ("c16.medium_unknown", boxed(medium=Medium.UNKNOWN), evidence(PHOTO)),
    ("c16.photo_missing", boxed(programme="oem"), SOUND),
    ("c16.backup_copy", boxed(medium=Medium.BACKUP_COPY), evidence(PHOTO)),
    ("c16.original_lost", boxed(medium=Medium.LOST), evidence(PHOTO)),
    ("c17.pass", position(), SOUND),
    ("c17.pass", purchased(), CHAINED),
    *(("c17.unconfirmed", position(seller_role=role), evidence(AUTHORITY)) for role in ACTING),
    *(("c17.authority_unproven", position(seller_role=role), SOUND) for role in ACTING),
    ("c17.role_unknown", position(seller_role=SellerRole.UNKNOWN), SOUND),
    ("c17.role_contradicts", purchased(seller_role=SellerRole.AGREEMENT_HOLDER), CHAINED),
    ("c18.pass", position(), SOUND),
    ("c18.not_declared", position(third_party_rights=Declared.UNKNOWN), SOUND),
    ("c18.rights_exist", position(third_party_rights=Declared.YES), SOUND),
    ("c19.pass", position(), SOUND),
    ("c19.pass", position(programme="barter"), SOUND),
    ("c19.key_only", position(key_only=True), SOUND),
    ("c19.key_only", position(programme="retail_key"), SOUND),
    ("c20.pass", position(), SOUND),
    ("c20.pass", position(purchased_metric=None), SOUND),
    ("c20.pass", enterprise(key="ws_ec-2019-server", purchased_metric=None), SOUND),
    ("c20.pass", switched(), evidence(SA)),
    ("c20.pass", switched(date(2020, 6, 30)), evidence(SA)),
    ("c20.pass", switched(sa_status=SaStatus.ACTIVE, sa_ended_on=None), evidence(SA)),
    ("c20.purchased_metric_unknown", enterprise(purchased_metric=None), SOUND),
    ("c20.metric_unproven", position(), UNPROVEN),
    ("c20.metric_changed", switched(None), evidence(SA)),
    ("c20.not_at_renewal", switched(date(2017, 7, 1)), evidence(SA)),
    ("c20.not_at_renewal", switched(date(2020, 7, 1)), evidence(SA)),
    ("c20.not_at_renewal", switched(TODAY + DAY, sa_ended_on=date(2030, 1, 1)), evidence(SA)),
    ("c20.not_at_renewal", switched(sa_started_on=None), evidence(SA)),
    ("c20.renewal_unproven", switched(), SOUND),
    ("c21.pass", position(), SOUND),
    ("c21.pass", position(sa_status=SaStatus.ENDED), SOUND),
    ("c21.pass", upgraded(sa_ended_on=TODAY - DAY), SOUND),
    ("c21.sold_without_sa", upgraded(sa_ended_on=TODAY), SOUND),
    ("c21.sold_without_sa", position(sa_status=SaStatus.ACTIVE), SOUND),
    ("c21.sa_unknown", position(sa_status=SaStatus.UNKNOWN), SOUND),
    ("c21.sa_contradicts", upgraded(sa_status=SaStatus.NEVER), SOUND),
    ("c21.sa_contradicts", upgraded(sa_ended_on=date(2017, 6, 30)), SOUND),
]  # fmt: skip

ZONED: list[tuple[str, SourcePosition, Zone]] = [
    ("c22.pass", position(), Zone.EEA),
    ("c22.pass", position(), Zone.UK),
    ("c22.pass", position(country="CH"), Zone.CH),
    ("c22.pass", position(country="GB", first_sold_on=date(2020, 12, 31)), Zone.EEA),
    ("c22.zone_refused", position(country="GB", first_sold_on=date(2021, 1, 1)), Zone.EEA),
    ("c22.zone_refused", position(country="US"), Zone.UK),
    ("c22.zone_refused", position(), Zone.OTHER),
    ("c22.zone_review", position(), Zone.CH),
    ("c22.origin_unknown", position(country=""), Zone.EEA),
    ("c22.origin_unknown", position(first_sold_on=None), Zone.EEA),
]


def by_code(findings: tuple[Finding, ...]) -> dict[str, Finding]:
    return {row.code: row for row in findings}


class TestEachFinding:
    @pytest.mark.parametrize(("code", "case", "shown"), FOUND)
    def test_is_found_where_its_reason_is_given(
        self, code: str, case: SourcePosition, shown: EvidenceSummary
    ) -> None:
        found = by_code(assess(case, shown, TODAY))
        rule = code.split(".", maxsplit=1)[0]
        assert code in found, [row for row in found if row.startswith(rule)]
        row = load_rules().findings[code]
        assert (found[code].outcome, found[code].evidence_kinds) == (row.outcome, row.evidence)

    @pytest.mark.parametrize(("code", "case", "zone"), ZONED)
    def test_is_found_for_the_buyers_zone(
        self, code: str, case: SourcePosition, zone: Zone
    ) -> None:
        found = [row.code for row in assess(case, SOUND, TODAY, zone) if row.rule_id == "C22"]
        assert found == [code]

    def test_of_the_data_is_exercised_by_a_line_above(self) -> None:
        exercised = {line[0] for line in FOUND} | {line[0] for line in ZONED}
        assert exercised == set(load_rules().findings)

    @pytest.mark.parametrize("language", catalogues())
    def test_can_be_said_and_cured_in_every_language(self, language: str) -> None:
        lines = [(case, shown, None) for _, case, shown in FOUND]
        zoned = [(case, SOUND, zone) for _, case, zone in ZONED]
        for case, shown, zone in [*lines, *zoned]:
            for row in assess(case, shown, TODAY, zone):
                said = finding_text(row, language) + cure_text(row, language)
                assert not set(said) & {"{", "@"}
                assert bool(cure_text(row, language)) == bool(row.cure_key)
                assert bool(row.cure_key) or row.outcome is not Outcome.HOLD

    def test_cites_sources_its_day_and_the_rule_set(self) -> None:
        for row in assess(position(), SOUND, TODAY, Zone.EEA):
            assert row.sources
            assert row.checked_on == TODAY
            assert row.rule_set_version == load_rules().version


class TestOneAssessment:
    def test_of_a_sound_position_passes_all_but_the_declaration(self) -> None:
        found = assess(position(), SOUND, TODAY)
        assert [row.code for row in found if row.outcome is not Outcome.PASS] == [
            "c07.not_declared"
        ]

    def test_asks_the_zone_question_only_for_a_buyer(self) -> None:
        rules = {row.rule_id for row in assess(position(), SOUND, TODAY)}
        assert rules == set(CONDITIONS) - {"C22"}

    def test_answers_in_rule_order(self) -> None:
        rules = [row.rule_id for row in assess(position(programme="barter"), UNPROVEN, TODAY)]
        assert rules == sorted(rules)

    def test_names_everything_that_is_open_under_one_rule(self) -> None:
        found = by_code(assess(position(agreement_number="", part_number=""), UNPROVEN, TODAY))
        wanted = {"c01.identifier_missing", "c01.source_unproven", "c01.part_number_missing"}
        assert wanted <= set(found)

    def test_names_what_a_part_number_contradicts(self) -> None:
        case = position(key="rds_cal-2016-user", segment="charity", programme="mpsa")
        found = by_code(assess(case, SOUND, TODAY))["c01.part_number_contradicts"]
        assert found.params["aspects"] == (
            "@word.aspect.family, @word.aspect.version, @word.aspect.metric, @word.aspect.segment, "
            "@word.aspect.programme"
        )
        assert "another product, version, metric, price segment, programme than" in finding_text(
            found
        )

    def test_a_part_number_that_leaves_the_metric_open_contradicts_none(self) -> None:
        assert "c01.pass" in by_code(assess(csp(), SOUND, TODAY))

    def test_academic_open_licences_after_2021_are_no_contradiction(self) -> None:
        # The end of sales was read for commercial customers only (L32).
        case = position(part_number="R18-05746", segment="academic", first_sold_on=date(2022, 3, 1))
        assert "c01.after_programme_end" not in by_code(assess(case, SOUND, TODAY))

    def test_tells_when_to_look_again(self) -> None:
        found = by_code(assess(enterprise(term_end_on=date(2027, 6, 30)), SOUND, TODAY))
        assert found["c05.not_vested"].recheck_on == date(2027, 7, 1)
        assert "2027-07-01" in cure_text(found["c05.not_vested"])

    def test_an_unconfirmed_fact_never_passes(self) -> None:
        found = assess(enterprise(programme="mpsa"), SOUND, TODAY)
        flagged = {row.code: row.outcome for row in found if not row.confirmed}
        assert flagged["c04.unconfirmed"] is Outcome.WARN
        assert Outcome.PASS not in flagged.values()

    def test_a_subscription_number_from_memory_would_not_block(self) -> None:
        # R18-00095 rests on memory only: flagged under C01, and no word about its term.
        case = position(part_number="R18-00095", programme="select_plus")
        found = by_code(assess(case, SOUND, TODAY))
        assert "c01.part_number_unconfirmed" in found
        assert "c04.pass" in found
